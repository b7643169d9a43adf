// Runs the tests and ends with one line: "tests: N passed, N failed, N skipped". Further arguments go to jest.
//   --check     only the tests that read files and start nothing
//   --node=24   with that Node from npm instead of the one that runs this
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const staticTests = ['test/architecture.test.ts', 'test/interfaces/', 'test/data/'];

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
rmSync(resultsFile, { force: true });

const node = nodeVersion === undefined ? process.execPath : installNode(nodeVersion);
// Tests mostly wait for other processes: two at a time even on one core.
const workers = args.some((arg) => /^(-w|-i|--maxWorkers|--runInBand|--watch)/.test(arg)) ? [] : [`--maxWorkers=${Math.max(2, availableParallelism())}`];
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'].filter((flag) => process.allowedNodeEnvironmentFlags.has(flag.split('=')[0]));
const jest = spawnSync(
  node,
  [join(root, 'node_modules/jest/bin/jest.js'), ...workers, '--json', `--outputFile=${resultsFile}`, ...(isCheck ? staticTests : []), ...args],
  {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: [process.env.NODE_OPTIONS, ...flags].filter(Boolean).join(' ') },
    // Everything to standard output, so that it stays in order.
    stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 1, 1],
  },
);

const { passed, failed, skipped } = counts();
if (jest.status !== 0 && failed === 0) process.stdout.write(`jest ended with ${jest.status ?? jest.signal ?? jest.error?.message}\n`);
process.stdout.write(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = jest.status === 0 && failed === 0 && passed > 0 ? 0 : 1;

/** A file that could not be run counts as one failed test. Without results (jest itself failed) nothing passed. */
function counts() {
  try {
    const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
    return {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
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
