/** Somebody between two honest ends who owns both their servers. What a relayed shared secret comes to is in secret.test.ts. XTLS profile §2, §3. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createIdentity } from '../../../../src/security/identity.ts';
import { safetyNumber } from '../../../../src/security/safety-number.ts';
import type { Session } from '../../../../src/security/mechanism.ts';
import { bareOf, parseFullJid } from '../../../../src/xmpp/jid.ts';
import type { FullJid } from '../../../../src/xmpp/jid.ts';
import { Wire } from '../../../harness/wire.ts';
import { JULIET, ROMEO, Side, claims, couple, secured } from './pair.ts';
import { Puppet } from './puppet.ts';

const MALLORY = parseFullJid('mallory@example.com/street');

let sides: { stop(): void }[];
beforeEach(() => {
  sides = [];
});
afterEach(() => {
  for (const side of sides) side.stop();
});

const numberOf = ({ keys }: Session, own: FullJid, peer: FullJid): string => safetyNumber({ jid: bareOf(own), spki: keys!.local }, { jid: bareOf(peer), spki: keys!.remote });

/** Romeo and Juliet, each on a wire of their own, and on each wire somebody in the place of the other. */
function between(left: FullJid, right: FullJid): { romeo: Side; juliet: Side; towardsRomeo: Puppet; towardsJuliet: Puppet } {
  const [one, two] = [new Wire(), new Wire()];
  const romeo = new Side(one, ROMEO, { subscribers: [bareOf(left)] });
  const juliet = new Side(two, JULIET, { subscribers: [bareOf(right)] });
  // With keys of their own, in the names they go by.
  const towardsRomeo = new Puppet(one, left, ROMEO, createIdentity(bareOf(left)));
  const towardsJuliet = new Puppet(two, right, JULIET, createIdentity(bareOf(right)));
  romeo.capabilities.set(left, new Set(romeo.mechanism.features));
  sides.push(romeo, juliet, towardsRomeo, towardsJuliet);
  return { romeo, juliet, towardsRomeo, towardsJuliet };
}

test('who ends TLS on both sides is not noticed without a verification, but the safety numbers differ [G4]', async () => {
  const { romeo, juliet, towardsRomeo, towardsJuliet } = between(JULIET, ROMEO);
  const ours = romeo.start(JULIET);
  await towardsRomeo.event('secured');
  towardsRomeo.say(towardsRomeo.greeting());
  towardsJuliet.offer();
  await towardsJuliet.event('secured');
  towardsJuliet.say(towardsJuliet.greeting());
  await Promise.all([romeo.diary.until('secure'), juliet.diary.until('secure')]);
  const theirs = juliet.incoming[0]!;
  for (const session of [ours, theirs]) {
    expect(claims(session)).toContain('Encrypted');
    expect(claims(session)).not.toContain('Verified');
  }
  expect(numberOf(ours, ROMEO, JULIET)).not.toBe(numberOf(theirs, JULIET, ROMEO));
});

test('with nobody between them the numbers are the same: the twin', async () => {
  const { romeo, juliet } = couple(new Wire());
  sides.push(romeo, juliet);
  const [ours, theirs] = await secured(romeo, juliet);
  expect(numberOf(ours, ROMEO, JULIET)).toBe(numberOf(theirs, JULIET, ROMEO));
});

/** Whoever is between does no TLS: the bytes of one session are those of the other. */
async function spliced(left: FullJid, right: FullJid): Promise<{ romeo: Side; juliet: Side }> {
  const { romeo, juliet, towardsRomeo, towardsJuliet } = between(left, right);
  for (const puppet of [towardsRomeo, towardsJuliet]) puppet.doesTls = false;
  romeo.start(left);
  await towardsRomeo.event('opened');
  towardsJuliet.offer();
  await towardsJuliet.event('opened');
  towardsRomeo.bytes!.pipe(towardsJuliet.bytes!);
  towardsJuliet.bytes!.pipe(towardsRomeo.bytes!);
  await romeo.diary.until('end');
  return { romeo, juliet };
}

test('who passes a session on in his own name is found out by the name in the certificate [G4]', async () => {
  const { romeo, juliet } = await spliced(MALLORY, MALLORY);
  for (const { diary } of [romeo, juliet]) expect(diary.lines.filter((line) => line.startsWith('secure'))).toEqual([]);
  expect(romeo.diary.ends).toMatchObject([{ reason: 'failed', from: 'handshaking', error: { condition: 'certificate-hostname-mismatch' } }]);
});

test('who passes one on in their names, with a negotiation of his own at each end, is found out by the binding [G4]', async () => {
  const { romeo, juliet } = await spliced(JULIET, ROMEO);
  await juliet.diary.until('end');
  for (const { diary } of [romeo, juliet]) expect(diary.lines.filter((line) => line.startsWith('secure'))).toEqual([]);
  // TLS itself was between the two, and right.
  const errors = [romeo, juliet].flatMap(({ diary }) => diary.ends).map(({ error }) => error?.message);
  expect(errors).toContain('inside: the ends did not agree on what was negotiated');
});
