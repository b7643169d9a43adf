/** Authorities that the user has configured: whether one of them says that a certificate is a contact's. RFC 5280 §6, no chains. */
import { X509Certificate } from 'node:crypto';
import type { Log } from '../log.ts';
import type { BareJid } from '../xmpp/jid.ts';
import { readNamedFile } from './file-store.ts';
import { extension, readFacts } from './identity-certificate.ts';

/** Bytes of the largest file of authorities, and how many are used. */
const MAX_FILE = 1024 * 1024;
const MAX_ANCHORS = 500;

/** Extensions that are judged here, or in reading the facts. A critical one that is not refuses the certificate. */
const understood: readonly string[] = [extension.basicConstraints, extension.keyUsage, extension.extKeyUsage, extension.subjectAltName];

export class Anchors {
  readonly #bareJid: (text: string) => BareJid | undefined;
  #anchors: readonly X509Certificate[] = [];

  /** `bareJid` prepares an address (RFC 7622), undefined for what is none. Knows no authority until `load`. */
  constructor(bareJid: (text: string) => BareJid | undefined) {
    this.#bareJid = bareJid;
  }

  /** Takes the authorities of a PEM file, if there is one. What cannot be used vouches for nobody, and the log says so. */
  async load(path: string | undefined, log: Log): Promise<void> {
    if (path === undefined) return;
    try {
      this.use((await readNamedFile(path, MAX_FILE)).toString('latin1'));
      if (this.#anchors.length === 0) log.warn({ path }, 'security-trust-anchors: the file holds no authority');
    } catch (error) {
      log.warn({ err: error, path }, 'security-trust-anchors: the file cannot be used, no authority is known');
    }
  }

  /** Takes the authorities in a PEM text instead of those known. */
  use(pem: string): void {
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    this.#anchors = blocks.slice(0, MAX_ANCHORS).flatMap((block) => read(block) ?? []).filter(isAuthority);
  }

  /** Whether an authority has issued this certificate (DER) itself, for TLS, to `jid`, and both are valid now. Total. */
  vouches(jid: BareJid, certificate: Uint8Array, now: Date = new Date()): boolean {
    const leaf = read(certificate);
    const facts = readFacts(certificate);
    if (leaf === undefined || facts === undefined || leaf.ca || !isValid(leaf, now)) return false;
    if (!facts.isForTls || !facts.critical.every((id) => understood.includes(id))) return false;
    if (!facts.xmppAddrs.some((address) => this.#bareJid(address) === jid)) return false;
    return this.#anchors.some((anchor) => isValid(anchor, now) && hasIssued(anchor, leaf));
  }
}

function read(certificate: string | Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate);
  } catch {
    // Not a certificate: nothing is vouched for by or for it.
    return undefined;
  }
}

/** One whose names are limited is not used: those limits are not checked here. */
function isAuthority(certificate: X509Certificate): boolean {
  const facts = readFacts(certificate.raw);
  return certificate.ca && facts !== undefined && !facts.extensions.includes(extension.nameConstraints) && facts.critical.every((id) => understood.includes(id));
}

/** Issuer name, key identifier and the right to sign certificates, then the signature. */
function hasIssued(anchor: X509Certificate, leaf: X509Certificate): boolean {
  try {
    return leaf.checkIssued(anchor) && leaf.verify(anchor.publicKey);
  } catch {
    // A key that this OpenSSL cannot use vouches for nobody.
    return false;
  }
}

function isValid({ validFrom, validTo }: X509Certificate, now: Date): boolean {
  return now >= new Date(validFrom) && now <= new Date(validTo);
}
