/** The record of trust as bytes: what is written is read, and nothing else is. attacks.md fault 7. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readRecord, writeRecord } from '../../src/security/trust-format.ts';
import { emptyRecord } from '../../src/security/trust-record.ts';
import type { ContactRecord, KeyRecord, TrustRecord } from '../../src/security/trust-record.ts';
import type { BareJid } from '../../src/xmpp/jid.ts';

const account = 'alice@example.org';
const key: KeyRecord = { spki: 'MFkwEwYHKoZIzj0CAQ==', mechanism: 'xtls', level: 2, verifiedBy: 'comparison', verifiedAt: 1_700_000_000, lastSeen: 1_700_003_600 };
const contact: ContactRecord = { policy: 'required', isLowered: false, wasVerified: true, wasSecured: true, wasBound: true, keys: [key] };
const record: TrustRecord = {
  generation: 12,
  identity: { place: 'file', fingerprint: 'ab', next: '' },
  mechanisms: ['xtls'],
  contacts: new Map([['bob@example.org' as BareJid, contact]]),
};
const bytes = writeRecord(account, record);

function isRead(file: Uint8Array, of = account): boolean {
  try {
    readRecord(of, file);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ condition: 'invalid-data' });
    return false;
  }
}

/** A file with any content and the hash that goes with it. */
function fileOf(content: string): Buffer {
  return Buffer.from(`{"format":"hush-trust-1","sha256":"${createHash('sha256').update(content).digest('hex')}","content":${content}}\n`);
}
const content = bytes.toString().slice(bytes.indexOf('"content":') + 10, -2);

describe('a record', () => {
  test('is read as it was written', () => {
    expect(readRecord(account, bytes)).toEqual(record);
    expect(readRecord(account, writeRecord(account, emptyRecord))).toEqual(emptyRecord);
    expect(isRead(fileOf(content))).toBe(true);
  });

  test('is read as it was written, whatever is in it', () => {
    const text = fc.string({ maxLength: 20 });
    const keys = fc.record({ spki: text, mechanism: text, level: fc.constantFrom(...([1, 2, 3] as const)), verifiedBy: fc.constantFrom(...(['', 'comparison', 'shared-secret', 'pkix'] as const)), verifiedAt: fc.nat(), lastSeen: fc.nat() });
    const contacts = fc.record({ policy: fc.constantFrom(...(['', 'off', 'opportunistic', 'required'] as const)), isLowered: fc.boolean(), wasVerified: fc.boolean(), wasSecured: fc.boolean(), wasBound: fc.boolean(), keys: fc.array(keys, { maxLength: 8 }) });
    const jid = fc.constantFrom(...(['bob@example.org', '__proto__', 'constructor', 'müller@example.org'] as BareJid[]));
    const records: fc.Arbitrary<TrustRecord> = fc.record({
      generation: fc.nat(),
      identity: fc.option(fc.record({ place: fc.constantFrom(...(['file', 'secret-service'] as const)), fingerprint: text, next: text }), { nil: undefined }),
      mechanisms: fc.array(text, { maxLength: 4 }),
      contacts: fc.array(fc.tuple(jid, contacts), { maxLength: 3 }).map((list) => new Map(list)),
    });
    fc.assert(fc.property(records, (any) => expect(readRecord(account, writeRecord(account, any))).toEqual(any)));
  });

  test('is refused with any one bit turned [fault-7]', () => {
    const read: string[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= 1 << bit;
        if (isRead(damaged)) read.push(`${at}:${bit}`);
      }
    }
    expect(read).toEqual([]);
  });

  test('is refused cut, doubled, or with a byte more or less anywhere [fault-7]', () => {
    const read: number[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
      const variants = [head, Buffer.concat([head, tail.subarray(1)]), Buffer.concat([head, Buffer.from(' '), tail]), Buffer.concat([head, Buffer.alloc(1), tail])];
      if (variants.some((variant) => isRead(variant))) read.push(at);
    }
    expect(read).toEqual([]);
    expect(isRead(Buffer.concat([bytes, bytes]))).toBe(false);
    expect(isRead(Buffer.alloc(bytes.length))).toBe(false);
  });

  test('of another account is refused', () => {
    expect(isRead(bytes, 'mallory@example.org')).toBe(false);
  });
});

describe('content with the right hash', () => {
  test.each([
    ['a level that is none', content.replace('"level":2', '"level":4')],
    ['a level of nothing', content.replace('"level":2', '"level":0')],
    ['a policy that is none', content.replace('"policy":"required"', '"policy":"__proto__"')],
    ['a number that is too big', content.replace('"generation":12', '"generation":9007199254740993')],
    ['a negative number', content.replace('"generation":12', '"generation":-1')],
    ['a fraction', content.replace('"generation":12', '"generation":1.5')],
    ['one field less', content.replace('"wasBound":true,', '')],
    ['one field more', content.replace('"wasBound":true,', '"wasBound":true,"__proto__":{"wasVerified":true},')],
    ['a field twice', content.replace('"wasBound":true,', '"wasBound":true,"wasBound":true,')],
    ['other white space', content.replace(',', ', ')],
    ['another order', content.replace('"wasSecured":true,"wasBound":true', '"wasBound":true,"wasSecured":true')],
    ['an address with a resource', content.replace('bob@example.org', 'bob@example.org/x')],
    ['no address', content.replace('bob@example.org', '')],
    ['a contact twice', content.replace(/"contacts":\[(.*)\]/, '"contacts":[$1,$1]')],
    ['nine keys', content.replace(/"keys":\[(.*?)\]/, `"keys":[${Array(9).fill('$1').join()}]`)],
    ['an object for a list', content.replace(/"contacts":\[.*\]/, '"contacts":{"length":0}')],
    ['null', 'null'],
    ['a text', '"hush"'],
    ['100 000 open brackets', '['.repeat(100_000)],
    ['100 000 nested lists', '['.repeat(100_000) + ']'.repeat(100_000)],
  ])('and %s is refused', (_what, wrong) => {
    expect(wrong).not.toBe(content);
    expect(isRead(fileOf(wrong))).toBe(false);
  });
});
