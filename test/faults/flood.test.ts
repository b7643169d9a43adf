/** Ten thousand stanzas as fast as TCP brings them, from one stranger, from thousands, from all contacts: others are served meanwhile, nothing of a contact is lost, memory comes back. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { limits } from '../../src/features/text/strangers.ts';
import { maxPending } from '../../src/telepathy/pending-messages.ts';
import type { WireElement } from '../harness/lenient-xml.ts';
import { names } from '../harness/telepathy-client.ts';
import { asking, channelsOf, flood, listen, message, receipts } from './flooding.ts';
import { Rig } from './rig.ts';
import type { Strain } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start();
});
afterAll(() => rig.stop());

const count = 10_000;
/** Milliseconds and KiB. */
const bound = { loopP99: 100, slowestPing: 500, growth: 96 * 1024, kept: 8 * 1024 };
function expectBounded(strain: Strain): void {
  for (const key of ['loopP99', 'slowestPing', 'growth', 'kept'] as const) expect([key, strain[key] < bound[key]]).toEqual([key, true]);
}

describe('a flood [fault-9]', () => {
  test('from one stranger takes the place of nobody else', async () => {
    const { connection, session } = await rig.online(['bob@example.test']);
    const seen = listen(connection);
    const stanzas = Array.from({ length: count }, (_, at) => message('mallory@evil.test', `flood ${at}`));
    const bobs = Array.from({ length: 100 }, (_, at) => `hello ${at}`);
    const strain = await rig.strain('one stranger', async () => {
      for (const [at, text] of bobs.entries()) await flood(session, [...stanzas.slice(at * 100, at * 100 + 100), message('bob@example.test', text)]);
      await session.sync();
      await connection.events.sync();
    });
    expect(seen.texts.get('bob@example.test')).toEqual(bobs);
    expect(seen.texts.get('mallory@evil.test')).toEqual(stanzas.slice(0, limits.messages).map((_, at) => `flood ${at}`));
    expectBounded(strain);
    seen.stop();
  }, 60_000);

  test('from thousands of strangers opens a few channels; every other sender is told to try later, and whoever is answered has room', async () => {
    const { connection, session } = await rig.online(['bob@example.test']);
    const seen = listen(connection);
    const senders = Array.from({ length: 5_000 }, (_, at) => `stranger${at}@evil.test`);
    const [known, unknown] = [senders.slice(0, limits.channels), senders.slice(limits.channels)];
    const refused = new Map<string, WireElement>();
    const refusal = async (): Promise<void> => {
      const error = await session.expect({ name: 'message', type: 'error' });
      refused.set(error.attrs.to!, error);
    };
    const strain = await rig.strain('5000 strangers', async () => {
      await flood(session, senders.map((from, at) => message(from, 'let me in', `m${at}`)));
      while (refused.size < unknown.length) await refusal();
    });
    expect([...refused.keys()]).toEqual(unknown.map((from) => `${from}/x`));
    for (const [from, { attrs, elements }] of refused) {
      expect({ from, id: attrs.id, elements: elements.map(String) }).toEqual({ from, id: `m${from.replace(/\D/g, '')}`, elements: ["<error {jabber:client} type='wait'><resource-constraint {urn:ietf:params:xml:ns:xmpp-stanzas} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'></resource-constraint></error>"] });
    }
    expect([...seen.texts.keys()]).toEqual(known);
    expectBounded(strain);

    // Whoever is on the list, or is written to, takes nobody's room; and an error is never answered.
    session.send(message('bob@example.test', 'hello'));
    await seen.reaches(limits.channels + 1);
    await connection.ensureText(unknown[0]!);
    session.send(message(unknown[0]!, 'thank you') + message(unknown[1]!, 'and I').replace("type='chat'", "type='error'") + message(unknown[2]!, 'me, too'));
    await seen.reaches(limits.channels + 2);
    refused.clear();
    await refusal();
    expect([...refused.keys()]).toEqual([`${unknown[2]!}/x`]);
    // A channel that was dealt with makes room for one more.
    const channels = await channelsOf(connection);
    await channels.get(known[0]!)!.call(names.destroyable, 'Destroy');
    session.send(message(unknown[2]!, 'now?') + message(unknown[3]!, 'no'));
    await refusal();
    expect([...refused.keys()].at(-1)).toBe(`${unknown[3]!}/x`);
    await connection.events.sync();
    expect([seen.texts.get('bob@example.test'), seen.texts.get(unknown[0]!), seen.texts.get(unknown[2]!)]).toEqual([['hello'], ['thank you'], ['now?']]);
    seen.stop();
  }, 60_000);

  test('from all contacts at once loses nothing, in order', async () => {
    const contacts = Array.from({ length: 200 }, (_, at) => `contact${at}@example.test`);
    const { connection, session } = await rig.online(contacts);
    const seen = listen(connection);
    const texts = Array.from({ length: count / contacts.length }, (_, at) => `message ${at}`);
    const strain = await rig.strain('200 contacts', async () => {
      await flood(session, texts.flatMap((text) => contacts.map((from) => message(from, text))));
      await seen.reaches(count);
    }, async () => {
      for (const channel of (await channelsOf(connection)).values()) await channel.call(names.destroyable, 'Destroy');
    });
    expect([...seen.texts]).toEqual(contacts.map((contact) => [contact, texts]));
    expectBounded(strain);
    seen.stop();
  }, 60_000);

  test('from one contact who is not read ends in refusals, not in losses; once read, there is room again', async () => {
    const { connection, session } = await rig.online(['bob@example.test']);
    const seen = listen(connection);
    await flood(session, Array.from({ length: maxPending + 10 }, (_, at) => asking(message('bob@example.test', `message ${at}`))));
    for (let at = maxPending; at < maxPending + 10; at += 1) expect((await session.expect({ name: 'message', type: 'error' })).attrs.id).toBe(`message ${at}`);
    // What was refused was not acknowledged.
    expect(receipts(session.clearText)).toBe(maxPending);
    const [channel] = (await channelsOf(connection)).values();
    const pending = await channel!.pending();
    expect(pending.map(({ text }) => text)).toEqual(Array.from({ length: maxPending }, (_, at) => `message ${at}`));
    await channel!.acknowledge(...pending.map(({ id }) => id));
    session.send(message('bob@example.test', 'again'));
    await seen.reaches(maxPending + 1);
    expect(seen.texts.get('bob@example.test')).toHaveLength(maxPending + 1);
    seen.stop();
  }, 60_000);
});
