/** A trust memory without a disk, for tests of what is built on it. */
import { emptyRecord } from '../../src/security/trust-record.ts';
import type { TrustKeeper, TrustRecord } from '../../src/security/trust-record.ts';

export class VolatileKeeper implements TrustKeeper {
  record: TrustRecord | undefined;
  readonly problem = undefined;
  readonly #listeners = new Set<(before: TrustRecord | undefined, after: TrustRecord) => void>();

  open(): Promise<void> {
    this.record ??= emptyRecord;
    return Promise.resolve();
  }

  async update(change: (record: TrustRecord) => TrustRecord): Promise<void> {
    await this.open();
    this.#replace(change(this.record!));
  }

  confirm(): Promise<void> {
    return Promise.resolve();
  }

  reset(): Promise<void> {
    this.#replace({ ...emptyRecord, identity: this.record?.identity });
    return Promise.resolve();
  }

  onChange(listener: (before: TrustRecord | undefined, after: TrustRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #replace(after: TrustRecord): void {
    const before = this.record;
    if (before === after) return;
    this.record = after;
    for (const listener of this.#listeners) listener(before, after);
  }
}
