/** ServerAuthentication channels: an account without a password, and a client of ours that leads the login at a real Prosody. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Variant } from '../../../src/bus/types.ts';
import { names, plain, RemoteObject } from '../../harness/telepathy-client.ts';
import type { BusSignal, TelepathyConnection } from '../../harness/telepathy-client.ts';
import { startScriptedServer } from '../../harness/xmpp-server.ts';
import { failure, password, Setting } from '../setting.ts';

const type = 'org.freedesktop.Telepathy.Channel.Type.ServerAuthentication';
const sasl = 'org.freedesktop.Telepathy.Channel.Interface.SASLAuthentication';
const error = (name: string): string => `org.freedesktop.Telepathy.Error.${name}`;
const passwordMechanism = 'X-TELEPATHY-PASSWORD';
const [notStarted, inProgress, serverSucceeded, clientAccepted, succeeded, serverFailed, clientFailed] = [0, 1, 2, 3, 4, 5, 6];

let setting: Setting;
beforeAll(async () => {
  setting = await Setting.start(['ada', 'ben', 'cai']);
});
afterAll(() => setting.stop());

interface Asked {
  readonly connection: TelepathyConnection;
  readonly channel: RemoteObject;
  readonly properties: Record<string, unknown>;
}

/** A connection that is connecting and asks how to log in. */
async function asked(connection: TelepathyConnection): Promise<Asked> {
  await connection.call(names.connection, 'Connect');
  const { args } = await connection.events.expect<BusSignal>({ name: 'NewChannels' });
  const [[[path, properties]]] = plain(args) as [[[string, Record<string, unknown>]]];
  return { connection, channel: new RemoteObject(connection.bus, connection.busName, path), properties };
}

const login = async (user = 'ada', more = {}): Promise<Asked> => asked(await setting.request(user, { password: '', ...more }));

/** The next status is this one, with these among its details. */
const becomes = async ({ connection }: Asked, status: number, reason = '', details: Record<string, unknown> = {}): Promise<void> => {
  const { args } = await connection.events.expect<BusSignal>({ name: 'SASLStatusChanged' });
  expect(plain(args)).toEqual([status, reason, reason === '' ? {} : expect.objectContaining(details)]);
};
const connected = async ({ connection }: Asked): Promise<void> => {
  await connection.events.expect({ name: 'StatusChanged', args: [0, 1] });
};
/** ConnectionError before StatusChanged(Disconnected), with these. */
const fails = async ({ connection }: Asked, name: string, reason: number, details: Record<string, unknown> = {}): Promise<void> => {
  await connection.events.expect({ name: 'ConnectionError', args: ([given, more]: unknown[]) => given === error(name) && Object.entries(details).every(([key, value]) => (plain(more) as Record<string, unknown>)[key] === value) });
  await connection.events.expect({ name: 'StatusChanged', args: [2, reason] });
};
const start = (on: Asked, mechanism: string, data: string | Buffer): Promise<unknown> => on.channel.call(sasl, 'StartMechanismWithData', mechanism, Buffer.from(data as string));

test('the channel says what it is, and the right password goes through', async () => {
  const on = await login();
  const expected = {
    [`${names.channel}.ChannelType`]: type,
    [`${names.channel}.Interfaces`]: [sasl, names.securable],
    [`${names.channel}.TargetHandleType`]: 0,
    [`${names.channel}.TargetHandle`]: 0,
    [`${names.channel}.TargetID`]: '',
    [`${names.channel}.Requested`]: false,
    [`${names.channel}.InitiatorHandle`]: 0,
    [`${names.channel}.InitiatorID`]: '',
    [`${type}.AuthenticationMethod`]: sasl,
    [`${sasl}.AvailableMechanisms`]: expect.arrayContaining(['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256']),
    [`${sasl}.HasInitialData`]: true,
    [`${sasl}.CanTryAgain`]: true,
    [`${sasl}.AuthorizationIdentity`]: '',
    [`${sasl}.DefaultUsername`]: 'ada',
    [`${sasl}.DefaultRealm`]: setting.prosody.domain,
    [`${sasl}.MaySaveResponse`]: true,
    [`${names.securable}.Encrypted`]: true,
    [`${names.securable}.Verified`]: true,
  };
  expect(on.properties).toEqual(expected);
  expect((on.properties[`${sasl}.AvailableMechanisms`] as string[])[0]).toBe(passwordMechanism);
  expect(await on.channel.getAll(sasl)).toMatchObject({ SASLStatus: notStarted, SASLError: '', SASLErrorDetails: {} });
  expect(await on.channel.getAll(names.securable)).toEqual({ Encrypted: true, Verified: true });

  await start(on, passwordMechanism, password);
  await becomes(on, inProgress);
  await becomes(on, serverSucceeded);
  // The server is content; whether the user is, is not said yet.
  expect(await on.connection.get(names.connection, 'Status')).toBe(1);
  await on.channel.call(sasl, 'AcceptSASL');
  await becomes(on, succeeded);
  await connected(on);
  // It is the client that closes it; nothing more can be done with it.
  expect(await failure(on.channel.call(sasl, 'AcceptSASL'))).toBe('NotAvailable');
  expect(await failure(on.channel.call(sasl, 'AbortSASL', 1, ''))).toBe('NotAvailable');
  expect(await failure(start(on, passwordMechanism, password))).toBe('NotAvailable');
  await on.channel.call(names.channel, 'Close');
  await on.connection.events.expect({ name: 'ChannelClosed', args: [on.channel.path] });
  expect(await on.connection.get(names.connection, 'Status')).toBe(0);
  await on.connection.disconnect();
});

