/** XTLS for one account: whom sessions may be had with, how many, and what becomes of offers, ours and theirs. XTLS profile §1, §7. */
import { HushError, asHushError } from '../../../errors.ts';
import type { Log } from '../../../log.ts';
import { bareOf, isFull } from '../../../xmpp/jid.ts';
import type { BareJid, FullJid, Jid } from '../../../xmpp/jid.ts';
import type { Sender } from '../../../xmpp/router.ts';
import type { Session as XmppStream } from '../../../xmpp/session.ts';
import { IBB, InBandBytestreams } from '../../../xmpp/xep0047-ibb.ts';
import { JINGLE, Jingle, refusal, winsTie } from '../../../xmpp/xep0166-jingle.ts';
import type { JingleListener, Offer, Reason } from '../../../xmpp/xep0166-jingle.ts';
import type { Authority, Mechanism, Session } from '../../mechanism.ts';
import { couldMeet } from '../../properties.ts';
import type { Claims, Kind } from '../../properties.ts';
import { IBB_TRANSPORT, PROFILE, XML_STREAM, XTLS, isRefused, readOffer } from './content.ts';
import type { Content, Mode } from './content.ts';
import { Guesses } from './guesses.ts';
import { XtlsSession } from './session.ts';
import type { SessionOwner, Surroundings } from './session.ts';
import { isOver, isUnderWay } from './states.ts';

/** What the resources of contacts can do. */
export interface Capabilities {
  /** The features of a resource, as far as they are known without asking. */
  known(peer: FullJid): ReadonlySet<string> | undefined;
  /** The same, asked if need be; undefined when it does not say. */
  ask(peer: FullJid): Promise<ReadonlySet<string> | undefined>;
}

export interface XtlsOptions {
  /** The account's stream. */
  readonly stream: XmppStream;
  readonly capabilities: Capabilities;
  readonly authority: Authority;
  readonly log: Log;
}

/** Sessions before `secure`, both directions together; secure ones of an account. */
const limits = { perContact: 2, perAccount: 32, secure: 1024 } as const;

/** What a peer must be able to do, with the profile or without. */
const needed = [JINGLE, XML_STREAM, IBB_TRANSPORT, XTLS, IBB];

const anyone: readonly Sender[] = ['missing', 'own-bare', 'own-full', 'own-other', 'server', 'subscriber', 'other'];

export class XtlsMechanism implements Mechanism, SessionOwner {
  readonly name = 'xtls';
  readonly kinds: readonly Kind[] = ['xtls-identity', 'xtls-anonymous'];
  readonly features: readonly string[] = [...needed, PROFILE];
  readonly #authority: Authority;
  readonly #capabilities: Capabilities;
  readonly #around: Surroundings;
  readonly #sessions = new Set<XtlsSession>();
  readonly #incoming = new Set<(session: Session) => void>();
  readonly #removePresence: () => void;
  #isClosed = false;

  constructor({ stream, capabilities, authority, log }: XtlsOptions) {
    this.#authority = authority;
    this.#capabilities = capabilities;
    const jingle = new Jingle(stream, (peer, sender) => authority.accepts(peer, sender === 'subscriber'));
    this.#around = { stream, jingle, ibb: new InBandBytestreams(stream), authority, guesses: new Guesses(), log };
    jingle.register({ description: XML_STREAM, admit: (offer) => this.#admit(offer) });
    this.#removePresence = stream.router.add({
      name: 'xtls-unavailable',
      stanza: 'presence',
      types: ['unavailable'],
      from: anyone,
      handle: (_presence, { from }) => this.#gone(from),
    });
  }

  available(peer: FullJid): boolean | undefined {
    const features = this.#capabilities.known(peer);
    return features && this.#obstacle(peer, features, new Set()) === undefined;
  }

