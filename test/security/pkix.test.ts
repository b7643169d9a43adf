/** Authorities: a certificate that one of them issued itself for a contact verifies that contact, and no other certificate does. RFC 5280 §6; attacks.md B5, B6. */
import { readFile, writeFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bareJid } from '../../src/features/trust/memories.ts';
import { silentLog } from '../../src/log.ts';
import { createIdentity } from '../../src/security/identity.ts';
import { Anchors } from '../../src/security/pkix.ts';
import type { BareJid } from '../../src/xmpp/jid.ts';
import { CertificateFolder, expired, notYetValid } from '../harness/certificates.ts';
import type { Certificate, CertificateOptions } from '../harness/certificates.ts';
import { run } from '../harness/process.ts';

const bob = 'bob@example.org' as BareJid;
const xmppAddr = (jid: string): string => `otherName:1.3.6.1.5.5.7.8.5;UTF8:${jid}`;
const day = 86_400_000;

let folder: CertificateFolder;
let authority: Certificate;
let forBob: Certificate;

beforeAll(async () => {
  folder = await CertificateFolder.create();
  authority = await folder.authority({ extensions: ['keyUsage=critical,keyCertSign,cRLSign'] });
  forBob = await leaf({});
}, 30_000);
afterAll(() => folder.remove());

function leaf(options: CertificateOptions, issuer: Certificate = authority): Promise<Certificate> {
  return folder.issue(issuer, { names: [xmppAddr(bob)], ...options });
}

function vouches(certificate: Certificate, options: { by?: string; for?: BareJid; now?: Date } = {}): boolean {
  const anchors = new Anchors(bareJid);
  anchors.use(options.by ?? authority.cert);
  return anchors.vouches(options.for ?? bob, new X509Certificate(certificate.cert).raw, options.now);
}

