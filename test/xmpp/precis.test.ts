import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HushError } from '../../src/errors.ts';
import { opaqueString, usernameCaseMapped } from '../../src/xmpp/precis.ts';

function attempt(prepare: (text: string) => string, text: string): string | undefined {
  try {
    return prepare(text);
  } catch (error) {
    if (error instanceof HushError && error.condition === 'invalid-argument') return undefined;
    throw error;
  }
}

describe('UsernameCaseMapped', () => {
  // RFC 8265 §3.5, tables 1 and 2.
  test.each([
    ['juliet@example.com', 'juliet@example.com'],
    ['fussball', 'fussball'],
    ['fu\u00DFball', 'fu\u00DFball'],
    ['\u03C0', '\u03C0'],
    ['\u03A3', '\u03C3'],
    ['\u03C3', '\u03C3'],
    ['\u03C2', '\u03C2'],
  ])('prepares %s as %s', (text, prepared) => expect(usernameCaseMapped(text)).toBe(prepared));

  test.each(['foo bar', '', 'henry\u2163', '\u265A'])('refuses %j', (text) => expect(attempt(usernameCaseMapped, text)).toBeUndefined());

  // RFC 5892 App. A: [rule, where it holds, where it does not].
  test.each([
    ['ZERO WIDTH NON-JOINER after a virama', '\u0915\u094D\u200C\u0937', '\u0915\u200C\u0937'],
    ['ZERO WIDTH NON-JOINER between letters that join', '\u0646\u0627\u0645\u0647\u200C\u0627\u06CC', '\u0646\u0627\u200C\u0645'],
    ['ZERO WIDTH NON-JOINER between joining letters with marks', '\u0645\u064E\u200C\u064E\u0645', 'a\u200Cb'],
    ['ZERO WIDTH JOINER after a virama', '\u0915\u094D\u200D\u0937', 'a\u200Db'],
    ['MIDDLE DOT between two l', 'col\u00B7lega', 'a\u00B7b'],
    ['GREEK KERAIA before Greek', '\u0375\u03B1', '\u0375a'],
    ['HEBREW GERESH after Hebrew', '\u05D0\u05F3', 'a\u05F3'],
    ['HEBREW GERSHAYIM after Hebrew', '\u05D0\u05F4\u05D1', '\u05F4'],
    ['KATAKANA MIDDLE DOT beside Katakana', 'a\u30FB\u30A2', 'a\u30FBb'],
    ['ARABIC-INDIC DIGITS of one kind', '\u0627\u0661\u0662', '\u0627\u0661\u06F1'],
  ])('knows %s', (_, good, bad) => {
    expect(usernameCaseMapped(good)).toBe(good);
    expect(attempt(usernameCaseMapped, bad)).toBeUndefined();
  });

  // RFC 5893 §2: a name with right-to-left characters obeys all six rules.
  test.each([
    ['starts right to left', '\u05D0\u05D11', '1\u05D0'],
    ['holds nothing left to right', '\u05D0-\u05D1', '\u05D0a\u05D1'],
    ['ends in a letter or digit, marks aside', '\u05D0\u05D1\u05B0', '\u05D0-'],
    ['has one kind of digits', '\u0627\u0661', '\u0627\u06611'],
  ])('a right-to-left name %s', (_, good, bad) => {
    expect(usernameCaseMapped(good)).toBe(good);
    expect(attempt(usernameCaseMapped, bad)).toBeUndefined();
  });

  test.each([
    ['a soft hyphen', 'a\u00ADb'],
    ['a variation selector', 'a\uFE0F'],
    ['a Hangul filler', '\u3164'],
    ['conjoining jamo', '\u1100\u1161'],
    ['an Arabic tatweel', '\u0627\u0640'],
    ['a private character', '\uE000'],
    ['a non-character', '\uFDD0'],
    ['a code point without meaning', '\u0378'],
    ['a compatibility character', '\u212B'],
    ['a mathematical letter', '\u{1D400}'],
    ['half a surrogate pair', 'a\uD800'],
  ])('refuses %s', (_, text) => expect(attempt(usernameCaseMapped, text)).toBeUndefined());
});

describe('OpaqueString', () => {
  // RFC 8265 §4.3, tables 3 and 4.
  test.each([
    ['correct horse battery staple', 'correct horse battery staple'],
    ['Correct Horse Battery Staple', 'Correct Horse Battery Staple'],
    ['\u03C0\u00DF\u00E5', '\u03C0\u00DF\u00E5'],
    ['Jack of \u2666s', 'Jack of \u2666s'],
    ['foo\u1680bar', 'foo bar'],
  ])('prepares %s as %s', (text, prepared) => expect(opaqueString(text)).toBe(prepared));

  test.each(['', 'my cat is a \u0009by', 'a\u202Eb', 'a\u2028b', '\uD800', '\u0661\u06F1', 'a\u200Db'])('refuses %j', (text) => expect(attempt(opaqueString, text)).toBeUndefined());

  test('composes, keeps case and width', () => expect(opaqueString('A\u030A \uFF21')).toBe('\u00C5 \uFF21'));
});

test.each([
  ['UsernameCaseMapped', usernameCaseMapped],
  ['OpaqueString', opaqueString],
])('%s is stable: what it has prepared it leaves as it is [C12]', (_, prepare) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }), (text) => {
      const prepared = attempt(prepare, text);
      if (prepared !== undefined) expect(prepare(prepared)).toBe(prepared);
    }),
    { numRuns: 20_000 },
  );
});
