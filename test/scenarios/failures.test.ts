/** What can go wrong with a connection: the exact error and reason that a client is told, within five seconds, and hush goes on living. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { CertificateFolder, expired } from '../harness/certificates.ts';
import type { Certificate, CertificateOptions } from '../harness/certificates.ts';
import { hushBusName } from '../harness/hush.ts';
import { freePorts } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody, ProsodyOptions } from '../harness/prosody.ts';
import { names, RemoteObject } from '../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../harness/telepathy-client.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';
import { Stage } from './stage.ts';

const error = (name: string): string => `org.freedesktop.Telepathy.Error.${name}`;
const users = { alice: 'alice' };

let certificates: CertificateFolder;
let authority: Certificate;
let stage: Stage;
let pid: number;
const servers: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  certificates = await CertificateFolder.create();
  authority = await certificates.authority();
  stage = await Stage.open({ hush: { caFile: authority.certFile, persist: true }, prosody: { users, certificate: files(await certificates.issue(authority, { dns: ['localhost'] })) } });
  await stage.session.activate(hushBusName);
  pid = await stage.session.pidOf(hushBusName);
});
afterAll(async () => {
  await stage.close();
  await certificates.remove();
});

/** Whatever happened: the same process still connects an account whose parameters are right. */
afterEach(async () => {
  const alice = await stage.client.connect(stage.parameters('alice'));
  await alice.disconnect();
  expect(await stage.session.pidOf(hushBusName)).toBe(pid);
  for (const server of servers.splice(0)) await server.stop();
});

const files = ({ certFile, keyFile }: Certificate): { certificateFile: string; keyFile: string } => ({ certificateFile: certFile, keyFile });

async function another(options: ProsodyOptions): Promise<Prosody> {
  const server = await startProsody({ users, ...options });
  servers.push(server);
  return server;
}

/** The ConnectionError and the StatusChanged(Disconnected) that follow, and how long that took. */
async function failureOf(connection: TelepathyConnection, meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<{ name: unknown; reason: unknown; details: unknown }> {
  const start = performance.now();
  const failed = connection.signal('ConnectionError');
  const disconnected = connection.signal('StatusChanged', ([status]) => status === 2);
  await connection.call(names.connection, 'Connect');
  await meanwhile();
  const [[name, details], [, reason]] = (await Promise.all([failed, disconnected])) as [[unknown, unknown], [unknown, unknown]];
  expect(performance.now() - start).toBeLessThan(5_000);
  return { name, reason, details };
}

test('a wrong password', async () => {
  const connection = await stage.client.requestConnection({ ...stage.parameters('alice'), password: 'wrong' });
  expect(await failureOf(connection)).toMatchObject({ name: error('AuthenticationFailed'), reason: 3 });
});

test('a host that does not exist', async () => {
  const connection = await stage.client.requestConnection({ ...stage.parameters('alice'), server: 'nowhere.invalid' });
  expect(await failureOf(connection)).toMatchObject({ name: error('NetworkError'), reason: 2 });
});

test('a port where nobody listens', async () => {
  const [port] = await freePorts(1);
  const connection = await stage.client.requestConnection({ ...stage.parameters('alice'), port: port! });
  expect(await failureOf(connection)).toMatchObject({ name: error('ConnectionRefused'), reason: 2 });
});

test('a server without TLS, or with its offer of it stripped on the way', async () => {
  const { port } = await another({ tls: false, plainAllowed: true });
  const connection = await stage.client.requestConnection({ ...stage.parameters('alice'), port });
  expect(await failureOf(connection)).toMatchObject({ name: error('EncryptionNotAvailable'), reason: 4 });
});

/** Closes the channel that asks about the server's certificate, as a user who does not want it. */
async function refuseCertificate(connection: TelepathyConnection): Promise<void> {
  const [channels] = (await connection.signal('NewChannels')) as [[string, unknown][]];
  const path = channels[0]![0];
  const channel = new RemoteObject(stage.session.bus, connection.busName, path);
  expect(await channel.get(names.channel, 'ChannelType')).toBe('org.freedesktop.Telepathy.Channel.Type.ServerTLSConnection');
  await channel.call(names.channel, 'Close');
}

test.each<[string, CertificateOptions, 'trusted' | 'self-signed' | 'untrusted', string, number]>([
  ['of another name', { dns: ['elsewhere.example'] }, 'trusted', 'Cert.HostnameMismatch', 10],
  ['that is over', { dns: ['localhost'], ...expired }, 'trusted', 'Cert.Expired', 8],
  ['that signed itself', { dns: ['localhost'] }, 'self-signed', 'Cert.SelfSigned', 12],
  ['of an authority nobody knows', { dns: ['localhost'] }, 'untrusted', 'Cert.Untrusted', 7],
])('a certificate %s, refused', async (_, options, by, name, reason) => {
  const issuer = { trusted: authority, 'self-signed': undefined, untrusted: by === 'untrusted' ? await certificates.authority({ commonName: 'Nobody' }) : undefined }[by];
  const { port } = await another({ certificate: files(await certificates.issue(issuer, options)) });
  const connection = await stage.client.requestConnection({ ...stage.parameters('alice'), port });
  expect(await failureOf(connection, () => refuseCertificate(connection))).toMatchObject({ name: error(name), reason });
});

test('a server that is gone in the middle of the login', async () => {
  const proxy = await TcpProxy.start(stage.prosody.port);
  servers.push(proxy);
  // Bytes stop right after TCP is up; then the connection goes away.
  proxy.stall();
  const connection = await stage.client.requestConnection({ ...stage.parameters('alice'), port: proxy.port });
  const cut = async (): Promise<void> => {
    while (proxy.accepted === 0) await connection.get(names.connection, 'Status');
    proxy.refuse();
    proxy.cut();
  };
  expect(await failureOf(connection, cut)).toMatchObject({ name: error('NetworkError'), reason: 2 });
});

test('a server that is gone in the middle of a conversation, and does not come back', async () => {
  const server = await another({ certificate: files(await certificates.issue(authority, { dns: ['localhost'] })), withoutModules: ['smacks'] });
  const connection = await stage.client.connect({ ...stage.parameters('alice'), port: server.port });
  const failed = connection.signal('ConnectionError');
  const disconnected = connection.signal('StatusChanged', ([status]) => status === 2);
  const start = performance.now();
  await server.kill();
  expect((await failed)[0]).toBe(error('ConnectionLost'));
  expect(await disconnected).toEqual([2, 2]);
  expect(performance.now() - start).toBeLessThan(5_000);
  // Nothing is left of it on the bus.
  await expect(connection.get(names.connection, 'Status')).rejects.toThrow();
});
