/** The npm package: what is in it, and what it gives to a user who installs it. */
import { mkdir, mkdtemp, readFile, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startBus } from '../harness/bus.ts';
import { run } from '../harness/process.ts';

const root = resolve(import.meta.dirname, '../..');
const busName = 'org.freedesktop.Telepathy.ConnectionManager.hush';

let folder: string;
let packed: { filename: string; version: string; files: { path: string; mode: number }[] };
/** Of npm: where it has put the package, and its commands. */
let prefix: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-npm-'));
  [packed] = JSON.parse(await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root })) as [typeof packed];
  // Where hush install has its own command, too.
  prefix = join(folder, '.local');
  // Offline: nothing else is needed.
  await run('npm', ['install', '--global', '--offline', '--prefix', prefix, join(folder, packed.filename)], { cwd: folder });
});
afterAll(() => rm(folder, { recursive: true }));

test('it holds these files, and nothing of the machine it was made on', async () => {
  expect(packed.files.map(({ path }) => path).sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'data/KTp.Proxy.client',
    'data/hush.manager',
    'data/hush.mjs',
    'data/hushctl.bash',
    'data/install.mjs',
    'data/kde/hush.profile',
    'data/kde/ktp-hush-im.service',
    'data/kde/ktp-hush.provider',
    'data/man/hush-ktp.1',
    'data/man/hush.1',
    'data/man/hushctl.1',
    'data/org.freedesktop.Telepathy.Client.KTp.Proxy.service.in',
    'data/org.freedesktop.Telepathy.ConnectionManager.hush.service.in',
    'dist/LICENSES',
    'dist/hush-ktp.cjs',
    'dist/hush.cjs',
    'dist/hush.code',
    'dist/hushctl.cjs',
    'docs/images/chat-window.png',
    'docs/images/hushctl-status.svg',
    'docs/images/hushctl-verify.svg',
    'docs/xtls-profile.md',
    'package.json',
    'systemd/hush.service.in',
    'test/vectors/xtls.json',
  ]);
  for (const { path } of packed.files) expect([path, (await readFile(join(root, path), 'latin1')).includes(root)]).toEqual([path, false]);
});

test('whatever its pages point to is in it', async () => {
  const paths = packed.files.map(({ path }) => path);
  const pages = paths.filter((path) => path.endsWith('.md'));
  const targets = (await Promise.all(pages.map(async (page) => [...(await readFile(join(prefix, 'lib/node_modules/hush', page), 'utf8')).matchAll(/\]\(([^)#\s]+)/g)].map(([, target]) => target!).filter((target) => !target.startsWith('https:')).map((target) => join(dirname(page), target))))).flat();
  expect(targets.filter((target) => !paths.includes(target))).toEqual([]);
  expect(targets).toEqual(expect.arrayContaining(['docs/xtls-profile.md', 'docs/images/chat-window.png', 'README.md']));
});

test('everything of others is in it, with the licence', async () => {
  expect(await readdir(join(prefix, 'lib/node_modules'))).toEqual(['hush']);
  expect(await readdir(join(prefix, 'lib/node_modules/hush'))).not.toContain('node_modules');
  const licences = await readFile(join(prefix, 'lib/node_modules/hush/dist/LICENSES'), 'utf8');
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { version: string }> };
  for (const name of ['@xmpp/xml', 'commander', 'dbus-next', 'node-forge', 'pino', 'qr', 'saxes']) expect(licences).toMatch(new RegExp(`^${name} ${packages[`node_modules/${name}`]!.version}\\b`, 'm'));
  for (const section of licences.split(`\n${'-'.repeat(80)}\n`)) expect(section).toMatch(/Copyright|Apache License/i);
});

test('its three commands run, and a session bus starts what hush install puts into the session, until hush uninstall', async () => {
  expect((await readdir(join(prefix, 'bin'))).sort()).toEqual(['hush', 'hush-ktp', 'hushctl']);
  const services = join(folder, 'share/dbus-1/services');
  await mkdir(services, { recursive: true });
  const bus = await startBus({ serviceDirs: [services], environment: { HOME: folder, XDG_DATA_HOME: join(folder, 'share') } });
  const environment = { PATH: `${join(prefix, 'bin')}:${process.env.PATH!}`, HOME: folder, XDG_DATA_HOME: join(folder, 'share'), XDG_RUNTIME_DIR: undefined, DBUS_SESSION_BUS_ADDRESS: bus.address };
  const ask = (): Promise<string> => run('dbus-send', [`--bus=${bus.address}`, '--print-reply', `--dest=${busName}`, `/${busName.replaceAll('.', '/')}`, 'org.freedesktop.Telepathy.ConnectionManager.ListProtocols']);
  try {
    for (const [name, says] of [['hush', `hush ${packed.version}`], ['hushctl', packed.version], ['hush-ktp', `hush-ktp ${packed.version}`]] as const) expect(await run(name, ['--version'], { environment })).toBe(says);
    const help = await run('hush', ['--help'], { environment });
    for (const line of ['--persist', 'hush install ', 'hush uninstall ']) expect(help).toContain(line);
    await expect(ask()).rejects.toThrow('ServiceUnknown');
    expect(await run('hush', ['install'], { environment })).toContain('session bus: has read its files again');
    expect(await ask()).toContain('string "jabber"');
    await run('hush', ['uninstall'], { environment });
    for (const name of ['hush', 'hushctl', 'hush-ktp']) expect(await readlink(join(prefix, 'bin', name))).toMatch(/^\.\.\/lib\/node_modules\/hush\//);
    const names = await run('dbus-send', [`--bus=${bus.address}`, '--print-reply', '--dest=org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus.ListActivatableNames']);
    expect(names).not.toContain(busName);
    expect((await readdir(join(folder, 'share'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())).toEqual([]);
  } finally {
    await bus.stop();
  }
});
