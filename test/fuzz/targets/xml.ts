/** The parser of streams: the same however its input is cut, and never laxer than a strict reader that knows nothing of streams. Attack rows C1-C10. */
import { isUtf8 } from 'node:buffer';
import { SaxesParser } from 'saxes';
import { Random } from '../random.ts';
import { promise } from '../target.ts';
import type { Target } from '../target.ts';
import { serialize } from '../../../src/xmpp/element.ts';
import type { Element } from '../../../src/xmpp/element.ts';
import { StreamParser, StreamSyntaxError } from '../../../src/xmpp/parser.ts';

export const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
/** Low: longer and deeper inputs only take longer. */
const limits = { maxStanzaBytes: 400, maxDepth: 12 };

/** An element as plain data: [namespace, name, attributes in order of their names, content]. */
export type Plain = readonly [ns: string, name: string, attributes: readonly (readonly [string, string])[], content: readonly (Plain | string)[]];

export interface Reading {
  /** What was reported, a line each, with the bytes read until then. */
  readonly events: readonly string[];
  readonly stanzas: readonly Plain[];
  readonly error: StreamSyntaxError | undefined;
}

/** What our parser makes of it. */
export function read(pieces: readonly Buffer[]): Reading {
  const events: string[] = [];
  const stanzas: Plain[] = [];
  let error: StreamSyntaxError | undefined;
  let written = 0;
  const note = (event: string): void => {
    promise(error === undefined, 'nothing is reported after an error', event);
    events.push(event);
  };
  const noteAt = (event: string): void => note(`${event} @${written - parser.unread}`);
  const parser: StreamParser = new StreamParser(
    // Whether white space is allowed is the input's own affair, so that both are tried.
    { ...limits, allowWhitespace: (pieces[0]?.[0] ?? 0) !== 0x20 },
    {
      open: (element) => noteAt(`open ${serialize(element)}`),
      start: ({ name, ns }) => note(`start ${name} ${ns}`),
      element: (element) => {
        promise(element.parent === null, 'a stanza has no parent');
        stanzas.push(plain(element));
        noteAt(serialize(element));
      },
      close: () => noteAt('close'),
      error: (thrown) => {
        if (!(thrown instanceof StreamSyntaxError)) throw thrown.cause instanceof Error ? thrown.cause : thrown;
        note(`error ${thrown.streamError}`);
        error = thrown;
      },
    },
  );
  for (const piece of pieces) {
    written += piece.length;
    parser.write(piece);
  }
  return { events, stanzas, error };
}

function plain(element: Element): Plain {
  const attributes = Object.entries(element.attrs).filter((entry): entry is [string, string] => entry[0] !== 'xmlns' && entry[1] !== undefined);
  return [element.attrs.xmlns ?? '', element.name, sorted(attributes), element.children.map((node) => (typeof node === 'string' ? node : plain(node)))];
}

const sorted = (attributes: [string, string][]): [string, string][] => attributes.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));

/** The complete children of the root that a strict parser finds before its first error, and whether there was one. */
function readStrictly(text: string): { stanzas: Plain[]; isWellFormed: boolean } {
  const saxes = new SaxesParser({ xmlns: true, position: false });
  const stanzas: Plain[] = [];
  type Open = [string, string, [string, string][], (Plain | string)[]];
  const open: Open[] = [];
  let finished: Plain | undefined;
  let isWellFormed = true;
  // An end tag of the wrong name is reported before it is found to be wrong.
  const settle = (): void => {
    if (finished !== undefined && isWellFormed) stanzas.push(finished);
    finished = undefined;
  };
  saxes.on('error', ({ message }) => {
    if (!/unexpected close tag|unmatched closing tag/.test(message)) settle();
    isWellFormed = false;
    finished = undefined;
  });
  saxes.on('opentag', ({ uri, local, attributes }) => {
    settle();
    const own = Object.values(attributes).filter(({ prefix, name }) => (prefix === '' && name !== 'xmlns') || name === 'xml:lang');
    const element: Open = [uri, local, sorted(own.map(({ name, value }) => [name, value])), []];
    open.at(-1)?.[3].push(element);
    open.push(element);
  });
  const text_ = (more: string): void => {
    settle();
    const content = open.at(-1)?.[3];
    if (content === undefined) return;
    const last = content.at(-1);
    if (typeof last === 'string') content[content.length - 1] = last + more;
    else content.push(more);
  };
  saxes.on('text', text_);
  saxes.on('cdata', text_);
  saxes.on('closetag', () => {
    settle();
    const element = open.pop();
    if (open.length === 1) finished = element;
  });
  saxes.write(text);
  settle();
  return { stanzas, isWellFormed };
}

