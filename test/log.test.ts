/** What the log keeps to itself, in a process of its own: it writes to that process's standard error. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { Program } from './harness/process.ts';

let folder: string;
let writer: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-log-'));
  writer = join(folder, 'writer.cjs');
  const contents = `
    import { createLog } from './log.ts';
    const [, , level, ...records] = process.argv;
    const log = createLog(level);
    for (const record of records) {
      const { err, child, ...fields } = JSON.parse(record);
      const to = child === undefined ? log : log.child(child);
      to.trace({ ...fields, ...(err && { err: Object.assign(new Error('no'), err) }) }, 'said');
    }
  `;
  await build({ stdin: { contents, resolveDir: join(import.meta.dirname, '../src') }, outfile: writer, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(level: string, ...records: object[]): Promise<Record<string, unknown>[]> {
  const program = new Program(process.execPath, [writer, level, ...records.map((record) => JSON.stringify(record))], { environment: { NODE_OPTIONS: '' } });
  expect(await program.ended).toBe(0);
  return program.output.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log at its most talkative [F5]', () => {
  const hidden = '[redacted]';

  test.each(['password', 'secret', 'passphrase', 'body', 'privateKey', 'key', 'auth', 'challenge', 'response'])('has no %s, of a record or of what is in it', async (name) => {
    const canary = { [name]: 'canary' };
    const lines = await written('trace', canary, { x: canary, y: { ...canary, z: 1 } }, { child: canary }, { child: { x: canary } }, { err: canary }, { [name]: { deep: 'canary' } }, { [name]: ['canary'] });
    expect(lines).toMatchObject([
      { level: 10, msg: 'said', [name]: hidden }, { x: { [name]: hidden }, y: { [name]: hidden, z: 1 } }, { [name]: hidden }, { x: { [name]: hidden } }, { err: { type: 'Error', message: 'no', [name]: hidden } }, { [name]: hidden }, { [name]: hidden },
    ]);
    expect(JSON.stringify(lines)).not.toContain('canary');
  });

  test('has everything else: the twin', async () => {
    expect(await written('trace', { jid: 'alice@example.test', x: { bytes: 7 } })).toMatchObject([{ level: 10, msg: 'said', jid: 'alice@example.test', x: { bytes: 7 } }]);
  });
});

test('what is below its level is not written', async () => {
  expect(await written('debug', { x: 1 })).toEqual([]);
});
