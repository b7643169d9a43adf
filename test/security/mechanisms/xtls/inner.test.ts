import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { InnerStream } from '../../../../src/security/mechanisms/xtls/inner.ts';
import type { Binding } from '../../../../src/security/mechanisms/xtls/inner.ts';
import { xml } from '../../../../src/xmpp/element.ts';
import { parseFullJid } from '../../../../src/xmpp/jid.ts';

/** A stream that has read the peer's header and these elements: what it reports, and each of its writes. */
function opened(binding: Binding | undefined, ...elements: string[]): { stream: InnerStream; lines: string[]; writes: string[] } {
  const [lines, writes]: [string[], string[]] = [[], []];
  const stream = new InnerStream({
    role: 'responder',
    own: parseFullJid('juliet@capulet.lit/balcony'),
    peer: parseFullJid('romeo@example.net/orchard'),
    binding,
    handlers: {
      write: (bytes) => writes.push(bytes.toString()),
      bound: () => lines.push('bound'),
      element: ({ name }) => lines.push(name),
      closed: () => lines.push('closed'),
      violated: ({ message }) => lines.push(message),
    },
  });
  const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='romeo@example.net/orchard' to='juliet@capulet.lit/balcony'>";
  stream.read(Buffer.from([header, ...elements].join('')));
  return { stream, lines, writes };
}

const reported = (...given: Parameters<typeof opened>): string[] => opened(...given).lines;

const hash = Buffer.alloc(32, 7);
const binding: Binding = { hash, salt: undefined, peerCommitment: '', peerSpki: Buffer.alloc(1) };
const bind = `<binding xmlns='urn:x-telepathy-hush:xtls:1' role='initiator' alg='sha-256'>${hash.toString('base64')}</binding>`;
const message = (attributes: string): string => `<message ${attributes}><body>x</body></message>`;
const [bare, full, foreign] = [
  message("from='romeo@example.net' to='juliet@capulet.lit'"),
  message("from='romeo@example.net/orchard' to='juliet@capulet.lit/balcony'"),
  message("from='tybalt@capulet.lit'"),
];

test('draft-only peers may name bare addresses in stanzas, but nobody else’s', () => {
  expect(reported(undefined, bare, full, message(''))).toEqual(['bound', 'message', 'message', 'message']);
  expect(reported(undefined, foreign)).toEqual(['bound', 'inside: a stanza of somebody else']);
});

test('with the profile addresses are full or absent', () => {
  expect(reported(binding, bind, full, message(''))).toEqual(['bound', 'message', 'message']);
  for (const wrong of [bare, foreign]) expect(reported(binding, bind, wrong)).toEqual(['bound', 'inside: a stanza of somebody else']);
});

describe('what waits for company', () => {
  const [receipt, answer] = [xml('message', { id: 'receipt' }), xml('message', { id: 'answer' })];
  let stream: InnerStream;
  let writes: string[];

  beforeEach(() => {
    jest.useFakeTimers();
    ({ stream, writes } = opened(undefined));
    writes.length = 0;
  });
  afterEach(() => {
    stream.stop();
    jest.useRealTimers();
  });

  test('leaves before what is written next, in one piece with it', () => {
    stream.sendAlong(receipt);
    stream.send(answer);
    expect(writes).toEqual(['<message id="receipt"/><message id="answer"/>']);
    jest.runAllTimers();
    expect(writes).toHaveLength(1);
  });

  test('leaves by itself, all of it, 20 ms after the first of it', () => {
    stream.sendAlong(receipt);
    jest.advanceTimersByTime(19);
    stream.sendAlong(answer);
    expect(writes).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(writes).toEqual(['<message id="receipt"/><message id="answer"/>']);
    stream.sendAlong(receipt);
    jest.advanceTimersByTime(20);
    expect(writes).toHaveLength(2);
  });

  test('leaves before our end, and never after it', () => {
    stream.sendAlong(receipt);
    stream.close();
    stream.sendAlong(answer);
    expect(jest.getTimerCount()).toBe(0);
    expect(writes).toEqual(['<message id="receipt"/></stream:stream>']);
  });

  test('stays where the session is given up', () => {
    stream.sendAlong(receipt);
    stream.stop();
    stream.sendAlong(answer);
    expect(jest.getTimerCount()).toBe(0);
    expect(writes).toEqual([]);
  });
});
