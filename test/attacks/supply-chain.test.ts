/** What comes from others: pinned to the byte, few, without scripts of their own, and without a way to the network or to other programs that it did not have. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { expect, describe, test } from '@jest/globals';

const root = resolve(import.meta.dirname, '../..');
interface Locked { readonly version: string; readonly resolved?: string; readonly integrity?: string; readonly dev?: boolean; readonly optional?: boolean; readonly hasInstallScript?: boolean; readonly dependencies?: Record<string, string> }
interface Manifest { readonly dependencies?: Record<string, string>; readonly devDependencies: Record<string, string>; readonly scripts?: Record<string, string> }
const read = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));
const manifest = read('package.json') as Manifest;
const { packages } = read('package-lock.json') as { packages: Record<string, Locked> };
const all = Object.entries(packages).filter(([path]) => path !== '');
/** What src/ imports of others. It is bundled: to npm all of it is for the development alone. */
const imported = new Set(sources(join(root, 'src'), /\.ts$/).flatMap((source) => [...source.matchAll(/^(?:import|export)\b[^;']* from '(?!node:|\.)((?:@[\w-]+\/)?[\w-]+)/gm)].map(([, name]) => name!)));
/** What the program is made of, with all that it brings along. */
const shipped = broughtAlong([...imported].map((name) => `node_modules/${name}`));

describe('packages of others [I1]', () => {
  test('are named by their exact version, and locked to their bytes', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
      expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
    }
    const loose = all.filter(([, { integrity, resolved }]) => !/^sha512-/.test(integrity ?? '') || !/^(?:https:\/\/registry\.npmjs\.org\/.*)?$/.test(resolved ?? '')).map(([path]) => path);
    expect(loose).toEqual([]);
  });

  test('run nothing of their own when they are installed', () => {
    // Seen and known: what is built here when no binary fits, and only for the tests.
    expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript === true)).toEqual([]);
    expect(readFileSync(join(root, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
  });

  test('are few', () => {
    expect(imported.size).toBeGreaterThan(5);
    expect(imported.size).toBeLessThanOrEqual(10);
    expect(shipped.length).toBeGreaterThan(20);
    expect(shipped.length).toBeLessThanOrEqual(70);
  });

  test('do not come to a user one by one: what is installed has them in its bundle', () => {
    expect(manifest.dependencies).toBeUndefined();
    expect([...imported].filter((name) => manifest.devDependencies[name] === undefined)).toEqual([]);
  });

  test('use of Node what they used when they were looked at', () => {
    const ways = ['net', 'tls', 'http', 'https', 'http2', 'dgram', 'dns', 'dns/promises', 'child_process', 'cluster', 'worker_threads', 'vm', 'inspector'];
    const used = shipped.flatMap(([path]) => {
      const modules = new Set(sources(join(root, path)).flatMap((source) => [...source.matchAll(/(?:require\(|from |import\(|import )\s*['"](?:node:)?([a-z_/]+)['"]/g)].map(([, name]) => name!)));
      return ways.filter((name) => modules.has(name)).map((name) => `${path.replace(/.*node_modules\//, '')} ${name}`);
    });
    // The twin: they are found.
    expect(used).toContain('@xmpp/connection-tcp net');
    expect(used.filter((one) => !known.includes(one))).toEqual([]);
  });
});

/** Ways to the network and to other programs, by package. A new one is to be looked at before it comes here. */
const known = ['@xmpp/connection-tcp net', 'commander child_process', 'dbus-next child_process', 'dbus-next net', 'pino worker_threads', 'pino-abstract-transport worker_threads', 'thread-stream worker_threads'];

/** These packages of the lock file and all that they depend on, but for what is optional. */
function broughtAlong(paths: readonly string[]): [string, Locked][] {
  const found = new Map<string, Locked>();
  const follow = (path: string): void => {
    const locked = packages[path];
    if (locked === undefined || locked.optional === true || found.has(path)) return;
    found.set(path, locked);
    for (const name of Object.keys(locked.dependencies ?? {})) {
      // As Node looks for it: inside the package itself, then further and further out.
      let place = path;
      while (place !== '' && packages[`${place}/node_modules/${name}`] === undefined) place = place.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, '');
      follow(place === '' ? `node_modules/${name}` : `${place}/node_modules/${name}`);
    }
  };
  paths.forEach(follow);
  return [...found];
}

function sources(folder: string, names = /\.[cm]?js$/): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && names.test(entry.name) && !/(^|\/)(tests?|bench(marks?)?|docs?|examples?|node_modules)(\/|$)/.test(join(entry.parentPath, entry.name).slice(folder.length + 1)))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

describe('code that is not JavaScript [I2]', () => {
  test('is not built, and is not needed: every test of the bus passes without it', () => {
    // dbus-next would use it to pass file descriptors.
    expect(packages['node_modules/usocket']).toMatchObject({ optional: true });
    expect(() => createRequire(import.meta.url)('usocket') as unknown).toThrow();
    expect(existsSync(join(root, 'node_modules/usocket/build'))).toBe(false);
    const native = shipped.flatMap(([path]) => readdirSync(join(root, path), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.node') && !name.includes('node_modules')).map((name) => `${path}/${name}`));
    expect(native).toEqual([]);
    expect(readFileSync(join(root, 'build.mjs'), 'utf8')).toMatch(/external: \[.*'usocket'/);
  });
});
