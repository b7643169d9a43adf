/** Trying again with growing, random pauses. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { asHushError } from '../errors.ts';
import type { HushError } from '../errors.ts';
import type { Log } from '../log.ts';

export interface RetryOptions {
  /** Whether a failure may be gone next time. */
  readonly isPassing: (error: HushError) => boolean;
  /** Milliseconds after which no new try begins. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** The first try begins within half a second, so that not all clients of a server are back at once; later pauses double up to half a minute, less up to a half of each. */
const firstPauseMs = 500;
const maxPauseMs = 30_000;

/** Runs `attempt` until it succeeds. Rejects with the last failure: one that is not passing, or any when the time is over; with the signal's error when aborted. */
export async function retry(attempt: () => Promise<void>, { isPassing, limitMs, signal, log }: RetryOptions): Promise<void> {
  const end = performance.now() + limitMs;
  let delay = randomInt(firstPauseMs);
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, maxPauseMs)) {
    await sleep(delay, undefined, { signal });
    try {
      await attempt();
      return;
    } catch (error) {
      const failure = asHushError(error);
      delay = pause - randomInt(pause / 2);
      if (signal.aborted || !isPassing(failure) || performance.now() + delay > end) throw failure;
      log.info({ err: failure, delay }, 'trying again');
    }
  }
}
