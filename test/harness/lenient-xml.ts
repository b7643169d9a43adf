/** A reader for what our client writes, independent of our own parser and forgiving: good enough to see, never to judge. */

/** An element as it was on the wire: the name without prefix, its namespace, everything inside. */
export class WireElement {
  readonly name: string;
  readonly ns: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly nodes: (WireElement | string)[] = [];

  constructor(name: string, ns: string, attrs: Record<string, string>) {
    this.name = name;
    this.ns = ns;
    this.attrs = attrs;
  }

  get elements(): WireElement[] {
    return this.nodes.filter((node): node is WireElement => typeof node !== 'string');
  }

  /** The first child with this name, and namespace if one is given. */
  child(name: string, ns?: string): WireElement | undefined {
    return this.elements.find((element) => element.name === name && (ns === undefined || element.ns === ns));
  }

  /** The text directly inside. */
  get text(): string {
    return this.nodes.filter((node) => typeof node === 'string').join('');
  }

  toString(): string {
    const attrs = Object.entries(this.attrs).map(([key, value]) => ` ${key}='${value}'`);
    return `<${this.name} {${this.ns}}${attrs.join('')}>${this.nodes.map(String).join('')}</${this.name}>`;
  }
}

export interface WireListener {
  open(header: WireElement): void;
  element(element: WireElement): void;
  close(): void;
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replace(/&(#x?[0-9a-fA-F]+|[a-z]+);/g, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(parseInt(name.slice(1), 10));
    return entities[name] ?? whole;
  });
}

type Scope = ReadonlyMap<string, string>;

export class WireReader {
  readonly #listener: WireListener;
  #buffer = '';
  #stack: { element: WireElement; scope: Scope }[] = [];

  constructor(listener: WireListener) {
    this.#listener = listener;
  }

  write(text: string): void {
    this.#buffer += text;
    for (let token = this.#token(); token !== undefined; token = this.#token()) this.#take(token);
  }

  /** The next whole tag or run of text. */
  #token(): string | undefined {
    const buffer = this.#buffer;
    let end = -1;
    if (buffer.startsWith('<![CDATA[')) end = buffer.indexOf(']]>') < 0 ? -1 : buffer.indexOf(']]>') + 3;
    else if (buffer.startsWith('<')) end = /^<(?:[^'">]|'[^']*'|"[^"]*")*>/.exec(buffer)?.[0].length ?? -1;
    else end = buffer.indexOf('<');
    if (end <= 0) return undefined;
    this.#buffer = buffer.slice(end);
    return buffer.slice(0, end);
  }

  #take(token: string): void {
    if (token.startsWith('<?')) return;
    if (token.startsWith('</')) this.#close();
    else if (token.startsWith('<![CDATA[')) this.#stack.at(-1)?.element.nodes.push(token.slice(9, -3));
    else if (token.startsWith('<')) this.#open(token);
    else if (this.#stack.length > 1) this.#stack.at(-1)?.element.nodes.push(unescape(token));
  }

  #open(tag: string): void {
    const isEmpty = tag.endsWith('/>');
    const qualified = /^<([^\s/>]+)/.exec(tag)?.[1] ?? '';
    const attrs: Record<string, string> = {};
    const scope = new Map(this.#stack.at(-1)?.scope);
    for (const [, key = '', single, double] of tag.matchAll(/\s([^\s=]+)\s*=\s*(?:'([^']*)'|"([^"]*)")/g)) {
      const value = unescape(single ?? double ?? '');
      attrs[key] = value;
      if (key === 'xmlns') scope.set('', value);
      if (key.startsWith('xmlns:')) scope.set(key.slice(6), value);
    }
    const colon = qualified.indexOf(':');
    const element = new WireElement(qualified.slice(colon + 1), scope.get(qualified.slice(0, Math.max(colon, 0))) ?? '', attrs);
    this.#stack.push({ element, scope });
    if (this.#stack.length === 1) this.#listener.open(element);
    if (isEmpty) this.#close();
  }

  #close(): void {
    const closed = this.#stack.pop()?.element;
    if (closed === undefined || this.#stack.length === 0) this.#listener.close();
    else if (this.#stack.length === 1) this.#listener.element(closed);
    else this.#stack.at(-1)?.element.nodes.push(closed);
  }
}
