/** The readers of certificates against each other and against OpenSSL. Attack rows B4, B6, C10, G6, G7. */
import { X509Certificate } from 'node:crypto';
import { readCertificate } from '../../../src/security/mechanisms/xtls/certificate.ts';
import { DerReader, objectId } from '../../../src/security/mechanisms/xtls/der.ts';
import { checkPeer } from '../../../src/security/mechanisms/xtls/peer-check.ts';
import { readDer } from '../../../src/xmpp/der.ts';
import { parseBareJid } from '../../../src/xmpp/jid.ts';
import { namesServer, presentedNames } from '../../../src/xmpp/server-identity.ts';
import type { Random } from '../random.ts';
import { attempt, promise } from '../target.ts';
import type { Target } from '../target.ts';

const peer = parseBareJid('romeo@example.net');

function check(bytes: Buffer): void {
  checkElements(bytes);
  const server = attempt(['certificate-invalid'], () => presentedNames(bytes));
  if (server !== undefined) namesServer(server, ['example.net']);
  const verdict = checkPeer({
    protocol: 'TLSv1.3',
    isResumed: false,
    certificate: bytes,
    ownSpki: Buffer.alloc(0),
    peer,
    isAnonymous: false,
    now: new Date('2026-01-01T00:00:00Z'),
    judgeKey: () => ({ accepted: true, pinned: false, verifiedBy: undefined }),
    fingerprints: [],
  });
  promise(verdict.accepted || /^(certificate|encryption)-/.test(verdict.error.condition), 'a verdict says what is wrong', verdict.accepted || verdict.error.condition);
  const certificate = attempt(['invalid-data'], () => readCertificate(bytes));
  if (certificate === undefined) {
    promise(!verdict.accepted, 'what cannot be read is not accepted');
    return;
  }
  const openssl = new X509Certificate(bytes);
  promise(openssl.raw.equals(bytes), 'all of it is the certificate');
  promise(openssl.publicKey.export({ type: 'spki', format: 'der' }).equals(certificate.spki), 'the key is the one OpenSSL sees');
  const shown = (text: string): number => new Date(text).getTime();
  promise(shown(openssl.validFrom) === certificate.notBefore.getTime() && shown(openssl.validTo) === certificate.notAfter.getTime(), 'it is valid when OpenSSL says', [openssl.validFrom, certificate.notBefore]);
  promise(typeof openssl.subjectAltName === 'string' || certificate.xmppAddrs.length === 0, 'no name that OpenSSL does not see', certificate.xmppAddrs);
  const others = (openssl.subjectAltName ?? '').split(/, (?=[A-Za-z ]+:)/).filter((name) => name.startsWith('othername:'));
  promise(certificate.xmppAddrs.length <= others.length, 'no more addresses than other names', [certificate.xmppAddrs, openssl.subjectAltName]);
  if (server !== undefined) promise(certificate.xmppAddrs.every((address) => server.xmppAddr.includes(address)), 'both readers see the same addresses', [certificate.xmppAddrs, server.xmppAddr]);
  if (verdict.accepted) promise(certificate.xmppAddrs.some((address) => address.toLowerCase().normalize('NFKC') === peer), 'accepted is only who it names', certificate.xmppAddrs);
}

/** Two readers of DER: they see the same, and what they see is all there is. */
function checkElements(bytes: Buffer): void {
  const one = attempt(['certificate-invalid'], () => readDer(bytes));
  const other = attempt(['invalid-data'], () => {
    const reader = new DerReader(bytes);
    const found = [];
    while (!reader.atEnd) found.push(reader.next());
    return found;
  });
  promise((one === undefined) === (other === undefined), 'both readers of DER take it, or neither');
  if (one === undefined || other === undefined) return;
  promise(Buffer.concat(other.map(({ raw }) => raw)).equals(bytes), 'nothing is left out');
  promise(one.length === other.length && one.every(({ tag, content }, at) => tag === other[at]?.tag && Buffer.from(content).equals(other[at].value)), 'both read the same');
  for (const { value } of other) attempt(['invalid-data'], () => objectId(value));
}

interface Node {
  readonly tag: number;
  readonly content: Node[] | Buffer;
}

/** Leniently: what is no list of elements is bytes. A BIT STRING or OCTET STRING may hold more of them. */
function tree(bytes: Buffer): Node[] | undefined {
  const list: Node[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    let length = bytes[at + 1] ?? 0;
    let start = at + 2;
    if (length > 0x80) {
      const octets = length & 0x7f;
      if (octets > 3 || start + octets > bytes.length) return undefined;
      length = bytes.readUIntBE(start, octets);
      start += octets;
    }
    if (start + length > bytes.length) return undefined;
    const content = bytes.subarray(start, start + length);
    list.push({ tag, content: ((tag & 0x20) !== 0 || tag === 0x04 ? tree(content) : undefined) ?? content });
    at = start + length;
  }
  return list;
}

function encode(list: readonly Node[]): Buffer {
  return Buffer.concat(
    list.map(({ tag, content }) => {
      const value = Buffer.isBuffer(content) ? content : encode(content);
      const n = value.length;
      return Buffer.concat([Buffer.of(tag, ...(n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 255])), value]);
    }),
  );
}

