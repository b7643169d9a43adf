/** The account's own key: made once, found again, never another one instead; and keys that come from elsewhere. securable.md §4. */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HushError } from '../../src/errors.ts';
import { bareJid } from '../../src/features/trust/memories.ts';
import { silentLog } from '../../src/log.ts';
import { PrivateFolder } from '../../src/security/file-store.ts';
import { FileVault } from '../../src/security/file-vault.ts';
import { fingerprintOf } from '../../src/security/fingerprint.ts';
import { GivenIdentity, KeptIdentities } from '../../src/security/identities.ts';
import type { Identities } from '../../src/security/identities.ts';
import { createIdentity, pemOf } from '../../src/security/identity.ts';
import { TrustStore } from '../../src/security/trust-store.ts';
import type { TrustRecord } from '../../src/security/trust-record.ts';
import type { BareJid } from '../../src/xmpp/jid.ts';
import { CertificateFolder, expired, notYetValid } from '../harness/certificates.ts';
import type { Certificate, CertificateOptions } from '../harness/certificates.ts';
import { ShelfVault } from './shelf-vault.ts';
import { VolatileKeeper } from './volatile-keeper.ts';

const account = 'alice@example.org' as BareJid;
const run = promisify(execFile);

let folder: CertificateFolder;
beforeAll(async () => {
  folder = await CertificateFolder.create();
});
afterAll(() => folder.remove());

let keeper: VolatileKeeper;
let keyring: ShelfVault;
let file: ShelfVault;
beforeEach(() => {
  keeper = new VolatileKeeper();
  keyring = new ShelfVault();
  file = new ShelfVault();
});

/** As a new process would begin, with what is kept. */
const begin = (): KeptIdentities => new KeptIdentities({ account, keeper, vaults: { file, 'secret-service': keyring }, bareJid, log: silentLog });

function rejection(work: Promise<unknown>): Promise<string> {
  return work.then(() => 'fulfilled', (error: unknown) => (error instanceof HushError ? error.condition : String(error)));
}
async function fingerprint(identities: Identities): Promise<string> {
  return fingerprintOf((await identities.get()).spki);
}

