/** ServerTLSConnection channels: certificates that nobody vouches for, and a client of ours that decides. */
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Variant } from '../../../src/bus/types.ts';
import { CertificateFolder, expired, notYetValid } from '../../harness/certificates.ts';
import type { Certificate } from '../../harness/certificates.ts';
import { names, plain, RemoteObject } from '../../harness/telepathy-client.ts';
import type { BusSignal, TelepathyConnection } from '../../harness/telepathy-client.ts';
import type { ScriptedSession } from '../../harness/xmpp-server.ts';
import { failure, Setting } from '../setting.ts';
import type { AccountParameters } from '../setting.ts';

const type = 'org.freedesktop.Telepathy.Channel.Type.ServerTLSConnection';
const certificate = 'org.freedesktop.Telepathy.Authentication.TLSCertificate';
const error = (name: string): string => `org.freedesktop.Telepathy.Error.Cert.${name}`;
const domain = 'example.test';

/** TLS_Certificate_Reject_Reason by number, and the Connection_Status_Reason that goes with it. */
const reasons = [['Invalid', 13], ['Untrusted', 7], ['Expired', 8], ['NotActivated', 9], ['FingerprintMismatch', 11], ['HostnameMismatch', 10], ['SelfSigned', 12], ['Revoked', 14], ['Insecure', 15], ['LimitExceeded', 16]] as const;

let folder: CertificateFolder;
let setting: Setting;
const leaves = new Map<string, Certificate>();

beforeAll(async () => {
  folder = await CertificateFolder.create();
  const [ours, theirs] = await Promise.all([folder.authority(), folder.authority()]);
  const made = await Promise.all([
    folder.issue(ours, { dns: [domain] }),
    folder.selfSigned({ dns: [domain] }),
    folder.issue(ours, { dns: [domain], ...expired }),
    folder.issue(ours, { dns: [domain], ...notYetValid }),
    folder.issue(ours, { dns: ['other.test', 'more.test'], commonName: domain }),
    folder.issue(theirs, { dns: [domain] }),
  ]);
  for (const [index, name] of ['good', 'SelfSigned', 'Expired', 'NotActivated', 'HostnameMismatch', 'Untrusted'].entries()) leaves.set(name, made[index]!);
  setting = await Setting.start([], {}, ours.certFile);
});
afterAll(async () => {
  await setting.stop();
  await folder.remove();
});

interface Asked {
  readonly connection: TelepathyConnection;
  readonly channel: RemoteObject;
  readonly properties: Record<string, unknown>;
  readonly certificate: RemoteObject;
  readonly session: ScriptedSession;
  /** How the login ends for the server. */
  readonly login: Promise<Error | undefined>;
}

async function begun(leaf: string, more: AccountParameters = {}, directTls = false): Promise<{ connection: TelepathyConnection; session: ScriptedSession; login: Promise<Error | undefined> }> {
  const { connection, server } = await setting.scripted({ domain, tls: leaves.get(leaf)!, directTls }, { 'old-ssl': directTls, ...more });
  await connection.call(names.connection, 'Connect');
  const session = await server.accept();
  return { connection, session, login: session.login() };
}

async function asked(leaf: string, more?: AccountParameters, directTls?: boolean): Promise<Asked> {
  const { connection, session, login } = await begun(leaf, more, directTls);
  const { args } = await connection.events.expect<BusSignal>({ name: 'NewChannels' });
  const [[[path, properties]]] = plain(args) as [[[string, Record<string, unknown>]]];
  const at = (object: string): RemoteObject => new RemoteObject(connection.bus, connection.busName, object);
  return { connection, session, login, channel: at(path), properties, certificate: at(properties[`${type}.ServerCertificate`] as string) };
}

/** Closed, ConnectionError with these details, StatusChanged; and the server saw nobody log in. */
async function fails({ connection, channel, session, login }: Asked, name: string, reason: number, details: Record<string, unknown> = {}): Promise<void> {
  await connection.events.expect({ name: 'Closed', path: channel.path });
  const { args } = await connection.events.expect<BusSignal>({ name: 'ConnectionError' });
  expect(plain(args)).toEqual([error(name), expect.objectContaining(details)]);
  await connection.events.expect({ name: 'StatusChanged', args: [2, reason] });
  await setting.session.gone(connection.busName);
  expect(await login).toBeInstanceOf(Error);
  expect(session.clearText + session.tlsText).not.toContain('<auth');
}

const rejection = (reason: number, name: string, details: Record<string, Variant> = {}): unknown[] => [[reason, name, new Map(Object.entries(details))]];

test('a certificate that is good is not asked about [B4]', async () => {
  const { connection, login } = await begun('good');
  expect(await login).toBeUndefined();
  await connection.events.expect({ name: 'StatusChanged', args: [0, 1] });
  expect(connection.events.all({ name: 'NewChannels' })).toEqual([]);
});

