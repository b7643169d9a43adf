/** No regular expression of hush can be kept busy: each is run on its own worst cases of 100 kB. A new one is found by itself. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { expressionsOf, slowStrings } from './harness/regular-expressions.ts';
import { serialize, xml } from '../src/xmpp/element.ts';
import { opaqueString, usernameCaseMapped } from '../src/xmpp/precis.ts';

const root = resolve(import.meta.dirname, '..');
const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => `src/${name}`).sort();
const found = files.flatMap((path) => expressionsOf(path, readFileSync(join(root, path), 'utf8')).map((expression) => ({ path, ...expression })));

/** Milliseconds for 100 kB: what is quadratic takes seconds, and a machine may be busy with other tests. */
const limitMs = 50;

const take = (work: () => unknown): void => {
  try {
    work();
  } catch {
    // A refusal is an answer: only the time counts.
  }
};

/** What is put together at run time, by file, and a way to all of it with a text. */
const assembled = new Map<string, (text: string) => void>([
  ['src/xmpp/element.ts', (text) => take(() => serialize(xml(text)))],
  ['src/xmpp/precis.ts', (text) => { take(() => usernameCaseMapped(text)); take(() => opaqueString(text)); }],
  // One character at a time.
  ['src/xmpp/precis-tables.ts', (text) => take(() => usernameCaseMapped(text.slice(0, 1023)))],
]);

describe('no regular expression is slow [C15]', () => {
  test('of those that are written down', () => {
    expect(found.length).toBeGreaterThan(80);
    const slow = found.flatMap(({ path, line, text, regExp }) => (regExp === undefined ? [] : slowStrings(regExp, limitMs).map((string) => `${path}:${line} ${text}: ${string}`)));
    expect(slow).toEqual([]);
  }, 60_000);

  test('of those that are put together', () => {
    expect([...new Set(found.filter(({ regExp }) => regExp === undefined).map(({ path }) => path))].sort()).toEqual([...assembled.keys()].sort());
    for (const work of assembled.values()) {
      for (const unit of ['a', ':', 'a:', 'a.-', '\u00E4', '\u0301', '\u200D', '\u094D\u200D', '\u05D0\u0301', ' ', '\u{1F600}', '\uD800']) {
        for (const end of ['', ' ', '\u0000', '\u202E']) {
          const start = performance.now();
          work(unit.repeat(100_000 / unit.length) + end);
          expect([unit, end, performance.now() - start < 500]).toEqual([unit, end, true]);
        }
      }
    }
  });

  test.each([/(a+)+$/, /\s+$/, /^(?:[a-z]+-?)+$/, /<!--[^>]*-->/g])('and a slow one is found: %s', (slow) => {
    expect(slowStrings(slow, limitMs)).not.toEqual([]);
  });

  test.each([/^[a-z]+$/, /[^a-z]/g, /\p{M}/u, /^(?:[0-9a-f]{2}:)*$/])('and a fast one is none: %s', (fast) => {
    expect(slowStrings(fast, limitMs)).toEqual([]);
  });
});
