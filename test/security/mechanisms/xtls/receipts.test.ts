/** What finds no place here is not acknowledged inside the session: its sender learns that it may not have arrived. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Wire } from '../../../harness/wire.ts';
import { couple, message, secured } from './pair.ts';
import type { Side } from './pair.ts';

let romeo: Side;
let juliet: Side;
beforeEach(() => {
  ({ romeo, juliet } = couple(new Wire()));
});
afterEach(() => {
  romeo.stop();
  juliet.stop();
});

describe('a message inside the session [F8]', () => {
  test('for which there is no place gets no receipt; the next one, for which there is, does', async () => {
    const [ours, theirs] = await secured(romeo, juliet);
    theirs.listen({ opened: ({ attrs }) => attrs.id !== 'lost' });
    ours.send(message('no place for this', 'lost'));
    ours.send(message('but for this', 'kept'));
    await romeo.diary.until('delivered kept');
    expect(juliet.diary.lines.filter((line) => line.startsWith('says'))).toEqual(['says no place for this', 'says but for this']);
    expect(romeo.diary.lines.filter((line) => line.startsWith('delivered'))).toEqual(['delivered kept']);
  });
});
