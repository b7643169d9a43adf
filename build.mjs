// Bundles the shipped programs, one CommonJS file each, and the licences of what is in them; the program hush also holds the code that V8 makes of it.
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));

/** What stands in the place of a module, so that a start does not run what it does not need. */
const substitutes = {
  // Of node-forge a start needs ASN.1; the rest is loaded by whoever imports an identity.
  'node-forge': `module.exports = new Proxy({}, { get: (_, name) => (name === 'asn1' ? require('node-forge/lib/asn1.js') : require('node-forge/lib/index.js')[name]) });`,
  // pino's way to write from another thread; hush has only one.
  'thread-stream': 'module.exports = undefined;',
  worker_threads: 'exports.isMainThread = true;',
};

const leaner = {
  name: 'leaner',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[\w-]+$/ }, ({ path }) => (Object.hasOwn(substitutes, path) ? { path, namespace: 'leaner' } : undefined));
    onLoad({ filter: /.*/, namespace: 'leaner' }, ({ path }) => ({ contents: substitutes[path], resolveDir: process.cwd() }));
  },
};

/** The folders of all packages of others that are in the programs. */
const packages = new Set();

/** The program that begins with this file, as text. */
async function bundle(entry) {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    define: { HUSH_VERSION: JSON.stringify(version) },
    logLevel: 'warning',
    legalComments: 'none',
    plugins: [leaner],
    // dbus-next asks for the first only to pass file descriptors, cli-table3 for the other only to colour by itself; both live without.
    external: ['usocket', '@colors/colors'],
    write: false,
    metafile: true,
  });
  const { imports } = Object.values(metafile.outputs)[0];
  if (imports.some(({ kind }) => kind === 'dynamic-import')) throw new Error('a module from outside cannot be imported while the program runs');
  for (const input of Object.keys(metafile.inputs)) {
    const [folder] = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? [];
    if (folder !== undefined) packages.add(folder);
  }
  return outputFiles[0].text;
}

/** What the authors of the bundled packages want to be read wherever their work goes. */
async function licences() {
  const texts = await Promise.all([...packages].sort().map(async (folder) => {
    const { name, version: release, license, author } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const files = (await readdir(folder)).filter((file) => /^(?:licen[cs]e|copying)/i.test(file));
    const wordings = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
    // Some name only their licence and its holder.
    if (wordings.length === 0) wordings.push(`Copyright ${author?.name ?? author}`);
    return `${name} ${release}${license === undefined ? '' : ` (${license})`}\n\n${wordings.join('\n').trim()}\n`;
  }));
  return `The programs of hush contain these packages of others.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/**
 * V8 lets the space for what is young grow to 32 MB whenever much is made at once, and gives nothing back: that is half of the memory of a process which has secured
 * a hundred conversations. It costs up to a sixth more processor time in a flood of messages.
 * Said at run time, since whoever starts the program need not know it; before anything is compiled, since the code is kept for these flags only.
 */
const sparing = `require('node:v8').setFlagsFromString('--semi-space-growth-factor=1');`;

const program = `(function (exports, require, module, __filename, __dirname) { ${await bundle('src/main.ts')}\n})`;

/** Compiles and starts the program as far as it comes without a bus, and keeps what V8 has compiled by then. */
async function compileAhead() {
  const folder = await mkdtemp(join(tmpdir(), 'hush-build-'));
  try {
    const [source, cache] = ['program.cjs', 'cache'].map((name) => join(folder, name));
    await writeFile(source, program);
    const start = `
      ${sparing}
      const { readFileSync, writeFileSync } = require('node:fs');
      const script = new (require('node:vm').Script)(readFileSync(${JSON.stringify(source)}, 'utf8'));
      const { exit } = process;
      process.exit = () => {
        writeFileSync(${JSON.stringify(cache)}, script.createCachedData());
        exit(0);
      };
      process.argv = [process.argv[0], 'hush', '--log-level', 'silent'];
      script.runInThisContext()({}, require, {}, '', '');`;
    const environment = { ...process.env, NODE_OPTIONS: '', DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(folder, 'no-bus')}` };
    const { status, stderr } = spawnSync(process.execPath, ['-e', start], { env: environment, encoding: 'utf8' });
    if (status !== 0) throw new Error(`the program does not start: ${stderr}`);
    return await readFile(cache, 'base64');
  } finally {
    await rm(folder, { recursive: true });
  }
}

// V8 takes the code only if it is the very V8 that made it, with the same flags; any other compiles the program as usual.
const file = `#!/usr/bin/env node
'use strict';
${sparing}
const cachedData = Buffer.from('${await compileAhead()}', 'base64');
const script = new (require('node:vm').Script)(${JSON.stringify(program)}, { filename: __filename, cachedData });
script.runInThisContext()(exports, require, module, __filename, __dirname);
`;
await mkdir('dist', { recursive: true });
const script = async (entry) => `#!/usr/bin/env node\n${await bundle(entry)}`;
for (const [name, text] of [['hush.cjs', file], ['hushctl.cjs', await script('src/ctl/main.ts')], ['hush-ktp.cjs', await script('src/ktp/main.ts')]]) {
  await writeFile(join('dist', name), text);
  await chmod(join('dist', name), 0o755);
}
await writeFile('dist/LICENSES', await licences());
