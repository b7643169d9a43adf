/** The conversations of one account and the sessions that secure them: who starts what, when it ends, and what comes back. Contract: Channel.Interface.Securable, rules 2, 4, 6–9. */
import { asHushError, HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Tasks } from '../tasks.ts';
import type { Element } from '../xmpp/element.ts';
import type { BareJid, FullJid, Jid } from '../xmpp/jid.ts';
import { untilSecure } from './attempt.ts';
import { byItself, choose, inOrder, lastHeardFirst } from './choice.ts';
import type { Choice, Options } from './choice.ts';
import { Conversation, SecurityState } from './conversation.ts';
import type { ConversationOwner } from './conversation.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Gate } from './gate.ts';
import type { Mechanism, Session, SessionEnd } from './mechanism.ts';
import { demandRefusal, endedError } from './policy.ts';
import type { ConversationKind, Stance } from './policy.ts';
import { checkDemands, missing } from './properties.ts';
import type { Claim, Claims } from './properties.ts';
import type { Trust } from './trust.ts';

/** Milliseconds. */
export const limits = {
  /** Requests, Secure and Require answer within this. */
  attempt: 20_000,
  /** A message waits no longer than this for its conversation to be secured. */
  waiting: 10_000,
  /** After a failed handshake nothing is tried by itself with that contact. */
  pause: 600_000,
  /** A session whose channel is closed lives this long after the last message. */
  unseen: 900_000,
  /** A session this old ends when it has been idle for `idle`, and in any case at `maxAge`. */
  age: 86_400_000,
  idle: 60_000,
  maxAge: 90_000_000,
} as const;

export interface Surroundings {
  readonly trust: Trust;
  readonly mechanisms: readonly Mechanism[];
  bareOf(jid: Jid): BareJid;
  /** Every resource of a contact that is there, the one to prefer first. */
  resources(peer: BareJid): readonly FullJid[];
  /** Whether a contact knows, or may know, that we are here. */
  isSeenBy(peer: BareJid): boolean;
  readonly gate: () => Gate;
  readonly tasks: Tasks;
  readonly log: Log;
}

export interface ConversationsListener {
  /** A session with a contact is secure in a conversation that nobody asked for here. */
  incoming?(conversation: Conversation): void;
  /** A contact who was secured before is talked to in plaintext now. */
  fellBack?(conversation: Conversation): void;
}

interface Record {
  /** A channel shows it. */
  isShown: boolean;
  /** The local user has asked for it or written in it. */
  isWanted: boolean;
  lastMessage: number;
  securedAt: number;
  lastHeard: FullJid | undefined;
  /** The resource that it was last secured with. */
  lastWith: FullJid | undefined;
  /** The contact's resources when its last session ended: only one that comes later is tried by itself. */
  atEnd: ReadonlySet<FullJid>;
  cancelTimer: (() => void) | undefined;
}

export class Conversations implements ConversationOwner {
  readonly #around: Surroundings;
  readonly #records = new Map<Conversation, Record>();
  readonly #byPeer = new Map<BareJid, Set<Conversation>>();
  readonly #failedAt = new Map<BareJid, number>();
  /** Sessions that the local user has done without: no failures, wherever they were. */
  readonly #dismissed = new WeakSet<Session>();
  readonly #pendingDemands = new Map<Conversation, Claim[][]>();
  readonly #listeners = new Set<ConversationsListener>();

