/** A memory that lasts as long as the process. */
import { emptyRecord } from './trust-record.ts';
import type { TrustKeeper, TrustRecord } from './trust-record.ts';

export class ForgetfulKeeper implements TrustKeeper {
  readonly problem = undefined;
  #record: TrustRecord = emptyRecord;
  readonly #listeners = new Set<(before: TrustRecord | undefined, after: TrustRecord) => void>();

  get record(): TrustRecord {
    return this.#record;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what `change` throws is the answer
  async update(change: (record: TrustRecord) => TrustRecord): Promise<void> {
    const before = this.#record;
    this.#record = change(before);
    if (this.#record !== before) for (const listener of this.#listeners) listener(before, this.#record);
  }

  confirm(): Promise<void> {
    return Promise.resolve();
  }

  reset(): Promise<void> {
    return this.update(() => emptyRecord);
  }

  onChange(listener: (before: TrustRecord | undefined, after: TrustRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
