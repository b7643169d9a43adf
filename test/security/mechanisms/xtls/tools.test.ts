import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createIdentity, pemOf } from '../../../../src/security/identity.ts';
import { TlsEngine } from '../../../../src/security/mechanisms/xtls/engine.ts';
import { checkPeer } from '../../../../src/security/mechanisms/xtls/peer-check.ts';
import { parseBareJid } from '../../../../src/xmpp/jid.ts';
import { Program } from '../../../harness/process.ts';

const ROMEO = 'romeo@example.net';
const JULIET = 'juliet@example.org';
const own = createIdentity(JULIET);
const LABEL = 'EXPORTER-Channel-Binding';

let folder: string;
let key: string;
let cert: string;
const programs: Program[] = [];
const engines: TlsEngine[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-tools-'));
  [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const pem = pemOf(createIdentity(ROMEO));
  await writeFile(key, pem.key);
  await writeFile(cert, pem.cert);
});
afterAll(async () => rm(folder, { recursive: true }));
afterEach(async () => {
  for (const engine of engines.splice(0)) engine.destroy();
  for (const program of programs.splice(0)) await program.stop();
  for (const server of servers.splice(0)) server.close();
});

/** Hush's end of TLS on a socket: resolves with the channel binding, or the condition it failed with; and what it heard. */
function secure(socket: Socket, role: 'client' | 'server'): { result: Promise<string>; heard: () => string; engine: TlsEngine } {
  let heard = '';
  let settle: (result: string) => void = () => undefined;
  const result = new Promise<string>((resolve) => (settle = resolve));
  socket.on('error', () => undefined);
  const engine = new TlsEngine({
    transport: socket,
    role,
    identity: own,
    judge: (shown) =>
      checkPeer({
        ...shown,
        ownSpki: own.spki,
        peer: parseBareJid(ROMEO),
        isAnonymous: false,
        now: new Date(),
        judgeKey: () => ({ accepted: true, pinned: false, verifiedBy: undefined }),
        fingerprints: [],
      }),
    handlers: {
      secured: ({ channelBinding }) => settle(channelBinding.toString('hex')),
      data: (bytes) => (heard += bytes.toString()),
      ended: () => undefined,
      failed: (error) => settle(error.condition),
    },
  });
  engines.push(engine);
  return { result, heard: () => heard, engine };
}

/** A tool as the client, hush as the server. */
async function withClient(command: string, args: (port: string) => string[]): Promise<{ program: Program; result: Promise<string>; heard: () => string; engine: TlsEngine }> {
  const server = createServer();
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const program = new Program(command, args(String((server.address() as AddressInfo).port)));
  programs.push(program);
  const [socket] = (await once(server, 'connection')) as [Socket];
  return { program, ...secure(socket, 'server') };
}

/** openssl as the server, hush as the client. */
async function withServer(...args: string[]): Promise<{ program: Program; result: Promise<string>; heard: () => string; engine: TlsEngine }> {
  const program = new Program('openssl', ['s_server', '-accept', '127.0.0.1:0', '-cert', cert, '-key', key, '-Verify', '1', '-keymatexport', LABEL, '-keymatexportlen', '32', ...args]);
  programs.push(program);
  const accept = await program.line(/^ACCEPT .*:(\d+)$/);
  const socket = connect(Number(/(\d+)$/.exec(accept)![1]), '127.0.0.1');
  return { program, ...secure(socket, 'client') };
}

/** gnutls-serv as the server, hush as the client. */
async function withGnutlsServer(versions: string, ...args: string[]): Promise<{ program: Program; result: Promise<string>; heard: () => string; engine: TlsEngine }> {
  const path = join(folder, `gnutls-${programs.length}-${versions.slice(-3)}`);
  const options = ['--x509keyfile', key, '--x509certfile', cert, '--require-client-cert', '--echo', ...priority(versions), ...args];
  const program = new Program('unshare', ['--net', ...(process.getuid!() === 0 ? [] : ['--map-root-user']), '/usr/bin/python3', gnutlsServer, path, ...options]);
  programs.push(program);
  await program.line(/^ready$/);
  return { program, ...secure(connect(path), 'client') };
}

const gnutlsServer = join(import.meta.dirname, '../../../harness/gnutls_server.py');
const priority = (versions: string): string[] => ['--priority', `NORMAL:-VERS-ALL:${versions}`, '--keymatexport', LABEL, '--keymatexportsize', '32'];
const client = (...args: string[]) => (port: string): string[] => ['s_client', '-connect', `127.0.0.1:${port}`, '-keymatexport', LABEL, '-keymatexportlen', '32', ...args];

describe('openssl', () => {
  test('as client agrees on the exporter value and carries plaintext', async () => {
    const { program, result, heard, engine } = await withClient('openssl', client('-cert', cert, '-key', key));
    const line = await program.line(/Keying material: [0-9A-F]{64}/);
    expect(line.toLowerCase()).toContain(await result);
    program.write('from openssl\n');
    engine.write(Buffer.from('from hush\n'));
    await program.line(/from hush/);
    while (!heard().includes('from openssl')) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('as server agrees on the exporter value', async () => {
    const { program, result } = await withServer('-tls1_3');
    const line = await program.line(/Keying material: [0-9A-F]{64}/);
    expect(line.toLowerCase()).toContain(await result);
  });

  test('without a certificate is refused', async () => {
    expect(await (await withClient('openssl', client())).result).toBe('certificate-not-provided');
  });

  test('with TLS 1.2 only is refused, as client and as server', async () => {
    expect(await (await withClient('openssl', client('-cert', cert, '-key', key, '-tls1_2'))).result).toBe('encryption-error');
    expect(await (await withServer('-tls1_2')).result).toBe('encryption-error');
  });
});

describe('gnutls', () => {
  const asClient = (versions: string): string[] => ['--insecure', ...priority(versions)];

  test('as client agrees on the exporter value', async () => {
    const { program, result } = await withClient('gnutls-cli', (port) => ['127.0.0.1', '-p', port, '--x509keyfile', key, '--x509certfile', cert, ...asClient('+VERS-TLS1.3')]);
    const line = await program.line(/Key material: [0-9a-f]{64}/);
    expect(line).toContain(await result);
  });

  test('without a certificate, or with TLS 1.2 only, is refused', async () => {
    expect(await (await withClient('gnutls-cli', (port) => ['127.0.0.1', '-p', port, ...asClient('+VERS-TLS1.3')])).result).toBe('certificate-not-provided');
    const old = (port: string): string[] => ['127.0.0.1', '-p', port, '--x509keyfile', key, '--x509certfile', cert, ...asClient('+VERS-TLS1.2')];
    expect(await (await withClient('gnutls-cli', old)).result).toBe('encryption-error');
  });

  test('as server agrees on the exporter value and carries plaintext', async () => {
    const { program, result, heard, engine } = await withGnutlsServer('+VERS-TLS1.3');
    const line = await program.line(/Key material: [0-9a-f]{64}/);
    expect(line).toContain(await result);
    engine.write(Buffer.from('from hush\n'));
    while (!heard().includes('from hush')) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('as server with TLS 1.2 only is refused', async () => {
    expect(await (await withGnutlsServer('+VERS-TLS1.2')).result).toBe('encryption-error');
  });
});
