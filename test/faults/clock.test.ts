/** A clock that jumps ten years under a secured conversation, and a process that stands still: nothing ends, nothing storms, and certificates are judged when they are shown. */
import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { usage } from '../harness/hush.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { names, plain, RemoteObject, TelepathyClient } from '../harness/telepathy-client.ts';
import type { BusSignal } from '../harness/telepathy-client.ts';
import { arrivalOf, changesOf, contactIsThere, Person, state, talk } from '../scenarios/people.ts';
import type { Talk } from '../scenarios/people.ts';
import { Rig } from './rig.ts';

const owned: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of owned.splice(0).reverse()) await stop();
});

/** Debian's libfaketime: the system's clock as a file says, the monotonic one as it is. */
async function library(): Promise<string> {
  const [folder] = (await readdir('/usr/lib')).filter((name) => existsSync(join('/usr/lib', name, 'faketime/libfaketime.so.1')));
  return join('/usr/lib', folder!, 'faketime/libfaketime.so.1');
}

interface Clock {
  /** What makes a process live by it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly jump: (offset: string) => void;
}

async function fakeClock(): Promise<Clock> {
  const folder = await mkdtemp(join(tmpdir(), 'hush-clock-'));
  owned.push(() => rm(folder, { recursive: true }));
  const file = join(folder, 'offset');
  const jump = (offset: string): void => writeFileSync(file, offset);
  jump('+0');
  return { environment: { LD_PRELOAD: await library(), FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' }, jump };
}

async function pair(options: Parameters<typeof Person.arrive>[2] = {}): Promise<{ prosody: Prosody; alice: Person; bob: Person } & Talk> {
  const prosody = await startProsody({ users: { alice: 'alice', bob: 'bob' } });
  owned.push(() => prosody.stop());
  await prosody.befriend('alice', 'bob');
  const alice = await Person.arrive('alice', prosody, options);
  owned.push(() => alice.leave());
  const bob = await Person.arrive('bob', prosody);
  owned.push(() => bob.leave());
  await Promise.all([alice, bob].map((person) => person.hasIdentity()));
  await contactIsThere(alice.connection, bob.jid);
  const all = await talk(alice, bob, 'hello');
  await Promise.all([state(all.out, 2), state(all.incoming, 2)]);
  return { prosody, alice, bob, ...all };
}

async function bothWays({ alice, bob, out, incoming }: Awaited<ReturnType<typeof pair>>, text: string): Promise<void> {
  for (const [channel, there] of [[out, bob], [incoming, alice]] as const) {
    const arrival = arrivalOf(there.connection, `${text} to ${there.user}`);
    await channel.send(`${text} to ${there.user}`);
    expect((await arrival).message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  }
}

describe('a clock that jumps [fault-8]', () => {
  test('ten years on and back: the conversation goes on without a storm, and certificates are judged at the next handshake, with the reason', async () => {
    const { environment, jump } = await fakeClock();
    const all = await pair({ environment });
    const { alice, out, incoming } = all;
    const changes = [out, incoming].map((channel) => changesOf(channel, names.securable));
    const stop = alice.connection.events.forbid({ name: 'StatusChanged', path: alice.connection.path });
    const pid = await alice.pid();
    for (const [offset, reason, name] of [['+3650d', 8, 'Cert.Expired'], ['-3650d', 9, 'Cert.NotActivated']] as const) {
      jump(offset);
      const before = usage(pid).cpuMs;
      const start = performance.now();
      for (let round = 0; round < 10; round += 1) await bothWays(all, `${offset} ${round}`);
      expect(usage(pid).cpuMs - before).toBeLessThan(2_000);
      expect(performance.now() - start).toBeLessThan(10_000);
      await alice.connection.events.sync();
      expect(changes.flat().filter((change) => 'State' in change || 'EndReason' in change)).toEqual([]);
      // A new connection of the same account looks at the certificate anew.
      const other = await new TelepathyClient(alice.session.bus).requestConnection({ account: `${alice.jid}/other`, password: 'alice', server: '127.0.0.1', port: all.prosody.port });
      other.events.forbid({ name: 'StatusChanged', path: other.path, args: [0, 1] });
      await other.call(names.connection, 'Connect');
      const { args: [channels] } = await other.events.expect<BusSignal>({ name: 'NewChannels', path: other.path });
      const [[path]] = plain(channels) as [[string]];
      await new RemoteObject(other.bus, other.busName, path).call(names.channel, 'Close');
      const { args } = await other.events.expect<BusSignal>({ name: 'ConnectionError', path: other.path });
      expect([offset, args[0]]).toEqual([offset, `org.freedesktop.Telepathy.Error.${name}`]);
      await other.events.expect({ name: 'StatusChanged', path: other.path, args: [2, reason] });
    }
    // With the right time again it is in order: the twin.
    jump('+0');
    const other = await new TelepathyClient(alice.session.bus).connect({ account: `${alice.jid}/other`, password: 'alice', server: '127.0.0.1', port: all.prosody.port });
    await other.disconnect();
    await bothWays(all, 'in our time');
    stop();
  }, 60_000);

  test('ten years on and back: the server is asked for a sign of life as often as before, and believed', async () => {
    const { environment, jump } = await fakeClock();
    const rig = await Rig.start({ environment });
    owned.push(() => rig.stop());
    const { connection, session } = await rig.online([], {}, { 'keepalive-interval': 1 });
    const stop = connection.events.forbid({ name: 'StatusChanged', path: connection.path });
    const pid = await rig.pid();
    await session.expect({ name: 'r' });
    for (const offset of ['+3650d', '-3650d', '+0']) {
      jump(offset);
      const before = usage(pid).cpuMs;
      const asked: number[] = [];
      for (let at = 0; at < 3; at += 1) {
        await session.expect({ name: 'r' });
        asked.push(performance.now());
      }
      // Two silences of a second.
      expect(asked[2]! - asked[0]!).toBeGreaterThan(1_500);
      expect(usage(pid).cpuMs - before).toBeLessThan(1_000);
      await session.sync();
      await connection.events.sync();
    }
    stop();
  }, 60_000);
});

describe('a process that stands still for a while [fault-8]', () => {
  test('goes on where it was: connection, conversation, and what came meanwhile, in order', async () => {
    const all = await pair({ parameters: { 'keepalive-interval': 1 } });
    const { alice, bob, out, incoming } = all;
    const changes = [out, incoming].map((channel) => changesOf(channel, names.securable));
    const pid = await alice.pid();
    const stop = alice.connection.events.forbid({ name: 'StatusChanged', path: alice.connection.path });
    process.kill(pid, 'SIGSTOP');
    const texts = Array.from({ length: 5 }, (_, at) => `meanwhile ${at}`);
    const arrived: string[] = [];
    const last = arrivalOf(alice.connection, texts.at(-1)!);
    out.onReceived(({ text }) => arrived.push(text));
    for (const text of texts) await incoming.send(text);
    // Longer than the keep-alive waits for an answer, and several times its interval.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const before = usage(pid).cpuMs;
    process.kill(pid, 'SIGCONT');
    await last;
    await bothWays(all, 'afterwards');
    expect(arrived.slice(0, texts.length)).toEqual(texts);
    expect(usage(pid).cpuMs - before).toBeLessThan(1_000);
    for (const { connection } of [alice, bob]) await connection.events.sync();
    expect(changes.flat().filter((change) => 'State' in change || 'EndReason' in change)).toEqual([]);
    stop();
  }, 60_000);
});
