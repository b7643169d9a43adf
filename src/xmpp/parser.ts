/**
 * The one XML parser for what peers and servers send: strict, bounded while it reads, silent after its end.
 * Source: RFC 6120 §4.2–4.4, §11; XML 1.0; Namespaces in XML 1.0. Built on saxes.
 *
 * Refused beyond what saxes refuses: invalid UTF-8, a byte order mark, DTD, processing instructions, comments, text outside stanzas,
 * names like a:1 (saxes looks at the whole only), white space around a namespace name (saxes would trim it: two readers, two names),
 * elements in the xml namespace, all limits.
 */
import type { SaxesAttributeNSIncomplete, SaxesTagNS } from 'saxes';
import { asHushError, HushError } from '../errors.ts';
import { leaveOutForeignAttribute, ns, startsName, xml } from './element.ts';
import type { Element } from './element.ts';
import { Saxes } from './saxes.ts';

/** What is wrong with the bytes, as a stream error condition. RFC 6120 §4.9.3 */
export type SyntaxCondition = 'bad-format' | 'not-well-formed' | 'policy-violation' | 'restricted-xml' | 'unsupported-encoding';

/** Input that ends its stream. */
export class StreamSyntaxError extends HushError {
  readonly streamError: SyntaxCondition;

  constructor(streamError: SyntaxCondition, message: string, cause?: unknown) {
    super('invalid-data', message, { cause });
    this.name = 'StreamSyntaxError';
    this.streamError = streamError;
  }
}

export interface StreamLimits {
  /** Bytes of a top-level element from '<' to its end, unfinished ones included; of the stream header too. */
  readonly maxStanzaBytes: number;
  /** Open elements, the stream itself counted: 64 refuses the 65th. */
  readonly maxDepth: number;
  /** White space between stanzas (keepalives, RFC 6120 §4.6.1). Default true. */
  readonly allowWhitespace?: boolean;
}

export interface StreamHandlers {
  /** The stream header, without children. Its attributes, `xmlns` being the namespace of the header itself. */
  open(header: Element): void;
  /** A top-level element begins: its start tag is complete, nothing of its content has been read. */
  start?(openTag: { readonly name: string; readonly ns: string }): void;
  /** A top-level element is complete. It has no parent. */
  element(stanza: Element): void;
  /** The stream's end tag. */
  close(): void;
  /** The input is unusable, or a handler threw. The last call there is. */
  error(error: HushError): void;
}

/** Attributes of one element, namespace declarations among them. */
const maxAttributes = 64;

/** Unwinds saxes after `stop()`. */
const stopped = new Error('the parser was stopped');

const leadingSpace = /[ \t\r\n]*/y;
const nothing = Buffer.alloc(0);

/** The whole characters of what may be the start of UTF-8; undefined for what cannot be. */
function startOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

/** Parses one XML stream. Calls its handlers from within `write`, in document order, however the bytes were cut. Throws only what `error` throws. */
export class StreamParser {
  readonly #limits: StreamLimits;
  readonly #handlers: StreamHandlers;
  readonly #saxes = new Saxes();
  // ignoreBOM keeps the mark in the text, where it is refused.
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  /** The open elements, the stream header first. */
  readonly #stack: Element[] = [];
  #attributes = 0;
  /** What ended at the top (undefined: the stream itself). saxes reports an end tag before it compares the names, so this waits for its next step. */
  #finished: { readonly stanza: Element | undefined; readonly end: number } | undefined;
  #isStopped = false;
  #isClosed = false;
  /** Nothing but white space since the last top-level element. */
  #isBetween = true;

  // Places are counted in UTF-16 units of the decoded stream, as saxes does; limits in bytes.
  #chunk = '';
  #chunkStart = 0;
  /** Units of white space never shown to saxes. */
  #skipped = 0;
  /** A place in this chunk, and the bytes of the stream before it. */
  #known = { place: 0, bytes: 0 };
  #bytesWritten = 0;
  #bytesDecoded = 0;
  /** The start of a character whose rest is still to come. */
  #held: Buffer = nothing;
  /** Bytes of the stream before the top-level element that is being read. */
  #stanzaStart = 0;

