/** Messages between two connections of one process: how many a second, how long to a friend and back, and what they cost. */
import { setTimeout } from 'node:timers/promises';
import { names } from '../harness/telepathy-client.ts';
import type { TelepathyConnection, TextChannel } from '../harness/telepathy-client.ts';
import type { Servers } from './bench.ts';
import { haze, hush, processorTime, secured, withContestants } from './contestants.ts';
import type { Contestant } from './contestants.ts';
import { inTurns, median } from './figures.ts';
import type { Section } from './figures.ts';

export interface MessagesOptions {
  readonly rounds: number;
  /** Messages of a round. */
  readonly count: number;
  /** Round trips of a round. */
  readonly roundTrips: number;
}

/** Securable's State: secure. */
const secureState = 2;
/** Calls of SendMessage that are under way at the same time. */
const inFlight = 50;
/** Messages acknowledged by one call. */
const atOnce = 50;

export async function messages({ tls, plain }: Servers, { rounds, count, roundTrips }: MessagesOptions): Promise<Section[]> {
  const contenders = [hush('hush', plain), hush('hush again', plain), haze(plain), hush('hush, TLS', tls), ...[hush('hush', plain), hush('hush again', plain), hush('hush, TLS', tls)].map(secured)];
  return withContestants(contenders, async (contestants) => {
    const pairs: Pair[] = [];
    // Everybody has two users to themselves: all are online at the same time.
    for (const [index, contestant] of contestants.entries()) pairs.push(await Pair.connect(contestant, `alice${index}`, `bob${index}`));
    const references = ['haze', 'hush'];
    const rates = await inTurns(pairs.map((pair) => ({ label: pair.label, measure: () => pair.rate(count) })), rounds, 1);
    const costs = pairs.map(({ label, costs: samples }) => ({ label, samples: samples.slice(1) }));
    const trips = await inTurns(pairs.map((pair) => ({ label: pair.label, measure: () => pair.roundTrip(roundTrips) })), rounds, 1);
    return [
      { title: `Messages: ${count} sent by one, received by the other`, unit: 'per s', references, rows: rates, targets: [{ label: 'hush', reference: 'haze', least: 1 }, { label: 'hush, secured', reference: 'hush', least: 0.6 }] },
      { title: 'Messages: processor time of the connection manager for each, sent, received and acknowledged', unit: 'µs', references, rows: costs },
      { title: `Messages: round trip (median of ${roundTrips})`, unit: 'ms', references, rows: trips, targets: [{ label: 'hush', reference: 'haze', most: 1.2 }, { label: 'hush, secured', reference: 'hush', most: 1.5 }] },
    ];
  });
}

/** Two friends in one process, with a channel open on both sides. */
class Pair {
  readonly label: string;
  /** Microseconds of processor time for a message, one sample for each call of `rate`. */
  readonly costs: number[] = [];
  readonly #pid: number;
  readonly #alice: TextChannel;
  readonly #bob: TextChannel;

  private constructor(label: string, pid: number, alice: TextChannel, bob: TextChannel) {
    this.label = label;
    this.#pid = pid;
    this.#alice = alice;
    this.#bob = bob;
  }

  static async connect(contestant: Contestant, aliceName: string, bobName: string): Promise<Pair> {
    const { prosody } = contestant;
    for (const user of [aliceName, bobName]) await prosody.addUser(user, user);
    await prosody.befriend(aliceName, bobName);
    const [alice, bob] = [await online(contestant, aliceName), await online(contestant, bobName)];
    const ours = await alice.ensureText(prosody.jid(bobName));
    const theirs = await bob.ensureText(prosody.jid(aliceName));
    const pair = new Pair(contestant.label, await contestant.pid(), ours, theirs);
    // Once there and back, so that each side knows the other's resource.
    await pair.roundTrip(1);
    if (contestant.isSecured) await Promise.all([ours, theirs].map(secure));
    return pair;
  }

  async rate(count: number): Promise<number> {
    const [texts, all] = [Array.from({ length: count }, (_, index) => `message ${index} of many`), received(this.#bob, count)];
    const before = processorTime(this.#pid);
    const start = performance.now();
    const sender = async (): Promise<void> => {
      for (let text = texts.shift(); text !== undefined; text = texts.shift()) await this.#alice.send(text);
    };
    await Promise.all([all, ...Array.from({ length: inFlight }, sender)]);
    const milliseconds = performance.now() - start;
    this.costs.push((processorTime(this.#pid) - before) / count);
    return (count / milliseconds) * 1000;
  }

  /** Milliseconds from Alice's SendMessage until Bob's answer has arrived. */
  async roundTrip(count: number): Promise<number> {
    const samples: number[] = [];
    for (let index = 0; index < count; index++) {
      const there = received(this.#bob, 1).then(() => this.#bob.send(`answer ${index}`));
      const back = received(this.#alice, 1);
      const start = performance.now();
      await Promise.all([this.#alice.send(`question ${index}`), there, back]);
      samples.push(performance.now() - start);
    }
    return median(samples);
  }
}

async function online(contestant: Contestant, user: string): Promise<TelepathyConnection> {
  const connection = await contestant.connect(user);
  await connection.contactList();
  return connection;
}

/** Waits until everything that goes through a channel is secured. */
async function secure(channel: TextChannel): Promise<void> {
  const stateOf = (): Promise<unknown> => channel.get(names.securable, 'State');
  for (let looks = 0; (await stateOf()) !== secureState; looks++) {
    if (looks === 100) throw new Error(`${channel.path} is not secured`);
    await setTimeout(50);
  }
}

/** Settles when that many messages have arrived, all acknowledged. */
function received(channel: TextChannel, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let ids: number[] = [];
    let remaining = count;
    const timer = globalThis.setTimeout(() => finish(() => reject(new Error(`${remaining} of ${count} messages have not come to ${channel.path}`))), 60_000);
    const off = channel.onReceived(({ id }) => {
      ids.push(id);
      remaining -= 1;
      if (ids.length >= atOnce || remaining === 0) {
        const last = remaining === 0;
        channel.acknowledge(...ids).then(() => last && finish(resolve), reject);
        ids = [];
      }
    });
    function finish(settle: () => void): void {
      clearTimeout(timer);
      off();
      settle();
    }
  });
}
