import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { isProved, verOf } from '../../src/xmpp/caps-hash.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { parseBareJid, parseFullJid } from '../../src/xmpp/jid.ts';
import { PresenceTracker } from '../../src/xmpp/presence.ts';
import { Roster } from '../../src/xmpp/roster.ts';
import { Disco, parseInfo } from '../../src/xmpp/xep0030-disco.ts';
import { Caps } from '../../src/xmpp/xep0115-caps.ts';
import { TestSession, parse } from './test-session.ts';

const INFO = 'http://jabber.org/protocol/disco#info';
const alice = parseFullJid('alice@home.example/r');
const bob = parseFullJid('bob@home.example/r');
const mallory = parseFullJid('mallory@evil.example/r');

const identity = "<identity category='client' type='pc' name='Test'/>";
const read = (content: string) => parseInfo(parse(`<query xmlns='${INFO}'>${content}</query>`));
/** A program nobody has ever seen, for the cache lives as long as the process. */
const program = (...features: string[]): string => identity + [`urn:test:${randomUUID()}`, ...features].map((feature) => `<feature var='${feature}'/>`).join('');
const sha1 = (text: string): string => createHash('sha1').update(text).digest('base64');

async function rig(subscriptions: Record<string, string> = { 'alice@home.example': 'both', 'bob@home.example': 'both', 'mallory@evil.example': 'both' }) {
  const session = new TestSession();
  const roster = new Roster(session);
  const presence = new PresenceTracker(session, roster);
  const disco = new Disco(session);
  const caps = new Caps(session, disco, presence, 'urn:hush');
  const told: string[] = [];
  caps.events.on('changed', (resource) => told.push(resource));
  const fetching = roster.fetch();
  session.reply(await session.next(), TestSession.rosterOf(subscriptions));
  await fetching;
  const announce = async (jid: string, ver: string, { hash = 'sha-1', node = 'urn:test' } = {}): Promise<Element[]> =>
    session.get(`<presence from='${jid}'><c xmlns='http://jabber.org/protocol/caps' node='${node}' ver='${ver}'${hash === '' ? '' : ` hash='${hash}'`}/></presence>`);
  const answer = async (request: Element | undefined, content: string): Promise<Element[]> => {
    session.reply(request!, `<query xmlns='${INFO}'>${content}</query>`);
    await session.settled();
    return session.sent.splice(0);
  };
  return { session, presence, disco, caps, told, announce, answer };
}

describe('the hash', () => {
  test('is that of the examples in XEP-0115 §5.2 and §5.3', () => {
    const features = ['http://jabber.org/protocol/disco#items', INFO, 'http://jabber.org/protocol/muc', 'http://jabber.org/protocol/caps'];
    const list = features.map((feature) => `<feature var='${feature}'/>`).join('');
    expect(verOf(read("<identity category='client' type='pc' name='Exodus 0.9.1'/>" + list))).toBe('QgayPKawpkPSDYmwT/WM94uAlu0=');
    const field = (name: string, ...values: string[]): string => `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</field>`;
    const complex = read(
      "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/><identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>" + list +
        "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>" +
        field('software_version', '0.11') + field('os', 'Mac') + field('ip_version', 'ipv6', 'ipv4') + field('os_version', '10.5.1') + field('software', 'Psi') + '</x>',
    );
    expect(verOf(complex)).toBe('q07IKJEyjvHSyhy//CH0CxmKi8w=');
    expect(isProved(complex, 'sha-1', 'q07IKJEyjvHSyhy//CH0CxmKi8w=')).toBe(true);
  });

  test('sorts by bytes, not by UTF-16 units', () => {
    // U+FF5E comes before U+1F600 in UTF-8 and after its surrogates in UTF-16.
    expect(verOf(read(`${identity}<feature var='\u{1F600}'/><feature var='\uFF5E'/>`))).toBe(sha1('client/pc//Test<\uFF5E<\u{1F600}<'));
  });

  test.each(['sha-256', 'sha-512'])('may be %s', (algorithm) => {
    const info = read(program());
    const value = `client/pc//Test<${[...info.features].join('')}<`;
    const ver = createHash(algorithm.replace('-', '')).update(value).digest('base64');
    expect(isProved(info, algorithm, ver)).toBe(true);
    expect(isProved(info, algorithm, verOf(info))).toBe(false);
  });
});

