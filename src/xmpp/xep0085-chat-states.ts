/** Typing notices. Source: XEP-0085 2.1 §2. */
import { elements, namespaceOf, xml } from './element.ts';
import type { Element } from './element.ts';

export const CHAT_STATES = 'http://jabber.org/protocol/chatstates';

const states = ['active', 'composing', 'paused', 'inactive', 'gone'] as const;
export type ChatState = (typeof states)[number];

/** The state a message carries; undefined for none, for errors and for more than one (§5.5 allows one). */
export function readChatState(message: Element): ChatState | undefined {
  if (message.attrs.type === 'error') return undefined;
  const found = elements(message).filter((element) => namespaceOf(element) === CHAT_STATES);
  return found.length === 1 ? states.find((state) => state === found[0]?.name) : undefined;
}

/** The child of a message that tells our state. */
export function chatState(state: ChatState): Element {
  return xml(state, { xmlns: CHAT_STATES });
}
