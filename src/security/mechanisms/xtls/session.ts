/** One XTLS session: agreed on, carried, bound, used, ended. XTLS profile §3, §4, §7, §8. */
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { HushError, InvariantError, asHushError } from '../../../errors.ts';
import type { Log } from '../../../log.ts';
import { child, ns, serialize } from '../../../xmpp/element.ts';
import type { Element } from '../../../xmpp/element.ts';
import type { FullJid } from '../../../xmpp/jid.ts';
import type { Session as XmppStream } from '../../../xmpp/session.ts';
import type { InBandBytestreams } from '../../../xmpp/xep0047-ibb.ts';
import type { Jingle, JingleListener, Reason } from '../../../xmpp/xep0166-jingle.ts';
import type { Identity } from '../../identity.ts';
import type { Authority, EndReason, Session, SessionListener, SessionState, SharedSecret } from '../../mechanism.ts';
import type { Claims, Facts, VerificationMethod } from '../../properties.ts';
import { Carriage } from './carriage.ts';
import type { Content, Mode } from './content.ts';
import type { Secured } from './engine.ts';
import { detailsOf, factsOf, noFacts } from './facts.ts';
import type { Guesses } from './guesses.ts';
import { answerInside } from './inside.ts';
import { InnerStream, MAX_STANZA } from './inner.ts';
import { Liveness } from './liveness.ts';
import { Negotiation, hashOf } from './negotiation.ts';
import type { Agreed } from './negotiation.ts';
import { isOver, limits, shownState, transition } from './states.ts';
import type { XtlsEvent, XtlsState } from './states.ts';
import { Verification } from './verification.ts';

/** What every session of an account shares. */
export interface Surroundings {
  readonly stream: XmppStream;
  readonly jingle: Jingle;
  readonly ibb: InBandBytestreams;
  readonly authority: Authority;
  readonly guesses: Guesses;
  readonly log: Log;
}

/** Whoever keeps the sessions of an account. */
export interface SessionOwner {
  /** The state is another: limits and waiting starts are to be looked at again. */
  onState(session: XtlsSession): void;
}

export interface XtlsSessionOptions {
  readonly peer: FullJid;
  /** What the local user asked for. */
  readonly demands: Claims;
  readonly around: Surroundings;
  readonly owner: SessionOwner;
}

export class XtlsSession implements Session {
  readonly mechanism = 'xtls';
  readonly id = randomUUID();
  readonly peer: FullJid;
  readonly demands: Claims;
  readonly #around: Surroundings;
  readonly #owner: SessionOwner;
  readonly #listeners = new Set<SessionListener>();
  readonly #negotiation: Negotiation;
  readonly #liveness: Liveness;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => undefined;
  #state: XtlsState = 'idle';
  #timer: NodeJS.Timeout | undefined;
  /** What was agreed on, and what TLS then showed: until it is bound. */
  #agreed: Agreed | undefined;
  #shown: Secured | undefined;
  #carriage: Carriage | undefined;
  #inner: InnerStream | undefined;
  #verification: Verification | undefined;
  #facts: Facts = noFacts(false);
  #details: ReadonlyMap<string, string> = new Map();
  #keys: Session['keys'];
  /** How the end is called that was asked for here. */
  #endsAs: 'local' | 'clean' | undefined;
  /** Both ends have written their `</stream:stream>`: whatever happens to the transport now takes nothing away. `answered` = the peer was first, and closes the transport. */
  #mutual: 'no' | 'asked' | 'answered' = 'no';
  /** The peer broke the rules inside. */
  #isViolated = false;

