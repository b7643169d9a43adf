/** Connection.Interface.Security over D-Bus, with hush running: every member, every announcement, and no secret anywhere. No server is needed. */
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Variant } from '../../../src/bus/types.ts';
import { silentLog } from '../../../src/log.ts';
import { PrivateFolder } from '../../../src/security/file-store.ts';
import { fingerprintOf } from '../../../src/security/fingerprint.ts';
import { emptyRecord } from '../../../src/security/trust-record.ts';
import type { ContactRecord, KeyRecord } from '../../../src/security/trust-record.ts';
import { TrustStore } from '../../../src/security/trust-store.ts';
import type { Vault } from '../../../src/security/vault.ts';
import type { BareJid } from '../../../src/xmpp/jid.ts';
import { CertificateFolder } from '../../harness/certificates.ts';
import { hushBusName, hushService } from '../../harness/hush.ts';
import { Program } from '../../harness/process.ts';
import { startSession } from '../../harness/session.ts';
import type { Session } from '../../harness/session.ts';
import { names, TelepathyClient } from '../../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../../harness/telepathy-client.ts';

const [bob, carol, dave] = ['bob@example.org', 'carol@example.org', 'dave@example.org'] as [BareJid, BareJid, BareJid];
const spki = (number: number): string => Buffer.from([0x30, number]).toString('base64');
const fingerprint = (number: number): string => fingerprintOf(Uint8Array.of(0x30, number));
const key = (number: number, level: KeyRecord['level']): KeyRecord => ({ spki: spki(number), mechanism: 'xtls', level, verifiedBy: level === 2 ? 'comparison' : '', verifiedAt: level === 2 ? 1 : 0, lastSeen: 1_700_000_000 + number });
const contact = (...keys: KeyRecord[]): ContactRecord => ({ policy: '', isLowered: false, wasVerified: keys.some(({ level }) => level === 2), wasSecured: true, wasBound: true, keys });

let session: Session;
let client: TelepathyClient;
let certificates: CertificateFolder;
let count = 0;
const open: TelepathyConnection[] = [];

beforeAll(async () => {
  session = await startSession([hushService({ persist: true, logLevel: 'trace' })]);
  client = new TelepathyClient(session.bus);
  certificates = await CertificateFolder.create();
}, 30_000);
afterEach(async () => {
  for (const connection of open.splice(0)) await connection.disconnect();
});
afterAll(async () => {
  await session.stop();
  await certificates.remove();
});

/** An account of its own for every test, with what is known to it from before. */
class Account {
  readonly jid = `alice${(count += 1)}@example.org`;
  get folder(): string {
    return join(session.environment.XDG_DATA_HOME!, 'hush', this.jid.replace('@', '_40').replace('.', '_2e'));
  }

  async knows(...contacts: [BareJid, ContactRecord][]): Promise<this> {
    const store = new TrustStore({ account: this.jid, folder: new PrivateFolder(this.folder), generations: {} as Vault, log: silentLog });
    await store.open();
    await store.update(() => ({ ...emptyRecord, contacts: new Map(contacts) }));
    await store.close();
    return this;
  }

  async connection(parameters: Parameters<TelepathyClient['requestConnection']>[0] = {}): Promise<Connection> {
    const connection = await client.requestConnection({ account: this.jid, ...parameters });
    open.push(connection);
    return new Connection(connection);
  }
}

class Connection {
  readonly remote: TelepathyConnection;

  constructor(remote: TelepathyConnection) {
    this.remote = remote;
  }

  async call(member: string, ...body: unknown[]): Promise<unknown> {
    const [result] = await this.remote.call(names.security, member, ...body);
    return result;
  }
  /** The name of the error, without what all of them begin with. */
  failure(member: string, ...body: unknown[]): Promise<string> {
    return this.call(member, ...body).then(() => 'none', errorName);
  }
  get(property: string): Promise<unknown> {
    return this.remote.get(names.security, property);
  }
  async set(property: string, value: Variant): Promise<string> {
    return this.remote.set(names.security, property, value).then(() => 'none', errorName);
  }
  async announced(name: string, ...args: unknown[]): Promise<void> {
    await client.events.expect({ name, path: this.remote.path, args });
  }
  async changed(property: string, value: unknown): Promise<void> {
    const isIt = (args: unknown): boolean => {
      const [iface, values] = args as [string, Map<string, Variant>];
      return iface === names.security && JSON.stringify(values.get(property)?.value) === JSON.stringify(value);
    };
    await client.events.expect({ name: 'PropertiesChanged', path: this.remote.path, args: isIt });
  }
}

function errorName(error: unknown): string {
  return (error as Error).name.replace('org.freedesktop.Telepathy.Error.', '');
}

