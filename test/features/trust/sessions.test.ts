/** Trust over the life of conversations: authorities, keys that change, and what a new process still knows. Two accounts in one hush, a real Prosody. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { CertificateFolder } from '../../harness/certificates.ts';
import type { Certificate } from '../../harness/certificates.ts';
import { hushBusName, hushService } from '../../harness/hush.ts';
import { startProsody } from '../../harness/prosody.ts';
import type { Prosody } from '../../harness/prosody.ts';
import { startSession } from '../../harness/session.ts';
import type { Session } from '../../harness/session.ts';
import { names, TelepathyClient, TextChannel, variants } from '../../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../../harness/telepathy-client.ts';

const day = 86_400_000;
let certificates: CertificateFolder;
let authority: Certificate;
let prosody: Prosody;
let session: Session;
let alice: TelepathyConnection;
let bob: TelepathyConnection;

beforeAll(async () => {
  certificates = await CertificateFolder.create();
  authority = await certificates.authority();
  // Without stream management: who is killed is gone for the others, too, at once.
  prosody = await startProsody({ users: { alice: 'alice', bob: 'bob' }, withoutModules: ['smacks'] });
  await prosody.befriend('alice', 'bob');
  session = await startSession([hushService({ caFile: prosody.caFile })]);
}, 60_000);
afterAll(async () => {
  await session.stop();
  await prosody.stop();
  await certificates.remove();
});

type Parameters_ = Readonly<Record<string, string>>;

async function online(user: string, more: Parameters_): Promise<TelepathyConnection> {
  const connection = await new TelepathyClient(session.bus).requestConnection({ account: prosody.jid(user), password: user, server: '127.0.0.1', port: prosody.port, ...more });
  await connection.connect();
  await connection.contactList();
  return connection;
}

/** Both online, each seeing the other. */
async function meet(of: { alice?: Parameters_; bob?: Parameters_ } = {}): Promise<void> {
  alice = await online('alice', of.alice ?? { 'security-trust-anchors': authority.certFile });
  bob = await online('bob', of.bob ?? {});
  for (const [who, whom] of [[alice, 'bob'], [bob, 'alice']] as const) {
    const handle = await who.handle(prosody.jid(whom));
    const arrived = who.signal('PresencesChanged', ([presences]) => (presences as Map<number, [number]>).get(handle)?.[0] === 2);
    arrived.catch(() => undefined);
    const { [`${names.presence}/presence`]: presence } = await who.attributes(handle, names.presence);
    if ((presence as [number])[0] !== 2) await arrived;
  }
}

/** hush killed, as by a power cut, and both gone with it. */
async function crash(): Promise<void> {
  process.kill(await session.pidOf(hushBusName), 'SIGKILL');
  await session.gone(hushBusName);
}

/** Alice's channel to Bob, secured before it is hers; or why not. */
async function secured(): Promise<{ claims: string[]; details: Record<string, unknown> }> {
  const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: prosody.jid('bob'), [`${names.securable}.Encrypted`]: true });
  const [, path] = await alice.call(names.requests, 'EnsureChannel', request);
  const channel = new TextChannel(alice, path as string);
  const all = await channel.getAll(names.securable);
  await channel.call(names.destroyable, 'Destroy');
  return { claims: Object.keys(all).filter((name) => all[name] === true), details: all.Details as Record<string, unknown> };
}
const failure = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: unknown) => (error as Error).name.replace('org.freedesktop.Telepathy.Error.', ''));

async function peers(of = alice): Promise<[jid: string, mechanism: string, fingerprint: string, trust: number][]> {
  const [list] = await of.call(names.security, 'ListPeers');
  return (list as [string, string, string, number, bigint][]).map(([jid, mechanism, fingerprint, trust]) => [jid, mechanism, fingerprint, trust]);
}

