/** The account's own key: made at first use, kept in one place, replaced only when somebody says so. Contract: Connection.Interface.Security; securable.md §4. */
import { Emitter } from '../emitter.ts';
import { HushError, demand } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BareJid } from '../xmpp/jid.ts';
import { readNamedFile } from './file-store.ts';
import { fingerprintOf } from './fingerprint.ts';
import { checkIdentity, MAX_IDENTITY, readIdentity } from './identity-import.ts';
import { createIdentity, pemOf, renewIdentity } from './identity.ts';
import type { Identity } from './identity.ts';
import type { IdentityPlace, IdentityRecord, TrustKeeper } from './trust-record.ts';
import type { Vault } from './vault.ts';

export interface Identities {
  /** Fingerprint of the key in use; '' until there is one. */
  readonly fingerprint: string;
  readonly events: Emitter<{ changed: [] }>;
  /** The identity. HushError `encryption-not-available` while it cannot be had; never another one instead. */
  get(): Promise<Identity>;
  /** Uses the identity in a file (PEM or PKCS#12) from now on. HushError: see `readNamedFile`, `readIdentity`, `checkIdentity`, and as for `get`. */
  import(path: string, passphrase: string): Promise<void>;
  /** A new certificate for the same key. */
  renew(): Promise<void>;
  /** A new key: every contact sees a changed one. */
  replace(): Promise<void>;
}

export interface KeptIdentitiesOptions {
  readonly account: BareJid;
  /** Remembers where the key is, and which it is. */
  readonly keeper: TrustKeeper;
  readonly vaults: Readonly<Record<IdentityPlace, Vault>>;
  /** Prepares an address (RFC 7622); undefined for what is none. */
  readonly bareJid: (text: string) => BareJid | undefined;
  readonly log: Log;
}

/**
 * The key that hush keeps itself. Its place is chosen before it is made and never changes; `next` in the record announces a key that
 * is about to go there, so that a crash in between leaves exactly one known key.
 */
