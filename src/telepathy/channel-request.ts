/** What a client asks for in CreateChannel and EnsureChannel, checked. Telepathy specification, Connection.Interface.Requests and Channel. */
import { isDeepStrictEqual } from 'node:util';
import { interfaceTables } from '../bus/interfaces.ts';
import type { InterfaceName } from '../bus/interfaces.ts';
import { str, u32, Variant } from '../bus/types.ts';
import type { VariantMap } from '../bus/types.ts';
import { HushError } from '../errors.ts';
import { coerce } from './coerce.ts';
import { CHANNEL, HandleType } from './constants.ts';
import type { Handle, HandleRepository } from './handles.ts';

const TYPE = `${CHANNEL}.ChannelType`;
const TARGET_TYPE = `${CHANNEL}.TargetHandleType`;
const TARGET = `${CHANNEL}.TargetHandle`;
const TARGET_ID = `${CHANNEL}.TargetID`;

/**
 * Requestable_Channel_Class: a request has every `fixed` property with this value, and beside them only `allowed` ones.
 * All names fully qualified; ChannelType and TargetHandleType are always among the fixed ones.
 */
export interface ChannelClass {
  readonly fixed: VariantMap;
  readonly allowed: readonly string[];
}

/** The class of channels of one type to one contact: what beside the target may be asked for, and what must be. */
export function contactChannelClass(type: string, allowed: readonly string[] = [], fixed: Iterable<readonly [string, Variant]> = []): ChannelClass {
  return {
    fixed: new Map([[TYPE, str(type)], [TARGET_TYPE, u32(HandleType.contact)], ...fixed]),
    allowed: [TARGET, TARGET_ID, ...allowed],
  };
}

/** What one request asks for. */
export interface RequestedChannel {
  /** All of it under fully qualified names, with the types the interfaces declare. The target stands there as TargetHandle, however it was given. */
  readonly properties: VariantMap;
  readonly channelType: string;
  readonly targetHandleType: number;
  /** 0 where the class has no target. */
  readonly target: Handle;
}

/**
 * Checks a request against the classes there are. Throws HushError:
 * 'invalid-argument' naming what is missing, unknown, of the wrong type or contradictory; 'not-implemented' for channels no class has; 'invalid-handle'.
 */
export function parseRequest(given: VariantMap, classes: readonly ChannelClass[], handles: HandleRepository): RequestedChannel {
  const properties: VariantMap = new Map([[TARGET_TYPE, u32(HandleType.none)]]);
  for (const [name, value] of given) properties.set(name, declared(name, value));
  const channelType = properties.get(TYPE)?.value as string | undefined;
  const targetHandleType = properties.get(TARGET_TYPE)?.value as number;
  if (channelType === undefined) throw new HushError('invalid-argument', `${TYPE} is missing`);

  const unknown = classes.filter((candidate) => hasFixed(candidate, properties)).map((candidate) => unknownTo(candidate, properties));
  if (unknown.length === 0) throw new HushError('not-implemented', `no such channels: type ${channelType}, target type ${targetHandleType}`);
  const fewest = unknown.reduce((best, names) => (names.length < best.length ? names : best));
  if (fewest.length > 0) throw new HushError('invalid-argument', `cannot be requested: ${fewest.join(', ')}`);

  const target = targetOf(properties, targetHandleType, handles);
  properties.delete(TARGET_ID);
  if (target !== 0) properties.set(TARGET, u32(target));
  return { properties, channelType, targetHandleType, target };
}

/** True if a checked request is one of this class. */
export function isOfClass(candidate: ChannelClass, { properties }: RequestedChannel): boolean {
  return hasFixed(candidate, properties) && unknownTo(candidate, properties).length === 0;
}

function hasFixed({ fixed }: ChannelClass, properties: VariantMap): boolean {
  return [...fixed].every(([name, { value }]) => isDeepStrictEqual(properties.get(name)?.value, value));
}

function unknownTo({ fixed, allowed }: ChannelClass, properties: VariantMap): string[] {
  return [...properties.keys()].filter((name) => !fixed.has(name) && !allowed.includes(name));
}

/** A property with the type its interface declares; one of an interface we do not know stays as it is: no class allows it. */
function declared(name: string, given: Variant): Variant {
  const dot = name.lastIndexOf('.');
  const interfaceName = name.slice(0, dot);
  const properties = Object.hasOwn(interfaceTables, interfaceName) ? interfaceTables[interfaceName as InterfaceName].properties : {};
  const property = new Map(Object.entries(properties)).get(name.slice(dot + 1));
  if (property === undefined) return given;
  const value = coerce(given, property.signature);
  if (value === undefined) throw new HushError('invalid-argument', `${name} must be of type '${property.signature}', not '${given.signature}'`);
  return new Variant(property.signature, value);
}

function targetOf(properties: VariantMap, targetHandleType: number, handles: HandleRepository): Handle {
  const handle = properties.get(TARGET)?.value as Handle | undefined;
  const id = properties.get(TARGET_ID)?.value as string | undefined;
  if (targetHandleType === HandleType.none) {
    if (handle !== undefined || id !== undefined) throw new HushError('invalid-argument', `without ${TARGET_TYPE} there can be no target`);
    return 0;
  }
  if (handle !== undefined) handles.id(handle);
  const byId = id === undefined ? undefined : handles.ensure(id);
  const target = handle ?? byId;
  if (target === undefined) throw new HushError('invalid-argument', `${TARGET} or ${TARGET_ID} is missing`);
  if (byId !== undefined && byId !== target) throw new HushError('invalid-argument', `${TARGET} and ${TARGET_ID} name different contacts`);
  return target;
}
