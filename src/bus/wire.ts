/** The messages of one bus connection, over its socket: in order, in both directions, bounded. */
import type { Socket } from 'node:net';
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Signature } from './codec.ts';
import { Framer } from './framer.ts';
import { Incoming, writeMessage } from './message.ts';
import type { Outgoing } from './message.ts';
import { Writer } from './writer.ts';

/** Bytes written together at most, unless one message is longer. */
const chunkSize = 64 * 1024;
/** Bytes that wait to be sent: from here on whoever can slow down should, … */
const congestedAt = 1024 * 1024;
/** … here we stop reading, for every call read means a reply, … */
const pausedAt = 16 * 1024 * 1024;
/** … and here the bus is as good as dead. */
const brokenAt = 128 * 1024 * 1024;
/** Milliseconds that the bus has to take what is left when we close. */
const closingTime = 1000;

export class Wire {
  readonly #socket: Socket;
  readonly #log: Log;
  readonly #receive: (message: Incoming) => void;
  readonly #framer = new Framer();
  readonly #writer = new Writer();
  #serial = 0;
  #isFlushing = false;
  #isClosed = false;
  /** What a reply was waited for runs before the message behind the reply is looked at, which waits here meanwhile. */
  #held: Incoming | undefined;
  #isBehindReply = false;
  #drained: PromiseWithResolvers | undefined;
  /** Settles when the socket is gone. */
  readonly closed: Promise<void>;

  /** Takes over an authenticated socket. `receive` gets every message that is well-formed as far as its header goes. */
  constructor(socket: Socket, options: { log: Log; receive: (message: Incoming) => void }) {
    this.#socket = socket;
    this.#log = options.log;
    this.#receive = options.receive;
    this.closed = new Promise((resolve) => {
      const finish = (): void => {
        this.#isClosed = true;
        this.#drained?.resolve();
        resolve();
      };
      if (socket.destroyed) finish();
      else socket.once('close', finish);
    });
    socket.on('error', (error) => this.#log.debug({ err: error }, 'the bus connection failed'));
    socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk);
      if (this.#held === undefined) this.#isBehindReply = false;
      this.#read();
    });
    socket.on('drain', () => {
      socket.resume();
      this.#drained?.resolve();
      this.#drained = undefined;
    });
  }

  /** More waits to be sent than should. */
  get isCongested(): boolean {
    return this.#waiting >= congestedAt;
  }

  /** Settles when everything has been handed to the system, or the bus is gone; at once unless congested. */
  drained(): Promise<void> {
    if (!this.isCongested || this.#isClosed) return Promise.resolve();
    this.#drained ??= withResolvers();
    return this.#drained.promise;
  }

  get #waiting(): number {
    return this.#writer.pos + this.#socket.writableLength;
  }

  /** Sends a message after everything sent before; returns its serial. Nothing happens once closed. Throws HushError 'invalid-argument' when the body does not fit the signature. */
  send(message: Outgoing, signature: Signature, body: readonly unknown[]): number {
    this.#serial = this.#serial === 0xffff_ffff ? 1 : this.#serial + 1;
    if (this.#isClosed) return this.#serial;
    writeMessage(this.#writer, this.#serial, message, signature, body);
    if (this.#writer.pos >= chunkSize) this.#flush();
    else if (!this.#isFlushing) {
      // All that one turn of the event loop has to say goes out together.
      this.#isFlushing = true;
      setImmediate(() => {
        this.#isFlushing = false;
        this.#flush();
      });
    }
    return this.#serial;
  }

  #flush(): void {
    if (this.#writer.pos === 0 || this.#isClosed || this.#socket.writableEnded) return;
    this.#socket.write(this.#writer.take());
    const waiting = this.#waiting;
    if (waiting >= brokenAt) {
      this.#log.error({ waiting }, 'the bus does not take what we send: giving up');
      this.#socket.destroy();
    } else if (waiting >= pausedAt) {
      this.#socket.pause();
    }
  }

  #read(): void {
    while (this.#held === undefined && !this.#isClosed) {
      const message = this.#next();
      if (message === undefined) return;
      if (message.isReply) {
        this.#isBehindReply = true;
      } else if (this.#isBehindReply) {
        this.#hold(message);
        return;
      }
      this.#deliver(message);
    }
  }

  #hold(message: Incoming): void {
    this.#held = message;
    setImmediate(() => {
      this.#held = undefined;
      this.#isBehindReply = false;
      if (this.#isClosed) return;
      this.#deliver(message);
      this.#read();
    });
  }

  #deliver(message: Incoming): void {
    try {
      this.#receive(message);
    } catch (error) {
      this.#log.error({ err: error, sender: message.sender, member: message.member }, 'a message could not be handled');
    }
  }

  /** The next message with a header that can be used; others are dropped. */
  #next(): Incoming | undefined {
    for (;;) {
      try {
        const frame = this.#framer.next();
        return frame && new Incoming(frame.bytes, frame.isComplete);
      } catch (error) {
        if (error instanceof HushError && error.condition === 'invalid-args') {
          this.#log.warn({ reason: error.message }, 'a message was dropped');
          continue;
        }
        // There is no telling where the next message starts.
        this.#log.error({ err: error }, 'the bus connection is unusable');
        this.#socket.destroy();
        return undefined;
      }
    }
  }

  /** Sends what is left, then closes. */
  close(): void {
    if (this.#isClosed || this.#socket.writableEnded) return;
    this.#flush();
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), closingTime);
    this.#socket.once('close', () => clearTimeout(timer));
  }
}

interface PromiseWithResolvers {
  promise: Promise<void>;
  resolve: () => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