describe('the key of an account', () => {
  test('is made at first use, and not before anybody wants it', async () => {
    const identities = begin();
    let changes = 0;
    identities.events.on('changed', () => (changes += 1));
    await keeper.open();
    expect([identities.fingerprint, keyring.text, file.text, keeper.record!.identity]).toEqual(['', undefined, undefined, undefined]);
    const identity = await identities.get();
    expect([identities.fingerprint, changes]).toEqual([fingerprintOf(identity.spki), 1]);
    expect(identity.privateKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });

  test('is one, however many ask for it, and however often', async () => {
    const identities = begin();
    const all = await Promise.all([identities.get(), identities.get(), identities.get()]);
    const again = await begin().get();
    expect(new Set([...all, again].map(({ spki }) => fingerprintOf(spki))).size).toBe(1);
    expect(Buffer.from(again.certificate).equals(all[0].certificate)).toBe(true);
  });

  test.each([['secret-service', false], ['file', true]] as const)('goes to the %s, and stays there', async (place, isMissing) => {
    keyring.isMissing = isMissing;
    const made = await fingerprint(begin());
    expect(keeper.record!.identity).toEqual({ place, fingerprint: made, next: '' });
    expect([keyring.text !== undefined, file.text !== undefined]).toEqual([!isMissing, isMissing]);
    // The other place coming or going makes no difference.
    keyring.isMissing = false;
    expect(await fingerprint(begin())).toBe(made);
  });

  test.each(['isLocked', 'isMissing'] as const)('in a keyring that %s is not available, and no other is made anywhere', async (state) => {
    const made = await fingerprint(begin());
    const running = begin();
    await running.get();
    keyring[state] = true;
    const later = begin();
    expect(await rejection(later.get())).toBe('encryption-not-available');
    expect([file.text, later.fingerprint]).toEqual([undefined, made]);
    expect(await rejection(later.renew())).toBe('encryption-not-available');
    // Who has it already keeps it.
    expect(await fingerprint(running)).toBe(made);
    keyring[state] = false;
    expect(await fingerprint(later)).toBe(made);
  });

  test('is not made while the keyring is locked', async () => {
    keyring.isLocked = true;
    expect(await rejection(begin().get())).toBe('encryption-not-available');
    expect([keeper.record!.identity, file.text]).toEqual([undefined, undefined]);
    keyring.isLocked = false;
    expect(await rejection(begin().get())).toBe('fulfilled');
  });

  test('that is gone, damaged, or another one, is not available; the user may begin anew [fault-7]', async () => {
    const made = await fingerprint(begin());
    const kept = keyring.text;
    const { key, cert } = pemOf(createIdentity(account));
    for (const text of [undefined, '', kept!.slice(0, -100), key + cert, kept!.replace('A', 'B')]) {
      keyring.text = text;
      expect(await rejection(begin().get())).toBe('encryption-not-available');
      expect([keyring.text, file.text]).toEqual([text, undefined]);
    }
    keyring.text = kept;
    expect(await fingerprint(begin())).toBe(made);
    keyring.text = undefined;
    const identities = begin();
    await identities.replace();
    const next = await fingerprint(identities);
    expect(next).not.toBe(made);
    expect(await fingerprint(begin())).toBe(next);
  });

  test('is not available when its place tells that the record is not the latest', async () => {
    const made = await fingerprint(begin());
    keeper.confirm = () => Promise.reject(new HushError('encryption-not-available', 'an older record was put back'));
    expect(await rejection(begin().get())).toBe('encryption-not-available');
    keeper.confirm = () => Promise.resolve();
    expect(await fingerprint(begin())).toBe(made);
  });

  test('is not available where nothing is known of the account [fault-7]', async () => {
    const store = new TrustStore({ account, folder: new PrivateFolder(''), generations: keyring, log: silentLog });
    const identities = new KeptIdentities({ account, keeper: store, vaults: { file, 'secret-service': keyring }, bareJid, log: silentLog });
    expect(await rejection(identities.get())).toBe('encryption-not-available');
    expect(await rejection(identities.replace())).toBe('encryption-not-available');
    expect([keyring.text, file.text]).toEqual([undefined, undefined]);
  });

  test.each(['keyring', 'file'] as const)('that is found in the %s is used again when the record was lost', async (place) => {
    keyring.isMissing = place === 'file';
    const made = await fingerprint(begin());
    keyring.isMissing = false;
    keeper = new VolatileKeeper();
    expect(await fingerprint(begin())).toBe(made);
    expect(keeper.record!.identity?.place).toBe(place === 'file' ? 'file' : 'secret-service');
  });

  test('is renewed and replaced on demand', async () => {
    const identities = begin();
    const first = await identities.get();
    await identities.renew();
    const renewed = await identities.get();
    expect([fingerprintOf(renewed.spki), Buffer.from(renewed.certificate).equals(first.certificate)]).toEqual([fingerprintOf(first.spki), false]);
    expect(Buffer.from((await begin().get()).certificate).equals(renewed.certificate)).toBe(true);
    let changes = 0;
    identities.events.on('changed', () => (changes += 1));
    await identities.replace();
    expect([changes, identities.fingerprint === fingerprintOf(first.spki)]).toEqual([1, false]);
    // Another connection of the account gets the new one, too.
    expect(await fingerprint(begin())).toBe(identities.fingerprint);
  });

  test('that is replaced while its place is gone goes where a first one would go', async () => {
    await begin().get();
    keyring.isMissing = true;
    const identities = begin();
    await identities.replace();
    expect(keeper.record!.identity?.place).toBe('file');
    keyring.isMissing = false;
    expect(await fingerprint(begin())).toBe(identities.fingerprint);
  });
});

describe('a crash', () => {
  /** Lets the first `allowed` writes happen, fails from then on: what is there afterwards is what a killed process leaves. */
  function limit(allowed: number): void {
    let left = allowed;
    const dead = (): boolean => left-- <= 0;
    const [update, store] = [keeper.update.bind(keeper), keyring.store.bind(keyring)];
    keeper.update = (change: (record: TrustRecord) => TrustRecord) => (dead() ? Promise.reject(new Error('killed')) : update(change));
    keyring.store = (text) => (dead() ? Promise.reject(new Error('killed')) : store(text));
  }
  function heal(): void {
    const { record } = keeper;
    const { text } = keyring;
    keeper = new VolatileKeeper();
    keeper.record = record;
    keyring = new ShelfVault();
    keyring.text = text;
  }

  test.each([0, 1, 2])('after %i writes of the first key leaves a usable account', async (allowed) => {
    limit(allowed);
    expect(await rejection(begin().get())).not.toBe('fulfilled');
    heal();
    const next = await fingerprint(begin());
    expect(keeper.record!.identity).toEqual({ place: 'secret-service', fingerprint: next, next: '' });
    expect(await fingerprint(begin())).toBe(next);
    expect(file.text).toBeUndefined();
  });

  test.each([0, 1, 2])('after %i writes of a replacement leaves the old key or the new one', async (allowed) => {
    const old = await fingerprint(begin());
    limit(allowed);
    expect(await rejection(begin().replace())).not.toBe('fulfilled');
    heal();
    const found = await fingerprint(begin());
    expect(found === old).toBe(allowed < 2);
    expect(keeper.record!.identity).toEqual({ place: 'secret-service', fingerprint: found, next: '' });
    expect(await fingerprint(begin())).toBe(found);
  });
});

describe('a key in a file', () => {
  test('is the user’s alone, and survives a reset of what is known of contacts', async () => {
    const home = join(dirname((await folder.selfSigned({})).certFile), 'hush', 'alice');
    const open = (): { store: TrustStore; identities: KeptIdentities } => {
      const private_ = new PrivateFolder(home);
      const store = new TrustStore({ account, folder: private_, generations: keyring, log: silentLog });
      return { store, identities: new KeptIdentities({ account, keeper: store, vaults: { file: new FileVault(private_, 'identity.pem'), 'secret-service': keyring }, bareJid, log: silentLog }) };
    };
    keyring.isMissing = true;
    const first = open();
    const made = await fingerprint(first.identities);
    await first.store.close();
    expect(((await stat(join(home, 'identity.pem'))).mode & 0o777).toString(8)).toBe('600');
    await writeFile(join(home, 'trust.json'), 'damaged');
    const second = open();
    expect(await rejection(second.identities.get())).toBe('encryption-not-available');
    expect([second.identities.fingerprint, await rejection(second.identities.replace())]).toEqual(['', 'encryption-not-available']);
    await second.store.reset();
    expect(await fingerprint(second.identities)).toBe(made);
    await second.store.close();
  });
});

describe('an identity from elsewhere', () => {
  const xmppAddr = 'otherName:1.3.6.1.5.5.7.8.5;UTF8:Alice@Example.org';
  const secret = 'canary-passphrase-Ünïcode';
  const p384 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'];
  const rsa = (bits: number): string[] => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`];

  async function issue(options: CertificateOptions = {}): Promise<Certificate> {
    return folder.issue(await folder.authority({}), { names: [xmppAddr], ...options });
  }
  async function importFile(name: string, content: string | Uint8Array, passphrase = ''): Promise<string> {
    const path = join(dirname((await folder.selfSigned({})).certFile), name);
    await writeFile(path, content);
    return importPath(path, passphrase);
  }
  /** 'fulfilled' if it is in use afterwards, else why it was refused; then nothing else has changed. */
  async function importPath(path: string, passphrase = ''): Promise<string> {
    const identities = begin();
    const before = await fingerprint(identities);
    try {
      await identities.import(path, passphrase);
    } catch (error) {
      expect(await fingerprint(begin())).toBe(before);
      // Not in any error, nor in what the log makes of it.
      for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) expect(cause.stack).not.toContain('canary');
      return error instanceof HushError ? error.condition : String(error);
    }
    expect(await fingerprint(begin())).not.toBe(before);
    return 'fulfilled';
  }
  const openssl = (...args: string[]): Promise<unknown> => run('openssl', args);

  test.each([
    ['P-256', undefined],
    ['P-384', p384],
    ['Ed25519', ['-algorithm', 'ED25519']],
    ['RSA 2048', rsa(2048)],
  ])('in PEM and in PKCS#12: %s', async (_name, keyArguments) => {
    const { key, cert, keyFile, certFile } = await issue(keyArguments === undefined ? {} : { keyArguments });
    expect(await importFile('both.pem', `Bag Attributes\n${cert}${key}`)).toBe('fulfilled');
    const spki = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
    expect([await fingerprint(begin()), (await begin().get()).privateKey.type]).toEqual([fingerprintOf(spki), 'private']);
    await begin().replace();
    for (const legacy of [[], ['-legacy']]) {
      const p12 = `${certFile}.p12`;
      await openssl('pkcs12', '-export', ...legacy, '-inkey', keyFile, '-in', certFile, '-out', p12, '-passout', 'pass:secret words');
      expect(await importPath(p12, 'wrong words')).toBe('authentication-failed');
      expect(await importPath(p12)).toBe('authentication-failed');
      expect(await importPath(p12, 'secret words')).toBe('fulfilled');
      expect(Buffer.from((await begin().get()).certificate).equals(new X509Certificate(cert).raw)).toBe(true);
      await begin().replace();
    }
  }, 60_000);

  test('in PKCS#12 without a passphrase, and with the certificates of others', async () => {
    const chain = await folder.authority({});
    const { keyFile, certFile } = await folder.issue(chain, { names: [xmppAddr] });
    await openssl('pkcs12', '-export', '-inkey', keyFile, '-in', certFile, '-certfile', chain.certFile, '-out', `${certFile}.p12`, '-passout', 'pass:');
    expect(await importPath(`${certFile}.p12`)).toBe('fulfilled');
  });

  test('in PEM with a passphrase, or in the older forms', async () => {
    const { cert, keyFile } = await issue();
    await openssl('pkcs8', '-topk8', '-in', keyFile, '-out', `${keyFile}.enc`, '-passout', `pass:${secret}`);
    const encrypted = (await readFile(`${keyFile}.enc`, 'utf8')) + cert;
    expect(await importFile('enc.pem', encrypted)).toBe('authentication-failed');
    expect(await importFile('enc.pem', encrypted, 'canary-wrong')).toBe('authentication-failed');
    expect(await importFile('enc.pem', encrypted, secret)).toBe('fulfilled');
    await begin().replace();
    await openssl('ec', '-aes128', '-in', keyFile, '-out', `${keyFile}.dek`, '-passout', `pass:${secret}`);
    const older = (await readFile(`${keyFile}.dek`, 'utf8')) + cert;
    expect(await importFile('dek.pem', older, 'canary-wrong')).toBe('authentication-failed');
    expect(await importFile('dek.pem', older, secret)).toBe('fulfilled');
    await begin().replace();
    await openssl('ec', '-in', keyFile, '-out', `${keyFile}.sec1`);
    expect(await importFile('sec1.pem', (await readFile(`${keyFile}.sec1`, 'utf8')) + cert)).toBe('fulfilled');
  });

  test('is not one: key and certificate of different people, one of them missing, or no sense at all', async () => {
    const [one, other] = [await issue(), await issue()];
    for (const content of [one.key + other.cert, one.key, one.cert, '', 'hello', one.key.replace('A', '?') + one.cert, Buffer.alloc(5000, 0x30), Buffer.alloc(300 * 1024)]) {
      expect(await importFile('none.pem', content, 'canary')).toBe('invalid-argument');
    }
    expect(await importFile('first.pem', other.key + one.key + one.cert)).toBe('fulfilled');
  });

  test.each([
    ['for somebody else', { names: ['otherName:1.3.6.1.5.5.7.8.5;UTF8:bob@example.org'] }, 'certificate-hostname-mismatch'],
    ['for nobody', { names: [] }, 'certificate-hostname-mismatch'],
    ['that is over', expired, 'certificate-expired'],
    ['that is not valid yet', notYetValid, 'certificate-not-activated'],
    ['for servers only', { extensions: ['extendedKeyUsage=serverAuth'] }, 'certificate-invalid'],
    ['with a key that is too small', { keyArguments: rsa(1024) }, 'certificate-insecure'],
    ['with a key of another kind', { keyArguments: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'] }, 'certificate-insecure'],
  ] as [string, CertificateOptions, string][])('is refused with a certificate %s', async (_what, options, condition) => {
    const { key, cert } = await issue(options);
    expect(await importFile('wrong.pem', key + cert)).toBe(condition);
  }, 30_000);

  test('is in a file that can be read', async () => {
    for (const [path, condition] of [['relative.pem', 'invalid-argument'], ['', 'invalid-argument'], ['/does/not/exist', 'does-not-exist'], ['/etc', 'invalid-argument'], ['/dev/zero', 'invalid-argument'], ['/a\0b', 'invalid-argument']] as const) {
      expect([path, await importPath(path)]).toEqual([path, condition]);
    }
  });

  test('is not renewed by us unless we could have made it', async () => {
    const { key, cert } = await issue({ keyArguments: p384 });
    expect(await importFile('p384.pem', key + cert)).toBe('fulfilled');
    expect(await rejection(begin().renew())).toBe('not-available');
    const own = await issue();
    expect(await importFile('p256.pem', own.key + own.cert)).toBe('fulfilled');
    expect(await rejection(begin().renew())).toBe('fulfilled');
  });

  test('may be the account’s by parameter: read at first use, written never', async () => {
    const { key, cert, certFile } = await issue();
    const path = `${certFile}.given.pem`;
    const given = new GivenIdentity({ path, account, bareJid, log: silentLog });
    let changes = 0;
    given.events.on('changed', () => (changes += 1));
    expect([given.fingerprint, await rejection(given.get())]).toEqual(['', 'encryption-not-available']);
    await writeFile(path, key + cert);
    const [one, other] = await Promise.all([given.get(), given.get()]);
    expect([one === other, given.fingerprint, changes]).toEqual([true, fingerprintOf(one.spki), 1]);
    for (const change of [given.import(), given.renew(), given.replace()]) expect(await rejection(change)).toBe('not-available');
    expect(await readFile(path, 'utf8')).toBe(key + cert);
    const foreign = new GivenIdentity({ path, account: 'bob@example.org' as BareJid, bareJid, log: silentLog });
    expect([await rejection(foreign.get()), foreign.fingerprint]).toEqual(['encryption-not-available', '']);
  });
});
