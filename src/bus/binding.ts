/** An implementation bound to its interface's table, ready to be called by name. */
import { HushError, InvariantError } from '../errors.ts';
import { compileSignature } from './codec.ts';
import type { Signature } from './codec.ts';
import type { Call } from './object.ts';
import type { InterfaceTable, PropertyTable } from './tables.ts';
import { Variant } from './types.ts';

/** `Implementation` with its types forgotten. */
export interface AnyImplementation {
  readonly methods?: object | undefined;
  readonly properties?: object | undefined;
}

/** What a caller must give to a method, and gets. */
export interface MethodSignatures {
  readonly in: Signature;
  readonly out: Signature;
}

/** A table made ready for callers, whose names are looked up in maps only. */
interface Contract {
  readonly methods: ReadonlyMap<string, MethodSignatures>;
  readonly properties: ReadonlyMap<string, PropertyTable>;
  readonly signals: ReadonlyMap<string, Signature>;
}

type AnyFunction = (...args: readonly unknown[]) => unknown;

/** One for each table, whatever the number of objects that have the interface. */
const contracts = new WeakMap<InterfaceTable, Contract>();

function contractOf(table: InterfaceTable): Contract {
  const known = contracts.get(table);
  if (known !== undefined) return known;
  const contract: Contract = {
    methods: new Map(Object.entries(table.methods).map(([key, method]) => [key, { in: compileSignature(method.in), out: compileSignature(method.out) }])),
    properties: new Map(Object.entries(table.properties)),
    signals: new Map(Object.entries(table.signals).map(([key, signal]) => [key, compileSignature(signal.signature)])),
  };
  contracts.set(table, contract);
  return contract;
}

/** One interface of one object. */
export class BoundInterface {
  readonly name: string;
  readonly table: InterfaceTable;
  readonly #contract: Contract;
  readonly #implementation: AnyImplementation;

  /** Throws InvariantError when a member is missing or the table is wrong; the compiler has seen to it that neither happens. */
  constructor(name: string, table: InterfaceTable, implementation: AnyImplementation) {
    this.name = name;
    this.table = table;
    this.#contract = contractOf(table);
    this.#implementation = implementation;
    for (const key of this.methods.keys()) this.#method(key);
    for (const [key, { access }] of this.properties) {
      if (access !== 'write') this.#getter(key);
      if (access !== 'read') this.#setter(key);
    }
  }

  get methods(): ReadonlyMap<string, MethodSignatures> {
    return this.#contract.methods;
  }
  get properties(): ReadonlyMap<string, PropertyTable> {
    return this.#contract.properties;
  }
  get signals(): ReadonlyMap<string, Signature> {
    return this.#contract.signals;
  }

  /** Calls a method of `methods`. Returns what it returns, throws what it throws. */
  invoke(method: string, call: Call, args: readonly unknown[]): unknown {
    return this.#method(method)(call, ...args);
  }

  /** A property's value now. Throws HushError 'unknown-property', 'invalid-args' where it can only be written, or what its getter throws. */
  read(property: string): Variant {
    const { access, signature } = this.#property(property);
    if (access === 'write') throw new HushError('invalid-args', `${this.name}.${property} can only be written`);
    return new Variant(signature, this.#getter(property)());
  }

  /** Gives a property another value, which holds when the promise is kept. Throws HushError 'unknown-property', 'property-read-only', 'invalid-args' for one of another type, or what its setter throws. */
  async write(property: string, { signature, value }: Variant, call: Call): Promise<void> {
    const { access, signature: wanted } = this.#property(property);
    if (access === 'read') throw new HushError('property-read-only', `${this.name}.${property} cannot be written`);
    if (signature !== wanted) throw new HushError('invalid-args', `${this.name}.${property} is a '${wanted}'`);
    await this.#setter(property)(value, call);
  }

  #property(name: string): PropertyTable {
    const property = this.properties.get(name);
    if (property === undefined) throw new HushError('unknown-property', `${this.name} has no property of this name`);
    return property;
  }

  #method(name: string): AnyFunction {
    return this.#demandFunction(name, member(this.#implementation.methods, name));
  }

  #getter(name: string): AnyFunction {
    const given = member(this.#implementation.properties, name);
    return this.#demandFunction(name, this.properties.get(name)?.access === 'read' ? given : member(given, 'get'));
  }

  #setter(name: string): AnyFunction {
    return this.#demandFunction(name, member(member(this.#implementation.properties, name), 'set'));
  }

  #demandFunction(name: string, value: unknown): AnyFunction {
    if (typeof value !== 'function') throw new InvariantError(`${this.name}.${name} is not implemented`);
    return value as AnyFunction;
  }
}

function member(holder: unknown, key: string): unknown {
  return (holder as Readonly<Record<string, unknown>> | undefined)?.[key];
}
