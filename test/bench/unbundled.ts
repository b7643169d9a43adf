/** hush without bundling: every file compiled by itself, npm packages taken from node_modules. */
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/** The path of its main file. */
export async function buildUnbundled(): Promise<string> {
  const outdir = join(root, 'dist/unbundled');
  await rm(outdir, { recursive: true, force: true });
  const names = await readdir(join(root, 'src'), { recursive: true });
  const entryPoints = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts')).map((name) => join(root, 'src', name));
  await build({ entryPoints, outdir, platform: 'node', target: 'node20', format: 'esm', logLevel: 'warning' });
  for (const name of await readdir(outdir, { recursive: true })) {
    if (!name.endsWith('.js')) continue;
    const path = join(outdir, name);
    await writeFile(path, (await readFile(path, 'utf8')).replace(/(["']\.{1,2}\/[\w./-]+)\.ts(["'])/g, '$1.js$2'));
  }
  return join(outdir, 'main.js');
}
