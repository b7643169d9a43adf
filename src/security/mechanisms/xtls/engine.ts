/** TLS 1.3 over a byte stream of ours, both ends authenticated and judged before anything is written inside. XTLS profile §2; RFC 8446, RFC 9266. */
import { Duplex } from 'node:stream';
import { connect, createSecureContext, createServer } from 'node:tls';
import type { SecureContext, SecureContextOptions, TLSSocket } from 'node:tls';
import { HushError, InvariantError, asHushError } from '../../../errors.ts';
import { pemOf } from '../../identity.ts';
import type { Identity } from '../../identity.ts';
import type { PeerVerdict } from './peer-check.ts';

/** Bytes from the peer before the own handshake is done. */
const HANDSHAKE_BYTES = 64 * 1024;
/** Bytes from the peer in one minute that yield no plaintext: key updates, tickets, empty records. */
const IDLE_BYTES = 64 * 1024;
const MINUTE_MS = 60_000;

/** What TLS has shown of the peer when its handshake is done. */
export interface Shown {
  readonly protocol: string | null;
  readonly isResumed: boolean;
  /** DER of the leaf. */
  readonly certificate: Uint8Array | undefined;
}

/** What an accepted handshake leaves. */
export interface Secured {
  readonly verdict: Extract<PeerVerdict, { accepted: true }>;
  /** The exporter value of RFC 9266, 32 bytes: the same at both ends of one TLS session and nowhere else. */
  readonly channelBinding: Buffer;
  /** `tls-version`, `cipher-suite`, `key-agreement`. */
  readonly details: ReadonlyMap<string, string>;
}

export interface EngineHandlers {
  /** The peer was accepted; now, and not before, may something be written inside. */
  secured(secured: Secured): void;
  data(bytes: Buffer): void;
  /** The peer's direction is over, by close_notify or by a cut: TLS in Node does not say which. */
  ended(): void;
  /** Once, the last call. Nothing of ours leaves any more; for bytes that are no TLS OpenSSL has sent its alert. */
  failed(error: HushError): void;
}

export interface EngineOptions {
  /** Carries the TLS bytes. Its errors and its end stay its owner's to handle, too. */
  readonly transport: Duplex;
  readonly role: 'client' | 'server';
  readonly identity: Identity;
  /** Asked inside the handshake: one turn of the event loop later our certificate would be on its way to whoever this is. */
  readonly judge: (shown: Shown) => PeerVerdict;
  readonly handlers: EngineHandlers;
}

export class TlsEngine {
  readonly #handlers: EngineHandlers;
  /** Until it has judged. */
  #judgePeer: EngineOptions['judge'] | undefined;
  readonly #conduit: Conduit;
  #socket: TLSSocket | undefined;
  #state: 'handshake' | 'secured' | 'over' = 'handshake';

