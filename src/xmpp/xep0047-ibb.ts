/** In-Band Bytestreams: a byte stream in iq stanzas, each block answered by a result. Source: XEP-0047 2.0.1; `stanza='iq'` only. */
import { createHash } from 'node:crypto';
import { Duplex } from 'node:stream';
import { HushError, InvariantError, asHushError } from '../errors.ts';
import { decodeBase64 } from './base64.ts';
import { elements, text, xml } from './element.ts';
import type { Element } from './element.ts';
import { isFull } from './jid.ts';
import type { FullJid } from './jid.ts';
import { Later } from './router.ts';
import type { Context, Handler, Sender } from './router.ts';
import type { Session } from './session.ts';
import { StanzaErrorReply, stanzaError } from './stanza-error.ts';
import type { StanzaCondition } from './stanza-error.ts';
import { BlockSender } from './xep0047-sender.ts';

export const IBB = 'http://jabber.org/protocol/ibb';

/** Bytes received and not read, from which on blocks are no longer answered. */
const RECEIVE_BUFFER = 256 * 1024;
/** Blocks whose answers are withheld at one time; the peer has room for no more on its way. */
const MAX_WITHHELD = 16;
/** Accepted blocks that may come again: a resumed XMPP stream repeats what it does not know to have arrived. */
const REMEMBERED = 16;
const ANSWER_TIMEOUT_MS = 60_000;

/** Everyone who may be a peer. Who may not, and knows no stream of ours, gets what an account that is offline would answer. */
const peers: readonly Sender[] = ['own-other', 'subscriber', 'other'];

export interface IbbOptions {
  readonly peer: FullJid;
  /** 1..255 characters, compared bytewise. */
  readonly sid: string;
  /** Bytes of a block before base64, 1..65535. */
  readonly blockSize: number;
}

type State = 'awaiting' | 'opening' | 'open' | 'closed';

/** All in-band bytestreams of one XMPP stream (or of one stream inside a session). */
export class InBandBytestreams {
  readonly #session: Session;
  readonly #streams = new Map<string, IbbStream>();
  readonly #handlers: (() => void)[];

