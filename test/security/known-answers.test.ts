/** Answers computed a second time, by Python's standard library from the definitions, for what security rests on and no document gives examples of. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { bindingHash } from '../../src/security/mechanisms/xtls/binding.ts';
import { commit } from '../../src/security/mechanisms/xtls/commitment.ts';
import { Srp, answererProof, randomExponent, starterProof, stretch } from '../../src/security/mechanisms/xtls/srp.ts';
import { safetyNumber } from '../../src/security/safety-number.ts';
import { parseBareJid, parseFullJid } from '../../src/xmpp/jid.ts';

/** What the program prints for these values (JSON). */
function python(program: string, values: unknown): unknown {
  const start = 'import hashlib, hmac, json, struct, sys\ngiven = json.load(sys.stdin)\ndef L(x): return struct.pack(">I", len(x)) + x\ndef h(name): return bytes.fromhex(given[name])\n';
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', `${start}${program}`], { input: JSON.stringify(values), encoding: 'utf8' }));
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const [romeo, juliet] = [parseFullJid('romeo@example.net/orchard'), parseFullJid('müller@example.org/Bälkön 🔑')];

describe('computed by Python’s hashlib', () => {
  test.each(Array.from({ length: 5 }, (_, at) => at))('safety numbers are the same (%i)', () => {
    const parties = [{ jid: parseBareJid('romeo@example.net'), spki: randomBytes(91) }, { jid: parseBareJid('müller@example.org'), spki: randomBytes(294) }] as const;
    const number = python(
      `
pairs = sorted((p["jid"].encode(), bytes.fromhex(p["spki"])) for p in given)
x = b"hush-safety-number-1" + b"".join(L(j) + L(k) for j, k in pairs)
d = hashlib.sha512(x).digest()
for _ in range(5200): d = hashlib.sha512(d + x).digest()
print(json.dumps(" ".join("%05d" % (int.from_bytes(d[i * 5:i * 5 + 5], "big") % 100000) for i in range(12))))`,
      parties.map(({ jid, spki }) => ({ jid, spki: hex(spki) })),
    );
    expect(safetyNumber(parties[0], parties[1])).toBe(number);
    expect(safetyNumber(parties[1], parties[0])).toBe(number);
  });

  test('commitments and bindings are the same', () => {
    const [salt, spki] = [randomBytes(32), randomBytes(91)];
    const signalled = { methods: ['srp', 'x509', 'x509'], commitment: 'ypq78R0lWT6olGy9w7bpzXMTI93ga1HkFGDI5WEzXTY=', flags: new Map([['zeta', '1'], ['B', 'ä']]) };
    const accept = { methods: ['x509'], commitment: '', flags: new Map<string, string>() };
    const both = { initiator: romeo, responder: juliet, jingleSid: 'a', creator: 'initiator', contentName: 'xmlstream', description: 'urn:d', transport: 'urn:t', ibbSid: 'b', blockSize: '4096', mode: '' };
    const answer = python(
      `
import base64
def U(x): return x.encode()
def methods(side): return b"".join(L(U(m)) for m in side["methods"])
def flags(side): return b"".join(L(n) + L(U(v)) for n, v in sorted((U(n), v) for n, v in side["flags"]))
o, a = given["offer"], given["accept"]
f = [b"xtls-binding-1"] + [U(given[n]) for n in ("initiator", "responder", "jingleSid", "creator", "contentName", "description")]
f += [methods(o), methods(a), L(flags(o)) + L(flags(a)), U(given["mode"]), U(o["commitment"]), U(a["commitment"])]
f += [U(given[n]) for n in ("transport", "ibbSid", "blockSize")]
assert len(f) == 16
print(json.dumps([hashlib.sha256(b"".join(map(L, f))).hexdigest(), base64.b64encode(hashlib.sha256(h("salt") + h("spki")).digest()).decode()]))`,
      { ...both, offer: { ...signalled, flags: [...signalled.flags] }, accept: { ...accept, flags: [] }, salt: hex(salt), spki: hex(spki) },
    );
    expect([hex(bindingHash({ ...both, offer: signalled, accept })), commit(spki, salt).text]).toEqual(answer);
  });

  test.each(['the wren', 'café noir', '\u{1F600} 🔑'])('a whole comparison of the secret %j is the same: scrypt, SRP-6a, both proofs', async (secret) => {
    const srp = new Srp();
    const [salt, a, b, cb, H] = [randomBytes(32), randomExponent(), randomExponent(), randomBytes(32), randomBytes(32)];
    const stretched = await stretch(Buffer.from(secret), salt);
    const x = srp.privateKey('romeo@example.net', stretched, salt);
    const v = srp.verifier(x);
    const [A, B] = [srp.starterPublic(a), srp.answererPublic(v, b)];
    const K = srp.sessionKey(srp.starterSecret(A, B, a, x));
    expect(srp.sessionKey(srp.answererSecret(A, B, b, v))).toEqual(K);
    const transcript = { channelBinding: cb, bindingHash: H, starter: romeo, answerer: juliet, salt, A, B };
    const M1 = starterProof(K, transcript);
    const answer = python(
      `
# RFC 3526 group 15, from its definition: 2^3072 - 2^3008 - 1 + 2^64 * (floor(2^2942 pi) + 1690314). Pi by Machin's formula.
def arctan(n, unit):
    total = term = unit // n
    k = 1
    while term:
        term //= n * n
        k += 2
        total += -(term // k) if k % 4 == 3 else term // k
    return total
unit = 1 << 3100
pi = 4 * (4 * arctan(5, unit) - arctan(239, unit))
N = 2**3072 - 2**3008 - 1 + 2**64 * ((pi >> (3100 - 2942)) + 1690314)
def pad(n): return n.to_bytes(384, "big")
def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
def num(x): return int.from_bytes(x, "big")
g, salt, a, b = 5, h("salt"), num(h("a")), num(h("b"))
k = num(sha(pad(N), pad(g)))
p = hashlib.scrypt(given["secret"].encode(), salt=salt, n=32768, r=8, p=1, dklen=32, maxmem=64 * 1024 * 1024)
x = num(sha(salt, sha(b"romeo@example.net:", p)))
v = pow(g, x, N)
A, B = pow(g, a, N), (k * v + pow(g, b, N)) % N
u = num(sha(pad(A), pad(B)))
S = pow(B - k * v, a + u * x, N)
assert S == pow(A * pow(v, u, N), b, N)
K = sha(pad(S))
t = b"".join(map(L, (h("cb"), h("H"), given["starter"].encode(), given["answerer"].encode(), salt, pad(A), pad(B))))
M1 = hmac.new(K, b"xtls-srp-starter" + t, hashlib.sha256).digest()
M2 = hmac.new(K, b"xtls-srp-answerer" + t + L(M1), hashlib.sha256).digest()
print(json.dumps([x.hex() for x in (p, pad(A), pad(B), K, M1, M2)]))`,
      { secret, salt: hex(salt), a: hex(a), b: hex(b), cb: hex(cb), H: hex(H), starter: romeo, answerer: juliet },
    );
    expect([stretched, A, B, K, M1, answererProof(K, transcript, M1)].map(hex)).toEqual(answer);
  });
});