  constructor(around: Surroundings) {
    this.#around = around;
    for (const mechanism of around.mechanisms) mechanism.onIncoming((session) => this.#incoming(session));
    around.trust.events.on('policyChanged', (jid) => this.#policyChanged(jid));
    around.trust.events.on('trustChanged', (jid, fingerprint, _old, now) => this.#trustChanged(jid, fingerprint, now));
  }

  listen(listener: ConversationsListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // Which conversations there are

  /** All conversations with a contact, ended ones that are still shown among them. */
  of(peer: BareJid): Iterable<Conversation> {
    return this.#byPeer.get(peer)?.values() ?? [];
  }

  /** The conversation that a plain request gets: the secure one, else one that may become it, else the unsecured one. Never an ended one. */
  living(peer: BareJid): Conversation | undefined {
    const living = [...this.of(peer)].filter(({ state }) => state !== SecurityState.ended);
    return living.find(({ state }) => state === SecurityState.secure) ?? this.securable(peer) ?? living[0];
  }

  /** The one that is, or can be, secured. */
  securable(peer: BareJid): Conversation | undefined {
    const living = [...this.of(peer)].filter(({ kind, state }) => kind === 'securable' && state !== SecurityState.ended);
    return living.find(({ state }) => state === SecurityState.secure) ?? living[0];
  }

  /** The one that is not secured while another is: asked for so, or opened by plaintext. */
  unsecured(peer: BareJid): Conversation | undefined {
    return [...this.of(peer)].find(({ kind, state }) => kind !== 'securable' && state !== SecurityState.ended);
  }

  ended(peer: BareJid): Conversation | undefined {
    return [...this.of(peer)].find(({ state }) => state === SecurityState.ended);
  }

  hasLiveSession(peer: BareJid): boolean {
    return [...this.of(peer)].some(({ state }) => state === SecurityState.secure);
  }

  /** A new conversation. Nothing is started by this. */
  create(peer: BareJid, kind: ConversationKind): Conversation {
    const conversation = new Conversation(peer, kind, this);
    const now = performance.now();
    this.#records.set(conversation, { isShown: false, isWanted: false, lastMessage: now, securedAt: now, lastHeard: undefined, lastWith: undefined, atEnd: new Set(), cancelTimer: undefined });
    const all = this.#byPeer.get(peer) ?? new Set();
    this.#byPeer.set(peer, all);
    all.add(conversation);
    return conversation;
  }

  /** Where a cleartext message of a contact goes: never into a conversation that is or was secured. Rule 4 */
  forPlaintext(peer: BareJid): Conversation {
    const securable = this.securable(peer);
    if (securable !== undefined && securable.claims.size === 0 && securable.state !== SecurityState.secure) return securable;
    const isFirst = securable === undefined && this.ended(peer) === undefined;
    return this.unsecured(peer) ?? this.create(peer, isFirst ? 'securable' : 'companion');
  }

  // What channels tell

  /** A channel shows it from now on. `isWanted`: the local user asked for it. */
  shown(conversation: Conversation, isWanted: boolean): void {
    const record = this.#record(conversation);
    record.isShown = true;
    record.isWanted ||= isWanted;
    if (conversation.state === SecurityState.secure) this.#expireLater(conversation, record);
    this.consider(conversation.peer);
  }

  /** No channel shows it any more. A session stays for a while; everything else is forgotten. Rule 9 */
  hidden(conversation: Conversation): void {
    const record = this.#records.get(conversation);
    if (record === undefined) return;
    record.isShown = false;
    const { session, state } = conversation;
    if (state === SecurityState.secure) this.#expireLater(conversation, record);
    else if (session === undefined) this.#forget(conversation);
    // What still waits is to leave as well as it can; an attempt that nobody waits for ends. Either way it is forgotten with its session.
    else if (!conversation.hasWaiting) this.#around.tasks.run('nobody waits for this session', () => this.#dismiss(session));
  }

  /** The local user has asked for a conversation with this contact, or written in one. */
  isWanted(peer: BareJid): boolean {
    return [...this.of(peer)].some((conversation) => this.#record(conversation).isWanted);
  }

  /** A message was sent or received in it. `from`: the resource it came from. */
  used(conversation: Conversation, from?: FullJid): void {
    const record = this.#record(conversation);
    record.lastMessage = performance.now();
    if (from !== undefined) {
      record.lastHeard = from;
    } else if (!record.isWanted) {
      record.isWanted = true;
      this.consider(conversation.peer);
    }
  }

  // Securing

  stanceOf(conversation: Conversation): Stance {
    const { trust } = this.#around;
    const { peer, kind, demands } = conversation;
    const asked = new Set(this.#pendingDemands.get(conversation)?.flat());
    return { kind, policy: trust.policyOf(peer), isStrict: trust.isStrict(peer), wasSecured: trust.wasSecured(peer), demands, asked, hasLiveSession: this.hasLiveSession(peer) };
  }

  /** Names of the mechanisms that could be started with a contact now, best first. */
  available(peer: BareJid): string[] {
    const { mechanisms, resources } = this.#options(peer, []);
    return mechanisms.filter((mechanism) => resources.some((resource) => mechanism.available(resource) === true)).map(({ name }) => name);
  }

  /** What local requests to this contact demand now, all together. For Authority. */
  demandsOf(peer: BareJid): Claims {
    const living = [...this.of(peer)].filter(({ kind }) => kind === 'securable').flatMap(({ demands }) => [...demands]);
    const asked = [...this.#pendingDemands].filter(([conversation]) => conversation.peer === peer).flatMap(([, pending]) => pending.flat());
    return new Set([...living, ...asked]);
  }

  /** Whether a session that a contact begins is taken without asking. For Authority. */
  accepts(peer: BareJid, isSubscribed: boolean): boolean {
    if (this.#around.trust.policyOf(peer) === 'off') return false;
    const wantsPlain = [...this.of(peer)].some(({ kind }) => kind === 'plain');
    return (isSubscribed || this.isWanted(peer)) && !(wantsPlain && this.securable(peer) === undefined);
  }

  /** Refuses demands that can never be met, before anything is sent. Throws HushError. */
  checkDemands(peer: BareJid, demands: Claims): void {
    checkDemands(demands, this.#around.mechanisms.flatMap(({ kinds }) => kinds));
    const refusal = demands.size > 0 ? demandRefusal(this.#around.trust.policyOf(peer)) : undefined;
    if (refusal !== undefined) throw refusal;
  }

  /**
   * Makes a conversation secure now, with everything it demands except that the contact is verified, which may need a person.
   * `mechanisms`: names, empty = the best. Rejects with HushError; the conversation is then as it was unless it has ended.
   */
  async secure(conversation: Conversation, options: { mechanisms?: readonly string[]; demands?: Claims; signal: AbortSignal }): Promise<void> {
    const { peer, kind } = conversation;
    const demands = new Set([...conversation.demands, ...(options.demands ?? [])]);
    this.checkDemands(peer, demands);
    if (kind !== 'securable') throw new HushError('not-available', 'this conversation is never secured');
    if (conversation.isDead) throw endedError(conversation.endReason ?? 'unauthenticated');
    if (this.#around.trust.policyOf(peer) === 'off') throw new HushError('encryption-not-available', 'securing conversations is switched off for this contact');
    const pending = [...demands];
    const all = this.#pendingDemands.get(conversation) ?? [];
    this.#pendingDemands.set(conversation, [...all, pending]);
    try {
      if (conversation.state !== SecurityState.secure) {
        if (conversation.session === undefined) this.#start(conversation, choose(this.#optionsOf(conversation, options.mechanisms ?? [])), demands);
        await untilSecure(conversation, { tasks: this.#around.tasks, limitMs: limits.attempt, signal: options.signal });
      }
      const [lacking] = missing(demands, conversation.claims).filter((claim) => claim !== 'Verified');
      if (lacking !== undefined) {
        await conversation.session?.end();
        throw new HushError('encryption-not-available', `the secured conversation does not have the property ${lacking}`);
      }
      conversation.addDemands(demands);
    } finally {
      const left = (this.#pendingDemands.get(conversation) ?? []).filter((one) => one !== pending);
      if (left.length > 0) this.#pendingDemands.set(conversation, left);
      else this.#pendingDemands.delete(conversation);
    }
  }

  /** Ends a conversation for good, in an authenticated way where it is secure. */
  async end(conversation: Conversation): Promise<void> {
    const { session } = conversation;
    conversation.kill('local');
    this.#around.gate().release(conversation);
    if (session !== undefined) await this.#dismiss(session);
  }

  #dismiss(session: Session): Promise<void> {
    this.#dismissed.add(session);
    return session.end();
  }

  /** Starts what policy and capabilities allow with a contact, in the conversations that are shown. Rules 2 and 6 */
  consider(peer: BareJid): void {
    const { trust } = this.#around;
    if (trust.policyOf(peer) === 'off') return;
    // By a message alone nobody gets to know that we are here.
    if (!this.#around.isSeenBy(peer) && !this.isWanted(peer)) return;
    const failedAt = this.#failedAt.get(peer);
    if (failedAt !== undefined && performance.now() - failedAt < limits.pause) return;
    for (const conversation of [...this.of(peer)]) {
      if (conversation.kind !== 'securable' || conversation.session !== undefined || conversation.isDead || !this.#record(conversation).isShown) continue;
      if (conversation.state === SecurityState.secure || conversation.state === SecurityState.negotiating) continue;
      if (this.hasLiveSession(peer)) continue;
      try {
        const choice = byItself(this.#optionsOf(conversation, []));
        if (choice !== undefined && !this.#record(conversation).atEnd.has(choice.resource)) this.#start(conversation, choice, conversation.demands);
      } catch (error) {
        this.#around.log.info({ err: error, contact: peer }, 'the conversation was not secured');
      }
    }
  }

  /** Everything ends with the account. Resolves when the ends are written, or soon. */
  async close(): Promise<void> {
    const sessions = [...this.#records.keys()].flatMap(({ session }) => session ?? []);
    await Promise.all(sessions.map((session) => session.end()));
    this.lost();
  }

  /** The stream is gone for good: every session ends where it is. */
  lost(): void {
    for (const mechanism of this.#around.mechanisms) mechanism.close();
  }

  // What conversations tell

  opened(conversation: Conversation, message: Element): boolean {
    return this.#around.gate().openSecured(conversation, message);
  }

  secured(conversation: Conversation, session: Session): void {
    const { trust, tasks } = this.#around;
    const { peer } = conversation;
    const record = this.#record(conversation);
    record.securedAt = performance.now();
    record.lastMessage = record.securedAt;
    record.lastWith = session.peer;
    this.#failedAt.delete(peer);
    const { keys, facts, mechanism } = session;
    if (keys !== undefined) {
      tasks.run('remember the key', () => this.#remember(conversation, session, async () => {
        await trust.secured(peer, keys.remote, { mechanism, bound: facts.bindingAgreed });
        if (facts.verifiedBy !== undefined) await trust.verified(peer, keys.remote, facts.verifiedBy);
      }));
    }
    // After the claims have been announced: what waits leaves under them.
    queueMicrotask(() => this.#around.gate().release(conversation));
    this.#expireLater(conversation, record);
    if (!record.isShown) for (const listener of this.#listeners) listener.incoming?.(conversation);
  }

  factsChanged(conversation: Conversation, session: Session): void {
    const { trust, tasks } = this.#around;
    const { keys, facts: { verifiedBy } } = session;
    if (keys !== undefined && verifiedBy !== undefined) tasks.run('remember the verification', () => this.#remember(conversation, session, () => trust.verified(conversation.peer, keys.remote, verifiedBy)));
  }

  /** What cannot be remembered of a key would be forgotten at the next start, and a changed key not noticed: the session does not count then. */
  async #remember(conversation: Conversation, session: Session, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#around.log.error({ err: error, contact: conversation.peer }, 'what was proved of a contact cannot be kept');
      session.revoke(asHushError(error));
    }
  }

  sessionEnded(conversation: Conversation, session: Session, end: SessionEnd): void {
    const { log, trust } = this.#around;
    const { peer } = conversation;
    log.info({ contact: peer, reason: end.reason, from: end.from, err: end.error }, 'a session has ended');
    if (end.from === 'handshaking' && !this.#dismissed.has(session)) this.#failedAt.set(peer, performance.now());
    if (conversation.state === SecurityState.insecure && trust.wasSecured(peer)) for (const listener of this.#listeners) listener.fellBack?.(conversation);
    const record = this.#records.get(conversation);
    if (record !== undefined) record.atEnd = new Set(this.#around.resources(peer));
    this.#around.gate().release(conversation);
    if (record?.isShown === false) this.#forget(conversation);
  }

  #record(conversation: Conversation): Record {
    const record = this.#records.get(conversation);
    if (record === undefined) throw new HushError('terminated', 'this conversation is over');
    return record;
  }

  #forget(conversation: Conversation): void {
    this.#records.get(conversation)?.cancelTimer?.();
    this.#records.delete(conversation);
    const all = this.#byPeer.get(conversation.peer);
    all?.delete(conversation);
    if (all?.size === 0) this.#byPeer.delete(conversation.peer);
    // Plaintext that had to stand aside is an ordinary conversation once nothing else is there.
    const left = [...this.of(conversation.peer)];
    if (left.every(({ kind }) => kind !== 'securable')) for (const other of left) other.promote();
  }

  /** What can be chosen from for a contact, the resource last heard from first. */
  #options(peer: BareJid, names: readonly string[]): Options {
    const { mechanisms, trust } = this.#around;
    const heard = [...this.of(peer)].flatMap((conversation) => this.#record(conversation).lastHeard ?? []);
    return { mechanisms: inOrder(mechanisms, trust.mechanismOrder, names), resources: lastHeardFirst(this.#around.resources(peer), heard), wasSecured: trust.wasSecured(peer) };
  }

  /**
   * The same for one conversation, without the resources that are another one's: a session carries no two, and with the client of one the other would only
   * find that its key has changed. Rule 8. Throws HushError `not-available` where nothing is left.
   */
  #optionsOf(conversation: Conversation, names: readonly string[]): Options {
    const { peer } = conversation;
    const options = this.#options(peer, names);
    const own = this.#record(conversation).lastWith;
    const others = [...this.of(peer)].filter((other) => other !== conversation);
    const carried = others.flatMap(({ session }) => (session === undefined || session.state === 'closing' ? [] : session.peer));
    const remembered = others.flatMap((other) => (other.isDead ? [] : (this.#record(other).lastWith ?? [])));
    const resources = options.resources.filter((resource) => !carried.includes(resource) && (own === undefined || resource === own || !remembered.includes(resource)));
    if (resources.length === 0 && options.resources.length > 0) throw new HushError('not-available', 'the device of the contact has another conversation');
    return { ...options, resources };
  }

  #start(conversation: Conversation, { mechanism, resource }: Choice, demands: Claims): void {
    const session = mechanism.start(resource, { demands });
    // What is sent from now on waits, unless it has to be asked first whether this contact can do it at all.
    if (this.#around.trust.wasSecured(conversation.peer) || mechanism.available(resource) === true) conversation.startWaiting();
    conversation.attach(session);
  }

  /** A message waits: not longer than the user would. For the gate. */
  waits(conversation: Conversation): void {
    const { session } = conversation;
    this.#around.tasks.after('waiting message', limits.waiting, async () => {
      if (conversation.state !== SecurityState.negotiating || conversation.session !== session) return;
      await session?.end('failed');
    });
  }

  /** A session that a contact has begun and that was accepted. */
  #incoming(session: Session): void {
    const peer = this.#around.bareOf(session.peer);
    const free = [...this.of(peer)].filter(({ kind, session: own, isDead, state }) => kind === 'securable' && own === undefined && !isDead && state !== SecurityState.secure);
    const conversation = free.find((one) => this.#record(one).lastWith === session.peer) ?? free[0] ?? this.create(peer, 'securable');
    // It may come from another client of the contact than the one whose session has ended here. Rule 8
    conversation.attach(session, () => {
      this.#around.gate().release(conversation);
      this.create(peer, 'securable').attach(session);
    });
  }

  /** Ends the session when it is due; what was said meanwhile puts that off. */
  #expireLater(conversation: Conversation, record: Record): void {
    record.cancelTimer?.();
    record.cancelTimer = this.#around.tasks.after('age of a session', Math.max(dueAt(record) - performance.now(), 1000), async () => {
      if (conversation.state !== SecurityState.secure) return;
      if (performance.now() < dueAt(record)) this.#expireLater(conversation, record);
      else await conversation.session?.end('clean');
    });
  }

  #policyChanged(peer: BareJid): void {
    const { trust, tasks } = this.#around;
    if (trust.policyOf(peer) !== 'off') {
      this.consider(peer);
      return;
    }
    for (const conversation of this.of(peer)) {
      if (conversation.session !== undefined) tasks.run('securing was switched off', () => this.end(conversation));
    }
  }

  #trustChanged(peer: BareJid, fingerprint: string, now: number): void {
    const isDistrusted = now !== 1 && now !== 2;
    if (!isDistrusted) return;
    for (const { session, key } of this.of(peer)) {
      if (session !== undefined && key !== undefined && fingerprintOf(key) === fingerprint) {
        session.revoke(new HushError('certificate-fingerprint-mismatch', 'the key of the contact is no longer trusted'));
      }
    }
  }
}

/** When the session of a conversation is to end. Rule 9 */
function dueAt({ isShown, lastMessage, securedAt }: Record): number {
  const old = Math.min(Math.max(securedAt + limits.age, lastMessage + limits.idle), securedAt + limits.maxAge);
  return isShown ? old : Math.min(old, lastMessage + limits.unseen);
}
