/** Requests that a peer makes inside a session, and their answers. XTLS profile §4; XEP-0030, XEP-0199. */
import { elements, is, xml } from '../../../xmpp/element.ts';
import type { Element } from '../../../xmpp/element.ts';
import { errorElement, stanzaError } from '../../../xmpp/stanza-error.ts';
import { DISCO_INFO } from '../../../xmpp/xep0030-disco.ts';
import { RECEIPTS } from '../../../xmpp/xep0184-receipts.ts';
import { PING } from '../../../xmpp/xep0199-ping.ts';

/** What may be used inside; it says nothing about what may be used outside. */
const features = [DISCO_INFO, PING, RECEIPTS];

/** The answer to an iq of type get or set. Requests from inside never reach the handlers of the stream outside. */
export function answerInside(iq: Element): Element {
  const { id, type } = iq.attrs;
  const [payload] = elements(iq);
  if (type === 'get' && payload !== undefined && is(payload, 'ping', PING)) return xml('iq', { type: 'result', id });
  if (type === 'get' && payload !== undefined && is(payload, 'query', DISCO_INFO) && payload.attrs.node === undefined) {
    const identity = xml('identity', { category: 'client', type: 'pc' });
    return xml('iq', { type: 'result', id }, xml('query', { xmlns: DISCO_INFO }, identity, ...features.map((feature) => xml('feature', { var: feature }))));
  }
  return xml('iq', { type: 'error', id }, errorElement(stanzaError('service-unavailable')));
}
