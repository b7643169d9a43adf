/** What is done to parsers of XML: entities, other people's encodings, bytes that two readers understand in two ways, endless tokens. Each refusal beside what is accepted. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { expatReads, plain } from '../harness/expat.ts';
import type { Plain } from '../harness/expat.ts';
import { InnerStream } from '../../src/security/mechanisms/xtls/inner.ts';
import { parseFullJid } from '../../src/xmpp/jid.ts';
import { StreamParser, StreamSyntaxError } from '../../src/xmpp/parser.ts';
import { logIn, next, Rig } from './test-client.ts';

const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
const limits = { maxStanzaBytes: 65_536, maxDepth: 64 };

interface Read {
  readonly stanzas: readonly Plain[];
  /** The condition of the stream error; undefined without. */
  readonly error: string | undefined;
}

/** What our parser makes of it, in these pieces. */
function reads(pieces: readonly Uint8Array[], own = limits): Read {
  const stanzas: Plain[] = [];
  let error: string | undefined;
  const parser = new StreamParser(own, {
    open: () => undefined,
    element: (element) => stanzas.push(plain(element)),
    close: () => undefined,
    error: (thrown) => (error = thrown instanceof StreamSyntaxError ? thrown.streamError : String(thrown)),
  });
  for (const piece of pieces) parser.write(piece);
  return { stanzas, error };
}

/** Ends every token that may be open: what is wrong with it is said at the latest then. */
const ends = Buffer.from(";'\">]]>-->?></p:a></a></b></body></message>;<tail/>");

/** What comes after the header. */
const inStream = (content: string | Uint8Array): Read => reads([Buffer.concat([Buffer.from(header), Buffer.from(content as Uint8Array)])]);

/** How the stream inside of XTLS ends with this in it; undefined: it goes on. */
function inInnerStream(content: string, start = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"): string | undefined {
  let end: string | undefined;
  const stream = new InnerStream({
    role: 'responder',
    own: parseFullJid('juliet@capulet.lit/balcony'),
    peer: parseFullJid('romeo@example.net/orchard'),
    binding: undefined,
    handlers: { write: () => undefined, bound: () => undefined, element: () => undefined, closed: () => undefined, violated: ({ message }) => (end = message) },
  });
  stream.read(Buffer.from(start + content));
  return end;
}

