/** What clients get wrong with the objects of a login: every method and property refuses it with a name for the mistake, and the login waits as if nothing had been. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Variant } from '../../../src/bus/types.ts';
import { CertificateFolder } from '../../harness/certificates.ts';
import { names, plain, RemoteObject } from '../../harness/telepathy-client.ts';
import type { BusSignal, TelepathyConnection } from '../../harness/telepathy-client.ts';
import type { ScriptedSession } from '../../harness/xmpp-server.ts';
import { failure, password, Setting } from '../setting.ts';

const domain = 'example.test';
const certificateName = 'org.freedesktop.Telepathy.Authentication.TLSCertificate';
const tlsName = 'org.freedesktop.Telepathy.Channel.Type.ServerTLSConnection';
const saslName = 'org.freedesktop.Telepathy.Channel.Interface.SASLAuthentication';
const PROPERTIES = 'org.freedesktop.DBus.Properties';

let folder: CertificateFolder;
let setting: Setting;
let connection: TelepathyConnection;
let session: ScriptedSession;
let login: Promise<Error | undefined>;
beforeAll(async () => {
  folder = await CertificateFolder.create();
  setting = await Setting.start([]);
  // Nobody vouches for the certificate, and there is no password: both are asked for.
  const scripted = await setting.scripted({ domain, tls: await folder.selfSigned({ dns: [domain] }) }, { password: '' });
  ({ connection } = scripted);
  await connection.call(names.connection, 'Connect');
  session = await scripted.server.accept();
  login = session.login();
});
afterAll(async () => {
  await setting.stop();
  await folder.remove();
});

const at = (path: string): RemoteObject => new RemoteObject(connection.bus, connection.busName, path);

/** The channel that asks next, with its properties. */
async function asked(): Promise<{ channel: RemoteObject; properties: Record<string, unknown> }> {
  const { args } = await connection.events.expect<BusSignal>({ name: 'NewChannels' });
  const [[[path, properties]]] = plain(args) as [[[string, Record<string, unknown>]]];
  return { channel: at(path), properties };
}

interface Shown {
  readonly name: string;
  /** With the types of their arguments. */
  readonly methods: readonly (readonly [member: string, types: readonly string[]])[];
  readonly properties: readonly { readonly property: string; readonly signature: string; readonly access: string }[];
}

/** What an object says it has. */
async function shownBy(object: RemoteObject): Promise<Shown[]> {
  const [xml] = (await object.callAs('', 'org.freedesktop.DBus.Introspectable', 'Introspect')) as [string];
  const value = (tag: string, attribute: string): string => new RegExp(` ${attribute}="([^"]*)"`).exec(tag)?.[1] ?? '';
  return [...xml.matchAll(/<interface [^>]*>.*?<\/interface>/gs)].map(([text]) => ({
    name: value(text, 'name'),
    methods: [...text.matchAll(/<method [^>]*?(?:\/>|>.*?<\/method>)/gs)].map(([method]) => [value(method, 'name'), [...method.matchAll(/<arg [^>]*direction="in"[^>]*>/g)].map(([argument]) => value(argument, 'type'))] as const),
    properties: [...text.matchAll(/<property [^>]*>/g)].map(([tag]) => ({ property: value(tag, 'name'), signature: value(tag, 'type'), access: value(tag, 'access') })),
  }));
}

const namesOf = async (object: RemoteObject): Promise<string[]> => (await shownBy(object)).map(({ name }) => name);

/** A right value of each single complete type that methods of these objects take. */
const right: Record<string, unknown> = { s: 'x', u: 1, b: true, ay: Buffer.from('x'), as: ['x'], v: new Variant('s', 'x'), 'a(usa{sv})': [] };

