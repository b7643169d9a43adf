/** Surroundings that make no sense: hush does not start and says why in one line, or goes on without what it could not use; and never with less security for it. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Variant } from '../../src/bus/types.ts';
import { failure } from '../features/setting.ts';
import { Program } from '../harness/process.ts';
import { startSession } from '../harness/session.ts';
import { names, TelepathyClient } from '../harness/telepathy-client.ts';
import { messageOf } from '../harness/telepathy-client.ts';
import { message } from './flooding.ts';
import { ping, Rig } from './rig.ts';

const program = join(import.meta.dirname, '../../dist/hush.cjs');
const owned: (() => Promise<unknown>)[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-configuration-'));
  owned.push(() => rm(folder, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const stop of owned.splice(0).reverse()) await stop();
});

/** Runs hush without a session of its own: how it ends, and every line it wrote. */
async function start(args: readonly string[], environment: Record<string, string | undefined> = {}): Promise<{ code: number | string; lines: string[] }> {
  const nowhere = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined, HUSH_LOG_LEVEL: undefined };
  const hush = new Program(process.execPath, [program, ...args], { environment: { ...nowhere, NODE_OPTIONS: '', ...environment } });
  const code = await hush.ended;
  return { code, lines: hush.output.split('\n').filter((line) => line !== '') };
}

