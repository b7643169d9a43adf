/** One queue per peer: order within a peer, no waiting between peers, and turns short enough for everything else in the process. */

interface Peer<Item> {
  readonly key: string;
  readonly items: Item[];
  /** When the item that is being worked on was begun (performance.now()); undefined: there is none. */
  busySince: number | undefined;
  /** Turns that came while it was busy. */
  owed: number;
}

export interface PeerQueuesOptions<Item> {
  /** Works on one item and never fails; a promise keeps this peer's next item waiting, nobody else's. */
  readonly work: (item: Item) => Promise<void> | undefined;
  /** Called with true when items come in faster than they are worked on, with false when that is over. */
  readonly onPressure: (isHigh: boolean) => void;
}

/** Milliseconds of work, of all queues of the process together, before the event loop gets its turn. */
const sliceMs = 8;
/** Items waiting for the process, or for one peer: above the first there is pressure, below the second no longer. */
const highWater = 512;
const lowWater = 64;
/** A peer whose item takes longer is stuck: what waits for it is its own affair, and no pressure on the others. */
const stuckMs = 1_000;

/** Queues that have something to do, in the order in which they get their time; each works until the time it is given. */
const ready: ((sliceEnd: number) => void)[] = [];
let isTurnComing = false;

function whenReady(run: (sliceEnd: number) => void): void {
  ready.push(run);
  if (!isTurnComing) setImmediate(runReady);
  isTurnComing = true;
}

function runReady(): void {
  const sliceEnd = performance.now() + sliceMs;
  try {
    do ready.shift()?.(sliceEnd);
    while (ready.length > 0 && performance.now() < sliceEnd);
  } finally {
    isTurnComing = ready.length > 0;
    if (isTurnComing) setImmediate(runReady);
  }
}

/** Items run in the order they came in, except behind a busy peer. They run in later turns of the event loop, never inside `push`. */
export class PeerQueues<Item> {
  readonly #options: PeerQueuesOptions<Item>;
  readonly #peers = new Map<string, Peer<Item>>();
  /** A turn for each item, in order of arrival. */
  readonly #turns: Peer<Item>[] = [];
  /** Turns of peers that are no longer busy: before the others, for they came earlier. */
  readonly #resumed: Peer<Item>[] = [];
  /** Peers that many items wait for. */
  readonly #crowded = new Set<Peer<Item>>();
  #isScheduled = false;
  #sliceEnd = 0;
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
      peer = { key, items: [], busySince: undefined, owed: 0 };
      this.#peers.set(key, peer);
    }
    peer.items.push(item);
    this.#turns.push(peer);
    if (peer.items.length > highWater) this.#crowded.add(peer);
    if (!this.#isHigh && (this.#turns.length > highWater || this.#crowd())) this.#raise();
    this.#schedule();
  }

  /** Whether many items wait for a peer who does get on. */
  #crowd(): boolean {
    const now = performance.now();
    for (const peer of this.#crowded) {
      if (peer.items.length < lowWater) this.#crowded.delete(peer);
      else if (peer.busySince === undefined || now - peer.busySince < stuckMs) return true;
    }
    return false;
  }

  #raise(): void {
    this.#isHigh = true;
    this.#options.onPressure(true);
    // A peer that gets stuck now would otherwise not be looked at again.
    const timer = setInterval(() => {
      this.#relieve();
      if (!this.#isHigh) clearInterval(timer);
    }, stuckMs);
  }

  #relieve(): void {
    if (!this.#isHigh || this.#turns.length >= lowWater || this.#crowd()) return;
    this.#isHigh = false;
    this.#options.onPressure(false);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    whenReady((sliceEnd) => {
      this.#isScheduled = false;
      this.#run(sliceEnd);
    });
  }

  #run(sliceEnd: number): void {
    this.#sliceEnd = sliceEnd;
    for (let peer = this.#next(); peer !== undefined; peer = this.#next()) {
      this.#turn(peer);
      if (performance.now() > this.#sliceEnd) break;
    }
    if (this.#turns.length + this.#resumed.length > 0) this.#schedule();
  }

  #next(): Peer<Item> | undefined {
    return this.#resumed.shift() ?? this.#turns.shift();
  }

  #turn(peer: Peer<Item>): void {
    if (peer.busySince !== undefined) {
      peer.owed += 1;
      return;
    }
    const item = peer.items.shift();
    const working = item === undefined ? undefined : this.#options.work(item);
    if (working === undefined) {
      this.#release(peer);
      return;
    }
    peer.busySince = performance.now();
    const done = (): void => this.#done(peer);
    working.then(done, done);
  }

  /** A busy peer has finished an item: its next one runs at once if there is time left in this slice. */
  #done(peer: Peer<Item>): void {
    peer.busySince = undefined;
    if (peer.owed > 0 && performance.now() < this.#sliceEnd) {
      peer.owed -= 1;
      this.#turn(peer);
    } else {
      this.#release(peer);
    }
  }

  #release(peer: Peer<Item>): void {
    if (peer.owed > 0) {
      peer.owed -= 1;
      this.#resumed.push(peer);
      this.#schedule();
    } else if (peer.items.length === 0) {
      this.#peers.delete(peer.key);
    }
    this.#relieve();
  }
}
