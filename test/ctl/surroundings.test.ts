/** hushctl where hush does not run, where nobody is online, with several accounts, and with Mission Control and a chat program around. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { GlibClient } from '../harness/glib-client.ts';
import { hushBusName, hushService } from '../harness/hush.ts';
import type { Account } from '../harness/mission-control.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { names, RemoteObject, TelepathyClient, TelepathyConnection } from '../harness/telepathy-client.ts';
import { contactIsThere, propertyOf } from '../scenarios/people.ts';
import { Stage } from '../scenarios/stage.ts';
import { hushctl, startHushctl } from './hushctl.ts';
import type { Outcome } from './hushctl.ts';

const nameAt = (path: string): string => path.slice(1).replaceAll('/', '.');
const connectionAt = (client: TelepathyClient, path: string): TelepathyConnection => new TelepathyConnection(client, nameAt(path), path);

describe('without hush', () => {
  let session: Session;
  beforeAll(async () => {
    session = await startSession([hushService({ persist: true })]);
  });
  afterAll(() => session.stop());
  const run = (...args: string[]): Promise<Outcome> => hushctl(args, { address: session.address });

  test('it says so, and starts nothing', async () => {
    for (const args of [['status'], ['secure', 'bob@localhost'], ['peers'], ['policy'], ['identity', 'renew']]) {
      expect(await run(...args)).toEqual({ code: 1, out: '', err: expect.stringMatching(/^hushctl: hush is not running\n {2}next: It starts by itself when one of its accounts goes online: mc-tool request/) as unknown });
    }
    expect(await run('status', '--json')).toMatchObject({ code: 1, out: '{\n  "running": false,\n  "accounts": []\n}' });
    expect(await run('words', 'contacts')).toEqual({ code: 0, out: '', err: '' });
    expect(await session.pidOf(hushBusName)).toBe(0);
  });

  test('or without an account online, it says that; watching, it waits and sees one come', async () => {
    const watching = startHushctl(['status', '--watch'], { address: session.address });
    await watching.line(/hush is not running/);
    await session.activate(hushBusName);
    await watching.line(/hush runs; no account is online/);
    expect(await run('status')).toEqual({ code: 0, out: 'hush runs; no account is online', err: '' });
    expect(await run('secure', 'bob@localhost')).toMatchObject({ code: 1, err: expect.stringMatching(/^hushctl: no account of hush is online\n {2}next: Go online first: mc-tool request ACCOUNT available/) as unknown });

    const connection = await new TelepathyClient(session.bus).requestConnection({ account: 'alice@localhost', resource: 'desk_40' });
    await watching.line(/^alice@localhost {2}disconnected, policy opportunistic$/);
    expect(await run('secure', 'bob@localhost')).toMatchObject({ code: 1, err: expect.stringMatching(/^hushctl: the account alice@localhost is disconnected\n {2}next: Go online first/) as unknown });
    // What is remembered needs no server.
    expect(await run('policy', 'bob@localhost', 'required')).toEqual({ code: 0, out: 'bob@localhost  required', err: '' });
    expect((await run('peers', '--json')).out).toBe('[]');
    const gone = watching.nextLine(/hush runs; no account is online/);
    await connection.disconnect();
    await gone;
    process.kill(watching.pid, 'SIGTERM');
    expect(await watching.ended).toBe(0);
  });

  test('or even a bus, it says what to do', async () => {
    const err = expect.stringMatching(/^hushctl: the session bus cannot be reached: .*\n {2}next: Run hushctl inside your desktop session/) as unknown;
    expect(await hushctl(['status'], { address: 'unix:path=/nowhere/bus' })).toEqual({ code: 1, out: '', err });
    expect(await hushctl(['status'], { address: '' })).toEqual({ code: 1, out: '', err });
  });
});

describe('with Mission Control, and two accounts', () => {
  let stage: Stage;
  let alice: Account;
  afterEach(() => stage.close());

  test('the account has to be named; its chat program gets the conversation, and its policy is kept', async () => {
    stage = await Stage.open();
    await stage.prosody.befriend('alice', 'bob');
    alice = await stage.account('alice');
    const bob = await stage.account('bob');
    const run = (...args: string[]): Promise<Outcome> => hushctl(args, { address: stage.session.address });
    const asAlice = (...args: string[]): Promise<Outcome> => run('--account', 'alice@localhost', ...args);
    for (const [account, contact] of [[alice, 'bob@localhost'], [bob, 'alice@localhost']] as const) {
      const connection = connectionAt(stage.client, await account.online());
      await propertyOf(connection, names.security, 'IdentityFingerprint', (value) => value !== '');
      await contactIsThere(connection, contact);
    }

    expect(await run('secure', 'bob@localhost')).toEqual({ code: 2, out: '', err: 'hushctl: several accounts are there\n  next: Say which with --account: alice@localhost (alice_40localhost), bob@localhost (bob_40localhost).' });
    expect((JSON.parse((await run('status', '--json')).out) as { accounts: { account: string }[] }).accounts.map(({ account }) => account)).toEqual(['alice@localhost', 'bob@localhost']);
    expect((JSON.parse((await asAlice('status', '--json')).out) as { accounts: { account: string }[] }).accounts.map(({ account }) => account)).toEqual(['alice@localhost']);
    expect(await run('status', '--account', 'carol@localhost')).toMatchObject({ code: 1, err: expect.stringContaining('there is no account carol@localhost') as unknown });
    expect((await run('words', 'accounts')).out).toBe('alice@localhost\nbob@localhost');
    expect((await run('words', 'contacts')).out).toBe('alice@localhost\nbob@localhost');

    // Nobody is there to show it.
    expect(await asAlice('secure', 'bob@localhost')).toMatchObject({ code: 1, err: expect.stringMatching(/^hushctl: no chat program took the conversation \(.+\)\n {2}next: Start the one that is to show it, then try again\./) as unknown });
    const program = stage.owned(await GlibClient.start(stage.session, stage.events));
    await program.online(alice.path);
    const shown = stage.events.expect({ source: 'Harness', name: 'channel', account: alice.path, contact: 'bob@localhost', requested: true });
    expect(await asAlice('require', 'bob@localhost', 'ForwardSecret', '--json')).toMatchObject({ code: 0, out: expect.stringContaining('"state": "secure"') as unknown });
    const { channel } = await shown;
    const path = channel as string;
    expect(await new RemoteObject(stage.session.bus, nameAt(path.slice(0, path.lastIndexOf('/'))), path).get(names.securable, 'RequiredProperties')).toEqual(['Encrypted', 'ForwardSecret']);
    // What hush says arrives through Mission Control.
    expect(await asAlice('secure', 'nobody@localhost')).toMatchObject({ code: 1, err: expect.stringMatching(/error: .*\.Offline$/) as unknown });

    expect(await asAlice('policy', 'required')).toEqual({ code: 0, out: 'alice@localhost  required', err: '' });
    expect(await stage.control.tool('show', alice.id)).toMatch(/Security\.Policy = required/);
  });
});
