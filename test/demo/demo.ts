/** `npm run demo`: hush's main job on real programs. Two accounts on a throw-away Prosody, brought online by Mission Control, talk through a telepathy-glib client. */
import { EventEmitter, once } from 'node:events';
import { EventQueue } from '../harness/events.ts';
import { GlibClient } from '../harness/glib-client.ts';
import type { GlibMessage } from '../harness/glib-client.ts';
import { hushBusName, hushService, usage } from '../harness/hush.ts';
import { MissionControl, missionControlService } from '../harness/mission-control.ts';
import type { Account } from '../harness/mission-control.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { RemoteObject, names, plain, variants } from '../harness/telepathy-client.ts';

const isKept = process.argv.includes('--keep');
const begin = performance.now();

/** One line: seconds since the beginning, what happened. */
function say(text: string): void {
  process.stdout.write(`${((performance.now() - begin) / 1000).toFixed(3).padStart(8)} s  ${text}\n`);
}

/** Lines that belong to the last one. */
function detail(...lines: string[]): void {
  for (const line of lines) process.stdout.write(`            ${line}\n`);
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('   ').trimEnd());
}

async function demo(prosody: Prosody, session: Session): Promise<void> {
  const milliseconds = await session.activate(hushBusName);
  say(`hush started by D-Bus activation: bus name owned after ${milliseconds.toFixed(0)} ms`);

  const control = new MissionControl(session);
  const accounts: Account[] = [];
  for (const user of ['alice', 'bob']) {
    accounts.push(await control.add('hush/jabber', user, { account: prosody.jid(user), password: `${user}'s secret`, server: '127.0.0.1', port: prosody.port }));
  }
  const [alice, bob] = accounts as [Account, Account];
  say(`Mission Control has two accounts: ${alice.id}, ${bob.id}`);
  await Promise.all(accounts.map((account) => account.request('available', 'in the demo')));
  const connections = await Promise.all(accounts.map((account) => account.online()));
  say('both are online');
  detail(...connections);

  const events = new EventQueue();
  const client = await GlibClient.start(session, events, 'Demo');
  try {
    for (const account of accounts) {
      await client.online(account.path);
      const contacts = await client.contacts(account.path);
      say(`contact list of ${(await client.me(account.path)).id}`);
      detail(...table([['contact', 'alias', 'presence', 'subscribe', 'publish', 'groups'], ...contacts.map((contact) => [contact.id, contact.alias, contact.presence, contact.subscribe, contact.publish, contact.groups.join(', ')])]));
    }
    await conversation(client, events, session, prosody, alice, bob);
  } finally {
    if (!isKept) await client.stop();
  }
  if (isKept) return;
  await Promise.all(accounts.map((account) => account.request('offline')));
  await Promise.all(accounts.map((account) => account.offline()));
  say('both accounts are offline again');
}

async function conversation(client: GlibClient, events: EventQueue, session: Session, prosody: Prosody, alice: Account, bob: Account): Promise<void> {
  const offRising = showRising(session);
  const aliceChannel = await client.text(alice.path, prosody.jid('bob'));
  say('Alice has a text channel to Bob; it is being secured by itself');
  detail(aliceChannel);

  let sent = performance.now();
  await client.send(aliceChannel, texts[0]);
  const incoming = await events.expect({ name: 'channel', account: bob.path });
  const bobChannel = incoming.channel as string;
  const first = (incoming.pending as GlibMessage[])[0] ?? ((await events.expect({ name: 'message-received', channel: bobChannel })).message as GlibMessage);
  arrived('Bob', first, texts[0], sent);
  detail(bobChannel);
  await client.acknowledge(bobChannel);

  for (const [who, from, to, text] of [
    ['Alice', bobChannel, aliceChannel, texts[1]],
    ['Bob', aliceChannel, bobChannel, texts[2]],
  ] as const) {
    sent = performance.now();
    await client.send(from, text);
    const { message } = await events.expect({ name: 'message-received', channel: to });
    arrived(who, message as GlibMessage, text, sent);
    await client.acknowledge(to);
  }

  const ends = { alice: channelOf(session, aliceChannel), bob: channelOf(session, bobChannel) };
  say('what each side may claim about the security of its channel');
  detail(...(await claims(ends)));
  await verification(session, ends);
  whatTheServerSaw(prosody);
  await end(ends);
  offRising();
  const { residentKiB, cpuMs } = usage(await session.pidOf(hushBusName));
  say(`hush uses ${(residentKiB / 1024).toFixed(0)} MiB, and has used ${cpuMs} ms of processor time`);
}

