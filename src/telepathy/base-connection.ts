/** One connection on the bus: status, handles, contacts and channels, without a protocol. Telepathy specification, Connection. */
import type { Bus } from '../bus/connection.ts';
import type { InterfaceName } from '../bus/interfaces.ts';
import { isBusName } from '../bus/names.ts';
import type { Call, ExportedObject, Implementation } from '../bus/object.ts';
import { bool, objectPath, str, Variant } from '../bus/types.ts';
import type { ObjectPath, VariantMap } from '../bus/types.ts';
import { Emitter } from '../emitter.ts';
import { asHushError, demand, DisconnectReason, HushError, InvariantError } from '../errors.ts';
import type { Log } from '../log.ts';
import { Tasks } from '../tasks.ts';
import { CONNECTION, ConnectionStatus, CONTACTS, HandleType, REQUESTS } from './constants.ts';
import { Contacts } from './contacts.ts';
import { HandleRepository } from './handles.ts';
import type { Handle } from './handles.ts';
import { Requests } from './requests.ts';

/** The stream of the account. */
export interface Lifecycle {
  /** Settles when the account is online. Aborting `signal` ends the attempt. What it throws ends the connection. */
  connect(signal: AbortSignal): Promise<void>;
  /** Called once, when the connection ends for whatever reason, at any point of `connect`: starts to leave at once, settles when that is done; has a limit of its own. */
  disconnect(): Promise<void>;
}

export interface ConnectionOptions {
  readonly bus: Bus;
  /** Name of the connection manager. */
  readonly manager: string;
  readonly protocol: string;
  /** The account as one element of path and bus name (`escapeElement`). */
  readonly uniqueName: string;
  /** The account's own identifier. */
  readonly selfId: string;
  /** One spelling for every contact identifier; throws HushError('invalid-handle'). */
  readonly normalize: (id: string) => string;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

/** `new` and `ended` are both Disconnected to a client, which sees the first only: an ended connection is soon gone. */
type State = 'new' | 'connecting' | 'connected' | 'ended';
const transitions: Readonly<Record<State, readonly State[]>> = { new: ['connecting', 'ended'], connecting: ['connected', 'ended'], connected: ['ended'], ended: [] };

export class BaseConnection {
  readonly path: ObjectPath;
  readonly busName: string;
  readonly handles: HandleRepository;
  readonly contacts: Contacts;
  readonly requests: Requests;
  readonly tasks: Tasks;
  readonly log: Log;
  readonly selfHandle: Handle;
  /** `beforeConnected`: the self contact was announced, the status not yet. `connected`: it was. `leaving`: it was connected and is about to end, with everything still open for last words. `ended`: the object and the name are gone. */
  readonly events: Emitter<{ beforeConnected: []; connected: []; leaving: []; ended: [] }>;
  readonly #options: ConnectionOptions;
  readonly #interfaces = new Map<InterfaceName, (object: ExportedObject) => void>();
  #state: State = 'new';
  #object: ExportedObject | undefined;
  #isSelfKnown = false;
  readonly #left: Promise<void>;
  #settleLeft: () => void = () => undefined;
  #released: Promise<void> | undefined;
  /** The end was asked for: what fails afterwards changes nothing in that. */
  #isEndRequested = false;

