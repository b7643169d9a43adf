/** A process that writes a record of trust and is killed, or whose disk fails, on the way. Bundled and run by trust-store-crash.test.ts. */
import { readFileSync, writeSync } from 'node:fs';
import fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { HushError } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import { PrivateFolder } from '../../src/security/file-store.ts';
import { writeRecord } from '../../src/security/trust-format.ts';
import { TrustStore } from '../../src/security/trust-store.ts';
import type { Vault } from '../../src/security/vault.ts';

const [, , folder = '', task = '', argument = ''] = process.argv;
const account = 'alice@example.org';
const quiet = (): void => undefined;
const log = { info: quiet, warn: quiet, error: quiet } as unknown as Log;
const noVault = {} as Vault;

/** Called with each operation on the disk before it is done; may throw, or never return. */
let before: (operation: string, tear: () => Promise<void>) => Promise<void> = () => Promise.resolve();
/** Called with each operation that finds something by its path, when it is done. */
let after: (operation: string) => Promise<void> = () => Promise.resolve();

/** Every operation that the store does on the disk goes through `before`. */
function watchDisk(): void {
  const { open, rename, unlink } = fs;
  const nothing = (): Promise<void> => Promise.resolve();
  const of = (path: unknown): string => String(path).slice(folder.length);
  const watched = (handle: FileHandle, path: string): FileHandle => {
    const [writeFile, sync, close] = [handle.writeFile.bind(handle), handle.sync.bind(handle), handle.close.bind(handle)];
    handle.writeFile = async (data, ...rest) => {
      // A write that stops half way.
      await before(`write ${path}`, () => writeFile((data as Uint8Array).subarray(0, (data as Uint8Array).length / 2)));
      return writeFile(data, ...rest);
    };
    handle.sync = async () => {
      await before(`sync ${path}`, nothing);
      return sync();
    };
    handle.close = async () => {
      await before(`close ${path}`, nothing);
      return close();
    };
    return handle;
  };
  fs.open = async (path, flags, mode) => {
    await before(`open ${of(path)}`, nothing);
    const file = await open(path, flags, mode).finally(() => after(`open ${of(path)}`));
    return watched(file, of(path));
  };
  for (const name of ['stat', 'lstat', 'access', 'realpath', 'readlink', 'readFile', 'chmod'] as const) {
    const find = fs[name] as (...args: unknown[]) => Promise<unknown>;
    fs[name] = ((path: unknown, ...rest: unknown[]) => find(path, ...rest).finally(() => after(`${name} ${of(path)}`))) as never;
  }
  fs.rename = async (from, to) => {
    await before(`rename ${of(from)} ${of(to)}`, nothing);
    return rename(from, to);
  };
  fs.unlink = async (path) => {
    await before(`unlink ${of(path)}`, nothing);
    return unlink(path);
  };
  syncBuiltinESMExports();
}

function say(line: unknown): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}

watchDisk();
if (task === 'exchange') {
  // Once something was found by the name of the record, something else (`argument`) has that name.
  const file = join(folder, 'trust.json');
  after = async (operation) => {
    if (!operation.endsWith(' /trust.json')) return;
    after = () => Promise.resolve();
    say(operation);
    await fs.rename(file, `${file}.found`);
    await fs.rename(argument, file);
  };
  // Whoever opens a pipe without care waits for its other end, for ever.
  setTimeout(() => {
    say('waits');
    process.kill(process.pid, 'SIGKILL');
  }, 5_000).unref();
}
const store = new TrustStore({ account, folder: new PrivateFolder(folder), generations: noVault, log });
await store.open();
if (task === 'exchange') {
  say(store.problem?.condition ?? store.record!.mechanisms[0]);
  process.exit(0);
}
if (store.problem !== undefined) throw store.problem;
const write = (what: string): Promise<void> => store.update((record) => ({ ...record, mechanisms: [what] }));

if (task === 'write') {
  // For ever: the number that is on its way, then again when it is acknowledged.
  for (let number = Number(argument); ; number += 1) {
    await write(String(number));
    say(number);
  }
} else if (task === 'trace') {
  const operations: string[] = [];
  before = (operation) => {
    operations.push(operation);
    return Promise.resolve();
  };
  await write('new');
  say(operations);
} else if (task === 'die') {
  const [at, isTorn] = argument.split(' ');
  let count = 0;
  before = async (_operation, tear) => {
    if (count++ !== Number(at)) return;
    if (isTorn === 'torn') await tear();
    await die();
  };
  await write('new');
  say('survived');
} else if (task === 'fail') {
  // At each operation once; after each failure: what was said, what memory has, and what the disk has.
  for (let at = 0; ; at += 1) {
    let failed = '';
    let count = 0;
    before = (operation) => {
      if (count++ !== at) return Promise.resolve();
      failed = operation;
      return Promise.reject(Object.assign(new Error(argument), { code: argument }));
    };
    const outcome = await write(`new ${at}`).then(() => 'done', (error: unknown) => (error instanceof HushError ? error.condition : String(error)));
    before = () => Promise.resolve();
    if (failed === '') break;
    const isSame = writeRecord(account, store.record!).equals(readFileSync(join(folder, 'trust.json')));
    const kept = store.record!.mechanisms[0];
    const next = await write('next').then(() => 'done', String);
    say({ failed, outcome, isSame, isOld: kept === (at === 0 ? 'old' : 'next'), next });
  }
  await store.close();
} else if (task === 'grow') {
  // A little, then more than may be written, then a little again.
  const sizes = [1, 100, 2];
  for (const size of sizes) {
    const outcome = await store.update((record) => ({ ...record, mechanisms: Array.from({ length: 4 }, () => 'x'.repeat(size * 20)) })).then(() => 'done', (error: unknown) => (error instanceof HushError ? error.condition : String(error)));
    say({ size, outcome, length: store.record!.mechanisms[0]!.length, isSame: writeRecord(account, store.record!).equals(readFileSync(join(folder, 'trust.json'))) });
  }
}
process.exit(0);
