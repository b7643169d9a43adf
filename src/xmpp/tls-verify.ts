/**
 * The judgement over a server's certificate: the platform's on the chain, ours on the name, always both.
 * Source: RFC 6120 §13.7.2, RFC 9525, RFC 5280 §6. No revocation list or OCSP is fetched; a list in the secure context is honoured.
 */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Condition } from '../errors.ts';
import { HushError } from '../errors.ts';
import { namesServer, presentedNames } from './server-identity.ts';
import type { PresentedNames } from './server-identity.ts';

export interface Judgement {
  /** DER, leaf first, as the server sent them. */
  readonly chain: readonly Uint8Array[];
  /** Why the certificate is not accepted; undefined: chain and name are good. */
  readonly error: HushError | undefined;
}

/** What OpenSSL calls it → what we call it; all others are 'certificate-untrusted'. */
const chainErrors: ReadonlyMap<string, Condition> = new Map([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'certificate-self-signed'],
  ['CERT_HAS_EXPIRED', 'certificate-expired'],
  ['CERT_NOT_YET_VALID', 'certificate-not-activated'],
  ['CERT_REVOKED', 'certificate-revoked'],
  ['CERT_CHAIN_TOO_LONG', 'certificate-limit-exceeded'],
  ['PATH_LENGTH_EXCEEDED', 'certificate-limit-exceeded'],
  ['CERT_SIGNATURE_FAILURE', 'certificate-invalid'],
  ['UNABLE_TO_DECRYPT_CERT_SIGNATURE', 'certificate-invalid'],
  ['UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY', 'certificate-invalid'],
  ['ERROR_IN_CERT_NOT_BEFORE_FIELD', 'certificate-invalid'],
  ['ERROR_IN_CERT_NOT_AFTER_FIELD', 'certificate-invalid'],
]);

/** What only says when the certificate may be used. The name matters more. */
const timeConditions: ReadonlySet<Condition> = new Set(['certificate-expired', 'certificate-not-activated']);

const minRsaBits = 2048;
const maxChain = 16;
const maxNamesShown = 8;

/** Judges the certificate of a client socket whose handshake is done. To be called once: the platform hands the certificate out once. */
export function judgeServer(socket: TLSSocket, references: readonly string[]): Judgement {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return { chain: [], error: new HushError('certificate-not-provided', 'the server showed no certificate') };
  const chain: X509Certificate[] = [];
  for (let at: X509Certificate | undefined = leaf; at !== undefined && chain.length < maxChain; at = at.issuerCertificate) chain.push(at);
  // With rejectUnauthorized off the platform still verifies, and tells its verdict as a code.
  const code = socket.authorized ? undefined : String(socket.authorizationError);
  return { chain: chain.map(({ raw }) => raw), error: judge(leaf, code, references) };
}

function judge(leaf: X509Certificate, code: string | undefined, references: readonly string[]): HushError | undefined {
  const chain = chainCondition(leaf, code);
  const names = readNames(leaf);
  const wrongName = names instanceof HushError || namesServer(names, references) ? undefined : mismatch(names, references);
  const details = { ...(code !== undefined && { 'debug-message': code }), ...wrongName };
  if (chain !== undefined && !timeConditions.has(chain)) return new HushError(chain, 'the certificate of the server is not accepted', { details });
  if (names instanceof HushError) return names;
  if (wrongName !== undefined) {
    return new HushError('certificate-hostname-mismatch', `the certificate of the server does not name ${references[0] ?? ''}`, { details });
  }
  return chain && new HushError(chain, 'the certificate of the server is not valid at this time', { details });
}

function chainCondition(leaf: X509Certificate, code: string | undefined): Condition | undefined {
  const bits = leaf.publicKey.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < minRsaBits) return 'certificate-insecure';
  if (code === undefined) return undefined;
  // An expired self-signed certificate has expired, says the platform; that nobody vouches for it weighs more.
  return leaf.checkIssued(leaf) ? 'certificate-self-signed' : (chainErrors.get(code) ?? 'certificate-untrusted');
}

function readNames(leaf: X509Certificate): PresentedNames | HushError {
  try {
    return presentedNames(leaf.raw);
  } catch (error) {
    return error instanceof HushError ? error : new HushError('certificate-invalid', 'the certificate cannot be read', { cause: error });
  }
}

/** Details of ConnectionError as the Telepathy specification names them. */
function mismatch({ dns, srv, xmppAddr }: PresentedNames, references: readonly string[]): Record<string, string> {
  const shown = [...dns, ...srv, ...xmppAddr].slice(0, maxNamesShown).join(', ');
  return { 'expected-hostname': references[0] ?? '', 'certificate-hostname': shown.replace(/[^\x20-\x7e]/g, '?') };
}
