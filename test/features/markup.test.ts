/** What contacts write reaches clients as plain text, whatever else they send along: no markup is handed on, and none is made of text. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Composed } from '../harness/composed.ts';
import { names, plain, TextChannel } from '../harness/telepathy-client.ts';
import type { BusSignal } from '../harness/telepathy-client.ts';
import { escapeXml } from '../harness/xmpp-server.ts';

const FRIEND = 'friend@example.net/home';
const MALLORY = 'mallory@example.org/x';

let hush: Composed;
beforeAll(async () => {
  hush = await Composed.start({ roster: { 'friend@example.net': 'both' } });
});
afterAll(() => hush.stop());
beforeEach(async () => {
  for (const [path] of (await hush.connection.get(names.requests, 'Channels')) as [string][]) await new TextChannel(hush.connection, path).call(names.destroyable, 'Destroy');
  await hush.settled();
});

/** The parts of every message that clients are shown, after the header. */
async function shown(from: string, content: string, type = 'chat'): Promise<Record<string, unknown>[][]> {
  const before = hush.events.all({}).length;
  await hush.exchange(`<message from='${from}' type='${type}'>${content}</message>`);
  const received = (hush.events.all({}).slice(before) as BusSignal[]).filter(({ name, interface: of }) => name === 'MessageReceived' && of === names.messages);
  return received.map(({ args }) => (plain(args[0]) as Record<string, unknown>[]).slice(1));
}

const html = (content: string): string => `<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>${content}</body></html>`;
const body = (text: string): string => `<body>${escapeXml(text)}</body>`;
const hostile = [
  '<script>alert(1)</script>',
  "<img src='data:image/svg+xml;base64,PHN2Zy8+' onerror='alert(1)'/>",
  "<a href='javascript:alert(1)'>x</a>",
  "<p style='background:url(http://127.0.0.1:1/x)'>x</p>",
  "<iframe src='file:///etc/passwd'/>",
  "<object data='data:text/html,x'/>",
];

describe.each([FRIEND, MALLORY])('from %s', (from) => {
  test.each(hostile)('XHTML beside a text is left out: %s [C16]', async (markup) => {
    for (const content of [body('hello') + html(markup), html(markup) + body('hello')]) expect(await shown(from, content)).toEqual([[{ 'content-type': 'text/plain', content: 'hello' }]]);
    // Inside the body it is no text either.
    expect(await shown(from, `<body>hel${markup}lo</body>`)).toEqual([[{ 'content-type': 'text/plain', content: 'hello' }]]);
  });

  test('XHTML alone is no message [C16]', async () => {
    for (const markup of hostile) expect(await shown(from, html(markup))).toEqual([]);
    expect(await shown(from, body(''))).toEqual([]);
  });

  test.each(['<b>bold</b> & "so"', '<script>alert(1)</script>', '&lt;b&gt;', '[b]x[/b] *y* _z_ `code`', 'javascript:alert(1)', '%n%s%x ${process.env} {{x}} $(id) `id`', '\u202Edlrow', 'data:text/html,<script>'])('text that looks like markup is that very text (the control): %s [C16]', async (text) => {
    for (const type of ['chat', 'normal', 'headline']) expect(await shown(from, body(text), type)).toEqual([[{ 'content-type': 'text/plain', content: text }]]);
  });
});
