/** Reads one introspection file of hush and checks it. D-Bus Specification, section Introspection Data Format. */
import { SaxesParser } from 'saxes';
import { parseType } from './signature.ts';

export interface Arg {
  readonly name: string;
  readonly signature: string;
}

export interface Method {
  readonly name: string;
  readonly in: readonly Arg[];
  readonly out: readonly Arg[];
  readonly noReply: boolean;
  readonly deprecated: boolean;
  readonly doc: string;
}

export interface Signal {
  readonly name: string;
  readonly args: readonly Arg[];
  readonly deprecated: boolean;
  readonly doc: string;
}

export interface Property {
  readonly name: string;
  readonly signature: string;
  readonly access: 'read' | 'write' | 'readwrite';
  /** org.freedesktop.DBus.Property.EmitsChangedSignal, which every property of ours states. */
  readonly emits: 'true' | 'invalidates' | 'false' | 'const';
  readonly deprecated: boolean;
  readonly doc: string;
}

export interface Interface {
  readonly name: string;
  readonly doc: string;
  readonly methods: readonly Method[];
  readonly properties: readonly Property[];
  readonly signals: readonly Signal[];
}

interface Node {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: Node[];
  text: string;
}

const telepathyNamespace = 'http://telepathy.freedesktop.org/wiki/DbusSpec#extensions-v0';
const interfaceName = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$/;
const memberName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The interface that `xml` describes. The file is named `<interface>.xml`. Throws an Error whose message starts with the file name. */
export function readInterface(fileName: string, xml: string): Interface {
  try {
    const root = parse(xml);
    if (root.name !== 'node') throw new Error(`the root is <${root.name}>, not <node>`);
    const [found, ...more] = children(root, ['interface']);
    if (found === undefined || more.length > 0) throw new Error('a file holds exactly one interface');
    const read = readMembers(found);
    if (fileName !== `${read.name}.xml`) throw new Error(`the file of ${read.name} must have its name`);
    return read;
  } catch (error) {
    throw new Error(`${fileName}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function readMembers(node: Node): Interface {
  const name = attribute(node, 'name');
  if (!interfaceName.test(name) || name.length > 255) throw new Error(`'${name}' is no interface name`);
  const members = children(node, ['method', 'property', 'signal']);
  const seen = new Set<string>();
  for (const member of members) {
    const memberKey = attribute(member, 'name');
    if (!memberName.test(memberKey) || memberKey.length > 255) throw new Error(`'${memberKey}' is no member name`);
    if (seen.has(memberKey)) throw new Error(`${memberKey} appears twice`);
    seen.add(memberKey);
  }
  const of = <T>(kind: string, read: (member: Node) => T): T[] =>
    members.filter((member) => member.name === kind).map((member) => inMember(member, read));
  return { name, doc: docOf(node), methods: of('method', readMethod), properties: of('property', readProperty), signals: of('signal', readSignal) };
}

function inMember<T>(member: Node, read: (member: Node) => T): T {
  try {
    return read(member);
  } catch (error) {
    throw new Error(`${attribute(member, 'name')}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function readMethod(node: Node): Method {
  const args = children(node, ['arg', 'annotation']).filter((child) => child.name === 'arg');
  for (const arg of args) oneOf(arg, 'direction', ['in', 'out']);
  const side = (direction: string): Arg[] => args.filter((arg) => attribute(arg, 'direction') === direction).map(readArg);
  const method = { name: attribute(node, 'name'), in: side('in'), out: side('out') };
  distinct([...method.in, ...method.out]);
  return { ...method, noReply: isAnnotated(node, 'org.freedesktop.DBus.Method.NoReply'), deprecated: isDeprecated(node), doc: docOf(node) };
}

function readSignal(node: Node): Signal {
  const args = children(node, ['arg', 'annotation']).filter((child) => child.name === 'arg');
  if (args.some((arg) => arg.attributes.has('direction'))) throw new Error('arguments of a signal have no direction');
  const signal = { name: attribute(node, 'name'), args: args.map(readArg) };
  distinct(signal.args);
  return { ...signal, deprecated: isDeprecated(node), doc: docOf(node) };
}

function readProperty(node: Node): Property {
  const access = oneOf(node, 'access', ['read', 'write', 'readwrite']);
  const signature = attribute(node, 'type');
  parseType(signature);
  children(node, ['annotation']);
  const emits = annotation(node, 'org.freedesktop.DBus.Property.EmitsChangedSignal');
  if (emits !== 'true' && emits !== 'invalidates' && emits !== 'false' && emits !== 'const') throw new Error('EmitsChangedSignal must be stated: true, invalidates, false or const');
  return { name: attribute(node, 'name'), signature, access, emits, deprecated: isDeprecated(node), doc: docOf(node) };
}

function readArg(node: Node): Arg {
  const name = attribute(node, 'name');
  if (!memberName.test(name)) throw new Error(`'${name}' is no argument name`);
  const signature = attribute(node, 'type');
  parseType(signature);
  return { name, signature };
}

function distinct(args: readonly Arg[]): void {
  if (new Set(args.map((arg) => arg.name)).size !== args.length) throw new Error('two arguments have the same name');
}

function isDeprecated(node: Node): boolean {
  return isAnnotated(node, 'org.freedesktop.DBus.Deprecated');
}

function isAnnotated(node: Node, name: string): boolean {
  return annotation(node, name) === 'true';
}

function annotation(node: Node, name: string): string | undefined {
  const found = node.children.find((child) => child.name === 'annotation' && attribute(child, 'name') === name);
  return found && attribute(found, 'value');
}

function attribute(node: Node, name: string): string {
  const value = node.attributes.get(name);
  if (value === undefined) throw new Error(`<${node.name}> lacks ${name}=`);
  return value;
}

function oneOf<T extends string>(node: Node, name: string, allowed: readonly T[]): T {
  const value = attribute(node, name);
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new Error(`${name}='${value}' is not one of ${allowed.join(', ')}`);
  return found;
}

/** The children with one of `names`. Elements of the Telepathy namespace are there for people; any other is a mistake. */
function children(node: Node, names: readonly string[]): Node[] {
  const own = node.children.filter((child) => !child.name.startsWith('tp:'));
  const stray = own.find((child) => !names.includes(child.name));
  if (stray !== undefined) throw new Error(`<${stray.name}> has no place in <${node.name}>`);
  return own;
}

/** The first sentence of the docstring, on one line; '' when there is none. */
function docOf(node: Node): string {
  const text = node.children.find((child) => child.name === 'tp:docstring')?.text ?? '';
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const end = line.search(/\.( |$)/);
  return end === -1 ? line : line.slice(0, end + 1);
}

/** The element tree: names of the Telepathy namespace as `tp:…`, attributes without namespace only. */
function parse(xml: string): Node {
  const parser = new SaxesParser({ xmlns: true });
  const open: Node[] = [];
  let root: Node | undefined;
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    const attributes = new Map(Object.values(tag.attributes).filter((a) => a.uri === '').map((a) => [a.local, a.value]));
    const node: Node = { name: tag.uri === telepathyNamespace ? `tp:${tag.local}` : tag.name, attributes, children: [], text: '' };
    open.at(-1)?.children.push(node);
    root ??= node;
    open.push(node);
  });
  parser.on('text', (text) => {
    const node = open.at(-1);
    if (node) node.text += text;
  });
  parser.on('closetag', () => open.pop());
  parser.write(xml).close();
  if (root === undefined) throw new Error('empty document');
  return root;
}