describe('entities', () => {
  const laughs = `<!DOCTYPE a [<!ENTITY l0 "ha">${Array.from({ length: 30 }, (_, i) => `<!ENTITY l${i + 1} "&l${i};&l${i};">`).join('')}]>`;
  const doctypes: [string, string][] = [
    ['a bare DTD', '<!DOCTYPE a>'],
    ['a DTD with a billion laughs', laughs],
    ['an external DTD', '<!DOCTYPE a SYSTEM "file:///etc/hostname">'],
    ['parameter entities', '<!DOCTYPE a [<!ENTITY % p "<!ENTITY q \'r\'>">%p;]>'],
    ['an entity alone', '<!ENTITY a "b">'],
    ['an element declaration', '<!ELEMENT a ANY>'],
    ['a DTD in other letters', '<!doctype a>'],
  ];

  test.each(doctypes)('%s is the end, wherever it stands, and nothing of it is expanded [C1]', (_, doctype) => {
    const started = performance.now();
    const before = process.memoryUsage().heapUsed;
    const uses = `<message><body>${'&l30;'.repeat(50)}&q;</body></message>`;
    for (const content of [doctype + uses, `<message>${doctype}</message>${uses}`, `<iq><vCard xmlns='vcard-temp'><FN>${doctype}&l30;</FN></vCard></iq>`]) {
      const { stanzas, error } = inStream(content);
      expect(stanzas).toEqual([]);
      expect(error).toBe(doctype.startsWith('<!DOCTYPE') ? 'restricted-xml' : 'not-well-formed');
      expect(inInnerStream(content)).toMatch(/^inside: /);
    }
    for (const start of [doctype + header.replace(/^.*?\?>/, ''), header.replace('?>', `?>${doctype}`)]) expect(reads([Buffer.from(start + uses)]).error).toBe(doctype.startsWith('<!DOCTYPE') ? 'restricted-xml' : 'not-well-formed');
    expect(inInnerStream(header, doctype)).toMatch(/^inside: /);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('of XML itself and of characters are all there is, CDATA is no declaration (the control) [C1]', () => {
    const { stanzas, error } = inStream('<message><body>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;<![CDATA[<!DOCTYPE a>&l0;]]></body></message>');
    expect(error).toBeUndefined();
    expect(stanzas[0]![3]).toEqual([['jabber:client', 'body', [], ['<&>"\'A\u{1F600}<!DOCTYPE a>&l0;']]]);
    expect(inInnerStream('<message><body>&lt;!DOCTYPE a></body></message>')).toBeUndefined();
  });

  test('of other places are not fetched: neither a file nor a listener is touched [C2]', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hush-entity-'));
    const canary = 'canary-of-a-file-1f4e';
    await writeFile(join(folder, 'canary'), canary);
    let visits = 0;
    const listener = createServer((socket) => {
      visits += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    try {
      for (const place of [`file://${folder}/canary`, `http://127.0.0.1:${port}/x`, `ftp://127.0.0.1:${port}/x`]) {
        const declared = `<!DOCTYPE a [<!ENTITY e SYSTEM "${place}"><!ENTITY % p SYSTEM "${place}">%p;]>`;
        const contents = [
          `${declared}<message>&e;</message>`,
          `<message>${declared}&e;</message>`,
          `<?xml-stylesheet href='${place}'?><message>&e;</message>`,
          // What is only named, not declared: none of these is an instruction to a reader.
          `<message xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='${place}' parse='text'/></message>`,
          `<message xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='urn:x ${place}'/>`,
        ];
        for (const content of contents) {
          expect(JSON.stringify(inStream(content).stanzas)).not.toContain(canary);
          inInnerStream(content);
          reads([Buffer.from(declared + header + content)]);
        }
        expect(inStream(contents[0]!).error).toBeDefined();
        expect(inStream(contents[2]!).error).toBe('restricted-xml');
        expect(inStream(contents[3]!).stanzas).toHaveLength(1);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(visits).toBe(0);
    } finally {
      listener.close();
      await rm(folder, { recursive: true });
    }
  });
});

/** What a stranger writes so that one reader sees a stanza of his, and another one of somebody else. */
const smuggled = "<message from='example.test'><body>from the server</body></message>";
const smuggling: readonly string[] = [
  `<body>]]>${smuggled}</body>`,
  `<body><![CDATA[</body></message>${smuggled}<message><body>]]></body>`,
  `<body><![CDATA[]]]]><![CDATA[></body>]]></body>`,
  `<body a='</message>${smuggled}'/>`,
  `<body a="'></message>${smuggled}"/>`,
  `<body a='"></message>${smuggled}<message x="'/>`,
  `<body a=></message>${smuggled}<message/>`,
  `<body a='1' a='></message>${smuggled}'/>`,
  `<body><!-- </message>${smuggled} --></body>`,
  `<body><?x ></message>${smuggled}?></body>`,
  `<body>\u0000</body></message>${smuggled}`,
  `<body>&#0;</body>`,
  `<body>&lt;/body>&lt;/message>${smuggled.replaceAll('<', '&lt;')}</body>`,
  `<body>&#60;/message&#62;${smuggled.replaceAll('<', '&#60;')}</body>`,
  `<p:body></p:body></message>${smuggled}<message xmlns:p='urn:p'>`,
  `<body xmlns:p='urn:p'><p:a></q:a></body></message>${smuggled}`,
  `<body xmlns='jabber:client&#32;'></body>`,
  `<stream:message xmlns:stream='jabber:client'>${smuggled}</stream:message>`,
  `<body></body ></message >${smuggled}<message>`,
  `<body></body x='1'></message>${smuggled}`,
  `<body/></message/>${smuggled}`,
  `<\u00AD>${smuggled}</\u00AD>`,
  `<a:b:c>${smuggled}</a:b:c>`,
  `<body>\uFEFF</body>`,
  `<body\u00A0a='1'></body>`,
  `<body\u2028a='1'>`,
  `<BODY></body>`,
  `<body a='1'b='2'/>`,
  `<body a = '1' b\n=\r"2"/>`,
  `<body>\r\n\r</body>`,
  `<body a='\r\n\t x'/>`,
  `<body a='&#13;&#10;&#9;'/>`,
  `<xml:body/>`,
  `<xmlns:body/>`,
  `<body xmlns:xml='urn:x'/>`,
  `<body xmlns:xmlns='urn:x'/>`,
  `<body xmlns:p=''/>`,
  `<body xmlns='' from='a'><c/></body>`,
  `<body xmlns='http://www.w3.org/2000/xmlns/'/>`,
  `<body xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'/>`,
  `<body xml:lang='en' lang='de'/>`,
  `<-a/>`,
  `<a.b-c_d\u00B7/>`,
  `<a\u{F0000}/>`,
  `<body>&constructor;</body>`,
  `<body>&amp</body>`,
  `<body>&#x110000;</body>`,
  `<body>&#xFFFE;&#x1F;</body>`,
  `<body>\uFFFF</body>`,
  `</stream:stream>${smuggled}`,
  `</message></stream:stream>${smuggled}`,
  `</message>${header}${smuggled}`,
  `</message><stream:stream>${smuggled}</stream:stream>`,
  `</message>text${smuggled}`,
  `</message>&#32;${smuggled}`,
  `</message><![CDATA[ ]]>${smuggled}`,
  `</message>\u0085${smuggled}`,
];
const byStranger = (content: string): string => `<message from='mallory@evil.test/x'>${content}</message><presence from='bob@example.test'/>`;

describe('two readers see the same stanzas [C3]', () => {
  /** Our stanzas are those of expat, or fewer where we have ended the stream; and what we let pass, expat does too. */
  async function agree(inputs: readonly string[]): Promise<number> {
    const bytes = inputs.map((content) => Buffer.from(header + content));
    const theirs = await expatReads(bytes);
    let accepted = 0;
    for (const [index, { stanzas, isWellFormed }] of theirs.entries()) {
      const ours = reads([bytes[index]!]);
      const shown = [inputs[index], ours.error];
      expect([...shown, ours.stanzas]).toEqual([...shown, stanzas.slice(0, ours.stanzas.length)]);
      if (ours.error !== undefined) continue;
      // Some things are said only at the end of a token, which is before anything that follows can count.
      const later = isWellFormed ? ours : reads([bytes[index]!, ends]);
      expect([...shown, isWellFormed || later.error !== undefined, later.stanzas]).toEqual([...shown, true, stanzas]);
      if (isWellFormed) accepted += 1;
    }
    return accepted;
  }

  test('of all that is made to make them differ', async () => {
    const accepted = await agree(smuggling.map(byStranger));
    // The control: much of it is good XML, and read.
    expect(accepted).toBeGreaterThan(12);
    expect(accepted).toBeLessThan(smuggling.length - 20);
  });

  test('but for names: the fifth edition of XML 1.0 has more of them than expat, which ends the stream there', async () => {
    const [theirs] = await expatReads([Buffer.from(`${header}<\u{10000}/>`)]);
    expect([theirs, inStream('<\u{10000}/>').stanzas.length]).toEqual([{ stanzas: [], isWellFormed: false }, 1]);
    expect(inStream('<a\u{F0000}/>').error).toBe('not-well-formed');
  });

  test('of whatever is put together from the pieces of XML', async () => {
    const piece = fc.constantFrom(
      '<', '>', '/>', '</', "'", '"', '=', ' ', '\r\n', '&', ';', '&amp;', '&#65;', '&#xD800;', '<![CDATA[', ']]>', ']]', '<!--', '-->', '<?', '?>', '<!', 'xmlns', "xmlns='urn:x'", "xmlns:p='urn:p'", "xmlns=''", 'p:', 'xml:', "xml:lang='en'", 'a', 'b', '\u00e4', '\u0301',
      '<message>', '</message>', '<message', "from='example.test'", "from='mallory@evil.test/x'", '<body>', '</body>', '<p:a', '</p:a>', '<a/>', '</stream:stream>', smuggled, 'words', '\uFEFF', '\u{1F600}', '-', '.', ':', '[', '%',
    );
    const inputs = fc.sample(fc.array(piece, { maxLength: 14 }), { numRuns: 3_000, seed: 7 }).map((pieces) => pieces.join(''));
    const whole = fc.sample(fc.array(fc.constantFrom('<message><body>x</body></message>', "<a xmlns='urn:a' xmlns:p='urn:p' p:x='1' y='&lt;&#10;'><p:b xml:lang='en'/>t<![CDATA[<]]></a>", ' ', '\n', '<iq/>', "<p:q xmlns:p='urn:q'> \r\n </p:q>"), { maxLength: 8 }), { numRuns: 300, seed: 8 }).map((pieces) => pieces.join(''));
    expect(await agree(inputs)).toBeGreaterThan(25);
    expect(await agree(whole)).toBe(whole.length);
  });

  describe('behind a server that passes everything on', () => {
    let rig: Rig;
    beforeAll(async () => {
      rig = await Rig.create();
    });
    afterEach(() => rig.clear());
    afterAll(() => rig.end());

    test('a stranger gets no stanza in that is from somebody else', async () => {
      const expected = await expatReads(smuggling.map((content) => Buffer.from(header + byStranger(content))));
      let delivered = 0;
      for (const [index, content] of smuggling.entries()) {
        const server = await rig.serve({ tls: null, streamManagement: false });
        const client = rig.client(server, { requireEncryption: false });
        const { session } = await logIn(client, server);
        const from: string[] = [];
        client.router.add({ name: 'test', stanza: 'message', from: ['missing', 'own-bare', 'own-full', 'own-other', 'server', 'subscriber', 'other'], handle: (_, { from: sender }) => void from.push(sender) });
        const over = next(client, 'closed');
        session.send(byStranger(content));
        await Promise.race([over, session.sync().catch(() => undefined)]);
        const seen = expected[index]!.stanzas.filter(([namespace, name]) => namespace === 'jabber:client' && name === 'message').map(([, , attributes]) => new Map(attributes).get('from') ?? 'alice@example.test');
        expect([content, from]).toEqual([content, seen.slice(0, from.length)]);
        delivered += from.length;
        await rig.clear();
      }
      expect(delivered).toBeGreaterThan(12);
    }, 60_000);
  });
});

describe('bytes that are not UTF-8', () => {
  const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
  /** Every form: bytes that never stand, stray continuations, overlong ones, surrogates, beyond U+10FFFF, wrong or missing continuations. */
  const invalid: number[][] = [
    ...[...range(0x80, 0xc1), ...range(0xf5, 0xff)].map((byte) => [byte]),
    ...range(0xc0, 0xc1).flatMap((lead) => [0x80, 0x9f, 0xaf, 0xbf].map((second) => [lead, second])),
    ...range(0xc2, 0xdf).flatMap((lead) => [0x00, 0x3c, 0x7f, 0xc0, 0xff].map((second) => [lead, second])),
    ...range(0x80, 0x9f).map((second) => [0xe0, second, 0x80]),
    ...range(0xa0, 0xbf).flatMap((second) => [[0xed, second, 0x80], [0xed, second, 0xbf]]),
    // A pair of surrogates, as CESU-8 writes what is beyond the BMP.
    [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
    ...range(0xe1, 0xef).flatMap((lead) => [[lead, 0x7f, 0x80], [lead, 0xc0, 0x80], [lead, 0x90, 0x7f], [lead, 0x90, 0xc0], [lead, 0x90, 0x3c], [lead, 0x3c]]),
    ...range(0x80, 0x8f).map((second) => [0xf0, second, 0x80, 0x80]),
    ...range(0x90, 0xbf).map((second) => [0xf4, second, 0x80, 0x80]),
    ...range(0xf0, 0xf4).flatMap((lead) => [[lead, 0x3c], [lead, 0x90, 0x3c], [lead, 0x90, 0x80, 0x3c], [lead, 0x90, 0x80, 0xc0]].filter(([, second]) => lead !== 0xf4 || second === 0x3c)),
    ...range(0xf5, 0xfd).map((lead) => [lead, 0x80, 0x80, 0x80, 0x80, 0x80]),
  ];
  const places: readonly (readonly [before: string, after: string])[] = [['<a>', '</a>'], ["<a b='", "'/>"], ['<a', '/>'], ["<a xmlns='urn:", "'/>"], ['<a><![CDATA[', ']]></a>'], ['', '<a/>']];

  /** The pieces of a text with these bytes in it: cut at each place in and around them, once whole, once byte by byte. */
  function* ways(before: string, bytes: readonly number[], after: string): Generator<Buffer[]> {
    const start = Buffer.from(`${header}<ok/>${before}`);
    const all = Buffer.concat([start, Buffer.from(bytes), Buffer.from(`${after}<never/>`)]);
    yield [all];
    yield [start, ...bytes.map((byte) => Buffer.of(byte)), all.subarray(start.length + bytes.length)];
    for (let cut = 0; cut <= bytes.length; cut += 1) yield [all.subarray(0, start.length + cut), all.subarray(start.length + cut)];
  }

  test('end the stream, in every form, wherever they stand and however they are cut [C4]', () => {
    expect(invalid.length).toBeGreaterThan(500);
    for (const bytes of invalid) {
      for (const [before, after] of places) {
        for (const pieces of ways(before, bytes, after)) {
          const { stanzas, error } = reads(pieces);
          // Between stanzas an ASCII byte of it may be the worse mistake.
          if (error === undefined || stanzas.length > 1 || stanzas.some(([, name]) => name !== 'ok')) expect([bytes.map((byte) => byte.toString(16)), before, stanzas, error]).toBe('refused');
        }
      }
    }
  });

  test('stand beside those that are, up to the limits of each length, however they are cut [C4]', () => {
    for (const character of ['\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\ufffd', '\u{10000}', '\u{1fffd}', '\u{10fffd}']) {
      for (const [before, after] of [places[0]!, places[1]!, places[4]!]) {
        for (const pieces of ways(before, [...Buffer.from(character)], after)) {
          const { stanzas, error } = reads(pieces);
          expect([error, JSON.stringify(stanzas[1]).includes(JSON.stringify(character).slice(1, -1)), stanzas.length]).toEqual([undefined, true, 3]);
        }
      }
    }
  });

  test('agree with what Python takes for UTF-8 [C4]', async () => {
    const random = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 5 }), { numRuns: 1_500, seed: 4 });
    const inputs = [...invalid, ...random.map((bytes) => [...bytes])].map((bytes) => Buffer.concat([Buffer.from(`${header}<a>`), Buffer.from(bytes), Buffer.from('</a>')]));
    const theirs = await expatReads(inputs);
    for (const [index, { isWellFormed, stanzas }] of theirs.entries()) {
      // expat takes a comment for nothing, and so on: we may be stricter, never laxer.
      const ours = reads(isWellFormed ? [inputs[index]!] : [inputs[index]!, ends]);
      expect([inputs[index], isWellFormed || ours.error !== undefined, ours.stanzas]).toEqual([inputs[index], true, stanzas.slice(0, ours.stanzas.length)]);
    }
  });
});

describe('endless tokens', () => {
  /** How long it takes until these, a piece at a time, are refused; the bytes that were read till then. */
  function drip(start: string, more: string, pieceBytes: number, maxStanzaBytes: number): { error: string | undefined; bytes: number; ms: number } {
    let error: string | undefined;
    const parser = new StreamParser({ maxStanzaBytes, maxDepth: 64 }, { open: () => undefined, element: () => undefined, close: () => undefined, error: (thrown) => (error = thrown instanceof StreamSyntaxError ? thrown.streamError : String(thrown)) });
    parser.write(Buffer.from(header + start));
    const piece = Buffer.from(more.repeat(Math.ceil(pieceBytes / more.length)).slice(0, pieceBytes));
    const started = performance.now();
    let bytes = start.length;
    while (error === undefined && bytes < 2 * maxStanzaBytes) {
      parser.write(piece);
      bytes += pieceBytes;
    }
    return { error, bytes, ms: performance.now() - started };
  }

  const tokens: [string, string, string][] = [
    ['text', '<a>', 'x'],
    ['an attribute', "<a b='", 'x'],
    ['the name of an element', '<a', 'x'],
    ['the name of an attribute', '<a b', 'x'],
    ['a namespace', "<a xmlns='urn:", 'x'],
    ['CDATA', '<a><![CDATA[', ']'],
    ['a comment', '<a><!--', 'x'],
    ['a processing instruction', '<a><?x ', 'x'],
    ['an entity', '<a>&', 'x'],
    ['a reference to a character', '<a>&#', '1'],
    ['an end tag', '<a></a', 'x'],
    ['white space in a tag', '<a ', ' '],
    ['a DTD', '<!DOCTYPE ', 'x'],
  ];

  test.each(tokens)('dripped byte by byte are refused at the limit, in time that grows with their length alone: %s [C9]', (_, start, more) => {
    const { error, bytes, ms } = drip(start, more, 1, 200_000);
    expect(error).toMatch(/^(policy-violation|restricted-xml|not-well-formed)$/);
    expect(bytes).toBeLessThanOrEqual(200_002);
    expect(ms).toBeLessThan(2_000);
  });

  test.each(tokens)('in pieces of 100 bytes up to the limit of a stream: %s [C9]', (_, start, more) => {
    const { error, bytes, ms } = drip(start, more, 100, 2 * 1024 * 1024);
    expect(error).toMatch(/^(policy-violation|restricted-xml|not-well-formed)$/);
    expect(bytes).toBeLessThanOrEqual(2 * 1024 * 1024 + 200);
    expect(ms).toBeLessThan(3_000);
  });

  test('of a size that is allowed are read, byte by byte too (the control) [C9]', () => {
    const text = 'x'.repeat(60_000);
    const { stanzas, error } = reads(Array.from(Buffer.from(`${header}<a b='${text.slice(0, 4_000)}'>${text}</a>`), (byte) => Uint8Array.of(byte)));
    expect([error, stanzas[0]?.[3][0]]).toEqual([undefined, text]);
  });

  test('many tokens are as bounded as long ones: attributes, namespaces, children, references [C9]', () => {
    const many = (count: number, of: (index: number) => string): string => Array.from({ length: count }, (_, index) => of(index)).join('');
    const big = { maxStanzaBytes: 2 * 1024 * 1024, maxDepth: 64 };
    const contents: [string, string, string | undefined][] = [
      ['20,000 attributes', `<a ${many(20_000, (i) => `b${i}='' `)}/>`, 'policy-violation'],
      ['50,000 namespaces', `<a ${many(50_000, (i) => `xmlns:b${i}='u' `)}/>`, 'policy-violation'],
      ['64 namespaces on each of 60 levels', `${many(60, (level) => `<a ${many(60, (i) => `xmlns:b${level}x${i}='u' `)}>`)}${'</a>'.repeat(60)}`, undefined],
      ['100,000 children', `<a>${'<b/>'.repeat(100_000)}</a>`, undefined],
      ['200,000 references', `<a>${'&#65;'.repeat(200_000)}</a>`, undefined],
      ['100,000 sections of CDATA', `<a>${'<![CDATA[x]]>'.repeat(100_000)}</a>`, undefined],
    ];
    for (const [what, content, condition] of contents) {
      const started = performance.now();
      expect([what, reads([Buffer.from(header + content)], big).error]).toEqual([what, condition]);
      expect([what, performance.now() - started < 3_000]).toEqual([what, true]);
    }
  });
});
