/** Ten thousand messages while the network breaks: in order, none lost, none doubled, and the Telepathy connection never notices. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Message, TelepathyConnection, TextChannel } from '../harness/telepathy-client.ts';
import { names } from '../harness/telepathy-client.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';
import { Stage } from './stage.ts';

let stage: Stage;
let proxy: TcpProxy;
beforeEach(async () => {
  stage = await Stage.open({ hush: { logLevel: 'info' } });
  await stage.prosody.befriend('alice', 'bob');
  proxy = stage.owned(await TcpProxy.start(stage.prosody.port));
});
afterEach(() => stage.close());

/** What a channel receives, acknowledged as a client does. */
class Received {
  readonly texts: string[] = [];
  readonly #channel: TextChannel;
  readonly #waiting: { count: number; resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(channel: TextChannel) {
    this.#channel = channel;
    channel.onReceived((message) => this.#take(message));
  }

  /** Settles when so many have arrived. Rejects at a delivery report: nothing here may fail. */
  reaches(count: number): Promise<void> {
    if (this.texts.length >= count) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ count, resolve, reject }));
  }

  #take({ id, text, parts }: Message): void {
    if (parts[0]!['message-type'] === 4) this.#fail(new Error(`delivery report: ${JSON.stringify(parts[0])}`));
    this.texts.push(text);
    this.#channel.acknowledge(id).then(
      () => this.#waiting.filter(({ count }) => count <= this.texts.length).forEach(({ resolve }) => resolve()),
      (error: unknown) => this.#fail(error as Error),
    );
  }

  #fail(error: Error): void {
    this.#waiting.forEach(({ reject }) => reject(error));
  }
}

/**
 * Sends numbered messages, eight at a time, and goes on when they have arrived; `each` hears of every one that has left.
 * Not more at a time: Prosody up to 0.12.3 reads 4096 bytes at a time and, after a resumption, reads on where the cut connection stopped. When that was
 * in the middle of a stanza the resumed stream is broken, whoever the client is; so that no stanza is half read, less than that must be on the way.
 */
async function sendAll(channel: TextChannel, prefix: string, count: number, other: Received, each: (number: number) => void = () => undefined): Promise<void> {
  const atOnce = 8;
  for (let first = 0; first < count; first += atOnce) {
    await other.reaches(first);
    const numbers = Array.from({ length: Math.min(atOnce, count - first) }, (_, index) => first + index);
    await Promise.all(numbers.map((number) => channel.send(`${prefix} ${number}`).then(() => each(number))));
  }
}

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, number) => `${prefix} ${number}`);

/** In the clear: this is about the stream to the server. */
const inTheClear = { 'org.freedesktop.Telepathy.Connection.Interface.Security.Policy': 'off' };

async function throughProxy(more: Record<string, string> = inTheClear): Promise<{ alice: TelepathyConnection; toBob: TextChannel; toAlice: TextChannel }> {
  const bob = await stage.client.connect({ ...stage.parameters('bob'), ...more });
  const alice = await stage.client.connect({ ...stage.parameters('alice'), ...more, port: proxy.port });
  return { alice, toBob: await alice.ensureText('bob@localhost'), toAlice: await bob.ensureText('alice@localhost') };
}

test('10 000 messages in order, none lost or doubled, while the connection is cut and resumed three times', async () => {
  const count = 10_000;
  const answers = 1_000;
  const { alice, toBob, toAlice } = await throughProxy();
  const allow = stage.events.forbid({ name: 'StatusChanged', path: alice.path });
  const bobs = new Received(toAlice);
  const alices = new Received(toBob);
  const cuts = [2_500, 5_000, 7_500];
  await Promise.all([
    sendAll(toBob, 'message', count, bobs, (number) => {
      if (cuts.includes(number)) proxy.cut();
    }),
    sendAll(toAlice, 'answer', answers, alices),
    bobs.reaches(count),
    alices.reaches(answers),
  ]);
  await stage.events.sync();
  allow();
  expect(bobs.texts).toEqual(numbered('message', count));
  expect(alices.texts).toEqual(numbered('answer', answers));
  expect(proxy.accepted).toBe(1 + cuts.length);
  expect(await alice.get(names.connection, 'Status')).toBe(0);
}, 120_000);

test('what was sent into a dead network arrives when it is back, in order [fault-2]', async () => {
  const { alice, toBob, toAlice } = await throughProxy();
  const bobs = new Received(toAlice);
  const alices = new Received(toBob);
  proxy.stall();
  // Nothing arrives, so nothing is waited for.
  for (const text of numbered('into the void', 60)) await toBob.send(text);
  for (const text of numbered('from the other side', 20)) await toAlice.send(text);
  proxy.cut();
  proxy.restore();
  await Promise.all([bobs.reaches(60), alices.reaches(20)]);
  expect(bobs.texts).toEqual(numbered('into the void', 60));
  expect(alices.texts).toEqual(numbered('from the other side', 20));
  expect(await alice.get(names.connection, 'Status')).toBe(0);
});

test('what cannot be resumed ends the connection with Network_Error, and unsent messages with delivery reports [fault-3]', async () => {
  const { alice, toBob } = await throughProxy();
  proxy.stall();
  const report = toBob.received(({ parts }) => parts[0]!['message-type'] === 4, 20_000);
  const ended = alice.signal('StatusChanged', ([status]) => status === 2);
  const token = await toBob.send('never arrives');
  // The server forgets the session: nothing is left to resume.
  await stage.prosody.restart();
  proxy.cut();
  proxy.restore();
  expect((await report).parts[0]).toMatchObject({ 'delivery-token': token, 'delivery-status': 2 });
  expect(await ended).toEqual([2, 2]);
  const failure = stage.events.all({ name: 'ConnectionError', path: alice.path });
  expect(failure).toMatchObject([{ args: [expect.stringMatching(/\.(NetworkError|ConnectionLost)$/), expect.anything()] }]);
});
