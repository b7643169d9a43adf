import { describe, expect, test } from '@jest/globals';
import { Saxes } from '../../src/xmpp/saxes.ts';

/** All that the parser of streams listens to. */
const events = ['xmldecl', 'opentagstart', 'attribute', 'opentag', 'closetag', 'text', 'cdata', 'doctype', 'processinginstruction', 'comment', 'error'] as const;

describe('the parser stays an object that V8 can be quick about', () => {
  test('no handler adds a property', () => {
    const saxes = new Saxes();
    const before = Object.keys(saxes);
    for (const event of events) saxes.on(event, () => undefined);
    expect(Object.keys(saxes)).toEqual(before);
  });

  test('one that has no place would', () => {
    const saxes = new Saxes();
    const before = Object.keys(saxes).length;
    saxes.on('ready', () => undefined);
    expect(Object.keys(saxes)).toHaveLength(before + 1);
  });
});
