/** A client for tests against the scripted server, or any other on loopback. */
import type { ScriptedServer, ScriptedSession } from '../harness/xmpp-server.ts';
import { XmppClient } from '../../src/xmpp/client.ts';
import type { ClientEvents, ClientOptions, Surroundings } from '../../src/xmpp/client.ts';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';

export interface TestClientOptions extends Partial<Omit<ClientOptions, 'account'>> {
  readonly account?: string;
  /** Default 'secret'. */
  readonly password?: string;
  readonly surroundings?: Surroundings;
}

/** A client of alice@example.test that asks nobody: the password is known, a certificate that is not accepted ends the login. */
export function testClient(port: number, { account = 'alice@example.test', password = 'secret', surroundings, ...options }: TestClientOptions = {}): XmppClient {
  const jid = parseBareJid(account);
  return new XmppClient(
    {
      account: jid,
      server: '127.0.0.1',
      port,
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
  if (failure === undefined) await scripted;
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
