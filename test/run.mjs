// Runs the tests and ends with one line: "tests: N passed, N failed, N skipped". Further arguments go to jest. The line is kept in .test-output, too.
//   --check     only the tests that read files and start nothing
//   --desktop   those in test/desktop/ instead; the line begins with "desktop tests:"
//   --node=24   with that Node from npm instead of the one that runs this
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
const isDesktop = take(/^--desktop$/) !== undefined;
const name = isCheck ? 'check' : isDesktop ? 'desktop-tests' : 'tests';
const nodeVersion = take(/^--node=/)?.slice('--node='.length);

const output = join(root, '.test-output');
const resultsFile = join(output, `${name}.json`);
mkdirSync(output, { recursive: true });

const node = nodeVersion === undefined ? process.execPath : installNode(nodeVersion);
// Tests mostly wait for other processes: two at a time even on one core; on a desktop one after the other.
const count = isDesktop ? 1 : Math.max(2, availableParallelism());
const workers = args.some((arg) => /^(-w|-i|--maxWorkers|--runInBand|--watch)/.test(arg)) ? [] : [`--maxWorkers=${count}`];
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'].filter((flag) => process.allowedNodeEnvironmentFlags.has(flag.split('=')[0]));
const configuration = isDesktop ? ['--config', join(root, 'test/desktop/jest.config.mjs')] : [];
// The pictures are those of the last run.
if (isDesktop) rmSync(join(output, 'desktop'), { recursive: true, force: true });

/** One run of jest over these files (all if none): whether it is content, and what test/reporter.mjs counted. */
function run(files, extra) {
  rmSync(resultsFile, { force: true });
  const { status, signal, error } = spawnSync(node, [join(root, 'node_modules/jest/bin/jest.js'), '--forceExit', ...configuration, '--reporters=default', `--reporters=${join(root, 'test/reporter.mjs')}`, ...extra, ...files], {
    cwd: root,
    env: { ...process.env, TEST_RESULTS: resultsFile, NODE_OPTIONS: [process.env.NODE_OPTIONS, ...flags].filter(Boolean).join(' ') },
    // Everything to standard output, so that it stays in order.
    stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 1, 1],
  });
  try {
    return { isGood: status === 0, ...JSON.parse(readFileSync(resultsFile, 'utf8')) };
  } catch {
    process.stdout.write(`jest left no results: ${status ?? signal ?? error?.message}\n`);
    // Nothing passed, then.
    return { isGood: false, passed: 0, failed: 0, skipped: 0, failedFiles: [] };
  }
}

const counts = run(isCheck ? staticTests : [], [...workers, ...args]);
// Real servers and clients on a busy machine: what fails once is run again by itself, and said. It counts as what it is then.
const { failedFiles } = counts;
if (failedFiles.length > 0 && failedFiles.length <= 5 && args.length === 0 && !isCheck) {
  const paths = failedFiles.map(({ path }) => path);
  process.stdout.write(`\nonce more, one after the other: ${paths.map((path) => path.slice(root.length)).join(', ')}\n`);
  const again = run([], ['--runInBand', '--runTestsByPath', ...paths]);
  for (const kind of ['passed', 'skipped']) counts[kind] += again[kind] - failedFiles.reduce((sum, file) => sum + file[kind], 0);
  counts.failed = again.failed;
  counts.isGood = again.isGood;
}
const line = `${isDesktop ? 'desktop tests' : 'tests'}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
writeFileSync(join(output, `${name}.txt`), line);
process.stdout.write(line);
process.exitCode = counts.isGood && counts.failed === 0 && counts.passed > 0 ? 0 : 1;

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
