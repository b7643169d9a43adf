/** hush whole, in the process of the test: on a private bus, at a server whose words the test writes. What its handlers are given is seen. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '../../src/bus/connection.ts';
import { silentLog } from '../../src/log.ts';
import { managerName } from '../../src/names.ts';
import { protocolFor } from '../../src/protocol.ts';
import { ConnectionManager } from '../../src/telepathy/connection-manager.ts';
import { Router } from '../../src/xmpp/router.ts';
import type { Handler, Sender } from '../../src/xmpp/router.ts';
import { startBus } from './bus.ts';
import type { EventQueue } from './events.ts';
import { TelepathyClient } from './telepathy-client.ts';
import type { TelepathyConnection } from './telepathy-client.ts';
import { startScriptedServer } from './xmpp-server.ts';
import type { ScriptedServerOptions, ScriptedSession } from './xmpp-server.ts';

/** A stanza that reached a handler. */
export interface Handled {
  readonly handler: Handler;
  readonly sender: Sender;
  /** The id of the stanza. */
  readonly id: string | undefined;
}

export interface ComposedOptions {
  /** Subscriptions of contacts: { 'friend@example.net': 'both' }. */
  readonly roster?: Readonly<Record<string, string>>;
  readonly parameters?: Parameters<TelepathyClient['requestConnection']>[0];
  /** What is answered to a request before its own answer, if it is undefined, is that of a server with this roster and carbons. */
  readonly answers?: ScriptedServerOptions['answers'];
}

/** alice@example.test is online. */
export class Composed {
  readonly connection: TelepathyConnection;
  readonly session: ScriptedSession;
  /** Every stanza that reached a handler, in order. */
  readonly handled: Handled[];
  readonly #router: Router;
  readonly #end: () => Promise<void>;
  #count = 0;

  private constructor(parts: { connection: TelepathyConnection; session: ScriptedSession; handled: Handled[]; router: Router; end: () => Promise<void> }) {
    this.connection = parts.connection;
    this.session = parts.session;
    this.handled = parts.handled;
    this.#router = parts.router;
    this.#end = parts.end;
  }

  /** Logs in; the roster is there. The caller stops it. */
  static async start({ roster = {}, parameters = {}, answers }: ComposedOptions = {}): Promise<Composed> {
    const handled: Handled[] = [];
    const routers = new Set<Router>();
    const unwatch = watchRouters(routers, handled);
    const items = Object.entries(roster).map(([jid, subscription]) => `<item jid='${jid}' subscription='${subscription}'/>`);
    const ends: (() => unknown)[] = [unwatch];
    const end = async (): Promise<void> => {
      for (const each of ends.splice(0).reverse()) await each();
    };
    try {
      const [bus, server, dataHome] = await Promise.all([
        startBus(),
        startScriptedServer({
          streamManagement: false,
          answers: (payload, request, session) => {
            const answer = answers?.(payload, request, session);
            if (answer !== undefined) return answer;
            if (payload.ns === 'jabber:iq:roster' && request.attrs.type === 'get') return `<query xmlns='jabber:iq:roster'>${items.join('')}</query>`;
            return payload.ns === 'urn:xmpp:carbons:2' ? '' : undefined;
          },
        }),
        mkdtemp(join(tmpdir(), 'hush-composed-')),
      ]);
      ends.push(() => rm(dataHome, { recursive: true, force: true }), () => bus.stop(), () => server.close());
      const [service, client] = await Promise.all([Bus.open({ address: bus.address, log: silentLog }), Bus.open({ address: bus.address, log: silentLog })]);
      ends.push(() => client.close(), () => service.close());
      const manager = new ConnectionManager({ bus: service, name: managerName, protocols: [protocolFor(service, dataHome, silentLog)], log: silentLog });
      await manager.export();
      ends.push(() => manager.close());
      const connection = await new TelepathyClient(client).requestConnection({
        account: `alice@${server.domain}`, resource: 'here', password: 'secret', server: '127.0.0.1', port: server.port, 'require-encryption': false, 'keepalive-interval': 0, ...parameters,
      });
      const online = connection.connect();
      const session = await server.accept();
      const [refusal] = await Promise.all([session.login(), online]);
      if (refusal !== undefined) throw refusal;
      await connection.contactList();
      return new Composed({ connection, session, handled, router: [...routers][0]!, end });
    } catch (error) {
      await end();
      throw error;
    }
  }

  /** What the account's stanzas go to, in this order. */
  get handlers(): readonly Handler[] {
    return [...this.#router.handlers];
  }

  get jid(): string {
    return this.session.jid;
  }

  get events(): EventQueue {
    return this.connection.events;
  }

  /** Sends a stanza and waits until it has been dealt with: everything that hush wrote meanwhile, as it was on the wire. */
  async exchange(stanza: string): Promise<string> {
    const began = this.session.clearText.length;
    this.session.send(stanza);
    await this.settled();
    return this.session.clearText.slice(began).replaceAll(/<iq type="result" id="settled-\d+" to="example\.test"\/>/g, '');
  }

  /** Everything the server has said so far has been dealt with, and the bus knows of it. */
  async settled(): Promise<void> {
    // What is answered late in one turn may bring forth something else.
    for (let round = 0; round < 2; round += 1) {
      const id = `settled-${(this.#count += 1)}`;
      this.session.send(`<iq type='get' id='${id}' from='example.test' to='${this.jid}'><ping xmlns='urn:xmpp:ping'/></iq>`);
      await this.session.expect({ name: 'iq', id });
      await this.events.sync();
    }
  }

  stop(): Promise<void> {
    return this.#end();
  }
}

/** Sees every handler that any router is given from now on. Returns a function that ends it. */
function watchRouters(routers: Set<Router>, handled: Handled[]): () => void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its own object
  const { add } = Router.prototype;
  Router.prototype.add = function watched(handler) {
    routers.add(this);
    const seen: Handler = {
      ...handler,
      handle: (stanza, context) => {
        handled.push({ handler: seen, sender: context.sender, id: stanza.attrs.id });
        return handler.handle(stanza, context);
      },
    };
    return add.call(this, seen);
  };
  return () => {
    Router.prototype.add = add;
  };
}
