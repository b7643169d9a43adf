import { describe, expect, test } from '@jest/globals';
import { Avatars } from '../../src/xmpp/avatars.ts';
import { imageHash } from '../../src/xmpp/image.ts';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { PresenceTracker } from '../../src/xmpp/presence.ts';
import { Roster } from '../../src/xmpp/roster.ts';
import { Disco } from '../../src/xmpp/xep0030-disco.ts';
import { VCards } from '../../src/xmpp/xep0054-vcard.ts';
import { PepAvatars } from '../../src/xmpp/xep0084-avatar.ts';
import { PhotoHashes, readPhotoHash } from '../../src/xmpp/xep0153-avatar-hash.ts';
import { Pep } from '../../src/xmpp/xep0163-pep.ts';
import { TestSession, parse } from './test-session.ts';

const alice = parseBareJid('alice@home.example');
const picture = (text: string): Buffer => Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from(text)]);
const [one, two] = [picture('one'), picture('two')];
const [hashOne, hashTwo] = [imageHash(one), imageHash(two)];

const announced = (jid: string, hash: string | undefined): string =>
  `<presence from='${jid}'><x xmlns='vcard-temp:x:update'>${hash === undefined ? '' : `<photo>${hash}</photo>`}</x></presence>`;
const card = (data?: Buffer): string => `<vCard xmlns='vcard-temp'>${data === undefined ? '' : `<PHOTO><BINVAL>${data.toString('base64')}</BINVAL></PHOTO>`}</vCard>`;
const info = (hash: string, data: Buffer, more = ''): string => `<info id='${hash}' bytes='${data.length}' type='image/png'${more}/>`;
const published = (from: string, infos: string, id = 'i'): string =>
  `<message from='${from}' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:avatar:metadata'><item id='${id}'>` +
  `<metadata xmlns='urn:xmpp:avatar:metadata'>${infos}</metadata></item></items></event></message>`;
const dataItem = (data: Buffer): string =>
  `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'><item id='x'><data xmlns='urn:xmpp:avatar:data'>${data.toString('base64')}</data></item></items></pubsub>`;

async function rig() {
  const session = new TestSession();
  const roster = new Roster(session);
  const presence = new PresenceTracker(session, roster);
  const disco = new Disco(session);
  const pep = new Pep(session, disco, roster);
  const vcards = new VCards(session);
  const photos = new PhotoHashes(session, presence, vcards);
  const avatars = new Avatars(session, { pep, vcards, photos, published: new PepAvatars(session, pep) });
  const told: string[] = [];
  avatars.events.on('changed', (owner, hash) => told.push(`${owner} ${hash}`));
  const fetching = roster.fetch();
  session.reply(await session.next(), TestSession.rosterOf({ [alice]: 'both' }));
  await fetching;
  return { session, presence, vcards, photos, avatars, told };
}

describe('the hash in presence', () => {
  test.each([
    ['a hash', `<photo>${hashOne.toUpperCase()}</photo>`, hashOne],
    ['none', '<photo/>', ''],
    ['not ready', '', undefined],
    ['no hash', '<photo>../../etc/passwd</photo>', undefined],
    ['half a hash', `<photo>${hashOne.slice(1)}</photo>`, undefined],
  ])('is read: %s', (_, content, expected) => {
    expect(readPhotoHash(parse(`<presence><x xmlns='vcard-temp:x:update'>${content}</x></presence>`))).toBe(expected);
  });

  test('of ours says nothing before the card was seen, and follows it', async () => {
    const { session, presence, vcards } = await rig();
    presence.send({});
    expect(String(session.sent.shift())).toContain('<x xmlns="vcard-temp:x:update"/>');
    const fetching = vcards.fetch(session.account);
    session.reply(await session.next(), card(one));
    await fetching;
    expect(String(session.sent.shift())).toContain(`<x xmlns="vcard-temp:x:update"><photo>${hashOne}</photo></x>`);
    const clearing = vcards.edit(() => ({ photo: undefined }));
    session.reply(await session.next(), card(one));
    session.reply(await session.next());
    await clearing;
    expect(String(session.sent.shift())).toContain('<x xmlns="vcard-temp:x:update"><photo/></x>');
    expect(session.sent).toEqual([]);
  });

  test('of another device of ours makes us look at our card, once', async () => {
    const { session, photos } = await rig();
    const [request] = await session.get(announced('me@home.example/phone', hashTwo));
    session.reply(request!, card(one));
    await session.settled();
    expect(photos.of(session.account)).toBe(hashOne);
    expect(await session.get(announced('me@home.example/phone', hashTwo))).toEqual([]);
    expect(await session.get(announced('me@home.example/here', hashTwo))).toEqual([]);
    expect(await session.get(announced('me@home.example/phone', undefined))).toEqual([]);
  });
});

