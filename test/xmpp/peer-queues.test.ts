import { describe, expect, test } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { PeerQueues } from '../../src/xmpp/peer-queues.ts';

/** A promise and how to settle it. */
function gate(): { promise: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open };
}

async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
}

describe('queues of peers', () => {
  test('run items in the order they came, across peers, in a later turn', async () => {
    const seen: string[] = [];
    const queues = new PeerQueues<string>({ work: (item) => void seen.push(item), onPressure: () => undefined });
    for (const item of ['a1', 'b1', 'a2', 'c1', 'b2']) queues.push(item[0]!, item);
    expect(seen).toEqual([]);
    await turns();
    expect(seen).toEqual(['a1', 'b1', 'a2', 'c1', 'b2']);
  });

  test('keep a busy peer’s items waiting in order, and nobody else’s', async () => {
    const seen: string[] = [];
    const slow = gate();
    const queues = new PeerQueues<string>({
      work: (item) => {
        seen.push(item);
        return item === 'a1' ? slow.promise : item.startsWith('a') ? Promise.resolve() : undefined;
      },
      onPressure: () => undefined,
    });
    for (const item of ['a1', 'a2', 'b1', 'a3', 'b2']) queues.push(item[0]!, item);
    await turns();
    expect(seen).toEqual(['a1', 'b1', 'b2']);
    expect(queues.waiting('a')).toBe(2);
    queues.push('b', 'b3');
    queues.push('a', 'a4');
    await turns();
    expect(seen).toEqual(['a1', 'b1', 'b2', 'b3']);
    slow.open();
    await turns(10);
    expect(seen.slice(4)).toEqual(['a2', 'a3', 'a4']);
    expect(queues.waiting('a')).toBe(0);
  });

  test('of all accounts together leave the event loop its turn, and all get on', async () => {
    const [one, count] = [2, 40];
    const done = new Map<string, number>();
    const accounts = Array.from({ length: 10 }, (_, at) => `account ${at}`);
    let worked = 0;
    for (const account of accounts) {
      const queues = new PeerQueues<number>({
        work: () => {
          const end = performance.now() + one;
          while (performance.now() < end);
          worked += 1;
          done.set(account, (done.get(account) ?? 0) + 1);
          return undefined;
        },
        onPressure: () => undefined,
      });
      for (let item = 0; item < count; item += 1) queues.push('peer', item);
    }
    const perTurn: number[] = [];
    while (worked < accounts.length * count) {
      const before = worked;
      await nextTurn();
      perTurn.push(worked - before);
      // Nobody is served only when the others have nothing left.
      if (worked > 200 && worked < 220) expect(done.size).toBe(accounts.length);
    }
    // Items of 2 ms in a slice of 8: four, and the one that begins before its end.
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(5);
  });

  test('give the event loop its turn during a flood, and tell of the pressure once each way [fault-9]', async () => {
    const pressure: boolean[] = [];
    let done = 0;
    /** Turns that others had meanwhile. */
    let given = 0;
    const queues = new PeerQueues<number>({
      work: () => {
        const end = performance.now() + 0.05;
        while (performance.now() < end);
        done += 1;
        return undefined;
      },
      onPressure: (isHigh) => pressure.push(isHigh),
    });
    for (let item = 0; item < 3000; item += 1) queues.push('a', item);
    expect(pressure).toEqual([true]);
    while (done < 3000) {
      await nextTurn();
      given += 1;
    }
    await turns();
    expect(pressure).toEqual([true, false]);
    // 150 ms of work: far from one slice.
    expect(given).toBeGreaterThan(5);
  });

  test('hold back a peer who floods faster than it is worked on, and only as long as it gets on', async () => {
    const pressure: boolean[] = [];
    const stuck = gate();
    const queues = new PeerQueues<string>({ work: () => stuck.promise, onPressure: (isHigh) => pressure.push(isHigh) });
    for (let item = 0; item < 600; item += 1) queues.push('a', 'x');
    await turns();
    expect(pressure).toEqual([true]);
    while (pressure.length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    queues.push('a', 'x');
    await turns();
    expect(pressure).toEqual([true, false]);
    stuck.open();
    while (queues.waiting('a') > 0) await nextTurn();
    for (let item = 0; item < 600; item += 1) queues.push('a', 'x');
    expect(pressure).toEqual([true, false, true]);
    while (queues.waiting('a') > 0) await nextTurn();
    await turns();
    expect(pressure).toEqual([true, false, true, false]);
  });
});
