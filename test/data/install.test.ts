/** data/install.mjs: hush in a user's own folders, found by a real bus, and taken away again. */
import { chmod, cp, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseKeyFile } from '../harness/key-file.ts';
import { Program, run } from '../harness/process.ts';

const root = resolve(import.meta.dirname, '../..');
const busName = 'org.freedesktop.Telepathy.ConnectionManager.hush';

/** Says that it was started, and how, then fails: enough for activation to be seen, and the bus tells its caller at once. */
const stub = "require('node:fs').writeFileSync(`${__filename}.started`, JSON.stringify(process.argv));\nprocess.exitCode = 1;\n";

/** No text. */
const code = Buffer.from([0, 0xff, 0xc3, 0x28, 0x80]);

let folder: string;
let checkout: string;
let dataHome: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-install-'));
  checkout = join(folder, 'checkout');
  // A path with a space, as a home folder may have.
  dataHome = join(folder, 'my share');
  for (const name of ['data', 'systemd']) await cp(join(root, name), join(checkout, name), { recursive: true });
  await mkdir(join(checkout, 'dist'));
  await writeFile(join(checkout, 'dist/hush.cjs'), stub);
  await writeFile(join(checkout, 'dist/hush.code'), code);
  await writeFile(join(checkout, 'dist/hush-ktp.cjs'), stub);
  await writeFile(join(checkout, 'dist/hushctl.cjs'), "console.log('hushctl', ...process.argv.slice(2));\n");
});
afterEach(() => rm(folder, { recursive: true }));

const paths = [
  'accounts/providers/kde/ktp-hush.provider',
  'accounts/services/kde/ktp-hush-im.service',
  'bash-completion/completions/hushctl',
  'dbus-1/services/org.freedesktop.Telepathy.ConnectionManager.hush.service',
  'hush/hush.cjs',
  'hush/hush.code',
  'hush/hushctl.cjs',
  'man/man1/hush.1',
  'man/man1/hushctl.1',
  'systemd/user/hush.service',
  'telepathy/managers/hush.manager',
  'telepathy/profiles/hush.profile',
];
const launcher = (): string => join(folder, '.local/bin/hushctl');

/** `action`: with its options. */
function script(action: string, environment: Record<string, string | undefined> = {}): Promise<string> {
  return run(process.execPath, [join(checkout, 'data/install.mjs'), ...action.split(' ')], {
    environment: { HOME: folder, XDG_DATA_HOME: dataHome, XDG_CONFIG_HOME: undefined, XDG_RUNTIME_DIR: undefined, DBUS_SESSION_BUS_ADDRESS: undefined, ...environment },
  });
}

async function installed(home = dataHome): Promise<string[]> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1)).sort();
}