describe('an authority vouches for [B5 B6]', () => {
  test('a certificate it issued that names the contact', () => {
    expect(vouches(forBob)).toBe(true);
  });

  test('an address that is written otherwise but is the same', async () => {
    expect(vouches(await leaf({ names: [xmppAddr('BOB@Example.ORG')] }))).toBe(true);
  });

  test('any of several names', async () => {
    expect(vouches(await leaf({ names: [xmppAddr('carol@example.org'), 'DNS:example.org', xmppAddr(bob)] }))).toBe(true);
  });

  test('a certificate for both ends of TLS, or for anything', async () => {
    expect(vouches(await leaf({ extensions: ['keyUsage=critical,digitalSignature', 'extendedKeyUsage=clientAuth,serverAuth,emailProtection'] }))).toBe(true);
    expect(vouches(await leaf({ extensions: ['extendedKeyUsage=2.5.29.37.0'] }))).toBe(true);
  });

  test('keys of other kinds, too', async () => {
    const rsa = await folder.authority({ commonName: 'RSA', keyArguments: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'] });
    expect(vouches(await leaf({ keyArguments: ['-algorithm', 'ED25519'] }, rsa), { by: rsa.cert })).toBe(true);
  }, 30_000);

  test('it beside other authorities in one file', async () => {
    const other = await folder.authority({ commonName: 'Other' });
    expect(vouches(forBob, { by: `some words\n${other.cert}\n${authority.cert}` })).toBe(true);
    expect(vouches(forBob, { by: other.cert })).toBe(false);
  });
});

describe('nobody vouches for [B5 B6]', () => {
  test('another contact', async () => {
    expect(vouches(forBob, { for: 'carol@example.org' as BareJid })).toBe(false);
    expect(vouches(await leaf({ names: [xmppAddr('bob@example.org/phone')] }))).toBe(false);
    expect(vouches(await leaf({ names: [xmppAddr('example.org')] }))).toBe(false);
  });

  test('a contact who is named anywhere but in an XmppAddr', async () => {
    const elsewhere = ['email:bob@example.org', 'URI:xmpp:bob@example.org', 'otherName:1.3.6.1.5.5.7.8.6;UTF8:bob@example.org', 'otherName:1.3.6.1.5.5.7.8.5;IA5STRING:bob@example.org'];
    for (const name of elsewhere) expect([name, vouches(await leaf({ names: [name] }))]).toEqual([name, false]);
    expect(vouches(await leaf({ names: [], commonName: bob }))).toBe(false);
    // A name that only looks like one where certificates are printed.
    const tricky = `otherName=1.3.6.1.5.5.7.8.5;UTF8:eve@example.org, othername: XmppAddr::${bob}`;
    expect(vouches(await leaf({ names: [], extensions: ['subjectAltName=@alternatives', '[alternatives]', tricky] }))).toBe(false);
  });

  test('a certificate that is over, or not yet valid', async () => {
    expect(vouches(await leaf(expired))).toBe(false);
    expect(vouches(await leaf(notYetValid))).toBe(false);
    expect(vouches(forBob, { now: new Date(Date.now() + 40 * day) })).toBe(false);
    expect(vouches(forBob, { now: new Date(Date.now() - 40 * day) })).toBe(false);
  });

  test('anybody when the authority is over', async () => {
    const old = await folder.authority({ commonName: 'Old', ...expired });
    expect(vouches(await leaf({}, old), { by: old.cert })).toBe(false);
  });

  test('a certificate that signed itself, or was signed by itself with the authority’s name', async () => {
    expect(vouches(await folder.selfSigned({ names: [xmppAddr(bob)] }))).toBe(false);
    const impostor = await folder.authority({});
    expect(vouches(await leaf({}, impostor))).toBe(false);
    expect(vouches(await leaf({}, impostor), { by: impostor.cert })).toBe(true);
  });

  test('what an intermediate authority has issued', async () => {
    const intermediate = await folder.issue(authority, { commonName: 'Intermediate', isAuthority: true });
    const below = await leaf({}, intermediate);
    expect(vouches(below)).toBe(false);
    expect(vouches(below, { by: intermediate.cert })).toBe(true);
  });

  test('what a leaf has issued, even one in the list of authorities', async () => {
    const below = await leaf({}, forBob);
    expect(vouches(below)).toBe(false);
    expect(vouches(below, { by: forBob.cert })).toBe(false);
  });

  test('a certificate that names no CA flag, in the list of authorities', async () => {
    const self = await folder.selfSigned({ names: [xmppAddr(bob)] });
    expect(vouches(self, { by: self.cert })).toBe(false);
  });

  test('an authority that may not sign certificates', async () => {
    const silent = await folder.authority({ commonName: 'Silent', extensions: ['keyUsage=critical,digitalSignature'] });
    expect(vouches(await leaf({}, silent), { by: silent.cert })).toBe(false);
  });

  test('an authority of another name, though it has the key that signed', async () => {
    const path = `${authority.certFile}.renamed`;
    await run('openssl', ['req', '-x509', '-key', authority.keyFile, '-subj', '/CN=Renamed', '-days', '30', '-out', path]);
    expect(vouches(forBob, { by: await readFile(path, 'utf8') })).toBe(false);
    await run('openssl', ['req', '-x509', '-key', authority.keyFile, '-subj', '/CN=Test Authority', '-days', '30', '-out', path]);
    expect(vouches(forBob, { by: await readFile(path, 'utf8') })).toBe(true);
  });

  test('an authority whose names are limited', async () => {
    const limited = await folder.authority({ commonName: 'Limited', extensions: ['nameConstraints=permitted;DNS:example.org'] });
    expect(vouches(await leaf({}, limited), { by: limited.cert })).toBe(false);
  });

  test('an authority as if it was a person', async () => {
    expect(vouches(await leaf({ isAuthority: true }))).toBe(false);
  });

  test('a certificate for one end only, or for other things', async () => {
    for (const usage of ['extendedKeyUsage=serverAuth', 'extendedKeyUsage=clientAuth', 'extendedKeyUsage=emailProtection', 'keyUsage=critical,keyEncipherment']) {
      expect([usage, vouches(await leaf({ extensions: [usage] }))]).toEqual([usage, false]);
    }
  });

  test('a certificate with a critical extension that is not understood', async () => {
    expect(vouches(await leaf({ extensions: ['1.2.3.4=critical,ASN1:NULL'] }))).toBe(false);
    expect(vouches(await leaf({ extensions: ['1.2.3.4=ASN1:NULL'] }))).toBe(true);
  });

  test('a certificate with any bit turned, or with no sense at all', () => {
    const anchors = new Anchors(bareJid);
    anchors.use(authority.cert);
    const der = new X509Certificate(forBob.cert).raw;
    expect(anchors.vouches(bob, der)).toBe(true);
    const passed: number[] = [];
    for (let at = 0; at < der.length; at += 1) {
      const turned = Buffer.from(der);
      turned[at]! ^= 1 << (at % 8);
      if (anchors.vouches(bob, turned)) passed.push(at);
    }
    expect(passed).toEqual([]);
    const nested = Buffer.alloc(60_000, 0x30);
    for (const other of [Buffer.alloc(0), Buffer.alloc(100_000), nested, Buffer.from('certificate'), createIdentity(bob).certificate]) expect(anchors.vouches(bob, other)).toBe(false);
  });
});

describe('a file of authorities', () => {
  test('is read, and vouches for nobody where it cannot be', async () => {
    const anchors = new Anchors(bareJid);
    const der = new X509Certificate(forBob.cert).raw;
    const garbage = join(dirname(authority.certFile), 'garbage.pem');
    await writeFile(garbage, `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${(await readFile(forBob.certFile)).toString()}`);
    for (const path of [undefined, '/does/not/exist', dirname(authority.certFile), '/dev/zero', garbage]) {
      await anchors.load(path, silentLog);
      expect([path, anchors.vouches(bob, der)]).toEqual([path, false]);
    }
    await anchors.load(authority.certFile, silentLog);
    expect(anchors.vouches(bob, der)).toBe(true);
  });
});