export class KeptIdentities implements Identities {
  readonly events: Emitter<{ changed: [] }>;
  readonly #options: KeptIdentitiesOptions;
  #known: { readonly fingerprint: string; readonly identity: Identity } | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: KeptIdentitiesOptions) {
    this.#options = options;
    this.events = new Emitter(options.log);
    options.keeper.onChange((before, after) => {
      const { fingerprint = '', place } = after.identity ?? {};
      if ((before?.identity?.fingerprint ?? '') === fingerprint) return;
      options.log.info({ fingerprint, place }, 'the account has another key');
      this.events.emit('changed');
    });
  }

  get fingerprint(): string {
    return this.#options.keeper.record?.identity?.fingerprint ?? '';
  }

  get(): Promise<Identity> {
    return this.#inTurn(() => this.#get());
  }

  import(path: string, passphrase: string): Promise<void> {
    return this.#inTurn(async () => {
      const identity = readIdentity(await readNamedFile(path, MAX_IDENTITY), passphrase);
      this.#check(identity);
      await this.#keep(await this.#placeFor(await this.#record()), identity);
    });
  }

  renew(): Promise<void> {
    return this.#inTurn(async () => {
      const { privateKey } = await this.#get();
      demand(privateKey.asymmetricKeyDetails?.namedCurve === 'prime256v1', 'not-available', 'a new certificate for a key of this kind can only be imported');
      const record = await this.#record();
      if (record !== undefined) await this.#keep(record.place, renewIdentity(privateKey, this.#options.account));
    });
  }

  replace(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#keep(await this.#placeFor(await this.#record()), createIdentity(this.#options.account));
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #record(): Promise<IdentityRecord | undefined> {
    const { keeper } = this.#options;
    await keeper.open();
    if (keeper.record === undefined) throw unavailable('it is not known which key is the account’s', keeper.problem);
    return keeper.record.identity;
  }

  async #get(): Promise<Identity> {
    try {
      const record = await this.#record();
      if (record === undefined) return await this.#first();
      if (record.fingerprint !== '' && this.#known?.fingerprint === record.fingerprint) return this.#known.identity;
      return await this.#fetch(record);
    } catch (error) {
      if (error instanceof HushError && error.condition === 'encryption-not-available') throw error;
      throw unavailable(error instanceof HushError ? error.message : 'the key of the account cannot be had', error);
    }
  }

  /** No key is known: one that is there all the same (the record was lost) is taken, before another is made. */
  async #first(): Promise<Identity> {
    const { vaults } = this.#options;
    const chosen = await this.#choosePlace();
    for (const place of chosen === 'file' ? (['file'] as const) : (['secret-service', 'file'] as const)) {
      const text = await vaults[place].load();
      if (text === undefined) continue;
      const identity = this.#read(text);
      await this.#remember({ place, fingerprint: fingerprintOf(identity.spki), next: '' }, identity);
      return identity;
    }
    return await this.#make(chosen);
  }

  async #fetch(record: IdentityRecord): Promise<Identity> {
    const text = await this.#options.vaults[record.place].load();
    // Only a key that never got there, so that nobody has seen it, may be made again.
    if (text === undefined && record.fingerprint === '') return await this.#make(record.place);
    if (text === undefined) throw unavailable('the key of the account is not where it was put');
    await this.#options.keeper.confirm();
    const identity = this.#read(text);
    const fingerprint = fingerprintOf(identity.spki);
    if (fingerprint !== record.fingerprint && fingerprint !== record.next) throw unavailable('another key lies where the account’s was put');
    await this.#remember({ ...record, fingerprint, next: '' }, identity);
    return identity;
  }

  async #make(place: IdentityPlace): Promise<Identity> {
    const identity = createIdentity(this.#options.account);
    await this.#keep(place, identity);
    return identity;
  }

  async #keep(place: IdentityPlace, identity: Identity): Promise<void> {
    const fingerprint = fingerprintOf(identity.spki);
    await this.#options.keeper.update((record) => {
      const { fingerprint: known = '' } = record.identity ?? {};
      return known === fingerprint ? record : { ...record, identity: { place, fingerprint: known, next: fingerprint } };
    });
    const { key, cert } = pemOf(identity);
    await this.#options.vaults[place].store(key + cert);
    await this.#remember({ place, fingerprint, next: '' }, identity);
  }

  async #remember(identity: IdentityRecord, value: Identity): Promise<void> {
    await this.#options.keeper.update((record) => {
      const { place, fingerprint, next } = record.identity ?? {};
      return place === identity.place && fingerprint === identity.fingerprint && next === identity.next ? record : { ...record, identity };
    });
    this.#known = { fingerprint: identity.fingerprint, identity: value };
  }

  /** Where a key goes that the user wants: a place that is gone for good must not keep them from a new beginning. One that is locked does. */
  async #placeFor(record: IdentityRecord | undefined): Promise<IdentityPlace> {
    return record !== undefined && (await this.#options.vaults[record.place].isThere()) ? record.place : await this.#choosePlace();
  }

  async #choosePlace(): Promise<IdentityPlace> {
    return (await this.#options.vaults['secret-service'].isThere()) ? 'secret-service' : 'file';
  }

  #read(text: string): Identity {
    try {
      // An old certificate is renewed, not refused: the key is what counts.
      return readIdentity(Buffer.from(text, 'utf8'), '');
    } catch (error) {
      throw unavailable('what lies where the key of the account was put is damaged', error);
    }
  }

  #check(identity: Identity): void {
    checkIdentity(identity, this.#options.account, this.#options.bareJid);
  }
}

/** The identity in a file that an account parameter names. It is read at first use, and never written. */
export class GivenIdentity implements Identities {
  readonly events: Emitter<{ changed: [] }>;
  readonly #options: { readonly path: string; readonly account: BareJid; readonly bareJid: (text: string) => BareJid | undefined; readonly log: Log };
  #identity: Identity | undefined;
  #reading: Promise<Identity> | undefined;

  constructor(options: { path: string; account: BareJid; bareJid: (text: string) => BareJid | undefined; log: Log }) {
    this.#options = options;
    this.events = new Emitter(options.log);
  }

  get fingerprint(): string {
    return this.#identity === undefined ? '' : fingerprintOf(this.#identity.spki);
  }

  async get(): Promise<Identity> {
    if (this.#identity !== undefined) return this.#identity;
    const reading = (this.#reading ??= this.#read());
    try {
      return await reading;
    } finally {
      this.#reading = undefined;
    }
  }

  async #read(): Promise<Identity> {
    const { path, account, bareJid } = this.#options;
    try {
      const identity = readIdentity(await readNamedFile(path, MAX_IDENTITY), '');
      checkIdentity(identity, account, bareJid);
      this.#identity = identity;
      this.events.emit('changed');
      return identity;
    } catch (error) {
      throw unavailable(`security-identity: ${error instanceof HushError ? error.message : 'the file cannot be read'}`, error);
    }
  }

  import(): Promise<void> {
    return Promise.reject(this.#refusal());
  }

  renew(): Promise<void> {
    return Promise.reject(this.#refusal());
  }

  replace(): Promise<void> {
    return Promise.reject(this.#refusal());
  }

  #refusal(): HushError {
    return new HushError('not-available', 'the account uses the identity that its parameter security-identity names');
  }
}

function unavailable(message: string, cause?: unknown): HushError {
  return new HushError('encryption-not-available', message, cause === undefined ? {} : { cause });
}
