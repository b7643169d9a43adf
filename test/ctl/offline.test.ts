/** hushctl status with accounts that only Mission Control knows of: offline, why, and switched off. */
import { afterEach, expect, test } from '@jest/globals';
import { BoundInterface } from '../../src/bus/binding.ts';
import { Bus } from '../../src/bus/connection.ts';
import { objectPath } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import { hushBusName, hushService } from '../harness/hush.ts';
import { Account, missionControlService } from '../harness/mission-control.ts';
import { startSession } from '../harness/session.ts';
import { Stage } from '../scenarios/stage.ts';
import { hushctl, startHushctl } from './hushctl.ts';
import type { Outcome } from './hushctl.ts';

const T = 'org.freedesktop.Telepathy.Error.';
const managerBusName = 'org.freedesktop.Telepathy.AccountManager';

let stage: Stage;
let onTestEnd = (): Promise<void> => Promise.resolve();
async function open(...options: Parameters<typeof Stage.open>): Promise<void> {
  stage = await Stage.open(...options);
  onTestEnd = () => stage.close();
}
afterEach(async () => {
  const end = onTestEnd;
  onTestEnd = () => Promise.resolve();
  await end();
});

const run = (...args: string[]): Promise<Outcome> => hushctl(args, { address: stage.session.address });
const add = (user: string, parameters: Readonly<Record<string, string | number>> = {}): Promise<Account> => stage.control.add('hush/jabber', user, { ...stage.parameters(user), ...parameters });
const request = (account: Account): string => `  next: Go online: mc-tool request ${account.id} available, or in your chat program.`;
/** Settles when Mission Control knows why it is not online. */
async function fails(account: Account): Promise<void> {
  await account.request('available');
  await account.until(({ ConnectionStatus, ConnectionError }) => ConnectionStatus === 2 && ConnectionError !== '', 20_000);
}

test('what is not online is shown all the same, with the reason and what to do; also when hush does not run', async () => {
  await open();
  const alice = await stage.account('alice');
  const bob = await add('bob', { password: 'wrong' });
  const carol = await add('carol', { port: 1 });
  const dave = await add('dave');
  const erin = await add('erin');
  await stage.control.tool('disable', erin.id);
  await fails(bob);
  await fails(carol);

  const shown = await run('status');
  expect({ code: shown.code, err: shown.err }).toEqual({ code: 0, err: '' });
  const [first, ...others] = shown.out.split('\n\n');
  expect(first).toMatch(/^alice@localhost {2}connected, policy opportunistic\n/);
  expect(others).toEqual([
    expect.stringMatching(/^bob@localhost {2}offline, the server did not accept the login: .+\n {2}next: Check the name and the password, then try again\.\n/),
    `carol@localhost  offline, the server takes no connections: ECONNREFUSED\n  next: Check the network, and the name of the server; where DNS does not tell it, the account has to (hushctl add --server, or the parameter server). Then try again.\n${request(carol)}\n  error: ${T}ConnectionRefused`,
    `dave@localhost  offline\n${request(dave)}`,
    `erin@localhost  off\n  next: Switch it on: mc-tool enable ${erin.id}, or in your chat program.`,
  ]);
  // The password that Mission Control keeps is read, and not shown.
  expect(`${shown.out}${(await run('status', '--json')).out}`).not.toContain('wrong');

  const [online, refused, , , off] = (JSON.parse((await run('status', '--json')).out) as { accounts: unknown[] }).accounts;
  expect(online).toMatchObject({ account: 'alice@localhost', path: expect.stringMatching(/\/alice_40localhost$/) as unknown, accountPath: alice.path, status: 'connected', failure: null });
  const nothing = { path: '', policy: '', identity: '', conversations: [] };
  expect(refused).toEqual({ account: 'bob@localhost', name: 'bob_40localhost0', accountPath: bob.path, status: 'offline', failure: { reason: expect.stringContaining('the server did not accept the login: ') as unknown, error: `${T}AuthenticationFailed`, next: [expect.any(String)] }, ...nothing });
  expect(off).toEqual({ account: 'erin@localhost', name: 'erin_40localhost0', accountPath: erin.path, status: 'off', failure: null, ...nothing });

  expect((await run('--account', 'erin@localhost', 'status')).out).toBe(others[3]);
  const unknown = { code: 1, out: '', err: expect.stringMatching(/^hushctl: there is no account frank@localhost\n {2}next: These are there: alice@localhost \(alice_40localhost0?\), bob@localhost \(bob_40localhost0\), /) as unknown };
  expect(await run('--account', 'frank@localhost', 'status')).toMatchObject(unknown);

  // What Mission Control calls an account holds whether it is online or not.
  const [, name] = /([^/]+)$/.exec(alice.path)!;
  for (const wanted of ['alice@localhost', name!, alice.path]) {
    expect(await run('--account', wanted, 'status')).toMatchObject({ code: 0, out: expect.stringMatching(/^alice@localhost {2}connected/) as unknown });
    expect(await run('--account', wanted, 'policy')).toMatchObject({ code: 0, out: 'alice@localhost  opportunistic' });
  }
  expect((await run('--account', 'alice_40localhost', 'status')).code).toBe(0);

  await alice.request('offline');
  await stage.session.gone(hushBusName);
  for (const wanted of ['alice@localhost', name!, alice.path]) expect(await run('--account', wanted, 'status')).toEqual({ code: 0, out: `alice@localhost  offline\n${request(alice)}`, err: '' });
  expect(await run('--account', 'frank@localhost', 'status')).toMatchObject(unknown);
  const { code, out } = await run('status', '--json');
  expect({ code, said: JSON.parse(out) as unknown }).toMatchObject({ code: 0, said: { running: false, accounts: ['alice', 'bob', 'carol', 'dave', 'erin'].map((name) => ({ account: `${name}@localhost` })) } });
}, 60_000);

