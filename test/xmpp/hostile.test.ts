import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Avatars } from '../../src/xmpp/avatars.ts';
import { isProved } from '../../src/xmpp/caps-hash.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { serialize, xml } from '../../src/xmpp/element.ts';
import { PresenceTracker } from '../../src/xmpp/presence.ts';
import { Roster } from '../../src/xmpp/roster.ts';
import { parseForm } from '../../src/xmpp/xep0004-forms.ts';
import { Disco, parseInfo } from '../../src/xmpp/xep0030-disco.ts';
import { VCards, parseVCard } from '../../src/xmpp/xep0054-vcard.ts';
import { PepAvatars } from '../../src/xmpp/xep0084-avatar.ts';
import { readChatState } from '../../src/xmpp/xep0085-chat-states.ts';
import { answerVersion } from '../../src/xmpp/xep0092-version.ts';
import { Caps } from '../../src/xmpp/xep0115-caps.ts';
import { PhotoHashes } from '../../src/xmpp/xep0153-avatar-hash.ts';
import { Pep } from '../../src/xmpp/xep0163-pep.ts';
import { Nicknames, readNick } from '../../src/xmpp/xep0172-nick.ts';
import { readReceipt, wantsReceipt } from '../../src/xmpp/xep0184-receipts.ts';
import { Blocking } from '../../src/xmpp/xep0191-blocking.ts';
import { answerPing } from '../../src/xmpp/xep0199-ping.ts';
import { readDelay } from '../../src/xmpp/xep0203-delay.ts';
import { unwrapCarbon } from '../../src/xmpp/xep0280-carbons.ts';
import { HushError } from '../../src/errors.ts';
import { TestSession, parse } from './test-session.ts';

async function everything() {
  const session = new TestSession();
  const roster = new Roster(session);
  const presence = new PresenceTracker(session, roster);
  const disco = new Disco(session);
  const caps = new Caps(session, disco, presence, 'urn:hush');
  const pep = new Pep(session, disco, roster);
  const vcards = new VCards(session);
  const photos = new PhotoHashes(session, presence, vcards);
  const avatars = new Avatars(session, { pep, vcards, photos, published: new PepAvatars(session, pep) });
  const nicknames = new Nicknames(session, pep);
  const blocking = new Blocking(session);
  answerVersion(session, disco, { name: 'hush', version: '0' });
  answerPing(session, disco);
  const fetching = roster.fetch();
  session.reply(await session.next(), TestSession.rosterOf({ 'friend@home.example': 'both' }));
  await fetching;
  return { session, roster, presence, caps, avatars, nicknames, blocking };
}

test('who may send what is written down, and nowhere wider', async () => {
  const { session } = await everything();
  const table = [...session.router.handlers].filter(({ name }) => name !== 'test-mark').map(({ name, stanza, child, from }) => `${name} ${stanza} ${child?.name ?? '*'}: ${from.join(' ')}`);
  const acquaintances = 'missing own-bare own-full own-other server subscriber';
  expect(table).toEqual([
    'roster iq-set query: missing own-bare',
    'presence presence *: own-bare own-full own-other server subscriber other',
    'presence-subscription presence *: server subscriber other',
    `xep0030-disco iq-get query: ${acquaintances}`,
    `xep0030-disco iq-get query: ${acquaintances}`,
    'xep0163-pep message event: own-bare subscriber other',
    'xep0191-block iq-set block: missing own-bare',
    'xep0191-unblock iq-set unblock: missing own-bare',
    `xep0092-version iq-get query: ${acquaintances}`,
    `xep0199-ping iq-get ping: ${acquaintances}`,
  ]);
});

const namespaces = [
  'jabber:client', 'jabber:iq:roster', 'jabber:iq:version', 'jabber:x:data', 'vcard-temp', 'vcard-temp:x:update', 'urn:xmpp:avatar:metadata', 'urn:xmpp:avatar:data',
  'http://jabber.org/protocol/disco#info', 'http://jabber.org/protocol/disco#items', 'http://jabber.org/protocol/caps', 'http://jabber.org/protocol/nick',
  'http://jabber.org/protocol/chatstates', 'http://jabber.org/protocol/pubsub', 'http://jabber.org/protocol/pubsub#event', 'urn:xmpp:blocking', 'urn:xmpp:carbons:2',
  'urn:xmpp:forward:0', 'urn:xmpp:delay', 'urn:xmpp:receipts', 'urn:ietf:params:xml:ns:xmpp-stanzas',
];
const names = [
  'query', 'item', 'group', 'x', 'c', 'field', 'value', 'identity', 'feature', 'event', 'items', 'retract', 'metadata', 'info', 'data', 'nick', 'photo', 'PHOTO', 'BINVAL', 'TEL', 'ORG',
  'block', 'unblock', 'sent', 'received', 'forwarded', 'message', 'delay', 'request', 'active', 'status', 'show', 'priority', 'error', 'text', '__proto__', 'constructor', 'ping',
];
const words = ['', 'a', '__proto__', 'constructor', 'FORM_TYPE', 'hidden', 'both', 'remove', 'friend@home.example', 'me@home.example', '@@', 'sha-1', 'urn:xmpp:avatar:metadata', '-1', '1e20', '9999-99-99T99:99:99Z', '\u202E\u0301'];
const attributes = ['id', 'jid', 'node', 'var', 'type', 'name', 'ver', 'hash', 'category', 'subscription', 'from', 'to', 'stamp', 'bytes', 'url', '__proto__'];

