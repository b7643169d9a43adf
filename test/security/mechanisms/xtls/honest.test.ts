import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Wire } from '../../../harness/wire.ts';
import { JULIET, ROMEO, claims, couple, identityOf, message, secured } from './pair.ts';
import type { Side } from './pair.ts';

let wire: Wire;
let romeo: Side;
let juliet: Side;

beforeEach(() => {
  wire = new Wire();
  ({ romeo, juliet } = couple(wire));
});
afterEach(() => {
  romeo.stop();
  juliet.stop();
});

const always = ['Encrypted', 'IntegrityProtected', 'Complete', 'ReplayProtected', 'ForwardSecret', 'Deniable'];
const has = (actual: string[], ...more: string[]): void => expect([...actual].sort()).toEqual([...always, ...more].sort());

describe('two honest ends', () => {
  test('become secure and say what was proved', async () => {
    const [ours, theirs] = await secured(romeo, juliet);
    for (const session of [ours, theirs]) {
      has(claims(session), 'WeaklyAuthenticated', 'WeaklyAnonymous', 'DowngradeResistant');
      expect(session.details.get('tls-version')).toBe('TLSv1.3');
      expect(session.details.get('peer-key-type')).toBe('P-256');
    }
    expect(Buffer.from(ours.keys!.remote).equals(identityOf('juliet@example.org').spki)).toBe(true);
    expect(Buffer.from(theirs.keys!.local).equals(ours.keys!.remote)).toBe(true);
    expect(romeo.diary.lines).toEqual(['negotiating', 'handshaking', 'secure']);
    expect(juliet.diary.lines).toEqual(['incoming negotiating', 'handshaking', 'secure']);
  });

  test('negotiate as the profile writes it', async () => {
    await secured(romeo, juliet);
    const [offer, result, accept, result2, open] = wire.log;
    expect(offer).toMatch(
      /^<iq type="set" id="[^"]+" to="juliet@example\.org\/balcony"><jingle xmlns="urn:xmpp:jingle:1" action="session-initiate" initiator="romeo@example\.net\/orchard" sid="[0-9a-f]{32}"><content creator="initiator" name="xmlstream"><description xmlns="urn:xmpp:jingle:apps:xmlstream:0"\/><transport xmlns="urn:xmpp:jingle:transports:ibb:1" block-size="4096" sid="[0-9a-f]{32}"\/><security xmlns="urn:xmpp:jingle:security:xtls:0"><method name="x509"\/><profile xmlns="urn:x-telepathy-hush:xtls:1" commitment="[A-Za-z0-9+/]{43}="\/><\/security><\/content><\/jingle><\/iq>$/,
    );
    expect(result).toMatch(/type="result"/);
    expect(accept).toContain('action="session-accept"');
    expect(result2).toMatch(/type="result"/);
    expect(open).toMatch(/<open xmlns="http:\/\/jabber\.org\/protocol\/ibb" block-size="4096" sid="[0-9a-f]{32}" stanza="iq"\/>/);
  });

  test('talk, and know what has arrived', async () => {
    const [ours, theirs] = await secured(romeo, juliet);
    const id = ours.send(message('But, soft!', 'm1'));
    expect(id).toBe('m1');
    const answer = theirs.send(message('Ay me!'));
    await romeo.diary.until('says Ay me!');
    await romeo.diary.until('delivered m1');
    await juliet.diary.until(`delivered ${answer!}`);
    expect(juliet.diary.lines).toContain('says But, soft!');
  });

  test('keep two thousand messages in order', async () => {
    const [ours] = await secured(romeo, juliet);
    for (let at = 0; at < 2000; at += 1) ours.send(message(String(at), `m${at}`));
    await romeo.diary.until('delivered m1999');
    expect(juliet.diary.lines.filter((line) => line.startsWith('says'))).toEqual(Array.from({ length: 2000 }, (_, at) => `says ${at}`));
  });

  test('show the servers neither a word nor a key', async () => {
    const [ours, theirs] = await secured(romeo, juliet);
    ours.send(message('a canary in the mine', 'canary-id'));
    await juliet.diary.until('says');
    theirs.send(message('another bird'));
    await romeo.diary.until('says');
    const raw = wire.log.join('\n');
    const decoded = Buffer.concat([...raw.matchAll(/<data [^>]*>([^<]*)</g)].map(([, text]) => Buffer.from(text!, 'base64')));
    for (const secret of ['canary', 'bird', 'urn:xmpp:receipts', 'BEGIN CERTIFICATE', 'romeo@example.net\0']) {
      expect(raw.includes(secret)).toBe(false);
      expect(decoded.includes(secret)).toBe(false);
    }
    for (const jid of ['romeo@example.net', 'juliet@example.org']) {
      const { spki, certificate } = identityOf(jid);
      for (const bytes of [spki, certificate]) expect(decoded.includes(Buffer.from(bytes)) || raw.includes(Buffer.from(bytes).toString('base64').slice(0, 40))).toBe(false);
    }
  });
});

