/** Trees of any depth: refused where peers write them, walked without recursion where we do. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { recursiveFunctions } from '../harness/recursion.ts';
import { HushError } from '../../src/errors.ts';
import { readCertificate } from '../../src/security/mechanisms/xtls/certificate.ts';
import { readDer } from '../../src/xmpp/der.ts';
import { serialize, xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { readImage } from '../../src/xmpp/image.ts';
import { StreamParser, StreamSyntaxError } from '../../src/xmpp/parser.ts';
import { presentedNames } from '../../src/xmpp/server-identity.ts';
import { parseForm } from '../../src/xmpp/xep0004-forms.ts';
import { parseInfo } from '../../src/xmpp/xep0030-disco.ts';
import { parseVCard } from '../../src/xmpp/xep0054-vcard.ts';
import { parse } from './test-session.ts';

const source = join(import.meta.dirname, '../../src');

describe('depth', () => {
  test.each([65, 1_000, 10_000, 1_000_000])('of %d levels in a stanza, a form or a card is refused at the 65th, the stream counted [C10]', (levels) => {
    for (const around of ['<message>', "<iq><x xmlns='jabber:x:data'>", "<iq><vCard xmlns='vcard-temp'>", "<message xmlns:p='urn:p'>"]) {
      const refusal = (count: number): HushError | undefined => {
        let error: HushError | undefined;
        const parser = new StreamParser({ maxStanzaBytes: 1e8, maxDepth: 64 }, { open: () => undefined, element: () => undefined, close: () => undefined, error: (thrown) => (error = thrown) });
        parser.write(Buffer.from(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>${around}${'<a>'.repeat(count)}`));
        return error;
      };
      // Before the rest: unguarded, it would take minutes.
      expect(refusal(65)).toBeInstanceOf(StreamSyntaxError);
      const started = performance.now();
      const error = refusal(levels);
      expect(error).toBeInstanceOf(StreamSyntaxError);
      expect((error as StreamSyntaxError).streamError).toBe('policy-violation');
      expect(performance.now() - started).toBeLessThan(1_000);
    }
  });

  test('that is allowed is read by everyone (the control) [C10]', () => {
    const nested = (count: number): string => '<a>'.repeat(count) + '</a>'.repeat(count);
    expect(serialize(parse(nested(63)))).toContain('<a/>');
    for (const [read, text] of [
      [parseForm, `<x xmlns='jabber:x:data'><field var='v'><value>${nested(60)}</value></field></x>`],
      [parseInfo, `<query xmlns='http://jabber.org/protocol/disco#info'>${nested(62)}</query>`],
      [parseVCard, `<vCard xmlns='vcard-temp'><FN>${nested(61)}</FN></vCard>`],
    ] as const) expect(() => read(parse(text))).not.toThrow();
  });

  test('of our own making is written, however deep [C10]', () => {
    let tree: Element = xml('a');
    for (let level = 0; level < 100_000; level += 1) {
      const outer = xml('a');
      outer.children.push(tree);
      tree = outer;
    }
    expect(serialize(tree).length).toBe('<a>'.length * 100_000 + '</a>'.length * 100_000 + '<a/>'.length);
  });

  test.each([64, 10_000, 100_000])('of %d levels of DER costs no stack [C10]', (levels) => {
    // Lengths in the long form: each level wraps all those inside.
    const parts: Buffer[] = [];
    let length = 0;
    for (let level = 0; level < levels; level += 1) {
      const head = length < 0x80 ? Buffer.from([0x30, length]) : length < 0x100 ? Buffer.from([0x30, 0x81, length]) : length < 0x10000 ? Buffer.from([0x30, 0x82, length >> 8, length & 255]) : Buffer.from([0x30, 0x83, length >> 16, (length >> 8) & 255, length & 255]);
      parts.push(head);
      length += head.length;
    }
    const deep = Buffer.concat(parts.reverse());
    expect(readDer(deep)).toHaveLength(1);
    // What asks for names finds none, or that it is no certificate; in no case more than that.
    try {
      expect(presentedNames(deep).dns).toEqual([]);
    } catch (error) {
      expect(error).toBeInstanceOf(HushError);
    }
    expect(() => readCertificate(deep)).toThrow(HushError);
  });

  test('inside base64 is not looked into [C10]', () => {
    const deep = Buffer.from(`<?xml version='1.0'?>${'<svg>'.repeat(100_000)}`).toString('base64');
    const started = performance.now();
    expect(readImage(deep)).toBeUndefined();
    expect(parseVCard(parse(`<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/svg+xml</TYPE><BINVAL>${deep}</BINVAL></PHOTO></vCard>`)).photo).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('recursion', () => {
  /** What does call itself, and why no peer can make it go deep. */
  const known: Readonly<Record<string, string>> = {
    'bus/codec.ts compile': 'the depth of a D-Bus signature is bounded when it is read',
    'bus/signature.ts completeType': 'bounded at 32 arrays and 32 structures',
    'telepathy/message-parts.ts sizeOf': 'the depth of variants is bounded by the codec',
    'security/conversations.ts #expireLater': 'through a timer',
    'security/mechanisms/xtls/liveness.ts #ping': 'through a timer',
    'xmpp/peer-queues.ts runReady': 'in a later turn of the event loop',
    'xmpp/stream.ts #look': 'through a timer',
    'xmpp/router.ts #offer': 'as deep as there are handlers',
  };

  test('is nowhere that a peer could deepen, and async hooks, under which an overflow cannot be caught, are not used [C10]', () => {
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.startsWith('ctl/')).sort();
    const texts = files.map((name) => [name, readFileSync(join(source, name), 'utf8')] as const);
    expect(texts.flatMap(([name, text]) => recursiveFunctions(name, text).map((own) => `${name} ${own}`)).sort()).toEqual(Object.keys(known).sort());
    expect(texts.filter(([, text]) => /async_hooks|AsyncLocalStorage/.test(text)).map(([name]) => name)).toEqual([]);
  });

  test.each(['function walk(node) { for (const child of node.children) walk(child); }', 'const walk = (node) => node.children.map((child) => walk(child));', 'function walk(node) { return node.children.map(walk); }', 'class A { #walk(node) { this.#walk(node.first); } }'])('would be seen: %s [C10]', (code) => {
    expect(recursiveFunctions('x.ts', code)).toHaveLength(1);
  });
});
