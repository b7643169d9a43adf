/** Protocol "jabber": its parameters, its identifiers, and how a connection is asked for. */
import type { Bus } from './bus/connection.ts';
import { escapeElement } from './bus/types.ts';
import { newConnection } from './connection.ts';
import { demand, HushError } from './errors.ts';
import { addressing } from './features/contacts/addressing.ts';
import { avatarRequirements } from './features/contacts/avatars.ts';
import { statuses } from './features/contacts/presence.ts';
import { features } from './features/index.ts';
import { Memories } from './features/trust/memories.ts';
import type { Log } from './log.ts';
import { protocolName } from './names.ts';
import { policies } from './security/trust-record.ts';
import type { Policy } from './security/trust-record.ts';
import { CONTACTS, ParameterFlag, REQUESTS } from './telepathy/constants.ts';
import type { Parameters, ParameterSpec } from './telepathy/parameters.ts';
import type { ProtocolDefinition } from './telepathy/protocol-object.ts';
import { parseBareJid, fullJid, localOf, tryJid } from './xmpp/jid.ts';
import type { BareJid } from './xmpp/jid.ts';




const { required, secret, dbusProperty } = ParameterFlag;

/** Every parameter an account may have; data/hush.manager says the same to clients that do not start hush to ask. */
export const parameters = [
  { name: 'account', signature: 's', flags: required },
  { name: 'password', signature: 's', flags: secret },
  { name: 'server', signature: 's', flags: 0 },
  { name: 'port', signature: 'q', flags: 0, default: 5222 },
  { name: 'resource', signature: 's', flags: 0 },
  { name: 'priority', signature: 'n', flags: 0, default: 0 },
  { name: 'old-ssl', signature: 'b', flags: 0, default: false },
  { name: 'require-encryption', signature: 'b', flags: 0, default: true },
  { name: 'ignore-ssl-errors', signature: 'b', flags: 0, default: false },
  { name: 'extra-certificate-identities', signature: 'as', flags: 0, default: [] },
  { name: 'fallback-servers', signature: 'as', flags: 0, default: [] },
  { name: 'keepalive-interval', signature: 'u', flags: 0, default: 30 },
  { name: 'alias', signature: 's', flags: 0 },
  { name: 'message-carbons', signature: 'b', flags: 0, default: false },
  { name: 'security-notices', signature: 'b', flags: 0, default: true },
  { name: 'security-identity', signature: 's', flags: 0 },
  { name: 'security-trust-anchors', signature: 's', flags: 0 },
  { name: 'org.freedesktop.Telepathy.Connection.Interface.Security.Policy', signature: 's', flags: dbusProperty, default: 'opportunistic' },
  { name: 'org.freedesktop.Telepathy.Connection.Interface.ContactList.DownloadAtConnection', signature: 'b', flags: dbusProperty, default: true },
] as const satisfies readonly ParameterSpec[];

type Spec = (typeof parameters)[number];
type Named<Signature extends string> = Extract<Spec, { signature: Signature }>['name'];

/** Checked parameters with their types. The casts are safe: `checkParameters` has compared every value with its signature and filled in the defaults. */
class Given {
  readonly #given: Parameters;

  constructor(given: Parameters) {
    this.#given = given;
  }

