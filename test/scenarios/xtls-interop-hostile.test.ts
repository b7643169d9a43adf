import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EventQueue } from '../harness/events.ts';
import { names, variants } from '../harness/telepathy-client.ts';
import type { TextChannel } from '../harness/telepathy-client.ts';
import { XtlsPeer } from '../harness/xtls-peer.ts';
import type { AnswerOptions, Cut, XtlsOptions } from '../harness/xtls-peer.ts';
import { claimed, errorOf, signalOf, state, T } from './people.ts';
import { ended, XtlsStage } from './xtls-stage.ts';

const blocks = [
  ['seq-skipped', 'unexpected-request'], ['seq-repeated-different', 'unexpected-request'], ['seq-with-leading-zero', 'bad-request'], ['seq-beyond-16-bits', 'bad-request'],
  ['block-too-big', 'bad-request'], ['block-empty', 'bad-request'], ['block-with-child', 'bad-request'], ['base64-with-whitespace', 'bad-request'],
  ['base64-with-padding-bits', 'bad-request'], ['base64-without-padding', 'bad-request'], ['base64-with-interior-padding', 'bad-request'], ['base64-of-urls', 'bad-request'],
] as const;

const certificates = [
  ['certificate-of-another-jid', 'Cert.HostnameMismatch'], ['certificate-without-jid', 'Cert.HostnameMismatch'], ['expired-certificate', 'Cert.Expired'],
  ['certificate-not-yet-valid', 'Cert.NotActivated'], ['rsa-1024', 'Cert.Insecure'], ['p-521', 'Cert.Insecure'], ['signed-with-sha-1', 'Cert.Insecure'],
] as const;

/** In offers: the reason of session-terminate. */
const offers = [
  ['offer-without-security', 'security-error'], ['offer-with-two-profiles', 'security-error'], ['profile-with-child', 'security-error'], ['profile-with-namespaced-attribute', 'security-error'],
  ['offer-with-two-contents', 'unsupported-applications'], ['offer-with-creator-responder', 'unsupported-applications'], ['offer-with-senders-initiator', 'unsupported-applications'],
  ['offer-of-another-application', 'unsupported-applications'], ['offer-of-another-transport', 'unsupported-transports'], ['offer-with-two-transports', 'unsupported-transports'],
] as const;

const offerValues: readonly (readonly [string, XtlsOptions, string])[] = [
  ['an unknown mode', { mode: 'later' }, 'security-error'], ['an empty mode', { flags: { mode: '' } }, 'security-error'], ['no method we know', { methods: ['srp'] }, 'security-error'],
  ['no method', { methods: [] }, 'security-error'], ['a commitment that is none', { flags: { commitment: 'AAAA' } }, 'security-error'],
  ['blocks too small', { blockSize: '255' }, 'failed-transport'], ['blocks too big', { blockSize: '65536' }, 'failed-transport'], ['blocks of nothing', { blockSize: '0' }, 'failed-transport'],
  ['a negative size', { blockSize: '-4096' }, 'failed-transport'], ['a size with zeros', { blockSize: '04096' }, 'failed-transport'], ['a size that is no number', { blockSize: '4096 ' }, 'failed-transport'],
];

const accepts = [
  'accept-with-another-creator', 'accept-with-another-name', 'accept-with-another-ibb-sid', 'accept-without-security', 'accept-without-profile', 'accept-with-another-mode',
  'accept-with-two-methods', 'accept-with-another-method', 'accept-with-two-profiles', 'accept-with-larger-block', 'accept-with-foreign-responder',
] as const;

const carriage = ['garbage-instead-of-tls', 'endless-handshake', 'data-before-open', 'open-with-other-block-size', 'open-with-stanza-message'] as const;

const bindings = [
  'binding-with-wrong-hash', 'binding-with-receivers-role', 'binding-with-another-alg', 'binding-without-alg', 'binding-without-role', 'binding-with-child', 'message-before-binding',
  'message-instead-of-reveal', 'reveal-of-another-salt', 'reveal-of-31-bytes', 'reveal-before-binding', 'commitment-changed', 'header-with-foreign-from', 'header-with-bare-from',
  'header-with-foreign-to', 'header-without-version', 'header-in-latin-1', 'stream-closed-before-binding', 'features-before-binding',
] as const;

