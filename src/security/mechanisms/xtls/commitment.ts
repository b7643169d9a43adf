/** The commitment: a key hidden in the signalling, shown to fit inside the session. XTLS profile §1 and §3. */
import { randomBytes } from 'node:crypto';
import { decodeBase64 } from '../../../xmpp/base64.ts';
import { sameBytes, sha256 } from './bytes.ts';

/** Bytes of a salt, and of the hash. */
const SIZE = 32;

/** One side's commitment to the key of its certificate. */
export interface Commitment {
  /** base64 of SHA-256(salt ‖ SPKI), 44 characters: what is signalled. */
  readonly text: string;
  /** 32 bytes, for one session and one side; revealed inside. */
  readonly salt: Uint8Array;
}

/** Commits to the DER SubjectPublicKeyInfo of the certificate that this side will present. */
export function commit(spki: Uint8Array, salt: Uint8Array = randomBytes(SIZE)): Commitment {
  return { text: sha256(salt, spki).toString('base64'), salt };
}

/** Whether a signalled text has the form of a commitment. */
export function isCommitment(text: string): boolean {
  return decodeBase64(text, SIZE)?.length === SIZE;
}

/** The salt in the text of a `<reveal/>`; undefined unless it is canonical base64 of 32 bytes. */
export function readSalt(text: string): Uint8Array | undefined {
  const salt = decodeBase64(text, SIZE);
  return salt?.length === SIZE ? salt : undefined;
}

/** Whether `salt` opens the commitment as it was signalled to the key that TLS has shown. */
export function opens(commitment: string, salt: Uint8Array, spki: Uint8Array): boolean {
  const signalled = decodeBase64(commitment, SIZE);
  return signalled !== undefined && sameBytes(signalled, sha256(salt, spki));
}
