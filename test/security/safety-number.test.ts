/** Safety numbers and fingerprints: known answers, made with Python's hashlib. */
import { describe, expect, test } from '@jest/globals';
import { fingerprintOf, readFingerprint } from '../../src/security/fingerprint.ts';
import { safetyNumber } from '../../src/security/safety-number.ts';
import type { BareJid } from '../../src/xmpp/jid.ts';

const party = (jid: string, ...spki: number[]): { jid: BareJid; spki: Uint8Array } => ({ jid: jid as BareJid, spki: Uint8Array.from(spki) });
const up = Array.from({ length: 91 }, (_, index) => index);
const down = up.map((index) => 91 - index);

describe('a safety number', () => {
  test.each([
    [party('alice@example.org', ...up), party('bob@example.org', ...down), '82891 62094 87118 09558 02950 04226 74260 35310 84037 58130 46995 21925'],
    // The same address twice: the keys decide.
    [party('alice@example.org', 2, 2, 2), party('alice@example.org', 1, 1, 1, 1), '14900 86399 65214 51610 13858 56387 52729 99951 87138 46019 62227 16486'],
    // Sorted by bytes, not by letters.
    [party('müller@example.org', 2, 2, 2), party('z@example.org', 1, 1, 1, 1), '07661 17859 52252 49241 05778 45041 63342 61719 87317 50084 25690 34732'],
  ])('is what its definition says, from both sides', (one, other, number) => {
    expect(safetyNumber(one, other)).toBe(number);
    expect(safetyNumber(other, one)).toBe(number);
  });

  test('is another one for every other key or address', () => {
    const [alice, bob] = [party('alice@example.org', 1), party('bob@example.org', 2)];
    const numbers = [safetyNumber(alice, bob), safetyNumber(alice, party('bob@example.org', 3)), safetyNumber(alice, party('rob@example.org', 2)), safetyNumber(alice, party('bob@example.org', 2, 0))];
    expect(new Set(numbers).size).toBe(4);
  });
});

describe('a fingerprint', () => {
  const written = '58d29459 b2130a2e 151252d4 08b95e6d ac424c56 4062eb91 1cc76440 cb926ca0';

  test('is the SHA-256 in groups', () => {
    expect(fingerprintOf(Uint8Array.from(up))).toBe(written);
  });

  test.each([written, written.toUpperCase(), written.replaceAll(' ', ''), written.replaceAll(' ', '').match(/../g)!.join(':'), ` ${written}\n`])('is read from %j', (text) => {
    expect(readFingerprint(text)).toBe(written);
  });

  test.each(['', written.slice(1), `${written} 0`, written.replace('5', 'g'), written.replace('5', '５'), '0'.repeat(1_000_000)])('is none: %#', (text) => {
    expect(readFingerprint(text)).toBeUndefined();
  });
});