test('a wrong password can be followed by the right one', async () => {
  const on = await login();
  await start(on, passwordMechanism, 'wrong');
  await becomes(on, inProgress);
  await becomes(on, serverFailed, error('AuthenticationFailed'), { 'debug-message': 'not-authorized' });
  expect(await on.channel.getAll(sasl)).toMatchObject({ SASLStatus: serverFailed, SASLError: error('AuthenticationFailed') });
  await start(on, passwordMechanism, password);
  await becomes(on, inProgress);
  expect(await on.channel.getAll(sasl)).toMatchObject({ SASLError: '', SASLErrorDetails: {} });
  await becomes(on, serverSucceeded);
  await on.channel.call(sasl, 'AcceptSASL');
  await connected(on);
  await on.connection.disconnect();
});

test('what cannot be is refused, and the login goes on', async () => {
  const on = await login();
  expect(await failure(start(on, 'X-UNHEARD-OF', 'x'))).toBe('NotImplemented');
  expect(await failure(on.channel.call(sasl, 'StartMechanism', passwordMechanism))).toBe('InvalidArgument');
  for (const wrong of ['', 'nul\0', 'line\n', Buffer.from([0xff])]) expect(await failure(start(on, passwordMechanism, wrong))).toBe('InvalidArgument');
  expect(await failure(on.channel.call(sasl, 'Respond', Buffer.from('x')))).toBe('NotAvailable');
  expect(await failure(on.channel.call(sasl, 'AcceptSASL'))).toBe('NotAvailable');
  expect(await failure(on.channel.call(sasl, 'AbortSASL', 2, ''))).toBe('InvalidArgument');
  expect(await failure(on.channel.callAs('s', sasl, 'AbortSASL', 'x'))).toBe('DBus.InvalidArgs');
  expect(await failure(on.channel.set(names.securable, 'Verified', new Variant('b', true)))).toBe('DBus.PropertyReadOnly');
  expect(await on.channel.get(sasl, 'SASLStatus')).toBe(notStarted);
  await start(on, passwordMechanism, password);
  expect(await failure(start(on, passwordMechanism, password))).toBe('NotAvailable');
  await becomes(on, inProgress);
  await becomes(on, serverSucceeded);
  await on.channel.call(sasl, 'AcceptSASL');
  await connected(on);
  await on.connection.disconnect();
});

test.each([
  ['the user gives up', 1, 'Cancelled', 1],
  ['the client does not understand the server', 0, 'AuthenticationFailed', 3],
] as const)('%s: the connection ends with that', async (_, reason, name, statusReason) => {
  const on = await login();
  await on.channel.call(sasl, 'AbortSASL', reason, 'enough');
  await becomes(on, clientFailed, error(name), { 'debug-message': 'enough' });
  await on.connection.events.expect({ name: 'Closed', path: on.channel.path });
  await fails(on, name, statusReason, { 'debug-message': 'enough' });
  await setting.session.gone(on.connection.busName);
});

test('a channel that is closed untouched has had nobody to ask; closed later, also after the server has accepted, it is a user who gives up', async () => {
  const first = await login('ben');
  await first.channel.call(names.channel, 'Close');
  await fails(first, 'AuthenticationFailed', 3);
  await setting.session.gone(first.connection.busName);
  const second = await login('ben');
  await start(second, passwordMechanism, password);
  await becomes(second, inProgress);
  await becomes(second, serverSucceeded);
  await second.channel.call(names.channel, 'Close');
  await fails(second, 'Cancelled', 1);
  await setting.session.gone(second.connection.busName);
});

test('Disconnect in the middle ends the asking', async () => {
  const on = await login('ben');
  await on.connection.disconnect();
  expect(on.connection.events.all({ name: 'ConnectionError' })).toEqual([]);
  expect(on.connection.events.all({ name: 'ChannelClosed' })).toHaveLength(1);
});

test('PLAIN in the hands of the client', async () => {
  const on = await login('cai');
  await start(on, 'PLAIN', '\0cai\0wrong');
  await becomes(on, inProgress);
  await becomes(on, serverFailed, error('AuthenticationFailed'));
  await start(on, 'PLAIN', `\0cai\0${password}`);
  await becomes(on, inProgress);
  await becomes(on, serverSucceeded);
  await on.channel.call(sasl, 'AcceptSASL');
  await connected(on);
  await on.connection.disconnect();
});

