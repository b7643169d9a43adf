// Makes the Debian package of what is in dist/: `package.mjs [FOLDER]` → FOLDER/hush_VERSION_all.deb, FOLDER being dist/. Debian Policy 4.6; deb(5), deb-control(5).
// hush needs no maintainer script: nothing is compiled, buses and service managers find its files by themselves. So dpkg-deb alone makes the package.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { gzipSync } from 'node:zlib';

const source = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
const changelog = readFileSync(join(import.meta.dirname, 'changelog'), 'utf8');
const [, version] = /^hush \((\S+)\)/.exec(changelog);
const [, maintainer, date] = /^ -- (.+ <.+>) {2}(.+)$/m.exec(changelog);
const output = join(process.argv[2] ?? join(source, 'dist'), `hush_${version}_all.deb`);
const managerName = 'org.freedesktop.Telepathy.ConnectionManager.hush';
const home = '/usr/share/hush';
const node = '/usr/bin/node';
/** The oldest Node that may run it. One of a later line that is too old says so itself. */
const [oldestNode] = manifest.engines.node.match(/\d+(?:\.\d+)*/);

const text = (path) => readFileSync(join(source, path), 'utf8');
/** Programs, which Debian wants to name their interpreter. */
const program = (path) => text(path).replace('#!/usr/bin/env node\n', `#!${node}\n`);
/** What starts hush: by the Node of the system, whatever comes first in somebody's PATH. */
const filled = (path) => text(path).replace('@EXEC@', `${node} ${home}/dist/hush.cjs`);
const packed = (content) => gzipSync(content, { level: 9 });

