/** Copies of what our other devices send and receive. Source: XEP-0280 1.0.1; forwarding: XEP-0297 1.0 §3. */
import { child, elements, is, namespaceOf, ns, xml } from './element.ts';
import type { Element } from './element.ts';
import { bareOf, tryJid } from './jid.ts';
import type { BareJid, Jid } from './jid.ts';
import type { Session } from './session.ts';
import { readForwardedDelay } from './xep0203-delay.ts';
import type { Delay } from './xep0203-delay.ts';

export const CARBONS = 'urn:xmpp:carbons:2';
const FORWARD = 'urn:xmpp:forward:0';
const HINTS = 'urn:xmpp:hints';

export interface Carbon {
  /** 'sent': another device of ours sent it. 'received': it came to another device of ours. */
  readonly direction: 'sent' | 'received';
  /** The forwarded message, as the server says it was. */
  readonly message: Element;
  readonly from: Jid;
  readonly to: Jid;
  readonly delay: Delay | undefined;
}

const wrappers = (message: Element): Element[] =>
  elements(message).filter((element) => namespaceOf(element) === CARBONS && (element.name === 'sent' || element.name === 'received'));

/**
 * What a message is to us: undefined = no carbon at all; 'refused' = claims to be one and is not, to be dropped whole; else the copy.
 * Only our own account may wrap, and only what involves it: anyone else could put words into any mouth. §11
 */
export function unwrapCarbon(message: Element, account: BareJid, now = new Date()): Carbon | 'refused' | undefined {
  const [wrapper, ...more] = wrappers(message);
  if (wrapper === undefined) return undefined;
  if (message.attrs.from !== account || more.length > 0) return 'refused';
  const forwarded = child(wrapper, 'forwarded', FORWARD);
  if (forwarded === undefined || elements(wrapper).length !== 1) return 'refused';
  const messages = elements(forwarded).filter((element) => element.name === 'message');
  const [inner] = messages;
  if (inner === undefined || messages.length !== 1 || !is(inner, 'message', ns.client)) return 'refused';
  if (wrappers(inner).length > 0 || child(inner, 'forwarded', FORWARD) !== undefined) return 'refused';
  const from = tryJid(inner.attrs.from);
  const to = tryJid(inner.attrs.to);
  if (from === undefined || to === undefined) return 'refused';
  const direction = wrapper.name === 'sent' ? 'sent' : 'received';
  if (bareOf(direction === 'sent' ? from : to) !== account) return 'refused';
  return { direction, message: inner, from, to, delay: readForwardedDelay(forwarded, now) };
}

/** The children that keep a message of ours from being copied to our other devices. §9.1, XEP-0334 §4.3 */
export function noCopy(): Element[] {
  return [xml('private', { xmlns: CARBONS }), xml('no-copy', { xmlns: HINTS })];
}

/** Carbons of one account: nothing is unwrapped before the server has agreed to send them. */
export class Carbons {
  readonly #session: Session;
  #enabled = false;

  constructor(session: Session) {
    this.#session = session;
  }

  get isEnabled(): boolean {
    return this.#enabled;
  }

  /** Asks the server for copies. Rejects where it does not have them. §4 */
  async enable(): Promise<void> {
    await this.#session.iq.set(undefined, xml('enable', { xmlns: CARBONS }));
    this.#enabled = true;
  }

  /** As unwrapCarbon; 'refused' for every wrapper while carbons are off. */
  unwrap(message: Element): Carbon | 'refused' | undefined {
    const carbon = unwrapCarbon(message, this.#session.account);
    return this.#enabled || carbon === undefined ? carbon : 'refused';
  }
}
