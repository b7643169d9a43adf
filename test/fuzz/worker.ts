/** One target in a process of its own: searches, or runs single inputs. Told what to do by its argument, tells what it finds to its parent. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { Coverage, CoverageMap } from './coverage.ts';
import type { Sample } from './coverage.ts';
import { folderOf, readInputs, replaceInputs } from './corpus.ts';
import { maxInput, mutate } from './mutate.ts';
import { Random } from './random.ts';
import { loadTarget } from './target.ts';
import type { Target, TargetName } from './target.ts';

export interface Job {
  readonly target: TargetName;
  readonly seed: number;
  /** Either ends it. */
  readonly seconds: number;
  readonly executions: number;
  /** Keep on disk what has reached something new. */
  readonly keeps: boolean;
  /** Where what is being run is written before: who looks at it knows that we live, and what we died of. */
  readonly batchFile: string;
  /** Not a search: only these inputs. */
  readonly replay?: readonly string[];
}

export interface Finding {
  readonly what: string;
  /** Base64. */
  readonly input: string;
}
export interface Statistics {
  readonly executions: number;
  readonly seconds: number;
  readonly blocks: number;
  /** Of the characters of the sources, 0..1. */
  readonly share: number;
  readonly corpus: { readonly files: number; readonly bytes: number };
}
export type Report = { readonly finding: Finding } | { readonly done: Statistics };

const batchSize = 16;
/** Milliseconds of processor time for one input of at most 4 KiB, however busy the machine is. */
const slow = 500;
/** Bytes that may be in use when all garbage has been collected. */
const large = 256 * 1024 * 1024;
const maxFindings = 20;

class Search {
  readonly #job: Job;
  readonly #target: Target;
  readonly #coverage: Coverage;
  readonly #random: Random;
  readonly #tell: (finding: Finding) => void;
  /** By input, and by batch: most batches hold nothing new, and need no second look. */
  readonly #map = new CoverageMap();
  readonly #batches = new CoverageMap();
  readonly #found = new Set<string>();
  readonly #inputs: Buffer[] = [];
  #executions = 0;
  readonly #start = performance.now();

  constructor(job: Job, target: Target, coverage: Coverage, tell: (finding: Finding) => void) {
    this.#job = job;
    this.#target = target;
    this.#coverage = coverage;
    this.#random = new Random(job.seed);
    this.#tell = tell;
  }

