/** One account: its stream, its connection on the bus, the gate between the two, and the features. */
import type { Bus } from './bus/connection.ts';
import { Authentication } from './features/authentication/authentication.ts';
import type { Account, AccountSettings } from './features/feature.ts';
import { features } from './features/index.ts';
import type { Log } from './log.ts';
import { managerName, protocolName, version } from './names.ts';
import { Gate } from './security/gate.ts';
import { mechanisms } from './security/mechanisms/index.ts';
import { BaseConnection } from './telepathy/base-connection.ts';
import { XmppClient } from './xmpp/client.ts';
import { bareOf, domainOf, parseBareJid } from './xmpp/jid.ts';
import type { BareJid } from './xmpp/jid.ts';
import { PresenceTracker } from './xmpp/presence.ts';
import { Roster } from './xmpp/roster.ts';
import { Disco } from './xmpp/xep0030-disco.ts';
import { VCards } from './xmpp/xep0054-vcard.ts';
import { answerVersion } from './xmpp/xep0092-version.ts';
import { Caps } from './xmpp/xep0115-caps.ts';
import { Pep } from './xmpp/xep0163-pep.ts';
import { answerPing } from './xmpp/xep0199-ping.ts';

/** What an account was asked for with. */
export interface AccountOptions {
  /** The account as one element of a path. */
  readonly uniqueName: string;
  readonly normalize: (id: string) => BareJid;
  readonly account: BareJid;
  readonly resource: string | undefined;
  readonly password: string | undefined;
  /** undefined = what DNS says. */
  readonly server: string | undefined;
  readonly port: number;
  readonly fallbackServers: readonly string[];
  readonly directTls: boolean;
  readonly requireEncryption: boolean;
  readonly ignoresCertificateErrors: boolean;
  /** Names beside the account's domain that the server's certificate may have. */
  readonly extraIdentities: readonly string[];
  readonly keepaliveSeconds: number;
  readonly settings: AccountSettings;
}

/** The URI of this program in entity capabilities. XEP-0115 §4 */
const capsNode = 'urn:x-telepathy-hush';

/** A connection that is not on the bus yet and has done nothing yet. Throws HushError for an account that can have none. */
export function newConnection(bus: Bus, log: Log, options: AccountOptions): BaseConnection {
  const { account, settings } = options;
  const accountLog = log.child({ account });
  const authentication: Authentication = new Authentication({
    connection: () => connection,
    account,
    password: options.password,
    ignoresCertificateErrors: options.ignoresCertificateErrors,
    isVerified: () => client.isVerified,
  });
  const client: XmppClient = new XmppClient({
    account,
    ...(options.resource !== undefined && { resource: options.resource }),
    ...(options.server !== undefined && { server: options.server, port: options.port }),
    fallbackServers: options.fallbackServers,
    directTls: options.directTls,
    requireEncryption: options.requireEncryption,
    keepaliveSeconds: options.keepaliveSeconds,
    referenceIdentities: [domainOf(account), ...options.extraIdentities],
    credentials: (request) => authentication.credentials(request),
    judgeCertificate: (problem) => authentication.judgeCertificate(problem),
    log: accountLog,
  });
  const connection: BaseConnection = new BaseConnection({
    bus,
    manager: managerName,
    protocol: protocolName,
    uniqueName: options.uniqueName,
    selfId: account,
    normalize: options.normalize,
    log: accountLog,
    lifecycle: { connect: (signal) => client.connect(signal), disconnect: () => client.close() },
  });

  const roster = new Roster(client);
  const presence = new PresenceTracker(client, roster);
  const disco = new Disco(client);
  disco.identity('client', 'pc', 'hush');
  answerPing(client, disco);
  answerVersion(client, disco, { name: 'hush', version });
  const gate = new Gate({ plain: mechanisms.plain((stanza) => client.send(stanza)), log: accountLog });
  const services: Account = {
    connection,
    client,
    gate,
    settings,
    log: accountLog,
    roster,
    presence,
    disco,
    caps: new Caps(client, disco, presence, capsNode),
    pep: new Pep(client, disco, roster),
    vcards: new VCards(client),
    handleOf: (jid) => connection.handles.ensure(bareOf(jid)),
    jidOf: (handle) => parseBareJid(connection.handles.id(handle)),
  };
  for (const feature of features) feature.attach(services);
  client.events.on('closed', (error) => connection.tasks.run('stream closed', () => connection.end(error)));
  return connection;
}
