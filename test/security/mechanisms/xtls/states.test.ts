import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InvariantError } from '../../../../src/errors.ts';
import { isOver, isUnderWay, limits, shownState, transition, xtlsStates } from '../../../../src/security/mechanisms/xtls/states.ts';
import type { XtlsEvent, XtlsState } from '../../../../src/security/mechanisms/xtls/states.ts';

const events: XtlsEvent[] = ['discover', 'offer', 'ring', 'accept', 'open', 'opened', 'handshaken', 'bound', 'close', 'end', 'fail'];

function next(state: XtlsState, event: XtlsEvent): XtlsState | undefined {
  try {
    return transition(state, event);
  } catch (error) {
    if (error instanceof InvariantError) return undefined;
    throw error;
  }
}

test('one way leads from idle to secure and on to the end, for either role', () => {
  const walk = (...path: XtlsEvent[]): XtlsState => path.reduce<XtlsState>((state, event) => transition(state, event), 'idle');
  expect(walk('discover', 'offer', 'accept', 'open', 'opened', 'handshaken', 'bound', 'close', 'end')).toBe('ended');
  expect(walk('ring', 'accept', 'open', 'opened', 'handshaken', 'bound', 'end')).toBe('ended');
  expect(walk('discover', 'offer', 'ring', 'accept')).toBe('accepted');
});

test('an event that is not foreseen is a typed error', () => {
  const ways = xtlsStates.flatMap((state) => events.map((event) => next(state, event)));
  expect(ways.filter((way) => way === undefined).length).toBe(xtlsStates.length * events.length - 22);
  expect(() => transition('ended', 'bound')).toThrow(InvariantError);
});

test('from the first TLS byte on no way leads back to plaintext', () => {
  const mayBePlain = (state: XtlsState): boolean => ['discovering', 'negotiating'].includes(shownState(state));
  const isPast = (state: XtlsState): boolean => ['handshaking', 'secure', 'closing', 'ended'].includes(shownState(state));
  for (const state of xtlsStates.filter(isPast)) for (const event of events) expect(mayBePlain(next(state, event) ?? 'failed')).toBe(false);
});

test('no sequence of events, possible or not, leads back behind a step that was taken, and none is for nothing', () => {
  const order = ['discovering', 'negotiating', 'handshaking', 'secure', 'closing', 'ended'];
  // Rarely the end: most sequences are to come far.
  const event = fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...events.filter((one) => one !== 'fail' && one !== 'end')) }, { weight: 1, arbitrary: fc.constantFrom('fail' as const, 'end' as const) });
  const reached = new Set<XtlsState>(['idle']);
  const used = new Set<XtlsEvent>();
  fc.assert(
    fc.property(fc.array(event, { minLength: 100, maxLength: 200 }), (sequence) => {
      let state: XtlsState = 'idle';
      for (const event of sequence) {
        // What is not possible is refused, and changes nothing.
        const after = next(state, event);
        if (after === undefined) continue;
        used.add(event);
        reached.add(after);
        expect(order.indexOf(shownState(after))).toBeGreaterThanOrEqual(order.indexOf(shownState(state)));
        expect(isOver(state)).toBe(false);
        state = after;
      }
      if (!isOver(state) && shownState(state) !== 'secure') expect(isUnderWay(state) || state === 'idle' || state === 'closing').toBe(true);
    }),
    { numRuns: 1000 },
  );
  expect([...reached].sort()).toEqual([...xtlsStates].sort());
  expect([...used].sort()).toEqual([...events].sort());
});

test('every state before secure can fail, every one after it can end, nothing follows', () => {
  for (const state of xtlsStates) {
    const isSecure = state === 'secure' || state === 'closing';
    expect(next(state, 'fail')).toBe(isOver(state) || isSecure ? undefined : 'failed');
    expect(next(state, 'end')).toBe(isSecure ? 'ended' : undefined);
    if (isOver(state)) expect(events.map((event) => next(state, event)).filter(Boolean)).toEqual([]);
  }
});

test('every state that waits for a peer before secure has a limit', () => {
  for (const state of xtlsStates) if (isUnderWay(state) && state !== 'accepted') expect(limits[state]?.ms).toBeGreaterThan(0);
});
