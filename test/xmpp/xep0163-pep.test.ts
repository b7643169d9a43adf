import { describe, expect, test } from '@jest/globals';
import { xml } from '../../src/xmpp/element.ts';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { Roster } from '../../src/xmpp/roster.ts';
import { Disco } from '../../src/xmpp/xep0030-disco.ts';
import { Pep } from '../../src/xmpp/xep0163-pep.ts';
import type { PepEvent } from '../../src/xmpp/xep0163-pep.ts';
import { Nicknames, nick, readNick } from '../../src/xmpp/xep0172-nick.ts';
import { TestSession, parse } from './test-session.ts';

const alice = parseBareJid('alice@home.example');
const EVENT = 'http://jabber.org/protocol/pubsub#event';

async function rig(subscriptions?: Record<string, string>) {
  const session = new TestSession();
  const roster = new Roster(session);
  const disco = new Disco(session);
  const pep = new Pep(session, disco, roster);
  const fetching = roster.fetch();
  const request = await session.next();
  const arrive = async (list: Record<string, string>): Promise<void> => {
    session.reply(request, TestSession.rosterOf(list));
    await fetching;
  };
  if (subscriptions !== undefined) await arrive(subscriptions);
  const events: PepEvent[] = [];
  return { session, disco, pep, events, arrive };
}

const event = (from: string, items: string, node = 'urn:n', type = 'headline'): string =>
  `<message from='${from}' type='${type}'><event xmlns='${EVENT}'><items node='${node}'>${items}</items></event></message>`;
const item = "<item id='1'><x xmlns='urn:n'>hi</x></item>";

describe('events [A12]', () => {
  test('of contacts we may see and of ourselves are handed on, and the wish for them is announced', async () => {
    const { session, disco, pep, events } = await rig({ [alice]: 'to' });
    const stop = pep.listen('urn:n', { from: 'anyone', handle: (e) => events.push(e) });
    expect(disco.own.features.has('urn:n+notify')).toBe(true);
    await session.get(event(alice, item) + event('me@home.example', `${item}<retract id='0'/>`, 'urn:n', 'normal'));
    expect(events).toMatchObject([
      { from: alice, items: [{ id: '1', payload: { name: 'x' } }], retracted: [] },
      { from: 'me@home.example', retracted: ['0'] },
    ]);
    stop();
    expect(disco.own.features.has('urn:n+notify')).toBe(false);
    await session.get(event(alice, item));
    expect(events).toHaveLength(2);
  });

  test.each([
    ['a stranger', 'mallory@evil.example'],
    ['a stranger at our own domain', 'mallory@home.example'],
    ['a device of a contact', `${alice}/r`],
    ['another device of ours', 'me@home.example/other'],
    ['this device', 'me@home.example/here'],
    ['our domain', 'home.example'],
    ['a contact whom we may not see', 'bob@home.example'],
  ])('of %s are ignored', async (_, from) => {
    const { session, pep, events } = await rig({ [alice]: 'both', 'bob@home.example': 'from' });
    pep.listen('urn:n', { from: 'anyone', handle: (e) => events.push(e) });
    await session.get(event(from, item));
    expect(events).toEqual([]);
    await session.get(event(alice, item));
    expect(events).toHaveLength(1);
  });

  test('on a node of our own business count from ourselves alone', async () => {
    const { session, pep, events } = await rig({ [alice]: 'both' });
    pep.listen('urn:own', { from: 'own', handle: (e) => events.push(e) });
    for (const from of [alice, `${alice}/r`, 'mallory@evil.example', 'home.example', 'me@home.example/other']) await session.get(event(from, item, 'urn:own'));
    expect(events).toEqual([]);
    await session.get(event('me@home.example', item, 'urn:own'));
    expect(events).toHaveLength(1);
  });

  test('wait for a roster that comes late', async () => {
    const { session, pep, events, arrive } = await rig();
    pep.listen('urn:n', { from: 'anyone', handle: (e) => events.push(e) });
    await session.get(event(alice, item) + event('mallory@evil.example', item));
    expect(events).toEqual([]);
    await arrive({ [alice]: 'both' });
    expect(events.map(({ from }) => from)).toEqual([alice]);
  });

  test('are bounded and survive every shape [D7]', async () => {
    const { session, pep, events } = await rig({ [alice]: 'both' });
    pep.listen('urn:n', { from: 'anyone', handle: (e) => events.push(e) });
    await session.get(event(alice, item.repeat(5000) + '<retract/>'.repeat(5000)));
    expect(events[0]?.items).toHaveLength(128);
    expect(events[0]?.retracted).toEqual([]);
    await session.get(event(alice, `<item/><item id='${'x'.repeat(5000)}'/>`));
    expect(events[1]?.items).toEqual([{ id: '', payload: undefined }]);
    for (const odd of ['', '<items/>', "<items node='__proto__'><item/></items>", "<purge node='urn:n'/>", "<delete node='urn:n'/>", "<items xmlns='other' node='urn:n'/>"]) {
      await session.get(`<message from='${alice}'><event xmlns='${EVENT}'>${odd}</event></message>`);
    }
    expect(events).toHaveLength(2);
  });
});

