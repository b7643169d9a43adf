/** One channel on the bus: what all types of channel have in common. Telepathy specification, Channel and Channel.Interface.Destroyable. */
import type { InterfaceMap, InterfaceName } from '../bus/interfaces.ts';
import type { ExportedObject, Implementation, Properties } from '../bus/object.ts';
import { objectPath } from '../bus/types.ts';
import type { ObjectPath, VariantMap } from '../bus/types.ts';
import { InvariantError } from '../errors.ts';
import type { BaseConnection } from './base-connection.ts';
import { CHANNEL, DESTROYABLE } from './constants.ts';
import type { Handle } from './handles.ts';

export interface ChannelOptions {
  /** Last element of the path; unique among the channels the connection ever had. */
  readonly name: string;
  /** The channel type; its interface is added with `addInterface` like the others. */
  readonly type: InterfaceName;
  /** 0 none, 1 contact */
  readonly targetHandleType: 0 | 1;
  /** 0 without a target */
  readonly target: Handle;
  /** '' without a target */
  readonly targetId: string;
  /** True if a client of ours asked for it. */
  readonly requested: boolean;
  /** Who opened it; 0 for nobody in particular. */
  readonly initiator: Handle;
  /** Immutable properties beside those whose interface says that they are constant; fully qualified. */
  readonly immutable?: VariantMap;
  /** A client calls Close. What this throws is the client's error, and the channel stays; otherwise the channel closes afterwards, unless this did it already. */
  onClose?(): void | Promise<void>;
  /** A client calls Destroy, in the same way. Without it the channel has no Destroyable interface. */
  onDestroy?(): void | Promise<void>;
  /** It is closed, by whomever: called once, after the last signal, also when the connection ends. */
  onClosed?(): void;
}

export class BaseChannel {
  readonly path: ObjectPath;
  readonly connection: BaseConnection;
  readonly type: InterfaceName;
  readonly targetHandleType: 0 | 1;
  readonly target: Handle;
  readonly requested: boolean;
  /** Settles when the channel is closed. */
  readonly closed: Promise<void>;
  readonly #options: ChannelOptions;
  readonly #interfaces = new Map<InterfaceName, (object: ExportedObject) => void>();
  #state: 'new' | 'open' | 'closed' = 'new';
  #object: ExportedObject | undefined;
  #immutable: VariantMap = new Map();
  #settleClosed: () => void = () => undefined;

  constructor(connection: BaseConnection, options: ChannelOptions) {
    this.connection = connection;
    this.path = objectPath(`${connection.path}/${options.name}`);
    this.type = options.type;
    this.targetHandleType = options.targetHandleType;
    this.target = options.target;
    this.requested = options.requested;
    this.#options = options;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.addInterface(CHANNEL, this.#channel());
    if (options.onDestroy !== undefined) this.addInterface(DESTROYABLE, { methods: { Destroy: () => this.#closeAfter(options.onDestroy?.()) } });
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** The object on the bus, from `export` on. */
  get object(): ExportedObject {
    if (this.#object === undefined) throw new InvariantError(`${this.path} is not exported yet`);
    return this.#object;
  }

  /** Adds an interface; only before `export`, for neither the interfaces nor the constant properties may change later. */
  addInterface<N extends InterfaceName>(name: N, implementation: Implementation<N>): void {
    if (this.#state !== 'new') throw new InvariantError(`${this.path} is exported already`);
    if (this.#interfaces.has(name)) throw new InvariantError(`${name} twice on ${this.path}`);
    this.#interfaces.set(name, (object) => object.implement(name, implementation));
  }

  /** Adds no more of an interface than some read-only properties, as `addInterface`. */
  addPart<N extends InterfaceName>(name: N, properties: Partial<Properties<InterfaceMap[N]>>): void {
    if (this.#state !== 'new') throw new InvariantError(`${this.path} is exported already`);
    if (this.#interfaces.has(name)) throw new InvariantError(`${name} twice on ${this.path}`);
    this.#interfaces.set(name, (object) => object.implementPart(name, properties));
  }

  /** Puts the channel on the bus. It is known to clients once it is the answer to their request, or is announced with `connection.requests.announce`. */
  export(): void {
    if (this.#state !== 'new') throw new InvariantError(`${this.path} is exported already`);
    if (!this.#interfaces.has(this.type)) throw new InvariantError(`${this.path} lacks its type ${this.type}`);
    const object = this.connection.exportObject(this.path);
    for (const implement of this.#interfaces.values()) implement(object);
    this.#object = object;
    this.#state = 'open';
    this.#immutable = this.#readImmutable(object);
    this.connection.requests.opened(this);
  }

  /** The properties that a client learns when the channel is announced; fixed since `export`. */
  immutableProperties(): VariantMap {
    return this.#immutable;
  }

  /** Closes the channel at once: Closed, ChannelClosed, and the object is gone. Does nothing the second time. */
  close(): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    if (wasOpen) {
      this.object.emit(CHANNEL, 'Closed');
      this.connection.requests.closed(this);
      this.object.unexport();
    }
    try {
      this.#options.onClosed?.();
    } catch (error) {
      this.connection.log.error({ err: error, channel: this.path }, 'closing a channel failed');
    }
    this.#settleClosed();
  }

  async #closeAfter(work: void | Promise<void>): Promise<void> {
    await work;
    this.close();
  }

  #readImmutable(object: ExportedObject): VariantMap {
    const immutable: VariantMap = new Map(this.#options.immutable);
    for (const name of this.#interfaces.keys()) {
      for (const [property, { emitsChange }] of object.interfaces.get(name)?.properties ?? []) {
        if (emitsChange === 'const') immutable.set(`${name}.${property}`, object.read(name, property));
      }
    }
    return immutable;
  }

  #channel(): Implementation<typeof CHANNEL> {
    const { type, targetHandleType, target, targetId, requested, initiator } = this.#options;
    const interfaces = (): string[] => [...this.#interfaces.keys()].filter((name) => name !== CHANNEL && name !== type);
    return {
      methods: {
        Close: () => this.#closeAfter(this.#options.onClose?.()),
        GetChannelType: () => type,
        GetHandle: () => [targetHandleType, target],
        GetInterfaces: interfaces,
      },
      properties: {
        ChannelType: () => type,
        Interfaces: interfaces,
        TargetHandleType: () => targetHandleType,
        TargetHandle: () => target,
        TargetID: () => targetId,
        Requested: () => requested,
        InitiatorHandle: () => initiator,
        InitiatorID: () => (initiator === 0 ? '' : this.connection.handles.id(initiator)),
      },
    };
  }
}
