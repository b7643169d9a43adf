/** Certificates of any shape, right or wrong, signed by real keys: what a hostile peer can put together. */
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export function tlv(tag: number, ...parts: Uint8Array[]): Buffer {
  const value = Buffer.concat(parts);
  const n = value.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : n < 0x10000 ? [0x82, n >> 8, n & 255] : [0x83, n >> 16, (n >> 8) & 255, n & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), value]);
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const out = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) out.unshift((left & 0x7f) | 0x80);
    return out;
  });
  return tlv(0x06, Buffer.from(octets));
}

export const algorithms = {
  ecdsaSha256: tlv(0x30, oid('1.2.840.10045.4.3.2')),
  ecdsaSha384: tlv(0x30, oid('1.2.840.10045.4.3.3')),
  ecdsaSha1: tlv(0x30, oid('1.2.840.10045.4.1')),
  rsaSha256: tlv(0x30, oid('1.2.840.113549.1.1.11'), tlv(0x05)),
  rsaSha1: tlv(0x30, oid('1.2.840.113549.1.1.5'), tlv(0x05)),
  ed25519: tlv(0x30, oid('1.3.101.112')),
  pssSha1: tlv(0x30, oid('1.2.840.113549.1.1.10'), tlv(0x30)),
  pssSha256: tlv(0x30, oid('1.2.840.113549.1.1.10'), tlv(0x30, tlv(0xa0, tlv(0x30, oid('2.16.840.1.101.3.4.2.1'), tlv(0x05))))),
};

export const xmppAddrName = (jid: string | Uint8Array, stringTag = 0x0c): Buffer =>
  tlv(0xa0, oid('1.3.6.1.5.5.7.8.5'), tlv(0xa0, tlv(stringTag, typeof jid === 'string' ? Buffer.from(jid, 'utf8') : jid)));
export const dnsName = (name: string): Buffer => tlv(0x82, Buffer.from(name, 'latin1'));
export const uriName = (name: string): Buffer => tlv(0x86, Buffer.from(name, 'latin1'));
export const sanExtension = (...names: Buffer[]): Buffer => tlv(0x30, oid('2.5.29.17'), tlv(0x04, tlv(0x30, ...names)));

export interface Shape {
  readonly key?: KeyObject;
  readonly spki?: Uint8Array;
  readonly extensions?: Buffer[] | undefined;
  readonly names?: Buffer[];
  readonly algorithm?: Buffer;
  readonly outerAlgorithm?: Buffer;
  readonly hash?: string | null;
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly timeTag?: number;
  readonly version?: Buffer;
}

export const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** A certificate of this shape; what is left out is as hush itself would have it. */
export function certificate(shape: Shape): Buffer {
  const key = shape.key ?? newKey();
  const algorithm = shape.algorithm ?? algorithms.ecdsaSha256;
  const time = (text: string): Buffer => tlv(shape.timeTag ?? 0x17, Buffer.from(text, 'latin1'));
  const name = tlv(0x30, tlv(0x31, tlv(0x30, oid('2.5.4.3'), tlv(0x0c, Buffer.from('test')))));
  const extensions = shape.extensions ?? [sanExtension(...(shape.names ?? []))];
  const tbs = tlv(
    0x30,
    shape.version ?? tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([1])),
    algorithm,
    name,
    tlv(0x30, time(shape.notBefore ?? '250101000000Z'), time(shape.notAfter ?? '350101000000Z')),
    name,
    shape.spki ?? createPublicKey(key).export({ type: 'spki', format: 'der' }),
    extensions.length === 0 ? Buffer.alloc(0) : tlv(0xa3, tlv(0x30, ...extensions)),
  );
  const signature = sign(shape.hash === undefined ? 'sha256' : shape.hash, tbs, key);
  return tlv(0x30, tbs, shape.outerAlgorithm ?? algorithm, tlv(0x03, Buffer.from([0]), signature));
}
