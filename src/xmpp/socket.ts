/** TCP and TLS to a server. Source: RFC 6120 §3, §5.3; RFC 8305; XEP-0368; RFC 9266. */
import net from 'node:net';
import tls from 'node:tls';
import type { Condition } from '../errors.ts';
import { HushError } from '../errors.ts';
import { toDnsName } from './domain-name.ts';
import { endPointHash } from './end-point.ts';
import type { Target } from './srv.ts';

/** Milliseconds for one place to accept a TCP connection, and for one handshake. */
const connectMs = 10_000;
const handshakeMs = 10_000;
/** Milliseconds before the next address of a name gets its chance. */
const nextAddressMs = 1_000;

/** Connects to one place, its addresses in turn. Rejects with 'network-error', 'connection-refused', or the signal's reason. */
export async function connectTcp(target: Target, signal: AbortSignal): Promise<net.Socket> {
  const socket = net.connect({ host: target.host, port: target.port, noDelay: true, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: nextAddressMs });
  try {
    await settled(socket, 'connect', { ms: connectMs, signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error instanceof HushError ? error : networkError(error, `${target.host}:${target.port}`);
  }
}

export interface TlsOptions {
  /** The name sent in the handshake (SNI). */
  readonly domain: string;
  /** TLS from the first byte on: the protocol is named in the handshake. XEP-0368 §3 */
  readonly isDirect: boolean;
  readonly context: tls.SecureContext;
  readonly signal: AbortSignal;
}

/**
 * Runs the handshake on a connected socket, whose bytes belong to TLS from this call on. The certificate is not judged here.
 * Rejects with 'encryption-error', 'certificate-…', 'network-error' or the signal's reason; the socket is destroyed then.
 */
export async function upgradeToTls(socket: net.Socket, options: TlsOptions): Promise<tls.TLSSocket> {
  const servername = toDnsName(options.domain);
  const secured = tls.connect({
    socket,
    secureContext: options.context,
    rejectUnauthorized: false,
    // Left out so that `authorizationError` speaks of the chain only: the name is judged by us in any case.
    checkServerIdentity: () => undefined,
    ...(servername !== undefined && net.isIP(servername) === 0 && { servername }),
    ...(options.isDirect && { ALPNProtocols: ['xmpp-client'] }),
  });
  try {
    await settled(secured, 'secureConnect', { ms: handshakeMs, signal: options.signal });
    return secured;
  } catch (error) {
    secured.destroy();
    throw error instanceof HushError ? error : handshakeError(error);
  }
}

/** Waits for `event`, an error, the end of the socket, the limit or the signal. An error that comes later has found a listener. */
function settled(socket: net.Socket, event: string, { ms, signal }: { ms: number; signal: AbortSignal }): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(new HushError('network-error', `no answer within ${ms / 1000} s`)), ms);
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off(event, onEvent).off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onEvent = (): void => finish();
    const onClose = (): void => finish(new HushError('network-error', 'the server closed the connection'));
    const onAbort = (): void => finish(signal.reason as HushError);
    socket.on('error', finish).once(event, onEvent).once('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** A failure of name look-up or TCP as one of ours. */
export function networkError(error: unknown, place: string): HushError {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const condition: Condition = code === 'ECONNREFUSED' ? 'connection-refused' : 'network-error';
  return new HushError(condition, `cannot connect to ${place}`, { cause: error, details: { 'debug-message': code } });
}

/** A failed handshake: of the network where the connection went away, of the certificate where OpenSSL finds it too weak, else of the encryption. */
function handshakeError(error: unknown): HushError {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const details = { 'debug-message': code };
  if (['ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes(code)) return new HushError('network-error', 'the connection went away in the TLS handshake', { cause: error, details });
  if (code.endsWith('KEY_TOO_SMALL') || code.endsWith('MD_TOO_WEAK')) return new HushError('certificate-insecure', 'the certificate of the server is too weak', { cause: error, details });
  if (code.endsWith('EXCESSIVE_MESSAGE_SIZE')) return new HushError('certificate-limit-exceeded', 'the certificate of the server is too large', { cause: error, details });
  return new HushError('encryption-error', 'the TLS handshake with the server failed', { cause: error, details });
}

/** Certificates in PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Options of tls.createSecureContext that say whom to trust: `ca`, `crl`. */
export type Authorities = Pick<tls.SecureContextOptions, 'ca' | 'crl'>;

let shared: tls.SecureContext | undefined;

/**
 * What the handshakes of an account start from. Trusted are, unless `authorities` says otherwise, Node's own roots, those of NODE_EXTRA_CA_CERTS and,
 * from Node 22.15 on, the system's; Node 20 cannot read the system's store.
 */
export function secureContext(options: { authorities?: Authorities | undefined; clientCertificate?: ClientCertificate | undefined }): tls.SecureContext {
  const create = (): tls.SecureContext => tls.createSecureContext({ minVersion: 'TLSv1.2', ...(options.authorities ?? systemAuthorities()), ...options.clientCertificate });
  if (options.authorities !== undefined || options.clientCertificate !== undefined) return create();
  return (shared ??= create());
}

function systemAuthorities(): Authorities {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default' | 'system') => string[] };
  return getCACertificates === undefined ? {} : { ca: [...new Set([...getCACertificates('default'), ...getCACertificates('system')])] };
}

/** Bytes that the two ends of one TLS connection have, and nobody between them, by the name of the channel binding. */
export interface ChannelBindings {
  /** RFC 9266 §2 */
  readonly 'tls-exporter': Uint8Array;
  /** The client's Finished message. RFC 5929 §3; RFC 9266 leaves it undefined for TLS 1.3, where it is as unique, and servers without tls-exporter use it. */
  readonly 'tls-unique': Uint8Array;
  /** A hash of the server's certificate, for a server behind something that ends TLS for it. Undefined for a signature that goes with no one hash. RFC 5929 §4 */
  readonly 'tls-server-end-point': Uint8Array | undefined;
}

/** `certificate`: the server's own, in DER. Undefined below TLS 1.3, where not all are sure to be unique. To be called once, right after the handshake. */
export function channelBindings(socket: tls.TLSSocket, certificate: Uint8Array | undefined): ChannelBindings | undefined {
  const finished = socket.getFinished();
  if (socket.getProtocol() !== 'TLSv1.3' || finished === undefined) return undefined;
  return {
    'tls-exporter': socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)),
    'tls-unique': finished,
    'tls-server-end-point': certificate && endPointHash(certificate),
  };
}