describe('what a hash cannot prove [D1]', () => {
  const form = (fields: string): string => `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:b</value></field>${fields}</x>`;
  const honest = `${identity}<feature var='urn:a'/><feature var='urn:b'/><feature var='urn:c'/><feature var='urn:d'/>`;

  test.each([
    ['a separator inside a name', `<identity category='client' type='pc' name='Test&lt;urn:a&lt;urn:b&lt;urn:c&lt;urn:d'/>`, honest],
    ['a separator inside a feature', `${identity}<feature var='urn:a&lt;urn:b'/><feature var='urn:c'/><feature var='urn:d'/>`, honest],
    ['features turned into a form', `${identity}<feature var='urn:a'/>${form("<field var='urn:c'><value>urn:d</value></field>")}`, honest],
    ['a feature turned into an empty form', `${identity}<feature var='urn:a'/>${form('')}`, `${identity}<feature var='urn:a'/><feature var='urn:b'/>`],
    ['features turned into a field without value', `${identity}<feature var='urn:a'/>${form("<field var='x'/>")}`, `${identity}<feature var='urn:a'/><feature var='urn:b'/><feature var='x'/>`],
    ['an identity turned into a feature', "<feature var='client/pc//Test'/><feature var='urn:a'/>", `${identity}<feature var='urn:a'/>`],
    ['one of two identities turned into a feature', `${identity}<feature var='client/phone//Test'/><feature var='urn:a'/>`, `${identity}<identity category='client' type='phone' name='Test'/><feature var='urn:a'/>`],
    ['an identity turned into a form', form("<field var='plain'><value>word</value></field>").replace('urn:b', 'client/pc//Test'), `${identity}<feature var='plain'/><feature var='word'/>`],
    ['a slash inside a type', "<identity category='client' type='pc/' name='Test'/>", "<identity category='client' type='pc' lang='' name='/Test'/>"],
  ])('is %s', (_, forged, original) => {
    const ver = verOf(read(original));
    // The control: both say the same to the hash, and the original is believed.
    expect(verOf(read(forged))).toBe(ver);
    expect(isProved(read(original), 'sha-1', ver)).toBe(true);
    expect(isProved(read(forged), 'sha-1', ver)).toBe(false);
  });

  test('is an answer in which something comes twice', () => {
    const twice = read(`${identity}${identity}<feature var='urn:a'/>`);
    expect(isProved(twice, 'sha-1', verOf(twice))).toBe(false);
  });
});

