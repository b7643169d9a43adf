/** Names that people give themselves. Source: XEP-0172 1.1.1 §3, §4. */
import { childText, text, is, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import type { BareJid } from './jid.ts';
import type { Session } from './session.ts';
import { cleanLine } from './text.ts';
import type { Pep, PepEvent } from './xep0163-pep.ts';

const NICK = 'http://jabber.org/protocol/nick';

/** Characters of a nickname. */
const maxLength = 256;

/** The nickname in a message or in a request to subscribe; '' without. */
export function readNick(stanza: Element): string {
  return cleanLine(childText(stanza, 'nick', NICK) ?? '', maxLength);
}

/** The child that introduces us in a request to subscribe or a first message. Never for a presence to everyone. §4.1 */
export function nick(name: string): Element {
  return xml('nick', { xmlns: NICK }, name);
}

export class Nicknames {
  readonly events: Emitter<{ changed: [owner: BareJid, name: string] }>;
  readonly #session: Session;
  readonly #pep: Pep;
  readonly #names = new Map<BareJid, string>();

  constructor(session: Session, pep: Pep) {
    this.#session = session;
    this.#pep = pep;
    this.events = new Emitter(session.log);
    pep.listen(NICK, { from: 'anyone', handle: (event) => this.#receive(event) });
  }

  /** The name someone has published for themselves; '' = taken back, undefined = never told. */
  of(owner: BareJid): string | undefined {
    return this.#names.get(owner);
  }

  /** Publishes our own name; '' takes it back. */
  async publish(name: string): Promise<void> {
    await this.#pep.publish(NICK, 'current', nick(name));
    // Not every server tells us of what we publish ourselves.
    this.#learn(this.#session.account, cleanLine(name, maxLength));
  }

  #receive({ from, items, retracted }: PepEvent): void {
    const payload = items.at(-1)?.payload;
    if (payload === undefined ? retracted.length === 0 : !is(payload, 'nick', NICK)) return;
    this.#learn(from, payload === undefined ? '' : cleanLine(text(payload), maxLength));
  }

  #learn(owner: BareJid, name: string): void {
    if (this.#names.get(owner) === name) return;
    this.#names.set(owner, name);
    this.events.emit('changed', owner, name);
  }
}