  async run(): Promise<Statistics> {
    this.#map.add(this.#look());
    for (const bytes of [...this.#target.seeds, ...readInputs(folderOf('corpus', this.#job.target))]) {
      this.#announce([bytes]);
      await this.#keepIfNew(bytes, true);
    }
    while (!this.#isOver) await this.#batch();
    const kept = this.#job.keeps ? await this.#minimize() : this.#inputs;
    if (this.#job.keeps) replaceInputs(folderOf('corpus', this.#job.target), kept);
    return {
      executions: this.#executions,
      seconds: (performance.now() - this.#start) / 1000,
      blocks: this.#map.blocks.size,
      share: this.#map.share,
      corpus: { files: kept.length, bytes: kept.reduce((sum, { length }) => sum + length, 0) },
    };
  }

  get #isOver(): boolean {
    return this.#executions >= this.#job.executions || performance.now() - this.#start >= this.#job.seconds * 1000 || this.#found.size >= maxFindings;
  }

  #announce(batch: readonly Buffer[]): void {
    writeFileSync(this.#job.batchFile, batch.map((bytes) => bytes.toString('base64')).join('\n'));
  }

  #look(): Sample {
    return this.#coverage.take(this.#target.sources);
  }

  async #batch(): Promise<void> {
    const batch = Array.from({ length: batchSize }, () => mutate(this.#target, this.#choose(), this.#random.pick(this.#inputs), this.#random));
    this.#announce(batch);
    for (const bytes of batch) await this.#execute(bytes);
    if (this.#batches.add(this.#look())) for (const bytes of batch) await this.#keepIfNew(bytes);
    this.#checkMemory(batch);
  }

  /** The latest are nearest to what is still unknown. */
  #choose(): Buffer {
    const { length } = this.#inputs;
    const latest = Math.ceil(length / 4);
    return this.#inputs[this.#random.once(2) ? length - 1 - this.#random.below(latest) : this.#random.below(length)] ?? Buffer.alloc(0);
  }

  async #keepIfNew(bytes: Buffer, always = false): Promise<void> {
    await this.#execute(bytes);
    if (this.#map.add(this.#look()) || always) this.#inputs.push(bytes);
  }

  async #execute(bytes: Buffer): Promise<void> {
    this.#executions += 1;
    const start = performance.now();
    const error = await outcome(this.#target, bytes);
    if (error !== undefined) this.#report(describe(error), bytes);
    if (performance.now() - start > slow) await this.#checkTime(bytes);
  }

  async #checkTime(bytes: Buffer): Promise<void> {
    const before = process.cpuUsage();
    await outcome(this.#target, bytes);
    const { user } = process.cpuUsage(before);
    if (user > slow * 1000) this.#report(`slow: ${Math.round(user / 1000)} ms`, bytes, 'slow');
  }

  #checkMemory(batch: readonly Buffer[]): void {
    if (memory() < large) return;
    globalThis.gc?.();
    if (memory() > large) for (const bytes of batch) this.#report(`large: ${memory()} bytes in use`, bytes, 'large');
  }

  #report(what: string, bytes: Buffer, kind = what): void {
    // The same fault once: where it is, not what it says of this input.
    const name = kind.replace(/: .*/, '') + (/\n.*/.exec(kind)?.[0] ?? '');
    if (this.#found.has(name)) return;
    this.#found.add(name);
    this.#tell({ what, input: bytes.toString('base64') });
  }

  /** The smallest inputs that together reach all that was reached, each without what it does not need. */
  async #minimize(): Promise<Buffer[]> {
    const reached = new CoverageMap(true);
    const kept: Buffer[] = [];
    for (const bytes of this.#inputs.toSorted((one, other) => one.length - other.length)) {
      this.#announce([bytes]);
      await outcome(this.#target, bytes);
      if (reached.add(this.#look())) kept.push(await this.#trim(bytes));
    }
    return kept;
  }

  async #trim(bytes: Buffer): Promise<Buffer> {
    const reaches = async (candidate: Buffer): Promise<Sample> => {
      await outcome(this.#target, candidate);
      return this.#look();
    };
    let best = bytes;
    for (let size = bytes.length >> 1, tries = 60; size > 0 && tries > 0; size >>= 1) {
      for (let at = 0; at < best.length && tries > 0; tries -= 1) {
        const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
        const map = new CoverageMap(true);
        map.add(await reaches(candidate));
        if (map.add(await reaches(best))) at += size;
        else best = candidate;
      }
    }
    return best;
  }
}

/** What running the input has thrown. */
export async function outcome(target: Target, bytes: Buffer): Promise<unknown> {
  try {
    const running = target.run(bytes);
    if (running !== undefined) await running;
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The error, and where in the sources it came from. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split('\n').find((line) => line.includes('/src/')) ?? '';
  const cause = error.cause === undefined ? '' : ` (${describe(error.cause)})`;
  return `${error.name}: ${error.message.slice(0, 2000)}${cause}\n${place.trim().replace(/\(.*\/src\//, '(src/')}`;
}

function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function work(job: Job, tell: (report: Report) => void): Promise<void> {
  setPriority(19);
  const coverage = new Coverage();
  const target = await loadTarget(job.target);
  const start = performance.now();
  const finding = (found: Finding): void => tell({ finding: found });
  if (job.replay === undefined) {
    tell({ done: await new Search(job, target, coverage, finding).run() });
    return;
  }
  for (const path of job.replay) {
    const bytes = readFileSync(path).subarray(0, maxInput);
    const error = await outcome(target, bytes);
    if (error !== undefined) finding({ what: describe(error), input: bytes.toString('base64') });
  }
  tell({ done: { executions: job.replay.length, seconds: (performance.now() - start) / 1000, blocks: 0, share: 0, corpus: { files: 0, bytes: 0 } } });
}

const [, , argument] = process.argv;
if (process.send !== undefined && argument?.startsWith('{') === true) {
  await work(JSON.parse(argument) as Job, (report) => process.send?.(report));
  process.disconnect();
}
