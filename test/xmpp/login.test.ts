import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { SrvRecord } from '../../src/xmpp/srv.ts';
import type { Step } from '../harness/xmpp-server.ts';
import { HushError } from '../../src/errors.ts';
import { connecting, logIn, next, Rig } from './test-client.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.clear());
afterAll(() => rig.end());

const record = (name: string, port: number, priority = 0): SrvRecord => ({ name, port, priority, weight: 0 });

describe('a login', () => {
  test('goes over STARTTLS and SCRAM with channel binding to a bound resource', async () => {
    const server = await rig.serve();
    const alice = rig.client(server, { resource: 'home' });
    const authenticated = next(alice, 'authenticated');
    const { failure, session } = await logIn(alice, server);
    expect(failure).toBeUndefined();
    await authenticated;
    expect(alice).toMatchObject({ jid: 'alice@example.test/home', account: 'alice@example.test', domain: 'example.test', isEncrypted: true, isVerified: true });
    expect(alice.serverFeatures()?.name).toBe('features');
    expect(session.clearText).not.toContain('<auth');
    expect(session.clearText).not.toContain('alice');
    expect(session.tlsText).toContain('SCRAM-SHA-256-PLUS');
    expect(session.tlsText).not.toContain('secret');
  });

  test('goes over direct TLS', async () => {
    const server = await rig.serve({ directTls: true });
    const alice = rig.client(server, { directTls: true });
    expect((await logIn(alice, server)).failure).toBeUndefined();
    expect(alice).toMatchObject({ isEncrypted: true, isVerified: true });
  });

  test('goes without TLS only where that is allowed and none is offered [B1]', async () => {
    const server = await rig.serve({ tls: null });
    const strict = await logIn(rig.client(server), server);
    expect(strict.failure?.condition).toBe('encryption-not-available');
    expect(strict.session.clearText).not.toContain('<auth');
    const lax = rig.client(server, { requireEncryption: false });
    expect((await logIn(lax, server)).failure).toBeUndefined();
    expect(lax).toMatchObject({ isEncrypted: false, isVerified: false });
  });

  test('uses TLS that is offered even where it is not required', async () => {
    const server = await rig.serve();
    const alice = rig.client(server, { requireEncryption: false });
    expect((await logIn(alice, server)).failure).toBeUndefined();
    expect(alice.isEncrypted).toBe(true);
  });

  test('fails with a wrong password, after asking once more', async () => {
    const server = await rig.serve();
    const asked: (HushError | undefined)[] = [];
    const client = rig.client(server, {
      credentials: ({ previousFailure, mechanisms, canChannelBind, secure }) => {
        expect({ mechanisms, canChannelBind, secure }).toEqual({ mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'], canChannelBind: true, secure: true });
        asked.push(previousFailure);
        return asked.length < 3 ? Promise.resolve({ kind: 'password', password: `wrong ${asked.length}` }) : Promise.reject(previousFailure!);
      },
    });
    const { failure } = await logIn(client, server);
    expect(failure).toMatchObject({ condition: 'authentication-failed', details: { 'debug-message': 'not-authorized' } });
    expect(asked.map((error) => error?.condition)).toEqual([undefined, 'authentication-failed', 'authentication-failed']);
  });

  test('succeeds when the second password is right', async () => {
    const server = await rig.serve();
    const client = rig.client(server, { credentials: ({ previousFailure }) => Promise.resolve({ kind: 'password', password: previousFailure === undefined ? 'wrong' : 'secret' }) });
    expect((await logIn(client, server)).failure).toBeUndefined();
  });

  test.each([
    ['account-disabled', 'authentication-failed'],
    ['credentials-expired', 'authentication-failed'],
    ['temporary-auth-failure', 'service-busy'],
    ['encryption-required', 'encryption-not-available'],
  ])('tells of %s as %s, with the words of the server', async (reason, condition) => {
    const failure = `<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><${reason}/><text xml:lang='en'>Call us.</text></failure>`;
    const server = await rig.serve({ misbehave: { failure: () => failure } });
    const outcome = await logIn(rig.client(server, { password: 'wrong' }), server);
    expect(outcome.failure).toMatchObject({ condition, details: { 'debug-message': reason, 'server-message': 'Call us.' } });
  });

  test('follows a conversation that someone else leads', async () => {
    const server = await rig.serve({ mechanisms: ['PLAIN'] });
    let succeeded = '-';
    const client = rig.client(server, {
      credentials: () =>
        Promise.resolve({
          kind: 'mechanism',
          name: 'PLAIN',
          respond: (challenge) => Promise.resolve(Buffer.from(challenge.length === 0 ? '\0alice\0secret' : '')),
          succeeded: (data) => {
            succeeded = Buffer.from(data).toString();
            return Promise.resolve();
          },
        }),
    });
    expect((await logIn(client, server)).failure).toBeUndefined();
    expect(succeeded).toBe('');
  });

  test('ends when that someone refuses the success of the server', async () => {
    const server = await rig.serve({ mechanisms: ['PLAIN'] });
    const refusal = new HushError('authentication-failed', 'no proof');
    const client = rig.client(server, {
      credentials: () => Promise.resolve({ kind: 'mechanism', name: 'PLAIN', initial: Buffer.from('\0alice\0secret'), respond: () => Promise.reject(refusal), succeeded: () => Promise.reject(refusal) }),
    });
    expect((await logIn(client, server)).failure).toBe(refusal);
  });

  test.each([
    ['a resource in use is already connected', 'conflict', 'already-connected'],
    ['a resource that may not be had', 'not-allowed', 'permission-denied'],
  ])('%s, and the server’s words come along', async (_name, condition, ours) => {
    const error = `<error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>not now</text></error>`;
    const server = await rig.serve({ misbehave: { bound: (honest) => `<iq type='error' id=${/id=('[^']*')/.exec(honest)![1]!}>${error}</iq>` } });
    expect((await logIn(rig.client(server), server)).failure).toMatchObject({ condition: ours, details: { 'debug-message': condition, 'server-message': 'not now' } });
  });

  test('another address than ours is not accepted at bind', async () => {
    const server = await rig.serve({ misbehave: { bound: (honest) => honest.replace('alice@', 'mallory@') } });
    expect((await logIn(rig.client(server), server)).failure?.condition).toBe('service-confused');
  });

  test('an answer to another request is none', async () => {
    const server = await rig.serve({ misbehave: { bound: (honest) => honest.replace(/id='[^']*'/, "id='other'") } });
    expect((await logIn(rig.client(server), server)).failure?.condition).toBe('service-confused');
  });

  test('a server that still wants a session gets one', async () => {
    const server = await rig.serve({ streamManagement: false, misbehave: { 'features-after-auth': (honest) => honest.replace('</stream:features>', "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></stream:features>") } });
    const client = rig.client(server);
    const accepted = server.accept();
    const connected = connecting(client);
    const session = await accepted;
    session.answersByItself = false;
    await session.login();
    const request = await session.expect({ name: 'iq', with: ['session', 'urn:ietf:params:xml:ns:xmpp-session'] });
    session.send(`<iq type='result' id='${request.attrs.id!}'/>`);
    expect(await connected).toBeUndefined();
  });
});

describe('a server that dies in the middle', () => {
  const steps: readonly Step[] = ['header', 'features-before-tls', 'proceed', 'features-before-auth', 'challenge', 'success', 'features-after-auth', 'bound'];

  test.each(steps)('at %s: the login fails as a network error, at once', async (step) => {
    const server = await rig.serve();
    server.misbehave = {
      [step]: () => {
        server.sessions[0]!.destroy();
        return '';
      },
    };
    const started = performance.now();
    const { failure } = await logIn(rig.client(server), server);
    expect(failure?.condition).toBe('network-error');
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test('in the TLS handshake: as well', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.destroy())).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect((await connecting(rig.client(port, { directTls: true })))?.condition).toBe('network-error');
    server.close();
  });
});

describe('a certificate that is not accepted', () => {
  test('ends the login before anything is said over it [B4]', async () => {
    const server = await rig.serve({ tls: await rig.folder.issue(rig.authority, { dns: ['other.test'] }) });
    const { failure, session } = await logIn(rig.client(server), server);
    expect(failure?.condition).toBe('certificate-hostname-mismatch');
    expect(session.tlsText).toBe('');
  });

  test('is shown to the owner, who may accept it [B4]', async () => {
    const server = await rig.serve({ tls: await rig.folder.selfSigned({ dns: ['example.test'] }) });
    let seen: unknown;
    const client = rig.client(server, {
      referenceIdentities: ['example.test', 'hosting.test'],
      judgeCertificate: ({ chain, hostname, referenceIdentities, error }) => {
        seen = { length: chain.length, hostname, referenceIdentities, condition: error.condition };
        return Promise.resolve();
      },
    });
    expect((await logIn(client, server)).failure).toBeUndefined();
    expect(seen).toEqual({ length: 1, hostname: 'example.test', referenceIdentities: ['example.test', 'hosting.test'], condition: 'certificate-self-signed' });
    expect(client).toMatchObject({ isEncrypted: true, isVerified: false });
  });

  test('is not waited for when the server goes away meanwhile', async () => {
    const server = await rig.serve({ tls: await rig.folder.selfSigned({ dns: ['example.test'] }) });
    const client = rig.client(server, {
      judgeCertificate: () => {
        server.sessions[0]!.destroy();
        return new Promise(() => undefined);
      },
    });
    expect((await logIn(client, server)).failure?.condition).toBe('network-error');
  });

  test('may be looked at for longer than a login may take', async () => {
    const server = await rig.serve({ tls: await rig.folder.selfSigned({ dns: ['example.test'] }) });
    const client = rig.client(server, { surroundings: { loginMs: 400 }, judgeCertificate: () => new Promise((resolve) => setTimeout(resolve, 600)) });
    expect((await logIn(client, server)).failure).toBeUndefined();
  });
});

describe('where to connect', () => {
  test('is tried in the order of SRV, and the certificate must name the account all the same [B4 B12]', async () => {
    const server = await rig.serve();
    const asked: string[] = [];
    const resolveSrv = (name: string): Promise<SrvRecord[]> => {
      asked.push(name);
      return Promise.resolve(name.startsWith('_xmpp-client') ? [record('localhost', server.port, 5), record('does-not-exist.invalid', 5222, 1)] : []);
    };
    expect((await logIn(rig.client(server, { host: null, surroundings: { resolveSrv } }), server)).failure).toBeUndefined();
    expect(asked).toEqual(['_xmpp-client._tcp.example.test', '_xmpps-client._tcp.example.test']);
    const other = await rig.serve({ tls: await rig.folder.issue(rig.authority, { dns: ['localhost'] }) });
    const elsewhere = (): Promise<SrvRecord[]> => Promise.resolve([record('localhost', other.port)]);
    expect((await logIn(rig.client(other, { host: null, surroundings: { resolveSrv: elsewhere } }), other)).failure?.condition).toBe('certificate-hostname-mismatch');
  });

  test('nobody listening is connection refused', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    listener.close();
    expect(await connecting(rig.client(port))).toMatchObject({ condition: 'connection-refused', details: { 'debug-message': 'ECONNREFUSED' } });
  });

  test('a name that does not exist is a network error', async () => {
    const server = await rig.serve();
    expect((await connecting(rig.client(server, { host: 'does-not-exist.invalid' })))?.condition).toBe('network-error');
  });

  test('a fallback server is used when the others do not answer', async () => {
    const server = await rig.serve();
    const client = rig.client(server, { host: 'does-not-exist.invalid', fallbackServers: [`127.0.0.1:${server.port},starttls`] });
    expect((await logIn(client, server)).failure).toBeUndefined();
  });

  test('a server that is silent is given up', async () => {
    const server = await rig.serve();
    const client = rig.client(server, { surroundings: { loginMs: 200 } });
    expect((await connecting(client))?.condition).toBe('network-error');
    await (await server.accept()).ended();
  });

  test('a login can be cancelled', async () => {
    const server = await rig.serve();
    const client = rig.client(server);
    const controller = new AbortController();
    const outcome = connecting(client, controller.signal);
    const session = await server.accept();
    await session.openStream();
    controller.abort();
    expect((await outcome)?.condition).toBe('cancelled');
    await session.ended();
  });

  test('closing during a login ends it', async () => {
    const server = await rig.serve();
    const client = rig.client(server);
    const outcome = connecting(client);
    const session = await server.accept();
    await session.openStream();
    await client.close();
    expect((await outcome)?.condition).toBe('cancelled');
    await session.ended();
  });
});
