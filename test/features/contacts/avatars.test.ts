/** Avatars: set by one, announced and fetched by the other, published and on the card, between hush and hush and with slixmpp. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { names } from '../../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../../harness/telepathy-client.ts';
import { failure, Setting } from '../setting.ts';

const avatars = names.avatars;

/** Begins as a picture does; nobody looks further. */
const png = (content: string): Buffer => Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from(content)]);
const tokenOf = (image: Buffer): string => createHash('sha1').update(image).digest('hex');

let setting: Setting;
let folder: string;
beforeAll(async () => {
  setting = await Setting.start(['ada', 'ben', 'cai']);
  folder = await mkdtemp(join(tmpdir(), 'hush-avatars-'));
  await setting.prosody.presetRoster('ada', [{ jid: setting.jid('ben') }, { jid: setting.jid('cai') }]);
  for (const user of ['ben', 'cai']) await setting.prosody.presetRoster(user, [{ jid: setting.jid('ada') }]);
});
afterAll(async () => {
  await setting.stop();
  await rm(folder, { recursive: true });
});

const updated = (of: TelepathyConnection, handle: number, token: string): Promise<unknown> => of.events.expect({ name: 'AvatarUpdated', args: [handle, token] });

/** What a client goes through that wants the picture. */
async function isRetrieved(by: TelepathyConnection, handle: number, image: Buffer, type: string): Promise<void> {
  expect(await by.attributes(handle, avatars)).toMatchObject({ [`${avatars}/token`]: tokenOf(image) });
  expect(await by.call(avatars, 'GetKnownAvatarTokens', [handle])).toEqual([new Map([[handle, tokenOf(image)]])]);
  await by.call(avatars, 'RequestAvatars', [handle]);
  await by.events.expect({ name: 'AvatarRetrieved', args: [handle, tokenOf(image), image, type] });
  expect(await by.call(avatars, 'RequestAvatar', handle)).toEqual([image, type]);
}

/** Sets a picture at one side and sees it come, change and go at the other. */
async function passes(at: Setting): Promise<void> {
  const [ada, ben] = [await at.connect('ada'), await at.connect('ben')];
  const adaAtBen = await ben.handle(at.jid('ada'));
  for (const image of [png('first'), png('second')]) {
    expect(await ada.call(avatars, 'SetAvatar', image, 'image/png')).toEqual([tokenOf(image)]);
    await updated(ada, 1, tokenOf(image));
    await updated(ben, adaAtBen, tokenOf(image));
    await isRetrieved(ben, adaAtBen, image, 'image/png');
    await isRetrieved(ada, 1, image, 'image/png');
  }
  // Another login finds it there.
  await ada.disconnect();
  const again = await at.connect('ada');
  await updated(again, 1, tokenOf(png('second')));
  await again.call(avatars, 'ClearAvatar');
  await updated(again, 1, '');
  await updated(ben, adaAtBen, '');
  expect(await ben.attributes(adaAtBen, avatars)).toMatchObject({ [`${avatars}/token`]: '' });
  expect(await failure(ben.call(avatars, 'RequestAvatar', adaAtBen))).toBe('NotAvailable');
  await Promise.all([again.disconnect(), ben.disconnect()]);
}

test('a picture is set, announced, fetched, changed and taken away', async () => {
  await passes(setting);
});

test('and on a server where it can be on the card only', async () => {
  const plain = await Setting.start(['ada', 'ben'], { withoutModules: ['pep', 'vcard4', 'vcard_legacy'], modules: ['vcard'] });
  try {
    await plain.prosody.befriend('ada', 'ben');
    await passes(plain);
  } finally {
    await plain.stop();
  }
});

test('a client that is not ours sees our picture, and we see its: on the card and published', async () => {
  const [peer, ada] = [await setting.peer('cai'), await setting.connect('ada')];
  const cai = await ada.handle(setting.jid('cai'));
  await peer.presence();
  const ours = png('ours');
  await ada.call(avatars, 'SetAvatar', ours, 'image/png');
  await setting.peerEvents.expect({ name: 'avatar', where: 'pep', xml: new RegExp(tokenOf(ours)) });
  await setting.peerEvents.expect({ name: 'avatar', where: 'vcard', hash: tokenOf(ours), from: /^ada@/ });
  expect(await peer.avatarOf(setting.jid('ada'))).toEqual({ hash: tokenOf(ours), mime: 'image/png' });

  for (const where of ['vcard', 'pep'] as const) {
    const theirs = png(`theirs, ${where}`);
    const file = join(folder, where);
    await writeFile(file, theirs);
    expect(await peer.setAvatar(file, 'image/png', where)).toBe(tokenOf(theirs));
    await updated(ada, cai, tokenOf(theirs));
    await isRetrieved(ada, cai, theirs, 'image/png');
  }
  await ada.disconnect();
});

test('what can be a picture is said, and what cannot is refused', async () => {
  const ben = await setting.connect('ben');
  const limits = await ben.getAll(avatars);
  expect(limits).toEqual({
    SupportedAvatarMIMETypes: ['image/png', 'image/jpeg', 'image/gif'],
    MinimumAvatarHeight: 32, MinimumAvatarWidth: 32, RecommendedAvatarHeight: 64, RecommendedAvatarWidth: 64,
    MaximumAvatarHeight: 96, MaximumAvatarWidth: 96, MaximumAvatarBytes: 8192,
  });
  expect(await ben.call(avatars, 'GetAvatarRequirements')).toEqual([['image/png', 'image/jpeg', 'image/gif'], 32, 32, 96, 96, 8192]);
  const webp = Buffer.from('RIFF\0\0\0\0WEBPVP8 ', 'latin1');
  for (const [data, type] of [[png(''), 'image/webp'], [png(''), ''], [Buffer.alloc(0), 'image/png'], [png('x'.repeat(8185)), 'image/png'], [Buffer.from('<svg/>'), 'image/png'], [webp, 'image/png']] as const) {
    expect([type, await failure(ben.call(avatars, 'SetAvatar', data, type))]).toEqual([type, 'InvalidArgument']);
  }
  const largest = png('x'.repeat(8184));
  expect(await ben.call(avatars, 'SetAvatar', largest, 'image/jpeg')).toEqual([tokenOf(largest)]);
  const stranger = await ben.handle('nobody@localhost');
  expect(await ben.call(avatars, 'GetKnownAvatarTokens', [stranger])).toEqual([new Map()]);
  expect(await ben.call(avatars, 'GetAvatarTokens', [stranger])).toEqual([['']]);
  await ben.call(avatars, 'RequestAvatars', [stranger]);
  expect(await failure(ben.call(avatars, 'RequestAvatar', stranger))).toBe('NotAvailable');
  expect(await failure(ben.call(avatars, 'RequestAvatars', [1, 99]))).toBe('InvalidHandle');
  await ben.events.sync();
  expect(ben.events.all({ name: 'AvatarRetrieved' })).toEqual([]);
  await ben.disconnect();
});
