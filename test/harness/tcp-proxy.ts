/** A byte proxy on loopback that a test can cut, stall and let through again: a network with moods. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export class TcpProxy {
  readonly #target: number;
  readonly #pairs = new Set<Pair>();
  #server: Server;
  #isStalled = false;
  #isRefusing = false;
  #accepted = 0;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** A proxy to a port on 127.0.0.1. */
  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that were let through so far. */
  get accepted(): number {
    return this.#accepted;
  }

  #accept(client: Socket): void {
    if (this.#isRefusing) {
      client.destroy();
      return;
    }
    this.#accepted += 1;
    const server = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    const pair = { client, server };
    this.#pairs.add(pair);
    this.#pass(pair, client, server);
    this.#pass(pair, server, client);
    if (this.#isStalled) this.#hold(pair);
  }

  #pass(pair: Pair, from: Socket, to: Socket): void {
    from.on('data', (bytes) => to.write(bytes));
    from.on('error', () => undefined);
    from.on('close', () => {
      to.destroy();
      this.#pairs.delete(pair);
    });
  }

  #hold({ client, server }: Pair): void {
    client.pause();
    server.pause();
  }

  /** Cuts every connection: both ends see it at once. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  /** Bytes stop in both directions and nobody is told: half-open TCP. Also for connections made meanwhile. */
  stall(): void {
    this.#isStalled = true;
    for (const pair of this.#pairs) this.#hold(pair);
  }

  /** New connections are closed at once. */
  refuse(): void {
    this.#isRefusing = true;
  }

  /** Back to normal: what was held goes on its way. */
  restore(): void {
    this.#isStalled = false;
    this.#isRefusing = false;
    for (const { client, server } of this.#pairs) {
      client.resume();
      server.resume();
    }
  }

  async stop(): Promise<void> {
    this.cut();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}
