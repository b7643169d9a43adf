/** ContactGroups: the order of what clients are told, whoever edits the list. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { names } from '../../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../../harness/telepathy-client.ts';
import { failure, Setting } from '../setting.ts';

const groups = names.contactGroups;

let setting: Setting;
let ada: TelepathyConnection;
let [x, y, z] = [0, 0, 0];

beforeAll(async () => {
  setting = await Setting.start(['ada']);
  await setting.prosody.presetRoster('ada', [
    { jid: 'x@example.org', name: 'X', groups: ['One'], subscription: 'none' },
    { jid: 'y@example.org', groups: ['One'], subscription: 'none' },
  ]);
  ada = await setting.connect('ada');
  [x, y, z] = [await ada.handle('x@example.org'), await ada.handle('y@example.org'), await ada.handle('z@example.org')];
  await ada.events.expect({ name: 'GroupsChanged', args: ([members]: [number[]]) => members.length === 2 });
});
afterAll(() => setting.stop());

type Told = readonly [member: string, ...args: unknown[]];

/** Exactly these signals, in this order; those of one inner list in any: members move one after the other, as the server lists them. */
async function told(...steps: readonly (Told | readonly Told[])[]): Promise<void> {
  for (const step of steps) {
    const signals = (Array.isArray(step[0]) ? step : [step]) as readonly Told[];
    await ada.events.expectMany(signals.map(([name, ...args]) => ({ name, args })));
  }
  await ada.events.sync();
  expect(ada.events.waiting({ name: /^Groups?[A-Z]/ })).toEqual([]);
}

async function groupsOf(handle: number): Promise<unknown> {
  return (await ada.attributes(handle, groups))[`${groups}/groups`];
}

test('what there is at first', async () => {
  expect(await ada.getAll(groups)).toEqual({ DisjointGroups: false, GroupStorage: 3, Groups: ['One'] });
  expect(await groupsOf(x)).toEqual(['One']);
});

test('a new group is created, then has members; the last that leaves takes it away', async () => {
  await ada.call(groups, 'AddToGroup', 'Two', [x, y]);
  await told(['GroupsCreated', ['Two']], ['GroupsChanged', [x], ['Two'], []], ['GroupsChanged', [y], ['Two'], []]);
  expect([...(await ada.get(groups, 'Groups')) as string[]].sort()).toEqual(['One', 'Two']);
  await ada.call(groups, 'RemoveFromGroup', 'Two', [x]);
  await told(['GroupsChanged', [x], [], ['Two']]);
  await ada.call(groups, 'RemoveFromGroup', 'Two', [y, x]);
  await told(['GroupsChanged', [y], [], ['Two']], ['GroupsRemoved', ['Two']]);
  expect(await failure(ada.call(groups, 'RemoveFromGroup', 'Two', [x]))).toBe('DoesNotExist');
  expect(await failure(ada.call(groups, 'RemoveGroup', 'Two'))).toBe('DoesNotExist');
});

test('a contact is put into exactly these groups, and comes onto the list if need be', async () => {
  await ada.call(groups, 'SetContactGroups', z, ['One', 'Three']);
  await told(['GroupsCreated', ['Three']], ['GroupsChanged', [z], ['One', 'Three'], []]);
  await ada.call(groups, 'SetContactGroups', z, ['Four']);
  await told(['GroupsCreated', ['Four']], ['GroupsChanged', [z], ['Four'], ['One', 'Three']], ['GroupsRemoved', ['Three']]);
  const [list] = await ada.call(names.contactList, 'GetContactListAttributes', [], false);
  expect([...(list as Map<number, unknown>).keys()].sort()).toEqual([x, y, z].sort());
  await ada.call(groups, 'SetContactGroups', z, []);
  await told(['GroupsChanged', [z], [], ['Four']], ['GroupsRemoved', ['Four']]);
});

test('a group gets exactly these members', async () => {
  await ada.call(groups, 'SetGroupMembers', 'One', [y, z]);
  await told(['GroupsChanged', [z], ['One'], []], ['GroupsChanged', [x], [], ['One']]);
  await ada.call(groups, 'SetGroupMembers', 'One', []);
  await told([['GroupsChanged', [y], [], ['One']], ['GroupsChanged', [z], [], ['One']]], ['GroupsRemoved', ['One']]);
  await ada.call(groups, 'SetGroupMembers', 'One', [x, y]);
  await told(['GroupsCreated', ['One']], ['GroupsChanged', [x], ['One'], []], ['GroupsChanged', [y], ['One'], []]);
});

test('a group is renamed by moving its members', async () => {
  expect(await failure(ada.call(groups, 'RenameGroup', 'Nowhere', 'Else'))).toBe('DoesNotExist');
  expect(await failure(ada.call(groups, 'RenameGroup', 'One', 'One'))).toBe('NotAvailable');
  await ada.call(groups, 'RenameGroup', 'One', ' Eins ');
  await told(['GroupsCreated', ['Eins']], [['GroupsChanged', [x], ['Eins'], ['One']], ['GroupsChanged', [y], ['Eins'], ['One']]], ['GroupsRemoved', ['One']]);
  await ada.call(groups, 'RemoveGroup', 'Eins');
  await told([['GroupsChanged', [x], [], ['Eins']], ['GroupsChanged', [y], [], ['Eins']]], ['GroupsRemoved', ['Eins']]);
});

test('what another client of the user does is told alike, and a name that was given stays', async () => {
  const peer = await setting.peer('ada');
  await peer.setContact('x@example.org', 'X', ['Elsewhere']);
  await told(['GroupsCreated', ['Elsewhere']], ['GroupsChanged', [x], ['Elsewhere'], []]);
  await ada.call(groups, 'SetContactGroups', x, ['Here']);
  await told(['GroupsCreated', ['Here']], ['GroupsChanged', [x], ['Here'], ['Elsewhere']], ['GroupsRemoved', ['Elsewhere']]);
  await setting.peerEvents.expect({ name: 'roster', roster: (roster: Record<string, { name: string; groups: string[] }>) => roster['x@example.org']?.groups.join() === 'Here' && roster['x@example.org'].name === 'X' });
  await ada.call(names.contactList, 'RemoveContacts', [x]);
  await told(['GroupsChanged', [x], [], ['Here']], ['GroupsRemoved', ['Here']]);
});
