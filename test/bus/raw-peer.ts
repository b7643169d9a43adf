/** A client of a real bus that authenticates by itself and sends any bytes it likes. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { parseAddress } from '../../src/bus/address.ts';
import { Framer } from '../../src/bus/framer.ts';
import { Incoming } from '../../src/bus/message.ts';
import { Variant } from '../../src/bus/types.ts';
import { rawMessage } from './fake-bus.ts';
import type { RawMessage } from './fake-bus.ts';

export class RawPeer {
  readonly #socket: Socket;
  readonly #framer = new Framer();
  /** By the serial they answer. */
  readonly #replies = new Map<number, Incoming>();
  readonly #waiting = new Map<number, () => void>();
  name = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async connect(address: string): Promise<RawPeer> {
    const socket = createConnection(parseAddress(address)[0]!);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(process.getuid!())).toString('hex')}\r\n`);
    await once(socket, 'data');
    socket.write('BEGIN\r\n');
    const peer = new RawPeer(socket);
    socket.on('data', (chunk) => {
      peer.#framer.push(chunk);
      for (let frame = peer.#framer.next(); frame !== undefined; frame = peer.#framer.next()) peer.#take(new Incoming(frame.bytes, frame.isComplete));
    });
    socket.on('close', () => peer.#waiting.forEach((wake) => wake()));
    peer.send({ type: 1, serial: 1, fields: [[1, new Variant('o', '/org/freedesktop/DBus')], [2, new Variant('s', 'org.freedesktop.DBus')], [3, new Variant('s', 'Hello')], [6, new Variant('s', 'org.freedesktop.DBus')]] });
    peer.name = String((await peer.reply(1))?.body()[0]);
    return peer;
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  send(message: RawMessage): void {
    this.#socket.write(rawMessage(message));
  }

  /** The reply to `serial`; undefined when the bus throws this peer out instead. */
  async reply(serial: number): Promise<Incoming | undefined> {
    if (!this.#replies.has(serial) && !this.isClosed) await new Promise<void>((resolve) => this.#waiting.set(serial, resolve));
    return this.#replies.get(serial);
  }

  #take(message: Incoming): void {
    this.#replies.set(message.replySerial, message);
    this.#waiting.get(message.replySerial)?.();
    this.#waiting.delete(message.replySerial);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }
}
