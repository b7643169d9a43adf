/** The resource: one iq, and what can travel with it. Source: RFC 6120 §7; RFC 3921 §3 for servers that still want a session. */
import { randomUUID } from 'node:crypto';
import { HushError } from '../errors.ts';
import { child, childText, is, ns, xml } from './element.ts';
import type { Element } from './element.ts';
import { bareOf, isFull, tryJid } from './jid.ts';
import type { BareJid, FullJid } from './jid.ts';
import { errorOf, StanzaErrorReply } from './stanza-error.ts';
import type { XmlStream } from './stream.ts';

const session = 'urn:ietf:params:xml:ns:xmpp-session';

export interface BindOptions {
  readonly account: BareJid;
  /** The wanted resource; undefined or '': the server chooses. */
  readonly resource: string | undefined;
  /** Sent right behind, without waiting: a server handles a stream in order. */
  readonly afterwards: Element | undefined;
}

/** Binds a resource. Rejects with 'already-connected' (the resource is in use), StanzaErrorReply, 'service-confused'. */
export async function bindResource(stream: Pick<XmlStream, 'send' | 'next'>, features: Element, options: BindOptions): Promise<FullJid> {
  if (child(features, 'bind', ns.bind) === undefined) throw new HushError('service-confused', 'the server offers no resource');
  const wanted = options.resource === undefined || options.resource === '' ? undefined : xml('resource', {}, options.resource);
  const bind = xml('iq', { type: 'set', id: randomUUID() }, xml('bind', { xmlns: ns.bind }, wanted));
  const legacy = needsSession(features) ? xml('iq', { type: 'set', id: randomUUID() }, xml('session', { xmlns: session })) : undefined;
  for (const element of [bind, legacy, options.afterwards]) if (element !== undefined) stream.send(element);

  const result = child(await answerTo(stream, bind), 'bind', ns.bind);
  const jid = tryJid(result && childText(result, 'jid', ns.bind));
  if (jid === undefined || !isFull(jid) || bareOf(jid) !== options.account) throw new HushError('service-confused', 'the server bound another address than ours');
  if (legacy !== undefined) await answerTo(stream, legacy);
  return jid;
}

function needsSession(features: Element): boolean {
  const offered = child(features, 'session', session);
  return offered !== undefined && child(offered, 'optional', session) === undefined;
}

/** Nothing else is due on a stream that is not bound yet. */
async function answerTo(stream: Pick<XmlStream, 'next'>, request: Element): Promise<Element> {
  const answer = await stream.next();
  if (!is(answer, 'iq', ns.client) || answer.attrs.id !== request.attrs.id) throw new HushError('service-confused', 'the server does not answer the request for a resource');
  if (answer.attrs.type === 'result') return answer;
  const refusal = new StanzaErrorReply(errorOf(answer));
  if (refusal.stanzaError.condition === 'conflict') throw new HushError('already-connected', 'the resource is in use', { details: refusal.details });
  throw refusal;
}
