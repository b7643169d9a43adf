/** Endpoints with XTLS on a wire, each with what its user wants and knows, and with everything that happened in order. */
import { createIdentity } from '../../../../src/security/identity.ts';
import type { Identity } from '../../../../src/security/identity.ts';
import type { Authority, KeyVerdict, PresentedKey, Session, SessionEnd } from '../../../../src/security/mechanism.ts';
import { XtlsMechanism } from '../../../../src/security/mechanisms/xtls/xtls.ts';
import { claimsOf } from '../../../../src/security/properties.ts';
import type { Claim } from '../../../../src/security/properties.ts';
import { silentLog } from '../../../../src/log.ts';
import { childText, ns, xml } from '../../../../src/xmpp/element.ts';
import { bareOf, parseFullJid } from '../../../../src/xmpp/jid.ts';
import type { BareJid, FullJid } from '../../../../src/xmpp/jid.ts';
import type { Endpoint, Wire } from '../../../harness/wire.ts';

export const ROMEO = parseFullJid('romeo@example.net/orchard');
export const JULIET = parseFullJid('juliet@example.org/balcony');

const identities = new Map<string, Identity>();
export const identityOf = (jid: string): Identity => {
  const known = identities.get(jid) ?? createIdentity(jid);
  identities.set(jid, known);
  return known;
};

/** What happened to the sessions of one endpoint, as words. */
export class Diary {
  readonly lines: string[] = [];
  readonly ends: SessionEnd[] = [];
  #waiters: (() => void)[] = [];

  write(line: string): void {
    this.lines.push(line);
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  follow(session: Session): Session {
    session.listen({
      changed: () => this.write(`${session.state}${session.state === 'secure' && session.facts.verifiedBy !== undefined ? ` ${session.facts.verifiedBy}` : ''}`),
      opened: (message) => this.write(`says ${childText(message, 'body', ns.client) ?? '(no body)'}`),
      delivered: (id) => this.write(`delivered ${id}`),
      secretRequested: (question) => this.write(`asks ${question}`),
      secretConcluded: (error) => this.write(`secret ${error?.condition ?? 'right'}`),
      ended: (end) => {
        this.ends.push(end);
        this.write(`end ${end.reason} ${end.error?.condition ?? '-'} from ${end.from}`);
      },
    });
    return session;
  }

  /** Waits for a line that begins so. */
  async until(start: string): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => line.startsWith(start));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }
}

export interface SideOptions {
  readonly features?: readonly string[];
  readonly subscribers?: readonly string[];
}

export class Side {
  readonly jid: FullJid;
  readonly endpoint: Endpoint;
  readonly mechanism: XtlsMechanism;
  readonly diary = new Diary();
  readonly incoming: Session[] = [];
  /** What the user's side knows and wants. */
  identity: Identity;
  readonly pins = new Set<BareJid>();
  readonly bound = new Set<BareJid>();
  demands = new Set<Claim>();
  acceptsStrangers = false;
  judge: (key: PresentedKey) => KeyVerdict = () => ({ accepted: true, pinned: false, verifiedBy: undefined });
  /** Features by full JID; undefined = has to be asked. */
  readonly capabilities = new Map<FullJid, ReadonlySet<string>>();
  ask: (peer: FullJid) => Promise<ReadonlySet<string> | undefined>;

  constructor(wire: Wire, jid: FullJid, { subscribers = ['romeo@example.net', 'juliet@example.org'] }: SideOptions = {}) {
    this.jid = jid;
    this.identity = identityOf(bareOf(jid));
    this.ask = async (peer) => Promise.resolve(this.capabilities.get(peer));
    this.endpoint = wire.endpoint(jid, { subscribers });
    const authority: Authority = {
      identity: async () => Promise.resolve(this.identity),
      judgeKey: (_peer, key) => this.judge(key),
      hasPin: (peer) => this.pins.has(peer),
      wasBound: (peer) => this.bound.has(peer),
      demands: () => this.demands,
      accepts: (_peer, subscribed) => subscribed || this.acceptsStrangers,
    };
    this.mechanism = new XtlsMechanism({
      stream: this.endpoint,
      authority,
      capabilities: { known: (peer) => this.capabilities.get(peer), ask: (peer) => this.ask(peer) },
      log: silentLog,
    });
    this.mechanism.onIncoming((session) => {
      this.incoming.push(session);
      this.diary.write(`incoming ${session.state}`);
      this.diary.follow(session);
    });
  }

  start(peer: FullJid, demands: readonly Claim[] = []): Session {
    return this.diary.follow(this.mechanism.start(peer, { demands: new Set(demands) }));
  }

  stop(): void {
    this.mechanism.close();
    this.endpoint.disconnect();
  }
}

export const message = (body: string, id?: string, type: string | undefined = 'chat'): ReturnType<typeof xml> => xml('message', { type, id, to: 'nobody@example.com' }, xml('body', {}, body));
export const claims = (session: Session): string[] => [...claimsOf(session.facts)];

/** Romeo and Juliet, who know what each other's client can do. */
export function couple(wire: Wire): { romeo: Side; juliet: Side } {
  const [romeo, juliet] = [new Side(wire, ROMEO), new Side(wire, JULIET)];
  const all = new Set(romeo.mechanism.features);
  romeo.capabilities.set(JULIET, all);
  juliet.capabilities.set(ROMEO, all);
  return { romeo, juliet };
}

/** A secure session between the two: Romeo's end and Juliet's. */
export async function secured(romeo: Side, juliet: Side, demands: readonly Claim[] = []): Promise<[Session, Session]> {
  const ours = romeo.start(JULIET, demands);
  await Promise.all([romeo.diary.until('secure'), juliet.diary.until('secure')]);
  return [ours, juliet.incoming[0]!];
}
