/** Jingle sessions: offered, accepted, ended; what they are about is their application's affair. Source: XEP-0166 1.1.2. */
import { randomBytes } from 'node:crypto';
import { HushError, InvariantError, asHushError } from '../errors.ts';
import { child, elements, is, namespaceOf, xml } from './element.ts';
import type { Element } from './element.ts';
import { isFull, tryJid } from './jid.ts';
import type { FullJid } from './jid.ts';
import type { Context, Sender } from './router.ts';
import type { Session } from './session.ts';
import { StanzaErrorReply, stanzaError } from './stanza-error.ts';
import type { StanzaCondition } from './stanza-error.ts';

export const JINGLE = 'urn:xmpp:jingle:1';
const JINGLE_ERRORS = 'urn:xmpp:jingle:errors:1';
const ANSWER_TIMEOUT_MS = 60_000;

/** Why a session ends. §7.4 */
export type Reason = 'success' | 'timeout' | 'decline' | 'cancel' | 'failed-transport' | 'unsupported-applications' | 'unsupported-transports' | 'security-error';

export type Role = 'initiator' | 'responder';
export type JingleState = 'pending' | 'active' | 'ended';

/** What an action does that the peer sends. */
type Effect = 'accept' | 'terminate' | 'info' | 'nothing' | 'frozen' | 'conflict' | 'out-of-order';

const always = (effect: Effect): Record<Role, Record<Exclude<JingleState, 'ended'>, Effect>> => ({
  initiator: { pending: effect, active: effect },
  responder: { pending: effect, active: effect },
});

/** Action × our role × state: the whole of what a peer can do to a session. */
const table = {
  'session-initiate': always('conflict'),
  'session-accept': { ...always('out-of-order'), initiator: { pending: 'accept', active: 'out-of-order' } },
  'session-info': always('info'),
  'session-terminate': always('terminate'),
  'security-info': always('nothing'),
  // No application of ours changes what was offered: content and transport are as they were, or the session is over.
  'content-accept': always('frozen'),
  'content-add': always('frozen'),
  'content-modify': always('frozen'),
  'content-reject': always('frozen'),
  'content-remove': always('frozen'),
  'description-info': always('frozen'),
  'transport-accept': always('frozen'),
  'transport-info': always('frozen'),
  'transport-reject': always('frozen'),
  'transport-replace': always('frozen'),
} satisfies Record<string, Record<Role, Record<Exclude<JingleState, 'ended'>, Effect>>>;

export type Action = keyof typeof table;
export const actions = Object.keys(table) as readonly Action[];

/** Everyone who may be a peer, and those who never can be one but get a proper error. */
const senders: readonly Sender[] = ['missing', 'own-bare', 'own-full', 'own-other', 'server', 'subscriber', 'other'];

/** A peer's offer, before it is taken. */
export interface Offer {
  readonly peer: FullJid;
  readonly sid: string;
  /** The `<jingle/>` element. */
  readonly jingle: Element;
}

/** One kind of session, found by the namespace of the description in its content. */
export interface JingleApplication {
  readonly description: string;
  /** Takes an offer, or throws the error answer. What it returns learns of the session right after the answer has left. */
  admit(offer: Offer): JingleListener;
}

/** What happens to one session. Every call comes after the answer to the stanza that caused it has left. */
export interface JingleListener {
  /** Responder: the offer has been answered; now accept or terminate. */
  offered?(session: JingleSession, jingle: Element): void;
  /** Initiator: the peer's session-accept. */
  accepted?(jingle: Element): void;
  /** The peer has ended it; unknown reasons are ''. */
  terminated(reason: Reason | ''): void;
  /** Our offer or accept was answered with an error, or not at all. The session has ended; the peer may not know. */
  refused(error: HushError): void;
  /** The peer did what must not be done and got an error for it. The session is still there, to be terminated. */
  broken(error: HushError): void;
}

/** All Jingle sessions of one XMPP stream. */
export class Jingle {
  readonly #session: Session;
  readonly #accepts: (peer: FullJid, sender: Sender) => boolean;
  readonly #applications = new Map<string, JingleApplication>();
  readonly #sessions = new Map<string, JingleSession>();
  readonly #remove: () => void;

