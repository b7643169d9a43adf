/** A strict reader of one level of DER at a time. Source: X.690 §8, §10.1. */
import { HushError } from '../errors.ts';

export interface DerValue {
  /** The identifier octet: class, constructed bit and tag number below 31. */
  readonly tag: number;
  /** The contents octets; a view on the input. */
  readonly content: Uint8Array;
}

/** The values that `bytes` is made of, one after the other, up to its very end. Throws HushError('certificate-invalid') for anything but DER. */
export function readDer(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  let at = 0;
  const octet = (): number => bytes[at++] ?? fail();
  while (at < bytes.length) {
    const tag = octet();
    // Tag numbers from 31 on take more octets; nothing we read has them.
    if ((tag & 0x1f) === 0x1f) fail();
    const length = readLength(octet);
    if (length > bytes.length - at) fail();
    values.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return values;
}

/** Definite, in as few octets as possible. */
function readLength(octet: () => number): number {
  const first = octet();
  if (first < 0x80) return first;
  const octets = first & 0x7f;
  let length = 0;
  for (let i = 0; i < octets; i += 1) length = length * 256 + octet();
  if (length < 0x80 || length < 256 ** (octets - 1)) fail();
  return length;
}

function fail(): never {
  throw new HushError('certificate-invalid', 'the certificate is not DER');
}
