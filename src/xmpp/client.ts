/** One account's stream: login, order, loss and return, end. Source: RFC 6120, XEP-0198, XEP-0199. No reconnection but resumption: a stream that cannot be resumed ends. */
import type { SecureContext } from 'node:tls';
import { asHushError, HushError, InvariantError } from '../errors.ts';
import type { Log } from '../log.ts';
import { bindResource } from './bind.ts';
import type { ClientEvents, ClientOptions, Surroundings } from './client-options.ts';
import { child, namespaceOf, ns, serialize, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import { IqCaller } from './iq.ts';
import { domainOf } from './jid.ts';
import type { BareJid, FullJid } from './jid.ts';
import { Keepalive } from './keepalive.ts';
import { logIn, sameAs } from './login.ts';
import type { Login, LoginOptions } from './login.ts';
import { retry } from './retry.ts';
import { Router } from './router.ts';
import type { MechanismMemory } from './sasl.ts';
import type { Session } from './session.ts';
import { secureContext } from './socket.ts';
import { findTargets, resolveSrv } from './srv.ts';
import type { StreamEnd, XmlStream } from './stream.ts';
import { SM, StreamManagement } from './xep0198-stream-management.ts';

export type { ClientEvents, ClientOptions, Surroundings } from './client-options.ts';
export type { CertificateProblem } from './login.ts';
export type { Credential, CredentialRequest } from './sasl.ts';

type State = 'new' | 'connecting' | 'online' | 'suspended' | 'closing' | 'closed';

const transitions: Readonly<Record<State, readonly State[]>> = {
  new: ['connecting', 'closed'],
  connecting: ['online', 'closed'],
  online: ['suspended', 'closing', 'closed'],
  suspended: ['online', 'closed'],
  closing: ['closed'],
  closed: [],
};

/** Bytes that may wait for a server that does not read. */
const maxUnsentBytes = 8 * 1024 * 1024;
/** Milliseconds for the first answer on a stream that was resumed. */
const maxSilenceMs = 10_000;
/** Failures after which another try to resume makes sense. */
const passing: ReadonlySet<string> = new Set(['network-error', 'connection-refused', 'connection-lost', 'service-busy']);

/** The strongest login of each account in this process. */
const strongest: MechanismMemory = new Map();

export class XmppClient implements Session {
  readonly account: BareJid;
  readonly domain: BareJid;
  readonly log: Log;
  readonly router: Router;
  readonly iq: IqCaller;
  readonly events: Emitter<ClientEvents>;

  readonly #options: ClientOptions;
  readonly #surroundings: Surroundings;
  readonly #management: StreamManagement;
  /** Aborts logins and waiting. */
  readonly #ending = new AbortController();
  #context: SecureContext | undefined;
  #state: State = 'new';
  #stream: XmlStream | undefined;
  #login: Login | undefined;
  #jid: FullJid | undefined;
  #keepalive: Keepalive | undefined;
  #holds = 0;
  #closing: Promise<void> | undefined;

  constructor(options: ClientOptions, surroundings: Surroundings = {}) {
    this.account = options.account;
    this.domain = domainOf(options.account);
    this.log = options.log;
    this.#options = options;
    this.#surroundings = surroundings;
    this.events = new Emitter(options.log);
    const own = { account: this.account, jid: () => this.#jid, send: (stanza: Element, along?: boolean) => this.send(stanza, along), log: options.log };
    this.iq = new IqCaller(own);
    this.router = new Router({ ...own, iq: this.iq });
    this.router.onPressure = (isHigh) => (isHigh ? this.pause() : this.resume());
    this.#management = new StreamManagement({
      send: (element) => this.sendNonza(element),
      delivered: (stanza) => this.events.emit('delivered', stanza),
      resumed: (unacknowledged) => this.#returned(unacknowledged),
      resumeFailed: () => this.#end(new HushError('connection-lost', 'the server has forgotten the stream')),
    });
  }

  /** The bound address. InvariantError before `connect` has resolved. */
  get jid(): FullJid {
    if (this.#jid === undefined) throw new InvariantError('there is no full JID before the resource is bound');
    return this.#jid;
  }

  get isEncrypted(): boolean {
    return this.#stream?.isEncrypted ?? false;
  }

  /** Whether the server proved by its certificate that it is the account's: chain and name, without anybody's indulgence. */
  get isVerified(): boolean {
    return this.isEncrypted && this.#login !== undefined && this.#login.acceptedLeaf === undefined;
  }

  /** The features of the authenticated stream. */
  serverFeatures(): Element | undefined {
    return this.#login?.features;
  }

  /** To be called once. Resolves when the resource is bound. Rejects with a HushError: 'network-error', 'connection-refused', 'authentication-failed', 'encryption-…', 'certificate-…', 'already-connected', 'cancelled' and others; with its details. */
  async connect(signal: AbortSignal): Promise<void> {
    this.#move('connecting');
    try {
      await logIn(this.#loginOptions(), AbortSignal.any([signal, this.#ending.signal]), (login) => this.#bind(login));
    } catch (error) {
      this.#end(undefined);
      throw asHushError(error);
    }
  }

  /** The connection is lost, and the stream may come back. */
  get isSuspended(): boolean {
    return this.#state === 'suspended';
  }

  /** While the connection is lost: what was sent and may never arrive, in order. Else nothing. */
  get stranded(): readonly Element[] {
    return this.#state === 'suspended' ? this.#management.unconfirmed : [];
  }

  /** Sends a stanza in order; without a connection it waits for its return. Throws 'disconnected' before the stream is up and after its end, 'service-busy' when the server takes nothing. Messages of conversations come from security/gate.ts only. */
  send(stanza: Element, along = false): void {
    if (this.#state !== 'online' && this.#state !== 'suspended') throw new HushError('disconnected', 'there is no stream');
    if (!this.#management.hasRoom || (this.#stream?.unsentBytes ?? 0) > maxUnsentBytes) throw new HushError('service-busy', 'the server does not take what is sent');
    const stream = this.#state === 'online' ? this.#stream : undefined;
    this.#management.sent(stanza, stream?.send(stanza, along) ?? serialize(stanza).length);
  }

  /** Sends an element that is no stanza and is not worth keeping: nothing happens without a connection. */
  sendNonza(element: Element): void {
    if (this.#state === 'online' || this.#state === 'closing') this.#stream?.send(element);
  }

  /** Stops reading until as many `resume` have come; the server then waits, too. */
  pause(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.#stream?.pause();
  }

  resume(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#stream?.resume();
  }

  /** Ends the stream at once; resolves when the server has closed its side, or after 5 s. During a login it ends that. May be called again. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#state === 'online' && this.#stream !== undefined) {
      this.#management.acknowledge();
      if (this.#management.isOn) this.#management.ask();
      this.#move('closing');
      this.#keepalive?.stop();
      await this.#stream.close(this.#surroundings.closeMs ?? 5_000);
    }
    this.#ending.abort(new HushError('cancelled', 'the connection is closed'));
    if (this.#state === 'suspended') this.#end(undefined);
  }

  #move(to: State): void {
    if (!transitions[this.#state].includes(to)) throw new InvariantError(`a stream that is ${this.#state} cannot become ${to}`);
    this.#state = to;
  }

  /** For the first login; for those after it, with what the first one used. */
  #loginOptions(): LoginOptions {
    const { account, requireEncryption, referenceIdentities, clientCertificate, log } = this.#options;
    this.#context ??= secureContext({ authorities: this.#surroundings.authorities, clientCertificate });
    return {
      account,
      findTargets: (signal) => findTargets(this.domain, this.#options, { resolveSrv: this.#surroundings.resolveSrv ?? resolveSrv, signal, log }),
      requireEncryption: requireEncryption || this.isEncrypted,
      referenceIdentities,
      context: this.#context,
      hasClientCertificate: clientCertificate !== undefined,
      credentials: (request) => this.#options.credentials(request),
      judgeCertificate: (problem) => this.#options.judgeCertificate(problem),
      ...(this.#login && sameAs(this.#login)),
      strongest: this.#surroundings.strongest ?? strongest,
      limitMs: this.#surroundings.loginMs ?? 30_000,
      dripMs: this.#surroundings.dripMs,
      log,
    };
  }

  async #bind(login: Login): Promise<void> {
    const { stream, features, credential } = login;
    this.events.emit('authenticated');
    const offersManagement = child(features, 'sm', SM) !== undefined;
    // A conversation that somebody else led cannot be repeated on the way back.
    const afterwards = offersManagement ? this.#management.enable(credential?.kind !== 'mechanism') : undefined;
    this.#jid = await bindResource(stream, features, { account: this.account, resource: this.#options.resource, afterwards });
    this.#adopt(login);
    this.#move('online');
    this.#watch();
    stream.flow({ element: (element) => this.#arrived(element), ended: (end) => this.#streamEnded(end) });
  }

  #adopt(login: Login): void {
    this.#login = login;
    this.#stream = login.stream;
    if (this.#holds > 0) login.stream.pause();
  }

  #watch(): void {
    const stream = this.#stream;
    this.#keepalive = new Keepalive({
      seconds: this.#options.keepaliveSeconds,
      lastReceived: () => stream?.lastReceived ?? 0,
      isPaused: () => this.#holds > 0,
      probe: () => this.#probe(),
      dead: () => stream?.destroy(new HushError('connection-lost', 'the server gives no sign of life'), 'lost'),
    });
  }

  /** Any answer will do, an error too. */
  #probe(): void {
    if (this.#management.isOn) this.#management.ask();
    else this.iq.get(this.domain, xml('ping', { xmlns: 'urn:xmpp:ping' })).catch((error: unknown) => this.log.debug({ err: error }, 'the ping was not answered with a result'));
  }

  #arrived(element: Element): void {
    const namespace = namespaceOf(element);
    if (namespace === ns.client && ['message', 'presence', 'iq'].includes(element.name)) {
      // Before `<resumed/>`, and after our own close, nothing is ours to handle.
      if (this.#state !== 'online') return;
      this.#management.received();
      this.router.route(element);
    } else if (namespace === SM) {
      this.#managed(element);
    } else {
      this.log.debug({ element: element.name, namespace }, 'an element that means nothing here');
    }
  }

  #managed(element: Element): void {
    try {
      this.#management.handle(element);
    } catch (error) {
      if (!(error instanceof HushError)) throw error;
      this.#stream?.refuse('undefined-condition', error, xml('handled-count-too-high', { xmlns: SM }));
    }
  }

  #streamEnded(end: StreamEnd): void {
    this.#keepalive?.stop();
    if (end.kind === 'closed') this.#end(undefined);
    else if (end.kind === 'lost' && this.#state === 'online' && this.#management.canResume) this.#suspend(end.error);
    else this.#end(end.error);
  }

  #suspend(error: HushError): void {
    this.#move('suspended');
    this.#management.suspend();
    this.log.info({ err: error }, 'the connection is lost, trying to resume the stream');
    this.events.emit('suspended');
    this.#recover(error).catch((failure: unknown) => this.#end(asHushError(failure)));
  }

  /** Tries to get back to the stream for as long as the server keeps it. */
  async #recover(lost: HushError): Promise<void> {
    try {
      const attempt = (): Promise<void> => logIn(this.#loginOptions(), this.#ending.signal, (login) => this.#resumeOn(login));
      await retry(attempt, { isPassing: ({ condition }) => passing.has(condition), limitMs: this.#management.resumeMs, signal: this.#ending.signal, log: this.log });
    } catch (error) {
      this.#end(new HushError('connection-lost', lost.message, { cause: error, details: lost.details }));
    }
  }

  /** Settles when the stream is resumed or over; rejects when this connection, too, is lost before. */
  #resumeOn(login: Login): Promise<void> {
    const { stream } = login;
    this.#adopt(login);
    return new Promise((resolve, reject) => {
      const offResumed = this.events.on('resumed', () => {
        offResumed();
        resolve();
      });
      stream.flow({
        element: (element) => this.#arrived(element),
        ended: (end) => {
          offResumed();
          if (end.kind === 'lost' && this.#state === 'suspended') reject(end.error);
          else this.#streamEnded(end);
          resolve();
        },
      });
      stream.send(this.#management.resume());
    });
  }

  #returned(unacknowledged: readonly Element[]): void {
    this.#move('online');
    this.#watch();
    for (const stanza of unacknowledged) this.#stream?.send(stanza);
    this.events.emit('resumed');
    this.#demandAnswer();
  }

  /**
   * A stream that takes what we send and never answers is worse than none: messages would wait in it for ever, and resuming it anew would change nothing.
   * COMPAT: Prosody before 0.12.4 reads on in the middle of the stanza that the first connection was cut in.
   */
  #demandAnswer(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const before = this.#management.answers;
    this.#management.ask();
    const timer = setTimeout(() => {
      if (this.#stream !== stream || this.#state !== 'online' || this.#management.answers > before) return;
      this.#end(new HushError('connection-lost', 'the server does not answer on the resumed stream'));
    }, this.#surroundings.answerMs ?? maxSilenceMs);
    this.#ending.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  /** For good, in whatever state. */
  #end(error: HushError | undefined): void {
    if (this.#state === 'closed') return;
    const wasUp = this.#state !== 'connecting' && this.#state !== 'new';
    const isManaged = this.#management.isOn || this.#management.canResume;
    const unconfirmed = this.#management.end();
    this.#move('closed');
    this.#keepalive?.stop();
    const reason = error ?? new HushError('cancelled', 'the connection is closed');
    this.#stream?.destroy(reason);
    this.#ending.abort(reason);
    const undelivered = isManaged ? unconfirmed : (this.#stream?.unsent ?? []).filter((element) => namespaceOf(element) === ns.client);
    if (wasUp && undelivered.length > 0) this.events.emit('undelivered', undelivered);
    this.iq.closed(error);
    if (wasUp) this.events.emit('closed', error);
  }
}
