/** D-Bus type signatures, taken apart and written as TypeScript. D-Bus Specification, section Type System. */

/** One complete type. */
export type DBusType =
  | { readonly kind: 'basic'; readonly code: string }
  | { readonly kind: 'variant' }
  | { readonly kind: 'array'; readonly element: DBusType }
  | { readonly kind: 'dict'; readonly key: DBusType; readonly value: DBusType }
  | { readonly kind: 'struct'; readonly fields: readonly DBusType[] };

// File descriptors (h) are missing on purpose: hush passes none.
const basicCodes = 'ybnqiuxtdsog';

/** The one complete type that `signature` is. Throws an Error saying what is wrong. */
export function parseType(signature: string): DBusType {
  const [type, end] = completeType(signature, 0);
  if (end !== signature.length) throw new Error(`signature '${signature}' is more than one complete type`);
  return type;
}

function completeType(signature: string, start: number): [type: DBusType, end: number] {
  const code = signature.charAt(start);
  if (code !== '' && basicCodes.includes(code)) return [{ kind: 'basic', code }, start + 1];
  if (code === 'v') return [{ kind: 'variant' }, start + 1];
  if (code === '(') {
    const fields: DBusType[] = [];
    let end = start + 1;
    while (signature.charAt(end) !== ')') {
      const [field, next] = completeType(signature, end);
      fields.push(field);
      end = next;
    }
    if (fields.length === 0) throw new Error(`signature '${signature}' has an empty structure`);
    return [{ kind: 'struct', fields }, end + 1];
  }
  if (code !== 'a') throw new Error(`signature '${signature}' is broken at ${start}`);
  if (signature.charAt(start + 1) !== '{') {
    const [element, end] = completeType(signature, start + 1);
    return [{ kind: 'array', element }, end];
  }
  const [key, afterKey] = completeType(signature, start + 2);
  if (key.kind !== 'basic') throw new Error(`signature '${signature}' has a dictionary key that is not a basic type`);
  const [value, afterValue] = completeType(signature, afterKey);
  if (signature.charAt(afterValue) !== '}') throw new Error(`signature '${signature}' has a broken dictionary`);
  return [{ kind: 'dict', key, value }, afterValue + 1];
}

/** The TypeScript type of a decoded value of `type`. */
export function typescriptOf(type: DBusType): string {
  switch (type.kind) {
    case 'basic':
      return basicTypes[type.code] ?? 'number';
    case 'variant':
      return 'Variant';
    case 'struct':
      return `[${type.fields.map(typescriptOf).join(', ')}]`;
    case 'dict': {
      const entry = `${typescriptOf(type.key)}, ${typescriptOf(type.value)}`;
      return entry === 'string, Variant' ? 'VariantMap' : `Map<${entry}>`;
    }
    case 'array':
      return type.element.kind === 'basic' && type.element.code === 'y' ? 'Buffer' : `${typescriptOf(type.element)}[]`;
  }
}

/** The basic types that are not number. */
const basicTypes: Readonly<Record<string, string>> = { b: 'boolean', s: 'string', g: 'string', o: 'ObjectPath', x: 'bigint', t: 'bigint' };