  /** Throws HushError('invalid-argument') if the account's name is too long for a bus name (255 characters in all). */
  constructor(options: ConnectionOptions) {
    const { manager, uniqueName, log } = options;
    const protocol = options.protocol.replaceAll('-', '_');
    this.path = objectPath(`/org/freedesktop/Telepathy/Connection/${manager}/${protocol}/${uniqueName}`);
    this.busName = `${CONNECTION}.${manager}.${protocol}.${uniqueName}`;
    if (!isBusName(this.busName)) throw new HushError('invalid-argument', 'the account name is too long');
    this.#options = options;
    this.log = log;
    this.#left = new Promise((resolve) => {
      this.#settleLeft = resolve;
    });
    this.events = new Emitter(log);
    this.tasks = new Tasks(log);
    this.handles = new HandleRepository(options.normalize);
    this.selfHandle = this.handles.ensure(options.selfId);
    this.contacts = new Contacts(this.handles, () => this.requireConnected());
    this.requests = new Requests(this);
    this.#interfaces.set(CONNECTION, (object) => object.implement(CONNECTION, this.#connection()));
    this.addInterface(REQUESTS, this.requests.implementation);
    this.addInterface(CONTACTS, this.contacts.implementation);
  }

  get status(): ConnectionStatus {
    if (this.#state === 'connected') return ConnectionStatus.connected;
    return this.#state === 'connecting' ? ConnectionStatus.connecting : ConnectionStatus.disconnected;
  }

  /** True from the moment the end was announced; it may take a while until `ended`. */
  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  get isExported(): boolean {
    return this.#object !== undefined;
  }

  /** The object on the bus, from `export` on. */
  get object(): ExportedObject {
    if (this.#object === undefined) throw new InvariantError(`${this.path} is not exported yet`);
    return this.#object;
  }

  /** Adds an interface and lists it in Interfaces. Before `export`. */
  addInterface<N extends InterfaceName>(name: N, implementation: Implementation<N>): void {
    if (this.#object !== undefined) throw new InvariantError(`${this.path} is exported already`);
    if (this.#interfaces.has(name)) throw new InvariantError(`${name} twice on ${this.path}`);
    this.#interfaces.set(name, (object) => object.implement(name, implementation));
  }

  /** Puts the connection on the bus under its own name. Throws HushError('name-taken') if another process has it. */
  async export(): Promise<void> {
    await this.#options.bus.requestName(this.busName);
    const object = this.#options.bus.objects.export(this.path);
    for (const implement of this.#interfaces.values()) implement(object);
    this.#object = object;
  }

  /** Gives up a connection that could not be exported: `ended` runs, so that nothing of it stays with what the account's connections share. */
  discard(): void {
    if (this.#object !== undefined) throw new InvariantError(`${this.path} is exported already`);
    this.#enter('ended');
    this.events.emit('ended');
  }

  /** Exports an object that belongs to this connection: a channel, a certificate. Throws HushError('disconnected') once the connection has ended. */
  exportObject(path: ObjectPath): ExportedObject {
    if (this.#state === 'ended') throw new HushError('disconnected', 'the connection has ended');
    return this.#options.bus.objects.export(path);
  }

  /** Throws HushError('disconnected') unless the status is Connected. */
  requireConnected(): void {
    if (this.#state !== 'connected') throw new HushError('disconnected', 'the connection is not connected');
  }

  /**
   * Ends the connection, once: closes every channel, says why (`error`: the stream failed; without: it was requested), leaves the server, and takes the object and its name from the bus.
   * The signals are out and `lifecycle.disconnect` has been called when this returns; settles when all is done.
   * After an error the bus is freed at once, so that the account can be connected again; after a request only when the server has been left.
   */
  async end(error?: HushError): Promise<void> {
    const left = this.#leave(error);
    // What the end itself sets off may call this once more: nothing is taken from the bus before everything is said.
    await (this.#isEndRequested ? left : Promise.resolve());
    await (this.#released ??= this.#release());
    await left;
  }

  /** Everything that goes out at once, once; settles when the server has been left. */
  #leave(error: HushError | undefined): Promise<void> {
    if (this.#state === 'connected') this.events.emit('leaving');
    if (this.#state !== 'ended') {
      this.#enter('ended');
      this.#isEndRequested = error === undefined;
      this.requests.end();
      if (error !== undefined) this.object.emit(CONNECTION, 'ConnectionError', error.dbusName, errorDetails(error));
      this.#sayStatus(error === undefined ? DisconnectReason.requested : error.disconnectReason);
      // Nobody waits for the tasks: one of them may be the one that ends the connection.
      this.tasks.end().catch((cause: unknown) => this.log.error({ err: cause }, 'background work did not end'));
      this.#options.lifecycle
        .disconnect()
        .catch((cause: unknown) => this.log.warn({ err: cause }, 'did not leave the server in order'))
        .finally(() => this.#settleLeft());
    }
    return this.#left;
  }

  async #release(): Promise<void> {
    this.object.unexport();
    try {
      await this.#options.bus.releaseName(this.busName);
    } catch (error) {
      this.log.warn({ err: error }, 'could not release the name of the connection');
    }
    this.events.emit('ended');
  }

  async #connect(signal: AbortSignal): Promise<void> {
    try {
      await this.#options.lifecycle.connect(signal);
    } catch (error) {
      if (!(error instanceof HushError)) this.log.error({ err: error }, 'connecting failed');
      if (!signal.aborted) await this.end(asHushError(error));
      return;
    }
    if (signal.aborted) return;
    this.#isSelfKnown = true;
    this.object.emit(CONNECTION, 'SelfHandleChanged', this.selfHandle);
    this.object.emit(CONNECTION, 'SelfContactChanged', this.selfHandle, this.#selfId);
    this.events.emit('beforeConnected');
    if (this.hasEnded) return;
    this.#enter('connected');
    this.#sayStatus(DisconnectReason.requested);
    this.events.emit('connected');
  }

  #enter(state: State): void {
    if (!transitions[this.#state].includes(state)) throw new InvariantError(`${this.path}: ${this.#state} to ${state}`);
    this.#state = state;
  }

  #sayStatus(reason: DisconnectReason): void {
    this.object.emit(CONNECTION, 'StatusChanged', this.status, reason);
  }

  #connection(): Implementation<typeof CONNECTION> {
    const interfaces = (): string[] => [...this.#interfaces.keys()].filter((name) => name !== CONNECTION);
    const checkHandles = (type: number, handles: readonly Handle[]): string[] => {
      this.requireConnected();
      demand(type === HandleType.contact, 'invalid-argument', `there are no handles of type ${type}`);
      return handles.map((handle) => this.handles.id(handle));
    };
    // Handles live as long as the connection: to hold or to release one is only to name a valid one.
    const check = (_call: Call, type: number, handles: readonly Handle[]): void => {
      checkHandles(type, handles);
    };
    return {
      methods: {
        Connect: () => {
          if (this.#state === 'ended') throw new HushError('disconnected', 'the connection has ended');
          if (this.#state !== 'new') return;
          this.#enter('connecting');
          this.#sayStatus(DisconnectReason.requested);
          this.tasks.run('connect', (signal) => this.#connect(signal));
        },
        Disconnect: async (call) => {
          await this.#leave(undefined);
          call.afterReply(() => {
            this.#released ??= this.#release();
          });
        },
        GetInterfaces: interfaces,
        GetProtocol: () => this.#options.protocol,
        GetStatus: () => this.status,
        GetSelfHandle: () => {
          this.requireConnected();
          return this.selfHandle;
        },
        RequestHandles: (_call, type, ids) => {
          this.requireConnected();
          demand(type === HandleType.contact, 'not-implemented', `there are no handles of type ${type}`);
          return ids.map((id) => this.handles.ensure(id));
        },
        InspectHandles: (_call, type, handles) => checkHandles(type, handles),
        HoldHandles: check,
        ReleaseHandles: check,
        ListChannels: () => {
          this.requireConnected();
          return [...this.requests.channels].map(({ path, type, targetHandleType, target }) => [path, type, targetHandleType, target]);
        },
        RequestChannel: (call, type, handleType, handle) => this.requests.requestOld(call, type, handleType, handle),
        // No interface of ours defines a token to be interested in, and unsupported ones are ignored.
        AddClientInterest: () => undefined,
        RemoveClientInterest: () => undefined,
      },
      properties: {
        Interfaces: interfaces,
        SelfHandle: () => (this.#isSelfKnown ? this.selfHandle : 0),
        SelfID: () => (this.#isSelfKnown ? this.#selfId : ''),
        Status: () => this.status,
        HasImmortalHandles: () => true,
      },
    };
  }

  get #selfId(): string {
    return this.handles.id(this.selfHandle);
  }
}

/** The details of ConnectionError: those of the error, and its message for people who look for the cause. */
function errorDetails({ message, details }: HushError): VariantMap {
  const map: VariantMap = new Map([['debug-message', str(message)]]);
  for (const [name, value] of Object.entries(details)) {
    if (typeof value === 'string') map.set(name, str(value));
    else map.set(name, typeof value === 'boolean' ? bool(value) : new Variant('d', value));
  }
  return map;
}
