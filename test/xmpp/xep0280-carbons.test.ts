import { describe, expect, test } from '@jest/globals';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { Carbons, noCopy, unwrapCarbon } from '../../src/xmpp/xep0280-carbons.ts';
import { TestSession, parse } from './test-session.ts';

const account = parseBareJid('me@home.example');
const now = new Date('2026-05-05T12:00:00Z');

interface Shape {
  from?: string | undefined;
  kind?: string;
  inner?: string;
  around?: string;
  beside?: string;
  ns?: string;
}

const received = "<message xmlns='jabber:client' from='alice@away.example/r' to='me@home.example/phone' type='chat'><body>hi</body></message>";
const sent = "<message xmlns='jabber:client' from='me@home.example/phone' to='alice@away.example' type='chat'><body>hi</body></message>";

function carbon({ from = account, kind = 'received', inner = received, around = '', beside = '', ns = 'urn:xmpp:carbons:2' }: Shape = {}) {
  return parse(
    `<message${from === '' ? '' : ` from='${from}'`} to='me@home.example/here' type='chat'><${kind} xmlns='${ns}'>` +
      `<forwarded xmlns='urn:xmpp:forward:0'>${inner}${around}</forwarded></${kind}>${beside}</message>`,
  );
}
const unwrap = (shape?: Shape) => unwrapCarbon(carbon(shape), account, now);

describe('a carbon of our own account', () => {
  test('of a message that came to another device is taken', () => {
    expect(unwrap({ around: "<delay xmlns='urn:xmpp:delay' stamp='2026-05-05T11:00:00Z'/>" })).toMatchObject({
      direction: 'received', from: 'alice@away.example/r', to: 'me@home.example/phone', delay: { stamp: new Date('2026-05-05T11:00:00Z') }, message: { attrs: { type: 'chat' } },
    });
  });

  test('of a message that another device sent is taken', () => {
    expect(unwrap({ kind: 'sent', inner: sent })).toMatchObject({ direction: 'sent', from: 'me@home.example/phone', to: 'alice@away.example', delay: undefined });
  });
});

describe('a carbon is refused [A1]', () => {
  test.each([
    'alice@away.example', 'alice@away.example/r', 'mallory@evil.example', 'home.example', 'me@home.example/other', 'me@home.example/here', 'ME@home.example', 'me@home.example.evil.example',
    '\uFF4De@home.example', 'm\u0435@home.example', '', '@@',
  ])('from "%s", in both directions', (from) => {
    expect(unwrap({ from })).toBe('refused');
    expect(unwrap({ from, kind: 'sent', inner: sent })).toBe('refused');
    expect(unwrap({})).toMatchObject({ direction: 'received' });
  });

  test.each<[string, Shape]>([
    ['a received message to somebody else', { inner: received.replace('me@home.example/phone', 'bob@home.example') }],
    ['a received message to nobody', { inner: received.replace("to='me@home.example/phone'", '') }],
    ['a received message from nobody', { inner: received.replace("from='alice@away.example/r'", '') }],
    ['a sent message from somebody else', { kind: 'sent', inner: received }],
    ['a sent message to no address', { kind: 'sent', inner: sent.replace('alice@away.example', '@@') }],
    ['two messages', { around: received }],
    ['no message', { inner: '' }],
    ['something else than a message', { inner: "<presence xmlns='jabber:client' from='alice@away.example' to='me@home.example'/>" }],
    ['a message of another namespace', { inner: received.replace('jabber:client', 'jabber:server') }],
    ['a message that inherits the namespace of the wrapper', { inner: received.replace("xmlns='jabber:client'", '') }],
    ['a carbon within the carbon', { inner: received.replace('<body>hi</body>', `<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>${received}</forwarded></received>`) }],
    ['a forwarded message within the carbon', { inner: received.replace('<body>hi</body>', `<forwarded xmlns='urn:xmpp:forward:0'>${received}</forwarded>`) }],
    ['a second wrapper beside it', { beside: `<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>${sent}</forwarded></sent>` }],
  ])('that holds %s', (_, shape) => {
    expect(unwrap(shape)).toBe('refused');
    expect(unwrap({ kind: 'sent', inner: sent })).toMatchObject({ direction: 'sent' });
  });
});

describe('no carbon at all', () => {
  test.each([
    ['an ordinary message', parse("<message from='alice@away.example'><body>hi</body></message>")],
    ['a forwarded message of a contact', parse(`<message from='alice@away.example'><forwarded xmlns='urn:xmpp:forward:0'>${received}</forwarded></message>`)],
    ['a wrapper of another namespace', carbon({ from: 'alice@away.example', ns: 'urn:xmpp:carbons:1' })],
    ['a message that asks not to be copied', parse(`<message from='alice@away.example'>${noCopy().map(String).join('')}</message>`)],
  ])('is %s', (_, message) => {
    expect(unwrapCarbon(message, account)).toBeUndefined();
  });
});

describe('carbons', () => {
  test('are taken only after the server agreed to send them [A1]', async () => {
    const session = new TestSession();
    const carbons = new Carbons(session);
    expect(carbons.unwrap(carbon())).toBe('refused');
    const enabling = carbons.enable();
    const request = await session.next();
    expect(String(request.children[0])).toBe('<enable xmlns="urn:xmpp:carbons:2"/>');
    expect(carbons.unwrap(carbon())).toBe('refused');
    session.reply(request);
    await enabling;
    expect(carbons.unwrap(carbon())).toMatchObject({ direction: 'received' });
  });

  test('stay off where the server has none', async () => {
    const session = new TestSession();
    const carbons = new Carbons(session);
    const enabling = carbons.enable();
    session.refuse(await session.next(), 'feature-not-implemented');
    await expect(enabling).rejects.toMatchObject({ condition: 'not-available' });
    expect(carbons.isEnabled).toBe(false);
  });
});
