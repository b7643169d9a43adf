/** The comparison of a secret in hostile hands: every message in every state with every bad value, restarts without end, and what is left of the secret. XTLS profile §5. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { HushError } from '../../../../src/errors.ts';
import { Guesses } from '../../../../src/security/mechanisms/xtls/guesses.ts';
import { PUBLIC_SIZE, Srp, answererProof, randomExponent, srp3072, starterProof, stretch } from '../../../../src/security/mechanisms/xtls/srp.ts';
import { Verification } from '../../../../src/security/mechanisms/xtls/verification.ts';
import { serialize, xml } from '../../../../src/xmpp/element.ts';
import type { Element } from '../../../../src/xmpp/element.ts';
import { parse } from '../../../harness/wire.ts';
import { JULIET, ROMEO } from './pair.ts';

const PROFILE = 'urn:x-telepathy-hush:xtls:1';
const MECH = 'srp-6a-3072-sha256';
const SECRET = 'the wren';
const n = BigInt(`0x${srp3072().prime.toString('hex')}`);
const number = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(PUBLIC_SIZE * 2, '0'), 'hex');
const srp = new Srp();
const channelBinding = Buffer.alloc(32, 1);
const bindingHash = Buffer.alloc(32, 2);
const newId = (): string => randomBytes(16).toString('hex');

/** Hush's end of the comparison, Juliet; the test is Romeo. */
class Hush {
  readonly verification: Verification;
  readonly sent: Element[] = [];
  readonly events: string[] = [];
  #waiters: (() => void)[] = [];

