/** What being secured costs: until it is, while it lasts, and how many can be at a time. */
import { names, TextChannel, variants } from '../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../harness/telepathy-client.ts';
import type { Servers } from './bench.ts';
import { hush, memoryAtRest, secured, withContestants } from './contestants.ts';
import type { Contestant, Memory } from './contestants.ts';
import { inTurns, MiB } from './figures.ts';
import type { Section } from './figures.ts';

/** After this time V8 has given back what the handshakes needed. */
const restMs = 20_000;

export interface SecuredOptions {
  readonly rounds: number;
  /** Conversations of one user, all secured at the same time. */
  readonly conversations: number;
  /** How often the whole crowd is secured, for memory and rate. */
  readonly crowds: number;
}

export async function securedConversations({ tls, plain }: Servers, { rounds, conversations, crowds }: SecuredOptions): Promise<Section[]> {
  const [contender, again, overTls] = [hush('hush', plain), hush('hush again', plain), hush('hush, TLS', tls)].map(secured) as [ReturnType<typeof secured>, ReturnType<typeof secured>, ReturnType<typeof secured>];
  const times = await withContestants([contender, again, overTls], async (contestants) => {
    const couples = await Promise.all(contestants.map((contestant, index) => couple(contestant, `swift${index}`, `safe${index}`)));
    return inTurns(couples, rounds, 2);
  });
  const turns = ['hush', 'hush again'].map((label) => ({ label, rates: [] as number[], memory: [] as Memory[] }));
  await withContestants([contender, secured(hush('their friends', plain))], async ([one, others]) => {
    for (let crowd = 0; crowd < 2 * crowds; crowd++) {
      const { rate, memory } = await crowdOf(one!, others!, conversations);
      turns[crowd % 2]!.rates.push(rate);
      turns[crowd % 2]!.memory.push(memory);
    }
  });
  return [
    { title: 'Secured: EnsureChannel with Encrypted demanded to its reply, both ends in one process', unit: 'ms', references: ['hush, secured'], rows: times },
    { title: `Secured: ${conversations} conversations asked for at once, from the first request to the last reply`, unit: 'per s', references: ['hush'], rows: turns.map(({ label, rates }) => ({ label, samples: rates })) },
    {
      title: `Memory for a secured channel (of ${conversations} at one end, after as many before them, with its D-Bus object and session; at rest)`,
      unit: 'MiB',
      references: [],
      rows: (['resident', 'own'] as const).flatMap((kind) => turns.map(({ label, memory }) => ({ label: `${label}, ${kind === 'own' ? 'shared with nobody' : kind}`, samples: memory.map((one) => one[kind]) }))),
      targets: [{ label: 'hush, resident', most: 150e3 / MiB }],
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

/** All at once with different friends, who are in another process. */
async function crowdOf(one: Contestant, others: Contestant, count: number): Promise<{ rate: number; memory: Memory }> {
  const { prosody } = one;
  await one.refresh();
  await others.refresh();
  await prosody.addUser('central', 'central');
  const friends = Array.from({ length: 2 * count }, (_, index) => `crowd${index}`);
  for (const friend of friends) {
    await prosody.addUser(friend, friend);
    await prosody.presetRoster(friend, [{ jid: prosody.jid('central'), name: 'central' }]);
  }
  await prosody.presetRoster('central', friends.map((friend) => ({ jid: prosody.jid(friend), name: friend })));
  for (const friend of friends) await ready(await others.connect(friend));
  const central = await one.connect('central');
  await ready(central);
  for (const friend of friends) await present(central, prosody.jid(friend));
  const pid = await one.pid();
  const ask = (wanted: readonly string[]): Promise<TextChannel[]> => Promise.all(wanted.map((friend) => request(central, prosody.jid(friend))));
  // What the first ones bring into the process is not those that follow.
  await ask(friends.slice(0, count));
  const before = await memoryAtRest(pid, restMs);
  const start = performance.now();
  await ask(friends.slice(count));
  const seconds = (performance.now() - start) / 1000;
  const after = await memoryAtRest(pid, restMs);
  const growth = (kind: keyof Memory): number => (after[kind] - before[kind]) / count;
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
