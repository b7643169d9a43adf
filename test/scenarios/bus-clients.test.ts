/** Other programs on the session bus: one that listens to everything, and one that calls every method of every object with anything. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { interfaceTables } from '../../src/bus/interfaces.ts';
import { Variant } from '../../src/bus/types.ts';
import { samples } from '../bus/reference.ts';
import type { Sample } from '../bus/reference.ts';
import { RawPeer } from '../bus/raw-peer.ts';
import { hushBusName } from '../harness/hush.ts';
import { Program } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { names, plain } from '../harness/telepathy-client.ts';
import type { TextChannel } from '../harness/telepathy-client.ts';
import { contactIsThere, Person, state, talk } from './people.ts';

const passwords = { alice: 'canary-password-of-alice', bob: 'canary-password-of-bob' };
let prosody: Prosody;
let alice: Person;
let bob: Person;
let out: TextChannel;
let monitor: Program;
beforeAll(async () => {
  prosody = await startProsody({ users: passwords });
  await prosody.befriend('alice', 'bob');
  alice = await Person.arrive('alice', prosody, { logLevel: 'trace', parameters: { password: passwords.alice }, before: async (session) => {
    monitor = new Program('dbus-monitor', ['--address', session.address, "sender='org.freedesktop.DBus'", "type='signal'", "type='method_return'", "type='error'", "type='method_call'"]);
    await monitor.line(/NameAcquired/);
  } });
  bob = await Person.arrive('bob', prosody, { parameters: { password: passwords.bob } });
  await Promise.all([alice, bob].map((person) => person.hasIdentity()));
  await contactIsThere(alice.connection, bob.jid);
  ({ out } = await talk(alice, bob, 'canary text of alice'));
  await state(out, 2);
}, 60_000);
afterAll(async () => {
  await monitor.stop();
  await alice.leave();
  await bob.leave();
  await prosody.stop();
});

/** Everything that hush has said on the bus, as the monitor prints it. */
function saidByHush(unique: string): string {
  return monitor.output.split(/^(?=(?:signal|method call|method return|error) )/m).filter((message) => message.slice(0, 300).includes(`sender=${unique} `)).join('');
}

describe('whoever listens to everything on the bus [F1]', () => {
  test('reads what is said, as all programs of the user may, and no password and no key; every change of trust is told, with what it was before', async () => {
    const [unique] = (await alice.session.bus.call({ destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'GetNameOwner', signature: 's', body: [hushBusName] })) as [string];
    const changed = alice.connection.signal('PeerTrustChanged');
    await out.call(names.peerAuthentication, 'ConfirmSafetyNumber', await out.get(names.peerAuthentication, 'SafetyNumber'));
    const fingerprint = await out.get(names.peerAuthentication, 'RemoteFingerprint');
    expect(plain(await changed)).toEqual([bob.jid, expect.any(String), 1, 2]);
    expect(String((await changed)[1]).replaceAll(' ', '')).toBe(String(fingerprint).replaceAll(' ', ''));
    const policy = alice.connection.signal('PeerPolicyChanged');
    await alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, 'required');
    expect(await policy).toEqual([bob.jid, '', 'required']);
    // Everything there is to read of the objects.
    for (const object of [alice.connection, out]) {
      for (const name of Object.keys(interfaceTables)) await object.getAll(name).catch(() => undefined);
    }
    await monitor.line(/PeerPolicyChanged/);
    await alice.connection.events.sync();
    const said = saidByHush(unique);
    // The twins: the monitor has heard, and what the client itself has given is seen from the client.
    expect(said).toContain('canary text of alice');
    expect(monitor.output).toContain(passwords.alice);
    expect(said).not.toContain('canary-password');
    for (const secret of secretsOf(alice)) expect(said.includes(secret) || monitor.output.includes(secret)).toBe(false);
  });
});

describe('secrets stay where they are [F5]', () => {
  test('out of the log at its most talkative, the arguments of the process, its environment, and every file but the key', async () => {
    const log = await alice.session.log('hush');
    // The twin: the log is there, and talkative.
    expect(log).toContain('"level":20');
    const pid = await alice.pid();
    const places = [log, readFileSync(`/proc/${pid}/cmdline`, 'latin1'), readFileSync(`/proc/${pid}/environ`, 'latin1'), readFileSync(join(folderOf(alice), 'trust.json'), 'latin1')];
    for (const secret of ['canary-password', 'canary text', ...secretsOf(alice)]) expect([secret.slice(0, 12), places.some((place) => place.includes(secret))]).toEqual([secret.slice(0, 12), false]);
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Umask:\t0077$/m);
  });
});