describe('a connection', () => {
  test('has the interface before it is connected', async () => {
    const connection = await new Account().connection();
    expect(await connection.remote.get(names.connection, 'Interfaces')).toContain(names.security);
    expect(await connection.remote.getAll(names.security)).toMatchObject({ Policy: 'opportunistic', IdentityFingerprint: '' });
    expect(await connection.call('ListPeers')).toEqual([]);
  });

  test('makes no key because somebody looks', async () => {
    const account = new Account();
    const connection = await account.connection();
    await connection.remote.getAll(names.security);
    await connection.call('ListPeers');
    await connection.call('GetPeerPolicy', bob);
    expect(await readdir(account.folder)).toEqual(['lock']);
  });
});

describe('the policy of the account', () => {
  const parameter = `${names.security}.Policy`;

  test('is the parameter’s, and can be set', async () => {
    const connection = await new Account().connection({ [parameter]: 'required' });
    expect(await connection.get('Policy')).toBe('required');
    expect(await connection.set('Policy', new Variant('s', 'off'))).toBe('none');
    await connection.changed('Policy', 'off');
    expect(await connection.get('Policy')).toBe('off');
    for (const word of ['', 'Off', 'optional']) expect(await connection.set('Policy', new Variant('s', word))).toBe('InvalidArgument');
    expect(await connection.get('Policy')).toBe('off');
  });

  test('is one of three words, and files are absolute paths', async () => {
    for (const parameters of [{ [parameter]: 'never' }, { [parameter]: '' }, { 'security-identity': 'key.pem' }, { 'security-trust-anchors': './ca.pem' }]) {
      expect(await new Account().connection(parameters).then(() => 'none', errorName)).toBe('InvalidArgument');
    }
  });

  test('belongs to one connection', async () => {
    const account = new Account();
    const [one, other] = [await account.connection({ resource: 'one' }), await account.connection({ resource: 'other', [parameter]: 'required' })];
    expect([await one.get('Policy'), await other.get('Policy')]).toEqual(['opportunistic', 'required']);
  });
});

describe('the policy of a contact', () => {
  test('is set, reset, announced and remembered [F1]', async () => {
    const account = new Account();
    const connection = await account.connection();
    await connection.call('SetPeerPolicy', 'BOB@Example.org', 'required');
    await connection.announced('PeerPolicyChanged', bob, '', 'required');
    await connection.call('SetPeerPolicy', bob, 'off');
    await connection.announced('PeerPolicyChanged', bob, 'required', 'off');
    await connection.call('SetPeerPolicy', carol, 'opportunistic');
    await connection.call('SetPeerPolicy', bob, '');
    await connection.announced('PeerPolicyChanged', bob, 'off', '');
    expect([await connection.call('GetPeerPolicy', bob), await connection.call('GetPeerPolicy', carol), await connection.call('GetPeerPolicy', dave)]).toEqual(['', 'opportunistic', '']);
    expect(await readFile(join(account.folder, 'trust.json'), 'utf8')).toContain(`"jid":"${carol}","policy":"opportunistic"`);
  });

  test.each([['bob@example.org', 'never'], ['bob@example.org/phone', 'off'], ['', 'off'], ['not a jid@', 'off'], ['@', 'off'], ['b'.repeat(5000), 'off']])('needs a contact and a word: %#', async (jid, policy) => {
    const connection = await new Account().connection();
    expect(await connection.failure('SetPeerPolicy', jid, policy)).toBe('InvalidArgument');
  });
});