/** What is said; none of it may be found at the server. */
const texts = ['Hello Bob, this is Alice.', 'Hello Alice. Żółw, 亀, 🐢: does everything arrive?', 'Every letter.'] as const;
const secret = 'the blue house by the harbour';

interface Ends {
  readonly alice: RemoteObject;
  readonly bob: RemoteObject;
}

function channelOf(session: Session, path: string): RemoteObject {
  return new RemoteObject(session.bus, path.slice(1, path.lastIndexOf('/')).replaceAll('/', '.'), path);
}

/** A line for each change of a channel's state. */
function showRising(session: Session): () => void {
  const states = ['Insecure', 'Negotiating', 'Secure', 'Ended'];
  return session.bus.subscribe({ interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', arg0: names.securable }, ({ path, body }) => {
    const changed = plain(body[1]) as Record<string, unknown>;
    const claimed = Object.keys(changed).filter((name) => changed[name] === true);
    if (changed.State !== undefined) say(`${path.includes('alice') ? 'Alice' : 'Bob'}'s channel is ${states[changed.State as number] ?? '?'}${claimed.length > 0 ? `: ${claimed.join(', ')}` : ''}`);
  });
}

async function verification(session: Session, { alice, bob }: Ends): Promise<void> {
  const [ours, theirs] = await Promise.all([alice.get(names.peerAuthentication, 'SafetyNumber'), bob.get(names.peerAuthentication, 'SafetyNumber')]);
  if (ours !== theirs || ours === '') throw new Error('the safety numbers differ');
  say('the safety number, the same at both ends');
  detail(String(ours));
  const concluded = ['alice', 'bob'].map((end) => once(new SignalTarget(session, end === 'alice' ? alice : bob, 'SharedSecretConcluded'), 'signal'));
  const asked = once(new SignalTarget(session, bob, 'SharedSecretRequested'), 'signal');
  await alice.call(names.peerAuthentication, 'StartSharedSecret', 'Where did we meet?', secret);
  const [question] = (await asked) as [string];
  say(`Bob is asked: ${question}`);
  await bob.call(names.peerAuthentication, 'AnswerSharedSecret', secret);
  for (const [verified, error] of (await Promise.all(concluded)) as [boolean, string][]) if (!verified) throw new Error(`not verified: ${error}`);
  const verified = await Promise.all([alice, bob].map((end) => end.get(names.securable, 'Verified')));
  if (!verified.every((claim) => claim === true)) throw new Error('Verified is not claimed');
  say('both know the same secret: Verified at both ends');
}

/** Signals of one member as events named `signal`. */
class SignalTarget extends EventEmitter {
  constructor(session: Session, { path }: RemoteObject, member: string) {
    super();
    session.bus.subscribe({ path, interface: names.peerAuthentication, member }, ({ body }) => this.emit('signal', ...body));
  }
}

