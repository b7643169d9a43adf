/** Values of callers that know the type of a value only roughly: dbus-python sends every whole number as `i`, some clients a port as `u`. */
import type { Variant } from '../bus/types.ts';

/** Smallest and largest value of each integer type of D-Bus. */
const ranges = new Map<string, readonly [bigint, bigint]>([
  ['y', [0n, 0xffn]],
  ['n', [-0x8000n, 0x7fffn]],
  ['q', [0n, 0xffffn]],
  ['i', [-0x8000_0000n, 0x7fff_ffffn]],
  ['u', [0n, 0xffff_ffffn]],
  ['x', [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn]],
  ['t', [0n, 0xffff_ffff_ffff_ffffn]],
]);

/** The value as one of type `signature`: its own when the types are equal, the same number when both are integers and it fits, else undefined. */
export function coerce(given: Variant, signature: string): unknown {
  if (given.signature === signature) return given.value;
  const range = ranges.get(signature);
  if (range === undefined || !ranges.has(given.signature)) return undefined;
  const number = BigInt(given.value as number | bigint);
  if (number < range[0] || number > range[1]) return undefined;
  return signature === 'x' || signature === 't' ? number : Number(number);
}