describe('keys of contacts', () => {
  test('are listed, accepted and forgotten, for every connection of the account [F1]', async () => {
    const account = await new Account().knows([bob, contact(key(1, 2), key(2, 3))], [carol, contact(key(3, 1))]);
    const [one, other] = [await account.connection({ resource: 'one' }), await account.connection({ resource: 'other' })];
    const peers = [
      [bob, 'xtls', fingerprint(1), 2, 1_700_000_001n],
      [bob, 'xtls', fingerprint(2), 3, 1_700_000_002n],
      [carol, 'xtls', fingerprint(3), 1, 1_700_000_003n],
    ];
    expect(await one.call('ListPeers')).toEqual(peers);
    await one.call('AcceptKey', bob, fingerprint(2).toUpperCase().replaceAll(' ', ''));
    await client.events.expectMany([one, other].map(({ remote }) => ({ name: 'PeerTrustChanged', path: remote.path, args: [bob, fingerprint(2), 3, 1] })));
    await other.call('ForgetPeer', bob);
    await client.events.expectMany([one, other].flatMap(({ remote }) => [
      { name: 'PeerTrustChanged', path: remote.path, args: [bob, fingerprint(1), 2, 0] },
      { name: 'PeerTrustChanged', path: remote.path, args: [bob, fingerprint(2), 1, 0] },
    ]));
    expect(await one.call('ListPeers')).toEqual([peers[2]]);
    // Nothing happens twice.
    const stop = client.events.forbid({ name: 'PeerTrustChanged' });
    await one.call('ForgetPeer', bob);
    await one.call('AcceptKey', carol, fingerprint(3));
    await client.events.sync();
    stop();
  });

  test('are named exactly', async () => {
    const connection = await (await new Account().knows([bob, contact(key(1, 2))])).connection();
    expect(await connection.failure('AcceptKey', bob, 'abc')).toBe('InvalidArgument');
    expect(await connection.failure('AcceptKey', 'bob@example.org/x', fingerprint(1))).toBe('InvalidArgument');
    expect(await connection.failure('AcceptKey', bob, fingerprint(2))).toBe('DoesNotExist');
    expect(await connection.failure('AcceptKey', carol, fingerprint(1))).toBe('DoesNotExist');
    expect(await connection.failure('ForgetPeer', 'bob@example.org/x')).toBe('InvalidArgument');
    // The word that resets a damaged memory does nothing to one that is in order.
    expect(await connection.failure('ForgetPeer', '')).toBe('InvalidArgument');
    expect(await connection.call('ListPeers')).toHaveLength(1);
  });
});

describe('a memory that cannot be used', () => {
  test('when damaged: says so, and is reset on demand, once [fault-7]', async () => {
    const account = await new Account().knows([bob, contact(key(1, 2))]);
    await writeFile(join(account.folder, 'trust.json'), '{}');
    const connection = await account.connection();
    for (const [member, ...args] of [['ListPeers'], ['GetPeerPolicy', bob], ['SetPeerPolicy', bob, 'off'], ['ForgetPeer', bob], ['AcceptKey', bob, fingerprint(1)], ['RenewIdentity'], ['ReplaceIdentity']] as [string, ...string[]][]) {
      expect([member, await connection.failure(member, ...args)]).toEqual([member, 'EncryptionNotAvailable']);
    }
    expect(await connection.get('IdentityFingerprint')).toBe('');
    expect(await connection.failure('ForgetPeer', '')).toBe('none');
    expect(await connection.call('ListPeers')).toEqual([]);
    expect(await connection.failure('ForgetPeer', '')).toBe('InvalidArgument');
    expect((await readdir(account.folder)).filter((name) => /^trust\.json\.damaged-[0-9a-f]{12}$/.test(name))).toHaveLength(1);
  });

  test('when others can read it: says so, until they cannot', async () => {
    const account = await new Account().knows([bob, contact(key(1, 2))]);
    await chmod(join(account.folder, 'trust.json'), 0o644);
    const connection = await account.connection();
    expect(await connection.failure('ListPeers')).toBe('NotAvailable');
    expect(await connection.failure('ForgetPeer', '')).toBe('NotAvailable');
    await chmod(join(account.folder, 'trust.json'), 0o600);
    expect(await connection.call('ListPeers')).toHaveLength(1);
  });

  test('while a change cannot be written: the call fails, and everything is as before [fault-6]', async () => {
    const account = await new Account().knows([bob, contact(key(1, 2))]);
    const connection = await account.connection();
    await mkdir(join(account.folder, 'trust.json.new/x'), { recursive: true });
    const stop = client.events.forbid({ name: /^Peer/ });
    expect(await connection.failure('ForgetPeer', bob)).toBe('ResourceUnavailable');
    expect(await connection.failure('SetPeerPolicy', bob, 'off')).toBe('ResourceUnavailable');
    expect([await connection.call('GetPeerPolicy', bob), await connection.call('ListPeers')]).toEqual(['', [[bob, 'xtls', fingerprint(1), 2, 1_700_000_001n]]]);
    await client.events.sync();
    stop();
  });
});

describe('the order of mechanisms', () => {
  test('starts with what the user wants, and is announced', async () => {
    const connection = await new Account().connection();
    const order = await connection.get('MechanismOrder');
    expect(await connection.set('MechanismOrder', new Variant('as', []))).toBe('none');
    expect(await connection.set('MechanismOrder', new Variant('as', order))).toBe('none');
    expect(await connection.get('MechanismOrder')).toEqual(order);
    for (const wrong of [['plain'], ['xtls', 'xtls'], ['']]) expect(await connection.set('MechanismOrder', new Variant('as', wrong))).toBe('InvalidArgument');
  });
});

