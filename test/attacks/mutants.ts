/**
 * `npm run mutants [-- ROW…]`: takes every guard of the table away, one at a time, in a copy of the program, and looks whether the row's tests notice.
 * ROW is a row (A1), a class (A) or nothing (all). --short: of each class only the first. Ends with "mutants: N killed, N survived, N broken"; broken is one that cannot be
 * built, or whose tests do not pass with every guard in place: the control, once for each row and its files.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { patternOf, readTable } from './table.ts';
import type { Mutant } from './table.ts';

const root = resolve(import.meta.dirname, '../..');
const { values: options, positionals: wanted } = parseArgs({ allowPositionals: true, options: { short: { type: 'boolean', default: false } } });
const classOf = (row: string): string => row.replace(/-?\d+$/, '');
const isWanted = (row: string): boolean => wanted.length === 0 || wanted.some((name) => row === name || classOf(row) === name);

interface Job {
  readonly row: string;
  readonly mutant: Mutant;
  readonly tests: readonly string[];
}

const all: Job[] = [...readTable()].flatMap(([row, value]) =>
  'mutants' in value && isWanted(row) ? value.mutants.map((mutant) => ({ row, mutant, tests: mutant.tests ?? value.tests })) : []);
const jobs = options.short ? [...new Map(all.toReversed().map((job) => [classOf(job.row), job])).values()].toReversed() : all;

const resultsIn = (folder: string): string => join(folder, 'results.json');

/** What is made or fetched, or is about the checkout itself. */
const notCopied = new Set(['.git', '.test-output', 'dist', 'node_modules']);

/** A copy of everything that tests need; the packages are shared. */
async function workspace(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hush-mutants-'));
  for (const name of await readdir(root)) if (!notCopied.has(name)) await cp(join(root, name), join(folder, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** Runs Node there: its exit status. */
async function run(folder: string, ...args: string[]): Promise<number> {
  const environment = { ...process.env, NODE_OPTIONS: '--experimental-vm-modules', TEST_RESULTS: resultsIn(folder) };
  const child = spawn(process.execPath, args, { cwd: folder, env: environment, stdio: 'ignore' });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code) => done(code ?? 1));
  });
}

/** Runs the row's tests in a workspace whose program is built: how many passed and failed. */
async function testsOf(folder: string, { row, tests }: Job): Promise<{ passed: number; failed: number }> {
  await rm(resultsIn(folder), { force: true });
  await run(folder, 'node_modules/jest/bin/jest.js', '--forceExit', '--runInBand', '--reporters=<rootDir>/test/reporter.mjs', '-t', patternOf(row), '--runTestsByPath', ...tests);
  try {
    return JSON.parse(await readFile(resultsIn(folder), 'utf8')) as { passed: number; failed: number };
  } catch {
    return { passed: 0, failed: 0 };
  }
}

const controls = new Map<string, Promise<boolean>>();

/** Whether the tests pass in a workspace with every guard in place: without that, a failure says nothing about a guard. Asked once, whoever works on them. */
function passesUnchanged(folder: string, job: Job): Promise<boolean> {
  const key = JSON.stringify([job.row, job.tests]);
  const known = controls.get(key) ?? control(folder, job);
  controls.set(key, known);
  return known;
}

async function control(folder: string, job: Job): Promise<boolean> {
  if (await run(folder, 'build.mjs', '--without-rehearsal') !== 0) return false;
  const { passed, failed } = await testsOf(folder, job);
  if (failed === 0 && passed > 0) return true;
  process.stdout.write(`control   ${job.row.padEnd(8)}  ${passed} passed, ${failed} failed: ${job.tests.join(' ')}\n`);
  return false;
}

async function judge(folder: string, job: Job): Promise<'killed' | 'survived' | 'broken'> {
  const { file, find, replace } = job.mutant;
  const path = join(folder, file);
  const original = await readFile(path, 'utf8');
  if (original.split(find).length !== 2 || !await passesUnchanged(folder, job)) return 'broken';
  await writeFile(path, original.split(find).join(replace));
  try {
    // What cannot even be built proves nothing.
    if (await run(folder, 'build.mjs', '--without-rehearsal') !== 0) return 'broken';
    const { passed, failed } = await testsOf(folder, job);
    if (failed > 0) return 'killed';
    return passed > 0 ? 'survived' : 'broken';
  } finally {
    await writeFile(path, original);
  }
}

const counts = { killed: 0, survived: 0, broken: 0 };
const queue = [...jobs];
async function worker(): Promise<void> {
  const folder = await workspace();
  try {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const verdict = await judge(folder, job);
      counts[verdict] += 1;
      process.stdout.write(`${verdict.padEnd(8)}  ${job.row.padEnd(8)}  ${job.mutant.file}: ${job.mutant.find.trim().split('\n')[0]!}\n`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await Promise.all(Array.from({ length: Math.min(availableParallelism(), jobs.length) }, worker));
process.stdout.write(`mutants: ${counts.killed} killed, ${counts.survived} survived, ${counts.broken} broken\n`);
process.exitCode = counts.survived + counts.broken === 0 && counts.killed > 0 ? 0 : 1;
