/** Random numbers that a seed decides: what a run has tried can be tried again. */
import { createHash } from 'node:crypto';

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** The seed is the content: cuts and choices that belong to one input, whoever runs it. */
  static of(bytes: Uint8Array): Random {
    return new Random(createHash('sha1').update(bytes).digest().readInt32LE());
  }

  /** 0..2³²-1. Mulberry32: short, fast, and good enough to choose by. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0..limit-1; 0 for a limit of 0. */
  below(limit: number): number {
    return limit <= 0 ? 0 : this.#next() % limit;
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)];
    if (found === undefined) throw new RangeError('nothing to pick from');
    return found;
  }

  /** 1, 2, 3 … each half as likely as the one before, at most `limit`. */
  few(limit: number): number {
    let count = 1;
    while (count < limit && this.once(2)) count += 1;
    return count;
  }

  /** `bytes` in pieces, some of them of one byte. */
  cut(bytes: Buffer): Buffer[] {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = this.once(2) ? 1 + this.below(4) : 1 + this.below(bytes.length);
      pieces.push(bytes.subarray(at, at + size));
      at += size;
    }
    return pieces;
  }
}
