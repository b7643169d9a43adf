/** A client with windows as KDE Telepathy has them, on telepathy-glib behind Mission Control, and every single message of a stormy conversation. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { EventQueue } from '../harness/events.ts';
import type { HarnessEvent } from '../harness/events.ts';
import { GlibClient } from '../harness/glib-client.ts';
import type { GlibMessage } from '../harness/glib-client.ts';
import type { Account } from '../harness/mission-control.ts';
import { messageOf, names, plain, RemoteObject, TextChannel } from '../harness/telepathy-client.ts';
import type { Message } from '../harness/telepathy-client.ts';
import { contactIsThere, isIn, Person, state } from './people.ts';
import { Stage } from './stage.ts';

const bobsJid = 'bob@localhost';
const alicesJid = 'alice@localhost';

/** What is known of the messages of one side. */
class Ledger {
  readonly sent: string[] = [];
  /** By text: how it came to the other side, in order. */
  readonly arrived = new Map<string, ('new' | 'rescued')[]>();
  /** Texts whose sender was told by an error that they have not left. */
  readonly refused = new Set<string>();
  readonly tokens = new Map<string, string>();
  /** Tokens whose sender was told by a delivery report that they may not have arrived. */
  readonly reported = new Set<string>();
  readonly #prefix: string;
  readonly #listeners = new Set<() => void>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  next(): string {
    this.sent.push(`${this.#prefix}-${this.sent.length}`);
    return this.sent.at(-1)!;
  }

  /** Takes down what the call of sending comes to. */
  async record(text: string, call: Promise<string>): Promise<void> {
    await call.then((token) => this.tokens.set(text, token), () => this.refused.add(text));
    this.changed();
  }

  arrive(text: string, isRescued: boolean): void {
    this.arrived.set(text, [...(this.arrived.get(text) ?? []), isRescued ? 'rescued' : 'new']);
    this.changed();
  }

  report(header: Readonly<Record<string, unknown>>): void {
    if (header['delivery-status'] !== 1) this.reported.add(header['delivery-token'] as string);
    this.changed();
  }

  /** Nobody knows what became of these. */
  get lost(): string[] {
    return this.sent.filter((text) => !this.arrived.has(text) && !this.refused.has(text) && !this.reported.has(this.tokens.get(text) ?? ''));
  }

  /** Came as new more than once. */
  get doubled(): string[] {
    return [...this.arrived].filter(([, ways]) => ways.filter((way) => way === 'new').length > 1).map(([text]) => text);
  }

  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Settles when it is so, looked at after every change; rejects with what is missing. */
  async until(isSo: () => boolean, what = 'the messages'): Promise<void> {
    let listener: () => void = () => undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        listener = (): void => {
          if (isSo()) resolve();
        };
        this.#listeners.add(listener);
        timer = setTimeout(() => reject(new Error(`${what}: not within 15 s; nobody knows of ${this.lost.join(', ')}`)), 15_000);
        listener();
      });
    } finally {
      this.#listeners.delete(listener);
      clearTimeout(timer);
    }
  }
}

/** Every event goes to a listener, too. */
class Feed extends EventQueue {
  listener: (event: HarnessEvent) => void = () => undefined;

  override push(event: HarnessEvent): void {
    super.push(event);
    this.listener(event);
  }
}

/** Alice's window to Bob. It keeps its channel until that is invalidated, shows no other meanwhile, and closes it whenever it is closed itself. */
class Window {
  readonly #glib: GlibClient;
  readonly #account: string;
  readonly #ours: Ledger;
  readonly #theirs: Ledger;
  /** The library speaks of last messages when the channel has been invalidated. */
  readonly #channels = new Set<string>();
  #channel: string | undefined;
  #shown = 0;

  constructor(glib: GlibClient, feed: Feed, account: string, { ours, theirs }: { ours: Ledger; theirs: Ledger }) {
    this.#glib = glib;
    this.#account = account;
    this.#ours = ours;
    this.#theirs = theirs;
    feed.listener = (event) => this.#take(event);
  }

  get channel(): string | undefined {
    return this.#channel;
  }

