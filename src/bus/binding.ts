/** An implementation bound to its interface's table, ready to be called by name. */
import { InvariantError } from '../errors.ts';
import { compileSignature } from './codec.ts';
import type { Signature } from './codec.ts';
import type { Call } from './object.ts';
import type { InterfaceTable, PropertyTable } from './tables.ts';

export interface BoundMethod {
  readonly in: Signature;
  readonly out: Signature;
  invoke(call: Call, args: readonly unknown[]): unknown;
}

export interface BoundProperty {
  readonly table: PropertyTable;
  readonly get?: () => unknown;
  readonly set?: (value: unknown, call: Call) => unknown;
}

/** One interface of one object. Names come from callers: looked up in maps only. */
export interface BoundInterface {
  readonly name: string;
  readonly table: InterfaceTable;
  readonly methods: ReadonlyMap<string, BoundMethod>;
  readonly properties: ReadonlyMap<string, BoundProperty>;
  readonly signals: ReadonlyMap<string, Signature>;
}

/** `Implementation` with its types forgotten. */
export interface AnyImplementation {
  readonly methods?: object | undefined;
  readonly properties?: object | undefined;
}

type AnyFunction = (...args: readonly unknown[]) => unknown;

/** Throws InvariantError when a member is missing or the table is wrong; the compiler has seen to it that neither happens. */
export function bind(name: string, table: InterfaceTable, implementation: AnyImplementation): BoundInterface {
  const member = (kind: 'methods' | 'properties', key: string): unknown =>
    (implementation[kind] as Readonly<Record<string, unknown>> | undefined)?.[key];
  const functionOf = (value: unknown, key: string): AnyFunction => {
    if (typeof value !== 'function') throw new InvariantError(`${name}.${key} is not implemented`);
    return value as AnyFunction;
  };
  const methods = Object.entries(table.methods).map(([key, method]): [string, BoundMethod] => {
    const run = functionOf(member('methods', key), key);
    return [key, { in: compileSignature(method.in), out: compileSignature(method.out), invoke: (call, args) => run(call, ...args) }];
  });
  const properties = Object.entries(table.properties).map(([key, property]): [string, BoundProperty] => {
    const given = member('properties', key);
    if (property.access === 'read') return [key, { table: property, get: functionOf(given, key) }];
    const { get, set } = (given ?? {}) as { get?: unknown; set?: unknown };
    if (property.access === 'write') return [key, { table: property, set: functionOf(set, key) }];
    return [key, { table: property, get: functionOf(get, key), set: functionOf(set, key) }];
  });
  const signals = Object.entries(table.signals).map(([key, signal]): [string, Signature] => [key, compileSignature(signal.signature)]);
  return { name, table, methods: new Map(methods), properties: new Map(properties), signals: new Map(signals) };
}
