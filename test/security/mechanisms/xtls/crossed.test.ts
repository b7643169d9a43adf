import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { serialize } from '../../../../src/xmpp/element.ts';
import { parseFullJid } from '../../../../src/xmpp/jid.ts';
import { Wire } from '../../../harness/wire.ts';
import type { Transit } from '../../../harness/wire.ts';
import { JULIET, ROMEO, Side, couple, message } from './pair.ts';
import { Puppet } from './puppet.ts';

let wire: Wire;
let romeo: Side;
let juliet: Side;
const turns = async (count = 30): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('offers that cross', () => {
  beforeEach(() => {
    wire = new Wire();
    ({ romeo, juliet } = couple(wire));
  });
  afterEach(() => {
    romeo.stop();
    juliet.stop();
  });

  const cross = async (): Promise<void> => {
    wire.hold();
    romeo.start(JULIET);
    juliet.start(ROMEO);
    await turns();
    expect(wire.log.filter((text) => text.includes('session-initiate'))).toHaveLength(2);
    wire.release();
  };

  test.each(Array.from({ length: 12 }, (_, at) => at))('leave one session, in which both talk (%i) [E5]', async () => {
    await cross();
    await Promise.all([romeo.diary.until('secure'), juliet.diary.until('secure')]);
    expect([...romeo.incoming, ...juliet.incoming]).toEqual([]);
    expect(wire.log.filter((text) => text.includes('tie-break'))).toHaveLength(1);
    romeo.mechanism.start(JULIET, { demands: new Set() }).send(message('from romeo'));
    juliet.mechanism.start(ROMEO, { demands: new Set() }).send(message('from juliet'));
    await Promise.all([romeo.diary.until('says from juliet'), juliet.diary.until('says from romeo')]);
    for (const { diary } of [romeo, juliet]) expect(diary.lines.filter((line) => line === 'secure')).toHaveLength(1);
  });

  test('in different modes end both, never in the weaker one', async () => {
    juliet.demands.add('StronglyAnonymous');
    await cross();
    await Promise.all([romeo.diary.until('end '), juliet.diary.until('end ')]);
    const all = [...romeo.diary.lines, ...juliet.diary.lines];
    expect(all.some((line) => line.startsWith('secure'))).toBe(false);
    expect(all.filter((line) => line.startsWith('end ')).every((line) => /rejected|encryption-not-available/.test(line))).toBe(true);
  });

  test('whose answer overtakes the offer wait for it [E5]', async () => {
    // The loser hears "conflict" before the offer that stands.
    const late: Transit[] = [];
    wire.filter = (transit) => {
      if (!serialize(transit.stanza).includes('session-initiate') || late.length >= 2) return [transit];
      late.push(transit);
      return [];
    };
    romeo.start(JULIET);
    juliet.start(ROMEO);
    await turns();
    const sid = ({ stanza }: Transit): string => /sid="([0-9a-f]{32})"/.exec(serialize(stanza))![1]!;
    const [lower, higher] = late.sort((a, b) => Buffer.compare(Buffer.from(sid(a)), Buffer.from(sid(b))));
    wire.inject(higher!.from, higher!.stanza);
    await turns();
    expect(wire.log.filter((text) => text.includes('tie-break'))).toHaveLength(1);
    wire.inject(lower!.from, lower!.stanza);
    await Promise.all([romeo.diary.until('secure'), juliet.diary.until('secure')]);
    // The start that lost became this session: whoever asked for it was told of no failure.
    for (const side of [romeo, juliet]) expect([side.diary.ends, side.incoming]).toEqual([[], []]);
  });

  test('give way while only capabilities are being asked', async () => {
    romeo.capabilities.clear();
    let answer: (features: ReadonlySet<string>) => void = () => undefined;
    romeo.ask = async () => new Promise((resolve) => (answer = resolve));
    const ours = romeo.start(JULIET);
    juliet.start(ROMEO);
    await romeo.diary.until('secure');
    answer(new Set(romeo.mechanism.features));
    await turns();
    expect(ours.state).toBe('secure');
    expect(romeo.incoming).toEqual([]);
    expect(wire.log.filter((text) => text.includes('session-initiate'))).toHaveLength(1);
  });

  test('go on asking where the peer’s offer is not wanted', async () => {
    romeo.capabilities.clear();
    let answer: (features: ReadonlySet<string>) => void = () => undefined;
    romeo.ask = async () => new Promise((resolve) => (answer = resolve));
    romeo.start(JULIET, ['StronglyAnonymous']);
    romeo.demands.add('StronglyAnonymous');
    juliet.start(ROMEO);
    expect(await juliet.diary.until('end ')).toBe('end failed rejected from negotiating');
    answer(new Set(romeo.mechanism.features));
    await romeo.diary.until('secure');
  });
});

describe('starts beyond the limits', () => {
  test('wait until there is room [fault-13]', async () => {
    wire = new Wire();
    juliet = new Side(wire, JULIET);
    const puppets = [1, 2, 3].map((at) => new Puppet(wire, parseFullJid(`romeo@example.net/${at}`), JULIET));
    for (const puppet of puppets) {
      puppet.editAccept = () => '';
      juliet.capabilities.set(puppet.jid, new Set(juliet.mechanism.features));
    }
    const sessions = puppets.map(({ jid }) => juliet.start(jid));
    await Promise.all(puppets.slice(0, 2).map((puppet) => puppet.event('offered')));
    await turns();
    expect(puppets[2]!.events).toEqual([]);
    expect(sessions[2]!.state).toBe('discovering');
    await sessions[0]!.end();
    await puppets[2]!.event('offered');
    for (const puppet of puppets) puppet.stop();
    juliet.stop();
  });
});

describe('cut after any number of stanzas', () => {
  // An honest session takes about twenty stanzas to be secure, a few more for two messages, and ten to end.
  test.each(Array.from({ length: 48 }, (_, at) => at))('(%i) neither end believes in more than it knows, and nothing leaves in the clear [G1]', async (count) => {
    wire = new Wire();
    ({ romeo, juliet } = couple(wire));
    let passed = 0;
    wire.filter = (transit) => ((passed += 1) > count ? [] : [transit]);
    const ours = romeo.start(JULIET);
    ours.listen({
      changed: () => {
        if (ours.state !== 'secure') return;
        ours.send(message('canary one', 'one'));
        ours.send(message('canary two', 'two'));
      },
      delivered: (id) => {
        if (id === 'two') ours.end().catch(() => undefined);
      },
    });
    await turns(150);
    romeo.mechanism.close();
    juliet.mechanism.close();
    const sides = [romeo, juliet];
    for (const { diary } of sides) {
      expect(diary.lines.filter((line) => line.startsWith('end ')).length).toBeLessThanOrEqual(1);
      // Clean only where both have written their end.
      if (diary.lines.some((line) => line.startsWith('end clean'))) expect(diary.lines).toContain('closing');
      const says = diary.lines.filter((line) => line.startsWith('says'));
      expect(['says canary one', 'says canary two'].slice(0, says.length)).toEqual(says);
    }
    // What was acknowledged has arrived.
    for (const id of ['one', 'two']) if (romeo.diary.lines.includes(`delivered ${id}`)) expect(juliet.diary.lines).toContain(`says canary ${id}`);
    expect(romeo.diary.lines.some((line) => line.startsWith('end '))).toBe(true);
    expect(() => ours.send(message('canary three'))).toThrow();
    expect(wire.log.join('').includes('canary')).toBe(false);
    for (const side of sides) side.stop();
  });
});
