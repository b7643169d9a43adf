import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { HushError } from '../../src/errors.ts';
import { errorOf } from '../../src/xmpp/stanza-error.ts';
import { child } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { parseFullJid } from '../../src/xmpp/jid.ts';
import { IBB, InBandBytestreams } from '../../src/xmpp/xep0047-ibb.ts';
import type { IbbStream } from '../../src/xmpp/xep0047-ibb.ts';
import { Wire, parse } from '../harness/wire.ts';
import type { Endpoint, Transit } from '../harness/wire.ts';

const ROMEO = 'romeo@example.net/orchard';
const JULIET = 'juliet@example.org/balcony';
const SID = '00112233445566778899aabbccddeeff';

let wire: Wire;
let romeo: Endpoint;
let juliet: Endpoint;
let ours: InBandBytestreams;
let theirs: InBandBytestreams;

beforeEach(() => {
  wire = new Wire();
  romeo = wire.endpoint(ROMEO, { subscribers: ['juliet@example.org'] });
  juliet = wire.endpoint(JULIET, { subscribers: ['romeo@example.net'] });
  ours = new InBandBytestreams(romeo);
  theirs = new InBandBytestreams(juliet);
});

afterEach(() => {
  romeo.disconnect();
  juliet.disconnect();
});

const pair = (blockSize = 4096): [IbbStream, IbbStream] => {
  const listening = theirs.listen({ peer: parseFullJid(ROMEO), sid: SID, blockSize });
  return [ours.connect({ peer: parseFullJid(JULIET), sid: SID, blockSize }), listening];
};

const failure = async (stream: IbbStream): Promise<HushError> => new Promise((resolve) => stream.once('error', resolve));
const dataOf = (stanza: Element): Element | undefined => child(stanza, 'data', IBB);
const isData = ({ stanza }: Transit): boolean => dataOf(stanza) !== undefined;
const dataSent = (): string[] => wire.log.filter((text) => text.includes('<data '));

async function readAll(stream: IbbStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Reads until `length` bytes have come. */
async function read(stream: IbbStream, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve) => {
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size < length) return;
      stream.off('data', onData);
      resolve(Buffer.concat(chunks));
    };
    stream.on('data', onData);
  });
}

describe('a bytestream', () => {
  test('is opened, carries bytes both ways and is closed by either side', async () => {
    const [left, right] = pair();
    await Promise.all([left.opened, right.opened]);
    expect(wire.log[0]).toContain(`<open xmlns="${IBB}" block-size="4096" sid="${SID}" stanza="iq"/>`);
    left.write('But, soft!');
    right.write('Ay me!');
    expect((await read(right, 10)).toString()).toBe('But, soft!');
    expect((await read(left, 6)).toString()).toBe('Ay me!');
    right.end('Good night');
    expect((await readAll(left)).toString()).toBe('Good night');
    await once(right, 'close');
    expect(wire.log.some((text) => text.includes(`<close xmlns="${IBB}" sid="${SID}"/>`))).toBe(true);
  });

  test('keeps every byte in order over a wrap of the sequence [E6]', async () => {
    const [left, right] = pair(1);
    await left.opened;
    const bytes = Buffer.alloc(66_000, 0).map((_, at) => at % 251);
    const arrived = read(right, bytes.length);
    left.end(bytes);
    expect((await arrived).equals(bytes)).toBe(true);
    expect(dataSent().filter((text) => text.includes('seq="65535"'))).toHaveLength(1);
    expect(dataSent().filter((text) => text.includes('seq="463"'))).toHaveLength(2);
    // 66 000 stanzas, each answered: seconds of work.
  }, 120_000);

  test('puts what was written before it was open into its first blocks', async () => {
    const [left, right] = pair();
    left.write('a');
    left.write('b');
    expect((await read(right, 2)).toString()).toBe('ab');
  });

  test('closed by both at once ends on both sides without error', async () => {
    const [left, right] = pair();
    await left.opened;
    left.resume().end('x');
    right.resume().end('y');
    await Promise.all([once(left, 'close'), once(right, 'close')]);
    expect(left.errored ?? right.errored).toBeNull();
  });

  test('knows no sid after its end', async () => {
    const [left, right] = pair();
    await left.opened;
    right.resume();
    left.resume().end();
    await once(left, 'close');
    const answer = await wire.ask(ROMEO, JULIET, 'set', `<data xmlns='${IBB}' seq='0' sid='${SID}'>AAAA</data>`);
    expect(errorOf(answer).condition).toBe('item-not-found');
  });
});