  /** Starts the handshake at once. */
  constructor(options: EngineOptions) {
    this.#handlers = options.handlers;
    this.#judgePeer = options.judge;
    this.#conduit = new Conduit(options.transport, {
      ended: () => {
        if (this.#state === 'handshake') this.#fail(new HushError('encryption-error', 'the stream ended inside the handshake'));
      },
      exhausted: () => this.#fail(new HushError('encryption-error', 'the peer sends TLS bytes without end')),
    });
    // There is no chain to judge. What counts is judged by us, in #handshakeDone.
    const common = { rejectUnauthorized: false, allowHalfOpen: true } as const;
    if (options.role === 'client') {
      const socket = connect({ ...common, socket: this.#conduit, secureContext: clientContext(options.identity), checkServerIdentity: () => undefined });
      this.#watch(socket);
      socket.once('secureConnect', () => this.#handshakeDone(socket));
    } else {
      // A server object even for one connection: a bare server-side TLSSocket swallows errors after the handshake.
      const server = createServer({ ...common, ...terms(options.identity), requestCert: true });
      server.once('tlsClientError', (error: unknown) => this.#fail(tlsError(error)));
      server.once('secureConnection', (socket) => {
        this.#watch(socket);
        this.#handshakeDone(socket);
      });
      server.emit('connection', this.#conduit);
    }
  }

  /** Writes plaintext. Only after `secured`. */
  write(bytes: Uint8Array): void {
    if (this.#state === 'secured') this.#socket?.write(bytes);
  }

  /** Writes close_notify after all that was written; resolves when it has been handed to the transport. */
  async end(): Promise<void> {
    if (this.#state !== 'secured') return;
    const flushed = new Promise<void>((resolve) => this.#conduit.once('close', resolve).once('finish', resolve));
    this.#socket?.end();
    await flushed;
  }

  /** Ends it at once: not one byte leaves any more, no alert either. No handler is called again. */
  destroy(): void {
    this.#state = 'over';
    this.#conduit.shut();
    this.#socket?.destroy();
    this.#conduit.destroy();
  }

  #watch(socket: TLSSocket): void {
    this.#socket = socket;
    socket.on('error', (error) => this.#fail(tlsError(error)));
    socket.on('end', () => {
      if (this.#state === 'secured') this.#handlers.ended();
    });
  }

  #handshakeDone(socket: TLSSocket): void {
    if (this.#state !== 'handshake') return;
    const secured = this.#judge(socket);
    if (secured instanceof HushError) {
      this.#fail(secured);
      return;
    }
    this.#state = 'secured';
    this.#conduit.handshakeDone();
    socket.on('data', (bytes: Buffer) => {
      this.#conduit.productive();
      if (this.#state === 'secured') this.#handlers.data(bytes);
    });
    this.#handlers.secured(secured);
  }

  /** Never throws: this runs inside OpenSSL's callback. */
  #judge(socket: TLSSocket): Secured | HushError {
    try {
      const protocol = socket.getProtocol();
      // On the client this works once.
      const certificate = socket.getPeerX509Certificate()?.raw;
      const verdict = this.#judgePeer?.({ protocol, isResumed: socket.isSessionReused(), certificate });
      this.#judgePeer = undefined;
      if (verdict === undefined) throw new InvariantError('a peer is judged once');
      if (!verdict.accepted) return verdict.error;
      const details = new Map([['tls-version', protocol ?? '']]);
      details.set('cipher-suite', socket.getCipher().standardName);
      const agreement = socket.getEphemeralKeyInfo();
      if (agreement !== null && 'name' in agreement && agreement.name !== undefined) details.set('key-agreement', agreement.name);
      return { verdict, channelBinding: socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)), details };
    } catch (error) {
      return asHushError(error);
    }
  }

  #fail(error: HushError): void {
    if (this.#state === 'over') return;
    this.destroy();
    this.#handlers.failed(error);
  }
}

/** What we hold to in TLS, whichever end we are. */
function terms(identity: Identity): SecureContextOptions {
  return {
    ...pemOf(identity),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384',
    ecdhCurve: 'X25519:P-256',
  };
}

const clientContexts = new WeakMap<Identity, SecureContext>();

/**
 * One for all sessions in which this identity is the client: it keeps nothing of them, for sessions are never offered, and it is a seventh of what a session takes.
 * A server's is made afresh each time, with keys of its own for the tickets that OpenSSL hands out, so that none is good for another session.
 */
function clientContext(identity: Identity): SecureContext {
  const known = clientContexts.get(identity);
  if (known !== undefined) return known;
  const context = createSecureContext(terms(identity));
  clientContexts.set(identity, context);
  return context;
}

function tlsError(error: unknown): HushError {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return new HushError('encryption-error', `TLS failed${code === '' ? '' : ` (${code})`}`, { cause: error });
}

interface ConduitWatch {
  readonly ended: () => void;
  /** Too many bytes came for nothing. */
  readonly exhausted: () => void;
}

/** The stream that node:tls sees: passes bytes on, counts them, and can be shut so that nothing leaves any more. */
class Conduit extends Duplex {
  readonly #transport: Duplex;
  readonly #watch: ConduitWatch;
  #isHandshakeDone = false;
  /** Bytes that came since the last plaintext, or since this minute began. */
  #unproductive = 0;
  #since = performance.now();
  #isShut = false;

  constructor(transport: Duplex, watch: ConduitWatch) {
    super({ allowHalfOpen: true });
    this.#transport = transport;
    this.#watch = watch;
    this.on('error', () => undefined);
    transport.on('data', (bytes: Buffer) => this.#receive(bytes));
    transport.once('end', () => {
      this.push(null);
      watch.ended();
    });
  }

  /** From now on what comes without plaintext is counted by the minute. */
  handshakeDone(): void {
    this.#isHandshakeDone = true;
    this.#unproductive = 0;
    this.#since = performance.now();
  }

  /** Plaintext came of what was received. */
  productive(): void {
    this.#unproductive = 0;
  }

  shut(): void {
    this.#isShut = true;
  }

  override _read(): void {
    this.#transport.resume();
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    if (this.#isShut) {
      done();
      return;
    }
    this.#transport.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  #receive(bytes: Buffer): void {
    if (this.#isShut) return;
    const now = performance.now();
    if (this.#isHandshakeDone && now - this.#since > MINUTE_MS) {
      this.#since = now;
      this.#unproductive = 0;
    }
    // The bytes at hand may yet yield plaintext: after the handshake those before them count.
    const spent = this.#unproductive + (this.#isHandshakeDone ? 0 : bytes.length);
    this.#unproductive += bytes.length;
    if (spent > (this.#isHandshakeDone ? IDLE_BYTES : HANDSHAKE_BYTES)) this.#watch.exhausted();
    else if (!this.push(bytes)) this.#transport.pause();
  }
}