  constructor({ peer, demands, around, owner }: XtlsSessionOptions) {
    this.peer = peer;
    this.demands = demands;
    this.#around = around;
    this.#owner = owner;
    this.#ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.#negotiation = new Negotiation({
      peer,
      ...around,
      handlers: { agreed: (agreed) => this.#carry(agreed), failed: (error, reason) => this.fail(error, reason) },
    });
    this.#liveness = new Liveness({
      ask: (ping) => this.#inner?.send(ping),
      acknowledge: (receipt) => this.#inner?.sendAlong(receipt),
      delivered: (id) => this.#tell((listener) => listener.delivered?.(id)),
      dead: () => this.fail(new HushError('connection-lost', 'nobody answers inside the session'), 'timeout'),
    });
  }

  get state(): SessionState {
    return shownState(this.#state);
  }
  /** The state in the profile's own words. */
  get step(): XtlsState {
    return this.#state;
  }
  get facts(): Facts {
    return this.#facts;
  }
  get details(): ReadonlyMap<string, string> {
    return this.#details;
  }
  get keys(): Session['keys'] {
    return this.#keys;
  }
  get sharedSecret(): SharedSecret | undefined {
    return this.#state === 'secure' ? this.#verification : undefined;
  }
  /** What was offered by us and is not answered. */
  get pendingOffer(): Negotiation['pending'] {
    return this.#state === 'offered' ? this.#negotiation.pending : undefined;
  }
  /** Our offer lost against one that is still to come. */
  get isTieLost(): boolean {
    return this.#state === 'offered' && this.#negotiation.isTieLost;
  }

  listen(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  // The way to `secure`

  /** Begins to ask what the peer can do. */
  discover(): void {
    this.#enter('discover');
  }

  /** Initiator: offers. */
  offer(terms: { mode: Mode; isProfiled: boolean; identity: Identity }): void {
    this.#negotiation.offer(terms);
    this.#enter('offer');
  }

  /** Responder: takes an offer in place of whatever we were about to do. Returns who is to hear of its Jingle session. */
  ring(offer: Content): JingleListener {
    this.#negotiation.take(offer);
    this.#enter('ring');
    return this.#negotiation;
  }

  #carry(agreed: Agreed): void {
    const { ibb, authority } = this.#around;
    this.#agreed = agreed;
    this.#facts = noFacts(agreed.ours.profile?.mode === 'anonymous');
    this.#enter('accept');
    this.#carriage = new Carriage({
      agreed,
      peer: this.peer,
      ibb,
      authority,
      handlers: {
        opened: () => this.#enter('opened'),
        secured: (secured) => this.#open(secured),
        data: (plaintext) => this.#inner?.read(plaintext),
        ended: (error) => this.#transportEnded(error),
        refused: (error) => this.fail(error, 'failed-transport'),
        broke: (error) => this.fail(error, 'security-error'),
      },
    });
    this.#enter('open');
  }

  /** The peer was judged: the stream inside may be opened. Runs within the TLS handshake. */
  #open(secured: Secured): void {
    const { stream, guesses } = this.#around;
    const agreed = this.#agreement();
    this.#shown = secured;
    const { role, commitment, theirs } = agreed;
    const [own, peer] = [stream.jid, this.peer];
    const hash = hashOf(agreed, own, peer);
    this.#inner = new InnerStream({
      role,
      own,
      peer,
      binding: hash && { hash, salt: commitment?.salt, peerCommitment: theirs.profile?.commitment ?? '', peerSpki: secured.verdict.certificate.spki },
      handlers: {
        write: (bytes) => this.#carriage?.write(bytes),
        bound: () => this.#bound(),
        element: (element) => this.#receive(element),
        closed: () => this.#peerClosed(),
        violated: (error) => {
          // Plaintext after the peer's end is nothing that an honest peer wrote.
          this.#mutual = 'no';
          this.#isViolated = true;
          this.fail(error, 'security-error');
        },
      },
    });
    if (hash !== undefined) {
      this.#verification = new Verification({
        own,
        peer,
        channelBinding: secured.channelBinding,
        bindingHash: hash,
        guesses,
        send: (element) => this.#inner?.send(element),
        requested: (question) => this.#tell((listener) => listener.secretRequested?.(question)),
        verified: () => this.#verified('shared-secret'),
        concluded: (error) => this.#tell((listener) => listener.secretConcluded?.(error)),
      });
    }
    this.#enter('handshaken');
    this.#inner.open();
  }

  #agreement(): Agreed {
    if (this.#agreed === undefined) throw new InvariantError('nothing is bound that was not agreed on');
    return this.#agreed;
  }

  #bound(): void {
    const { ours, theirs, identity } = this.#agreement();
    const secured = this.#shown;
    if (secured === undefined) throw new InvariantError('nothing is bound that TLS has not shown');
    // Nobody asks for them again, as long as the session may live.
    this.#agreed = undefined;
    this.#shown = undefined;
    this.#facts = factsOf(ours, theirs, secured);
    const isAnonymous = this.#facts.kind === 'xtls-anonymous';
    this.#details = detailsOf(secured, isAnonymous);
    this.#keys = isAnonymous ? undefined : { local: identity.spki, remote: secured.verdict.certificate.spki };
    this.#liveness.start();
    this.#enter('bound');
  }

  // Inside

  send(message: Element): string | undefined {
    if (this.#state !== 'secure' || this.#inner === undefined) throw new HushError('not-available', 'the session is not secure now');
    const own = this.#liveness.prepare(message);
    const text = serialize(own);
    if (Buffer.byteLength(text) > MAX_STANZA) throw new HushError('invalid-argument', 'the message is too long');
    this.#inner.send(text);
    this.#liveness.sent(own, child(own, 'body', ns.client) !== undefined);
    return own.attrs.id;
  }

  confirm(method: Exclude<VerificationMethod, 'shared-secret'>): void {
    this.#verified(method);
  }

  #verified(method: VerificationMethod): void {
    if (this.#state !== 'secure') throw new HushError('not-available', 'the session is not secure now');
    if (this.#facts.verifiedBy !== undefined) return;
    this.#facts = { ...this.#facts, verifiedBy: method };
    this.#tell((listener) => listener.changed?.());
  }

  #receive(element: Element): void {
    this.#liveness.heard();
    if (element.name === 'message') {
      if (this.#liveness.takeReceipt(element)) return;
      // The user has it before the peer is told so.
      let refusals = 0;
      this.#tell((listener) => {
        if (listener.opened?.(element) === false) refusals += 1;
      });
      if (refusals === 0) this.#liveness.giveReceipt(element);
    } else if (element.name === 'verify') {
      this.#verification?.receive(element);
    } else if (element.attrs.type === 'get' || element.attrs.type === 'set') {
      this.#inner?.send(answerInside(element));
    } else {
      this.#liveness.answered(element);
    }
  }

  // The end

  async end(as: 'local' | 'clean' | 'failed' = 'local'): Promise<void> {
    const wish = as === 'failed' ? 'clean' : as;
    if (this.#state === 'secure') {
      this.#endsAs = wish;
      this.#enter('close');
      this.#inner?.close();
    } else if (this.#state === 'closing') {
      // The peer was first; it is our wish as well.
      this.#endsAs ??= wish;
    } else if (as === 'failed' && !isOver(this.#state)) {
      this.fail(new HushError('encryption-not-available', `not secured in time: ${this.#state}`), 'timeout');
    } else if (!isOver(this.#state)) {
      this.#endsAs = 'local';
      this.fail(new HushError('cancelled', 'the session was given up here'), 'cancel');
    }
    return this.#ended;
  }

  revoke(error: HushError): void {
    this.#finish({ reason: 'key-changed', error, jingle: 'security-error' });
  }

  /** Ends it at once, for cause. Where both ends have closed it ends cleanly all the same. */
  fail(error: HushError, jingle?: Reason): void {
    if (this.#mutual !== 'no') {
      this.#finish({ reason: this.#endsAs ?? 'clean', jingle: 'success' });
      return;
    }
    const wasSecure = this.#state === 'secure' || this.#state === 'closing';
    // To whoever asked for security it has failed, whatever it was that came.
    const cause = error.condition === 'invalid-data' ? new HushError('encryption-error', error.message, { cause: error }) : error;
    const isLost = error.condition === 'connection-lost' || error.condition === 'disconnected';
    const byState: EndReason = wasSecure ? (isLost ? 'connection-lost' : 'unauthenticated') : 'failed';
    this.#finish({ reason: this.#endsAs === 'local' ? 'local' : byState, error: cause, jingle });
  }

  /** `</stream:stream>` of the peer. */
  #peerClosed(): void {
    this.#mutual = this.#state === 'secure' ? 'answered' : 'asked';
    if (this.#state === 'secure') this.#enter('close');
    this.#inner?.close();
    this.#tearDown(this.#mutual === 'asked').catch((error: unknown) => this.fail(asHushError(error)));
  }

  /** close_notify; then, from whoever closed first, the bytestream, once every block is answered. Its close is followed by that of Jingle. */
  async #tearDown(closesTransport: boolean): Promise<void> {
    // What came along with the peer's end is looked at first: once TLS has ended here, Node reads no more.
    await setImmediate();
    await this.#carriage?.endTls();
    if (closesTransport) this.#carriage?.endBytes();
  }

  #transportEnded(error: HushError): void {
    // Whoever closed first inside closes the bytestream after TLS, and Jingle last: the other waits for that.
    if (this.#mutual === 'answered' || (this.#mutual === 'asked' && this.#carriage?.isClosed === false)) return;
    this.fail(error, 'security-error');
  }

  #timedOut(step: string): void {
    if (this.#mutual === 'answered' && this.#carriage?.isOpen === true) {
      // Whoever closed first leaves the transport to us.
      this.#carriage.endBytes();
      this.#arm();
    } else {
      this.fail(new HushError('encryption-not-available', `no answer in time: ${step}`), 'timeout');
    }
  }

  #finish({ reason, error, jingle }: { reason: EndReason; error?: HushError; jingle: Reason | undefined }): void {
    if (isOver(this.#state)) return;
    const from = this.state;
    // Silent inside: nothing of ours leaves any more, then the outside learns it.
    this.#inner?.stop();
    this.#carriage?.destroy();
    this.#liveness.stop();
    this.#agreed = undefined;
    this.#shown = undefined;
    this.#negotiation.end(jingle);
    this.#verification?.end();
    this.#enter(from === 'secure' || from === 'closing' ? 'end' : 'fail');
    this.#around.log.debug({ peer: this.peer, reason, from, err: error }, 'a session ended');
    this.#tell((listener) => listener.ended?.({ reason, from, isViolated: this.#isViolated, ...(error !== undefined && { error }) }));
    this.#listeners.clear();
    this.#resolveEnded();
  }

  // State

  #enter(event: XtlsEvent): void {
    const before = this.state;
    this.#state = transition(this.#state, event);
    this.#arm();
    if (this.state !== before) this.#tell((listener) => listener.changed?.());
    this.#owner.onState(this);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const limit = limits[this.#state];
    if (limit !== undefined) this.#timer = setTimeout(() => this.#timedOut(limit.step), limit.ms);
  }

  #tell(tell: (listener: SessionListener) => void): void {
    for (const listener of [...this.#listeners]) {
      try {
        tell(listener);
      } catch (error) {
        this.#around.log.error({ err: error }, 'a listener of a session failed');
      }
    }
  }
}
