/** What a session writes down about itself when it becomes secure, for the claims. Contract: Channel.Interface.Securable §1. */
import type { KeyObject } from 'node:crypto';
import { fingerprintOf } from '../../fingerprint.ts';
import type { Facts } from '../../properties.ts';
import type { Content } from './content.ts';
import type { Secured } from './engine.ts';

/** Before anything is proved. */
export function noFacts(isAnonymous: boolean): Facts {
  return {
    kind: isAnonymous ? 'xtls-anonymous' : 'xtls-identity',
    secured: false,
    verifiedBy: undefined,
    keyPinned: false,
    signalledKeyMatched: false,
    fingerprintSignalled: false,
    bindingAgreed: false,
  };
}

/** What holds of a secure session. `ours` and `theirs` are the contents as signalled; that it is secure proves that binding and reveal were right. */
export function factsOf(ours: Content, theirs: Content, { verdict }: Secured): Facts {
  const { profile } = theirs;
  return {
    kind: profile?.mode === 'anonymous' ? 'xtls-anonymous' : 'xtls-identity',
    secured: true,
    verifiedBy: verdict.key.verifiedBy,
    keyPinned: verdict.key.pinned,
    // Committed to and revealed; or a fingerprint, each of which was compared with the certificate.
    signalledKeyMatched: profile === undefined ? theirs.fingerprints.length > 0 : profile.commitment !== '',
    // Whoever sent it, and whether or not it was looked at.
    fingerprintSignalled: ours.fingerprints.length > 0 || theirs.fingerprints.length > 0,
    bindingAgreed: profile !== undefined,
  };
}

/** `Securable.Details`, for experts. A throw-away key is not named: nobody will ever see it again. */
export function detailsOf({ verdict, details }: Secured, isAnonymous: boolean): ReadonlyMap<string, string> {
  const { certificate } = verdict;
  return new Map([...details, ['peer-key-type', keyType(certificate.publicKey)], ...(isAnonymous ? [] : [['peer-fingerprint', fingerprintOf(certificate.spki)] as const])]);
}

const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384' };

function keyType({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const { namedCurve, modulusLength } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ec') return curves[namedCurve ?? ''] ?? 'EC';
  return asymmetricKeyType === 'rsa' ? `RSA-${modulusLength ?? 0}` : 'Ed25519';
}
