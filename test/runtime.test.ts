/** A Node with known holes is not run on: said at once, in one line, before anything else is done. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { complaintAbout } from '../src/runtime.ts';
import { Program } from './harness/process.ts';

describe('a version of Node [G7]', () => {
  test.each(['20.20.0', '20.20.2', '20.21.0', '22.22.0', '24.13.0', '24.99.1', '25.3.0', '26.0.0', '30.1.2'])('%s is good enough', (version) => {
    expect(complaintAbout(version)).toBeUndefined();
  });

  test.each(['18.20.8', '20.0.0', '20.19.9', '21.7.3', '22.21.9', '23.11.1', '24.12.0', '25.2.9', '0.10.48', '', 'twenty', '99'])('%j is not', (version) => {
    expect(complaintAbout(version)).toContain('20.20');
  });
});

describe('the program', () => {
  const start = async (version: string | undefined): Promise<[code: number | string, output: string]> => {
    const folder = await mkdtemp(join(tmpdir(), 'hush-node-'));
    const pretend = join(folder, 'pretend.cjs');
    await writeFile(pretend, version === undefined ? '' : `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`);
    const program = new Program(process.execPath, ['--require', pretend, join(import.meta.dirname, '../dist/hush.cjs')], { environment: { NODE_OPTIONS: '', DBUS_SESSION_BUS_ADDRESS: `unix:path=${folder}/no-bus` } });
    const code = await program.ended;
    await rm(folder, { recursive: true });
    return [code, program.output];
  };

  test('does not start on an old one, and says why [G7]', async () => {
    const [code, output] = await start('20.19.4');
    expect([code, output]).toEqual([78, expect.stringMatching(/^hush: Node 20\.19\.4 has known holes; hush needs [^\n]+$/)]);
  });

  test('starts on this one, and finds no bus where there is none', async () => {
    expect((await start(undefined))[0]).toBe(69);
  });
});
