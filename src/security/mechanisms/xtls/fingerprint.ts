/** Fingerprints of certificates as draft-only peers signal them: a hint that whoever carries it may change. XTLS profile §1. */
import { createHash } from 'node:crypto';
import { sameBytes } from './bytes.ts';

/** The length in bytes decides the hash; what `algo` says is not looked at. */
const hashByLength: ReadonlyMap<number, string> = new Map([
  [20, 'sha1'],
  [32, 'sha256'],
  [48, 'sha384'],
  [64, 'sha512'],
]);

/** SHA-256 of the DER certificate, in upper-case hex with colons. */
export function writeFingerprint(certificate: Uint8Array): string {
  const hex = createHash('sha256').update(certificate).digest('hex').toUpperCase();
  return hex.match(/../g)?.join(':') ?? '';
}

/** The bytes of a fingerprint written with or without colons, in either case; undefined unless it is as long as a known hash. */
export function readFingerprint(text: string): Uint8Array | undefined {
  if (text.length > 64 * 3) return undefined;
  const hex = text.trim();
  const isPlain = /^(?:[0-9A-Fa-f]{2})+$/.test(hex);
  const isSeparated = /^[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*$/.test(hex);
  const bytes = isPlain || isSeparated ? Buffer.from(hex.replaceAll(':', ''), 'hex') : Buffer.alloc(0);
  return hashByLength.has(bytes.length) ? bytes : undefined;
}

/** Whether `fingerprint` is that of this certificate. */
export function matchesFingerprint(fingerprint: Uint8Array, certificate: Uint8Array): boolean {
  const hash = hashByLength.get(fingerprint.length);
  return hash !== undefined && sameBytes(fingerprint, createHash(hash).update(certificate).digest());
}
