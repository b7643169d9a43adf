/** What else is known of contacts: capabilities, kinds of client, cards, addresses, who is blocked; and all attributes in one call. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { InterfaceName } from '../../../src/bus/interfaces.ts';
import { names, plain } from '../../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../../harness/telepathy-client.ts';
import { failure, Setting } from '../setting.ts';

const of = <N extends string>(name: N): `org.freedesktop.Telepathy.Connection.Interface.${N}` => `org.freedesktop.Telepathy.Connection.Interface.${name}`;
const [capabilities, clientTypes, info, addressing, blocking] = [of('ContactCapabilities'), of('ClientTypes'), of('ContactInfo'), of('Addressing1'), names.contactBlocking];

const text = { [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1 };
const allowed = (...more: string[]): unknown => expect.arrayContaining([`${names.channel}.TargetHandle`, `${names.channel}.TargetID`, `${names.securable}.RequiredProperties`, ...more]);
const textClass = [text, allowed(`${names.securable}.Encrypted`)];
/** Of a contact whose client can be secured. */
const securedClass = [{ ...text, [`${names.securable}.Encrypted`]: true }, allowed()];

let setting: Setting;
let ada: TelepathyConnection;
let ben: TelepathyConnection;
let [benAtAda, stranger] = [0, 0];
beforeAll(async () => {
  setting = await Setting.start(['ada', 'ben', 'cai', 'dan']);
  await setting.prosody.presetRoster('ada', [{ jid: setting.jid('ben'), name: 'Ben', groups: ['Friends'] }, { jid: setting.jid('cai') }]);
  for (const user of ['ben', 'cai']) await setting.prosody.presetRoster(user, [{ jid: setting.jid('ada') }]);
  [ada, ben] = [await setting.connect('ada'), await setting.connect('ben')];
  [benAtAda, stranger] = [await ada.handle(setting.jid('ben')), await ada.handle('stranger@example.org')];
});
afterAll(() => setting.stop());

test('every contact can be written to, and one whose client can be secured says so', async () => {
  await ada.events.expect({ name: 'ContactCapabilitiesChanged', args: ([changed]: readonly unknown[]) => (changed as Map<number, unknown>).has(benAtAda) });
  expect(plain(await ada.call(capabilities, 'GetContactCapabilities', [benAtAda, stranger]))).toEqual([{ [benAtAda]: [textClass, securedClass], [stranger]: [textClass] }]);
  await ada.callAs('a(saa{sv}as)', capabilities, 'UpdateCapabilities', [['org.freedesktop.Telepathy.Client.Somebody', [], []]]);
  // Also before Connect: that is when Mission Control says it.
  const dan = await setting.request('dan');
  await dan.callAs('a(saa{sv}as)', capabilities, 'UpdateCapabilities', [['org.freedesktop.Telepathy.Client.Somebody', [new Map()], ['token']]]);
  await dan.connect();
  await dan.disconnect();
});

test('at what a contact is, as long as somebody is there', async () => {
  await ada.events.expect({ name: 'ClientTypesUpdated', args: [benAtAda, ['pc']] });
  expect(await ada.call(clientTypes, 'GetClientTypes', [benAtAda, stranger])).toEqual([new Map([[benAtAda, ['pc']]])]);
  expect(await ada.call(clientTypes, 'RequestClientTypes', benAtAda)).toEqual([['pc']]);
  expect(await ada.call(clientTypes, 'RequestClientTypes', stranger)).toEqual([[]]);
  const cai = await ada.handle(setting.jid('cai'));
  const peer = await setting.peer('cai');
  await peer.presence();
  await ada.events.expect({ name: 'ClientTypesUpdated', args: [cai, ['bot']] });
  await peer.disconnect();
  await ada.events.expect({ name: 'ClientTypesUpdated', args: [cai, []] });
  expect(Object.keys(await ada.attributes(cai, clientTypes))).toEqual([`${names.connection}/contact-id`]);
});

