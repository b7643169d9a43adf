/** Names that mean something to JavaScript are names like others: what peers call `__proto__` is kept as that, and changes no prototype. The built-in ones are frozen here. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { serialize, text } from '../../src/xmpp/element.ts';
import { parseBareJid, parseFullJid, resourceOf } from '../../src/xmpp/jid.ts';
import { PresenceTracker } from '../../src/xmpp/presence.ts';
import { Roster } from '../../src/xmpp/roster.ts';
import { parseForm } from '../../src/xmpp/xep0004-forms.ts';
import { Disco, parseInfo } from '../../src/xmpp/xep0030-disco.ts';
import { parseVCard } from '../../src/xmpp/xep0054-vcard.ts';
import { readChatState } from '../../src/xmpp/xep0085-chat-states.ts';
import { Caps } from '../../src/xmpp/xep0115-caps.ts';
import { Pep } from '../../src/xmpp/xep0163-pep.ts';
import { Nicknames } from '../../src/xmpp/xep0172-nick.ts';
import { Blocking } from '../../src/xmpp/xep0191-blocking.ts';
import { parse, TestSession } from './test-session.ts';

const names: readonly string[] = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'then', 'toJSON', '__defineGetter__', 'length'];

const builtIn = [Object, Array, Function, String, Number, Boolean, Map, Set, WeakMap, WeakSet, Promise, RegExp, Date, Uint8Array].map((constructor) => constructor.prototype as object);
const ownNames = (): string[] => builtIn.map((prototype) => Reflect.ownKeys(prototype).map(String).join());
const before = ownNames();

beforeAll(() => {
  for (const prototype of builtIn) Object.freeze(prototype);
});

/** Nothing has changed, and nothing is inherited that was not before. */
function expectUntouched(): void {
  expect(ownNames()).toEqual(before);
  const plain: Record<string, unknown> = {};
  for (const name of ['polluted', 'x', 'values', 'jid', 'type']) expect(plain[name]).toBeUndefined();
  expect(Object.getPrototypeOf(plain)).toBe(Object.prototype);
}

describe.each(names)('%s is a name like others [C8]', (name) => {
  test('of elements and attributes', () => {
    const element = parse(`<${name} ${name}='polluted' x='1'><${name}>text</${name}></${name}>`);
    expect([element.name, element.attrs[name], element.attrs.x, Object.keys(element.attrs)]).toEqual([name, 'polluted', '1', ['xmlns', name, 'x']]);
    expect(text(element.children[0] as typeof element)).toBe('text');
    expect(serialize(element)).toBe(`<${name} xmlns="jabber:client" ${name}="polluted" x="1"><${name}>text</${name}></${name}>`);
    for (const other of names) if (other !== name) expect(element.attrs[other]).toBeUndefined();
    expectUntouched();
  });

  test('of fields, features, identities and parts of a card', () => {
    const form = parseForm(parse(`<x xmlns='jabber:x:data' type='${name}'><field var='${name}' type='${name}'><value>polluted</value></field></x>`));
    expect([form.type, form.fields.get(name)?.values, [...form.fields.keys()]]).toEqual([name, ['polluted'], [name]]);
    expect(parseForm(parse("<x xmlns='jabber:x:data'/>")).fields.get(name)).toBeUndefined();
    const info = parseInfo(parse(`<query xmlns='http://jabber.org/protocol/disco#info'><feature var='${name}'/><identity category='${name}' type='${name}' name='${name}'/></query>`));
    expect([[...info.features], info.identities[0]?.category]).toEqual([[name], name]);
    expect(parseVCard(parse(`<vCard xmlns='vcard-temp'><${name}>polluted</${name}><FN>${name}</FN><N><${name}>x</${name}></N></vCard>`)).fields).toEqual([{ name: 'fn', parameters: [], values: [name] }]);
    expect(readChatState(parse(`<message type='chat'><${name} xmlns='http://jabber.org/protocol/chatstates'/></message>`))).toBeUndefined();
    expectUntouched();
  });

  test('of contacts, their resources, groups and nicknames, and of ids', async () => {
    const session = new TestSession();
    const errors: unknown[] = [];
    session.log.error = (...args: unknown[]) => errors.push(args);
    const roster = new Roster(session);
    const presence = new PresenceTracker(session, roster);
    const disco = new Disco(session);
    const caps = new Caps(session, disco, presence, 'urn:hush');
    const pep = new Pep(session, disco, roster);
    const nicknames = new Nicknames(session, pep);
    const blocking = new Blocking(session);
    const jid = parseBareJid(`${name.toLowerCase()}@home.example`);
    const fetching = roster.fetch();
    session.reply(await session.next(), `<query xmlns='jabber:iq:roster' ver='${name}'><item jid='${jid}' name='${name}' subscription='both'><group>${name}</group></item><item jid='other@home.example' subscription='${name}'/></query>`);
    await fetching;
    expect([...roster.items.get(jid)!.groups, roster.items.get(jid)!.name, roster.items.get(parseBareJid('other@home.example'))?.subscription]).toEqual([name, name, 'none']);

    const full = parseFullJid(`${jid}/${name}`);
    await session.get(`<presence from='${full}'><show>${name}</show><c xmlns='http://jabber.org/protocol/caps' node='${name}' ver='${name}' hash='${name}'/></presence>`);
    expect([...presence.of(jid).keys()].map((resource) => resource.includes(name))).toEqual([true]);
    expect(resourceOf(full)).toBe(name);
    expect(caps.of(full)?.features.has(name) ?? false).toBe(false);
    await session.get(`<message from='${jid}' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='http://jabber.org/protocol/nick'><item id='${name}'><nick xmlns='http://jabber.org/protocol/nick'>${name}</nick></item></items></event></message>`);
    expect(nicknames.of(jid)).toBe(name);
    await session.get(`<message from='${jid}' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${name}'><item id='${name}'><${name}/></item></items></event></message>`);
    session.sent.splice(0);
    await session.get(`<iq type='result' id='${name}' from='${full}'/><iq type='error' id='${name}'/><iq type='${name}' id='${name}' from='${jid}'><${name} xmlns='${name}'/></iq>`);
    await session.get(`<iq type='set' id='${name}'><block xmlns='urn:xmpp:blocking'><item jid='${name.toLowerCase()}@evil.example'/></block></iq>`);
    expect([blocking, errors]).toEqual([blocking, []]);
    expectUntouched();
    session.iq.closed();
  });
});

test('a slip would be seen: frozen prototypes refuse, and the look at them notices (the control) [C8]', () => {
  expect(() => {
    (Object.prototype as Record<string, unknown>).polluted = true;
  }).toThrow(TypeError);
  const careless: Record<string, unknown> = {};
  // The slip itself: a name of a peer as the key of an object.
  expect(() => Object.assign(careless['__proto__'] as object, { polluted: true })).toThrow(TypeError);
  expectUntouched();
});
