/** What a person is told on the desktop, and what not. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { startNotifications } from '../harness/notifications.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { names, TextChannel } from '../harness/telepathy-client.ts';
import { arrivalOf, befriend, errorOf, Person, state, talk } from './people.ts';

type Desktop = Awaited<ReturnType<typeof startNotifications>>;

let prosody: Prosody;
let alice: Person;
let bob: Person;
let desktop: Desktop | undefined;
/** Of Bob, who does not want to be told. */
let quiet: Desktop | undefined;

beforeAll(async () => {
  prosody = await startProsody({ users: { alice: 'alice', bob: 'bob' } });
  [alice, bob] = await Promise.all([Person.arrive('alice', prosody), Person.arrive('bob', prosody, { parameters: { 'security-notices': false } })]);
  [desktop, quiet] = await Promise.all([alice, bob].map(({ session }) => startNotifications(session.address))) as [Desktop, Desktop];
  await befriend(alice, bob);
  await Promise.all([alice.hasIdentity(), bob.hasIdentity()]);
}, 60_000);
afterAll(async () => {
  desktop?.stop();
  quiet?.stop();
  await alice.leave();
  await bob.leave();
  await prosody.stop();
});
beforeEach(async () => {
  for (const { connection } of [alice, bob]) {
    const first = async (): Promise<string | undefined> => ((await connection.get(names.requests, 'Channels')) as [string][])[0]?.[0];
    // One may close another.
    for (let path = await first(); path !== undefined; path = await first()) await errorOf(new TextChannel(connection, path).call(names.destroyable, 'Destroy'));
  }
  for (const [who, whom] of [[alice, bob], [bob, alice]] as const) await who.connection.call(names.security, 'ForgetPeer', whom.jid);
});

const told = (summary: string): Promise<unknown> => desktop!.events.expect({ summary, body: (body: string) => body.includes(bob.jid) });

test('a secured conversation that the contact ends is told, again in the place of the first time; one ended here is not', async () => {
  const mine = await talk(alice, bob, 'one');
  await mine.out.call(names.securable, 'End');
  await state(mine.incoming, 3);
  const theirs = await talk(alice, bob, 'two');
  await theirs.incoming.call(names.securable, 'End');
  const first = await told('Secured conversation ended');
  expect(first).toMatchObject({ replaces: 0 });
  await mine.out.close().catch(() => undefined);
  const again = await talk(alice, bob, 'three');
  await again.incoming.call(names.securable, 'End');
  expect(await told('Secured conversation ended')).toMatchObject({ replaces: (first as { id: number }).id });
  expect(desktop!.events.all({ summary: 'Secured conversation ended' })).toHaveLength(2);
});

test('being asked for verification is told', async () => {
  const { incoming, out } = await talk(alice, bob, 'hello');
  await state(out, 2);
  await incoming.call(names.peerAuthentication, 'StartSharedSecret', 'Where?', 'Lisbon');
  await told('Verification asked for');
});

test('an unprotected message beside a secured conversation is told', async () => {
  const { out } = await talk(alice, bob, 'secured');
  await state(out, 2);
  const arrival = arrivalOf(alice.connection, 'in the open');
  await talk(bob, alice, 'in the open', { [`${names.securable}.Encrypted`]: false });
  await arrival;
  await told('Unprotected message');
});

test('a new key is told, and one that is refused', async () => {
  const { out, incoming } = await talk(alice, bob, 'hello');
  await state(out, 2);
  await bob.connection.call(names.security, 'ReplaceIdentity');
  await incoming.call(names.securable, 'End');
  await state(out, 3);
  const again = await talk(alice, bob, 'with a new key');
  await told('A new key');
  await state(again.out, 2);
  await again.out.call(names.peerAuthentication, 'ConfirmSafetyNumber', await again.out.get(names.peerAuthentication, 'SafetyNumber'));
  await bob.connection.call(names.security, 'ReplaceIdentity');
  await again.incoming.call(names.securable, 'End');
  await state(again.out, 3);
  await alice.connection.ensureText(bob.jid);
  await told('The key has changed');
});

test('who does not want to be told is not', () => {
  // Everything above happened at Bob's end, too.
  expect(quiet!.events.all({})).toEqual([]);
});
