/** A Node with known holes is not run on: said at once, in one line, before anything else is done. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
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

describe('what was compiled when it was built', () => {
  const dist = join(import.meta.dirname, '../dist');
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hush-code-'));
    await cp(join(dist, 'hush.cjs'), join(folder, 'hush.cjs'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const start = async (code: Buffer | undefined): Promise<[code: number | string, output: string]> => {
    if (code !== undefined) await writeFile(join(folder, 'hush.code'), code);
    const program = new Program(process.execPath, [join(folder, 'hush.cjs'), '--version'], { environment: { NODE_OPTIONS: '' } });
    return [await program.ended, program.output];
  };

  test('is taken by the Node that built it, and by no other', async () => {
    const bytes = await readFile(join(dist, 'hush.code'));
    const [platform, arch, version, compiled] = bytes.toString('latin1', 0, 64).split(' ');
    expect([platform, arch, version]).toEqual([process.platform, process.arch, expect.stringMatching(/^v\d/)]);
    const end = 64 + Number(compiled);
    // Without the flags of this process, which are not those of hush.
    const program = new Program(process.execPath, ['-e', `
      const code = require('node:fs').readFileSync(process.argv[1]);
      console.log(new (require('node:vm').Script)(code.toString('latin1', ${end}), { filename: 'hush.code', cachedData: code.subarray(64, ${end}) }).cachedDataRejected);
    `, join(dist, 'hush.code')], { environment: { NODE_OPTIONS: '' } });
    await program.ended;
    expect(program.output).toBe(String(version !== process.version));
  });

  test('is not looked at by another: whatever it is, hush starts', async () => {
    const bytes = await readFile(join(dist, 'hush.code'));
    const end = 64 + Number(bytes.toString('latin1', 0, 64).split(' ')[3]);
    bytes.write(bytes.toString('latin1', 0, 64).replace(` ${process.arch} `, ` ${'z'.repeat(process.arch.length)} `), 'latin1');
    // All but what V8 looks at: where the code is taken, this ends the process.
    bytes.fill(0xee, 64 + 64, end);
    expect(await start(bytes)).toEqual([0, expect.stringMatching(/^hush \d/)]);
  });

  test('and the program are one file: one that is missing or cut is said in a line', async () => {
    const bytes = await readFile(join(dist, 'hush.code'));
    for (const code of [undefined, Buffer.alloc(0), bytes.subarray(0, 70), bytes.subarray(0, -1)]) {
      expect(await start(code)).toEqual([70, expect.stringMatching(/^hush: \S+hush\.code is missing or not whole; install hush again$/)]);
    }
  });
});
