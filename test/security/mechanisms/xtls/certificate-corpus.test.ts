/** Known answers for certificates: made by the openssl command at the time of the test, each with the one verdict it must get. RFC 6120 §13.7; XTLS profile §2. */
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bareJid } from '../../../../src/features/trust/memories.ts';
import { createIdentity } from '../../../../src/security/identity.ts';
import { checkPeer } from '../../../../src/security/mechanisms/xtls/peer-check.ts';
import { Anchors } from '../../../../src/security/pkix.ts';
import { parseBareJid } from '../../../../src/xmpp/jid.ts';
import type { BareJid } from '../../../../src/xmpp/jid.ts';
import { CertificateFolder, expired, notYetValid } from '../../../harness/certificates.ts';
import type { Certificate, CertificateOptions } from '../../../harness/certificates.ts';
import { tlv, xmppAddrName } from './certificates.ts';

const JID = 'bob@example.org';
const own = createIdentity('alice@example.org');
const xmppAddr = (jid: string, type = 'UTF8'): string => `otherName:1.3.6.1.5.5.7.8.5;${type}:${jid}`;
/** Names that hold a comma, or bytes: in a section of their own. */
const section = (...lines: string[]): CertificateOptions => ({ names: [], extensions: ['subjectAltName=@alternatives', '[alternatives]', ...lines] });
const hex = (text: string): string => Buffer.from(text, 'utf8').toString('hex');
/** An XmppAddr of just these bytes, which openssl takes as they are. */
const inBytes = (text: string): CertificateOptions => ({ names: [], extensions: [`subjectAltName=DER:${tlv(0x30, xmppAddrName(text)).toString('hex')}`] });
const key = (...args: string[]): CertificateOptions => ({ keyArguments: args });
const rsa = (bits: number, exponent = 65_537): CertificateOptions => key('-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`, '-pkeyopt', `rsa_keygen_pubexp:${exponent}`);
const curve = (name: string): CertificateOptions => key('-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`);

let folder: CertificateFolder;
let authority: Certificate;
beforeAll(async () => {
  folder = await CertificateFolder.create();
  authority = await folder.authority({ extensions: ['keyUsage=critical,keyCertSign,cRLSign'] });
});
afterAll(() => folder.remove());

function judge(certificate: Certificate): string {
  const verdict = checkPeer({
    protocol: 'TLSv1.3', isResumed: false, certificate: new X509Certificate(certificate.cert).raw, ownSpki: own.spki, peer: parseBareJid(JID), isAnonymous: false, now: new Date(),
    judgeKey: () => ({ accepted: true, pinned: false, verifiedBy: undefined }), fingerprints: [],
  });
  return verdict.accepted ? 'accepted' : verdict.error.condition;
}
function vouches(certificate: Certificate): boolean {
  const anchors = new Anchors(bareJid);
  anchors.use(authority.cert);
  return anchors.vouches(JID as BareJid, new X509Certificate(certificate.cert).raw);
}

/** What it is, how it is made, what a peer that shows it gets, and whether an authority that issued it would vouch for the contact. */
const corpus: [string, CertificateOptions, string, boolean][] = [
  ['the contact', {}, 'accepted', true],
  ['the contact in another spelling', { names: [xmppAddr('BOB@EXAMPLE.ORG')] }, 'accepted', true],
  ['the contact among others', { names: [xmppAddr('carol@example.org'), 'DNS:example.org', xmppAddr(JID), 'email:bob@example.org'] }, 'accepted', true],
  ['somebody else', { names: [xmppAddr('carol@example.org')] }, 'certificate-hostname-mismatch', false],
  ['somebody who looks alike', { names: [xmppAddr('bоb@example.org')] }, 'certificate-hostname-mismatch', false],
  ['the domain', { names: [xmppAddr('example.org')] }, 'certificate-hostname-mismatch', false],
  ['one client of the contact', { names: [xmppAddr(`${JID}/phone`)] }, 'certificate-hostname-mismatch', false],
  ['nobody', { names: [] }, 'certificate-hostname-mismatch', false],
  ['the contact in the subject', { names: [], commonName: JID }, 'certificate-hostname-mismatch', false],
  ['the contact as DNS name', { names: [`DNS:${JID}`] }, 'certificate-hostname-mismatch', false],
  ['the contact as mail address', { names: [`email:${JID}`] }, 'certificate-hostname-mismatch', false],
  ['the contact as URI', { names: [`URI:xmpp:${JID}`] }, 'certificate-hostname-mismatch', false],
  ['the contact as service', { names: [`otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-client.${JID}`] }, 'certificate-hostname-mismatch', false],
  ['the contact as another kind of name', { names: [`otherName:1.3.6.1.5.5.7.8.6;UTF8:${JID}`] }, 'certificate-hostname-mismatch', false],
  ['an XmppAddr as IA5String', { names: [xmppAddr(JID, 'IA5STRING')] }, 'certificate-hostname-mismatch', false],
  ['an XmppAddr as PrintableString', { names: [xmppAddr('bob', 'PRINTABLESTRING')] }, 'certificate-hostname-mismatch', false],
  ['an XmppAddr as octets', section(`otherName=1.3.6.1.5.5.7.8.5;FORMAT:HEX,OCT:${hex(JID)}`), 'certificate-hostname-mismatch', false],
  ['the contact in bytes: the twin of what follows', inBytes(JID), 'accepted', true],
  ['a NUL at the end', inBytes(`${JID}\0`), 'certificate-hostname-mismatch', false],
  ['a NUL, and another domain', inBytes(`${JID}\0.evil.example`), 'certificate-hostname-mismatch', false],
  ['"DNS:" in a name', section(`otherName=1.3.6.1.5.5.7.8.5;UTF8:eve@example.org, DNS:${JID}, othername: XmppAddr::${JID}`), 'certificate-hostname-mismatch', false],
  ['a line break and a name', inBytes(`eve@example.org\nothername:XmppAddr:${JID}`), 'certificate-hostname-mismatch', false],
  ['the contact, and white space', inBytes(`${JID} `), 'certificate-hostname-mismatch', false],
  ['an expired one', expired, 'certificate-expired', false],
  ['one of tomorrow', notYetValid, 'certificate-not-activated', false],
  ['RSA of 2048 bits', rsa(2048), 'accepted', true],
  ['RSA of 1024 bits', rsa(1024), 'certificate-insecure', true],
  ['RSA with the exponent 3', rsa(2048, 3), 'certificate-insecure', true],
  ['Ed25519', key('-algorithm', 'ED25519'), 'accepted', true],
  ['Ed448', key('-algorithm', 'ED448'), 'certificate-insecure', true],
  ['P-384', curve('P-384'), 'accepted', true],
  ['P-521', curve('P-521'), 'certificate-insecure', true],
  ['secp256k1', curve('secp256k1'), 'certificate-insecure', true],
  ['brainpoolP256r1', curve('brainpoolP256r1'), 'certificate-insecure', true],
  // A peer proves its key in TLS; for what else its certificate may serve is only an authority's word.
  ['for servers only', { extensions: ['extendedKeyUsage=serverAuth'] }, 'accepted', false],
  ['for mail', { extensions: ['extendedKeyUsage=emailProtection'] }, 'accepted', false],
  ['for agreeing on keys only', { extensions: ['keyUsage=critical,keyAgreement'] }, 'accepted', false],
  ['an authority', { isAuthority: true }, 'accepted', false],
  ['a critical extension of no known kind', { extensions: ['1.2.3.4=critical,ASN1:NULL'] }, 'accepted', false],
];

describe.each(corpus)('a certificate of %s', (_name, options, condition, isVouchedFor) => {
  const made = { names: [xmppAddr(JID)], ...options };

  test(`is, signed by itself: ${condition}`, async () => {
    const certificate = await folder.selfSigned(made);
    expect([judge(certificate), vouches(certificate)]).toEqual([condition, false]);
  });

  test(`that an authority has issued ${isVouchedFor ? 'verifies' : 'does not verify'} the contact`, async () => {
    const certificate = await folder.issue(authority, made);
    expect([judge(certificate), vouches(certificate)]).toEqual([condition, isVouchedFor]);
  });
});
