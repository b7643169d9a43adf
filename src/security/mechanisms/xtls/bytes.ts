/** Bytes as the XTLS profile writes them: length-prefixed fields, hashes, comparison in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** L(x): the length in bytes as u32 big-endian, then x. Text is UTF-8. */
export function field(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** L(x₁) ‖ L(x₂) ‖ … */
export function fields(values: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(values.map(field));
}

export function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Equality in a time that depends on the lengths only. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
