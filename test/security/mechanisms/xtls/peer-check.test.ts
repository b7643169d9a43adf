import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HushError } from '../../../../src/errors.ts';
import { createIdentity, createThrowAwayIdentity } from '../../../../src/security/identity.ts';
import { readCertificate } from '../../../../src/security/mechanisms/xtls/certificate.ts';
import { readFingerprint, writeFingerprint } from '../../../../src/security/mechanisms/xtls/fingerprint.ts';
import { checkPeer } from '../../../../src/security/mechanisms/xtls/peer-check.ts';
import type { PeerVerdict, Presented } from '../../../../src/security/mechanisms/xtls/peer-check.ts';
import { parseBareJid } from '../../../../src/xmpp/jid.ts';
import { algorithms, certificate, dnsName, newKey, oid, sanExtension, tlv, uriName, xmppAddrName } from './certificates.ts';
import type { Shape } from './certificates.ts';

const jid = 'juliet@example.org';
const own = createIdentity('romeo@example.net');
const base: Presented = {
  protocol: 'TLSv1.3',
  isResumed: false,
  certificate: certificate({ names: [xmppAddrName(jid)] }),
  ownSpki: own.spki,
  peer: parseBareJid(jid),
  isAnonymous: false,
  now: new Date('2026-03-01T00:00:00Z'),
  judgeKey: () => ({ accepted: true, pinned: false, verifiedBy: undefined }),
  fingerprints: [],
};

const judge = (change: Partial<Presented>): PeerVerdict => checkPeer({ ...base, ...change });
const shown = (shape: Shape): PeerVerdict => judge({ certificate: certificate({ names: [xmppAddrName(jid)], ...shape }) });
const conditionOf = (verdict: PeerVerdict): string => (verdict.accepted ? 'accepted' : verdict.error.condition);

describe('a peer is accepted [B6]', () => {
  test('with the certificate that hush makes for that JID', () => {
    const identity = createIdentity(jid, base.now);
    const verdict = judge({ certificate: identity.certificate });
    expect(verdict.accepted && Buffer.from(verdict.certificate.spki).equals(identity.spki)).toBe(true);
  });

  test.each<[string, Shape]>([
    ['P-256, SHA-384 signature', { algorithm: algorithms.ecdsaSha384, hash: 'sha384' }],
    ['P-384', { key: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey }],
    ['Ed25519', { key: generateKeyPairSync('ed25519').privateKey, algorithm: algorithms.ed25519, hash: null }],
    ['RSA 2048', { key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, algorithm: algorithms.rsaSha256 }],
    ['several names', { names: [dnsName('example.org'), xmppAddrName('other@example.org'), xmppAddrName(jid)] }],
    ['a name before preparation', { names: [xmppAddrName('Juliet@Example.ORG')] }],
    ['dates in GeneralizedTime', { timeTag: 0x18, notBefore: '20250101000000Z', notAfter: '20550101000000Z' }],
  ])('with %s', (_name, shape) => {
    expect(conditionOf(shown(shape))).toBe('accepted');
  });

  test('with what the pins say about the key', () => {
    const verdict = judge({ judgeKey: () => ({ accepted: true, pinned: true, verifiedBy: 'comparison' }) });
    expect(verdict.accepted && verdict.key).toEqual({ accepted: true, pinned: true, verifiedBy: 'comparison' });
  });

  test('in anonymous mode without a name, whatever the name, and without asking the pins', () => {
    const judgeKey = (): never => {
      throw new Error('asked');
    };
    for (const der of [createThrowAwayIdentity(base.now).certificate, certificate({ names: [xmppAddrName('other@example.org')] })]) {
      expect(conditionOf(judge({ certificate: der, isAnonymous: true, judgeKey }))).toBe('accepted');
    }
  });
});