  constructor(session: Session) {
    this.#session = session;
    const on = (name: string, handle: (stream: IbbStream, payload: Element) => Later | undefined): Handler => ({
      name: `xep0047-${name}`,
      stanza: 'iq-set',
      child: { name, ns: IBB },
      from: peers,
      handle: (iq, context) => handle(this.#find(iq, name, context), payloadOf(iq, name)),
    });
    this.#handlers = [
      on('open', (stream, payload) => stream.onOpen(payload)),
      on('data', (stream, payload) => stream.onData(payload)),
      on('close', (stream) => stream.onClose()),
      { name: 'xep0047-data-in-message', stanza: 'message' as const, child: { name: 'data', ns: IBB }, from: peers, handle: (message: Element, context: Context) => this.#onMessage(message, context) },
    ].map((handler) => session.router.add(handler));
  }

  /** Opens a stream: sends `<open/>`. `opened` of the stream settles with the answer. */
  connect(options: IbbOptions): IbbStream {
    const stream = this.#add(options, 'opening');
    stream.connect();
    return stream;
  }

  /** Waits for the peer to open exactly this stream. Another size or kind of stanza is refused, and ends it. */
  listen(options: IbbOptions): IbbStream {
    return this.#add(options, 'awaiting');
  }

  /** Takes the handlers away and ends every stream with `error`. */
  close(error: HushError): void {
    for (const remove of this.#handlers) remove();
    for (const stream of [...this.#streams.values()]) stream.destroy(error);
  }

  #add(options: IbbOptions, state: 'awaiting' | 'opening'): IbbStream {
    const key = keyOf(options.peer, options.sid);
    if (this.#streams.has(key)) throw new InvariantError('two bytestreams with one sid');
    const stream = new IbbStream(this.#session, options, state, () => this.#streams.delete(key));
    this.#streams.set(key, stream);
    return stream;
  }

  #find(iq: Element, name: string, { from, sender }: Context): IbbStream {
    const stream = isFull(from) ? this.#streams.get(keyOf(from, payloadOf(iq, name).attrs.sid ?? '')) : undefined;
    if (stream !== undefined) return stream;
    throw refusal(sender === 'other' ? 'service-unavailable' : name === 'open' ? 'not-acceptable' : 'item-not-found');
  }

  /** A block in a message could be copied, archived or delivered elsewhere. */
  #onMessage(message: Element, { from }: Context): boolean {
    const stream = isFull(from) ? this.#streams.get(keyOf(from, payloadOf(message, 'data').attrs.sid ?? '')) : undefined;
    stream?.destroy(new HushError('invalid-data', 'a block of the bytestream came in a message'));
    return stream !== undefined;
  }
}

/**
 * One stream. Writing waits while the window is full; `end()` waits until every block is accepted, then closes the stream on both sides.
 * Reading holds back answers while 256 KiB are unread. 'end' comes when the peer closes; then nothing written arrives any more. `destroy` sends nothing.
 */
export class IbbStream extends Duplex {
  readonly peer: FullJid;
  readonly sid: string;
  readonly blockSize: number;
  /** Settles when the stream is open, or can no longer be. */
  readonly opened: Promise<void>;
  readonly #session: Session;
  readonly #sender: BlockSender;
  readonly #forget: () => void;
  /** Digests of the last blocks: the bytes themselves, each a slice of something larger, would keep that in memory. */
  readonly #accepted: string[] = [];
  #state: State;
  #expected = 0;
  #settleOpened: { resolve: () => void; reject: (error: HushError) => void } | undefined;
  #written: (() => void) | undefined;
  #idle: (() => void) | undefined;
  #withheld: (() => void)[] = [];
  #isOverfull = false;
  /** Written before the stream was open. */
  #unsent: Buffer[] = [];

  constructor(session: Session, { peer, sid, blockSize }: IbbOptions, state: 'awaiting' | 'opening', forget: () => void) {
    super({ readableHighWaterMark: RECEIVE_BUFFER, writableHighWaterMark: blockSize });
    this.peer = peer;
    this.sid = sid;
    this.blockSize = blockSize;
    this.#session = session;
    this.#state = state;
    this.#forget = forget;
    this.opened = new Promise((resolve, reject) => (this.#settleOpened = { resolve, reject }));
    // Whoever only listens to 'error' need not look at `opened` too.
    this.opened.catch(() => undefined);
    // Nor is a peer's misbehaviour to end the process where nobody listens.
    this.on('error', () => undefined);
    this.#sender = new BlockSender({
      blockSize,
      send: async (seq, bytes) => {
        await this.#ask(xml('data', { xmlns: IBB, seq, sid }, bytes.toString('base64')));
      },
      onDrained: () => take(this.#written, () => (this.#written = undefined)),
      onIdle: () => take(this.#idle, () => (this.#idle = undefined)),
      onFailed: (error) => this.destroy(error),
    });
  }

  /** For InBandBytestreams: asks the peer to open. */
  connect(): void {
    this.#ask(xml('open', { xmlns: IBB, 'block-size': this.blockSize, sid: this.sid, stanza: 'iq' })).then(
      () => this.#isOpen(),
      (error: unknown) => this.destroy(asHushError(error)),
    );
  }

  /** For InBandBytestreams: the peer's `<open/>`. Throws the error answer. */
  onOpen(payload: Element): undefined {
    // Only the side that was not to open it may get one, once; any other is refused without effect.
    if (this.#state !== 'awaiting') throw refusal('not-acceptable');
    const { 'block-size': blockSize, stanza } = payload.attrs;
    if (blockSize !== String(this.blockSize) || (stanza !== undefined && stanza !== 'iq')) {
      throw this.#broken('not-acceptable', 'the bytestream was opened otherwise than agreed');
    }
    this.#isOpen();
  }

  /** For InBandBytestreams: one block. Its answer is withheld while too much is unread. Throws the error answer; every error is the end of the stream. */
  onData(payload: Element): Later | undefined {
    if (this.#state !== 'open') throw this.#broken('unexpected-request', 'a block on a bytestream that is not open');
    const seq = readSeq(payload.attrs.seq);
    const bytes = elements(payload).length === 0 ? decodeBase64(text(payload), this.blockSize) : undefined;
    if (seq === undefined || bytes === undefined || bytes.length === 0) throw this.#broken('bad-request', 'a malformed block');
    if (seq !== this.#expected) {
      if (this.#isRepeat(seq, bytes)) return undefined;
      // What was on its way behind a block that we had no room for comes again after it.
      if (this.#isOverfull) throw refusal('resource-constraint');
      throw this.#broken('unexpected-request', 'a block out of sequence');
    }
    // Not accepted and no harm done: the peer sends it again.
    this.#isOverfull = this.#withheld.length >= MAX_WITHHELD;
    if (this.#isOverfull) throw refusal('resource-constraint');
    this.#expected = (seq + 1) % 65_536;
    this.#accepted.push(digest(bytes));
    if (this.#accepted.length > REMEMBERED) this.#accepted.shift();
    this.push(bytes);
    if (this.readableLength < RECEIVE_BUFFER) return undefined;
    return new Later(new Promise((resolve) => this.#withheld.push(() => resolve(undefined))));
  }

  /** For InBandBytestreams: the peer closes. What it sent before can still be read. */
  onClose(): undefined {
    this.once('end', () => this.destroy());
    this.#close(new HushError('terminated', 'the peer closed the bytestream'));
  }

  override _read(): void {
    for (const release of this.#withheld.splice(0)) release();
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#written = done;
    const bytes = chunks.map(({ chunk }) => chunk);
    if (this.#state === 'open') this.#sender.push(bytes);
    else this.#unsent = bytes;
  }

  override _final(done: (error?: Error | null) => void): void {
    const close = (): void => {
      if (this.#state !== 'open') {
        done();
        return;
      }
      this.#ask(xml('close', { xmlns: IBB, sid: this.sid })).then(
        () => this.#ended(done),
        // Whatever the peer says, the stream is closed.
        () => this.#ended(done),
      );
    };
    if (this.#sender.isIdle) close();
    else this.#idle = close;
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#close(error === null ? new HushError('cancelled', 'the bytestream was given up') : asHushError(error));
    done(error);
  }

  #ended(done: () => void): void {
    this.#close(new HushError('terminated', 'the bytestream is closed'));
    done();
  }

  #isOpen(): void {
    if (this.#state === 'closed') return;
    this.#state = 'open';
    this.#settleOpened?.resolve();
    // In the next turn: where the peer has opened, our answer must leave before our first block.
    if (this.#written !== undefined) queueMicrotask(() => this.#sender.push(this.#unsent));
  }

  #close(error: HushError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#sender.stop();
    this.#settleOpened?.reject(error);
    this.#forget();
    this._read();
    this.push(null);
  }

  #isRepeat(seq: number, bytes: Buffer): boolean {
    // The last accepted has the number before the expected one, and so on back.
    const back = (this.#expected - seq + 65_536) % 65_536;
    return this.#accepted[this.#accepted.length - back] === digest(bytes);
  }

  /** The error answer for something that must not happen; nothing more is taken, and the stream ends right after the answer has left. Never of type 'wait': the block is not wanted again. */
  #broken(condition: StanzaCondition, message: string): StanzaErrorReply {
    // What was read along with it comes in the same turn.
    this.#forget();
    queueMicrotask(() => this.destroy(new HushError('invalid-data', message)));
    const error = stanzaError(condition);
    return new StanzaErrorReply(error.type === 'wait' ? { ...error, type: 'cancel' } : error);
  }

  #ask(payload: Element): Promise<Element> {
    return this.#session.iq.set(this.peer, payload, { timeoutMs: ANSWER_TIMEOUT_MS });
  }
}

function refusal(condition: StanzaCondition): StanzaErrorReply {
  return new StanzaErrorReply(stanzaError(condition));
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function take(call: (() => void) | undefined, clear: () => void): void {
  clear();
  call?.();
}

function keyOf(peer: FullJid, sid: string): string {
  return `${peer}\n${sid}`;
}

/** The payload that the router has dispatched on. */
function payloadOf(stanza: Element, name: string): Element {
  const payload = elements(stanza).find((element) => element.name === name && element.attrs.xmlns === IBB);
  if (payload === undefined) throw new InvariantError('the router dispatches on the payload');
  return payload;
}

/** 0..65535 in decimal, without sign or leading zero. */
function readSeq(value: string | undefined): number | undefined {
  return value !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(value) && Number(value) < 65_536 ? Number(value) : undefined;
}
