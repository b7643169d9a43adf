/** One conversation with one contact: its state, what was proved about it, and what waits in it. Contract: Channel.Interface.Securable. */
import { HushError, InvariantError } from '../errors.ts';
import type { Element } from '../xmpp/element.ts';
import type { BareJid, Jid } from '../xmpp/jid.ts';
import type { EndReason, Session, SessionEnd } from './mechanism.ts';
import type { ConversationKind } from './policy.ts';
import { isRevivable } from './policy.ts';
import { claimNames, claimsOf } from './properties.ts';
import type { Claim, Claims, Facts } from './properties.ts';

/** `Securable.State`. */
export const SecurityState = { insecure: 0, negotiating: 1, secure: 2, ended: 3 } as const;
export type SecurityState = (typeof SecurityState)[keyof typeof SecurityState];

type Event = 'attempt' | 'secured' | 'fell-back' | 'ended' | 'not-revived';

/** From the first byte of a secured transport on no way leads to plaintext: `fell-back` is for what failed before it. */
const transitions: Readonly<Record<SecurityState, Partial<Record<Event, SecurityState>>>> = {
  [SecurityState.insecure]: { attempt: SecurityState.negotiating },
  [SecurityState.negotiating]: { secured: SecurityState.secure, 'fell-back': SecurityState.insecure, ended: SecurityState.ended, 'not-revived': SecurityState.ended },
  [SecurityState.secure]: { ended: SecurityState.ended },
  [SecurityState.ended]: { attempt: SecurityState.negotiating },
};

/** What every unsecured conversation knows about itself: nothing that proves a claim. */
export const plainFacts: Facts = {
  kind: 'plain',
  secured: false,
  verifiedBy: undefined,
  keyPinned: false,
  signalledKeyMatched: false,
  fingerprintSignalled: false,
  bindingAgreed: false,
};

/** A message that waits until it is known how it may leave. */
export interface Waiting {
  readonly message: Element;
  left(id: string, mechanism: string): void;
  failed(error: HushError): void;
}

export interface ConversationListener {
  /** State, claims, demands or details are different: once per transition. */
  changed?(): void;
  /** The contact has acknowledged this message inside the session. */
  delivered?(id: string): void;
  /** The session is over; nothing that was sent inside and not acknowledged is known to have arrived. */
  ended?(end: SessionEnd): void;
  secretRequested?(question: string): void;
  secretConcluded?(error: HushError | undefined): void;
}

export interface ConversationOwner {
  /** A message came inside the session of this conversation. False: there was no place for it. */
  opened(conversation: Conversation, message: Element): unknown;
  /** It has just become secure. */
  secured(conversation: Conversation, session: Session): void;
  /** Its session is over, whatever state it had reached. */
  sessionEnded(conversation: Conversation, session: Session, end: SessionEnd): void;
  /** The facts of its secure session are different. */
  factsChanged(conversation: Conversation, session: Session): void;
}

let count = 0;

export class Conversation {
  /** Unique in the process. */
  readonly id: string;
  readonly peer: BareJid;
  /** Where plaintext goes: the bare JID until one of the contact's resources has answered, then that full JID until its presence changes. RFC 6121 §5.1 */
  address: Jid;
  readonly #owner: ConversationOwner;
  readonly #listeners = new Set<ConversationListener>();
  #kind: ConversationKind;
  #state: SecurityState = SecurityState.insecure;
  #session: Session | undefined;
  #key: Uint8Array | undefined;
  #proof: Facts = plainFacts;
  #shown: Claims = new Set();
  #demands: ReadonlySet<Claim> = new Set();
  #endReason: EndReason | undefined;
  #isDead = false;
  #waiting: Waiting[] = [];
  #handOver: (() => void) | undefined;

  constructor(peer: BareJid, kind: ConversationKind, owner: ConversationOwner) {
    count += 1;
    this.id = `conversation-${count}`;
    this.peer = peer;
    this.address = peer;
    this.#kind = kind;
    this.#owner = owner;
  }

  get kind(): ConversationKind {
    return this.#kind;
  }
  get state(): SecurityState {
    return this.#state;
  }
  /** The session that carries it, or is to carry it. */
  get session(): Session | undefined {
    return this.#session;
  }
  get facts(): Facts {
    return this.#state === SecurityState.secure ? (this.#session?.facts ?? plainFacts) : plainFacts;
  }
  /** What was proved. A claim that was ever shown stays shown, for it was true of everything said until the end. */
  get claims(): Claims {
    return this.#shown;
  }
  /** What `claims` were computed from. */
  get proof(): Facts {
    return this.#proof;
  }
  get demands(): Claims {
    return this.#demands;
  }
  get endReason(): EndReason | undefined {
    return this.#state === SecurityState.ended ? this.#endReason : undefined;
  }
  /** Ended for good: not even a session that proves as much revives it. */
  get isDead(): boolean {
    return this.#isDead;
  }
  /** The key of the peer while it was secure (DER SubjectPublicKeyInfo). */
  get key(): Uint8Array | undefined {
    return this.#key;
  }

