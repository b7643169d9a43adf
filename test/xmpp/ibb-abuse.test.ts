/** In-band bytestreams in the hands of somebody who does not want bytes carried: sequences, sizes, floods, encodings. XEP-0047 §2, §5; XTLS profile §1. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeBase64 } from '../../src/xmpp/base64.ts';
import { xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { parseFullJid } from '../../src/xmpp/jid.ts';
import { errorOf } from '../../src/xmpp/stanza-error.ts';
import { IBB, InBandBytestreams } from '../../src/xmpp/xep0047-ibb.ts';
import type { IbbStream } from '../../src/xmpp/xep0047-ibb.ts';
import { Wire } from '../harness/wire.ts';
import type { Endpoint } from '../harness/wire.ts';

const PEER = 'romeo@example.net/orchard';
const OWN = 'juliet@example.org/balcony';
const others = ['romeo@example.net/other', 'nurse@example.org/kitchen'];
const BLOCK = 256;

let wire: Wire;
let endpoint: Endpoint;
let ours: InBandBytestreams;

beforeEach(() => {
  wire = new Wire();
  endpoint = wire.endpoint(OWN, { subscribers: ['romeo@example.net', 'nurse@example.org'] });
  ours = new InBandBytestreams(endpoint);
});
afterEach(() => endpoint.disconnect());

const answerOf = (answer: Element): string => (answer.attrs.type === 'result' ? 'result' : errorOf(answer).condition);
const ask = async (payload: string, from = PEER): Promise<string> => answerOf(await wire.ask(from, OWN, 'set', payload));
const data = (sid: string, seq: number | string, base64: string): string => `<data xmlns='${IBB}' sid='${sid}' seq='${seq}'>${base64}</data>`;
const open = (sid: string, blockSize: string | number = BLOCK): string => `<open xmlns='${IBB}' sid='${sid}' block-size='${blockSize}' stanza='iq'/>`;
const close = (sid: string): string => `<close xmlns='${IBB}' sid='${sid}'/>`;

let count = 0;
/** A stream whose bytes are read as they come. */
async function listening(isOpen = true): Promise<{ sid: string; stream: IbbStream; read: Buffer[] }> {
  const sid = `sid-${(count += 1)}`;
  const stream = ours.listen({ peer: parseFullJid(PEER), sid, blockSize: BLOCK });
  const read: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => read.push(bytes));
  if (isOpen) expect(await ask(open(sid))).toBe('result');
  return { sid, stream, read };
}

/** What a receiver answers, from the specification alone. */
class Model {
  state: 'awaiting' | 'open' | 'over';
  #expected: number;
  readonly #last: { seq: number; base64: string }[] = [];
  readonly bytes: Buffer[] = [];

  constructor(state: 'awaiting' | 'open', expected = 0) {
    this.state = state;
    this.#expected = expected;
  }

  get expected(): number {
    return this.#expected;
  }

  data(seq: number, base64: string): string {
    if (this.state === 'over') return 'item-not-found';
    if (this.state === 'awaiting') return this.#end('unexpected-request');
    const bytes = Buffer.from(base64, 'base64');
    if (bytes.length === 0 || bytes.length > BLOCK || bytes.toString('base64') !== base64) return this.#end('bad-request');
    if (seq === this.#expected) {
      this.#expected = (seq + 1) % 65_536;
      this.#last.push({ seq, base64 });
      if (this.#last.length > 16) this.#last.shift();
      this.bytes.push(bytes);
      return 'result';
    }
    return this.#last.some((block) => block.seq === seq && block.base64 === base64) ? 'result' : this.#end('unexpected-request');
  }

  open(): string {
    if (this.state === 'over') return 'not-acceptable';
    if (this.state === 'open') return 'not-acceptable';
    this.state = 'open';
    return 'result';
  }

  close(): string {
    if (this.state === 'over') return 'item-not-found';
    this.state = 'over';
    return 'result';
  }

  #end(answer: string): string {
    this.state = 'over';
    return answer;
  }
}

