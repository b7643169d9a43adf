/** A long contact list: until it is there, and until a client knows what it shows of it. */
import { names } from '../harness/telepathy-client.ts';
import type { Servers } from './bench.ts';
import { haze, hush, withContestants } from './contestants.ts';
import type { Contestant } from './contestants.ts';
import { inTurns, median } from './figures.ts';
import type { Section } from './figures.ts';

export interface RosterOptions {
  readonly rounds: number;
  readonly contacts: number;
}

/** Each round in a process of its own: a long roster is new to a process once. */
export async function roster({ tls, plain }: Servers, { rounds, contacts }: RosterOptions): Promise<Section[]> {
  for (const prosody of [tls, plain]) {
    await prosody.addUser(`popular${contacts}`, `popular${contacts}`);
    // Without subscriptions: presences of that many friends would be a measurement of the server.
    const items = Array.from({ length: contacts }, (_, index) => ({
      jid: prosody.jid(`contact${index}`), name: `Contact Number ${index}`, groups: [`Group ${index % 20}`], subscription: 'none' as const,
    }));
    await prosody.presetRoster(`popular${contacts}`, items);
  }
  return withContestants([hush('hush', plain), hush('hush again', plain), haze(plain), hush('hush, TLS', tls)], async (contestants) => {
    const attributes = contestants.map(({ label }) => ({ label, samples: [] as number[] }));
    const again = contestants.map(({ label }) => ({ label, samples: [] as number[] }));
    const entrants = contestants.map((contestant, index) => ({
      label: contestant.label,
      async measure(): Promise<number> {
        const { arrival, queries } = await listOf(contestant, contacts);
        attributes[index]!.samples.push(queries[0]!);
        again[index]!.samples.push(median(queries.slice(1)));
        return arrival;
      },
    }));
    const arrivals = await inTurns(entrants, rounds);
    const targets = [{ label: 'hush', reference: 'haze', most: 1 }];
    return [
      { title: `Roster: Connect() to ContactListState Success, ${contacts} contacts`, unit: 'ms', references: ['haze'], rows: arrivals },
      { title: `Roster: GetContactListAttributes (aliases, presences, groups) of ${contacts} contacts, for the first client`, unit: 'ms', references: ['haze'], rows: attributes, targets },
      { title: `Roster: the same for the next ${more} clients`, unit: 'ms', references: ['haze'], rows: again, targets },
    ];
  });
}

/** Clients of a desktop that show the list, beside the first: a window, an applet, a launcher… */
const more = 5;

/** Milliseconds until the list is there, and for the attributes of all contacts, for one client after the other. */
async function listOf(contestant: Contestant, contacts: number): Promise<{ arrival: number; queries: number[] }> {
  await contestant.refresh();
  const connection = await contestant.requestConnection(`popular${contacts}`);
  const there = connection.signal('ContactListStateChanged', ([state]) => state === 3);
  const start = performance.now();
  await Promise.all([connection.connect(), there]);
  const arrival = performance.now() - start;
  // Everything that came with the list has been said: the query does not wait behind it.
  await connection.get(names.connection, 'Status');
  const queries: number[] = [];
  for (let client = 0; client <= more; client++) {
    const asked = performance.now();
    const [found] = await connection.call(names.contactList, 'GetContactListAttributes', [names.aliasing, names.presence, names.contactGroups], false);
    queries.push(performance.now() - asked);
    const { size } = found as Map<number, unknown>;
    if (size < contacts) throw new Error(`${contestant.label} lists ${size} of ${contacts} contacts`);
  }
  await connection.disconnect();
  return { arrival, queries };
}
