/** SCRAM, the client's side, with and without channel binding, and with the server's proof checked. Source: RFC 5802, RFC 7677, RFC 9266. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { HushError } from '../errors.ts';
import { decodeBase64 } from './base64.ts';
import { saslprep } from './saslprep.ts';

export type ScramHash = 'sha1' | 'sha256' | 'sha512';

export interface ScramOptions {
  readonly hash: ScramHash;
  /** The local part of the account. */
  readonly username: string;
  readonly password: string;
  /**
   * `bound`: the mechanism is a -PLUS one, with these bytes of this type. `unoffered`: we could bind, the server offers no -PLUS mechanism.
   * `unable`: this connection has nothing to bind to. RFC 5802 §6
   */
  readonly binding: { readonly kind: 'bound'; readonly type: string; readonly data: Uint8Array } | { readonly kind: 'unoffered' } | { readonly kind: 'unable' };
  /** Tests only; otherwise 24 random bytes. */
  readonly nonce?: string;
}

/** Rounds of PBKDF2. Fewer make the password cheap to guess (RFC 7677 §4); more keep the processor busy for seconds. */
const rounds = { min: 4096, max: 1_000_000 };
const maxSalt = 1024;
const maxMessage = 8192;
const digestBytes = { sha1: 20, sha256: 32, sha512: 64 } as const;

type State =
  | { readonly kind: 'waiting-for-challenge' }
  | { readonly kind: 'waiting-for-proof'; readonly signature: Buffer }
  | { readonly kind: 'proved' };

export class Scram {
  readonly #options: ScramOptions;
  readonly #nonce: string;
  readonly #firstBare: string;
  readonly #header: string;
  #state: State = { kind: 'waiting-for-challenge' };

  constructor(options: ScramOptions) {
    this.#options = options;
    this.#nonce = options.nonce ?? randomBytes(24).toString('base64');
    this.#header = gs2Header(options.binding);
    this.#firstBare = `n=${options.username.replace(/=/g, '=3D').replace(/,/g, '=2C')},r=${this.#nonce}`;
  }

  /** The client-first-message. */
  initial(): Buffer {
    return Buffer.from(this.#header + this.#firstBare);
  }

  /** Answers a challenge: the first with our proof, one that holds the server's proof with nothing. Throws HushError('authentication-failed'). */
  async respond(challenge: Uint8Array): Promise<Buffer> {
    const message = textOf(challenge);
    if (this.#state.kind === 'waiting-for-challenge') return this.#prove(message);
    this.#checkProof(message);
    return Buffer.alloc(0);
  }

  /** To be called with the data of the server's success, before anything else is believed. Throws HushError('authentication-failed') unless it has proved that it knows the password. */
  succeeded(data: Uint8Array): void {
    if (this.#state.kind === 'waiting-for-proof') this.#checkProof(textOf(data));
    else if (this.#state.kind !== 'proved' || data.length > 0) fail('the server reports success out of turn');
  }

  async #prove(serverFirst: string): Promise<Buffer> {
    const { hash, password, binding } = this.#options;
    const { nonce, salt, iterations } = readServerFirst(serverFirst, this.#nonce);
    const bindingInput = Buffer.concat([Buffer.from(this.#header), binding.kind === 'bound' ? binding.data : Buffer.alloc(0)]);
    const withoutProof = `c=${bindingInput.toString('base64')},r=${nonce}`;
    const authMessage = `${this.#firstBare},${serverFirst},${withoutProof}`;

    const hmac = (key: Uint8Array, text: string): Buffer => createHmac(hash, key).update(text).digest();
    const salted = await promisify(pbkdf2)(saslprep(password), salt, iterations, digestBytes[hash], hash);
    const clientKey = hmac(salted, 'Client Key');
    const signature = hmac(createHash(hash).update(clientKey).digest(), authMessage);
    const proof = clientKey.map((byte, i) => byte ^ (signature[i] ?? 0));
    this.#state = { kind: 'waiting-for-proof', signature: hmac(hmac(salted, 'Server Key'), authMessage) };
    return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`);
  }

  #checkProof(serverFinal: string): void {
    const state = this.#state;
    if (state.kind !== 'waiting-for-proof') fail('the server sends more than the mechanism has');
    const first = serverFinal.split(',')[0] ?? '';
    if (first.startsWith('e=')) fail('the server rejects the login');
    const claimed = first.startsWith('v=') ? decodeBase64(first.slice(2), maxMessage) : undefined;
    if (claimed?.length !== state.signature.length || !timingSafeEqual(claimed, state.signature)) fail('the server does not prove that it knows the password');
    this.#state = { kind: 'proved' };
  }
}

function gs2Header(binding: ScramOptions['binding']): string {
  if (binding.kind === 'bound') return `p=${binding.type},,`;
  return binding.kind === 'unoffered' ? 'y,,' : 'n,,';
}

/** `r=…,s=…,i=…` in this order, extensions after it; a mandatory extension (`m=`) is one we do not know. RFC 5802 §7 */
function readServerFirst(message: string, ownNonce: string): { nonce: string; salt: Buffer; iterations: number } {
  const [r = '', s = '', i = '', ...extensions] = message.split(',');
  const salt = s.startsWith('s=') ? decodeBase64(s.slice(2), maxSalt) : undefined;
  const isWellFormed = /^r=[\x21-\x2b\x2d-\x7e]+$/.test(r) && /^i=[1-9][0-9]{0,9}$/.test(i) && extensions.every((extension) => /^[A-Za-z]=./su.test(extension) && !/^[rsim]=/.test(extension));
  if (!isWellFormed || salt === undefined || salt.length === 0) fail('the challenge of the server is malformed or asks for an unknown extension');
  const nonce = r.slice(2);
  if (!nonce.startsWith(ownNonce) || nonce.length === ownNonce.length) fail('the server does not extend our nonce');
  const iterations = Number(i.slice(2));
  if (iterations < rounds.min || iterations > rounds.max) fail(`the server asks for ${iterations} rounds, allowed are ${rounds.min} to ${rounds.max}`);
  return { nonce, salt, iterations };
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length > maxMessage) fail('a message of the server is too long');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new HushError('authentication-failed', 'a message of the server is not UTF-8', { cause: error });
  }
}

function fail(message: string): never {
  throw new HushError('authentication-failed', message);
}
