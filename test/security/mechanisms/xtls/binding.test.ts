import { describe, expect, test } from '@jest/globals';
import { bindingHash, bindingInput } from '../../../../src/security/mechanisms/xtls/binding.ts';
import type { Negotiated, Signalled } from '../../../../src/security/mechanisms/xtls/binding.ts';
import { commit, isCommitment, opens, readSalt } from '../../../../src/security/mechanisms/xtls/commitment.ts';
import type { FullJid } from '../../../../src/xmpp/jid.ts';
import { hex, vectors } from './vectors.ts';
import type { Vectors } from './vectors.ts';

type Case = Vectors['binding'][number];

const signalled = ({ methods, profile }: Case['offer']): Signalled => ({
  methods,
  commitment: profile.commitment ?? '',
  flags: new Map(Object.entries(profile).filter(([name]) => name !== 'mode' && name !== 'commitment')),
});

const negotiated = (known: Case): Negotiated => ({
  initiator: known.initiator as FullJid,
  responder: known.responder as FullJid,
  jingleSid: known['jingle-sid'],
  creator: 'initiator',
  contentName: 'xmlstream',
  description: 'urn:xmpp:jingle:apps:xmlstream:0',
  transport: 'urn:xmpp:jingle:transports:ibb:1',
  ibbSid: known['ibb-sid'],
  blockSize: known.accept['block-size'],
  mode: known.offer.profile.mode ?? '',
  offer: signalled(known.offer),
  accept: signalled(known.accept),
});

describe('the binding hash', () => {
  test.each(vectors.binding)('is the known one: $name', (known) => {
    expect(bindingInput(negotiated(known)).toString('hex')).toBe(known.input);
    expect(bindingHash(negotiated(known)).toString('hex')).toBe(known.H);
  });

  const base = negotiated(vectors.binding[1]!);
  const other: Signalled = { methods: ['srp', 'x509'], commitment: 'other', flags: new Map([['z', '1']]) };
  test.each<[string, Partial<Negotiated>]>([
    ['initiator', { initiator: 'mallory@example.org/x' as FullJid }],
    ['responder', { responder: 'mallory@example.org/x' as FullJid }],
    ['Jingle sid', { jingleSid: 'x' }],
    ['creator', { creator: 'responder' }],
    ['content name', { contentName: '' }],
    ['description', { description: 'urn:x' }],
    ['transport', { transport: 'urn:x' }],
    ['IBB sid', { ibbSid: 'x' }],
    ['block-size', { blockSize: '04096' }],
    ['mode', { mode: 'anonymous' }],
    ['offered methods', { offer: { ...base.offer, methods: ['x509', 'x509'] } }],
    ['accepted methods', { accept: { ...base.accept, methods: [] } }],
    ['offered flags', { offer: { ...base.offer, flags: other.flags } }],
    ['accepted flags', { accept: { ...base.accept, flags: other.flags } }],
    ['I’s commitment', { offer: { ...base.offer, commitment: '' } }],
    ['R’s commitment', { accept: { ...base.accept, commitment: '' } }],
    ['the two sides', { offer: base.accept, accept: base.offer }],
  ])('changes with the %s', (_name, change) => {
    expect(bindingHash({ ...base, ...change })).not.toEqual(bindingHash(base));
  });

  test('sorts flags by bytes, whatever their order was', () => {
    const flags = (...entries: [string, string][]): Negotiated => ({ ...base, offer: { ...base.offer, flags: new Map(entries) } });
    const sorted = bindingInput(flags(['B', '1'], ['a', '2'], ['é', '3'], ['\u{1F600}', '4']));
    expect(bindingInput(flags(['\u{1F600}', '4'], ['a', '2'], ['é', '3'], ['B', '1']))).toEqual(sorted);
  });

  test('cannot be moved from one field to the next', () => {
    expect(bindingHash({ ...base, contentName: 'ab', description: 'c' })).not.toEqual(bindingHash({ ...base, contentName: 'a', description: 'bc' }));
  });
});

describe('a commitment', () => {
  const { salt, spki, commitment } = vectors.commitment;

  test('is the known one', () => {
    expect(commit(hex(spki), hex(salt)).text).toBe(commitment);
    expect(commitment).toHaveLength(44);
  });

  test('opens with its salt and key only', () => {
    expect(opens(commitment, hex(salt), hex(spki))).toBe(true);
    expect(opens(commitment, Buffer.alloc(32), hex(spki))).toBe(false);
    expect(opens(commitment, hex(salt), Buffer.from('another key'))).toBe(false);
    expect(opens('', hex(salt), hex(spki))).toBe(false);
  });

  test('has a fresh salt each time', () => {
    const [one, two] = [commit(hex(spki)), commit(hex(spki))];
    expect(one.salt).toHaveLength(32);
    expect(one.text).not.toBe(two.text);
    expect(opens(one.text, one.salt, hex(spki))).toBe(true);
  });

  test.each([commitment.slice(0, -1), commitment.replace('=', 'A'), ` ${commitment}`, `${commitment}\n`, commitment.slice(0, -2) + 'Z=', '', 'AAAA'])('is not %j', (text) => {
    expect(isCommitment(text)).toBe(false);
    expect(readSalt(text)).toBeUndefined();
    expect(isCommitment(commitment)).toBe(true);
  });
});