describe('a peer is refused [B6 G3 G4 G9]', () => {
  const rsa = (modulusLength: number): Shape => ({ key: generateKeyPairSync('rsa', { modulusLength }).privateKey, algorithm: algorithms.rsaSha256 });

  test.each<[string, string, Partial<Presented>]>([
    ['TLS 1.2', 'encryption-error', { protocol: 'TLSv1.2' }],
    ['no protocol', 'encryption-error', { protocol: null }],
    ['a resumed session', 'encryption-error', { isResumed: true }],
    ['no certificate', 'certificate-not-provided', { certificate: undefined }],
    ['our own key', 'certificate-invalid', { certificate: own.certificate, peer: parseBareJid('romeo@example.net') }],
    ['our own key in anonymous mode', 'certificate-invalid', { certificate: own.certificate, isAnonymous: true }],
    ['a certificate that expired', 'certificate-expired', { now: new Date('2035-01-01T00:00:01Z') }],
    ['a certificate of tomorrow', 'certificate-not-activated', { now: new Date('2024-12-31T23:59:59Z') }],
    ['a pin that does not match', 'certificate-fingerprint-mismatch', { judgeKey: () => ({ accepted: false, error: new HushError('certificate-fingerprint-mismatch', 'pinned otherwise') }) }],
    ['a store that fails', 'certificate-invalid', { judgeKey: () => { throw new Error('disk'); } }],
    ['a signalled fingerprint of something else', 'certificate-fingerprint-mismatch', { fingerprints: [Buffer.alloc(32)] }],
  ])('for %s', (_name, condition, change) => {
    expect(conditionOf(judge(change))).toBe(condition);
    expect(conditionOf(judge({}))).toBe('accepted');
  });

  test.each<[string, string, Shape]>([
    ['another name', 'certificate-hostname-mismatch', { names: [xmppAddrName('nurse@example.org')] }],
    ['no name', 'certificate-hostname-mismatch', { extensions: [] }],
    ['a full JID', 'certificate-hostname-mismatch', { names: [xmppAddrName(`${jid}/balcony`)] }],
    ['the JID as DNS name', 'certificate-hostname-mismatch', { names: [dnsName(jid)] }],
    ['the JID as URI', 'certificate-hostname-mismatch', { names: [uriName(`xmpp:${jid}`)] }],
    ['an IA5String', 'certificate-hostname-mismatch', { names: [xmppAddrName(jid, 0x16)] }],
    ['a NUL in the name', 'certificate-hostname-mismatch', { names: [xmppAddrName(`${jid}\0.evil.example`)] }],
    ['bytes that are no UTF-8', 'certificate-hostname-mismatch', { names: [xmppAddrName(Buffer.concat([Buffer.from(jid), Buffer.from([0xff])]))] }],
    ['a printed list of names', 'certificate-hostname-mismatch', { names: [dnsName(`a, othername:XmppAddr::${jid}`)] }],
    ['two SubjectAltNames', 'certificate-invalid', { extensions: [sanExtension(xmppAddrName('x@example.org')), sanExtension(xmppAddrName(jid))] }],
    ['secp256k1', 'certificate-insecure', { key: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey }],
    ['P-521', 'certificate-insecure', { key: generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey }],
    ['Ed448', 'certificate-insecure', { key: generateKeyPairSync('ed448').privateKey, algorithm: tlv(0x30, oid('1.3.101.113')), hash: null }],
    ['RSA 1024', 'certificate-insecure', rsa(1024)],
    ['RSA-PSS keys', 'certificate-insecure', { key: generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey, algorithm: algorithms.pssSha256 }],
    ['a SHA-1 signature', 'certificate-insecure', { algorithm: algorithms.ecdsaSha1, hash: 'sha1' }],
    ['a PSS signature with SHA-1', 'certificate-insecure', { key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, algorithm: algorithms.pssSha1 }],
    ['two signature algorithms', 'certificate-invalid', { outerAlgorithm: algorithms.ecdsaSha384 }],
    ['version 1', 'certificate-invalid', { version: tlv(0xa0, tlv(0x02, Buffer.from([0]))) }],
    ['a 13th month', 'certificate-invalid', { notAfter: '351301000000Z' }],
    ['a date with a zone', 'certificate-invalid', { notAfter: '350101000000+0000' }],
    ['30 February', 'certificate-invalid', { notAfter: '350230000000Z' }],
  ])('for %s', (_name, condition, shape) => {
    expect(conditionOf(shown(shape))).toBe(condition);
  });

  test('for RSA 4096 never, for RSA beyond it', () => {
    // Made-up moduli: what is judged is the key's size, not who holds it.
    const spki = (bytes: number): Buffer => {
      const modulus = Buffer.alloc(bytes, 0xa5);
      modulus[bytes - 1] = 0x01;
      const key = tlv(0x30, tlv(0x02, Buffer.from([0]), modulus), tlv(0x02, Buffer.from([1, 0, 1])));
      return tlv(0x30, tlv(0x30, oid('1.2.840.113549.1.1.1'), tlv(0x05)), tlv(0x03, Buffer.from([0]), key));
    };
    expect(conditionOf(shown({ spki: spki(512) }))).toBe('accepted');
    expect(conditionOf(shown({ spki: spki(513) }))).toBe('certificate-insecure');
    expect(conditionOf(shown({ spki: spki(2048) }))).toBe('certificate-insecure');
  });

  test('for a key that OpenSSL would read otherwise', () => {
    const spki = createPublicKey(newKey()).export({ type: 'spki', format: 'der' });
    const indefinite = Buffer.concat([Buffer.from([0x30, 0x80]), spki.subarray(2), Buffer.from([0, 0])]);
    expect(conditionOf(shown({ spki: indefinite }))).toBe('certificate-invalid');
  });
});

