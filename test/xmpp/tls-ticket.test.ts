/** The space that makes the system acknowledge a TLS ticket at once: sent while a server's header is awaited, and at no other time. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { SecureVersion, Server } from 'node:tls';
import { connecting, logIn, Rig } from './test-client.ts';

let rig: Rig;
let silent: Server | undefined;
beforeAll(async () => {
  rig = await Rig.create();
});
afterEach(async () => {
  await rig.clear();
  silent?.close();
});
afterAll(() => rig.end());

/** A server that answers a header only when `isEnough` says so of everything received; the answer ends the stream. */
async function reluctantServer(maxVersion: SecureVersion, isEnough: (text: string) => boolean): Promise<{ port: number; text: () => string }> {
  let text = '';
  silent = createServer({ ...rig.leaf, maxVersion, ALPNProtocols: ['xmpp-client'] }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      if (isEnough(text)) socket.end('</nonsense>');
    });
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  return { port: (silent.address() as AddressInfo).port, text: () => text };
}

test('a ticket is acknowledged with a space while the header is awaited', async () => {
  const { port, text } = await reluctantServer('TLSv1.3', (sent) => sent.endsWith('> '));
  expect((await connecting(rig.client(port, { directTls: true })))?.condition).toBe('service-confused');
  expect(text()).toMatch(/^<\?xml [^>]*\?><stream:stream [^>]*> /);
});

test('without a ticket after the handshake there is no space', async () => {
  const { port, text } = await reluctantServer('TLSv1.2', (sent) => sent.endsWith('>'));
  expect((await connecting(rig.client(port, { directTls: true })))?.condition).toBe('service-confused');
  expect(text()).toMatch(/^<\?xml [^>]*\?><stream:stream [^>]*>(<\/stream:stream>|<stream:error>.*)?$/);
});

test('no space gets between the elements of a login', async () => {
  const server = await rig.serve();
  const { failure, session } = await logIn(rig.client(server), server);
  expect(failure).toBeUndefined();
  expect(session.tlsText).toMatch(/<auth /);
  expect(session.tlsText.replaceAll(/(<stream:stream [^>]*>) /g, '$1')).not.toMatch(/> +</);
});
