/**
 * One XML stream over one TCP connection: headers, TLS in the middle, strict turns while it is negotiated, free flow afterwards.
 * Source: RFC 6120 §4, §5.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import { is, ns, serialize } from './element.ts';
import type { Element } from './element.ts';
import type { BareJid } from './jid.ts';
import { StreamSyntaxError } from './parser.ts';
import { upgradeToTls } from './socket.ts';
import type { TlsOptions } from './socket.ts';
import { streamError } from './stream-error.ts';
import { ParserAdapter, Wire } from './wire.ts';

/** `lost`: the connection went away under the stream. `failed`: one of the ends gave the stream up. `closed`: after our `close`. */
export type StreamEnd = { readonly kind: 'lost' | 'failed'; readonly error: HushError } | { readonly kind: 'closed' };

export interface FlowHandlers {
  element(element: Element): void;
  /** Once, and nothing after it. */
  ended(end: StreamEnd): void;
}

/** Elements the server may send ahead while the stream is negotiated. */
const maxAhead = 16;
/**
 * An element that has begun is looked at again and again until it is whole, while the stream flows. A look counts when something has come since the last one, and less than this:
 * after so many the server is one that drips, within these milliseconds if it does so all the time. The keep-alive takes each byte for a sign of life. Silence is for that one to judge,
 * ours (we do not read) and theirs; and whoever gets on, however slowly, will be through: an element has no more than 2 MiB.
 */
const meagreBytes = 4096;
const looks = 12;
const maxDripMs = 60_000;
/** Milliseconds that what need not leave alone waits for company. */
const companyMs = 20;
/** Milliseconds for the last bytes to leave. */
const lingerMs = 1_000;

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: HushError) => void;
}

export class XmlStream {
  readonly #domain: string;
  readonly #log: Log;
  readonly #wire: Wire;
  #socket: Socket;
  #parser: ParserAdapter | undefined;
  #isEncrypted = false;
  #end: StreamEnd | undefined;
  readonly #ended: Promise<never>;
  #rejectEnded: (error: HushError) => void = () => undefined;
  #onEnd: (() => void) | undefined;
  #isClosing = false;

  // While negotiating.
  readonly #ahead: Element[] = [];
  #header: Waiting<Element> | undefined;
  #waiting: Waiting<Element> | undefined;
  /** Bytes that came after the last element that was reported. */
  #surplus = 0;

  #flow: FlowHandlers | undefined;
  readonly #dripMs: number;
  /** Runs while an element is not whole. */
  #elementTimer: NodeJS.Timeout | undefined;
  #lastReceived = performance.now();
  /** Nothing is read: because that was asked for, or for the rest of this turn of the event loop. */
  #isPaused = false;
  #isResting = false;

  /** Text that was written and has not left, whether it leaves after this turn of the event loop, or when it leaves, and the stanzas not yet handed to the system. */
  #out = '';
  #leavesNow = false;
  #leavesLater: NodeJS.Timeout | undefined;
  readonly #unsent: Element[] = [];
  #batch = 0;

  constructor(socket: Socket, options: { domain: string; log: Log; dripMs?: number | undefined }) {
    this.#domain = options.domain;
    this.#log = options.log;
    this.#dripMs = options.dripMs ?? maxDripMs;
    this.#ended = new Promise((_, reject) => (this.#rejectEnded = reject));
    this.#ended.catch(() => undefined);
    this.#wire = new Wire(options.domain, { data: (bytes) => this.#received(bytes), element: (element) => this.#arrived(element) });
    this.#wire.on('open', (header) => this.#opened(header));
    this.#wire.on('close', () => this.#closedByServer());
    this.#wire.on('disconnect', () => this.#lost('the connection was closed'));
    this.#wire.on('error', (error) => this.#log.debug({ code: (error as NodeJS.ErrnoException).code }, 'socket error'));
    this.#socket = socket;
    this.#wire._attachSocket(socket);
  }

  get isEncrypted(): boolean {
    return this.#isEncrypted;
  }

  /** When bytes last came in, on the clock of performance.now(). */
  get lastReceived(): number {
    return this.#lastReceived;
  }

  /** Characters and bytes that wait to be handed to the system. */
  get unsentBytes(): number {
    return this.#out.length + this.#socket.writableLength;
  }

  /** Stanzas of which the system has not taken every byte, in order: after the end they are known not to have been sent. */
  get unsent(): readonly Element[] {
    return this.#unsent;
  }

