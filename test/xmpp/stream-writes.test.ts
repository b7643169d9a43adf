/** When what is written leaves: at the end of the turn, or along with something else. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { xml } from '../../src/xmpp/element.ts';
import { XmlStream } from '../../src/xmpp/stream.ts';

let server: Server;
let socket: Socket;
let stream: XmlStream;
/** What the server has read. */
let read: string;

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const [other] = await accepted;
  read = '';
  other.on('data', (bytes) => {
    read += bytes.toString();
    server.emit('read');
  });
  stream = new XmlStream(socket, { domain: 'example.org', log: silentLog });
});
afterEach(async () => {
  stream.destroy(new HushError('cancelled', 'the test is over'), 'lost');
  server.close();
  await once(server, 'close');
});

const element = (id: string): ReturnType<typeof xml> => xml('iq', { id });
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const all = async (text: string): Promise<void> => {
  while (read !== text) await once(server, 'read');
};

test('what is written leaves at the end of the turn', async () => {
  stream.send(element('one'));
  expect(socket.bytesWritten).toBe(0);
  await turns(1);
  expect(socket.bytesWritten).toBe('<iq id="one"/>'.length);
});

test('what need not leave alone waits, and leaves with what is written next, in order', async () => {
  stream.send(element('one'), true);
  await turns(3);
  expect([socket.bytesWritten, stream.unsentBytes]).toEqual([0, '<iq id="one"/>'.length]);
  stream.send(element('two'));
  stream.send(element('three'), true);
  await turns(1);
  expect(socket.bytesWritten).toBe('<iq id="one"/><iq id="two"/><iq id="three"/>'.length);
  await all('<iq id="one"/><iq id="two"/><iq id="three"/>');
});

test('it leaves by itself when nothing follows, once', async () => {
  stream.send(element('one'), true);
  stream.send(element('two'), true);
  await all('<iq id="one"/><iq id="two"/>');
  stream.send(element('three'), true);
  await all('<iq id="one"/><iq id="two"/><iq id="three"/>');
});

test('it leaves before the end of the stream', async () => {
  stream.send(element('one'), true);
  const closed = stream.close(50);
  await all('<iq id="one"/></stream:stream>');
  await closed;
});

test('what the end of the connection has overtaken is known not to have left', async () => {
  stream.send(element('one'), true);
  stream.destroy(new HushError('connection-lost', 'cut'), 'lost');
  await turns(3);
  expect(stream.unsent.map(({ attrs }) => attrs.id)).toEqual(['one']);
  expect(read).toBe('');
});
