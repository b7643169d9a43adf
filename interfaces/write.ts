/** Writes src/bus/interfaces.ts: the D-Bus interfaces of hush as TypeScript types and as tables for run time. */
import type { Arg, Interface, Method, Property, Signal } from './read.ts';
import { parseType, typescriptOf } from './signature.ts';

/** The text of the generated file; the same interfaces give the same text, in whatever order they come. */
export function writeInterfaces(interfaces: readonly Interface[]): string {
  const sorted = [...interfaces].sort((a, b) => (a.name < b.name ? -1 : 1));
  const types = sorted.map(interfaceType).join('');
  const imported = ['ObjectPath', 'Variant', 'VariantMap'].filter((name) => new RegExp(`\\b${name}\\b`).test(types));
  return [
    '/** Generated from interfaces/ by `npm run introspect`, never edited by hand: the D-Bus interfaces of hush as types and as tables for run time. */\n',
    "import type { InterfaceTable } from './tables.ts';\n",
    imported.length > 0 ? `import type { ${imported.join(', ')} } from './types.ts';\n` : '',
    '\n/** What the compiler knows of every interface, as an `InterfaceShape`. All values as they are decoded. */\n',
    `export interface InterfaceMap {\n${types}}\n`,
    '\nexport type InterfaceName = keyof InterfaceMap;\n',
    '\nexport const interfaceTables: Readonly<Record<InterfaceName, InterfaceTable>> = {\n',
    ...sorted.map(interfaceTable),
    '};\n',
  ].join('');
}

function interfaceType(of: Interface): string {
  const section = (name: string, lines: readonly string[]): string =>
    lines.length === 0 ? `    ${name}: {};\n` : `    ${name}: {\n${lines.join('')}    };\n`;
  const body = [
    section('methods', of.methods.map((method) => comment('      ', method.doc, method.deprecated) + methodType(method))),
    section('properties', of.properties.map((property) => comment('      ', property.doc, property.deprecated) + propertyType(property))),
    section('signals', of.signals.map((signal) => comment('      ', signal.doc, signal.deprecated) + signalType(signal))),
  ].join('');
  return `${comment('  ', of.doc)}  '${of.name}': {\n${body}  };\n`;
}

function methodType(method: Method): string {
  return `      ${method.name}: { in: ${tupleType(method.in)}; out: ${tupleType(method.out)} };\n`;
}

function propertyType(property: Property): string {
  return `      ${property.name}: { type: ${typescriptOf(parseType(property.signature))}; access: '${property.access}' };\n`;
}

function signalType(signal: Signal): string {
  return `      ${signal.name}: ${tupleType(signal.args)};\n`;
}

function tupleType(args: readonly Arg[]): string {
  return `[${args.map((arg) => `${camelCase(arg.name)}: ${typescriptOf(parseType(arg.signature))}`).join(', ')}]`;
}

/** `Self_Handle`, `message_id`, `URIs`, `ID` → `selfHandle`, `messageId`, `uris`, `id`. */
export function camelCase(name: string): string {
  return name
    .split('_')
    .filter((word) => word !== '')
    .map((word, index) => {
      const lower = /^[A-Z]+s?$/.test(word) ? word.toLowerCase() : word.charAt(0).toLowerCase() + word.slice(1);
      return index === 0 ? lower : lower.charAt(0).toUpperCase() + lower.slice(1);
    })
    .join('');
}

function comment(indent: string, doc: string, deprecated = false): string {
  const text = [doc, deprecated ? 'Deprecated.' : ''].filter((part) => part !== '').join(' ').replaceAll('*/', '*∕');
  return text === '' ? '' : `${indent}/** ${text} */\n`;
}

function interfaceTable(of: Interface): string {
  const section = (name: string, lines: readonly string[]): string =>
    lines.length === 0 ? `    ${name}: {},\n` : `    ${name}: {\n${lines.map((line) => `      ${line},\n`).join('')}    },\n`;
  const signature = (args: readonly Arg[]): string => `'${args.map((arg) => arg.signature).join('')}'`;
  const names = (args: readonly Arg[]): string => `[${args.map((arg) => `'${arg.name}'`).join(', ')}]`;
  const flags = (member: { noReply?: boolean; deprecated: boolean }): string =>
    (member.noReply ? ', noReply: true' : '') + (member.deprecated ? ', deprecated: true' : '');
  const method = (m: Method): string =>
    `${m.name}: { in: ${signature(m.in)}, inNames: ${names(m.in)}, out: ${signature(m.out)}, outNames: ${names(m.out)}${flags(m)} }`;
  const property = (p: Property): string => `${p.name}: { signature: '${p.signature}', access: '${p.access}', emitsChange: '${p.emits}'${flags(p)} }`;
  const signal = (s: Signal): string => `${s.name}: { signature: ${signature(s.args)}, names: ${names(s.args)}${flags(s)} }`;
  return [
    `  '${of.name}': {\n`,
    section('methods', of.methods.map(method)),
    section('properties', of.properties.map(property)),
    section('signals', of.signals.map(signal)),
    '  },\n',
  ].join('');
}
