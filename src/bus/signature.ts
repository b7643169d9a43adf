/** D-Bus signatures taken apart and checked. D-Bus Specification, section Type System. */
import { HushError } from '../errors.ts';

/** One complete type. `depth`: containers inside one another, this one included; what a variant holds is not counted. */
export type TypeNode = { readonly depth: number } & (
  | { readonly kind: 'basic'; readonly code: BasicCode }
  | { readonly kind: 'variant' }
  | { readonly kind: 'array'; readonly element: TypeNode }
  | { readonly kind: 'dictionary'; readonly key: TypeNode; readonly value: TypeNode }
  | { readonly kind: 'structure'; readonly fields: readonly TypeNode[] }
);

/** Bytes of one signature. */
const maxLength = 255;
/** Arrays inside one another, and likewise structures. */
const maxNesting = 32;
/** Containers of any kind inside one another in one message, variants included. */
export const maxDepth = 64;

const basicCodes = ['y', 'b', 'n', 'q', 'i', 'u', 'x', 't', 'd', 's', 'o', 'g', 'h'] as const;
export type BasicCode = (typeof basicCodes)[number];

/** The complete types that `signature` is made of, each with its own part of the text. Throws HushError 'invalid-args'. */
export function parseSignature(signature: string): { type: TypeNode; text: string }[] {
  if (signature.length > maxLength) throw broken();
  const types: { type: TypeNode; text: string }[] = [];
  for (let at = 0; at < signature.length; ) {
    const [type, end] = completeType(signature, at, 0, 0);
    if (type.depth > maxDepth) throw broken();
    types.push({ type, text: signature.slice(at, end) });
    at = end;
  }
  return types;
}

export function isSignature(text: string): boolean {
  try {
    parseSignature(text);
    return true;
  } catch (error) {
    if (error instanceof HushError) return false;
    throw error;
  }
}

function completeType(signature: string, at: number, arrays: number, structures: number): [type: TypeNode, end: number] {
  if (arrays > maxNesting || structures > maxNesting) throw broken();
  const code = signature.charAt(at);
  if (code === 'v') return [{ kind: 'variant', depth: 1 }, at + 1];
  if (code === '(') return structure(signature, at + 1, arrays, structures + 1);
  if (code === 'a') {
    if (signature.charAt(at + 1) === '{') return dictionary(signature, at + 2, arrays + 1, structures);
    const [element, end] = completeType(signature, at + 1, arrays + 1, structures);
    return [{ kind: 'array', element, depth: element.depth + 1 }, end];
  }
  const basic = basicCodes.find((known) => known === code);
  if (basic === undefined) throw broken();
  return [{ kind: 'basic', code: basic, depth: 0 }, at + 1];
}

function structure(signature: string, start: number, arrays: number, structures: number): [type: TypeNode, end: number] {
  const fields: TypeNode[] = [];
  let at = start;
  do {
    const [field, end] = completeType(signature, at, arrays, structures);
    fields.push(field);
    at = end;
  } while (signature.charAt(at) !== ')');
  return [{ kind: 'structure', fields, depth: 1 + Math.max(...fields.map((field) => field.depth)) }, at + 1];
}

function dictionary(signature: string, start: number, arrays: number, structures: number): [type: TypeNode, end: number] {
  const [key, afterKey] = completeType(signature, start, arrays, structures);
  if (key.kind !== 'basic') throw broken();
  const [value, afterValue] = completeType(signature, afterKey, arrays, structures);
  if (signature.charAt(afterValue) !== '}') throw broken();
  // An array, and its entries.
  return [{ kind: 'dictionary', key, value, depth: value.depth + 2 }, afterValue + 1];
}

function broken(): HushError {
  return new HushError('invalid-args', 'not a valid signature');
}
