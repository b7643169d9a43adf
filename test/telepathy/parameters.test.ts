/** Account parameters. */
import { describe, expect, test } from '@jest/globals';
import { bool, i32, i64, str, strv, u32, Variant } from '../../src/bus/types.ts';
import { ParameterFlag } from '../../src/telepathy/constants.ts';
import { checkParameters, paramSpec } from '../../src/telepathy/parameters.ts';
import type { ParameterSpec } from '../../src/telepathy/parameters.ts';

const specs: readonly ParameterSpec[] = [
  { name: 'account', signature: 's', flags: ParameterFlag.required },
  { name: 'password', signature: 's', flags: ParameterFlag.secret },
  { name: 'port', signature: 'q', flags: 0, default: 5222 },
  { name: 'priority', signature: 'n', flags: 0, default: 0 },
  { name: 'old-ssl', signature: 'b', flags: 0, default: false },
  { name: 'identities', signature: 'as', flags: 0, default: [] },
  { name: 'com.example.Policy', signature: 's', flags: ParameterFlag.dbusProperty, default: 'on' },
];
const account = ['account', str('me')] as const;

describe('account parameters [fault-14]', () => {
  test('have the flag Has_Default exactly where there is a default', () => {
    expect(specs.map(paramSpec)).toEqual([
      ['account', 1, 's', new Variant('s', '')],
      ['password', 8, 's', new Variant('s', '')],
      ['port', 4, 'q', new Variant('q', 5222)],
      ['priority', 4, 'n', new Variant('n', 0)],
      ['old-ssl', 4, 'b', new Variant('b', false)],
      ['identities', 4, 'as', new Variant('as', [])],
      ['com.example.Policy', 20, 's', new Variant('s', 'on')],
    ]);
  });

  test('are filled up with the defaults, and only with these', () => {
    expect(new Map(checkParameters(specs, new Map([account])))).toEqual(
      new Map<string, unknown>([['account', 'me'], ['port', 5222], ['priority', 0], ['old-ssl', false], ['identities', []], ['com.example.Policy', 'on']]),
    );
    expect(checkParameters(specs, new Map<string, Variant>([account, ['identities', strv(['x'])], ['old-ssl', bool(true)]])).get('identities')).toEqual(['x']);
  });

  test.each([
    ['u32', u32(65_535), 65_535],
    ['i32', i32(0), 0],
    ['i64', i64(5223n), 5223],
  ])('may come with another integer type (%s) while the number fits', (_name, given, expected) => {
    expect(checkParameters(specs, new Map<string, Variant>([account, ['port', given]])).get('port')).toBe(expected);
  });

  test.each([
    ['an unknown name', new Map([account, ['__proto__', str('x')]]), "'__proto__'"],
    ['a wrong type', new Map<string, Variant>([account, ['port', str('5222')]]), "'port'"],
    ['a number for a truth', new Map<string, Variant>([account, ['old-ssl', u32(1)]]), "'old-ssl'"],
    ['a number too great', new Map<string, Variant>([account, ['port', u32(65_536)]]), "'port'"],
    ['a number too small', new Map<string, Variant>([account, ['priority', i32(-32_769)]]), "'priority'"],
    ['something required missing', new Map<string, Variant>([['port', u32(1)]]), "'account'"],
  ])('are refused by name for %s', (_name, given, named) => {
    expect(() => checkParameters(specs, given)).toThrow(expect.objectContaining({ condition: 'invalid-argument', message: expect.stringContaining(named) }));
  });

  test('never show the value in the error', () => {
    expect(() => checkParameters(specs, new Map<string, Variant>([account, ['password', strv(['hunter2'])]]))).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hunter2') }));
  });
});
