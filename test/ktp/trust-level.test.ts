/** src/ktp/trust-level.ts: the padlock never says more than the channel claims. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TrustLevel, trustLevel } from '../../src/ktp/trust-level.ts';

test.each([
  [{}, TrustLevel.notPrivate],
  [{ State: 0, Encrypted: false, Verified: false }, TrustLevel.notPrivate],
  [{ State: 1, Encrypted: false, Verified: false }, TrustLevel.notPrivate],
  [{ State: 2, Encrypted: true, Verified: false }, TrustLevel.unverified],
  [{ State: 2, Encrypted: true, Verified: true }, TrustLevel.verified],
  // What was claimed stays claimed when the session has ended, and is no session.
  [{ State: 3, Encrypted: true, Verified: true }, TrustLevel.finished],
  [{ State: 3, Encrypted: false, Verified: false }, TrustLevel.finished],
  // Being secured again after an end: not for plaintext, and nothing proved yet.
  [{ State: 1, Encrypted: true, Verified: true }, TrustLevel.finished],
])('%j is %i', (claims, level) => {
  expect(trustLevel(claims)).toBe(level);
});

test('is private only in a secure and encrypted channel, verified only in a verified one, and plaintext only where nothing was ever encrypted', () => {
  const claims = fc.record({ State: fc.integer({ min: 0, max: 5 }), Encrypted: fc.boolean(), Verified: fc.boolean() }, { requiredKeys: [] });
  fc.assert(
    fc.property(claims, (now) => {
      const level = trustLevel(now);
      if (level === TrustLevel.unverified || level === TrustLevel.verified) expect(now).toMatchObject({ State: 2, Encrypted: true });
      if (level === TrustLevel.verified) expect(now).toMatchObject({ Verified: true });
      if (level === TrustLevel.notPrivate) expect(now.Encrypted ?? false).toBe(false);
    }),
  );
});
