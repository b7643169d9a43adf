#!/usr/bin/env node
// Puts hush where D-Bus, Telepathy, KDE and systemd look for the programs of one user, and takes it away again: `hush install [--ktp] | uninstall`.
// Places: XDG Base Directory Specification; D-Bus Specification, Message Bus Starting Services; systemd.unit(5), user unit search path.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import process from 'node:process';

const busName = 'org.freedesktop.Telepathy.ConnectionManager.hush';
const ktpBusName = 'org.freedesktop.Telepathy.Client.KTp.Proxy';
const source = dirname(import.meta.dirname);
const home = process.env.HOME || homedir();
const dataHome = absolute(process.env.XDG_DATA_HOME) ?? join(home, '.local/share');
/** Whether this hush lies beside the service file that starts it for every user, as a Debian package puts it: then a user needs no copy of it. */
const isShared = existsSync(join(source, `../dbus-1/services/${busName}.service`));
const [bundle, code] = ['hush.cjs', 'hush.code'].map((name) => join(dataHome, 'hush', name));
const client = join(dataHome, 'hush/hushctl.cjs');
const ktpCopy = join(dataHome, 'hush/hush-ktp.cjs');
const ktpBundle = isShared ? join(source, 'dist/hush-ktp.cjs') : ktpCopy;
/** Where the XDG specification has the programs of one user. */
const launcher = join(home, '.local/bin/hushctl');

/** npm --prefix ~/.local has put its own link there, which it also takes away. */
const isLinked = existsSync(launcher) && realpathSync(launcher) === join(realpathSync(source), 'dist/hushctl.cjs');

/** Every file of ours: where it goes, what is in it. Nothing else is written or removed. */
const files = [
  { path: code, mode: 0o644, content: () => readFileSync(join(source, 'dist/hush.code')) },
  { path: bundle, mode: 0o755, content: () => readFileSync(join(source, 'dist/hush.cjs'), 'utf8') },
  { path: client, mode: 0o755, content: () => readFileSync(join(source, 'dist/hushctl.cjs'), 'utf8') },
  // By its own Node, as hush has it, and under a name without .cjs, which Node would take for a module beside a package.json that says so.
  ...(isLinked ? [] : [{ path: launcher, mode: 0o755, content: () => `#!/bin/sh\nexec ${[process.execPath, client].map(shellQuoted).join(' ')} "$@"\n` }]),
  { path: join(dataHome, 'bash-completion/completions/hushctl'), mode: 0o644, content: () => readFileSync(join(source, 'data/hushctl.bash'), 'utf8') },
  ...['hush.1', 'hushctl.1'].map((page) => ({ path: join(dataHome, 'man/man1', page), mode: 0o644, content: () => readFileSync(join(source, 'data/man', page), 'utf8') })),
  { path: join(dataHome, 'telepathy/managers/hush.manager'), mode: 0o644, content: () => readFileSync(join(source, 'data/hush.manager'), 'utf8') },
  // What the account dialog of KDE Telepathy lists: a profile for the form, provider and service for KAccounts, which asks for it.
  ...Object.entries({ 'hush.profile': 'telepathy/profiles', 'ktp-hush.provider': 'accounts/providers/kde', 'ktp-hush-im.service': 'accounts/services/kde' })
    .map(([name, folder]) => ({ path: join(dataHome, folder, name), mode: 0o644, content: () => readFileSync(join(source, 'data/kde', name), 'utf8') })),
  { path: join(dataHome, `dbus-1/services/${busName}.service`), mode: 0o644, content: () => fill(`data/${busName}.service.in`, bundle, quoted) },
  // In a unit, % begins a specifier; quotes and backslashes never get there.
  { path: join(dataHome, 'systemd/user/hush.service'), mode: 0o644, content: () => fill('systemd/hush.service.in', bundle, (part) => quoted(part).replaceAll('%', '%%')) },
];

/** The lock of KDE Telepathy, where it is wanted. A user's own files go before those of the system with the same names, which are KDE's own OTR. `isCopy`: of what is there for every user where hush is. */
const ktpFiles = [
  { path: ktpCopy, isCopy: true, mode: 0o755, content: () => readFileSync(join(source, 'dist/hush-ktp.cjs'), 'utf8') },
  { path: join(dataHome, 'man/man1/hush-ktp.1'), isCopy: true, mode: 0o644, content: () => readFileSync(join(source, 'data/man/hush-ktp.1'), 'utf8') },
  { path: join(dataHome, 'telepathy/clients/KTp.Proxy.client'), mode: 0o644, content: () => readFileSync(join(source, 'data/KTp.Proxy.client'), 'utf8') },
  { path: join(dataHome, `dbus-1/services/${ktpBusName}.service`), mode: 0o644, content: () => fill(`data/${ktpBusName}.service.in`, ktpBundle, quoted) },
];

function main([action, ...options]) {
  const withKtp = options.includes('--ktp');
  const isUnderstood = action === 'install' ? options.every((option) => option === '--ktp') : action === 'uninstall' && options.length === 0;
  if (!isUnderstood) fail('usage: hush install [--ktp] | uninstall', 64);
  if (action === 'install') install(withKtp);
  else uninstall();
}

