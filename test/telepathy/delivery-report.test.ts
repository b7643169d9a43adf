/** Delivery reports. */
import { expect, test } from '@jest/globals';
import { str, u32, Variant } from '../../src/bus/types.ts';
import type { MessagePart } from '../../src/telepathy/message-parts.ts';
import { HushError } from '../../src/errors.ts';
import { DeliveryStatus, SendError } from '../../src/telepathy/constants.ts';
import { isFailure, reportParts, sendErrorOf } from '../../src/telepathy/delivery-report.ts';

test('a success says whose message arrived, and nothing of errors', () => {
  expect(reportParts({ status: 'delivered', token: 't', sender: 7, error: new HushError('offline', 'no') })).toEqual([
    new Map<string, Variant>([['message-type', u32(4)], ['message-sender', u32(7)], ['delivery-status', u32(DeliveryStatus.delivered)], ['delivery-token', str('t')]]),
  ]);
});

test('a failure says why, and shows the message', () => {
  const echo: MessagePart[] = [new Map(), new Map([['content', str('hello')]])];
  const report = { status: 'permanently-failed', token: 't', sender: 7, echo, error: new HushError('does-not-exist', 'no such account') } as const;
  expect(reportParts(report)).toEqual([
    new Map<string, Variant>([
      ['message-type', u32(4)], ['message-sender', u32(7)], ['delivery-status', u32(DeliveryStatus.permanentlyFailed)], ['delivery-token', str('t')], ['delivery-echo', new Variant('aa{sv}', echo)],
      ['delivery-error', u32(SendError.invalidContact)], ['delivery-dbus-error', str('org.freedesktop.Telepathy.Error.DoesNotExist')], ['delivery-error-message', str('no such account')],
    ]),
  ]);
});

test('a failure without a counterpart in the old API has no delivery-error, and no token is left out rather than empty', () => {
  const [header] = reportParts({ status: 'temporarily-failed', token: '', sender: 0, error: new HushError('encryption-not-available', 'no') });
  expect([...(header?.keys() ?? [])]).toEqual(['message-type', 'message-sender', 'delivery-status', 'delivery-dbus-error', 'delivery-error-message']);
});

test.each([
  ['offline', SendError.offline], ['invalid-jid', SendError.invalidContact], ['permission-denied', SendError.permissionDenied], ['not-capable', SendError.notImplemented], ['limits-exceeded', SendError.tooLong], ['network-error', SendError.unknown],
] as const)('%s becomes send error %d', (condition, expected) => {
  expect(sendErrorOf({ status: 'permanently-failed', sender: 1, error: new HushError(condition, 'x') })).toBe(expected);
});

test('only the two kinds of failure are failures', () => {
  const statuses = ['delivered', 'accepted', 'read', 'temporarily-failed', 'permanently-failed'] as const;
  expect(statuses.map((status) => isFailure({ status, sender: 1 }))).toEqual([false, false, false, true, true]);
});
