// Installs what is missing for the tests and the demo: npm packages, and Debian packages unless --npm-only; with --desktop also those of the desktop tests. Plain Node, nothing needed beforehand.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Debian package → what needs it. The one place where they are listed. */
const debianPackages = {
  'dbus-daemon': 'a private session bus',
  'dbus-bin': 'what crosses it',
  openssl: 'certificates for the throw-away server',
  'gnutls-bin': 'TLS of another make, as a peer inside',
  prosody: 'the XMPP server',
  ejabberd: 'another XMPP server',
  'gnome-keyring': 'the Secret Service',
  systemd: 'busctl, systemd-analyze',
  'man-db': 'the manuals, as they are shown',
  lintian: 'what Debian asks of a package',
  'telepathy-mission-control-5': 'the account manager that clients use',
  'telepathy-haze': 'another connection manager, to measure against',
  'python3-gi': 'scripted telepathy-glib client',
  'gir1.2-telepathyglib-0.12': 'scripted telepathy-glib client',
  'python3-slixmpp': 'an XMPP client that is not ours',
  'python3-openssl': 'a peer inside secured conversations that is not ours',
  libfaketime: 'a clock that jumps',
  'd-feet': 'D-Bus inspector that walks every object',
  xvfb: 'a screen for it',
};

/** The same for `npm run test:desktop` alone. */
const desktopPackages = {
  'kde-telepathy-text-ui': 'the chat window of KDE Telepathy',
  'telepathy-logger': 'the settings without which its history ends the chat window',
  'breeze-icon-theme': 'the padlock',
  libqt5svg5: 'drawing it',
  'kde-config-telepathy-accounts': 'the account dialog of KDE',
  'kde-cli-tools': 'a window for it',
  'kde-telepathy-auth-handler': 'the password that was typed there',
  'telepathy-accounts-signon': 'its accounts in Mission Control',
  'at-spi2-core': 'what a screen reader hears',
  xdotool: 'mouse and keyboard',
  imagemagick: 'pictures of the screen',
};

const fail = (message) => {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
};

const needed = process.argv.includes('--desktop') ? { ...debianPackages, ...desktopPackages } : debianPackages;

const readPackages = (file) => {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
};

/** Whether node_modules holds what the lock file says. npm leaves its own record of what it installed; optional packages may be absent. */
function npmIsComplete() {
  const installed = readPackages('node_modules/.package-lock.json');
  if (installed === undefined) return false;
  return Object.entries(readPackages('package-lock.json') ?? {}).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const found = installed[path];
    return found === undefined ? optional === true : found.version === version && found.integrity === integrity;
  });
}

function missingDebianPackages() {
  const names = Object.keys(needed);
  const { stdout, error } = spawnSync('dpkg-query', ['-W', '-f=${Package} ${db:Status-Status}\n', ...names], { encoding: 'utf8' });
  if (error) fail(`this is not a Debian system. What the tests need, by its Debian names: ${names.join(' ')}`);
  const installed = new Set(stdout.split('\n').filter((line) => line.endsWith(' installed')).map((line) => line.split(' ')[0]));
  return names.filter((name) => !installed.has(name));
}

/**
 * Run as root. The servers are wanted as programs only: a policy-rc.d (Debian's own way to say so) keeps the packages from starting
 * services while they are installed, and a service that came with them is not started at the next boot either.
 */
const installScript = `
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 update || true
apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
for server in prosody ejabberd; do
  case " $* " in *" $server "*) ! command -v systemctl > /dev/null || systemctl disable "$server.service" || true ;; esac
done
`;

function installDebianPackages(missing) {
  const command = `apt-get update && apt-get install --no-install-recommends ${missing.join(' ')}`;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) {
    const why = missing.map((name) => `  ${name}: ${needed[name]}`).join('\n');
    fail(`Debian packages are missing, and there is neither root nor a sudo without password to install them:\n${why}\nAs root: ${command}`);
  }
  process.stderr.write(`setup: installing Debian packages: ${missing.join(' ')}\n`);
  const [program, ...args] = [...(isRoot ? [] : ['sudo', '-n']), 'sh', '-c', installScript, 'setup', ...missing];
  // Its chatter goes to standard error: standard output belongs to the command that called for it.
  if (spawnSync(program, args, { stdio: ['ignore', 2, 2] }).status !== 0) fail(`that failed. As root: ${command}`);
}

if (!npmIsComplete()) {
  process.stderr.write('setup: installing npm packages\n');
  if (spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] }).status !== 0) fail('npm ci failed');
}
if (!process.argv.includes('--npm-only')) {
  const missing = missingDebianPackages();
  if (missing.length > 0) installDebianPackages(missing);
}
