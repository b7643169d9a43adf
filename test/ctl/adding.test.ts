/** hushctl add, with Mission Control and a real server: one command, and the account is online, or it is not there. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hushService } from '../harness/hush.ts';
import { startSession } from '../harness/session.ts';
import { Stage } from '../scenarios/stage.ts';
import { hushctl } from './hushctl.ts';
import type { Outcome } from './hushctl.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

const add = (input: string, ...args: string[]): Promise<Outcome> => hushctl(['add', '--server', `127.0.0.1:${stage.prosody.port}`, ...args], { address: stage.session.address, input: `${input}\n` });
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const accounts = (): Promise<string> => stage.control.tool('list').catch(() => '');

test('an account whose password is right is online, at every login, and is added once', async () => {
  expect(await add('alice', 'alice@localhost')).toMatchObject({ code: 0, out: matching(/^alice@localhost is online/) });
  expect(await hushctl(['status'], { address: stage.session.address })).toMatchObject({ code: 0, out: matching(/^alice@localhost {2}connected/) });
  const shown = await stage.control.tool('show', (await accounts()).trim());
  for (const line of [/Enabled: enabled/, /Connects: automatically/, /\(string\) account = alice@localhost$/m, new RegExp(`\\(uint\\) port = ${stage.prosody.port}$`, 'm')]) expect(shown).toMatch(line);
  expect(await add('alice', 'Alice@localhost')).toMatchObject({ code: 1, out: '', err: matching(/^hushctl: the account Alice@localhost is there already\n {2}next: Bring it online: mc-tool request hush\/jabber\/alice_40localhost0 available/) });
});

test('one whose password is wrong is not kept, and can be added again', async () => {
  const before = await accounts();
  expect(await add('bobby', 'bob@localhost')).toMatchObject({ code: 1, out: '', err: matching(/^hushctl: the account cannot get online: .*\n {2}next: Check the name and the password[^]*AuthenticationFailed$/) });
  expect(await accounts()).toBe(before);
  const { code, out } = await add('bob', '--json', 'bob@localhost');
  expect({ code, result: JSON.parse(out) as unknown }).toEqual({ code: 0, result: { account: 'bob@localhost', path: matching(/\/hush\/jabber\/bob_40localhost\d$/) } });
});

test('one without a password, and without a program that could ask for it, is not kept', async () => {
  const before = await accounts();
  expect(await add('', '--ask', 'alice@127.0.0.1')).toMatchObject({ code: 1, out: '', err: matching(/^hushctl: the account cannot get online: .*\n {2}next: Start the chat program that is to ask for the password/) });
  expect(await accounts()).toBe(before);
});

describe('nothing is asked and nothing is added', () => {
  test.each([
    [['bob'], 2, /^hushctl: bob is no JID/],
    [['--server', 'a:0', 'carol@localhost'], 2, /neither a host nor host:port/],
    [['--server', 'a b:c', 'carol@localhost'], 2, /neither a host nor host:port/],
    [[], 2, /missing required argument/],
  ])('for %j', async (args, code, message) => {
    const before = await accounts();
    expect(await add('', ...args)).toMatchObject({ code, out: '', err: matching(message) });
    expect(await accounts()).toBe(before);
  });

  test('without Mission Control', async () => {
    const session = await startSession([hushService()]);
    try {
      expect(await hushctl(['add', 'alice@localhost'], { address: session.address, input: 'x\n' })).toMatchObject({ code: 1, out: '', err: matching(/^hushctl: there is no Mission Control[^\n]*\n {2}next: Install it/) });
    } finally {
      await session.stop();
    }
  });
});
