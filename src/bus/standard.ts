/** The interfaces that come with every object: Introspectable, Peer and Properties. D-Bus Specification, section Standard Interfaces. */
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import { BoundInterface } from './binding.ts';
import { interfaceTables } from './interfaces.ts';
import type { InterfaceName } from './interfaces.ts';
import { introspectionXml } from './introspection.ts';
import { readAll } from './object.ts';
import type { Implementation } from './object.ts';
import type { ObjectPath } from './types.ts';

function bound<N extends InterfaceName>(name: N, implementation: Implementation<N>): BoundInterface {
  return new BoundInterface(name, interfaceTables[name], implementation);
}

/** `machineId`: 32 hexadecimal digits. */
export function peer(machineId: () => Promise<string>): BoundInterface {
  return bound('org.freedesktop.DBus.Peer', { methods: { Ping: () => undefined, GetMachineId: machineId } });
}

/** The interfaces of an object, by name. */
export type InterfacesAt = (path: ObjectPath) => ReadonlyMap<string, BoundInterface>;

/** Of any path: `interfaces` and `children` are asked at each call. */
export function introspectable(interfaces: InterfacesAt, children: (path: ObjectPath) => Iterable<string>): BoundInterface {
  return bound('org.freedesktop.DBus.Introspectable', { methods: { Introspect: ({ path }) => introspectionXml(interfaces(path).values(), children(path)) } });
}

function named(interfaces: ReadonlyMap<string, BoundInterface>, name: string): BoundInterface {
  const found = interfaces.get(name);
  if (found === undefined) throw new HushError('unknown-interface', 'the object does not have this interface');
  return found;
}

function holderOf(interfaces: ReadonlyMap<string, BoundInterface>, name: string, property: string): BoundInterface {
  if (name !== '') return named(interfaces, name);
  const [holder, ...others] = [...interfaces.values()].filter((candidate) => candidate.properties.has(property));
  if (holder === undefined) throw new HushError('unknown-property', 'no interface of the object has this property');
  if (others.length > 0) throw new HushError('invalid-args', 'several interfaces have this property: name one');
  return holder;
}

/** The properties of any object. Get and Set take '' for the interface where that is unambiguous, as the specification allows; GetAll wants a name. */
export function properties(interfaces: InterfacesAt, log: Log): BoundInterface {
  return bound('org.freedesktop.DBus.Properties', {
    methods: {
      Get: ({ path }, name, property) => holderOf(interfaces(path), name, property).read(property),
      GetAll: ({ path }, name) => readAll(named(interfaces(path), name), log),
      Set: (call, name, property, value) => holderOf(interfaces(call.path), name, property).write(property, value, call),
    },
  });
}
