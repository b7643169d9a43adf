/** Aliasing: the name the user gave, the name people give themselves, the name on their card, the address. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { names } from '../../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../../harness/telepathy-client.ts';
import { failure, Setting } from '../setting.ts';

const aliasing = names.aliasing;

let setting: Setting;
beforeAll(async () => {
  setting = await Setting.start(['ada', 'ben', 'cai', 'dan', 'eve', 'fay']);
  await setting.prosody.presetRoster('ada', [{ jid: setting.jid('ben') }, { jid: setting.jid('cai') }, { jid: 'far@example.org', subscription: 'none' }]);
  for (const user of ['ben', 'cai']) await setting.prosody.presetRoster(user, [{ jid: setting.jid('ada') }]);
});
afterAll(() => setting.stop());

const isCalled = (of: TelepathyConnection, handle: number, alias: string): Promise<unknown> => of.events.expect({ name: 'AliasesChanged', args: [[[handle, alias]]] });

test('what one calls oneself reaches the contacts, unless they have a name of their own for one', async () => {
  const [ada, ben] = [await setting.connect('ada'), await setting.connect('ben')];
  const [benAtAda, adaAtBen] = [await ada.handle(setting.jid('ben')), await ben.handle(setting.jid('ada'))];
  expect(await ada.call(aliasing, 'GetAliasFlags')).toEqual([1]);
  expect(await ada.call(aliasing, 'RequestAliases', [benAtAda, 1])).toEqual([[setting.jid('ben'), setting.jid('ada')]]);

  await ben.call(aliasing, 'SetAliases', new Map([[1, 'Benjamin']]));
  await isCalled(ben, 1, 'Benjamin');
  await isCalled(ada, benAtAda, 'Benjamin');
  await ada.call(aliasing, 'SetAliases', new Map([[benAtAda, ' Big Ben ']]));
  await isCalled(ada, benAtAda, 'Big Ben');
  expect(await ada.call(aliasing, 'GetAliases', [benAtAda, 1])).toEqual([new Map([[benAtAda, 'Big Ben'], [1, setting.jid('ada')]])]);
  expect(await ada.attributes(benAtAda, aliasing)).toMatchObject({ [`${aliasing}/alias`]: 'Big Ben' });
  // What he calls himself now is not what she calls him.
  ada.events.forbid({ name: 'AliasesChanged', args: ([pairs]: [[number, string][]]) => pairs.some(([, alias]) => alias === 'Ben') });
  await ben.call(aliasing, 'SetAliases', new Map([[1, 'Ben']]));
  await isCalled(ben, 1, 'Ben');
  await ben.call(aliasing, 'SetAliases', new Map([[adaAtBen, 'Countess']]));
  await isCalled(ben, adaAtBen, 'Countess');
  await ada.events.sync();
  await Promise.all([ada.disconnect(), ben.disconnect()]);
});

test('a contact of another client: nickname, then card, then address; the parameter "alias" is published', async () => {
  const peer = await setting.peer('cai');
  const ada = await setting.connect('ada', { alias: 'Ada L.' });
  const cai = await ada.handle(setting.jid('cai'));
  await isCalled(ada, 1, 'Ada L.');
  await peer.raw(`<iq type='set' id='card'><vCard xmlns='vcard-temp'><FN>Cai of the\nCard</FN></vCard></iq>`);
  // The server has it once it has answered what came behind it.
  await peer.features(setting.jid('cai'));
  await peer.presence();
  expect(await ada.call(aliasing, 'RequestAliases', [cai])).toEqual([['Cai of the Card']]);
  await peer.setNickname('C\u202E.');
  await isCalled(ada, cai, 'C.');
  await peer.setNickname('');
  await isCalled(ada, cai, 'Cai of the Card');
  await ada.disconnect();
});

test('a server without publishing keeps the name on the card', async () => {
  const plain = await Setting.start(['ada'], { withoutModules: ['pep', 'vcard4', 'vcard_legacy'], modules: ['vcard'] });
  try {
    const ada = await plain.connect('ada');
    await ada.call(aliasing, 'SetAliases', new Map([[1, 'Ada']]));
    await isCalled(ada, 1, 'Ada');
    await ada.call(aliasing, 'SetAliases', new Map([[1, '']]));
    await isCalled(ada, 1, plain.jid('ada'));
  } finally {
    await plain.stop();
  }
});

test('names that cannot be are refused, and nothing of the call happens', async () => {
  const ada = await setting.connect('ada');
  const far = await ada.handle('far@example.org');
  for (const name of ['two\nlines', 'bell\u0007', 'turned \u202Earound', 'x'.repeat(1024), '\u{1F600}'.repeat(256)]) {
    expect(await failure(ada.call(aliasing, 'SetAliases', new Map([[far, 'First'], [1, name]])))).toBe('InvalidArgument');
  }
  expect(await failure(ada.call(aliasing, 'SetAliases', new Map([[far, 'First'], [99, 'Nobody']])))).toBe('InvalidHandle');
  expect(await ada.call(aliasing, 'GetAliases', [far])).toEqual([new Map([[far, 'far@example.org']])]);
  await ada.call(aliasing, 'SetAliases', new Map([[far, 'x'.repeat(1023)]]));
  await isCalled(ada, far, 'x'.repeat(1023));
  await ada.disconnect();
});
