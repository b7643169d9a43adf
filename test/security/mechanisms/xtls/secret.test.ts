import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Guesses } from '../../../../src/security/mechanisms/xtls/guesses.ts';
import { Srp, answererProof, randomExponent, srp3072, starterProof, stretch } from '../../../../src/security/mechanisms/xtls/srp.ts';
import type { Session } from '../../../../src/security/mechanism.ts';
import { parseBareJid } from '../../../../src/xmpp/jid.ts';
import { Wire } from '../../../harness/wire.ts';
import { JULIET, ROMEO, Side, claims, couple, message, secured } from './pair.ts';
import { Puppet } from './puppet.ts';

let wire: Wire;
let romeo: Side;
let juliet: Side;
let ours: Session;
let theirs: Session;

describe('between two honest ends', () => {
  beforeEach(async () => {
    wire = new Wire();
    ({ romeo, juliet } = couple(wire));
    [ours, theirs] = await secured(romeo, juliet);
  });
  afterEach(() => {
    romeo.stop();
    juliet.stop();
  });

  test.each(['the wren', 'café noir', '\u{1F600} 🔑'])('the same secret (%s) verifies both', async (secret) => {
    ours.sharedSecret!.start('Where did we meet?', secret);
    await juliet.diary.until('asks Where did we meet?');
    expect(claims(theirs)).not.toContain('Verified');
    theirs.sharedSecret!.answer(secret);
    await Promise.all([romeo.diary.until('secret right'), juliet.diary.until('secret right')]);
    for (const session of [ours, theirs]) {
      expect(session.facts.verifiedBy).toBe('shared-secret');
      expect(claims(session)).toContain('Verified');
    }
    expect(romeo.diary.lines.slice(-2)).toEqual(['secure shared-secret', 'secret right']);
  });

  test('the same secret in another spelling verifies too', async () => {
    ours.sharedSecret!.start('', 'cafe\u0301\u00a0noir');
    await juliet.diary.until('asks ');
    theirs.sharedSecret!.answer('caf\u00e9 noir');
    await Promise.all([romeo.diary.until('secret right'), juliet.diary.until('secret right')]);
  });

  test('another secret verifies nobody, and the session lives', async () => {
    ours.sharedSecret!.start('', 'the wren');
    await juliet.diary.until('asks');
    theirs.sharedSecret!.answer('the lark');
    await Promise.all([romeo.diary.until('secret authentication-failed'), juliet.diary.until('secret authentication-failed')]);
    for (const session of [ours, theirs]) expect(claims(session)).not.toContain('Verified');
    ours.send(message('still here'));
    await juliet.diary.until('says still here');
    ours.sharedSecret!.start('', 'the wren');
    await juliet.diary.until('asks');
  });

  test('a secret that is declined says so', async () => {
    ours.sharedSecret!.start('', 'the wren');
    await juliet.diary.until('asks');
    theirs.sharedSecret!.abort();
    await romeo.diary.until('secret rejected');
    expect(juliet.diary.lines.at(-1)).toBe('secret cancelled');
  });

  test('two who start at once with the same secret are verified by one run, asked nothing', async () => {
    ours.sharedSecret!.start('a?', 'the wren');
    theirs.sharedSecret!.start('b?', 'the wren');
    await Promise.all([romeo.diary.until('secret right'), juliet.diary.until('secret right')]);
    expect([...romeo.diary.lines, ...juliet.diary.lines].filter((line) => line.startsWith('asks'))).toEqual([]);
    expect([...romeo.diary.lines, ...juliet.diary.lines].filter((line) => line.startsWith('secret '))).toEqual(['secret right', 'secret right']);
  });

  test('nothing of it can be seen on the way', async () => {
    ours.sharedSecret!.start('a question', 'the wren');
    await juliet.diary.until('asks');
    const decoded = Buffer.concat([...wire.log.join('').matchAll(/<data [^>]*>([^<]*)</g)].map(([, text]) => Buffer.from(text!, 'base64')));
    expect(decoded.includes('a question') || decoded.includes('wren') || decoded.includes('srp')).toBe(false);
  });

  test('out of turn, or unusable, is refused here', async () => {
    const refused = (condition: string): unknown => expect.objectContaining({ condition });
    expect(() => ours.sharedSecret!.answer('x')).toThrow(refused('not-available'));
    expect(() => ours.sharedSecret!.abort()).toThrow(refused('not-available'));
    expect(() => ours.sharedSecret!.start('', '')).toThrow(refused('invalid-argument'));
    expect(() => ours.sharedSecret!.start('', 'a\nb')).toThrow(refused('invalid-argument'));
    expect(() => ours.sharedSecret!.start('x'.repeat(1025), 'secret')).toThrow(refused('invalid-argument'));
    ours.sharedSecret!.start('', 'the wren');
    expect(() => ours.sharedSecret!.start('', 'the wren')).toThrow(refused('not-available'));
    await juliet.diary.until('asks');
    expect(() => theirs.sharedSecret!.answer('')).toThrow(refused('invalid-argument'));
    theirs.sharedSecret!.answer('the wren');
    await romeo.diary.until('secret right');
  });

  test('the end of the session is the end of the run [H2]', async () => {
    ours.sharedSecret!.start('', 'the wren');
    await juliet.diary.until('asks');
    await ours.end();
    expect(romeo.diary.lines).toContain('secret terminated');
    await juliet.diary.until('end clean');
    expect(juliet.diary.lines).toContain('secret terminated');
  });
});

