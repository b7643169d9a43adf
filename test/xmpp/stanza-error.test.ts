import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HushError } from '../../src/errors.ts';
import { ns, serialize, xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { answerTo, errorElement, errorOf, stanzaError, StanzaErrorReply } from '../../src/xmpp/stanza-error.ts';
import type { StanzaCondition } from '../../src/xmpp/stanza-error.ts';

const condition = (name: string, namespace: string = ns.stanzaErrors): Element => xml(name, { xmlns: namespace });

describe('a stanza error', () => {
  test('is read with type, text and application condition', () => {
    const error = xml('error', { type: 'wait', code: '500' }, condition('too-many', 'urn:app'), condition('resource-constraint'), xml('text', { xmlns: ns.stanzaErrors }, 'later'));
    expect(errorOf(xml('iq', { type: 'error' }, error))).toEqual({ condition: 'resource-constraint', type: 'wait', text: 'later', application: { name: 'too-many', ns: 'urn:app' } });
  });

  test.each([
    ['no error element', undefined],
    ['an empty one', xml('error')],
    ['a legacy code alone', xml('error', { code: '404' }, 'Not Found')],
    ['an unknown condition', xml('error', { type: 'cancel' }, condition('no-such-thing'))],
    ['a condition called like a property', xml('error', { type: 'cancel' }, condition('constructor'))],
    ['a condition of another namespace', xml('error', {}, condition('forbidden', ns.client))],
    ['an error element of another namespace', xml('error', { xmlns: 'urn:x' }, condition('forbidden'))],
  ])('is undefined-condition with %s', (_, error) => expect(errorOf(xml('message', {}, error))).toMatchObject({ condition: 'undefined-condition', type: 'cancel' }));

  test('takes its usual type where the peer gives none that is known', () => {
    for (const type of [undefined, 'fatal', '']) expect(errorOf(xml('iq', {}, xml('error', { type }, condition('bad-request')))).type).toBe('modify');
    expect(errorOf(xml('iq', {}, xml('error', { type: 'continue' }, condition('bad-request')))).type).toBe('continue');
  });

  test('keeps little of a long text, whole characters only', () => {
    const words = errorOf(xml('iq', {}, xml('error', {}, xml('text', { xmlns: ns.stanzaErrors }, 'x' + '\u{1F600}'.repeat(1000))))).text!;
    expect(words).toBe('x' + '\u{1F600}'.repeat(511));
  });

  test('is total', () => {
    const tree = fc.letrec<{ element: Element }>((tie) => ({
      element: fc
        .tuple(
          fc.constantFrom('error', 'text', 'gone', 'x'),
          fc.constantFrom(undefined, ns.client, ns.stanzaErrors, ''),
          fc.constantFrom(undefined, 'cancel', 'odd'),
          fc.array(fc.oneof({ depthSize: 'small' }, fc.string(), tie('element')), { maxLength: 3 }),
        )
        .map(([name, xmlns, type, nodes]) => xml(name, { xmlns, type }, ...nodes)),
    })).element;
    fc.assert(fc.property(tree, (element) => expect(serialize(errorElement(errorOf(element)))).toMatch(/^<error type="/)));
  });

  test('is written and read back', () => {
    const error = { ...stanzaError('not-acceptable', { name: 'x', ns: 'urn:x' }), text: 'a & b' };
    expect(errorOf(xml('iq', {}, errorElement(error)))).toEqual(error);
    expect(serialize(errorElement(stanzaError('service-unavailable')))).toBe('<error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>');
  });

  test.each<[StanzaCondition, string]>([
    ['item-not-found', 'does-not-exist'],
    ['forbidden', 'permission-denied'],
    ['not-authorized', 'permission-denied'],
    ['not-allowed', 'permission-denied'],
    ['service-unavailable', 'not-available'],
    ['feature-not-implemented', 'not-available'],
    ['recipient-unavailable', 'offline'],
    ['resource-constraint', 'service-busy'],
  ])('%s becomes our %s', (name, ours) => expect(new StanzaErrorReply(stanzaError(name)).condition).toBe(ours));

  test('that a handler throws is what the peer is told; other errors give little away', () => {
    const mine = stanzaError('conflict');
    expect(answerTo(new StanzaErrorReply(mine))).toBe(mine);
    expect(answerTo(new HushError('invalid-data', 'secret words'))).toEqual({ condition: 'bad-request', type: 'modify' });
    expect(answerTo(new HushError('encryption-error', 'secret words'))).toEqual({ condition: 'internal-server-error', type: 'cancel' });
    expect(answerTo(new TypeError('secret words'))).toEqual({ condition: 'internal-server-error', type: 'cancel' });
  });
});
