/** An object of another program on the bus, called with the types of its interfaces. D-Bus Specification, sections Method Calls and Signals. */
import { InvariantError } from '../errors.ts';
import type { Bus } from './connection.ts';
import { interfaceTables } from './interfaces.ts';
import type { InterfaceMap, InterfaceName } from './interfaces.ts';
import type { AcceptedAll } from './object.ts';
import type { Variant, VariantMap } from './types.ts';

const PROPERTIES = 'org.freedesktop.DBus.Properties';

type Methods<N extends InterfaceName> = InterfaceMap[N]['methods'];
type Arguments<M> = M extends { in: infer In extends unknown[] } ? AcceptedAll<In> : never;
type Results<M> = M extends { out: infer Out extends unknown[] } ? Out : never;
type Type<P> = P extends { type: infer T } ? T : never;
type SignalArguments<S> = S extends unknown[] ? S : never;

/** The values of all properties of an interface, by name. */
export type Values<N extends InterfaceName> = { readonly [P in keyof InterfaceMap[N]['properties']]: Type<InterfaceMap[N]['properties'][P]> };

export interface RemoteOptions {
  /** Milliseconds that a call may take; 25 000 when left out. */
  readonly timeoutMs?: number;
}

/** What a method answers is believed to have the types of the interface: whoever serves it is a program of the same user. Nothing is ever started in order to be asked. */
export class Remote {
  readonly bus: Bus;
  readonly busName: string;
  readonly path: string;
  readonly #options: RemoteOptions;

  constructor(bus: Bus, busName: string, path: string, options: RemoteOptions = {}) {
    this.bus = bus;
    this.busName = busName;
    this.path = path;
    this.#options = options;
  }

  /** Rejects as `Bus.call`. */
  async call<N extends InterfaceName, M extends keyof Methods<N> & string>(name: N, member: M, ...body: Arguments<Methods<N>[M]>): Promise<Results<Methods<N>[M]>> {
    const table = interfaceTables[name].methods[member];
    if (table === undefined) throw new InvariantError(`${name} has no ${member}`);
    return (await this.#send(name, member, table.in, body)) as Results<Methods<N>[M]>;
  }

  async get<N extends InterfaceName, P extends keyof Values<N> & string>(name: N, property: P): Promise<Values<N>[P]> {
    const [value] = (await this.#send(PROPERTIES, 'Get', 'ss', [name, property])) as [Variant];
    return value.value as Values<N>[P];
  }

  /** Properties as they are named by the service; what it leaves out is not there. */
  async getAll<N extends InterfaceName>(name: N): Promise<Partial<Values<N>>> {
    const [values] = (await this.#send(PROPERTIES, 'GetAll', 's', [name])) as [VariantMap];
    return plainValues(values);
  }

  async set(name: InterfaceName, property: string, value: Variant): Promise<void> {
    await this.#send(PROPERTIES, 'Set', 'ssv', [name, property, value]);
  }

  /** `listener` gets the arguments of every such signal from now on. Returns how to end that. */
  on<N extends InterfaceName, S extends keyof InterfaceMap[N]['signals'] & string>(name: N, member: S, listener: (...args: SignalArguments<InterfaceMap[N]['signals'][S]>) => void): () => void {
    return this.#listen(name, member, undefined, (body) => listener(...(body as SignalArguments<InterfaceMap[N]['signals'][S]>)));
  }

  /** `listener` gets the properties of this interface that have changed, every time. Returns how to end that. */
  onChange<N extends InterfaceName>(name: N, listener: (changed: Partial<Values<N>>) => void): () => void {
    return this.#listen(PROPERTIES, 'PropertiesChanged', name, (body) => listener(plainValues(body[1] as VariantMap)));
  }

  #listen(name: string, member: string, arg0: string | undefined, listener: (body: unknown[]) => void): () => void {
    return this.bus.subscribe({ sender: this.busName, path: this.path, interface: name, member, ...(arg0 !== undefined && { arg0 }) }, ({ body }) => listener(body));
  }

  #send(name: string, member: string, signature: string, body: readonly unknown[]): Promise<unknown[]> {
    return this.bus.call({ destination: this.busName, path: this.path, interface: name, member, signature, body, autoStart: false, ...this.#options });
  }
}

function plainValues<N extends InterfaceName>(values: VariantMap): Partial<Values<N>> {
  return Object.fromEntries([...values].map(([property, { value }]) => [property, value])) as Partial<Values<N>>;
}
