import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EventQueue } from './events.ts';
import { startProsody } from './prosody.ts';
import type { Prosody } from './prosody.ts';
import { XtlsPeer } from './xtls-peer.ts';
import type { AnswerOptions, Secured, XtlsOptions } from './xtls-peer.ts';

describe('two ends of XTLS, neither of them ours, on Prosody', () => {
  const events = new EventQueue();
  let prosody: Prosody;
  let alice: XtlsPeer;
  let bob: XtlsPeer;
  const from = (peer: XtlsPeer, name: string, details: Readonly<Record<string, unknown>> = {}) => ({ source: peer.name, name, ...details });

  beforeAll(async () => {
    prosody = await startProsody({ users: { alice: 'alice', bob: 'bob' } });
    await prosody.befriend('alice', 'bob');
    [alice, bob] = await Promise.all([XtlsPeer.connect(prosody, events, 'alice', 'alice', { resource: 'Büro é' }), XtlsPeer.connect(prosody, events, 'bob', 'bob')]);
    for (const peer of [alice, bob]) await peer.presence();
    events.forbid({ name: 'error' });
  }, 30_000);
  afterAll(async () => {
    for (const peer of [alice, bob]) await peer.stop();
    await prosody.stop();
  });
  beforeEach(async () => {
    for (const peer of [alice, bob]) {
      await peer.accept();
      await peer.presence();
    }
  });

  async function secured(options: XtlsOptions = {}, answer: AnswerOptions = {}): Promise<{ sid: string; ends: [Secured, Secured] }> {
    await bob.accept(answer);
    const sid = await alice.offer(bob.jid, options);
    const ends = await events.expectMany([from(alice, 'secure', { sid }), from(bob, 'secure', { sid })]);
    return { sid, ends: ends as [Secured, Secured] };
  }

  async function talk(sid: string): Promise<void> {
    for (const [one, other] of [[alice, bob], [bob, alice]] as const) {
      const id = await one.message(sid, 'canary & <co> é');
      await events.expectMany([from(other, 'message', { sid, body: 'canary & <co> é', id, type: 'chat' }), from(one, 'receipt', { sid, of: id })]);
      expect(await one.ping(sid)).toBe('result');
    }
  }

  async function ends(sid: string, first: XtlsPeer, second: XtlsPeer): Promise<void> {
    await first.end(sid);
    await events.expectMany([from(second, 'ended', { sid, clean: true }), from(first, 'ended', { sid, clean: true }), from(second, 'terminated', { sid, reason: 'success' })]);
  }

  test('their values are the known answers', async () => {
    const vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../vectors/xtls.json'), 'utf8')) as {
      commitment: { commitment: string }; binding: { input: string; H: string }[]; srp: Record<string, string>;
    };
    const computed = (await alice.knownAnswers(join(import.meta.dirname, '../vectors/xtls.json'))) as { srp: Record<string, string> };
    expect(computed).toEqual({
      commitment: vectors.commitment.commitment,
      binding: vectors.binding.map(({ input, H }) => ({ input, H })),
      srp: Object.fromEntries(Object.keys(computed.srp).map((name) => [name, vectors.srp[name]])),
    });
    expect(Object.keys(computed.srp)).toEqual(expect.arrayContaining(['scrypt', 'x', 'A-sha256', 'B-sha256', 'K', 'M1', 'M2']));
  });

  test('talk with their identities, each committed to', async () => {
    const { sid, ends: [one, other] } = await secured();
    expect(one).toMatchObject({ profile: true, mode: '', commitments: [true, true], ownSpki: alice.spki, peerSpki: bob.spki });
    expect([other.bindingHash, other.exporter, other.ownSpki, other.peerSpki]).toEqual([one.bindingHash, one.exporter, one.peerSpki, one.ownSpki]);
    expect(await alice.safetyNumber(bob.bareJid, bob.spki)).toBe(await bob.safetyNumber(alice.bareJid, alice.spki));
    await talk(sid);
    await ends(sid, alice, bob);
  });

  test.each([
    ['anonymous', { mode: 'anonymous' }, {}, { mode: 'anonymous', commitments: [false, false] }],
    ['without commitments', { commit: false }, { commit: false }, { commitments: [false, false] }],
    ['with one commitment', {}, { commit: false }, { commitments: [true, false] }],
    ['draft only', { profile: false }, {}, { profile: false }],
    ['with flags, other methods, another name, small blocks', { flags: { later: '1', again: 'ä' }, methods: ['srp', 'x509', 'x509'], name: 'n&m', blockSize: '256' }, {}, {}],
    ['in small steps', { misbehave: ['small-blocks'] }, { ownBlockSize: 300, misbehave: ['xml-declaration', 'header-with-another-prefix', 'header-with-id'] }, {}],
    ['with keys of other kinds', { key: 'ed25519' }, { key: 'rsa-2048' }, {}],
  ] as const)('talk %s', async (_, options, answer, expected) => {
    const { sid, ends: [one, other] } = await secured(options, answer);
    expect(one).toMatchObject(expected);
    expect(other.bindingHash).toBe(one.bindingHash);
    expect(other.exporter).toBe(one.exporter);
    await talk(sid);
    await ends(sid, bob, alice);
  });

  test('long messages take many blocks, and a block refused for now comes again', async () => {
    const { sid } = await secured({}, { misbehave: ['wait-once'] });
    const body = 'long '.repeat(20_000);
    const id = await alice.message(sid, body);
    const [message] = await events.expectMany([from(bob, 'message', { sid, id }), from(alice, 'receipt', { of: id })]);
    expect(message!['body']).toBe(body);
    expect(events.all(from(alice, 'refused', { condition: 'resource-constraint' })).length).toBeGreaterThan(1);
    await ends(sid, alice, bob);
  });

  test('compare a secret: right, wrong, declined; the session lives on', async () => {
    const { sid } = await secured();
    const outcome = (verified: boolean, condition: string) => [
      from(alice, 'verified', { sid, starter: true, verified, condition }), from(bob, 'verified', { sid, starter: false, verified, condition }),
    ];
    await bob.share('café\u00a0noir');
    await alice.verify(sid, 'café noir', 'What?');
    await events.expectMany([from(bob, 'verify-asked', { sid, question: 'What?' }), ...outcome(true, '')]);
    await alice.verify(sid, 'tea');
    await events.expectMany(outcome(false, 'authentication-failed'));
    await bob.share(null);
    await alice.verify(sid, 'café noir');
    await events.expect(from(alice, 'verified', { verified: false, condition: 'declined' }));
    await bob.share('café noir');
    await alice.verify(sid, 'café noir', undefined, ['srp-A-zero']);
    await events.expectMany([from(alice, 'verified', { verified: false, condition: 'bad-request' }), from(bob, 'verify-refused', {})]);
    await talk(sid);
    await ends(sid, alice, bob);
  });

  test.each([['lower', 'responder'], ['higher', 'initiator']] as const)('offers that cross: one with a %s sid', async (crossing, role) => {
    await bob.accept({ crossing });
    const sid = await alice.offer(bob.jid);
    const [secure] = (await events.expectMany([from(alice, 'secure'), from(bob, 'secure')])) as Secured[];
    expect(secure!.sid === sid).toBe(role === 'initiator');
    await ends(secure!.sid, alice, bob);
  });

  test.each([
    ['initiator', 'binding-with-wrong-hash'], ['responder', 'binding-with-wrong-hash'], ['initiator', 'commitment-changed'], ['responder', 'reveal-missing'],
    ['initiator', 'certificate-of-another-jid'], ['responder', 'expired-certificate'], ['initiator', 'rsa-1024'], ['responder', 'tls-1.2-only'], ['initiator', 'no-certificate'],
    ['initiator', 'message-before-binding'], ['initiator', 'seq-skipped'], ['responder', 'base64-with-padding-bits'], ['initiator', 'data-in-message'],
    ['responder', 'accept-without-security'], ['responder', 'accept-with-another-name'], ['initiator', 'open-with-other-block-size'],
  ] as const)('a hostile %s is refused by the other: %s', async (role, what) => {
    const allowed = events.forbid({ name: 'message' });
    await bob.accept(role === 'responder' ? { misbehave: [what] } : {});
    const sid = await alice.offer(bob.jid, role === 'initiator' ? { misbehave: [what] } : {});
    const [hostile, honest] = role === 'initiator' ? [alice, bob] : [bob, alice];
    await events.expectMany([from(honest, 'ended', { sid, clean: false }), from(hostile, 'terminated', { sid, reason: 'security-error' })]);
    expect(events.all(from(hostile, 'misbehaved', { sid, what }))).toHaveLength(1);
    expect(events.all(from(honest, 'secure', { sid }))).toEqual([]);
    allowed();
  });

  test.each(['presence-inside', 'dtd-inside', 'comment-inside', 'depth-65-inside', 'stanza-too-long', 'text-between-stanzas', 'foreign-from-inside', 'plaintext-after-close',
    'ibb-close-without-end', 'key-update-flood', 'flipped-byte', 'content-add'])('a session ends by %s', async (what) => {
    const { sid } = await secured();
    const allowed = events.forbid(from(bob, 'message'));
    await alice.misbehave(sid, what);
    await events.expectMany([from(bob, 'ended', { sid, clean: false }), from(alice, 'terminated', { sid, reason: 'security-error' })]);
    allowed();
  });

  test('deviate in nothing from what the profile asks of senders', () => {
    // Of those who were asked to deviate in something nothing else is asked.
    const deviant = new Set(events.all({ name: 'misbehaved' }).map(({ sid }) => sid));
    expect(events.all({ name: 'deviation' }).filter(({ sid, what }) => !deviant.has(sid) && !String(what).startsWith('flags') && !String(what).startsWith('offer with other'))).toEqual([]);
  });
});
