/** One queue per peer: order within a peer, no waiting between peers, and turns short enough for everything else in the process. */

interface Peer<Item> {
  readonly key: string;
  readonly items: Item[];
  /** An item of this peer is being worked on. */
  isBusy: boolean;
  /** Turns that came while it was busy. */
  owed: number;
}

export interface PeerQueuesOptions<Item> {
  /** Works on one item and never fails; a promise keeps this peer's next item waiting, nobody else's. */
  readonly work: (item: Item) => Promise<void> | undefined;
  /** Called with true when items come in faster than they are worked on, with false when the process has caught up. */
  readonly onPressure: (isHigh: boolean) => void;
}

/** Milliseconds of work before the event loop gets its turn. */
const sliceMs = 8;
/** Items ready to run, behind nobody but the process itself. */
const highWater = 512;
const lowWater = 64;

/** Items run in the order they came in, except behind a busy peer. They run in later turns of the event loop, never inside `push`. */
export class PeerQueues<Item> {
  readonly #options: PeerQueuesOptions<Item>;
  readonly #peers = new Map<string, Peer<Item>>();
  /** A turn for each item, in order of arrival. */
  readonly #turns: Peer<Item>[] = [];
  /** Turns of peers that are no longer busy: before the others, for they came earlier. */
  readonly #resumed: Peer<Item>[] = [];
  #isScheduled = false;
  #isHigh = false;

  constructor(options: PeerQueuesOptions<Item>) {
    this.#options = options;
  }

  /** Items of this peer that wait; the one being worked on is not among them. */
  waiting(key: string): number {
    return this.#peers.get(key)?.items.length ?? 0;
  }

  push(key: string, item: Item): void {
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      peer = { key, items: [], isBusy: false, owed: 0 };
      this.#peers.set(key, peer);
    }
    peer.items.push(item);
    this.#turns.push(peer);
    if (!this.#isHigh && this.#turns.length > highWater) this.#setPressure(true);
    this.#schedule();
  }

  #setPressure(isHigh: boolean): void {
    this.#isHigh = isHigh;
    this.#options.onPressure(isHigh);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const end = performance.now() + sliceMs;
    for (let peer = this.#next(); peer !== undefined; peer = this.#next()) {
      this.#turn(peer);
      if (performance.now() > end) break;
    }
    if (this.#isHigh && this.#turns.length < lowWater) this.#setPressure(false);
    if (this.#turns.length + this.#resumed.length > 0) this.#schedule();
  }

  #next(): Peer<Item> | undefined {
    return this.#resumed.shift() ?? this.#turns.shift();
  }

  #turn(peer: Peer<Item>): void {
    if (peer.isBusy) {
      peer.owed += 1;
      return;
    }
    const item = peer.items.shift();
    const working = item === undefined ? undefined : this.#options.work(item);
    if (working === undefined) {
      this.#done(peer);
      return;
    }
    peer.isBusy = true;
    const done = (): void => {
      peer.isBusy = false;
      this.#done(peer);
    };
    working.then(done, done);
  }

  #done(peer: Peer<Item>): void {
    if (peer.owed > 0) {
      peer.owed -= 1;
      this.#resumed.push(peer);
      this.#schedule();
    } else if (peer.items.length === 0) {
      this.#peers.delete(peer.key);
    }
  }
}
