/** Secrets in a keyring: gnome-keyring on a private bus, and services that are not what they should be. Secret Service API, draft 0.2. */
import { access, chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Bus } from '../../../src/bus/connection.ts';
import { Variant } from '../../../src/bus/types.ts';
import { HushError } from '../../../src/errors.ts';
import { Memories } from '../../../src/features/trust/memories.ts';
import { SecretItem } from '../../../src/features/trust/secret-service.ts';
import { silentLog } from '../../../src/log.ts';
import { fingerprintOf } from '../../../src/security/fingerprint.ts';
import { Trust } from '../../../src/security/trust.ts';
import type { BareJid } from '../../../src/xmpp/jid.ts';
import { startBus } from '../../harness/bus.ts';
import type { TestBus } from '../../harness/bus.ts';
import { Keyring } from '../../harness/keyring.ts';
import { Program } from '../../harness/process.ts';
import { startFakeKeyring } from './fake-keyring.ts';

const account = 'alice@example.org' as BareJid;
let base: string;
let testBus: TestBus;
let bus: Bus;
let item: SecretItem;
const owned: (() => unknown)[] = [];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'hush-secrets-'));
  // Whoever starts the service of this name leaves a trace.
  const activated = join(base, 'activate');
  await writeFile(activated, `#!/bin/sh\ntouch '${join(base, 'activated')}'\nexit 1\n`);
  await chmod(activated, 0o755);
  await writeFile(join(base, 'org.freedesktop.secrets.service'), `[D-BUS Service]\nName=org.freedesktop.secrets\nExec=${activated}\n`);
  testBus = await startBus({ serviceDirs: [base] });
  bus = await Bus.open({ address: testBus.address, log: silentLog });
  item = itemOf('identity');
});
afterEach(async () => {
  for (const end of owned.splice(0).reverse()) await end();
});
afterAll(async () => {
  bus.close();
  await testBus.stop();
  await rm(base, { recursive: true, force: true });
});

function itemOf(kind: string): SecretItem {
  return new SecretItem(bus, { attributes: new Map([['application', 'hush'], ['kind', kind]]), label: 'hush' });
}
async function keyring(unlocked = true): Promise<Keyring> {
  const made = await Keyring.create(bus);
  owned.push(() => made.remove());
  await made.start(testBus.address, unlocked);
  return made;
}
function failure(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'fulfilled', (error: unknown) => (error instanceof HushError ? `${error.condition}: ${error.message}` : String(error)));
}

