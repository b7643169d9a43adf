/** Processes that die or come twice: the bus in the middle of a secured conversation, a second hush beside the first. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { hushService } from '../harness/hush.ts';
import { Program } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import { names, TelepathyClient } from '../harness/telepathy-client.ts';
import { contactIsThere, isIn, Person, propertyOf, state, talk } from '../scenarios/people.ts';
import { ping } from './rig.ts';

const root = join(import.meta.dirname, '../..');
const program = join(root, 'dist/hush.cjs');
const managerName = 'org.freedesktop.Telepathy.ConnectionManager.hush';

const owned: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of owned.splice(0).reverse()) await stop();
});

function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '')[0] !== 'Z';
  } catch {
    return false;
  }
}

describe('a bus that dies [fault-4]', () => {
  test('in a secured conversation: everybody is told, and the process ends by itself with an error, for good', async () => {
    const prosody = await startProsody({ users: { alice: 'alice', bob: 'bob' }, logStanzas: true });
    owned.push(() => prosody.stop());
    await prosody.befriend('alice', 'bob');
    const alice = await Person.arrive('alice', prosody, { nodeOptions: ['--require', join(import.meta.dirname, 'exit-probe.cjs')] });
    owned.push(() => alice.leave());
    const bob = await Person.arrive('bob', prosody);
    owned.push(() => bob.leave());
    await Promise.all([alice, bob].map((person) => person.hasIdentity()));
    await contactIsThere(alice.connection, bob.jid);
    const { out, incoming } = await talk(alice, bob, 'canary before');
    await Promise.all([state(out, 2), state(incoming, 2)]);
    const pid = await alice.pid();
    const handle = await bob.connection.handle(alice.jid);
    const offline = bob.connection.signal('PresencesChanged', ([presences]) => (presences as Map<number, [number]>).get(handle)?.[0] === 1);

    const since = performance.now();
    process.kill(await alice.session.pidOf('org.freedesktop.DBus'), 'SIGKILL');
    // The contact hears of it in order: the end of the session first, authenticated by it.
    await state(incoming, 3);
    expect(await incoming.get(names.securable, 'EndReason')).toBe('clean');
    await offline;
    // The kernel tells only parents, and that is no longer the bus.
    while (isRunning(pid)) await sleep(5);
    expect(performance.now() - since).toBeLessThan(5_000);
    expect(readFileSync(join(alice.session.environment.XDG_RUNTIME_DIR!, 'exit-code'), 'utf8')).toBe('1');
    expect(isIn(prosody.log(), 'canary before')).toBe(false);
    // Whoever needs it asks for it: nothing starts it again by itself.
    expect(readFileSync(join(root, 'systemd/hush.service.in'), 'utf8')).not.toMatch(/^Restart=/m);
  }, 60_000);
});

describe('a second hush [fault-15 F4]', () => {
  test('on the same bus ends at once and says why; the first one goes on, and its conversations', async () => {
    const prosody = await startProsody({ users: { alice: 'alice' } });
    owned.push(() => prosody.stop());
    const session = await startSession([hushService({ caFile: prosody.caFile })]);
    owned.push(() => session.stop());
    const connection = await new TelepathyClient(session.bus).connect({ account: prosody.jid('alice'), password: 'alice', server: '127.0.0.1', port: prosody.port });
    await propertyOf(connection, names.security, 'IdentityFingerprint', (value) => value !== '');
    const pid = await session.pidOf(managerName);
    connection.events.forbid({ name: 'StatusChanged' });

    const second = new Program(process.execPath, [program], { environment: session.environment });
    expect(await second.ended).toBe(3);
    expect(second.output.split('\n')).toEqual([expect.stringContaining('another connection manager named hush runs on this bus')]);

    expect(await session.pidOf(managerName)).toBe(pid);
    await connection.events.sync();
    expect(await connection.get(names.security, 'IdentityFingerprint')).not.toBe('');
  });

  test('does not take the place of a program that has the name, and the other way round nobody takes ours', async () => {
    const session = await startSession([]);
    owned.push(() => session.stop());
    await session.bus.requestName(managerName);
    const refused = new Program(process.execPath, [program], { environment: session.environment });
    expect(await refused.ended).toBe(3);
    await session.bus.releaseName(managerName);
    const first = new Program(process.execPath, [program, '--persist'], { environment: session.environment });
    await session.owned(managerName);
    // With every flag there is for it.
    const [reply] = await session.bus.call({ destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'RequestName', signature: 'su', body: [managerName, 0x1 | 0x2 | 0x4] });
    expect(reply).toBe(3);
    expect(await ping(session.bus)).toBeLessThan(5_000);
    expect(existsSync(`/proc/${first.pid}`)).toBe(true);
    expect(await first.stop()).toBe(0);
  });
});