describe('opening', () => {
  const open = (attributes: string): string => `<open xmlns='${IBB}' sid='${SID}' ${attributes}/>`;

  test.each(["block-size='4095' stanza='iq'", "block-size='04096' stanza='iq'", "block-size='4096' stanza='message'", "stanza='iq'", "block-size='+4096'"])('with %s is not acceptable and ends it [E7]', async (attributes) => {
    const right = theirs.listen({ peer: parseFullJid(ROMEO), sid: SID, blockSize: 4096 });
    const ended = failure(right);
    expect(errorOf(await wire.ask(ROMEO, JULIET, 'set', open(attributes))).condition).toBe('not-acceptable');
    expect((await ended).condition).toBe('invalid-data');
    await expect(right.opened).rejects.toMatchObject({ condition: 'invalid-data' });
  });

  test('without stanza is opening for iq', async () => {
    const right = theirs.listen({ peer: parseFullJid(ROMEO), sid: SID, blockSize: 4096 });
    expect((await wire.ask(ROMEO, JULIET, 'set', open("block-size='4096'"))).attrs.type).toBe('result');
    await right.opened;
  });

  test('a second time, or by the side that opened, is refused without effect', async () => {
    const [left, right] = pair();
    await Promise.all([left.opened, right.opened]);
    for (const [from, to] of [[ROMEO, JULIET], [JULIET, ROMEO]] as const) {
      expect(errorOf(await wire.ask(from, to, 'set', open("block-size='4096' stanza='iq'"))).condition).toBe('not-acceptable');
    }
    left.write('still here');
    expect((await read(right, 10)).toString()).toBe('still here');
  });

  test('fails with the refusal of the peer', async () => {
    const left = ours.connect({ peer: parseFullJid(JULIET), sid: SID, blockSize: 4096 });
    await expect(left.opened).rejects.toMatchObject({ condition: 'not-available' });
  });

  test('what nobody waits for is refused, to strangers as if nobody were there', async () => {
    expect(errorOf(await wire.ask(ROMEO, JULIET, 'set', open("block-size='4096'"))).condition).toBe('not-acceptable');
    expect(errorOf(await wire.ask('mallory@example.com/x', JULIET, 'set', open("block-size='4096'"))).condition).toBe('service-unavailable');
    expect(errorOf(await wire.ask('mallory@example.com/x', JULIET, 'set', `<data xmlns='${IBB}' seq='0' sid='${SID}'>AAAA</data>`)).condition).toBe('service-unavailable');
  });
});