describe('publishing', () => {
  const content = () => xml('x', { xmlns: 'urn:n' }, 'hi');

  test('sends the item', async () => {
    const { session, pep } = await rig({});
    const publishing = pep.publish('urn:n', 'current', content());
    const request = await session.next();
    expect([request.attrs.type, request.attrs.to]).toEqual(['set', undefined]);
    expect(String(request.children[0])).toBe('<pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="urn:n"><item id="current"><x xmlns="urn:n">hi</x></item></publish></pubsub>');
    session.reply(request);
    await publishing;
  });

  test('fails with the server', async () => {
    const { session, pep } = await rig({});
    const publishing = pep.publish('urn:n', 'current', content());
    session.refuse(await session.next(), 'conflict');
    await expect(publishing).rejects.toMatchObject({ condition: 'not-available' });
    expect(session.sent).toEqual([]);
  });

  test('is asked for once, and a failure is no', async () => {
    const { session, pep } = await rig({});
    const first = pep.isSupported();
    session.refuse(await session.next(), 'service-unavailable');
    expect(await first).toBe(false);
    const second = pep.isSupported();
    session.reply(await session.next(), "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='pubsub' type='pep'/></query>");
    expect(await second).toBe(true);
    expect(await pep.isSupported()).toBe(true);
    expect(session.sent).toEqual([]);
  });
});

describe('items', () => {
  test('are asked for by id or by number, and must be of that node', async () => {
    const { session, pep } = await rig({});
    const asking = pep.items(alice, 'urn:n', { id: '1' });
    const request = await session.next();
    expect(String(request)).toContain('<items node="urn:n"><item id="1"/></items>');
    session.reply(request, `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:n'>${item}</items></pubsub>`);
    expect(await asking).toMatchObject([{ id: '1', payload: { name: 'x' } }]);
    const other = pep.items(alice, 'urn:n', { max: 2 });
    const second = await session.next();
    expect(String(second)).toContain('<items node="urn:n" max_items="2"/>');
    session.reply(second, `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:other'>${item}</items></pubsub>`);
    await expect(other).rejects.toMatchObject({ condition: 'invalid-data' });
  });
});

describe('nicknames', () => {
  const NICK = 'http://jabber.org/protocol/nick';

  test('are told once each, cleaned, and taken back', async () => {
    const { session, pep } = await rig({ [alice]: 'both' });
    const names = new Nicknames(session, pep);
    const told: string[] = [];
    names.events.on('changed', (owner, name) => told.push(`${owner} ${name}`));
    const say = (name: string): string => event(alice, `<item id='c'><nick xmlns='${NICK}'>${name}</nick></item>`, NICK);
    await session.get(say('Al') + say('Al') + say(`\u202E${'x'.repeat(1000)}`) + event(alice, "<item id='c'><evil xmlns='urn:n'>E</evil></item>", NICK));
    expect(told).toEqual([`${alice} Al`, expect.stringMatching(/ x{255,256}$/)]);
    await session.get(event(alice, "<retract id='c'/>", NICK));
    expect(names.of(alice)).toBe('');
    await session.get(event('mallory@evil.example', `<item><nick xmlns='${NICK}'>Alice</nick></item>`, NICK));
    expect(names.of(parseBareJid('mallory@evil.example'))).toBeUndefined();
  });

  test('are published and introduce us', async () => {
    const { session, pep } = await rig({});
    const names = new Nicknames(session, pep);
    const publishing = names.publish('Me');
    const request = await session.next();
    expect(String(request)).toContain(`<item id="current"><nick xmlns="${NICK}">Me</nick></item>`);
    expect(names.of(session.account)).toBeUndefined();
    session.reply(request);
    await publishing;
    // Also where the server tells us nothing of what we publish.
    expect(names.of(session.account)).toBe('Me');
    expect(readNick(parse(`<presence type='subscribe'>${String(nick('Me'))}</presence>`))).toBe('Me');
    expect(readNick(parse('<presence><nick>Me</nick></presence>'))).toBe('');
  });
});
