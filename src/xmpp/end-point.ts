/** What a login can be bound to where TLS ends before the server: a hash of its certificate. Source: RFC 5929 §4.1; algorithms: RFC 3279, RFC 4055, RFC 5758. */
import { createHash } from 'node:crypto';
import { HushError } from '../errors.ts';
import { readDer } from './der.ts';

/** Contents octets of a signature algorithm, in hexadecimal → the hash to use: that of the signature, but none weaker than SHA-256. */
const hashes: ReadonlyMap<string, 'sha256' | 'sha384' | 'sha512'> = new Map([
  // RSA with MD5, SHA-1, SHA-256, SHA-384, SHA-512.
  ['2a864886f70d010104', 'sha256'],
  ['2a864886f70d010105', 'sha256'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  // ECDSA with SHA-1, SHA-256, SHA-384, SHA-512.
  ['2a8648ce3d0401', 'sha256'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
]);

/** For a certificate in DER; undefined where it is signed in another way, which has no one hash to use, or cannot be read. Total. */
export function endPointHash(certificate: Uint8Array): Uint8Array | undefined {
  const id = signatureAlgorithm(certificate);
  const hash = id && hashes.get(Buffer.from(id).toString('hex'));
  return hash && createHash(hash).update(certificate).digest();
}

function signatureAlgorithm(certificate: Uint8Array): Uint8Array | undefined {
  try {
    const [outer] = readDer(certificate);
    const algorithm = outer && readDer(outer.content)[1];
    return algorithm && readDer(algorithm.content)[0]?.content;
  } catch (error) {
    if (error instanceof HushError) return undefined;
    throw error;
  }
}
