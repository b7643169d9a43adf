/** Jabber identifiers in their one canonical form. Source: RFC 7622. */
import { HushError } from '../errors.ts';

declare const bare: unique symbol;
declare const full: unique symbol;

/** `local@domain` or `domain`, canonical. */
export type BareJid = string & { readonly [bare]: true };
/** `local@domain/resource` or `domain/resource`, canonical. */
export type FullJid = string & { readonly [full]: true };
export type Jid = BareJid | FullJid;

/** The canonical form of a JID. Throws HushError('invalid-jid'). */
export function parseJid(text: string): Jid {
  const slash = text.indexOf('/');
  const address = (slash < 0 ? text : text.slice(0, slash)).toLowerCase();
  if (!/^(?:[^@\s/]+@)?[^@\s/]+$/.test(address) || slash === text.length - 1) throw new HushError('invalid-jid', 'not a valid JID');
  return (slash < 0 ? address : address + text.slice(slash)) as Jid;
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
  const at = address.indexOf('@');
  return at < 0 ? '' : address.slice(0, at);
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
  return parseFullJid(`${address}/${resource}`);
}
