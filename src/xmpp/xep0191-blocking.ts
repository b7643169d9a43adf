/** People the server keeps from us. Source: XEP-0191 1.3 §3. */
import { HushError } from '../errors.ts';
import { child, children, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import { tryJid } from './jid.ts';
import type { Jid } from './jid.ts';
import type { Sender } from './router.ts';
import type { Session } from './session.ts';

/** The server's feature. */
export const BLOCKING = 'urn:xmpp:blocking';

const maxItems = 10_000;
const ownServer: readonly Sender[] = ['missing', 'own-bare'];

function readItems(list: Element): Jid[] {
  const items = children(list, 'item', BLOCKING);
  if (items.length > maxItems) throw new HushError('invalid-data', 'a block list without measure');
  return items.flatMap((item) => tryJid(item.attrs.jid) ?? []);
}

const writeItems = (jids: readonly Jid[]): Element[] => jids.map((jid) => xml('item', { jid }));

export class Blocking {
  readonly events: Emitter<{ changed: [blocked: readonly Jid[], unblocked: readonly Jid[]] }>;
  readonly #session: Session;
  #blocked: ReadonlySet<Jid> = new Set();

  constructor(session: Session) {
    this.#session = session;
    this.events = new Emitter(session.log);
    session.router.add({ name: 'xep0191-block', stanza: 'iq-set', child: { name: 'block', ns: BLOCKING }, from: ownServer, handle: (iq) => this.#pushed(iq, 'block') });
    session.router.add({ name: 'xep0191-unblock', stanza: 'iq-set', child: { name: 'unblock', ns: BLOCKING }, from: ownServer, handle: (iq) => this.#pushed(iq, 'unblock') });
  }

  /** People, resources and whole domains that are blocked. */
  get blocked(): ReadonlySet<Jid> {
    return this.#blocked;
  }

  /** Asks for the list; from now on the server tells of changes. Rejects where it has none. */
  async fetch(): Promise<void> {
    const list = child(await this.#session.iq.get(undefined, xml('blocklist', { xmlns: BLOCKING })), 'blocklist', BLOCKING);
    this.#replace(new Set(list === undefined ? [] : readItems(list)));
  }

  /** Resolves when the server has it. */
  async block(jids: readonly Jid[]): Promise<void> {
    if (jids.length === 0) return;
    await this.#session.iq.set(undefined, xml('block', { xmlns: BLOCKING }, ...writeItems(jids)));
    this.#replace(this.#with(jids));
  }

  /** Resolves when the server has it. Nobody in `jids` changes nothing: an empty request would unblock everyone. */
  async unblock(jids: readonly Jid[]): Promise<void> {
    if (jids.length === 0) return;
    await this.#session.iq.set(undefined, xml('unblock', { xmlns: BLOCKING }, ...writeItems(jids)));
    this.#replace(this.#without(jids));
  }

  #with(jids: readonly Jid[]): Set<Jid> {
    return new Set([...this.#blocked, ...jids]);
  }

  #without(jids: readonly Jid[]): Set<Jid> {
    const gone = new Set(jids);
    return new Set([...this.#blocked].filter((jid) => !gone.has(jid)));
  }

  /** §3.3–3.5: a block needs items; an unblock without any is for everyone. */
  #pushed(iq: Element, name: 'block' | 'unblock'): void {
    const list = child(iq, name, BLOCKING);
    const jids = list === undefined ? [] : readItems(list);
    const isEmpty = list === undefined || children(list, 'item', BLOCKING).length === 0;
    if (name === 'unblock') this.#replace(isEmpty ? new Set() : this.#without(jids));
    else if (isEmpty) throw new HushError('invalid-data', 'a block of nobody');
    else this.#replace(this.#with(jids));
  }

  #replace(blocked: ReadonlySet<Jid>): void {
    const before = this.#blocked;
    this.#blocked = blocked;
    const added = [...blocked].filter((jid) => !before.has(jid));
    const removed = [...before].filter((jid) => !blocked.has(jid));
    if (added.length + removed.length > 0) this.events.emit('changed', added, removed);
  }
}
