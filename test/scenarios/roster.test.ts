/** A contact list of 5000: all of it, to a plain D-Bus client and to telepathy-glib. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { GlibClient } from '../harness/glib-client.ts';
import type { RosterPreset } from '../harness/prosody.ts';
import { names, plain } from '../harness/telepathy-client.ts';
import { Stage } from './stage.ts';

const size = 5_000;
const contacts = Array.from({ length: size }, (_, index) => ({
  jid: `contact${index}@localhost`,
  name: `Contact № ${index}`,
  groups: [`Group ${index % 50}`, ...(index % 7 === 0 ? ['Sevens'] : [])],
  subscription: (['both', 'to', 'from'] as const)[index % 3]!,
})) satisfies RosterPreset[];

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
  await stage.prosody.presetRoster('alice', contacts);
});
afterEach(() => stage.close());

test('arrives whole, with aliases, groups and subscriptions', async () => {
  const alice = await stage.client.connect(stage.parameters('alice'));
  await alice.contactList();
  const [all] = await alice.call(names.contactList, 'GetContactListAttributes', [names.aliasing, names.contactGroups, names.presence], false);
  const byId = new Map([...(all as Map<number, unknown>).values()].map((item) => {
    const attributes = plain(item) as Record<string, unknown>;
    return [attributes['org.freedesktop.Telepathy.Connection/contact-id'], attributes];
  }));
  expect(byId.size).toBe(size);
  for (const { jid, name, groups, subscription } of contacts) {
    const attributes = byId.get(jid)!;
    const seen = {
      name: attributes[`${names.aliasing}/alias`],
      groups: [...(attributes[`${names.contactGroups}/groups`] as string[])].sort(),
      subscribe: attributes[`${names.contactList}/subscribe`],
      publish: attributes[`${names.contactList}/publish`],
    };
    const [yes, no] = [4, 1];
    const wanted = { name, groups: [...groups].sort(), subscribe: subscription === 'from' ? no : yes, publish: subscription === 'to' ? no : yes };
    // A plain comparison: five thousand matchers take longer than everything else.
    if (JSON.stringify(seen) !== JSON.stringify(wanted)) expect(seen).toEqual(wanted);
  }
  expect((await alice.get(names.contactGroups, 'Groups')) as string[]).toHaveLength(51);
});

test('is shown by a telepathy-glib client through Mission Control', async () => {
  const account = await stage.account('alice');
  const glib = stage.owned(await GlibClient.start(stage.session, stage.events));
  await glib.online(account.path);
  const shown = await glib.contacts(account.path);
  expect(shown).toHaveLength(size);
  expect(shown.find(({ id }) => id === 'contact4998@localhost')).toMatchObject({ alias: 'Contact № 4998', groups: ['Group 48', 'Sevens'], subscribe: 'yes', publish: 'yes' });
});
