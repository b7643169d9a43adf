/** What being secured costs: until it is, while it lasts, and how many can be at a time. */
import { names, TextChannel, variants } from '../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../harness/telepathy-client.ts';
import type { Servers } from './bench.ts';
import { hush, memoryAtRest, secured, withContestants } from './contestants.ts';
import type { Contestant, Memory } from './contestants.ts';
import { inTurns, MiB } from './figures.ts';
import type { Section } from './figures.ts';

/** V8 looks up to three times, eight seconds apart, what it can give back of what the handshakes needed. */
const restMs = 45_000;
/** So many crowds follow the first. */
const further = 4;
/** So many at a time: whoever is asked by more than 32 at once refuses. */
const handful = 25;

export interface SecuredOptions {
  readonly rounds: number;
  /** Conversations of one user, all secured at the same time. */
  readonly conversations: number;
  /** How often they are secured for memory and rate, each time with a user of whom all is new. */
  readonly crowds: number;
}

export async function securedConversations({ tls, plain }: Servers, { rounds, conversations, crowds }: SecuredOptions): Promise<Section[]> {
  const [contender, again, overTls] = [hush('hush', plain), hush('hush again', plain), hush('hush, TLS', tls)].map(secured) as [ReturnType<typeof secured>, ReturnType<typeof secured>, ReturnType<typeof secured>];
  const times = await withContestants([contender, again, overTls], async (contestants) => {
    const couples = await Promise.all(contestants.map((contestant, index) => couple(contestant, `swift${index}`, `safe${index}`)));
    return inTurns(couples, rounds, 2);
  });
  const ends = [{ label: 'hush, who asks', asks: true }, { label: 'hush, who is asked', asks: false }].map((end) => ({ ...end, rates: [] as number[], memory: [] as Memory[] }));
  await withContestants([contender, secured(hush('their friends', plain))], async ([one, others]) => {
    for (let crowd = 0; crowd < crowds; crowd++) {
      for (const { asks, rates, memory } of ends) {
        const found = await crowdOf(one!, others!, { count: conversations, asks });
        if (asks) rates.push(found.rate);
        memory.push(found.memory);
      }
    }
  });
  return [
    { title: 'Secured: EnsureChannel with Encrypted demanded to its reply, both ends in one process', unit: 'ms', references: ['hush, secured'], rows: times },
    { title: `Secured: ${conversations} conversations asked for at once, from the first request to the last reply`, unit: 'per s', references: [], rows: ends.slice(0, 1).map(({ rates }) => ({ label: 'hush', samples: rates })) },
    {
      title: `Memory for a secured channel (of ${further * conversations} at one end, made ${handful} at a time after ${conversations} before them, with its D-Bus object, session and one message; at rest)`,
      unit: 'MiB',
      references: [],
      rows: (['resident', 'own'] as const).flatMap((kind) => ends.map(({ label, memory }) => ({ label: `${label}, ${kind === 'own' ? 'shared with nobody' : kind}`, samples: memory.map((one) => one[kind]) }))),
      targets: ends.map(({ label }) => ({ label: `${label}, resident`, most: 150e3 / MiB })),
    },
  ];
}

function request(connection: TelepathyConnection, jid: string): Promise<TextChannel> {
  const properties = { [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: jid, [`${names.securable}.Encrypted`]: true };
  return connection.call(names.requests, 'EnsureChannel', variants(properties)).then(([, path]) => new TextChannel(connection, path as string));
}

/** Two friends in one process; a round secures a new conversation and ends it. */
async function couple(contestant: Contestant, aliceName: string, bobName: string): Promise<{ label: string; measure(): Promise<number> }> {
  const { prosody } = contestant;
  for (const user of [aliceName, bobName]) await prosody.addUser(user, user);
  await prosody.befriend(aliceName, bobName);
  const bob = await contestant.connect(bobName);
  const alice = await contestant.connect(aliceName);
  await Promise.all([alice, bob].map((connection) => ready(connection)));
  await present(alice, prosody.jid(bobName));
  return {
    label: contestant.label,
    async measure() {
      const start = performance.now();
      const channel = await request(alice, prosody.jid(bobName));
      const milliseconds = performance.now() - start;
      await channel.call(names.destroyable, 'Destroy');
      return milliseconds;
    },
  };
}

/** All at once with different friends, who are in another process. `asks`: the one who is measured asks each of them, and is the client of TLS; otherwise they do. */
async function crowdOf(one: Contestant, others: Contestant, { count, asks }: { count: number; asks: boolean }): Promise<{ rate: number; memory: Memory }> {
  const { prosody } = one;
  await one.refresh();
  await others.refresh();
  await prosody.addUser('central', 'central');
  const users = Array.from({ length: (2 + further) * count }, (_, index) => `crowd${index}`);
  for (const friend of users) {
    await prosody.addUser(friend, friend);
    await prosody.presetRoster(friend, [{ jid: prosody.jid('central'), name: 'central' }]);
  }
  await prosody.presetRoster('central', users.map((friend) => ({ jid: prosody.jid(friend), name: friend })));
  const friends: { jid: string; connection: TelepathyConnection }[] = [];
  for (const name of users) friends.push({ jid: prosody.jid(name), connection: await others.connect(name) });
  for (const { connection } of friends) await ready(connection);
  const central = await one.connect('central');
  await ready(central);
  for (const { jid, connection } of friends) await Promise.all([present(central, jid), present(connection, prosody.jid('central'))]);
  const pid = await one.pid();
  const ask = async (from: number, to: number, atOnce: number): Promise<void> => {
    for (let at = from; at < to; at += atOnce) {
      const wanted = friends.slice(at, Math.min(at + atOnce, to));
      const channels = await Promise.all(wanted.map(({ jid, connection }) => (asks ? request(central, jid) : request(connection, prosody.jid('central')))));
      // Whoever is asked has a channel when there is something to read in it.
      await Promise.all(channels.map((channel) => channel.send('Hello')));
    }
  };
  // What the first ones bring into the process is not those that follow; and of those a few hundred, for V8 gives back what it does not need when it likes.
  const last = (1 + further) * count;
  await ask(0, count, handful);
  const before = await memoryAtRest(pid, restMs);
  await ask(count, last, handful);
  const after = await memoryAtRest(pid, restMs);
  const start = performance.now();
  if (asks) await ask(last, last + count, count);
  const seconds = (performance.now() - start) / 1000;
  const growth = (kind: keyof Memory): number => (after[kind] - before[kind]) / (further * count);
  await one.end();
  await others.end();
  return { rate: count / seconds, memory: { resident: growth('resident'), pss: growth('pss'), own: growth('own') } };
}

/** It has its key, which is made in the background of the first login. */
async function ready(connection: TelepathyConnection): Promise<void> {
  await connection.contactList();
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      connection.get(names.security, 'IdentityFingerprint').then((value) => {
        if (value === '') return;
        off();
        resolve();
      }, reject);
    };
    const off = connection.bus.subscribe({ sender: connection.busName, path: connection.path, interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', arg0: names.security }, look);
    look();
  });
}

/** Waits until a contact is available. */
async function present(connection: TelepathyConnection, jid: string): Promise<void> {
  const handle = await connection.handle(jid);
  const changed = connection.signal('PresencesChanged', ([presences]) => (presences as Map<number, [number]>).get(handle)?.[0] === 2);
  changed.catch(() => undefined);
  const attributes = await connection.attributes(handle, names.presence);
  if ((attributes[`${names.presence}/presence`] as [number] | undefined)?.[0] !== 2) await changed;
}
