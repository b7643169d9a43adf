import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { names, variants } from '../harness/telepathy-client.ts';
import type { TextChannel } from '../harness/telepathy-client.ts';
import type { XtlsPeer } from '../harness/xtls-peer.ts';
import { claimed, errorOf, signalOf, state, T } from './people.ts';
import { ended, XtlsStage } from './xtls-stage.ts';

const always = ['Encrypted', 'IntegrityProtected', 'Complete', 'ReplayProtected', 'ForwardSecret', 'Deniable'];

describe('hush and an end of XTLS that is not ours', () => {
  let stage: XtlsStage;
  let eve: XtlsPeer;
  let dora: XtlsPeer;
  const from = (peer: XtlsPeer, name: string, details: Readonly<Record<string, unknown>> = {}) => ({ source: peer.name, name, ...details });

  beforeAll(async () => {
    stage = await XtlsStage.open({ eve: 'profile', dora: 'draft' });
    [eve, dora] = stage.peers as [XtlsPeer, XtlsPeer];
  }, 60_000);
  afterAll(() => stage.close());
  afterEach(async () => {
    await stage.clear();
    for (const peer of stage.peers) await peer.accept();
  });

  /** Words and receipts in both directions, and a sign of life. */
  async function talk(peer: XtlsPeer, sid: string, channel: TextChannel): Promise<void> {
    const reported = channel.received(({ parts }) => parts[0]?.['message-type'] === 4);
    const parts = [variants({}), variants({ 'content-type': 'text/plain', content: 'canary <&> é' })];
    const [token] = await channel.call(names.messages, 'SendMessage', parts, 1);
    const { id } = await stage.events.expect<{ source: string; name: string; id: string }>(from(peer, 'message', { sid, body: 'canary <&> é', type: 'chat' }));
    expect((await reported).parts[0]).toMatchObject({ 'delivery-status': 1, 'delivery-token': token as string });
    expect(id).toBe(token);
    const received = channel.received();
    const sent = await peer.message(sid, 'canary "too" ]]>');
    await stage.events.expect(from(peer, 'receipt', { sid, of: sent }));
    expect(await received).toMatchObject({ text: 'canary "too" ]]>', parts: [{ 'security-mechanism': 'xtls', 'message-token': sent }, {}] });
    expect(await peer.ping(sid)).toBe('result');
  }

  async function agree(peer: XtlsPeer, channel: TextChannel): Promise<void> {
    const number = await channel.get(names.peerAuthentication, 'SafetyNumber');
    const fingerprint = ((await channel.get(names.peerAuthentication, 'LocalFingerprint')) as string).replaceAll(' ', '');
    const tls = stage.events.all(from(peer, 'tls')).at(-1) as unknown as { certificate: { spki: string; fingerprint: string; addresses: string[]; key: string; isCa: boolean; version: string; hash: string } };
    expect(tls.certificate).toMatchObject({ fingerprint, addresses: [stage.hush.jid], key: 'secp256r1', hash: 'sha256', isCa: false, version: 'v3' });
    expect(number).toBe(await peer.safetyNumber(stage.hush.jid, tls.certificate.spki));
  }

  test('a session that hush starts, from offer to authenticated end', async () => {
    const { sid, channel, secure } = await stage.started(eve);
    expect(secure).toMatchObject({ profile: true, mode: '', commitments: [true, true], ownSpki: eve.spki });
    expect(await claimed(channel)).toEqual(expect.arrayContaining([...always, 'WeaklyAuthenticated', 'WeaklyAnonymous', 'DowngradeResistant']));
    await agree(eve, channel);
    await talk(eve, sid, channel);
    await channel.call(names.securable, 'End');
    await stage.events.expectMany([from(eve, 'ended', { sid, clean: true }), from(eve, 'terminated', { sid, reason: 'success' })]);
    expect(await ended(channel)).toEqual({ reason: 'local', error: `${T}Cancelled` });
  });

  test('a session that the other starts, from offer to authenticated end', async () => {
    const { sid, channel, secure } = await stage.met(eve);
    expect(secure).toMatchObject({ profile: true, mode: '', commitments: [true, true], ownSpki: eve.spki });
    expect(await claimed(channel)).toEqual(expect.arrayContaining([...always, 'WeaklyAuthenticated', 'WeaklyAnonymous', 'DowngradeResistant']));
    await agree(eve, channel);
    await talk(eve, sid, channel);
    await eve.end(sid);
    await stage.events.expect(from(eve, 'ended', { sid, clean: true }));
    await state(channel, 3);
    expect(await ended(channel)).toEqual({ reason: 'clean', error: `${T}Terminated` });
  });

  test('the claims are what was proved: without a commitment from the other, no vouching by the signalling path', async () => {
    for (const begin of [async () => stage.started(eve, { commit: false }), async () => stage.met(eve, { commit: false })]) {
      await stage.clear();
      const { channel, secure } = await begin();
      expect(secure.commitments.filter((is) => is)).toHaveLength(1);
      const claims = await claimed(channel);
      expect(claims).toContain('DowngradeResistant');
      expect(claims).not.toContain('WeaklyAuthenticated');
    }
  });

  test.each([
    ['anonymous because that is demanded', async () => stage.started(eve, {}, 'StronglyAnonymous')],
    ['anonymous because the other wishes it and is unknown', async () => stage.met(eve, { mode: 'anonymous' })],
  ])('a session %s', async (_, begin) => {
    const { sid, channel, secure } = await begin();
    expect(secure).toMatchObject({ mode: 'anonymous', commitments: [false, false] });
    const claims = await claimed(channel);
    expect(claims).toEqual(expect.arrayContaining([...always, 'WeaklyAnonymous', 'StronglyAnonymous', 'DowngradeResistant']));
    expect(claims).not.toContain('WeaklyAuthenticated');
    const tls = stage.events.all(from(eve, 'tls')).at(-1) as unknown as { certificate: { addresses: string[]; spki: string } };
    expect(tls.certificate.addresses).toEqual([]);
    const identity = (await stage.hush.connection.get(names.security, 'IdentityFingerprint')) as string;
    expect(tls.certificate).not.toMatchObject({ fingerprint: identity.replaceAll(' ', '') });
    await talk(eve, sid, channel);
    await eve.share('Lisbon');
    const concluded = signalOf(channel, 'SharedSecretConcluded');
    await channel.call(names.peerAuthentication, 'StartSharedSecret', '', 'Lisbon');
    expect(await concluded).toEqual([true, '']);
    expect(await claimed(channel)).toContain('Verified');
    // Verified, but never pinned.
    const peers = (await stage.hush.connection.call(names.security, 'ListPeers'))[0] as [string][];
    expect(peers.map(([jid]) => jid)).not.toContain(eve.bareJid);
  });

  test('who is known is not met anonymously, unless that is demanded', async () => {
    const { sid } = await stage.met(eve);
    await eve.end(sid);
    await stage.events.expect(from(eve, 'ended', { sid, clean: true }));
    const refused = await eve.offer(stage.jid, { mode: 'anonymous' });
    await stage.events.expect(from(eve, 'terminated', { sid: refused, reason: 'decline' }));
    // The twin: with its identity it is.
    await stage.met(eve);
  });

  test.each([
    ['that hush starts', async () => stage.started(dora)],
    ['that the other starts', async () => stage.met(dora)],
    ['with fingerprints written in another way', async () => stage.met(dora, { plainFingerprint: true, fingerprintBytes: 64 })],
    ['without a fingerprint from the other', async () => stage.met(dora, { fingerprint: false })],
  ])('a session of the draft only, %s', async (_, begin) => {
    const { sid, channel, secure } = await begin();
    expect(secure).toMatchObject({ profile: false, ownSpki: dora.spki });
    const claims = await claimed(channel);
    expect(claims).toEqual(expect.arrayContaining(always));
    for (const claim of ['DowngradeResistant', 'WeaklyAnonymous', 'StronglyAnonymous', 'Verified']) expect(claims).not.toContain(claim);
    await agree(dora, channel);
    await talk(dora, sid, channel);
    await dora.end(sid);
    await stage.events.expect(from(dora, 'ended', { sid, clean: true }));
    await state(channel, 3);
    expect(await ended(channel)).toMatchObject({ reason: 'clean' });
  });

  test('who has been met with the profile is not met without it', async () => {
    const { sid } = await stage.met(eve);
    await eve.end(sid);
    await stage.events.expect(from(eve, 'ended', { sid, clean: true }));
    const offer = await eve.offer(stage.jid, { profile: false });
    await stage.events.expect(from(eve, 'terminated', { sid: offer, reason: 'security-error' }));
    await eve.presence('draft');
    await eve.settle(stage.jid);
    try {
      expect(await errorOf(stage.channel(eve))).toBe(`${T}EncryptionNotAvailable`);
      expect(await errorOf(stage.channel(dora, 'WeaklyAnonymous'))).toBe(`${T}WouldBreakAnonymity`);
    } finally {
      await eve.presence();
      await eve.settle(stage.jid);
    }
  });

  test('a secret compared, started by either: right, wrong, declined', async () => {
    const { sid, channel } = await stage.started(eve);
    const run = async (secret: string): Promise<unknown[]> => {
      const concluded = signalOf(channel, 'SharedSecretConcluded');
      await channel.call(names.peerAuthentication, 'StartSharedSecret', 'Where?', secret);
      const outcome = await concluded;
      await stage.events.sync();
      return outcome;
    };
    await eve.share(null);
    expect(await run('Lisbon')).toEqual([false, `${T}Rejected`]);
    await eve.share('caf\u00e9\u00a0noir');
    expect(await run('cafe noir')).toEqual([false, `${T}AuthenticationFailed`]);
    await stage.events.expect(from(eve, 'verified', { sid, starter: false, verified: false, condition: 'authentication-failed' }));
    expect(await claimed(channel)).not.toContain('Verified');

    const asked = async (secret: string, answer: string): Promise<unknown[]> => {
      const [requested, concluded] = [signalOf(channel, 'SharedSecretRequested'), signalOf(channel, 'SharedSecretConcluded')];
      await eve.verify(sid, secret, 'Who & where?');
      expect(await requested).toEqual(['Who & where?']);
      await channel.call(names.peerAuthentication, 'AnswerSharedSecret', answer);
      return concluded;
    };
    expect(await asked('Lisbon', 'Porto')).toEqual([false, `${T}AuthenticationFailed`]);
    await stage.events.expect(from(eve, 'verified', { sid, starter: true, verified: false, condition: 'authentication-failed' }));
    expect(await claimed(channel)).not.toContain('Verified');
    expect(await asked('Lisbon', 'Lisbon')).toEqual([true, '']);
    await stage.events.expect(from(eve, 'verified', { sid, starter: true, verified: true }));
    expect(await claimed(channel)).toContain('Verified');
    await talk(eve, sid, channel);
  });

  test('a secret compared, started by hush: right at the first attempt', async () => {
    const { sid, channel } = await stage.met(eve);
    await eve.share('caf\u00e9\u00a0noir');
    const concluded = signalOf(channel, 'SharedSecretConcluded');
    await channel.call(names.peerAuthentication, 'StartSharedSecret', 'Which?', 'cafe\u0301 noir');
    expect(await concluded).toEqual([true, '']);
    await stage.events.expectMany([from(eve, 'verify-asked', { sid, question: 'Which?' }), from(eve, 'verified', { sid, starter: false, verified: true })]);
    expect(await claimed(channel)).toContain('Verified');
  });

  test.each([['lower'], ['higher']] as const)('offers that cross, the other with a %s sid', async (crossing) => {
    const { sid, channel } = await stage.started(eve, { crossing });
    const [offer] = stage.events.all(from(eve, 'stanza', { way: crossing === 'lower' ? 'out' : 'in', xml: (xml: string) => xml.includes('session-initiate') && xml.includes(sid) }));
    expect(offer).toBeDefined();
    await talk(eve, sid, channel);
  });

  test.each([
    ['other names, flags and methods, small blocks', { name: 'n&m', flags: { later: '1', again: 'ä' }, methods: ['srp', 'x509', 'x509', 'later'], blockSize: '256' }],
    ['a larger block than ours', { blockSize: '65535' }],
    ['a sid of other characters', { sid: '<sid> & é' }],
    ['a stream written in another way', { misbehave: ['xml-declaration', 'header-with-another-prefix', 'header-with-id', 'small-blocks', 'stamped-stanzas'] }],
    ['a key of another kind', { key: 'ed25519' }],
    ['an RSA key', { key: 'rsa-2048' }],
    ['a larger curve', { key: 'p-384' }],
  ])('the other may use %s', async (_, options) => {
    const { sid, channel } = await stage.met(eve, options);
    expect(await claimed(channel)).toContain('DowngradeResistant');
    await talk(eve, sid, channel);
  });

  test('what is long takes many blocks, and a block refused for now comes again', async () => {
    const { sid, channel } = await stage.started(eve, { misbehave: ['wait-once'], ownBlockSize: 256 });
    const body = 'long '.repeat(2_000);
    await channel.send(body);
    const message = await stage.events.expect(from(eve, 'message', { sid }), 15_000);
    expect(message['body']).toBe(body);
    expect(stage.events.all(from(eve, 'stanza', { way: 'out', xml: (xml: string) => xml.includes('resource-constraint') })).length).toBeGreaterThan(1);
    const received = channel.received();
    await eve.message(sid, body);
    expect((await received).text).toBe(body);
  });

  test('nothing was seen that an end of XTLS should not do', () => {
    expect(stage.deviations()).toEqual([]);
  });
});
