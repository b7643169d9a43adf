/** The record of trust on a real disk: whose files are used, who else may write, and what becomes of a damaged one. attacks.md F6, faults 6, 7, 15. */
import { spawn } from 'node:child_process';
import { chmod, chown, link, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { PrivateFolder } from '../../src/security/file-store.ts';
import { Trust } from '../../src/security/trust.ts';
import { TrustStore } from '../../src/security/trust-store.ts';
import type { BareJid } from '../../src/xmpp/jid.ts';
import { ShelfVault } from './shelf-vault.ts';

const account = 'alice@example.org';
const bob = 'bob@example.org' as BareJid;
const key = Uint8Array.of(0x30, 1);
const xtls = { mechanism: 'xtls', bound: true };

let home: string;
let folder: string;
let file: string;
let generations: ShelfVault;
const opened: TrustStore[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hush-trust-'));
  folder = join(home, 'hush', 'alice');
  file = join(folder, 'trust.json');
  generations = new ShelfVault();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  await rm(home, { recursive: true, force: true });
});

async function open(): Promise<{ store: TrustStore; trust: Trust }> {
  const store = new TrustStore({ account, folder: new PrivateFolder(folder), generations, log: silentLog });
  opened.push(store);
  const trust = new Trust({ keeper: store, policy: 'opportunistic', mechanisms: ['xtls'], log: silentLog });
  await trust.ready();
  return { store, trust };
}

/** As after the end of the process and a new one. */
async function reopen(): Promise<{ store: TrustStore; trust: Trust }> {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  return open();
}

/** A store in which bob is verified, closed again. */
async function prepare(): Promise<void> {
  const { trust } = await open();
  await trust.secured(bob, key, xtls);
  await trust.verified(bob, key, 'comparison');
  await Promise.all(opened.splice(0).map((store) => store.close()));
}

function rejection(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'fulfilled', (error: unknown) => (error instanceof HushError ? error.condition : String(error)));
}

test('what was acknowledged is there the next time', async () => {
  const { trust } = await open();
  await trust.secured(bob, key, xtls);
  await trust.verified(bob, key, 'comparison');
  await trust.setContactPolicy(bob, 'required');
  const before = trust.list();
  const again = (await reopen()).trust;
  expect(again.list()).toEqual(before);
  expect([again.level(bob, key), again.contactPolicy(bob), again.wasBound(bob), again.isVerified(bob)]).toEqual([2, 'required', true, true]);
});

test('nothing is written before there is anything to remember', async () => {
  await open();
  expect(await readdir(folder)).toEqual(['lock']);
});

test('folders and files are the user’s alone, whatever the umask [F6]', async () => {
  const umask = process.umask(0);
  try {
    await prepare();
  } finally {
    process.umask(umask);
  }
  const modes = await Promise.all([folder, file, join(folder, 'lock'), join(home, 'hush')].map(async (path) => (await stat(path)).mode & 0o777));
  expect(modes.map((mode) => mode.toString(8))).toEqual(['700', '600', '600', '700']);
});

