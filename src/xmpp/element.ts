/**
 * XML elements: how they are built, read and written. The one door to @xmpp/xml.
 * Source: XML 1.0 §2.2, Namespaces in XML 1.0, RFC 6120 §4.8 and §11.
 *
 * An element from our parser has a local name (no prefix) and an explicit `attrs.xmlns`, so a name and a namespace are compared as a pair.
 * An element built here may leave `xmlns` out: it then has its parent's namespace, and at the top that of the stream, jabber:client.
 */
import { Element as XmppElement } from '@xmpp/xml';
import { HushError } from '../errors.ts';

/** An element: `name`, `attrs`, `children` (elements and text), `parent`. */
export type Element = XmppElement;

/** Namespaces used in more than one file; a XEP's own namespace lives in its file. */
export const ns = {
  client: 'jabber:client',
  stream: 'http://etherx.jabber.org/streams',
  streamErrors: 'urn:ietf:params:xml:ns:xmpp-streams',
  stanzaErrors: 'urn:ietf:params:xml:ns:xmpp-stanzas',
  tls: 'urn:ietf:params:xml:ns:xmpp-tls',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  dataForms: 'jabber:x:data',
  xml: 'http://www.w3.org/XML/1998/namespace',
} as const;

/** @xmpp writes elements with `toString`; ours is the checked, iterative serialiser. */
class CheckedElement extends XmppElement {
  constructor(name: string) {
    super(name);
    // No prototype: a peer may call an attribute `__proto__`.
    this.attrs = Object.create(null) as Record<string, string | undefined>;
  }
  override write(writer: (text: string) => void): void {
    writer(serialize(this));
  }
  override toString(): string {
    return serialize(this);
  }
}

/** Elements whose attributes of other namespaces the parser has left out. */
const foreign = new WeakSet<Element>();

/** For the parser: remembers that an attribute of another namespace was left out. */
export function leaveOutForeignAttribute(element: Element): void {
  foreign.add(element);
}

/** Whether an element came with attributes of other namespaces, which are not among `attrs`. xml:lang is none of them. */
export function hasForeignAttributes(element: Element): boolean {
  return foreign.has(element);
}

/** A new element. Attributes and children that are undefined are left out; numbers are written in decimal. A child leaves its former parent's `parent` link. */
export function xml(name: string, attrs: Record<string, string | number | undefined> = {}, ...children: (Element | string | undefined)[]): Element {
  const element = new CheckedElement(name);
  for (const [key, value] of Object.entries(attrs)) if (value !== undefined) element.attrs[key] = String(value);
  for (const node of children) if (node !== undefined) element.append(node);
  return element;
}

/** The namespace an element is in; '' is no namespace. */
export function namespaceOf(element: Element): string {
  for (let at: Element | null = element; at !== null; at = at.parent) if (at.attrs.xmlns !== undefined) return at.attrs.xmlns;
  return ns.client;
}

/** Whether an element is exactly (name, namespace). */
export function is(element: Element, name: string, namespace: string): boolean {
  return element.name === name && namespaceOf(element) === namespace;
}

/** All child elements, in document order, text left out. */
export function elements(parent: Element): Element[] {
  return parent.children.filter((node): node is Element => typeof node !== 'string');
}

/** The first child that is exactly (name, namespace). */
export function child(parent: Element, name: string, namespace: string): Element | undefined {
  for (const node of parent.children) if (typeof node !== 'string' && is(node, name, namespace)) return node;
  return undefined;
}

/** All children that are exactly (name, namespace). */
export function children(parent: Element, name: string, namespace: string): Element[] {
  return elements(parent).filter((node) => is(node, name, namespace));
}

/** The text directly inside an element; that of its children is not part of it. */
export function text(element: Element): string {
  let result = '';
  for (const node of element.children) if (typeof node === 'string') result += node;
  return result;
}

/** The text of the first child that is exactly (name, namespace); undefined without such a child. */
export function childText(parent: Element, name: string, namespace: string): string | undefined {
  const found = child(parent, name, namespace);
  return found && text(found);
}

const forbidden = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/** Whether XML 1.0 can carry this text: no control characters, no lone surrogates, no U+FFFE and U+FFFF. XML 1.0 §2.2. */
export function isXmlText(value: string): boolean {
  return !forbidden.test(value);
}

const nameStart = 'A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}\\u{200C}\\u{200D}\\u{2070}-\\u{218F}\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}';
const ncName = `[${nameStart}][${nameStart}\\-.0-9\\u{B7}\\u{300}-\\u{36F}\\u{203F}\\u{2040}]*`;
const xmlName = new RegExp(`^(?:${ncName}:)?${ncName}$`, 'u');
const xmlNameStart = new RegExp(`^[${nameStart}]`, 'u');

/** Whether the part of a name behind its colon begins as a name must. Namespaces in XML 1.0 §4 */
export function startsName(local: string): boolean {
  return xmlNameStart.test(local);
}

/** Bytes that XML gives a meaning of its own, and the white space that a parser would normalise away. */
const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\t': '&#9;', '\n': '&#10;', '\r': '&#13;' };
const escapeOne = (character: string): string => escapes[character] ?? character;

function escapeText(value: string): string {
  if (!isXmlText(value)) throw new HushError('invalid-argument', 'text holds a character that XML cannot carry');
  return value.replace(/[&<>\r]/g, escapeOne);
}

function escapeAttribute(value: string): string {
  if (!isXmlText(value)) throw new HushError('invalid-argument', 'an attribute holds a character that XML cannot carry');
  return value.replace(/[&<>"\t\n\r]/g, escapeOne);
}

function checkedName(name: string): string {
  if (!xmlName.test(name)) throw new HushError('invalid-argument', 'not an XML name');
  return name;
}

/** `inherited`: the namespace in scope, which need not be declared again. */
function openTag(element: Element, inherited: string | undefined): string {
  let tag = '<' + checkedName(element.name);
  for (const [key, value] of Object.entries(element.attrs)) {
    if (value === undefined || (key === 'xmlns' && value === inherited)) continue;
    tag += ` ${checkedName(key)}="${escapeAttribute(value)}"`;
  }
  return tag;
}

/**
 * An element as XML text, of any depth. Never emits what XML 1.0 forbids: throws HushError('invalid-argument') instead.
 * A parser reads back the same names, attributes and text.
 */
export function serialize(element: Element): string {
  let out = '';
  // Two kinds of work, last first: an element with the namespace around it, or text that is ready to be written.
  const work: (string | { element: Element; inherited: string | undefined })[] = [{ element, inherited: undefined }];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    if (typeof next === 'string') {
      out += next;
      continue;
    }
    const { name, children: nodes, attrs } = next.element;
    out += openTag(next.element, next.inherited);
    if (nodes.length === 0) {
      out += '/>';
      continue;
    }
    out += '>';
    work.push(`</${name}>`);
    const inherited = attrs.xmlns ?? next.inherited;
    for (const node of nodes.toReversed()) work.push(typeof node === 'string' ? escapeText(node) : { element: node, inherited });
  }
  return out;
}
