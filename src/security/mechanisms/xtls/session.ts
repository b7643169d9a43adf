/** One XTLS session: negotiated by Jingle, carried by an in-band bytestream, secured by TLS, bound, used, ended. XTLS profile §1–§4, §7, §8. */
import { randomUUID } from 'node:crypto';
import { HushError, InvariantError, asHushError } from '../../../errors.ts';
import type { Log } from '../../../log.ts';
import { child, ns } from '../../../xmpp/element.ts';
import type { Element } from '../../../xmpp/element.ts';
import { bareOf } from '../../../xmpp/jid.ts';
import type { FullJid } from '../../../xmpp/jid.ts';
import type { Session as XmppStream } from '../../../xmpp/session.ts';
import type { IbbStream, InBandBytestreams } from '../../../xmpp/xep0047-ibb.ts';
import { isTieBreak } from '../../../xmpp/xep0166-jingle.ts';
import type { Jingle, JingleListener, JingleSession, Reason } from '../../../xmpp/xep0166-jingle.ts';
import { newSid } from '../../../xmpp/xep0166-jingle.ts';
import { createThrowAwayIdentity } from '../../identity.ts';
import type { Identity } from '../../identity.ts';
import type { Authority, EndReason, Session, SessionListener, SessionState, SharedSecret } from '../../mechanism.ts';
import type { Claims, Facts, VerificationMethod } from '../../properties.ts';
import { bindingHash } from './binding.ts';
import { commit } from './commitment.ts';
import type { Commitment } from './commitment.ts';
import { answerTo, isRefused, negotiated, newContent, readAccept, writeContent } from './content.ts';
import type { Content, Mode } from './content.ts';
import { TlsEngine } from './engine.ts';
import type { Secured, Shown } from './engine.ts';
import { detailsOf, factsOf, noFacts } from './facts.ts';
import { readFingerprint, writeFingerprint } from './fingerprint.ts';
import type { Guesses } from './guesses.ts';
import { answerInside } from './inside.ts';
import { InnerStream, MAX_STANZA } from './inner.ts';
import { Liveness } from './liveness.ts';
import { checkPeer } from './peer-check.ts';
import type { PeerVerdict } from './peer-check.ts';
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

/** What both ends have put into the negotiation. */
interface Terms {
  readonly role: 'initiator' | 'responder';
  readonly identity: Identity;
  readonly commitment: Commitment | undefined;
  readonly ours: Content;
  theirs?: Content;
}

export class XtlsSession implements Session, JingleListener {
  readonly mechanism = 'xtls';
  readonly id = randomUUID();
  readonly peer: FullJid;
  readonly demands: Claims;
  readonly #around: Surroundings;
  readonly #owner: SessionOwner;
  readonly #listeners = new Set<SessionListener>();
  readonly #ended: Promise<void>;
  readonly #liveness: Liveness;
  #resolveEnded: () => void = () => undefined;
  #state: XtlsState = 'idle';
  #timer: NodeJS.Timeout | undefined;
  /** The offer that was received. */
  #offer: Content | undefined;
  #terms: Terms | undefined;
  #jingle: JingleSession | undefined;
  #bytes: IbbStream | undefined;
  #engine: TlsEngine | undefined;
  #secured: Secured | undefined;
  #inner: InnerStream | undefined;
  #verification: Verification | undefined;
  #facts: Facts = noFacts(false);
  #details: ReadonlyMap<string, string> = new Map();
  /** How the end is called that was asked for here. */
  #endsAs: 'local' | 'clean' | undefined;
  /** Both ends have written their `</stream:stream>`: whatever happens to the transport now takes nothing away. `answered` = the peer was first, and closes the transport. */
  #mutual: 'no' | 'asked' | 'answered' = 'no';

