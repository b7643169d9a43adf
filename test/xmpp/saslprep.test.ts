import { expect, test } from '@jest/globals';
import { saslprep } from '../../src/xmpp/saslprep.ts';

test.each([
  // RFC 4013 §3
  ['I\u00ADX', 'IX'],
  ['user', 'user'],
  ['USER', 'USER'],
  ['\u00AA', 'a'],
  ['\u2168', 'IX'],
  // Spaces, composition, right-to-left, unassigned in Unicode 3.2.
  ['a\u00A0b\u3000c', 'a b c'],
  ['pa\u0308ssword', 'p\u00E4ssword'],
  ['\u05D0\u05D1', '\u05D0\u05D1'],
  ['\u{1F511}', '\u{1F511}'],
])('prepares %j as %j', (password, prepared) => {
  expect(saslprep(password)).toBe(prepared);
});

test.each([[''], ['\u0007'], ['\u0627\u0031'], ['\u0627a\u0628'], ['a\uE000'], ['\uFFFD'], ['a\u200E'], ['\uD800'], ['\u00AD']])('refuses %j', (password) => {
  expect(() => saslprep(password)).toThrow('the password holds characters');
});
