/** What goes wrong with a server, and what clients are told: the error, the reason, within seconds, while everything else in the process goes on. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Variant } from '../../src/bus/types.ts';
import { failure, password, Setting } from '../features/setting.ts';
import type { AccountParameters } from '../features/setting.ts';
import { CertificateFolder, expired } from '../harness/certificates.ts';
import type { Certificate } from '../harness/certificates.ts';
import { freePorts } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody, ProsodyOptions } from '../harness/prosody.ts';
import { names, plain, RemoteObject } from '../harness/telepathy-client.ts';
import type { BusSignal, TelepathyConnection } from '../harness/telepathy-client.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';
import { testClient } from '../xmpp/test-client.ts';

const Reason = { requested: 1, network: 2, authentication: 3, encryption: 4, nameInUse: 5, untrusted: 7, expired: 8, hostname: 10, selfSigned: 12 } as const;
const tls = 'org.freedesktop.Telepathy.Channel.Type.ServerTLSConnection';
const limitMs = 5_000;

let folder: CertificateFolder;
let authority: Certificate;
let good: Certificate;
let setting: Setting;
/** Somebody else's account in the same process. */
let bystander: TelepathyConnection;
let pid = 0;
const stops: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = await CertificateFolder.create();
  authority = await folder.authority();
  good = await folder.issue(authority, { dns: ['localhost'] });
  setting = await Setting.start(['ada', 'ben'], { certificate: filesOf(good) }, authority.certFile);
  bystander = await setting.connect('ben');
  pid = await setting.pid();
  bystander.events.forbid({ name: 'StatusChanged' });
});
beforeEach(async () => {
  // The forbidding above holds for what is still to come.
  await bystander.events.sync();
});
afterEach(async () => {
  // The process is the same one, it answers, and nobody else has noticed anything.
  expect(await setting.pid()).toBe(pid);
  expect(await failure(setting.session.bus.call({ destination: bystander.busName, path: bystander.path, interface: 'org.freedesktop.DBus.Peer', member: 'Ping' }))).toBe('no error');
  await bystander.events.sync();
  await bystander.call(names.presence, 'SetPresence', 'available', 'still here');
  await bystander.call('org.freedesktop.Telepathy.Connection.Interface.ContactInfo', 'RefreshContactInfo', [1]);
  await bystander.events.expect({ name: 'ContactInfoChanged' });
  for (const started of stops.splice(0)) await started.stop();
});
afterAll(async () => {
  await setting.stop();
  await folder.remove();
});

const filesOf = ({ certFile, keyFile }: Certificate): { certificateFile: string; keyFile: string } => ({ certificateFile: certFile, keyFile });

async function another(options: ProsodyOptions = {}): Promise<Prosody> {
  const prosody = await startProsody({ certificate: filesOf(good), users: { ada: password }, ...options });
  stops.push(prosody);
  return prosody;
}

const at = (prosody: Prosody, more: AccountParameters = {}): AccountParameters => ({ account: prosody.jid('ada'), port: prosody.port, ...more });

/** ConnectionError with this name, then Disconnected for this reason, at most 5 s after `since`; then the connection is gone. The details. */
async function fails(connection: TelepathyConnection, name: string, reason: number, since: number): Promise<Record<string, unknown>> {
  const { args } = await connection.events.expect<BusSignal>({ name: 'ConnectionError' });
  const [given, details] = plain(args) as [string, Record<string, unknown>];
  expect({ given, details }).toMatchObject({ given: `org.freedesktop.Telepathy.Error.${name}`, details: { 'debug-message': expect.any(String) } });
  await connection.events.expect({ name: 'StatusChanged', args: [2, reason] });
  expect(performance.now() - since).toBeLessThan(limitMs);
  await setting.session.gone(connection.busName);
  return details;
}