  start(peer: FullJid, { demands, signal }: { readonly demands: Claims; readonly signal?: AbortSignal }): Session {
    if (this.#isClosed) throw new HushError('disconnected', 'the stream has ended');
    const living = this.#with(peer).find(({ step }) => step !== 'closing');
    if (living !== undefined) return living;
    const features = this.#capabilities.known(peer);
    const obstacle = features && this.#obstacle(peer, features, this.#allDemands(peer, demands));
    if (obstacle?.condition === 'would-break-anonymity') throw obstacle;
    const session = this.#add(peer, demands);
    const giveUp = (): void => {
      session.end().catch((error: unknown) => this.#around.log.error({ err: error }, 'a session did not end'));
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    session.listen({
      changed: () => {
        if (session.state === 'secure') signal?.removeEventListener('abort', giveUp);
      },
    });
    // In its own turn: whoever started it listens by then.
    queueMicrotask(() => this.#beginWaiting());
    return session;
  }

  onIncoming(listener: (session: Session) => void): () => void {
    this.#incoming.add(listener);
    return () => this.#incoming.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    const error = new HushError('disconnected', 'the stream has ended');
    for (const session of [...this.#sessions]) session.fail(error);
    this.#removePresence();
    this.#around.jingle.close();
    this.#around.ibb.close(error);
  }

  /** For the sessions. */
  onState(session: XtlsSession): void {
    if (isOver(session.step)) this.#sessions.delete(session);
    if (isOver(session.step) || session.step === 'secure') queueMicrotask(() => this.#beginWaiting());
  }

  #add(peer: FullJid, demands: Claims): XtlsSession {
    const session = new XtlsSession({ peer, demands, around: this.#around, owner: this });
    this.#sessions.add(session);
    return session;
  }

  #with(peer: FullJid): XtlsSession[] {
    return [...this.#sessions].filter((session) => session.peer === peer);
  }

  #allDemands(peer: FullJid, demands: Claims): Claims {
    return new Set([...demands, ...this.#authority.demands(bareOf(peer))]);
  }

  /** Whether one more session may be under way with this contact. */
  #hasRoom(contact: BareJid): boolean {
    const sessions = [...this.#sessions];
    const underWay = sessions.filter(({ step }) => isUnderWay(step));
    const ofContact = underWay.filter(({ peer }) => bareOf(peer) === contact);
    const secure = sessions.filter(({ step }) => step === 'secure' || step === 'closing');
    return ofContact.length < limits.perContact && underWay.length < limits.perAccount && secure.length < limits.secure;
  }

  // Our offers

  /** Starts what waits, in order, as far as there is room and nothing is left of an earlier session with the same resource. */
  #beginWaiting(): void {
    if (this.#isClosed) return;
    for (const session of [...this.#sessions]) {
      if (session.step !== 'idle' || this.#with(session.peer).length > 1 || !this.#hasRoom(bareOf(session.peer))) continue;
      session.discover();
      this.#offer(session).catch((error: unknown) => session.fail(asHushError(error)));
    }
  }

  async #offer(session: XtlsSession): Promise<void> {
    const { peer } = session;
    const features = this.#capabilities.known(peer) ?? (await this.#capabilities.ask(peer)) ?? new Set<string>();
    const demands = this.#allDemands(peer, session.demands);
    // While we asked, the peer may have offered: then the session is that one.
    const isStillOurs = (): boolean => session.step === 'discovering';
    if (!isStillOurs()) return;
    const obstacle = this.#obstacle(peer, features, demands);
    if (obstacle !== undefined) throw obstacle;
    const mode: Mode = demands.has('StronglyAnonymous') ? 'anonymous' : '';
    const identity = await this.#authority.identity();
    if (isStillOurs()) session.offer({ mode, isProfiled: features.has(PROFILE), identity });
  }

  /** Why no session can be offered to a resource that says it can do this. */
  #obstacle(peer: FullJid, features: ReadonlySet<string>, demands: Claims): HushError | undefined {
    const wasBound = this.#authority.wasBound(bareOf(peer));
    if (!needed.every((feature) => features.has(feature))) {
      if (wasBound) return new HushError('encryption-not-available', 'the contact’s client no longer says that it can secure conversations');
      return new HushError('not-capable', 'the contact’s client cannot secure conversations');
    }
    if (features.has(PROFILE)) return undefined;
    if (wasBound) return new HushError('encryption-not-available', 'the contact’s client can do less than it could');
    if (demands.has('WeaklyAnonymous') || demands.has('StronglyAnonymous')) return new HushError('would-break-anonymity', 'the contact’s client would have our key shown to the servers');
    if (demands.has('DowngradeResistant')) return new HushError('encryption-not-available', 'the contact’s client cannot give DowngradeResistant');
    return undefined;
  }

  // The peers' offers

  /** Judges an offer. Throws the error answer. */
  #admit({ peer, sid, jingle }: Offer): JingleListener {
    const living = this.#with(peer);
    const own = living[0];
    const mayGiveWay = living.every(({ step }) => step === 'idle' || step === 'discovering' || step === 'offered');
    if (!mayGiveWay) throw refusal('conflict');
    const pending = own?.pendingOffer;
    if (pending !== undefined && own?.isTieLost === false && winsTie({ sid: pending.sid, jid: this.#around.stream.jid }, { sid, jid: peer })) throw refusal('conflict', 'tie-break');
    if (own === undefined && !this.#hasRoom(bareOf(peer))) throw refusal('resource-constraint');

    const content = readOffer(jingle);
    const reason = isRefused(content) ? content.reason : this.#unwanted(peer, content, own);
    if (isRefused(content) || reason !== undefined) {
      // Our own offer is gone by the rules of crossed offers, and this one cannot take its place.
      if (pending !== undefined) own?.fail(new HushError('encryption-not-available', 'the contact’s client offered something else at the same moment'));
      return refuser(reason ?? 'security-error');
    }
    const session = own ?? this.#add(peer, new Set());
    const listener = session.ring(content);
    if (own === undefined) {
      queueMicrotask(() => {
        // Taken back in the same breath, it concerns nobody.
        if (isOver(session.step)) return;
        for (const tell of this.#incoming) tell(session);
      });
    }
    return listener;
  }

  /** Why an offer that could be taken is not. `own`: our attempt with the same resource, whose place it would take. */
  #unwanted(peer: FullJid, { profile }: Content, own: XtlsSession | undefined): Reason | undefined {
    const contact = bareOf(peer);
    const demands = this.#allDemands(peer, own?.demands ?? new Set());
    if (profile === undefined && this.#authority.wasBound(contact)) return 'security-error';
    const crossed = own?.pendingOffer?.content.profile;
    if (own?.pendingOffer !== undefined && crossed?.mode !== profile?.mode) return 'decline';
    const isAnonymous = profile?.mode === 'anonymous';
    const isUnmeetable = !couldMeet(isAnonymous ? 'xtls-anonymous' : 'xtls-identity', demands);
    const isDraftTooLittle = profile === undefined && (demands.has('WeaklyAnonymous') || demands.has('DowngradeResistant'));
    // A known contact has no reason to hide its key from us, unless we asked for that ourselves.
    const isUnasked = isAnonymous && !demands.has('StronglyAnonymous') && this.#authority.hasPin(contact);
    return isUnmeetable || isDraftTooLittle || isUnasked ? 'decline' : undefined;
  }

  #gone(from: Jid): void {
    if (!isFull(from)) return;
    for (const session of this.#with(from)) session.fail(new HushError('offline', 'the contact’s client has gone'), 'security-error');
  }
}

/** What an offer that is not taken is told, right after its answer. */
function refuser(reason: Reason): JingleListener {
  return {
    offered: (session) => session.terminate(reason),
    terminated: () => undefined,
    refused: () => undefined,
    broken: () => undefined,
  };
}