/** Path → content. The programs and what `hush install --ktp` needs lie as they do in a checkout and in the npm package. */
const files = {
  [`${home}/data/install.mjs`]: program('data/install.mjs').replace(/^#!.*\n/, ''),
  ...Object.fromEntries(['KTp.Proxy.client', 'org.freedesktop.Telepathy.Client.KTp.Proxy.service.in'].map((name) => [`${home}/data/${name}`, text(`data/${name}`)])),
  [`/usr/share/dbus-1/services/${managerName}.service`]: filled(`data/${managerName}.service.in`),
  '/usr/lib/systemd/user/hush.service': filled('systemd/hush.service.in'),
  '/usr/share/telepathy/managers/hush.manager': text('data/hush.manager'),
  '/usr/share/telepathy/profiles/hush.profile': text('data/kde/hush.profile'),
  '/usr/share/accounts/providers/kde/ktp-hush.provider': text('data/kde/ktp-hush.provider'),
  '/usr/share/accounts/services/kde/ktp-hush-im.service': text('data/kde/ktp-hush-im.service'),
  '/usr/share/bash-completion/completions/hushctl': text('data/hushctl.bash'),
  ...Object.fromEntries(['hush-ktp.1', 'hush.1', 'hushctl.1'].map((page) => [`/usr/share/man/man1/${page}.gz`, packed(text(`data/man/${page}`))])),
  [`${home}/dist/hush.code`]: readFileSync(join(source, 'dist/hush.code')),
  '/usr/share/doc/hush/changelog.gz': packed(changelog),
  '/usr/share/doc/hush/copyright': copyright(),
};
const programs = {
  [`${home}/data/hush.mjs`]: program('data/hush.mjs'),
  ...Object.fromEntries(['hush.cjs', 'hushctl.cjs', 'hush-ktp.cjs'].map((name) => [`${home}/dist/${name}`, program(`dist/${name}`)])),
};
const links = { '/usr/bin/hush': '../share/hush/data/hush.mjs', '/usr/bin/hushctl': '../share/hush/dist/hushctl.cjs' };

/** Debian's form, debian/copyright 1.0: the programs hold the work of others, whose own words are appended, but for the licences that every Debian system has (Policy 12.5). */
function copyright() {
  const others = text('dist/LICENSES').split(`\n${'-'.repeat(80)}\n`).map((words) =>
    words.replace(/^ *(Apache License|GNU GENERAL PUBLIC LICENSE)\s+Version 2[^]*?(?:END OF TERMS AND CONDITIONS\n|(?![^]))/m, (_, name) => `/usr/share/common-licenses/${name === 'Apache License' ? 'Apache-2.0' : 'GPL-2'}\n`));
  const indented = (words) => words.trim().split('\n').map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`)).join('\n');
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: hush

Files: *
Copyright: 2026 hush maintainers
License: LGPL-2.1+
 This package is free software; you can redistribute it and/or modify it under
 the terms of the GNU Lesser General Public License as published by the Free
 Software Foundation; either version 2.1 of the License, or (at your option)
 any later version.
 .
 This package is distributed in the hope that it will be useful, but WITHOUT
 ANY WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS
 FOR A PARTICULAR PURPOSE. See the GNU Lesser General Public License for more
 details.
 .
 On Debian systems, the full text of the GNU Lesser General Public License
 version 2.1 is in /usr/share/common-licenses/LGPL-2.1.
Comment:
${indented(others.join(`\n${'-'.repeat(80)}\n`))}
`;
}

function control(kibibytes) {
  return `Package: hush
Version: ${version}
Architecture: all
Multi-Arch: foreign
Maintainer: ${maintainer}
Installed-Size: ${kibibytes}
Depends: nodejs (>= ${oldestNode}), default-dbus-session-bus | dbus-session-bus
Recommends: telepathy-mission-control-5
Suggests: gnome-keyring, kde-telepathy
Section: net
Priority: optional
Description: XMPP connection manager for Telepathy, secured end to end
 hush is a per-user D-Bus service, started when a client asks for it, that lets
 Empathy, KDE Telepathy and everything else built on Telepathy talk over XMPP
 (Jabber).
 .
 Two people who both use it are secured end to end without touching anything:
 every one-to-one conversation carries a TLS session between the two of them,
 through their servers. hushctl shows and steers what is proved about it.
`;
}

if (version !== manifest.version) throw new Error(`data/debian/changelog begins with ${version}, package.json says ${manifest.version}`);
const tree = mkdtempSync(join(tmpdir(), 'hush-package-'));
try {
  chmodSync(tree, 0o755);
  // Modes are set after, whatever the umask.
  const makeFolder = (folder) => {
    for (let made = mkdirSync(folder, { recursive: true }), at = folder; made !== undefined && at.length >= made.length; at = dirname(at)) chmodSync(at, 0o755);
  };
  const write = (path, content, mode) => {
    makeFolder(dirname(join(tree, path)));
    writeFileSync(join(tree, path), content);
    chmodSync(join(tree, path), mode);
  };
  for (const [path, content] of Object.entries(files)) write(path, content, 0o644);
  for (const [path, content] of Object.entries(programs)) write(path, content, 0o755);
  makeFolder(join(tree, 'usr/bin'));
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(tree, path));

  const regular = Object.keys({ ...files, ...programs }).map((path) => path.slice(1)).sort();
  const kibibytes = regular.reduce((sum, path) => sum + Math.ceil(statSync(join(tree, path)).size / 1024), Object.keys(links).length + readdirSync(tree, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory()).length);
  const md5 = (path) => createHash('md5').update(readFileSync(join(tree, path))).digest('hex');
  write('/DEBIAN/control', control(kibibytes), 0o644);
  write('/DEBIAN/md5sums', regular.map((path) => `${md5(path)}  ${path}\n`).join(''), 0o644);
  // The same dist/ gives the same package, at any time.
  const environment = { ...process.env, SOURCE_DATE_EPOCH: String(Date.parse(date) / 1000) };
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', tree, output], { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  console.log(`${output}: ${statSync(output).size} bytes`);
} finally {
  rmSync(tree, { recursive: true });
}
