import { describe, expect, test } from '@jest/globals';
import decodeQR from 'qr/decode.js';
import { claimNames } from '../../src/ctl/conversations.ts';
import type { Conversation } from '../../src/ctl/conversations.ts';
import { clean, json, numberLines, painter, qrCode, shortened, table } from '../../src/ctl/print.ts';
import { statusText } from '../../src/ctl/status.ts';
import type { AccountStatus } from '../../src/ctl/status.ts';

describe('what others wrote', () => {
  const hostile = 'a\x1b[2J\x07\nb\u202ec\u2028\u0085\ud800é亀🐢';

  test('is shown, and steers nothing', () => {
    expect(clean(hostile)).toBe('a\\u{1b}[2J\\u{7}\\u{a}b\\u{202e}c\\u{2028}\\u{85}\\u{d800}é亀🐢');
  });

  test('is the same in JSON, where it cannot steer either', () => {
    const text = json({ [hostile]: [hostile, 'line\nbreak', '\u{e0001}'] }, 2);
    expect(JSON.parse(text)).toEqual({ [hostile]: [hostile, 'line\nbreak', '\u{e0001}'] });
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    expect(json({ a: 'é亀🐢' })).toBe('{"a":"é亀🐢"}');
  });

  test('has its place', () => {
    expect(shortened('🐢🐢🐢🐢', 4)).toBe('🐢🐢🐢🐢');
    expect(shortened('🐢🐢🐢🐢🐢', 4)).toBe('🐢🐢🐢…');
  });
});

test('colours are there only where they are wanted', () => {
  expect(painter(true)('green', 'yes')).toBe('\x1b[32myes\x1b[0m');
  expect(painter(false)('green', 'yes')).toBe('yes');
});

test('a table is as wide as what is seen of its cells', () => {
  const drawn = table([['', painter(true)('bold', '亀')], ['State', painter(true)('green', '● secure')]]);
  const widths = drawn.split('\n').map((line) => line.replaceAll(/\x1b\[\d+m/g, '').replaceAll('亀', 'xx').length);
  expect(new Set(widths).size).toBe(1);
});

describe('a safety number', () => {
  const number = '29311 07568 86085 04516 62202 19318 32666 34566 54059 75560 13664 14995';

  test('stands in three lines', () => {
    expect(numberLines(number)).toEqual(['29311  07568  86085  04516', '62202  19318  32666  34566', '54059  75560  13664  14995']);
  });

  test('is read from its QR code by whoever reads QR codes', () => {
    const digits = number.replaceAll(' ', '');
    const drawn = qrCode(digits, true);
    expect(drawn.split('\n').every((line) => line.startsWith('\x1b[97;40m') && line.endsWith('\x1b[0m'))).toBe(true);
    expect(drawn.replaceAll(/\x1b\[[\d;]*m/g, '')).toBe(qrCode(digits, false));
    expect(decodeQR(picture(qrCode(digits, false)))).toBe(digits);
  });
});

/** Half blocks as pixels: what is drawn is light. */
function picture(blocks: string): { width: number; height: number; data: Uint8Array } {
  const scale = 4;
  const rows = blocks.split('\n').flatMap((line) => [0, 1].map((half) => Array.from(line, (block) => block === '█' || block === '▀▄'[half])));
  const width = rows[0]!.length * scale;
  const height = rows.length * scale;
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const isLight = rows[Math.floor(y / scale)]![Math.floor(x / scale)] === true;
      data.fill(isLight ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return { width, height, data };
}

describe('status', () => {
  const conversation: Conversation = {
    contact: 'bob@example.org',
    channel: 'Text1',
    path: '/x/Text1',
    neverSecured: false,
    state: 'insecure',
    endReason: '',
    mechanism: '',
    availableMechanisms: [],
    claims: Object.fromEntries(claimNames.map((claim) => [claim, false])),
    required: [],
    deniability: 'none',
    details: {},
    trust: 'unknown',
    question: '',
    localFingerprint: '',
    remoteFingerprint: '',
  };
  const account: AccountStatus = { account: 'me@example.org', name: 'me', path: '/x', accountPath: '', status: 'connected', failure: null, policy: 'opportunistic', identity: '', conversations: [] };
  const text = (conversations: readonly Partial<Conversation>[], { width = 100, isColored = false } = {}): string =>
    statusText({ running: true, accounts: [{ ...account, conversations: conversations.map((one) => ({ ...conversation, ...one })) }] }, painter(isColored), width);

  test('says what is not there', () => {
    expect(statusText({ running: false, accounts: [] }, painter(false), 80)).toBe('hush is not running');
    expect(statusText({ running: true, accounts: [] }, painter(false), 80)).toBe('hush runs; no account is online');
    expect(text([])).toBe('me@example.org  connected, policy opportunistic\nkey none yet\nno conversation');
  });

  const offline: AccountStatus = { ...account, path: '', accountPath: '/org/freedesktop/Telepathy/Account/hush/jabber/me0', status: 'offline', policy: '' };
  const online = '  next: Go online: mc-tool request hush/jabber/me0 available, or in your chat program.';
  test.each<[Partial<AccountStatus>, string]>([
    [{}, `me@example.org  offline\n${online}`],
    [{ status: 'connecting' }, 'me@example.org  connecting'],
    [{ status: 'off' }, 'me@example.org  off\n  next: Switch it on: mc-tool enable hush/jabber/me0, or in your chat program.'],
    [{ failure: { reason: 'no\x07', error: 'e\n', next: ['Do.', 'Or do.'] } }, `me@example.org  offline, no\\u{7}\n  next: Do.\n  next: Or do.\n${online}\n  error: e\\u{a}`],
  ])('says of an account without a connection what is to be done: %j', (partial, shown) => {
    expect(statusText({ running: false, accounts: [{ ...offline, ...partial }] }, painter(false), 80)).toBe(shown);
  });

  test.each([
    [{ state: 'insecure' }, '○ insecure'],
    [{ state: 'insecure', neverSecured: true }, '○ insecure (switched off)'],
    [{ state: 'negotiating' }, '◌ negotiating'],
    [{ state: 'secure', mechanism: 'xtls' }, '● secure (xtls)'],
    [{ state: 'ended', endReason: 'key-changed' }, '■ ended (key-changed)'],
    [{ trust: 'changed' }, '✗ changed'],
    [{ trust: 'verified' }, '✓ verified'],
    [{ claims: { ...conversation.claims, Encrypted: true }, required: ['Encrypted'] }, '✓ required'],
    [{ required: ['Verified'] }, '✗ required'],
    [{ question: 'Where\x07?' }, 'bob@example.org asks: Where\\u{7}?  (answer: hushctl verify bob@example.org --secret)'],
  ] as const)('shows %j', (partial, shown) => {
    expect(text([partial as Partial<Conversation>])).toContain(shown);
  });

  test('puts as many conversations side by side as have place', () => {
    const people = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ contact: `${name}@example.org` }));
    const tables = (width: number): number => text(people, { width }).split('Channel').length - 1;
    expect(tables(400)).toBe(1);
    expect(tables(80)).toBe(3);
    expect(tables(10)).toBe(5);
    for (const line of text(people, { width: 80 }).split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
