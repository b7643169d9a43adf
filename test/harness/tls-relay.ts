/** Somebody on the line who ends TLS on both legs: to the client he shows a certificate of his own, to the server he is a client; what passes inside he reads, and rewrites as a test likes. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';

/** To the client, or from it. */
export type Leg = 'in' | 'out';

export interface TlsRelayOptions {
  /** What he shows to the client, in PEM. */
  readonly certificate: { readonly key: string; readonly cert: string };
  /** TLS from the first byte. Default false: he lets the two agree on STARTTLS, and steps in at the server's `<proceed/>`. */
  readonly directTls?: boolean;
}

export class TlsRelay {
  /** What passed inside, as its sender wrote it; a character a byte. */
  readonly passed: { readonly leg: Leg; readonly text: string }[] = [];
  /** What goes on instead of a piece of that. */
  edit: (leg: Leg, text: string) => string = (_, text) => text;
  readonly #options: TlsRelayOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number, options: TlsRelayOptions) {
    this.#options = options;
    this.#server = createServer((client) => this.#accept(client, target));
  }

  /** A relay to a port on 127.0.0.1. */
  static async start(target: number, options: TlsRelayOptions): Promise<TlsRelay> {
    const relay = new TlsRelay(target, options);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket, target: number): void {
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    this.#couple(client, server);
    if (this.#options.directTls === true) {
      this.#secure(client, server);
      return;
    }
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => {
      client.write(bytes);
      if (!bytes.includes('<proceed')) return;
      for (const socket of [client, server]) socket.removeAllListeners('data');
      this.#secure(client, server);
    });
  }

  #secure(client: Socket, server: Socket): void {
    const towardsClient = new TLSSocket(client, { isServer: true, secureContext: createSecureContext(this.#options.certificate) });
    const towardsServer = connectTls({ socket: server, rejectUnauthorized: false });
    this.#couple(towardsClient, towardsServer);
    this.#pass('out', towardsClient, towardsServer);
    this.#pass('in', towardsServer, towardsClient);
  }

  #pass(leg: Leg, from: Socket, to: Socket): void {
    from.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      this.passed.push({ leg, text });
      to.write(Buffer.from(this.edit(leg, text), 'latin1'));
    });
  }

  /** One end gone, the other goes. */
  #couple(one: Socket, other: Socket): void {
    for (const [socket, twin] of [[one, other], [other, one]] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        twin.destroy();
      });
    }
  }
}
