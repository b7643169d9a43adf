/** Objects of other programs on the bus, called with the types of their interfaces. Nothing is ever started in order to be asked. */
import type { Bus } from '../bus/connection.ts';
import { interfaceTables } from '../bus/interfaces.ts';
import type { InterfaceMap, InterfaceName } from '../bus/interfaces.ts';
import type { Variant, VariantMap } from '../bus/types.ts';
import { InvariantError } from '../errors.ts';

const PROPERTIES = 'org.freedesktop.DBus.Properties';

export const CONNECTION = 'org.freedesktop.Telepathy.Connection';
export const REQUESTS = 'org.freedesktop.Telepathy.Connection.Interface.Requests';
export const CONTACTS = 'org.freedesktop.Telepathy.Connection.Interface.Contacts';
export const CONTACT_LIST = 'org.freedesktop.Telepathy.Connection.Interface.ContactList';
export const SECURITY = 'org.freedesktop.Telepathy.Connection.Interface.Security';
export const CHANNEL = 'org.freedesktop.Telepathy.Channel';
export const TEXT = 'org.freedesktop.Telepathy.Channel.Type.Text';
export const SECURABLE = 'org.freedesktop.Telepathy.Channel.Interface.Securable';
export const PEER_AUTHENTICATION = 'org.freedesktop.Telepathy.Channel.Interface.PeerAuthentication';

type Methods<N extends InterfaceName> = InterfaceMap[N]['methods'];
type Arguments<M> = M extends { in: infer In extends unknown[] } ? In : never;
type Results<M> = M extends { out: infer Out extends unknown[] } ? Out : never;
type Type<P> = P extends { type: infer T } ? T : never;
/** The values of all properties of an interface, by name. */
export type Values<N extends InterfaceName> = { readonly [P in keyof InterfaceMap[N]['properties']]: Type<InterfaceMap[N]['properties'][P]> };
type SignalArguments<S> = S extends unknown[] ? S : never;

export class Remote {
  readonly bus: Bus;
  readonly busName: string;
  readonly path: string;

  constructor(bus: Bus, busName: string, path: string) {
    this.bus = bus;
    this.busName = busName;
    this.path = path;
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

  async getAll<N extends InterfaceName>(name: N): Promise<Values<N>> {
    const [values] = (await this.#send(PROPERTIES, 'GetAll', 's', [name])) as [VariantMap];
    return Object.fromEntries(Object.keys(interfaceTables[name].properties).map((property) => [property, values.get(property)?.value])) as Values<N>;
  }

  async set(name: InterfaceName, property: string, value: Variant): Promise<void> {
    await this.#send(PROPERTIES, 'Set', 'ssv', [name, property, value]);
  }

  /** `listener` gets the arguments of every such signal from now on. Returns how to end that. */
  on<N extends InterfaceName, S extends keyof InterfaceMap[N]['signals'] & string>(name: N, member: S, listener: (...args: SignalArguments<InterfaceMap[N]['signals'][S]>) => void): () => void {
    return this.bus.subscribe({ sender: this.busName, path: this.path, interface: name, member }, ({ body }) => listener(...(body as SignalArguments<InterfaceMap[N]['signals'][S]>)));
  }

  #send(name: string, member: string, signature: string, body: readonly unknown[]): Promise<unknown[]> {
    return this.bus.call({ destination: this.busName, path: this.path, interface: name, member, signature, body, autoStart: false });
  }
}

/** A string in a map of variants, '' where there is none. */
export function textOf(values: VariantMap, name: string): string {
  const value = values.get(name)?.value;
  return typeof value === 'string' ? value : '';
}
