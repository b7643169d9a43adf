/** The event queue that scenarios are written with. */
import { expect, test } from '@jest/globals';
import { EventQueue } from './events.ts';

const event = (name: string, detail: Record<string, unknown> = {}): { source: string; name: string } => ({ source: 'test', name, ...detail });

test('takes events in order: what was before an expected one is gone', async () => {
  const queue = new EventQueue();
  for (const name of ['a', 'b', 'c']) queue.push(event(name));
  expect(await queue.expect({ name: 'b' })).toEqual(event('b'));
  await expect(queue.expect({ name: 'a' }, 5)).rejects.toThrow('not within 5 ms');
});

test('waits for what is still to come', async () => {
  const queue = new EventQueue();
  setImmediate(() => queue.push(event('late', { number: 3 })));
  expect(await queue.expect({ name: /^la/, number: (value: number) => value > 2 })).toEqual(event('late', { number: 3 }));
});

test('takes several in any order and keeps what follows', async () => {
  const queue = new EventQueue();
  setImmediate(() => ['y', 'x', 'z'].forEach((name) => queue.push(event(name))));
  expect(await queue.expectMany([{ name: 'x' }, { name: 'y' }])).toEqual([event('x'), event('y')]);
  expect(await queue.expect({ name: 'z' })).toEqual(event('z'));
});

test('fails at what is forbidden, during a wait or at the next sync', async () => {
  const queue = new EventQueue();
  const allow = queue.forbid({ name: 'evil' });
  setImmediate(() => queue.push(event('evil')));
  await expect(queue.expect({ name: 'good' })).rejects.toThrow('forbidden');
  await expect(queue.sync()).rejects.toThrow('forbidden');
  allow();

  const calm = new EventQueue();
  calm.forbid({ name: 'evil' })();
  calm.push(event('evil'));
  await calm.sync();
});

test('a sync waits for the round trip of every party', async () => {
  const queue = new EventQueue();
  queue.barrier(() => new Promise<void>((resolve) => setImmediate(() => {
    queue.push(event('before the answer'));
    resolve();
  })));
  await queue.sync();
  expect(queue.waiting({ name: 'before the answer' })).toHaveLength(1);
});
