/** The contract between the security core and a mechanism that secures conversations: what each may ask of the other. */
import type { HushError } from '../errors.ts';
import type { Element } from '../xmpp/element.ts';
import type { BareJid, FullJid } from '../xmpp/jid.ts';
import type { Identity } from './identity.ts';
import type { Claims, Facts, Kind, VerificationMethod } from './properties.ts';

/** One way to secure a conversation. One folder under mechanisms/, one line in its index. */
export interface Mechanism {
  /** The name in `Securable.Mechanism` and `AvailableMechanisms`, e.g. "xtls". */
  readonly name: string;
  /** The kinds of sessions it can make, for demands that no session could ever meet. */
  readonly kinds: readonly Kind[];
  /** What our own disco#info must announce so that peers can find it. */
  readonly features: readonly string[];
  /**
   * Whether a session with `peer` could be started now, as far as its capabilities tell: undefined = not known, would have to be asked.
   * Sends nothing.
   */
  available(peer: FullJid): boolean | undefined;
  /**
   * Begins a session, or joins the one that lives or is being negotiated with this full JID. Returns at once; progress and failure
   * come as events, failure as `ended`. Throws HushError where nothing may even be tried (`would-break-anonymity`, `disconnected`).
   */
  start(peer: FullJid, options: { readonly demands: Claims; readonly signal?: AbortSignal }): Session;
  /** Sessions that a peer began and we accepted, in state `negotiating`; never one that `start` returned. */
  onIncoming(listener: (session: Session) => void): () => void;
  /** The XMPP stream is gone for good: every session ends, uncleanly unless it was closed both ways. Nothing can be started afterwards. */
  close(): void;
}

/**
 * `discovering` nothing but a capability query was sent · `negotiating` an offer was sent or received · `handshaking` from the first
 * byte of the secured transport on: no way leads back to plaintext · `secure` · `closing` our authenticated end is written · `ended`.
 */
export type SessionState = 'discovering' | 'negotiating' | 'handshaking' | 'secure' | 'closing' | 'ended';

/** `Securable.EndReason`. */
export type EndReason = 'clean' | 'unauthenticated' | 'connection-lost' | 'failed' | 'key-changed' | 'local';

export interface SessionEnd {
  readonly reason: EndReason;
  /** What went wrong, at which step; absent after a clean or local end. */
  readonly error?: HushError;
  /** The state in which it ended. Only an end out of `discovering` or `negotiating` leaves an opportunistic conversation in plaintext. */
  readonly from: SessionState;
  /** The authenticated peer broke the rules: no session revives the conversation. */
  readonly isViolated?: boolean;
}

export interface Session {
  readonly mechanism: string;
  /** Names this session in our process; says nothing to a peer. */
  readonly id: string;
  /** The one endpoint at the other end, for the life of the session. */
  readonly peer: FullJid;
  readonly state: SessionState;
  readonly facts: Facts;
  /** The keys of both ends (DER SubjectPublicKeyInfo), from `secure` on, for pins and the safety number. Throw-away keys are absent. */
  readonly keys: { readonly local: Uint8Array; readonly remote: Uint8Array } | undefined;
  /** For experts, `Securable.Details`: `tls-version`, `cipher-suite`, `key-agreement`, `peer-key-type`, `peer-fingerprint`. */
  readonly details: ReadonlyMap<string, string>;
  /**
   * Sends a `<message/>` inside. Its from and to are not used; one with a body gets an id if it has none, and asks for a receipt.
   * Returns the id, undefined where there is none. Throws HushError unless `secure`; what was handed over is sent in order, or the session ends.
   */
  send(message: Element): string | undefined;
  /** Ends it, in an authenticated way where it is secure. Resolves when it has ended. `as`: `local` at the user's wish, `clean` where it may come back, `failed` where it has not become secure in time. */
  end(as?: 'local' | 'clean' | 'failed'): Promise<void>;
  /** Ends it at once and uncleanly, `key-changed`: the key of the peer is no longer to be used. */
  revoke(error: HushError): void;
  /** Records that the user compared the safety number of exactly this session's keys, or that a configured authority vouches for the peer's. */
  confirm(method: Exclude<VerificationMethod, 'shared-secret'>): void;
  /** Verification by a shared secret; undefined where this session has none (before `secure`, peers that know no such thing). */
  readonly sharedSecret: SharedSecret | undefined;
  /** Listeners are called in the order of what happened; the returned function stops them. */
  listen(listener: SessionListener): () => void;
}

export interface SessionListener {
  /** `state`, `facts` or `details` are different now; one call per transition. */
  changed?(): void;
  /** A `<message/>` of the peer, authenticated; receipts are taken out. Only between `secure` and `ended`. False: there was no place for it, and it is not acknowledged. */
  opened?(message: Element): unknown;
  /** The peer has acknowledged the message with this id. */
  delivered?(id: string): void;
  /** Once, after `changed` for state `ended`; nothing follows. */
  ended?(end: SessionEnd): void;
  /** The peer asks to compare a secret; answer with `sharedSecret.answer` or `abort`. */
  secretRequested?(question: string): void;
  /** A run of the comparison is over: verified, or why not (`authentication-failed`, `rejected`, `service-busy`, `cancelled` …). */
  secretConcluded?(error: HushError | undefined): void;
}

/** All throw HushError: `not-available` when not in place now, `invalid-argument` for an unusable secret or question. */
export interface SharedSecret {
  /** Question: at most 1 KiB of UTF-8, may be empty; it travels inside the session. */
  start(question: string, secret: string): void;
  answer(secret: string): void;
  abort(): void;
}

/** The key that a peer presents, for `Authority.judgeKey`. */
export interface PresentedKey {
  readonly spki: Uint8Array;
  /** DER of the whole certificate. */
  readonly certificate: Uint8Array;
}

/** `pinned`: known from earlier conversations. `verifiedBy`: confirmed there, or by a configured authority now. */
export type KeyVerdict =
  | { readonly accepted: true; readonly pinned: boolean; readonly verifiedBy: VerificationMethod | undefined }
  | { readonly accepted: false; readonly error: HushError };

/** What a mechanism asks of the security core: whom to trust, what the user wants. */
export interface Authority {
  /** The account's long-term identity. Rejects with HushError (`encryption-not-available`) while its key cannot be had. */
  identity(): Promise<Identity>;
  /** Judges a peer's key. Synchronous: it is asked inside the handshake. Records nothing. */
  judgeKey(peer: BareJid, key: PresentedKey): KeyVerdict;
  /** Whether any key of the contact is pinned. */
  hasPin(peer: BareJid): boolean;
  /** Whether the contact was ever secured with both ends comparing the negotiation (DowngradeResistant). */
  wasBound(peer: BareJid): boolean;
  /** What local requests to this contact demand now, all together. */
  demands(peer: BareJid): Claims;
  /** Whether a session that this endpoint offers is taken without asking; `subscribed` = the contact may see our presence. */
  accepts(peer: FullJid, subscribed: boolean): boolean;
}
