/** data/hushctl.bash, sourced by a bash as a person's own is, with hushctl answering for what is there. */
import { mkdtemp, rm, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '../harness/process.ts';
import { InTerminal } from './hushctl.ts';

const script = join(import.meta.dirname, '../../data/hushctl.bash');
let folder: string;

/** Stands for the program, which other tests ask for its words. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-completion-'));
  await writeFile(join(folder, 'hushctl'), '#!/bin/sh\n[ "$1" = words ] && case $2 in accounts) echo alice@localhost; echo alan@localhost ;; contacts) echo bob@localhost; echo bob@example.org; echo carol@localhost ;; channels) echo Text1 ;; esac || echo asked for "$@"\n');
  await chmod(join(folder, 'hushctl'), 0o755);
  await writeFile(join(folder, 'my key.pem'), '');
});
afterAll(() => rm(folder, { recursive: true }));

/** What bash would put for its own last word, when TAB is pressed at the end of `line`. */
async function completed(line: string): Promise<string[]> {
  const program = `. '${script}'; COMP_LINE=$1 COMP_POINT=\${#1}; _hushctl hushctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = await run('bash', ['--norc', '-c', program, 'bash', line], { cwd: folder, environment: { PATH: `${folder}${delimiter}${process.env.PATH!}` } });
  return output.split('\n').filter((word) => word !== '');
}

test.each([
  ['hushctl ', ['add', 'status', 'secure', 'require', 'end', 'verify', 'peers', 'trust', 'forget', 'policy', 'identity', 'help']],
  ['hushctl st', ['status']],
  ['hushctl add me@localhost --', ['--account', '--json', '--help', '--server', '--ask']],
  ['hushctl add --server ', []],
  ['hushctl --json p', ['peers', 'policy']],
  ['hushctl --account ali', ['alice@localhost']],
  ['hushctl --account alice@localhost st', ['status']],
  ['hushctl --v', ['--version']],
  ['hushctl help ver', ['verify']],
  ['hushctl status --', ['--account', '--json', '--help', '--watch']],
  ['hushctl secure ', ['bob@localhost', 'bob@example.org', 'carol@localhost']],
  ['hushctl secure bo', ['bob@localhost', 'bob@example.org']],
  // For bash @ begins a word of its own, and is part of it.
  ['hushctl secure bob@', ['@localhost', '@example.org']],
  ['hushctl secure bob@lo', ['@localhost']],
  ['hushctl end --channel ', ['Text1']],
  ['hushctl verify bob@localhost --s', ['--secret']],
  ['hushctl verify bob@localhost --question ', []],
  ['hushctl verify --confirm 12345 ca', ['carol@localhost']],
  ['hushctl require bob@localhost For', ['ForwardSecret']],
  ['hushctl require bob@localhost ForwardSecret Ver', ['Verified']],
  ['hushctl policy o', ['off', 'opportunistic']],
  ['hushctl policy bob@localhost d', ['default']],
  ['hushctl policy bob@localhost default ', []],
  ['hushctl identity ', ['show', 'import', 'renew', 'replace']],
  ['hushctl identity replace --y', ['--yes']],
  ['hushctl identity import my', ['my key.pem']],
  ['hushctl forget --d', ['--damaged-memory']],
  ['hushctl nonsense ', []],
])('%j is completed', async (line, words) => {
  expect(await completed(line)).toEqual(words);
});

test('a person at a bash who presses TAB gets what they mean', async () => {
  const bash = new InTerminal(['bash', '--norc', '-i'], { PATH: `${folder}${delimiter}${process.env.PATH!}`, PS1: '> ', HISTFILE: '' });
  bash.type(`. '${script}'\n`);
  for (const [typed, meant] of [['hushctl sec\tca\t', 'secure carol@localhost'], ['hushctl verify bob@lo\t--sec\t', 'verify bob@localhost --secret'], ['hushctl end carol@\t', 'end carol@localhost']] as const) {
    bash.type(`${typed}\n`);
    await bash.shows(new RegExp(`^asked for ${meant}$`, 'm'));
  }
  bash.type('exit\n');
  expect(await bash.ended).toBe(0);
});