describe('a file is refused [F6]', () => {
  const asUnusable = async (): Promise<void> => {
    const { trust } = await open();
    expect(trust.problem?.condition).toBe('not-available');
    expect([trust.isStrict(bob), trust.list(), trust.judgeKey(bob, { spki: key, certificate: key }).accepted]).toEqual([true, [], false]);
    expect(await rejection(trust.setContactPolicy(bob, 'off'))).toBe('not-available');
    expect(await rejection(trust.reset())).toBe('not-available');
    expect(await readdir(folder)).toContain('trust.json');
  };
  beforeEach(prepare);
  // Everything below spoils a store that is good as it is.
  afterEach(async () => {
    await rm(file, { recursive: true, force: true });
    await rename(join(home, 'kept'), file);
    await chmod(file, 0o600);
    await chown(file, process.getuid!(), process.getgid!());
    const { trust } = await reopen();
    expect([trust.problem, trust.isVerified(bob)]).toEqual([undefined, true]);
  });

  test.each(['640', '604', '620', '602', '610'])('that others may use (%s)', async (mode) => {
    await chmod(file, Number.parseInt(mode, 8));
    await asUnusable();
    await rename(file, join(home, 'kept'));
  });

  test('that belongs to somebody else', async () => {
    await chown(file, 12345, 12345);
    await asUnusable();
    await rename(file, join(home, 'kept'));
  });

  test('that is a symbolic link', async () => {
    await rename(file, join(home, 'kept'));
    await symlink(join(home, 'kept'), file);
    await asUnusable();
  });

  test('that has a second name', async () => {
    await link(file, join(home, 'kept'));
    await asUnusable();
  });

  test('that is a folder', async () => {
    await rename(file, join(home, 'kept'));
    await mkdir(file);
    await asUnusable();
  });

  test('that is a pipe, without waiting for its other end', async () => {
    await rename(file, join(home, 'kept'));
    await new Promise((resolve) => spawn('mkfifo', ['-m', '600', file]).on('exit', resolve));
    await asUnusable();
  });
});

describe('a folder is refused [F6]', () => {
  beforeEach(prepare);
  const isRefused = async (): Promise<boolean> => (await open()).trust.problem?.condition === 'not-available';

  test.each(['750', '705', '770'])('that others may look into (%s)', async (mode) => {
    await chmod(folder, Number.parseInt(mode, 8));
    expect(await isRefused()).toBe(true);
    await chmod(folder, 0o700);
    expect(await isRefused()).toBe(false);
  });

  test('that belongs to somebody else', async () => {
    await chown(folder, 12345, 12345);
    expect(await isRefused()).toBe(true);
    await chown(folder, process.getuid!(), process.getgid!());
    expect(await isRefused()).toBe(false);
  });

  test('that is a symbolic link', async () => {
    await rename(folder, join(home, 'kept'));
    await symlink(join(home, 'kept'), folder);
    expect(await isRefused()).toBe(true);
    await unlink(folder);
    await rename(join(home, 'kept'), folder);
    expect(await isRefused()).toBe(false);
  });

  test('whose parent others may write to; that they read it does not matter', async () => {
    await chmod(join(home, 'hush'), 0o775);
    expect(await isRefused()).toBe(true);
    await chmod(join(home, 'hush'), 0o755);
    expect(await isRefused()).toBe(false);
  });

  test('that is a file, or under one', async () => {
    await rm(folder, { recursive: true });
    await writeFile(folder, '');
    expect(await isRefused()).toBe(true);
    await rm(join(home, 'hush'), { recursive: true });
    await writeFile(join(home, 'hush'), '');
    expect(await isRefused()).toBe(true);
    await unlink(join(home, 'hush'));
    expect(await isRefused()).toBe(false);
  });

  test('that has no name', async () => {
    const store = new TrustStore({ account, folder: new PrivateFolder(''), generations, log: silentLog });
    await store.open();
    expect(store.problem?.message).toMatch(/HOME/);
  });
});

