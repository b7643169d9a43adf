import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkDemands, claimNames, claimsOf, couldMeet, deniabilityScope, isClaim, missing } from '../../src/security/properties.ts';
import type { Claim, Facts, Kind } from '../../src/security/properties.ts';

const columns: Claim[] = [
  'Encrypted',
  'IntegrityProtected',
  'Complete',
  'Verified',
  'KeyContinuity',
  'WeaklyAuthenticated',
  'WeaklyAnonymous',
  'StronglyAnonymous',
  'ReplayProtected',
  'ForwardSecret',
  'Deniable',
  'NonRepudiable',
  'DowngradeResistant',
];

/** y yes, - never, v when verified, p when pinned, s when verified or the signalled key matched, f when no fingerprint was signalled, b when the binding agreed. */
const book: Record<Kind, string> = {
  plain: '- - - - - - - - - - - - -',
  'xtls-identity': 'y y y v p s f - y y y - b',
  'xtls-anonymous': 'y y y v - v y y y y y - b',
  otr: 'y - - v p v y - y y y - -',
  omemo: 'y - - v p v - - y y y - -',
};
const kinds = Object.keys(book) as Kind[];

const meaning: Record<string, (facts: Facts) => boolean> = {
  y: () => true,
  '-': () => false,
  v: (facts) => facts.verifiedBy !== undefined,
  p: (facts) => facts.keyPinned,
  s: (facts) => facts.verifiedBy !== undefined || facts.signalledKeyMatched,
  f: (facts) => !facts.fingerprintSignalled,
  b: (facts) => facts.bindingAgreed,
};

function* allFacts(): Generator<Facts> {
  const bits = [false, true];
  for (const kind of kinds)
    for (const secured of bits)
      for (const verifiedBy of [undefined, 'shared-secret', 'comparison', 'pkix'] as const)
        for (const keyPinned of bits)
          for (const signalledKeyMatched of bits)
            for (const fingerprintSignalled of bits)
              for (const bindingAgreed of bits) yield { kind, secured, verifiedBy, keyPinned, signalledKeyMatched, fingerprintSignalled, bindingAgreed };
}

describe('claims', () => {
  test('are exactly those of the table, for every combination of facts', () => {
    let cases = 0;
    for (const facts of allFacts()) {
      const cells = book[facts.kind].split(' ');
      const expected = columns.filter((_, at) => facts.secured && meaning[cells[at]!]!(facts));
      expect([...claimsOf(facts)].sort()).toEqual([...expected].sort());
      cases += 1;
    }
    expect(cases).toBe(kinds.length * 2 * 4 * 16);
  });

  test('are none before the session is secure', () => {
    for (const facts of allFacts()) if (!facts.secured) expect(claimsOf(facts).size).toBe(0);
  });

  test('never hold Deniable with NonRepudiable, nor Verified without Encrypted and WeaklyAuthenticated', () => {
    for (const facts of allFacts()) {
      const claims = claimsOf(facts);
      expect(claims.has('Deniable') && claims.has('NonRepudiable')).toBe(false);
      if (claims.has('Verified')) expect(claims.has('Encrypted') && claims.has('WeaklyAuthenticated')).toBe(true);
    }
  });

  test('never fall while facts are only added', () => {
    const additions = ['secured', 'verifiedBy', 'keyPinned', 'signalledKeyMatched', 'bindingAgreed'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.boolean(), fc.shuffledSubarray([...additions]), (kind, fingerprintSignalled, order) => {
        let facts: Facts = { kind, secured: false, verifiedBy: undefined, keyPinned: false, signalledKeyMatched: false, fingerprintSignalled, bindingAgreed: false };
        let claims = claimsOf(facts);
        for (const fact of order) {
          facts = { ...facts, [fact]: fact === 'verifiedBy' ? 'shared-secret' : true };
          const next = claimsOf(facts);
          expect(missing(claims, next)).toEqual([]);
          claims = next;
        }
      }),
    );
  });

  test('are known by the names of their properties only', () => {
    expect(claimNames.every(isClaim)).toBe(true);
    expect(['encrypted', '', '__proto__', 'State'].some(isClaim)).toBe(false);
    expect([...columns].sort()).toEqual([...claimNames].sort());
  });

  test('have a scope of deniability only where they are claimed', () => {
    for (const facts of allFacts()) expect(deniabilityScope(facts) === 'none').toBe(!claimsOf(facts).has('Deniable'));
  });
});

describe('demands', () => {
  test('that one kind can meet are let through', () => {
    expect(() => checkDemands(new Set(), [])).not.toThrow();
    expect(() => checkDemands(new Set(['Encrypted', 'Verified', 'KeyContinuity']), ['plain', 'xtls-identity'])).not.toThrow();
    expect(couldMeet('xtls-anonymous', ['StronglyAnonymous', 'Verified'])).toBe(true);
  });

  test('that no single kind can meet are not implemented', () => {
    expect(() => checkDemands(new Set(['StronglyAnonymous', 'KeyContinuity']), ['xtls-identity', 'xtls-anonymous'])).toThrow(expect.objectContaining({ condition: 'not-implemented' }));
    expect(() => checkDemands(new Set(['NonRepudiable']), kinds)).toThrow(expect.objectContaining({ condition: 'not-implemented' }));
    expect(() => checkDemands(new Set(['Encrypted']), ['plain'])).toThrow(expect.objectContaining({ condition: 'not-implemented' }));
  });

  test('that contradict each other are an invalid argument', () => {
    expect(() => checkDemands(new Set(['Deniable', 'NonRepudiable']), kinds)).toThrow(expect.objectContaining({ condition: 'invalid-argument' }));
  });
});
