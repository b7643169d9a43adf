/** When a stanza was sent that did not come at once. Source: XEP-0203 2.0 §2, §4; what may be believed of it: XEP-0203 §7. */
import { children, text, xml } from './element.ts';
import type { Element } from './element.ts';
import { tryJid } from './jid.ts';
import type { Jid } from './jid.ts';
import { cleanLine } from './text.ts';
import { formatDateTime, parseDateTime } from './xep0082-datetime.ts';

const DELAY = 'urn:xmpp:delay';

export interface Delay {
  /** Between 1970 and now. */
  readonly stamp: Date;
  /** For people, from whoever delayed the stanza; '' without. */
  readonly reason: string;
}

function clamp(stamp: Date, now: Date): Date {
  return new Date(Math.min(Math.max(stamp.getTime(), 0), now.getTime()));
}

function read(element: Element, now: Date): Delay | undefined {
  const stamp = parseDateTime(element.attrs.stamp ?? '');
  return stamp && { stamp: clamp(stamp, now), reason: cleanLine(text(element), 256) };
}

/**
 * The delay that one of `trusted` (own server's domain, own bare JID) put on a stanza.
 * A sender can write stamps too; a server appends its own, so the last one in a trusted name is read. Stamps without `from` are nobody's.
 */
export function readDelay(stanza: Element, trusted: readonly Jid[], now = new Date()): Delay | undefined {
  const stamped = children(stanza, 'delay', DELAY).findLast((element) => {
    const by = tryJid(element.attrs.from);
    return by !== undefined && trusted.includes(by);
  });
  return stamped && read(stamped, now);
}

/** The delay beside a forwarded message, for a wrapper that came from our own account: who wrapped it also wrote the stamp. XEP-0297 §3.1 */
export function readForwardedDelay(forwarded: Element, now = new Date()): Delay | undefined {
  const [element] = children(forwarded, 'delay', DELAY);
  return element && read(element, now);
}

/** A `<delay/>` for a stanza of ours. */
export function delay(from: Jid, stamp: Date): Element {
  return xml('delay', { xmlns: DELAY, from, stamp: formatDateTime(stamp) });
}
