/** Certificates made to be believed, to crash a reader, or to keep it busy: forged signatures, shapes of old bugs, chains without end, keys of every kind. */
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import { bareJid } from '../../../../src/features/trust/memories.ts';
import { createIdentity, pemOf } from '../../../../src/security/identity.ts';
import { DerReader, objectId } from '../../../../src/security/mechanisms/xtls/der.ts';
import { readCertificate } from '../../../../src/security/mechanisms/xtls/certificate.ts';
import { checkPeer } from '../../../../src/security/mechanisms/xtls/peer-check.ts';
import { Anchors } from '../../../../src/security/pkix.ts';
import { parseBareJid } from '../../../../src/xmpp/jid.ts';
import type { BareJid } from '../../../../src/xmpp/jid.ts';
import { algorithms, certificate, newKey, oid, sanExtension, tlv, xmppAddrName } from './certificates.ts';
import type { Shape } from './certificates.ts';
import { Side, destroyEngines, pipe } from './tls-ends.ts';

const bob = 'bob@example.org' as BareJid;
const ROMEO = 'romeo@example.net';
const JULIET = 'juliet@example.org';
const now = new Date('2026-06-01T00:00:00Z');
const own = createIdentity(ROMEO);

afterEach(destroyEngines);

const judge = (der: Uint8Array): string => {
  const verdict = checkPeer({
    protocol: 'TLSv1.3', isResumed: false, certificate: der, ownSpki: own.spki, peer: parseBareJid(bob), isAnonymous: false, now,
    judgeKey: () => ({ accepted: true, pinned: false, verifiedBy: undefined }), fingerprints: [],
  });
  return verdict.accepted ? 'accepted' : verdict.error.condition;
};
const forBob = (shape: Shape = {}): Buffer => certificate({ names: [xmppAddrName(bob)], ...shape });

