/** A bus that sends whatever a test wants: it lets one client in, answers Hello and Ping-like calls, and otherwise only writes raw bytes. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { ListenOptions, Server, Socket } from 'node:net';
import { reference } from './reference.ts';
import type { Sample } from './reference.ts';
import { Variant } from '../../src/bus/types.ts';

export interface RawMessage {
  type: number;
  serial?: number;
  flags?: number;
  /** Header field code → value with its signature. */
  fields: [code: number, value: Variant][];
  body?: Sample[];
  /** Instead of `body`: bytes as they are. */
  bytes?: Buffer;
  isLittle?: boolean;
}

/** The bytes of a message, well-formed or not, exactly as told. */
export function rawMessage(message: RawMessage): Buffer {
  const isLittle = message.isLittle ?? true;
  const body = message.bytes ?? reference(message.body ?? [], isLittle);
  const header = reference(
    [
      { signature: 'y', value: isLittle ? 0x6c : 0x42 },
      { signature: 'y', value: message.type },
      { signature: 'y', value: message.flags ?? 0 },
      { signature: 'y', value: 1 },
      { signature: 'u', value: body.length },
      { signature: 'u', value: message.serial ?? 1 },
      { signature: 'a(yv)', value: message.fields },
    ],
    isLittle,
  );
  return Buffer.concat([header, Buffer.alloc((8 - (header.length % 8)) % 8), body]);
}

export interface FakeBus {
  server: Server;
  /** What came in from the client after Hello, as soon as it holds `text`; then forgets it. */
  received(text: string): Promise<Buffer>;
  write(bytes: Buffer): void;
  /** The client's connection. */
  readonly socket: Socket;
  stop(): Promise<void>;
}

/** The client's unique name is `:1.99`. */
export async function startFakeBus({ listen }: { listen: ListenOptions }): Promise<FakeBus> {
  const sockets: Socket[] = [];
  let incoming = Buffer.alloc(0);
  let notify = (): void => undefined;
  const server = createServer((socket) => {
    sockets.push(socket);
    let step: 'auth' | 'begin' | 'hello' | 'open' = 'auth';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      incoming = Buffer.concat([incoming, chunk]);
      if (step === 'auth' && incoming.includes('AUTH EXTERNAL')) {
        step = 'begin';
        socket.write('OK 0123456789abcdef0123456789abcdef\r\n');
      }
      if (step === 'begin' && incoming.includes('BEGIN\r\n')) step = 'hello';
      if (step === 'hello' && incoming.includes('Hello')) {
        step = 'open';
        incoming = Buffer.alloc(0);
        const fields: [number, Variant][] = [[5, new Variant('u', 1)], [7, new Variant('s', 'org.freedesktop.DBus')], [8, new Variant('g', 's')]];
        socket.write(rawMessage({ type: 2, fields, body: [{ signature: 's', value: ':1.99' }] }));
      }
      notify();
    });
  });
  server.listen(listen);
  await once(server, 'listening');
  return {
    server,
    get socket() {
      return sockets.at(-1)!;
    },
    received: async (text) => {
      while (!incoming.includes(text)) await new Promise<void>((resolve) => (notify = resolve));
      const all = incoming;
      incoming = Buffer.alloc(0);
      return all;
    },
    write: (bytes) => sockets.at(-1)!.write(bytes),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