describe('the files', () => {
  test('are there, with an absolute command in those that start hush', async () => {
    const output = await script('install');
    expect(await installed()).toEqual(paths);
    expect(output).toContain(`written   ${join(dataHome, 'hush/hush.cjs')}`);
    expect(output).toContain('Next: ');

    const bundle = join(dataHome, 'hush/hush.cjs');
    expect(await readFile(bundle, 'utf8')).toBe(stub);
    expect((await stat(bundle)).mode & 0o777).toBe(0o755);
    expect(await readFile(join(dataHome, 'hush/hush.code'))).toEqual(code);
    expect(await readFile(join(dataHome, 'telepathy/managers/hush.manager'), 'utf8')).toBe(await readFile(join(root, 'data/hush.manager'), 'utf8'));

    const service = parseKeyFile(await readFile(join(dataHome, `dbus-1/services/${busName}.service`), 'utf8')).get('D-BUS Service')!;
    expect(Object.fromEntries(service)).toEqual({ Name: busName, Exec: `${process.execPath} "${bundle}"`, SystemdService: 'hush.service' });
    const unit = parseKeyFile(await readFile(join(dataHome, 'systemd/user/hush.service'), 'utf8')).get('Service')!;
    expect(Object.fromEntries(unit)).toMatchObject({ Type: 'dbus', BusName: busName, ExecStart: `${process.execPath} "${bundle}"`, UMask: '0077' });
    expect(unit.has('Restart')).toBe(false);
  });

  test('are left alone the second time, and made anew when changed', async () => {
    await script('install');
    const again = await script('install');
    expect(again.match(/^unchanged /gm)).toHaveLength(paths.length + 1);
    await writeFile(join(checkout, 'dist/hush.cjs'), '// newer\n');
    const update = await script('install');
    expect(update).toContain(`written   ${join(dataHome, 'hush/hush.cjs')}`);
    expect(update.match(/^unchanged /gm)).toHaveLength(paths.length);
    expect(await installed()).toEqual(paths);
  });

  test('go, and only they, however often they are told to', async () => {
    await script('install');
    const trust = join(dataHome, 'hush/trust.json');
    await writeFile(trust, '{}');
    await writeFile(join(dataHome, 'telepathy/managers/other.manager'), '');
    const output = await script('uninstall');
    expect(output.match(/^removed /gm)).toHaveLength(paths.length + 1);
    expect(output).toContain('Kept: ');
    expect(await installed()).toEqual(['hush/trust.json', 'telepathy/managers/other.manager']);
    await rm(trust);
    expect((await script('uninstall')).match(/^not there /gm)).toHaveLength(paths.length + 1);
    expect(existsSync(join(dataHome, 'hush'))).toBe(false);
    expect(existsSync(launcher())).toBe(false);
  });

  test('hold hushctl, which runs by its name, with completion for bash and manuals that man finds', async () => {
    expect(await script('install', { PATH: '/usr/bin:/bin' })).toContain(`Put ${join(folder, '.local/bin')} into your PATH`);
    const environment = { HOME: folder, XDG_DATA_HOME: dataHome, PATH: `${join(folder, '.local/bin')}:/usr/bin:/bin` };
    expect(await script('install', environment)).toContain('man hushctl');
    expect(await run('sh', ['-c', "hushctl status 'two words'"], { environment })).toBe('hushctl status two words');
    expect(await run('bash', ['--norc', '-c', `. '${join(dataHome, 'bash-completion/completions/hushctl')}'; complete -p hushctl`], { environment })).toBe('complete -F _hushctl hushctl');
    for (const page of ['hush', 'hushctl']) expect(await run('man', ['-M', join(dataHome, 'man'), '--where', page], { environment })).toBe(join(dataHome, `man/man1/${page}.1`));
  });

  test('stand below ~/.local/share when XDG says nothing, or nothing absolute', async () => {
    await script('install', { XDG_DATA_HOME: undefined });
    expect(await installed(join(folder, '.local/share'))).toEqual(paths);
    await script('uninstall', { XDG_DATA_HOME: 'relative' });
    expect(await installed(join(folder, '.local/share'))).toEqual([]);
  });

  test('make a unit that systemd accepts, also with % in the path', async () => {
    dataHome = join(folder, '100 % mine');
    await script('install');
    const runtime = join(folder, 'run');
    await mkdir(runtime);
    const unit = join(dataHome, 'systemd/user/hush.service');
    const verify = async (): Promise<{ code: number | string; output: string }> => {
      const program = new Program('systemd-analyze', ['--user', 'verify', unit], { environment: { HOME: folder, XDG_RUNTIME_DIR: runtime } });
      return { code: await program.ended, output: program.output };
    };
    expect(await verify()).toEqual({ code: 0, output: '' });
    // The controls: what is not there is refused, what nobody knows is said.
    const text = await readFile(unit, 'utf8');
    await writeFile(unit, text.replace(/^ExecStart=\S+/m, 'ExecStart=/nowhere/node'));
    expect(await verify()).toEqual({ code: 1, output: expect.stringContaining('not executable') });
    await writeFile(unit, text.replace('UMask=', 'Umask='));
    expect(await verify()).toEqual({ code: 0, output: expect.stringContaining("Unknown key 'Umask'") });
  });
});

describe('nothing is written', () => {
  test.each(['hush.cjs', 'hush.code', 'hushctl.cjs'])('without %s', async (name) => {
    await rm(join(checkout, 'dist', name));
    await expect(script('install')).rejects.toThrow('npm run build');
    expect(existsSync(dataHome)).toBe(false);
  });

  test('below a folder whose name a service file cannot carry', async () => {
    dataHome = join(folder, 'a "quoted" share');
    await expect(script('install')).rejects.toThrow('cannot be started from');
    expect(existsSync(dataHome)).toBe(false);
  });

  test.each(['instal', 'install --kpt', 'uninstall --ktp'])('for what nobody understands: %s', async (action) => {
    await expect(script(action)).rejects.toThrow('usage: ');
    expect(existsSync(dataHome)).toBe(false);
  });

  test('for KDE Telepathy, without its bundle', async () => {
    await rm(join(checkout, 'dist/hush-ktp.cjs'));
    await expect(script('install --ktp')).rejects.toThrow('npm run build');
    expect(existsSync(dataHome)).toBe(false);
  });
});

