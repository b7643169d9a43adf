/** Message delivery receipts, read and written; who may be told is decided elsewhere. Source: XEP-0184 1.4.0. */
import { child, xml } from './element.ts';
import type { Element } from './element.ts';

export const RECEIPTS = 'urn:xmpp:receipts';

/** A stanza id longer than this is not one of ours and not worth an answer. */
const maxId = 256;

const usable = (id: string | undefined): id is string => id !== undefined && id !== '' && id.length <= maxId;

/** The child of a message that asks for a receipt. §5.1 */
export function requestReceipt(): Element {
  return xml('request', { xmlns: RECEIPTS });
}

/** The child of a message that says "message `id` arrived". §5.1 */
export function receipt(id: string): Element {
  return xml('received', { xmlns: RECEIPTS, id });
}

/** The id to acknowledge when a message asks for a receipt; undefined when it must not be answered: no id, an error, a group chat, itself a receipt. §5.3, §5.6 */
export function wantsReceipt(message: Element): string | undefined {
  const { id, type } = message.attrs;
  if (type === 'error' || type === 'groupchat' || !usable(id)) return undefined;
  if (child(message, 'request', RECEIPTS) === undefined || child(message, 'received', RECEIPTS) !== undefined) return undefined;
  return id;
}

/** The id of the message that a receipt is about. */
export function readReceipt(message: Element): string | undefined {
  const id = message.attrs.type === 'error' ? undefined : child(message, 'received', RECEIPTS)?.attrs.id;
  return usable(id) ? id : undefined;
}
