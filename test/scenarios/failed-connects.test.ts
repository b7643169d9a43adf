/**
 * hush as a process, and connections that all fail: before TLS, in it, after it, at what the server says, at the password. Nothing may be kept of them.
 * By default a few hundred, for seconds; HUSH_FAILED_CONNECTS=10000 is the long run by hand.
 */
import { readdirSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CertificateFolder } from '../harness/certificates.ts';
import { hushBusName, hushService } from '../harness/hush.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { names, RemoteObject, TelepathyClient, variants } from '../harness/telepathy-client.ts';

const count = Number(process.env.HUSH_FAILED_CONNECTS ?? '400');

let folder: CertificateFolder;
let secureContext: SecureContext;
let session: Session;
beforeAll(async () => {
  folder = await CertificateFolder.create();
  const authority = await folder.authority();
  secureContext = createSecureContext(await folder.issue(authority, { dns: ['example.test'] }));
  session = await startSession([hushService({ caFile: authority.certFile, persist: true, logLevel: 'error', nodeOptions: ['--expose-gc', '--require', join(import.meta.dirname, '../harness/heap-probe.cjs')] })]);
});
afterAll(async () => {
  await session.stop();
  await folder.remove();
});

const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='x' version='1.0'>";
const sasl = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";

/** Answers each of these with the next of `words`, whatever it is; holds nothing of what it hears. */
function says(socket: Socket, ...words: string[]): void {
  socket.on('error', () => undefined);
  socket.on('data', () => {
    const next = words.shift();
    if (next !== undefined) socket.write(next);
    else socket.end();
  });
}

function secured(plain: Socket, ...words: string[]): void {
  plain.on('error', () => undefined);
  says(new TLSSocket(plain, { isServer: true, secureContext }), ...words);
}

/** How a server fails a client, and how that is called. */
const failures: readonly (readonly [error: string, serve: (socket: Socket) => void])[] = [
  ['NetworkError', (socket) => socket.destroy()],
  ['EncryptionError', (socket) => says(socket, 'this is no TLS\n')],
  ['NetworkError', (socket) => secured(socket)],
  ['ServiceConfused', (socket) => secured(socket, `${header}<!DOCTYPE a [<!ENTITY b 'c'>]>${'<a>'.repeat(1000)}`)],
  ['AuthenticationFailed', (socket) => secured(socket, `${header}<stream:features><mechanisms ${sasl}><mechanism>PLAIN</mechanism></mechanisms></stream:features>`, `<failure ${sasl}><not-authorized/></failure>`)],
];

interface Alive {
  /** Of the heap and what hangs on it, after garbage collection. */
  readonly bytes: number;
  /** Timers, sockets and the like. */
  readonly resources: number;
  readonly descriptors: number;
}

/** What hush holds when all is quiet. */
async function alive(pid: number): Promise<Alive> {
  // The last sockets linger for a second.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const probes = async (): Promise<string[]> => (await session.log('hush')).split('\n').filter((line) => line.startsWith('{"probe":'));
  const { length } = await probes();
  process.kill(pid, 'SIGUSR2');
  for (;;) {
    const line = (await probes())[length];
    if (line !== undefined) return { ...(JSON.parse(line) as { probe: Omit<Alive, 'descriptors'> }).probe, descriptors: readdirSync(`/proc/${pid}/fd`).length };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('connections that fail in every way leave no memory, no socket and no object behind [B15]', async () => {
  let served = 0;
  const server = createServer((socket) => failures[served++ % failures.length]![1](socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const outcomes = new Set<string>();

  // One rule for all, and none that stays: the bus itself must not be what grows.
  const { manager } = new TelepathyClient(session.bus);
  let ended: (path: string) => void = () => undefined;
  const listening = [
    session.bus.subscribe({ interface: names.connection, member: 'ConnectionError' }, ({ body: [error] }) => outcomes.add((error as string).replace(/^.*Error\./, ''))),
    session.bus.subscribe({ interface: names.connection, member: 'StatusChanged' }, ({ path, body: [status] }) => {
      if (status === 2) ended(path);
    }),
  ];
  const failOnce = async (): Promise<void> => {
    const parameters = { account: 'alice@example.test', password: 'secret', server: '127.0.0.1', port, 'old-ssl': true };
    const [busName, path] = (await manager.call(names.manager, 'RequestConnection', 'jabber', variants(parameters))) as [string, string];
    const isOver = new Promise<void>((resolve) => {
      ended = (over) => {
        if (over === path) resolve();
      };
    });
    await new RemoteObject(session.bus, busName, path).call(names.connection, 'Connect');
    await isOver;
  };
  const failTimes = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i += 1) await failOnce();
  };

  await failTimes(100);
  const pid = await session.pidOf(hushBusName);
  const before = await alive(pid);
  await failTimes(count);
  const after = await alive(pid);
  process.stdout.write(`${count} failed connections: ${JSON.stringify(before)} -> ${JSON.stringify(after)}\n`);
  for (const stop of listening) stop();
  server.close();

  expect([...outcomes].sort()).toEqual([...new Set(failures.map(([error]) => error))].sort());
  expect(await session.pidOf(hushBusName)).toBe(pid);
  expect(after).toMatchObject({ descriptors: before.descriptors, resources: before.resources });
  // A stream that was kept would be some 20 KB, a connection on the bus more: not even one in ten may be.
  expect(after.bytes - before.bytes).toBeLessThan(2_000 * count);
}, 600_000);
