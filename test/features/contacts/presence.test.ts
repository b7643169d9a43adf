/** SimplePresence: what the user wants, from before Connect on, and what is known of contacts. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { names, plain } from '../../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../../harness/telepathy-client.ts';
import { failure, Setting } from '../setting.ts';

const presence = names.presence;

let setting: Setting;
beforeAll(async () => {
  setting = await Setting.start(['ada', 'ben', 'cai', 'dan']);
  await setting.prosody.presetRoster('ada', [{ jid: setting.jid('ben') }, { jid: setting.jid('cai'), subscription: 'from' }, { jid: 'far@example.org', subscription: 'to' }]);
  await setting.prosody.presetRoster('ben', [{ jid: setting.jid('ada') }]);
  await setting.prosody.presetRoster('cai', [{ jid: setting.jid('ada'), subscription: 'to' }]);
});
afterAll(() => setting.stop());

/** Settles when clients of `of` are told that a contact's presence is this. */
async function shows(of: TelepathyConnection, user: string, ...wanted: [type: number, status: string, message: string]): Promise<void> {
  const handle = await of.handle(user.includes('@') ? user : setting.jid(user));
  await of.events.expect({ name: 'PresencesChanged', args: ([changed]: [Map<number, unknown>]) => JSON.stringify(changed.get(handle)) === JSON.stringify(wanted) });
  expect(await of.call(presence, 'GetPresences', [handle])).toEqual([new Map([[handle, wanted]])]);
  expect(await of.attributes(handle, presence)).toMatchObject({ [`${presence}/presence`]: wanted });
}

test('the presence set before Connect is the first that contacts see', async () => {
  const ben = await setting.connect('ben');
  await shows(ben, 'ada', 1, 'offline', '');
  const ada = await setting.request('ada');
  expect(await ada.getAll(presence)).toEqual({
    Statuses: {
      available: [2, true, true], chat: [2, true, true], away: [3, true, true], xa: [4, true, true], dnd: [6, true, true],
      hidden: [5, true, false], offline: [1, false, true], unknown: [7, false, false], error: [8, false, true],
    },
    MaximumStatusMessageLength: 1024,
  });
  await ada.call(presence, 'SetPresence', 'away', 'at <lunch> & "back" at 2');
  ben.events.forbid({ name: 'PresencesChanged', args: ([changed]: [Map<number, unknown[]>]) => [...changed.values()].some(([type]) => type === 2) });
  await ada.connect();
  await ada.events.expect({ name: 'PresencesChanged', args: [new Map([[1, [3, 'away', 'at <lunch> & "back" at 2']]])] });
  await ada.events.expect({ name: 'StatusChanged', args: [0, 1] });
  await shows(ben, 'ada', 3, 'away', 'at <lunch> & "back" at 2');
  await ben.disconnect();
  await shows(ada, 'ben', 1, 'offline', '');
  await ada.disconnect();
});

test('every status that can be set arrives as itself; a long message is cut between characters', async () => {
  const [ada, ben] = [await setting.connect('ada'), await setting.connect('ben')];
  for (const [type, status, message] of [[6, 'dnd', 'work'], [4, 'xa', ''], [2, 'chat', 'talk'], [3, 'away', ''], [2, 'available', 'line 1\nline 2']] as const) {
    await ada.call(presence, 'SetPresence', status, message);
    await ada.events.expect({ name: 'PresencesChanged', args: [new Map([[1, [type, status, message]]])] });
    await shows(ben, 'ada', type, status, message);
  }
  await ada.call(presence, 'SetPresence', 'available', `${'x'.repeat(1023)}\u{1F600}`);
  await shows(ben, 'ada', 2, 'available', 'x'.repeat(1023));
  for (const status of ['offline', 'unknown', 'error', 'unheard of', '']) expect(await failure(ada.call(presence, 'SetPresence', status, ''))).toBe('InvalidArgument');
  expect(await failure(ada.call(presence, 'SetPresence', 'dnd', 'bell\u0007'))).toBe('InvalidArgument');
  expect(await ada.call(presence, 'GetPresences', [1])).toEqual([new Map([[1, [2, 'available', 'x'.repeat(1023)]]])]);
  await ada.disconnect();
  await shows(ben, 'ada', 1, 'offline', '');
  await ben.disconnect();
});

