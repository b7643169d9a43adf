/** Two people on two servers: what is between the servers sees as little as they do. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePorts } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { names } from '../harness/telepathy-client.ts';
import { befriend, claimed, errorOf, isIn, Person, state, T, talk } from './people.ts';

let servers: Prosody[];
let alice: Person;
let bob: Person;
beforeAll(async () => {
  const [one, two] = (await freePorts(2)) as [number, number];
  const s2s = { 'one.test': one, 'two.test': two };
  const start = (domain: string, user: string): Promise<Prosody> => startProsody({ domain, users: { [user]: user }, s2s, logStanzas: true });
  const both = await Promise.all([start('one.test', 'alice'), start('two.test', 'bob')]);
  servers = both;
  [alice, bob] = await Promise.all([Person.arrive('alice', both[0]), Person.arrive('bob', both[1])]);
  await befriend(alice, bob);
  await Promise.all([alice.hasIdentity(), bob.hasIdentity()]);
}, 60_000);
afterAll(async () => {
  await alice.leave();
  await bob.leave();
  for (const server of servers) await server.stop();
});

test('they are contacts of each other', async () => {
  expect([alice.jid, bob.jid]).toEqual(['alice@one.test', 'bob@two.test']);
  for (const [who, whom] of [[alice, bob], [bob, alice]] as const) {
    const attributes = await who.connection.attributes(await who.connection.handle(whom.jid), names.contactList);
    expect(attributes).toMatchObject({ [`${names.contactList}/subscribe`]: 4, [`${names.contactList}/publish`]: 4 });
  }
});

test('in plaintext both servers see what they say', async () => {
  const { out, incoming, message } = await talk(alice, bob, 'in the open', { [`${names.securable}.Encrypted`]: false });
  expect(message.parts[0]).toMatchObject({ 'security-mechanism': '' });
  for (const server of servers) expect(isIn(server.log(), 'in the open')).toBe(true);
  for (const channel of [out, incoming]) await channel.call(names.destroyable, 'Destroy');
});

test('secured, neither sees anything, and both ends prove as much as on one server', async () => {
  const { out, incoming, message } = await talk(alice, bob, 'canary across');
  await state(out, 2);
  expect(message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  const answer = out.received();
  await incoming.send('canary back');
  expect((await answer).text).toBe('canary back');
  const claims = ['Encrypted', 'IntegrityProtected', 'Complete', 'WeaklyAuthenticated', 'WeaklyAnonymous', 'ReplayProtected', 'ForwardSecret', 'Deniable', 'DowngradeResistant'];
  for (const channel of [out, incoming]) expect(await claimed(channel)).toEqual(claims);
  expect(await out.get(names.peerAuthentication, 'SafetyNumber')).toBe(await incoming.get(names.peerAuthentication, 'SafetyNumber'));
  await out.call(names.securable, 'End');
  await state(incoming, 3);
  expect(await incoming.get(names.securable, 'EndReason')).toBe('clean');
  expect(await errorOf(out.send('canary afterwards'))).toBe(`${T}Cancelled`);
  for (const server of servers) for (const canary of ['canary across', 'canary back', 'canary afterwards']) expect(isIn(server.log(), canary)).toBe(false);
});