/** Looks for everything that was said in everything the server handled: as text, and inside whatever is base64. */
function whatTheServerSaw(prosody: Prosody): void {
  const log = prosody.log();
  const blocks = [...log.matchAll(/<data [^>]*xmlns=(?:'|")http:\/\/jabber.org\/protocol\/ibb(?:'|")[^>]*>([A-Za-z0-9+/=]+)</g)].map(([, data]) => Buffer.from(data!, 'base64').toString('latin1'));
  const seen = `${log}${blocks.join('')}`;
  const leaked = [...texts, secret].filter((text) => seen.includes(text) || seen.includes(Buffer.from(text).toString('latin1')) || log.includes(Buffer.from(text).toString('base64').slice(0, -4)));
  if (leaked.length > 0) throw new Error(`the server has read: ${leaked.join(', ')}`);
  if (blocks.length === 0) throw new Error('the server saw nothing of the conversation: it was not the way it took');
  say(`the server handled ${blocks.length} blocks of it and could read nothing; the last one`);
  detail(`${Buffer.from(blocks.at(-1)!, 'latin1').toString('base64').slice(0, 96)}…`);
}

async function end({ alice, bob }: Ends): Promise<void> {
  await alice.call(names.securable, 'End');
  say('Alice has ended the conversation');
  for (const [who, channel] of [['Alice', alice], ['Bob', bob]] as const) {
    const refusal = await channel
      .call(names.messages, 'SendMessage', [variants({}), variants({ 'content-type': 'text/plain', content: 'is anybody there?' })], 0)
      .then(() => undefined, (error: unknown) => error as Error);
    if (refusal === undefined) throw new Error(`${who} could send after the end`);
    say(`${who} can send no more: ${refusal.name}`);
    detail(refusal.message);
  }
}

/** Says that a message has arrived; throws when it is not the one that was sent. */
function arrived(who: string, message: GlibMessage, text: string, sent: number): void {
  if (message.text !== text) throw new Error(`${who} received ${JSON.stringify(message.text)} instead of ${JSON.stringify(text)}`);
  say(`${who} has received: ${text}`);
  detail(`from ${message.sender ?? 'nobody'}, ${(performance.now() - sent).toFixed(1)} ms after it was sent`);
}

/** Everything that interface Securable shows on the two channels, side by side. */
async function claims(ends: Ends): Promise<string[]> {
  const [alice, bob] = await Promise.all([ends.alice.getAll(names.securable), ends.bob.getAll(names.securable)]);
  const rows = Object.keys(alice).filter((name) => name !== 'Details').map((name) => [name, show(alice[name]), show(bob[name])]);
  const details = Object.entries(alice.Details as Record<string, unknown>).map(([name, value]) => `${name}: ${String(value)}`);
  return [...table([['claim', 'Alice', 'Bob'], ...rows]), ...details];
}

function show(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? Number(item) : item));
}

async function keep(session: Session): Promise<void> {
  say('left running; Ctrl-C ends it. To look at it from another terminal:');
  detail(
    `export DBUS_SESSION_BUS_ADDRESS='${session.address}'`,
    `busctl --user tree ${hushBusName}`,
    'd-feet',
    `hush's log: ${session.directory}/hush.log`,
  );
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}

async function main(): Promise<number> {
  const prosody = await startProsody({ users: { alice: "alice's secret", bob: "bob's secret" }, logStanzas: true });
  try {
    await prosody.presetRoster('alice', [{ jid: prosody.jid('bob'), name: 'Bob', groups: ['Friends'] }]);
    await prosody.presetRoster('bob', [{ jid: prosody.jid('alice'), name: 'Alice', groups: ['Work', 'Chess'] }]);
    say(`Prosody with TLS listens on 127.0.0.1:${prosody.port}`);
    const session = await startSession([hushService({ caFile: prosody.caFile }), missionControlService()]);
    say(`a private session bus: ${session.address}`);
    try {
      await demo(prosody, session);
      say('everything arrived');
      if (isKept) await keep(session);
      return 0;
    } catch (error) {
      say(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
      detail("the end of hush's log:", ...(await session.log('hush')).trim().split('\n').slice(-15));
      return 1;
    } finally {
      await session.stop();
    }
  } finally {
    await prosody.stop();
  }
}

process.exitCode = await main();