describe('a second writer [fault-15 F6]', () => {
  test('is kept out as long as the first is there, and gets in by itself afterwards', async () => {
    const first = await open();
    const second = await open();
    expect(second.trust.problem?.message).toMatch(/another process/);
    expect([second.trust.isStrict(bob), await rejection(second.trust.secured(bob, key, xtls))]).toEqual([true, 'not-available']);
    await first.trust.secured(bob, key, xtls);
    await first.store.close();
    await second.trust.verified(bob, key, 'comparison');
    expect(second.trust.level(bob, key)).toBe(2);
  });

  test('is kept out by another process, and no longer when that was killed', async () => {
    await prepare();
    const holder = spawn('flock', [join(folder, 'lock'), 'sh', '-c', 'echo locked; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const gone = new Promise((resolve) => holder.once('close', resolve));
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      expect((await open()).trust.problem?.message).toMatch(/another process/);
    } finally {
      holder.stdin.end();
      await gone;
    }
    expect((await open()).trust.problem).toBeUndefined();
  });
});

describe('a damaged record [fault-7]', () => {
  beforeEach(prepare);
  const spoil = async (): Promise<Buffer> => {
    const bytes = await readFile(file);
    bytes[bytes.indexOf('"level":2') + 8]! ^= 1;
    await writeFile(file, bytes);
    return bytes;
  };
  const aside = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.startsWith('trust.json.'));

  test('is set aside as it is, believed in nothing, and replaced by nobody but the user', async () => {
    const bytes = await spoil();
    for (const visit of [1, 2, 3]) {
      const { trust } = await reopen();
      expect([visit, trust.problem?.condition]).toEqual([visit, 'encryption-not-available']);
      expect([trust.isStrict(bob), trust.isStrict('eve@example.org' as BareJid), trust.isVerified(bob), trust.list(), trust.hasPin(bob)]).toEqual([true, true, false, [], true]);
      expect(trust.judgeKey(bob, { spki: key, certificate: key })).toMatchObject({ accepted: false, error: { condition: 'encryption-not-available' } });
      for (const change of [trust.secured(bob, key, xtls), trust.forget(bob), trust.setContactPolicy(bob, 'off'), trust.setMechanismOrder([])]) expect(await rejection(change)).toBe('encryption-not-available');
      const [kept, ...more] = await aside();
      expect(more).toEqual([]);
      expect((await readFile(join(folder, kept!))).equals(bytes)).toBe(true);
      expect(await readdir(folder)).not.toContain('trust.json');
    }
  });

  test('is over with a reset, for good', async () => {
    await spoil();
    const { trust } = await open();
    await trust.reset();
    expect([trust.problem, trust.isStrict(bob), trust.list()]).toEqual([undefined, false, []]);
    await trust.secured(bob, key, xtls);
    const again = (await reopen()).trust;
    expect([again.problem, again.level(bob, key), (await aside()).length]).toEqual([undefined, 1, 1]);
    expect(await rejection(again.reset())).toBe('invalid-argument');
  });

  test('is in order again when the good file is put back', async () => {
    const good = await readFile(file);
    await spoil();
    await open();
    await writeFile(file, good, { mode: 0o600 });
    expect((await reopen()).trust.level(bob, key)).toBe(2);
  });

  test.each([['empty', ''], ['cut', 'half'], ['too long', 'long']])('may be %s', async (_what, how) => {
    const bytes = await readFile(file);
    await writeFile(file, how === 'half' ? bytes.subarray(0, bytes.length / 2) : how);
    if (how === 'long') await new Promise((resolve) => spawn('truncate', ['-s', '20M', file]).on('exit', resolve));
    const { trust } = await open();
    expect([trust.problem?.condition, trust.isStrict(bob), (await aside()).length]).toEqual(['encryption-not-available', true, 1]);
  });
});

describe('a record that was put back [fault-7]', () => {
  const enterKeyring = async (): Promise<void> => {
    const { store } = await open();
    await store.update((record) => ({ ...record, identity: { place: 'secret-service', fingerprint: 'ab', next: '' } }));
  };

  test('is not believed where the keyring knows better', async () => {
    await enterKeyring();
    const { trust } = await reopen();
    await trust.secured(bob, key, xtls);
    const old = await readFile(file);
    await trust.distrust(bob, key);
    // Control: the latest one is.
    expect((await reopen()).trust.level(bob, key)).toBe(3);
    await writeFile(file, old);
    const again = (await reopen()).trust;
    expect([again.problem?.condition, again.isStrict(bob), again.level(bob, key)]).toEqual(['encryption-not-available', true, 0]);
    await again.reset();
    expect((await reopen()).trust.problem).toBeUndefined();
  });

  test('is found out when the keyring is unlocked, before anything is written', async () => {
    await enterKeyring();
    const { trust } = await reopen();
    await trust.secured(bob, key, xtls);
    const old = await readFile(file);
    await trust.distrust(bob, key);
    const latest = generations.text;
    generations.isLocked = true;
    await reopen();
    await writeFile(file, old);
    const again = await reopen();
    expect(again.trust.level(bob, key)).toBe(1);
    generations.isLocked = false;
    expect(await rejection(again.trust.setContactPolicy(bob, 'off'))).toBe('encryption-not-available');
    expect([again.trust.problem?.condition, generations.text]).toEqual(['encryption-not-available', latest]);
  });

  test('is found out by whoever fetches the key of the account', async () => {
    await enterKeyring();
    generations.text = '999';
    generations.isLocked = true;
    const { store } = await reopen();
    expect(await rejection(store.confirm())).toBe('fulfilled');
    generations.isLocked = false;
    expect(await rejection(store.confirm())).toBe('encryption-not-available');
  });

  test('is not suspected because a number is left over from an earlier record', async () => {
    generations.text = '999';
    await enterKeyring();
    const { store, trust } = await reopen();
    expect([trust.problem, store.record!.generation, generations.text]).toEqual([undefined, 1000, '1000']);
  });

  test('is not suspected because the last number did not get to the keyring', async () => {
    await enterKeyring();
    const { trust } = await reopen();
    generations.isLocked = true;
    await trust.secured(bob, key, xtls);
    generations.isLocked = false;
    expect((await reopen()).trust.level(bob, key)).toBe(1);
  });
});

