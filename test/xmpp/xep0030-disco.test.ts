import { describe, expect, test } from '@jest/globals';
import { children } from '../../src/xmpp/element.ts';
import { parseBareJid, parseFullJid } from '../../src/xmpp/jid.ts';
import { Disco, parseInfo } from '../../src/xmpp/xep0030-disco.ts';
import { answerVersion } from '../../src/xmpp/xep0092-version.ts';
import { answerPing } from '../../src/xmpp/xep0199-ping.ts';
import { TestSession, conditionOf, parse } from './test-session.ts';

const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';
const friend = parseFullJid('friend@home.example/r');

function rig() {
  const session = new TestSession();
  session.router.subscriptionOf = (jid) => jid === parseBareJid('friend@home.example');
  const disco = new Disco(session);
  disco.identity('client', 'pc', 'hush');
  answerVersion(session, disco, { name: 'hush', version: '1.2.3' });
  answerPing(session, disco);
  return { session, disco };
}

const ask = (from: string, payload: string): string => `<iq type='get' id='q'${from === '' ? '' : ` from='${from}'`} to='me@home.example/here'>${payload}</iq>`;
const queries = [`<query xmlns='${INFO}'/>`, `<query xmlns='${ITEMS}'/>`, "<query xmlns='jabber:iq:version'/>", "<ping xmlns='urn:xmpp:ping'/>"];
const acquaintances = ['', 'home.example', 'me@home.example', 'me@home.example/here', 'me@home.example/other', friend];
const strangers = ['mallory@evil.example', 'mallory@evil.example/r', 'evil.example', 'stranger@home.example/r', 'friend@home.example.evil.example/r'];

describe('questions', () => {
  test.each(acquaintances.flatMap((from) => queries.map((query) => [from, query])))('from "%s" are answered: %s', async (from, query) => {
    const { session } = rig();
    const [answer, ...more] = await session.get(ask(from, query));
    expect(more).toEqual([]);
    expect(answer?.attrs).toMatchObject({ type: 'result', id: 'q', ...(from !== '' && { to: from }) });
  });

  test.each(strangers.flatMap((from) => queries.map((query) => [from, query])))('from "%s" get what any unknown question gets: %s', async (from, query) => {
    const { session } = rig();
    const answer = (await session.get(ask(from, query))).map(String);
    const unknown = (await session.get(ask(from, "<query xmlns='urn:example:unknown'/>"))).map(String);
    expect(answer).toEqual(unknown);
    expect(answer[0]).toContain('<service-unavailable');
  });

  test('are answered with identity and features', async () => {
    const { session } = rig();
    const [answer] = await session.get(ask(friend, queries[0]!));
    const info = parseInfo(children(answer!, 'query', INFO)[0]!);
    expect(info.identities).toEqual([{ category: 'client', type: 'pc', name: 'hush', lang: '' }]);
    expect([...info.features].sort()).toEqual([INFO, ITEMS, 'jabber:iq:version', 'urn:xmpp:ping']);
  });

  test('about nodes know only those remembered', async () => {
    const { session, disco } = rig();
    disco.remember('urn:hush#1', { ...disco.own, features: new Set(['old']) });
    const [known] = await session.get(ask(friend, `<query xmlns='${INFO}' node='urn:hush#1'/>`));
    expect(String(known)).toContain('<feature var="old"/></query>');
    for (const namespace of [INFO, ITEMS]) {
      const [unknown] = await session.get(ask(friend, `<query xmlns='${namespace}' node='__proto__'/>`));
      expect(conditionOf(unknown)).toBe('item-not-found');
    }
    for (let i = 0; i < 20; i += 1) disco.remember(`n${i}`, disco.own);
    const [forgotten] = await session.get(ask(friend, `<query xmlns='${INFO}' node='urn:hush#1'/>`));
    expect(conditionOf(forgotten)).toBe('item-not-found');
  });

  test('about the version tell no system [D4]', async () => {
    const { session } = rig();
    const [answer] = await session.get(ask(friend, queries[2]!));
    expect(String(answer?.children[0])).toBe('<query xmlns="jabber:iq:version"><name>hush</name><version>1.2.3</version></query>');
  });
});

