/** Clients and scripted servers for tests of the stream. */
import { CertificateFolder } from '../harness/certificates.ts';
import type { Certificate } from '../harness/certificates.ts';
import { startScriptedServer } from '../harness/xmpp-server.ts';
import type { ScriptedServer, ScriptedServerOptions, ScriptedSession } from '../harness/xmpp-server.ts';
import { XmppClient } from '../../src/xmpp/client.ts';
import type { ClientEvents, ClientOptions, Surroundings } from '../../src/xmpp/client.ts';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';

export interface TestClientOptions extends Partial<Omit<ClientOptions, 'account'>> {
  readonly account?: string;
  /** null: SRV decides. */
  readonly host?: string | null;
  /** Default 'secret'. */
  readonly password?: string;
  readonly surroundings?: Surroundings;
}

/** A client of alice@example.test that asks nobody: the password is known, a certificate that is not accepted ends the login. */
export function testClient(port: number, { account = 'alice@example.test', password = 'secret', host = '127.0.0.1', surroundings, ...options }: TestClientOptions = {}): XmppClient {
  const jid = parseBareJid(account);
  return new XmppClient(
    {
      account: jid,
      ...(host !== null && { server: host, port }),
      directTls: false,
      requireEncryption: true,
      keepaliveSeconds: 0,
      referenceIdentities: [jid.slice(jid.indexOf('@') + 1)],
      credentials: ({ previousFailure }) => (previousFailure === undefined ? Promise.resolve({ kind: 'password', password }) : Promise.reject(previousFailure)),
      judgeCertificate: ({ error }) => Promise.reject(error),
      log: silentLog,
      ...options,
    },
    { strongest: new Map(), closeMs: 50, ...surroundings },
  );
}

/** Connects; resolves with the failure, undefined for success. */
export async function connecting(client: XmppClient, signal: AbortSignal = new AbortController().signal): Promise<HushError | undefined> {
  try {
    await client.connect(signal);
    return undefined;
  } catch (error) {
    if (error instanceof HushError) return error;
    throw error;
  }
}

/** Connects while the server runs its script for the next connection. */
export async function logIn(client: XmppClient, server: ScriptedServer): Promise<{ failure: HushError | undefined; session: ScriptedSession }> {
  const session = server.accept();
  const scripted = session.then((accepted) => accepted.login());
  const failure = await connecting(client);
  await scripted;
  return { failure, session: await session };
}

/** The next event of this name. */
export function next<Name extends keyof ClientEvents>(client: XmppClient, name: Name): Promise<ClientEvents[Name]> {
  return new Promise((resolve) => {
    const off = client.events.on(name, (...args) => {
      off();
      resolve(args);
    });
  });
}

/** What the tests of one file share: an authority the clients trust, its certificate for example.test, and the end of everything that was started. */
export class Rig {
  readonly folder: CertificateFolder;
  readonly authority: Certificate;
  readonly leaf: Certificate;
  readonly #servers: ScriptedServer[] = [];
  readonly #clients: XmppClient[] = [];

  private constructor(folder: CertificateFolder, authority: Certificate, leaf: Certificate) {
    this.folder = folder;
    this.authority = authority;
    this.leaf = leaf;
  }

  static async create(): Promise<Rig> {
    const folder = await CertificateFolder.create();
    const authority = await folder.authority();
    return new Rig(folder, authority, await folder.issue(authority, { dns: ['example.test'] }));
  }

  /** With TLS unless `tls` is null. */
  async serve({ tls, ...options }: Omit<ScriptedServerOptions, 'tls'> & { tls?: { key: string; cert: string } | null } = {}): Promise<ScriptedServer> {
    const server = await startScriptedServer({ ...(tls !== null && { tls: { ...(tls ?? this.leaf) } }), ...options });
    this.#servers.push(server);
    return server;
  }

  /** A client of this port that trusts the authority. */
  client(port: number | ScriptedServer, options: TestClientOptions = {}): XmppClient {
    const surroundings = { authorities: { ca: this.authority.cert }, ...options.surroundings };
    const client = testClient(typeof port === 'number' ? port : port.port, { ...options, surroundings });
    this.#clients.push(client);
    return client;
  }

  /** After each test. */
  async clear(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
    await Promise.all(this.#servers.splice(0).map((server) => server.close()));
  }

  async end(): Promise<void> {
    await this.folder.remove();
  }
}
