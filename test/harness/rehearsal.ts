/**
 * What every account goes through, so that V8 has compiled it: two of them log in, show their contacts, become secure and write to each other.
 * `rehearsal.ts PROGRAM`: lets this build of hush do it, and ends it in order. Needs a dbus-daemon and setpriv, and nothing else that Node has not.
 */
import { hushBusName, hushService } from './hush.ts';
import { WireElement } from './lenient-xml.ts';
import { ended, startSession } from './session.ts';
import { TelepathyClient, TextChannel, names, variants } from './telepathy-client.ts';
import type { TelepathyConnection } from './telepathy-client.ts';
import { escapeXml, startScriptedServer } from './xmpp-server.ts';
import type { ScriptedServer, ScriptedSession } from './xmpp-server.ts';

const domain = 'example.test';
const users = ['alice', 'bob'] as const;
/** Connection_Presence_Type_Available */
const available = 2;

/** Contacts beside each other. */
const crowd = Array.from({ length: 8 }, (_, index) => `<item jid='contact${index}@${domain}' name='Contact ${index}' subscription='none'><group>Friends</group></item>`).join('');

function startServer(): Promise<ScriptedServer> {
  return startScriptedServer({
    domain,
    users: Object.fromEntries(users.map((user) => [user, user])),
    answers: ({ ns }, { attrs }, { user }) => {
      const friends = users.filter((one) => one !== user).map((one) => `<item jid='${one}@${domain}' name='${one}' subscription='both'/>`);
      return ns === 'jabber:iq:roster' && attrs.type === 'get' ? `<query xmlns='${ns}'>${friends.join('')}${crowd}</query>` : undefined;
    },
  });
}

function xml({ name, ns, attrs, nodes }: WireElement, around: string): string {
  const given = Object.entries({ ...attrs, ...(ns !== around && { xmlns: ns }) }).map(([key, value]) => ` ${key}='${escapeXml(value)}'`);
  return `<${name}${given.join('')}>${nodes.map((node) => (typeof node === 'string' ? escapeXml(node) : xml(node, ns))).join('')}</${name}>`;
}

/** Hands on what one says to the other, until it leaves. */
async function handOn(from: ScriptedSession, to: ScriptedSession): Promise<void> {
  for (;;) {
    const stanza = await from.expect({ kind: 'any' });
    if (stanza.name === 'close') break;
    const isBroadcast = stanza.name === 'presence' && stanza.attrs.to === undefined;
    if (isBroadcast || stanza.attrs.to?.startsWith(`${to.user}@`) === true) {
      const sent = new WireElement(stanza.name, stanza.ns, { ...stanza.attrs, from: from.jid });
      sent.nodes.push(...stanza.nodes);
      to.send(xml(sent, 'jabber:client'));
    }
  }
  from.end();
}

async function connect(client: TelepathyClient, server: ScriptedServer, user: string): Promise<{ connection: TelepathyConnection; session: ScriptedSession }> {
  const address = { server: '127.0.0.1', port: server.port, 'require-encryption': false };
  const connection = await client.requestConnection({ account: `${user}@${domain}`, password: user, ...address });
  const loggedIn = async (): Promise<ScriptedSession> => {
    const session = await server.accept();
    const failure = await session.login();
    if (failure !== undefined) throw failure;
    return session;
  };
  const [session] = await Promise.all([loggedIn(), connection.connect()]);
  await connection.contactList();
  await connection.call(names.contactList, 'GetContactListAttributes', [names.aliasing, names.presence, names.contactGroups], false);
  return { connection, session };
}

/** A secured conversation, and a word each way. */
async function converse(alice: TelepathyConnection, bob: TelepathyConnection): Promise<void> {
  const contact = await alice.handle(`bob@${domain}`);
  const seen = alice.signal('PresencesChanged', ([presences]) => (presences as Map<number, [number]>).get(contact)?.[0] === available);
  seen.catch(() => undefined);
  const shown = (await alice.attributes(contact, names.presence))[`${names.presence}/presence`] as [number];
  if (shown[0] !== available) await seen;
  const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: `bob@${domain}`, [`${names.securable}.Encrypted`]: true });
  const [, path] = await alice.call(names.requests, 'EnsureChannel', request);
  const asked = new TextChannel(alice, path as string);
  const incoming = bob.incomingText();
  await asked.send('Hello');
  const { channel } = await incoming;
  const pending = await channel.pending();
  await channel.acknowledge(...pending.map(({ id }) => id));
  const received = asked.received(({ text }) => text !== '');
  await channel.send('Hello');
  await asked.acknowledge((await received).id);
  await asked.close();
}

const program = process.argv[2];
const server = await startServer();
const bus = await startSession([hushService({ ...(program !== undefined && { program }), logLevel: 'silent', persist: true })]);
try {
  const client = new TelepathyClient(bus.bus);
  const alice = await connect(client, server, 'alice');
  const bob = await connect(client, server, 'bob');
  const served = Promise.all([handOn(alice.session, bob.session), handOn(bob.session, alice.session)]);
  const used = async (): Promise<void> => {
    await converse(alice.connection, bob.connection);
    await Promise.all([alice, bob].map(({ connection }) => connection.disconnect()));
  };
  await Promise.all([served, used()]);
} finally {
  // A program that has died of itself owns no name, and says why in its own words.
  const pid = await bus.pidOf(hushBusName);
  if (pid !== 0) {
    process.kill(pid, 'SIGTERM');
    await ended(pid);
  }
  process.stderr.write(await bus.log('hush'));
  await bus.stop();
  await server.close();
}
