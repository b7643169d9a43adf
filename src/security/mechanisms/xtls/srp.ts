/** SRP-6a: two people prove to each other that they know the same secret, and nobody learns it. RFC 5054 §2.5–2.6, RFC 2945; XTLS profile §5. */
import { createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman, getDiffieHellman, randomBytes, scrypt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { HushError, InvariantError } from '../../../errors.ts';
import { lazy } from '../../../lazy.ts';
import { fields, sameBytes } from './bytes.ts';

const { asn1 } = forge;

/** A group and a hash. Numbers are big-endian bytes, as long as the prime wherever they are sent or hashed. */
export interface SrpParameters {
  readonly prime: Buffer;
  readonly generator: number;
  readonly hash: string;
}

/** RFC 5054's 3072-bit group: the prime of RFC 3526 group 15, with the generator 5. */
export const srp3072 = lazy<SrpParameters>(() => ({ prime: getDiffieHellman('modp15').getPrime(), generator: 5, hash: 'sha256' }));

/** Bytes of A and B in the 3072-bit group. */
export const PUBLIC_SIZE = 384;
/** Bytes of the salt, and of M1 and M2. */
export const SALT_SIZE = 32;
export const PROOF_SIZE = 32;

/** A fresh private exponent: 256 random bits. */
export function randomExponent(): Buffer {
  return randomBytes(32);
}

/** P': the secret made expensive to guess. `secret` is UTF-8 of its OpaqueString form (RFC 8265). */
export async function stretch(secret: Uint8Array, salt: Uint8Array): Promise<Buffer> {
  const derive: (password: Uint8Array, salt: Uint8Array, length: number, options: object) => Promise<Buffer> = promisify(scrypt);
  return derive(secret, salt, 32, { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 });
}

/** The arithmetic of one group. Throws HushError('authentication-failed') for values that a peer must not send. */
export class Srp {
  readonly #parameters: SrpParameters;
  readonly #n: bigint;
  readonly #size: number;
  readonly #k: bigint;

  constructor(parameters = srp3072()) {
    this.#parameters = parameters;
    this.#n = toNumber(parameters.prime);
    this.#size = parameters.prime.length;
    this.#k = toNumber(this.multiplier());
  }

  /** k = H(N ‖ PAD(g)). */
  multiplier(): Buffer {
    return this.#hash(this.#parameters.prime, this.#pad(BigInt(this.#parameters.generator)));
  }

  /** x = H(salt ‖ H(I ‖ ":" ‖ P)). `identity` is I, a bare JID. */
  privateKey(identity: string, password: Uint8Array, salt: Uint8Array): Buffer {
    return this.#hash(salt, this.#hash(Buffer.from(`${identity}:`, 'utf8'), password));
  }

  /** v = g^x. */
  verifier(x: Uint8Array): Buffer {
    return this.#power(this.#generator(), x);
  }

  /** A = g^a. */
  starterPublic(a: Uint8Array): Buffer {
    return this.#power(this.#generator(), a);
  }

  /** B = kv + g^b. */
  answererPublic(verifier: Uint8Array, b: Uint8Array): Buffer {
    return this.#pad(mod(this.#k * toNumber(verifier) + toNumber(this.#power(this.#generator(), b)), this.#n));
  }

  /** Whether a value received is 0 < value < N, in exactly the bytes of N. */
  isPublic(value: Uint8Array): boolean {
    const number = toNumber(value);
    return value.length === this.#size && number > 0n && number < this.#n;
  }

  /** u = H(PAD(A) ‖ PAD(B)), never zero. */
  scramble(A: Uint8Array, B: Uint8Array): Buffer {
    const u = this.#hash(A, B);
    if (toNumber(u) === 0n) throw new HushError('authentication-failed', 'the exchanged values cancel out');
    return u;
  }

  /** S at the starter: (B − k g^x)^(a + ux). */
  starterSecret(A: Uint8Array, B: Uint8Array, a: Uint8Array, x: Uint8Array): Buffer {
    const base = mod(toNumber(B) - this.#k * toNumber(this.verifier(x)), this.#n);
    const exponent = toNumber(a) + toNumber(this.scramble(A, B)) * toNumber(x);
    return this.#power(this.#pad(base), toBytes(exponent, 72));
  }

  /** S at the answerer: (A v^u)^b. */
  answererSecret(A: Uint8Array, B: Uint8Array, b: Uint8Array, verifier: Uint8Array): Buffer {
    const masked = this.#power(verifier, this.scramble(A, B));
    return this.#power(this.#pad(mod(toNumber(A) * toNumber(masked), this.#n)), b);
  }

  /** K = H(PAD(S)). */
  sessionKey(S: Uint8Array): Buffer {
    if (S.length !== this.#size) throw new InvariantError('an SRP secret is as long as the prime');
    return this.#hash(S);
  }

  #generator(): Buffer {
    return this.#pad(BigInt(this.#parameters.generator));
  }

  /**
   * base^exponent mod N, padded to the bytes of N: a Diffie-Hellman agreement with the peer's key `base`, which OpenSSL computes in constant time.
   * Key objects, since crypto.createDiffieHellman tests the prime anew each time, for 1.5 s.
   */
  #power(base: Uint8Array, exponent: Uint8Array): Buffer {
    try {
      const power = diffieHellman({ publicKey: this.#publicKey(base), privateKey: this.#privateKey(exponent) });
      // Node pads it today; a shorter one would change every hash over it.
      return Buffer.concat([Buffer.alloc(this.#size - power.length), power]);
    } catch (cause) {
      // 0, 1 and N − 1 are refused: no honest run comes to them.
      throw new HushError('authentication-failed', 'the exchanged values are degenerate', { cause });
    }
  }

  /** SubjectPublicKeyInfo of PKCS #3 dhKeyAgreement. */
  #publicKey(value: Uint8Array): KeyObject {
    const key = der(integer(value)).toString('latin1');
    return createPublicKey({ key: der(sequence(this.#algorithm(), asn1.create(asn1.Class.UNIVERSAL, asn1.Type.BITSTRING, false, `\0${key}`))), format: 'der', type: 'spki' });
  }

  /** PKCS #8 PrivateKeyInfo. */
  #privateKey(value: Uint8Array): KeyObject {
    const key = der(integer(value)).toString('latin1');
    const version = integer(Uint8Array.of(0));
    return createPrivateKey({ key: der(sequence(version, this.#algorithm(), asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OCTETSTRING, false, key))), format: 'der', type: 'pkcs8' });
  }

  #algorithm(): forge.asn1.Asn1 {
    const id = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer('1.2.840.113549.1.3.1').getBytes());
    return sequence(id, sequence(integer(this.#parameters.prime), integer(Uint8Array.of(this.#parameters.generator))));
  }

  #hash(...parts: readonly Uint8Array[]): Buffer {
    const hash = createHash(this.#parameters.hash);
    for (const part of parts) hash.update(part);
    return hash.digest();
  }

  #pad(value: bigint): Buffer {
    return toBytes(value, this.#size);
  }
}

/** What M1 and M2 cover beside K: the session, both ends, and every value of the run. */
export interface Transcript {
  /** The exporter value of the TLS session, 32 bytes. */
  readonly channelBinding: Uint8Array;
  /** The binding's H, 32 bytes. */
  readonly bindingHash: Uint8Array;
  readonly starter: string;
  readonly answerer: string;
  readonly salt: Uint8Array;
  readonly A: Uint8Array;
  readonly B: Uint8Array;
}

/** M1: the starter knows the secret. */
export function starterProof(key: Uint8Array, transcript: Transcript): Buffer {
  return proof(key, 'xtls-srp-starter', transcriptBytes(transcript));
}

/** M2: the answerer knows it too. */
export function answererProof(key: Uint8Array, transcript: Transcript, M1: Uint8Array): Buffer {
  return proof(key, 'xtls-srp-answerer', Buffer.concat([transcriptBytes(transcript), fields([M1])]));
}

/** Compares a received proof in constant time. */
export const sameProof = sameBytes;

function proof(key: Uint8Array, label: string, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(label, 'ascii').update(bytes).digest();
}

function transcriptBytes({ channelBinding, bindingHash, starter, answerer, salt, A, B }: Transcript): Buffer {
  return fields([channelBinding, bindingHash, starter, answerer, salt, A, B]);
}

function sequence(...parts: forge.asn1.Asn1[]): forge.asn1.Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, parts);
}

/** A positive INTEGER of as few bytes as it needs. */
function integer(value: Uint8Array): forge.asn1.Asn1 {
  const first = value.findIndex((byte) => byte !== 0);
  const bytes = Buffer.from(first < 0 ? Uint8Array.of(0) : value.subarray(first));
  const sign = (bytes[0] ?? 0) >= 0x80 ? '\0' : '';
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.INTEGER, false, sign + bytes.toString('latin1'));
}

function der(value: forge.asn1.Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
}

function toNumber(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function toBytes(value: bigint, size: number): Buffer {
  const bytes = Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex');
  if (bytes.length !== size) throw new InvariantError('a number does not fit its field');
  return bytes;
}

/** The representative of `value` in 0..n−1. */
function mod(value: bigint, n: bigint): bigint {
  return ((value % n) + n) % n;
}