describe('the end', () => {
  test.each(['local', 'clean'] as const)('asked for here (%s) is clean on both sides', async (as) => {
    const [ours, theirs] = await secured(romeo, juliet);
    ours.send(message('last words', 'last'));
    await ours.end(as);
    await juliet.diary.until('end ');
    expect(juliet.diary.lines).toContain('says last words');
    expect(romeo.diary.lines.at(-1)).toBe(`end ${as} - from closing`);
    expect(juliet.diary.lines.at(-1)).toBe('end clean - from closing');
    expect(() => ours.send(message('too late'))).toThrow(expect.objectContaining({ condition: 'not-available' }));
    expect(() => theirs.send(message('too late'))).toThrow(expect.objectContaining({ condition: 'not-available' }));
    const kinds = wire.log.map((text) => /<(close) |action="(session-terminate)"|<(success)\/>/.exec(text)?.[0]).filter((kind) => kind !== undefined);
    expect(kinds).toEqual(['<close ', 'action="session-terminate"']);
    expect(wire.log.some((text) => text.includes('<reason><success/></reason>'))).toBe(true);
  });

  test('asked for by both at once is clean on both sides', async () => {
    const [ours, theirs] = await secured(romeo, juliet);
    await Promise.all([ours.end(), theirs.end()]);
    expect(romeo.diary.lines.at(-1)).toBe('end local - from closing');
    expect(juliet.diary.lines.at(-1)).toBe('end local - from closing');
  });

  test('lets the same two begin again', async () => {
    const [ours] = await secured(romeo, juliet);
    await ours.end();
    await juliet.diary.until('end ');
    romeo.diary.lines.length = 0;
    juliet.diary.lines.length = 0;
    await secured(romeo, juliet);
  });

  test('before it is secure tells the peer: cancel', async () => {
    juliet.ask = async () => new Promise(() => undefined);
    const ours = romeo.start(JULIET);
    await romeo.diary.until('negotiating');
    await ours.end();
    expect(romeo.diary.lines.at(-1)).toBe('end local cancelled from negotiating');
    expect(wire.log.some((text) => text.includes('<reason><cancel/></reason>'))).toBe(true);
    // Offer and end reached the peer together: it shows neither.
    while (!juliet.endpoint.received.some((stanza) => stanza.toString().includes('<cancel/>'))) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(juliet.diary.lines).toEqual([]);
    // And the next one, right after an end, is taken.
    juliet.ask = async () => Promise.resolve(undefined);
    romeo.start(JULIET);
    await juliet.diary.until('secure');
  });
});

describe('pins', () => {
  test('and what is known of the key become claims', async () => {
    romeo.judge = () => ({ accepted: true, pinned: true, verifiedBy: 'comparison' });
    const [ours, theirs] = await secured(romeo, juliet);
    has(claims(ours), 'WeaklyAuthenticated', 'WeaklyAnonymous', 'DowngradeResistant', 'KeyContinuity', 'Verified');
    has(claims(theirs), 'WeaklyAuthenticated', 'WeaklyAnonymous', 'DowngradeResistant');
  });

  test('comparing the safety number later raises Verified', async () => {
    const [ours] = await secured(romeo, juliet);
    expect(claims(ours)).not.toContain('Verified');
    ours.confirm('comparison');
    expect(claims(ours)).toContain('Verified');
    expect(romeo.diary.lines.at(-1)).toBe('secure comparison');
  });

  test('that are given up end the session at once', async () => {
    const { HushError } = await import('../../../../src/errors.ts');
    const [ours] = await secured(romeo, juliet);
    ours.revoke(new HushError('certificate-fingerprint-mismatch', 'distrusted'));
    expect(romeo.diary.lines.at(-1)).toBe('end key-changed certificate-fingerprint-mismatch from secure');
    await juliet.diary.until('end unauthenticated');
  });
});

