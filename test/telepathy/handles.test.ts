/** Contact handles. */
import { describe, expect, test } from '@jest/globals';
import { HushError } from '../../src/errors.ts';
import { HandleRepository } from '../../src/telepathy/handles.ts';

function normalize(id: string): string {
  if (!id.includes('@')) throw new HushError('invalid-handle', 'no @');
  return id.toLowerCase();
}

describe('contact handles', () => {
  test('are counted from 1, one for all spellings of an identifier', () => {
    const handles = new HandleRepository(normalize);
    expect(handles.ensure('me@Home')).toBe(1);
    expect(handles.ensure('you@home')).toBe(2);
    expect(handles.ensure('ME@home')).toBe(1);
    expect(handles.id(1)).toBe('me@home');
    expect(handles.find('YOU@HOME')).toBe(2);
    expect(handles.find('nobody@home')).toBeUndefined();
  });

  test('are refused when they are none of this connection [F3]', () => {
    const handles = new HandleRepository(normalize);
    handles.ensure('me@home');
    const other = new HandleRepository(normalize);
    for (const id of ['a@b', 'c@d', 'e@f']) other.ensure(id);
    expect(other.isValid(3)).toBe(true);
    for (const handle of [0, 3, -1, 1.5, Number.NaN, 4_294_967_295]) {
      expect(handles.isValid(handle)).toBe(false);
      expect(() => handles.id(handle)).toThrow(expect.objectContaining({ condition: 'invalid-handle' }));
    }
  });

  test('are not made for what is no identifier', () => {
    const handles = new HandleRepository(normalize);
    expect(() => handles.ensure('nonsense')).toThrow(expect.objectContaining({ condition: 'invalid-handle' }));
    expect(handles.ensure('first@home')).toBe(1);
  });

  test('do not mix up identifiers that are names of object members', () => {
    const handles = new HandleRepository((id) => id);
    expect(['__proto__', 'constructor', 'toString'].map((id) => handles.ensure(id))).toEqual([1, 2, 3]);
    expect(handles.id(1)).toBe('__proto__');
  });
});
