/** Five hundred secured conversations that all begin at the same moment in one process: in line, each secured or failed with a reason, others served meanwhile. */
import { afterEach, expect, test } from '@jest/globals';
import { hushService } from '../harness/hush.ts';
import { startProsody } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import { names, TelepathyClient, TextChannel, variants } from '../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../harness/telepathy-client.ts';
import { contactIsThere, propertyOf } from '../scenarios/people.ts';
import { complaints } from '../scenarios/stage.ts';
import { report, Rig } from './rig.ts';

const owned: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of owned.splice(0).reverse()) await stop();
});

const [hostCount, guestCount] = [10, 50];
const named = (name: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${name}${at}`);

test('500 at once: all are secured, or say why not, within a minute; then what they took is given back [fault-13]', async () => {
  const [hosts, guests] = [named('host', hostCount), named('guest', guestCount)];
  const prosody = await startProsody({ users: Object.fromEntries([...hosts, ...guests].map((user) => [user, user])) });
  owned.push(() => prosody.stop());
  for (const [users, others] of [[hosts, guests], [guests, hosts]] as const) for (const user of users) await prosody.presetRoster(user, others.map((other) => ({ jid: prosody.jid(other) })));
  const connect = async (client: TelepathyClient, users: readonly string[]): Promise<TelepathyConnection[]> => {
    const connections: TelepathyConnection[] = [];
    for (const user of users) connections.push(await client.connect({ account: prosody.jid(user), password: user, server: '127.0.0.1', port: prosody.port }));
    for (const connection of connections) await propertyOf(connection, names.security, 'IdentityFingerprint', (value) => value !== '');
    return connections;
  };
  const away = await startSession([hushService({ caFile: prosody.caFile, logLevel: 'info' })]);
  owned.push(async () => {
    const log = await away.log('hush');
    await away.stop();
    expect(complaints(log)).toEqual([]);
  });
  await connect(new TelepathyClient(away.bus), guests);
  const rig = await Rig.start({ caFile: prosody.caFile });
  owned.push(() => rig.stop());
  const home = await connect(new TelepathyClient(rig.session.bus), hosts);
  for (const connection of home) for (const guest of guests) await contactIsThere(connection, prosody.jid(guest));

  const channels: TextChannel[] = [];
  const reasons: string[] = [];
  let seconds = 0;
  const strain = await rig.strain('500 handshakes', async () => {
    const start = performance.now();
    await Promise.all(home.flatMap((connection) => guests.map(async (guest) => {
      const request = { [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: prosody.jid(guest), [`${names.securable}.Encrypted`]: true };
      try {
        const [, path] = await connection.call(names.requests, 'EnsureChannel', variants(request));
        channels.push(new TextChannel(connection, path as string));
      } catch (error) {
        reasons.push((error as Error).name);
      }
    })));
    seconds = (performance.now() - start) / 1000;
  }, async () => {
    for (const channel of channels) await channel.call(names.destroyable, 'Destroy');
  });
  report(`${channels.length} secured, ${reasons.length} failed, in ${seconds.toFixed(1)} s (${[...new Set(reasons)].join(' ')})`);
  expect(channels.length + reasons.length).toBe(hostCount * guestCount);
  expect(reasons.filter((name) => !name.startsWith('org.freedesktop.Telepathy.Error.'))).toEqual([]);
  expect(seconds).toBeLessThan(60);
  // How many the machine makes in the twenty seconds that each may take is its own affair: what of a processor of its own would be a quarter of them.
  expect(channels.length).toBeGreaterThan(0.25 * strain.share * hostCount * guestCount);
  expect(strain.loopP99).toBeLessThan(200);
  expect(strain.slowestPing).toBeLessThan(500);
  expect(strain.growth).toBeLessThan(256 * 1024);
  // Their keys are remembered, and the program has warmed up: 9.7 MB where all 500 were secured. A session that stayed would be 150 KiB.
  expect(strain.kept).toBeLessThan(hostCount * guestCount * 32);
}, 120_000);
