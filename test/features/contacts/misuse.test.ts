/** What clients get wrong: every method about contacts refuses it with a name for the mistake, and nothing of the call reaches the server. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { interfaceTables } from '../../../src/bus/interfaces.ts';
import type { InterfaceName } from '../../../src/bus/interfaces.ts';
import { contacts } from '../../../src/features/contacts/contacts.ts';
import { names } from '../../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../../harness/telepathy-client.ts';
import type { ScriptedSession } from '../../harness/xmpp-server.ts';
import { failure, Setting } from '../setting.ts';

const png = Buffer.from('89504e470d0a1a0a', 'hex');
/** A contact on the list whose name and group must still be there in the end. */
const id = 'bob@example.org';

interface Method {
  readonly interface: InterfaceName;
  readonly member: string;
  readonly signature: string;
  readonly args: readonly string[];
}

const methods: readonly Method[] = contacts.interfaces.flatMap((name) =>
  Object.entries(interfaceTables[name].methods).map(([member, { in: signature }]) => ({ interface: name, member, signature, args: types(signature) })),
);

/** The single complete types of the signatures that occur. */
function types(signature: string): string[] {
  return signature.match(/a\{us\}|a\(saa\{sv\}as\)|a\(sasas\)|a?[a-z]/g) ?? [];
}

/** What a method without network would take; `handle` in every place for one. */
function argument(type: string, handle: number): unknown {
  const values: Record<string, unknown> = { u: handle, au: [handle], 'a{us}': new Map([[handle, 'name']]), s: 'available', as: [], b: false, ay: png, 'a(saa{sv}as)': [], 'a(sasas)': [] };
  if (!(type in values)) throw new Error(`no value for ${type}`);
  return values[type];
}

/** For each type another one, and a value whose bytes would do for either. */
const lookalikes: Readonly<Record<string, readonly [type: string, value: (handle: number) => unknown]>> = {
  u: ['i', (handle) => handle], au: ['ai', (handle) => [handle]], 'a{us}': ['a{is}', (handle) => new Map([[handle, 'name']])], s: ['o', () => '/'], as: ['ao', () => []], b: ['u', () => 0], ay: ['as', () => []], 'a(saa{sv}as)': ['a(saa{sv}ao)', () => []], 'a(sasas)': ['a(sasao)', () => []],
};

const takesHandles = methods.filter(({ args }) => args.some((type) => ['u', 'au', 'a{us}'].includes(type)));

let setting: Setting;
let connection: TelepathyConnection;
let server: ScriptedSession;
let bob = 0;
let forbidden: (() => void)[] = [];

beforeAll(async () => {
  setting = await Setting.start([]);
  const scripted = await setting.scripted({
    misbehave: { roster: (honest) => honest.replace(`<query xmlns='jabber:iq:roster'/>`, `<query xmlns='jabber:iq:roster'><item jid='${id}' name='Bob' subscription='both'><group>Friends</group></item></query>`) },
  });
  connection = scripted.connection;
  server = await scripted.connect();
  await connection.contactList();
  bob = await connection.handle(id);
  await server.sync();
  forbidden = [server.forbid({ name: 'iq', type: 'set' }), ...['', 'subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'].map((type) => server.forbid({ name: 'presence', type }))];
});
afterAll(() => setting.stop());

const call = (method: Method, args: readonly unknown[]): Promise<string> => failure(connection.callAs(method.signature, method.interface, method.member, ...args));

test('the methods are found', () => {
  expect(methods.length).toBeGreaterThan(35);
  expect(takesHandles.length).toBeGreaterThan(20);
});

describe('a handle that is none, alone or behind one that is [F3]', () => {
  test.each(takesHandles)('$member', async (method) => {
    for (const wrong of [0, 99, 0xffff_ffff]) expect(await call(method, method.args.map((type) => argument(type, wrong)))).toBe('InvalidHandle');
    if (!method.args.includes('au')) return;
    expect(await call(method, method.args.map((type) => (type === 'au' ? [bob, 99] : argument(type, bob))))).toBe('InvalidHandle');
    await server.sync();
  });
});

describe('arguments of other types, too many, too few [F2]', () => {
  test.each(methods)('$member', async ({ interface: name, member, args }) => {
    expect(await failure(connection.callAs(`${args.join('')}s`, name, member, ...args.map((type) => argument(type, bob)), 'more'))).toBe('DBus.InvalidArgs');
    if (args.length === 0) return;
    expect(await failure(connection.callAs('', name, member))).toBe('DBus.InvalidArgs');
    expect(await failure(connection.callAs('d'.repeat(args.length), name, member, ...args.map(() => 1)))).toBe('DBus.InvalidArgs');
    const alike = args.map((type) => lookalikes[type]!);
    expect(await failure(connection.callAs(alike.map(([type]) => type).join(''), name, member, ...alike.map(([, value]) => value(bob))))).toBe('DBus.InvalidArgs');
    await server.sync();
  });
});

