/** The connection manager on the bus: its protocols, its connections, and when it is no longer needed. Telepathy specification, ConnectionManager. */
import type { Bus } from '../bus/connection.ts';
import type { Call, ExportedObject, Implementation } from '../bus/object.ts';
import { objectPath } from '../bus/types.ts';
import type { ObjectPath, VariantMap } from '../bus/types.ts';
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BaseConnection } from './base-connection.ts';
import { CONNECTION_MANAGER } from './constants.ts';
import { checkParameters, paramSpec } from './parameters.ts';
import { ProtocolObject } from './protocol-object.ts';
import type { ProtocolDefinition } from './protocol-object.ts';

export interface ConnectionManagerOptions {
  readonly bus: Bus;
  readonly name: string;
  readonly protocols: readonly ProtocolDefinition[];
  readonly log: Log;
  /** How long it stays without connections, in milliseconds; 5000. */
  readonly idleMs?: number;
}

export class ConnectionManager {
  /** Settles, once, when there has been no connection and no request for one for `idleMs`; counted from `export` on. */
  readonly idle: Promise<void>;
  readonly #options: ConnectionManagerOptions;
  readonly #busName: string;
  readonly #object: ExportedObject;
  readonly #protocols: ReadonlyMap<string, ProtocolObject>;
  readonly #connections = new Map<ObjectPath, BaseConnection>();
  #requestsUnderWay = 0;
  #timer: NodeJS.Timeout | undefined;
  #settleIdle: () => void = () => undefined;

  constructor(options: ConnectionManagerOptions) {
    const { bus, name, protocols } = options;
    this.#options = options;
    this.#busName = `${CONNECTION_MANAGER}.${name}`;
    this.idle = new Promise((resolve) => {
      this.#settleIdle = resolve;
    });
    const path = objectPath(`/org/freedesktop/Telepathy/ConnectionManager/${name}`);
    this.#object = bus.objects.export(path);
    this.#object.implement(CONNECTION_MANAGER, this.#implementation());
    this.#protocols = new Map(protocols.map((definition) => [definition.name, new ProtocolObject(bus, path, definition)]));
  }

  /** Takes the bus name: from now on clients find it. Throws HushError('name-taken') if another process is this connection manager. */
  async export(): Promise<void> {
    await this.#options.bus.requestName(this.#busName);
    this.#watchIdle();
  }

  /** Leaves the bus and ends every connection as if a client had disconnected it; settles when their servers have been left. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    for (const protocol of this.#protocols.values()) protocol.unexport();
    this.#object.unexport();
    const ended = [...this.#connections.values()].map((connection) => connection.end());
    try {
      await this.#options.bus.releaseName(this.#busName);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'could not release the name of the connection manager');
    }
    await Promise.all(ended);
  }

  #watchIdle(): void {
    clearTimeout(this.#timer);
    if (this.#connections.size === 0 && this.#requestsUnderWay === 0) this.#timer = setTimeout(this.#settleIdle, this.#options.idleMs ?? 5000).unref();
  }

  #protocol(name: string): ProtocolObject {
    const protocol = this.#protocols.get(name);
    if (protocol === undefined) throw new HushError('not-implemented', `there is no protocol '${name}'`);
    return protocol;
  }

  async #requestConnection(call: Call, name: string, given: VariantMap): Promise<[busName: string, path: ObjectPath]> {
    this.#requestsUnderWay++;
    this.#watchIdle();
    try {
      const { definition } = this.#protocol(name);
      const connection = await definition.newConnection(checkParameters(definition.parameters, given));
      await this.#export(connection);
      call.afterReply(() => this.#object.emit(CONNECTION_MANAGER, 'NewConnection', connection.busName, connection.path, name));
      return [connection.busName, connection.path];
    } finally {
      this.#requestsUnderWay--;
      this.#watchIdle();
    }
  }

  async #export(connection: BaseConnection): Promise<void> {
    const exists = 'this account has a connection already';
    // One that has ended still takes its leave of the server: clients connect again as soon as they see the status.
    const former = this.#connections.get(connection.path);
    if (former?.hasEnded === true) await former.end();
    if (this.#connections.has(connection.path)) {
      connection.discard();
      throw new HushError('not-available', exists);
    }
    this.#connections.set(connection.path, connection);
    connection.events.on('ended', () => this.#forget(connection));
    try {
      await connection.export();
    } catch (error) {
      connection.discard();
      throw error instanceof HushError && error.condition === 'name-taken' ? new HushError('not-available', exists, { cause: error }) : error;
    }
  }

  #forget(connection: BaseConnection): void {
    this.#connections.delete(connection.path);
    this.#watchIdle();
  }

  #implementation(): Implementation<typeof CONNECTION_MANAGER> {
    return {
      methods: {
        ListProtocols: () => [...this.#protocols.keys()],
        GetParameters: (_call, name) => this.#protocol(name).definition.parameters.map(paramSpec),
        RequestConnection: (call, name, parameters) => this.#requestConnection(call, name, parameters),
      },
      properties: {
        Protocols: () => new Map([...this.#protocols].map(([name, { properties }]) => [name, properties])),
        Interfaces: () => [],
      },
    };
  }
}