/** How long something blocks. */
function blocked(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

describe('signatures that nobody made [G6]', () => {
  const isAuthority = tlv(0x30, oid('2.5.29.19'), tlv(0x01, Buffer.from([0xff])), tlv(0x04, tlv(0x30, tlv(0x01, Buffer.from([0xff])))));
  const pem = (der: Buffer): string => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const leafKey = createPublicKey(newKey()).export({ type: 'spki', format: 'der' });

  interface Authority {
    readonly key: KeyObject;
    readonly anchor: Buffer;
    /** A certificate for Bob that it has issued. */
    readonly leaf: Buffer;
    readonly tbs: Buffer;
  }
  function authority(key: KeyObject, algorithm: Buffer, hash: string | null): Authority {
    const leaf = forBob({ key, spki: leafKey, algorithm, hash });
    return { key, anchor: certificate({ key, algorithm, hash, extensions: [isAuthority] }), leaf, tbs: Buffer.from(new DerReader(leaf).enter(0x30).next(0x30).raw) };
  }
  /** The same certificate with this in the place of the signature. */
  function signedBy(leaf: Buffer, signature: Uint8Array): Buffer {
    const reader = new DerReader(leaf).enter(0x30);
    return tlv(0x30, reader.next().raw, reader.next().raw, tlv(0x03, Buffer.from([0]), signature));
  }
  const signatureOf = (leaf: Buffer): Buffer => {
    const reader = new DerReader(leaf).enter(0x30);
    reader.next();
    reader.next();
    return Buffer.from(reader.next(0x03).value.subarray(1));
  };
  const vouches = ({ anchor }: Authority, leaf: Buffer): boolean => {
    const anchors = new Anchors(bareJid);
    anchors.use(pem(anchor));
    return anchors.vouches(bob, leaf, now);
  };
  const cubeRoot = (value: bigint): bigint => {
    let [low, high] = [0n, 1n << 1024n];
    while (low < high) {
      const middle = (low + high) / 2n;
      if (middle ** 3n < value) low = middle + 1n;
      else high = middle;
    }
    return low;
  };

  test('with an RSA key of exponent 3: what comes after the padding is looked at', () => {
    const three = authority(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey, algorithms.rsaSha256, 'sha256');
    expect(vouches(three, three.leaf)).toBe(true);
    const hash = createHash('sha256').update(three.tbs).digest();
    const infos = {
      'the right one, then anything': tlv(0x30, tlv(0x30, oid('2.16.840.1.101.3.4.2.1'), tlv(0x05)), tlv(0x04, hash)),
      'without parameters, then anything': tlv(0x30, tlv(0x30, oid('2.16.840.1.101.3.4.2.1')), tlv(0x04, hash)),
      'with anything as parameters': tlv(0x30, tlv(0x30, oid('2.16.840.1.101.3.4.2.1'), tlv(0x04, Buffer.alloc(10, 7))), tlv(0x04, hash)),
    };
    for (const [name, info] of Object.entries(infos)) {
      for (const padding of [8, 1, 0]) {
        const start = Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(padding, 0xff), Buffer.from([0]), info]);
        const forged = cubeRoot(BigInt(`0x${start.toString('hex')}`) << BigInt((256 - start.length) * 8));
        // The control: its cube begins with just these bytes.
        const cube = Buffer.from((forged ** 3n).toString(16).padStart(512, '0'), 'hex');
        expect(cube.subarray(0, start.length - 1)).toEqual(start.subarray(0, -1));
        const signature = Buffer.from(forged.toString(16).padStart(512, '0'), 'hex');
        expect([name, padding, vouches(three, signedBy(three.leaf, signature))]).toEqual([name, padding, false]);
      }
    }
  });

  test('with an RSA key: nothing, zero, one, the modulus less one, another hash, another length', () => {
    const rsa = authority(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, algorithms.rsaSha256, 'sha256');
    expect(vouches(rsa, rsa.leaf)).toBe(true);
    const good = signatureOf(rsa.leaf);
    const minusOne = Buffer.from(createPublicKey(rsa.key).export({ format: 'jwk' }).n!, 'base64url');
    minusOne[255]! -= 1;
    for (const bad of [Buffer.alloc(0), Buffer.alloc(256), Buffer.concat([Buffer.alloc(255), Buffer.from([1])]), minusOne, sign('sha1', rsa.tbs, rsa.key), sign('sha512', rsa.tbs, rsa.key), Buffer.concat([Buffer.from([0]), good]), good.subarray(1), Buffer.concat([good, good])]) {
      expect(vouches(rsa, signedBy(rsa.leaf, bad))).toBe(false);
    }
  });

  test('with ECDSA: zeros, ones, the order itself, negative numbers, and what is not two numbers', () => {
    const ec = authority(newKey(), algorithms.ecdsaSha256, 'sha256');
    expect(vouches(ec, ec.leaf)).toBe(true);
    const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
    const [zero, one, n, negative] = [Buffer.from([0]), Buffer.from([1]), Buffer.concat([Buffer.from([0]), order]), Buffer.from([0xff])];
    for (const r of [zero, one, n, negative]) for (const s of [zero, one, n, negative]) expect(vouches(ec, signedBy(ec.leaf, tlv(0x30, tlv(0x02, r), tlv(0x02, s))))).toBe(false);
    for (const bad of [Buffer.alloc(0), tlv(0x30), Buffer.alloc(64), Buffer.concat([signatureOf(ec.leaf), Buffer.from([0])])]) expect(vouches(ec, signedBy(ec.leaf, bad))).toBe(false);
  });

  test('with Ed25519: the same S once more around the group, zeros, the neutral point', () => {
    const ed = authority(generateKeyPairSync('ed25519').privateKey, algorithms.ed25519, null);
    expect(vouches(ed, ed.leaf)).toBe(true);
    const good = signatureOf(ed.leaf);
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const number = BigInt(`0x${Buffer.from(good.subarray(32)).reverse().toString('hex')}`);
    const around = Buffer.from((number + order).toString(16).padStart(64, '0'), 'hex').reverse();
    const neutral = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]);
    for (const bad of [Buffer.concat([good.subarray(0, 32), around]), Buffer.alloc(64), Buffer.concat([neutral, Buffer.alloc(32)]), good.subarray(0, 63), Buffer.concat([good, Buffer.alloc(1)])]) {
      expect(vouches(ed, signedBy(ed.leaf, bad))).toBe(false);
    }
  });

  test('are nowhere judged by code of ours, nor by the library that writes certificates', () => {
    const folder = join(import.meta.dirname, '../../../../src');
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).flatMap((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      return [...text.matchAll(/\b[\w.]+\.(?:verify|verifyCertificateChain|createCaStore|tls\.\w+)\(/g)].map(([call]) => `${name}: ${call}`);
    });
    expect(found).toEqual(['security/pkix.ts: leaf.verify(']);
  });
});