describe('a login', () => {
  /** Connects and expects that to fail. */
  async function refused(more: AccountParameters, name: string, reason: number): Promise<Record<string, unknown>> {
    const connection = await setting.request('ada', more);
    const since = performance.now();
    await connection.call(names.connection, 'Connect');
    await connection.events.expect({ name: 'StatusChanged', args: [1, Reason.requested] });
    return fails(connection, name, reason, since);
  }

  test('with the wrong password', async () => {
    expect(await refused({ password: 'wrong' }, 'AuthenticationFailed', Reason.authentication)).toMatchObject({ 'debug-message': 'not-authorized' });
  });

  test('of somebody who has no account, or none there', async () => {
    await refused({ account: 'nobody@localhost' }, 'AuthenticationFailed', Reason.authentication);
    expect(await refused({ account: 'ada@elsewhere.test' }, 'AuthenticationFailed', Reason.authentication)).toMatchObject({ 'debug-message': 'host-unknown' });
  });

  test('at a host that does not exist', async () => {
    await refused({ server: 'nowhere.invalid' }, 'NetworkError', Reason.network);
    await refused({ account: 'ada@nowhere.invalid', server: '', port: 5222 }, 'NetworkError', Reason.network);
  });

  test('at a port where nobody listens', async () => {
    const [port] = await freePorts(1);
    await refused({ port: port! }, 'ConnectionRefused', Reason.network);
  });

  test('without encryption, as somebody on the way may pretend there is none; unless that is what was asked for', async () => {
    const prosody = await another({ tls: false });
    await refused(at(prosody), 'EncryptionNotAvailable', Reason.encryption);
    const connection = await setting.connect('ada', at(prosody, { 'require-encryption': false }));
    await connection.disconnect();
  });

  test('where a server without TLS listens instead of one with TLS from the first byte', async () => {
    const prosody = await another({ tls: false });
    await refused(at(prosody, { 'old-ssl': true }), 'EncryptionError', Reason.encryption);
  });

  test.each([
    ['of another name', 'HostnameMismatch', Reason.hostname, () => folder.issue(authority, { dns: ['other.test'] })],
    ['that is over', 'Expired', Reason.expired, () => folder.issue(authority, { dns: ['localhost'], ...expired })],
    ['signed by itself', 'SelfSigned', Reason.selfSigned, () => folder.selfSigned({ dns: ['localhost'] })],
    ['of an authority nobody knows', 'Untrusted', Reason.untrusted, async () => folder.issue(await folder.authority({ commonName: 'Nobody' }), { dns: ['localhost'] })],
  ] as const)('at a server with a certificate %s, refused or left alone', async (_, name, reason, make) => {
    const prosody = await another({ certificate: filesOf(await make()) });
    for (const [member, of, args] of [['Reject', 'org.freedesktop.Telepathy.Authentication.TLSCertificate', [[[1, 'org.freedesktop.Telepathy.Error.Cert.Untrusted', new Map([['user-requested', new Variant('b', true)]])]]]], ['Close', names.channel, []]] as const) {
      const connection = await setting.request('ada', at(prosody));
      await connection.call(names.connection, 'Connect');
      const { args: [channels] } = await connection.events.expect<BusSignal>({ name: 'NewChannels' });
      const [[path, properties]] = plain(channels) as [[string, Record<string, unknown>]];
      const since = performance.now();
      const object = new RemoteObject(connection.bus, connection.busName, member === 'Close' ? path : (properties[`${tls}.ServerCertificate`] as string));
      await object.call(of, member, ...args);
      await fails(connection, `Cert.${member === 'Close' ? name : 'Untrusted'}`, member === 'Close' ? reason : Reason.untrusted, since);
    }
  });

  test('for a resource that is in use', async () => {
    const prosody = await another({ hostConfiguration: 'conflict_resolve = "kick_new"' });
    const first = testClient(prosody.port, { account: prosody.jid('ada'), password, resource: 'Desk', surroundings: { authorities: { ca: [authority.cert] } } });
    await first.connect(AbortSignal.timeout(limitMs));
    await refused(at(prosody, { resource: 'Desk' }), 'AlreadyConnected', Reason.nameInUse);
    await first.close();
  });

  test('that is cut in the middle [fault-1]', async () => {
    const proxy = await TcpProxy.start(setting.prosody.port);
    stops.push(proxy);
    // Bytes stop right after TCP is up; then the connection goes away.
    proxy.stall();
    const connection = await setting.request('ada', { port: proxy.port });
    const since = performance.now();
    await connection.call(names.connection, 'Connect');
    while (proxy.accepted === 0) await connection.get(names.connection, 'Status');
    proxy.refuse();
    proxy.cut();
    await fails(connection, 'NetworkError', Reason.network, since);
  });

  test('at a server that says nothing ends with Disconnect at once', async () => {
    const { connection, server } = await setting.scripted();
    await connection.call(names.connection, 'Connect');
    const session = await server.accept();
    await session.expect({ kind: 'open' });
    await connection.disconnect();
    expect(connection.events.all({ name: 'ConnectionError' })).toEqual([]);
    await session.ended();
  });
});

describe('a connection', () => {
  test('whose resource is taken by another client', async () => {
    const connection = await setting.connect('ada', { resource: 'Desk' });
    const since = performance.now();
    const second = testClient(setting.prosody.port, { account: setting.jid('ada'), password, resource: 'Desk', surroundings: { authorities: { ca: [authority.cert] } } });
    await second.connect(AbortSignal.timeout(limitMs));
    const details = await fails(connection, 'ConnectionReplaced', Reason.nameInUse, since);
    expect(details).toMatchObject({ 'debug-message': 'conflict', 'server-message': expect.any(String) });
    await second.close();
  });

  test('to a server that dies, and that cannot resume [fault-3]', async () => {
    const prosody = await another({ withoutModules: ['smacks'] });
    const connection = await setting.connect('ada', at(prosody));
    const channel = await connection.ensureText('ben@localhost');
    const since = performance.now();
    await prosody.kill();
    await connection.events.expect({ name: 'Closed', path: channel.path });
    await fails(connection, 'ConnectionLost', Reason.network, since);
  });

  test('to a server that dies and does not come back: as long as it may be resumed, it lives', async () => {
    const prosody = await another({ resumeSeconds: 2 });
    const connection = await setting.connect('ada', at(prosody));
    const since = performance.now();
    await prosody.kill();
    expect(await connection.get(names.connection, 'Status')).toBe(0);
    await connection.call(names.presence, 'SetPresence', 'away', 'nobody hears this');
    await fails(connection, 'ConnectionLost', Reason.network, since);
    // At once afterwards the account can be connected again.
    await prosody.restart();
    const again = await setting.connect('ada', at(prosody));
    await again.disconnect();
  });

  test('to a server that dies and comes back without remembering', async () => {
    const prosody = await another();
    const connection = await setting.connect('ada', at(prosody));
    const since = performance.now();
    await prosody.restart();
    await fails(connection, 'ConnectionLost', Reason.network, since);
  });

  test('to a server that is shut down in order', async () => {
    const { connection, connect } = await setting.scripted();
    const session = await connect();
    const since = performance.now();
    session.send(`<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>back at noon</text></stream:error></stream:stream>`);
    session.end();
    const details = await fails(connection, 'ConnectionLost', Reason.network, since);
    expect(details).toMatchObject({ 'debug-message': 'system-shutdown', 'server-message': 'back at noon' });
  });
});
