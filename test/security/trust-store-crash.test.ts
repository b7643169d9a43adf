/** A record of trust in a process that is killed, and on a disk that fails: old or new, never anything else. attacks.md faults 5 and 6. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, link, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { silentLog } from '../../src/log.ts';
import { PrivateFolder } from '../../src/security/file-store.ts';
import { TrustStore } from '../../src/security/trust-store.ts';
import type { Vault } from '../../src/security/vault.ts';

let base: string;
let victim: string;
let folder: string;
let count = 0;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'hush-crash-'));
  victim = join(base, 'victim.mjs');
  await build({ entryPoints: [join(import.meta.dirname, 'trust-store-victim.ts')], outfile: victim, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
});
afterAll(() => rm(base, { recursive: true, force: true }));

beforeEach(() => {
  count += 1;
  folder = join(base, 'hush', String(count));
});

async function withStore<T>(work: (store: TrustStore) => Promise<T> | T): Promise<T> {
  const store = new TrustStore({ account: 'alice@example.org', folder: new PrivateFolder(folder), generations: {} as Vault, log: silentLog });
  await store.open();
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
const writeOld = (): Promise<void> => withStore((store) => store.update((record) => ({ ...record, mechanisms: ['old'] })));
/** What the next process finds; fails if it finds anything damaged. */
const found = (): Promise<string | undefined> =>
  withStore((store) => {
    if (store.problem !== undefined) throw store.problem;
    return store.record!.mechanisms[0];
  });

interface Victim {
  readonly said: unknown[];
  readonly ended: Promise<string | number>;
  /** Settles when it has said so many things. */
  heard(count: number): Promise<void>;
  kill(): void;
}
function start(task: string, argument = '', limit = ''): Victim {
  // The shell goes on as if nothing was when a file would grow too long; so does what it becomes.
  const command = `${limit === '' ? '' : `trap '' XFSZ; ulimit -f ${limit}; `}exec "$@"`;
  const child = spawn('sh', ['-c', command, 'sh', process.execPath, victim, folder, task, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: unknown[] = [];
  const lines = createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)));
  return {
    said,
    ended: new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code!))),
    heard: async (wanted) => {
      while (said.length < wanted) await once(lines, 'line');
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
async function run(task: string, argument = '', limit = ''): Promise<{ said: unknown[]; end: string | number }> {
  const { said, ended } = start(task, argument, limit);
  const end = await ended;
  return { said, end };
}

const operations = ['unlink /trust.json.new', 'open /trust.json.new', 'write /trust.json.new', 'sync /trust.json.new', 'close /trust.json.new', 'rename /trust.json.new /trust.json', 'sync '];

test('a version is written aside and synced before it gets its name, and the name is synced [fault-5 F6]', async () => {
  await writeOld();
  expect(await run('trace')).toEqual({ said: [operations], end: 0 });
  expect(await found()).toBe('new');
});

describe('what has the name of the record, exchanged between two looks at it [F6]', () => {
  const file = (): string => join(folder, 'trust.json');
  const other = (): string => join(base, `${count}.other`);
  /** A record that is good as it is, and of somebody else's making; its owner and its permissions are right. */
  const forge = async (): Promise<void> => {
    await withStore((store) => store.update((record) => ({ ...record, mechanisms: ['forged'] })));
    await rename(file(), other());
    await writeOld();
  };

  test.each<[string, () => Promise<void>]>([
    ['a link to another one', async () => {
      await rename(other(), `${other()}.record`);
      await symlink(`${other()}.record`, other());
    }],
    ['another one that others may write to', () => chmod(other(), 0o666)],
    ['one that has a second name', () => link(other(), `${other()}.again`)],
    ['a pipe', async () => {
      await rm(other());
      await once(spawn('mkfifo', ['-m', '600', other()]), 'exit');
    }],
    ['nothing good', async () => {
      await rm(other());
      await mkdir(other());
    }],
  ])('for %s: what was found first is what is read', async (_what, spoil) => {
    await forge();
    await spoil();
    expect(await run('exchange', other())).toEqual({ said: [expect.any(String), 'old'], end: 0 });
    // The twin: it was exchanged, and from now on is refused.
    await expect(found()).rejects.toMatchObject({ condition: 'not-available' });
  });

  test.each<[string, () => Promise<void>]>([
    ['that others may write to', () => chmod(file(), 0o666)],
    ['that belongs to somebody else', () => chown(file(), 12345, 12345)],
  ])('for a good one: one %s was found first, and is refused', async (_what, spoil) => {
    await forge();
    // The good one is the other one now.
    await rename(file(), `${file()}.good`);
    await rename(other(), file());
    await rename(`${file()}.good`, other());
    await spoil();
    expect(await run('exchange', other())).toEqual({ said: [expect.any(String), 'not-available'], end: 0 });
    expect(await found()).toBe('old');
  });
});

describe('a process that is killed [fault-5]', () => {
  const points = operations.flatMap((operation, at) => (operation.startsWith('write') ? [[operation, `${at}`], [`half of ${operation}`, `${at} torn`]] : [[operation, `${at}`]]));

  test.each(points)('before "%s" leaves the old version or the new one', async (operation, argument) => {
    await writeOld();
    expect(await run('die', argument)).toEqual({ said: [], end: 'SIGKILL' });
    expect(await found()).toBe(operation === 'sync ' ? 'new' : 'old');
    // What it left in the way is no trouble to the next one.
    await withStore((store) => store.update((record) => ({ ...record, mechanisms: ['later'] })));
    expect(await found()).toBe('later');
    expect((await readdir(folder)).sort()).toEqual(['lock', 'trust.json']);
  });

  test('at any moment loses nothing that was acknowledged, and makes up nothing', async () => {
    const kills = Number(process.env.HUSH_KILLS ?? 30);
    let last = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const writer = start('write', String(last + 1));
      await writer.heard(1 + (kill % 4));
      // Any moment of the next writes: they take a millisecond or a few.
      const moment = performance.now() + (kill % 10) / 2;
      while (performance.now() < moment) await new Promise((resolve) => setImmediate(resolve));
      writer.kill();
      await writer.ended;
      const acknowledged = writer.said.at(-1) as number;
      const number = Number((await found()) ?? 0);
      expect([acknowledged, acknowledged + 1]).toContain(number);
      last = number;
    }
  }, 600_000);
});

describe('a disk that fails [fault-6]', () => {
  test.each(['EIO', 'ENOSPC', 'EROFS', 'EDQUOT'])('with %s at any step: the call fails, and memory is what the disk is', async (code) => {
    await writeOld();
    const { said, end } = await run('fail', code);
    expect(end).toBe(0);
    expect(said.map((one) => (one as { failed: string }).failed)).toEqual(operations);
    for (const one of said as { failed: string; isOld: boolean }[]) {
      // Once it has its name it is the new version, though nobody can promise that it stays.
      expect(one).toEqual({ failed: one.failed, outcome: 'resource-unavailable', isSame: true, isOld: one.failed !== 'sync ', next: 'done' });
    }
  });

  test('because a file would grow too long: the old one stays, and is used on', async () => {
    await writeOld();
    const { said } = await run('grow', '', '2');
    expect(said).toEqual([
      { size: 1, outcome: 'done', length: 20, isSame: true },
      { size: 100, outcome: 'resource-unavailable', length: 20, isSame: true },
      { size: 2, outcome: 'done', length: 40, isSame: true },
    ]);
    expect((await found())!.length).toBe(40);
    expect(await readFile(join(folder, 'trust.json'), 'utf8')).toContain('"generation":3');
  });
});