test('cards: our own is written, a contact reads it, what is not known is asked only on demand', async () => {
  expect(await ada.get(info, 'ContactInfoFlags')).toBe(1);
  const supported = (await ada.get(info, 'SupportedFields')) as [string, string[], number, number][];
  expect(supported).toEqual(expect.arrayContaining([['fn', [], 1, 1], ['tel', ['type=home', 'type=work', 'type=pref'], 0, 0xffff_ffff]]));
  const card = [
    ['fn', [], ['Ben Test']],
    ['n', [], ['Test', 'Ben', '', '', '']],
    ['tel', ['type=home'], ['+49 1']],
    ['tel', ['type=work'], ['+49 2']],
    ['adr', ['type=home'], ['', '', '1 Some Street', 'Town', '', '12345', 'Land']],
    ['org', [], ['Company']],
    ['note', [], ['two\nlines & <more>']],
  ];
  expect(await ada.call(info, 'GetContactInfo', [benAtAda])).toEqual([new Map()]);
  await ben.call(info, 'SetContactInfo', card);
  await ben.events.expect({ name: 'ContactInfoChanged', args: [1, card] });
  expect(await ada.call(info, 'RequestContactInfo', benAtAda)).toEqual([card]);
  await ada.events.expect({ name: 'ContactInfoChanged', args: [benAtAda, card] });
  expect(await ada.call(info, 'GetContactInfo', [benAtAda, stranger])).toEqual([new Map([[benAtAda, card]])]);
  await ben.call(info, 'SetContactInfo', [['fn', [], ['Benjamin']], ['nickname', [], ['']]]);
  await ada.call(info, 'RefreshContactInfo', [benAtAda]);
  await ada.events.expect({ name: 'ContactInfoChanged', args: [benAtAda, [['fn', [], ['Benjamin']]]] });
  for (const wrong of [[['photo', [], ['x']]], [['FN', [], ['x']]], [['fn', [], ['a']], ['fn', [], ['b']]], [['fn', [], ['x'.repeat(4097)]]], [['fn', [], ['bell\u0007']]], [['org', [], new Array<string>(17).fill('x')]], new Array<unknown>(129).fill(['tel', [], ['1']])]) {
    expect(await failure(ben.call(info, 'SetContactInfo', wrong))).toBe('InvalidArgument');
  }
  expect(await ben.call(info, 'RequestContactInfo', 1)).toEqual([[['fn', [], ['Benjamin']]]]);
});

test('contacts by address and by URI', async () => {
  const [requested, attributes] = await ada.call(addressing, 'GetContactsByURI', [`xmpp:${setting.jid('ben')}`, 'XMPP:n%C3%A9@example.org?message', 'mailto:ben@localhost', 'xmpp://auth@host/x', 'xmpp:%FF@example.org', 'xmpp:a@b/resource', ''], [addressing, names.aliasing]);
  const ne = await ada.handle('né@example.org');
  expect(requested).toEqual(new Map([[`xmpp:${setting.jid('ben')}`, benAtAda], ['XMPP:n%C3%A9@example.org?message', ne]]));
  expect(plain(attributes)).toEqual({
    [benAtAda]: {
      [`${names.connection}/contact-id`]: setting.jid('ben'),
      [`${addressing}/uris`]: [`xmpp:${setting.jid('ben')}`],
      [`${addressing}/addresses`]: { 'x-jabber': setting.jid('ben') },
      [`${names.aliasing}/alias`]: 'Ben',
    },
    [ne]: {
      [`${names.connection}/contact-id`]: 'né@example.org',
      [`${addressing}/uris`]: ['xmpp:n%C3%A9@example.org'],
      [`${addressing}/addresses`]: { 'x-jabber': 'né@example.org' },
      [`${names.aliasing}/alias`]: 'né@example.org',
    },
  });
  const byField = await ada.call(addressing, 'GetContactsByVCardField', 'X-Jabber', [setting.jid('BEN'), '@', 'a@b/c'], []);
  expect(byField).toEqual([new Map([[setting.jid('BEN'), benAtAda]]), expect.any(Map)]);
  expect(await failure(ada.call(addressing, 'GetContactsByVCardField', 'tel', ['1'], []))).toBe('NotImplemented');
});