  /** `accepts`: whether this peer may know that we are here; everybody else gets what an account that is offline would answer. */
  constructor(session: Session, accepts: (peer: FullJid, sender: Sender) => boolean) {
    this.#session = session;
    this.#accepts = accepts;
    this.#remove = session.router.add({
      name: 'xep0166-jingle',
      stanza: 'iq-set',
      child: { name: 'jingle', ns: JINGLE },
      from: senders,
      handle: (iq, context) => this.#handle(iq, context),
    });
  }

  register(application: JingleApplication): () => void {
    this.#applications.set(application.description, application);
    return () => this.#applications.delete(application.description);
  }

  /** Offers a session. The listener learns what becomes of it. */
  initiate(peer: FullJid, sid: string, contents: readonly Element[], listener: JingleListener): JingleSession {
    const session = this.#add(peer, sid, 'initiator', listener);
    session.send('session-initiate', contents);
    return session;
  }

  /** Takes the handler away. Sessions are their owners' to end. */
  close(): void {
    this.#remove();
  }

  #add(peer: FullJid, sid: string, role: Role, listener: JingleListener): JingleSession {
    const key = `${peer}\n${sid}`;
    if (this.#sessions.has(key)) throw new InvariantError('two sessions with one sid');
    const session: JingleSession = new JingleSession(this.#session, { peer, sid, role, listener }, () => {
      if (this.#sessions.get(key) === session) this.#sessions.delete(key);
    });
    this.#sessions.set(key, session);
    return session;
  }

  #handle(iq: Element, { from, sender }: Context): void {
    const jingle = child(iq, 'jingle', JINGLE);
    if (jingle === undefined) throw new InvariantError('the router dispatches on the payload');
    const { sid = '', action } = jingle.attrs;
    const session = isFull(from) ? this.#sessions.get(`${from}\n${sid}`) : undefined;
    if (session === undefined && sender === 'other' && !(isFull(from) && this.#accepts(from, sender))) throw refusal('service-unavailable');
    if (action === 'session-initiate') this.#offer(jingle, from, sender);
    else if (session === undefined) throw refusal('item-not-found', 'unknown-session');
    else session.receive(action, jingle);
  }

  #offer(jingle: Element, from: Context['from'], sender: Sender): void {
    const { sid = '', initiator } = jingle.attrs;
    const isOurs = sender === 'missing' || sender === 'own-bare' || sender === 'own-full' || sender === 'server';
    if (isOurs || !isFull(from) || !isSid(sid) || (initiator !== undefined && tryJid(initiator) !== from)) throw refusal('bad-request');
    if (!this.#accepts(from, sender)) throw refusal('service-unavailable');
    const description = elements(jingle).filter((content) => is(content, 'content', JINGLE)).flatMap(elements).find(({ name }) => name === 'description');
    const application = description && this.#applications.get(namespaceOf(description));
    const listener = application?.admit({ peer: from, sid, jingle }) ?? unsupported;
    if (this.#sessions.has(`${from}\n${sid}`)) throw refusal('conflict');
    const session = this.#add(from, sid, 'responder', listener);
    queueMicrotask(() => {
      if (session.state === 'pending') listener.offered?.(session, jingle);
    });
  }
}

/** One session with one peer. */
export class JingleSession {
  readonly peer: FullJid;
  readonly sid: string;
  readonly role: Role;
  readonly #session: Session;
  readonly #listener: JingleListener;
  readonly #forget: () => void;
  #state: JingleState = 'pending';

  constructor(session: Session, options: { peer: FullJid; sid: string; role: Role; listener: JingleListener }, forget: () => void) {
    this.peer = options.peer;
    this.sid = options.sid;
    this.role = options.role;
    this.#session = session;
    this.#listener = options.listener;
    this.#forget = forget;
  }

  get state(): JingleState {
    return this.#state;
  }

  /** Responder: accepts what was offered. */
  accept(contents: readonly Element[]): void {
    if (this.role !== 'responder' || this.#state !== 'pending') throw new InvariantError('only an offer received can be accepted, once');
    this.#state = 'active';
    this.send('session-accept', contents);
  }

  /** Ends it and says why. Does nothing after its end. */
  terminate(reason: Reason): void {
    if (this.#state === 'ended') return;
    this.drop();
    this.#request('session-terminate', [xml('reason', {}, xml(reason))]).catch((error: unknown) => {
      this.#session.log.debug({ err: error }, 'a session-terminate was not answered well');
    });
  }

  /** Ends it and says nothing. */
  drop(): void {
    this.#state = 'ended';
    this.#forget();
  }

  /** For Jingle: session-initiate or session-accept. */
  send(action: 'session-initiate' | 'session-accept', contents: readonly Element[]): void {
    this.#request(action, contents).catch((error: unknown) => {
      if (this.#state === 'ended') return;
      this.drop();
      this.#listener.refused(asHushError(error));
    });
  }

  /** For Jingle: what the peer sends in this session. Throws the error answer. */
  receive(action: string | undefined, jingle: Element): void {
    const { initiator, responder } = jingle.attrs;
    const [own, peer] = [this.#session.jid, this.peer];
    const isForeign = (text: string | undefined, jid: FullJid): boolean => text !== undefined && tryJid(text) !== jid;
    if (isForeign(initiator, this.role === 'initiator' ? own : peer) || isForeign(responder, this.role === 'initiator' ? peer : own)) {
      throw this.#broken('bad-request', undefined, 'the session was named after somebody else');
    }
    if (this.#state === 'ended') throw refusal('item-not-found', 'unknown-session');
    if (!isAction(action)) throw refusal('bad-request');
    const effect = table[action][this.role][this.#state];
    switch (effect) {
      case 'accept':
        this.#state = 'active';
        this.#after(() => this.#listener.accepted?.(jingle));
        return;
      case 'terminate':
        this.drop();
        // At once: the next stanza, read in the same turn, may be an offer that takes the place of this session.
        this.#listener.terminated(readReason(jingle));
        return;
      case 'info':
        if (elements(jingle).length > 0) throw refusal('feature-not-implemented', 'unsupported-info');
        return;
      case 'nothing':
        return;
      case 'frozen':
        throw this.#broken('not-acceptable', 'security-required', `the peer tried ${action}`);
      case 'out-of-order':
        throw refusal('unexpected-request', 'out-of-order');
      case 'conflict':
        throw refusal('conflict');
      default:
        effect satisfies never;
    }
  }

  #broken(condition: StanzaCondition, application: string | undefined, message: string): StanzaErrorReply {
    this.#after(() => this.#listener.broken(new HushError('invalid-data', message)));
    return refusal(condition, application);
  }

  /** Right after the answer to the stanza at hand, which the router sends when its handler returns. */
  #after(call: () => void): void {
    queueMicrotask(() => {
      if (this.#state !== 'ended') call();
    });
  }

  #request(action: Action, payload: readonly Element[]): Promise<Element> {
    const own = this.#session.jid;
    const [initiator, responder] = this.role === 'initiator' ? [own, this.peer] : [this.peer, own];
    const attributes = { xmlns: JINGLE, action, initiator, ...(action === 'session-accept' && { responder }), sid: this.sid };
    return this.#session.iq.set(this.peer, xml('jingle', attributes, ...payload), { timeoutMs: ANSWER_TIMEOUT_MS });
  }
}

/** What a session about nothing we know is told. */
const unsupported: JingleListener = {
  offered: (session) => session.terminate('unsupported-applications'),
  terminated: () => undefined,
  refused: () => undefined,
  broken: () => undefined,
};

/** A fresh sid: 32 lower-case hex digits. */
export function newSid(): string {
  return randomBytes(16).toString('hex');
}

/** 1..255 characters without controls. */
export function isSid(sid: string): boolean {
  return sid.length > 0 && sid.length <= 255 && !/\p{Cc}/u.test(sid);
}

/** Whether the offer with `ours` stands against a crossed one: the lower sid does, at equal sids the lower JID's. By bytes. §7.2.16 */
export function winsTie(ours: { sid: string; jid: FullJid }, theirs: { sid: string; jid: FullJid }): boolean {
  const bySid = Buffer.compare(Buffer.from(ours.sid), Buffer.from(theirs.sid));
  return bySid === 0 ? Buffer.compare(Buffer.from(ours.jid), Buffer.from(theirs.jid)) < 0 : bySid < 0;
}

/** A Jingle error answer, thrown by whoever handles the stanza. §10 */
export function refusal(condition: StanzaCondition, application?: string): StanzaErrorReply {
  return new StanzaErrorReply(stanzaError(condition, application === undefined ? undefined : { name: application, ns: JINGLE_ERRORS }));
}

/** Whether an error answer says that the peer's crossed offer stands. */
export function isTieBreak(error: HushError): boolean {
  return error instanceof StanzaErrorReply && error.stanzaError.application?.name === 'tie-break' && error.stanzaError.application.ns === JINGLE_ERRORS;
}

function isAction(action: string | undefined): action is Action {
  return action !== undefined && Object.hasOwn(table, action);
}

const reasons: ReadonlySet<string> = new Set<Reason>([
  'success',
  'timeout',
  'decline',
  'cancel',
  'failed-transport',
  'unsupported-applications',
  'unsupported-transports',
  'security-error',
]);

function readReason(jingle: Element): Reason | '' {
  const reason = child(jingle, 'reason', JINGLE);
  return elements(reason ?? jingle).map(({ name }) => name).find((name): name is Reason => reasons.has(name)) ?? '';
}
