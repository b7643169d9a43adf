// `build.mjs [--without-rehearsal]`: bundles the shipped programs, one CommonJS file each, and the licences of what is in them. hush is in two: what starts it, and hush.code with the program and what V8 has compiled of it.
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));

/** What stands in the place of a module, so that a start does not run what it does not need. */
const substitutes = {
  // Of node-forge an identity needs ASN.1, and who imports one the rest; a start needs nothing.
  'node-forge': `
    const asn1 = new Proxy({}, { get: (_, name) => require('node-forge/lib/asn1.js')[name] });
    module.exports = new Proxy({}, { get: (_, name) => (name === 'asn1' ? asn1 : require('node-forge/lib/index.js')[name]) });`,
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

/** Built-in modules that nobody needs before an account wants to connect. Node takes as long to load them as for all else that a start needs. */
const late = ['assert', 'child_process', 'crypto', 'dns', 'fs/promises', 'tls', 'v8'];

/** `require` for the program: a late module is loaded by whoever first asks something of it. */
const lazily = `
const late = new Set(${JSON.stringify(late)});
function lazily(id) {
  if (!late.has(id.replace('node:', ''))) return require(id);
  let loaded;
  const load = () => (loaded ??= require(id));
  return new Proxy(function () {}, { get: (_, name) => load()[name], apply: (_, self, args) => load().apply(self, args) });
}`;

const program = `(function (exports, require, module, __filename, __dirname) { ${await bundle('src/main.ts')}\n})`;

/** Bytes of what hush.code begins with: a line that says for which Node its compiled code is, how long that is, and how long the file. */
const headSize = 64;

/** What starts the program in hush.code: the head, the compiled code, the program in ASCII. */
const fileOf = (also = '') => `#!/usr/bin/env node
'use strict';
${lazily}
const { existsSync, readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const path = __dirname + '/hush.code';
const code = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
const [platform, arch, version, compiled, size] = code.toString('latin1', 0, ${headSize}).split(' ');
if (code.length !== Number(size)) {
  process.stderr.write('hush: ' + path + ' is missing or not whole; install hush again\\n');
  process.exit(70);
}
const end = ${headSize} + Number(compiled);
// V8 itself looks only whether the code was made by the same V8 with the same flags. Any other Node compiles the program as usual.
const fits = platform === process.platform && arch === process.arch && version === process.version;
const script = new Script(code.toString('latin1', end), { filename: 'hush.code', ...(fits && { cachedData: code.subarray(${headSize}, end) }) });
${also}script.runInThisContext()(exports, lazily, module, __filename, __dirname);
`;

/** `compiled`: undefined where nothing has been compiled yet. */
function codeOf(compiled) {
  if (/[^\0-\x7f]/.test(program)) throw new Error('the program is not ASCII');
  const { length = 0 } = compiled ?? {};
  const head = [process.platform, process.arch, compiled === undefined ? 'none' : process.version, length, headSize + length + program.length, ''].join(' ');
  return Buffer.concat([Buffer.from(head.padEnd(headSize)), compiled ?? Buffer.alloc(0), Buffer.from(program)]);
}

/** Starts the program, lets it go through what an account goes through, and keeps what V8 has compiled by then. */
async function compileAhead() {
  const folder = await mkdtemp(join(tmpdir(), 'hush-build-'));
  try {
    const [file, code, compiled] = ['hush.cjs', 'hush.code', 'compiled'].map((name) => join(folder, name));
    await writeFile(code, codeOf(undefined));
    // The code is for the flags with which a program starts.
    await writeFile(file, fileOf(`process.on('exit', () => {
  require('node:v8').setFlagsFromString('--semi-space-growth-factor=2');
  require('node:fs').writeFileSync(${JSON.stringify(compiled)}, script.createCachedData());
});
`));
    const [command, args, expected] = !process.argv.includes('--without-rehearsal') && hasBus()
      ? [process.execPath, ['--import', 'tsx', 'test/harness/rehearsal.ts', file], 0]
      : [process.execPath, [file, '--log-level', 'silent'], 69];
    const environment = { ...process.env, NODE_OPTIONS: '', DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(folder, 'no-bus')}` };
    const { status, stderr } = spawnSync(command, args, { env: environment, encoding: 'utf8' });
    if (status !== expected) throw new Error(`the program does not do what it should: ${stderr}`);
    return await readFile(compiled);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function hasBus() {
  const missing = ['dbus-daemon', 'setpriv'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
  if (missing.length > 0) process.stderr.write(`build: without ${missing.join(' and ')} hush cannot be tried here; it will compile more while it runs\n`);
  return missing.length === 0;
}

await mkdir('dist', { recursive: true });
await writeFile('dist/hush.code', codeOf(await compileAhead()));
const script = async (entry) => `#!/usr/bin/env node\n${await bundle(entry)}`;
for (const [name, text] of [['hush.cjs', fileOf()], ['hushctl.cjs', await script('src/ctl/main.ts')], ['hush-ktp.cjs', await script('src/ktp/main.ts')]]) {
  await writeFile(join('dist', name), text);
  await chmod(join('dist', name), 0o755);
}
await writeFile('dist/LICENSES', await licences());
