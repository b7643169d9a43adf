import { describe, expect, test } from '@jest/globals';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { Blocking } from '../../src/xmpp/xep0191-blocking.ts';
import { Invisibility } from '../../src/xmpp/xep0186-invisible.ts';
import { parseInfo } from '../../src/xmpp/xep0030-disco.ts';
import { TestSession, conditionOf, parse } from './test-session.ts';

const alice = parseBareJid('alice@home.example');
const bob = parseBareJid('bob@home.example');
const items = (...jids: string[]): string => jids.map((jid) => `<item jid='${jid}'/>`).join('');
const push = (name: string, content: string, from = ''): string =>
  `<iq type='set' id='p'${from === '' ? '' : ` from='${from}'`}><${name} xmlns='urn:xmpp:blocking'>${content}</${name}></iq>`;

async function rig(...jids: string[]) {
  const session = new TestSession();
  const blocking = new Blocking(session);
  const changes: unknown[] = [];
  blocking.events.on('changed', (...args) => changes.push(args));
  const fetching = blocking.fetch();
  session.reply(await session.next(), `<blocklist xmlns='urn:xmpp:blocking'>${items(...jids)}</blocklist>`);
  await fetching;
  return { session, blocking, changes };
}

describe('the block list', () => {
  test('is fetched: people, resources, domains; what is no address is left out', async () => {
    const { blocking, changes } = await rig(alice, 'evil.example', 'bob@home.example/r', '@@');
    expect([...blocking.blocked]).toEqual([alice, 'evil.example', 'bob@home.example/r']);
    expect(changes).toEqual([[[alice, 'evil.example', 'bob@home.example/r'], []]]);
  });

  test('is not there where the server has none', async () => {
    const session = new TestSession();
    const fetching = new Blocking(session).fetch();
    session.refuse(await session.next(), 'service-unavailable');
    await expect(fetching).rejects.toMatchObject({ condition: 'not-available' });
  });

  test('is changed by us when the server has agreed', async () => {
    const { session, blocking, changes } = await rig();
    const blocked = blocking.block([alice, bob]);
    const request = await session.next();
    expect(String(request.children[0])).toBe(`<block xmlns="urn:xmpp:blocking"><item jid="${alice}"/><item jid="${bob}"/></block>`);
    expect(blocking.blocked.size).toBe(0);
    session.reply(request);
    await blocked;
    await session.get(push('block', items(alice, bob)));
    const unblocked = blocking.unblock([alice]);
    session.reply(await session.next());
    await unblocked;
    expect([...blocking.blocked]).toEqual([bob]);
    expect(changes).toEqual([[[alice, bob], []], [[], [alice]]]);
    const refused = blocking.block([alice]);
    session.refuse(await session.next(), 'forbidden');
    await expect(refused).rejects.toMatchObject({ condition: 'permission-denied' });
    expect([...blocking.blocked]).toEqual([bob]);
  });

  test('never unblocks everyone by an empty request', async () => {
    const { session, blocking } = await rig(alice);
    await blocking.unblock([]);
    await blocking.block([]);
    expect(session.sent).toEqual([]);
  });

  test.each(['', 'me@home.example'])('is changed by pushes from "%s"', async (from) => {
    const { session, blocking } = await rig(alice);
    const [answer] = await session.get(push('block', items(bob), from));
    expect(answer?.attrs.type).toBe('result');
    expect([...blocking.blocked]).toEqual([alice, bob]);
    await session.get(push('unblock', items(alice), from));
    expect([...blocking.blocked]).toEqual([bob]);
    await session.get(push('unblock', items('@@'), from));
    expect([...blocking.blocked]).toEqual([bob]);
    await session.get(push('unblock', '', from));
    expect(blocking.blocked.size).toBe(0);
  });

  test.each(['mallory@evil.example', 'alice@home.example/r', 'home.example', 'me@home.example/other', 'me@home.example/here'])('is not changed by pushes from %s', async (from) => {
    const { session, blocking, changes } = await rig(alice);
    for (const content of [push('block', items(bob), from), push('unblock', '', from)]) {
      const [answer] = await session.get(content);
      expect(conditionOf(answer)).toBe('service-unavailable');
    }
    expect([...blocking.blocked]).toEqual([alice]);
    expect(changes).toHaveLength(1);
  });

  test('refuses to block nobody', async () => {
    const { session } = await rig();
    const [answer] = await session.get(push('block', ''));
    expect(conditionOf(answer)).toBe('bad-request');
  });
});

describe('hiding', () => {
  const server = (...features: string[]) => parseInfo(parse(`<query xmlns='http://jabber.org/protocol/disco#info'>${features.map((f) => `<feature var='${f}'/>`).join('')}</query>`));

  test.each([
    ['urn:xmpp:invisible:1', '<invisible xmlns="urn:xmpp:invisible:1" probe="true"/>'],
    ['urn:xmpp:invisible:0', '<invisible xmlns="urn:xmpp:invisible:0"/>'],
  ])('is asked for as the server knows it: %s', async (feature, expected) => {
    const session = new TestSession();
    const invisibility = new Invisibility(session);
    invisibility.learn(server('urn:other', feature));
    expect(invisibility.isSupported).toBe(true);
    const hiding = invisibility.hide();
    const request = await session.next();
    expect(String(request.children[0])).toBe(expected);
    session.reply(request);
    await hiding;
    const showing = invisibility.show();
    const second = await session.next();
    expect(String(second.children[0])).toBe(`<visible xmlns="${feature}"/>`);
    session.reply(second);
    await showing;
  });

  test('is refused where the server cannot', async () => {
    const session = new TestSession();
    const invisibility = new Invisibility(session);
    invisibility.learn(server('urn:other'));
    expect(invisibility.isSupported).toBe(false);
    await expect(invisibility.hide()).rejects.toMatchObject({ condition: 'not-available' });
    expect(session.sent).toEqual([]);
  });
});