describe('contacts', () => {
  test('who announce the same are asked once, and the proof holds for all', async () => {
    const { caps, told, announce, answer } = await rig();
    const content = program('urn:x');
    const ver = verOf(read(content));
    const [request, ...more] = [...(await announce(alice, ver)), ...(await announce(bob, ver))];
    expect(more).toEqual([]);
    expect(String(request)).toContain(`to="${alice}"><query xmlns="${INFO}" node="urn:test#${ver}"/>`);
    expect(caps.of(alice)).toBeUndefined();
    expect(await answer(request, content)).toEqual([]);
    expect(caps.of(alice)?.features.has('urn:x')).toBe(true);
    expect(caps.of(bob)).toBe(caps.of(alice));
    expect(told.sort()).toEqual([alice, bob].sort());

    const other = await rig();
    expect(await other.announce(bob, ver)).toEqual([]);
    expect(other.caps.of(bob)?.features.has('urn:x')).toBe(true);
    expect(other.told).toEqual([bob]);
  });

  test('who lie about a hash are believed only for themselves, and the next one is asked [D1]', async () => {
    const { caps, announce, answer } = await rig();
    const content = program('urn:xmpp:jingle:1');
    const ver = verOf(read(content));
    const [first] = await announce(mallory, ver);
    await announce(alice, ver);
    await announce(bob, ver);
    const [second, ...more] = await answer(first, `${identity}<feature var='urn:mallory'/>`);
    expect(more).toEqual([]);
    expect(second?.attrs.to).toBe(alice);
    expect(caps.of(mallory)?.features).toEqual(new Set(['urn:mallory']));
    expect(caps.of(alice)).toBeUndefined();
    await answer(second, content);
    expect(caps.of(alice)?.features.has('urn:xmpp:jingle:1')).toBe(true);
    expect(caps.of(bob)?.features.has('urn:xmpp:jingle:1')).toBe(true);
    expect(caps.of(mallory)?.features).toEqual(new Set(['urn:mallory']));
  });

  test('who do not answer leave the others to be asked', async () => {
    const { session, caps, announce, answer } = await rig();
    const content = program();
    const ver = verOf(read(content));
    const [first] = await announce(mallory, ver);
    await announce(alice, ver);
    session.refuse(first!, 'service-unavailable');
    await session.settled();
    await answer(session.sent.shift(), content);
    expect(caps.of(alice)).toBeDefined();
    expect(caps.of(mallory)).toBe(caps.of(alice));
  });

  test.each([
    ['an unknown algorithm', { hash: 'md2' }],
    ['no algorithm, as before 1.4', { hash: '' }],
    ['a name out of a prototype', { hash: '__proto__' }],
  ])('with %s are asked one by one [D1]', async (_, options) => {
    const { caps, announce, answer } = await rig();
    const ver = randomUUID();
    const [first] = await announce(alice, ver, options);
    const [second] = await announce(bob, ver, options);
    expect(String(first)).toContain(`<query xmlns="${INFO}"/>`);
    await answer(first, `${identity}<feature var='urn:alice'/>`);
    await answer(second, `${identity}<feature var='urn:bob'/>`);
    expect(caps.of(alice)?.features).toEqual(new Set(['urn:alice']));
    expect(caps.of(bob)?.features).toEqual(new Set(['urn:bob']));
  });

  test('are forgotten with their presence, and known anew with another announcement', async () => {
    const { session, caps, announce, answer } = await rig();
    const one = program('urn:one');
    const [request] = await announce(alice, verOf(read(one)));
    await answer(request, one);
    const two = program('urn:two');
    const [second] = await announce(alice, verOf(read(two)));
    expect(caps.of(alice)).toBeUndefined();
    await answer(second, two);
    expect(caps.of(alice)?.features.has('urn:two')).toBe(true);
    await session.get(`<presence from='${alice}'/>`);
    expect(caps.of(alice)?.features.has('urn:two')).toBe(true);
    await session.get(`<presence from='${alice}' type='unavailable'/>`);
    expect(caps.of(alice)).toBeUndefined();
  });

  test('whose announcement changes while they are asked are asked again', async () => {
    const { caps, announce, answer } = await rig();
    const [one, two] = [program('urn:one'), program('urn:two')];
    const [first] = await announce(alice, verOf(read(one)));
    const [second] = await announce(alice, verOf(read(two)));
    await answer(first, one);
    expect(caps.of(alice)).toBeUndefined();
    await answer(second, two);
    expect(caps.of(alice)?.features.has('urn:two')).toBe(true);
  });

  test('who may not see us are not asked by themselves, as are strangers [D3]', async () => {
    const { caps, announce, answer } = await rig({ 'alice@home.example': 'to' });
    expect(await announce(alice, verOf(read(program())))).toEqual([]);
    expect(await announce(mallory, verOf(read(program())))).toEqual([]);
    const own = await announce('me@home.example/phone', randomUUID());
    expect(own).toHaveLength(1);
    await answer(own[0], identity);
    expect(caps.of(alice)).toBeUndefined();
  });

  test('with odd announcements harm nobody [D1]', async () => {
    const { session, announce } = await rig();
    expect(await announce(alice, '')).toEqual([]);
    expect(await announce(alice, 'x'.repeat(5000))).toEqual([]);
    expect(await session.get(`<presence from='${alice}'><c xmlns='http://jabber.org/protocol/caps'/></presence>`)).toEqual([]);
    const hostile = await announce(alice, '&quot;&lt;/query&gt;', { node: '#&amp;' });
    expect(hostile).toHaveLength(1);
    session.refuse(hostile[0]!, 'item-not-found');
    await session.settled();
  });

  test('are asked at most nine at a time, whoever is wanted now first [fault-12]', async () => {
    const jids = Array.from({ length: 40 }, (_, i) => `c${i}@home.example`);
    const { session, caps, announce, answer } = await rig(Object.fromEntries(jids.map((jid) => [jid, 'both'])));
    for (const jid of jids) {
      session.receive(`<presence from='${jid}/r'><c xmlns='http://jabber.org/protocol/caps' node='urn:test' ver='${randomUUID()}'/></presence>`);
    }
    await session.settled();
    const requests = session.sent.splice(0);
    expect(requests).toHaveLength(9);
    const wanted = caps.discover(parseFullJid('c39@home.example/r'));
    const [next] = await answer(requests.shift(), identity);
    expect(next?.attrs.to).toBe('c39@home.example/r');
    let open = [...requests, next];
    let total = 9;
    while (open.length > 0) {
      const request = open.shift();
      const more = await answer(request, identity);
      total += more.length;
      open = [...open, ...more];
      expect(open.length).toBeLessThanOrEqual(9);
    }
    expect(total).toBe(39);
    expect((await wanted)?.identities).toHaveLength(1);
    expect(await announce('c0@home.example/other', '')).toEqual([]);
  });
});

