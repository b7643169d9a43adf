/** A key pair with its self-signed certificate: how an account, or one anonymous session, shows who it is. RFC 5280, RFC 6120 §13.7.1.4. */
import { X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import forge from 'node-forge';

export interface Identity {
  readonly privateKey: KeyObject;
  /** DER of the X.509 certificate. */
  readonly certificate: Uint8Array;
  /** DER of its SubjectPublicKeyInfo: what peers pin. */
  readonly spki: Uint8Array;
}

const { asn1 } = forge;
type Asn1 = forge.asn1.Asn1;

const DAY = 86_400_000;
const oid = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  xmppAddr: '1.3.6.1.5.5.7.8.5',
} as const;

/** A new ECDSA P-256 key whose certificate names `jid` (a bare JID, already prepared). Valid for ten years, from a day back. */
export function createIdentity(jid: string, now: Date = new Date()): Identity {
  return selfSigned(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, jid, now, 3650);
}

/** A new certificate for a key that peers have pinned already. The key must be ECDSA P-256. */
export function renewIdentity(privateKey: KeyObject, jid: string, now: Date = new Date()): Identity {
  return selfSigned(privateKey, jid, now, 3650);
}

/** A key for one anonymous session: the certificate names nobody and outlives no session by much. */
export function createThrowAwayIdentity(now: Date = new Date()): Identity {
  return selfSigned(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, undefined, now, 2);
}

const pems = new WeakMap<Identity, { key: string; cert: string }>();

/** The private key as PKCS#8 PEM and the certificate as PEM, as node:tls takes them and every TLS session keeps them: the same texts each time. */
export function pemOf(identity: Identity): { key: string; cert: string } {
  const known = pems.get(identity);
  if (known !== undefined) return known;
  const cert = `-----BEGIN CERTIFICATE-----\n${wrap(Buffer.from(identity.certificate).toString('base64'))}\n-----END CERTIFICATE-----\n`;
  const pem = { key: identity.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert };
  pems.set(identity, pem);
  return pem;
}

/** An identity from its parts in PEM; throws what node:crypto throws. */
export function identityFromPem(pem: { key: string; cert: string }): Identity {
  const certificate = new X509Certificate(pem.cert);
  return {
    privateKey: createPrivateKey(pem.key),
    certificate: certificate.raw,
    spki: certificate.publicKey.export({ type: 'spki', format: 'der' }),
  };
}

function selfSigned(privateKey: KeyObject, jid: string | undefined, now: Date, days: number): Identity {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const algorithm = sequence(objectId(oid.ecdsaWithSha256));
  // The same subject for everybody: a certificate must say no more about its owner than the address in it.
  const name = sequence(set(sequence(objectId(oid.commonName), primitive(asn1.Type.UTF8, 'XMPP'))));
  const tbs = sequence(
    context(0, [primitive(asn1.Type.INTEGER, '\x02')]),
    primitive(asn1.Type.INTEGER, serial()),
    algorithm,
    name,
    // A day back, since peers check dates without tolerance for clocks.
    sequence(time(new Date(now.getTime() - DAY)), time(new Date(now.getTime() + days * DAY))),
    name,
    asn1.fromDer(spki.toString('latin1')),
    context(3, [sequence(...extensions(jid))]),
  );
  const signature = sign('sha256', der(tbs), { key: privateKey, dsaEncoding: 'der' });
  const certificate = der(sequence(tbs, algorithm, primitive(asn1.Type.BITSTRING, '\0' + signature.toString('latin1'))));
  return { privateKey, certificate, spki };
}

function extensions(jid: string | undefined): Asn1[] {
  const digitalSignature = primitive(asn1.Type.BITSTRING, '\x07\x80');
  return [
    extension(oid.basicConstraints, true, sequence()),
    extension(oid.keyUsage, true, digitalSignature),
    extension(oid.extKeyUsage, false, sequence(objectId(oid.serverAuth), objectId(oid.clientAuth))),
    ...(jid === undefined ? [] : [extension(oid.subjectAltName, false, sequence(xmppAddr(jid)))]),
  ];
}

/** GeneralName otherName [0] IMPLICIT { type-id, [0] EXPLICIT UTF8String }. */
function xmppAddr(jid: string): Asn1 {
  return context(0, [objectId(oid.xmppAddr), context(0, [primitive(asn1.Type.UTF8, Buffer.from(jid, 'utf8').toString('latin1'))])]);
}

function extension(id: string, critical: boolean, value: Asn1): Asn1 {
  const flag = critical ? [primitive(asn1.Type.BOOLEAN, '\xff')] : [];
  return sequence(objectId(id), ...flag, primitive(asn1.Type.OCTETSTRING, der(value).toString('latin1')));
}

/** 127 random bits: positive, not zero, of fixed length. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('latin1');
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on. RFC 5280 §4.1.2.5 */
function time(date: Date): Asn1 {
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/\D/g, '')}Z`;
  return date.getUTCFullYear() < 2050 ? primitive(asn1.Type.UTCTIME, digits.slice(2)) : primitive(asn1.Type.GENERALIZEDTIME, digits);
}

// node-forge keeps bytes in strings of code units 0..255.
function primitive(type: forge.asn1.Type, bytes: string): Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, type, false, bytes);
}
function sequence(...parts: Asn1[]): Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, parts);
}
function set(...parts: Asn1[]): Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SET, true, parts);
}
function context(tag: number, parts: Asn1[]): Asn1 {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a context tag is a plain number; its declared type knows universal ones only
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, true, parts);
}
function objectId(id: string): Asn1 {
  return primitive(asn1.Type.OID, asn1.oidToDer(id).getBytes());
}
function der(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
}

function wrap(text: string): string {
  return text.match(/.{1,64}/g)?.join('\n') ?? '';
}
