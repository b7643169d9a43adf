/** The user's side of trust. Connection.Interface.Security (ours; interfaces/ says what each member means). */
import type { Implementation } from '../../bus/object.ts';
import { demand } from '../../errors.ts';
import type { Identities } from '../../security/identities.ts';
import { Level, policies } from '../../security/trust-record.ts';
import type { Policy } from '../../security/trust-record.ts';
import type { Trust } from '../../security/trust.ts';
import type { BaseConnection } from '../../telepathy/base-connection.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import type { Account } from '../feature.ts';
import { bareJid } from './memories.ts';

const SECURITY = 'org.freedesktop.Telepathy.Connection.Interface.Security';

export function attachSecurity({ connection, identities, notices, trust }: Account): void {
  connection.addInterface(SECURITY, {
    methods: {
      ListPeers: async () => {
        await readable(trust);
        return trust.list().map(({ jid, mechanism, fingerprint, trust: level, lastSeen }) => [jid, mechanism, fingerprint, level, lastSeen] as const);
      },
      SetPeerPolicy: (_call, jid, policy) => trust.setContactPolicy(contactOf(jid), policy === '' ? undefined : policyOf(policy)),
      GetPeerPolicy: async (_call, jid) => {
        const contact = contactOf(jid);
        await readable(trust);
        return trust.contactPolicy(contact) ?? '';
      },
      ForgetPeer: (_call, jid) => (jid === '' ? trust.reset() : trust.forget(contactOf(jid))),
      AcceptKey: (_call, jid, fingerprint) => trust.acceptKey(contactOf(jid), fingerprint),
      ImportIdentity: (_call, path, passphrase) => identities.import(path, passphrase),
      RenewIdentity: () => identities.renew(),
      ReplaceIdentity: () => identities.replace(),
    },
    properties: {
      Policy: { get: () => trust.accountPolicy, set: (policy) => trust.setAccountPolicy(policyOf(policy)) },
      MechanismOrder: { get: () => trust.mechanismOrder, set: (names) => trust.setMechanismOrder(names) },
      IdentityFingerprint: () => identities.fingerprint,
    },
  } satisfies Implementation<typeof SECURITY>);
  announce(connection, trust, identities);
  const stop = trust.events.on('trustChanged', (jid, _fingerprint, old, now) => {
    if (old === Level.unknown && now === Level.seen && trust.list(jid).length > 1) notices.show('new-key', jid);
  });
  connection.events.on('ended', stop);
}

/** Every change, whoever made it: this connection, another one of the account, a session. */
function announce(connection: BaseConnection, trust: Trust, identities: Identities): void {
  // Another connection of the account may change what is known while this one is not on the bus yet.
  const told = (tell: () => void): void => {
    if (connection.isExported) tell();
  };
  const known = { order: trust.mechanismOrder.join(), fingerprint: identities.fingerprint };
  const stops = [
    trust.events.on('trustChanged', (jid, fingerprint, old, now) => told(() => connection.object.emit(SECURITY, 'PeerTrustChanged', jid, fingerprint, old, now))),
    trust.events.on('policyChanged', (jid, old, now) => told(() => connection.object.emit(SECURITY, 'PeerPolicyChanged', jid, old, now))),
    trust.events.on('accountPolicyChanged', () => told(() => connection.object.changed(SECURITY, 'Policy'))),
    trust.events.on('mechanismOrderChanged', () => told(() => connection.object.changed(SECURITY, 'MechanismOrder'))),
    identities.events.on('changed', () => told(() => connection.object.changed(SECURITY, 'IdentityFingerprint'))),
    // What is remembered was not read yet when the connection came to the bus.
    connection.events.on('beforeConnected', () => {
      if (trust.mechanismOrder.join() !== known.order) connection.object.changed(SECURITY, 'MechanismOrder');
      if (identities.fingerprint !== known.fingerprint) connection.object.changed(SECURITY, 'IdentityFingerprint');
    }),
  ];
  connection.events.on('ended', () => {
    for (const stop of stops) stop();
  });
}

/** Throws where nothing can be said of any contact. */
async function readable(trust: Trust): Promise<void> {
  await trust.ready();
  if (trust.problem !== undefined) throw trust.problem;
}

function contactOf(text: string): BareJid {
  const contact = bareJid(text);
  demand(contact !== undefined, 'invalid-argument', 'not the bare JID of a contact');
  return contact;
}

function policyOf(text: string): Policy {
  const policy = policies.find((one) => one === text);
  demand(policy !== undefined, 'invalid-argument', `a policy is one of ${policies.join(', ')}`);
  return policy;
}
