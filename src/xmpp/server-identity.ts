/**
 * Whether a certificate names the server we want: DNS-ID, SRV-ID and XmppAddr of its subjectAltName, never its common name.
 * Source: RFC 6120 §13.7, RFC 9525 §6, RFC 4985, RFC 5280 §4.2.1.6. Names are read from the DER itself, not from a printed form.
 */
import { readDer } from './der.ts';
import type { DerValue } from './der.ts';
import { toDnsName } from './domain-name.ts';

/** The names of a certificate that can name an XMPP server, as they are written in it. */
export interface PresentedNames {
  readonly dns: readonly string[];
  readonly srv: readonly string[];
  readonly xmppAddr: readonly string[];
}

const tags = { sequence: 0x30, oid: 0x06, octets: 0x04, extensions: 0xa3, otherName: 0xa0, dnsName: 0x82, explicit0: 0xa0, ia5: 0x16, utf8: 0x0c } as const;

/** Contents octets of object identifiers, in hexadecimal. */
const oids = {
  subjectAltName: '551d11',
  /** 1.3.6.1.5.5.7.8.5 */
  xmppAddr: '2b06010505070805',
  /** 1.3.6.1.5.5.7.8.7 */
  srvName: '2b06010505070807',
} as const;

/** Reads the subjectAltName of a DER certificate. Throws HushError('certificate-invalid') for a malformed one. */
export function presentedNames(certificate: Uint8Array): PresentedNames {
  const names = { dns: [] as string[], srv: [] as string[], xmppAddr: [] as string[] };
  for (const general of subjectAltNames(certificate)) {
    if (general.tag === tags.dnsName) names.dns.push(Buffer.from(general.content).toString('latin1'));
    if (general.tag !== tags.otherName) continue;
    const [type, wrapped] = readDer(general.content);
    const value = wrapped?.tag === tags.explicit0 ? readDer(wrapped.content)[0] : undefined;
    if (type?.tag !== tags.oid || value === undefined) continue;
    const oid = Buffer.from(type.content).toString('hex');
    if (oid === oids.srvName && value.tag === tags.ia5) names.srv.push(Buffer.from(value.content).toString('latin1'));
    if (oid === oids.xmppAddr && value.tag === tags.utf8) names.xmppAddr.push(Buffer.from(value.content).toString('utf8'));
  }
  return names;
}

function subjectAltNames(certificate: Uint8Array): DerValue[] {
  const tbs = inside(inside(readDer(certificate)[0], tags.sequence)[0], tags.sequence);
  const extensions = tbs.filter(({ tag }) => tag === tags.extensions).flatMap(({ content }) => inside(readDer(content)[0], tags.sequence));
  return extensions.flatMap((extension) => {
    const [id, ...rest] = inside(extension, tags.sequence);
    const isSubjectAltName = id?.tag === tags.oid && Buffer.from(id.content).toString('hex') === oids.subjectAltName;
    const value = rest.at(-1);
    return isSubjectAltName && value?.tag === tags.octets ? inside(readDer(value.content)[0], tags.sequence) : [];
  });
}

function inside(value: DerValue | undefined, tag: number): DerValue[] {
  return value?.tag === tag ? readDer(value.content) : [];
}

/** Whether one of the names is one of the references (the account's domain, and what the account names beside it). */
export function namesServer(names: PresentedNames, references: readonly string[]): boolean {
  return references.some((text) => {
    const reference = toDnsName(text);
    if (reference === undefined) return false;
    return (
      names.dns.some((name) => matchesDns(name, reference)) ||
      names.srv.some((name) => matchesSrv(name, reference)) ||
      names.xmppAddr.some((name) => toDnsName(name) === reference)
    );
  });
}

/** Exact, or '*' as the whole left-most label of a name of three labels or more, standing for one label. RFC 9525 §6.3 */
function matchesDns(presented: string, reference: string): boolean {
  if (!isAscii(presented)) return false;
  if (!presented.startsWith('*.')) return toDnsName(presented) === reference;
  const parent = toDnsName(presented.slice(2));
  const dot = reference.indexOf('.');
  return parent?.includes('.') === true && dot > 0 && reference.slice(dot + 1) === parent;
}

/** `_xmpp-client.domain`, or `_xmpps-client.domain` of XEP-0368. RFC 4985 §2 */
function matchesSrv(presented: string, reference: string): boolean {
  const dot = presented.indexOf('.');
  return isAscii(presented) && /^_xmpps?-client$/i.test(presented.slice(0, Math.max(dot, 0))) && toDnsName(presented.slice(dot + 1)) === reference;
}

function isAscii(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text);
}
