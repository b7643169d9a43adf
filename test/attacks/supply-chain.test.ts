/** What comes from others: pinned to the byte, few, without scripts of their own, and without a way to the network or to other programs that it did not have. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { expect, describe, test } from '@jest/globals';

const root = resolve(import.meta.dirname, '../..');
interface Locked { readonly version: string; readonly resolved?: string; readonly integrity?: string; readonly dev?: boolean; readonly optional?: boolean; readonly hasInstallScript?: boolean }
interface Manifest { readonly dependencies: Record<string, string>; readonly devDependencies: Record<string, string>; readonly scripts?: Record<string, string> }
const read = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));
const manifest = read('package.json') as Manifest;
const { packages } = read('package-lock.json') as { packages: Record<string, Locked> };
const all = Object.entries(packages).filter(([path]) => path !== '');
/** What the program is made of, with all that it brings along. */
const shipped = all.filter(([, { dev, optional }]) => dev !== true && optional !== true);

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
    const scripts = all.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path, { dev, optional }]) => `${path} ${dev === true ? 'dev' : optional === true ? 'optional' : 'shipped'}`);
    expect(scripts.filter((line) => line.endsWith(' shipped'))).toEqual([]);
    expect(readFileSync(join(root, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
  });

  test('are few', () => {
    expect(Object.keys(manifest.dependencies).length).toBeLessThanOrEqual(10);
    expect(shipped.length).toBeLessThanOrEqual(70);
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

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?js$/.test(entry.name) && !/(^|\/)(tests?|bench(marks?)?|docs?|examples?|node_modules)(\/|$)/.test(join(entry.parentPath, entry.name).slice(folder.length + 1)))
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
