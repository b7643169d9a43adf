/** What contacts' resources can do, without asking each of them. Source: XEP-0115 1.6.0 §5, §6. */
import { HushError } from '../errors.ts';
import { Tasks } from '../tasks.ts';
import { child, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import { isKnownAlgorithm, isProved, verOf } from './caps-hash.ts';
import { bareOf, isFull, resourceOf } from './jid.ts';
import type { BareJid, FullJid, Jid } from './jid.ts';
import { Limiter } from './limiter.ts';
import type { Presence, PresenceTracker } from './presence.ts';
import type { Session } from './session.ts';
import type { Disco, DiscoInfo } from './xep0030-disco.ts';

const CAPS = 'http://jabber.org/protocol/caps';

/** Questions under way and their patience; proved answers kept by the process; characters of an announcement's parts. */
const limits = { inFlight: 9, answerMs: 15_000, proved: 1000, characters: 1024 };

/** What a resource says it is, by hash; `proof` is there when the hash can be checked. */
interface Announcement {
  readonly node: string;
  readonly ver: string;
  readonly hash: string;
  readonly proof: string | undefined;
}

interface Resource {
  readonly announcement: Announcement | undefined;
  info?: DiscoInfo;
}

/** Proved answers of the whole process, the one used longest ago first: a hash says the same for every account. */
const proved = new Map<string, DiscoInfo>();

function recall(proof: string): DiscoInfo | undefined {
  const info = proved.get(proof);
  if (info !== undefined) keep(proof, info);
  return info;
}

function keep(proof: string, info: DiscoInfo): void {
  proved.delete(proof);
  proved.set(proof, info);
  const [oldest] = proved.keys();
  if (proved.size > limits.proved && oldest !== undefined) proved.delete(oldest);
}

/** The announcement in a presence. One without `hash` (the format before 1.4) or with an unknown one is worth a question to that resource alone. */
function readAnnouncement(presence: Element): Announcement | undefined {
  const { node = '', ver = '', hash = '' } = child(presence, 'c', CAPS)?.attrs ?? {};
  if (ver === '' || [node, ver, hash].some((part) => part.length > limits.characters)) return undefined;
  return { node, ver, hash, proof: isKnownAlgorithm(hash) ? `${hash} ${ver}` : undefined };
}

function isSame(a: Announcement | undefined, b: Announcement): boolean {
  return a !== undefined && a.node === b.node && a.ver === b.ver && a.hash === b.hash;
}

export class Caps {
  readonly events: Emitter<{ changed: [resource: FullJid, info: DiscoInfo] }>;
  readonly #session: Session;
  readonly #disco: Disco;
  readonly #presence: PresenceTracker;
  readonly #node: string;
  readonly #tasks: Tasks;
  readonly #contacts = new Map<BareJid, Map<FullJid, Resource>>();
  /** Proof → resources that announce it, while one after the other is asked. */
  readonly #candidates = new Map<string, Set<FullJid>>();
  readonly #asking = new Map<FullJid, { announcement: Announcement | undefined; answer: Promise<DiscoInfo | undefined> }>();
  readonly #limiter = new Limiter(limits.inFlight);
  #ver: string | undefined;
  #announced: string | undefined;

  /** `node`: the URI of this program. §4 */
  constructor(session: Session, disco: Disco, presence: PresenceTracker, node: string) {
    this.#session = session;
    this.#disco = disco;
    this.#presence = presence;
    this.#node = node;
    this.#tasks = new Tasks(session.log);
    this.events = new Emitter(session.log);
    disco.feature(CAPS);
    disco.events.on('changed', () => this.#recompute());
    presence.decorate((own) => own.append(this.#announce()));
    presence.events.on('changed', (jid, state) => this.#receive(jid, state));
  }

  /** The hash of what we can do now. */
  get ver(): string {
    this.#ver ??= verOf(this.#disco.own);
    return this.#ver;
  }

  /** What a contact's resource can do, as far as it is known without asking now. */
  of(resource: FullJid): DiscoInfo | undefined {
    return this.#resource(resource)?.info;
  }

  /**
   * What a resource can do, asked if need be. Undefined when it does not say; never rejects.
   * Asking shows the resource that we are here.
   */
  async discover(resource: FullJid): Promise<DiscoInfo | undefined> {
    return this.of(resource) ?? this.#ask(resource, true);
  }

  /** Asks those who announced something while they were not to know of us. */
  catchUp(): void {
    for (const [jid, { announcement, info }] of [...this.#contacts.values()].flatMap((resources) => [...resources])) {
      if (announcement !== undefined && info === undefined && this.#isAcquaintance(jid)) this.#learnLater(jid, announcement.proof);
    }
  }

  #announce(): Element {
    const ver = this.ver;
    this.#announced = ver;
    this.#disco.remember(`${this.#node}#${ver}`, this.#disco.own);
    return xml('c', { xmlns: CAPS, hash: 'sha-1', node: this.#node, ver });
  }

  /** Several features may change in one go: one presence tells of them all. */
  #recompute(): void {
    if (this.#ver === undefined) return;
    this.#ver = undefined;
    this.#tasks.run('announce what we can do', async () => {
      await Promise.resolve();
      if (this.#presence.own !== undefined && this.ver !== this.#announced) this.#presence.refresh();
    });
  }

  #receive(jid: Jid, { available, element }: Presence): void {
    if (!available) {
      this.#forget(jid);
      return;
    }
    const announcement = readAnnouncement(element);
    // A server may leave out what it has told before. §7
    if (!isFull(jid) || announcement === undefined || isSame(this.#resource(jid)?.announcement, announcement)) return;
    const resource = this.#place(jid, announcement);
    const { proof } = announcement;
    const known = proof === undefined ? undefined : recall(proof);
    if (known !== undefined) this.#learn(jid, resource, known);
    else if (this.#isAcquaintance(jid)) this.#learnLater(jid, proof);
  }

  #resource(jid: FullJid): Resource | undefined {
    return this.#contacts.get(bareOf(jid))?.get(jid);
  }

  #place(jid: FullJid, announcement: Announcement | undefined): Resource {
    const resources = this.#contacts.get(bareOf(jid)) ?? new Map<FullJid, Resource>();
    const resource: Resource = { announcement };
    this.#contacts.set(bareOf(jid), resources.set(jid, resource));
    return resource;
  }

  #forget(jid: Jid): void {
    const resources = this.#contacts.get(bareOf(jid));
    if (isFull(jid)) resources?.delete(jid);
    if (!isFull(jid) || resources?.size === 0) this.#contacts.delete(bareOf(jid));
  }

  /** Whether our question tells this contact nothing new: that we are here. */
  #isAcquaintance(jid: FullJid): boolean {
    return bareOf(jid) === this.#session.account || this.#session.router.isSeenBy(bareOf(jid));
  }

  #learn(jid: FullJid, resource: Resource, info: DiscoInfo): void {
    resource.info = info;
    this.events.emit('changed', jid, info);
  }

  #learnLater(jid: FullJid, proof: string | undefined): void {
    const waiting = proof === undefined ? undefined : this.#candidates.get(proof);
    if (waiting !== undefined) {
      waiting.add(jid);
    } else {
      const candidates = new Set([jid]);
      if (proof !== undefined) this.#candidates.set(proof, candidates);
      this.#tasks.run('learn what a contact can do', () => this.#askInTurn(candidates, proof));
    }
  }

  /** Asks those who announce the same until one proves it; each one's own answer is good for itself in any case. §5.4 */
  async #askInTurn(candidates: Set<FullJid>, proof: string | undefined): Promise<void> {
    for (const jid of candidates) {
      const resource = this.#resource(jid);
      const isCurrent = resource !== undefined && resource.announcement?.proof === proof;
      if (isCurrent && resource.info === undefined) await this.#ask(jid, false);
      if (proof !== undefined && proved.has(proof)) break;
    }
    if (proof !== undefined) this.#candidates.delete(proof);
  }

  /** Whoever waits in line may find the answer there when their turn comes. */
  async #ask(jid: FullJid, isUrgent: boolean): Promise<DiscoInfo | undefined> {
    return this.#answerUnderWay(jid) ?? this.#limiter.run(async () => this.of(jid) ?? this.#answerUnderWay(jid) ?? this.#start(jid), isUrgent);
  }

  #answerUnderWay(jid: FullJid): Promise<DiscoInfo | undefined> | undefined {
    const asking = this.#asking.get(jid);
    return asking?.announcement === this.#resource(jid)?.announcement ? asking?.answer : undefined;
  }

  async #start(jid: FullJid): Promise<DiscoInfo | undefined> {
    const announcement = this.#resource(jid)?.announcement;
    const asking = { announcement, answer: this.#request(jid, announcement) };
    this.#asking.set(jid, asking);
    try {
      return await asking.answer;
    } finally {
      if (this.#asking.get(jid) === asking) this.#asking.delete(jid);
    }
  }

  async #request(jid: FullJid, announcement: Announcement | undefined): Promise<DiscoInfo | undefined> {
    const node = announcement?.proof === undefined ? undefined : `${announcement.node}#${announcement.ver}`;
    try {
      const info = await this.#disco.info(jid, node, { timeoutMs: limits.answerMs });
      this.#take(jid, announcement, info);
      return info;
    } catch (error) {
      if (!(error instanceof HushError)) throw error;
      this.#session.log.debug({ err: error, jid }, 'a resource does not say what it can do');
      return undefined;
    }
  }

  #take(jid: FullJid, announcement: Announcement | undefined, info: DiscoInfo): void {
    const proof = announcement?.proof;
    if (announcement !== undefined && proof !== undefined && isProved(info, announcement.hash, announcement.ver)) {
      keep(proof, info);
      for (const [other, resource] of [...this.#contacts.values()].flatMap((resources) => [...resources])) {
        if (resource.announcement?.proof === proof && resource.info === undefined) this.#learn(other, resource, info);
      }
    }
    // Meanwhile the resource may have gone, or announced something else.
    const resource = this.#resource(jid) ?? this.#present(jid);
    if (resource !== undefined && resource.announcement === announcement && resource.info === undefined) this.#learn(jid, resource, info);
  }

  /** A place for a resource that is there and announces nothing. */
  #present(jid: FullJid): Resource | undefined {
    return this.#presence.of(bareOf(jid)).has(resourceOf(jid)) ? this.#place(jid, undefined) : undefined;
  }
}
