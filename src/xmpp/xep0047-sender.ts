/** The sending half of an in-band bytestream: blocks in a window, answered one by one, sent again where the peer had no room. XEP-0047 2.0.1 §2.2. */
import { HushError, asHushError } from '../errors.ts';
import { StanzaErrorReply } from './stanza-error.ts';

export interface BlockSenderOptions {
  /** Bytes of a block before base64. */
  readonly blockSize: number;
  /** Sends one block; resolves when the peer has accepted it. */
  readonly send: (seq: number, bytes: Buffer) => Promise<void>;
  /** Everything handed over has been sent; it may not be answered yet. */
  readonly onDrained: () => void;
  /** Everything handed over has been accepted. */
  readonly onIdle: () => void;
  /** Called once; nothing is sent afterwards. */
  readonly onFailed: (error: HushError) => void;
}

/** Unanswered blocks: at the start, and at most. */
export const WINDOW = { first: 4, most: 16 } as const;
/** Milliseconds before blocks are sent again, doubled each time, and how often. */
const RETRY = { delayMs: 1000, tries: 5 } as const;

interface Block {
  readonly seq: number;
  readonly bytes: Buffer;
  answer: 'none' | 'accepted' | HushError;
}

export class BlockSender {
  readonly #options: BlockSenderOptions;
  #queue: Buffer[] = [];
  #queued = 0;
  /** Blocks to be sent again, before anything that is queued: the same bytes under the same numbers. */
  #again: Block[] = [];
  /** Sent and not yet known to be accepted, in order. */
  #outstanding: Block[] = [];
  #seq = 0;
  #window: number = WINDOW.first;
  #tries = 0;
  #retry: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: BlockSenderOptions) {
    this.#options = options;
  }

  /** Nothing is queued and nothing unanswered. */
  get isIdle(): boolean {
    return this.#outstanding.length === 0 && this.#again.length === 0 && this.#queued === 0;
  }

  /** Queues bytes; calls `onDrained` when all of them are on their way, perhaps at once. */
  push(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#queue.push(chunk);
      this.#queued += chunk.length;
    }
    this.#pump();
  }

  /** Sends no more and calls nothing any more. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    this.#queue = [];
    this.#again = [];
    this.#outstanding = [];
  }

  #pump(): void {
    if (this.#isStopped) return;
    while (this.#retry === undefined && this.#outstanding.length < this.#window && !this.#isRefused) {
      const block = this.#again.shift() ?? this.#nextBlock();
      if (block === undefined) break;
      this.#outstanding.push(block);
      this.#send(block);
    }
    if (this.#queued === 0) this.#options.onDrained();
  }

  /** An answer said no: nothing new is sent until it is known what became of all that is on its way. */
  get #isRefused(): boolean {
    return this.#outstanding.some(({ answer }) => answer instanceof HushError);
  }

  #nextBlock(): Block | undefined {
    if (this.#queued === 0) return undefined;
    const all = this.#queue.length === 1 ? (this.#queue[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#queue);
    const bytes = all.subarray(0, this.#options.blockSize);
    const rest = all.subarray(bytes.length);
    this.#queue = rest.length > 0 ? [rest] : [];
    this.#queued = rest.length;
    const seq = this.#seq;
    this.#seq = (seq + 1) % 65_536;
    return { seq, bytes, answer: 'none' };
  }

  #send(block: Block): void {
    this.#options.send(block.seq, block.bytes).then(
      () => this.#answered(block, 'accepted'),
      (error: unknown) => this.#answered(block, asHushError(error)),
    );
  }

  #answered(block: Block, answer: 'accepted' | HushError): void {
    if (this.#isStopped) return;
    block.answer = answer;
    while (this.#outstanding[0]?.answer === 'accepted') {
      this.#outstanding.shift();
      this.#tries = 0;
      if (this.#window < WINDOW.most) this.#window += 1;
    }
    const first = this.#outstanding[0]?.answer;
    if (first instanceof HushError) this.#refused(first);
    else this.#pump();
    if (this.isIdle) this.#options.onIdle();
  }

  /** The first unaccepted block was refused: all after it must have been too, or the peer has a hole. */
  #refused(error: HushError): void {
    const mayRetry = error instanceof StanzaErrorReply && error.stanzaError.type === 'wait';
    if (!mayRetry || this.#tries >= RETRY.tries || this.#outstanding.some(({ answer }) => answer === 'accepted')) {
      this.stop();
      this.#options.onFailed(error);
    } else if (this.#outstanding.every(({ answer }) => answer !== 'none')) {
      const delay = RETRY.delayMs * 2 ** this.#tries;
      this.#tries += 1;
      this.#window = 1;
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.#again = this.#outstanding.splice(0).map(({ seq, bytes }) => ({ seq, bytes, answer: 'none' }));
        this.#pump();
      }, delay);
    }
  }
}