test('SCRAM-SHA-1 in the hands of the client, which judges the last word of the server', async () => {
  const on = await login('cai');
  const challenge = async (): Promise<string> => {
    const { args } = await on.connection.events.expect<BusSignal>({ name: 'NewChallenge' });
    return (args[0] as Buffer).toString();
  };
  const bare = 'n=cai,r=fyko+d2lbbFgONRv9qkxdawL';
  await start(on, 'SCRAM-SHA-1', `n,,${bare}`);
  await becomes(on, inProgress);
  const first = await challenge();
  const field = (name: string): string => first.split(',').find((part) => part.startsWith(`${name}=`))?.slice(2) ?? '';
  const withoutProof = `c=biws,r=${field('r')}`;
  const hmac = (key: Buffer, text: string): Buffer => createHmac('sha1', key).update(text).digest();
  const salted = pbkdf2Sync(password, Buffer.from(field('s'), 'base64'), Number(field('i')), 20, 'sha1');
  const clientKey = hmac(salted, 'Client Key');
  const message = `${bare},${first},${withoutProof}`;
  const signature = hmac(createHash('sha1').update(clientKey).digest(), message);
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString('base64');
  await on.channel.call(sasl, 'Respond', Buffer.from(`${withoutProof},p=${proof}`));
  expect(await challenge()).toBe(`v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`);
  await becomes(on, serverSucceeded);
  await on.channel.call(sasl, 'AcceptSASL');
  await becomes(on, succeeded);
  await connected(on);
  await on.connection.disconnect();
});

/** What a server offers that has one mechanism. */
const offer = (mechanism: string): string => `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>${mechanism}</mechanism></mechanisms></stream:features>`;

test('a login that is lost in the middle goes on at the next place: with the same password, or once more from the start', async () => {
  const [lost, place] = [await startScriptedServer(), await startScriptedServer({ users: { alice: password } })];
  for (const mechanism of [passwordMechanism, 'PLAIN']) {
    const { connection } = await setting.scripted({}, { password: '', port: lost.port, 'fallback-servers': [`127.0.0.1:${place.port},starttls`] });
    const initial = mechanism === 'PLAIN' ? `\0alice\0${password}` : password;
    const [on, first] = await Promise.all([asked(connection), lost.accept().then(async (session) => {
      await session.openStream();
      session.send(offer('PLAIN'));
      return session;
    })]);
    await start(on, mechanism, initial);
    await becomes(on, inProgress);
    await first.expect({ name: 'auth' });
    first.destroy();
    const second = await place.accept();
    const done = second.login();
    if (mechanism === 'PLAIN') {
      await becomes(on, serverFailed, error('NetworkError'));
      await start(on, mechanism, initial);
      await becomes(on, inProgress);
    }
    await becomes(on, serverSucceeded);
    await on.channel.call(sasl, 'AcceptSASL');
    await becomes(on, succeeded);
    await connected(on);
    expect(await done).toBeUndefined();
  }
  await Promise.all([lost.close(), place.close()]);
});

test('the client may accept before the server has', async () => {
  const { connection, server } = await setting.scripted({}, { password: '' });
  const accepted = server.accept();
  const [on, session] = await Promise.all([asked(connection), accepted.then(async (one) => {
    await one.openStream();
    one.send(offer('X-OURS'));
    return one;
  })]);
  expect(on.properties).toMatchObject({ [`${sasl}.AvailableMechanisms`]: [passwordMechanism, 'X-OURS'], [`${names.securable}.Encrypted`]: false, [`${names.securable}.Verified`]: false });
  await on.channel.call(sasl, 'StartMechanism', 'X-OURS');
  await becomes(on, inProgress);
  expect((await session.expect({ name: 'auth' })).text).toBe('');
  session.send(`<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${Buffer.from('proof').toString('base64')}</challenge>`);
  await on.connection.events.expect({ name: 'NewChallenge', args: [Buffer.from('proof')] });
  await on.channel.call(sasl, 'Respond', Buffer.alloc(0));
  await session.expect({ name: 'response' });
  expect(await failure(on.channel.call(sasl, 'Respond', Buffer.from('twice')))).toBe('NotAvailable');
  await on.channel.call(sasl, 'AcceptSASL');
  await becomes(on, clientAccepted);
  session.send(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><temporary-auth-failure/><text>later</text></failure>`);
  await becomes(on, serverFailed, error('ServiceBusy'), { 'server-message': 'later' });
  // The server loses patience while the client thinks: nothing is left to log in to.
  session.end();
  await on.connection.events.expect({ name: 'Closed', path: on.channel.path });
  await fails(on, 'NetworkError', 2);
});
