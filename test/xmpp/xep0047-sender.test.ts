/** The sending half of a bytestream against a receiver that has room or has not, answers soon or late: every byte arrives once, in order. XEP-0047 §2.2. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { HushError } from '../../src/errors.ts';
import { StanzaErrorReply, stanzaError } from '../../src/xmpp/stanza-error.ts';
import { BlockSender, WINDOW } from '../../src/xmpp/xep0047-sender.ts';

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'hrtime'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A peer that is asked block by block; what it has accepted it has read. */
class Peer {
  readonly bytes: Buffer[] = [];
  readonly sender: BlockSender;
  /** Blocks on their way, in order. */
  readonly waiting: { readonly seq: number; readonly bytes: Buffer; readonly settle: (error?: HushError) => void }[] = [];
  #answers: (() => void)[] = [];
  expected = 0;
  most = 0;
  unanswered = 0;
  drained = 0;
  idle = 0;
  failures: HushError[] = [];
  #isFull = false;

  constructor(blockSize: number) {
    this.sender = new BlockSender({
      blockSize,
      send: (seq, bytes) =>
        new Promise((resolve, reject) => {
          this.unanswered += 1;
          this.most = Math.max(this.most, this.unanswered);
          if (bytes.length === 0 || bytes.length > blockSize) throw new Error(`a block of ${bytes.length}`);
          const settle = (error?: HushError): void => {
            this.unanswered -= 1;
            if (error === undefined) resolve();
            else reject(error);
          };
          this.waiting.push({ seq, bytes, settle });
        }),
      onDrained: () => (this.drained += 1),
      onIdle: () => (this.idle += 1),
      onFailed: (error) => this.failures.push(error),
    });
  }

  /** Takes the next block if there is room, and what is out of sequence behind one it had none for it refuses likewise. The answer waits. */
  receive(hasRoom: boolean): void {
    const block = this.waiting.shift();
    if (block === undefined) return;
    if (block.seq === this.expected && hasRoom) {
      this.#isFull = false;
      this.expected = (this.expected + 1) % 65_536;
      this.bytes.push(block.bytes);
      this.#answers.push(() => block.settle());
    } else {
      if (!this.#isFull) expect(block.seq).toBe(this.expected);
      this.#isFull = true;
      this.#answers.push(() => block.settle(new StanzaErrorReply(stanzaError('resource-constraint'))));
    }
  }

  /** Sends the oldest answer that waits, or the newest: servers may not keep the order of answers of different kinds. */
  answer(isNewest: boolean): void {
    (isNewest ? this.#answers.pop() : this.#answers.shift())?.();
  }

  async finish(): Promise<void> {
    for (let at = 0; at < 10_000 && !this.sender.isIdle && this.failures.length === 0; at += 1) {
      while (this.waiting.length > 0) this.receive(true);
      while (this.#answers.length > 0) this.answer(false);
      await turn();
      if (this.waiting.length === 0) jest.advanceTimersByTime(1000);
    }
  }
}

describe('a sender', () => {
  test('brings every byte over, once and in order, with at most sixteen blocks unanswered, whatever the peer has room for [E6 E7]', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ what: fc.constant('write' as const), size: fc.integer({ min: 0, max: 200 }) }) },
      { weight: 6, arbitrary: fc.record({ what: fc.constant('receive' as const), size: fc.constantFrom(1, 1, 1, 1, 1, 0) }) },
      { weight: 6, arbitrary: fc.record({ what: fc.constantFrom('answer' as const, 'answer' as const, 'answer' as const, 'answer-newest' as const), size: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('second' as const), size: fc.integer({ min: 1, max: 3 }) }) },
    );
    let retries = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 16 }), fc.array(step, { maxLength: 60 }), async (blockSize, steps) => {
        const peer = new Peer(blockSize);
        const written: Buffer[] = [];
        let refusals = 0;
        for (const { what, size } of steps) {
          if (what === 'write') {
            const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (written.length * 31 + at) % 251));
            written.push(bytes);
            peer.sender.push([bytes]);
          } else if (what === 'receive') {
            // Five refusals of one block are the end of it, which is another test.
            if (size === 0 && peer.waiting.length > 0) refusals += 1;
            peer.receive(size === 1 || refusals > 4);
          } else if (what === 'second') jest.advanceTimersByTime(size * 1000);
          else peer.answer(what === 'answer-newest');
          await turn();
          expect(Buffer.concat(written).subarray(0, Buffer.concat(peer.bytes).length).equals(Buffer.concat(peer.bytes))).toBe(true);
        }
        await peer.finish();
        retries += refusals > 0 ? 1 : 0;
        expect(peer.failures).toEqual([]);
        expect(Buffer.concat(peer.bytes).equals(Buffer.concat(written))).toBe(true);
        expect(peer.most).toBeLessThanOrEqual(WINDOW.most);
        expect(peer.sender.isIdle).toBe(true);
      }),
      { numRuns: 300 },
    );
    // Of 300 runs about 40; none at all would be a test of nothing.
    expect(retries).toBeGreaterThan(5);
  });

  test('numbers 70 000 blocks from 0 to 65535 and on from 0 [E6]', async () => {
    const peer = new Peer(1);
    peer.sender.push([Buffer.alloc(70_000, 'x')]);
    let count = 0;
    while (!peer.sender.isIdle) {
      while (peer.waiting.length > 0) {
        if (peer.waiting[0]!.seq !== count % 65_536) throw new Error(`${peer.waiting[0]!.seq} for block ${count}`);
        count += 1;
        peer.receive(true);
        peer.answer(false);
      }
      await turn();
    }
    expect([count, peer.expected, peer.idle]).toEqual([70_000, 70_000 % 65_536, 1]);
  }, 60_000);

  test('gives up at any refusal but that of a peer without room, and then sends and says nothing more', async () => {
    for (const error of [new StanzaErrorReply(stanzaError('item-not-found')), new HushError('network-error', 'no answer')]) {
      const peer = new Peer(4);
      peer.sender.push([Buffer.alloc(100)]);
      peer.waiting[1]!.settle(error);
      await turn();
      expect(peer.failures).toEqual([]);
      peer.waiting[0]!.settle();
      await turn();
      expect(peer.failures).toEqual([error]);
      const sent = peer.waiting.length;
      peer.waiting[2]!.settle();
      peer.sender.push([Buffer.alloc(100)]);
      await turn();
      expect([peer.waiting.length, peer.failures.length, peer.idle]).toEqual([sent, 1, 0]);
    }
  });
});