describe('features', () => {
  test('stay while anyone has them registered, and changes are told of', () => {
    const { disco } = rig();
    let changes = 0;
    disco.events.on('changed', () => (changes += 1));
    const one = disco.feature('urn:example');
    const two = disco.feature('urn:example');
    expect(changes).toBe(1);
    one();
    one();
    expect(disco.own.features.has('urn:example')).toBe(true);
    two();
    expect(disco.own.features.has('urn:example')).toBe(false);
    expect(changes).toBe(2);
  });
});

describe('answers of others', () => {
  const info = (content: string) => parseInfo(parse(`<query xmlns='${INFO}'>${content}</query>`));
  const form = (fields: string): string => `<x xmlns='jabber:x:data' type='result'>${fields}</x>`;
  const formType = (value: string, type = 'hidden'): string => `<field var='FORM_TYPE' type='${type}'><value>${value}</value></field>`;

  test('are read into identities, features and forms', () => {
    const read = info(
      "<identity category='client' type='pc' name='X' xml:lang='en'/><feature var='a'/><feature var='b'/>" +
        form(`${formType('urn:f')}<field var='os'><value>Mac</value></field><field><value>fixed</value></field>`),
    );
    expect(read.isWellFormed).toBe(true);
    expect(read.identities).toEqual([{ category: 'client', type: 'pc', name: 'X', lang: 'en' }]);
    expect(read.features).toEqual(new Set(['a', 'b']));
    expect(read.forms.get('urn:f')?.fields.get('os')?.values).toEqual(['Mac']);
  });

  test.each([
    ['the same identity twice', "<identity category='c' type='t'/><identity category='c' type='t'/>"],
    ['an identity without type', "<identity category='c'/>"],
    ['the same feature twice', "<feature var='a'/><feature var='a'/>"],
    ['a feature without name', '<feature/>'],
    ['two forms of one type', form(formType('f')) + form(formType('f'))],
    ['a form of two types', form("<field var='FORM_TYPE' type='hidden'><value>f</value><value>g</value></field>")],
    ['the same field twice', form(`${formType('f')}<field var='a'/><field var='a'/>`)],
  ])('are not well-formed with %s, and are read all the same', (_, content) => {
    expect(info(content).isWellFormed).toBe(false);
    expect(info("<identity category='c' type='t'/><feature var='a'/>" + form(formType('f'))).isWellFormed).toBe(true);
  });

  test('leave out forms without a hidden type', () => {
    const read = info(form("<field var='a'/>") + form(formType('f', 'text-single')));
    expect(read).toMatchObject({ isWellFormed: true, forms: new Map() });
  });

  test('cannot reach prototypes [C8]', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const read = info(names.map((name) => `<feature var='${name}'/><identity category='${name}' type='${name}' name='${name}'/>` + form(`${formType(name)}<field var='${name}'><value>x</value></field>`)).join(''));
    expect([...read.features]).toEqual(names);
    expect([...read.forms.keys()]).toEqual(names);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test.each([
    ['features', Array.from({ length: 5000 }, (_, i) => `<feature var='f${i}'/>`).join('')],
    ['identities', Array.from({ length: 500 }, (_, i) => `<identity category='c' type='t${i}'/>`).join('')],
    ['forms', Array.from({ length: 500 }, (_, i) => form(formType(`f${i}`))).join('')],
    ['a name', `<feature var='${'x'.repeat(5000)}'/>`],
  ])('without measure are refused: %s [C9]', (_, content) => {
    expect(() => info(content)).toThrow(expect.objectContaining({ condition: 'invalid-data' }));
  });

  test('are asked for and checked', async () => {
    const { session, disco } = rig();
    const asking = disco.info(friend, 'n');
    const request = await session.next();
    expect(String(request)).toContain(`to="${friend}"><query xmlns="${INFO}" node="n"/></iq>`);
    session.reply(request, `<query xmlns='${INFO}'><feature var='a'/></query>`);
    expect((await asking).features).toEqual(new Set(['a']));

    const empty = disco.info(friend);
    session.reply(await session.next());
    await expect(empty).rejects.toMatchObject({ condition: 'invalid-data' });
  });
});
