/** A network and a server with moods: killed at every step of a login, silent in both directions in the middle of a secured conversation. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { retry } from '../../src/xmpp/retry.ts';
import { CertificateFolder } from '../harness/certificates.ts';
import { startProsody } from '../harness/prosody.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';
import { names, plain } from '../harness/telepathy-client.ts';
import type { BusSignal, Message, TextChannel } from '../harness/telepathy-client.ts';
import type { Step } from '../harness/xmpp-server.ts';
import { changesOf, contactIsThere, isIn, Person, state, talk } from '../scenarios/people.ts';
import { report, Rig } from './rig.ts';

const owned: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of owned.splice(0).reverse()) await stop();
});

describe('a server that is killed at a step of the login [fault-1]', () => {
  let certificates: CertificateFolder;
  let rig: Rig;
  let tls: { key: string; cert: string };
  beforeAll(async () => {
    certificates = await CertificateFolder.create();
    const authority = await certificates.authority();
    const { key, cert } = await certificates.issue(authority, { dns: ['example.test'] });
    tls = { key, cert };
    rig = await Rig.start({ caFile: authority.certFile });
  });
  afterAll(async () => {
    await rig.stop();
    await certificates.remove();
  });

  const steps: Step[] = ['header', 'features-before-tls', 'proceed', 'features-before-auth', 'scram-first', 'scram-final', 'features-after-auth', 'bound', 'roster'];
  test.each(steps)('%s: the connection is Disconnected for its network within seconds, and can be connected again', async (step) => {
    const { connection, server } = await rig.account({ tls, streamManagement: false });
    server.misbehave = { [step]: () => (server.sessions.at(-1)!.destroy(), '') };
    const since = performance.now();
    const [session] = await Promise.all([server.accept(), connection.call(names.connection, 'Connect')]);
    await session.login();
    const { args } = await connection.events.expect<BusSignal>({ name: 'ConnectionError' });
    expect(plain(args[0])).toMatch(/\.Error\.(NetworkError|ConnectionLost)$/);
    await connection.events.expect({ name: 'StatusChanged', args: [2, 2] });
    expect(performance.now() - since).toBeLessThan(5_000);
    await rig.session.gone(connection.busName);

    server.misbehave = {};
    const again = await connection.client.requestConnection(rig.parameters(server));
    const [back] = await Promise.all([server.accept(), again.call(names.connection, 'Connect')]);
    expect(await back.login()).toBeUndefined();
    await again.events.expect({ name: 'StatusChanged', path: again.path, args: [0, 1] });
  });
});

describe('trying again [fault-1]', () => {
  test('begins soon, waits longer every time, and never as long as the others', async () => {
    const log = { ...silentLog, info: (entry: unknown) => void delays.push((entry as { delay: number }).delay) } as unknown as typeof silentLog;
    const delays: number[] = [];
    const run = async (tries: number): Promise<number> => {
      let left = tries;
      const start = performance.now();
      await retry(() => (left-- > 0 ? Promise.reject(new HushError('network-error', 'gone')) : Promise.resolve()), { isPassing: () => true, limitMs: 60_000, signal: new AbortController().signal, log });
      return performance.now() - start;
    };
    const first = await Promise.all(Array.from({ length: 20 }, () => run(0)));
    expect(Math.max(...first)).toBeLessThan(2_000);
    // Twenty clients do not come back at once.
    expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan(100);
    await Promise.all(Array.from({ length: 20 }, () => run(2)));
    delays.sort((a, b) => a - b);
    expect(delays.map((delay) => (delay > 250 && delay <= 500 ? 'second' : delay > 500 && delay <= 1_000 ? 'third' : delay))).toEqual([...Array<string>(20).fill('second'), ...Array<string>(20).fill('third')]);
    expect(new Set(delays).size).toBeGreaterThan(20);
  });
});

/** The texts that arrive in a channel; settles at so many. */
function arrivals(channel: TextChannel, count: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const texts: string[] = [];
    channel.onReceived(({ text, parts }: Message) => {
      if (parts[0]!['message-type'] === 4 && parts[0]!['delivery-status'] !== 1) reject(new Error(`delivery report: ${JSON.stringify(parts[0])}`));
      if (parts[0]!['message-type'] !== 4) texts.push(text);
      if (texts.length === count) resolve(texts);
    });
  });
}

describe('a network that drops every packet, both ways [fault-2]', () => {
  test('is noticed, and resumed when it is back: each message once and in order, in the same secured session', async () => {
    const prosody = await startProsody({ users: { alice: 'alice', bob: 'bob' }, logStanzas: true });
    owned.push(() => prosody.stop());
    await prosody.befriend('alice', 'bob');
    const proxy = await TcpProxy.start(prosody.port);
    owned.push(() => proxy.stop());
    const bob = await Person.arrive('bob', prosody);
    owned.push(() => bob.leave());
    const alice = await Person.arrive('alice', prosody, { parameters: { port: proxy.port, 'keepalive-interval': 1 } });
    owned.push(() => alice.leave());
    await Promise.all([alice, bob].map((person) => person.hasIdentity()));
    await contactIsThere(alice.connection, bob.jid);
    const { out, incoming } = await talk(alice, bob, 'hello');
    await Promise.all([state(out, 2), state(incoming, 2)]);
    const fingerprint = await out.get(names.peerAuthentication, 'RemoteFingerprint');
    const changes = [out, incoming].map((channel) => changesOf(channel, names.securable));
    for (const { connection } of [alice, bob]) connection.events.forbid({ name: 'StatusChanged' });

    const sent = (who: string): string[] => Array.from({ length: 20 }, (_, at) => `${who} ${at}`);
    const arrived = Promise.all([arrivals(incoming, 20), arrivals(out, 20)]);
    const since = performance.now();
    proxy.stall();
    for (const text of sent('alice').slice(0, 10)) await out.send(text);
    for (const text of sent('bob').slice(0, 10)) await incoming.send(text);
    // Nobody tells: it is noticed when hush comes again.
    while (proxy.accepted < 2) await sleep(10);
    const noticed = performance.now() - since;
    report(`half-open connection with a keep-alive of 1 s: noticed and tried again after ${Math.round(noticed)} ms`);
    expect(noticed).toBeLessThan(6_000);
    for (const text of sent('alice').slice(10)) await out.send(text);
    // What was on its way is lost.
    proxy.cut();
    proxy.restore();
    for (const text of sent('bob').slice(10)) await incoming.send(text);
    expect(await arrived).toEqual([sent('alice'), sent('bob')]);
    for (const { connection } of [alice, bob]) await connection.events.sync();
    expect(changes.flat().filter((change) => 'State' in change || 'EndReason' in change)).toEqual([]);
    expect(await out.get(names.peerAuthentication, 'RemoteFingerprint')).toBe(fingerprint);
    expect(sent('alice').filter((text) => isIn(prosody.log(), `>${text}<`))).toEqual([]);
  }, 60_000);
});
