/** Secured conversations under load: one that carries much over a network that breaks, and many at once. Figures are printed, not judged. */
import { afterEach, expect, test } from '@jest/globals';
import { hushBusName, hushService, usage } from '../harness/hush.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';
import { names, TelepathyClient, TextChannel, variants } from '../harness/telepathy-client.ts';
import type { Message, TelepathyConnection } from '../harness/telepathy-client.ts';
import { arrivalOf, changesOf, contactIsThere, Person, propertyOf, state, talk } from './people.ts';
import { complaints } from './stage.ts';

const owned: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of owned.splice(0).reverse()) await stop();
});

async function startServer(users: readonly string[]): Promise<Prosody> {
  const prosody = await startProsody({ users: Object.fromEntries(users.map((user) => [user, user])) });
  owned.push(() => prosody.stop());
  return prosody;
}

const report = (text: string): boolean => process.stdout.write(`    ${text}\n`);

/** What a channel receives, acknowledged as a client does. Anything but plain messages under a session is a failure. */
class Received {
  readonly texts: string[] = [];
  readonly #channel: TextChannel;
  #waiting: { count: number; resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(channel: TextChannel) {
    this.#channel = channel;
    channel.onReceived((message) => this.#take(message));
  }

  reaches(count: number): Promise<void> {
    if (this.texts.length >= count) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ count, resolve, reject }));
  }

  #take({ id, text, parts }: Message): void {
    if (parts[0]!['security-mechanism'] !== 'xtls') this.#fail(new Error(`not a secured message: ${JSON.stringify(parts[0])}`));
    this.texts.push(text);
    this.#channel.acknowledge(id).catch((error: unknown) => this.#fail(error as Error));
    for (const { resolve } of this.#waiting.filter(({ count }) => count <= this.texts.length)) resolve();
    this.#waiting = this.#waiting.filter(({ count }) => count > this.texts.length);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting) reject(error);
  }
}

/**
 * Sends numbered messages, never more than 256 ahead of what has arrived. `cut` is called just before the messages in `cuts`, when no more than eight are on
 * the way: Prosody 0.12.3 reads on, after a resumption, in the middle of the stanza that the first connection was cut in.
 */
async function sendAll(channel: TextChannel, prefix: string, count: number, other: Received, cuts: readonly number[] = [], cut: () => void = () => undefined): Promise<void> {
  const atOnce = 32;
  for (let first = 0; first < count; ) {
    const isCut = cuts.includes(first);
    await other.reaches(first - (isCut ? 0 : 256));
    const until = Math.min(count, first + (isCut ? 8 : atOnce), ...cuts.filter((number) => number > first));
    const sent = Array.from({ length: until - first }, (_, index) => channel.send(`${prefix} ${first + index}`));
    if (isCut) cut();
    await Promise.all(sent);
    first = until;
  }
}

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, number) => `${prefix} ${number}`);

test('10 000 secured messages in order, none lost or doubled, in one session, while the connection is cut and resumed three times [fault-2]', async () => {
  const [count, answers] = [10_000, 1_000];
  const prosody = await startServer(['alice', 'bob']);
  await prosody.befriend('alice', 'bob');
  const proxy = await TcpProxy.start(prosody.port);
  owned.push(() => proxy.stop());
  const bob = await Person.arrive('bob', prosody, { logLevel: 'info' });
  owned.push(() => bob.leave());
  const alice = await Person.arrive('alice', prosody, { logLevel: 'info', parameters: { port: proxy.port } });
  owned.push(() => alice.leave());
  await Promise.all([alice, bob].map((person) => person.hasIdentity()));
  await contactIsThere(alice.connection, bob.jid);
  const { out, incoming } = await talk(alice, bob, 'first');
  await Promise.all([state(out, 2), state(incoming, 2)]);
  const fingerprints = (): Promise<unknown[]> => Promise.all([out, incoming].map((channel) => channel.get(names.peerAuthentication, 'RemoteFingerprint')));
  const before = await fingerprints();
  const changes = [out, incoming].map((channel) => changesOf(channel, names.securable));
  const [bobs, alices] = [new Received(incoming), new Received(out)];
  const cuts = [2_500, 5_000, 7_500];
  const start = performance.now();
  await Promise.all([
    sendAll(out, 'message', count, bobs, cuts, () => proxy.cut()),
    sendAll(incoming, 'answer', answers, alices),
    bobs.reaches(count),
    alices.reaches(answers),
  ]);
  report(`${Math.round((count + answers) / ((performance.now() - start) / 1000))} secured messages a second, both directions, three resumptions among them`);
  expect(bobs.texts).toEqual(numbered('message', count));
  expect(alices.texts).toEqual(numbered('answer', answers));
  expect(proxy.accepted).toBe(1 + cuts.length);
  // The same session all the way: not one word about its state.
  expect(await Promise.all([out, incoming].map((channel) => channel.get(names.securable, 'State')))).toEqual([2, 2]);
  expect(await fingerprints()).toEqual(before);
  expect(changes.flat().filter((change) => 'State' in change || 'EndReason' in change)).toEqual([]);
}, 120_000);

