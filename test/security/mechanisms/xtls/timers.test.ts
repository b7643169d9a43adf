import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Wire } from '../../../harness/wire.ts';
import { JULIET, ROMEO, Side, message } from './pair.ts';
import { Puppet } from './puppet.ts';

let wire: Wire;
let juliet: Side;
let romeo: Puppet;

/** Lets everything that is on its way arrive; time stands still. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
async function pass(ms: number): Promise<void> {
  await settle();
  await jest.advanceTimersByTimeAsync(ms);
  await settle();
}
const ends = (): string[] => juliet.diary.lines.filter((line) => line.startsWith('end '));

/** The session ends after `ms`, not a millisecond before. */
async function endsAfter(ms: number): Promise<string | undefined> {
  await pass(ms - 1);
  expect(ends()).toEqual([]);
  await pass(1);
  return ends()[0];
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'hrtime', 'Date'] });
  wire = new Wire();
  juliet = new Side(wire, JULIET);
  juliet.capabilities.set(ROMEO, new Set(juliet.mechanism.features));
  romeo = new Puppet(wire, ROMEO, JULIET);
});
afterEach(() => {
  romeo.stop();
  juliet.stop();
  jest.useRealTimers();
});

describe('a session that gets nowhere', () => {
  test('ends 10 s after the question what the peer can do', async () => {
    juliet.capabilities.clear();
    juliet.ask = async () => new Promise(() => undefined);
    juliet.start(ROMEO);
    expect(await endsAfter(10_000)).toBe('end failed encryption-not-available from discovering');
    expect(wire.log).toEqual([]);
  });

  test('ends 30 s after an offer without accept', async () => {
    romeo.editAccept = () => '';
    juliet.start(ROMEO);
    expect(await endsAfter(30_000)).toBe('end failed encryption-not-available from negotiating');
    expect(romeo.events).toContain('terminated timeout');
  });

  test('ends 15 s after an accept that no open follows', async () => {
    wire.filter = (transit) => (wire.log.at(-1)?.includes('<open') === true && transit.from === ROMEO ? [] : [transit]);
    romeo.offer();
    await settle();
    expect(await endsAfter(15_000)).toBe('end failed encryption-not-available from negotiating');
    expect(romeo.events).toContain('terminated timeout');
  });

  test('ends 15 s after an open without answer', async () => {
    wire.filter = (transit) => (transit.from === ROMEO && wire.log.some((text) => text.includes('<open')) ? [] : [transit]);
    juliet.start(ROMEO);
    await settle();
    expect(await endsAfter(15_000)).toBe('end failed encryption-not-available from negotiating');
    expect(romeo.events).toContain('terminated timeout');
  });

  test.each(['initiator', 'responder'] as const)('ends 30 s after an open that no handshake follows (hush %s)', async (role) => {
    romeo.doesTls = false;
    if (role === 'initiator') juliet.start(ROMEO);
    else romeo.offer();
    await settle();
    expect(await endsAfter(30_000)).toBe('end failed encryption-not-available from handshaking');
    expect(romeo.events).toContain('terminated timeout');
  });

  test.each(['initiator', 'responder'] as const)('ends 15 s after a handshake that no binding follows (hush %s)', async (role) => {
    if (role === 'initiator') juliet.start(ROMEO);
    else romeo.offer();
    await romeo.event('secured');
    romeo.say(romeo.header() + romeo.binding());
    expect(await endsAfter(15_000)).toBe('end failed encryption-not-available from handshaking');
    expect(romeo.events).toContain('terminated timeout');
  });
});

describe('a secure session', () => {
  beforeEach(async () => {
    juliet.start(ROMEO);
    await romeo.event('secured');
    romeo.say(romeo.greeting());
    await juliet.diary.until('secure');
    await settle();
  });
  const pings = (): string[] => [...romeo.heard.matchAll(/<iq type="get" id="([^"]+)"><ping xmlns="urn:xmpp:ping"\/><\/iq>/g)].map(([, id]) => id!);

  test('asks after five minutes without a word, and is alive with any answer', async () => {
    await pass(299_000);
    expect(pings()).toHaveLength(0);
    await pass(1000);
    expect(pings()).toHaveLength(1);
    romeo.say(`<iq type='error' id='${pings()[0]!}'/>`);
    await pass(299_000);
    expect([pings().length, ends()]).toEqual([1, []]);
    await pass(1000);
    expect(pings()).toHaveLength(2);
  });

  test('counts what is said inside, not what moves outside', async () => {
    await pass(200_000);
    romeo.say('<message><body>x</body></message>');
    await pass(200_000);
    expect(pings()).toHaveLength(0);
    // Half an element is no word.
    romeo.say('<message>');
    await pass(100_000);
    expect(pings()).toHaveLength(1);
  });

  test('ends when two questions in a row have no answer', async () => {
    await pass(300_000);
    await pass(60_000);
    expect([pings().length, ends()]).toEqual([2, []]);
    await pass(60_000);
    expect(ends()).toEqual(['end connection-lost connection-lost from secure']);
    expect(romeo.events).toContain('terminated timeout');
  });

  test('asks when a body has had no receipt for a minute', async () => {
    const session = juliet.mechanism.start(ROMEO, { demands: new Set() });
    session.send(message('one', 'a'));
    session.send(message('two', 'b'));
    await settle();
    romeo.say("<message><received xmlns='urn:xmpp:receipts' id='a'/></message>");
    await pass(60_000);
    expect(pings()).toHaveLength(1);
    romeo.say(`<iq type='result' id='${pings()[0]!}'/><message><received xmlns='urn:xmpp:receipts' id='b'/></message>`);
    await pass(60_000);
    expect(pings()).toHaveLength(1);
    expect(juliet.diary.lines.filter((line) => line.startsWith('delivered'))).toEqual(['delivered a', 'delivered b']);
  });

  test('that is closed and gets no answer ends uncleanly after 10 s', async () => {
    const session = juliet.mechanism.start(ROMEO, { demands: new Set() });
    session.end('clean').catch(() => undefined);
    await settle();
    expect(romeo.heard.endsWith('</stream:stream>')).toBe(true);
    romeo.say('<message><body>one more</body></message>');
    expect(await endsAfter(10_000)).toBe('end unauthenticated encryption-not-available from closing');
    expect(romeo.events).toContain('terminated timeout');
    expect(juliet.diary.lines).toContain('says one more');
  });

  test('whose peer closes and then leaves the transport open closes it after 10 s', async () => {
    romeo.say('</stream:stream>');
    await pass(9999);
    expect(romeo.events).not.toContain('bytes end');
    await pass(1);
    expect(romeo.events).toContain('bytes end');
    expect(ends()).toEqual([]);
    await pass(10_000);
    expect(ends()).toEqual(['end clean - from closing']);
    expect(romeo.events).toContain('terminated success');
  });

  test('ends when a block is not answered for a minute', async () => {
    wire.filter = (transit) => (transit.from === ROMEO ? [] : [transit]);
    juliet.mechanism.start(ROMEO, { demands: new Set() }).send(message('x'));
    expect(await endsAfter(60_000)).toBe('end unauthenticated network-error from secure');
  });
});
