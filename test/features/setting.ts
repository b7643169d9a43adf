/** Where features are seen at work: hush as a process on a bus of its own, a Prosody beside it, and a client that calls and listens. */
import { expect } from '@jest/globals';
import { hushBusName, hushService } from '../harness/hush.ts';
import { EventQueue } from '../harness/events.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody, ProsodyOptions } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { SlixmppPeer } from '../harness/slixmpp-peer.ts';
import { TelepathyClient } from '../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../harness/telepathy-client.ts';
import { startScriptedServer } from '../harness/xmpp-server.ts';
import type { ScriptedServer, ScriptedServerOptions, ScriptedSession } from '../harness/xmpp-server.ts';

export type AccountParameters = Parameters<TelepathyClient['requestConnection']>[0];

/** Every user's password. */
export const password = 'secret';

export class Setting {
  readonly prosody: Prosody;
  readonly session: Session;
  /** What slixmpp peers report. */
  readonly peerEvents = new EventQueue();
  readonly #peers: SlixmppPeer[] = [];
  readonly #servers: ScriptedServer[] = [];

  private constructor(prosody: Prosody, session: Session) {
    this.prosody = prosody;
    this.session = session;
  }

  /** `users`: names of those who have an account. `caFile`: whom hush trusts, by default who signed the Prosody's certificate. The caller stops it. */
  static async start(users: readonly string[], options: ProsodyOptions = {}, caFile?: string): Promise<Setting> {
    const prosody = await startProsody({ ...options, users: Object.fromEntries(users.map((user) => [user, password])) });
    try {
      return new Setting(prosody, await startSession([hushService({ caFile: caFile ?? prosody.caFile, persist: true })]));
    } catch (error) {
      await prosody.stop();
      throw error;
    }
  }

  jid(user: string): string {
    return this.prosody.jid(user);
  }

  /** A connection of a user that is not connected yet; its events are a queue of their own. */
  request(user: string, more: AccountParameters = {}): Promise<TelepathyConnection> {
    const parameters = { account: this.jid(user), password, server: '127.0.0.1', port: this.prosody.port, ...more };
    return new TelepathyClient(this.session.bus).requestConnection(parameters);
  }

  /** A connection of a user that is online and has the contact list. */
  async connect(user: string, more: AccountParameters = {}): Promise<TelepathyConnection> {
    const connection = await this.request(user, more);
    await connection.connect();
    await connection.contactList();
    return connection;
  }

  /** A slixmpp client that is logged in and has sent no presence yet. */
  async peer(user: string): Promise<SlixmppPeer> {
    const peer = await SlixmppPeer.connect(this.prosody, this.peerEvents, user, password);
    this.#peers.push(peer);
    return peer;
  }

  /** A connection to a server whose words the test writes (without TLS unless it has a certificate), not connected yet, and how to connect it. */
  async scripted(options: ScriptedServerOptions = {}, more: AccountParameters = {}): Promise<{ connection: TelepathyConnection; server: ScriptedServer; connect: (answersByItself?: boolean) => Promise<ScriptedSession> }> {
    const server = await startScriptedServer({ users: { alice: password }, ...options });
    this.#servers.push(server);
    // An account has one connection at a time in a process: the resource tells those of several tests apart.
    const parameters = { account: `alice@${server.domain}`, resource: `r${this.#servers.length}`, password, server: '127.0.0.1', port: server.port, 'require-encryption': options.tls !== undefined, ...more };
    const connection = await new TelepathyClient(this.session.bus).requestConnection(parameters);
    const connect = async (answersByItself = true): Promise<ScriptedSession> => {
      const online = connection.connect();
      const session = await server.accept();
      session.answersByItself = answersByItself;
      const [refusal] = await Promise.all([session.login(), online]);
      if (refusal !== undefined) throw refusal;
      return session;
    };
    return { connection, server, connect };
  }

  /** The process that runs hush; 0 when it is gone. */
  pid(): Promise<number> {
    return this.session.pidOf(hushBusName);
  }

  /** Ends everything. hush must not have written of errors meanwhile, nor anything that is no line of its log. */
  async stop(): Promise<void> {
    const complaints = (await this.session.log('hush')).split('\n').filter((line) => line !== '' && !/^\{"level":[1-4]0,/.test(line));
    for (const peer of this.#peers) await peer.stop();
    for (const server of this.#servers) await server.close();
    await this.session.stop();
    await this.prosody.stop();
    expect(complaints).toEqual([]);
  }
}

/** The D-Bus error name a call fails with, without what all Telepathy names begin with; 'no error' when it does not. */
export async function failure(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    return (error as Error).name.replace('org.freedesktop.Telepathy.Error.', '').replace('org.freedesktop.DBus.Error.', 'DBus.');
  }
}
