import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { silentLog } from '../src/log.ts';
import { Tasks } from '../src/tasks.ts';

let tasks: Tasks;
let done: string[];
const note = (what: string) => (): void => void done.push(what);
beforeEach(() => {
  tasks = new Tasks(silentLog);
  done = [];
});
afterEach(() => tasks.end());

describe('timers', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('do their work once, unless cancelled', () => {
    tasks.after('a', 10, note('a'));
    tasks.after('b', 10, note('b'))();
    jest.advanceTimersByTime(30);
    expect(done).toEqual(['a']);
  });

  test('end with their owner, and none begins afterwards', async () => {
    tasks.after('a', 10, note('a'));
    await tasks.end();
    expect(jest.getTimerCount()).toBe(0);
    tasks.after('b', 10, note('b'));
    jest.advanceTimersByTime(30);
    expect(done).toEqual([]);
  });

  test('may be many at once: Node does not take them for a leak', () => {
    const cancels = Array.from({ length: 1000 }, () => tasks.after('a', 10, note('a')));
    expect(getEventListeners(tasks.signal, 'abort').length).toBeLessThan(10);
    for (const cancel of cancels.slice(1)) cancel();
    jest.advanceTimersByTime(10);
    expect(done).toEqual(['a']);
  });
});

test('what runs is told of the end, and waited for', async () => {
  tasks.run('long', async (signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    done.push('told');
  });
  await tasks.end();
  tasks.run('late', note('late'));
  expect(done).toEqual(['told']);
});
