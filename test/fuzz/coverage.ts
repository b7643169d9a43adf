/** Which blocks of some sources have run, and how often, as V8 counts them. Chrome DevTools Protocol, domain Profiler. */
import { Session } from 'node:inspector';
import type { Profiler } from 'node:inspector';

/** How often each character of each source has run since the last look, as a bit of its bucket; 0 = not at all. */
export interface Sample {
  readonly scripts: ReadonlyMap<string, Painted>;
  /** Blocks that have run: source and place. */
  readonly blocks: readonly string[];
}
interface Painted {
  readonly bits: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more: a loop that runs a different number of times is something new, but not each time. */
function bucket(count: number): number {
  if (count < 4) return count === 0 ? 0 : 1 << (count - 1);
  if (count < 8) return 8;
  if (count < 16) return 16;
  if (count < 32) return 32;
  return count < 128 ? 64 : 128;
}

export class Coverage {
  readonly #session = new Session();
  readonly #scratch = new Map<string, Uint8Array>();

  /** To be made before the sources are loaded, so that loading them is seen, and with it how long they are. */
  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What has run since the last call of the sources whose paths end so. Valid until the next call. */
  take(sources: readonly string[]): Sample {
    let result: Profiler.ScriptCoverage[] = [];
    // In this process the answer comes before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error;
      result = coverage.result;
    });
    const scripts = new Map<string, Painted>();
    const blocks: string[] = [];
    for (const { url, functions } of result) {
      const source = sources.find((end) => url.endsWith(end));
      if (source !== undefined) scripts.set(source, this.#paint(source, functions, blocks));
    }
    return { scripts, blocks };
  }

  /** Outer functions and blocks first, inner ones over them. */
  #paint(source: string, functions: readonly Profiler.FunctionCoverage[], blocks: string[]): Painted {
    const end = Math.max(...functions.map(({ ranges }) => ranges[0]?.endOffset ?? 0));
    let bits = this.#scratch.get(source);
    if (bits === undefined || bits.length < end) this.#scratch.set(source, (bits = new Uint8Array(end)));
    else bits.fill(0);
    let from = end;
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        bits.fill(bucket(count), startOffset, endOffset);
        if (count === 0) continue;
        from = Math.min(from, startOffset);
        blocks.push(`${source}:${startOffset}-${endOffset}`);
      }
    }
    return { bits, from, to: end };
  }
}

/** What has been seen so far. */
export class CoverageMap {
  readonly #seen = new Map<string, Uint8Array>();
  readonly #isCoarse: boolean;
  readonly blocks = new Set<string>();

  /** Coarse: that something has run counts, not how often. */
  constructor(isCoarse = false) {
    this.#isCoarse = isCoarse;
  }

  /** Adds a sample; returns whether there was anything new in it. */
  add(sample: Sample): boolean {
    let isNew = false;
    for (const [source, { bits, from, to }] of sample.scripts) {
      let seen = this.#seen.get(source);
      if (seen === undefined || seen.length < bits.length) {
        const longer = new Uint8Array(bits.length);
        longer.set(seen ?? []);
        this.#seen.set(source, (seen = longer));
      }
      for (let at = from; at < to; at += 1) {
        const now = this.#isCoarse ? Math.min(bits[at] ?? 0, 1) : bits[at] ?? 0;
        const before = seen[at] ?? 0;
        if ((now & ~before) === 0) continue;
        isNew = true;
        seen[at] = before | now;
      }
    }
    if (isNew) for (const block of sample.blocks) this.blocks.add(block);
    return isNew;
  }

  /** Characters of the sources that have run, of all there are. */
  get share(): number {
    const all = [...this.#seen.values()];
    const run = all.reduce((sum, seen) => sum + seen.reduce((count, bits) => (bits === 0 ? count : count + 1), 0), 0);
    return run / Math.max(1, all.reduce((sum, { length }) => sum + length, 0));
  }
}