function check(bytes: Buffer): void {
  const random = Random.of(bytes);
  const whole = read([bytes]);
  const ways = [random.cut(bytes), Array.from(bytes, (byte) => Buffer.of(byte))];
  for (const pieces of ways) {
    const { events } = read(pieces);
    promise(JSON.stringify(events) === JSON.stringify(whole.events), 'the same is read however it is cut', [whole.events, events]);
  }
  const isStart = Array.from({ length: 4 }, (_, less) => isUtf8(bytes.subarray(0, bytes.length - less))).includes(true);
  promise(isStart || whole.error !== undefined, 'what is not UTF-8 is refused');
  if (!isStart) return;
  const text = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes, { stream: true });
  const strict = readStrictly(text);
  promise(whole.error !== undefined || strict.isWellFormed, 'what is accepted is well-formed', whole.events);
  const expected = strict.stanzas.slice(0, whole.error === undefined ? undefined : whole.stanzas.length);
  promise(JSON.stringify(whole.stanzas) === JSON.stringify(expected), 'a strict parser reads the same stanzas', [whole.stanzas, expected]);
  for (const event of whole.events.filter((line) => line.startsWith('<'))) {
    const again = read([Buffer.from(header + event.slice(0, event.lastIndexOf(' @')))]);
    // Longer where it is written with entities, and then perhaps too long.
    if (again.error?.streamError === 'policy-violation') continue;
    const [first] = again.stanzas;
    promise(JSON.stringify(first) === JSON.stringify(whole.stanzas[whole.events.filter((line) => line.startsWith('<')).indexOf(event)]), 'what was read can be written and read again', event);
  }
}

const stanza = (content: string): Buffer => Buffer.from(header + content);

export const target: Target = {
  sources: ['/src/xmpp/parser.ts', '/src/xmpp/element.ts', '/saxes/saxes.js'],
  seeds: [
    stanza("<message from='a@b/c' to='d@e' type='chat' xml:lang='en'><body>hi &amp; &#228;&#x1F600;</body></message></stream:stream>"),
    stanza("<iq type='set' id='1'><x:query xmlns:x='urn:x' x:a='1' b='2'><![CDATA[]]]]><![CDATA[>]]></x:query></iq> \r\n<presence/>"),
    stanza('<a>'.repeat(12)),
    Buffer.from(` ${header}`),
  ],
  maxInput: 1000,
  dictionary: [
    '<', '>', '/>', '</', '<a>', '</a>', '<a/>', "<a b='", "'", '"', '=', ' ', '\r\n', '\r', '&', ';', '&amp;', '&lt;', '&#65;', '&#x', '&#xD800;', '&#0;', '&#32;', '<![CDATA[', ']]>', '<!--', '-->', '<?', '?>', '<!DOCTYPE a>',
    '<!DOCTYPE a [<!ENTITY b "c">]>', '&b;', 'xmlns', "xmlns='urn:x'", "xmlns:p='urn:p'", "xmlns=''", 'p:', 'xml:', 'xml:lang', 'stream:1', "<p:1 xmlns:p='u'/>", ':-', "xmlns:xml='http://www.w3.org/XML/1998/namespace'", 'stream:stream', '</stream:stream>', '<stream:stream>',
    '<message>', '</message>', '<body>', '__proto__', 'constructor', header, "<?xml version='1.0' encoding='UTF-8'?>", 'standalone', '\uFEFF', '\uFFFF', '\u{10FFFF}', '\u00e4', '\u0000', Uint8Array.of(0xc0, 0x80), Uint8Array.of(0xed, 0xa0, 0x80), Uint8Array.of(0xf4, 0x90, 0x80, 0x80), Uint8Array.of(0xe2, 0x82),
  ],
  run: check,
};