describe('sequences [E6]', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ what: fc.constant('next' as const), byte: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('repeat' as const), byte: fc.integer({ min: 1, max: 18 }) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('skip' as const, 'changed' as const, 'empty' as const, 'long' as const), byte: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('stranger' as const, 'resource' as const, 'other-sid' as const), byte: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('open' as const, 'close' as const), byte: fc.nat(3) }) },
  );

  test('of blocks in any order, with everybody else in between, come to what the model says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 40 }), async (isOpen, steps) => {
        const { sid, stream, read } = await listening(isOpen);
        const model = new Model(isOpen ? 'open' : 'awaiting');
        const sent: { seq: number; base64: string }[] = [];
        const send = async (seq: number, bytes: Buffer): Promise<void> => {
          const base64 = bytes.toString('base64');
          const wanted = model.data(seq, base64);
          expect([seq, await ask(data(sid, seq, base64))]).toEqual([seq, wanted]);
          if (wanted === 'result') sent.push({ seq, base64 });
        };
        for (const { what, byte } of steps) {
          const bytes = Buffer.from([byte, sent.length % 251]);
          if (what === 'next') await send(model.expected, bytes);
          else if (what === 'skip') await send((model.expected + byte) % 65_536, bytes);
          else if (what === 'empty') await send(model.expected, Buffer.alloc(0));
          else if (what === 'long') await send(model.expected, Buffer.alloc(BLOCK + byte));
          else if (what === 'repeat' || what === 'changed') {
            const old = sent.at(-byte);
            if (old === undefined) continue;
            const again = Buffer.from(old.base64, 'base64');
            if (what === 'changed') again[0]! ^= 1;
            await send(old.seq, again);
          } else if (what === 'stranger') expect(await ask(data(sid, model.expected, 'AAAA'), 'mallory@example.com/x')).toBe('service-unavailable');
          else if (what === 'resource') for (const from of others) expect(await ask(data(sid, model.expected, 'AAAA'), from)).toBe('item-not-found');
          else if (what === 'other-sid') expect(await ask(data(`${sid}x`, 0, 'AAAA'))).toBe('item-not-found');
          else if (what === 'open') expect(await ask(open(sid))).toBe(model.open());
          else expect(await ask(close(sid))).toBe(model.close());
        }
        await new Promise((resolve) => setImmediate(resolve));
        if (model.state !== 'over') expect(Buffer.concat(read)).toEqual(Buffer.concat(model.bytes));
        // Nothing that was not accepted is ever read.
        expect(Buffer.concat(model.bytes).subarray(0, Buffer.concat(read).length)).toEqual(Buffer.concat(read));
        stream.destroy();
      }),
      { numRuns: 150 },
    );
  });

  test('of 70 000 blocks wrap from 65535 to 0, with repeats across it, and at no other place', async () => {
    const { stream, read } = await listening();
    const take = (at: number, content = at): unknown => stream.onData(xml('data', { xmlns: IBB, sid: stream.sid, seq: at % 65_536 }, Buffer.from([content & 255, (content >> 8) & 255]).toString('base64')));
    for (let at = 0; at < 70_000; at += 1) {
      if (take(at) !== undefined) throw new Error(`withheld at ${at}`);
      // Once more, as a resumed stream would: the last, and the sixteenth before.
      if (at % 1000 === 0 || (at > 65_530 && at < 65_560)) for (const back of [0, 1, 15]) if (at >= back) take(at - back);
      if (at % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setImmediate(resolve));
    const bytes = Buffer.concat(read);
    expect(bytes).toHaveLength(140_000);
    for (let at = 0; at < 70_000; at += 1) if (bytes.readUInt16LE(at * 2) !== (at & 0xffff)) throw new Error(`wrong at ${at}`);
    expect(() => take(70_000 - 17)).toThrow('unexpected-request');
  });

  test('of somebody else’s making take nothing away: the stream carries on', async () => {
    const { sid, read } = await listening();
    expect(await ask(data(sid, 0, 'AAAA'))).toBe('result');
    for (const from of others) for (const payload of [data(sid, 1, 'BBBB'), data(sid, 9, 'BBBB'), open(sid), close(sid)]) expect(await ask(payload, from)).not.toBe('result');
    expect(await ask(data(sid, 1, 'CCCC'))).toBe('result');
    expect(Buffer.concat(read).toString('base64')).toBe('AAAACCCC');
  });

  test.each([
    ['before the stream is open', async ({ sid }: { sid: string }) => ask(data(sid, 0, 'AAAA')), false, 'unexpected-request'],
    ['after its end', async ({ sid }: { sid: string }) => (await ask(close(sid)), ask(data(sid, 0, 'AAAA'))), true, 'item-not-found'],
  ] as const)('%s are refused', async (_name, act, isOpen, condition) => {
    const one = await listening(isOpen);
    expect(await act(one)).toBe(condition);
    expect(one.read).toEqual([]);
    // The control: a stream in order.
    const two = await listening();
    expect(await ask(data(two.sid, 0, 'AAAA'))).toBe('result');
  });
});