test('watching, an account is followed from when it is added until it is removed', async () => {
  // It stays, so that its leaving tells nothing.
  await open({ hush: { persist: true } });
  await stage.session.activate(hushBusName);
  const watching = startHushctl(['status', '--watch', '--json'], { address: stage.session.address });
  const sees = async (pattern: RegExp, work: () => Promise<unknown>): Promise<void> => {
    const line = watching.nextLine(pattern);
    await work();
    await line;
  };
  await watching.line(/"running":true,"accounts":\[\]/);
  const id = 'hush/jabber/bob_40localhost0';
  await sees(/"account":"bob@localhost".*"path":"".*"status":"off"/, () => stage.control.tool('add', 'hush/jabber', 'bob', 'string:account=bob@localhost', 'string:password=wrong', 'string:server=127.0.0.1', `uint:port=${stage.prosody.port}`));
  const bob = new Account(stage.control, stage.session, id);
  await sees(/"status":"offline","failure":null/, () => stage.control.tool('enable', id));
  await sees(/"status":"offline","failure":\{.*AuthenticationFailed/, () => fails(bob));
  await sees(/"status":"off","failure":null/, () => stage.control.tool('disable', id));
  await sees(/"path":"[^"]+","accountPath":"[^"]+".*"status":"connected","failure":null/, async () => {
    await stage.control.tool('update', id, 'string:password=bob');
    await stage.control.tool('enable', id);
    await bob.request('available');
  });
  await sees(/"path":"".*"status":"offline","failure":null/, () => bob.request('offline'));
  await sees(/"accounts":\[\]/, () => stage.control.tool('remove', id));
  process.kill(watching.pid, 'SIGINT');
  expect(await watching.ended).toBe(0);
}, 60_000);

test('a Mission Control that hangs is named, and what hush knows is shown without it', async () => {
  await open();
  await stage.account('alice');
  await add('bob');
  const pid = await stage.session.pidOf(managerBusName);
  process.kill(pid, 'SIGSTOP');
  try {
    const silence = 'Mission Control, which keeps accounts, does not answer';
    expect(await run('status')).toEqual({ code: 0, out: expect.stringMatching(/^alice@localhost {2}connected[^]*no conversation$/) as unknown, err: `${silence}: only accounts that are online are shown.` });
    expect(await run('status', '--account', 'bob@localhost')).toMatchObject({ code: 1, out: '', err: expect.stringContaining(`hushctl: ${silence}\n`) as unknown });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}, 60_000);

test('one that ends while it is asked is not there', async () => {
  const session = await startSession([hushService()]);
  const control = await Bus.open({ address: session.address, log: silentLog });
  try {
    await control.requestName(managerBusName);
    let isAsked = false;
    const ending = (): string[] => {
      isAsked = true;
      control.close();
      return [];
    };
    const table = { methods: {}, properties: { ValidAccounts: { signature: 'ao', access: 'read', emitsChange: 'false' } }, signals: {} } as const;
    control.objects.export(objectPath(`/${managerBusName.replaceAll('.', '/')}`)).add(new BoundInterface(managerBusName, table, { properties: { ValidAccounts: ending } }));
    expect(await hushctl(['status'], { address: session.address })).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^hushctl: hush is not running\n/) as unknown });
    expect(isAsked).toBe(true);
  } finally {
    control.close();
    await session.stop();
  }
});

test('Mission Control is not started to be asked', async () => {
  const session = await startSession([hushService(), missionControlService()]);
  try {
    expect(await hushctl(['status', '--json'], { address: session.address })).toMatchObject({ code: 1, out: '{\n  "running": false,\n  "accounts": []\n}' });
    expect(await session.pidOf(managerBusName)).toBe(0);
    // The control: it could have been.
    await session.activate(managerBusName);
    expect(await session.pidOf(managerBusName)).not.toBe(0);
  } finally {
    await session.stop();
  }
});
