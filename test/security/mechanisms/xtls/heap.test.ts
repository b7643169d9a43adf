/** What is left in the heap of a conversation that is over. What Node allows, and no more: a string cannot be wiped, only forgotten. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { build } from 'esbuild';

let folder: string;
let victim: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-heap-'));
  victim = join(folder, 'victim.mjs');
  await build({ entryPoints: [join(import.meta.dirname, 'heap-victim.ts')], outfile: victim, bundle: true, platform: 'node', format: 'esm', logLevel: 'error', banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" } });
});
afterAll(async () => rm(folder, { recursive: true }));

const look = async (how: string): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, [victim, how], { env: { ...process.env, NODE_OPTIONS: '' } });
  return stdout.trim();
};

test('neither the secret that was compared nor what was said is in the heap after the session; the search finds them where they are kept [H12]', async () => {
  expect(await look('kept')).toBe('found: body secret');
  expect(await look('forgotten')).toBe('found:');
}, 60_000);