/** One hush process with several accounts online. */
interface Household {
  readonly session: Session;
  readonly members: ReadonlyMap<string, TelepathyConnection>;
  pid(): Promise<number>;
}

async function household(prosody: Prosody, users: readonly string[]): Promise<Household> {
  const session = await startSession([hushService({ caFile: prosody.caFile, logLevel: 'info' })]);
  owned.push(async () => {
    const log = await session.log('hush');
    await session.stop();
    expect(complaints(log)).toEqual([]);
  });
  const client = new TelepathyClient(session.bus);
  const members = new Map<string, TelepathyConnection>();
  for (const user of users) {
    const connection = await client.connect({ account: prosody.jid(user), password: user, server: '127.0.0.1', port: prosody.port });
    members.set(prosody.jid(user), connection);
  }
  return { session, members, pid: () => session.pidOf(hushBusName) };
}

test('200 secured conversations at once in one process [fault-13]', async () => {
  const hosts = Array.from({ length: 10 }, (_, index) => `host${index}`);
  const guests = Array.from({ length: 20 }, (_, index) => `guest${index}`);
  const prosody = await startServer([...hosts, ...guests]);
  for (const [users, others] of [[hosts, guests], [guests, hosts]] as const) {
    for (const user of users) await prosody.presetRoster(user, others.map((other) => ({ jid: prosody.jid(other) })));
  }
  const away = await household(prosody, guests);
  const home = await household(prosody, hosts);
  for (const connection of home.members.values()) for (const guest of away.members.keys()) await contactIsThere(connection, guest);
  const members = [...home.members.values(), ...away.members.values()];
  await Promise.all(members.map((connection) => propertyOf(connection, names.security, 'IdentityFingerprint', (value) => value !== '')));
  /** Every host with one guest after the other: ten at a time, whatever the machine. */
  const each = async (work: (host: string, guest: string, connection: TelepathyConnection) => Promise<void>): Promise<void> => {
    await Promise.all([...home.members].map(async ([host, connection]) => {
      for (const guest of away.members.keys()) await work(host, guest, connection);
    }));
  };

  const idle = usage(await home.pid()).residentKiB;
  const start = performance.now();
  const channels = new Map<string, TextChannel>();
  await each(async (host, guest, connection) => {
    const request = { [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: guest, [`${names.securable}.Encrypted`]: true };
    const [, path] = await connection.call(names.requests, 'EnsureChannel', variants(request));
    channels.set(`${host} ${guest}`, new TextChannel(connection, path as string));
  });
  const seconds = (performance.now() - start) / 1000;
  expect(new Set([...channels.values()].map(({ path }) => path)).size).toBe(200);
  report(`${(channels.size / seconds).toFixed(1)} conversations secured a second, from request to reply; both ends, Prosody and this test on one machine`);
  report(`${Math.round((usage(await home.pid()).residentKiB - idle) / channels.size)} KiB of resident memory for each, over ${idle} KiB before`);

  await each(async (host, guest) => {
    const channel = channels.get(`${host} ${guest}`)!;
    const there = arrivalOf(away.members.get(guest)!, `${host} to ${guest}`);
    await channel.send(`${host} to ${guest}`);
    const { incoming, message } = await there;
    const back = channel.received();
    await incoming.send(`${guest} to ${host}`);
    const answer = await back;
    expect(answer.text).toBe(`${guest} to ${host}`);
    for (const { parts } of [message, answer]) expect(parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  });
  // All of them, at once, at both ends.
  for (const channel of channels.values()) expect(await channel.getAll(names.securable)).toMatchObject({ State: 2, Encrypted: true, ForwardSecret: true });
  for (const connection of away.members.values()) {
    const all = (await connection.get(names.requests, 'Channels')) as [string][];
    expect(await Promise.all(all.map(([path]) => new TextChannel(connection, path).get(names.securable, 'State')))).toEqual(hosts.map(() => 2));
  }
}, 120_000);
