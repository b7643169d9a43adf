import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { CertificateFolder } from '../harness/certificates.ts';
import type { Certificate } from '../harness/certificates.ts';
import { startScriptedServer } from '../harness/xmpp-server.ts';
import type { ScriptedServer, ScriptedServerOptions } from '../harness/xmpp-server.ts';
import type { XmppClient } from '../../src/xmpp/client.ts';
import { logIn, testClient } from './test-client.ts';
import type { TestClientOptions } from './test-client.ts';

let folder: CertificateFolder;
let authority: Certificate;
let leaf: Certificate;
const servers: ScriptedServer[] = [];
const clients: XmppClient[] = [];

beforeAll(async () => {
  folder = await CertificateFolder.create();
  authority = await folder.authority();
  leaf = await folder.issue(authority, { dns: ['example.test'] });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(() => folder.remove());

async function serve(options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
  const server = await startScriptedServer({ tls: leaf, ...options });
  servers.push(server);
  return server;
}

function client(server: ScriptedServer, options: TestClientOptions = {}): XmppClient {
  const made = testClient(server.port, { ...options, surroundings: { authorities: { ca: authority.cert }, ...options.surroundings } });
  clients.push(made);
  return made;
}

describe('a login', () => {
  test('goes over STARTTLS and SCRAM with channel binding to a bound resource', async () => {
    const server = await serve();
    const alice = client(server, { resource: 'home' });
    const { failure, session } = await logIn(alice, server);
    expect(failure).toBeUndefined();
    expect(alice).toMatchObject({ jid: 'alice@example.test/home', account: 'alice@example.test', domain: 'example.test', isEncrypted: true, isVerified: true });
    expect(alice.serverFeatures()?.name).toBe('features');
    expect(session.clearText).not.toContain('<auth');
    expect(session.clearText).not.toContain('alice');
    expect(session.tlsText).toContain("SCRAM-SHA-256-PLUS");
    expect(session.tlsText).not.toContain('secret');
  });

  test('goes over direct TLS', async () => {
    const server = await serve({ directTls: true });
    const alice = client(server, { directTls: true });
    expect((await logIn(alice, server)).failure).toBeUndefined();
    expect(alice).toMatchObject({ isEncrypted: true, isVerified: true });
  });

  test('goes without TLS only where that is allowed and none is offered', async () => {
    const server = await startScriptedServer();
    servers.push(server);
    const strict = await logIn(client(server), server);
    expect(strict.failure?.condition).toBe('encryption-not-available');
    expect(strict.session.clearText).not.toContain('<auth');
    const lax = client(server, { requireEncryption: false });
    expect((await logIn(lax, server)).failure).toBeUndefined();
    expect(lax).toMatchObject({ isEncrypted: false, isVerified: false });
  });

  test('fails with a wrong password', async () => {
    const server = await serve();
    const { failure } = await logIn(client(server, { password: 'wrong' }), server);
    expect(failure).toMatchObject({ condition: 'authentication-failed', details: { 'debug-message': 'not-authorized' } });
  });
});