test('the lock of KDE Telepathy comes only when it is asked for, stays when hush is installed again, and goes with hush', async () => {
  const name = 'org.freedesktop.Telepathy.Client.KTp.Proxy';
  const ktpPaths = [`dbus-1/services/${name}.service`, 'hush/hush-ktp.cjs', 'man/man1/hush-ktp.1', 'telepathy/clients/KTp.Proxy.client'];
  const all = [...paths, ...ktpPaths].sort();
  expect(await script('install --ktp')).toContain("in the place of KDE Telepathy's own OTR");
  expect(await installed()).toEqual(all);
  const service = parseKeyFile(await readFile(join(dataHome, ktpPaths[0]!), 'utf8')).get('D-BUS Service')!;
  expect(Object.fromEntries(service)).toEqual({ Name: name, Exec: `${process.execPath} "${join(dataHome, 'hush/hush-ktp.cjs')}"` });
  const named = [.../^\.Sh FILES\n[^]*?^\.El/m.exec(await readFile(join(root, 'data/man/hush-ktp.1'), 'utf8'))![0].matchAll(/^\.It Pa ~\/\.local\/share\/(\S+)$/gm)].map(([, path]) => path!);
  expect(named.sort()).toEqual(ktpPaths.map((path) => path.replace(/org\.[\w.]+(?=\.KTp\.)/, '*')).sort());
  expect(parseKeyFile(await readFile(join(dataHome, ktpPaths[3]!), 'utf8')).get('org.freedesktop.Telepathy.Client.Observer')!.get('Recover')).toBe('true');
  expect(await script('install')).not.toContain('KDE');
  expect(await installed()).toEqual(all);
  expect((await script('uninstall')).match(/^removed /gm)).toHaveLength(all.length + 1);
  expect(await installed()).toEqual([]);
});

describe('a session bus', () => {
  let daemon: Program;
  let address: string;

  /** With the service folders of an ordinary session: those of XDG. */
  async function startDaemon(): Promise<void> {
    daemon = new Program('dbus-daemon', ['--session', '--nofork', '--nopidfile', `--address=unix:dir=${folder}`, '--print-address=1'], { environment: { XDG_DATA_HOME: dataHome, XDG_RUNTIME_DIR: undefined } });
    address = await daemon.line(/^unix:/);
  }
  afterEach(() => daemon.stop());

  const call = (member: string, ...args: string[]): Promise<string> =>
    run('dbus-send', [`--bus=${address}`, '--print-reply', '--dest=org.freedesktop.DBus', '/org/freedesktop/DBus', `org.freedesktop.DBus.${member}`, ...args]);
  const isFound = async (): Promise<boolean> => (await call('ListActivatableNames')).includes(`"${busName}"`);

  test('that runs finds hush after install, starts it, and no longer after uninstall', async () => {
    await startDaemon();
    expect(await isFound()).toBe(false);
    expect(await script('install', { DBUS_SESSION_BUS_ADDRESS: address })).toContain('session bus: has read its files again');
    expect(await isFound()).toBe(true);

    await expect(call('StartServiceByName', `string:${busName}`, 'uint32:0')).rejects.toThrow('exited with status 1');
    const bundle = join(dataHome, 'hush/hush.cjs');
    expect(JSON.parse(await readFile(`${bundle}.started`, 'utf8'))).toEqual([process.execPath, bundle]);

    await script('uninstall', { DBUS_SESSION_BUS_ADDRESS: address });
    expect(await isFound()).toBe(false);
  });

  test('that starts later finds hush by itself', async () => {
    expect(await script('install')).toContain('session bus: none here');
    await startDaemon();
    expect(await isFound()).toBe(true);
  });

  test('that looks elsewhere is told of', async () => {
    await startDaemon();
    const output = await script('install', { XDG_DATA_HOME: join(folder, 'elsewhere'), DBUS_SESSION_BUS_ADDRESS: address });
    expect(output).toContain(`session bus: does not look into ${join(folder, 'elsewhere/dbus-1/services')}`);
  });

  test('that is gone is no reason to fail', async () => {
    await startDaemon();
    await daemon.stop();
    expect(await script('install', { DBUS_SESSION_BUS_ADDRESS: address })).toMatch(/^session bus: could not be told \(.+\)/m);
    expect(await installed()).toEqual(paths);
  });
});

test('a systemd that does not answer is no reason to fail', async () => {
  const runtime = join(folder, 'run');
  await mkdir(join(runtime, 'systemd'), { recursive: true });
  await chmod(runtime, 0o700);
  expect(await script('install', { XDG_RUNTIME_DIR: runtime })).toMatch(/^systemd --user: could not be told \(.+\)/m);
  expect(await installed()).toEqual(paths);
});