  constructor({ peer, demands, around, owner }: XtlsSessionOptions) {
    this.peer = peer;
    this.demands = demands;
    this.#around = around;
    this.#owner = owner;
    this.#ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.#liveness = new Liveness({
      send: (element) => this.#inner?.send(element),
      delivered: (id) => this.#tell((listener) => listener.delivered?.(id)),
      dead: () => this.fail(new HushError('connection-lost', 'nobody answers inside the session'), 'timeout'),
    });
  }

  get state(): SessionState {
    return shownState(this.#state);
  }
  /** The state of the profile. */
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
    if (!this.#facts.secured || this.#terms === undefined || this.#secured === undefined || this.#facts.kind === 'xtls-anonymous') return undefined;
    return { local: this.#terms.identity.spki, remote: this.#secured.verdict.certificate.spki };
  }
  get sharedSecret(): SharedSecret | undefined {
    return this.#state === 'secure' ? this.#verification : undefined;
  }
  /** What was offered by us and is not answered: its sid and content. */
  get pendingOffer(): { readonly sid: string; readonly content: Content } | undefined {
    return this.#state === 'offered' && this.#jingle !== undefined && this.#terms !== undefined ? { sid: this.#jingle.sid, content: this.#terms.ours } : undefined;
  }
  /** Our offer lost against one that is still to come. */
  get isTieLost(): boolean {
    return this.#state === 'offered' && this.#jingle?.state === 'ended';
  }

  listen(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  // Negotiation

  /** Begins to ask what the peer can do. */
  discover(): void {
    this.#enter('discover');
  }

  /** Initiator: offers. */
  offer(terms: { mode: Mode; isProfiled: boolean; identity: Identity }): void {
    const { mode, isProfiled, identity } = terms;
    const own = this.#ownSecurity(mode, isProfiled, mode === 'anonymous' ? createThrowAwayIdentity() : identity);
    this.#terms = { role: 'initiator', ...own, ours: newContent(newSid(), own.security) };
    this.#facts = noFacts(mode === 'anonymous');
    this.#jingle = this.#around.jingle.initiate(this.peer, newSid(), [writeContent(this.#terms.ours)], this);
    this.#enter('offer');
  }

  /** Responder: the offer that is to be accepted. An offer of ours that has lost is dropped. Then `offered` is called. */
  ring(offer: Content): void {
    this.#jingle?.drop();
    this.#offer = offer;
    this.#enter('ring');
  }

  offered(jingle: JingleSession): void {
    if (this.#state !== 'ringing') {
      jingle.terminate('cancel');
      return;
    }
    this.#jingle = jingle;
    this.#accept(jingle).catch((error: unknown) => this.fail(asHushError(error), 'security-error'));
  }

  async #accept(jingle: JingleSession): Promise<void> {
    const offer = this.#offer;
    if (offer === undefined) throw new InvariantError('an offer is read before it is taken');
    const mode = offer.profile?.mode ?? '';
    const identity = mode === 'anonymous' ? createThrowAwayIdentity() : await this.#around.authority.identity();
    if (this.#state !== 'ringing' || jingle.state !== 'pending') return;
    const own = this.#ownSecurity(mode, offer.profile !== undefined, identity);
    this.#terms = { role: 'responder', ...own, ours: answerTo(offer, own.security), theirs: offer };
    this.#facts = noFacts(mode === 'anonymous');
    const { ibbSid, blockSize } = this.#terms.ours;
    // Before the accept leaves: the peer may open at once.
    const bytes = this.#around.ibb.listen({ peer: this.peer, sid: ibbSid, blockSize: Number(blockSize) });
    jingle.accept([writeContent(this.#terms.ours)]);
    this.#enter('accept');
    this.#carry(bytes);
  }

  accepted(jingle: Element): void {
    const terms = this.#terms;
    if (terms === undefined) throw new InvariantError('what was accepted was offered');
    const theirs = readAccept(jingle, terms.ours);
    if (isRefused(theirs)) {
      this.fail(new HushError('encryption-error', theirs.message), theirs.reason);
      return;
    }
    terms.theirs = theirs;
    this.#enter('accept');
    this.#carry(this.#around.ibb.connect({ peer: this.peer, sid: terms.ours.ibbSid, blockSize: Number(theirs.blockSize) }));
  }

  terminated(reason: Reason | ''): void {
    this.#jingle = undefined;
    const messages: Partial<Record<Reason | '', HushError>> = {
      decline: new HushError('rejected', 'the contact’s client declined'),
      cancel: new HushError('cancelled', 'the contact’s client cancelled'),
      timeout: new HushError('encryption-not-available', 'the contact’s client waited in vain'),
    };
    this.fail(messages[reason] ?? new HushError('encryption-error', `the contact’s client ended the session: ${reason === '' ? 'unknown reason' : reason}`));
  }

  refused(error: HushError): void {
    // The peer's own offer is on its way and stands; the limit of this state goes on.
    if (this.#state === 'offered' && isTieBreak(error)) return;
    this.#jingle = undefined;
    const condition = error.condition === 'service-busy' || error.condition === 'disconnected' ? error.condition : 'encryption-not-available';
    this.fail(new HushError(condition, `the contact’s client refused: ${error.message}`, { cause: error }));
  }

  broken(error: HushError): void {
    this.fail(error, 'security-error');
  }

  #ownSecurity(mode: Mode, isProfiled: boolean, identity: Identity): Pick<Terms, 'identity' | 'commitment'> & { security: Pick<Content, 'profile' | 'fingerprints'> } {
    const commitment = isProfiled && mode === '' ? commit(identity.spki) : undefined;
    const profile = isProfiled ? { mode, commitment: commitment?.text ?? '', flags: new Map<string, string>() } : undefined;
    // With the profile no server ever sees which key is used.
    return { identity, commitment, security: { profile, fingerprints: isProfiled ? [] : [writeFingerprint(identity.certificate)] } };
  }

  // Transport and TLS

  #carry(bytes: IbbStream): void {
    this.#bytes = bytes;
    this.#enter('open');
    bytes.on('error', (error) => this.#transportBroke(asHushError(error)));
    bytes.once('close', () => this.#transportEnded(new HushError('terminated', 'the bytestream was closed')));
    bytes.opened.then(
      () => {
        if (this.#state === 'transport') this.#secure(bytes);
      },
      (error: unknown) => this.#transportBroke(asHushError(error)),
    );
  }

  #secure(bytes: IbbStream): void {
    const { role, identity } = this.#demandTerms();
    this.#enter('opened');
    this.#engine = new TlsEngine({
      transport: bytes,
      role: role === 'initiator' ? 'client' : 'server',
      identity,
      judge: (shown) => this.#judge(shown),
      handlers: {
        started: () => undefined,
        secured: (secured) => this.#open(secured),
        data: (plaintext) => this.#inner?.read(plaintext),
        // Node reports a close_notify and a cut alike: only the peer's end inside tells them apart.
        ended: () => this.#transportEnded(new HushError('encryption-error', 'TLS ended without the end of the stream inside')),
        failed: (error) => this.fail(error, 'security-error'),
      },
    });
  }

  #judge(shown: Shown): PeerVerdict {
    const { identity, ours, theirs } = this.#demandTerms();
    const fingerprints = ours.profile === undefined ? (theirs?.fingerprints ?? []).map((text) => readFingerprint(text) ?? Buffer.alloc(0)) : [];
    return checkPeer({
      ...shown,
      ownSpki: identity.spki,
      peer: bareOf(this.peer),
      isAnonymous: ours.profile?.mode === 'anonymous',
      now: new Date(),
      judgeKey: (key) => this.#around.authority.judgeKey(bareOf(this.peer), key),
      fingerprints,
    });
  }

  /** The handshake is done and the peer was judged: the stream inside may be opened. Runs inside the TLS handler. */
  #open(secured: Secured): void {
    const { role, commitment, ours, theirs } = this.#demandTerms();
    if (this.#state !== 'tls' || theirs === undefined) return;
    const { stream, guesses } = this.#around;
    const own = stream.jid;
    const [initiator, responder] = role === 'initiator' ? [own, this.peer] : [this.peer, own];
    const [offer, accept] = role === 'initiator' ? [ours, theirs] : [theirs, ours];
    const hash = ours.profile && bindingHash(negotiated({ initiator, responder, jingleSid: this.#jingle?.sid ?? '' }, offer, accept));
    this.#secured = secured;
    this.#inner = new InnerStream({
      role,
      own,
      peer: this.peer,
      binding: hash && { hash, salt: commitment?.salt, peerCommitment: theirs.profile?.commitment ?? '', peerSpki: secured.verdict.certificate.spki },
      handlers: {
        write: (bytes) => this.#engine?.write(bytes),
        bound: () => this.#bound(secured),
        element: (element) => this.#receive(element),
        closed: () => this.#peerClosed(),
        violated: (error) => {
          // Plaintext after the peer's end is nothing that an honest peer wrote.
          this.#mutual = 'no';
          this.fail(error, 'security-error');
        },
      },
    });
    if (hash !== undefined) {
      this.#verification = new Verification({
        own,
        peer: this.peer,
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

  #bound(secured: Secured): void {
    const { ours, theirs } = this.#demandTerms();
    if (theirs === undefined) throw new InvariantError('nothing is bound that was not accepted');
    this.#facts = factsOf(ours, theirs, secured);
    this.#details = detailsOf(secured, this.#facts.kind === 'xtls-anonymous');
    this.#liveness.start();
    this.#enter('bound');
  }

  // Inside

  send(message: Element): string | undefined {
    if (this.#state !== 'secure' || this.#inner === undefined) throw new HushError('not-available', 'the session is not secure now');
    const own = this.#liveness.prepare(message);
    if (Buffer.byteLength(own.toString()) > MAX_STANZA) throw new HushError('invalid-argument', 'the message is too long');
    this.#inner.send(own);
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
      if (!this.#liveness.receive(element)) this.#tell((listener) => listener.opened?.(element));
    } else if (element.name === 'verify') {
      this.#verification?.receive(element);
    } else if (element.attrs.type === 'get' || element.attrs.type === 'set') {
      this.#inner?.send(answerInside(element));
    } else {
      this.#liveness.answered(element);
    }
  }

  // The end

  async end(as: 'local' | 'clean' = 'local'): Promise<void> {
    if (this.#state === 'secure') {
      this.#endsAs = as;
      this.#enter('close');
      this.#inner?.close();
    } else if (this.#state === 'closing') {
      // The peer was first; it is our wish as well.
      this.#endsAs ??= as;
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
    const isLost = error.condition === 'connection-lost' || error.condition === 'disconnected';
    const byState: EndReason = wasSecure ? (isLost ? 'connection-lost' : 'unauthenticated') : 'failed';
    this.#finish({ reason: this.#endsAs === 'local' ? 'local' : byState, error, jingle });
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
    await this.#engine?.end();
    if (closesTransport) this.#bytes?.end();
  }

  /** The bytestream failed, or was refused. */
  #transportBroke(error: HushError): void {
    const isRefused = this.#state === 'transport' && error.condition !== 'invalid-data' && error.condition !== 'disconnected';
    this.fail(error, isRefused ? 'failed-transport' : 'security-error');
  }

  /** TLS or the bytestream has come to an end of its own. */
  #transportEnded(error: HushError): void {
    // Whoever closed first inside closes the bytestream after TLS, and Jingle last: the other waits for that.
    if (this.#mutual === 'answered' || (this.#mutual === 'asked' && this.#bytes?.closed === false)) return;
    this.fail(error, 'security-error');
  }

  #timedOut(step: string): void {
    if (this.#mutual === 'answered' && this.#bytes?.writable === true) {
      // Whoever closed first leaves the transport to us.
      this.#bytes.end();
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
    this.#engine?.destroy();
    this.#bytes?.destroy();
    this.#liveness.stop();
    if (jingle !== undefined) this.#jingle?.terminate(jingle);
    this.#jingle?.drop();
    this.#verification?.end();
    this.#enter(from === 'secure' || from === 'closing' ? 'end' : 'fail');
    this.#around.log.debug({ peer: this.peer, reason, from, err: error }, 'a session ended');
    this.#tell((listener) => listener.ended?.({ reason, from, ...(error !== undefined && { error }) }));
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

  #demandTerms(): Terms {
    if (this.#terms === undefined) throw new InvariantError('nothing was negotiated');
    return this.#terms;
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
