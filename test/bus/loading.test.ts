/** The bus room is loaded by jest, by tsx and as one bundled file, and dbus-next's message layer by none of them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { build } from 'esbuild';
import { Bus } from '../../src/bus/connection.ts';
import { checkDbusNext } from '../../src/bus/dbus-next.ts';
import { silentLog } from '../../src/log.ts';
import { startBus } from '../harness/bus.ts';
import type { TestBus } from '../harness/bus.ts';

const root = resolve(import.meta.dirname, '../..');
const program = `
import { Bus } from ${JSON.stringify(join(root, 'src/bus/connection.ts'))};
import { objectPath } from ${JSON.stringify(join(root, 'src/bus/types.ts'))};
import { silentLog } from ${JSON.stringify(join(root, 'src/log.ts'))};

async function main(): Promise<void> {
  const bus = await Bus.open({ address: process.argv[2]!, log: silentLog });
  bus.objects.export(objectPath('/a'));
  const [xml] = await bus.call({ destination: bus.uniqueName, path: '/a', interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect' });
  bus.close();
  await bus.closed;
  console.log(String(xml).includes('org.freedesktop.DBus.Peer'));
}
void main();
`;

let daemon: TestBus;
let directory: string;

beforeAll(async () => {
  daemon = await startBus();
  directory = await mkdtemp(join(tmpdir(), 'hush-loading-'));
  await writeFile(join(directory, 'program.ts'), program);
});
afterAll(async () => {
  await daemon.stop();
  await rm(directory, { recursive: true });
});

async function run(...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [...args, daemon.address], { cwd: root })).stdout.trim();
}

test('by jest', async () => {
  checkDbusNext();
  const bus = await Bus.open({ address: daemon.address, log: silentLog });
  expect(bus.uniqueName).toMatch(/^:/);
  bus.close();
  await bus.closed;
});

test('by tsx', async () => {
  expect(await run('--import', 'tsx', join(directory, 'program.ts'))).toBe('true');
});

test('bundled, and then nothing is left of dbus-next but what authenticates', async () => {
  const { metafile } = await build({
    entryPoints: [join(directory, 'program.ts')],
    outfile: join(directory, 'program.cjs'),
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    metafile: true,
    logLevel: 'silent',
  });
  expect(await run(join(directory, 'program.cjs'))).toBe('true');
  const modules = Object.keys(metafile.inputs).flatMap((input) => /dbus-next\/lib\/(.*)$/.exec(input)?.[1] ?? []);
  expect(modules.toSorted()).toEqual(['constants.js', 'handshake.js', 'readline.js']);
});

test('not from a release of dbus-next that has moved what is used', async () => {
  const real = createRequire(import.meta.url)('dbus-next/lib/constants.js') as object;
  jest.unstable_mockModule('dbus-next/lib/constants.js', () => ({ default: { ...real, NameFlag: { DO_NOT_QUEUE: 8 } } }));
  jest.resetModules();
  const moved = await import('../../src/bus/dbus-next.ts');
  expect(() => moved.checkDbusNext()).toThrow('dbus-next is not the release');
});

test('from exactly the release of dbus-next that it was written for', () => {
  const { version } = createRequire(import.meta.url)('dbus-next/package.json') as { version: string };
  expect(version).toBe('0.10.2');
});
