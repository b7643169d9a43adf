import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { PUBLIC_SIZE, Srp, answererProof, randomExponent, sameProof, srp3072, starterProof, stretch } from '../../../../src/security/mechanisms/xtls/srp.ts';
import type { SrpParameters, Transcript } from '../../../../src/security/mechanisms/xtls/srp.ts';
import { hex, vectors } from './vectors.ts';

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('RFC 5054 Appendix B', () => {
  const group: SrpParameters = {
    prime: hex(`EEAF0AB9 ADB38DD6 9C33F80A FA8FC5E8 60726187 75FF3C0B 9EA2314C 9C256576 D674DF74 96EA81D3 383B4813 D692C6E0 E0D5D8E2 50B98BE4
      8E495C1D 6089DAD1 5DC7D7B4 6154D6B6 CE8EF4AD 69B15D49 82559B29 7BCF1885 C529F566 660E57EC 68EDBC3C 05726CC0 2FD4CBF4 976EAA9A FD5138FE 8376435B 9FC61D2F C0EB06E3`),
    generator: 2,
    hash: 'sha1',
  };
  const srp = new Srp(group);
  const salt = hex('BEB25379 D1A8581E B5A72767 3A2441EE');
  const x = hex('94B7555A ABE9127C C58CCF49 93DB6CF8 4D16C124');
  const a = hex('60975527 035CF2AD 1989806F 0407210B C81EDC04 E2762A56 AFD529DD DA2D4393');
  const b = hex('E487CB59 D31AC550 471E81F0 0F6928E0 1DDA08E9 74A004F4 9E61F5D1 05284D20');
  const v = hex(`7E273DE8 696FFC4F 4E337D05 B4B375BE B0DDE156 9E8FA00A 9886D812 9BADA1F1 822223CA 1A605B53 0E379BA4 729FDC59 F105B478 7E5186F5
    C671085A 1447B52A 48CF1970 B4FB6F84 00BBF4CE BFBB1681 52E08AB5 EA53D15C 1AFF87B2 B9DA6E04 E058AD51 CC72BFC9 033B564E 26480D78 E955A5E2 9E7AB245 DB2BE315 E2099AFB`);
  const A = hex(`61D5E490 F6F1B795 47B0704C 436F523D D0E560F0 C64115BB 72557EC4 4352E890 3211C046 92272D8B 2D1A5358 A2CF1B6E 0BFCF99F 921530EC
    8E393561 79EAE45E 42BA92AE ACED8251 71E1E8B9 AF6D9C03 E1327F44 BE087EF0 6530E69F 66615261 EEF54073 CA11CF58 58F0EDFD FE15EFEA B349EF5D 76988A36 72FAC47B 0769447B`);
  const B = hex(`BD0C6151 2C692C0C B6D041FA 01BB152D 4916A1E7 7AF46AE1 05393011 BAF38964 DC46A067 0DD125B9 5A981652 236F99D9 B681CBF8 7837EC99
    6C6DA044 53728610 D0C6DDB5 8B318885 D7D82C7F 8DEB75CE 7BD4FBAA 37089E6F 9C6059F3 88838E7A 00030B33 1EB76840 910440B1 B27AAEAE EB4012B7 D7665238 A8E3FB00 4B117B58`);
  const S = `B0DC82BA BCF30674 AE450C02 87745E79 90A3381F 63B387AA F271A10D 233861E3 59B48220 F7C4693C 9AE12B0A 6F67809F 0876E2D0 13800D6C
    41BB59B6 D5979B5C 00A172B4 A2A5903A 0BDCAF8A 709585EB 2AFAFA8F 3499B200 210DCC1F 10EB3394 3CD67FC8 8A2F39A4 BE5BEC4E C0A3212D C346D7E4 74B29EDE 8A469FFE CA686E5A`;

  test('k, x and v', () => {
    expect(srp.multiplier()).toEqual(hex('7556AA04 5AEF2CDD 07ABAF0F 665C3E81 8913186F'));
    expect(srp.privateKey('alice', Buffer.from('password123'), salt)).toEqual(x);
    expect(srp.verifier(x)).toEqual(v);
  });
  test('A, B and u', () => {
    expect(srp.starterPublic(a)).toEqual(A);
    expect(srp.answererPublic(v, b)).toEqual(B);
    expect(srp.scramble(A, B)).toEqual(hex('CE38B959 3487DA98 554ED47D 70A7AE5F 462EF019'));
  });
  test('the premaster secret, at both ends', () => {
    expect(srp.starterSecret(A, B, a, x)).toEqual(hex(S));
    expect(srp.answererSecret(A, B, b, v)).toEqual(hex(S));
  });
});

