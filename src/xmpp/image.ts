/** Pictures of people: bytes with a bound and a name, never looked into beyond their first bytes. Source: XEP-0153 §4.6, XEP-0084 §4.1. */
import { createHash } from 'node:crypto';
import { decodeBase64 } from './base64.ts';

export interface Image {
  /** Its real type, by its first bytes. */
  readonly type: string;
  readonly data: Buffer;
}

/** Bytes of a picture that is taken at all: 384 KiB, 512 KiB as base64. */
export const maxImageBytes = 393_216;

/** White space that line breaks of 76 columns add, and some more. */
const maxEncoded = Math.ceil((maxImageBytes / 3) * 4 * 1.1);

const signatures: readonly (readonly [type: string, offset: number, bytes: string])[] = [
  ['image/png', 0, '89504e470d0a1a0a'],
  ['image/jpeg', 0, 'ffd8ff'],
  ['image/gif', 0, '474946383761'],
  ['image/gif', 0, '474946383961'],
  ['image/webp', 8, '57454250'],
];

/** The type of a picture by its first bytes, whatever was said of it; undefined for what a client should not be handed as a picture. */
export function imageType(data: Uint8Array): string | undefined {
  const head = Buffer.from(data.subarray(0, 16)).toString('hex');
  return signatures.find(([, offset, bytes]) => head.startsWith(bytes, offset * 2))?.[0];
}

/** A picture in base64 with line breaks; undefined when it is empty, too large (decided before it is decoded), not base64 or not a picture. */
export function readImage(encoded: string): Image | undefined {
  if (encoded.length > maxEncoded) return undefined;
  const data = decodeBase64(encoded.replace(/[ \t\r\n]+/g, ''), maxImageBytes);
  const type = data && imageType(data);
  return data && type !== undefined ? { type, data } : undefined;
}

/** SHA-1 in hex: the name of a picture in XEP-0084 and XEP-0153. */
export function imageHash(data: Uint8Array): string {
  return createHash('sha1').update(data).digest('hex');
}
