/** What is fuzzed: some code, how to feed it, and what must hold whatever it is fed. */
import { HushError } from '../../src/errors.ts';
import type { Condition } from '../../src/errors.ts';
import type { Random } from './random.ts';

export interface Target {
  /** Ends of the paths of the sources whose coverage leads the search. */
  readonly sources: readonly string[];
  /** Bytes of the longest input, where the usual maximum only takes longer. */
  readonly maxInput?: number;
  /** Inputs to begin with, besides the corpus. */
  readonly seeds: readonly Buffer[];
  /** What the input language is made of. */
  readonly dictionary: readonly (string | Uint8Array)[];
  /** A change that knows the form of the input; `other` is another input. The result may be of any length. */
  readonly mutate?: (bytes: Buffer, random: Random, other: Buffer) => Buffer;
  /** Feeds one input. Throws whatever is wrong: an error that must not be, or a broken promise. */
  readonly run: (bytes: Buffer) => void | Promise<void>;
}

export const targetNames = ['xml', 'inner', 'ibb', 'der', 'dbus', 'trust', 'jid'] as const;
export type TargetName = (typeof targetNames)[number];

export function isTargetName(name: string): name is TargetName {
  return (targetNames as readonly string[]).includes(name);
}

/** Loads only the code of this target: coverage is to be that of what it runs. */
export async function loadTarget(name: TargetName): Promise<Target> {
  const { target } = (await import(`./targets/${name}.ts`)) as { target: Target };
  return target;
}

/** A promise of the code under test that did not hold. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

export function promise(holds: boolean, what: string, details?: unknown): asserts holds {
  if (!holds) throw new Broken(details === undefined ? what : `${what}: ${JSON.stringify(details)}`);
}

/** What `call` returns, or undefined where it refuses its input in one of these ways. Everything else that is thrown goes on. */
export function attempt<T>(conditions: readonly Condition[], call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof HushError && conditions.includes(error.condition)) return undefined;
    throw error;
  }
}
