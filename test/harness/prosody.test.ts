/** The throw-away Prosody: what the other tests rely on. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startProsody } from './prosody.ts';
import type { Prosody } from './prosody.ts';

let prosody: Prosody;
beforeEach(async () => {
  prosody = await startProsody({ users: { alice: 'wonderland' } });
});
afterEach(() => prosody.stop());

async function until(socket: TLSSocket, end: string): Promise<string> {
  let text = '';
  while (!text.includes(end)) text += String((await once(socket, 'data'))[0]);
  return text;
}

async function open(): Promise<{ socket: TLSSocket; features: string }> {
  const socket = connect({ host: '127.0.0.1', port: prosody.tlsPort, servername: prosody.domain, ca: await readFile(prosody.caFile) });
  await once(socket, 'secureConnect');
  socket.write("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>");
  return { socket, features: await until(socket, '</stream:features>') };
}

async function login(password: string): Promise<string> {
  const { socket } = await open();
  const secret = Buffer.from(`\0alice\0${password}`).toString('base64');
  socket.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${secret}</auth>`);
  const answer = await until(socket, '>');
  socket.destroy();
  return answer;
}

test('shows a certificate of its own authority and offers both SCRAM hashes', async () => {
  const { socket, features } = await open();
  expect(socket.authorized).toBe(true);
  expect(features).toContain('<mechanism>SCRAM-SHA-256</mechanism>');
  expect(features).toContain('<mechanism>SCRAM-SHA-1</mechanism>');
  socket.destroy();
});

test('knows the accounts it was given, and those added or changed later', async () => {
  expect(await login('wonderland')).toContain('<success');
  await prosody.addUser('alice', 'looking glass');
  expect(await login('wonderland')).toContain('<failure');
  expect(await login('looking glass')).toContain('<success');
});

test('comes back with the same ports and data after a kill', async () => {
  await prosody.kill();
  await prosody.restart();
  expect(await login('wonderland')).toContain('<success');
});
