/** Stanzas of people the roster does not name yet: they come while the list is still on its way, and are looked at again when it names them. */
import type { Element } from './element.ts';
import { bareOf } from './jid.ts';
import type { BareJid, Jid } from './jid.ts';

interface Held {
  readonly from: Jid;
  readonly stanza: Element;
}

/** Characters of one stanza that waits. */
const maxWeight = 3072;
/** Stanzas of one peer that wait: resources, or PEP nodes. */
const maxPerPeer = 8;
/** Peers whose stanzas wait while the list has not come, and afterwards. */
const maxPeers = { before: 6000, after: 64 };

/** Whether an element has at most `limit` characters of names, attributes and text. Ends as soon as it has more. */
export function isLighterThan(element: Element, limit: number): boolean {
  const work = [element];
  let weight = 0;
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    weight += next.name.length;
    for (const [key, value] of Object.entries(next.attrs)) weight += key.length + (value?.length ?? 0);
    for (const node of next.children) {
      weight += typeof node === 'string' ? node.length : 1;
      if (weight > limit) return false;
      if (typeof node !== 'string') work.push(node);
    }
  }
  return weight <= limit;
}

/** Bounded in number and size; whoever was silent longest leaves first. */
export class WaitingRoom {
  readonly #peers = new Map<BareJid, Map<string, Held>>();
  #maxPeers: number = maxPeers.before;

  /** The list has come: whoever it does not name has little room from now on. */
  shrink(): void {
    this.#maxPeers = maxPeers.after;
    this.#makeRoom();
  }

  /** Keeps a stanza, in the place of an older one of the same sender and `kind`. */
  hold(from: Jid, kind: string, stanza: Element): void {
    const peer = bareOf(from);
    const key = `${from}\n${kind}`;
    const held = this.#peers.get(peer) ?? new Map<string, Held>();
    held.delete(key);
    if (isLighterThan(stanza, maxWeight)) held.set(key, { from, stanza });
    const [oldest] = held.keys();
    if (held.size > maxPerPeer && oldest !== undefined) held.delete(oldest);
    this.#peers.delete(peer);
    if (held.size > 0) this.#peers.set(peer, held);
    this.#makeRoom();
  }

  /** Hands out everything of one peer, in the order it came. */
  take(peer: BareJid): Held[] {
    const held = this.#peers.get(peer);
    this.#peers.delete(peer);
    return held === undefined ? [] : [...held.values()];
  }

  #makeRoom(): void {
    for (const peer of this.#peers.keys()) {
      if (this.#peers.size <= this.#maxPeers) return;
      this.#peers.delete(peer);
    }
  }
}
