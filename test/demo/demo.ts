/** `npm run demo`: hush's main job on real programs. Two accounts on a throw-away Prosody, brought online by Mission Control, talk through a telepathy-glib client. */
import { once } from 'node:events';
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
import { RemoteObject, names } from '../harness/telepathy-client.ts';

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
  const aliceChannel = await client.text(alice.path, prosody.jid('bob'));
  say('Alice has a text channel to Bob');
  detail(aliceChannel);

  let sent = performance.now();
  await client.send(aliceChannel, 'Hello Bob, this is Alice.');
  const incoming = await events.expect({ name: 'channel', account: bob.path });
  const bobChannel = incoming.channel as string;
  arrived('Bob', (incoming.pending as GlibMessage[])[0]!, 'Hello Bob, this is Alice.', sent);
  detail(bobChannel);
  await client.acknowledge(bobChannel);

  for (const [who, from, to, text] of [
    ['Alice', bobChannel, aliceChannel, 'Hello Alice. Żółw, 亀, 🐢: does everything arrive?'],
    ['Bob', aliceChannel, bobChannel, 'Every letter.'],
  ] as const) {
    sent = performance.now();
    await client.send(from, text);
    const { message } = await events.expect({ name: 'message-received', channel: to });
    arrived(who, message as GlibMessage, text, sent);
    await client.acknowledge(to);
  }

  say('what each side may claim about the security of its channel');
  detail(...(await claims(session, aliceChannel, bobChannel)));
  const { residentKiB, cpuMs } = usage(await session.pidOf(hushBusName));
  say(`hush uses ${(residentKiB / 1024).toFixed(0)} MiB, and has used ${cpuMs} ms of processor time`);
}

/** Says that a message has arrived; throws when it is not the one that was sent. */
function arrived(who: string, message: GlibMessage, text: string, sent: number): void {
  if (message.text !== text) throw new Error(`${who} received ${JSON.stringify(message.text)} instead of ${JSON.stringify(text)}`);
  say(`${who} has received: ${text}`);
  detail(`from ${message.sender ?? 'nobody'}, ${(performance.now() - sent).toFixed(1)} ms after it was sent`);
}

/** Everything that interface Securable shows on the two channels, side by side. */
async function claims(session: Session, ...channels: readonly [string, string]): Promise<string[]> {
  const [alice, bob] = await Promise.all(
    channels.map((path) => new RemoteObject(session.bus, path.slice(1, path.lastIndexOf('/')).replaceAll('/', '.'), path).getAll(names.securable)),
  );
  return table([['claim', 'Alice', 'Bob'], ...Object.keys(alice!).sort().map((name) => [name, show(alice![name]), show(bob![name])])]);
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
  const prosody = await startProsody({ users: { alice: "alice's secret", bob: "bob's secret" } });
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