describe('pictures of contacts', () => {
  test('are told of when they change, what is published before what is on the card', async () => {
    const { session, avatars, told } = await rig();
    await session.get(announced(`${alice}/r`, hashOne) + announced(`${alice}/r`, hashOne) + announced(`${alice}/r`, undefined));
    await session.get(published(alice, info(hashTwo, two)));
    await session.get(published(alice, info(hashTwo, two)));
    await session.get(published(alice, ''));
    expect(told).toEqual([hashOne, hashTwo, hashOne].map((hash) => `${alice} ${hash}`));
    expect(avatars.of(alice)).toBe(hashOne);
  });

  test.each([
    ['elsewhere', info(hashOne, one, " url='http://evil.example/x'")],
    ['without measure', `<info id='${hashOne}' bytes='999999999' type='image/png'/>`],
    ['with a size that is none', `<info id='${hashOne}' bytes='1e3' type='image/png'/>`],
    ['without a hash', "<info id='x' bytes='10' type='image/png'/>"],
    ['of somebody else', info(hashOne, one), 'mallory@evil.example'],
  ])('are not taken when they are %s [D7 D8]', async (_, infos, from: string = alice) => {
    const { session, avatars } = await rig();
    await session.get(published(from, infos));
    expect(avatars.of(alice) ?? '').toBe('');
    await session.get(published(alice, infos + info(hashTwo, two)));
    expect(avatars.of(alice)).toBe(from === alice ? hashTwo : hashOne);
  });

  test('come from where they were published', async () => {
    const { session, avatars } = await rig();
    await session.get(published(alice, info(hashOne, one)));
    const fetching = avatars.fetch(alice);
    const request = await session.next();
    expect(request.attrs.to).toBe(alice);
    expect(String(request)).toContain(`<items node="urn:xmpp:avatar:data"><item id="${hashOne}"/></items>`);
    session.reply(request, dataItem(one));
    expect(await fetching).toEqual({ type: 'image/png', data: one });
  });

  test('come from the card when what was published is wrong, and are refused when the card is, too [D7]', async () => {
    const { session, avatars } = await rig();
    await session.get(published(alice, info(hashOne, one)));
    const fetching = avatars.fetch(alice);
    session.reply(await session.next(), dataItem(two));
    session.reply(await session.next(), card(one));
    expect((await fetching)?.data).toEqual(one);
    const refused = avatars.fetch(alice);
    session.reply(await session.next(), dataItem(two));
    session.reply(await session.next(), card(two));
    await expect(refused).rejects.toMatchObject({ condition: 'invalid-data' });
  });

  test('with another hash than announced in presence are refused; without announcement the card counts [D7]', async () => {
    const { session, avatars } = await rig();
    await session.get(announced(`${alice}/r`, hashOne));
    const refused = avatars.fetch(alice);
    session.reply(await session.next(), card(two));
    await expect(refused).rejects.toMatchObject({ condition: 'invalid-data' });
    const accepted = avatars.fetch(alice);
    session.reply(await session.next(), card(one));
    expect((await accepted)?.data).toEqual(one);

    const bob = parseBareJid('bob@home.example');
    const unknown = avatars.fetch(bob);
    session.reply(await session.next(), card(two));
    expect((await unknown)?.data).toEqual(two);
    expect(avatars.of(bob)).toBe(hashTwo);
    const none = avatars.fetch(parseBareJid('carol@home.example'));
    session.reply(await session.next(), card());
    expect(await none).toBeUndefined();
  });
});

describe('our own picture', () => {
  const isPep = "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='pubsub' type='pep'/></query>";

  test('is published and put on our card', async () => {
    const { session, avatars } = await rig();
    const publishing = avatars.publish(one);
    session.reply(await session.next(), isPep);
    const data = await session.next();
    expect(String(data)).toContain(`<publish node="urn:xmpp:avatar:data"><item id="${hashOne}"><data xmlns="urn:xmpp:avatar:data">${one.toString('base64')}</data></item>`);
    session.reply(data);
    const metadata = await session.next();
    expect(String(metadata)).toContain(`<item id="${hashOne}"><metadata xmlns="urn:xmpp:avatar:metadata"><info id="${hashOne}" bytes="${one.length}" type="image/png"/></metadata></item>`);
    session.reply(metadata);
    session.reply(await session.next(), card());
    const written = await session.next();
    expect(String(written)).toContain(`<PHOTO><TYPE>image/png</TYPE><BINVAL>${one.toString('base64')}</BINVAL></PHOTO>`);
    session.reply(written);
    expect(await publishing).toBe(hashOne);
  });

  test('goes on our card alone where publishing fails, and away everywhere', async () => {
    const { session, avatars } = await rig();
    const publishing = avatars.publish(one);
    session.reply(await session.next(), isPep);
    session.refuse(await session.next(), 'forbidden');
    session.reply(await session.next(), card());
    session.reply(await session.next());
    expect(await publishing).toBe(hashOne);
    const clearing = avatars.publish(undefined);
    const metadata = await session.next();
    expect(String(metadata)).toContain('<metadata xmlns="urn:xmpp:avatar:metadata"/>');
    session.reply(metadata);
    session.reply(await session.next(), card(one));
    const written = await session.next();
    expect(String(written.children[0])).toBe('<vCard xmlns="vcard-temp"/>');
    session.reply(written);
    expect(await clearing).toBe('');
  });

  test.each([
    ['text', Buffer.from('hello')],
    ['empty', Buffer.alloc(0)],
    ['too large', Buffer.concat([one, Buffer.alloc(1_000_000)])],
  ])('is refused when it is %s', async (_, data) => {
    const { session, avatars } = await rig();
    await expect(avatars.publish(data)).rejects.toMatchObject({ condition: 'invalid-argument' });
    expect(session.sent).toEqual([]);
  });
});
