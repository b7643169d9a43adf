/** Conversations: the text channels of an account with contacts, and what each proves. Channel.Interface.Securable and PeerAuthentication. */
import { interfaceTables } from '../bus/interfaces.ts';
import type { VariantMap } from '../bus/types.ts';
import type { Account } from './accounts.ts';
import { Failure, isAbsence } from './failure.ts';
import { clean } from './print.ts';
import { Remote } from '../bus/remote.ts';
import { CHANNEL, CONNECTION, CONTACTS, PEER_AUTHENTICATION, REQUESTS, SECURABLE, TEXT, textOf } from './interfaces.ts';
import type { Values } from '../bus/remote.ts';

/** The claims by the names of their properties: every boolean of the interface. */
export const claimNames: readonly string[] = Object.entries(interfaceTables[SECURABLE].properties).flatMap(([name, { signature }]) => (signature === 'b' ? [name] : []));

/** Securable.State (u), by number. */
const states = ['insecure', 'negotiating', 'secure', 'ended'] as const;
type State = (typeof states)[number];
/** The best first, for whoever means the conversation with a contact. */
const preference: readonly State[] = ['secure', 'negotiating', 'insecure', 'ended'];

/** PeerAuthentication.Trust (u), by number. */
export const trustLevels = ['unknown', 'seen', 'verified', 'changed'] as const;

/** As it is printed with --json; hushctl(1) documents every member. */
export interface Conversation {
  readonly contact: string;
  readonly channel: string;
  readonly path: string;
  readonly neverSecured: boolean;
  readonly state: State;
  readonly endReason: string;
  readonly mechanism: string;
  readonly availableMechanisms: readonly string[];
  readonly claims: Readonly<Record<string, boolean>>;
  readonly required: readonly string[];
  readonly deniability: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
  readonly trust: (typeof trustLevels)[number];
  readonly question: string;
  readonly localFingerprint: string;
  readonly remoteFingerprint: string;
}

/** Every conversation of an account, in the order in which they were opened. */
export async function conversationsOf({ connection }: Account): Promise<Conversation[]> {
  const channels = await textChannels(connection);
  const found = await Promise.all(channels.map(([path, properties]) => readConversation(channelAt(connection, path), properties)));
  return found.filter((conversation) => conversation !== undefined);
}

/** Those with one contact, the best first. `channel`: only the one of this name. Throws Failure while the account is not connected. */
export async function conversationsWith(account: Account, contact: string, channel?: string): Promise<Conversation[]> {
  const { connection } = account;
  if (account.status !== 'connected') {
    throw new Failure(`the account ${clean(account.jid)} is ${account.status}`, { next: ['Go online first: mc-tool request ACCOUNT available, or in your chat program.'] });
  }
  const { handle } = await readContact(connection, contact);
  const channels = (await textChannels(connection)).filter(([, properties]) => properties.get(`${CHANNEL}.TargetHandle`)?.value === handle);
  const found = await Promise.all(channels.map(([path, properties]) => readConversation(channelAt(connection, path), properties)));
  return found
    .filter((conversation) => conversation !== undefined)
    .filter((conversation) => channel === undefined || conversation.channel === channel)
    .sort((one, other) => preference.indexOf(one.state) - preference.indexOf(other.state));
}

/** The one spelling of a contact's JID, as far as it can be known: hush knows it while it is connected. */
export async function spelled({ connection, status }: Account, contact: string): Promise<string> {
  return status === 'connected' ? (await readContact(connection, contact)).id : contact;
}

async function readContact(connection: Remote, contact: string): Promise<{ handle: number; id: string }> {
  const [handle, attributes] = await connection.call(CONTACTS, 'GetContactByID', contact, []);
  return { handle, id: textOf(attributes, `${CONNECTION}/contact-id`) };
}

export function channelAt(connection: Remote, path: string): Remote {
  return new Remote(connection.bus, connection.busName, path);
}

/** A channel as it is now; undefined for one that is gone. */
export async function readConversation(channel: Remote, properties: VariantMap): Promise<Conversation | undefined> {
  try {
    const [securable, trust, question, localFingerprint, remoteFingerprint] = await Promise.all([
      channel.getAll(SECURABLE),
      channel.get(PEER_AUTHENTICATION, 'Trust'),
      channel.get(PEER_AUTHENTICATION, 'Question'),
      channel.get(PEER_AUTHENTICATION, 'LocalFingerprint'),
      channel.get(PEER_AUTHENTICATION, 'RemoteFingerprint'),
    ]);
    return {
      contact: textOf(properties, `${CHANNEL}.TargetID`),
      channel: channel.path.slice(channel.path.lastIndexOf('/') + 1),
      path: channel.path,
      neverSecured: properties.get(`${SECURABLE}.Encrypted`)?.value === false,
      ...promises(securable),
      trust: trustLevels[trust] ?? 'unknown',
      question,
      localFingerprint,
      remoteFingerprint,
    };
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** What is not there promises nothing. */
function promises(values: Partial<Values<typeof SECURABLE>>) {
  const booleans: Readonly<Record<string, unknown>> = values;
  return {
    state: states[values.State ?? 0] ?? 'ended',
    endReason: values.EndReason ?? '',
    mechanism: values.Mechanism ?? '',
    availableMechanisms: values.AvailableMechanisms ?? [],
    claims: Object.fromEntries(claimNames.map((claim) => [claim, booleans[claim] === true])),
    required: values.RequiredProperties ?? [],
    deniability: values.DeniabilityScope ?? 'none',
    details: Object.fromEntries([...(values.Details ?? [])].map(([name, { value }]) => [name, plain(value)])),
  };
}

/** Numbers of 64 bits here are times in seconds. */
function plain(value: unknown): string | number | boolean {
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'boolean' || typeof value === 'number' ? value : String(value);
}

async function textChannels(connection: Remote): Promise<[path: string, properties: VariantMap][]> {
  try {
    const channels = await connection.get(REQUESTS, 'Channels');
    return channels.filter(([, properties]) => properties.get(`${CHANNEL}.ChannelType`)?.value === TEXT);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}
