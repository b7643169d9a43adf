import { describe, expect, test } from '@jest/globals';
import { decodeBase64 } from '../../src/xmpp/base64.ts';
import { cleanLine, cleanText } from '../../src/xmpp/text.ts';

describe('words of others [C13]', () => {
  test.each([
    ['Alice', 'Alice'],
    ['  Ali\u0000ce\t\nB ', 'Alice B'],
    ['\u202Egnp.exe\u2066', 'gnp.exe'],
    ['a\u2028b\u0085c', 'a b c'],
    ['עברית‏', 'עברית‏'],
    ['👩‍👩‍👧', '👩‍👩‍👧'],
    ['\u200B\u2060\u00AD ', ''],
    [`Z${'\u0301'.repeat(500)}o`, `Z${'\u0301'.repeat(8)}o`],
    ['e\u0301é', 'e\u0301é'],
  ])('in one line: %j', (given, expected) => {
    expect(cleanLine(given, 1000)).toBe(expected);
  });

  test('keep their lines and tabs in a longer text', () => {
    expect(cleanText('a\r\nb\rc\td\u0007\u202A', 100)).toBe('a\nb\nc\td');
  });

  test('are cut between characters', () => {
    expect(cleanLine('ab😀', 3)).toBe('ab');
    expect(cleanLine('ab😀', 4)).toBe('ab😀');
    expect(cleanText('x'.repeat(1_000_000), 10)).toBe('x'.repeat(10));
  });

  test('take no time, however odd', () => {
    const start = performance.now();
    for (const odd of ['\u0301', '\u202E', ' ', '\u200B', '\r', 'a\u0301']) cleanLine(odd.repeat(100_000), 100_000);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('base64', () => {
  test.each([['', 0], ['AA==', 1], ['AAA=', 2], ['AAAA', 3], ['+/+/', 3]])('reads %j', (encoded, length) => {
    expect(decodeBase64(encoded, 3)?.length).toBe(length);
  });

  test.each(['A', 'AA', 'AAA', 'A===', '====', 'AA=A', 'A A=', 'AAAA\n', 'AAAA====', '-_AA', 'AB==', 'AAB=', 'AAAAAA==', 'ÄAAA'])('refuses %j', (encoded) => {
    expect(decodeBase64(encoded, 3)).toBeUndefined();
  });
});