test('a service that does not run is not started to be asked', async () => {
  expect(await item.isThere()).toBe(false);
  expect(await failure(item.load())).toBe('encryption-not-available: the keyring is not running');
  expect(await failure(item.store('x'))).toBe('encryption-not-available: the keyring is not running');
  await expect(access(join(base, 'activated'))).rejects.toThrow('ENOENT');
  // Control: an ordinary call would have started it.
  await bus.call({ destination: 'org.freedesktop.secrets', path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' }).catch(() => undefined);
  await access(join(base, 'activated'));
});

describe('in gnome-keyring', () => {
  test('a secret is kept, replaced, and found by its attributes alone', async () => {
    const ring = await keyring();
    expect([await item.isThere(), await item.load()]).toEqual([true, undefined]);
    await item.store('first');
    await item.store('second, ünïcode');
    await itemOf('generation').store('7');
    expect([await item.load(), await itemOf('generation').load(), await itemOf('other').load()]).toEqual(['second, ünïcode', '7', undefined]);
    await ring.stop();
    expect(await failure(item.load())).toBe('encryption-not-available: the keyring is not running');
    await ring.start(testBus.address, true);
    expect(await item.load()).toBe('second, ünïcode');
  });

  test('a locked one is not opened, and nobody is asked', async () => {
    const ring = await keyring();
    await item.store('secret');
    await ring.lock();
    expect(await item.isThere()).toBe(true);
    for (const work of [item.load(), item.store('x'), itemOf('other').load()]) expect(await failure(work)).toBe('encryption-not-available: the keyring is locked');
    await ring.stop();
    await ring.start(testBus.address, false);
    expect(await failure(item.load())).toBe('encryption-not-available: the keyring is locked');
    await ring.stop();
    await ring.start(testBus.address, true);
    expect(await item.load()).toBe('secret');
  });

  test('without any collection there is no place for a secret', async () => {
    await keyring(false);
    expect(await item.isThere()).toBe(false);
    expect(await failure(item.store('x'))).toMatch('encryption-not-available');
  });

  test('a secret is not to be seen on the bus, in either direction [F1 F5]', async () => {
    await keyring();
    const monitor = new Program('dbus-monitor', ['--address', testBus.address]);
    owned.push(() => monitor.stop());
    await monitor.line(/NameLost|NameAcquired/);
    await item.store('canary in the mine');
    expect(await item.load()).toBe('canary in the mine');
    await monitor.line(/member=GetSecret/);
    await bus.call({ destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'GetNameOwner', signature: 's', body: ['org.freedesktop.secrets'] });
    await monitor.line(/member=GetNameOwner/);
    const hex = Buffer.from('canary').toString('hex').match(/../g)!.join(' ');
    // Control: what stands beside the secret is.
    expect(monitor.output).toContain('text/plain; charset=utf8');
    expect(monitor.output).not.toMatch(new RegExp(`canary|${hex}`));
  });
});

describe('a service', () => {
  async function fake(options: Parameters<typeof startFakeKeyring>[1]): Promise<string[]> {
    const service = await startFakeKeyring(testBus.address, options);
    owned.push(() => {
      const gone = new Promise<void>((resolve) => {
        const off = bus.watchName('org.freedesktop.secrets', (owner) => {
          if (owner !== '') return;
          queueMicrotask(() => off());
          resolve();
        });
      });
      service.stop();
      return gone;
    });
    return service.calls;
  }

  test('that does not encrypt gets and gives nothing', async () => {
    const calls = await fake({});
    expect(await failure(item.load())).toMatch('encryption-not-available');
    expect(await failure(item.store('x'))).toMatch('encryption-not-available');
    expect(new Set(calls.filter((call) => call.startsWith('OpenSession')))).toEqual(new Set(['OpenSession dh-ietf1024-sha256-aes128-cbc-pkcs7']));
  });

  test.each([0, 1])('whose half of the key exchange is %i is not believed', async (number) => {
    await fake({ output: new Variant('ay', Buffer.from([number])) });
    expect(await failure(item.store('x'))).toMatch('encryption-not-available');
  });

  test('that wants to ask the user is told not to', async () => {
    const calls = await fake({ isLocked: true });
    expect(await failure(item.load())).toBe('encryption-not-available: the keyring is locked');
    expect(calls).toEqual(['SearchItems', 'Unlock', 'Dismiss']);
  });

  test('that does not answer is given up after five seconds', async () => {
    await fake({ hangs: 'SearchItems' });
    const start = performance.now();
    expect(await failure(item.load())).toBe('encryption-not-available: the keyring does not answer in time');
    expect(performance.now() - start).toBeGreaterThan(4900);
    expect(performance.now() - start).toBeLessThan(6000);
  });
});

describe('an account', () => {
  let home: string;
  const memory = (): ReturnType<Memories['of']> => {
    const made = new Memories({ bus, dataHome: home, log: silentLog }).of(account);
    owned.push(() => made.store.close());
    return made;
  };

  test('keeps its key and the number of its record in the keyring; without it there is neither key nor doubt', async () => {
    home = await mkdtemp(join(base, 'home-'));
    const ring = await keyring();
    const first = memory();
    const made = fingerprintOf((await first.identities.get()).spki);
    const trust = new Trust({ keeper: first.store, policy: 'opportunistic', mechanisms: ['xtls'], log: silentLog });
    await trust.setContactPolicy('bob@example.org' as BareJid, 'required');
    expect(first.store.record).toMatchObject({ identity: { place: 'secret-service', fingerprint: made, next: '' } });
    const number = new SecretItem(bus, { attributes: new Map([['application', 'hush'], ['account', account], ['kind', 'generation']]), label: '' });
    expect(await number.load()).toBe(String(first.store.record!.generation));
    await first.store.close();
    for (const away of ['locked', 'stopped'] as const) {
      await (away === 'locked' ? ring.lock() : ring.stop());
      const second = memory();
      expect(await failure(second.identities.get())).toMatch(/^encryption-not-available: the keyring is/);
      // What is known of contacts does not depend on it, nor whose key is the account's.
      expect([second.store.problem, second.identities.fingerprint]).toEqual([undefined, made]);
      await second.store.close();
    }
    await ring.start(testBus.address, true);
    const third = memory();
    expect(fingerprintOf((await third.identities.get()).spki)).toBe(made);
    await third.store.close();
    // A record that is older than the keyring's number.
    await number.store('100000');
    const fourth = memory();
    expect(await failure(fourth.identities.get())).toMatch('encryption-not-available');
    expect(fourth.store.problem?.message).toMatch(/older/);
    await fourth.store.reset();
    expect(fingerprintOf((await fourth.identities.get()).spki)).toBe(made);
    expect(Number(await number.load())).toBeGreaterThan(100_000);
  });
});
