/** Names, paths and escaping. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isBusName, isInterfaceName, isMemberName, isObjectPath } from '../../src/bus/names.ts';
import { escapeElement, objectPath } from '../../src/bus/types.ts';

describe('names', () => {
  test.each<[string, (text: string) => boolean, string[], string[]]>([
    ['object path', isObjectPath, ['/', '/a', '/_1/2/B', '/0'], ['', 'a', '//', '/a/', '/a//b', '/a-b', '/a.b', '/é', '/a\0', ' /a', '/a\n']],
    ['interface', isInterfaceName, ['a.b', '_a.B1.c_', `a.${'b'.repeat(253)}`], ['', 'a', '.a', 'a.', 'a..b', '1a.b', 'a.1b', 'a-b.c', 'é.a', `a.${'b'.repeat(254)}`]],
    ['member', isMemberName, ['a', '_', 'A1', 'a'.repeat(255)], ['', '1', 'a.b', 'a-b', 'a b', 'é', 'a'.repeat(256)]],
    ['bus name', isBusName, [':1.5', ':1.0.x', 'a.b', 'a-b._c', `:1.${'2'.repeat(252)}`], ['', ':', ':1', ':1.', '1.5', 'a', 'a.1', 'a..b', 'a.b.', 'a b.c', `:1.${'2'.repeat(253)}`]],
  ])('%s', (_what, isValid, good, bad) => {
    expect(good.filter((text) => !isValid(text))).toEqual([]);
    expect(bad.filter(isValid)).toEqual([]);
  });

  test('objectPath refuses what is none', () => {
    expect(objectPath('/a/b')).toBe('/a/b');
    expect(() => objectPath('/a/')).toThrow(expect.objectContaining({ condition: 'invalid-argument' }));
  });
});

describe('escapeElement', () => {
  test.each([
    ['', '_'],
    ['abc9', 'abc9'],
    ['9abc', '_39abc'],
    ['_', '_5f'],
    ['test@localhost/Resource', 'test_40localhost_2fResource'],
    ['é', '_c3_a9'],
  ])('%j → %s', (text, element) => {
    expect(escapeElement(text)).toBe(element);
  });

  test('is one element of a path, and different for different texts [F4]', () => {
    const unescape = (element: string): string =>
      element === '_' ? '' : Buffer.from(element.replaceAll(/_([0-9a-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), 'latin1').toString('utf8');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const element = escapeElement(text);
        expect(isObjectPath(`/${element}`) && isMemberName(element)).toBe(element.length <= 255);
        expect(unescape(element)).toBe(text);
      }),
      { examples: [['_'], ['_40'], ['@'], ['\u0001\u0010'], ['1'], ['_31'], ['a_']] },
    );
    expect(() => escapeElement('\ud800')).toThrow(expect.objectContaining({ condition: 'invalid-argument' }));
  });
});
