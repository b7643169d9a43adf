/** A secret kept in a file that only its user can read. */
import { HushError } from '../errors.ts';
import type { PrivateFolder } from './file-store.ts';
import type { Vault } from './vault.ts';

/** Bytes of the largest secret that is read. */
const MAX_SECRET = 64 * 1024;

export class FileVault implements Vault {
  readonly #folder: PrivateFolder;
  readonly #name: string;

  /** `folder` is open whenever this is used. */
  constructor(folder: PrivateFolder, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  isThere(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async load(): Promise<string | undefined> {
    try {
      const bytes = await this.#folder.read(this.#name, MAX_SECRET);
      return bytes?.toString('utf8');
    } catch (error) {
      throw new HushError('encryption-not-available', error instanceof HushError ? error.message : 'the file cannot be read', { cause: error });
    }
  }

  async store(text: string): Promise<void> {
    await this.#folder.replace(this.#name, Buffer.from(text, 'utf8'));
  }
}