describe('a block', () => {
  const block = (attributes: string, content = 'AAAA'): string => `<data xmlns='${IBB}' sid='${SID}' ${attributes}>${content}</data>`;
  const send = async (payload: string, from = ROMEO): Promise<Element> => wire.ask(from, JULIET, 'set', payload);

  let right: IbbStream;
  beforeEach(async () => {
    right = theirs.listen({ peer: parseFullJid(ROMEO), sid: SID, blockSize: 256 });
    await send(`<open xmlns='${IBB}' sid='${SID}' block-size='256' stanza='iq'/>`);
  });

  test('is accepted with a result', async () => {
    expect((await send(block("seq='0'"))).attrs.type).toBe('result');
    expect(await read(right, 3)).toEqual(Buffer.alloc(3));
  });

  test.each([
    ['no seq', block('')],
    ['a seq with a sign', block("seq='+0'")],
    ['a seq with a leading zero', block("seq='00'")],
    ['a seq too large', block("seq='65536'")],
    ['no bytes', block("seq='0'", '')],
    ['white space', block("seq='0'", 'AA AA')],
    ['no padding', block("seq='0'", 'AAA')],
    ['padding inside', block("seq='0'", 'AA==AAAA')],
    ['bits after the end', block("seq='0'", 'AAB=')],
    ['the other alphabet', block("seq='0'", 'A_-A')],
    ['an element', block("seq='0'", '<a/>AAAA')],
    ['more bytes than agreed', block("seq='0'", Buffer.alloc(257).toString('base64'))],
  ])('with %s is a bad request and ends the stream [E6 E7 E8]', async (_name, payload) => {
    const ended = failure(right);
    const answer = errorOf(await send(payload));
    expect(answer).toMatchObject({ condition: 'bad-request', type: 'modify' });
    expect((await ended).condition).toBe('invalid-data');
  });

  test.each(["seq='1'", "seq='65535'"])('out of sequence (%s) is unexpected and ends the stream [E6]', async (seq) => {
    const ended = failure(right);
    expect(errorOf(await send(block(seq)))).toMatchObject({ condition: 'unexpected-request', type: 'cancel' });
    expect((await ended).condition).toBe('invalid-data');
  });

  test('that came along with a wrong one is not taken any more [E6]', async () => {
    const ended = failure(right);
    const answers = ["seq='5'", "seq='0'", "seq='0'"].map(async (seq) => errorOf(await send(block(seq))).condition);
    expect(await Promise.all(answers)).toEqual(['unexpected-request', 'item-not-found', 'item-not-found']);
    expect((await ended).condition).toBe('invalid-data');
    expect(right.read()).toBeNull();
  });

  test('repeated byte for byte among the last 16 is answered and dropped [E6]', async () => {
    const content = (at: number): string => Buffer.from([at, at, at]).toString('base64');
    for (let at = 0; at < 20; at += 1) await send(block(`seq='${at}'`, content(at)));
    for (const at of [19, 4, 11]) expect((await send(block(`seq='${at}'`, content(at)))).attrs.type).toBe('result');
    await send(block("seq='20'", content(20)));
    expect(await read(right, 63)).toEqual(Buffer.from(Array.from({ length: 63 }, (_, at) => Math.floor(at / 3))));
    expect(errorOf(await send(block("seq='4'", content(4)))).condition).toBe('unexpected-request');
  });

  test('repeated with other bytes ends the stream [E6]', async () => {
    await send(block("seq='0'"));
    const ended = failure(right);
    expect(errorOf(await send(block("seq='0'", 'AAAB'))).condition).toBe('unexpected-request');
    await ended;
  });

  test('from anybody else does not touch the stream [E1 E6]', async () => {
    expect(errorOf(await send(block("seq='0'"), 'romeo@example.net/other')).condition).toBe('item-not-found');
    expect(errorOf(await send(block("seq='0'"), 'mallory@example.com/x')).condition).toBe('service-unavailable');
    expect((await send(block("seq='0'"))).attrs.type).toBe('result');
  });

  test('in a message ends the stream', async () => {
    const ended = failure(right);
    wire.inject(ROMEO, `<message to='${JULIET}'>${block("seq='0'")}</message>`);
    expect((await ended).condition).toBe('invalid-data');
  });

  test('is not answered while 256 KiB are unread, and is when they are read [E7]', async () => {
    const bytes = Buffer.alloc(256, 7).toString('base64');
    for (let at = 0; at < 1023; at += 1) await send(block(`seq='${at}'`, bytes));
    let isAnswered = false;
    const last = send(block("seq='1023'", bytes)).then(() => (isAnswered = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isAnswered).toBe(false);
    expect(right.readableLength).toBe(262_144);
    // Nothing else of the peer waits behind it.
    expect(errorOf(await send(`<close xmlns='${IBB}' sid='other'/>`)).condition).toBe('item-not-found');
    expect(right.read()).toHaveLength(262_144);
    await last;
  });

  test('beyond all room is to be sent again, with all that follow it, and does no harm', async () => {
    const bytes = Buffer.alloc(256, 7).toString('base64');
    for (let at = 0; at < 1023; at += 1) await send(block(`seq='${at}'`, bytes));
    const withheld = Array.from({ length: 16 }, async (_, at) => send(block(`seq='${1023 + at}'`, bytes)));
    const refused = [1039, 1040].map(async (seq) => errorOf(await send(block(`seq='${seq}'`, bytes))));
    for (const { condition, type } of await Promise.all(refused)) expect([condition, type]).toEqual(['resource-constraint', 'wait']);
    right.read();
    for (const answer of await Promise.all(withheld)) expect(answer.attrs.type).toBe('result');
    expect(errorOf(await send(block("seq='1040'", bytes))).condition).toBe('resource-constraint');
    expect((await send(block("seq='1039'", bytes))).attrs.type).toBe('result');
    expect((await send(block("seq='1040'", bytes))).attrs.type).toBe('result');
    const ended = failure(right);
    expect(errorOf(await send(block("seq='1050'", bytes))).condition).toBe('unexpected-request');
    await ended;
  });
});

describe('the sender', () => {
  test('has four unanswered blocks at first, sixteen later, never more', async () => {
    const [left, right] = pair(16);
    await left.opened;
    right.resume();
    let unanswered = 0;
    const seen: number[] = [];
    wire.filter = (transit) => {
      if (isData(transit)) seen.push((unanswered += 1));
      else if (transit.stanza.attrs.type === 'result') unanswered -= 1;
      return [transit];
    };
    const finished = once(right, 'end');
    left.end(Buffer.alloc(16 * 200));
    await finished;
    expect(Math.max(...seen.slice(0, 4))).toBe(4);
    expect(Math.max(...seen)).toBe(16);
    expect(seen).toHaveLength(200);
  });

  test('makes the writer wait while its window is full [E7]', async () => {
    const [left] = pair(16);
    await left.opened;
    wire.filter = (transit) => (isData(transit) ? [] : [transit]);
    expect(left.write(Buffer.alloc(1024))).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(left.writableNeedDrain).toBe(true);
    expect(dataSent()).toHaveLength(4);
  });

  /** What the peer, or its server, would answer. */
  const answer = ({ from, to, stanza }: Transit, error?: string): Transit => ({
    from: to,
    to: from,
    stanza: parse(`<iq type='${error === undefined ? 'result' : 'error'}' id='${stanza.attrs.id}' to='${from}'>${error === undefined ? '' : errorText(error)}</iq>`),
  });

  describe('when blocks come back', () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'hrtime'] });
    });
    afterEach(() => {
      jest.useRealTimers();
    });
    const settle = async (): Promise<void> => {
      for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    };

    test('with "wait", sends the same blocks again after a second, one at a time, and loses nothing', async () => {
      const [left, right] = pair(4);
      await left.opened;
      let isFull = true;
      wire.filter = (transit) => (isData(transit) && isFull ? [answer(transit, 'wait')] : [transit]);
      left.end('0123456789abcdefXY');
      await settle();
      const first = dataSent();
      expect(first).toHaveLength(4);
      isFull = false;
      await jest.advanceTimersByTimeAsync(999);
      expect(dataSent()).toHaveLength(4);
      const arrived = readAll(right);
      await jest.advanceTimersByTimeAsync(1);
      expect(dataSent()).toHaveLength(5);
      expect((await arrived).toString()).toBe('0123456789abcdefXY');
      const content = (text: string): string | undefined => /seq="\d+".*<\/data>/.exec(text)?.[0];
      expect(dataSent().slice(4, 8).map(content)).toEqual(first.map(content));
    });

    test('with "wait" again and again, gives up after five tries', async () => {
      const [left] = pair(4);
      await left.opened;
      wire.filter = (transit) => (isData(transit) ? [answer(transit, 'wait')] : [transit]);
      const ended = failure(left);
      left.write('0123');
      for (const seconds of [1, 2, 4, 8, 16]) {
        await settle();
        const before = dataSent().length;
        await jest.advanceTimersByTimeAsync(seconds * 1000 - 1);
        expect(dataSent()).toHaveLength(before);
        await jest.advanceTimersByTimeAsync(1);
        expect(dataSent()).toHaveLength(before + 1);
      }
      await settle();
      expect((await ended).message).toContain('service-unavailable');
    });

    test('unanswered for 60 s, ends [E7]', async () => {
      const [left] = pair(4);
      await left.opened;
      wire.filter = (transit) => (isData(transit) ? [] : [transit]);
      const ended = failure(left);
      left.write('0123');
      await settle();
      await jest.advanceTimersByTimeAsync(59_999);
      expect(left.destroyed).toBe(false);
      await jest.advanceTimersByTimeAsync(1);
      expect((await ended).condition).toBe('network-error');
    });
  });

  test('ends at any other error', async () => {
    const [left] = pair(4);
    await left.opened;
    wire.filter = (transit) => (isData(transit) ? [answer(transit, 'cancel')] : [transit]);
    left.write('0123');
    expect((await failure(left)).condition).toBe('not-available');
  });

  test('ends when a block was refused and a later one accepted', async () => {
    const [left] = pair(4);
    await left.opened;
    wire.filter = (transit) => {
      if (!isData(transit)) return [transit];
      return [answer(transit, dataOf(transit.stanza)?.attrs.seq === '0' ? 'wait' : undefined)];
    };
    left.write('01234567');
    expect((await failure(left)).condition).toBe('not-available');
  });

  test('ends with its XMPP stream', async () => {
    const [left] = pair(4);
    await left.opened;
    wire.filter = (transit) => (isData(transit) ? [] : [transit]);
    left.write('0123');
    const ended = failure(left);
    romeo.disconnect();
    expect((await ended).condition).toBe('disconnected');
  });
});

test('all streams end with their owner', async () => {
  const [left, right] = pair();
  await left.opened;
  const ended = failure(left);
  ours.close(new HushError('disconnected', 'gone'));
  expect((await ended).condition).toBe('disconnected');
  right.resume();
  expect(errorOf(await wire.ask(JULIET, ROMEO, 'set', `<data xmlns='${IBB}' seq='0' sid='${SID}'>AAAA</data>`)).condition).toBe('service-unavailable');
});

function errorText(type: string): string {
  return `<error type='${type}'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
}
