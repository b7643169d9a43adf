/** A name is nothing without its namespace: look-alikes of both, in every spelling XML has, reach no handler; nor does what stands outside the stream. */
import { describe, expect, test } from '@jest/globals';
import { child, children, is, namespaceOf } from '../../src/xmpp/element.ts';
import { readChatState } from '../../src/xmpp/xep0085-chat-states.ts';
import { readReceipt } from '../../src/xmpp/xep0184-receipts.ts';
import { parse, parseAll, TestSession } from './test-session.ts';

/** What a handler for (query, urn:q) of anybody's iq-get saw, and what was answered. */
async function asked(stanza: string): Promise<{ seen: number; answer: string }> {
  const session = new TestSession();
  let seen = 0;
  session.router.add({ name: 'test', stanza: 'iq-get', child: { name: 'query', ns: 'urn:q' }, from: ['missing', 'own-bare', 'own-full', 'own-other', 'server', 'subscriber', 'other'], handle: () => void (seen += 1) });
  const [answer] = await session.get(stanza);
  return { seen, answer: answer?.attrs.type ?? '' };
}
const iq = (payload: string, more = ''): string => `<iq type='get' id='1' from='bob@evil.example/x' ${more}>${payload}</iq>`;

describe('the handler is found for its own namespace', () => {
  test.each([
    "<query xmlns='urn:q'/>",
    "<p:query xmlns:p='urn:q'/>",
    "<query xmlns='urn&#58;q'/>",
    "<query xmlns:x='urn:x' xmlns='urn:q' x:xmlns='urn:x'/>",
    "<query xmlns='urn:q' xml:lang='xmlns=&quot;urn:x&quot;'/>",
  ])('however it is written: %s (the control) [C5 C6]', async (payload) => {
    expect(await asked(iq(payload))).toEqual({ seen: 1, answer: 'result' });
  });

  test.each([
    'urn:q ', ' urn:q', 'urn:q query', 'urn:q}query', '{urn:q}', 'urn:q|query', 'urn:q"', 'urn:q&apos;', 'urn:q/', 'urn:q#', 'urn:q:', 'urn:q^query', 'urn:q!', 'urn:q\u00A0', 'urn:q\u2028', 'urn:q\u0085', 'urn:q\u200B', 'URN:Q', 'urn:Q', 'urn:%71', 'urn:q\u0301', 'urn:\uFF51', 'urn', '',
    'jabber:client urn:q', 'urn:q&#10;', 'urn:q&#9;query', 'urn:q&#12288;', 'urn:q&#0;', 'urn:q&#12;',
  ])('and not for one that only looks like it: %j [C5]', async (namespace) => {
    for (const payload of [`<query xmlns="${namespace.replaceAll('"', '&quot;')}"/>`, `<p:query xmlns:p="${namespace.replaceAll('"', '&quot;')}"/>`]) {
      try {
        expect(await asked(iq(payload))).toEqual({ seen: 0, answer: 'error' });
      } catch (error) {
        // White space around a namespace, characters that are none, an empty one for a prefix: the stream is at its end.
        expect((error as Error).name).toBe('StreamSyntaxError');
      }
    }
  });

  test.each([
    ['no namespace of its own', '<query/>'],
    ['its name in another prefix', "<x:query xmlns:x='urn:x' xmlns:q='urn:q'/>"],
    ['the namespace only further in', "<query><query xmlns='urn:q'/></query>"],
    ['the namespace only in an attribute', "<query q:xmlns='urn:q' xmlns:q='urn:q'/>"],
    ['the default taken away', "<query xmlns=''/>"],
    ['a prefix that is called like the name', "<query:x xmlns:query='urn:q'/>"],
    ['the name in other letters', "<Query xmlns='urn:q'/>"],
    ['a name that goes on', "<query-x xmlns='urn:q'/>"],
    ['an invisible character in the name', "<query\u200D xmlns='urn:q'/>"],
  ])('nor for %s [C6]', async (_, payload) => {
    expect(await asked(iq(payload))).toEqual({ seen: 0, answer: 'error' });
  });

  test('nor where a wrapper turns the default namespace, and back [C6]', async () => {
    expect((await asked(iq("<wrap xmlns='urn:q'><query/></wrap>"))).seen).toBe(0);
    expect((await asked("<c:iq xmlns:c='jabber:client' xmlns='urn:q' type='get' id='1' from='bob@evil.example/x'><query/></c:iq>")).seen).toBe(1);
    expect((await asked("<c:iq xmlns:c='jabber:client' xmlns='urn:q' type='get' id='1' from='bob@evil.example/x'><c:query/></c:iq>")).seen).toBe(0);
  });

  test.each(['jabber:server', 'jabber:component:accept', 'urn:x', '', 'http://etherx.jabber.org/streams'])('a stanza of the namespace %j is none [C6]', async (namespace) => {
    const session = new TestSession();
    const seen: string[] = [];
    for (const stanza of ['message', 'presence'] as const) session.router.add({ name: 'test', stanza, from: ['other'], handle: ({ name }) => void seen.push(name) });
    const texts = ['message', 'presence', 'iq'].map((name) => `<${name} from='bob@evil.example/x' type='get' id='1' NS><query xmlns='urn:q'/></${name}>`.replace("type='get' id='1' NS", name === 'iq' ? "type='get' id='1' NS" : 'NS'));
    for (const text of texts) expect(await session.get(text.replace('NS', `xmlns='${namespace}'`))).toEqual([]);
    expect(seen).toEqual([]);
    for (const text of texts) await session.get(text.replace('NS', ''));
    expect(seen).toEqual(['message', 'presence']);
  });
});