describe('while there is no connection', () => {
  let fresh: TelepathyConnection;
  beforeAll(async () => {
    ({ connection: fresh } = await setting.scripted());
  });
  /** What is about the user and no contact, and needs no server. */
  const allowed = ['SetPresence', 'UpdateCapabilities', 'GetAliasFlags', 'GetAvatarRequirements'];
  test.each(methods)('$member', async (method) => {
    const outcome = await failure(fresh.callAs(method.signature, method.interface, method.member, ...method.args.map((type) => argument(type, 1))));
    expect(outcome).toBe(allowed.includes(method.member) ? 'no error' : 'Disconnected');
  });
});

describe('text that is too long or cannot be sent', () => {
  const control = 'a\u0001b';
  const long = 'x'.repeat(1024);
  test.each<[name: InterfaceName, member: string, args: (handle: number) => unknown[], error: string]>([
    [names.presence, 'SetPresence', () => ['available', control], 'InvalidArgument'],
    [names.presence, 'SetPresence', () => [long, ''], 'InvalidArgument'],
    [names.contactList, 'RequestSubscription', (handle) => [[handle], control], 'InvalidArgument'],
    [names.contactList, 'RequestSubscription', () => [[1], ''], 'InvalidArgument'],
    [names.contactList, 'AuthorizePublication', () => [[1]], 'InvalidArgument'],
    ...['', ' ', control, long, 'two\nlines', '\u202Eturned'].flatMap((group): [InterfaceName, string, (handle: number) => unknown[], string][] => [
      [names.contactGroups, 'SetContactGroups', (handle) => [handle, ['Good', group]], 'InvalidArgument'],
      [names.contactGroups, 'SetGroupMembers', (handle) => [group, [handle]], 'InvalidArgument'],
      [names.contactGroups, 'AddToGroup', (handle) => [group, [handle]], 'InvalidArgument'],
      [names.contactGroups, 'RenameGroup', () => ['Friends', group], 'InvalidArgument'],
      [names.contactGroups, 'RemoveGroup', () => [group], 'DoesNotExist'],
      [names.contactGroups, 'RemoveFromGroup', (handle) => [group, [handle]], 'DoesNotExist'],
    ]),
    [names.aliasing, 'SetAliases', (handle) => [new Map([[handle, control]])], 'InvalidArgument'],
    [names.aliasing, 'SetAliases', (handle) => [new Map([[handle, 'Good'], [1, long]])], 'InvalidArgument'],
    [names.avatars, 'SetAvatar', () => [png, control], 'InvalidArgument'],
    [names.avatars, 'SetAvatar', () => [Buffer.alloc(8193), 'image/png'], 'InvalidArgument'],
    [names.contactBlocking, 'BlockContacts', () => [[1], false], 'InvalidArgument'],
    ['org.freedesktop.Telepathy.Connection.Interface.ContactInfo', 'SetContactInfo', () => [[['fn', [], ['Good']], ['note', [], [control]]]], 'InvalidArgument'],
    ['org.freedesktop.Telepathy.Connection.Interface.Addressing1', 'GetContactsByVCardField', () => [control, [], []], 'NotImplemented'],
  ])('%s.%s', async (name, member, args, error) => {
    expect(await failure(connection.call(name, member, ...args(bob)))).toBe(error);
    await server.sync();
  });
});

test('in the end everything is as it was, and a call without mistake reaches the server', async () => {
  expect(await connection.attributes(bob, names.aliasing, names.contactGroups)).toMatchObject({ [`${names.aliasing}/alias`]: 'Bob', [`${names.contactGroups}/groups`]: ['Friends'] });
  expect(await connection.get(names.contactGroups, 'Groups')).toEqual(['Friends']);
  expect(await connection.call(names.presence, 'GetPresences', [1])).toEqual([new Map([[1, [2, 'available', '']]])]);
  await server.sync();
  for (const allow of forbidden) allow();
  const edit = failure(connection.call(names.contactGroups, 'AddToGroup', 'x'.repeat(1023), [bob]));
  const item = (await server.expect({ name: 'iq', type: 'set', with: ['query', 'jabber:iq:roster'] })).child('query')?.child('item');
  expect(item?.attrs.name).toBe('Bob');
  expect(item?.elements.map((group) => group.text)).toEqual(['Friends', 'x'.repeat(1023)]);
  expect(await edit).toBe('NotAvailable');
  // The server refused it: nothing has changed here either.
  expect(await connection.get(names.contactGroups, 'Groups')).toEqual(['Friends']);
});
