/** What may be done with a conversation: pure decisions over what the user wants and what is remembered. Contract: Channel.Interface.Securable. */
import { HushError } from '../errors.ts';
import type { EndReason } from './mechanism.ts';
import type { Claims } from './properties.ts';
import type { Policy } from './trust-record.ts';

/** What a conversation is for. */
export type ConversationKind =
  /** Secured when it can be. */
  | 'securable'
  /** Asked for with Encrypted = False: never secured. */
  | 'plain'
  /** Opened by plaintext of a contact whose other conversation is, or was, secured. */
  | 'companion';

/** What decides over plaintext to one contact, in one conversation. */
export interface Stance {
  readonly kind: ConversationKind;
  readonly policy: Policy;
  /** The contact's conversations were secured before. */
  readonly wasSecured: boolean;
  /** The contact was verified once, or plaintext is ruled out for another reason. */
  readonly isStrict: boolean;
  readonly demands: Claims;
  /** What is being asked for on top and not granted yet: it counts for what waits until that is known. */
  readonly asked: Claims;
  /** A secured session with any resource of the contact lives. */
  readonly hasLiveSession: boolean;
}

/** Why plaintext may not go out; undefined = it may. */
export function plaintextRefusal({ kind, policy, isStrict, demands, hasLiveSession }: Stance): HushError | undefined {
  if (demands.size > 0) return refusal(`this conversation demands ${[...demands].join(', ')}`);
  if (isStrict) return refusal('this contact is verified, or is to be written to in secured conversations only, and there is none now');
  if (policy === 'required') return refusal('the policy requires a secured conversation, and there is none now');
  if (kind !== 'plain' && hasLiveSession) return refusal('there is a secured conversation with this contact: use that one');
  return undefined;
}

/** Why a message that waited for a conversation to be secured may not go out in plaintext after all; undefined = it may. */
export function waitingRefusal(stance: Stance): HushError | undefined {
  return plaintextRefusal({ ...stance, demands: new Set([...stance.demands, ...stance.asked]) }) ?? (stance.wasSecured ? refusal('the conversation could not be secured, as it was before') : undefined);
}

function refusal(message: string): HushError {
  return new HushError('encryption-not-available', message);
}

/** Why a conversation that is never secured cannot be had; undefined = it can. */
export function offSwitchRefusal({ policy, isStrict }: Pick<Stance, 'policy' | 'isStrict'>): HushError | undefined {
  if (policy === 'required' || isStrict) return refusal('this contact is to be written to in secured conversations only');
  return undefined;
}

/** Why demands cannot even be tried; undefined = they can. */
export function demandRefusal(policy: Policy): HushError | undefined {
  return policy === 'off' ? refusal('securing conversations is switched off for this contact') : undefined;
}

/** Whether an ended conversation may become secure again, by a session that proves as much. */
export function isRevivable(reason: EndReason, isAnonymous: boolean): boolean {
  return !isAnonymous && (reason === 'clean' || reason === 'unauthenticated' || reason === 'connection-lost');
}

/** What a send in an ended conversation answers. */
export function endedError(reason: EndReason): HushError {
  const errors = {
    clean: ['terminated', 'the contact has ended the secured conversation'],
    unauthenticated: ['encryption-error', 'the secured conversation was cut off: whether by the contact is not known'],
    'connection-lost': ['connection-lost', 'the secured conversation ended with the connection'],
    failed: ['encryption-error', 'the conversation could not be secured'],
    'key-changed': ['encryption-error', 'the key of the contact is not trusted'],
    local: ['cancelled', 'the secured conversation was ended here'],
  } as const;
  const [condition, message] = errors[reason];
  return new HushError(condition, message);
}
