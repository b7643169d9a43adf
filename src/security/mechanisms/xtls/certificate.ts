/** What a peer's certificate says, read strictly and without believing any of it. RFC 5280 §4.1, RFC 6120 §13.7.1.4. */
import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { DerReader, malformed, objectId, tag } from './der.ts';
import type { Tlv } from './der.ts';

/** The hash under a certificate's signature; `none` where the algorithm has its own (Ed25519), `other` for everything that is not wanted. */
export type SignatureHash = 'sha256' | 'sha384' | 'sha512' | 'none' | 'other';

export interface PeerCertificate {
  readonly der: Uint8Array;
  /** DER of its SubjectPublicKeyInfo, as it stands in the certificate. */
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
  readonly signatureHash: SignatureHash;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Every XmppAddr of the SubjectAltName, as written; one that is no valid UTF-8 is left out. */
  readonly xmppAddrs: readonly string[];
}

/** Bytes of the largest certificate that is read. */
export const MAX_CERTIFICATE = 64 * 1024;

const hashByAlgorithm: ReadonlyMap<string, SignatureHash> = new Map([
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.3.101.112', 'none'],
]);
const rsaPss = '1.2.840.113549.1.1.10';
const hashById: ReadonlyMap<string, SignatureHash> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);
const subjectAltName = '2.5.29.17';
const xmppAddr = '1.3.6.1.5.5.7.8.5';

/** Reads a certificate. Throws HushError('invalid-data') for anything that is not DER throughout, or that OpenSSL reads otherwise. */
export function readCertificate(der: Uint8Array): PeerCertificate {
  if (der.length > MAX_CERTIFICATE) throw malformed();
  const file = new DerReader(der);
  const certificate = file.enter(tag.sequence);
  file.end();
  const tbs = certificate.enter(tag.sequence);
  const outerAlgorithm = certificate.next(tag.sequence);
  certificate.next(tag.bitString);
  certificate.end();

  const version = tbs.enter(0xa0).next(tag.integer).value;
  if (version.length !== 1 || version[0] !== 2) throw malformed();
  tbs.next(tag.integer); // serial
  const algorithm = tbs.next(tag.sequence);
  if (!Buffer.from(algorithm.raw).equals(outerAlgorithm.raw)) throw malformed();
  tbs.next(tag.sequence); // issuer
  const validity = tbs.enter(tag.sequence);
  const [notBefore, notAfter] = [readTime(validity.next()), readTime(validity.next())];
  validity.end();
  tbs.next(tag.sequence); // subject
  const spki = tbs.next(tag.sequence).raw;
  tbs.optional(0x81); // issuerUniqueID
  tbs.optional(0x82); // subjectUniqueID
  const extensions = tbs.nextTag === 0xa3 ? tbs.enter(0xa3) : undefined;
  tbs.end();
  const xmppAddrs = extensions === undefined ? [] : readExtensions(extensions);
  const publicKey = readAgain(der, spki, xmppAddrs.length > 0);
  return { der, spki, publicKey, signatureHash: readHash(algorithm), notBefore, notAfter, xmppAddrs };
}

/** The key as OpenSSL, which has judged the handshake, sees it: two readings of one certificate must not name two keys, nor one of them nobody. */
function readAgain(der: Uint8Array, spki: Uint8Array, hasNames: boolean): KeyObject {
  try {
    const { publicKey, subjectAltName, raw } = new X509Certificate(der);
    // `raw` is written anew: the same only where there is one way to write it. `subjectAltName` is not even a text where OpenSSL can make nothing of the names, whatever Node's types say.
    const isSame = raw.equals(der) && publicKey.export({ type: 'spki', format: 'der' }).equals(spki) && (typeof subjectAltName === 'string' || !hasNames);
    if (isSame) return publicKey;
  } catch (cause) {
    throw Object.assign(malformed(), { cause });
  }
  throw malformed();
}

function readHash(algorithm: Tlv): SignatureHash {
  const reader = new DerReader(algorithm.value);
  const id = objectId(reader.next(tag.objectId).value);
  if (id !== rsaPss) return hashByAlgorithm.get(id) ?? 'other';
  // RSASSA-PSS-params: without [0] hashAlgorithm the hash is SHA-1.
  const parameters = reader.enter(tag.sequence);
  if (parameters.nextTag !== 0xa0) return 'other';
  return hashById.get(objectId(parameters.enter(0xa0).enter(tag.sequence).next(tag.objectId).value)) ?? 'other';
}

function readExtensions(wrapper: DerReader): string[] {
  const list = wrapper.enter(tag.sequence);
  wrapper.end();
  let found: string[] | undefined;
  while (!list.atEnd) {
    const extension = list.enter(tag.sequence);
    const id = objectId(extension.next(tag.objectId).value);
    extension.optional(tag.boolean);
    const value = extension.next(tag.octetString).value;
    extension.end();
    if (id !== subjectAltName) continue;
    // RFC 5280 §4.2: an extension stands once. Two would let two readers see two names.
    if (found !== undefined) throw malformed();
    found = readNames(value);
  }
  return found ?? [];
}

function readNames(value: Uint8Array): string[] {
  const wrapper = new DerReader(value);
  const names = wrapper.enter(tag.sequence);
  wrapper.end();
  const found: string[] = [];
  while (!names.atEnd) {
    const name = names.next();
    const text = name.tag === 0xa0 ? readXmppAddr(new DerReader(name.value)) : undefined;
    if (text !== undefined) found.push(text);
  }
  return found;
}

/** otherName { type-id, [0] EXPLICIT value }: the text of an id-on-xmppAddr whose value is a UTF8String. */
function readXmppAddr(name: DerReader): string | undefined {
  const id = objectId(name.next(tag.objectId).value);
  const wrapper = name.enter(0xa0);
  name.end();
  const value = wrapper.next();
  wrapper.end();
  if (id !== xmppAddr || value.tag !== tag.utf8String) return undefined;
  const text = Buffer.from(value.value).toString('utf8');
  return Buffer.from(text, 'utf8').equals(value.value) ? text : undefined;
}

const utcTime = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
const generalizedTime = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** UTCTime or GeneralizedTime in the one form of RFC 5280 §4.1.2.5: seconds, no fraction, Z. */
function readTime({ tag: type, value }: Tlv): Date {
  const text = Buffer.from(value).toString('latin1');
  const digits = (type === tag.utcTime ? utcTime : type === tag.generalizedTime ? generalizedTime : undefined)?.exec(text)?.slice(1);
  if (digits === undefined) throw malformed();
  const [year = '', month = '', day = '', hours = '', minutes = '', seconds = ''] = digits;
  const century = year.length === 4 ? '' : Number(year) < 50 ? '20' : '19';
  const iso = `${century}${year}-${month}-${day}T${hours}:${minutes}:${seconds}.000Z`;
  const date = new Date(iso);
  if (Number.isNaN(date.getTime()) || date.toISOString() !== iso) throw malformed();
  return date;
}
