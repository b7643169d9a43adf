/** The text channels that can be asked for: any, and those that are secured from the start. Connection.Interface.Requests, Channel.Interface.Securable */
import { bool } from '../bus/types.ts';
import { claimNames } from '../security/properties.ts';
import { contactChannelClass } from '../telepathy/channel-request.ts';
import { TEXT } from '../telepathy/constants.ts';

export const SECURABLE = 'org.freedesktop.Telepathy.Channel.Interface.Securable';

const ENCRYPTED = `${SECURABLE}.Encrypted`;

/** What a request may say about security. */
const requestable: readonly string[] = [...claimNames, 'RequiredProperties'].map((name) => `${SECURABLE}.${name}`);

/** Everyone can be written to, now or when they are back. */
export const anyText = contactChannelClass(TEXT, requestable);

/** Only where the contact's client can. */
export const securedText = contactChannelClass(TEXT, requestable.filter((name) => name !== ENCRYPTED), [[ENCRYPTED, bool(true)]]);
