import { describe, expect, test } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { HushError, InvariantError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { ns, serialize, text, xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { IqCaller } from '../../src/xmpp/iq.ts';
import { parseBareJid, parseFullJid } from '../../src/xmpp/jid.ts';
import { Later, Router } from '../../src/xmpp/router.ts';
import type { Handler, Sender } from '../../src/xmpp/router.ts';
import { stanzaError, StanzaErrorReply } from '../../src/xmpp/stanza-error.ts';

const account = parseBareJid('alice@example.org');
const jid = parseFullJid('alice@example.org/here');
const everyone: readonly Sender[] = ['missing', 'own-bare', 'own-full', 'own-other', 'server', 'subscriber', 'other'];
const addresses: Record<Sender, string | undefined> = {
  missing: undefined,
  'own-bare': 'alice@example.org',
  'own-full': 'alice@example.org/here',
  'own-other': 'alice@example.org/there',
  server: 'example.org',
  subscriber: 'Friend@example.net/home',
  other: 'stranger@example.net/x',
};

/** A router whose friend@example.net sees our presence; what it sends, as text. */
function setUp() {
  const sent: string[] = [];
  const send = (stanza: Element): void => void sent.push(serialize(stanza));
  const caller = new IqCaller({ account, jid: () => jid, send, log: silentLog });
  const router = new Router({ account, jid: () => jid, iq: caller, send, log: silentLog });
  router.subscriptionOf = (contact) => contact === 'friend@example.net';
  return { router, sent, caller };
}

/** Lets everything that is queued run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
}

function stanza(name: string, attrs: Record<string, string | undefined>, ...content: (Element | string)[]): Element {
  return xml(name, { xmlns: ns.client, ...attrs }, ...content);
}
const body = (words: string): Element => xml('body', { xmlns: ns.client }, words);
const question = (): Element => xml('question', { xmlns: 'urn:q' });
const asks = (from: string | undefined, attrs: Record<string, string | undefined> = {}): Element => stanza('iq', { type: 'get', id: '1', from, ...attrs }, question());

function handler(part: Partial<Handler> & Pick<Handler, 'stanza'>): Handler {
  const isIq = part.stanza.startsWith('iq');
  return { name: 'test', from: everyone, handle: () => undefined, ...(isIq && { child: { name: 'question', ns: 'urn:q' } }), ...part };
}

const unavailable = (to: string): string =>
  `<iq type="error" id="1" to="${to}"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`;

describe('the router', () => {
  test('knows who a stanza is from', async () => {
    const { router } = setUp();
    const seen: [Sender, string][] = [];
    router.add(handler({ stanza: 'message', handle: (_, { sender, from }) => void seen.push([sender, from]) }));
    for (const sender of everyone) router.route(stanza('message', { from: addresses[sender] }));
    for (const from of ['example.org/x', 'example.net', 'friend@example.net', 'alice@example.net', 'alice@example.org.net']) router.route(stanza('message', { from }));
    await settle();
    expect(seen).toEqual([
      ['missing', 'alice@example.org'],
      ['own-bare', 'alice@example.org'],
      ['own-full', 'alice@example.org/here'],
      ['own-other', 'alice@example.org/there'],
      ['server', 'example.org'],
      ['subscriber', 'friend@example.net/home'],
      ['other', 'stranger@example.net/x'],
      ['other', 'example.org/x'],
      ['other', 'example.net'],
      ['subscriber', 'friend@example.net'],
      ['other', 'alice@example.net'],
      ['other', 'alice@example.org.net'],
    ]);
  });

  test.each(everyone)('gives a handler for %s what comes from there, and nothing else', async (permitted) => {
    const { router, sent } = setUp();
    const seen: string[] = [];
    for (const kind of ['message', 'presence', 'iq-get'] as const) {
      router.add(handler({ stanza: kind, from: [permitted], handle: (element, { sender }) => void seen.push(`${element.name} ${sender}`) }));
    }
    for (const sender of everyone) {
      router.route(stanza('message', { from: addresses[sender] }));
      router.route(stanza('presence', { from: addresses[sender] }));
      router.route(asks(addresses[sender]));
    }
    await settle();
    expect(seen).toEqual([`message ${permitted}`, `presence ${permitted}`, `iq ${permitted}`]);
    expect(sent.filter((answer) => answer.includes('service-unavailable'))).toHaveLength(everyone.length - 1);
    expect(sent).toHaveLength(everyone.length);
  });

  test('judges the sender when the stanza’s turn comes, not before', async () => {
    const { router } = setUp();
    let isSubscriber = false;
    router.subscriptionOf = () => isSubscriber;
    const seen: Sender[] = [];
    router.add(handler({ stanza: 'presence', handle: () => void (isSubscriber = true) }));
    router.add(handler({ stanza: 'message', handle: (_, { sender }) => void seen.push(sender) }));
    router.route(stanza('presence', { from: 'a@x' }));
    router.route(stanza('message', { from: 'a@x' }));
    await settle();
    expect(seen).toEqual(['subscriber']);
  });

  describe('drops', () => {
    const dropped: [string, Element][] = [
      ['a stanza for someone else', stanza('message', { from: 'b@x', to: 'carol@example.org' })],
      ['a stanza for another resource of ours', stanza('message', { from: 'b@x', to: 'alice@example.org/there' })],
      ['a stanza for no JID', stanza('message', { from: 'b@x', to: '@' })],
      ['a stanza from no JID', stanza('message', { from: 'a\u202E@x' })],
      ['a stanza from an empty JID', stanza('message', { from: '' })],
      ['a stanza of another namespace', stanza('message', { xmlns: 'jabber:server', from: 'b@x' })],
      ['a stanza of no namespace', stanza('message', { xmlns: '', from: 'b@x' })],
      ['what is no stanza', stanza('mess', { from: 'b@x' })],
      ['an iq without id', stanza('iq', { type: 'get', from: 'example.org' }, question())],
      ['an iq with an empty id', stanza('iq', { type: 'get', id: '', from: 'example.org' }, question())],
      ['a stranger’s iq of an odd type', stanza('iq', { type: 'gets', id: '1', from: 'b@x' }, question())],
      ['an answer to nothing', stanza('iq', { type: 'result', id: '1', from: 'b@x' })],
      ['an error answer to nothing', stanza('iq', { type: 'error', id: '1', from: 'b@x' }, question())],
    ];
    test.each(dropped)('%s', async (_, element) => {
      const { router, sent } = setUp();
      let count = 0;
      for (const kind of ['message', 'presence', 'iq-get', 'iq-set'] as const) router.add(handler({ stanza: kind, handle: () => void (count += 1) }));
      router.route(element);
      await settle();
      expect([count, sent]).toEqual([0, []]);
      for (const to of [undefined, 'alice@example.org', 'Alice@Example.org/here']) router.route(stanza('message', { from: 'b@x', to }));
      await settle();
      expect(count).toBe(3);
    });
  });

  describe('answers an iq', () => {
    test('with what the handler returns, to where it came from', async () => {
      const { router, sent } = setUp();
      router.add(handler({ stanza: 'iq-get', handle: () => xml('answer', { xmlns: 'urn:q' }) }));
      router.add(handler({ stanza: 'iq-set', handle: () => Promise.resolve() }));
      router.route(asks('b@x/y'));
      router.route(asks(undefined, { type: 'set' }));
      await settle();
      expect(sent).toEqual(['<iq type="result" id="1" to="b@x/y"><answer xmlns="urn:q"/></iq>', '<iq type="result" id="1"/>']);
    });

    test('that nobody handles, and one that is refused, with the same bytes', async () => {
      const { router, sent } = setUp();
      router.add(handler({ stanza: 'iq-get', from: ['subscriber'] }));
      router.route(asks('stranger@x/y'));
      router.route(asks('stranger@x/y', { type: 'set' }));
      router.route(stanza('iq', { type: 'get', id: '1', from: 'stranger@x/y' }, xml('question', { xmlns: 'urn:other' })));
      router.route(stanza('iq', { type: 'get', id: '1', from: 'stranger@x/y' }));
      router.route(stanza('iq', { type: 'get', id: '1', from: 'stranger@x/y' }, question(), question()));
      await settle();
      expect(sent).toEqual(Array(5).fill(unavailable('stranger@x/y')));
    });

    test('that is refused as the handler declares', async () => {
      const { router, sent } = setUp();
      router.add(handler({ stanza: 'iq-get', from: [], refusal: 'drop' }));
      router.add(handler({ stanza: 'iq-set', from: [], refusal: 'forbidden' }));
      router.route(asks('b@x'));
      router.route(asks('b@x', { type: 'set' }));
      await settle();
      expect(sent).toEqual(['<iq type="error" id="1" to="b@x"><error type="auth"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>']);
    });

    test('that is malformed with bad-request, to those we know', async () => {
      const { router, sent } = setUp();
      router.route(stanza('iq', { type: 'get', id: '1', from: 'friend@example.net/x' }));
      router.route(stanza('iq', { type: 'set', id: '1', from: 'friend@example.net/x' }, question(), question()));
      router.route(stanza('iq', { id: '1', from: 'friend@example.net/x' }, question()));
      await settle();
      expect(sent).toHaveLength(3);
      for (const answer of sent) expect(answer).toContain('<error type="modify"><bad-request ');
    });

    test.each([
      ['a StanzaErrorReply', new StanzaErrorReply(stanzaError('conflict')), 'conflict'],
      ['a HushError', new HushError('does-not-exist', 'secret words'), 'item-not-found'],
      ['a mistake', new TypeError('secret words'), 'internal-server-error'],
    ])('with the error a handler throws: %s', async (_, error, condition) => {
      const { router, sent } = setUp();
      const fail = (): never => {
        throw error;
      };
      router.add(handler({ stanza: 'iq-get', handle: fail }));
      router.add(handler({ stanza: 'iq-set', handle: () => Promise.resolve().then(fail) }));
      router.route(asks('b@x'));
      router.route(asks('b@x', { type: 'set' }));
      await settle();
      expect(sent).toHaveLength(2);
      for (const answer of sent) {
        expect(answer).toContain(`<${condition} `);
        expect(answer).not.toContain('secret');
      }
    });

    test('through the first handler that calls it its own', async () => {
      const { router, sent } = setUp();
      router.add(handler({ stanza: 'iq-get', handle: () => false }));
      router.add(handler({ stanza: 'iq-get', handle: () => Promise.resolve(false) }));
      const off = router.add(handler({ stanza: 'iq-get', handle: () => xml('mine') }));
      router.add(handler({ stanza: 'iq-get', handle: () => xml('never') }));
      router.route(asks('b@x'));
      await settle();
      off();
      router.route(asks('b@x'));
      await settle();
      expect(sent.map((answer) => /<(?:mine|never)\/>/.exec(answer)?.[0])).toEqual(['<mine/>', '<never/>']);
    });

    test('with service-unavailable when nobody calls it his own', async () => {
      const { router, sent } = setUp();
      router.add(handler({ stanza: 'iq-get', handle: () => false }));
      router.route(asks('b@x'));
      await settle();
      expect(sent).toEqual([unavailable('b@x')]);
    });

    test('later, while the peer’s next stanzas go on', async () => {
      const { router, sent } = setUp();
      const answers: { resolve: (payload: Element | undefined) => void; reject: (error: unknown) => void }[] = [];
      router.add(handler({ stanza: 'iq-get', handle: () => new Later(new Promise((resolve, reject) => void answers.push({ resolve, reject }))) }));
      router.add(handler({ stanza: 'iq-set', handle: () => undefined }));
      router.route(asks('b@x', { id: '1' }));
      router.route(asks('b@x', { id: '2' }));
      router.route(asks('b@x', { id: '3', type: 'set' }));
      await settle();
      expect(sent).toEqual(['<iq type="result" id="3" to="b@x"/>']);
      answers[1]!.reject(new StanzaErrorReply(stanzaError('item-not-found')));
      answers[0]!.resolve(xml('answer'));
      await settle();
      expect(sent.slice(1).sort()).toEqual([
        '<iq type="error" id="2" to="b@x"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>',
        '<iq type="result" id="1" to="b@x"><answer/></iq>',
      ]);
    });

    test('once the stream has ended: not at all, and lives', async () => {
      const caller = new IqCaller({ account, jid: () => jid, send: () => undefined, log: silentLog });
      const send = (): never => {
        throw new HushError('disconnected', 'over');
      };
      const router = new Router({ account, jid: () => jid, iq: caller, send, log: silentLog });
      router.route(asks('b@x'));
      await settle();
    });
  });

  test('hands answers to the requests they belong to, never to handlers', async () => {
    const { router, caller, sent } = setUp();
    let count = 0;
    router.add(handler({ stanza: 'iq-get', handle: () => void (count += 1) }));
    const request = caller.get(undefined, question());
    const id = /id="([^"]*)"/.exec(sent[0]!)?.[1];
    router.route(stanza('iq', { type: 'result', id, from: 'stranger@x' }, question()));
    router.route(stanza('iq', { type: 'result', id, to: 'alice@example.org/here' }, question()));
    expect((await request).attrs.from).toBeUndefined();
    expect(count).toBe(0);
  });

  describe('shows messages and presences', () => {
    test('to each handler in order, until one takes it', async () => {
      const { router } = setUp();
      const seen: string[] = [];
      const add = (name: string, part: Partial<Handler> = {}, taken?: boolean): void =>
        void router.add(
          handler({
            stanza: 'message',
            ...part,
            handle: () => {
              seen.push(name);
              return taken;
            },
          }),
        );
      add('1');
      add('2', { child: { name: 'body', ns: ns.client } });
      add('other child', { child: { name: 'body', ns: 'urn:x' } });
      add('other type', { types: ['groupchat'] });
      add('3', { types: ['chat', 'normal'] }, true);
      add('too late');
      router.route(stanza('message', { from: 'b@x', type: 'chat' }, body('hi')));
      await settle();
      expect(seen).toEqual(['1', '2', '3']);
      seen.length = 0;
      router.route(stanza('message', { from: 'b@x' }));
      await settle();
      expect(seen).toEqual(['1', '3']);
    });

    test('of type error only to handlers that ask for them', async () => {
      const { router } = setUp();
      const seen: string[] = [];
      router.add(handler({ stanza: 'message', handle: () => void seen.push('any') }));
      router.add(handler({ stanza: 'message', types: ['error'], handle: () => void seen.push('error') }));
      router.route(stanza('message', { from: 'b@x', type: 'error' }));
      router.route(stanza('message', { from: 'b@x', type: 'headline' }));
      await settle();
      expect(seen).toEqual(['error', 'any']);
    });

    test('of a type that nobody knows as normal ones', async () => {
      const { router } = setUp();
      const seen: (string | undefined)[] = [];
      router.add(handler({ stanza: 'message', types: ['normal'], handle: ({ attrs }) => void seen.push(attrs.type) }));
      for (const type of ['normal', undefined, 'urgent', '', 'chat', 'groupchat', 'headline', 'error', 'constructor']) router.route(stanza('message', { from: 'b@x', type }));
      await settle();
      expect(seen).toEqual(['normal', undefined, 'urgent', '', 'constructor']);
    });

    test('to the next handler when one fails', async () => {
      const { router } = setUp();
      let count = 0;
      router.add(
        handler({
          stanza: 'presence',
          types: [''],
          handle: () => {
            throw new Error('on purpose');
          },
        }),
      );
      router.add(handler({ stanza: 'presence', handle: () => Promise.reject(new Error('on purpose')) }));
      router.add(handler({ stanza: 'presence', handle: () => void (count += 1) }));
      router.route(stanza('presence', { from: 'b@x' }));
      await settle();
      expect(count).toBe(1);
    });
  });

  test('keeps the order of one peer’s stanzas whatever resource and kind, while a slow one delays nobody else', async () => {
    const { router } = setUp();
    const seen: string[] = [];
    let open: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => (open = resolve));
    router.add(
      handler({
        stanza: 'message',
        handle: async (element, { from }) => {
          if (text(element) === 'slow') await slow;
          seen.push(`${from} ${text(element)}`);
        },
      }),
    );
    router.add(handler({ stanza: 'iq-get', handle: (_, { from }) => void seen.push(`${from} iq`) }));
    router.route(stanza('message', { from: 'b@x/1' }, 'slow'));
    router.route(stanza('message', { from: 'b@x/2' }, 'second'));
    router.route(asks('b@x/1'));
    router.route(stanza('message', { from: 'c@x' }, 'quick'));
    await settle();
    expect(seen).toEqual(['c@x quick']);
    open();
    await settle();
    expect(seen).toEqual(['c@x quick', 'b@x/1 slow', 'b@x/2 second', 'b@x/1 iq']);
  });

  test('limits a stranger who floods, and loses nothing of a contact [fault-9]', async () => {
    const { router } = setUp();
    const counts = new Map<string, number>();
    router.add(handler({ stanza: 'message', handle: (_, { from }) => void counts.set(from, (counts.get(from) ?? 0) + 1) }));
    for (let index = 0; index < 5000; index += 1) {
      router.route(stanza('message', { from: 'stranger@x' }));
      router.route(stanza('message', { from: 'friend@example.net' }));
    }
    while ((counts.get('friend@example.net') ?? 0) < 5000) await nextTurn();
    expect(counts.get('stranger@x')).toBe(256);
    router.route(stanza('message', { from: 'stranger@x' }));
    await settle();
    expect(counts.get('stranger@x')).toBe(257);
  });

  test('loses nothing of a contact who floods handlers that take their time, if reading stops under pressure', async () => {
    const { router } = setUp();
    let handled = 0;
    const pressure = { isHigh: false };
    router.onPressure = (isHigh) => void (pressure.isHigh = isHigh);
    router.add(handler({ stanza: 'message', handle: () => nextTurn().then(() => void (handled += 1)) }));
    for (let sent = 0; sent < 3000; sent += 1) {
      while (pressure.isHigh) await nextTurn();
      router.route(stanza('message', { from: 'friend@example.net' }));
    }
    while (handled < 3000) await nextTurn();
    expect(handled).toBe(3000);
  });

  test('limits all strangers together [fault-9]', async () => {
    const { router } = setUp();
    let count = 0;
    router.add(handler({ stanza: 'message', handle: () => void (count += 1) }));
    for (let index = 0; index < 5000; index += 1) router.route(stanza('message', { from: `s${index}@x` }));
    router.route(stanza('message', { from: 'friend@example.net' }));
    while (count < 4097) await nextTurn();
    await settle();
    expect(count).toBe(4097);
  });

  test('does not take an iq handler that names no payload', () => {
    const { router } = setUp();
    expect(() => router.add({ name: 'x', stanza: 'iq-get', from: everyone, handle: () => undefined })).toThrow(InvariantError);
    const off = router.add(handler({ stanza: 'iq-get' }));
    expect(router.handlers.size).toBe(1);
    off();
    expect(router.handlers.size).toBe(0);
  });
});
