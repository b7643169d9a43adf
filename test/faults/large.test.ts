/** What is large: a stanza of 100 MB, at once and drop by drop, and a contact list of 5000, all of them there. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { plain } from '../harness/telepathy-client.ts';
import type { BusSignal } from '../harness/telepathy-client.ts';
import { flood, listen, message } from './flooding.ts';
import { report, Rig } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start();
});
afterAll(() => rig.stop());

const MiB = 1024 * 1024;

describe('a message of 100 MB [fault-10]', () => {
  test.each([
    ['as fast as TCP brings it', 65_536, 100 * MiB],
    ['drop by drop', 1_000, 3 * MiB],
  ])('%s ends its own connection at the limit, with a reason, and takes little memory; others are served', async (what, size, length) => {
    const other = await rig.online(['bob@example.test']);
    const seen = listen(other.connection);
    const { connection, session } = await rig.online();
    const strain = await rig.strain(`100 MB ${what}`, async () => {
      session.send("<message from='bob@example.test/x' type='chat'><body>");
      const drop = 'x'.repeat(size);
      for (let sent = 0; sent < length && session.waiting < 8 * MiB; sent += size) {
        session.send(drop);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await session.expect({ name: 'error' })).child('policy-violation')).toBeDefined();
      const { args } = await connection.events.expect<BusSignal>({ name: 'ConnectionError' });
      expect(plain(args)).toEqual(['org.freedesktop.Telepathy.Error.ConnectionLost', expect.objectContaining({ 'debug-message': expect.stringContaining('more than 2097152 bytes') })]);
      other.session.send(message('bob@example.test', 'hello'));
      await seen.reaches(1);
    });
    expect(strain.loopP99).toBeLessThan(100);
    expect(strain.slowestPing).toBeLessThan(500);
    // Three times the limit, and what every process may need.
    expect(strain.growth).toBeLessThan((3 * 2 + 16) * 1024);
    expect(strain.kept).toBeLessThan(2 * 1024);
    // One that is large and within the limit is taken: the twin.
    other.session.send(message('bob@example.test', 'x'.repeat(1_900_000), 'large'));
    await seen.reaches(2);
    seen.stop();
  }, 60_000);
});

describe('a contact list of 5000, all of them there [fault-12]', () => {
  test('is shown within seconds, in few signals, and nobody is asked by the thousand', async () => {
    const contacts = Array.from({ length: 5_000 }, (_, at) => `contact${at}@example.test`);
    let [open, most, asked] = [0, 0, 0];
    const since = performance.now();
    let [listed, present] = [0, 0];
    const strain = await rig.strain('5000 contacts', async () => {
      const { connection, session } = await rig.online(contacts);
      report(`connected, with the list, after ${Math.round(performance.now() - since)} ms`);
      listed = performance.now() - since;
      // Two hundred programs that nobody knows: whoever wants to know what they can has to ask.
      const presence = contacts.map((jid, at) => `<presence from='${jid}/r'><c xmlns='http://jabber.org/protocol/caps' node='urn:test' hash='sha-1' ver='${Buffer.from(`program ${at % 200}`).toString('base64')}'/></presence>`);
      const isInfo = { name: 'iq', type: 'get', with: ['query', 'http://jabber.org/protocol/disco#info'] } as const;
      const answering = (async () => {
        // Every question is left open until ten more could have come.
        const waiting: string[] = [];
        while (asked < 200) {
          const request = await session.expect(isInfo, 10_000).catch(() => undefined);
          if (request === undefined) break;
          if (!request.attrs.to!.startsWith('contact')) continue;
          asked += 1;
          open += 1;
          most = Math.max(most, open);
          waiting.push(`<iq type='error' id='${request.attrs.id!}' from='${request.attrs.to!}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`);
          if (open < 9) continue;
          await session.sync();
          open -= 1;
          session.send(waiting.shift()!);
        }
      })();
      await flood(session, presence);
      const told = new Set<number>();
      while (told.size < contacts.length) {
        const { args } = await connection.events.expect<BusSignal>({ name: 'PresencesChanged', path: connection.path });
        for (const [handle, [type]] of args[0] as Map<number, [number]>) if (type === 2) told.add(handle);
      }
      present = performance.now() - since;
      const signals = (name: string): number => connection.events.all({ name, path: connection.path }).length;
      report(`${signals('ContactsChangedWithID')} ContactsChanged, ${signals('PresencesChanged')} PresencesChanged, everybody shown after ${Math.round(present)} ms`);
      expect(signals('ContactsChangedWithID')).toBeLessThanOrEqual(20);
      expect(signals('PresencesChanged')).toBeLessThanOrEqual(200);
      await answering;
    });
    report(`${asked} questions about capabilities, at most ${most} at a time`);
    expect(asked).toBeGreaterThanOrEqual(100);
    expect(most).toBe(9);
    expect(listed * strain.share).toBeLessThan(3_000);
    expect(strain.loopP99).toBeLessThan(100);
    expect(strain.slowestPing).toBeLessThan(500);
  }, 60_000);
});