/** Makes every mistake with every member; each that was answered with something else than its name. */
async function mistakes(object: RemoteObject): Promise<{ tried: number; taken: string[] }> {
  const taken: string[] = [];
  let tried = 0;
  const expectFailure = async (wanted: string, what: string, signature: string, name: string, member: string, ...body: unknown[]): Promise<void> => {
    tried += 1;
    const outcome = await failure(object.callAs(signature, name, member, ...body));
    if (outcome !== wanted) taken.push(`${name}.${member} with ${what}: ${outcome}`);
  };
  for (const { name, methods, properties } of await shownBy(object)) {
    for (const [member, types] of methods) {
      if (!types.every((type) => type in right)) throw new Error(`no values for ${types.join(' ')}`);
      const values = types.map((type) => right[type]);
      await expectFailure('DBus.InvalidArgs', 'one argument too many', `${types.join('')}s`, name, member, ...values, 'more');
      for (const [index] of types.entries()) {
        await expectFailure('DBus.InvalidArgs', `${index} of ${types.length} arguments`, types.slice(0, index).join(''), name, member, ...values.slice(0, index));
        for (const [type, value] of [['d', 1.5], ['au', [1]], ['g', 's'], ['a{sv}', new Map()], ['x', -1n], ['o', '/']] as const) {
          await expectFailure('DBus.InvalidArgs', `a '${type}' in place ${index}`, types.with(index, type).join(''), name, member, ...values.with(index, value));
        }
      }
    }
    for (const { property, access, signature } of properties) {
      for (const [type, value] of [['s', 'x'], ['u', 1], ['b', true], ['as', ['x']], ['ay', Buffer.from('x')], ['v', new Variant('s', 'x')], ['d', 1.5]] as const) {
        if (access !== 'read' && type === signature) continue;
        await expectFailure(access === 'read' ? 'DBus.PropertyReadOnly' : 'DBus.InvalidArgs', `a '${type}' written to ${property}`, 'ssv', PROPERTIES, 'Set', name, property, new Variant(type, value));
      }
    }
    await expectFailure('DBus.UnknownProperty', 'no such property', 'ss', PROPERTIES, 'Get', name, '__proto__');
    await expectFailure('DBus.UnknownProperty', 'no such property', 'ssv', PROPERTIES, 'Set', name, 'constructor', new Variant('s', 'x'));
    await expectFailure('DBus.UnknownMethod', 'no such method', '', name, 'toString');
  }
  for (const member of ['Get', 'Set', 'GetAll']) await expectFailure('DBus.UnknownInterface', 'no such interface', member === 'GetAll' ? 's' : member === 'Get' ? 'ss' : 'ssv', PROPERTIES, member, ...['org.example.None', 'x', new Variant('s', 'x')].slice(0, member === 'GetAll' ? 1 : member === 'Get' ? 2 : 3));
  return { tried, taken };
}

/** What an object says of itself. */
async function stateOf(object: RemoteObject): Promise<unknown> {
  return Promise.all((await namesOf(object)).map((name) => object.getAll(name)));
}

async function isUnmoved(object: RemoteObject): Promise<void> {
  const before = [await stateOf(object), session.clearText, session.tlsText];
  const { tried, taken } = await mistakes(object);
  expect(tried).toBeGreaterThan(25);
  expect(taken).toEqual([]);
  await connection.events.sync();
  expect([await stateOf(object), session.clearText, session.tlsText]).toEqual(before);
}

describe('arguments and values of other types, too many, too few [F2]', () => {
  let channel: RemoteObject;
  let certificate: RemoteObject;
  let sasl: RemoteObject;

  test('the channel that shows a certificate', async () => {
    const on = await asked();
    channel = on.channel;
    certificate = at(on.properties[`${tlsName}.ServerCertificate`] as string);
    expect(await namesOf(channel)).toEqual(expect.arrayContaining([names.channel, tlsName, PROPERTIES]));
    await isUnmoved(channel);
  });

  test('the certificate, which is neither accepted nor refused by it', async () => {
    expect(await namesOf(certificate)).toContain(certificateName);
    await isUnmoved(certificate);
    expect(await certificate.get(certificateName, 'State')).toBe(0);
    await certificate.call(certificateName, 'Accept');
  });

  test('the channel that asks for the password, which nothing has been sent by', async () => {
    sasl = (await asked()).channel;
    expect(await namesOf(sasl)).toEqual(expect.arrayContaining([names.channel, 'org.freedesktop.Telepathy.Channel.Type.ServerAuthentication', saslName, names.securable]));
    await isUnmoved(sasl);
    expect(session.tlsText).not.toContain('<auth');
  });

  test('the connection, whose policy it leaves as it was', async () => {
    const before = await connection.getAll(names.security);
    for (const [property, type, value] of [['Policy', 'u', 0], ['Policy', 'as', ['off']], ['Policy', 'v', new Variant('s', 'off')], ['Policy', 'o', '/'], ['Policy', 'g', 's'], ['MechanismOrder', 's', 'plain'], ['MechanismOrder', 'av', []], ['MechanismOrder', 'ao', []], ['MechanismOrder', 'ay', Buffer.alloc(0)]] as const) {
      expect([property, type, await failure(connection.set(names.security, property, new Variant(type, value)))]).toEqual([property, type, 'DBus.InvalidArgs']);
    }
    expect(await connection.getAll(names.security)).toEqual(before);
    // The twin.
    await connection.set(names.security, 'Policy', new Variant('s', 'required'));
    expect(await connection.get(names.security, 'Policy')).toBe('required');
  });

  test('none of it is in the way of the login: the twin', async () => {
    await sasl.call(saslName, 'StartMechanismWithData', 'X-TELEPATHY-PASSWORD', Buffer.from(password));
    await connection.events.expect({ name: 'SASLStatusChanged', args: ([status]: unknown[]) => status === 2 });
    await sasl.call(saslName, 'AcceptSASL');
    expect(await login).toBeUndefined();
    await connection.events.expect({ name: 'StatusChanged', args: [0, 1] });
  });
});
