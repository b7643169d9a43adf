/** The JavaScript values that stand for D-Bus types without a counterpart, and short ways to write them. D-Bus Specification, section Type System. */
import { HushError } from '../errors.ts';
import { isObjectPath } from './names.ts';

/** A value that carries its type: `signature` is exactly one complete type. Checked when it is sent, not when it is made. */
export class Variant<T = unknown> {
  readonly signature: string;
  readonly value: T;

  constructor(signature: string, value: T) {
    this.signature = signature;
    this.value = value;
  }
}

/** `a{sv}` */
export type VariantMap = Map<string, Variant>;

declare const brand: unique symbol;

/** `o`: a string that has been checked to be an object path. */
export type ObjectPath = string & { readonly [brand]: 'ObjectPath' };

/** `text` as an object path. Throws HushError 'invalid-argument'. */
export function objectPath(text: string): ObjectPath {
  if (!isObjectPath(text)) throw new HushError('invalid-argument', 'not an object path');
  return text as ObjectPath;
}

/**
 * `text` as one element of an object path or bus name; different texts give different elements.
 * Every byte of its UTF-8 form outside [A-Za-z0-9], and a leading digit, becomes `_xx` (lower-case hexadecimal); '' becomes '_'.
 */
export function escapeElement(text: string): string {
  if (text === '') return '_';
  // Only well-formed text has a UTF-8 form: every lone surrogate would become the same replacement character.
  if (/\p{Surrogate}/u.test(text)) throw new HushError('invalid-argument', 'not a well-formed string');
  let element = '';
  for (const [index, byte] of Buffer.from(text, 'utf8').entries()) {
    const isLetter = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a);
    const isDigit = byte >= 0x30 && byte <= 0x39;
    element += isLetter || (isDigit && index > 0) ? String.fromCharCode(byte) : `_${byte.toString(16).padStart(2, '0')}`;
  }
  return element;
}

/** `s` */
export const str = (value: string): Variant<string> => new Variant('s', value);
/** `o` */
export const path = (value: ObjectPath): Variant<ObjectPath> => new Variant('o', value);
/** `b` */
export const bool = (value: boolean): Variant<boolean> => new Variant('b', value);
/** `u` */
export const u32 = (value: number): Variant<number> => new Variant('u', value);
/** `i` */
export const i32 = (value: number): Variant<number> => new Variant('i', value);
/** `x` */
export const i64 = (value: number | bigint): Variant<number | bigint> => new Variant('x', value);
/** `t` */
export const u64 = (value: number | bigint): Variant<number | bigint> => new Variant('t', value);
/** `as` */
export const strv = (value: readonly string[]): Variant<readonly string[]> => new Variant('as', value);
/** `ay` */
export const bytes = (value: Uint8Array): Variant<Uint8Array> => new Variant('ay', value);
/** `a{sv}` */
export const vmap = (value: ReadonlyMap<string, Variant>): Variant<ReadonlyMap<string, Variant>> => new Variant('a{sv}', value);
