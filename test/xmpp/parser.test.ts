import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hasForeignAttributes, serialize, text, xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { StreamParser, StreamSyntaxError } from '../../src/xmpp/parser.ts';
import type { StreamHandlers, StreamLimits } from '../../src/xmpp/parser.ts';

const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' xml:lang='en'>";
const limits: StreamLimits = { maxStanzaBytes: 1000, maxDepth: 64 };

/** What a parser reports, a line each. */
class Recorder implements StreamHandlers {
  readonly events: string[] = [];
  onEvent: () => void = () => undefined;
  #add(event: string): void {
    this.events.push(event);
    this.onEvent();
  }
  open = (element: Element): void => this.#add(`open ${serialize(element)}`);
  start = (tag: { name: string; ns: string }): void => this.#add(`start ${tag.name} ${tag.ns}`);
  element = (element: Element): void => this.#add(serialize(element));
  close = (): void => this.#add('close');
  error = (error: unknown): void => this.#add(error instanceof StreamSyntaxError ? error.streamError : String(error));
}

function parse(input: string | Uint8Array | readonly Uint8Array[], options: Partial<StreamLimits> = {}): string[] {
  const recorder = new Recorder();
  const parser = new StreamParser({ ...limits, ...options }, recorder);
  const chunks = typeof input === 'string' ? [Buffer.from(input)] : input instanceof Uint8Array ? [input] : input;
  for (const chunk of chunks) parser.write(chunk);
  return recorder.events;
}

/** The events after the header. */
function inside(content: string | Uint8Array, options: Partial<StreamLimits> = {}): string[] {
  const events = parse(Buffer.concat([Buffer.from(header), Buffer.from(content as Uint8Array)]), options);
  expect(events[0]).toBe('open <stream xmlns="http://etherx.jabber.org/streams" version="1.0" xml:lang="en"/>');
  return events.slice(1);
}

const empty = (name: string): string[] => [`start ${name} jabber:client`, `<${name} xmlns="jabber:client"/>`];

