/** Waiting for a conversation to become secure. */
import { asHushError, HushError } from '../errors.ts';
import type { Tasks } from '../tasks.ts';
import type { Conversation } from './conversation.ts';
import { SecurityState } from './conversation.ts';
import { endedError } from './policy.ts';

interface Outcome {
  readonly error?: HushError;
  /** It took too long. */
  readonly isLate?: boolean;
}

/**
 * Settles when `conversation`, which has a session under way, is secure. Rejects with HushError when the session ends, when `limitMs` are over
 * (`encryption-not-available`, saying at which step), or when `signal` is aborted; the attempt is over then for everyone who waits for it.
 */
export async function untilSecure(conversation: Conversation, { tasks, limitMs, signal }: { tasks: Tasks; limitMs: number; signal: AbortSignal }): Promise<void> {
  let settle: (outcome: Outcome) => void = () => undefined;
  const settled = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  const stopListening = conversation.listen({
    changed: () => {
      if (conversation.state === SecurityState.secure) settle({});
      // Its session went on to another conversation.
      else if (conversation.state === SecurityState.ended && conversation.session === undefined) settle({ error: endedError(conversation.endReason ?? 'failed') });
    },
    ended: (end) => settle({ error: end.error ?? endedError(end.reason) }),
  });
  const late = (): HushError => new HushError('encryption-not-available', `not secured in time: ${conversation.session?.state ?? 'no session'}`);
  const stopTimer = tasks.after('attempt', limitMs, () => settle({ error: late(), isLate: true }));
  const onAbort = (): void => settle({ error: asHushError(signal.reason) });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    if (conversation.state === SecurityState.secure) settle({});
    const { error, isLate = false } = await settled;
    if (error === undefined) return;
    if (conversation.state !== SecurityState.secure) await conversation.session?.end(isLate ? 'failed' : 'local');
    throw error;
  } finally {
    stopListening();
    stopTimer();
    signal.removeEventListener('abort', onAbort);
  }
}