test('5000 contacts with 20 programs take 20 questions, and no time [fault-12]', async () => {
  const jids = Array.from({ length: 5000 }, (_, i) => `c${i}@home.example`);
  const { session, caps, told } = await rig(Object.fromEntries(jids.map((jid) => [jid, 'both'])));
  const programs = new Map(Array.from({ length: 20 }, () => program()).map((content) => [verOf(read(content)), content]));
  const vers = [...programs.keys()];
  const start = performance.now();
  const questions: Element[] = [];
  const ask = (): void => {
    for (const request of session.sent.splice(0)) questions.push(request);
  };
  for (let at = 0; at < jids.length; at += 250) {
    session.receive(jids.slice(at, at + 250).map((jid, i) => `<presence from='${jid}/r'><c xmlns='http://jabber.org/protocol/caps' node='urn:test' hash='sha-1' ver='${vers[i % 20]!}'/></presence>`).join(''));
    await session.settled();
    ask();
  }
  expect(questions).toHaveLength(9);
  for (let next = questions.shift(); next !== undefined; next = questions.shift()) {
    const { node } = (next.children[0] as Element).attrs;
    session.reply(next, `<query xmlns='${INFO}'>${programs.get(node!.split('#')[1]!)!}</query>`);
    await session.settled();
    ask();
  }
  expect(told).toHaveLength(5000);
  expect(caps.of(parseFullJid('c4999@home.example/r'))).toBeDefined();
  expect(performance.now() - start).toBeLessThan(5000);
});

describe('a resource asked on purpose', () => {
  test('is told from one answer to all who asked', async () => {
    const { session, caps, answer } = await rig();
    await session.get(`<presence from='${alice}'/>`);
    const [one, two] = [caps.discover(alice), caps.discover(alice)];
    const [request, ...more] = session.sent.splice(0);
    expect(more).toEqual([]);
    await answer(request, `${identity}<feature var='urn:x'/>`);
    expect(await one).toBe(await two);
    expect(caps.of(alice)).toBe(await one);
    expect(await caps.discover(alice)).toBe(await one);
    expect(session.sent).toEqual([]);
  });

  test('that is not there is told and not kept; one that refuses is undefined', async () => {
    const { session, caps, answer } = await rig();
    const asking = caps.discover(mallory);
    await answer(session.sent.shift(), identity);
    expect((await asking)?.identities).toHaveLength(1);
    expect(caps.of(mallory)).toBeUndefined();
    const refused = caps.discover(alice);
    session.refuse(session.sent.shift()!, 'service-unavailable');
    expect(await refused).toBeUndefined();
  });
});

describe('what we can do', () => {
  test('goes with our presence, and once more when it changes', async () => {
    const { session, presence, disco, caps } = await rig();
    disco.identity('client', 'pc', 'hush');
    presence.send({ show: 'away' });
    const first = session.sent.shift()!;
    expect(String(first)).toContain(`<c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:hush" ver="${caps.ver}"/>`);
    const before = caps.ver;
    disco.feature('urn:one');
    disco.feature('urn:two');
    const second = await session.next();
    expect(String(second)).toContain(`<show>away</show><c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:hush" ver="${caps.ver}"/>`);
    await session.settled();
    expect(session.sent).toEqual([]);
    expect(caps.ver).not.toBe(before);

    for (const ver of [before, caps.ver]) {
      const [answer] = await session.get(`<iq type='get' id='q' from='${alice}'><query xmlns='${INFO}' node='urn:hush#${ver}'/></iq>`);
      const query = answer!.children[0] as Element;
      expect(query.attrs.node).toBe(`urn:hush#${ver}`);
      expect(verOf(parseInfo(query))).toBe(ver);
    }
  });

  test('is not told while we are not there', async () => {
    const { session, disco } = await rig();
    disco.feature('urn:one');
    await session.settled();
    expect(session.sent).toEqual([]);
    expect(parseBareJid(session.account)).toBe(session.account);
  });
});