  /** '' where it was not given. */
  text(name: Named<'s'>): string {
    return (this.#given.get(name) as string | undefined) ?? '';
  }
  texts(name: Named<'as'>): string[] {
    return this.#given.get(name) as string[];
  }
  flag(name: Named<'b'>): boolean {
    return this.#given.get(name) as boolean;
  }
  number(name: Named<'q' | 'n' | 'u'>): number {
    return this.#given.get(name) as number;
  }
}

/** The account's bare JID. A resource in it is the user's wish for one. */
function accountOf(given: Given): { account: BareJid; resource: string | undefined } {
  const text = given.text('account');
  const jid = tryJid(text);
  demand(jid !== undefined && localOf(jid) !== '', 'invalid-argument', "parameter 'account' must be a JID like name@domain");
  const slash = jid.indexOf('/');
  const bare = parseBareJid(slash < 0 ? jid : jid.slice(0, slash));
  const resource = given.text('resource') || (slash < 0 ? '' : jid.slice(slash + 1));
  return { account: bare, resource: resource === '' ? undefined : resource };
}

/** The one spelling of a contact: a bare JID. Throws HushError('invalid-handle'). */
export function normalizeContact(id: string): BareJid {
  const jid = tryJid(id);
  if (jid === undefined) throw new HushError('invalid-handle', 'not a JID');
  const slash = jid.indexOf('/');
  return parseBareJid(slash < 0 ? jid : jid.slice(0, slash));
}

/** The protocol as the connection manager exports it; its connections live on `bus`. `dataHome`: the user's data folder, '' = there is none. */
export function protocolFor(bus: Bus, dataHome: string, log: Log): ProtocolDefinition {
  const memories = new Memories({ bus, dataHome, log });
  return {
    name: protocolName,
    englishName: 'Jabber (hush)',
    icon: 'im-jabber',
    vcardField: 'x-jabber',
    parameters,
    connectionInterfaces: [CONTACTS, REQUESTS, ...features.flatMap((feature) => feature.interfaces)],
    authenticationTypes: [
      'org.freedesktop.Telepathy.Channel.Type.ServerTLSConnection',
      'org.freedesktop.Telepathy.Channel.Interface.SASLAuthentication',
    ],
    classes: features.flatMap((feature) => feature.classes),
    statuses,
    avatars: avatarRequirements,
    addressing,
    identify: (given) => accountOf(new Given(given)).account,
    normalize: normalizeContact,
    newConnection(checked) {
      const given = new Given(checked);
      const { account, resource } = accountOf(given);
      if (resource !== undefined) checkResource(account, resource);
      const server = given.text('server');
      const port = given.number('port');
      const password = given.text('password');
      return Promise.resolve(
        newConnection(bus, log, {
          uniqueName: escapeElement(resource === undefined ? account : `${account}/${resource}`),
          normalize: normalizeContact,
          account,
          resource,
          password: password === '' ? undefined : password,
          // A port other than the default is a wish of its own; the default one is what DNS may overrule.
          server: server !== '' ? server : port === 5222 ? undefined : account.slice(account.indexOf('@') + 1),
          port,
          fallbackServers: given.texts('fallback-servers'),
          directTls: given.flag('old-ssl'),
          requireEncryption: given.flag('require-encryption'),
          ignoresCertificateErrors: given.flag('ignore-ssl-errors'),
          extraIdentities: given.texts('extra-certificate-identities'),
          keepaliveSeconds: given.number('keepalive-interval'),
          settings: {
            alias: given.text('alias'),
            priority: priorityOf(given),
            carbons: given.flag('message-carbons'),
            notices: given.flag('security-notices'),
            downloadsRoster: given.flag('org.freedesktop.Telepathy.Connection.Interface.ContactList.DownloadAtConnection'),
          },
          memory: memories.of(account),
          policy: policyOf(given),
          identityFile: fileOf(given, 'security-identity'),
          anchorsFile: fileOf(given, 'security-trust-anchors'),
        }),
      );
    },
  };
}

function checkResource(account: BareJid, resource: string): void {
  try {
    fullJid(account, resource);
  } catch (error) {
    throw new HushError('invalid-argument', "parameter 'resource' is no resource", { cause: error });
  }
}

function priorityOf(given: Given): number {
  const priority = given.number('priority');
  demand(priority >= -128 && priority <= 127, 'invalid-argument', "parameter 'priority' must be between -128 and 127");
  return priority;
}

function policyOf(given: Given): Policy {
  const policy = policies.find((one) => one === given.text('org.freedesktop.Telepathy.Connection.Interface.Security.Policy'));
  demand(policy !== undefined, 'invalid-argument', `parameter 'org.freedesktop.Telepathy.Connection.Interface.Security.Policy' must be one of ${policies.join(', ')}`);
  return policy;
}

/** The path in a parameter; undefined where it was not given. */
function fileOf(given: Given, name: 'security-identity' | 'security-trust-anchors'): string | undefined {
  const path = given.text(name);
  demand(path === '' || path.startsWith('/'), 'invalid-argument', `parameter '${name}' must be an absolute path`);
  return path === '' ? undefined : path;
}