  /** Opened by the user, unless it is open. */
  async open(): Promise<string> {
    if (this.#channel === undefined) await this.#glib.ensure(this.#account, bobsJid);
    await this.#ours.until(() => this.#channel !== undefined, 'a window');
    return this.#channel!;
  }

  async close(): Promise<void> {
    const channel = this.#channel;
    if (channel === undefined) return;
    // It may be gone in the same moment.
    await this.#glib.close(channel).catch(() => undefined);
    await this.#ours.until(() => this.#channel !== channel, 'a closed window');
  }

  /** Written by the user, into a window that is opened for it. */
  async send(): Promise<void> {
    const channel = await this.open();
    const text = this.#ours.next();
    await this.#ours.record(text, this.#glib.send(channel, text));
  }

  #take(event: HarnessEvent): void {
    // One that it has already comes again when it is asked for: nothing is new in it.
    if (event.name === 'channel' && this.#channel === undefined) {
      this.#channel = event.channel as string;
      this.#channels.add(this.#channel);
      for (const message of event.pending as GlibMessage[]) this.#show(message);
    } else if (event.name === 'message-received' && this.#channels.has(event.channel as string)) {
      this.#show(event.message as GlibMessage);
    } else if (event.name === 'channel-closed' && event.channel === this.#channel) {
      this.#channel = undefined;
    }
    this.#ours.changed();
    this.#theirs.changed();
  }

  /** Every third time nothing is marked as read, so that windows are closed with something unread. */
  #show(message: GlibMessage): void {
    if (message.report) this.#ours.report(message.header);
    else this.#theirs.arrive(message.text, message.rescued);
    this.#shown += 1;
    if (this.#channel !== undefined && this.#shown % 3 !== 0) this.#glib.acknowledge(this.#channel).catch(() => undefined);
  }
}

/** Bob, who takes another channel when the one he has refuses, and reads everything at once, whatever channel it is in. */
class Correspondent {
  readonly #person: Person;
  readonly #ours: Ledger;
  readonly #theirs: Ledger;
  #channel: TextChannel | undefined;