test('in anonymous mode the secret verifies, and no key is pinned', async () => {
  wire = new Wire();
  ({ romeo, juliet } = couple(wire));
  [ours, theirs] = await secured(romeo, juliet, ['StronglyAnonymous']);
  ours.sharedSecret!.start('', 'the wren');
  await juliet.diary.until('asks');
  theirs.sharedSecret!.answer('the wren');
  await Promise.all([romeo.diary.until('secret right'), juliet.diary.until('secret right')]);
  expect(claims(ours)).toEqual(expect.arrayContaining(['Verified', 'WeaklyAuthenticated', 'StronglyAnonymous']));
  expect(ours.keys).toBeUndefined();
  romeo.stop();
  juliet.stop();
});

describe('between hush and a man in the middle', () => {
  // Two sessions, each with somebody who has a certificate in the other's name: the bindings agree, and only the secret can tell.
  test.each(['initiator', 'responder'] as const)('relayed step by step, the right secret on both ends verifies nobody (%s starts) [G4 H4]', async (starter) => {
    wire = new Wire();
    const [left, right] = [new Wire(), new Wire()];
    const one = new Side(left, ROMEO);
    const two = new Side(right, JULIET);
    // Their servers are his: each talks to his puppet under the other's name.
    const asJuliet = new Puppet(left, JULIET, ROMEO);
    const asRomeo = new Puppet(right, ROMEO, JULIET);
    one.capabilities.set(JULIET, new Set(one.mechanism.features));
    const session = one.start(JULIET);
    await asJuliet.event('secured');
    asJuliet.say(asJuliet.greeting());
    asRomeo.offer();
    await asRomeo.event('secured');
    asRomeo.say(asRomeo.greeting());
    await Promise.all([one.diary.until('secure'), two.diary.until('secure')]);
    const relay = (from: Puppet, to: Puppet): (() => void) => {
      let done = from.heard.length;
      return () => {
        const fresh = from.heard.slice(done);
        if (fresh === '') return;
        done += fresh.length;
        to.say(fresh);
      };
    };
    await asRomeo.hears('features');
    const relays = [relay(asJuliet, asRomeo), relay(asRomeo, asJuliet)];
    const pump = setInterval(() => {
      for (const each of relays) each();
    }, 5);
    const [asking, asked] = starter === 'initiator' ? [session, two] : [two.incoming[0]!, one];
    asking.sharedSecret!.start('', 'the wren');
    await asked.diary.until('asks');
    (starter === 'initiator' ? two.incoming[0]! : session).sharedSecret!.answer('the wren');
    await Promise.all([one.diary.until('secret'), two.diary.until('secret')]);
    clearInterval(pump);
    expect([one.diary.lines.at(-1), two.diary.lines.at(-1)]).toEqual(
      starter === 'initiator' ? [expect.stringContaining('secret'), 'secret authentication-failed'] : ['secret authentication-failed', expect.stringContaining('secret')],
    );
    for (const each of [session, two.incoming[0]!]) expect(claims(each)).not.toContain('Verified');
    for (const each of [one, two, asJuliet, asRomeo]) each.stop();
  });
});