  listen(listener: ConversationListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Demands only grow. */
  addDemands(demands: Iterable<Claim>): void {
    const all = new Set([...this.#demands, ...demands]);
    if (all.size === this.#demands.size) return;
    this.#demands = all;
    this.#changed();
  }

  /** Takes back demands that could not be met by the attempt they were made for. */
  dropDemands(demands: Iterable<Claim>): void {
    const gone = new Set(demands);
    this.#demands = new Set([...this.#demands].filter((claim) => !gone.has(claim)));
    this.#changed();
  }

  /** The contact has no other conversation any more: this one may be secured like any. */
  promote(): void {
    if (this.#kind === 'companion') this.#kind = 'securable';
  }

  /**
   * Puts a session to work for this conversation: new, or under way at the peer's wish. `onOtherKey`: takes over a session that is secured with another key than
   * this conversation was, which stays ended then; without it such a session ends, and the conversation for good.
   */
  attach(session: Session, onOtherKey?: () => void): void {
    if (this.#session !== undefined) throw new InvariantError(`${this.id} has a session`);
    this.#session = session;
    this.#handOver = onOtherKey && (() => {
      stop();
      this.#session = undefined;
      this.#enter('not-revived');
      onOtherKey();
      this.#changed();
    });
    const stop = session.listen({
      changed: () => this.#sessionChanged(session),
      opened: (message) => this.#owner.opened(this, message),
      delivered: (id) => this.#tell((listener) => listener.delivered?.(id)),
      secretRequested: (question) => this.#tell((listener) => listener.secretRequested?.(question)),
      secretConcluded: (error) => this.#tell((listener) => listener.secretConcluded?.(error)),
      ended: (end) => {
        stop();
        this.#sessionEnded(session, end);
      },
    });
    this.#sessionChanged(session);
  }

  /** Keeps a message until the attempt that is under way is over. */
  wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes what waits, to be sent or failed by the caller. */
  takeWaiting(): Waiting[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  /** Ended for good, whatever it was: nothing leaves any more. */
  kill(reason: EndReason): void {
    this.#isDead = true;
    if (this.#state === SecurityState.ended) return;
    this.#endReason = reason;
    if (this.#state === SecurityState.insecure) this.#enter('attempt');
    this.#enter('ended');
    this.#changed();
  }

  #enter(event: Event): void {
    const next = transitions[this.#state][event];
    if (next === undefined) throw new InvariantError(`${this.id}: ${event} in state ${this.#state}`);
    this.#state = next;
  }

  #sessionChanged(session: Session): void {
    // One that is dead waits for its session to end, and takes nothing else from it.
    if (session !== this.#session || (this.#isDead && this.#state === SecurityState.ended)) return;
    if (session.state === 'secure' && this.#state !== SecurityState.secure) {
      if (this.#state !== SecurityState.negotiating) this.#enter('attempt');
      this.#secured(session);
    } else if (this.#state === SecurityState.secure) {
      this.#factsChanged(session);
    } else if (session.state === 'negotiating' || session.state === 'handshaking') {
      if (this.#state !== SecurityState.negotiating) this.#enter('attempt');
      this.#changed();
    }
  }

  /** Asking a contact who was secured before counts as an attempt: what is sent meanwhile must not slip out. */
  startWaiting(): void {
    if (this.#state !== SecurityState.insecure) return;
    this.#enter('attempt');
    this.#changed();
  }

  /** A session that proves less than was ever shown does not carry this conversation. */
  #secured(session: Session): void {
    const claims = claimsOf(session.facts);
    const isSameKey = this.#key === undefined || (session.keys !== undefined && Buffer.compare(this.#key, session.keys.remote) === 0);
    if (!isSameKey && this.#handOver !== undefined) {
      this.#handOver();
      return;
    }
    if (!isSameKey || [...this.#shown].some((claim) => !claims.has(claim))) {
      this.#isDead = true;
      session.revoke(new HushError('encryption-error', 'the new session proves less than this conversation has shown'));
      return;
    }
    this.#enter('secured');
    this.#endReason = undefined;
    this.#key = session.keys?.remote;
    [this.#proof, this.#shown] = [session.facts, claims];
    this.#owner.secured(this, session);
    this.#changed();
  }

  /** Only up: where a claim would have to fall the session ends instead. */
  #factsChanged(session: Session): void {
    if (session.state !== 'secure' && session.state !== 'closing') return;
    const claims = claimsOf(session.facts);
    const fallen = [...this.#shown].find((claim) => !claims.has(claim));
    if (fallen !== undefined) {
      session.revoke(new HushError('encryption-error', `${fallen} no longer holds`));
      return;
    }
    [this.#proof, this.#shown] = [session.facts, claims];
    this.#owner.factsChanged(this, session);
    this.#changed();
  }

  #sessionEnded(session: Session, end: SessionEnd): void {
    if (session !== this.#session) return;
    this.#session = undefined;
    const fellBack = end.from === 'discovering' || end.from === 'negotiating';
    if (this.#state === SecurityState.negotiating && fellBack && !this.#isDead) {
      this.#enter(this.#shown.size > 0 ? 'not-revived' : 'fell-back');
    } else if (this.#state === SecurityState.negotiating || this.#state === SecurityState.secure) {
      this.#endReason = this.#isDead ? 'key-changed' : end.reason;
      this.#isDead ||= end.isViolated === true || !isRevivable(end.reason, session.facts.kind === 'xtls-anonymous');
      this.#enter('ended');
    }
    this.#owner.sessionEnded(this, session, end);
    this.#tell((listener) => listener.ended?.(end));
    this.#changed();
  }

  #changed(): void {
    this.#tell((listener) => listener.changed?.());
  }

  #tell(tell: (listener: ConversationListener) => void): void {
    for (const listener of [...this.#listeners]) tell(listener);
  }
}

/** In the order in which they are announced. */
export function sorted(claims: Claims): Claim[] {
  return claimNames.filter((claim) => claims.has(claim));
}