describe('anonymous mode', () => {
  test('is used where it is demanded, with throw-away keys', async () => {
    juliet.judge = () => {
      throw new Error('a throw-away key is not judged');
    };
    const [ours, theirs] = await secured(romeo, juliet, ['StronglyAnonymous']);
    for (const session of [ours, theirs]) {
      has(claims(session), 'WeaklyAnonymous', 'StronglyAnonymous', 'DowngradeResistant');
      expect(session.keys).toBeUndefined();
      expect(session.details.has('peer-fingerprint')).toBe(false);
    }
    expect(wire.log[0]).toContain('mode="anonymous"/>');
    expect(wire.log.some((text) => text.includes('commitment'))).toBe(false);
  });

  test('is declined by somebody who knows a key of the contact, unless they want it too', async () => {
    juliet.pins.add('romeo@example.net' as never);
    romeo.start(JULIET, ['StronglyAnonymous']);
    expect(await romeo.diary.until('end ')).toBe('end failed rejected from negotiating');
    juliet.demands.add('StronglyAnonymous');
    romeo.diary.lines.length = 0;
    await secured(romeo, juliet, ['StronglyAnonymous']);
  });

  test('that one end wants makes it decline anything else', async () => {
    juliet.demands.add('StronglyAnonymous');
    romeo.start(JULIET);
    expect(await romeo.diary.until('end ')).toBe('end failed rejected from negotiating');
    expect(juliet.incoming).toEqual([]);
  });
});

describe('whom to begin with', () => {
  test('is known from capabilities', () => {
    expect(romeo.mechanism.available(JULIET)).toBe(true);
    romeo.capabilities.set(JULIET, new Set(['urn:xmpp:jingle:1']));
    expect(romeo.mechanism.available(JULIET)).toBe(false);
    romeo.capabilities.delete(JULIET);
    expect(romeo.mechanism.available(JULIET)).toBeUndefined();
  });

  test('is asked where it is not known, and nobody notices when it is not there', async () => {
    romeo.capabilities.delete(JULIET);
    romeo.ask = async () => Promise.resolve(new Set(['jabber:client']));
    romeo.start(JULIET);
    expect(await romeo.diary.until('end ')).toBe('end failed not-capable from discovering');
    expect(wire.log).toEqual([]);
  });

  test('says EncryptionNotAvailable where it was there before [D2]', async () => {
    romeo.bound.add('juliet@example.org' as never);
    romeo.capabilities.set(JULIET, new Set());
    romeo.start(JULIET);
    expect(await romeo.diary.until('end ')).toBe('end failed encryption-not-available from discovering');
  });

  test('gives the session that there is', async () => {
    const first = romeo.start(JULIET);
    expect(romeo.mechanism.start(JULIET, { demands: new Set() })).toBe(first);
    await romeo.diary.until('secure');
    expect(romeo.mechanism.start(JULIET, { demands: new Set() })).toBe(first);
    expect(juliet.mechanism.start(ROMEO, { demands: new Set() })).toBe(juliet.incoming[0]);
  });
});

describe('draft-only peers', () => {
  const draft = (side: Side): ReadonlySet<string> => new Set(side.mechanism.features.filter((feature) => !feature.startsWith('urn:x-telepathy-hush')));

  test('are secured with fewer claims: the servers have seen fingerprints', async () => {
    romeo.capabilities.set(JULIET, draft(romeo));
    const [ours, theirs] = await secured(romeo, juliet);
    for (const session of [ours, theirs]) {
      has(claims(session), 'WeaklyAuthenticated');
      expect(session.sharedSecret).toBeUndefined();
    }
    expect(wire.log[0]).toMatch(/<security [^>]*><fingerprint algo="sha-256">([0-9A-F]{2}:){31}[0-9A-F]{2}<\/fingerprint><method name="x509"\/><\/security>/);
    ours.send(message('hello'));
    await juliet.diary.until('says hello');
    await ours.end();
    await juliet.diary.until('end clean');
  });

  test('are not offered anything where that would break what was demanded', async () => {
    romeo.capabilities.set(JULIET, draft(romeo));
    for (const claim of ['WeaklyAnonymous', 'StronglyAnonymous'] as const) {
      expect(() => romeo.mechanism.start(JULIET, { demands: new Set([claim]) })).toThrow(expect.objectContaining({ condition: 'would-break-anonymity' }));
    }
    romeo.start(JULIET, ['DowngradeResistant']);
    expect(await romeo.diary.until('end ')).toBe('end failed encryption-not-available from discovering');
    expect(wire.log).toEqual([]);
  });

  test('are not answered where the contact could do more before [D2]', async () => {
    romeo.capabilities.set(JULIET, draft(romeo));
    juliet.bound.add('romeo@example.net' as never);
    romeo.start(JULIET);
    expect(await romeo.diary.until('end ')).toBe('end failed encryption-error from negotiating');
    expect(wire.log.some((text) => text.includes('<security-error/>'))).toBe(true);
  });
});