describe('a change that cannot be written', () => {
  test('fails, and memory and disk are as before [fault-6]', async () => {
    await prepare();
    const { trust } = await open();
    const before = await readFile(file);
    const announced: unknown[] = [];
    trust.events.on('trustChanged', (...all) => announced.push(all));
    // In the place of the new file there is something that cannot be removed.
    await mkdir(join(file + '.new', 'x'), { recursive: true });
    expect(await rejection(trust.distrust(bob, key))).toBe('resource-unavailable');
    expect(await rejection(trust.setContactPolicy(bob, 'off'))).toBe('resource-unavailable');
    expect([trust.level(bob, key), trust.contactPolicy(bob), announced, (await readFile(file)).equals(before)]).toEqual([2, undefined, [], true]);
    await rm(file + '.new', { recursive: true });
    await trust.distrust(bob, key);
    expect([trust.level(bob, key), announced.length]).toEqual([3, 1]);
    expect((await reopen()).trust.level(bob, key)).toBe(3);
  });

  test('leaves a link that was planted where the new file is made, and what it points to, alone [F6]', async () => {
    await prepare();
    const victim = join(home, 'victim');
    await writeFile(victim, 'precious');
    await symlink(victim, file + '.new');
    const { trust } = await open();
    await trust.distrust(bob, key);
    expect([await readFile(victim, 'utf8'), (await reopen()).trust.level(bob, key)]).toEqual(['precious', 3]);
  });

  test('because there are too many contacts is refused, and the others can still be changed', async () => {
    const { store, trust } = await open();
    await store.update((record) => ({
      ...record,
      contacts: new Map(Array.from({ length: 10_000 }, (_, index) => [`c${index}@example.org` as BareJid, { policy: '', isLowered: false, wasVerified: false, wasSecured: true, wasBound: false, keys: [] }])),
    }));
    expect(await rejection(trust.secured(bob, key, xtls))).toBe('resource-unavailable');
    expect(await rejection(trust.secured('c7@example.org' as BareJid, key, xtls))).toBe('fulfilled');
    expect((await reopen()).trust.level('c7@example.org' as BareJid, key)).toBe(1);
  });
});

test('changes are made one after the other, in the order of the calls', async () => {
  const { trust } = await open();
  const order: string[] = [];
  trust.events.on('policyChanged', (_jid, _old, now) => order.push(now));
  await Promise.all([
    trust.setContactPolicy(bob, 'required'),
    trust.setContactPolicy(bob, 'off'),
    trust.setContactPolicy(bob, undefined),
    trust.setContactPolicy(bob, 'opportunistic'),
  ]);
  expect(order).toEqual(['required', 'off', '', 'opportunistic']);
  expect((await reopen()).trust.contactPolicy(bob)).toBe('opportunistic');
});
