/** Text messages as XMPP writes them (RFC 6121 §5, XEP-0085, XEP-0184) and as Telepathy counts them. */
import { HushError } from '../../errors.ts';
import { ChatState, MessageType } from '../../telepathy/constants.ts';
import { childText, isXmlText, ns, xml } from '../../xmpp/element.ts';
import type { Element } from '../../xmpp/element.ts';
import { chatState, readChatState } from '../../xmpp/xep0085-chat-states.ts';
import type { ChatState as XmppChatState } from '../../xmpp/xep0085-chat-states.ts';
import { requestReceipt } from '../../xmpp/xep0184-receipts.ts';

/** Longest text taken from or handed to the network, in UTF-16 units. Servers cut stanzas near 256 KiB. */
export const maxTextLength = 60_000;

const action = '/me ';

export interface Text {
  readonly type: number;
  readonly content: string;
  /** '' without. */
  readonly subject: string;
}

/** The text of a message; undefined where it has none. A chat message is Normal, "/me …" is Action, everything else is a Notice. */
export function readText(message: Element): Text | undefined {
  const body = childText(message, 'body', ns.client);
  if (body === undefined || body === '') return undefined;
  const subject = (childText(message, 'subject', ns.client) ?? '').slice(0, 1024);
  const content = body.slice(0, maxTextLength);
  if (content.startsWith(action)) return { type: MessageType.action, content: content.slice(action.length), subject };
  return { type: message.attrs.type === 'chat' ? MessageType.normal : MessageType.notice, content, subject };
}

/** Refuses a text that no stanza can carry: HushError `invalid-argument`. */
export function checkText(content: string): void {
  if (content.length > maxTextLength) throw new HushError('invalid-argument', `a message has at most ${maxTextLength} characters`);
  if (!isXmlText(content)) throw new HushError('invalid-argument', 'the text holds a control character that XMPP cannot carry');
}

/** A message with a text. Notices go out as normal messages, so that they are shown and never answered by machine. */
export function textMessage(text: Omit<Text, 'subject'>, options: { id: string; wantsReceipt: boolean; state: XmppChatState | undefined }): Element {
  return xml(
    'message',
    { type: text.type === MessageType.notice ? undefined : 'chat', id: options.id },
    xml('body', {}, text.type === MessageType.action ? action + text.content : text.content),
    options.state && chatState(options.state),
    options.wantsReceipt ? requestReceipt() : undefined,
  );
}

const states: Readonly<Record<XmppChatState, ChatState>> = {
  active: ChatState.active,
  composing: ChatState.composing,
  paused: ChatState.paused,
  inactive: ChatState.inactive,
  gone: ChatState.gone,
};

/** The typing notice a message carries, as Channel_Chat_State. */
export function readState(message: Element): ChatState | undefined {
  const state = readChatState(message);
  return state && states[state];
}

/** The XMPP word for a Channel_Chat_State; undefined for an unknown number. */
export function stateWord(state: number): XmppChatState | undefined {
  return (Object.keys(states) as XmppChatState[]).find((word) => states[word] === state);
}

/** A typing notice of its own. */
export function stateMessage(state: XmppChatState): Element {
  return xml('message', { type: 'chat' }, chatState(state));
}