test('who is blocked: asked for, changed here and elsewhere, and never oneself', async () => {
  expect(await ada.getAll(blocking)).toEqual({ ContactBlockingCapabilities: 0 });
  expect(await ada.call(blocking, 'RequestBlockedContacts')).toEqual([new Map()]);
  await ada.call(blocking, 'BlockContacts', [stranger], true);
  await ada.events.expect({ name: 'BlockedContactsChanged', args: [new Map([[stranger, 'stranger@example.org']]), new Map()] });
  expect(await ada.attributes(stranger, blocking)).toMatchObject({ [`${blocking}/blocked`]: true });
  expect(await ada.call(blocking, 'RequestBlockedContacts')).toEqual([new Map([[stranger, 'stranger@example.org']])]);
  const peer = await setting.peer('ada');
  await peer.block('pest@example.org');
  const pest = await ada.handle('pest@example.org');
  await ada.events.expect({ name: 'BlockedContactsChanged', args: [new Map([[pest, 'pest@example.org']]), new Map()] });
  await ada.call(blocking, 'UnblockContacts', [stranger, pest]);
  await ada.events.expect({ name: 'BlockedContactsChanged', args: [new Map(), expectMap([stranger, pest])] });
  expect(await failure(ada.call(blocking, 'BlockContacts', [stranger, 1], false))).toBe('InvalidArgument');
  expect(await failure(ada.call(blocking, 'BlockContacts', [stranger, 99], false))).toBe('InvalidHandle');
  await ada.call(blocking, 'BlockContacts', [], false);
  await ada.call(blocking, 'UnblockContacts', []);
  expect(await ada.call(blocking, 'RequestBlockedContacts')).toEqual([new Map()]);

  function expectMap(keys: readonly number[]): unknown {
    return new Map(keys.map((key) => [key, key === stranger ? 'stranger@example.org' : 'pest@example.org']));
  }
});

test('a server that cannot block anybody', async () => {
  const { connection, connect } = await setting.scripted();
  await connect();
  const bob = await connection.handle('bob@example.org');
  for (const [member, ...args] of [['RequestBlockedContacts'], ['BlockContacts', [bob], false], ['UnblockContacts', [bob]]] as const) {
    expect([member, await failure(connection.call(blocking, member, ...args))]).toEqual([member, 'NotImplemented']);
  }
  expect(await connection.attributes(bob, blocking)).toMatchObject({ [`${blocking}/blocked`]: false });
});

test('all that is known of a contact in one call, each attribute under its interface', async () => {
  const interfaces = (await ada.get(names.contacts, 'ContactAttributeInterfaces')) as InterfaceName[];
  expect([...interfaces].sort()).toEqual([names.connection, names.presence, names.contactList, names.contactGroups, blocking, names.aliasing, names.avatars, capabilities, clientTypes, info, addressing].sort());
  expect(await ada.get(names.connection, 'Interfaces')).toEqual(expect.arrayContaining(interfaces.slice(1)));
  expect(await ada.attributes(benAtAda, ...interfaces)).toEqual({
    [`${names.connection}/contact-id`]: setting.jid('ben'),
    [`${names.presence}/presence`]: [2, 'available', ''],
    [`${names.contactList}/subscribe`]: 4,
    [`${names.contactList}/publish`]: 4,
    [`${names.contactGroups}/groups`]: ['Friends'],
    [`${blocking}/blocked`]: false,
    [`${names.aliasing}/alias`]: 'Ben',
    [`${names.avatars}/token`]: '',
    [`${capabilities}/capabilities`]: [textClass, securedClass],
    [`${clientTypes}/client-types`]: ['pc'],
    [`${info}/info`]: [['fn', [], ['Benjamin']]],
    [`${addressing}/uris`]: [`xmpp:${setting.jid('ben')}`],
    [`${addressing}/addresses`]: { 'x-jabber': setting.jid('ben') },
  });
  // Of somebody never heard of only what needs nobody to say it.
  expect(Object.keys(await ada.attributes(stranger, ...interfaces)).sort()).toEqual([
    `${names.connection}/contact-id`, `${addressing}/addresses`, `${addressing}/uris`, `${names.aliasing}/alias`, `${blocking}/blocked`, `${capabilities}/capabilities`,
    `${names.contactGroups}/groups`, `${names.contactList}/publish`, `${names.contactList}/subscribe`, `${names.presence}/presence`,
  ].sort());
  const [some] = await ada.call(names.contacts, 'GetContactAttributes', [benAtAda, 0, 99], [names.aliasing, 'no.such.Interface'], false);
  expect(plain(some)).toEqual({ [benAtAda]: { [`${names.connection}/contact-id`]: setting.jid('ben'), [`${names.aliasing}/alias`]: 'Ben' } });
  const [all] = await ada.call(names.contactList, 'GetContactListAttributes', [names.contactGroups], true);
  expect(plain(all)).toMatchObject({ [benAtAda]: { [`${names.contactList}/subscribe`]: 4, [`${names.contactGroups}/groups`]: ['Friends'] } });
  expect((all as Map<number, unknown>).size).toBe(2);
});
