// Runs the tests and ends with one line: "tests: N passed, N failed, N skipped". Further arguments go to jest.
//   --check     only the tests that read files and start nothing
//   --node=24   with that Node from npm instead of the one that runs this
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const staticTests = ['test/architecture.test.ts', 'test/attacks/', 'test/interfaces/', 'test/data/'];

const args = process.argv.slice(2);
const take = (pattern) => {
  const at = args.findIndex((arg) => pattern.test(arg));
  return at < 0 ? undefined : args.splice(at, 1)[0];
};
const isCheck = take(/^--check$/) !== undefined;
const nodeVersion = take(/^--node=/)?.slice('--node='.length);

const output = join(root, '.test-output');
const resultsFile = join(output, isCheck ? 'check.json' : 'tests.json');
mkdirSync(output, { recursive: true });

const node = nodeVersion === undefined ? process.execPath : installNode(nodeVersion);
// Tests mostly wait for other processes: two at a time even on one core.
const workers = args.some((arg) => /^(-w|-i|--maxWorkers|--runInBand|--watch)/.test(arg)) ? [] : [`--maxWorkers=${Math.max(2, availableParallelism())}`];
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'].filter((flag) => process.allowedNodeEnvironmentFlags.has(flag.split('=')[0]));
/** One run of jest over these files (all if none): its exit status and its results. */
function run(files, extra) {
  rmSync(resultsFile, { force: true });
  const { status, signal, error } = spawnSync(node, [join(root, 'node_modules/jest/bin/jest.js'), '--forceExit', '--json', `--outputFile=${resultsFile}`, ...extra, ...files], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: [process.env.NODE_OPTIONS, ...flags].filter(Boolean).join(' ') },
    // Everything to standard output, so that it stays in order.
    stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 1, 1],
  });
  let results;
  try {
    results = JSON.parse(readFileSync(resultsFile, 'utf8'));
  } catch {
    process.stdout.write(`jest left no results: ${status ?? signal ?? error?.message}\n`);
  }
  return { isGood: status === 0, results };
}

/** A file that could not be run counts as one failed test. Without results (jest itself failed) nothing passed. */
function countsOf(results) {
  return {
    passed: results?.numPassedTests ?? 0,
    failed: (results?.numFailedTests ?? 0) + (results?.numRuntimeErrorTestSuites ?? 0),
    skipped: (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0),
  };
}

const first = run(isCheck ? staticTests : [], [...workers, ...args]);
const counts = countsOf(first.results);
let isGood = first.isGood;
const failedFiles = (first.results?.testResults ?? []).filter(({ status }) => status === 'failed').map(({ name }) => name);
// Real servers and clients on a busy machine: what fails once is run again by itself, and said. It counts as what it is then.
if (failedFiles.length > 0 && failedFiles.length <= 5 && args.length === 0 && !isCheck) {
  process.stdout.write(`\nonce more, one after the other: ${failedFiles.map((name) => name.slice(root.length)).join(', ')}\n`);
  const again = run([], ['--runInBand', '--runTestsByPath', ...failedFiles]);
  const before = failedFiles.reduce((sum, name) => sum + passedIn(first.results, name), 0);
  const after = countsOf(again.results);
  counts.passed += after.passed - before;
  counts.failed = after.failed;
  isGood = again.isGood;
}
process.stdout.write(`tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
process.exitCode = isGood && counts.failed === 0 && counts.passed > 0 ? 0 : 1;

function passedIn(results, file) {
  const { assertionResults } = results.testResults.find(({ name }) => name === file);
  return assertionResults.filter(({ status }) => status === 'passed').length;
}

/** The binary of that Node version, from npm's package for this platform, kept under .test-output. */
function installNode(version) {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(output, `node${version}`);
  const { status } = spawnSync('npm', ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `${name}@${version}`], { cwd: output, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    process.stderr.write(`Node ${version} could not be installed\n`);
    process.exit(1);
  }
  return join(folder, 'node_modules', name, 'bin', 'node');
}