  constructor(person: Person, { ours, theirs }: { ours: Ledger; theirs: Ledger }) {
    this.#person = person;
    this.#ours = ours;
    this.#theirs = theirs;
    const { bus } = person.session;
    bus.subscribe({ interface: names.messages, member: 'MessageReceived' }, ({ path, body }) => this.#read(path, messageOf(body[0])));
    bus.subscribe({ interface: names.requests, member: 'NewChannels' }, ({ body }) => {
      for (const [path, properties] of plain(body[0]) as [string, Record<string, unknown>][]) {
        if (properties[`${names.channel}.ChannelType`] !== names.text) continue;
        // What was rescued is not signalled again.
        new TextChannel(person.connection, path).pending().then((messages) => messages.filter(({ parts }) => parts[0]?.rescued === true).forEach((message) => this.#read(path, message)), () => undefined);
      }
    });
  }

  async send(): Promise<void> {
    const text = this.#ours.next();
    await this.#ours.record(text, this.#write(text));
  }

  /** Ends the session of the channel he has, and goes on in another. */
  async end(): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    await channel?.call(names.securable, 'End');
  }

  async #write(text: string): Promise<string> {
    try {
      this.#channel ??= await this.#person.connection.ensureText(alicesJid);
      return await this.#channel.send(text);
    } catch (error) {
      this.#channel = undefined;
      throw error;
    }
  }

  #read(path: string, { id, text, parts: [header = {}] }: Message): void {
    if (header['message-type'] === 4) this.#ours.report(header);
    else this.#theirs.arrive(text, header.rescued === true);
    new TextChannel(this.#person.connection, path).acknowledge(id).catch(() => undefined);
  }
}

let stage: Stage;
let account: Account;
let bob: Person;
let glib: GlibClient;
let feed: Feed;

beforeEach(async () => {
  // Who is killed is gone for the others after a second.
  stage = await Stage.open({ prosody: { logStanzas: true, resumeSeconds: 1 } });
  await stage.prosody.befriend('alice', 'bob');
  bob = await Person.arrive('bob', stage.prosody);
  await bob.hasIdentity();
  account = await stage.account('alice');
  feed = new Feed();
  glib = stage.owned(await GlibClient.start(stage.session, feed));
  await bothThere();
}, 60_000);
afterEach(async () => {
  await bob.leave();
  await stage.close();
});

async function bothThere(): Promise<void> {
  await glib.online(account.path);
  await contactIsThere(bob.connection, alicesJid);
  const isThere = (contact: unknown): boolean => (contact as { presence: string }).presence === 'available' && (contact as { id: string }).id === bobsJid;
  if (!isThere(await glib.contact(account.path, bobsJid))) await feed.expect({ name: 'contact', contact: isThere });
}

const times = async (count: number, work: () => Promise<void>): Promise<void> => {
  for (let done = 0; done < count; done += 1) await work();
};

test('a client that replaces a channel only when the old one is invalid, and closes channels on every window close, loses no message', async () => {
  const [alices, bobs] = [new Ledger('canary-a'), new Ledger('canary-b')];
  const window = new Window(glib, feed, account.path, { ours: alices, theirs: bobs });
  const friend = new Correspondent(bob, { ours: bobs, theirs: alices });
  const fromAlice = (): Promise<void> => window.send();
  const fromBob = (): Promise<void> => friend.send();
  const quiet = async (): Promise<void> => {
    await bobs.until(() => bobs.lost.length === 0, "Bob's messages");
    await alices.until(() => alices.lost.length === 0, "Alice's messages");
  };

  // The window is closed again and again while both write.
  await times(8, async () => {
    const seen = bobs.arrived.size;
    const both = Promise.all([times(6, fromBob), times(5, fromAlice)]);
    await bobs.until(() => bobs.arrived.size > seen + 2);
    await window.close();
    await both;
  });
  await quiet();
  // Nothing of Bob's was lost or repeated by that: his sends know nothing of windows.
  expect([...bobs.refused, ...bobs.reported]).toEqual([]);

  // Bob ends the session while both write, and goes on: the same window is secured again.
  await window.open();
  const kept = window.channel;
  for (let round = 0; round < 2; round += 1) {
    const both = Promise.all([times(8, fromBob), times(8, fromAlice)]);
    const seen = bobs.arrived.size;
    await bobs.until(() => bobs.arrived.size > seen + 2);
    await friend.end();
    await both;
    await times(3, fromBob);
    await quiet();
  }
  expect(window.channel).toBe(kept);

  // Bob's hush is killed while Alice writes.
  const arrived = alices.arrived.size;
  const writing = times(10, fromAlice);
  await alices.until(() => alices.arrived.size > arrived + 2);
  const gone = bob.gone();
  process.kill(await bob.pid(), 'SIGKILL');
  await gone;
  await writing;
  await state(channelOf(window.channel!), 3);
  await times(3, fromAlice);
  await bob.connect();
  await friend.end().catch(() => undefined);
  await bothThere();
  await Promise.all([times(8, fromBob), times(8, fromAlice)]);
  await quiet();
  expect(window.channel).toBe(kept);

  // The server is restarted while both write.
  const offline = bob.connection.signal('StatusChanged', ([status]) => status === 2);
  const before = stage.prosody.log();
  const lastWords = Promise.all([times(8, fromBob), times(8, async () => (window.channel === undefined ? undefined : fromAlice()))]);
  const seen = bobs.arrived.size;
  await bobs.until(() => bobs.arrived.size > seen + 2);
  await stage.prosody.restart();
  await offline;
  await lastWords;
  await bob.connect();
  await account.online();
  await bothThere();
  await Promise.all([times(8, fromBob), times(8, fromAlice)]);
  await quiet();

  // Ended on this side the window keeps a channel that is over for good; what Bob then writes is there when it is closed.
  await channelOf(window.channel!).call(names.securable, 'End');
  await times(3, fromAlice);
  await times(6, fromBob);
  await window.close();
  await quiet();
  await Promise.all([times(5, fromBob), times(5, fromAlice)]);
  await quiet();

  expect(alices.sent.length + bobs.sent.length).toBeGreaterThan(200);
  expect([alices.lost, bobs.lost]).toEqual([[], []]);
  expect([alices.doubled, bobs.doubled]).toEqual([[], []]);
  // The twins: all of it did happen.
  for (const { refused, reported } of [alices, bobs]) expect(refused.size + reported.size).toBeGreaterThan(0);
  expect([...bobs.arrived.values()].flat()).toContain('rescued');
  expect(isIn(before + stage.prosody.log(), 'canary-')).toBe(false);
}, 120_000);

/** Alice's channel as something that knows security sees it. */
function channelOf(path: string): RemoteObject {
  return new RemoteObject(stage.session.bus, path.slice(1, path.lastIndexOf('/')).replaceAll('/', '.'), path);
}