  constructor(limits: StreamLimits, handlers: StreamHandlers) {
    this.#limits = limits;
    this.#handlers = handlers;
    const saxes = this.#saxes;
    saxes.on('xmldecl', ({ version, encoding }) => {
      this.#checkSize(this.#bytesBefore(this.#place));
      if (version !== '1.0') this.#failHere('not-well-formed', 'an XML version other than 1.0');
      if (encoding !== undefined && encoding.toUpperCase() !== 'UTF-8') this.#failHere('unsupported-encoding', 'an encoding other than UTF-8');
    });
    saxes.on('opentagstart', () => this.#tagStarts());
    saxes.on('attribute', (attribute) => this.#attribute(attribute));
    saxes.on('opentag', (tag) => this.#tagOpens(tag));
    saxes.on('closetag', () => this.#tagCloses());
    saxes.on('text', (text) => this.#text(text));
    saxes.on('cdata', (text) => {
      this.#finish();
      if (this.#stack.length < 2) this.#failHere('bad-format', 'text outside a stanza');
      this.#text(text);
    });
    for (const event of ['doctype', 'processinginstruction', 'comment'] as const) {
      saxes.on(event, () => {
        this.#finish();
        this.#failHere('restricted-xml', `a ${event}`);
      });
    }
    saxes.on('error', (error) => {
      if (this.#finished?.end === this.#place) this.#finished = undefined;
      this.#finish();
      // Text before the header is noticed at its end, or that of its chunk: its length must not matter.
      if (this.#stack.length === 0 && error.message.includes('outside of root')) this.#fail('not-well-formed', 'text before the header');
      // A DTD in the middle is told as an error of its place; what it is weighs more. RFC 6120 §11.1
      this.#failHere(error.message.startsWith('inappropriately located doctype') ? 'restricted-xml' : 'not-well-formed', error.message.slice(0, 200));
    });
  }

  /** Bytes given to the current `write` that come after what is being reported. */
  get unread(): number {
    return this.#bytesWritten - this.#bytesBefore(this.#finished?.end ?? this.#place);
  }

  /** Whether an element, or the header, has begun and is not whole. Not to be asked within a handler. */
  get isMidway(): boolean {
    return !this.#isBetween;
  }

  /** Parses the next bytes of the stream. Does nothing after an error or `stop`. */
  write(bytes: Uint8Array): void {
    if (this.#isStopped) return;
    try {
      this.#bytesWritten += bytes.length;
      const { text, end, invalid } = this.#decode(bytes);
      this.#read(text);
      if (!this.#isBetween) this.#checkSize(end);
      if (invalid !== undefined) throw new StreamSyntaxError('not-well-formed', 'not UTF-8', invalid);
      const held = this.#bytesWritten - this.#bytesDecoded;
      this.#held = held === 0 ? nothing : Buffer.concat([this.#held, bytes.subarray(-held)]).subarray(-held);
    } catch (error) {
      if (error === stopped) return;
      this.#isStopped = true;
      this.#handlers.error(asHushError(error));
    }
  }

  /** Ends the parser: no handler is called again, not even for the rest of the bytes of a `write` that is under way. */
  stop(): void {
    this.#isStopped = true;
  }

  #fail(condition: SyntaxCondition, message: string): never {
    throw new StreamSyntaxError(condition, message);
  }

  /** For what is wrong inside an element: had the bytes come one by one, those before might have been too many first. */
  #failHere(condition: SyntaxCondition, message: string): never {
    if (!this.#isBetween) this.#checkSize(this.#bytesBefore(this.#place));
    this.#fail(condition, message);
  }

  /** The text of the next bytes, up to where they are not UTF-8; how many bytes of the stream that is. */
  #decode(bytes: Uint8Array): { text: string; end: number; invalid?: unknown } {
    try {
      return { text: this.#decoder.decode(bytes, { stream: true }), end: this.#bytesWritten };
    } catch (invalid) {
      const all = Buffer.concat([this.#held, bytes]);
      let [good, bad] = [0, all.length];
      while (bad - good > 1) {
        const middle = (good + bad) >> 1;
        if (startOf(all.subarray(0, middle)) === undefined) bad = middle;
        else good = middle;
      }
      return { text: startOf(all.subarray(0, good)) ?? '', end: this.#bytesWritten - all.length + good, invalid };
    }
  }

  #read(text: string): void {
    if (text === '') return;
    this.#chunkStart += this.#chunk.length;
    this.#chunk = text;
    this.#known = { place: this.#chunkStart, bytes: this.#bytesDecoded };
    this.#bytesDecoded += Buffer.byteLength(text);
    const space = this.#isBetween ? this.#passSpace(0) : 0;
    // Before the header saxes must see the white space: an XML declaration after it is an error.
    const isSkipped = this.#stack.length > 0 || this.#isClosed;
    if (isSkipped) this.#skipped += space;
    if (isSkipped && space === text.length) return;
    this.#saxes.write(isSkipped ? text.slice(space) : text);
    this.#finish();
  }

  /** How far the reading has come. */
  get #place(): number {
    return this.#saxes.position + this.#skipped;
  }

  /** Bytes of the stream before a place in this chunk, not before the one last asked for. */
  #bytesBefore(place: number): number {
    const { place: from, bytes } = this.#known;
    const isAscii = this.#bytesDecoded - bytes === this.#chunkStart + this.#chunk.length - from;
    const more = isAscii ? place - from : Buffer.byteLength(this.#chunk.slice(from - this.#chunkStart, place - this.#chunkStart));
    this.#known = { place, bytes: bytes + more };
    return bytes + more;
  }

  #checkSize(end: number): void {
    if (end - this.#stanzaStart > this.#limits.maxStanzaBytes) this.#fail('policy-violation', `an element of more than ${this.#limits.maxStanzaBytes} bytes`);
  }

  /** From the end of one top-level element, as an index into this chunk, to the start of the next: returns where that is. Only white space may be between. */
  #passSpace(index: number): number {
    leadingSpace.lastIndex = index;
    leadingSpace.test(this.#chunk);
    const next = leadingSpace.lastIndex;
    this.#isBetween = next === this.#chunk.length;
    if (next > index && this.#limits.allowWhitespace === false) this.#fail('bad-format', 'white space between stanzas');
    if (!this.#isBetween) {
      if (this.#isClosed) this.#fail('bad-format', 'content after the end of the stream');
      if (this.#chunk[next] !== '<') this.#fail('bad-format', 'text outside a stanza');
      this.#stanzaStart = this.#bytesBefore(this.#chunkStart + next);
    }
    return next;
  }

  /** Reports what has ended at the top, now that its end tag is known to be the right one. */
  #finish(): void {
    if (this.#finished === undefined) return;
    const { stanza, end } = this.#finished;
    this.#checkSize(this.#bytesBefore(end));
    if (stanza === undefined) this.#isClosed = true;
    this.#report(() => (stanza === undefined ? this.#handlers.close() : this.#handlers.element(stanza)));
    this.#finished = undefined;
    this.#passSpace(end - this.#chunkStart);
  }

  #report(call: () => void): void {
    call();
    if (this.#isStopped) throw stopped;
  }

  #tagStarts(): void {
    this.#finish();
    this.#attributes = 0;
    // Here, not when the tag is complete: the time saxes takes to look up names grows with the depth.
    if (this.#stack.length >= this.#limits.maxDepth) this.#failHere('policy-violation', `more than ${this.#limits.maxDepth} elements inside each other`);
  }

  #attribute({ name, prefix, local, value }: SaxesAttributeNSIncomplete): void {
    this.#attributes += 1;
    if (this.#attributes > maxAttributes) this.#failHere('policy-violation', `more than ${maxAttributes} attributes`);
    this.#checkName(prefix, local);
    if ((name === 'xmlns' || prefix === 'xmlns') && value !== value.trim()) this.#failHere('bad-format', 'white space around a namespace name');
  }

  #checkName(prefix: string, local: string): void {
    if (prefix !== '' && !startsName(local)) this.#failHere('not-well-formed', 'a name that does not begin as one');
  }

  #tagOpens(tag: SaxesTagNS): void {
    this.#checkName(tag.prefix, tag.local);
    if (tag.uri === ns.xml) this.#failHere('bad-format', 'an element in the xml namespace');
    const element = xml(tag.local, { xmlns: tag.uri });
    for (const { prefix, local, name, value } of Object.values(tag.attributes)) {
      // Of the attributes with a prefix only xml:lang means anything to us; what is written again later must need no prefix.
      if ((prefix === '' && name !== 'xmlns') || (prefix === 'xml' && local === 'lang')) element.attrs[name] = value;
      else if (prefix !== '' && prefix !== 'xmlns') leaveOutForeignAttribute(element);
    }
    const parent = this.#stack.at(-1);
    if (this.#stack.length > 1) parent?.append(element);
    this.#stack.push(element);
    if (parent === undefined) {
      this.#checkSize(this.#bytesBefore(this.#place));
      this.#report(() => this.#handlers.open(element));
      // Of a header that is its own end, the end comes next.
      if (!tag.isSelfClosing) this.#passSpace(this.#place - this.#chunkStart);
    } else if (this.#stack.length === 2) {
      this.#checkSize(this.#bytesBefore(this.#place));
      if (tag.local === 'stream' && tag.uri === ns.stream) this.#fail('bad-format', 'a stream header inside the stream');
      this.#report(() => this.#handlers.start?.({ name: tag.local, ns: tag.uri }));
    }
  }

  #tagCloses(): void {
    this.#finish();
    const element = this.#stack.pop();
    if (this.#stack.length < 2) this.#finished = { stanza: this.#stack.length === 1 ? element : undefined, end: this.#place };
  }

  #text(text: string): void {
    this.#finish();
    const element = this.#stack.length > 1 ? this.#stack.at(-1) : undefined;
    // Outside a stanza it is white space: anything else was refused where it began.
    if (element === undefined) return;
    const last = element.children.length - 1;
    const before = element.children[last];
    if (typeof before === 'string') element.children[last] = before + text;
    else element.children.push(text);
  }
}
