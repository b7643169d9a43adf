import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { silentLog } from '../src/log.ts';
import { Emitter } from '../src/emitter.ts';

interface Events {
  said: [word: string, count: number];
  ended: [];
}

describe('an emitter', () => {
  test('calls the listeners of one event, in order, until they are removed', () => {
    const emitter = new Emitter<Events>(silentLog);
    const seen: string[] = [];
    const off = emitter.on('said', (word, count) => seen.push(`1 ${word} ${count}`));
    emitter.on('said', (word) => seen.push(`2 ${word}`));
    emitter.emit('said', 'a', 1);
    emitter.emit('ended');
    off();
    off();
    emitter.emit('said', 'b', 2);
    expect(seen).toEqual(['1 a 1', '2 a', '2 b']);
  });

  test('calls a listener as often as it was added, and removes one at a time', () => {
    const emitter = new Emitter<Events>(silentLog);
    let count = 0;
    const listener = (): void => {
      count += 1;
    };
    const off = emitter.on('ended', listener);
    emitter.on('ended', listener);
    emitter.emit('ended');
    off();
    emitter.emit('ended');
    expect(count).toBe(3);
  });

  test('logs a listener that fails and calls the others', () => {
    const lines: string[] = [];
    const emitter = new Emitter<Events>(pino({ base: null }, { write: (line: string) => void lines.push(line) }));
    let isCalled = false;
    emitter.on('ended', () => {
      throw new Error('on purpose');
    });
    emitter.on('ended', () => {
      isCalled = true;
    });
    emitter.emit('ended');
    expect(isCalled).toBe(true);
    expect(lines.join()).toContain('on purpose');
  });

  test('does not call a listener that was removed, or added, by one before it', () => {
    const emitter = new Emitter<Events>(silentLog);
    const seen: string[] = [];
    emitter.on('ended', () => {
      seen.push('first');
      off();
      emitter.on('ended', () => seen.push('late'));
    });
    const off = emitter.on('ended', () => seen.push('removed'));
    emitter.emit('ended');
    expect(seen).toEqual(['first']);
  });
});
