/** Errors of channels, passed on to the window. */
import { BusError } from '../bus/connection.ts';
import { conditionOf, HushError } from '../errors.ts';

/** The error of a channel as our own answer: with the same name where it has a common one. */
export function passedOn(error: unknown): unknown {
  if (!(error instanceof BusError)) return error;
  return new HushError(conditionOf(error.name) ?? 'not-available', error.message, { cause: error });
}

/** Why a channel cannot be secured, by the one name that the window knows for it. */
export function encryptionError(error: unknown): unknown {
  if (!(error instanceof BusError)) return error;
  return new HushError('proxy-encryption-error', `${error.name.replace(/^.*\./, '')}: ${error.message}`, { cause: error });
}

/** Does `work`; rejects with what `translate` makes of its error. */
export async function translated<T>(work: Promise<T>, translate: (error: unknown) => unknown = passedOn): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw translate(error);
  }
}
