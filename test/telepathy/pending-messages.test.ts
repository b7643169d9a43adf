/** The messages nobody has acknowledged. */
import { describe, expect, test } from '@jest/globals';
import { str } from '../../src/bus/types.ts';
import type { MessageParts } from '../../src/telepathy/message-parts.ts';
import { maxPending, maxPendingBytes, PendingMessages } from '../../src/telepathy/pending-messages.ts';

const message = (content: string): MessageParts => [new Map([['content', str(content)]])];

function add(pending: PendingMessages, parts: MessageParts = message('x')): number {
  const id = pending.nextId();
  pending.add(id, parts);
  return id;
}

describe('pending messages', () => {
  test('are numbered from 1, and a number comes again only when all others have been used', () => {
    const pending = new PendingMessages();
    expect([add(pending), add(pending)]).toEqual([1, 2]);
    pending.remove([1, 2]);
    expect(add(pending)).toBe(3);
  });

  test('keep their numbers when the count starts again', () => {
    const pending = new PendingMessages(1);
    expect(add(pending)).toBe(1);
    const wrapping = new PendingMessages(0xffff_fffe);
    expect([add(wrapping), add(wrapping), add(wrapping)]).toEqual([0xffff_fffe, 0xffff_ffff, 1]);
    wrapping.remove([0xffff_ffff]);
    const crowded = new PendingMessages(0xffff_ffff);
    crowded.add(1, message('old'));
    crowded.add(2, message('old'));
    expect([add(crowded), add(crowded)]).toEqual([0xffff_ffff, 3]);
  });

  test('are removed all together or not at all', () => {
    const pending = new PendingMessages();
    const ids = [add(pending), add(pending)];
    expect(() => pending.remove([...ids, 77])).toThrow(expect.objectContaining({ condition: 'invalid-argument', message: expect.stringContaining('77') }));
    expect(pending.entries.map(([id]) => id)).toEqual(ids);
    pending.remove([1, 1, 2]);
    expect(pending.entries).toEqual([]);
  });

  test('have a limit in number and in bytes, and room again when they are removed [F8 fault-11]', () => {
    const pending = new PendingMessages();
    for (let count = 0; count < maxPending; count++) {
      expect(pending.isFullFor(message('x'))).toBe(false);
      add(pending);
    }
    expect(pending.isFullFor(message('x'))).toBe(true);
    pending.remove([1]);
    expect(pending.isFullFor(message('x'))).toBe(false);

    const big = message('x'.repeat(maxPendingBytes / 2));
    const few = new PendingMessages();
    const id = add(few, big);
    expect(few.isFullFor(big)).toBe(true);
    expect(few.isFullFor(message('small'))).toBe(false);
    few.remove([id]);
    expect(few.isFullFor(big)).toBe(false);
  });
});
