/** Jabber identifiers in their one canonical form. Source: RFC 7622. */
import { demand, HushError } from '../errors.ts';
import { canonicalDomain } from './domain.ts';
import { opaqueString, usernameCaseMapped } from './precis.ts';

declare const bare: unique symbol;
declare const full: unique symbol;

/** `local@domain` or `domain`, canonical. */
export type BareJid = string & { readonly [bare]: true };
/** `local@domain/resource` or `domain/resource`, canonical. */
export type FullJid = string & { readonly [full]: true };
export type Jid = BareJid | FullJid;

/** Bytes of each of the three parts. RFC 7622 §3.1 */
const maxPart = 1023;

/** JIDs parsed before, as they were written → canonical. The same few contacts come with every stanza. */
const parsed = new Map<string, Jid>();
const maxParsed = 2048;
/** UTF-16 units of what is worth remembering. */
const maxRemembered = 256;

/** The canonical form of a JID. Throws HushError('invalid-jid'). */
export function parseJid(text: string): Jid {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  // No part has more characters than bytes.
  demand(text.length <= 3 * maxPart + 2, 'invalid-jid', 'the JID is too long');
  // A text cut from a read buffer keeps the whole buffer alive: what is remembered is a copy.
  const copy = text.length <= maxRemembered ? Buffer.from(text, 'utf16le').toString('utf16le') : text;
  const jid = canonical(copy);
  if (copy.length <= maxRemembered) {
    if (parsed.size >= maxParsed) parsed.clear();
    parsed.set(copy, jid);
  }
  return jid;
}

/** RFC 7622 §3.1: the resource is what follows the first '/', the local part what precedes the first '@' before it. */
function canonical(text: string): Jid {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const at = address.indexOf('@');
  const domain = part('domain', address.slice(at + 1), canonicalDomain);
  const local = at < 0 ? '' : part('local part', address.slice(0, at), localPart) + '@';
  const resource = slash < 0 ? '' : '/' + part('resource', text.slice(slash + 1), opaqueString);
  return (local + domain + resource) as Jid;
}

/** RFC 7622 §3.3.1: characters that a username may hold and a JID may not. */
function localPart(text: string): string {
  const local = usernameCaseMapped(text);
  demand(!/["&'/:<>@]/.test(local), 'invalid-argument', 'a character that is kept for other uses');
  return local;
}

function part(name: string, text: string, prepare: (text: string) => string): string {
  try {
    const prepared = prepare(text);
    demand(Buffer.byteLength(prepared) <= maxPart, 'invalid-argument', `more than ${maxPart} bytes`);
    return prepared;
  } catch (error) {
    if (error instanceof HushError) throw new HushError('invalid-jid', `not a JID: ${name}: ${error.message}`);
    throw error;
  }
}

/** As parseJid, and 'invalid-jid' for a JID with a resource. */
export function parseBareJid(text: string): BareJid {
  const jid = parseJid(text);
  if (isFull(jid)) throw new HushError('invalid-jid', 'a JID without resource is needed');
  return jid;
}

/** As parseJid, and 'invalid-jid' for a JID without resource. */
export function parseFullJid(text: string): FullJid {
  const jid = parseJid(text);
  if (!isFull(jid)) throw new HushError('invalid-jid', 'a JID with resource is needed');
  return jid;
}

/** The canonical form, or undefined where there is none. */
export function tryJid(text: string | undefined): Jid | undefined {
  if (text === undefined) return undefined;
  try {
    return parseJid(text);
  } catch (error) {
    if (error instanceof HushError) return undefined;
    throw error;
  }
}

/** Whether a JID has a resource. */
export function isFull(jid: Jid): jid is FullJid {
  return jid.includes('/');
}

/** The JID without its resource. */
export function bareOf(jid: Jid): BareJid {
  const slash = jid.indexOf('/');
  return (slash < 0 ? jid : jid.slice(0, slash)) as BareJid;
}

/** The part before the '@'; '' without one. */
export function localOf(jid: Jid): string {
  const address = bareOf(jid);
  return address.slice(0, Math.max(address.indexOf('@'), 0));
}

/** The domain, itself a bare JID. */
export function domainOf(jid: Jid): BareJid {
  const address = bareOf(jid);
  return address.slice(address.indexOf('@') + 1) as BareJid;
}

/** The part after the first '/'; '' without one. */
export function resourceOf(jid: Jid): string {
  const slash = jid.indexOf('/');
  return slash < 0 ? '' : jid.slice(slash + 1);
}

/** A bare JID with a resource. Throws HushError('invalid-jid') for a resource that cannot be one. */
export function fullJid(address: BareJid, resource: string): FullJid {
  return (address + '/' + part('resource', resource, opaqueString)) as FullJid;
}
