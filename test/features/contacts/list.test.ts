/** ContactList: the roster of a real server, subscriptions in both directions and their ends. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { names, plain } from '../../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../../harness/telepathy-client.ts';
import { failure, Setting } from '../setting.ts';

const list = names.contactList;
const [no, gone, ask, yes] = [1, 2, 3, 4];

let setting: Setting;
beforeAll(async () => {
  setting = await Setting.start(['ada', 'ann', 'ben', 'cai', 'dan', 'eve', 'fay', 'gus', 'hal', 'ida']);
});
afterAll(() => setting.stop());

/** Settles when clients of `of` have been told that it stands so with `user`. */
async function stands(of: TelepathyConnection, user: string, subscribe: number, publish: number, request = ''): Promise<void> {
  const handle = await of.handle(setting.jid(user));
  await of.events.expect({
    name: 'ContactsChangedWithID',
    args: [new Map([[handle, [subscribe, publish, request]]]), new Map([[handle, setting.jid(user)]]), new Map()],
  });
  await of.events.expect({ name: 'ContactsChanged', args: [new Map([[handle, [subscribe, publish, request]]]), []] });
}

async function isGone(from: TelepathyConnection, user: string): Promise<void> {
  const handle = await from.handle(setting.jid(user));
  await from.events.expect({ name: 'ContactsChangedWithID', args: [new Map(), new Map(), new Map([[handle, setting.jid(user)]])] });
  await from.events.expect({ name: 'ContactsChanged', args: [new Map(), [handle]] });
}

/** Who is on the list, by identifier, with subscribe and publish. */
async function listed(of: TelepathyConnection): Promise<Record<string, unknown>> {
  const [contacts] = await of.call(list, 'GetContactListAttributes', [], false);
  const attributes = Object.values(plain(contacts) as Record<string, Record<string, unknown>>);
  return Object.fromEntries(attributes.map((one) => [one[`${names.connection}/contact-id`] as string, [one[`${list}/subscribe`], one[`${list}/publish`]]]));
}

async function call(of: TelepathyConnection, member: string, users: readonly string[], ...more: unknown[]): Promise<void> {
  const handles = await Promise.all(users.map((user) => of.handle(setting.jid(user))));
  await of.call(list, member, handles, ...more);
}

async function befriended(one: string, other: string): Promise<[TelepathyConnection, TelepathyConnection]> {
  await setting.prosody.befriend(one, other);
  return [await setting.connect(one), await setting.connect(other)];
}

test('the list comes by itself: Waiting, then everyone on it with their groups, then Success', async () => {
  await setting.prosody.presetRoster('ada', [
    { jid: 'both@example.org', name: 'Both Ways', groups: ['Friends', 'Work'] },
    { jid: 'from@example.org', groups: ['Work'], subscription: 'from' },
    { jid: 'to@example.org', subscription: 'to' },
    { jid: 'none@example.org', subscription: 'none' },
  ]);
  const ada = await setting.request('ada');
  expect(await ada.getAll(list)).toEqual({ ContactListState: 0, ContactListPersists: true, CanChangeContactList: true, RequestUsesMessage: true, DownloadAtConnection: true });
  expect(await failure(ada.call(list, 'GetContactListAttributes', [], false))).toBe('Disconnected');
  await ada.call(names.connection, 'Connect');
  await ada.events.expect({ name: 'ContactListStateChanged', args: [1] });
  const { args: [changes, identifiers, removals] } = await ada.events.expect<{ source: string; name: string; args: [unknown, unknown, unknown] }>({ name: 'ContactsChangedWithID' });
  const byId = Object.fromEntries(Object.entries(plain(identifiers) as Record<string, string>).map(([handle, id]) => [id, (plain(changes) as Record<string, unknown>)[handle]]));
  expect(byId).toEqual({ 'both@example.org': [yes, yes, ''], 'from@example.org': [no, yes, ''], 'to@example.org': [yes, no, ''], 'none@example.org': [no, no, ''] });
  expect(removals).toEqual(new Map());
  await ada.events.expect({ name: 'GroupsCreated', args: ([created]: string[][]) => [...(created ?? [])].sort().join() === 'Friends,Work' });
  await ada.events.expectMany([
    { name: 'GroupsChanged', args: [[await ada.handle('both@example.org')], ['Friends', 'Work'], []] },
    { name: 'GroupsChanged', args: [[await ada.handle('from@example.org')], ['Work'], []] },
  ]);
  await ada.events.expect({ name: 'ContactListStateChanged', args: [3] });
  expect(await ada.get(list, 'ContactListState')).toBe(3);
  expect(await listed(ada)).toEqual({ 'both@example.org': [yes, yes], 'from@example.org': [no, yes], 'to@example.org': [yes, no], 'none@example.org': [no, no] });
  await ada.disconnect();
});

