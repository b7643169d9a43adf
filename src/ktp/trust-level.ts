/** What the padlock of KDE Telepathy shows, from what a channel claims. Channel.Interface.Securable; org.kde.TelepathyProxy.ChannelProxy.Interface.OTR, TrustLevel. */

/** TrustLevel (u) of the window. */
export const TrustLevel = { notPrivate: 0, unverified: 1, verified: 2, finished: 3 } as const;
export type TrustLevel = (typeof TrustLevel)[keyof typeof TrustLevel];

/** What counts of Securable; what is not there is not claimed. */
export interface Claims {
  readonly State?: number;
  readonly Encrypted?: boolean;
  readonly Verified?: boolean;
}

/** Securable.State */
const State = { secure: 2, ended: 3 } as const;

/**
 * Never more than the channel claims. A claim outlives the session that proved it, so without a session that lives it counts only for what it
 * forbids: a channel that was encrypted once never looks like one for plaintext, also while it is being secured again.
 */
export function trustLevel({ State: state, Encrypted: isEncrypted = false, Verified: isVerified = false }: Claims): TrustLevel {
  if (state === State.secure && isEncrypted) return isVerified ? TrustLevel.verified : TrustLevel.unverified;
  return state === State.ended || isEncrypted ? TrustLevel.finished : TrustLevel.notPrivate;
}
