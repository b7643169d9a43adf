/**
 * Feeds the readers of foreign bytes with ever new ones, led by what of their code runs, and says what breaks them.
 *   --minutes N      time in all, shared by the targets (default 1); `--executions N` instead: so many inputs for each target
 *   --target T       only this one, may be repeated
 *   --seed N         the same seed and number of executions try the same inputs
 *   --jobs N         targets at a time (default: up to 2)
 *   --replay FILE    only runs this input, of the one target given
 * A search by time keeps what reached something new in test/fuzz/corpus. What broke something is kept in test/fuzz/crashes, and from then on a test.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { folderOf, writeInput } from './corpus.ts';
import { isTargetName, targetNames } from './target.ts';
import type { TargetName } from './target.ts';
import type { Finding, Job, Report, Statistics } from './worker.ts';

/** Milliseconds without a sign of life. A batch takes some of them on a quiet machine, and at the lowest priority it waits on a busy one. */
const hang = 120_000;

const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'hush-fuzz-'));

interface Ending {
  readonly done: Statistics | undefined;
  /** How it went down, if it did. */
  readonly death: string | undefined;
}

/** A worker until it ends, by itself or by our hand. */
async function start(job: Job, onFinding: (finding: Finding) => void): Promise<Ending> {
  writeFileSync(job.batchFile, '');
  const child = fork(worker, [JSON.stringify(job)], { execArgv: [...process.execArgv, '--expose-gc', '--max-old-space-size=512', '--unhandled-rejections=strict'], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let done: Statistics | undefined;
  let death: string | undefined;
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  let complaint = '';
  child.stderr?.on('data', (text: Buffer) => (complaint = (complaint + text.toString()).slice(-2000)));
  child.on('message', (report: Report) => {
    if ('finding' in report) onFinding(report.finding);
    else done = report.done;
  });
  const ended = new Promise<void>((resolve) =>
    child.once('exit', (code, signal) => {
      if (code !== 0) death ??= `died of ${signal ?? `exit code ${code ?? 0}`}\n${complaint}`;
      resolve();
    }),
  );
  const watching = new AbortController();
  const watch = async (): Promise<void> => {
    while (isRunning()) {
      await sleep(500, undefined, { signal: watching.signal }).catch(() => undefined);
      if (!isRunning() || Date.now() - statSync(job.batchFile).mtimeMs < hang) continue;
      death = `hangs: nothing for ${hang / 1000} s`;
      child.kill('SIGKILL');
      break;
    }
  };
  const watched = watch();
  await ended;
  watching.abort();
  await watched;
  return { done, death };
}

/** The one among the last inputs that brings a worker down by itself. */
async function findCulprit(job: Job): Promise<Finding[]> {
  const inputs = readFileSync(job.batchFile, 'utf8').split('\n');
  for (const input of inputs) {
    const path = join(temporary, `${job.target}-suspect`);
    writeFileSync(path, Buffer.from(input, 'base64'));
    const { death } = await start({ ...job, replay: [path], batchFile: `${job.batchFile}-replay` }, () => undefined);
    if (death !== undefined) return [{ what: death, input }];
  }
  return [];
}

interface Total extends Statistics {
  readonly findings: number;
}

async function fuzz(job: Job): Promise<Total> {
  const report = (finding: Finding): void => {
    findings += 1;
    const path = writeInput(folderOf('crashes', job.target), Buffer.from(finding.input, 'base64'));
    process.stdout.write(`${job.target}: ${finding.what}\n  ${path}\n`);
  };
  let findings = 0;
  const { done, death } = await start(job, report);
  if (done !== undefined) return { ...done, findings };
  const culprits = await findCulprit(job);
  for (const finding of culprits) report(finding);
  if (culprits.length === 0) process.stdout.write(`${job.target}: ${death ?? 'ended early'}, and no input of its last batch does it alone\n`);
  return { executions: 0, seconds: 0, blocks: 0, share: 0, corpus: { files: 0, bytes: 0 }, findings: Math.max(findings, 1) };
}

function line(target: TargetName, { executions, seconds, blocks, share, corpus, findings }: Total, isTimed: boolean): string {
  const time = isTimed ? ` in ${Math.round(seconds)} s` : '';
  return `${target}: ${executions} executions${time}, ${blocks} blocks, ${(share * 100).toFixed(1)} % of the sources, corpus ${corpus.files} inputs of ${corpus.bytes} bytes, ${findings} findings\n`;
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    executions: { type: 'string' },
    target: { type: 'string', multiple: true, default: [...targetNames] },
    seed: { type: 'string' },
    jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    replay: { type: 'string' },
  },
});
setPriority(19);
const names = values.target.map((name) => {
  if (!isTargetName(name)) throw new RangeError(`no target ${name}: ${targetNames.join(', ')}`);
  return name;
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const isTimed = values.executions === undefined;
const { replay } = values;
const jobOf = (target: TargetName): Job => ({
  target,
  seed,
  seconds: isTimed ? (Number(values.minutes) * 60) / names.length : Number.MAX_SAFE_INTEGER,
  executions: Number(values.executions ?? Number.MAX_SAFE_INTEGER),
  keeps: isTimed,
  batchFile: join(temporary, target),
  ...(replay !== undefined && { replay: [replay] }),
});
process.stdout.write(`seed ${seed}\n`);
const waiting = [...names];
const work = async (): Promise<number> => {
  let findings = 0;
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const total = await fuzz(jobOf(name));
    process.stdout.write(line(name, total, isTimed));
    findings += total.findings;
  }
  return findings;
};
const counts = await Promise.all(Array.from({ length: Number(values.jobs) }, work));
rmSync(temporary, { recursive: true, force: true });
process.exitCode = counts.some((count) => count > 0) ? 1 : 0;
