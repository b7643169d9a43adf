/** What can be typed: mistakes are explained before anything is asked of hush, and manual, completion and program know the same words. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { claimNames } from '../../src/ctl/conversations.ts';
import { Failure, failureOf, loginFailure } from '../../src/ctl/failure.ts';
import { BusError } from '../../src/bus/connection.ts';
import { str } from '../../src/bus/types.ts';
import { commandLine, runCommand } from '../../src/ctl/program.ts';
import { Program } from '../harness/process.ts';

let written = '';
const options = {
  output: (text: string): void => void (written += text),
  errors: (text: string): void => void (written += text),
  open: () => Promise.reject(new Failure('the bus was wanted')),
};

async function mistake(...args: string[]): Promise<Failure> {
  written = '';
  return runCommand(args, options).then(() => new Failure('none'), (error: unknown) => failureOf(error));
}

describe('a mistake', () => {
  test.each([
    [[], 'no command was given'],
    [['staus'], "unknown command 'staus'"],
    [['secure'], "missing required argument 'contact'"],
    [['require', 'bob@x'], "missing required argument 'property'"],
    [['require', 'bob@x', 'Encrypted', 'Encypted'], "command-argument value 'Encypted' is invalid"],
    [['status', '--wach'], "unknown option '--wach'"],
    [['end', 'bob@x', 'carol@x'], 'too many arguments'],
    [['verify', 'bob@x', '--secret', '--distrust'], 'exclude each other'],
    [['verify', 'bob@x', '--confirm'], "option '--confirm <digits>' argument missing"],
    [['verify', 'bob@x', '--question', 'Where?'], '--question goes with --secret'],
    [['forget'], 'forget whom?'],
    [['forget', 'bob@x', '--damaged-memory'], 'forget whom?'],
    [['policy', 'bob@x', 'strict'], 'strict is no policy'],
    [['policy', 'default'], 'no default policy'],
    [['identity', 'import'], "missing required argument 'file'"],
    [['words', 'secrets'], "command-argument value 'secrets' is invalid"],
  ])('in %j is explained', async (args, message) => {
    expect(await mistake(...args)).toMatchObject({ message: expect.stringContaining(message) as unknown, exitCode: 2 });
  });

  test('is none here: the bus is wanted', async () => {
    for (const args of [['status'], ['verify', 'bob@x', '--secret', '--question', 'Where?'], ['policy'], ['policy', 'off'], ['policy', 'bob@x', 'default'], ['identity'], ['forget', '--damaged-memory'], ['--json', 'peers', '--account', 'me@x'], ['require', 'bob@x', ...claimNames]]) {
      expect(await mistake(...args)).toMatchObject({ message: 'the bus was wanted' });
    }
  });

  test.each([['--help'], ['help'], ['help', 'verify'], ['verify', '--help'], ['--version']])('is none in %j', async (...args) => {
    expect((await mistake(...args)).message).toBe('none');
    expect(written).not.toBe('');
  });
});

describe('a failure', () => {
  test.each([
    ['org.freedesktop.Telepathy.Error.Offline', 'bob@x is online'],
    ['org.freedesktop.Telepathy.Error.NotCapable', 'both ends need hush'],
    ['org.freedesktop.Telepathy.Error.Cert.FingerprintMismatch', 'hushctl trust bob@x'],
    ['org.freedesktop.Telepathy.Error.EncryptionNotAvailable', 'hushctl policy bob@x'],
    ['org.freedesktop.Telepathy.Error.Terminated', 'hushctl secure bob@x'],
    ['org.freedesktop.DBus.Error.NoReply', 'Try again'],
  ])('%s comes with its name and the next step', (name, step) => {
    expect(failureOf(new BusError(name, 'why'), 'bob@x')).toMatchObject({ message: 'why', errorName: name, exitCode: 1, next: [expect.stringContaining(step)] });
  });

  test('of a name that nobody knows is passed on; of one without words, the name speaks', () => {
    expect(failureOf(new BusError('com.example.Error.Odd', ''))).toMatchObject({ message: 'Odd', errorName: 'com.example.Error.Odd', next: [] });
  });

  test('is plain where hush has gone', () => {
    expect(failureOf(new BusError('org.freedesktop.DBus.Error.ServiceUnknown', 'The name …')).message).toBe('hush is not running');
  });
});

describe('a failed login', () => {
  const T = 'org.freedesktop.Telepathy.Error.';
  const words = (name: string, details: Readonly<Record<string, string>> = {}, isAsked = false): unknown =>
    loginFailure(name, new Map(Object.entries(details).map(([key, value]) => [key, str(value)])), { isAsked });
  test.each([
    ['AuthenticationFailed', 'the server did not accept the login', 'Check the name and the password'],
    ['ConnectionRefused', 'the server takes no connections', 'Check the network, and the name of the server'],
    ['Cert.SelfSigned', 'the server shows a certificate that nobody vouches for', 'NODE_EXTRA_CA_CERTS'],
    ['Cert.Untrusted', 'the server shows a certificate that nobody vouches for', 'NODE_EXTRA_CA_CERTS'],
    ['Cert.HostnameMismatch', 'the certificate of the server names another host', 'extra-certificate-identities'],
    ['Cert.Expired', 'the certificate of the server is past its end', 'Its owner has to renew it'],
    ...['Insecure', 'Revoked', 'Invalid', 'LimitExceeded', 'NotProvided'].map((kind) => [`Cert.${kind}`, 'the certificate of the server cannot be accepted', 'Its owner has to put another one in its place'] as const),
    ['EncryptionNotAvailable', 'the server has no TLS', 'require-encryption'],
    ['Odd', 'Odd', 'the log of hush'],
  ])('%s is said in words, with the next step', (kind, reason, step) => {
    expect(words(`${T}${kind}`)).toEqual({ reason, error: `${T}${kind}`, next: [expect.stringContaining(step)] });
    // An authority more helps only where none vouches.
    expect(JSON.stringify(words(`${T}${kind}`)).includes('NODE_EXTRA_CA_CERTS')).toBe(/SelfSigned|Untrusted/.test(kind));
  });

  test('has the words of the server, and else those of hush', () => {
    expect(words(`${T}NetworkError`, { 'debug-message': 'ETIMEDOUT' })).toMatchObject({ reason: 'the server cannot be reached: ETIMEDOUT' });
    expect(words(`${T}NetworkError`, { 'debug-message': 'host-gone', 'server-message': 'We have moved.' })).toMatchObject({ reason: 'the server cannot be reached: We have moved.' });
  });

  test('whose password nobody keeps needs somebody who asks for it', () => {
    expect(words(`${T}AuthenticationFailed`, {}, true)).toMatchObject({ next: [expect.stringContaining('Start the chat program')] });
  });
});

const data = join(import.meta.dirname, '../../data');
const leaves = (command: Command): Command[] => (command.commands.length === 0 ? [command] : command.commands.flatMap(leaves));
const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
const shown = (commands: readonly Command[]): Command[] => commands.filter((command) => command.name() !== 'words');

describe('the manual', () => {
  test('knows every command, option and property', async () => {
    const manual = await readFile(join(data, 'man/hushctl.1'), 'utf8');
    for (const command of shown(leaves(commandLine(options)))) expect(manual).toMatch(new RegExp(`^\\.It Cm .*\\b${command.name()}\\b`, 'm'));
    for (const command of all(commandLine(options))) for (const { long } of command.options) expect(manual).toContain(`Fl ${long?.slice(1) ?? ''}`);
    for (const claim of claimNames) expect(manual).toContain(`.It Cm ${claim}\n`);
  });

  test.each([
    ['hush', 'main.ts', 4],
    ['hush-ktp', 'ktp/main.ts', 3],
  ])('of %s knows every option, and every exit code', async (name, file, count) => {
    const [manual, source] = await Promise.all([readFile(join(data, `man/${name}.1`), 'utf8'), readFile(join(import.meta.dirname, '../../src', file), 'utf8')]);
    const flags = [...source.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag]) => flag!);
    expect(flags).toHaveLength(count);
    const codes = [.../^const Exit = \{([^}]+)\}/m.exec(source)![1]!.matchAll(/\d+/g)].map(String);
    expect([.../^\.Sh EXIT STATUS\n[^]*?^\.El/m.exec(manual)![0].matchAll(/^\.It (\d+)/gm)].map(([, code]) => code)).toEqual(codes);
    for (const flag of flags) expect(manual).toContain(`.It Fl ${flag.slice(1)}`);
  });
});

test.each(['hush', 'hush-ktp', 'hushctl'])('the manual of %s is set without complaint', async (name) => {
  const set = async (file: string): Promise<string> => {
    const program = new Program('man', ['--warnings=w', '--local-file', file], { environment: { MANWIDTH: '80', LC_ALL: 'C.UTF-8', PAGER: 'cat' } });
    const complaints: string[] = [];
    program.onLine((line, stream) => {
      if (stream === 'stderr') complaints.push(line);
    });
    expect(await program.ended).toBe(0);
    expect(program.output).toContain('EXIT STATUS');
    return complaints.join('\n');
  };
  const page = join(data, 'man', `${name}.1`);
  expect(await set(page)).toBe('');
  // The control: what is no macro is complained of.
  const folder = await mkdtemp(join(tmpdir(), 'hush-manual-'));
  const broken = join(folder, 'broken.1');
  await writeFile(broken, `${await readFile(page, 'utf8')}.Xq wrong\n`);
  expect(await set(broken)).toContain('Xq');
  await rm(folder, { recursive: true });
});

describe('completion', () => {
  test('knows every command, option and property', async () => {
    const words = new Set((await readFile(join(data, 'hushctl.bash'), 'utf8')).match(/[\w-]+/g));
    const program = commandLine(options);
    const wanted = [...shown(all(program)).map((command) => command.name()), ...all(program).flatMap((command) => command.options.flatMap(({ long }) => long ?? [])), ...claimNames];
    expect(wanted.filter((word) => !words.has(word))).toEqual([]);
  });
});
