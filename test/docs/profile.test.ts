/** docs/xtls-profile.md: its worked example is what hush does, and every value in it is what hush computes. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { bindingHash, bindingInput } from '../../src/security/mechanisms/xtls/binding.ts';
import { readCertificate } from '../../src/security/mechanisms/xtls/certificate.ts';
import { commit, opens } from '../../src/security/mechanisms/xtls/commitment.ts';
import { isRefused, negotiated, readAccept, readOffer } from '../../src/security/mechanisms/xtls/content.ts';
import type { Content, Refused } from '../../src/security/mechanisms/xtls/content.ts';
import { sha256 } from '../../src/security/mechanisms/xtls/bytes.ts';
import { InnerStream } from '../../src/security/mechanisms/xtls/inner.ts';
import { Srp, answererProof, starterProof, stretch } from '../../src/security/mechanisms/xtls/srp.ts';
import { safetyNumber } from '../../src/security/safety-number.ts';
import { elements } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { bareOf } from '../../src/xmpp/jid.ts';
import { opaqueString } from '../../src/xmpp/precis.ts';
import { parse } from '../harness/wire.ts';
import { JULIET, ROMEO } from '../security/mechanisms/xtls/pair.ts';
import { bindingLines, example } from './example.ts';
import { blocks, pageFile, readExample, values } from './page.ts';
import { SECRET, record } from './recording.ts';

const page = readFileSync(pageFile, 'utf8');
const shown = readExample(page);
const value = (label: string): Buffer => Buffer.from(values(shown).get(label) ?? '', 'hex');

/** What stands under `<!-- who -->`, in order. */
const said = blocks(shown, 'xml').flatMap((block) => [...block.matchAll(/<!-- (\w+)(, inside)? -->\n([^]*?)(?=\n<!-- |$)/g)].map(([, who, where, words]) => ({ who: who!, isInside: where !== undefined, words: words! })));
const plain = said.filter(({ isInside }) => isInside);
const jingle = (action: string): Element => said.filter(({ isInside }) => !isInside).map(({ words }) => elements(parse(words))[0]).find((element) => element?.attrs.action === action)!;
const certificates = blocks(shown, 'text')[0]!.split(/(?<=-----END CERTIFICATE-----)\n/).map((pem) => readCertificate(new X509Certificate(pem).raw));
const [romeo, juliet] = [certificates[0]!, certificates[1]!];
/** The text between the tags of the first element of that name that this person says inside. */
const inside = (who: string, tag: string): Buffer => Buffer.from(new RegExp(`<${tag}(?: [^>]*)?>([^<]+)<`).exec(plain.filter((each) => each.who === who).map(({ words }) => words).join(''))![1]!, 'base64');

function taken(content: Content | Refused): Content {
  if (isRefused(content)) throw new Error(content.message);
  return content;
}
const offer = taken(readOffer(jingle('session-initiate')));
const accept = taken(readAccept(jingle('session-accept'), offer));
const agreed = negotiated({ initiator: ROMEO, responder: JULIET, jingleSid: jingle('session-initiate').attrs.sid! }, offer, accept);

test('the certificates name their owners, and their keys are those that are shown', () => {
  expect([romeo.xmppAddrs, juliet.xmppAddrs]).toEqual([['romeo@example.net'], ['juliet@example.org']]);
  expect(Buffer.from(romeo.spki).equals(value('spki-romeo'))).toBe(true);
  expect(Buffer.from(juliet.spki).equals(value('spki-juliet'))).toBe(true);
});

test('the safety number is that of the two keys', () => {
  const number = safetyNumber({ jid: bareOf(JULIET), spki: juliet.spki }, { jid: bareOf(ROMEO), spki: romeo.spki });
  expect(blocks(shown, 'text')).toContain(number);
});

test('the salts open the commitments', () => {
  expect(commit(romeo.spki, inside('Romeo', 'reveal')).text).toBe(offer.profile?.commitment);
  expect(commit(juliet.spki, inside('Juliet', 'reveal')).text).toBe(accept.profile?.commitment);
  expect(opens(offer.profile!.commitment, inside('Juliet', 'reveal'), romeo.spki)).toBe(false);
});

