/** One account: its stream, its connection on the bus, the gate between the two, and the features. */
import { setTimeout } from 'node:timers/promises';
import type { Bus } from './bus/connection.ts';
import { HushError } from './errors.ts';
import { Authentication } from './features/authentication/authentication.ts';
import type { Account, AccountSettings } from './features/feature.ts';
import { features } from './features/index.ts';
import { Notices } from './features/notices.ts';
import { bareJid } from './features/trust/memories.ts';
import type { Memory } from './features/trust/memories.ts';
import type { Log } from './log.ts';
import { managerName, protocolName, version } from './names.ts';
import { AccountAuthority } from './security/authority.ts';
import { Conversations } from './security/conversations.ts';
import { Gate } from './security/gate.ts';
import { GivenIdentity } from './security/identities.ts';
import type { Identities } from './security/identities.ts';
import { mechanisms } from './security/mechanisms/index.ts';
import { Anchors } from './security/pkix.ts';
import { Trust } from './security/trust.ts';
import type { Policy } from './security/trust.ts';
import { BaseConnection } from './telepathy/base-connection.ts';
import { XmppClient } from './xmpp/client.ts';
import { bareOf, domainOf, isFull } from './xmpp/jid.ts';
import type { BareJid, FullJid } from './xmpp/jid.ts';
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
  /** What is known of this account and its contacts from before. */
  readonly memory: Memory;
  readonly policy: Policy;
  /** A file with an identity to use instead of the account's own. */
  readonly identityFile: string | undefined;
  /** A file of authorities that vouch for contacts. */
  readonly anchorsFile: string | undefined;
}

/** Milliseconds. */
const limits = { goodbye: 1000 } as const;

/** The URI of this program in entity capabilities. XEP-0115 §4 */
const capsNode = 'urn:x-telepathy-hush';

/** A connection that is not on the bus yet and has done nothing yet. Throws HushError for an account that can have none. */
export function newConnection(bus: Bus, log: Log, options: AccountOptions): BaseConnection {
  const { account, settings } = options;
  const accountLog = log.child({ account });
  const authentication = new Authentication({
    connection: () => connection,
    account,
    password: options.password,
    ignoresCertificateErrors: options.ignoresCertificateErrors,
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
    lifecycle: {
      async connect(signal) {
        await Promise.all([client.connect(signal), trust.ready(), anchors.load(options.anchorsFile, accountLog)]);
      },
      async disconnect() {
        // Sessions end in an authenticated way if their last bytes leave at once; nobody waits long for a contact.
        await Promise.race([conversations.close(), setTimeout(limits.goodbye)]);
        await client.close();
      },
    },
  });

  const roster = new Roster(client);
  const presence = new PresenceTracker(client, roster);
  const disco = new Disco(client);
  disco.identity('client', 'pc', 'hush');
  answerPing(client, disco);
  answerVersion(client, disco, { name: 'hush', version });
  const anchors = new Anchors(bareJid);
  const trust = new Trust({
    keeper: options.memory.store,
    policy: options.policy,
    mechanisms: mechanisms.secured.map(({ name }) => name),
    isVouchedFor: (jid, certificate) => anchors.vouches(jid, certificate),
    log: accountLog,
  });
  connection.events.on('ended', () => trust.end());
  // Made or read while nobody waits for it: the first conversation needs it at once.
  connection.events.on('connected', () => {
    if (trust.accountPolicy !== 'off') connection.tasks.run('identity', async () => {
      await identities.get();
    });
  });
  const identities: Identities =
    options.identityFile === undefined ? options.memory.identities : new GivenIdentity({ path: options.identityFile, account, bareJid, log: accountLog });
  const notices = new Notices({ bus, tasks: connection.tasks, log: accountLog, isOn: settings.notices });
  const caps = new Caps(client, disco, presence, capsNode);
  const authority = new AccountAuthority({
    trust,
    identities,
    demands: (peer) => conversations.demandsOf(peer),
    accepts: (peer, isSubscribed) => conversations.accepts(bareOf(peer), isSubscribed),
    foreignKey: (peer, spki) => {
      notices.show('key-changed', peer);
      connection.tasks.run('changed key', () => trust.changed(peer, spki, 'xtls'));
    },
  });
  const capabilities = {
    known: (peer: FullJid) => caps.of(peer)?.features,
    ask: async (peer: FullJid) => (await caps.discover(peer))?.features,
  };
  const secured = mechanisms.secured.map((mechanism) => mechanism.create({ stream: client, capabilities, authority, log: accountLog }));
  announceWhileWanted(secured.flatMap(({ features: names }) => names), disco, trust);
  const conversations: Conversations = new Conversations({
    trust,
    mechanisms: secured,
    bareOf,
    resources: (peer) => resourcesOf(presence, peer),
    isSeenBy: (peer) => client.router.isSeenBy(peer),
    gate: () => gate,
    tasks: connection.tasks,
    log: accountLog,
  });
  const gate: Gate = new Gate({
    plain: mechanisms.plain((stanza) => client.send(stanza)),
    stanceOf: (conversation) => conversations.stanceOf(conversation),
    onWaiting: (conversation) => conversations.waits(conversation),
    log: accountLog,
  });
  const services: Account = {
    connection,
    client,
    bus,
    gate,
    conversations,
    trust,
    identities,
    settings,
    notices,
    log: accountLog,
    roster,
    presence,
    disco,
    caps,
    pep: new Pep(client, disco, roster),
    vcards: new VCards(client),
    handleOf: (jid) => connection.handles.ensure(bareOf(jid)),
    // What stands behind a handle is what `normalize` made of it.
    jidOf: (handle) => connection.handles.id(handle) as BareJid,
  };
  for (const feature of features) feature.attach(services);
  slowDownWith(bus, client, gate, accountLog);
  // Without a stream no session can be ended in order; what was sent inside and never acknowledged is reported.
  connection.events.on('leaving', () => {
    if (client.isSuspended) conversations.lost();
  });
  client.events.on('closed', (error) => {
    // Sessions end first: what was sent inside and never acknowledged is reported while there are channels to report in.
    conversations.lost();
    connection.tasks.run('stream closed', () => connection.end(error ?? new HushError('connection-lost', 'the server has closed the stream')));
  });
  return connection;
}

/** Reads no more from the server than the bus can take. */
function slowDownWith(bus: Bus, client: XmppClient, gate: Gate, log: Log): void {
  let isHeld = false;
  gate.onOpened(() => {
    if (isHeld || !bus.isCongested) return;
    isHeld = true;
    client.pause();
    log.debug('the bus is slow: reading stops');
    const goOn = (): void => {
      isHeld = false;
      client.resume();
    };
    bus.drained().then(goOn, goOn);
  });
}

/** Says that conversations can be secured, as long as the user has not switched that off for everybody. */
function announceWhileWanted(names: readonly string[], disco: Disco, trust: Trust): void {
  let withdraw: (() => void)[] = [];
  const update = (): void => {
    for (const one of withdraw) one();
    withdraw = trust.accountPolicy === 'off' ? [] : names.map((name) => disco.feature(name));
  };
  trust.events.on('accountPolicyChanged', update);
  update();
}

/** The resources of a contact that are there, best first: of several with the same priority the one heard of last, for a server may keep one that is gone. One with negative priority takes part in no conversation. */
function resourcesOf(presence: PresenceTracker, peer: BareJid): FullJid[] {
  return [...presence.of(peer).values()]
    .filter(({ priority }) => priority >= 0)
    .reverse()
    .sort((a, b) => b.priority - a.priority)
    .flatMap(({ jid }) => (isFull(jid) ? [jid] : []));
}
