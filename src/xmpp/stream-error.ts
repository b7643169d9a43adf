/** Why a server ended the stream. Source: RFC 6120 §4.9. */
import type { Condition } from '../errors.ts';
import { HushError } from '../errors.ts';
import { child, childText, elements, namespaceOf, ns, text } from './element.ts';
import type { Element } from './element.ts';

/** The server wants us elsewhere. RFC 6120 §4.9.3.19 */
export class SeeOtherHost extends HushError {
  /** "host" or "host:port", as the server wrote it. */
  readonly place: string;

  constructor(place: string) {
    super('network-error', 'the server sends us to another one');
    this.place = place;
  }
}

/** Meaning of a condition before the resource is bound. */
const atLogin: ReadonlyMap<string, Condition> = new Map([
  ['conflict', 'already-connected'],
  // The address is wrong, and stays so however often one tries.
  ['host-unknown', 'authentication-failed'],
  ['host-gone', 'authentication-failed'],
  ['improper-addressing', 'authentication-failed'],
  ['not-authorized', 'authentication-failed'],
  ['policy-violation', 'service-confused'],
  ['resource-constraint', 'service-busy'],
  ['internal-server-error', 'network-error'],
  ['remote-connection-failed', 'network-error'],
  ['connection-timeout', 'network-error'],
  ['system-shutdown', 'network-error'],
  ['reset', 'network-error'],
]);

/** Meaning afterwards; all others are 'connection-lost'. */
const afterLogin: ReadonlyMap<string, Condition> = new Map([
  ['conflict', 'connection-replaced'],
  ['not-authorized', 'authentication-failed'],
]);

const maxText = 1024;

/** A `<stream:error/>` as one of ours; `server-message` is what the server says to people, `debug-message` the condition. */
export function streamError(error: Element, isBound: boolean): HushError {
  const other = child(error, 'see-other-host', ns.streamErrors);
  if (other !== undefined && !isBound) return new SeeOtherHost(text(other));
  const name = (elements(error).find((part) => namespaceOf(part) === ns.streamErrors && part.name !== 'text')?.name ?? 'undefined-condition').slice(0, 64);
  const words = childText(error, 'text', ns.streamErrors)?.slice(0, maxText).replace(/[\uD800-\uDBFF]$/u, '');
  const condition = isBound ? (afterLogin.get(name) ?? 'connection-lost') : (atLogin.get(name) ?? 'service-confused');
  return new HushError(condition, `the server ended the stream: ${name}`, {
    details: { 'debug-message': name, ...(words !== undefined && words !== '' && { 'server-message': words }) },
  });
}