describe('against a scripted peer', () => {
  const P = "xmlns='urn:x-telepathy-hush:xtls:1' mech='srp-6a-3072-sha256'";
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const newId = (): string => randomBytes(16).toString('hex');
  const srp = new Srp();
  let puppet: Puppet;
  let session: Session;

  beforeEach(async () => {
    wire = new Wire();
    juliet = new Side(wire, JULIET);
    puppet = new Puppet(wire, ROMEO, JULIET);
    puppet.offer();
    await puppet.event('secured');
    puppet.say(puppet.greeting());
    await juliet.diary.until('secure');
    await puppet.hears('features');
    session = juliet.incoming[0]!;
  });
  afterEach(() => {
    puppet.stop();
    juliet.stop();
  });

  const values = (name: string): Buffer => Buffer.from(new RegExp(`<${name}>([^<]*)</${name}>`).exec(puppet.heard.slice(puppet.heard.lastIndexOf('<verify')))![1]!, 'base64');
  const step1 = (id: string, A: Uint8Array, question = ''): string => `<verify ${P} id='${id}' step='1'>${question}<A>${base64(A)}</A></verify>`;
  const abort = (id: string, condition: string): string => `<verify xmlns="urn:x-telepathy-hush:xtls:1" mech="srp-6a-3072-sha256" id="${id}" step="abort" condition="${condition}"/>`;
  const transcript = (salt: Uint8Array, A: Uint8Array, B: Uint8Array, isStarter: boolean): Parameters<typeof starterProof>[1] => {
    const [starter, answerer] = isStarter ? [ROMEO, JULIET] : [JULIET, ROMEO];
    return { channelBinding: puppet.secured!.channelBinding, bindingHash: puppet.hash, starter, answerer, salt, A, B };
  };

  /** Runs as the starter up to M1, which is made from `secret`. */
  async function runAsStarter(secret: string, hushSecret = 'the wren'): Promise<{ id: string; key: Buffer; proof: Buffer; all: ReturnType<typeof transcript> }> {
    const id = newId();
    const a = randomExponent();
    const A = srp.starterPublic(a);
    const asked = juliet.diary.lines.filter((line) => line.startsWith('asks')).length;
    puppet.say(step1(id, A, '<question>q</question>'));
    while (juliet.diary.lines.filter((line) => line.startsWith('asks')).length === asked) await new Promise((resolve) => setTimeout(resolve, 2));
    session.sharedSecret!.answer(hushSecret);
    await puppet.until(() => puppet.heard.includes(`id="${id}" step="2"`) && puppet.heard.endsWith('</verify>'));
    const [salt, B] = [values('salt'), values('B')];
    expect([salt.length, B.length]).toEqual([32, 384]);
    const x = srp.privateKey('romeo@example.net', await stretch(Buffer.from(secret), salt), salt);
    const key = srp.sessionKey(srp.starterSecret(A, B, a, x));
    const all = transcript(salt, A, B, true);
    return { id, key, all, proof: starterProof(key, all) };
  }

  test('hush answers as the profile computes it [G4]', async () => {
    const { id, key, all, proof } = await runAsStarter('the wren');
    puppet.say(`<verify ${P} id='${id}' step='3'><M1>${base64(proof)}</M1></verify>`);
    await juliet.diary.until('secret right');
    await puppet.hears('</M2></verify>');
    expect(values('M2')).toEqual(answererProof(key, all, proof));
    expect(claims(session)).toContain('Verified');
  });

  test('hush starts as the profile computes it, and stays unverified without the right M2 [H4]', async () => {
    const run = async (isHonest: boolean): Promise<void> => {
      session.sharedSecret!.start('who?', 'the wren');
      await puppet.until(() => puppet.heard.endsWith('</A></verify>'));
      expect(puppet.heard).toContain('<question>who?</question>');
      const id = /id="([0-9a-f]{32})" step="1"/.exec(puppet.heard.slice(puppet.heard.lastIndexOf('<verify')))![1]!;
      const A = values('A');
      const salt = randomBytes(32);
      const b = randomExponent();
      const v = srp.verifier(srp.privateKey('juliet@example.org', await stretch(Buffer.from('the wren'), salt), salt));
      const B = srp.answererPublic(v, b);
      puppet.say(`<verify ${P} id='${id}' step='2'><salt>${base64(salt)}</salt><B>${base64(B)}</B></verify>`);
      await puppet.until(() => puppet.heard.endsWith('</M1></verify>'));
      const key = srp.sessionKey(srp.answererSecret(A, B, b, v));
      const all = transcript(salt, A, B, false);
      const M1 = starterProof(key, all);
      expect(values('M1')).toEqual(M1);
      puppet.say(`<verify ${P} id='${id}' step='4'><M2>${base64(isHonest ? answererProof(key, all, M1) : M1)}</M2></verify>`);
    };
    await run(false);
    await juliet.diary.until('secret authentication-failed');
    expect(claims(session)).not.toContain('Verified');
    await run(true);
    await juliet.diary.until('secret right');
    expect(claims(session)).toContain('Verified');
  });

  test('a wrong M1 gets authentication-failed and no M2; a fifth guess in an hour gets busy until the user acts [H4]', async () => {
    for (let guess = 0; guess < 4; guess += 1) {
      juliet.diary.lines.length = 0;
      const { id, proof } = await runAsStarter('a guess');
      puppet.say(`<verify ${P} id='${id}' step='3'><M1>${base64(proof)}</M1></verify>`);
      await puppet.hears(abort(id, 'authentication-failed'));
      await juliet.diary.until('secret authentication-failed');
    }
    expect(puppet.heard).not.toContain('<M2>');
    const id = newId();
    puppet.say(step1(id, srp.starterPublic(randomExponent())));
    await puppet.hears(abort(id, 'busy'));
    juliet.diary.lines.length = 0;
    session.sharedSecret!.start('', 'the wren');
    session.sharedSecret!.abort();
    const { id: again, proof } = await runAsStarter('the wren');
    puppet.say(`<verify ${P} id='${again}' step='3'><M1>${base64(proof)}</M1></verify>`);
    await juliet.diary.until('secret right');
  });

  const number = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(768, '0'), 'hex');
  const n = BigInt(`0x${srp3072().prime.toString('hex')}`);
  const good = base64(srp.starterPublic(randomExponent()));
  test.each<[string, string]>([
    ['A = 0', `<A>${base64(number(0n))}</A>`],
    ['A = N', `<A>${base64(number(n))}</A>`],
    ['A of 383 bytes', `<A>${base64(Buffer.alloc(383, 1))}</A>`],
    ['no A', ''],
    ['a lax A', `<A> ${good}</A>`],
    ['two A', `<A>${good}</A><A>${good}</A>`],
    ['A before the question', `<A>${good}</A><question>q</question>`],
    ['a question of more than 1 KiB', `<question>${'é'.repeat(513)}</question><A>${good}</A>`],
    ['text', `hello<A>${good}</A>`],
  ])('a first step with %s is a bad request [H4]', async (_name, content) => {
    const id = newId();
    puppet.say(`<verify ${P} id='${id}' step='1'>${content}</verify>`);
    await puppet.hears(abort(id, 'bad-request'));
    expect(juliet.diary.lines.some((line) => line.startsWith('asks'))).toBe(false);
    puppet.say(step1(newId(), Buffer.from(good, 'base64')));
    await juliet.diary.until('asks');
  });

  test('another mechanism, or a step out of turn, is a bad request and ends the run [H4]', async () => {
    const [first, second] = [newId(), newId()];
    puppet.say(step1(first, Buffer.from(good, 'base64')).replace('sha256', 'sha1'));
    await puppet.hears(abort(first, 'bad-request'));
    puppet.say(step1(second, Buffer.from(good, 'base64')));
    await juliet.diary.until('asks');
    puppet.say(`<verify ${P} id='${second}' step='3'><M1>${base64(Buffer.alloc(32))}</M1></verify>`);
    await puppet.hears(abort(second, 'bad-request'));
    await juliet.diary.until('secret encryption-error');
  });

  test('unknown ids are ignored, and B = 0 is refused [H2 H4]', async () => {
    puppet.say(`<verify ${P} id='${newId()}' step='3'><M1>${base64(Buffer.alloc(32))}</M1></verify><verify ${P} id='x' step='1'/><verify ${P} id='${newId()}' step='abort' condition='busy'/>`);
    session.sharedSecret!.start('', 'the wren');
    await puppet.until(() => puppet.heard.endsWith('</A></verify>'));
    expect(puppet.heard).not.toContain('abort');
    const id = /id="([0-9a-f]{32})" step="1"/.exec(puppet.heard)![1]!;
    puppet.say(`<verify ${P} id='${id}' step='2'><salt>${base64(Buffer.alloc(32))}</salt><B>${base64(number(0n))}</B></verify>`);
    await puppet.hears(abort(id, 'bad-request'));
  });

  test('a first step during a run past its first step gets busy [H2]', async () => {
    await runAsStarter('the wren');
    const id = newId();
    puppet.say(step1(id, Buffer.from(good, 'base64')));
    await puppet.hears(abort(id, 'busy'));
  });

  describe('and a clock', () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'hrtime'] });
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    test('a question that nobody answers times out after ten minutes', async () => {
      const id = newId();
      puppet.say(step1(id, Buffer.from(good, 'base64')));
      await juliet.diary.until('asks');
      // The peer answers the pings that silence brings.
      for (let minute = 0; minute < 10; minute += 1) {
        puppet.say('<message/>');
        for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        await jest.advanceTimersByTimeAsync(60_000);
      }
      await puppet.hears(abort(id, 'timeout'));
      await juliet.diary.until('secret not-available');
    });
  });
});

test('guesses are counted by the hour and by contact', () => {
  const guesses = new Guesses();
  const [one, other] = [parseBareJid('a@example.org'), parseBareJid('b@example.org')];
  const hour = 3_600_000;
  for (const at of [0, 1, 2, hour + 1]) guesses.failed(one, at);
  expect(guesses.isLocked(one)).toBe(false);
  guesses.failed(one, hour + 1);
  guesses.failed(one, hour + 1);
  expect(guesses.isLocked(one)).toBe(true);
  expect(guesses.isLocked(other)).toBe(false);
  guesses.userActed(one);
  expect(guesses.isLocked(one)).toBe(false);
});
