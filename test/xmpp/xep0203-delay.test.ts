import { describe, expect, test } from '@jest/globals';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { formatDateTime, parseDateTime } from '../../src/xmpp/xep0082-datetime.ts';
import { delay, readDelay, readForwardedDelay } from '../../src/xmpp/xep0203-delay.ts';
import { parse } from './test-session.ts';

const now = new Date('2026-05-05T12:00:00Z');
const trusted = [parseBareJid('home.example'), parseBareJid('me@home.example')];
const stamped = (...stamps: [from: string | undefined, stamp: string, reason?: string][]) =>
  parse(
    `<message from='alice@home.example/r'><body>hi</body>${stamps
      .map(([from, stamp, reason = '']) => `<delay xmlns='urn:xmpp:delay'${from === undefined ? '' : ` from='${from}'`} stamp='${stamp}'>${reason}</delay>`)
      .join('')}</message>`,
  );
const read = (...stamps: Parameters<typeof stamped>) => readDelay(stamped(...stamps), trusted, now)?.stamp.toISOString();

describe('a moment [A17]', () => {
  test.each([
    ['2002-09-10T23:08:25Z', '2002-09-10T23:08:25.000Z'],
    ['2002-09-10T23:08:25.5Z', '2002-09-10T23:08:25.500Z'],
    ['2002-09-10T23:08:25.123456789Z', '2002-09-10T23:08:25.123Z'],
    ['1969-07-21T02:56:15+01:00', '1969-07-21T01:56:15.000Z'],
    ['1969-07-20T21:56:15-05:00', '1969-07-21T02:56:15.000Z'],
    ['2000-02-29T00:00:00-23:59', '2000-02-29T23:59:00.000Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ])('is read: %s', (given, expected) => {
    expect(parseDateTime(given)?.toISOString()).toBe(expected);
    expect(parseDateTime(formatDateTime(new Date(expected)))?.toISOString()).toBe(expected);
  });

  test.each([
    '', '2002-09-10', '20020910T23:08:25', '2002-09-10T23:08:25', '2002-09-10 23:08:25Z', '2002-13-10T23:08:25Z', '2002-02-30T00:00:00Z', '2001-02-29T00:00:00Z',
    '2002-09-10T24:00:00Z', '2002-09-10T23:60:00Z', '2002-09-10T23:08:61Z', '2002-09-10T23:08:25+24:00', '2002-09-10T23:08:25+0100', '2002-09-10T23:08:25.Z',
    '1e20', '-0001-01-01T00:00:00Z', '+12002-09-10T23:08:25Z', '12002-09-10T23:08:25Z', '2002-00-00T00:00:00Z', '２００２-09-10T23:08:25Z', `2002-09-10T23:08:25.${'1'.repeat(10_000)}Z`,
  ])('is nothing else: %s', (given) => {
    expect(parseDateTime(given)).toBeUndefined();
  });
});

describe('a delay [A17]', () => {
  test.each(['home.example', 'me@home.example'])('is believed from %s', (from) => {
    expect(read([from, '2026-05-05T11:00:00Z'])).toBe('2026-05-05T11:00:00.000Z');
  });

  test.each([undefined, 'alice@home.example', 'alice@home.example/r', 'evil.example', 'me@home.example/other', 'home.example.evil.example', '@@'])('is not believed from %s', (from) => {
    expect(read([from, '2026-05-05T11:00:00Z'])).toBeUndefined();
  });

  test('is the last one of ours: a sender can only put theirs before it', () => {
    expect(read(['home.example', '2001-01-01T00:00:00Z'], ['home.example', '2026-05-05T11:00:00Z'], ['evil.example', '2002-01-01T00:00:00Z'])).toBe('2026-05-05T11:00:00.000Z');
  });

  test.each([
    ['0000-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '2026-05-05T12:00:00.000Z'],
    ['2026-05-05T11:00:00-02:00', '2026-05-05T12:00:00.000Z'],
  ])('lies between 1970 and now: %s', (given, expected) => {
    expect(read(['home.example', given])).toBe(expected);
  });

  test.each(['1e20', '', 'yesterday'])('that names no moment is none: %s', (given) => {
    expect(read(['home.example', given])).toBeUndefined();
  });

  test('tells its reason, bounded', () => {
    expect(readDelay(stamped(['home.example', '2026-05-05T11:00:00Z', `Offline\u202E storage${'x'.repeat(1000)}`]), trusted, now)?.reason).toMatch(/^Offline storagex{1,256}$/);
  });

  test('is read from a wrapper of our own, whoever wrote it', () => {
    const forwarded = parse("<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-05-05T11:00:00Z'/></forwarded>");
    expect(readForwardedDelay(forwarded, now)?.stamp.toISOString()).toBe('2026-05-05T11:00:00.000Z');
    expect(readForwardedDelay(parse("<forwarded xmlns='urn:xmpp:forward:0'/>"), now)).toBeUndefined();
  });

  test('is written as it is read', () => {
    const written = parse(String(delay(trusted[0]!, now)));
    expect(readDelay(parse(`<message>${String(written)}</message>`), trusted, now)?.stamp).toEqual(now);
  });
});
