/** Memory that others have used before does not leave with what we send: a canary lies in all of it. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { xml } from '../../src/xmpp/element.ts';
import { logIn, Rig } from './test-client.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.clear());
afterAll(() => rig.end());

const canary = `canary${randomBytes(6).toString('hex')}`;

/** Leaves the canary in the pool that small buffers are cut from, and in blocks that are let go. */
function litter(): void {
  for (let i = 0; i < 2_000; i += 1) Buffer.from(canary.repeat(8));
  for (let i = 0; i < 200; i += 1) Buffer.alloc(16_384, canary);
}

/** Whether a text holds the canary: as it is, or in anything that could be base64 of it. */
function holdsCanary(text: string): boolean {
  const encoded = text.match(/[A-Za-z0-9+/]{16,}/g) ?? [];
  return text.includes(canary) || encoded.some((word) => [0, 1, 2, 3].some((skip) => Buffer.from(word.slice(skip), 'base64').includes(canary)));
}

describe('what the wire carries [B17]', () => {
  test.each([['PLAIN'], ['SCRAM-SHA-1'], ['SCRAM-SHA-256'], ['SCRAM-SHA-512-PLUS']])('of a login with %s, and of stanzas, is ours to the last byte', async (mechanism) => {
    const server = await rig.serve({ mechanisms: [mechanism] });
    litter();
    const client = rig.client(server);
    const { failure, session } = await logIn(client, server);
    expect(failure).toBeUndefined();
    for (let i = 0; i < 50; i += 1) {
      litter();
      client.send(xml('message', { to: 'bob@example.test', id: String(i) }, xml('body', {}, `\u00e4\u{1F600}${'x'.repeat(i * 40)}`)));
    }
    await session.expect({ name: 'message', id: '49' });
    expect(holdsCanary(session.clearText + session.tlsText)).toBe(false);
  });

  test('and the canary would be seen there (the control)', () => {
    litter();
    // The slip that this is about: the buffer behind a small one is the pool of all.
    const pool = Buffer.from(Buffer.from('n,,n=alice').buffer);
    expect(holdsCanary(`<auth>${pool.toString('base64')}</auth>`)).toBe(true);
    expect(holdsCanary(`<auth>${Buffer.from(`xy${canary}`).toString('base64')}</auth>`)).toBe(true);
    expect(holdsCanary(`<body>${canary}</body>`)).toBe(true);
    expect(holdsCanary('<body>hello</body>')).toBe(false);
  });
});