test('of whom nothing may be seen nothing is known, and who cannot be reached is an error', async () => {
  const ada = await setting.connect('ada');
  await ada.events.expect({ name: 'PresencesChanged', args: ([changed]: [Map<number, unknown[]>]) => [...changed.values()].some(([type]) => type === 8) });
  const [cai, far, stranger] = [await ada.handle(setting.jid('cai')), await ada.handle('far@example.org'), await ada.handle('never@heard.of')];
  const cais = await setting.connect('cai');
  await shows(cais, 'ada', 2, 'available', '');
  const [known] = await ada.call(presence, 'GetPresences', [cai, far, stranger]);
  expect(plain(known)).toMatchObject({ [cai]: [7, 'unknown', ''], [far]: [8, 'error', expect.any(String)], [stranger]: [7, 'unknown', ''] });
  expect(await failure(ada.call(presence, 'GetPresences', [cai, 99]))).toBe('InvalidHandle');
  // The end of seeing somebody is the end of knowing.
  await cais.call(names.contactList, 'Unsubscribe', [await cais.handle(setting.jid('ada'))]);
  await shows(cais, 'ada', 7, 'unknown', '');
  await Promise.all([ada.disconnect(), cais.disconnect()]);
});

test('of several resources of a contact the best is shown', async () => {
  const ada = await setting.connect('ada');
  const first = await setting.peer('ben');
  await first.presence('away', 'first');
  await shows(ada, 'ben', 3, 'away', 'first');
  const second = await setting.peer('ben');
  await second.raw(`<presence><show>dnd</show><status>second</status><priority>5</priority></presence>`);
  await shows(ada, 'ben', 6, 'dnd', 'second');
  await second.disconnect();
  await shows(ada, 'ben', 3, 'away', 'first');
  await first.unavailable();
  await shows(ada, 'ben', 1, 'offline', '');
  await ada.disconnect();
});

test('a server that cannot hide us says so; wanted before Connect, hidden becomes busy', async () => {
  const dan = await setting.request('dan');
  await dan.call(presence, 'SetPresence', 'hidden', '');
  await dan.connect();
  await dan.events.expect({ name: 'PresencesChanged', args: [new Map([[1, [5, 'hidden', '']]])] });
  await dan.events.expect({ name: 'PresencesChanged', args: [new Map([[1, [6, 'dnd', '']]])] });
  expect(Object.keys((await dan.get(presence, 'Statuses')) as object)).not.toContain('hidden');
  await dan.call(presence, 'SetPresence', 'away', 'here');
  expect(await failure(dan.call(presence, 'SetPresence', 'hidden', ''))).toBe('NotAvailable');
  expect(await dan.call(presence, 'GetPresences', [1])).toEqual([new Map([[1, [3, 'away', 'here']]])]);
  await dan.disconnect();
});

test('a server that can hides us before anybody sees us, until we show ourselves', async () => {
  const { connection, connect } = await setting.scripted();
  await connection.call(presence, 'SetPresence', 'hidden', '');
  const server = await connect(false);
  const answer = (id: string | undefined, payload = ''): void => server.send(`<iq type='result' id='${id ?? ''}' from='${server.server.domain}'>${payload}</iq>`);
  const allow = server.forbid({ name: 'presence' });
  const asked = await server.expect({ name: 'iq', type: 'get', with: ['query', 'http://jabber.org/protocol/disco#info'], to: server.server.domain });
  answer(asked.attrs.id, `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' type='im'/><feature var='urn:xmpp:invisible:0'/></query>`);
  const hide = await server.expect({ name: 'iq', type: 'set', with: ['invisible', 'urn:xmpp:invisible:0'] });
  allow();
  server.send(`<iq type='result' id='${hide.attrs.id ?? ''}'/>`);
  await server.expect({ name: 'presence' });
  expect(Object.keys((await connection.get(presence, 'Statuses')) as object)).toContain('hidden');
  expect(await connection.call(presence, 'GetPresences', [1])).toEqual([new Map([[1, [5, 'hidden', '']]])]);
  const shown = connection.call(presence, 'SetPresence', 'available', 'back');
  const show = await server.expect({ name: 'iq', type: 'set', with: ['visible', 'urn:xmpp:invisible:0'] });
  server.send(`<iq type='result' id='${show.attrs.id ?? ''}'/>`);
  const sent = await server.expect({ name: 'presence' });
  expect(sent.child('status')?.text).toBe('back');
  await shown;
});
