/** The first message of a conversation with a contact who knows nothing of security: how long until their client has it. Securing by itself must not be felt there. */
import { EventQueue } from '../harness/events.ts';
import { SlixmppPeer } from '../harness/slixmpp-peer.ts';
import { names } from '../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../harness/telepathy-client.ts';
import type { Servers } from './bench.ts';
import { haze, hush, withContestants } from './contestants.ts';
import type { Contestant } from './contestants.ts';
import { inTurns } from './figures.ts';
import type { Section } from './figures.ts';

export async function firstMessage({ plain }: Servers, rounds: number): Promise<Section[]> {
  const contenders = [hush('hush, securing off', plain), hush('hush, securing off, again', plain), { ...hush('hush, opportunistic', plain), isSecured: true }, haze(plain)];
  return withContestants(contenders, async (contestants) => {
    const pairs: Pair[] = [];
    try {
      for (const [index, contestant] of contestants.entries()) pairs.push(await Pair.connect(contestant, `first${index}`, `contact${index}`));
      const rows = await inTurns(pairs.map((pair) => ({ label: pair.label, measure: () => pair.firstMessage() })), rounds, 1);
      const slowest = rows.map(({ label, samples }) => ({ label, samples: [Math.max(...samples)] }));
      const references = ['haze', 'hush, securing off'];
      return [
        { title: 'First message of a fresh channel, until the client of the contact (slixmpp, incapable) has it', unit: 'ms', references, rows },
        { title: `The same: the slowest of ${rounds}`, unit: 'ms', references, rows: slowest },
      ];
    } finally {
      for (const pair of pairs) await pair.stop();
    }
  });
}

class Pair {
  readonly label: string;
  readonly #connection: TelepathyConnection;
  readonly #peer: SlixmppPeer;
  readonly #events: EventQueue;
  readonly #contact: string;
  #count = 0;

  private constructor(label: string, connection: TelepathyConnection, peer: SlixmppPeer, events: EventQueue, contact: string) {
    this.label = label;
    this.#connection = connection;
    this.#peer = peer;
    this.#events = events;
    this.#contact = contact;
  }

  static async connect(contestant: Contestant, user: string, contact: string): Promise<Pair> {
    const { prosody } = contestant;
    for (const name of [user, contact]) await prosody.addUser(name, name);
    await prosody.befriend(user, contact);
    const events = new EventQueue();
    const peer = await SlixmppPeer.connect(prosody, events, contact, contact);
    await peer.presence();
    const connection = await contestant.connect(user);
    await connection.contactList();
    return new Pair(contestant.label, connection, peer, events, prosody.jid(contact));
  }

  /** Milliseconds from SendMessage to the contact's client, in a channel of its own. */
  async firstMessage(): Promise<number> {
    this.#count += 1;
    const body = `message ${this.#count}`;
    const channel = await this.#connection.ensureText(this.#contact);
    const arrival = this.#events.expect({ name: 'message', body });
    const start = performance.now();
    await Promise.all([channel.send(body), arrival]);
    const milliseconds = performance.now() - start;
    const closed = new Promise<void>((resolve) => {
      const off = channel.bus.subscribe({ sender: channel.busName, path: channel.path, interface: names.channel, member: 'Closed' }, () => {
        off();
        resolve();
      });
    });
    await channel.close();
    await closed;
    return milliseconds;
  }

  async stop(): Promise<void> {
    await this.#peer.stop();
  }
}
