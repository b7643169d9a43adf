/** The one judgement over a peer's certificate, made inside the TLS handler before the event loop turns. XTLS profile §2. */
import { HushError } from '../../../errors.ts';
import type { Condition } from '../../../errors.ts';
import { bareOf, isFull, tryJid } from '../../../xmpp/jid.ts';
import type { BareJid } from '../../../xmpp/jid.ts';
import { isStrong } from '../../key-strength.ts';
import type { KeyVerdict, PresentedKey } from '../../mechanism.ts';
import { sameBytes } from './bytes.ts';
import { readCertificate } from './certificate.ts';
import type { PeerCertificate } from './certificate.ts';
import { matchesFingerprint } from './fingerprint.ts';

/** What TLS has shown, and what is expected. */
export interface Presented {
  /** As TLSSocket.getProtocol says it. */
  readonly protocol: string | null;
  readonly isResumed: boolean;
  /** DER of the peer's leaf certificate. */
  readonly certificate: Uint8Array | undefined;
  readonly ownSpki: Uint8Array;
  readonly peer: BareJid;
  /** Anonymous mode: neither the address nor a pin is looked at. */
  readonly isAnonymous: boolean;
  readonly now: Date;
  /** The pins. */
  readonly judgeKey: (key: PresentedKey) => KeyVerdict;
  /** SHA fingerprints of the certificate that were signalled, as bytes (draft-only peers). */
  readonly fingerprints: readonly Uint8Array[];
}

export type PeerVerdict =
  | { readonly accepted: true; readonly certificate: PeerCertificate; readonly key: Extract<KeyVerdict, { accepted: true }> }
  | { readonly accepted: false; readonly error: HushError };

/** Judges. Total: whatever a peer presents, a verdict comes back. */
export function checkPeer(presented: Presented): PeerVerdict {
  try {
    return judge(presented);
  } catch (cause) {
    const error = cause instanceof HushError && cause.condition !== 'invalid-data' ? cause : new HushError('certificate-invalid', 'the certificate cannot be read', { cause });
    return { accepted: false, error };
  }
}

function judge(presented: Presented): PeerVerdict {
  if (presented.protocol !== 'TLSv1.3') fail('encryption-error', 'the protocol is not TLS 1.3');
  if (presented.isResumed) fail('encryption-error', 'the peer resumed a session');
  if (presented.certificate === undefined) fail('certificate-not-provided', 'the peer presented no certificate');
  const certificate = readCertificate(presented.certificate);
  if (sameBytes(certificate.spki, presented.ownSpki)) fail('certificate-invalid', 'the peer presented our own key');
  if (!presented.isAnonymous && !certificate.xmppAddrs.some((address) => names(address, presented.peer))) {
    fail('certificate-hostname-mismatch', 'the certificate does not name the contact');
  }
  if (!isStrong(certificate.publicKey)) fail('certificate-insecure', 'the key of the certificate is of no accepted kind');
  if (certificate.signatureHash === 'other') fail('certificate-insecure', 'the certificate is signed with no accepted hash');
  if (presented.now < certificate.notBefore) fail('certificate-not-activated', 'the certificate is not valid yet');
  if (presented.now > certificate.notAfter) fail('certificate-expired', 'the certificate has expired');
  if (!presented.fingerprints.every((fingerprint) => matchesFingerprint(fingerprint, certificate.der))) {
    fail('certificate-fingerprint-mismatch', 'the certificate is not the one that was signalled');
  }
  if (presented.isAnonymous) return { accepted: true, certificate, key: { accepted: true, pinned: false, verifiedBy: undefined } };
  const key = presented.judgeKey({ spki: certificate.spki, certificate: certificate.der });
  return key.accepted ? { accepted: true, certificate, key } : key;
}

function fail(condition: Condition, message: string): never {
  throw new HushError(condition, message);
}

/** Whether an XmppAddr is the contact's bare JID, after preparation. */
function names(address: string, peer: BareJid): boolean {
  const jid = tryJid(address);
  return jid !== undefined && !isFull(jid) && bareOf(jid) === peer;
}
