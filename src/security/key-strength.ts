/** Which keys are strong enough to stand for somebody, ours and peers'. XTLS profile §2; FIPS 186-5 §5.1. */
import type { KeyObject } from 'node:crypto';

/** With a smaller exponent than this (1 above all) a signature can be made without the key; one beyond 64 bits only costs time. */
const exponents = { least: 65_537n, most: 2n ** 64n } as const;

/** P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits with an ordinary exponent that is not limited to PSS. */
export function isStrong(key: KeyObject): boolean {
  const { namedCurve, modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      return namedCurve === 'prime256v1' || namedCurve === 'secp384r1';
    case 'ed25519':
      return true;
    case 'rsa':
      return modulusLength >= 2048 && modulusLength <= 4096 && publicExponent >= exponents.least && publicExponent < exponents.most && publicExponent % 2n === 1n;
    default:
      return false;
  }
}
