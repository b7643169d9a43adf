/** Every input that fuzzing has kept, and all that ever broke something, once more; and a short search from a fixed seed. */
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { folderOf, readInputs } from './corpus.ts';
import { loadTarget, targetNames } from './target.ts';
import { read } from './targets/xml.ts';
import type { Plain } from './targets/xml.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe.each(targetNames)('%s', (name) => {
  test('survives its corpus and all that once broke it', async () => {
    const target = await loadTarget(name);
    const inputs = [...target.seeds, ...readInputs(folderOf('corpus', name)), ...readInputs(folderOf('crashes', name))];
    for (const bytes of inputs) await target.run(bytes);
    expect(inputs.length).toBeGreaterThan(target.seeds.length);
  });
});

test('what the parser accepts of its corpus, expat reads likewise [C3]', () => {
  const inputs = ['corpus', 'crashes'].flatMap((shelf) => readInputs(folderOf(shelf as 'corpus' | 'crashes', 'xml')));
  const { stdout, status } = spawnSync('python3', [join(root, 'test/fuzz/expat.py')], { input: inputs.map((bytes) => `${bytes.toString('base64')}\n`).join(''), encoding: 'utf8', maxBuffer: 1 << 28 });
  expect(status).toBe(0);
  const others = stdout.trim().split('\n').map((line) => JSON.parse(line) as { stanzas: Plain[]; isWellFormed: boolean; error?: string });
  let accepted = 0;
  for (const [at, bytes] of inputs.entries()) {
    const { stanzas, error, events } = read([bytes]);
    const other = others[at]!;
    expect(other.stanzas.slice(0, stanzas.length)).toEqual(stanzas);
    // Before the header is complete nothing has been accepted: an unfinished DTD is refused at its end, or for its length.
    if (error === undefined && events.length > 0) expect(other.error).toBeUndefined();
    accepted += stanzas.length;
  }
  expect(accepted).toBeGreaterThan(20);
});

describe('the search', () => {
  const search = (...args: string[]): { status: number | null; lines: string[] } => {
    const { status, stdout } = spawnSync(process.execPath, [join(root, 'node_modules/tsx/dist/cli.mjs'), join(root, 'test/fuzz/fuzz.ts'), ...args], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } });
    return { status, lines: stdout.trim().split('\n') };
  };

  test('finds nothing in a few hundred new inputs for each', () => {
    const { status, lines } = search('--executions', '300', '--seed', '1');
    expect({ status, lines: lines.filter((line) => !/ 0 findings$|^seed 1$/.test(line)) }).toEqual({ status: 0, lines: [] });
    expect(lines).toHaveLength(1 + targetNames.length);
  }, 180_000);

  test('does the same again with the same seed, and something else with another', () => {
    const once = (seed: string): string[] => search('--executions', '400', '--seed', seed, '--target', 'trust').lines.slice(1);
    expect(once('7')).toEqual(once('7'));
    expect(once('7')).not.toEqual(once('8'));
  }, 60_000);
});

test('the corpus is small', () => {
  const files = targetNames.flatMap((name) => readdirSync(folderOf('corpus', name)).map((file) => join(folderOf('corpus', name), file)));
  expect(files.reduce((sum, file) => sum + readFileSync(file).length, 0)).toBeLessThan(1_000_000);
});
