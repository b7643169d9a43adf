/** The trust record of one account on disk: read once, written as a whole, every version before it counts. attacks.md faults 5–7, 15. */
import { randomBytes } from 'node:crypto';
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import { UnsyncedError } from './file-store.ts';
import type { PrivateFolder } from './file-store.ts';
import { maxRecordBytes, readRecord, writeRecord } from './trust-format.ts';
import { emptyRecord } from './trust-record.ts';
import type { TrustKeeper, TrustRecord } from './trust-record.ts';
import type { Vault } from './vault.ts';

const file = 'trust.json';
const aside = 'trust.json.damaged-';

export interface TrustStoreOptions {
  /** The account's bare JID. */
  readonly account: string;
  readonly folder: PrivateFolder;
  /** Keeps the number of the last version where whoever can put an old file back cannot reach. Used while the account's key is in the Secret Service too. */
  readonly generations: Vault;
  readonly log: Log;
}

/** `damaged` outlives this process: the file stays beside its place until a reset writes a new one. */
type State = { readonly is: 'closed' } | { readonly is: 'open'; readonly record: TrustRecord } | { readonly is: 'damaged' | 'unusable'; readonly problem: HushError };

export class TrustStore implements TrustKeeper {
  readonly #options: TrustStoreOptions;
  readonly #log: Log;
  readonly #listeners = new Set<(before: TrustRecord | undefined, after: TrustRecord) => void>();
  #state: State = { is: 'closed' };
  /** The kept number was compared with this record's, or there is none to compare. */
  #isCurrent = false;
  /** The end of all that was asked for so far. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: TrustStoreOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  get record(): TrustRecord | undefined {
    return this.#state.is === 'open' ? this.#state.record : undefined;
  }

  get problem(): HushError | undefined {
    return 'problem' in this.#state ? this.#state.problem : undefined;
  }

  open(): Promise<void> {
    return this.#inTurn(() => this.#open());
  }

  update(change: (record: TrustRecord) => TrustRecord): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state.is !== 'open') throw this.problem ?? new HushError('not-available', 'the record of trust is closed');
      const before = this.#state.record;
      const after = change(before);
      if (after !== before) await this.#replace(before, after);
    });
  }

  reset(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state.is === 'open') throw new HushError('invalid-argument', 'what is known of contacts is not damaged');
      if (this.#state.is !== 'damaged') throw this.problem ?? new HushError('not-available', 'the record of trust is closed');
      await this.#replace(undefined, emptyRecord);
    });
  }

  confirm(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state.is === 'open') await this.#compare(this.#state.record);
      if (this.problem !== undefined) throw this.problem;
    });
  }

  onChange(listener: (before: TrustRecord | undefined, after: TrustRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets go of the folder when all that was asked for is done. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#state = { is: 'closed' };
      await this.#options.folder.close();
    });
  }

  /** One after the other, in the order of the calls. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #open(): Promise<void> {
    if (this.#state.is === 'open' || this.#state.is === 'damaged') return;
    const { folder } = this.#options;
    try {
      await folder.open();
      await this.#read();
    } catch (error) {
      await folder.close();
      const problem = error instanceof HushError ? error : new HushError('not-available', 'what is known of contacts cannot be read', { cause: error });
      this.#state = { is: 'unusable', problem };
      this.#log.error({ err: problem }, 'what is known of contacts cannot be read: all of them are treated as if security was required');
    }
  }

  async #read(): Promise<void> {
    const { account, folder } = this.#options;
    try {
      const bytes = await folder.read(file, maxRecordBytes);
      if (bytes === undefined && (await folder.names()).some((name) => name.startsWith(aside))) {
        this.#damaged('damaged, and was not reset since');
        return;
      }
      const record = bytes === undefined ? emptyRecord : readRecord(account, bytes);
      this.#isCurrent = false;
      this.#state = { is: 'open', record };
      await this.#compare(record);
    } catch (error) {
      if (!(error instanceof HushError) || error.condition !== 'invalid-data') throw error;
      await this.#setAside('damaged');
    }
  }

  /** Tells an older file that was put back by the number that is kept elsewhere, once that can be read. */
  async #compare(record: TrustRecord): Promise<void> {
    if (this.#isCurrent || record.identity?.place !== 'secret-service') return;
    const kept = await this.#keptGeneration();
    if (kept === undefined) return;
    if (kept > record.generation) await this.#setAside('older than it should be: it was put back, or the disk has lost changes');
    else this.#isCurrent = true;
  }

  /** 0 where none is kept, undefined while that cannot be told. */
  async #keptGeneration(): Promise<number | undefined> {
    try {
      const text = (await this.#options.generations.load()) ?? '0';
      return /^\d{1,15}$/.test(text) ? Number(text) : 0;
    } catch (error) {
      this.#log.info({ err: error }, 'whether the record of trust is the latest one cannot be told now');
      return undefined;
    }
  }

  async #setAside(what: string): Promise<void> {
    try {
      await this.#options.folder.move(file, aside + randomBytes(6).toString('hex'));
    } catch (error) {
      // It stays in its place then, and is found damaged again.
      this.#log.error({ err: error }, 'the damaged record of trust could not be set aside');
    }
    this.#damaged(what);
  }

  #damaged(what: string): void {
    const problem = new HushError('encryption-not-available', `what is known of contacts is ${what}`);
    this.#state = { is: 'damaged', problem };
    this.#log.error({ err: problem }, 'all contacts are treated as if security was required until the user resets what is known of them');
  }

  async #replace(before: TrustRecord | undefined, after: TrustRecord): Promise<void> {
    if (before !== undefined) await this.#compare(before);
    if (this.#state.is === 'damaged' && before !== undefined) throw this.#state.problem;
    const record = { ...after, generation: await this.#nextGeneration(before, after) };
    const { account, folder } = this.#options;
    const bytes = writeRecord(account, record);
    if (bytes.length > maxRecordBytes) throw new HushError('resource-unavailable', 'no more can be remembered of contacts');
    // What could not be read again must not be written.
    readRecord(account, bytes);
    let unsynced: UnsyncedError | undefined;
    try {
      await folder.replace(file, bytes);
    } catch (error) {
      if (!(error instanceof UnsyncedError)) throw error;
      unsynced = error;
    }
    this.#state = { is: 'open', record };
    for (const listener of this.#listeners) listener(before, record);
    if (this.#isCurrent && record.identity?.place === 'secret-service') await this.#keepGeneration(record.generation);
    if (unsynced !== undefined) throw unsynced;
  }

  async #nextGeneration(before: TrustRecord | undefined, after: TrustRecord): Promise<number> {
    const next = (before?.generation ?? 0) + 1;
    if (after.identity?.place !== 'secret-service' || before?.identity?.place === 'secret-service') return next;
    // From now on the number is kept: one that an earlier record has left there must not make this one look old.
    const kept = await this.#keptGeneration();
    this.#isCurrent = kept !== undefined;
    return Math.max(next, (kept ?? 0) + 1);
  }

  async #keepGeneration(generation: number): Promise<void> {
    try {
      await this.#options.generations.store(String(generation));
    } catch (error) {
      this.#log.warn({ err: error }, 'an older record of trust put in the place of this one would not be noticed');
    }
  }
}
