import { createHash, generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { endPointHash } from '../../src/xmpp/end-point.ts';
import { algorithms, certificate } from '../security/mechanisms/xtls/certificates.ts';
import type { Shape } from '../security/mechanisms/xtls/certificates.ts';

// RFC 5929 §4.1: the hash of the signature, SHA-256 in place of weaker ones, none where the signature goes with no one hash.
test.each<[string, Shape, string | undefined]>([
  ['ECDSA with SHA-1', { algorithm: algorithms.ecdsaSha1, hash: 'sha1' }, 'sha256'],
  ['ECDSA with SHA-384', { algorithm: algorithms.ecdsaSha384, hash: 'sha384' }, 'sha384'],
  ['RSA with SHA-256', { key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, algorithm: algorithms.rsaSha256 }, 'sha256'],
  ['Ed25519', { key: generateKeyPairSync('ed25519').privateKey, algorithm: algorithms.ed25519, hash: null }, undefined],
  ['RSA-PSS', { key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, algorithm: algorithms.pssSha256 }, undefined],
])('a certificate signed by %s', (_, shape, hash) => {
  const der = certificate(shape);
  expect(endPointHash(der)).toEqual(hash && createHash(hash).update(der).digest());
});

test.each(['', '30', '3000', '30800000', '0500', '300430003000'])('what is no certificate has none: %j', (hex) => {
  expect(endPointHash(Buffer.from(hex, 'hex'))).toBeUndefined();
});