  /** Sends our header and resolves with the server's. A new parser reads what follows; bytes that came before are an error. */
  open(from?: BareJid): Promise<Element> {
    this.#demandSilence();
    this.#parser?.stop();
    this.#wire._detachParser();
    this.#wire._status('opening');
    this.#parser = new ParserAdapter((error) => this.#unreadable(error));
    this.#wire._attachParser(this.#parser);
    const header = this.#wire.headerElement();
    Object.assign(header.attrs, { to: this.#domain, ...(from !== undefined && { from }), 'xml:lang': 'en' });
    this.write(this.#wire.header(header));
    if (this.#isEncrypted) this.#socket.once('session', () => setImmediate(() => this.#acknowledge()));
    return new Promise((resolve, reject) => this.#wait((waiting) => (this.#header = waiting), { resolve, reject }));
  }

  /**
   * A server with Nagle's algorithm on sends what follows its first TLS ticket when that is acknowledged, and the system does so 40 ms later, or with the next bytes that
   * leave: here, one space. White space means nothing between the header and the first element (RFC 6120 §4.6.1); later it would, so it goes only while the header is awaited. Never inside the event, which comes from
   * the middle of OpenSSL's reading: what is written there is garbage.
   */
  #acknowledge(): void {
    if (this.#header !== undefined) this.write(' ');
  }

  /** The next element of the negotiation. */
  next(): Promise<Element> {
    const element = this.#ahead.shift();
    if (element !== undefined) return Promise.resolve(element);
    return new Promise((resolve, reject) => this.#wait((waiting) => (this.#waiting = waiting), { resolve, reject }));
  }

  /** Sends an element and resolves with the answer. Throws when the server has answered before it was asked. */
  ask(element: Element): Promise<Element> {
    if (this.#ahead.length > 0) throw this.#outOfTurn();
    this.send(element);
    return this.next();
  }

  #wait(keep: (waiting: Waiting<Element>) => void, waiting: Waiting<Element>): void {
    if (this.#end === undefined) keep(waiting);
    else waiting.reject(errorOf(this.#end));
  }

  /** `work`, or the stream's end if that comes first. */
  whileOpen<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#ended]);
  }

  /** From here on the bytes of the connection belong to TLS. Throws when the server has said more than it was asked for: 'encryption-error' in clear text. */
  async upgrade(options: TlsOptions): Promise<TLSSocket> {
    this.#demandSilence();
    this.#parser?.stop();
    this.#parser = undefined;
    this.#wire._detachParser();
    this.#wire._detachSocket();
    // The handshake takes the socket over in this very call: no byte is read in between.
    const secured = await upgradeToTls(this.#socket, options);
    if (this.#end !== undefined) {
      secured.destroy();
      throw errorOf(this.#end);
    }
    this.#socket = secured;
    this.#isEncrypted = true;
    this.#wire._attachSocket(secured);
    return secured;
  }

  /** Ends the negotiation: elements and the end go to `handlers` at once, first those that came ahead. */
  flow(handlers: FlowHandlers): void {
    const end = this.#end;
    if (end !== undefined) {
      queueMicrotask(() => handlers.ended(end));
      return;
    }
    this.#flow = handlers;
    for (const element of this.#ahead.splice(0)) this.#hand(element);
    this.#watchElement();
  }

  #hand(element: Element): void {
    this.#flow?.element(element);
  }

  /** Sends an element, `along` as for `write`; returns the length of its text. After the end it goes nowhere, which `unsent` tells. */
  send(element: Element, along = false): number {
    const text = serialize(element);
    this.write(text, along);
    this.#unsent.push(element);
    this.#batch += 1;
    return text.length;
  }

  /** As `send`, for text that is no stanza. What is written in one turn of the event loop leaves in one piece; `along`: with what is written next, at most 20 ms later. */
  write(text: string, along = false): void {
    if (this.#end !== undefined || this.#isClosing) return;
    this.#out += text;
    if (along) {
      this.#leavesLater ??= setTimeout(() => this.#flush(), companyMs);
    } else if (!this.#leavesNow) {
      this.#leavesNow = true;
      setImmediate(() => this.#flush());
    }
  }

  #flush(): void {
    clearTimeout(this.#leavesLater);
    this.#leavesLater = undefined;
    this.#leavesNow = false;
    const [text, count] = [this.#out, this.#batch];
    if (text === '' || this.#end !== undefined) return;
    [this.#out, this.#batch] = ['', 0];
    this.#socket.write(text, (error) => {
      if (!error) this.#unsent.splice(0, count);
    });
  }

  pause(): void {
    if (this.#isClosing) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    // What waited in the meantime is read now: the silence was ours.
    this.#lastReceived = performance.now();
    if (!this.#isResting) this.#socket.resume();
  }

  /** A server may have megabytes ready, and the system would hand all of them over in one turn of the event loop: after each piece everybody else has theirs. */
  #rest(): void {
    if (this.#flow === undefined || this.#isResting) return;
    this.#isResting = true;
    this.#socket.pause();
    setImmediate(() => {
      this.#isResting = false;
      if (!this.#isPaused) this.#socket.resume();
    });
  }

  /** Ends our side and waits for the server's, at most `ms` milliseconds. */
  async close(ms: number): Promise<void> {
    if (this.#end !== undefined) return;
    this.write(this.#wire.footer());
    this.#isClosing = true;
    this.#stopWatching();
    this.#flush();
    // The server's own end is behind whatever has not been read.
    this.resume();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#finish({ kind: 'closed' }), ms);
      this.#onEnd = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the stream with a stream error of ours; `application` is the element that says more. RFC 6120 §4.9 */
  refuse(condition: string, error: HushError, application?: Element): void {
    this.write(`<stream:error><${condition} xmlns="${ns.streamErrors}"/>${application === undefined ? '' : serialize(application)}</stream:error>`);
    this.#giveUp({ kind: 'failed', error });
  }

  /** Ends the stream and the connection now. `lost`: as if the network had done it. */
  destroy(error: HushError, kind: 'lost' | 'failed' = 'failed'): void {
    if (kind === 'lost') this.#finish({ kind, error });
    else this.#giveUp({ kind, error });
  }

  #demandSilence(): void {
    if (this.#surplus > 0 || this.#ahead.length > 0) throw this.#outOfTurn();
  }

  #outOfTurn(): HushError {
    return new HushError(this.#isEncrypted ? 'service-confused' : 'encryption-error', 'the server, or someone between, sends more than was asked for');
  }

  #received(bytes: Uint8Array): void {
    this.#lastReceived = performance.now();
    this.#surplus += bytes.length;
    this.#parser?.write(bytes);
    this.#watchElement();
    this.#rest();
  }

  /** What comes byte by byte may come for ever, and nothing behind it comes at all. */
  #watchElement(): void {
    if (this.#flow === undefined || this.#isClosing || this.#parser?.isMidway !== true || this.#elementTimer !== undefined) return;
    this.#look(looks);
  }

  #look(left: number): void {
    const before = this.#surplus;
    this.#elementTimer = setTimeout(() => {
      const came = this.#surplus - before;
      const after = came > 0 && came < meagreBytes ? left - 1 : left;
      if (after > 0) this.#look(after);
      else this.refuse('connection-timeout', new HushError('connection-lost', 'the server does not finish what it has begun to say'));
    }, this.#dripMs / looks);
  }

  #stopWatching(): void {
    clearTimeout(this.#elementTimer);
    this.#elementTimer = undefined;
  }

  #opened(header: Element): void {
    this.#header?.resolve(header);
    this.#header = undefined;
  }

  #arrived(element: Element): void {
    this.#stopWatching();
    this.#surplus = this.#parser?.unread ?? 0;
    if (is(element, 'error', ns.stream)) {
      this.#giveUp({ kind: 'failed', error: streamError(element, this.#flow !== undefined) });
    } else if (this.#flow !== undefined) {
      this.#hand(element);
    } else if (this.#waiting !== undefined) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve(element);
    } else if (this.#ahead.push(element) > maxAhead) {
      this.#giveUp({ kind: 'failed', error: new HushError('service-confused', 'the server does not wait for its turn') });
    }
  }

  #unreadable(error: HushError): void {
    const condition = error instanceof StreamSyntaxError ? error.streamError : 'internal-server-error';
    if (!(error instanceof StreamSyntaxError)) this.#log.error({ err: error }, 'a stanza could not be taken');
    const ours = this.#flow === undefined ? 'service-confused' : 'connection-lost';
    this.refuse(condition, new HushError(ours, 'the server sent something that cannot be read', { cause: error, details: { 'debug-message': error.message } }));
  }

  #closedByServer(): void {
    if (this.#isClosing) this.#finish({ kind: 'closed' });
    else this.#giveUp({ kind: 'failed', error: new HushError(this.#flow === undefined ? 'network-error' : 'connection-lost', 'the server closed the stream') });
  }

  #lost(reason: string): void {
    if (this.#isClosing) this.#finish({ kind: 'closed' });
    else this.#finish({ kind: 'lost', error: new HushError(this.#flow === undefined ? 'network-error' : 'connection-lost', reason) });
  }

  /** Ends with our own footer on the way, if a stream is open. */
  #giveUp(end: StreamEnd): void {
    if (this.#parser !== undefined) this.write(this.#wire.footer());
    this.#flush();
    this.#finish(end);
  }

  #finish(end: StreamEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#stopWatching();
    this.#parser?.stop();
    this.#wire._detachSocket();
    this.#socket.on('error', () => undefined);
    // A stream error of ours should still go out, but not at the price of a socket that stays.
    if (end.kind === 'failed') this.#socket.destroySoon();
    else this.#socket.destroy();
    this.#socket.setTimeout(lingerMs, () => this.#socket.destroy());
    const error = errorOf(end);
    this.#header?.reject(error);
    this.#waiting?.reject(error);
    this.#rejectEnded(error);
    this.#onEnd?.();
    const flow = this.#flow;
    this.#flow = undefined;
    flow?.ended(end);
  }
}

function errorOf(end: StreamEnd): HushError {
  return end.kind === 'closed' ? new HushError('cancelled', 'the stream was closed') : end.error;
}