describe('whoever calls everything with anything [F2 F3]', () => {
  test('gets an answer or an error, whatever it is; nothing dies, and the conversation goes on', async () => {
    // It would have to print it all.
    await monitor.stop();
    const peer = await RawPeer.connect(alice.session.address);
    const pid = await alice.pid();
    const objects = [alice.client.manager.path, `${alice.client.manager.path}/jabber`, alice.connection.path, out.path, '/', '/nowhere'];
    /** What ends what the next calls are to be made on. */
    const isEnd = /^(Disconnect|Close|Destroy|End|Distrust|ForgetPeer|ReplaceIdentity|RequestConnection|RemoveContacts|Unsubscribe|Unpublish|BlockContacts)$/;
    const methods = Object.entries({ ...interfaceTables, 'org.freedesktop.DBus.Properties': { methods: { Get: {}, Set: {}, GetAll: {} } } })
      .flatMap(([name, { methods: members }]) => Object.keys(members).filter((member) => !isEnd.test(member)).map((member) => [name, member] as const));
    let serial = 100;
    const field = (code: number, type: string, value: string): [number, Variant] => [code, new Variant(type, value)];
    const errors = new Map<string, number>();
    const call = async (path: string, name: string, member: string, body: Sample[]): Promise<void> => {
      serial += 1;
      const own = serial;
      const signature = body.map((one) => one.signature).join('');
      const fields = [field(1, 'o', path), field(2, 's', name), field(3, 's', member), field(6, 's', alice.connection.busName)];
      peer.send({ type: 1, serial: own, fields: signature === '' ? fields : [...fields, field(8, 'g', signature)], body });
      const reply = await peer.reply(own);
      expect([path, member, reply === undefined]).toEqual([path, member, false]);
      errors.set(reply!.errorName, (errors.get(reply!.errorName) ?? 0) + 1);
    };
    // Every method once with the right types and the extremes of each: handles that are none among them.
    const extremes: Record<string, readonly unknown[]> = { u: [0, 0xffff_ffff], s: ['', '\u202e%s%n${}', 'x'.repeat(2_000)], b: [true], ay: [Buffer.alloc(10_000)], au: [[0, 0xffff_ffff], []], as: [['', '__proto__']], 'aa{sv}': [[], Array.from({ length: 100 }, () => new Map())], 'a{sv}': [new Map([['__proto__', new Variant('d', NaN)]])], v: [new Variant('d', -Infinity), new Variant('v', new Variant('x', -(2n ** 63n)))], i: [-1], o: ['/'] };
    const calls: Promise<void>[] = [];
    for (const [name, member] of methods) {
      const { in: signature = 'sss' } = (interfaceTables as Record<string, { methods: Record<string, { in: string }> }>)[name]?.methods[member] ?? {};
      const types = signature.match(/a\{[^}]*\}|aa\{sv\}|a?\([^)]*\)|a*[a-z]/g) ?? [];
      if (!types.every((type) => type in extremes)) continue;
      for (let round = 0; round < 3; round += 1) {
        for (const path of [alice.connection.path, out.path]) calls.push(call(path, name, member, types.map((type) => ({ signature: type, value: extremes[type]![round % extremes[type]!.length] }))));
      }
    }
    await Promise.all(calls);
    await fc.assert(fc.asyncProperty(fc.constantFrom(...objects), fc.constantFrom(...methods), samples, (path, [name, member], body) => call(path, name, member, body)), { numRuns: 200 });
    await peer.close();
    // Not one of them failed for a reason of our own.
    expect([...errors.keys()].filter((name) => /ServiceConfused|DBus\.Error\.Failed|NoReply/.test(name))).toEqual([]);
    expect(errors.get('org.freedesktop.Telepathy.Error.InvalidHandle')).toBeGreaterThan(10);
    expect(errors.get('org.freedesktop.DBus.Error.InvalidArgs')).toBeGreaterThan(10);
    expect(await alice.pid()).toBe(pid);
    expect((await talk(alice, bob, 'after all that')).message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  }, 60_000);
});

const folderOf = ({ session, jid }: Person): string => join(session.environment.XDG_DATA_HOME!, 'hush', jid.replace('@', '_40'));

/** The private key in the forms in which it could slip out. */
function secretsOf(person: Person): string[] {
  const pem = readFileSync(join(folderOf(person), 'identity.pem'), 'utf8');
  const key = createPrivateKey(pem);
  const { d = '' } = key.export({ format: 'jwk' });
  const scalar = Buffer.from(d, 'base64url');
  return [d, scalar.toString('base64').slice(0, -2), scalar.toString('hex'), /KEY-----\n([^\n]+)/.exec(pem)![1]!.slice(40), 'PRIVATE KEY'];
}
