/** src/ktp/pending.ts when signals come between the answer and whoever waits for it: a real bus does that only now and then. */
import { expect, test } from '@jest/globals';
import type { Remote } from '../../src/bus/remote.ts';
import { PendingMessages } from '../../src/ktp/pending.ts';
import type { Parts } from '../../src/ktp/pending.ts';
import { variants } from '../harness/telepathy-client.ts';

const message = (id: number): Parts => [variants({ 'pending-message-id': id })];

test('a message that comes right behind the answer is kept, one that is acknowledged there does not come back, and none is there twice', async () => {
  const listeners = new Map<string, (argument: unknown) => void>();
  let resolve: (messages: Parts[]) => void = () => undefined;
  const answer = new Promise<Parts[]>((settle) => (resolve = settle));
  const channel = {
    on: (_name: string, member: string, listener: (argument: unknown) => void) => {
      listeners.set(member, listener);
      return () => listeners.delete(member);
    },
    get: () => answer,
  } as unknown as Remote;
  const told: unknown[] = [];
  const pending = new PendingMessages(channel, { received: ([header]) => told.push(header?.get('pending-message-id')?.value), removed: (ids) => told.push(...ids.map((id) => -id)) });
  const loaded = pending.load(channel);
  const received = (id: number): void => listeners.get('MessageReceived')!(message(id));
  const removed = (...ids: number[]): void => listeners.get('PendingMessagesRemoved')!(ids);

  received(3);
  received(4);
  removed(4);
  resolve([message(1), message(2), message(3)]);
  // The promise is settled, but nobody has been told yet.
  removed(1);
  received(5);
  await loaded;
  expect(pending.all.map(([header]) => header?.get('pending-message-id')?.value)).toEqual([2, 3, 5]);
  expect(told).toEqual([3, 4, -4, -1, 5]);
  removed(2);
  received(6);
  expect(pending.all).toHaveLength(3);
  pending.stop();
  expect(listeners.size).toBe(0);
});