describe('a start that makes no sense is refused in one line [fault-14]', () => {
  test.each<[string, string[], Record<string, string>, number, string]>([
    ['no bus anywhere', [], {}, 69, 'DBUS_SESSION_BUS_ADDRESS'],
    ['an empty bus address', [], { DBUS_SESSION_BUS_ADDRESS: '' }, 69, 'DBUS_SESSION_BUS_ADDRESS'],
    ['a bus address that is none', [], { DBUS_SESSION_BUS_ADDRESS: 'nonsense:;;%zz' }, 69, 'session bus'],
    ['a bus that does not answer', [], { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' }, 69, 'session bus'],
    ['a bus address without end', [], { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/x;'.repeat(5_000) }, 69, 'session bus'],
    ['an unknown option', ['--nonsense'], {}, 64, '--nonsense'],
    ['a value where none is taken', ['--persist=yes'], {}, 64, 'persist'],
    ['a word too many', ['nonsense'], {}, 64, 'nonsense'],
    ['a level that is none', ['--log-level', 'loud'], {}, 64, '--log-level'],
    ['a level that is none, in the environment', [], { HUSH_LOG_LEVEL: '__proto__' }, 64, '--log-level'],
  ])('%s', async (_what, args, environment, code, word) => {
    expect(await start(args, environment)).toEqual({ code, lines: [expect.stringContaining(word)] });
  });

  test('one that does make sense is not: the twin', async () => {
    const session = await startSession([]);
    owned.push(() => session.stop());
    const hush = new Program(process.execPath, [program], { environment: { ...session.environment, HUSH_LOG_LEVEL: 'silent' } });
    await session.owned('org.freedesktop.Telepathy.ConnectionManager.hush');
    expect(await hush.stop()).toBe(0);
    expect(hush.output).toBe('');
  });
});

describe('parameters of an account that make no sense [fault-14]', () => {
  test('are refused by name, and nothing is taken in their place', async () => {
    const rig = await Rig.start();
    owned.push(() => rig.stop());
    const client = new TelepathyClient(rig.session.bus);
    const huge = 'x'.repeat(1024 * 1024);
    const wrong: [string, unknown][] = [
      ['account', huge], ['account', ''], ['account', 'a@b@c'], ['account', '\u0001@example.test'], ['account', 7], ['account', ['a@b']],
      ['port', 65_536], ['port', -1], ['port', 'xmpp'], ['require-encryption', 'false'], ['require-encryption', 0], ['ignore-ssl-errors', 'yes'],
      ['priority', 200], ['resource', '\u0001'], ['resource', huge], ['fallback-servers', 'one'], ['nonsense', true], ['__proto__', true], ['keepalive-interval', -5],
      ['security-identity', 'relative/path'], ['org.freedesktop.Telepathy.Connection.Interface.Security.Policy', 'none'],
    ];
    for (const [name, value] of wrong) {
      const variant = Array.isArray(value) ? (value as string[]) : typeof value === 'number' && value < 0 ? new Variant('i', value) : (value as string | number | boolean);
      expect([name, await failure(client.requestConnection({ account: 'alice@example.test', [name]: variant }))]).toEqual([name, 'InvalidArgument']);
    }
    const connection = await client.requestConnection({ account: 'alice@example.test' });
    expect(await connection.get(names.security, 'Policy')).toBe('opportunistic');
  });
});

describe('surroundings that are not what they should be [fault-14]', () => {
  /** A message to a contact: what became of it, and whether it left in clear. */
  async function plaintextTo(rig: Rig, more: Record<string, string> = {}): Promise<{ outcome: string; left: boolean; pinning: string }> {
    const { connection, session } = await rig.online(['bob@example.test'], {}, more);
    const outcome = await failure(connection.ensureText('bob@example.test').then((channel) => channel.send('canary in the open')));
    const pinning = await failure(connection.call(names.security, 'ListPeers'));
    await session.sync();
    return { outcome, left: session.clearText.includes('canary in the open'), pinning };
  }

  test('in order, what is said is sent: the twin', async () => {
    const rig = await Rig.start();
    owned.push(() => rig.stop());
    expect(await plaintextTo(rig)).toEqual({ outcome: 'no error', left: true, pinning: 'no error' });
  });

  test.each<[string, () => Promise<Record<string, string>>]>([
    ['no home at all', () => Promise.resolve({ HOME: '', XDG_DATA_HOME: '' })],
    ['a home that does not exist and cannot be made', () => Promise.resolve({ HOME: '/dev/null/home', XDG_DATA_HOME: '/dev/null/data' })],
    ['a relative data folder, and no home', () => Promise.resolve({ HOME: '', XDG_DATA_HOME: 'data' })],
    ['a data folder that everybody may write to', async () => {
      await mkdir(join(folder, 'hush'), { mode: 0o777 });
      await chmod(join(folder, 'hush'), 0o777);
      return { XDG_DATA_HOME: folder };
    }],
    ['a data folder that belongs to somebody else', async () => {
      await mkdir(join(folder, 'hush'), { mode: 0o700 });
      await chown(join(folder, 'hush'), 12345, 12345);
      return { XDG_DATA_HOME: folder };
    }],
    ['a folder of the account that belongs to somebody else', async () => {
      const own = join(folder, 'hush', 'alice_40example_2etest');
      await mkdir(own, { recursive: true, mode: 0o700 });
      await chown(own, 12345, 12345);
      return { XDG_DATA_HOME: folder };
    }],
    ['a data folder that is a file', async () => {
      await writeFile(join(folder, 'hush'), '');
      return { XDG_DATA_HOME: folder };
    }],
  ])('%s: it goes on, remembers nothing, and so sends nothing in clear', async (_what, make) => {
    const rig = await Rig.start({ environment: await make() });
    owned.push(() => rig.stop());
    rig.tolerate(/what is known of contacts cannot be read/);
    const { outcome, left, pinning } = await plaintextTo(rig);
    expect({ isRefused: outcome !== 'no error', left, pinning }).toEqual({ isRefused: true, left: false, pinning: 'NotAvailable' });
  });

  test('a language, a time zone and a terminal that nobody knows change nothing', async () => {
    const rig = await Rig.start({ environment: { LANG: 'tr_TR.UTF-8', LC_ALL: 'xx_XX.nonsense', LANGUAGE: '\u202e', TZ: ':/etc/passwd', TERM: '%s%n' } });
    owned.push(() => rig.stop());
    expect(await plaintextTo(rig)).toEqual({ outcome: 'no error', left: true, pinning: 'no error' });
    // İ and ı: an address is prepared in the same way everywhere.
    const { connection } = await rig.online(['bob@example.test']);
    expect(await connection.handle('IRIS@EXAMPLE.TEST')).toBe(await connection.handle('iris@example.test'));
  });

  test('an authority file that is garbage makes nobody trusted', async () => {
    const garbage = join(folder, 'garbage.pem');
    await writeFile(garbage, '-----BEGIN CERTIFICATE-----\nAAAA\n');
    const rig = await Rig.start({ environment: { NODE_EXTRA_CA_CERTS: garbage } });
    owned.push(() => rig.stop());
    rig.tolerate(/Warning/);
    expect(await plaintextTo(rig, { 'security-trust-anchors': garbage })).toEqual({ outcome: 'no error', left: true, pinning: 'no error' });
  });
});

describe('a name server that never answers [fault-14]', () => {
  /** hush, whose name servers are one that takes questions and is silent; how many it took. */
  async function silent(): Promise<{ rig: Rig; questions: () => number }> {
    const nameServer = createSocket('udp4');
    let count = 0;
    nameServer.on('message', () => void (count += 1));
    nameServer.bind(0, '127.0.0.1');
    await once(nameServer, 'listening');
    owned.push(() => new Promise<void>((closed) => void nameServer.close(closed)));
    const preload = join(folder, 'resolver.cjs');
    await writeFile(preload, `
      const { promises } = require('node:dns');
      promises.Resolver = class extends promises.Resolver {
        constructor(options) {
          super(options);
          this.setServers(['127.0.0.1:${nameServer.address().port}']);
        }
      };
    `);
    const rig = await Rig.start({ nodeOptions: ['--require', preload] });
    owned.push(() => rig.stop());
    return { rig, questions: () => count };
  }

  const outcomeOf = (connecting: Promise<void>): Promise<string> => connecting.then(() => 'online', (error: unknown) => /Error\.(\w+)/.exec((error as Error).message)?.[1] ?? String(error));

  test.each([[true, 'EncryptionNotAvailable'], [false, 'online']])('keeps nobody from a place that the account names, nor makes that place safer than it is (encryption required: %s)', async (isRequired, outcome) => {
    const { rig, questions } = await silent();
    const { server } = await rig.account({ domain: 'localhost' });
    const connection = await new TelepathyClient(rig.session.bus).requestConnection({
      account: 'alice@localhost', resource: 'named', password: 'secret', 'require-encryption': isRequired, 'fallback-servers': new Variant('as', [`127.0.0.1:${server.port}`]),
    });
    const began = performance.now();
    const connected = outcomeOf(connection.connect());
    const login = server.accept().then((session) => session.login());
    login.catch(() => undefined);
    // Nobody else waits for it.
    expect(await ping(rig.session.bus)).toBeLessThan(1_000);
    expect(await connected).toBe(outcome);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(questions()).toBeGreaterThanOrEqual(2);
  });

  test('is the end of a login that has no other place, in time and with a reason', async () => {
    const { rig, questions } = await silent();
    const connection = await new TelepathyClient(rig.session.bus).requestConnection({ account: 'alice@localhost', password: 'secret' });
    expect(await outcomeOf(connection.connect())).toMatch(/^(?:ConnectionRefused|NetworkError)$/);
    expect(questions()).toBeGreaterThanOrEqual(2);
  });
});

describe('64 files and no more [fault-14]', () => {
  test('connections that find no room fail with a reason; the one that lives goes on, and there is room again afterwards', async () => {
    const launcher = join(folder, 'few-files');
    await writeFile(launcher, '#!/bin/sh\nulimit -n 64\nexec "$@"\n');
    await chmod(launcher, 0o755);
    const rig = await Rig.start({ launcher });
    owned.push(() => rig.stop());
    rig.tolerate(/what is known of contacts cannot be read/);
    const { connection, session } = await rig.online(['bob@example.test']);
    connection.events.forbid({ name: 'StatusChanged' });
    const [{ server }, pid] = [await rig.account(), await rig.pid()];
    const outcomes = await Promise.all(Array.from({ length: 60 }, async (_, at) => {
      const client = new TelepathyClient(rig.session.bus);
      const other = await client.requestConnection(rig.parameters(server, { account: `user${at}@example.test` }));
      const accepted = server.accept().then((one) => one.login());
      const name = await other.connect().then(() => 'connected', (error: unknown) => (error as Error).message);
      accepted.catch(() => undefined);
      return name;
    }));
    // Some for want of a file, whoever wanted it first.
    expect(outcomes).toContainEqual(expect.stringMatching(/Error\.NetworkError .*EMFILE/));
    expect(await rig.pid()).toBe(pid);
    expect(await ping(rig.session.bus)).toBeLessThan(5_000);
    const shown = connection.bus;
    const arrived = new Promise<string>((resolve) => void shown.subscribe({ sender: connection.busName, interface: names.messages, member: 'MessageReceived' }, ({ body }) => resolve(messageOf(body[0]).text)));
    session.send(message('bob@example.test', 'still here?'));
    expect(await arrived).toBe('still here?');
    await connection.events.sync();
  }, 60_000);
});
