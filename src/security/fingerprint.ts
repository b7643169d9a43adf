/** How a key is named to people and to programs: SHA-256 of its DER SubjectPublicKeyInfo. Contract: Connection.Interface.Security. */
import { createHash } from 'node:crypto';

/** 64 lower-case hex digits in eight groups of eight, separated by single spaces. */
export function fingerprintOf(spki: Uint8Array): string {
  return grouped(createHash('sha256').update(spki).digest('hex'));
}

/** The one spelling of a fingerprint that somebody typed: any case, with or without spaces or colons. undefined where it is none. */
export function readFingerprint(text: string): string | undefined {
  if (text.length > 256) return undefined;
  const hex = text.replaceAll(/[\s:]/g, '').toLowerCase();
  return /^[0-9a-f]{64}$/.test(hex) ? grouped(hex) : undefined;
}

function grouped(hex: string): string {
  return hex.match(/.{8}/g)?.join(' ') ?? '';
}
