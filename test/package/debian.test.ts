/** The Debian package: what is in it, what lintian says of it, that it comes and goes without a trace, and that what it holds works. */
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { complaintAbout } from '../../src/runtime.ts';
import { parseKeyFile } from '../harness/key-file.ts';
import { startBus } from '../harness/bus.ts';
import { run } from '../harness/process.ts';

const root = resolve(import.meta.dirname, '../..');
const busName = 'org.freedesktop.Telepathy.ConnectionManager.hush';
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };

let folder: string;
let file: string;
/** The package unpacked, and made to run from there. */
let tree: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-debian-'));
  await run(process.execPath, [join(root, 'data/debian/package.mjs'), folder]);
  file = join(folder, `hush_${version}_all.deb`);
  tree = join(folder, 'tree');
  await run('dpkg-deb', ['--extract', file, tree]);
  for (const path of [`usr/share/dbus-1/services/${busName}.service`, 'usr/lib/systemd/user/hush.service']) {
    const text = await readFile(join(tree, path), 'utf8');
    expect(text).toContain('=/usr/bin/node /usr/share/hush/dist/hush.cjs\n');
    await writeFile(join(tree, path), text.replace('/usr/bin/node /', `${process.execPath} ${tree}/`));
  }
});
afterAll(() => rm(folder, { recursive: true }));

test('it holds these files, all of root, and writable by root alone', async () => {
  const lines = (await run('dpkg-deb', ['--contents', file])).split('\n').map((line) => line.split(/ +/));
  expect(new Set(lines.map(([, owner]) => owner))).toEqual(new Set(['root/root']));
  const modes: Record<string, string> = { d: 'drwxr-xr-x', l: 'lrwxrwxrwx' };
  const found = lines.filter(([mode]) => mode![0] !== 'd').map(([mode, , , , , path, ...link]) => `${mode!.startsWith('-rwx') ? 'program ' : ''}${[path!.slice(1), ...link].join(' ')}`);
  for (const [mode, , , , , path] of lines) expect([path, mode]).toEqual([path, modes[mode![0]!] ?? expect.stringMatching(/^-rw(?:-r--r--|xr-xr-x)$/)]);
  expect(found.sort()).toEqual([
    '/usr/bin/hush -> ../share/hush/data/hush.mjs',
    '/usr/bin/hushctl -> ../share/hush/dist/hushctl.cjs',
    '/usr/lib/systemd/user/hush.service',
    '/usr/share/accounts/providers/kde/ktp-hush.provider',
    '/usr/share/accounts/services/kde/ktp-hush-im.service',
    '/usr/share/bash-completion/completions/hushctl',
    `/usr/share/dbus-1/services/${busName}.service`,
    '/usr/share/doc/hush/changelog.gz',
    '/usr/share/doc/hush/copyright',
    '/usr/share/hush/data/KTp.Proxy.client',
    '/usr/share/hush/data/install.mjs',
    '/usr/share/hush/data/org.freedesktop.Telepathy.Client.KTp.Proxy.service.in',
    '/usr/share/hush/dist/hush.code',
    '/usr/share/man/man1/hush-ktp.1.gz',
    '/usr/share/man/man1/hush.1.gz',
    '/usr/share/man/man1/hushctl.1.gz',
    '/usr/share/telepathy/managers/hush.manager',
    '/usr/share/telepathy/profiles/hush.profile',
    'program /usr/share/hush/data/hush.mjs',
    'program /usr/share/hush/dist/hush-ktp.cjs',
    'program /usr/share/hush/dist/hush.cjs',
    'program /usr/share/hush/dist/hushctl.cjs',
  ]);
  expect((await run('dpkg-deb', ['--ctrl-tarfile', file]).then(() => run('sh', ['-c', 'dpkg-deb --ctrl-tarfile "$1" | tar t', 'sh', file]))).split('\n').sort()).toEqual(['./', './control', './md5sums']);
});