test('the binding is that of what was negotiated', () => {
  expect(bindingInput(agreed).equals(value('input'))).toBe(true);
  expect(blocks(shown, 'text').some((block) => block === bindingLines(value('input')).join('\n'))).toBe(true);
  for (const hash of [value('H'), inside('Romeo', 'binding'), inside('Juliet', 'binding'), sha256(value('input'))]) expect(hash.equals(bindingHash(agreed))).toBe(true);
});

describe('each end takes what the other says inside', () => {
  test.each([
    { role: 'initiator', own: ROMEO, peer: JULIET, other: 'Juliet', commitment: accept.profile!.commitment, spki: juliet.spki },
    { role: 'responder', own: JULIET, peer: ROMEO, other: 'Romeo', commitment: offer.profile!.commitment, spki: romeo.spki },
  ] as const)('$role', ({ role, own, peer, other, commitment, spki }) => {
    const happened: string[] = [];
    const stream = new InnerStream({
      role,
      own,
      peer,
      binding: { hash: value('H'), salt: undefined, peerCommitment: commitment, peerSpki: spki },
      handlers: {
        write: () => undefined,
        bound: () => happened.push('bound'),
        element: ({ name }) => happened.push(name),
        closed: () => happened.push('closed'),
        violated: (error) => happened.push(error.message),
      },
    });
    for (const { who, words } of plain) if (who === other) stream.read(Buffer.from(words));
    expect(happened).toEqual(['bound', 'message', 'verify', 'verify', 'closed']);
  });
});

test('the shared secret is compared as it is computed here', async () => {
  const srp = new Srp();
  const [A, B, salt, a, b] = [inside('Romeo', 'A'), inside('Juliet', 'B'), inside('Juliet', 'salt'), value('a'), value('b')];
  const secret = Buffer.from(opaqueString(SECRET));
  const stretched = await stretch(secret, salt);
  const x = srp.privateKey(values(shown).get('I')!, stretched, salt);
  const verifier = srp.verifier(x);
  const key = srp.sessionKey(srp.starterSecret(A, B, a, x));
  const transcript = { channelBinding: value('cb'), bindingHash: value('H'), starter: ROMEO, answerer: JULIET, salt, A, B };
  const M1 = starterProof(key, transcript);
  const computed: Record<string, Buffer> = { secret, "P'": stretched, x, 'SHA-256(v)': sha256(verifier), k: srp.multiplier(), u: srp.scramble(A, B), K: key, M1, M2: answererProof(key, transcript, M1) };
  for (const [label, bytes] of Object.entries(computed)) expect(`${label} ${value(label).toString('hex')}`).toBe(`${label} ${bytes.toString('hex')}`);
  expect(srp.starterPublic(a).equals(A)).toBe(true);
  expect(srp.answererPublic(verifier, b).equals(B)).toBe(true);
  expect(srp.sessionKey(srp.answererSecret(A, B, b, verifier)).equals(key)).toBe(true);
  expect([inside('Romeo', 'M1').equals(M1), inside('Juliet', 'M2').equals(value('M2'))]).toEqual([true, true]);
});

/** Without what is another each time: keys, salts, sids, ids, hashes. */
const shape = (markdown: string): string => markdown.replace(/^(?:\d{5} ){11}\d{5}$/m, 'NUMBER').replace(/(?<=BEGIN CERTIFICATE-----)[^]*?(?=-----END)/g, '').replace(/[A-Za-z0-9+/=-]{30,}…?/g, '*');

test('hush still says what the example shows, word for word', async () => {
  expect(shape(await example(await record()))).toBe(shape(shown));
  expect(shape(shown)).toContain('commitment="*"');
});

test('what an element is called, the page explains', () => {
  const names = new Set(plain.flatMap(({ words }) => [...words.matchAll(/<([\w:]+)/g)].map(([, tag]) => tag!)));
  const prose = page.replace(shown, '');
  expect([...names].filter((tag) => !prose.includes(`<${tag}`))).toEqual([]);
});
