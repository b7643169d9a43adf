/** Identities that come from elsewhere: PEM or PKCS#12 (RFC 7292), and what such an identity must be to stand for an account. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import forge from 'node-forge';
import { HushError, demand } from '../errors.ts';
import type { BareJid } from '../xmpp/jid.ts';
import { readFacts } from './identity-certificate.ts';
import type { Identity } from './identity.ts';
import { isStrong } from './key-strength.ts';

/** Bytes of the largest file that is read. */
export const MAX_IDENTITY = 256 * 1024;

/**
 * The identity in a file: the first private key that one of the certificates belongs to, and that certificate. `passphrase`: '' = none.
 * HushError: `authentication-failed` for a wrong or missing passphrase, `invalid-argument` for anything else that is no identity.
 */
export function readIdentity(file: Uint8Array, passphrase: string): Identity {
  const isPem = Buffer.from(file).includes('-----BEGIN ');
  const { keys, certificates } = isPem ? readPem(Buffer.from(file).toString('latin1'), passphrase) : readPkcs12(file, passphrase);
  for (const privateKey of keys) {
    const certificate = certificates.find((one) => one.checkPrivateKey(privateKey));
    if (certificate !== undefined) return { privateKey, certificate: certificate.raw, spki: certificate.publicKey.export({ type: 'spki', format: 'der' }) };
  }
  throw new HushError('invalid-argument', 'there is no private key with its certificate in the file');
}

/**
 * Refuses an identity that peers would refuse: HushError `certificate-insecure`, `certificate-hostname-mismatch`, `certificate-invalid`,
 * `certificate-expired`, `certificate-not-activated`. `bareJid` prepares an address (RFC 7622), undefined for what is none.
 */
export function checkIdentity(identity: Identity, account: BareJid, bareJid: (text: string) => BareJid | undefined, now: Date = new Date()): void {
  demand(isStrong(identity.privateKey), 'certificate-insecure', 'the key is neither P-256, P-384, Ed25519, nor RSA of 2048 to 4096 bits');
  const facts = readFacts(identity.certificate);
  demand(facts !== undefined, 'certificate-invalid', 'the certificate cannot be read');
  demand(facts.xmppAddrs.some((address) => bareJid(address) === account), 'certificate-hostname-mismatch', 'the certificate does not name the account');
  demand(facts.isForTls, 'certificate-invalid', 'the certificate is not for both ends of a TLS session');
  const { validFrom, validTo } = new X509Certificate(identity.certificate);
  demand(now >= new Date(validFrom), 'certificate-not-activated', 'the certificate is not valid yet');
  demand(now <= new Date(validTo), 'certificate-expired', 'the certificate has expired');
}

interface Contents {
  readonly keys: readonly KeyObject[];
  readonly certificates: readonly X509Certificate[];
}

function readPem(text: string, passphrase: string): Contents {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----(?:[^-]|-(?!----))*-----END \1-----/g)].map(([pem, type = '']) => ({ pem, type }));
  return {
    keys: blocks
      .filter(({ type }) => type.endsWith('PRIVATE KEY'))
      .map(({ pem }) => readKey(() => createPrivateKey({ key: pem, format: 'pem', ...(passphrase !== '' && { passphrase }) }), pem.includes('ENCRYPTED'))),
    certificates: blocks.filter(({ type }) => type === 'CERTIFICATE').map(({ pem }) => readCertificate(pem)),
  };
}

/** What goes wrong with an encrypted key is the passphrase as far as anybody can tell: a wrong one can look like damage. */
function readKey(read: () => KeyObject, isEncrypted = false): KeyObject {
  try {
    return read();
  } catch (error) {
    if (isEncrypted) throw new HushError('authentication-failed', 'the passphrase is missing or wrong', { cause: error });
    throw new HushError('invalid-argument', 'the private key cannot be read', { cause: error });
  }
}

function readCertificate(certificate: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(certificate);
  } catch (error) {
    throw new HushError('invalid-argument', 'a certificate cannot be read', { cause: error });
  }
}

function readPkcs12(file: Uint8Array, passphrase: string): Contents {
  const { asn1, pkcs12, pki } = forge;
  let bags: forge.pkcs12.Bag[];
  try {
    const pfx = pkcs12.pkcs12FromAsn1(asn1.fromDer(Buffer.from(file).toString('latin1')), passphrase);
    bags = pfx.safeContents.flatMap(({ safeBags }) => safeBags);
  } catch (error) {
    const isPassphrase = error instanceof Error && /password|MAC could not be verified/i.test(error.message);
    if (isPassphrase) throw new HushError('authentication-failed', 'the passphrase is missing or wrong', { cause: error });
    throw new HushError('invalid-argument', 'the file is neither PEM nor PKCS#12', { cause: error });
  }
  const derOf = (value: forge.asn1.Asn1): Buffer => Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
  // node-forge itself knows RSA only, and hands on everything else as it found it.
  const isKey = ({ type }: forge.pkcs12.Bag): boolean => type === pki.oids.keyBag || type === pki.oids.pkcs8ShroudedKeyBag;
  return {
    keys: bags.filter(isKey).map(({ key, asn1: raw }) =>
      readKey(() => (key ? createPrivateKey({ key: derOf(pki.privateKeyToAsn1(key)), format: 'der', type: 'pkcs1' }) : createPrivateKey({ key: derOf(raw), format: 'der', type: 'pkcs8' }))),
    ),
    certificates: bags.filter(({ type }) => type === pki.oids.certBag).map(({ cert, asn1: raw }) => readCertificate(derOf(cert ? pki.certificateToAsn1(cert) : raw))),
  };
}
