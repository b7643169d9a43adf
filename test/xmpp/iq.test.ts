import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { IqCaller } from '../../src/xmpp/iq.ts';
import { parseBareJid, parseFullJid, parseJid } from '../../src/xmpp/jid.ts';
import type { Jid } from '../../src/xmpp/jid.ts';
import { errorElement, stanzaError, StanzaErrorReply } from '../../src/xmpp/stanza-error.ts';

const account = parseBareJid('alice@example.org');
const jid = parseFullJid('alice@example.org/here');
const ping = (): Element => xml('ping', { xmlns: 'urn:xmpp:ping' });

/** A caller, what it sent, and answers to the last request. */
function setUp() {
  const sent: Element[] = [];
  const caller = new IqCaller({ account, jid: () => jid, send: (stanza) => void sent.push(stanza), log: silentLog });
  const answer = (from: string | undefined, type = 'result', ...content: Element[]): void => caller.receive(xml('iq', { type, id: sent.at(-1)!.attrs.id, from }, ...content));
  return { caller, sent, answer };
}

/** How a promise has come out after everything that is ready has run: 'pending', its value, or its error. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  const settled = promise.catch((error: unknown) => error);
  return Promise.race([settled, new Promise((resolve) => setImmediate(() => resolve('pending')))]);
}

describe('a request [A5]', () => {
  test('is sent with its type, its addressee and an id that nobody can guess', async () => {
    const { caller, sent, answer } = setUp();
    const get = caller.get(parseJid('bob@example.org/x'), ping());
    answer('bob@example.org/x');
    await get;
    const set = caller.set(undefined, ping());
    answer(undefined);
    await set;
    expect(sent.map(({ attrs }) => [attrs.type, attrs.to])).toEqual([
      ['get', 'bob@example.org/x'],
      ['set', undefined],
    ]);
    expect(sent[0]!.attrs.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(sent[0]!.attrs.id).not.toBe(sent[1]!.attrs.id);
  });

  // [to, who may answer, who may not]
  const rules: [to: string | undefined, yes: (string | undefined)[], no: (string | undefined)[]][] = [
    [undefined, [undefined, 'alice@example.org', 'alice@example.org/here', 'ALICE@example.org'], ['alice@example.org/other', 'example.org', 'bob@example.org', 'alice@example.org.evil', '@', '']],
    ['alice@example.org', [undefined, 'alice@example.org', 'alice@example.org/here'], ['alice@example.org/other', 'example.org']],
    ['alice@example.org/here', ['alice@example.org/here'], [undefined, 'alice@example.org']],
    ['alice@example.org/other', ['alice@example.org/other'], [undefined, 'alice@example.org', 'alice@example.org/here']],
    ['example.org', ['example.org'], [undefined, 'alice@example.org', 'example.org/x', 'example.net']],
    ['bob@example.org/x', ['bob@example.org/x', 'Bob@Example.org/x'], [undefined, 'bob@example.org', 'bob@example.org/y', 'alice@example.org', 'example.org']],
    ['bob@example.org', ['bob@example.org'], ['bob@example.org/x', undefined]],
  ];
  test.each(rules)('to %j is answered by whom it was sent to, and by nobody else', async (to, yes, no) => {
    const addressee: Jid | undefined = to === undefined ? undefined : parseJid(to);
    for (const from of yes) {
      for (const type of ['result', 'error']) {
        const { caller, answer } = setUp();
        const request = caller.get(addressee, ping());
        for (const stranger of no) {
          answer(stranger, 'result', xml('forged'));
          answer(stranger, 'error', errorElement(stanzaError('conflict')));
        }
        expect(await outcome(request)).toBe('pending');
        answer(from, type);
        if (type === 'result') expect(await outcome(request)).toMatchObject({ attrs: { type } });
        else expect(await outcome(request)).toBeInstanceOf(StanzaErrorReply);
      }
    }
  });

  test('takes one answer', async () => {
    const { caller, answer } = setUp();
    const request = caller.get(parseJid('b@x'), ping());
    answer('b@x', 'result', xml('first'));
    answer('b@x', 'error');
    answer('b@x', 'result', xml('second'));
    expect((await request).children).toMatchObject([{ name: 'first' }]);
  });

  test('leaves nothing behind: a second answer belongs to no request', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'debug', base: null }, { write: (line: string) => void lines.push(line) });
    const caller = new IqCaller({ account, jid: () => jid, send: ({ attrs: { id } }) => caller.receive(xml('iq', { type: 'result', id, from: 'b@x' })), log });
    const { attrs } = await caller.get(parseJid('b@x'), ping());
    expect(lines).toEqual([]);
    caller.receive(xml('iq', { type: 'result', id: attrs.id, from: 'b@x' }));
    expect(lines.join()).toContain('no request of ours');
  });

  test('is told an error with its condition', async () => {
    const { caller, answer } = setUp();
    const request = caller.get(parseJid('b@x'), ping());
    answer('b@x', 'error', errorElement({ ...stanzaError('item-not-found'), text: 'no such node' }));
    await expect(request).rejects.toMatchObject({ condition: 'does-not-exist', stanzaError: { condition: 'item-not-found', text: 'no such node' } });
  });

  test('ends after its time, and a late answer is nothing', async () => {
    const { caller, answer } = setUp();
    const request = caller.get(parseJid('b@x'), ping(), { timeoutMs: 5 });
    await expect(request).rejects.toMatchObject({ condition: 'network-error' });
    answer('b@x');
  });

  test('ends with the caller’s signal, before it is sent or after', async () => {
    const { caller, sent, answer } = setUp();
    const controller = new AbortController();
    const request = caller.get(parseJid('b@x'), ping(), { signal: controller.signal });
    controller.abort();
    await expect(request).rejects.toMatchObject({ condition: 'cancelled' });
    answer('b@x');
    await expect(caller.get(parseJid('b@x'), ping(), { signal: controller.signal })).rejects.toMatchObject({ condition: 'cancelled' });
    expect(sent).toHaveLength(1);
    const reason = new HushError('terminated', 'over');
    await expect(caller.get(parseJid('b@x'), ping(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('ends with the stream, as does every later one', async () => {
    const { caller, sent } = setUp();
    const requests = [caller.get(undefined, ping()), caller.set(parseJid('b@x'), ping())];
    const cause = new HushError('connection-lost', 'gone');
    caller.closed(cause);
    for (const request of requests) await expect(request).rejects.toMatchObject({ condition: 'disconnected', cause });
    await expect(caller.get(undefined, ping())).rejects.toMatchObject({ condition: 'disconnected' });
    expect(sent).toHaveLength(2);
  });

  test('that cannot be sent fails at once', async () => {
    const caller = new IqCaller({
      account,
      jid: () => undefined,
      send: () => {
        throw new HushError('disconnected', 'no stream');
      },
      log: silentLog,
    });
    await expect(caller.get(undefined, ping())).rejects.toMatchObject({ condition: 'disconnected' });
  });
});