const word = fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 8, unit: 'binary' }).map((text) => text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')));
const attrs = fc.uniqueArray(fc.tuple(fc.constantFrom(...attributes), word), { maxLength: 4, selector: ([name]) => name });
const { tree } = fc.letrec<{ tree: Element }>((tie) => ({
  tree: fc
    .tuple(fc.constantFrom(...names), fc.constantFrom(...namespaces), attrs, fc.array(fc.oneof({ maxDepth: 3 }, word, tie('tree')), { maxLength: 4 }))
    .map(([name, xmlns, list, children]) => xml(name, { ...Object.fromEntries(list), xmlns }, ...children)),
}));

/** What handlers are really for, with anything inside. */
const known = fc
  .tuple(
    fc.constantFrom(
      ['query', 'jabber:iq:roster'], ['query', 'http://jabber.org/protocol/disco#info'], ['query', 'http://jabber.org/protocol/disco#items'], ['query', 'jabber:iq:version'],
      ['event', 'http://jabber.org/protocol/pubsub#event'], ['block', 'urn:xmpp:blocking'], ['unblock', 'urn:xmpp:blocking'], ['c', 'http://jabber.org/protocol/caps'],
      ['x', 'vcard-temp:x:update'], ['status', 'jabber:client'], ['show', 'jabber:client'], ['priority', 'jabber:client'], ['error', 'jabber:client'],
    ),
    attrs,
    fc.array(fc.oneof(tree, fc.tuple(fc.constantFrom('item', 'items', 'photo', 'value'), attrs, fc.array(tree, { maxLength: 2 }))), { maxLength: 3 }),
  )
  .map(([[name, xmlns], list, content]) => {
    // Inner elements of a fitting name are in the namespace around them, as in real ones.
    const inner = content.map((part) => (Array.isArray(part) ? xml(part[0], Object.fromEntries(part[1]), ...part[2]) : part));
    return xml(name, { ...Object.fromEntries(list), xmlns }, ...inner);
  });

describe('random trees [C14]', () => {
  test('reach every handler and harm nothing', async () => {
    const { session, roster, presence, caps, avatars, nicknames, blocking } = await everything();
    const froms = ['', 'me@home.example', 'me@home.example/o', 'home.example', 'friend@home.example', 'friend@home.example/r', 'mallory@evil.example/r'];
    const stanza = fc.record({
      name: fc.constantFrom('iq', 'message', 'presence'),
      from: fc.constantFrom(...froms),
      type: fc.constantFrom('', 'get', 'set', 'headline', 'chat', 'error', 'unavailable', 'subscribe', 'subscribed'),
      children: fc.array(fc.oneof(known, tree), { minLength: 1, maxLength: 3 }),
    });
    const errors: unknown[] = [];
    session.log.error = (...args: unknown[]) => errors.push(args);
    await fc.assert(
      fc.asyncProperty(stanza, async ({ name, from, type, children }) => {
        const text = `<${name} id='x'${from === '' ? '' : ` from='${from}'`}${type === '' ? '' : ` type='${type}'`}>${children.map(serialize).join('')}</${name}>`;
        const sent = await session.get(text);
        // Answers, and questions about what a contact can do: nothing else leaves us by itself.
        for (const { name: kind } of sent) expect(kind).toBe('iq');
        for (const request of sent) if (request.attrs.type === 'get') session.refuse(request, 'service-unavailable');
        expect(errors).toEqual([]);
      }),
      { numRuns: 1500 },
    );
    expect(({} as Record<string, unknown>).value).toBeUndefined();
    for (const [jid] of roster.items) expect(presence.of(jid).size).toBeLessThanOrEqual(64);
    expect([caps, avatars, nicknames, blocking].length).toBe(4);
  });

  test('go through every reader, which says something or throws HushError', () => {
    const readers: ((element: Element) => unknown)[] = [
      parseForm, parseInfo, parseVCard, readChatState, readNick, readReceipt, wantsReceipt,
      (element) => readDelay(element, [], new Date()),
      (element) => unwrapCarbon(element, 'me@home.example' as never),
      (element) => isProved(parseInfo(element), 'sha-1', 'x'),
    ];
    fc.assert(
      fc.property(tree, (element) => {
        const parsed = parse(serialize(element));
        for (const read of readers) {
          try {
            read(parsed);
          } catch (error) {
            expect(error).toBeInstanceOf(HushError);
          }
        }
      }),
      { numRuns: 1500 },
    );
  });
});
