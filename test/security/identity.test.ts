import { X509Certificate, createPublicKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createIdentity, createThrowAwayIdentity, identityFromPem, pemOf, renewIdentity } from '../../src/security/identity.ts';

const now = new Date('2026-03-01T12:00:00Z');

describe('an identity', () => {
  const identity = createIdentity('rómeo@example.org', now);
  const certificate = new X509Certificate(identity.certificate);

  test('is a P-256 key in a certificate that verifies under itself and is no CA', () => {
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(certificate.verify(createPublicKey(identity.privateKey))).toBe(true);
    expect(certificate.checkPrivateKey(identity.privateKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.raw.equals(identity.certificate)).toBe(true);
  });

  test('carries the bare JID as XmppAddr and a subject that names nobody', () => {
    expect(certificate.subject).toBe('CN=XMPP');
    expect(certificate.issuer).toBe('CN=XMPP');
    expect(Buffer.from(identity.certificate).includes(Buffer.from('rómeo@example.org', 'utf8'))).toBe(true);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  });

  test('is valid from a day back, ten years on', () => {
    expect(new Date(certificate.validFrom)).toEqual(new Date('2026-02-28T12:00:00Z'));
    expect(new Date(certificate.validTo)).toEqual(new Date('2036-02-27T12:00:00Z'));
  });

  test('has dates of RFC 5280 beyond 2049 too', () => {
    const late = new X509Certificate(createIdentity('a@example.org', new Date('2049-06-01T00:00:00Z')).certificate);
    expect(new Date(late.validTo).getUTCFullYear()).toBe(2059);
  });

  test('has a serial and a key of its own each time, and keeps its key when renewed', () => {
    const other = new X509Certificate(createIdentity('rómeo@example.org', now).certificate);
    const renewed = renewIdentity(identity.privateKey, 'rómeo@example.org', now);
    expect(other.serialNumber).not.toBe(certificate.serialNumber);
    expect(other.publicKey.equals(certificate.publicKey)).toBe(false);
    expect(Buffer.from(renewed.spki).equals(identity.spki)).toBe(true);
    expect(Buffer.from(renewed.certificate).equals(identity.certificate)).toBe(false);
  });

  test('survives the way through PEM', () => {
    const back = identityFromPem(pemOf(identity));
    expect(Buffer.from(back.certificate).equals(identity.certificate)).toBe(true);
    expect(Buffer.from(back.spki).equals(identity.spki)).toBe(true);
    expect(back.privateKey.equals(identity.privateKey)).toBe(true);
  });
});

test('a throw-away identity names nobody and lives two days', () => {
  const certificate = new X509Certificate(createThrowAwayIdentity(now).certificate);
  expect(certificate.subjectAltName).toBeUndefined();
  expect(new Date(certificate.validTo)).toEqual(new Date('2026-03-03T12:00:00Z'));
});
