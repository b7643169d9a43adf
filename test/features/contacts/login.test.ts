/** Coming online: in which order clients are told, and that a server which leaves questions open holds nothing up. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { names } from '../../harness/telepathy-client.ts';
import type { BusSignal, TelepathyConnection } from '../../harness/telepathy-client.ts';
import { failure, Setting } from '../setting.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await Setting.start(['ada', 'ben']);
  await setting.prosody.befriend('ada', 'ben');
});
afterAll(() => setting.stop());

/** Everything but properties that change beside it. */
const told = (connection: TelepathyConnection): unknown[] => connection.events.all({ name: (name: string) => name !== 'PropertiesChanged' }).map((event) => [event.name, ...(event as BusSignal).args]);

test('clients hear who they are and how they are shown before they are connected, and of contacts afterwards', async () => {
  const ada = await setting.connect('ada', { resource: 'Laptop' });
  expect(ada.path).toBe('/org/freedesktop/Telepathy/Connection/hush/jabber/ada_40localhost_2fLaptop');
  expect(told(ada).slice(0, 6)).toEqual([
    ['StatusChanged', 1, 1],
    ['SelfHandleChanged', 1],
    ['SelfContactChanged', 1, setting.jid('ada')],
    ['PresencesChanged', new Map([[1, [2, 'available', '']]])],
    ['StatusChanged', 0, 1],
    ['ContactListStateChanged', 1],
  ]);
  expect(await ada.getAll(names.connection)).toMatchObject({ SelfHandle: 1, SelfID: setting.jid('ada'), Status: 0, HasImmortalHandles: true });
  await ada.disconnect();
  expect(told(ada).at(-1)).toEqual(['StatusChanged', 2, 1]);
});

test('a server that answers nothing but the login keeps nobody from anything else', async () => {
  const { connection, connect } = await setting.scripted({}, { alias: 'Alice' });
  const server = await connect(false);
  await server.expect({ name: 'presence', type: '' });
  const roster = await server.expect({ name: 'iq', type: 'get', with: ['query', 'jabber:iq:roster'] });
  const bob = await connection.handle('bob@example.org');
  // Whoever asks the network waits for it …
  const aliases = failure(connection.call(names.aliasing, 'RequestAliases', [bob]));
  const card = failure(connection.call('org.freedesktop.Telepathy.Connection.Interface.ContactInfo', 'RequestContactInfo', bob));
  const avatar = failure(connection.call(names.avatars, 'SetAvatar', Buffer.from('89504e470d0a1a0a', 'hex'), 'image/png'));
  const blocked = failure(connection.call(names.contactBlocking, 'RequestBlockedContacts'));
  await connection.call(names.avatars, 'RequestAvatars', [bob]);
  // … and nobody else.
  expect(await failure(connection.call(names.contactList, 'GetContactListAttributes', [], false))).toBe('NotYet');
  await connection.call(names.presence, 'SetPresence', 'away', 'waiting');
  await server.expect({ name: 'presence', with: ['show'] });
  expect(Object.keys(await connection.attributes(bob, names.aliasing, names.presence))).toHaveLength(3);
  const channel = await connection.ensureText('bob@example.org');
  await channel.send('hello');
  expect((await server.expect({ name: 'message', to: 'bob@example.org' })).child('body')?.text).toBe('hello');
  expect(await connection.get(names.contactList, 'ContactListState')).toBe(1);

  // The list comes late, and with it what came before it.
  server.send(`<presence from='bob@example.org/x' to='${server.jid}'><show>dnd</show></presence>`);
  server.send(`<iq type='result' id='${roster.attrs.id ?? ''}'><query xmlns='jabber:iq:roster'><item jid='bob@example.org' subscription='both' name='Bob'/></query></iq>`);
  await connection.events.expect({ name: 'ContactListStateChanged', args: [3] });
  await connection.events.expect({ name: 'PresencesChanged', args: [new Map([[bob, [6, 'dnd', '']]])] });

  // The end of the connection ends all waiting.
  const gone = connection.disconnect();
  await server.expect({ kind: 'close' });
  server.send('</stream:stream>');
  server.end();
  await gone;
  expect(await Promise.all([aliases, card, avatar, blocked])).toEqual(['no error', 'Disconnected', 'Disconnected', 'Disconnected']);
});

test('a list that does not come is a failure with its reason, and may be asked for again', async () => {
  const { connection, server, connect } = await setting.scripted({
    misbehave: { roster: (honest) => honest.replace("type='result'", "type='error'").replace(/<query.*\/>/, `<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`) },
  });
  await connect();
  await connection.events.expect({ name: 'ContactListStateChanged', args: [1] });
  await connection.events.expect({ name: 'ContactListStateChanged', args: [2] });
  expect(await failure(connection.call(names.contactList, 'GetContactListAttributes', [], false))).toBe('PermissionDenied');
  server.misbehave = {};
  await connection.call(names.contactList, 'Download');
  await connection.events.expect({ name: 'ContactListStateChanged', args: [1] });
  await connection.events.expect({ name: 'ContactListStateChanged', args: [3] });
  expect(await connection.call(names.contactList, 'GetContactListAttributes', [], false)).toEqual([new Map()]);
});

test('a server that cannot remember an approval: hush does, as long as it is connected', async () => {
  const { connection, connect } = await setting.scripted();
  const server = await connect();
  await connection.contactList();
  const bob = await connection.handle('bob@example.org');
  const allow = server.forbid({ name: 'presence', type: 'subscribed' });
  await connection.call(names.contactList, 'AuthorizePublication', [bob]);
  await server.sync();
  allow();
  server.send(`<presence type='subscribe' from='bob@example.org' to='${server.jid}'/>`);
  await server.expect({ name: 'presence', type: 'subscribed', to: 'bob@example.org' });
  expect(connection.events.all({ name: 'ContactsChangedWithID' })).toEqual([]);
  // Once: the next request is a question again.
  server.send(`<presence type='subscribe' from='bob@example.org' to='${server.jid}'><status>again</status></presence>`);
  await connection.events.expect({ name: 'ContactsChangedWithID', args: [new Map([[bob, [1, 3, 'again']]]), new Map([[bob, 'bob@example.org']]), new Map()] });
});
