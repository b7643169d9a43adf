/** An object on the bus: the interfaces it implements, its properties and its signals. D-Bus Specification, section Standard Interfaces. */
import { HushError, InvariantError } from '../errors.ts';
import type { Log } from '../log.ts';
import { BoundInterface } from './binding.ts';
import { compileSignature } from './codec.ts';
import type { Signature } from './codec.ts';
import { MessageType } from './dbus-next.ts';
import type { InterfaceMap, InterfaceName } from './interfaces.ts';
import type { Outgoing } from './message.ts';
import type { InterfaceShape, InterfaceTable } from './tables.ts';
import type { Variant } from './types.ts';
import type { ObjectPath, VariantMap } from './types.ts';

/** Any map of interfaces: the generated one, or a small one of a test. */
export type InterfacesOf<M> = { [N in keyof M]: InterfaceShape };

/** What a method gets beside its arguments. */
export interface Call {
  /** The unique bus name of the caller. */
  readonly sender: string;
  readonly path: ObjectPath;
  /** Aborted when the caller leaves the bus or the object is unexported, with a HushError 'cancelled' as reason. */
  readonly signal: AbortSignal;
  /** Runs `work` when the reply or the error is on its way: what it emits arrives behind that. At once if it already is. Done too for callers who want no reply. */
  afterReply(work: () => void): void;
}

/** What may be given where a decoded value would be `T`: a number for 64 bits, any bytes for a Buffer, readonly collections. */
export type Accepted<T> =
  T extends bigint ? number | bigint
  : T extends Variant | string | number | boolean ? T
  : T extends Uint8Array ? Uint8Array
  : T extends ReadonlyMap<infer K, infer V> ? ReadonlyMap<Accepted<K>, Accepted<V>>
  : T extends readonly unknown[] ? AcceptedAll<T>
  : T;

/** The same for a list of arguments. */
export type AcceptedAll<T extends readonly unknown[]> = { readonly [I in keyof T]: Accepted<T[I]> };

type Eventual<T> = T | Promise<T>;

/** Nothing for no results, the bare value for one, a tuple for more; or a promise of that. */
type Answer<Out extends readonly unknown[]> =
  Out extends readonly [] ? Eventual<void>
  : Out extends readonly [infer One] ? Eventual<Accepted<One>>
  : Eventual<AcceptedAll<Out>>;

type Method<M extends InterfaceShape['methods'][string]> = (call: Call, ...args: M['in']) => Answer<M['out']>;

type Setter<T> = (value: T, call: Call) => Eventual<void>;

type Property<P extends InterfaceShape['properties'][string]> =
  P['access'] extends 'read' ? () => Accepted<P['type']>
  : P['access'] extends 'write' ? { readonly set: Setter<P['type']> }
  : { readonly get: () => Accepted<P['type']>; readonly set: Setter<P['type']> };

type Methods<S extends InterfaceShape> = { readonly [Name in keyof S['methods']]: Method<S['methods'][Name]> };
export type Properties<S extends InterfaceShape> = { readonly [Name in keyof S['properties']]: Property<S['properties'][Name]> };

/** The interface `N`: one function per method, one per property (returning its value now) or `{ get, set }` for a writable one. */
export type ImplementationOf<S extends InterfaceShape> =
  (keyof S['methods'] extends never ? { readonly methods?: never } : { readonly methods: Methods<S> }) &
  (keyof S['properties'] extends never ? { readonly properties?: never } : { readonly properties: Properties<S> });

export type Implementation<N extends InterfaceName> = ImplementationOf<InterfaceMap[N]>;

/** Several interfaces of one object. */
export type Interfaces = { [N in InterfaceName]?: Implementation<N> };

/** What an object needs of the bus. */
export interface ObjectLink {
  readonly log: Log;
  readonly tables: Readonly<Record<string, InterfaceTable>>;
  /** Throws HushError 'invalid-argument' when the body does not fit the signature. */
  send(message: Outgoing, signature: Signature, body: readonly unknown[]): void;
  /** The object at `path` is no more. */
  removed(path: ObjectPath): void;
}

const PROPERTIES = 'org.freedesktop.DBus.Properties';
const propertiesChanged = compileSignature('sa{sv}as');

/** Made by `ObjectServer.export`. */
export class ExportedObject<M extends InterfacesOf<M> = InterfaceMap> {
  readonly path: ObjectPath;
  readonly #link: ObjectLink;
  readonly #interfaces = new Map<string, BoundInterface>();
  /** Called when the object goes; undefined once it has gone. */
  #unexportListeners: Set<() => void> | undefined = new Set();

  constructor(path: ObjectPath, link: ObjectLink) {
    this.path = path;
    this.#link = link;
  }