const inside = [
  'foreign-from-inside', 'foreign-to-inside', 'bare-from-inside', 'presence-inside', 'groupchat-inside', 'headline-inside', 'dtd-inside', 'comment-inside', 'comment-in-stanza',
  'processing-instruction-inside', 'text-between-stanzas', 'depth-65-inside', 'stanza-too-long', 'tag-too-long', 'second-stream-inside', 'stream-error-inside', 'unknown-element-inside',
  'message-of-another-namespace', 'iq-without-id', 'iq-with-two-children', 'iq-without-child', 'second-features', 'binding-again', 'reveal-again', 'malformed-inside', 'undefined-entity-inside',
  'bad-utf-8-inside', 'overlong-nul-inside', 'unbound-prefix-inside', 'key-update-flood',
] as const;

/** In a session that is secure: the error that is answered, if any. */
const outside = [
  ['content-add', 'not-acceptable'], ['content-remove', 'not-acceptable'], ['transport-replace', 'not-acceptable'], ['description-info', 'not-acceptable'],
  ['foreign-initiator-later', 'bad-request'], ['foreign-responder-later', 'bad-request'], ['close-notify-without-end', undefined], ['ibb-close-without-end', undefined],
  ['data-in-message', undefined],
] as const;

describe('an end of XTLS that does what must not be done', () => {
  let stage: XtlsStage;
  let eve: XtlsPeer;
  let mallory: XtlsPeer;
  let dora: XtlsPeer;
  const from = (peer: XtlsPeer, name: string, details: Readonly<Record<string, unknown>> = {}) => ({ source: peer.name, name, ...details });
  const shown = { source: 'bus', name: 'MessageReceived' };
  const news = { source: 'bus', name: 'NewChannels' };
  const bytes = (peer: XtlsPeer) => from(peer, 'stanza', { way: 'in', xml: (xml: string) => xml.includes('<data ') });

  /** What takes its time goes on beside the rest: with others, in a queue of their own. */
  const aside = new EventQueue();
  const background: XtlsPeer[] = [];
  let waiting: Promise<readonly [unknown, unknown]>;

  beforeAll(async () => {
    stage = await XtlsStage.open({ eve: 'profile', mallory: 'profile', dora: 'draft' }, { contacts: ['tim', 'rita'], accounts: ['rex'], strangers: ['stan'] });
    [eve, mallory, dora] = stage.peers as [XtlsPeer, XtlsPeer, XtlsPeer];
    for (const user of ['tim', 'rita', 'stan']) background.push(await XtlsPeer.connect(stage.prosody, aside, user, user));
    const [tim, rita] = background as [XtlsPeer, XtlsPeer];
    for (const peer of [tim, rita]) {
      await peer.presence();
      await peer.settle(stage.jid);
    }
    await tim.accept({ misbehave: ['end-unanswered'] });
    const channel = await stage.channel(tim);
    const silent = await rita.offer(stage.jid, { misbehave: ['reveal-missing'] });
    waiting = Promise.all([
      errorOf(channel.call(names.securable, 'End')).then(async () => (await channel.getAll(names.securable))['EndReason']),
      aside.expect(from(rita, 'terminated', { sid: silent }), 25_000).then(({ reason }) => reason),
    ] as const);
    waiting.catch(() => undefined);
  }, 60_000);
  afterAll(async () => {
    for (const peer of background) await peer.stop();
    await stage.close();
  });
  afterEach(async () => {
    await stage.clear();
    for (const peer of stage.peers) await peer.accept();
  });

  /** It offers, and is refused: nothing of it is seen by the user, and what it was asked to do it did. */
  async function offered(peer: XtlsPeer, options: XtlsOptions, reason: string): Promise<string> {
    return stage.without([shown, news], async () => {
      const sid = await peer.offer(stage.jid, options);
      await stage.events.expect(from(peer, 'terminated', { sid, reason }));
      for (const what of options.misbehave ?? []) expect(stage.events.all(from(peer, 'misbehaved', { sid, what }))).toHaveLength(1);
      return sid;
    });
  }

  /** It accepts, and is refused: whoever asked for the channel learns why, and gets none. */
  async function accepted(peer: XtlsPeer, options: AnswerOptions, error: string, claim = 'Encrypted'): Promise<string> {
    await peer.accept(options);
    return stage.without([shown], async () => {
      const failure = errorOf(stage.channel(peer, claim));
      const { sid } = await stage.events.expect<{ source: string; name: string; sid: string }>(from(peer, 'terminated', { reason: 'security-error' }));
      expect(await failure).toBe(`${T}${error}`);
      for (const what of options.misbehave ?? []) expect(stage.events.all(from(peer, 'misbehaved', { sid, what }))).toHaveLength(1);
      for (const channel of await stage.channels()) expect(await channel.getAll(names.securable)).toMatchObject({ Encrypted: false });
      return sid;
    });
  }

  /** A session as it should be, started by one or the other in turn. */
  let turn = 0;
  function secured(options: XtlsOptions = {}): Promise<{ sid: string; channel: TextChannel }> {
    return turn++ % 2 === 0 ? stage.started(eve, options) : stage.met(eve, options);
  }

  async function isAlive(peer: XtlsPeer, sid: string, channel: TextChannel): Promise<void> {
    const received = channel.received(({ text }) => text === 'alive?');
    const id = await peer.message(sid, 'alive?');
    await received;
    await stage.events.expect(from(peer, 'receipt', { sid, of: id }));
    expect(await channel.get(names.securable, 'State')).toBe(2);
  }

  /** The session has ended, the user knows that it was not by the other's will, and nothing can be said in it any more. */
  async function isOver(channel: TextChannel): Promise<void> {
    await state(channel, 3);
    expect(await ended(channel)).toEqual({ reason: 'unauthenticated', error: `${T}EncryptionError` });
  }

  test('as long as it does not, it is met: the twin of all that follows', async () => {
    for (const begin of [() => stage.met(eve), () => stage.started(eve)]) {
      const { sid, channel } = await begin();
      await isAlive(eve, sid, channel);
      await stage.clear();
    }
  });

  describe('offers', () => {
    test.each(offers)('%s', async (what, reason) => {
      await offered(eve, { misbehave: [what] }, reason);
    });

    test.each(offerValues)('%s', async (_, options, reason) => {
      await offered(eve, options, reason);
    });

    test.each(['offer-with-foreign-initiator', 'offer-without-sid'])('%s', async (what) => {
      await stage.without([shown, news, from(eve, 'terminated')], async () => {
        await eve.offer(stage.jid, { misbehave: [what] });
        await stage.events.expect(from(eve, 'refused', { condition: 'bad-request' }));
        await eve.settle(stage.jid);
      });
    });

    test.each(carriage)('%s', async (what) => {
      await offered(eve, { misbehave: [what] }, 'security-error');
    });

    test.each(blocks)('%s', async (what, condition) => {
      const before = stage.events.all(from(eve, 'refused')).length;
      await offered(eve, { misbehave: [what] }, 'security-error');
      const refused = stage.events.all(from(eve, 'refused')).slice(before).map((event) => event['condition']);
      expect(refused).toContain(condition);
    });

    test.each(['data-in-message', 'forged-alert', 'flipped-byte', 'tls-1.2-only', 'no-certificate', ...certificates.map(([what]) => what), ...bindings, 'features-from-initiator'])('%s', async (what) => {
      await offered(eve, { misbehave: [what] }, 'security-error');
    });

    test('a reveal that nobody asked for', async () => {
      await offered(eve, { commit: false, misbehave: ['reveal-unasked'] }, 'security-error');
    });

    test('anonymous, a hash that is wrong; a certificate that is weak', async () => {
      await offered(eve, { mode: 'anonymous', misbehave: ['binding-with-wrong-hash'] }, 'security-error');
      await offered(eve, { mode: 'anonymous', misbehave: ['rsa-1024'] }, 'security-error');
      await stage.met(eve, { mode: 'anonymous' });
    });

    test('of a stranger get what everybody gets who is not known', async () => {
      const stan = background[2]!;
      await stan.presence();
      const offer = `<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' initiator='${stan.jid}' sid='s'><content creator='initiator' name='x'/></jingle>`;
      for (const payload of [offer, "<open xmlns='http://jabber.org/protocol/ibb' block-size='4096' sid='s' stanza='iq'/>", "<query xmlns='http://jabber.org/protocol/disco#info'/>"]) {
        expect(await stan.request(stage.jid, payload)).toBe('service-unavailable');
        expect(await stan.request(`${stage.hush.jid}/nobody`, payload)).toBe('service-unavailable');
      }
    });
  });

  describe('accepts', () => {
    test.each(accepts)('%s', async (what) => {
      await accepted(eve, { misbehave: [what] }, 'EncryptionError');
      // Not even TLS was begun.
      expect(stage.events.waiting(bytes(eve))).toEqual([]);
    });

    test.each(certificates)('%s', async (what, error) => {
      const before = stage.events.all(bytes(eve)).length;
      await accepted(eve, { misbehave: [what] }, error);
      // The greeting only: no certificate of hush's, nor anything else.
      expect(stage.events.all(bytes(eve)).length - before).toBe(1);
    });

    test.each([...blocks.map(([what]) => what), 'data-in-message', 'forged-alert', 'flipped-byte', 'tls-1.2-only', ...bindings, 'reveal-missing'])('%s', async (what) => {
      await accepted(eve, { misbehave: [what] }, 'EncryptionError');
    });

    test('a reveal that nobody asked for', async () => {
      // It comes when everything is proved already, and ends at once what was secure for a moment.
      await accepted(eve, { commit: false, misbehave: ['reveal-unasked'] }, 'Terminated');
    });

    test('anonymous, a hash that is wrong', async () => {
      await accepted(eve, { misbehave: ['binding-with-wrong-hash'] }, 'EncryptionError', 'StronglyAnonymous');
    });

    test('a conversation that was to be secured by itself is over when that failed inside TLS', async () => {
      await mallory.accept({ misbehave: ['binding-with-wrong-hash'] });
      const channel = await stage.hush.connection.ensureText(mallory.bareJid);
      await state(channel, 3);
      expect(await channel.getAll(names.securable)).toMatchObject({ EndReason: 'failed', Encrypted: false });
      expect(await errorOf(channel.send('into the void'))).toBe(`${T}EncryptionError`);
    });
  });

  describe('without the profile', () => {
    test('a fingerprint of another certificate', async () => {
      await offered(dora, { misbehave: ['wrong-fingerprint'] }, 'security-error');
      await accepted(dora, { misbehave: ['wrong-fingerprint'] }, 'Cert.FingerprintMismatch');
    });

    test('a profile that was not invited', async () => {
      await accepted(dora, { misbehave: ['accept-with-uninvited-profile'] }, 'EncryptionError');
    });

    test.each([
      ['binding', `<binding xmlns='urn:x-telepathy-hush:xtls:1' role='initiator' alg='sha-256'>${randomBytes(32).toString('base64')}</binding>`],
      ['reveal', `<reveal xmlns='urn:x-telepathy-hush:xtls:1'>${randomBytes(32).toString('base64')}</reveal>`],
      ['verify', "<verify xmlns='urn:x-telepathy-hush:xtls:1' mech='srp-6a-3072-sha256' id='00000000000000000000000000000000' step='abort' condition='busy'/>"],
    ])('%s', async (_, stanza) => {
      const { sid, channel } = await stage.met(dora);
      await dora.inside(sid, stanza);
      await stage.events.expect(from(dora, 'terminated', { sid, reason: 'security-error' }));
      await isOver(channel);
    });

    test('presence, features and addresses are tolerated there', async () => {
      const { sid, channel } = await stage.met(dora);
      await dora.inside(sid, `<presence/><message from='${dora.bareJid}' to='${stage.hush.jid}' type='chat' id='1'><body>from a bare address</body></message>`);
      await isAlive(dora, sid, channel);
    });
  });

  describe('in a session that is secure', () => {
    test.each(inside)('%s', async (what) => {
      const { sid, channel } = await secured();
      // Refused in silence: nothing is shown, nothing said inside.
      await stage.without([shown, bytes(eve)], async () => {
        await eve.misbehave(sid, what);
        await stage.events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
        await isOver(channel);
      });
    });

    test.each(['forged-alert', 'flipped-byte'])('%s', async (what) => {
      const { sid, channel } = await secured();
      const before = stage.events.all(bytes(eve)).length;
      await stage.without([shown], async () => {
        await eve.misbehave(sid, what);
        await stage.events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
        await isOver(channel);
      });
      // OpenSSL answers bytes that are no TLS by an alert of its own.
      expect(stage.events.all(bytes(eve)).length - before).toBeLessThanOrEqual(1);
    });

    test.each(outside)('%s', async (what, condition) => {
      const { sid, channel } = await secured();
      await stage.without([shown, bytes(eve)], async () => {
        await eve.misbehave(sid, what);
        if (condition !== undefined) await stage.events.expect(from(eve, 'refused', { condition }));
        await stage.events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
        await isOver(channel);
      });
    });

    test.each(blocks.filter(([what]) => what !== 'seq-repeated-different'))('%s', async (what, condition) => {
      const { sid, channel } = await secured();
      await stage.without([shown, bytes(eve)], async () => {
        await eve.misbehave(sid, what);
        await stage.events.expect(from(eve, 'refused', { condition, type: (type: unknown) => type !== 'wait' }));
        await stage.events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
        await isOver(channel);
      });
    });

    test('another block in the place of one that was taken; one of long ago once more', async () => {
      for (const options of [{}, { misbehave: ['small-blocks'] }]) {
        const { sid, channel } = await secured(options);
        await eve.misbehave(sid, 'misbehave' in options ? 'seq-repeated-17-blocks-later' : 'seq-repeated-different');
        await stage.events.expect(from(eve, 'refused', { condition: 'unexpected-request' }));
        await stage.events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
        await isOver(channel);
        await stage.clear();
      }
    });

    test.each(['plaintext-after-close', 'junk-after-close'])('%s', async (what) => {
      const { sid, channel } = await secured();
      await stage.without([shown], async () => {
        await eve.misbehave(sid, what);
        await isOver(channel);
        await stage.events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
      });
    });

    test('plaintext after the end that was asked for', async () => {
      const { sid, channel } = await secured({ misbehave: ['plaintext-after-answered-end'] });
      await stage.without([shown], async () => {
        await channel.call(names.securable, 'End');
        await stage.events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
      });
    });

    test('what is odd but allowed, or refused without harm, changes nothing', async () => {
      const { sid, channel } = await secured({ misbehave: ['accept-twice', 'open-twice', 'open-by-responder'] });
      const refused: Record<string, string> = {};
      for (const what of [
        'seq-repeated-identical', 'session-info', 'session-info-with-payload', 'security-info', 'accept-again', 'second-offer', 'open-again', 'key-updates', 'unknown-iq-result', 'error-message',
        'message-with-unknown-child', 'stamped-message', 'message-of-another-prefix', 'message-of-no-type',
      ]) {
        const before = stage.events.all(from(eve, 'refused')).length;
        await eve.misbehave(sid, what);
        await isAlive(eve, sid, channel);
        const conditions = stage.events.all(from(eve, 'refused')).slice(before).map(({ condition }) => condition);
        if (conditions.length > 0) refused[what] = conditions.join();
      }
      expect(refused).toEqual({ 'session-info-with-payload': 'feature-not-implemented', 'accept-again': 'unexpected-request', 'second-offer': 'conflict', 'open-again': expect.any(String) as unknown });
      for (const [what, text] of [['message-at-depth-64', 'deep enough'], ['message-with-cdata-and-entities', '<b>&<>"\'é']] as const) {
        const received = channel.received();
        await eve.misbehave(sid, what);
        expect((await received).text).toBe(text);
      }
    });

    test('others know its sids, and get nowhere with them', async () => {
      const { sid, channel } = await secured();
      const offer = stage.events.all(from(eve, 'stanza', { xml: (xml: string) => xml.includes('session-initiate') && xml.includes(sid) })).at(-1);
      const ibb = /<transport [^>]*\bsid="([^"]+)"/.exec(String(offer?.['xml']))![1]!;
      for (const action of ['session-terminate', 'session-accept', 'session-info', 'transport-replace']) {
        expect(await mallory.request(stage.jid, `<jingle xmlns='urn:xmpp:jingle:1' action='${action}' sid='${sid}'/>`)).toBe('item-not-found');
      }
      for (const [name, content] of [['data', "seq='0'>AAAA</data>"], ['close', '/>']] as const) {
        expect(await mallory.request(stage.jid, `<${name} xmlns='http://jabber.org/protocol/ibb' sid='${ibb}' ${content}`)).toBe('item-not-found');
      }
      await mallory.raw(`<message to='${stage.jid}'><data xmlns='http://jabber.org/protocol/ibb' sid='${ibb}' seq='0'>AAAA</data></message>`);
      await mallory.settle(stage.jid);
      await isAlive(eve, sid, channel);
    });
  });

  describe('cut', () => {
    test.each([
      ...['offered', 'accepted', 'transport', 'tls', 'binding', 'secure'].map((at) => [at, 'terminate'] as const),
      ['offered', 'unavailable'], ['tls', 'unavailable'], ['secure', 'unavailable'], ['tls', 'ibb-close'], ['secure', 'ibb-close'],
    ] as const)('by whoever offered it, when %s, by %s: nothing is seen of it, and the next is as good as ever', async (cutAt, cutBy) => {
      await stage.without([shown, news], async () => {
        const sid = await eve.offer(stage.jid, { cutAt, cutBy });
        await stage.events.expect(from(eve, 'cut', { sid }));
        if (cutBy === 'unavailable') await eve.presence();
        await eve.settle(stage.jid);
      });
      await stage.met(eve);
    });

    test.each([
      ...['ringing', 'accepted', 'tls', 'binding'].map((at): [string, Cut, string] => [at, 'terminate', 'EncryptionError']),
      ['ringing', 'unavailable', 'Offline'], ['tls', 'unavailable', 'Offline'], ['binding', 'ibb-close', 'EncryptionError'],
    ] as [string, Cut, string][])('by whoever accepted it, when %s, by %s: who waits for it learns that at once', async (cutAt, cutBy, error) => {
      await eve.accept({ cutAt, cutBy });
      const failure = errorOf(stage.channel(eve));
      await stage.events.expect(from(eve, 'cut'));
      expect(await failure).toBe(`${T}${error}`);
      await eve.accept();
      if (cutBy === 'unavailable') await eve.presence();
      await eve.settle(stage.jid);
      await stage.clear();
      await stage.started(eve);
    });

    test.each(['terminate', 'unavailable', 'ibb-close'] as const)('while something is on its way, by %s: who sent it learns that it may be lost', async (how) => {
      const { sid, channel } = await stage.started(eve, { misbehave: ['no-receipts'] });
      const report = channel.received(({ parts }) => parts[0]?.['message-type'] === 4);
      const [token] = await channel.call(names.messages, 'SendMessage', [variants({}), variants({ 'content-type': 'text/plain', content: 'lost?' })], 1);
      await stage.events.expect(from(eve, 'message', { sid, body: 'lost?' }));
      await eve.cut(sid, how);
      await isOver(channel);
      expect((await report).parts[0]).toMatchObject({ 'delivery-status': 2, 'delivery-token': token as string });
      if (how === 'unavailable') await eve.presence();
      await eve.settle(stage.jid);
    });
  });

  describe('when a secret is compared', () => {
    test.each(['srp-A-zero', 'srp-A-is-N', 'srp-A-too-short', 'srp-another-mech', 'srp-question-too-long'])('%s: not even asked', async (what) => {
      const { sid, channel } = await secured();
      await stage.without([{ source: 'bus', name: 'SharedSecretRequested' }], async () => {
        await eve.verify(sid, 'Lisbon', 'Where?', [what]);
        await stage.events.expect(from(eve, 'verified', { sid, verified: false, condition: 'bad-request' }));
        await isAlive(eve, sid, channel);
      });
    });

    test('a step that was not asked for is ignored', async () => {
      const { sid, channel } = await secured();
      await eve.verify(sid, 'Lisbon', 'Where?', ['srp-M1-first']);
      await isAlive(eve, sid, channel);
      expect(stage.events.all(from(eve, 'verified', { sid }))).toEqual([]);
    });

    test.each([['srp-wrong-M1', 'authentication-failed'], ['srp-unknown-step', 'bad-request']])('%s', async (what, condition) => {
      const { sid, channel } = await secured();
      const [requested, concluded] = [signalOf(channel, 'SharedSecretRequested'), signalOf(channel, 'SharedSecretConcluded')];
      await eve.verify(sid, 'Lisbon', 'Where?', [what]);
      await requested;
      await channel.call(names.peerAuthentication, 'AnswerSharedSecret', 'Lisbon');
      await stage.events.expect(from(eve, 'verified', { sid, verified: false, condition }));
      expect((await concluded)[0]).toBe(false);
      expect(await claimed(channel)).not.toContain('Verified');
      await isAlive(eve, sid, channel);
    });

    test.each([
      ['srp-B-zero', { verified: false, condition: 'bad-request' }, /^.+$/],
      // Whoever sends it has proved nothing, and has seen the proof of hush.
      ['srp-wrong-M2', { verified: true }, /\.AuthenticationFailed$/],
    ] as const)('%s', async (what, outcome, error) => {
      const { sid, channel } = await secured({ misbehave: [what] });
      await eve.share('Lisbon');
      const concluded = signalOf(channel, 'SharedSecretConcluded');
      await channel.call(names.peerAuthentication, 'StartSharedSecret', 'Where?', 'Lisbon');
      expect(await concluded).toEqual([false, expect.stringMatching(error)]);
      expect(await claimed(channel)).not.toContain('Verified');
      await stage.events.expect(from(eve, 'verified', { sid, ...outcome }));
      await isAlive(eve, sid, channel);
    });

    test('guessing again and again', async () => {
      const { sid, channel } = await stage.started(mallory);
      const conditions: unknown[] = [];
      while (conditions.at(-1) !== 'busy') {
        const asked = signalOf(channel, 'SharedSecretRequested').then(() => true, () => false);
        const id = await mallory.verify(sid, 'Lisbon', 'Where?', ['srp-guessing-on']);
        const outcome = stage.events.expect(from(mallory, 'verified', { id }));
        const isAsked = await Promise.race([asked, outcome.then(() => false)]);
        if (isAsked) await channel.call(names.peerAuthentication, 'AnswerSharedSecret', 'Porto');
        conditions.push((await outcome)['condition']);
      }
      expect(conditions).toEqual([...Array<string>(4).fill('authentication-failed'), 'busy']);
      await isAlive(mallory, sid, channel);
    });
  });

  describe('in the middle', () => {
    test('carrying TLS of two honest ends to each other: the certificate is of somebody else', async () => {
      const before = stage.events.all(bytes(mallory)).length;
      await mallory.accept({ relayTo: eve.jid });
      expect(await errorOf(stage.channel(mallory))).toBe(`${T}Cert.HostnameMismatch`);
      expect(stage.events.all(bytes(mallory)).length - before).toBeLessThanOrEqual(2);
    });

    test('the same where no certificate names anybody: what is bound are the addresses', async () => {
      await mallory.accept({ relayTo: stage.jid });
      await stage.without([shown, news], async () => {
        const sid = await eve.offer(mallory.jid, { mode: 'anonymous' });
        const { sid: carried } = await stage.events.expect<{ source: string; name: string; sid: string }>(from(mallory, 'state', { with: stage.jid, state: 'offered' }));
        await stage.events.expect(from(mallory, 'terminated', { sid: carried, reason: 'security-error' }));
        // TLS itself was in order.
        expect(stage.events.all(from(eve, 'tls', { sid }))).toHaveLength(1);
      });
    });

    test('with the very key of the other end', async () => {
      const file = join(stage.hush.session.directory, 'identity.pem');
      await writeFile(file, await eve.pem(stage.prosody.jid('rex')), { mode: 0o600 });
      const rex = await stage.hush.client.requestConnection({ account: stage.prosody.jid('rex'), password: 'rex', server: '127.0.0.1', port: stage.prosody.port, 'security-identity': file });
      await rex.connect();
      await rex.contactList();
      const seen = await stage.events.expect(from(eve, 'presence', { type: 'available', from: (jid: string) => jid.startsWith(`${stage.prosody.jid('rex')}/`) }));
      const jid = seen['from'] as string;
      await eve.settle(jid);
      const sid = await eve.offer(jid, { identity: file, misbehave: ['own-key-reflected'] });
      await stage.events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
      // The twin: with a key of its own.
      const other = await eve.offer(jid, { key: 'p-256' });
      await stage.events.expect(from(eve, 'secure', { sid: other }));
      await rex.disconnect();
    });
  });

  test('who waits in vain gives up: for the answer to an end, and for a reveal', async () => {
    expect(await waiting).toEqual(['local', 'timeout']);
  });
});