/** Bob's key and certificate in one file. */
async function identityOfBob(issuer: Certificate | undefined, days = 30): Promise<string> {
  const { keyFile, certFile } = await certificates.issue(issuer, { names: [`otherName:1.3.6.1.5.5.7.8.5;UTF8:${prosody.jid('bob')}`], notAfter: new Date(Date.now() + days * day) });
  const path = `${certFile}.identity.pem`;
  await writeFile(path, (await readFile(keyFile, 'utf8')) + (await readFile(certFile, 'utf8')));
  return path;
}

describe('a contact', () => {
  let vouched: string;
  let fingerprint: string;

  test('is verified from the first session on by an authority of ours, and we by none of theirs', async () => {
    vouched = await identityOfBob(authority);
    await meet({ bob: { 'security-identity': vouched } });
    const { claims, details } = await secured();
    expect(claims).toContain('Verified');
    expect(claims).not.toContain('KeyContinuity');
    expect(details).toMatchObject({ 'verification-method': 'pkix' });
    fingerprint = (await bob.get(names.security, 'IdentityFingerprint')) as string;
    expect(await peers()).toEqual([[prosody.jid('bob'), 'xtls', fingerprint, 2]]);
    expect(await peers(bob)).toEqual([[prosody.jid('alice'), 'xtls', await alice.get(names.security, 'IdentityFingerprint'), 1]]);
  });

  test('is known after a crash, with everything that was said of them', async () => {
    await alice.call(names.security, 'SetPeerPolicy', prosody.jid('bob'), 'required');
    const own = await alice.get(names.security, 'IdentityFingerprint');
    await crash();
    await meet({ bob: { 'security-identity': vouched } });
    expect(await alice.get(names.security, 'IdentityFingerprint')).toBe(own);
    expect(await peers()).toEqual([[prosody.jid('bob'), 'xtls', fingerprint, 2]]);
    expect(await alice.call(names.security, 'GetPeerPolicy', prosody.jid('bob'))).toEqual(['required']);
    expect((await secured()).claims).toEqual(expect.arrayContaining(['Verified', 'KeyContinuity']));
  });

  test('is not verified by an authority that we have no longer', async () => {
    await crash();
    await meet({ alice: {}, bob: { 'security-identity': vouched } });
    const { claims } = await secured();
    expect(claims).toContain('KeyContinuity');
    expect(claims).not.toContain('Verified');
  });

  test('who comes with another key is refused, whoever vouches for it, until the user accepts the key', async () => {
    await crash();
    await meet({ bob: { 'security-identity': await identityOfBob(authority) } });
    const changed = alice.signal('PeerTrustChanged');
    expect(await failure(secured())).toBe('Cert.FingerprintMismatch');
    const other = (await bob.get(names.security, 'IdentityFingerprint')) as string;
    expect(await changed).toEqual([prosody.jid('bob'), other, 0, 3]);
    expect(await peers()).toEqual([[prosody.jid('bob'), 'xtls', fingerprint, 2], [prosody.jid('bob'), 'xtls', other, 3]]);
    expect(await failure(secured())).not.toBe('none');
    await alice.call(names.security, 'AcceptKey', prosody.jid('bob'), other);
    expect((await secured()).claims).toContain('Encrypted');
  }, 60_000);

  test('who was forgotten is new again', async () => {
    await alice.call(names.security, 'ForgetPeer', prosody.jid('bob'));
    expect(await peers()).toEqual([]);
    await crash();
    await meet({ bob: { 'security-identity': await identityOfBob(undefined) } });
    const { claims } = await secured();
    expect(claims).toContain('Encrypted');
    expect(claims.filter((claim) => claim === 'KeyContinuity' || claim === 'Verified')).toEqual([]);
  });

  test('whose identity cannot be used cannot be secured, and we are told nothing wrong', async () => {
    await crash();
    await meet({ bob: { 'security-identity': '/does/not/exist' } });
    expect(await failure(secured())).not.toBe('none');
    expect(await bob.get(names.security, 'IdentityFingerprint')).toBe('');
  }, 60_000);
});