describe('readers compare both', () => {
  test('a pair is a pair, never one joined text [C5 C6]', () => {
    const element = parse("<a xmlns='urn:x'><b xmlns='urn:y c'/><c xmlns='urn:y'/><b/></a>");
    expect(is(element, 'a', 'urn:x')).toBe(true);
    expect(child(element, 'c', 'urn:y b')).toBeUndefined();
    expect(child(element, 'b', 'urn:y')).toBeUndefined();
    expect(children(element, 'b', 'urn:x')).toHaveLength(1);
    expect([...element.children].map((node) => typeof node !== 'string' && namespaceOf(node))).toEqual(['urn:y c', 'urn:y', 'urn:x']);
  });

  test.each<[string, (element: ReturnType<typeof parse>) => unknown, string, string]>([
    ['a chat state', readChatState, "<composing xmlns='http://jabber.org/protocol/chatstates'/>", 'http://jabber.org/protocol/chatstates'],
    ['a receipt', readReceipt, "<received xmlns='urn:xmpp:receipts' id='1'/>", 'urn:xmpp:receipts'],
  ])('%s is one in its own namespace only [C6]', (_, read, payload, namespace) => {
    const message = (content: string): ReturnType<typeof parse> => parse(`<message id='2' type='chat'>${content}</message>`);
    expect(read(message(payload))).toBeDefined();
    for (const other of ['', 'jabber:client', `${namespace}/`, `${namespace}#x`, namespace.toUpperCase()]) expect(read(message(payload.replace(namespace, other)))).toBeUndefined();
    expect(read(message(`<x xmlns='urn:x'>${payload}</x>`))).toBeUndefined();
  });
});

describe('the stream has one root, and nothing but stanzas in it', () => {
  const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
  test('stanzas one behind the other are read (the control) [C7]', () => expect(parseAll('<message/> \n<presence/><iq/>')).toHaveLength(3));

  test.each([
    ['a second root', `</stream:stream>${header}<message/>`],
    ['a root of another kind behind it', '</stream:stream><message/>'],
    ['a header inside', `${header}<message/>`],
    ['a header in another prefix inside', "<s:stream xmlns:s='http://etherx.jabber.org/streams'><message/>"],
    ['text between stanzas', '<message/>x<presence/>'],
    ['a reference between stanzas', '<message/>&#10;<presence/>'],
    ['CDATA between stanzas', '<message/><![CDATA[\n]]><presence/>'],
    ['an XML declaration between stanzas', "<message/><?xml version='1.0'?><presence/>"],
    ['white space that is none', '<message/>\u00A0<presence/>'],
  ])('%s ends it [C7]', (_, content) => {
    expect(() => parseAll(content)).toThrow(expect.objectContaining({ name: 'StreamSyntaxError' }));
  });
});
