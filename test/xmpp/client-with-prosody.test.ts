/** The stream with a real Prosody: every way in, the way back, and the end. */
import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody, ProsodyOptions } from '../harness/prosody.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';
import type { XmppClient } from '../../src/xmpp/client.ts';
import { xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { connecting, next, testClient } from './test-client.ts';
import type { TestClientOptions } from './test-client.ts';

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function serve(options: ProsodyOptions = {}): Promise<Prosody> {
  const prosody = await startProsody({ users: { alice: 'secret', bob: 'secret' }, ...options });
  endings.push(() => prosody.stop());
  return prosody;
}

async function proxied(prosody: Prosody): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(prosody.port);
  endings.push(() => proxy.stop());
  return proxy;
}

async function client(prosody: Prosody, { port, isPlain, ...options }: TestClientOptions & { port?: number; isPlain?: boolean } = {}): Promise<XmppClient> {
  const authorities = isPlain === true ? {} : { ca: await readFile(prosody.caFile, 'utf8') };
  const made = testClient(port ?? prosody.port, { account: 'alice@localhost', ...options, surroundings: { authorities, closeMs: 5_000, ...options.surroundings } });
  endings.push(() => made.close());
  return made;
}

/** A client that is in and announced, with the bodies it gets. */
async function person(prosody: Prosody, account: string, port?: number): Promise<{ client: XmppClient; bodies: string[]; got(count: number): Promise<void> }> {
  const made = await client(prosody, { account, ...(port !== undefined && { port }) });
  const bodies: string[] = [];
  let wake = (): void => undefined;
  made.router.add({
    name: 'test',
    stanza: 'message',
    child: { name: 'body', ns: 'jabber:client' },
    from: ['other', 'subscriber'],
    handle: (stanza) => {
      bodies.push((stanza.children[0] as Element).children.join(''));
      wake();
    },
  });
  expect(await connecting(made)).toBeUndefined();
  made.send(xml('presence'));
  const got = async (count: number): Promise<void> => {
    while (bodies.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { client: made, bodies, got };
}

const text = (to: string, body: number): Element => xml('message', { to, type: 'chat', id: String(body) }, xml('body', {}, String(body)));

describe('ways in', () => {
  test('STARTTLS and SCRAM-SHA-256', async () => {
    const prosody = await serve({ logStanzas: true });
    const alice = await client(prosody, { resource: 'home' });
    expect(await connecting(alice)).toBeUndefined();
    expect(alice).toMatchObject({ jid: 'alice@localhost/home', isEncrypted: true, isVerified: true });
    await prosody.logLine(/SCRAM-SHA-256/);
    expect((await alice.iq.get(alice.domain, xml('ping', { xmlns: 'urn:xmpp:ping' }))).attrs.type).toBe('result');
  });

  test('direct TLS', async () => {
    const prosody = await serve();
    const alice = await client(prosody, { port: prosody.tlsPort, directTls: true });
    expect(await connecting(alice)).toBeUndefined();
    expect(alice).toMatchObject({ isEncrypted: true, isVerified: true });
  });

  test('without TLS, where both sides want it so', async () => {
    const prosody = await serve({ tls: false, plainAllowed: true });
    expect((await connecting(await client(prosody, { isPlain: true })))?.condition).toBe('encryption-not-available');
    const lax = await client(prosody, { isPlain: true, requireEncryption: false });
    expect(await connecting(lax)).toBeUndefined();
    expect(lax.isEncrypted).toBe(false);
  });

  test('with a password that SASLprep changes', async () => {
    const prosody = await serve({ users: { alice: 'Ⅸ p\u00e4ssw\u00f6rd' } });
    expect(await connecting(await client(prosody, { password: 'IX\u00a0pa\u0308sswo\u0308rd' }))).toBeUndefined();
  });

  test('but not with a wrong password, an unknown user or an unknown authority', async () => {
    const prosody = await serve();
    expect(await connecting(await client(prosody, { password: 'wrong' }))).toMatchObject({ condition: 'authentication-failed', details: { 'debug-message': 'not-authorized' } });
    expect((await connecting(await client(prosody, { account: 'nobody@localhost' })))?.condition).toBe('authentication-failed');
    expect((await connecting(await client(prosody, { surroundings: { authorities: {} } })))?.condition).toBe('certificate-untrusted');
  });

  test('nor to a domain that is not there', async () => {
    const prosody = await serve();
    expect((await connecting(await client(prosody, { account: 'alice@elsewhere.test' })))?.condition).toMatch(/^(authentication-failed|encryption-error|certificate-hostname-mismatch)$/);
  });

  test('a second login with the same resource replaces the first', async () => {
    const prosody = await serve();
    const first = await client(prosody, { resource: 'home' });
    expect(await connecting(first)).toBeUndefined();
    const closed = next(first, 'closed');
    expect(await connecting(await client(prosody, { resource: 'home' }))).toBeUndefined();
    expect((await closed)[0]?.condition).toBe('connection-replaced');
  });
});

describe('the way back', () => {
  test('a stream that is cut in the middle of a conversation goes on, each message once and in order', async () => {
    const prosody = await serve();
    const proxy = await proxied(prosody);
    const alice = await person(prosody, 'alice@localhost', proxy.port);
    const bob = await person(prosody, 'bob@localhost');
    const bobsJid = bob.client.jid;
    const alicesJid = alice.client.jid;
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 20; i += 1) {
        alice.client.send(text(bobsJid, 100 * round + i));
        bob.client.send(text(alicesJid, 100 * round + i));
        if (i === 10) proxy.stall();
      }
      const resumed = next(alice.client, 'resumed');
      proxy.cut();
      proxy.restore();
      await resumed;
      for (let i = 20; i < 40; i += 1) alice.client.send(text(bobsJid, 100 * round + i));
    }
    await Promise.all([bob.got(120), alice.got(60)]);
    const expected = (perRound: number): string[] => [0, 1, 2].flatMap((round) => Array.from({ length: perRound }, (_, i) => String(100 * round + i)));
    expect(bob.bodies).toEqual(expected(40));
    expect(alice.bodies).toEqual(expected(20));
    expect(alice.client.jid).toBe(alicesJid);
  });

  test('a server that was restarted knows nothing: what it had not confirmed is undelivered', async () => {
    const prosody = await serve();
    const proxy = await proxied(prosody);
    const alice = await person(prosody, 'alice@localhost', proxy.port);
    const suspended = next(alice.client, 'suspended');
    const undelivered = next(alice.client, 'undelivered');
    const closed = next(alice.client, 'closed');
    proxy.refuse();
    proxy.cut();
    await suspended;
    for (const i of [1, 2]) alice.client.send(text('bob@localhost', i));
    await prosody.restart();
    proxy.restore();
    const [stanzas] = await undelivered;
    expect(stanzas.filter(({ name }) => name === 'message').map(({ attrs }) => attrs.id)).toEqual(['1', '2']);
    expect((await closed)[0]?.condition).toBe('connection-lost');
  });

  test('messages that the server has taken are told as delivered, in order', async () => {
    const prosody = await serve();
    const alice = await person(prosody, 'alice@localhost');
    const ids: (string | undefined)[] = [];
    const done = new Promise<void>((resolve) => {
      alice.client.events.on('delivered', ({ name, attrs }) => {
        if (name === 'message') ids.push(attrs.id);
        if (attrs.id === '49') resolve();
      });
    });
    for (let i = 0; i < 50; i += 1) alice.client.send(text('bob@localhost', i));
    await done;
    expect(ids).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
  });
});

test('closing waits for the server, and loses nothing that was sent', async () => {
  const prosody = await serve();
  const alice = await person(prosody, 'alice@localhost');
  const bob = await person(prosody, 'bob@localhost');
  let undelivered = 0;
  alice.client.events.on('undelivered', (stanzas) => (undelivered += stanzas.length));
  for (let i = 0; i < 30; i += 1) alice.client.send(text(bob.client.jid, i));
  const started = performance.now();
  await alice.client.close();
  expect(performance.now() - started).toBeLessThan(15_000);
  await bob.got(30);
  expect(undelivered).toBe(0);
});
