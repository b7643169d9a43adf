import { describe, expect, test } from '@jest/globals';
import { HushError } from '../../src/errors.ts';
import { child, children, childText, elements, is, isXmlText, namespaceOf, serialize, text, xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';

describe('an element', () => {
  test('leaves out attributes and children that are undefined', () => {
    expect(serialize(xml('a', { b: 1, c: undefined, d: '' }, undefined, 'x', xml('e')))).toBe('<a b="1" d="">x<e/></a>');
    expect(serialize(xml('a', {}, ''))).toBe('<a></a>');
  });

  test('has its own namespace, its parent’s, or that of the stream', () => {
    const query = xml('query', { xmlns: 'urn:q' }, xml('item'), xml('other', { xmlns: '' }));
    const iq = xml('iq', {}, query);
    expect([iq, query, ...elements(query)].map(namespaceOf)).toEqual(['jabber:client', 'urn:q', 'urn:q', '']);
  });

  test('is found by name and namespace together', () => {
    const parent = xml('iq', {}, xml('a', { xmlns: 'urn:1' }, 'one'), 'between', xml('a', { xmlns: 'urn:2' }, 'two', xml('b')), xml('a', { xmlns: 'urn:2' }));
    expect(childText(parent, 'a', 'urn:2')).toBe('two');
    expect(children(parent, 'a', 'urn:2')).toHaveLength(2);
    expect(child(parent, 'a', 'urn:3')).toBeUndefined();
    expect(child(parent, 'a', 'jabber:client')).toBeUndefined();
    expect(childText(parent, 'b', 'urn:2')).toBeUndefined();
    expect(is(parent, 'iq', 'jabber:client')).toBe(true);
    expect(text(parent)).toBe('between');
  });

  test('declares a namespace only where it changes', () => {
    const inner = xml('c', { xmlns: 'urn:b' });
    expect(serialize(xml('a', { xmlns: 'urn:a' }, xml('b', { xmlns: 'urn:b' }, inner, xml('d', { xmlns: 'urn:a' }), xml('e')), xml('f', { xmlns: 'urn:a' })))).toBe(
      '<a xmlns="urn:a"><b xmlns="urn:b"><c/><d xmlns="urn:a"/><e/></b><f/></a>',
    );
  });

  test('is written so that a parser reads the same: markup and white space escaped', () => {
    expect(serialize(xml('a', { b: '<&>"\'\t\r\n' }, '<&>"\'\t\r\n]]>'))).toBe('<a b="&lt;&amp;&gt;&quot;\'&#9;&#13;&#10;">&lt;&amp;&gt;"\'\t&#13;\n]]&gt;</a>');
  });

  test('is written at any depth', () => {
    let element: Element = xml('a');
    for (let depth = 1; depth < 100_000; depth += 1) element = xml('a', {}, element);
    expect(serialize(element)).toHaveLength(100_000 * 7 - 3);
  });

  test.each(['\u0000', 'a\u0008', '\u000B', '\uFFFE', '\uFFFF', '\uD800', 'a\uDC00b'])('is not written with %j', (bad) => {
    expect(isXmlText(bad)).toBe(false);
    for (const element of [xml('a', {}, bad), xml('a', { b: bad }), xml('a', { xmlns: bad }), xml('a', {}, xml('b', {}, bad))]) {
      expect(() => serialize(element)).toThrow(HushError);
      expect(() => element.toString()).toThrow(HushError);
    }
  });

  test.each(['', 'plain', '\t\r\n', '\u0085\u2028\uFEFF', '\u{1F600}\u{10FFFF}'])('is written with %j', (good) => {
    expect(isXmlText(good)).toBe(true);
    expect(xml('a', { b: good }, good).toString()).toContain('<a b="');
  });

  test.each(['', '1a', 'a b', 'a>', 'a:b:c', ':a', 'a/'])('is not written with the name %j', (name) => {
    expect(() => serialize(xml(name))).toThrow(HushError);
    expect(() => serialize(xml('a', { [name]: 'x' }))).toThrow(HushError);
  });

  test('may have a prefix, or a name in any script', () => expect(serialize(xml('stream:features', { 'xml:lang': 'en' }, xml('ä')))).toBe('<stream:features xml:lang="en"><ä/></stream:features>'));
});