test('a subscription: asked with words, granted, and asked and granted the other way', async () => {
  const [ann, ben] = [await setting.connect('ann'), await setting.connect('ben')];
  await call(ann, 'RequestSubscription', ['ben'], 'it is me, Ann');
  await stands(ann, 'ben', ask, no);
  await stands(ben, 'ann', no, ask, 'it is me, Ann');
  expect(await ben.attributes(await ben.handle(setting.jid('ann')), list)).toMatchObject({ [`${list}/publish`]: ask, [`${list}/publish-request`]: 'it is me, Ann' });
  expect(await listed(ben)).toEqual({ [setting.jid('ann')]: [no, ask] });

  await call(ben, 'AuthorizePublication', ['ann']);
  // Whoever asked does not leave the list in between.
  const removals = { name: 'ContactsChangedWithID', args: ([, , removed]: [unknown, unknown, Map<unknown, unknown>]) => removed.size > 0 };
  ben.events.forbid(removals);
  await stands(ben, 'ann', no, yes);
  await stands(ann, 'ben', yes, no);
  expect(Object.keys(await ben.attributes(await ben.handle(setting.jid('ann')), list))).not.toContain(`${list}/publish-request`);

  await call(ben, 'RequestSubscription', ['ann'], '');
  await stands(ann, 'ben', yes, ask);
  await call(ann, 'AuthorizePublication', ['ben']);
  await stands(ann, 'ben', yes, yes);
  await stands(ben, 'ann', ask, yes);
  await stands(ben, 'ann', yes, yes);
  await ben.events.sync();

  // One way ends, then the other; the other side is told which.
  await call(ann, 'Unsubscribe', ['ben']);
  await stands(ann, 'ben', no, yes);
  await stands(ben, 'ann', yes, gone);
  await call(ann, 'Unpublish', ['ben']);
  await stands(ann, 'ben', no, no);
  await stands(ben, 'ann', gone, gone);
  await Promise.all([ann.disconnect(), ben.disconnect()]);
});

test('a contact is removed, and the other side keeps who has gone', async () => {
  const [cai, dan] = await befriended('cai', 'dan');
  await call(cai, 'RemoveContacts', ['dan']);
  await isGone(cai, 'dan');
  expect(await listed(cai)).toEqual({});
  // Prosody tells the two ends one after the other.
  await stands(dan, 'cai', gone, gone);
  expect(await listed(dan)).toEqual({ [setting.jid('cai')]: [gone, gone] });
  await call(dan, 'RemoveContacts', ['cai']);
  await isGone(dan, 'cai');
  await Promise.all([cai.disconnect(), dan.disconnect()]);
});

test('a request that came while nobody was there waits; declined, it leaves the list, and who asked is told', async () => {
  const eve = await setting.connect('eve');
  await call(eve, 'RequestSubscription', ['fay'], 'hello?');
  await stands(eve, 'fay', ask, no);
  const fay = await setting.connect('fay');
  await stands(fay, 'eve', no, ask, 'hello?');
  await call(fay, 'Unpublish', ['eve']);
  await isGone(fay, 'eve');
  await stands(eve, 'fay', gone, no);
  expect(await listed(fay)).toEqual({});
  // Asked once more: that starts anew.
  await call(eve, 'RequestSubscription', ['fay'], 'please');
  await stands(eve, 'fay', ask, no);
  await stands(fay, 'eve', no, ask, 'please');

  // Who is blocked waits for no answer, and cannot ask again.
  await fay.call(names.contactBlocking, 'BlockContacts', [await fay.handle(setting.jid('eve'))], false);
  await isGone(fay, 'eve');
  await fay.disconnect();
  const again = await setting.connect('fay');
  expect(plain(await again.call(names.contactBlocking, 'RequestBlockedContacts'))).toEqual([{ [await again.handle(setting.jid('eve'))]: setting.jid('eve') }]);
  expect(await listed(again)).toEqual({});
  await Promise.all([eve.disconnect(), again.disconnect()]);
});

test('a request granted beforehand is never shown', async () => {
  const [gus, hal] = [await setting.connect('gus'), await setting.connect('hal')];
  await call(gus, 'AuthorizePublication', ['hal']);
  gus.events.forbid({ name: 'ContactsChangedWithID', args: ([changes]: [Map<number, [number, number, string]>]) => [...changes.values()].some(([, publish]) => publish === ask) });
  await call(hal, 'RequestSubscription', ['gus'], 'me again');
  await stands(hal, 'gus', yes, no);
  await stands(gus, 'hal', no, yes);
  await Promise.all([gus.disconnect(), hal.disconnect()]);
});

test('without DownloadAtConnection the list stays where it is until it is asked for, and is not edited', async () => {
  await setting.prosody.presetRoster('ida', [{ jid: 'kept@example.org', name: 'Kept', groups: ['Safe'], subscription: 'none' }]);
  const ida = await setting.request('ida', { [`${list}.DownloadAtConnection`]: false });
  await ida.connect();
  expect(await ida.getAll(list)).toMatchObject({ ContactListState: 0, DownloadAtConnection: false });
  expect(await failure(ida.call(list, 'GetContactListAttributes', [], false))).toBe('NotYet');
  const kept = await ida.handle('kept@example.org');
  // An edit now would take from the server what has not been seen.
  expect(await failure(ida.call(list, 'RequestSubscription', [kept], ''))).toBe('NotYet');
  expect(await failure(ida.call(names.contactGroups, 'AddToGroup', 'New', [kept]))).toBe('NotYet');
  expect(await failure(ida.call(names.aliasing, 'SetAliases', new Map([[kept, 'New']])))).toBe('NotYet');
  await ida.call(list, 'Download');
  await ida.contactList();
  expect(await ida.attributes(kept, names.aliasing, names.contactGroups)).toMatchObject({ [`${names.aliasing}/alias`]: 'Kept', [`${names.contactGroups}/groups`]: ['Safe'] });
  await ida.disconnect();
});