  /** All interfaces, by name, in the order in which they were implemented. */
  get interfaces(): ReadonlyMap<string, BoundInterface> {
    return this.#interfaces;
  }

  /** Adds an interface. Throws InvariantError if the object has it already. */
  implement<N extends keyof M & string>(name: N, implementation: ImplementationOf<M[N]>): void {
    this.add(new BoundInterface(name, this.#table(name), implementation));
  }

  /** Adds no more of an interface than some of its read-only properties: for an object about which the rest would say nothing. */
  implementPart<N extends keyof M & string>(name: N, properties: Partial<Properties<M[N]>>): void {
    const present = Object.entries(this.#table(name).properties).filter(([key]) => Object.hasOwn(properties, key));
    this.add(new BoundInterface(name, { methods: {}, properties: Object.fromEntries(present), signals: {} }, { properties }));
  }

  /** Adds an interface that has been bound already. Throws InvariantError if the object has it. */
  add(bound: BoundInterface): void {
    if (this.#interfaces.has(bound.name)) throw new InvariantError(`${this.path} implements ${bound.name} twice`);
    this.#interfaces.set(bound.name, bound);
  }

  /** Emits a signal, behind everything already sent on the bus connection; nothing after `unexport`. Throws InvariantError when the arguments do not fit. */
  emit<N extends keyof M & string, S extends keyof M[N]['signals'] & string>(name: N, member: S, ...args: AcceptedAll<M[N]['signals'][S]>): void {
    const signature = this.#interface(name).signals.get(member);
    if (signature === undefined) throw new InvariantError(`${name} has no signal ${member}`);
    this.#send(name, member, signature, args);
  }

  /** Emits PropertiesChanged with the values as they are now. Throws InvariantError for a property whose interface announces no such signal. */
  changed<N extends keyof M & string>(name: N, ...properties: (keyof M[N]['properties'] & string)[]): void {
    if (this.#unexportListeners === undefined) return;
    const bound = this.#interface(name);
    const values: VariantMap = new Map();
    const invalidated: string[] = [];
    for (const property of properties) {
      const emitsChange = bound.properties.get(property)?.emitsChange;
      if (emitsChange === 'true') values.set(property, bound.read(property));
      else if (emitsChange === 'invalidates') invalidated.push(property);
      else throw new InvariantError(`${name}.${property} announces no change`);
    }
    this.#send(PROPERTIES, 'PropertiesChanged', propertiesChanged, [name, values, invalidated]);
  }

  /** All properties that can be read now, as Properties.GetAll answers. */
  getAll(name: keyof M & string): VariantMap {
    return readAll(this.#interface(name), this.#link.log);
  }

  /** One property's value now, with its type, as Properties.Get answers. Throws what `BoundInterface.read` throws. */
  read(name: keyof M & string, property: string): Variant {
    return this.#interface(name).read(property);
  }

  /** The object is no more: it answers nothing and emits nothing, and the calls it is working on are aborted (they may still reply). */
  unexport(): void {
    const listeners = this.#unexportListeners;
    if (listeners === undefined) return;
    this.#unexportListeners = undefined;
    this.#link.removed(this.path);
    for (const listener of listeners) listener();
  }

  /** `listener` is called once, when the object goes; at once if it has gone. Returns how to take it back. */
  onUnexport(listener: () => void): () => void {
    const listeners = this.#unexportListeners;
    if (listeners === undefined) listener();
    else listeners.add(listener);
    return () => listeners?.delete(listener);
  }

  #table(name: string): InterfaceTable {
    const table = Object.hasOwn(this.#link.tables, name) ? this.#link.tables[name] : undefined;
    if (table === undefined) throw new InvariantError(`there is no interface ${name}`);
    return table;
  }

  #interface(name: string): BoundInterface {
    const bound = this.#interfaces.get(name);
    if (bound === undefined) throw new InvariantError(`${this.path} does not implement ${name}`);
    return bound;
  }

  #send(name: string, member: string, signature: Signature, args: readonly unknown[]): void {
    if (this.#unexportListeners === undefined) return;
    try {
      this.#link.send({ type: MessageType.SIGNAL, path: this.path, interface: name, member }, signature, args);
    } catch (error) {
      throw new InvariantError(`${name}.${member} does not fit its signature`, { cause: error });
    }
  }
}

/** Every property that can be read now; one that fails is left out, and does not take the others along. */
export function readAll(bound: BoundInterface, log: Log): VariantMap {
  const values: VariantMap = new Map();
  for (const [name, property] of bound.properties) {
    if (property.access === 'write') continue;
    try {
      values.set(name, bound.read(name));
    } catch (error) {
      log[error instanceof HushError ? 'debug' : 'error']({ err: error, property: `${bound.name}.${name}` }, 'a property could not be read');
    }
  }
  return values;
}
