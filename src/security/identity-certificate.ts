/** What a certificate that somebody of ours vouches for says: the user who imports it, or an authority that was checked. RFC 5280 §4.2, RFC 6120 §13.7.1.4. */
import forge from 'node-forge';

const { asn1 } = forge;
type Asn1 = forge.asn1.Asn1;

export interface CertificateFacts {
  /** Every XmppAddr, as written. */
  readonly xmppAddrs: readonly string[];
  /** Its key may sign a TLS handshake, at either end: which end a peer is changes with every session. */
  readonly isForTls: boolean;
  /** Object identifiers of its extensions. */
  readonly extensions: readonly string[];
  /** Of those that whoever does not know them must refuse. */
  readonly critical: readonly string[];
}

/** Options may stand in the place of `strict`; the declared type does not know. */
type FromDer = (der: string, strict: boolean | { strict: boolean; parseAllBytes: boolean; decodeBitStrings: boolean }) => Asn1;

/** Bytes of the largest certificate that is read. */
const MAX_CERTIFICATE = 64 * 1024;

export const extension = {
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extKeyUsage: '2.5.29.37',
  nameConstraints: '2.5.29.30',
} as const;
const xmppAddr = '1.3.6.1.5.5.7.8.5';
const anyUsage = '2.5.29.37.0';
const bothUsages = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

/** The facts of a DER certificate, undefined for what cannot be read or has an extension twice. Total. */
export function readFacts(certificate: Uint8Array): CertificateFacts | undefined {
  if (certificate.length > MAX_CERTIFICATE) return undefined;
  try {
    const list = extensionsOf(parse(Buffer.from(certificate).toString('latin1'))).map(readExtension);
    const valueById = new Map(list.map(({ id, value }) => [id, value]));
    if (valueById.size < list.length) return undefined;
    const [names, usage, purposes] = [extension.subjectAltName, extension.keyUsage, extension.extKeyUsage].map((id) => valueById.get(id));
    return {
      xmppAddrs: names === undefined ? [] : parts(parse(names)).flatMap(readName),
      isForTls: (usage === undefined || signs(usage)) && (purposes === undefined || suits(purposes)),
      extensions: list.map(({ id }) => id),
      critical: list.filter(({ isCritical }) => isCritical).map(({ id }) => id),
    };
  } catch {
    // Not a certificate as we know them: there are no facts.
    return undefined;
  }
}

/** Certificate ::= { { …, extensions [3] { { … } } }, … } */
function extensionsOf(certificate: Asn1): Asn1[] {
  const [tbs] = parts(certificate);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-comparison -- a context tag is a plain number; its declared type knows universal ones only
  const wrapper = tbs && parts(tbs).find(({ tagClass, type }) => tagClass === asn1.Class.CONTEXT_SPECIFIC && type === 3);
  const list = wrapper && parts(wrapper)[0];
  return list === undefined ? [] : parts(list);
}

/** Extension ::= { id, critical BOOLEAN DEFAULT FALSE, value OCTET STRING } */
function readExtension(one: Asn1): { id: string; isCritical: boolean; value: string } {
  const fields = parts(one);
  const [id, value] = [fields[0], fields.at(-1)];
  if (id === undefined || value === undefined || fields.length > 3) throw new TypeError('not an extension');
  return { id: objectId(id), isCritical: fields.length === 3, value: bytes(value) };
}

/** otherName [0] { id-on-xmppAddr, [0] UTF8String } */
function readName(name: Asn1): string[] {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-comparison -- as above
  if (name.tagClass !== asn1.Class.CONTEXT_SPECIFIC || name.type !== 0) return [];
  const [id, wrapper] = parts(name);
  if (id === undefined || wrapper === undefined || objectId(id) !== xmppAddr) return [];
  const [text] = parts(wrapper);
  if (text?.type !== asn1.Type.UTF8) return [];
  const written = Buffer.from(bytes(text), 'latin1');
  const read = written.toString('utf8');
  return Buffer.from(read, 'utf8').equals(written) ? [read] : [];
}

/** KeyUsage ::= BIT STRING { digitalSignature (0), … } */
function signs(value: string): boolean {
  return (bytes(parse(value)).charCodeAt(1) & 0x80) !== 0;
}

function suits(value: string): boolean {
  const purposes = parts(parse(value)).map(objectId);
  return purposes.includes(anyUsage) || bothUsages.every((usage) => purposes.includes(usage));
}

function parse(der: string): Asn1 {
  return (asn1.fromDer as FromDer)(der, { strict: true, parseAllBytes: true, decodeBitStrings: false });
}
function parts({ value }: Asn1): Asn1[] {
  if (typeof value === 'string') throw new TypeError('not constructed');
  return value;
}
function bytes({ value }: Asn1): string {
  if (typeof value !== 'string') throw new TypeError('not primitive');
  return value;
}
function objectId(id: Asn1): string {
  return asn1.derToOid(bytes(id));
}