  constructor(guesses = new Guesses()) {
    this.verification = new Verification({
      own: JULIET, peer: ROMEO, channelBinding, bindingHash, guesses,
      send: (element) => {
        this.sent.push(element);
        for (const waiter of this.#waiters.splice(0)) waiter();
      },
      requested: (question) => this.events.push(`asks ${question}`),
      verified: () => this.events.push('verified'),
      concluded: (error) => this.events.push(error === undefined ? 'right' : error.condition),
    });
    ends.push(this.verification);
  }
  hears(attributes: Record<string, string>, ...parts: [string, Uint8Array][]): void {
    const element = xml('verify', { xmlns: PROFILE, mech: MECH, ...attributes }, ...parts.map(([name, bytes]) => xml(name, {}, Buffer.from(bytes).toString('base64'))));
    this.verification.receive(parse(serialize(element)));
  }
  async says(step: string): Promise<{ id: string; value: (name: string) => Buffer }> {
    for (;;) {
      const found = this.sent.findLast(({ attrs }) => attrs.step === step);
      if (found !== undefined) return { id: found.attrs.id!, value: (name) => Buffer.from(new RegExp(`<${name}>([^<]*)<`).exec(serialize(found))![1]!, 'base64') };
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }
  get isVerified(): boolean {
    return this.events.includes('verified') || this.events.includes('right');
  }
}

const ends: Verification[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end.end();
});

interface Run {
  readonly hush: Hush;
  readonly id: string;
  /** What an honest Romeo would say next. */
  readonly next: (other?: Record<string, string>) => void;
}

const exponent = randomExponent();
const A = srp.starterPublic(exponent);

/** Hush in one of its states, with a run that goes well so far. */
const states: Record<string, () => Promise<Run>> = {
  none: () => {
    const hush = new Hush();
    return Promise.resolve({ hush, id: newId(), next: () => undefined });
  },
  asked: () => {
    const hush = new Hush();
    const id = newId();
    hush.hears({ id, step: '1' }, ['A', A]);
    return Promise.resolve({ hush, id, next: () => undefined });
  },
  answered: async () => {
    const hush = new Hush();
    const id = newId();
    hush.hears({ id, step: '1' }, ['A', A]);
    hush.verification.answer(SECRET);
    const { value } = await hush.says('2');
    const [salt, B] = [value('salt'), value('B')];
    const x = srp.privateKey('romeo@example.net', await stretch(Buffer.from(SECRET), salt), salt);
    const key = srp.sessionKey(srp.starterSecret(A, B, exponent, x));
    return { hush, id, next: (other) => hush.hears({ id, step: '3', ...other }, ['M1', starterProof(key, { channelBinding, bindingHash, starter: ROMEO, answerer: JULIET, salt, A, B })]) };
  },
  started: async () => {
    const hush = new Hush();
    hush.verification.start('', SECRET);
    return { hush, id: (await hush.says('1')).id, next: () => undefined };
  },
  proved: async () => {
    const hush = new Hush();
    hush.verification.start('', SECRET);
    const first = await hush.says('1');
    const salt = randomBytes(32);
    const verifier = srp.verifier(srp.privateKey('juliet@example.org', await stretch(Buffer.from(SECRET), salt), salt));
    const B = srp.answererPublic(verifier, exponent);
    hush.hears({ id: first.id, step: '2' }, ['salt', salt], ['B', B]);
    const M1 = (await hush.says('3')).value('M1');
    const key = srp.sessionKey(srp.answererSecret(first.value('A'), B, exponent, verifier));
    return { hush, id: first.id, next: (other) => hush.hears({ id: first.id, step: '4', ...other }, ['M2', answererProof(key, { channelBinding, bindingHash, starter: JULIET, answerer: ROMEO, salt, A: first.value('A'), B }, M1)]) };
  },
};

const bad: readonly (readonly [string, Uint8Array])[] = [['0', number(0n)], ['1', number(1n)], ['N - 1', number(n - 1n)], ['N', number(n)], ['N + 1', number(n + 1n)], ['all ones', Buffer.alloc(PUBLIC_SIZE, 0xff)], ['too short', Buffer.alloc(32)], ['nothing', Buffer.alloc(0)]];
type Message = readonly [name: string, attributes: Record<string, string>, ...parts: [string, Uint8Array][]];
const messages: readonly Message[] = [
  ...bad.flatMap(([name, value]): Message[] => [
    [`step 1, A = ${name}`, { step: '1' }, ['A', value]],
    [`step 2, B = ${name}`, { step: '2' }, ['salt', Buffer.alloc(32)], ['B', value]],
  ]),
  ['step 3, zeros', { step: '3' }, ['M1', Buffer.alloc(32)]],
  ['step 3, M1 under another name', { step: '3' }, ['M2', Buffer.alloc(32)]],
  ['step 4, zeros', { step: '4' }, ['M2', Buffer.alloc(32)]],
  ['step 4, nothing', { step: '4' }],
  ['no step', {}],
  ['step 0', { step: '0' }],
  ['abort', { step: 'abort', condition: 'declined' }],
  ['abort with a condition that objects have', { step: 'abort', condition: 'constructor' }],
  ['another mechanism', { step: '3', mech: 'srp-6a-1024-sha1' }, ['M1', Buffer.alloc(32)]],
];

describe('no message verifies anybody that proves nothing [H4]', () => {
  test.each(['none', 'asked', 'started'])('in the state %s', async (state) => {
    for (const [name, attributes, ...parts] of messages) {
      for (const isOther of [false, true]) {
        const { hush, id } = await states[state]!();
        hush.hears({ id: isOther ? newId() : id, ...attributes }, ...parts);
        await new Promise((resolve) => setImmediate(resolve));
        expect([name, hush.isVerified]).toEqual([name, false]);
        // Whatever is refused is refused in words of the profile.
        for (const { attrs } of hush.sent.filter(({ attrs: { step } }) => step === 'abort')) expect(['bad-request', 'busy']).toContain(attrs.condition);
        hush.verification.end();
      }
    }
  });

  test.each(['answered', 'proved'])('in the state %s; what proves it does', async (state) => {
    for (const [name, attributes, ...parts] of messages) {
      const { hush, id, next } = await states[state]!();
      hush.hears({ id, ...attributes }, ...parts);
      expect([name, hush.isVerified]).toEqual([name, false]);
      // The run is over with that: not even the right proof counts now.
      next();
      expect([name, hush.isVerified]).toEqual([name, false]);
      hush.verification.end();
    }
    const { hush, next } = await states[state]!();
    next();
    expect(hush.events.slice(-2)).toEqual(['verified', 'right']);
    // Said again, it is of a run that is finished.
    const events = [...hush.events];
    next();
    expect(hush.events).toEqual(events);
  }, 60_000);

  test.each(['answered', 'proved'])('the right proof under the name of another mechanism is none (%s)', async (state) => {
    const { hush, next } = await states[state]!();
    next({ mech: 'srp-6a-1024-sha1' });
    expect([hush.isVerified, hush.sent.at(-1)!.attrs.condition]).toEqual([false, 'bad-request']);
  });

  test('the own proof, sent back, is none', async () => {
    const { hush, id } = await states.proved!();
    hush.hears({ id, step: '4' }, ['M2', (await hush.says('3')).value('M1')]);
    expect(hush.events).toEqual(['authentication-failed']);
  });

  test('the own first step, sent back under another id, is no way to have both sides answered by one', async () => {
    const { hush } = await states.started!();
    const first = await hush.says('1');
    hush.hears({ id: newId(), step: '1' }, ['A', first.value('A')]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(hush.isVerified).toBe(false);
    hush.hears({ id: first.id, step: '4' }, ['M2', Buffer.alloc(32)]);
    expect(hush.isVerified).toBe(false);
  });

  test('one direction verifies one direction: who answers is verified by the starter’s proof only', async () => {
    const { hush, next } = await states.answered!();
    expect(hush.isVerified).toBe(false);
    next();
    expect(hush.isVerified).toBe(true);
    expect((await hush.says('4')).value('M2')).toHaveLength(32);
  });
});

describe('a run dies with its session, and with the next one [H2]', () => {
  test('a thousand first steps, while the user answers one, are one question: the last', async () => {
    const hush = new Hush();
    const ids = Array.from({ length: 1000 }, newId);
    for (const id of ids) hush.hears({ id, step: '1' }, ['A', A]);
    expect(hush.events.filter((event) => event.startsWith('asks'))).toHaveLength(1000);
    expect(hush.events.filter((event) => event === 'cancelled')).toHaveLength(999);
    hush.verification.answer(SECRET);
    // While it is computed, restarts find somebody busy, and do not disturb.
    const late = newId();
    hush.hears({ id: late, step: '1' }, ['A', A]);
    expect(hush.sent.at(-1)!.attrs).toMatchObject({ id: late, step: 'abort', condition: 'busy' });
    expect((await hush.says('2')).id).toBe(ids.at(-1));
    const before = hush.sent.length;
    for (const id of ids.slice(0, -1)) for (const step of ['3', '4', 'abort']) hush.hears({ id, step }, ['M1', Buffer.alloc(32)]);
    expect([hush.sent.length, hush.isVerified]).toEqual([before, false]);
  });

  test.each(Object.keys(states))('after the end of the session nothing is said, heard or concluded (%s)', async (state) => {
    const { hush, id, next } = await states[state]!();
    hush.verification.end();
    const [sent, events] = [hush.sent.length, hush.events.length];
    next();
    for (const [, attributes, ...parts] of messages) hush.hears({ id, ...attributes }, ...parts);
    expect(() => hush.verification.start('', SECRET)).toThrow(HushError);
    expect(() => hush.verification.answer(SECRET)).toThrow(HushError);
    expect(() => hush.verification.abort()).toThrow(HushError);
    await new Promise((resolve) => setImmediate(resolve));
    expect([hush.sent.length, hush.events.length, hush.isVerified]).toEqual([sent, events, false]);
  });

  test('what is being computed when the session ends comes to nothing', async () => {
    const { hush } = await states.asked!();
    hush.verification.answer(SECRET);
    hush.verification.end();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([hush.sent, hush.events.at(-1)]).toEqual([[], 'terminated']);
  });

  test('what is being computed for a run that was given up says nothing in the next one', async () => {
    const { hush, id } = await states.asked!();
    hush.verification.answer(SECRET);
    hush.hears({ id, step: 'abort', condition: 'declined' });
    const next = newId();
    hush.hears({ id: next, step: '1' }, ['A', A]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(hush.sent).toEqual([]);
    // The user answers that one as well.
    hush.verification.answer(SECRET);
    expect((await hush.says('2')).id).toBe(next);
  });

  test('nor does what the starter computes', async () => {
    const { hush, id } = await states.started!();
    hush.hears({ id, step: '2' }, ['salt', randomBytes(32)], ['B', A]);
    hush.hears({ id, step: 'abort', condition: 'declined' });
    hush.verification.start('', SECRET);
    const before = hush.sent.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(hush.sent.slice(before)).toEqual([]);
  });

  test('its timers end with it', async () => {
    const clear = jest.spyOn(globalThis, 'clearTimeout');
    const { hush } = await states.answered!();
    hush.verification.end();
    // The limit of the run, and that of the step.
    expect(clear.mock.calls.filter(([timer]) => timer !== undefined)).toHaveLength(2);
    clear.mockRestore();
  });
});

describe('the secret [H12]', () => {
  test('is wiped when it has been used', async () => {
    const from = jest.spyOn(Buffer, 'from');
    const secret = 'canary of a secret';
    const { hush } = await states.asked!();
    hush.verification.answer(secret);
    await hush.says('2');
    const copies = from.mock.results.flatMap(({ value }, at) => ((from.mock.calls[at] as unknown[])[0] === secret ? [value as Buffer] : []));
    from.mockRestore();
    expect(copies).toHaveLength(1);
    expect(copies[0]!.every((byte) => byte === 0)).toBe(true);
  });
});