describe('the key of the account', () => {
  const passphrase = 'canary-in-the-mine';

  async function certificateFor(jid: string): Promise<{ path: string; fingerprint: string }> {
    const { keyFile, certFile } = await certificates.selfSigned({ names: [`otherName:1.3.6.1.5.5.7.8.5;UTF8:${jid}`] });
    const path = `${certFile}.p12`;
    await new Program('openssl', ['pkcs12', '-export', '-inkey', keyFile, '-in', certFile, '-out', path, '-passout', `pass:${passphrase}`]).ended;
    const certificate = new X509Certificate(await readFile(certFile));
    await writeFile(`${certFile}.pem`, (await readFile(keyFile, 'utf8')) + (await readFile(certFile, 'utf8')));
    return { path, fingerprint: fingerprintOf(certificate.publicKey.export({ type: 'spki', format: 'der' })) };
  }

  test('is made, replaced, renewed and announced, for every connection of the account', async () => {
    const account = new Account();
    const [one, other] = [await account.connection({ resource: 'one' }), await account.connection({ resource: 'other' })];
    await one.call('ReplaceIdentity');
    const first = await one.get('IdentityFingerprint');
    expect(first).toMatch(/^([0-9a-f]{8} ){7}[0-9a-f]{8}$/);
    await other.changed('IdentityFingerprint', first);
    await other.call('RenewIdentity');
    expect(await one.get('IdentityFingerprint')).toBe(first);
    await other.call('ReplaceIdentity');
    const second = await one.get('IdentityFingerprint');
    expect(second).not.toBe(first);
    await one.changed('IdentityFingerprint', second);
    expect((await readdir(account.folder)).sort()).toEqual(['identity.pem', 'lock', 'trust.json']);
  });

  test('is imported, and its passphrase is nowhere to be seen [F1 F5]', async () => {
    const account = new Account();
    const { path, fingerprint: theirs } = await certificateFor(account.jid);
    const connection = await account.connection();
    const monitor = new Program('dbus-monitor', ['--address', session.address, "type='signal'", "type='error'", "type='method_return'"]);
    await monitor.line(/NameLost|NameAcquired/);
    expect(await connection.failure('ImportIdentity', path, `wrong-${passphrase}`)).toBe('AuthenticationFailed');
    expect(await connection.failure('ImportIdentity', path, '')).toBe('AuthenticationFailed');
    expect(await connection.failure('ImportIdentity', `/does/not/exist`, passphrase)).toBe('DoesNotExist');
    expect(await connection.failure('ImportIdentity', 'relative.p12', passphrase)).toBe('InvalidArgument');
    expect(await connection.failure('ImportIdentity', (await certificateFor(bob)).path, passphrase)).toBe('Cert.HostnameMismatch');
    expect(await connection.get('IdentityFingerprint')).toBe('');
    await connection.call('ImportIdentity', path, passphrase);
    await connection.changed('IdentityFingerprint', theirs);
    await monitor.line(/IdentityFingerprint/);
    await monitor.stop();
    expect(monitor.output).toContain(theirs);
    expect(monitor.output).not.toContain('canary');
    const log = await session.log('hush');
    expect(log).toContain(theirs);
    expect(log).not.toContain('canary');
    expect(log).not.toContain('PRIVATE KEY');
  });

  test('may be the parameter’s, and is then left alone', async () => {
    const account = new Account();
    const { path } = await certificateFor(account.jid);
    const connection = await account.connection({ 'security-identity': path.replace(/p12$/, 'pem') });
    for (const [member, ...args] of [['ImportIdentity', path, passphrase], ['RenewIdentity'], ['ReplaceIdentity']] as [string, ...string[]][]) expect(await connection.failure(member, ...args)).toBe('NotAvailable');
    expect(await connection.get('IdentityFingerprint')).toBe('');
  });
});

test('a second hush, on another bus, is kept out of an account’s memory and harms nothing [fault-15]', async () => {
  const account = await new Account().knows([bob, contact(key(1, 2))]);
  const first = await account.connection();
  expect(await first.call('ListPeers')).toHaveLength(1);
  const { XDG_DATA_HOME } = session.environment;
  const elsewhere = await startSession([hushService({ persist: true })], { XDG_DATA_HOME: XDG_DATA_HOME! });
  try {
    const there = new TelepathyClient(elsewhere.bus);
    const second = new Connection(await there.requestConnection({ account: account.jid }));
    expect(await second.failure('ListPeers')).toBe('NotAvailable');
    expect(await second.failure('SetPeerPolicy', bob, 'off')).toBe('NotAvailable');
    expect(await second.failure('ReplaceIdentity')).toBe('EncryptionNotAvailable');
    await first.call('SetPeerPolicy', bob, 'required');
    // Another account is free.
    const other = new Connection(await there.requestConnection({ account: new Account().jid }));
    expect(await other.call('ListPeers')).toEqual([]);
  } finally {
    await elsewhere.stop();
  }
  expect(await session.pidOf(hushBusName)).not.toBe(0);
});