describe('sizes [E7]', () => {
  test.each(['0', '-1', '-256', '+256', '0256', '256.0', '1e2', '0x100', ' 256', '65536', '4294967552', '99999999999999999999', 'NaN', '', '255', '257'])('a stream of blocks of %j is not the one agreed on', async (blockSize) => {
    const { sid } = await listening(false);
    expect(await ask(open(sid, blockSize))).toBe('not-acceptable');
    const { sid: control } = await listening(false);
    expect(await ask(open(control, '256'))).toBe('result');
  });

  test('a block of just the size is taken, one byte more ends the stream, before it is decoded', async () => {
    const { sid, read } = await listening();
    expect(await ask(data(sid, 0, Buffer.alloc(BLOCK).toString('base64')))).toBe('result');
    expect(await ask(data(sid, 1, Buffer.alloc(BLOCK + 1).toString('base64')))).toBe('bad-request');
    expect(read.map(({ length }) => length)).toEqual([BLOCK]);
    const start = performance.now();
    expect(decodeBase64('A'.repeat(40_000_000), BLOCK)).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(50);
  });

  test('opening again and again, by anybody, costs nothing and opens nothing', async () => {
    const { sid, read } = await listening();
    for (let at = 0; at < 1000; at += 50) {
      const answers = Array.from({ length: 50 }, async (_, more) => ask(open(more % 2 === 0 ? sid : `unknown-${at + more}`), more % 3 === 0 ? others[0] : PEER));
      expect(new Set(await Promise.all(answers))).toEqual(new Set(['not-acceptable']));
    }
    expect(await ask(data(sid, 0, 'AAAA'))).toBe('result');
    expect(read).toHaveLength(1);
    expect(await ask(data('unknown-1', 0, 'AAAA'))).toBe('item-not-found');
  });

  test('a peer that never answers gets four blocks, and the writer waits instead of piling up', async () => {
    const stream = ours.connect({ peer: parseFullJid(PEER), sid: 'deaf', blockSize: BLOCK });
    let blocks = 0;
    let answer: (() => void) | undefined;
    wire.filter = ({ from, stanza }) => {
      const text = stanza.toString();
      if (from === OWN && text.includes('<open ')) wire.inject(PEER, `<iq type='result' id='${stanza.attrs.id}' to='${OWN}'/>`);
      else if (from === OWN) {
        blocks += 1;
        answer ??= () => wire.inject(PEER, `<iq type='result' id='${stanza.attrs.id}' to='${OWN}'/>`);
      }
      return from === OWN ? [] : [{ from, to: OWN, stanza }];
    };
    await stream.opened;
    let written = 0;
    while (written < 1000 && stream.write(Buffer.alloc(BLOCK))) written += 1;
    for (let at = 0; at < 200; at += 1) stream.write(Buffer.alloc(BLOCK));
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([blocks, written < 64, stream.writableNeedDrain]).toEqual([4, true, true]);
    // The control: each answer makes room.
    answer!();
    while (blocks === 4) await new Promise((resolve) => setImmediate(resolve));
    stream.destroy();
  });

  test('what is not read is bounded: 256 KiB, then 16 blocks, then nothing more is taken', async () => {
    const stream = ours.listen({ peer: parseFullJid(PEER), sid: 'full', blockSize: BLOCK });
    expect(await ask(open('full'))).toBe('result');
    const bytes = Buffer.alloc(BLOCK, 7).toString('base64');
    const answers: string[] = [];
    for (let seq = 0; seq < 1500; seq += 1) ask(data('full', seq, bytes)).then((answer) => answers.push(answer), () => undefined);
    while (answers.filter((answer) => answer !== 'result').length < 1500 - 1023 - 16) await new Promise((resolve) => setImmediate(resolve));
    expect(stream.readableLength).toBe((1023 + 16) * BLOCK);
    expect(new Set(answers)).toEqual(new Set(['result', 'resource-constraint']));
    stream.destroy();
  });
});

describe('encodings [E8]', () => {
  const canonical = (text: string): boolean => Buffer.from(text, 'base64').toString('base64') === text;

  test('only the one spelling of some bytes is read', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => decodeBase64(Buffer.from(bytes).toString('base64'), 60)?.equals(bytes)));
    const alphabet = fc.constantFrom(...Array.from('ABCDwxyz0189+/==-_ \t\n\r?:.\0éſ\u{1F600}'));
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 12 }), (letters) => {
        const text = letters.join('');
        return (decodeBase64(text, 60) !== undefined) === canonical(text);
      }),
      { numRuns: 20_000 },
    );
  });

  test.each(['AA==AAAA', 'A', 'AA', 'AAA', 'AAAA=', '=', '====', 'AA=A', 'AAB=', 'AB==', 'AA\nAA', ' AAAA', 'AAAA ', 'A_-A', '?OTR:===.', 'AAAA&#0;'.replace('&#0;', '\u0085'), ''])('a block that says %j is refused, and ends the stream', async (text) => {
    const { sid, stream, read } = await listening();
    const ended = new Promise((resolve) => stream.once('error', resolve));
    expect(await ask(data(sid, 0, text))).toBe('bad-request');
    await expect(ended).resolves.toMatchObject({ condition: 'invalid-data' });
    expect(read).toEqual([]);
    const control = await listening();
    expect(await ask(data(control.sid, 0, 'AA=='))).toBe('result');
  });
});