test('it asks for the oldest Node that hush runs on, as package.json does', async () => {
  const { engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
  const floors = [...engines.node.matchAll(/(\^|>=)(\d+)\.(\d+)/g)].map(([, , line, release]) => [Number(line), Number(release)] as const);
  expect(floors.length).toBeGreaterThan(1);
  for (const [line, release] of floors) expect([complaintAbout(`${line}.${release}.0`), complaintAbout(`${line}.${release - 1}.9`)]).toEqual([undefined, expect.any(String)]);
  expect(engines.node.split(' || ').at(-1)).toMatch(/^>=/);
  expect(await run('dpkg-deb', ['--field', file, 'Depends'])).toBe(`nodejs (>= ${floors[0]!.join('.')}), default-dbus-session-bus | dbus-session-bus`);
});

test('lintian has nothing to say, not even pedantically', async () => {
  expect(await run('lintian', ['--allow-root', '--no-cfg', '--display-info', '--pedantic', '--fail-on', 'error,warning', file])).toBe('');
});

test('the same programs give the same package, whatever the umask', async () => {
  const again = join(folder, 'again');
  await mkdir(again);
  await run('sh', ['-c', 'umask 077; exec "$@"', 'sh', process.execPath, join(root, 'data/debian/package.mjs'), again]);
  expect((await readFile(join(again, `hush_${version}_all.deb`))).equals(await readFile(file))).toBe(true);
});

test('it is installed, installed again and removed, and then nothing is left', async () => {
  const system = join(folder, 'system');
  const admin = join(system, 'var/lib/dpkg');
  for (const name of ['info', 'updates', 'triggers']) await mkdir(join(admin, name), { recursive: true });
  for (const name of ['status', 'available']) await writeFile(join(admin, name), '');
  const list = async (): Promise<string[]> => (await readdir(system, { recursive: true })).filter((path) => !/^var\/(?:lib\/dpkg\/(?:status|available|diversions|statoverride|lock|triggers|info\/format))/.test(path)).sort();
  // Where nothing else is: nodejs is said to be missing. Owners can be set by root, or in a user namespace of one's own.
  const dpkg = (...args: string[]): Promise<string> =>
    run(process.getuid!() === 0 ? 'dpkg' : 'unshare', [...(process.getuid!() === 0 ? [] : ['--map-root-user', 'dpkg']), `--root=${system}`, `--log=${join(folder, 'dpkg.log')}`, '--force-depends', '--force-script-chrootless', ...args]);
  const before = await list();
  for (let time = 0; time < 2; time += 1) {
    await dpkg('--install', file);
    expect(await dpkg('--verify', 'hush')).toBe('');
    expect(existsSync(join(system, 'usr/share/hush/dist/hush.cjs'))).toBe(true);
  }
  await dpkg('--purge', 'hush');
  expect(await list()).toEqual(before);
});

test('its programs, manuals and completion are found', async () => {
  const environment = { PATH: `${join(tree, 'usr/bin')}:/usr/bin:/bin`, MANPATH: join(tree, 'usr/share/man'), MANPAGER: 'cat', MANWIDTH: '80' };
  // Its interpreter is Debian's; where that is not the Node of this run, there is none to be found.
  for (const [name, says] of [['hush', `hush ${version}`], ['hushctl', version]] as const) expect(await run(process.execPath, [join(tree, 'usr/bin', name), '--version'])).toBe(says);
  expect(await readFile(join(tree, 'usr/share/hush/dist/hush.cjs'), 'utf8')).toMatch(/^#!\/usr\/bin\/node\n/);
  expect(await run('man', ['hush'], { environment })).toContain('hush install [--ktp]');
  expect(await run('man', ['hush-ktp'], { environment })).toContain('hush install --ktp');
  expect(await run('man', ['hushctl'], { environment })).toContain('add [--server host] [--ask] jid');
  expect(await run('bash', ['--norc', '-c', `. '${join(tree, 'usr/share/bash-completion/completions/hushctl')}'; complete -p hushctl`])).toBe('complete -F _hushctl hushctl');
});

test('a session bus starts it from there, and finds it as its manager file says', async () => {
  const bus = await startBus({ serviceDirs: [join(tree, 'usr/share/dbus-1/services')], environment: { XDG_DATA_HOME: join(folder, 'data'), HOME: folder } });
  try {
    const protocols = await run('dbus-send', [`--bus=${bus.address}`, '--print-reply', `--dest=${busName}`, `/${busName.replaceAll('.', '/')}`, 'org.freedesktop.Telepathy.ConnectionManager.ListProtocols']);
    expect(protocols).toContain('string "jabber"');
    const pid = Number(/uint32 (\d+)/.exec(await run('dbus-send', [`--bus=${bus.address}`, '--print-reply', '--dest=org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus.GetConnectionUnixProcessID', `string:${busName}`]))?.[1]);
    expect((await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')[1]).toBe(join(tree, 'usr/share/hush/dist/hush.cjs'));
  } finally {
    await bus.stop();
  }
});

test('what KDE Telepathy lists leads to this connection manager', async () => {
  const share = (path: string): Promise<string> => readFile(join(tree, 'usr/share', path), 'utf8');
  const profile = await share('telepathy/profiles/hush.profile');
  // As telepathy-qt wants it: the file is named after the id.
  for (const attribute of ['id="hush"', 'type="IM"', 'manager="hush"', 'protocol="jabber"']) expect(profile).toContain(` ${attribute}`);
  const name = parseKeyFile(await share('telepathy/managers/hush.manager')).get('Protocol jabber')!.get('EnglishName')!;
  for (const path of ['telepathy/profiles/hush.profile', 'accounts/providers/kde/ktp-hush.provider']) expect(await share(path)).toContain(`<name>${name}</name>`);
  const [provider, service] = [await share('accounts/providers/kde/ktp-hush.provider'), await share('accounts/services/kde/ktp-hush-im.service')];
  expect(provider).toContain('<provider id="ktp-hush">');
  for (const part of ['<service id="ktp-hush-im">', '<provider>ktp-hush</provider>', '<setting name="manager">hush</setting>', '<setting name="protocol">jabber</setting>']) expect(service).toContain(part);
});

test('a user takes the lock of KDE Telepathy, and gives it back; hush itself is there for everybody', async () => {
  const dataHome = join(folder, 'user');
  await mkdir(dataHome);
  await chmod(dataHome, 0o700);
  const hush = (...args: string[]): Promise<string> =>
    run(process.execPath, [join(tree, 'usr/bin/hush'), ...args], { environment: { HOME: folder, XDG_DATA_HOME: dataHome, XDG_RUNTIME_DIR: undefined, DBUS_SESSION_BUS_ADDRESS: undefined } });
  const files = async (): Promise<string[]> => (await readdir(dataHome, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name).sort();
  expect(await hush('install')).toContain(`hush is installed for every user, in ${tree}/usr/share/hush.`);
  expect(await files()).toEqual([]);

  await hush('install', '--ktp');
  const service = 'org.freedesktop.Telepathy.Client.KTp.Proxy.service';
  expect(await files()).toEqual(['KTp.Proxy.client', service]);
  expect(await readFile(join(dataHome, 'dbus-1/services', service), 'utf8')).toContain(`Exec=${process.execPath} ${tree}/usr/share/hush/dist/hush-ktp.cjs\n`);

  await hush('uninstall');
  expect(await files()).toEqual([]);
});