/** `withKtp`: the lock of KDE Telepathy, too. Without it, one that is there stays as it is. */
function install(withKtp) {
  const wanted = [...(isShared ? [] : files), ...(withKtp ? ktpFiles.filter(({ isCopy }) => !isShared || !isCopy) : [])];
  for (const program of ['dist/hush.cjs', 'dist/hush.code', 'dist/hushctl.cjs', ...(withKtp ? ['dist/hush-ktp.cjs'] : [])]) if (!existsSync(join(source, program))) fail(`${program} is missing: run \`npm run build\` first`, 1);
  // All contents before the first write: a path that cannot be written into a service file leaves nothing behind.
  const ready = wanted.map((file) => ({ ...file, content: file.content() }));
  for (const { path, mode, content } of ready) say(write(path, content, mode) ? 'written' : 'unchanged', path);
  if (ready.length > 0) announce(true);
  console.log(isShared ? `\nhush is installed for every user, in ${source}.` : `\nhush runs with ${process.execPath}. Install again when that moves.`);
  if (isShared && existsSync(bundle)) console.log(`Your own copy, ${bundle}, goes before it, until you take it away: hush uninstall`);
  console.log('Next: add your account in your Telepathy client, or here: hushctl add me@example.org');
  if (withKtp) console.log("hush-ktp stands in the place of KDE Telepathy's own OTR, for all accounts, after the next login.");
  if (isShared) return;
  const isFound = (process.env.PATH ?? '').split(':').includes(dirname(launcher));
  console.log(isFound ? 'hushctl shows and steers how your conversations are secured: man hushctl' : `hushctl shows and steers how your conversations are secured. Put ${dirname(launcher)} into your PATH to find it and its manual.`);
}

function uninstall() {
  for (const { path } of [...files, ...ktpFiles.filter((file) => existsSync(file.path))]) {
    const isThere = existsSync(path);
    rmSync(path, { force: true });
    say(isThere ? 'removed' : 'not there', path);
  }
  // The folder also holds what hush knows about people, which stays.
  const isKept = !removeIfEmpty(dirname(bundle));
  announce(false);
  console.log('\nA hush that is running stays until it has no connection left.');
  if (isKept) console.log(`Kept: ${dirname(bundle)}, which is not empty.`);
}

/** Tells those who are there that files have come or gone. Neither is needed by a bus or a systemd that starts later. */
function announce(isInstalled) {
  const runtime = absolute(process.env.XDG_RUNTIME_DIR);
  const socket = runtime === undefined ? undefined : join(runtime, 'bus');
  const address = process.env.DBUS_SESSION_BUS_ADDRESS || (socket !== undefined && existsSync(socket) ? `unix:path=${socket}` : undefined);
  if (address === undefined) console.log('session bus: none here; one that starts later finds the files by itself');
  else {
    attempt('session bus', () => {
      askBus(address, 'ReloadConfig');
      const isFound = askBus(address, 'ListActivatableNames').includes(`"${busName}"`);
      if (isInstalled && !isFound) return `does not look into ${join(dataHome, 'dbus-1/services')}: it was started with another XDG_DATA_HOME`;
      return 'has read its files again';
    });
  }
  if (runtime === undefined || !existsSync(join(runtime, 'systemd'))) console.log('systemd --user: none here');
  else {
    attempt('systemd --user', () => {
      run('systemctl', '--user', 'daemon-reload');
      return 'has read its files again';
    });
  }
}

function askBus(address, member) {
  return run('dbus-send', `--bus=${address}`, '--dest=org.freedesktop.DBus', '--print-reply', '--reply-timeout=5000', '/org/freedesktop/DBus', `org.freedesktop.DBus.${member}`);
}

function run(program, ...args) {
  return execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 10_000, encoding: 'utf8' });
}

/** One line about `who`: what `work` says, or why it could not be done, which is no failure of the installation. */
function attempt(who, work) {
  try {
    console.log(`${who}: ${work()}`);
  } catch (error) {
    const reason = String(error.stderr || error.message).trim().split('\n', 1)[0];
    console.log(`${who}: could not be told (${reason}); log out and in again`);
  }
}

/** Writes all at once, so that nobody sees half a file. True unless it was the same already. */
function write(path, content, mode) {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(content)) && (statSync(path).mode & 0o777) === mode) return false;
  // No other user may write there, whatever the umask: hush would not keep its own files in such a folder.
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  writeFileSync(temporary, content);
  chmodSync(temporary, mode);
  renameSync(temporary, path);
  return true;
}

/** Activation gives no environment beyond the bus address, no PATH either: the command is absolute. */
function fill(template, program, quote) {
  const text = readFileSync(join(source, template), 'utf8');
  return text.replace('@EXEC@', () => [process.execPath, program].map(quote).join(' '));
}

/** One word of a command line, as both D-Bus and systemd read it. */
function quoted(part) {
  if (/["'`\\$\p{Cc}]/u.test(part)) fail(`cannot be started from ${JSON.stringify(part)}: quotes, backslashes, $ and control characters have no place in a service file`, 1);
  return / /.test(part) ? `"${part}"` : part;
}

/** One word of a command line, as a shell reads it. */
function shellQuoted(part) {
  return `'${part.replaceAll("'", "'\\''")}'`;
}

/** The value of an XDG variable, which counts only when it is absolute. */
function absolute(value) {
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

function removeIfEmpty(folder) {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (error.code === 'ENOENT') return true;
    if (error.code === 'ENOTEMPTY') return false;
    throw error;
  }
}

function say(what, path) {
  console.log(`${what.padEnd(9)} ${path}`);
}

function fail(message, code) {
  console.error(message);
  process.exit(code);
}

main(process.argv.slice(2));
