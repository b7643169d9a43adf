/** A place for a secret that can be locked or missing whenever a test wants it. */
import { HushError } from '../../src/errors.ts';
import type { Vault } from '../../src/security/vault.ts';

export class ShelfVault implements Vault {
  text: string | undefined;
  isLocked = false;
  isMissing = false;

  isThere(): Promise<boolean> {
    return Promise.resolve(!this.isMissing);
  }

  load(): Promise<string | undefined> {
    return this.#isOutOfReach ? Promise.reject(new HushError('encryption-not-available', 'out of reach')) : Promise.resolve(this.text);
  }

  store(text: string): Promise<void> {
    if (this.#isOutOfReach) return Promise.reject(new HushError('encryption-not-available', 'out of reach'));
    this.text = text;
    return Promise.resolve();
  }

  get #isOutOfReach(): boolean {
    return this.isLocked || this.isMissing;
  }
}