/** Elements changed, doubled, left out or put elsewhere; every length as it must be. */
function regrow(bytes: Buffer, random: Random, other: Buffer): Buffer {
  const roots = tree(bytes);
  if (roots === undefined || roots.length === 0) return bytes;
  const lists: Node[][] = [];
  const collect = (list: Node[], depth: number): void => {
    lists.push(list);
    if (depth < 100) for (const { content } of list) if (!Buffer.isBuffer(content)) collect(content, depth + 1);
  };
  collect(roots, 0);
  const list = random.pick(lists.filter(({ length }) => length > 0));
  const at = random.below(list.length);
  const node = list[at];
  if (node === undefined) return bytes;
  const foreign = tree(other) ?? [];
  switch (random.below(7)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.splice(at, 0, ...Array<Node>(random.few(60)).fill(node));
      break;
    case 2:
      list[at] = random.pick(random.pick(lists.filter(({ length }) => length > 0)));
      // An element inside itself has no end.
      if (lists.some((inner) => inner === list[at]?.content)) list[at] = node;
      break;
    case 3:
      list[at] = { tag: random.pick([0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x30, 0x31, 0x80, 0x82, 0x86, 0xa0, 0xa3, 0x1f, 0x00]), content: node.content };
      break;
    case 4:
      if (Buffer.isBuffer(node.content) && node.content.length > 0) {
        const content = Buffer.from(node.content);
        content[random.below(content.length)] = random.below(256);
        list[at] = { tag: node.tag, content };
      }
      break;
    case 5:
      list[at] = { tag: node.tag, content: [node] };
      break;
    default:
      list.splice(at, 0, ...foreign.slice(0, 2));
  }
  return encode(roots);
}

/** Three that are as they should be: P-256 with an XmppAddr; all kinds of names and GeneralizedTime; Ed25519. */
const certificates = [
  'MIIBYDCCAQagAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDAR0ZXN0MB4XDTI1MDEwMTAwMDAwMFoXDTM1MDEwMTAwMDAwMFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCAbpa1ocGnfsJTUwfcEPvTU7blckZHc8ihti6C7xCc4BpGOzxwfDHPYou5pqXSXiQJpknv0uifxyDUm6jl0X1ijUzBRME8GA1UdEQRIMEagHwYIKwYBBQUHCAWgEwwRcm9tZW9AZXhhbXBsZS5uZXSCC2V4YW1wbGUubmV0hhZ4bXBwOnJvbWVvQGV4YW1wbGUubmV0MAoGCCqGSM49BAMCA0gAMEUCIAuIosBBF6JubGbbCS+QJkn6BaluTU5Ta5dziy7ctOgmAiEAiyrS/392tOyt2HhEPJVwqt0+NvirxPHVRb+aDM4fETU=',
  'MIIBdTCCARqgAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDAR0ZXN0MCIYDzIwMjUwMTAxMDAwMDAwWhgPMjAzNTAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATrLVHzqTysNxRcMviATyTwoofZx7ixxKm8C+lYVmaATF4+8F56UVgtRLP79aYRb3cb3DviDJp2BS2LVj8lKAzgo2MwYTBfBgNVHREEWDBWgg0qLmV4YW1wbGUubmV0oCYGCCsGAQUFBwgHoBoWGF94bXBwLWNsaWVudC5leGFtcGxlLm5ldKAdBggrBgEFBQcIBaARDA9yw6RAZXhhbXBsZS5uZXQwCgYIKoZIzj0EAwIDSQAwRgIhANnPOVvWUxyNANVuiliOHc5iveGQCY/NTeqo8m4IjKNWAiEA75VItpA5BjtpLfkkBer/cFv2x7i9kK8jAAbWGCVX3RI=',
  'MIH6MIGtoAMCAQICAQEwBQYDK2VwMA8xDTALBgNVBAMMBHRlc3QwHhcNMjUwMTAxMDAwMDAwWhcNMzUwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDDAR0ZXN0MCowBQYDK2VwAyEAM5TZ+T/KSq4V239ouuQELHz1nMhn0EEl7taPpQJmQhijLjAsMCoGA1UdEQQjMCGgHwYIKwYBBQUHCAWgEwwRcm9tZW9AZXhhbXBsZS5uZXQwBQYDK2VwA0EAf6hLLBJSz/mfOfRO8VOkpS3D1rPzVGdVh2xXkIta3Ny1ipGgNslK6rYMtvG0YAnsLbBoyBZwOr0/gLv10p73AA==',
];

export const target: Target = {
  sources: ['/src/security/mechanisms/xtls/certificate.ts', '/src/security/mechanisms/xtls/der.ts', '/src/security/mechanisms/xtls/peer-check.ts', '/src/security/key-strength.ts', '/src/xmpp/der.ts', '/src/xmpp/server-identity.ts'],
  seeds: certificates.map((text) => Buffer.from(text, 'base64')),
  dictionary: [
    Uint8Array.of(0x30, 0x80), Uint8Array.of(0x30, 0x81, 0x7f), Uint8Array.of(0x30, 0x84, 0, 0, 0, 1), Uint8Array.of(0x1f, 0x81, 0), Uint8Array.of(0x02, 0x01, 0x02), Uint8Array.of(0x06, 0x03, 0x55, 0x1d, 0x11), Uint8Array.of(0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 8, 5), Uint8Array.of(0x06, 0x02, 0x80, 0x01),
    Uint8Array.of(0x06, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), Uint8Array.of(0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10), Uint8Array.of(0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1), 'romeo@example.net', 'romeo@example.net\0', 'ROMEO@example.net', '491231235959Z', '500101000000Z', '20490229000000Z', '99991231235959Z', Uint8Array.of(0x05, 0), Uint8Array.of(0x01, 1, 0xff), Uint8Array.of(0xc3, 0xa4), Uint8Array.of(0xed, 0xa0, 0x80),
  ],
  mutate: regrow,
  run: check,
};
