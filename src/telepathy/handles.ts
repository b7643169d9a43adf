/** Contact handles: small numbers that stand for identifiers on one connection. Telepathy specification, Connection, HasImmortalHandles. */
import { HushError } from '../errors.ts';

/** A contact handle (u); 0 means no contact. Only meaningful on the connection it comes from. */
export type Handle = number;

/** The handles of one connection: counted from 1, valid as long as the connection lives, never used again for another identifier. */
export class HandleRepository {
  readonly #normalize: (id: string) => string;
  readonly #ids: string[] = [];
  readonly #handleById = new Map<string, Handle>();

  /** `normalize` gives the one spelling of an identifier, or throws HushError('invalid-handle'). */
  constructor(normalize: (id: string) => string) {
    this.#normalize = normalize;
  }

  /** The handle of an identifier in any spelling, made if there is none yet. Throws HushError('invalid-handle') for what is none. */
  ensure(id: string): Handle {
    // Most come as they are kept here, and what is kept here is normalised.
    const same = this.#handleById.get(id);
    if (same !== undefined) return same;
    const normalized = this.#normalize(id);
    const known = this.#handleById.get(normalized);
    if (known !== undefined) return known;
    const handle = this.#ids.push(normalized);
    this.#handleById.set(normalized, handle);
    return handle;
  }

  /** The handle of an identifier in any spelling, if one was made. Throws HushError('invalid-handle') for what is no identifier. */
  find(id: string): Handle | undefined {
    return this.#handleById.get(id) ?? this.#handleById.get(this.#normalize(id));
  }

  /** The normalised identifier behind a handle. Throws HushError('invalid-handle') for a number that is none. */
  id(handle: Handle): string {
    const id = this.#ids[handle - 1];
    if (id === undefined) throw new HushError('invalid-handle', `${handle} is not a contact handle of this connection`);
    return id;
  }

  isValid(handle: Handle): boolean {
    return this.#ids[handle - 1] !== undefined;
  }
}
