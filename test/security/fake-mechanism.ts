/** A mechanism whose sessions do what a test says. */
import type { HushError } from '../../src/errors.ts';
import type { Mechanism, Session, SessionEnd, SessionListener, SessionState } from '../../src/security/mechanism.ts';
import type { Claims, Facts, Kind } from '../../src/security/properties.ts';
import type { Element } from '../../src/xmpp/element.ts';
import type { FullJid } from '../../src/xmpp/jid.ts';

export const provedFacts: Facts = {
  kind: 'xtls-identity',
  secured: true,
  verifiedBy: undefined,
  keyPinned: false,
  signalledKeyMatched: true,
  fingerprintSignalled: false,
  bindingAgreed: true,
};

export class FakeSession implements Session {
  readonly mechanism = 'xtls';
  readonly id: string;
  readonly peer: FullJid;
  state: SessionState = 'negotiating';
  facts: Facts = { ...provedFacts, secured: false };
  keys: Session['keys'];
  readonly details = new Map<string, string>();
  readonly sharedSecret = undefined;
  readonly sent: Element[] = [];
  readonly confirmed: string[] = [];
  readonly #listeners = new Set<SessionListener>();

  constructor(peer: FullJid, id: string) {
    this.peer = peer;
    this.id = id;
  }

  send(message: Element): string | undefined {
    this.sent.push(message);
    return message.attrs.id;
  }

  end(as: 'local' | 'clean' | 'failed' = 'local'): Promise<void> {
    if (this.state !== 'ended') this.finish({ reason: as, from: this.state });
    return Promise.resolve();
  }

  revoke(error: HushError): void {
    this.finish({ reason: 'key-changed', error, from: this.state });
  }

  confirm(method: 'comparison' | 'pkix'): void {
    this.confirmed.push(method);
    this.prove({ verifiedBy: method });
  }

  listen(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  // What the test makes happen

  enter(state: SessionState): void {
    this.state = state;
    this.#tell((listener) => listener.changed?.());
  }

  secure(facts: Partial<Facts> = {}, key = 'key'): void {
    this.facts = { ...provedFacts, ...facts };
    if (this.facts.kind !== 'xtls-anonymous') this.keys = { local: Buffer.from('own'), remote: Buffer.from(key) };
    this.enter('secure');
  }

  prove(facts: Partial<Facts>): void {
    this.facts = { ...this.facts, ...facts };
    this.#tell((listener) => listener.changed?.());
  }

  receive(message: Element): void {
    this.#tell((listener) => listener.opened?.(message));
  }

  acknowledge(id: string): void {
    this.#tell((listener) => listener.delivered?.(id));
  }

  finish(end: SessionEnd): void {
    if (this.state === 'ended') return;
    this.enter('ended');
    this.#tell((listener) => listener.ended?.(end));
  }

  #tell(tell: (listener: SessionListener) => void): void {
    for (const listener of [...this.#listeners]) tell(listener);
  }
}

export class FakeMechanism implements Mechanism {
  readonly name = 'xtls';
  readonly kinds: readonly Kind[] = ['xtls-identity', 'xtls-anonymous'];
  readonly features: readonly string[] = [];
  readonly started: { session: FakeSession; demands: Claims }[] = [];
  readonly abilities = new Map<FullJid, boolean>();
  readonly #offered: FakeSession[] = [];
  #incoming: ((session: Session) => void) | undefined;

  available(peer: FullJid): boolean | undefined {
    return this.abilities.get(peer);
  }

  /** As the contract has it: one session with a resource, whoever began it, and whoever asks for it. */
  start(peer: FullJid, { demands }: { demands: Claims }): Session {
    const living = [...this.#offered, ...this.started.map(({ session }) => session)].find((session) => session.peer === peer && session.state !== 'closing' && session.state !== 'ended');
    if (living !== undefined) return living;
    const session = new FakeSession(peer, `out-${this.started.length}`);
    this.started.push({ session, demands });
    return session;
  }

  onIncoming(listener: (session: Session) => void): () => void {
    this.#incoming = listener;
    return () => {
      this.#incoming = undefined;
    };
  }

  /** The peer begins a session that is accepted. */
  offer(peer: FullJid): FakeSession {
    const session = new FakeSession(peer, 'in');
    this.#offered.push(session);
    this.#incoming?.(session);
    return session;
  }

  get last(): FakeSession {
    return this.started.at(-1)!.session;
  }

  close(): void {
    for (const { session } of this.started) session.finish({ reason: 'connection-lost', from: session.state });
  }
}