describe.each([
  ['SelfSigned', 12, {}],
  ['Expired', 8, {}],
  ['NotActivated', 9, {}],
  ['HostnameMismatch', 10, { 'expected-hostname': domain, 'certificate-hostname': 'other.test, more.test' }],
  ['Untrusted', 7, {}],
] as const)('%s', (name, reason, details) => {
  test('the channel shows the certificate; nobody answering, its end is that of the connection [B4]', async () => {
    const on = await asked(name);
    expect(on.properties).toEqual({
      [`${names.channel}.ChannelType`]: type,
      [`${names.channel}.Interfaces`]: [],
      [`${names.channel}.TargetHandleType`]: 0,
      [`${names.channel}.TargetHandle`]: 0,
      [`${names.channel}.TargetID`]: '',
      [`${names.channel}.Requested`]: false,
      [`${names.channel}.InitiatorHandle`]: 0,
      [`${names.channel}.InitiatorID`]: '',
      [`${type}.ServerCertificate`]: on.certificate.path,
      [`${type}.Hostname`]: domain,
      [`${type}.ReferenceIdentities`]: [domain],
    });
    const { CertificateChainData: chain, ...rest } = await on.certificate.getAll(certificate);
    expect(rest).toEqual({ State: 0, Rejections: [], CertificateType: 'x509' });
    expect((chain as Buffer[])[0]).toEqual(new X509Certificate(leaves.get(name)!.cert).raw);
    expect(await on.connection.get(names.connection, 'Status')).toBe(1);
    await on.channel.call(names.channel, 'Close');
    await fails(on, name, reason, details);
  });

  test('accepted, it is good enough, and proves nothing', async () => {
    const on = await asked(name, { password: '' });
    await on.certificate.call(certificate, 'Accept');
    await on.connection.events.expect({ name: 'Accepted', path: on.certificate.path });
    expect(await on.certificate.get(certificate, 'State')).toBe(1);
    // The channel of the login knows: encrypted, but not verified.
    const { args } = await on.connection.events.expect<BusSignal>({ name: 'NewChannels' });
    expect(plain(args)).toMatchObject([[[expect.any(String), { [`${names.securable}.Encrypted`]: true, [`${names.securable}.Verified`]: false }]]]);
    await on.connection.call(names.connection, 'Disconnect');
  });
});

test('accepted, the login goes on with the password; judged twice, it is refused', async () => {
  const on = await asked('SelfSigned');
  expect(await failure(on.certificate.call(certificate, 'Reject', []))).toBe('InvalidArgument');
  await on.certificate.call(certificate, 'Accept');
  expect(await failure(on.certificate.call(certificate, 'Accept'))).toBe('NotAvailable');
  expect(await failure(on.certificate.call(certificate, 'Reject', rejection(1, error('Untrusted'))))).toBe('NotAvailable');
  await on.connection.events.expect({ name: 'StatusChanged', args: [0, 1] });
  expect(await on.login).toBeUndefined();
  await on.channel.call(names.channel, 'Close');
  await on.connection.events.expect({ name: 'ChannelClosed', args: [on.channel.path] });
  expect(await failure(on.certificate.getAll(certificate))).toBe('DBus.UnknownObject');
  expect(await on.connection.get(names.connection, 'Status')).toBe(0);
});

test.each([
  ...reasons.map(([name, reason], number) => [number, error(name), name, reason] as const),
  [0, error('Revoked'), 'Revoked', 14],
  [0, 'org.freedesktop.Telepathy.Error.NetworkError', 'Invalid', 13],
  [77, error('Expired'), 'Expired', 8],
  [77, 'not even a name', 'Invalid', 13],
] as const)('rejected for reason %i, %s', async (number, given, name, reason) => {
  const on = await asked('Untrusted');
  await on.certificate.call(certificate, 'Reject', [...rejection(number, given, { 'user-requested': new Variant('b', true) }), ...rejection(1, error('Untrusted'))]);
  await on.connection.events.expect({ name: 'Rejected', path: on.certificate.path });
  await fails(on, name, reason, { 'user-requested': true });
});

test('a rejection without measure is refused', async () => {
  const on = await asked('SelfSigned');
  expect(await failure(on.certificate.call(certificate, 'Reject', new Array(11).fill(rejection(0, error('Invalid'))[0])))).toBe('InvalidArgument');
  expect(await failure(on.certificate.callAs('as', certificate, 'Reject', ['x']))).toBe('DBus.InvalidArgs');
  expect(await on.certificate.get(certificate, 'State')).toBe(0);
  // Disconnect takes the question away.
  await on.connection.call(names.connection, 'Disconnect');
  expect(on.connection.events.all({ name: 'ConnectionError' })).toEqual([]);
  expect(await on.login).toBeInstanceOf(Error);
});

test('the question comes for TLS from the first byte, too', async () => {
  const on = await asked('Expired', {}, true);
  await on.certificate.call(certificate, 'Reject', rejection(2, error('Expired')));
  await fails(on, 'Expired', 8);
});

test.each([
  ['HostnameMismatch', { 'extra-certificate-identities': ['more.test'] }],
  ['SelfSigned', { 'ignore-ssl-errors': true }],
  ['HostnameMismatch', { 'ignore-ssl-errors': true }],
  ['Expired', { 'ignore-ssl-errors': true }],
] as const)('%s is not asked about with %j', async (leaf, more) => {
  const { connection, login } = await begun(leaf, more);
  expect(await login).toBeUndefined();
  await connection.events.expect({ name: 'StatusChanged', args: [0, 1] });
  expect(connection.events.all({ name: 'NewChannels' })).toEqual([]);
});

test('names beside the domain are no excuse for a chain that ends nowhere, and stand among those shown', async () => {
  const on = await asked('SelfSigned', { 'extra-certificate-identities': ['more.test'] });
  expect(on.properties).toMatchObject({ [`${type}.Hostname`]: domain, [`${type}.ReferenceIdentities`]: [domain, 'more.test'] });
  await on.channel.call(names.channel, 'Close');
  await fails(on, 'SelfSigned', 12);
});