describe('lengths and depths [H1 G6]', () => {
  test('are compared with what is there, written in the shortest way only, and never too large to count', () => {
    const read = (...octets: number[]): number => new DerReader(Buffer.from([0x04, ...octets, ...Array.from({ length: 300 }, () => 7)])).next().value.length;
    expect([read(0), read(1), read(0x7f), read(0x81, 0x80), read(0x82, 1, 0)]).toEqual([0, 1, 127, 128, 256]);
    for (const length of [[0x81, 0x7f], [0x81, 0], [0x82, 0, 0xff], [0x83, 0, 1, 0], [0x80], [0xff], [0x82, 1, 0x2f], [0x83, 1, 0, 0], [0x84, 0, 0, 0, 1], [0x84, 0x7f, 0xff, 0xff, 0xff], [0x84, 0xff, 0xff, 0xff, 0xff], [0x88, 0, 0, 0, 0, 0, 0, 0, 1]]) {
      expect(() => read(...length)).toThrow(expect.objectContaining({ condition: 'invalid-data' }));
    }
    expect(objectId(Buffer.from([0x2a, 0x8f, 0xff, 0xff, 0xff, 0x7f]))).toBe('1.2.4294967295');
    for (const id of [[0x2a, 0x90, 0x80, 0x80, 0x80, 0x00], [0x2a, 0x80, 0x01], [0x2a, 0x81], [], Array.from({ length: 20_000 }, () => 0xff)]) expect(() => objectId(Buffer.from(id))).toThrow(expect.objectContaining({ condition: 'invalid-data' }));
  });

  test('every length in a certificate, set to what overflows, is refused', () => {
    const good = forBob();
    expect(judge(good)).toBe('accepted');
    // Where a length of one octet or two stands.
    const places: number[] = [];
    const walk = (bytes: Uint8Array, at: number): void => {
      for (let offset = 0; offset < bytes.length; ) {
        const first = bytes[offset + 1]!;
        const header = first < 0x80 ? 2 : 2 + (first & 0x7f);
        const size = first < 0x80 ? first : Number(`0x${Buffer.from(bytes.subarray(offset + 2, offset + header)).toString('hex')}`);
        places.push(at + offset + 1);
        if ((bytes[offset]! & 0x20) !== 0) walk(bytes.subarray(offset + header, offset + header + size), at + offset + header);
        offset += header + size;
      }
    };
    walk(good, 0);
    expect(places.length).toBeGreaterThan(25);
    for (const at of places) {
      for (const length of [[0], [1], [0x84, 0x7f, 0xff, 0xff, 0xff], [0x84, 0xff, 0xff, 0xff, 0xff], [0x84, 0x80, 0, 0, 0], [0x80], [0xff], [0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]) {
        const bad = Buffer.concat([good.subarray(0, at), Buffer.from(length), good.subarray(at + 1)]);
        if (!bad.equals(good)) expect([at, length, judge(bad)]).not.toEqual([at, length, 'accepted']);
      }
    }
  });

  test('ten thousand levels, and object identifiers of thousands of octets, take no time', () => {
    let deep: Buffer = Buffer.alloc(0);
    for (let level = 0; level < 10_000 && deep.length < 60_000; level += 1) deep = tlv(0x30, deep);
    const long = tlv(0x30, tlv(0x06, Buffer.alloc(20_000, 0xff)));
    const endless = tlv(0x30, tlv(0x06, Buffer.concat([Buffer.from([0x2a]), ...Array.from({ length: 5000 }, () => Buffer.from([0x8f, 0xff, 0xff, 0xff, 0x7f]))])));
    for (const [name, der] of Object.entries({ deep, inName: forBob({ names: [xmppAddrName(bob), tlv(0xa4, deep)] }), long: forBob({ algorithm: long, outerAlgorithm: long }), endless: forBob({ algorithm: endless, outerAlgorithm: endless }) })) {
      expect([name, blocked(() => judge(der)) < 200]).toEqual([name, true]);
    }
    expect(judge(forBob({ algorithm: long, outerAlgorithm: long }))).toBe('certificate-invalid');
    expect(judge(forBob({ algorithm: endless, outerAlgorithm: endless }))).not.toBe('accepted');
  });
});

describe('shapes that parsers fell for [G7]', () => {
  const explicitCurve = (): Buffer => {
    // CVE-2022-0778: a "prime" that is none, and a point to be decompressed: the square root was looked for without end.
    const prime = tlv(0x02, Buffer.from([0x02, 0xb9]));
    const parameters = tlv(0x30, tlv(0x02, Buffer.from([1])), tlv(0x30, oid('1.2.840.10045.1.1'), prime), tlv(0x30, tlv(0x04, Buffer.from([0x17, 0x9])), tlv(0x04, Buffer.from([0x0, 0x7]))), tlv(0x04, Buffer.from([0x02, 0x00, 0x0a])), tlv(0x02, Buffer.from([1])), tlv(0x02, Buffer.from([1])));
    return tlv(0x30, tlv(0x30, oid('1.2.840.10045.2.1'), parameters), tlv(0x03, Buffer.from([0, 0x02, 0x00, 0x0a])));
  };
  const critical = (id: string, value: Buffer): Buffer => tlv(0x30, oid(id), tlv(0x01, Buffer.from([0xff])), tlv(0x04, value));

  test.each<[string, Shape, string]>([
    ['a curve in the place of its name, and a point to be decompressed (CVE-2022-0778)', { spki: explicitCurve() }, 'certificate-invalid'],
    ['limits on names in Punycode (CVE-2022-3602, -3786)', { extensions: [sanExtension(xmppAddrName(bob)), critical('2.5.29.30', tlv(0x30, tlv(0xa0, tlv(0x30, tlv(0x81, Buffer.from(`xn--${'a'.repeat(600)}.example`))))))] }, 'accepted'],
    ['an address of X.400 in lists of revocations (CVE-2023-0286)', { extensions: [sanExtension(xmppAddrName(bob), tlv(0xa3, Buffer.alloc(40, 0x41))), critical('2.5.29.31', tlv(0x30, tlv(0x30, tlv(0xa0, tlv(0xa0, tlv(0xa3, Buffer.alloc(40, 0x41)))))))] }, 'accepted'],
  ])('%s', (_name, shape, condition) => {
    const der = forBob(shape);
    expect(blocked(() => judge(der))).toBeLessThan(200);
    expect(judge(der)).toBe(condition);
    expect(judge(forBob())).toBe('accepted');
  });

  /** A peer with a chain behind its leaf: what becomes of the session, and how long nothing else could be done. */
  async function chained(hushRole: 'client' | 'server', chain: Buffer[]): Promise<{ names: string[]; longest: number }> {
    const [left, right] = pipe();
    const identity = createIdentity(hushRole === 'client' ? JULIET : ROMEO);
    const { key, cert } = pemOf(identity);
    const all = [cert, ...chain.map((der) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----`)].join('\n');
    let longest = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    if (hushRole === 'server') connect({ socket: left, key, cert: all, rejectUnauthorized: false }).on('error', () => undefined);
    else {
      const server = createServer({ key, cert: all, requestCert: true, rejectUnauthorized: false });
      server.on('tlsClientError', () => undefined);
      server.emit('connection', left);
    }
    last = performance.now();
    const side = new Side(right, hushRole, createIdentity(hushRole === 'client' ? ROMEO : JULIET), hushRole === 'client' ? JULIET : ROMEO);
    for (let turn = 0; turn < 500 && side.names.length === 0; turn += 1) await new Promise((resolve) => setTimeout(resolve, 2));
    clearInterval(watch);
    return { names: side.names, longest };
  }

  test.each(['client', 'server'] as const)('a chain of a hundred is carried, and does not count; one of a MiB is too much (hush %s)', async (role) => {
    const small = forBob();
    const hundred = await chained(role, Array.from({ length: 100 }, () => small));
    expect(hundred.names).toEqual(['secured']);
    // What OpenSSL would take, of 100 KiB, is too much for us.
    const more = await chained(role, Array.from({ length: Math.floor((80 * 1024) / small.length) }, () => small));
    expect(more.names).toEqual(['failed']);
    const large = forBob({ extensions: [sanExtension(...Array.from({ length: 500 }, (_, at) => xmppAddrName(`somebody-${at}@example.org`)))] });
    const mebibyte = await chained(role, Array.from({ length: Math.ceil(2 ** 20 / large.length) }, () => large));
    expect(mebibyte.names).toEqual(['failed']);
    expect(Math.max(hundred.longest, mebibyte.longest)).toBeLessThan(1000);
  });

  test('no certificate is longer than 64 KiB', () => {
    const names = (count: number): Buffer => forBob({ extensions: [sanExtension(...Array.from({ length: count }, (_, at) => xmppAddrName(`somebody-${at}@example.org`)), xmppAddrName(bob))] });
    expect(judge(names(1000))).toBe('accepted');
    expect(judge(names(2000))).toBe('certificate-invalid');
    expect(blocked(() => judge(names(1000)))).toBeLessThan(200);
  });
});

describe('keys [G9]', () => {
  const number = (value: bigint): Buffer => {
    const hex = value.toString(16);
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
    return tlv(0x02, (bytes[0]! & 0x80) === 0 ? bytes : Buffer.concat([Buffer.from([0]), bytes]));
  };
  const rsa = (bits: number, exponent: bigint): Buffer =>
    tlv(0x30, tlv(0x30, oid('1.2.840.113549.1.1.1'), tlv(0x05)), tlv(0x03, Buffer.from([0]), tlv(0x30, number((1n << BigInt(bits - 1)) + 12345n), number(exponent))));
  const point = (curve: string, size: number): Buffer => tlv(0x30, tlv(0x30, oid('1.2.840.10045.2.1'), oid(curve)), tlv(0x03, Buffer.from([0, 4]), Buffer.alloc(size * 2, 1)));
  const made = (type: 'x25519' | 'x448' | 'ed448'): Buffer => generateKeyPairSync(type as 'x25519').publicKey.export({ type: 'spki', format: 'der' });

  test.each<[string, Buffer]>([
    ['RSA of 512 bits', rsa(512, 65_537n)],
    ['RSA of 1024 bits', rsa(1024, 65_537n)],
    ['RSA of 2047 bits', rsa(2047, 65_537n)],
    ['RSA of 4097 bits', rsa(4097, 65_537n)],
    ['RSA of 16384 bits', rsa(16_384, 65_537n)],
    ['RSA of 30000 bits with an exponent as large', rsa(30_000, (1n << 29_998n) + 1n)],
    ['RSA with the exponent 1', rsa(2048, 1n)],
    ['RSA with the exponent 3', rsa(2048, 3n)],
    ['RSA with an even exponent', rsa(2048, 65_538n)],
    ['RSA with an exponent of 65 bits', rsa(2048, (1n << 64n) + 1n)],
    ['X25519', made('x25519')],
    ['X448', made('x448')],
    ['Ed448', made('ed448')],
    ['a point that is not on P-256', point('1.2.840.10045.3.1.7', 32)],
    ['secp112r1', point('1.3.132.0.6', 14)],
    ['a curve over a binary field', point('1.3.132.0.16', 36)],
    ['brainpoolP256r1', point('1.3.36.3.3.2.8.1.1.7', 32)],
    ['SM2', point('1.2.156.10197.1.301', 32)],
    ['a key of no known kind', tlv(0x30, tlv(0x30, oid('1.2.3.4')), tlv(0x03, Buffer.from([0, 1, 2])))],
    ['no key at all', tlv(0x30, tlv(0x30, oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), tlv(0x03, Buffer.from([0])))],
  ])('%s is refused, at once', (_name, spki) => {
    const der = forBob({ spki });
    expect(['certificate-insecure', 'certificate-invalid']).toContain(judge(der));
    expect(blocked(() => judge(der))).toBeLessThan(100);
  });

  test.each<[string, Buffer]>([
    ['RSA of 2048 bits', rsa(2048, 65_537n)],
    ['RSA of 4096 bits', rsa(4096, 65_537n)],
    ['P-256', createPublicKey(newKey()).export({ type: 'spki', format: 'der' })],
    ['Ed25519', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' })],
  ])('%s is taken', (_name, spki) => {
    expect(judge(forBob({ spki }))).toBe('accepted');
    expect(readCertificate(forBob({ spki })).spki.length).toBe(spki.length);
  });

  test('the largest that TLS itself would use before anybody judges it take no time either', () => {
    for (const spki of [rsa(16_384, 65_537n), rsa(16_384, (1n << 63n) + 1n), rsa(4096, (1n << 4090n) + 1n)]) {
      const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
      const size = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
      expect(blocked(() => {
        try {
          expect(verify('sha256', Buffer.alloc(32), key, Buffer.alloc(size, 1))).toBe(false);
        } catch {
          // Too large for OpenSSL.
        }
      })).toBeLessThan(300);
    }
  });
});