describe('the 3072-bit group', () => {
  const known = vectors.srp;
  const srp = new Srp();
  const salt = hex(known.salt);
  const [a, b, x] = [hex(known.a), hex(known.b), hex(known.x)];
  const v = srp.verifier(x);
  const A = srp.starterPublic(a);
  const B = srp.answererPublic(v, b);
  const transcript: Transcript = {
    channelBinding: hex(known.cb),
    bindingHash: hex(known.H),
    starter: known.starter,
    answerer: known.answerer,
    salt,
    A,
    B,
  };
  const K = hex(known.K);

  test('is 3072 bits with the generator 5', () => {
    expect(srp3072().prime).toHaveLength(PUBLIC_SIZE);
    expect(srp.multiplier()).toEqual(hex(known.k));
  });

  test('stretches a secret by scrypt and derives x', async () => {
    const stretched = await stretch(hex(known['secret-normalised-utf8']), salt);
    expect(stretched).toEqual(hex(known.scrypt));
    expect(srp.privateKey(known.identity, stretched, salt)).toEqual(x);
  });

  test('gives the known values', () => {
    expect([digest(v), digest(A), digest(B)]).toEqual([known['v-sha256'], known['A-sha256'], known['B-sha256']]);
    expect(srp.scramble(A, B)).toEqual(hex(known.u));
    expect(srp.sessionKey(srp.starterSecret(A, B, a, x))).toEqual(K);
    expect(srp.sessionKey(srp.answererSecret(A, B, b, v))).toEqual(K);
  });

  test('gives the known proofs', () => {
    const M1 = starterProof(K, transcript);
    expect(M1).toEqual(hex(known.M1));
    expect(answererProof(K, transcript, M1)).toEqual(hex(known.M2));
  });

  test('gives other proofs for another session, end, salt or value [G4 H4]', () => {
    const changes: Partial<Transcript>[] = [
      { channelBinding: Buffer.alloc(32) },
      { bindingHash: Buffer.alloc(32) },
      { starter: 'mallory@example.org/x' },
      { answerer: 'mallory@example.org/x' },
      { salt: Buffer.alloc(32) },
      { A: B },
      { B: A },
    ];
    for (const change of changes) expect(sameProof(starterProof(K, { ...transcript, ...change }), hex(known.M1))).toBe(false);
    expect(sameProof(starterProof(K, transcript), hex(known.M1))).toBe(true);
  });

  test('agrees between fresh ends with one secret, and only then', () => {
    const [ours, theirs] = [randomExponent(), randomExponent()];
    const A2 = srp.starterPublic(ours);
    const B2 = srp.answererPublic(v, theirs);
    const answerer = srp.sessionKey(srp.answererSecret(A2, B2, theirs, v));
    expect(srp.sessionKey(srp.starterSecret(A2, B2, ours, x))).toEqual(answerer);
    expect(srp.sessionKey(srp.starterSecret(A2, B2, ours, srp.privateKey(known.identity, Buffer.from('wrong'), salt)))).not.toEqual(answerer);
  });

  test('pads every number to the bytes of N', () => {
    expect(srp.starterPublic(Buffer.from([1]))).toEqual(Buffer.concat([Buffer.alloc(PUBLIC_SIZE - 1), Buffer.from([5])]));
  });

  test('takes no public value outside 0 < value < N, nor of another length [H4]', () => {
    const number = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(768, '0'), 'hex');
    const n = BigInt(`0x${srp3072().prime.toString('hex')}`);
    expect([0n, n].map((value) => srp.isPublic(number(value)))).toEqual([false, false]);
    expect([1n, n - 1n].map((value) => srp.isPublic(number(value)))).toEqual([true, true]);
    expect(srp.isPublic(Buffer.concat([Buffer.alloc(1), A]))).toBe(false);
    expect(srp.isPublic(A.subarray(1))).toBe(false);
    expect(srp.isPublic(Buffer.alloc(0))).toBe(false);
  });

  test('refuses degenerate values as a failed authentication, never as a crash [H4]', () => {
    const one = Buffer.concat([Buffer.alloc(PUBLIC_SIZE - 1), Buffer.from([1])]);
    const kv = srp.answererPublic(v, b); // B with g^b taken away leaves kv
    const last = Buffer.from(srp3072().prime);
    last[PUBLIC_SIZE - 1]! -= 1;
    const refused = expect.objectContaining({ condition: 'authentication-failed' });
    // A·v^u = 1 cannot be had without knowing v; A = N − 1 with v = 1 comes to N − 1 or 1.
    expect(() => srp.answererSecret(last, kv, b, one)).toThrow(refused);
  });
});
