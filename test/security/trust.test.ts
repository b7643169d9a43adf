/** What Trust decides and remembers, without a disk. Contract: Connection.Interface.Security. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { fingerprintOf } from '../../src/security/fingerprint.ts';
import type { KeyVerdict } from '../../src/security/mechanism.ts';
import { Trust } from '../../src/security/trust.ts';
import type { TrustLevel, TrustOptions } from '../../src/security/trust.ts';
import type { BareJid } from '../../src/xmpp/jid.ts';
import { VolatileKeeper } from './volatile-keeper.ts';

const [bob, carol] = ['bob@example.org', 'carol@example.org'] as [BareJid, BareJid];
const key = (number: number): Uint8Array => Uint8Array.from([0x30, number]);
const xtls = { mechanism: 'xtls', bound: false };
let now: number;
let trust: Trust;
let announced: unknown[][];

async function open(options: Partial<TrustOptions> = {}): Promise<Trust> {
  const opened = new Trust({ keeper: new VolatileKeeper(), policy: 'opportunistic', mechanisms: ['xtls', 'otr', 'omemo'], log: silentLog, now: () => now, ...options });
  await opened.ready();
  announced = [];
  opened.events.on('trustChanged', (jid, fingerprint, old, is) => announced.push(['trust', jid, fingerprint, old, is]));
  opened.events.on('policyChanged', (jid, old, is) => announced.push(['policy', jid, old, is]));
  opened.events.on('accountPolicyChanged', (old, is) => announced.push(['account', old, is]));
  opened.events.on('mechanismOrderChanged', () => announced.push(['order']));
  return opened;
}

function judge(spki: Uint8Array, jid = bob): KeyVerdict {
  return trust.judgeKey(jid, { spki, certificate: Uint8Array.of(1) });
}
function refusal(verdict: KeyVerdict): string | undefined {
  return verdict.accepted ? undefined : verdict.error.condition;
}
function rejection(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'fulfilled', (error: unknown) => (error instanceof HushError ? error.condition : String(error)));
}

beforeEach(async () => {
  now = 1_700_000_000;
  trust = await open();
});

describe('a key', () => {
  test('is new once, and continuous from then on', async () => {
    expect(judge(key(1))).toEqual({ accepted: true, pinned: false, verifiedBy: undefined });
    expect([trust.level(bob, key(1)), trust.contactLevel(bob), trust.hasPin(bob), trust.wasSecured(bob), trust.wasBound(bob)]).toEqual([0, 0, false, false, false]);
    await trust.secured(bob, key(1), xtls);
    expect(judge(key(1))).toEqual({ accepted: true, pinned: true, verifiedBy: undefined });
    expect([trust.level(bob, key(1)), trust.contactLevel(bob), trust.hasPin(bob), trust.wasSecured(bob), trust.wasBound(bob)]).toEqual([1, 1, true, true, false]);
    expect(trust.list()).toEqual([{ jid: bob, mechanism: 'xtls', fingerprint: fingerprintOf(key(1)), trust: 1, lastSeen: now }]);
    expect(announced).toEqual([['trust', bob, fingerprintOf(key(1)), 0, 1]]);
  });

  test('judged is not remembered', () => {
    judge(key(1));
    expect(trust.list()).toEqual([]);
  });

  test('beside another is Seen, too, while none was verified [G11 H9]', async () => {
    await trust.secured(bob, key(1), xtls);
    expect(judge(key(2))).toEqual({ accepted: true, pinned: false, verifiedBy: undefined });
    await trust.secured(bob, key(2), xtls);
    expect([trust.level(bob, key(1)), trust.level(bob, key(2))]).toEqual([1, 1]);
  });

  test('of one contact says nothing of another', async () => {
    await trust.secured(bob, key(1), xtls);
    await trust.verified(bob, key(1), 'comparison');
    expect(judge(key(1), carol)).toEqual({ accepted: true, pinned: false, verifiedBy: undefined });
    expect(trust.isStrict(carol)).toBe(false);
  });

  test('is verified by what confirmed it, and when', async () => {
    await trust.secured(bob, key(1), xtls);
    await trust.verified(bob, key(1), 'shared-secret');
    expect(judge(key(1))).toEqual({ accepted: true, pinned: true, verifiedBy: 'shared-secret' });
    expect(trust.verification(bob, key(1))).toEqual({ method: 'shared-secret', at: now });
    expect([trust.isVerified(bob), trust.isStrict(bob), trust.contactLevel(bob)]).toEqual([true, true, 2]);
    expect(announced.at(-1)).toEqual(['trust', bob, fingerprintOf(key(1)), 1, 2]);
  });

  test('cannot be verified before it was in a session', async () => {
    expect(await rejection(trust.verified(bob, key(1), 'comparison'))).toBe('not-available');
    expect(trust.isVerified(bob)).toBe(false);
  });

  test('was last seen to the hour, and is not written more often', async () => {
    await trust.secured(bob, key(1), xtls);
    now += 3599;
    await trust.secured(bob, key(1), xtls);
    expect(trust.list()[0]!.lastSeen).toBe(1_700_000_000);
    now += 1;
    await trust.secured(bob, key(1), xtls);
    expect(trust.list()[0]!.lastSeen).toBe(now);
    // A clock that was wrong: the last word counts.
    now -= 86_400;
    await trust.secured(bob, key(1), xtls);
    expect(trust.list()[0]!.lastSeen).toBe(now);
  });

  test('that was bound stays bound', async () => {
    await trust.secured(bob, key(1), { mechanism: 'xtls', bound: true });
    await trust.secured(bob, key(1), xtls);
    expect(trust.wasBound(bob)).toBe(true);
  });
});

describe('a contact who was verified', () => {
  beforeEach(async () => {
    await trust.secured(bob, key(1), xtls);
    await trust.verified(bob, key(1), 'comparison');
    announced.length = 0;
  });

  test('has no other key, until the user accepts it [G11 H9]', async () => {
    expect(refusal(judge(key(2)))).toBe('certificate-fingerprint-mismatch');
    expect(await rejection(trust.secured(bob, key(2), xtls))).toBe('certificate-fingerprint-mismatch');
    await trust.changed(bob, key(2), 'xtls');
    expect([trust.level(bob, key(2)), trust.contactLevel(bob)]).toEqual([3, 3]);
    expect(refusal(judge(key(2)))).toBe('certificate-fingerprint-mismatch');
    await trust.acceptKey(bob, fingerprintOf(key(2)).toUpperCase());
    expect(judge(key(2))).toEqual({ accepted: true, pinned: true, verifiedBy: undefined });
    await trust.secured(bob, key(2), xtls);
    expect(announced).toEqual([['trust', bob, fingerprintOf(key(2)), 0, 3], ['trust', bob, fingerprintOf(key(2)), 3, 1]]);
  });

  test('keeps the key that was verified, when another one comes and goes [G11]', async () => {
    await trust.changed(bob, key(2), 'xtls');
    expect(judge(key(1))).toEqual({ accepted: true, pinned: true, verifiedBy: 'comparison' });
    await trust.changed(bob, key(1), 'xtls');
    expect(trust.level(bob, key(1))).toBe(2);
  });

  test('stays strict when the key is distrusted, and gets no new key', async () => {
    await trust.distrust(bob, key(1));
    expect(trust.level(bob, key(1))).toBe(3);
    expect(refusal(judge(key(1)))).toBe('certificate-fingerprint-mismatch');
    expect([trust.isVerified(bob), trust.isStrict(bob)]).toEqual([true, true]);
    expect(refusal(judge(key(2)))).toBe('certificate-fingerprint-mismatch');
    expect(await rejection(trust.verified(bob, key(1), 'comparison'))).toBe('certificate-fingerprint-mismatch');
    await trust.acceptKey(bob, fingerprintOf(key(1)));
    expect(judge(key(1))).toEqual({ accepted: true, pinned: true, verifiedBy: undefined });
  });

  test('is a stranger once forgotten, but for the policy', async () => {
    await trust.setContactPolicy(bob, 'required');
    await trust.forget(bob);
    expect(trust.list()).toEqual([]);
    expect([trust.isVerified(bob), trust.wasSecured(bob), trust.contactPolicy(bob)]).toEqual([false, false, 'required']);
    expect(judge(key(2))).toEqual({ accepted: true, pinned: false, verifiedBy: undefined });
    expect(announced.at(-1)).toEqual(['trust', bob, fingerprintOf(key(1)), 2, 0]);
  });

  test('is less strict only by what the user says after that', async () => {
    for (const policy of ['opportunistic', 'off'] as const) {
      await trust.setContactPolicy(bob, policy);
      expect([policy, trust.isStrict(bob), trust.isVerified(bob)]).toEqual([policy, false, true]);
    }
    await trust.setContactPolicy(bob, undefined);
    expect(trust.isStrict(bob)).toBe(true);
    await trust.setContactPolicy(bob, 'opportunistic');
    await trust.verified(bob, key(1), 'shared-secret');
    expect(trust.isStrict(bob)).toBe(true);
    await trust.setContactPolicy(bob, 'opportunistic');
    expect(trust.isStrict(bob)).toBe(false);
    expect(announced.filter(([what]) => what === 'policy').slice(-2)).toEqual(Array(2).fill(['policy', bob, 'opportunistic', 'opportunistic']));
    // A new key is no less strange for it.
    expect(refusal(judge(key(2)))).toBe('certificate-fingerprint-mismatch');
  });
});

test('a policy that was set before the verification does not lower anything', async () => {
  await trust.setContactPolicy(bob, 'opportunistic');
  await trust.secured(bob, key(1), xtls);
  expect(trust.isStrict(bob)).toBe(false);
  await trust.verified(bob, key(1), 'comparison');
  expect(trust.isStrict(bob)).toBe(true);
});

describe('where security is required', () => {
  test.each(['contact', 'account'])('(%s) the first key is taken, another one refused [H9]', async (whose) => {
    await (whose === 'contact' ? trust.setContactPolicy(bob, 'required') : trust.setAccountPolicy('required'));
    expect(trust.isStrict(bob)).toBe(true);
    expect(judge(key(1))).toEqual({ accepted: true, pinned: false, verifiedBy: undefined });
    await trust.secured(bob, key(1), xtls);
    expect(judge(key(1)).accepted).toBe(true);
    expect(refusal(judge(key(2)))).toBe('certificate-fingerprint-mismatch');
  });

  test('the contact’s policy goes before the account’s', async () => {
    await trust.setAccountPolicy('required');
    await trust.setContactPolicy(bob, 'opportunistic');
    expect([trust.policyOf(bob), trust.policyOf(carol), trust.isStrict(bob), trust.isStrict(carol)]).toEqual(['opportunistic', 'required', false, true]);
    expect(announced).toEqual([['account', 'opportunistic', 'required'], ['policy', bob, '', 'opportunistic']]);
  });
});

test('a key that was acceptable when it was judged, and is not any more, is not pinned [H9]', async () => {
  await trust.secured(bob, key(1), xtls);
  expect(judge(key(2)).accepted).toBe(true);
  // Not awaited: the second call is made while the first is on its way.
  const both = [trust.verified(bob, key(1), 'comparison'), trust.secured(bob, key(2), xtls)];
  expect(await Promise.all(both.map(rejection))).toEqual(['fulfilled', 'certificate-fingerprint-mismatch']);
  expect(trust.level(bob, key(2))).toBe(0);
});

describe('eight keys', () => {
  test('are remembered, and the one that was not used for longest makes room', async () => {
    for (let number = 1; number <= 8; number += 1, now += 7200) await trust.secured(bob, key(number), xtls);
    await trust.secured(bob, key(1), xtls);
    await trust.secured(bob, key(9), xtls);
    expect(trust.list()).toHaveLength(8);
    expect([trust.level(bob, key(1)), trust.level(bob, key(2)), trust.level(bob, key(9))]).toEqual([1, 0, 1]);
    expect(announced.slice(-2)).toEqual([['trust', bob, fingerprintOf(key(2)), 1, 0], ['trust', bob, fingerprintOf(key(9)), 0, 1]]);
  });

  test('that a stranger presents push out one another, and never a verified one', async () => {
    await trust.secured(bob, key(1), xtls);
    await trust.verified(bob, key(1), 'comparison');
    for (let number = 2; number < 50; number += 1, now += 7200) await trust.changed(bob, key(number), 'xtls');
    expect(trust.list()).toHaveLength(8);
    expect(trust.level(bob, key(1))).toBe(2);
  });
});

test('a refused key pushes out one that was only seen, and never the verified one', async () => {
  await trust.secured(bob, key(1), xtls);
  for (let number = 2; number <= 8; number += 1) await trust.secured(bob, key(number), xtls);
  await trust.verified(bob, key(1), 'comparison');
  now += 7200;
  await trust.changed(bob, key(9), 'xtls');
  expect([trust.list().length, trust.level(bob, key(1)), trust.level(bob, key(9))]).toEqual([8, 2, 3]);
});

describe('an authority', () => {
  const vouched = Uint8Array.of(7);
  beforeEach(async () => {
    trust = await open({ isVouchedFor: (jid, certificate) => jid === bob && Buffer.from(certificate).equals(vouched) });
  });

  test('verifies a key as long as it vouches for it', async () => {
    expect(trust.judgeKey(bob, { spki: key(1), certificate: vouched })).toEqual({ accepted: true, pinned: false, verifiedBy: 'pkix' });
    expect(trust.judgeKey(carol, { spki: key(1), certificate: vouched })).toMatchObject({ verifiedBy: undefined });
    await trust.secured(bob, key(1), xtls);
    await trust.verified(bob, key(1), 'pkix');
    expect(trust.judgeKey(bob, { spki: key(1), certificate: vouched })).toEqual({ accepted: true, pinned: true, verifiedBy: 'pkix' });
    // Another certificate for the key, or the authority is configured no longer.
    expect(judge(key(1))).toEqual({ accepted: true, pinned: true, verifiedBy: undefined });
    expect(trust.isStrict(bob)).toBe(true);
  });

  test('does not overrule what the user knows', async () => {
    await trust.secured(bob, key(1), xtls);
    await trust.verified(bob, key(1), 'comparison');
    expect(trust.judgeKey(bob, { spki: key(1), certificate: vouched })).toMatchObject({ verifiedBy: 'comparison' });
    expect(refusal(trust.judgeKey(bob, { spki: key(2), certificate: vouched }))).toBe('certificate-fingerprint-mismatch');
  });
});

describe('the order of mechanisms', () => {
  test('is the user’s, then the built-in one', async () => {
    expect(trust.mechanismOrder).toEqual(['xtls', 'otr', 'omemo']);
    await trust.setMechanismOrder(['omemo']);
    expect(trust.mechanismOrder).toEqual(['omemo', 'xtls', 'otr']);
    await trust.setMechanismOrder(['omemo']);
    await trust.setMechanismOrder([]);
    expect(trust.mechanismOrder).toEqual(['xtls', 'otr', 'omemo']);
    expect(announced).toEqual([['order'], ['order']]);
  });

  test.each([[['plain']], [['xtls', 'xtls']], [['']], [['__proto__']]])('is not %j', async (names) => {
    expect(await rejection(trust.setMechanismOrder(names))).toBe('invalid-argument');
    expect(trust.mechanismOrder).toEqual(['xtls', 'otr', 'omemo']);
  });
});

describe('a fingerprint to accept', () => {
  test('must be one, and of this contact', async () => {
    await trust.secured(bob, key(1), xtls);
    expect(await rejection(trust.acceptKey(bob, 'no'))).toBe('invalid-argument');
    expect(await rejection(trust.acceptKey(bob, fingerprintOf(key(2))))).toBe('does-not-exist');
    expect(await rejection(trust.acceptKey(carol, fingerprintOf(key(1))))).toBe('does-not-exist');
    expect(await rejection(trust.acceptKey(bob, fingerprintOf(key(1))))).toBe('fulfilled');
    expect(trust.level(bob, key(1))).toBe(1);
  });
});

test('before the memory was read everybody is strict, and no key good enough [fault-7]', () => {
  trust = new Trust({ keeper: new VolatileKeeper(), policy: 'off', mechanisms: [], log: silentLog });
  expect([trust.isStrict(bob), trust.wasSecured(bob), trust.wasBound(bob), trust.hasPin(bob), trust.isVerified(bob)]).toEqual([true, true, true, true, false]);
  expect(refusal(judge(key(1)))).toBe('encryption-not-available');
  expect(trust.problem?.condition).toBe('not-yet');
});

test('a change that cannot be kept changes and announces nothing [fault-6]', async () => {
  const keeper = new VolatileKeeper();
  trust = await open({ keeper });
  await trust.secured(bob, key(1), xtls);
  announced.length = 0;
  keeper.update = () => Promise.reject(new HushError('resource-unavailable', 'the disk is full'));
  const before = trust.list();
  expect(await rejection(trust.verified(bob, key(1), 'comparison'))).toBe('resource-unavailable');
  expect(await rejection(trust.setContactPolicy(bob, 'required'))).toBe('resource-unavailable');
  expect(await rejection(trust.forget(bob))).toBe('resource-unavailable');
  expect([trust.list(), announced, trust.isStrict(bob)]).toEqual([before, [], false]);
});

describe('whatever happens in whatever order', () => {
  const step = fc.record({
    what: fc.constantFrom('secured', 'verified', 'distrust', 'changed', 'forget', 'accept', 'off', 'opportunistic', 'required', 'reset', 'account'),
    jid: fc.constantFrom(bob, carol),
    number: fc.integer({ min: 1, max: 12 }),
  });

  async function perform({ what, jid, number }: { what: string; jid: BareJid; number: number }): Promise<void> {
    now += 1000;
    if (what === 'secured') await trust.secured(jid, key(number), xtls);
    else if (what === 'verified') await trust.verified(jid, key(number), 'comparison');
    else if (what === 'distrust') await trust.distrust(jid, key(number));
    else if (what === 'changed') await trust.changed(jid, key(number), 'xtls');
    else if (what === 'forget') await trust.forget(jid);
    else if (what === 'accept') await trust.acceptKey(jid, fingerprintOf(key(number)));
    else if (what === 'account') await trust.setAccountPolicy(number % 2 === 0 ? 'required' : 'opportunistic');
    else await trust.setContactPolicy(jid, what === 'reset' ? undefined : (what as 'off'));
  }

  test('the announcements tell the whole story, nobody is verified from nothing, and who was gets no unknown key', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        trust = await open();
        const levels = new Map<string, TrustLevel>();
        const once = new Set<BareJid>();
        trust.events.on('trustChanged', (jid, fingerprint, old, is) => {
          expect(levels.get(jid + fingerprint) ?? 0).toBe(old);
          levels.set(jid + fingerprint, is);
        });
        for (const one of steps) {
          const unknown = trust.level(one.jid, key(one.number)) === 0;
          const outcome = await rejection(perform(one));
          if (one.what === 'forget') once.delete(one.jid);
          if (one.what === 'verified' && outcome === 'fulfilled') once.add(one.jid);
          if (one.what === 'secured' && unknown && once.has(one.jid)) expect(outcome).toBe('certificate-fingerprint-mismatch');
          expect(new Map(trust.list().map(({ jid, fingerprint, trust: level }) => [jid + fingerprint, level]))).toEqual(new Map([...levels].filter(([, level]) => level !== 0)));
          for (const jid of [bob, carol]) {
            expect(trust.isVerified(jid)).toBe(once.has(jid));
            expect(trust.list().filter((known) => known.jid === jid).length).toBeLessThanOrEqual(8);
            if (trust.contactLevel(jid) === 2) expect(once.has(jid)).toBe(true);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