describe('the stream parser', () => {
  test('reports header, stanzas and end, with local names and a namespace on every element', () => {
    expect(inside("<message a='1'><body>x</body><c:x xmlns:c='urn:c' c:y='2' z='3'><c:in/><out/></c:x></message> <iq/></stream:stream>")).toEqual([
      'start message jabber:client',
      '<message xmlns="jabber:client" a="1"><body>x</body><x xmlns="urn:c" z="3"><in/><out xmlns="jabber:client"/></x></message>',
      ...empty('iq'),
      'close',
    ]);
  });

  test('gives elements without parent or prototype, text in one piece [C8]', () => {
    const seen: Element[] = [];
    const parser = new StreamParser(limits, { open: () => undefined, element: (element) => void seen.push(element), close: () => undefined, error: () => undefined });
    parser.write(Buffer.from(`${header}<a __proto__='x' constructor='y'>1&lt;<![CDATA[<2>]]>&#x33;<b/></a>`));
    expect(seen[0]!.parent).toBeNull();
    expect(text(seen[0]!)).toBe('1<<2>3');
    expect(seen[0]!.children[0]).toBe('1<<2>3');
    expect(Object.keys(seen[0]!.attrs)).toEqual(['xmlns', '__proto__', 'constructor']);
    expect('toString' in seen[0]!.attrs).toBe(false);
    expect(seen[0]!.attrs.__proto__).toBe('x');
  });

  test('leaves out attributes of other namespaces, and tells of it', () => {
    const seen: Element[] = [];
    const parser = new StreamParser(limits, { open: () => undefined, element: (element) => void seen.push(element), close: () => undefined, error: () => undefined });
    parser.write(Buffer.from(`${header}<a xmlns:p='urn:p' p:b='1'/><a xml:space='preserve'/><a xmlns='urn:a' xmlns:p='urn:p' b='1' xml:lang='en'/>`));
    expect(seen.map((element) => [Object.keys(element.attrs), hasForeignAttributes(element)])).toEqual([
      [['xmlns'], true],
      [['xmlns'], true],
      [['xmlns', 'b', 'xml:lang'], false],
    ]);
  });

  test('reports the start of a top-level element before its content', () => {
    expect(inside("<message xmlns='urn:other' ")).toEqual([]);
    expect(inside("<message xmlns='urn:other'><bo")).toEqual(['start message urn:other']);
  });

  describe('refuses [C1 C3 C7]', () => {
    const refused: [what: string, condition: string, content: string][] = [
      ['a DTD', 'restricted-xml', '<!DOCTYPE x>'],
      ['a DTD in a stanza', 'restricted-xml', '<a><!DOCTYPE x></a>'],
      ['a processing instruction', 'restricted-xml', '<?php x?>'],
      ['a comment', 'restricted-xml', '<!-- x -->'],
      ['a comment in a stanza', 'restricted-xml', '<a><!-- x --></a>'],
      ['an XML declaration in the middle', 'not-well-formed', "<?xml version='1.0'?>"],
      ['an entity', 'not-well-formed', '<a>&x;</a>'],
      ['an entity called like a property', 'not-well-formed', '<a>&constructor;</a>'],
      ['a NUL', 'not-well-formed', '<a>\u0000</a>'],
      ['a reference to NUL', 'not-well-formed', '<a>&#0;</a>'],
      ['a reference to half a surrogate pair', 'not-well-formed', '<a>&#xD800;</a>'],
      ['U+FFFF', 'not-well-formed', '<a>\uFFFF</a>'],
      ['an attribute twice', 'not-well-formed', "<a b='1' b='2'/>"],
      ['an attribute twice by namespace', 'not-well-formed', "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>"],
      ['an unbound prefix', 'not-well-formed', '<p:a/>'],
      ['an unbound prefix of an attribute', 'not-well-formed', "<a p:b=''/>"],
      ['another namespace called xml', 'not-well-formed', "<a xmlns:xml='urn:x'/>"],
      ['the xml namespace under another name', 'not-well-formed', "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>"],
      ['an element of the xml namespace', 'bad-format', '<xml:a/>'],
      ['attributes without space between', 'not-well-formed', "<a b='1'c='2'/>"],
      ['an attribute without quotes', 'not-well-formed', '<a b=1/>'],
      ['a name that starts with a digit', 'not-well-formed', '<1a/>'],
      ['a name that starts with a digit behind its prefix', 'not-well-formed', "<p:1a xmlns:p='u'/>"],
      ['an attribute that starts with a hyphen behind its prefix', 'not-well-formed', "<a xmlns:p='u' p:-b=''/>"],
      ['a prefix that starts with a digit', 'not-well-formed', "<a xmlns:1='u'/>"],
      [']]> in text', 'not-well-formed', '<a>]]></a>'],
      ['< in an attribute', 'not-well-formed', "<a b='<'/>"],
      ['white space before a namespace', 'bad-format', "<a xmlns=' jabber:client'/>"],
      ['a line end after a namespace', 'bad-format', "<a xmlns:p='jabber:client&#10;'/>"],
      ['text between stanzas', 'bad-format', 'x'],
      ['a reference between stanzas', 'bad-format', '&#32;<a/>'],
      ['CDATA between stanzas', 'bad-format', '<![CDATA[ ]]>'],
      ['a second stream header', 'bad-format', '<stream:stream>'],
      ['a stray end tag', 'not-well-formed', '</a>'],
    ];
    test.each(refused)('%s', (_, condition, content) => {
      const events = inside(content);
      expect(events.at(-1)).toBe(condition);
      expect(events.filter((event) => event.startsWith('<'))).toEqual([]);
      expect(inside(`<ok/>${content}<never/>`).slice(0, 2)).toEqual(empty('ok'));
    });

    test.each([
      ['a byte order mark', '\uFEFF' + header],
      ['text before the header', 'x' + header],
      ['a DTD before the header', "<!DOCTYPE a [<!ENTITY b 'c'>]>" + header],
      ['a DTD behind the XML declaration', header.replace('?>', "?><!DOCTYPE a [<!ENTITY b 'c'>]>")],
      ['a DTD before a header without XML declaration', '<!DOCTYPE a>' + header.replace(/^.*?\?>/, '')],
      ['an XML declaration after white space', ' ' + header],
      ['another XML version', header.replace("'1.0'", "'1.1'")],
      ['another encoding', header.replace("?>", " encoding='ISO-8859-1'?>")],
    ])('%s', (_, start) => {
      expect(parse(start)).toHaveLength(1);
      expect(parse(start)[0]).toMatch(/^[a-z-]+$/);
    });

    test('a declared encoding of UTF-8 is no reason', () => expect(parse(header.replace('?>', " encoding='utf-8'?>"))[0]).toMatch(/^open/));

    test('an end tag of another name, and does not report the element', () => {
      expect(inside('<message><body>hi</body></iq>')).toEqual(['start message jabber:client', 'not-well-formed']);
      expect(inside('<message><body>hi</message>')).toEqual(['start message jabber:client', 'not-well-formed']);
      expect(inside('<message></stream:stream>')).toEqual(['start message jabber:client', 'not-well-formed']);
      expect(inside('</stream>')).toEqual(['not-well-formed']);
    });

    test('everything after the end of the stream', () => {
      for (const more of ['<a/>', 'x', header, '<!-- -->', '&amp;']) expect(inside(`</stream:stream>\n${more}`)).toEqual(['close', 'bad-format']);
      expect(inside('</stream:stream> \n')).toEqual(['close']);
    });

    test('white space between stanzas where it is not allowed, and allows it elsewhere', () => {
      expect(inside('<a/> <a/>', { allowWhitespace: false })).toEqual([...empty('a'), 'bad-format']);
      expect(inside(' ', { allowWhitespace: false })).toEqual(['bad-format']);
      expect(inside('<a/><a/>', { allowWhitespace: false })).toEqual([...empty('a'), ...empty('a')]);
      expect(inside(' <a/> \r\n\t<a/>')).toEqual([...empty('a'), ...empty('a')]);
    });
  });

  test.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong form of "/"', [0xc0, 0xaf]],
    ['an overlong form of NUL', [0xc0, 0x80]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a sequence that breaks off', [0xe2, 0x82, 0x3c]],
    ['a byte that is none', [0xff]],
  ])('refuses %s, however the bytes are cut [C4]', (_, bytes) => {
    const input = Buffer.concat([Buffer.from(header), Buffer.from('<ok/>'), Buffer.from('<a>'), Buffer.from(bytes), Buffer.from('</a><b/>')]);
    const pieces = Array.from(input, (byte) => Uint8Array.of(byte));
    expect(parse(pieces).slice(1)).toEqual([...empty('ok'), 'start a jabber:client', 'not-well-formed']);
    expect(parse(input).at(-1)).toBe('not-well-formed');
  });

  describe('limits [C9]', () => {
    test('a stanza to so many bytes, from its < to its end', () => {
      const content = 'ä'.repeat(496);
      expect(inside(` <a>${content}</a>`).at(-1)).toMatch(/^<a/);
      expect(inside(` <a>${content}</a><b/>`)).toHaveLength(4);
      expect(inside(`<a>${content}x</a>`).at(-1)).toMatch(/^<a/);
      expect(inside(`<a>${content}xx</a>`)).toEqual(['start a jabber:client', 'policy-violation']);
    });

    test('what is unfinished: text, tags, attributes, comments, white space inside', () => {
      for (const start of ['<a>', '<a b="', '<a', '<a><!--', '<![CDATA[', '<a>&', '</stream:stream', '<?x ']) {
        expect(inside(start + 'x'.repeat(1000 - start.length))).not.toContain('policy-violation');
        expect(inside(start + 'x'.repeat(1001 - start.length)).at(-1)).toBe('policy-violation');
      }
    });

    test('the header too', () => {
      const padded = (length: number): string => header.replace(/>$/, ` x='${'y'.repeat(length - header.length - 5)}'>`);
      expect(parse(padded(1000))).toHaveLength(1);
      expect(parse(padded(1000))[0]).toMatch(/^open/);
      expect(parse(padded(1001))).toEqual(['policy-violation']);
    });

    test('not the white space between stanzas, which may go on for ever', () => {
      const chunks = [Buffer.from(header), ...Array.from({ length: 100 }, () => Buffer.from(' '.repeat(100))), Buffer.from('<a/>')];
      expect(parse(chunks).slice(1)).toEqual(empty('a'));
    });

    test('the depth, at the tag that goes too deep [C10]', () => {
      const nested = (count: number): string => '<a>'.repeat(count) + '</a>'.repeat(count);
      expect(inside(nested(63)).at(-1)).toBe(serializeNested(63));
      expect(inside('<a>'.repeat(64))).toEqual(['start a jabber:client', 'policy-violation']);
      const start = performance.now();
      expect(inside('<a>'.repeat(1_000_000), { maxStanzaBytes: 10_000_000 }).at(-1)).toBe('policy-violation');
      expect(performance.now() - start).toBeLessThan(10_000);
    });

    test('attributes and namespace declarations', () => {
      const many = (count: number, name: (index: number) => string): string => `<a ${Array.from({ length: count }, (_, index) => `${name(index)}='u'`).join(' ')}/>`;
      for (const name of [(index: number): string => `b${index}`, (index: number): string => `xmlns:b${index}`]) {
        expect(inside(many(64, name)).at(-1)).toMatch(/^<a/);
        expect(inside(many(65, name))).toEqual(['policy-violation']);
        expect(inside(many(50_000, name), { maxStanzaBytes: 10_000_000 })).toEqual(['policy-violation']);
      }
    });
  });

  test('calls nothing after stop, not even for the rest of the same bytes', () => {
    for (const last of [1, 2, 3, 4]) {
      const recorder = new Recorder();
      const parser = new StreamParser(limits, recorder);
      recorder.onEvent = () => {
        if (recorder.events.length === last) parser.stop();
      };
      parser.write(Buffer.from(`${header}<a/></stream:stream>trailing junk`));
      expect(recorder.events).toHaveLength(last);
      parser.write(Buffer.from('<b/>'));
      expect(recorder.events).toHaveLength(last);
    }
  });

  test('calls nothing after an error', () => {
    const recorder = new Recorder();
    const parser = new StreamParser(limits, recorder);
    parser.write(Buffer.from(`${header}x`));
    parser.write(Buffer.from('<a/>'));
    expect(recorder.events).toHaveLength(2);
  });

  test('ends with an error when a handler throws', () => {
    const recorder = new Recorder();
    recorder.element = () => {
      throw new TypeError('a mistake of ours');
    };
    new StreamParser(limits, recorder).write(Buffer.from(`${header}<a/><b/>`));
    expect(recorder.events.slice(1)).toEqual(['start a jabber:client', 'HushError: internal error']);
  });

  test('tells how many bytes came after what it reports', () => {
    const unread: number[] = [];
    const recorder = new Recorder();
    const parser = new StreamParser(limits, recorder);
    recorder.element = () => void unread.push(parser.unread);
    parser.write(Buffer.from(`${header}<ä/>`));
    parser.write(Buffer.from('<proceed/>'));
    parser.write(Buffer.from('<proceed/>ä '.slice(0, 10)));
    parser.write(Buffer.from('<ä/> <b/>  '));
    parser.write(Buffer.concat([Buffer.from('<a/>'), Buffer.from([0xc3])]));
    expect(unread).toEqual([0, 0, 0, 7, 2, 1]);
  });

  test('reports the same however the bytes are cut', () => {
    const part = fc.constantFrom(
      "<message from='a@b' to='ü@c'><body>h\u{1F600}i &amp; &#228;\r\n</body></message>",
      '<iq/>',
      ' ',
      '\r\n',
      "<x:a xmlns:x='urn:x' x:b='1'>\r<![CDATA[]]]]><![CDATA[>]]></x:a>",
      '<presence>' + 'ä'.repeat(480) + '</presence>',
      '<presence>' + 'ä'.repeat(500) + '</presence>',
      '</stream:stream>',
      '<message></iq>',
      'text',
      '<!-- x -->',
      "<a b='1' b='2'/>",
      '<a>'.repeat(70),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), fc.array(fc.nat(3000), { maxLength: 12 }), fc.boolean(), (parts, cuts, allowWhitespace) => {
        const bytes = Buffer.from(header + parts.join(''));
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((one, other) => one - other), bytes.length];
        const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        const options = { allowWhitespace };
        expect(parse(pieces, options)).toEqual(parse(bytes, options));
        expect(parse(Array.from(bytes, (byte) => Uint8Array.of(byte)), options)).toEqual(parse(bytes, options));
      }),
      { numRuns: 300 },
    );
  });

  describe('finds the same first, in one piece or byte by byte', () => {
    const long = 'x'.repeat(1100);
    test.each<[what: string, content: string | Uint8Array, events: string[]]>([
      ['a stanza before what is not UTF-8', Buffer.concat([Buffer.from('<a/><b>'), Buffer.of(0xc3, 0x28)]), [...empty('a'), 'start b jabber:client', 'not-well-formed']],
      ['a stanza with half a character before that', Buffer.concat([Buffer.from('<a/>ä'), Buffer.of(0xe2, 0x82, 0x28)]), [...empty('a'), 'bad-format']],
      ['too many bytes before what is not UTF-8', Buffer.concat([Buffer.from(`<a>${long}`), Buffer.of(0xff)]), ['start a jabber:client', 'policy-violation']],
      ['too many bytes before a start tag is complete', `<a b='${long}'><c/></a>`, ['policy-violation']],
      ['too many bytes before what is not well-formed', `<a>${long}</b>`, ['start a jabber:client', 'policy-violation']],
      ['too many bytes before a comment', `<a>${long}<!-- --></a>`, ['start a jabber:client', 'policy-violation']],
      ['too many bytes before a namespace with space', `<a b='${long}' xmlns=' u'/>`, ['policy-violation']],
    ])('%s', (_, content, events) => {
      const bytes = Buffer.concat([Buffer.from(header), Buffer.from(content as Uint8Array)]);
      expect(inside(content)).toEqual(events);
      expect(parse(Array.from(bytes, (byte) => Uint8Array.of(byte))).slice(1)).toEqual(events);
    });

    test('text before the header, not its length', () => {
      const bytes = Buffer.from(`<?xml version='1.0'?>${'x'.repeat(1100)}<a/>`);
      expect(parse(bytes)).toEqual(['not-well-formed']);
      expect(parse(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(['not-well-formed']);
    });

    test('a header that is its own end before what follows it', () => {
      const bytes = Buffer.from('<a/>b');
      expect(parse(bytes)).toEqual(['open <a xmlns=""/>', 'close', 'bad-format']);
      expect(parse(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(parse(bytes));
    });
  });

  test('reads back what was written', () => {
    const content = fc.string({ unit: fc.constantFrom(...Array.from('ab<>&"\'\r\n\t ]\u00e4\u{1F600}\u2028\uFEFF')) });
    fc.assert(
      fc.property(content, content, content, (attribute, first, second) => {
        const written = serialize(xml('a', { b: attribute }, first, xml('c', { xmlns: 'urn:c' }, second)));
        const seen: Element[] = [];
        const recorder = new Recorder();
        recorder.element = (element) => void seen.push(element);
        new StreamParser({ maxStanzaBytes: 10_000, maxDepth: 64 }, recorder).write(Buffer.from(header + written));
        expect(seen).toHaveLength(1);
        expect(seen[0]!.attrs.b).toBe(attribute);
        expect(text(seen[0]!)).toBe(first);
        expect(text(seen[0]!.children.at(-1) as Element)).toBe(second);
      }),
    );
  });
});

function serializeNested(count: number): string {
  return `<a xmlns="jabber:client">${'<a>'.repeat(count - 2)}<a/>${'</a>'.repeat(count - 1)}`;
}
