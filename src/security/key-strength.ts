/** Which keys are strong enough to stand for somebody, ours and peers'. XTLS profile §2. */
import type { KeyObject } from 'node:crypto';

/** P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits that is not limited to PSS. */
export function isStrong(key: KeyObject): boolean {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      return namedCurve === 'prime256v1' || namedCurve === 'secp384r1';
    case 'ed25519':
      return true;
    case 'rsa':
      return modulusLength >= 2048 && modulusLength <= 4096;
    default:
      return false;
  }
}