describe('the reader', () => {
  test('takes no names of which OpenSSL can make nothing [G6]', () => {
    const [address, dns] = [xmppAddrName('romeo@example.net'), tlv(0x82, Buffer.from('example.net'))];
    expect(readCertificate(certificate({ names: [address, dns] })).xmppAddrs).toEqual(['romeo@example.net']);
    // A SEQUENCE is no GeneralName.
    expect(() => readCertificate(certificate({ names: [address, tlv(0x30, dns)] }))).toThrow(expect.objectContaining({ condition: 'invalid-data' }));
  });

  test('takes no certificate that can be written in two ways [G6]', () => {
    const good = certificate({ key: generateKeyPairSync('ed25519').privateKey, algorithm: algorithms.ed25519, hash: null, names: [xmppAddrName('romeo@example.net')] });
    expect(readCertificate(good).xmppAddrs).toEqual(['romeo@example.net']);
    // The signature, 64 bytes, says that its last bit is not part of it, and sets it all the same.
    const bad = Buffer.from(good);
    bad[bad.length - 65] = 1;
    bad[bad.length - 1]! |= 1;
    expect(() => readCertificate(bad)).toThrow(expect.objectContaining({ condition: 'invalid-data' }));
  });

  test('takes nothing after the certificate, no long lengths, no giant', () => {
    const good = base.certificate!;
    expect(() => readCertificate(good)).not.toThrow();
    expect(() => readCertificate(Buffer.concat([good, Buffer.from([0])]))).toThrow(HushError);
    expect(() => readCertificate(Buffer.concat([Buffer.from([0x30, 0x83, 0]), good.subarray(2)]))).toThrow(HushError);
    expect(() => readCertificate(tlv(0x30, Buffer.alloc(70_000)))).toThrow(HushError);
  });

  test('survives ten thousand levels and endless object identifiers', () => {
    let deep: Buffer = tlv(0x30);
    for (let level = 0; level < 10_000; level += 1) deep = Buffer.concat([Buffer.from([0x30, 0x82, deep.length >> 8, deep.length & 255]), deep]).subarray(-60_000);
    expect(() => readCertificate(deep)).toThrow(HushError);
    const endless = tlv(0x30, tlv(0x06, Buffer.alloc(5000, 0xff)));
    expect(conditionOf(shown({ algorithm: endless, outerAlgorithm: endless }))).toBe('certificate-invalid');
  });

  test('is total: any damage to a certificate is a refusal or another key, never a crash', () => {
    const good = base.certificate!;
    const spki = readCertificate(good).spki;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const damaged = Buffer.from(good);
        for (const [at, octet] of changes) damaged[at] = octet;
        const verdict = judge({ certificate: damaged });
        expect(verdict.accepted ? Buffer.from(verdict.certificate.spki).length : verdict.error).toBeTruthy();
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !judge({ certificate: bytes }).accepted));
    expect(spki.length).toBeGreaterThan(0);
  });
});

describe('fingerprints', () => {
  const der = base.certificate!;
  const hex = (hash: string): string => createHash(hash).update(der).digest('hex');

  test('are written as SHA-256 in upper case with colons', () => {
    expect(writeFingerprint(der)).toMatch(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    expect(writeFingerprint(der).replaceAll(':', '').toLowerCase()).toBe(hex('sha256'));
  });

  test.each(['sha1', 'sha256', 'sha384', 'sha512'])('match in any case, with or without colons: %s', (hash) => {
    for (const text of [hex(hash), hex(hash).toUpperCase(), hex(hash).match(/../g)!.join(':')]) {
      expect(conditionOf(judge({ fingerprints: [readFingerprint(text)!] }))).toBe('accepted');
    }
  });

  test('must each match', () => {
    const right = readFingerprint(hex('sha256'))!;
    expect(conditionOf(judge({ fingerprints: [right, right] }))).toBe('accepted');
    expect(conditionOf(judge({ fingerprints: [right, Buffer.alloc(32)] }))).toBe('certificate-fingerprint-mismatch');
  });

  test.each(['', 'AB', hex('md5'), `${hex('sha256')}0`, `g${hex('sha256').slice(1)}`, `${hex('sha1')}:`, 'AA:BBCC'.repeat(8), 'A'.repeat(300)])('are not read from %j', (text) => {
    expect(readFingerprint(text)).toBeUndefined();
  });
});
