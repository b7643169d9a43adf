/** The property lattice: what a channel can promise, and which facts prove each promise. Contract: Channel.Interface.Securable. */
import { demand } from '../errors.ts';

/** The claims, by the names of their D-Bus properties. `Encrypted` comes first: it is announced before or with every other. */
export const claimNames = [
  'Encrypted',
  'IntegrityProtected',
  'Complete',
  'Verified',
  'WeaklyAuthenticated',
  'KeyContinuity',
  'WeaklyAnonymous',
  'StronglyAnonymous',
  'ReplayProtected',
  'ForwardSecret',
  'Deniable',
  'NonRepudiable',
  'DowngradeResistant',
] as const;
export type Claim = (typeof claimNames)[number];
export type Claims = ReadonlySet<Claim>;

export function isClaim(name: string): name is Claim {
  return (claimNames as readonly string[]).includes(name);
}

/** How a peer's key was confirmed: by a shared secret, by comparing the safety number, or by a certificate of a configured authority. */
export type VerificationMethod = 'shared-secret' | 'comparison' | 'pkix';

/** What a session knows about itself. Each fact is recorded once it is proved and never taken back. */
export interface Facts {
  /** The kind of session: one row of the table below. */
  readonly kind: Kind;
  /** The session has been `secure`. Before that nothing is claimed. */
  readonly secured: boolean;
  /** How the peer's key, the one of this session, was confirmed. */
  readonly verifiedBy: VerificationMethod | undefined;
  /** The peer's key was already pinned when this session began. */
  readonly keyPinned: boolean;
  /** The peer's key is the one that came, hidden or not, by the signalling path. */
  readonly signalledKeyMatched: boolean;
  /** A fingerprint by which a key can be recognised was signalled in the clear, by either side. */
  readonly fingerprintSignalled: boolean;
  /** Both ends compared inside the session everything that was negotiated outside, and agreed. */
  readonly bindingAgreed: boolean;
}

type Cell = boolean | ((facts: Facts) => boolean);
type Row = Readonly<Record<Claim, Cell>>;

const whenVerified: Cell = (facts) => facts.verifiedBy !== undefined;
const whenPinned: Cell = (facts) => facts.keyPinned;
const whenBound: Cell = (facts) => facts.bindingAgreed;

const nothing: Row = {
  Encrypted: false,
  IntegrityProtected: false,
  Complete: false,
  Verified: false,
  WeaklyAuthenticated: false,
  KeyContinuity: false,
  WeaklyAnonymous: false,
  StronglyAnonymous: false,
  ReplayProtected: false,
  ForwardSecret: false,
  Deniable: false,
  NonRepudiable: false,
  DowngradeResistant: false,
};

/**
 * What each kind of session may claim. TLS signs only its handshake and both ends know the record keys, so content stays deniable;
 * forward secrecy comes from (EC)DHE; a dropped OTR or OMEMO message leaves no trace, so neither protects integrity in our strict sense.
 */
const table = {
  plain: nothing,
  'xtls-identity': {
    Encrypted: true,
    IntegrityProtected: true,
    Complete: true,
    Verified: whenVerified,
    WeaklyAuthenticated: (facts) => facts.verifiedBy !== undefined || facts.signalledKeyMatched,
    KeyContinuity: whenPinned,
    WeaklyAnonymous: (facts) => !facts.fingerprintSignalled,
    StronglyAnonymous: false,
    ReplayProtected: true,
    ForwardSecret: true,
    Deniable: true,
    NonRepudiable: false,
    DowngradeResistant: whenBound,
  },
  'xtls-anonymous': {
    Encrypted: true,
    IntegrityProtected: true,
    Complete: true,
    Verified: whenVerified,
    WeaklyAuthenticated: whenVerified,
    KeyContinuity: false,
    WeaklyAnonymous: true,
    StronglyAnonymous: true,
    ReplayProtected: true,
    ForwardSecret: true,
    Deniable: true,
    NonRepudiable: false,
    DowngradeResistant: whenBound,
  },
  otr: {
    ...nothing,
    Encrypted: true,
    Verified: whenVerified,
    WeaklyAuthenticated: whenVerified,
    KeyContinuity: whenPinned,
    WeaklyAnonymous: true,
    ReplayProtected: true,
    ForwardSecret: true,
    Deniable: true,
  },
  omemo: {
    ...nothing,
    Encrypted: true,
    Verified: whenVerified,
    WeaklyAuthenticated: whenVerified,
    KeyContinuity: whenPinned,
    ReplayProtected: true,
    ForwardSecret: true,
    Deniable: true,
  },
} satisfies Record<string, Row>;

/** The kinds of sessions, one per row of the table. */
export type Kind = keyof typeof table;
const rows: Readonly<Record<Kind, Row>> = table;

/** The claims that `facts` prove. The one place where a claim becomes True. */
export function claimsOf(facts: Facts): Claims {
  const row = rows[facts.kind];
  const holds = (cell: Cell): boolean => (typeof cell === 'function' ? cell(facts) : cell);
  return new Set(facts.secured ? claimNames.filter((claim) => holds(row[claim])) : []);
}

/** Could a session of this kind ever satisfy all of `demands`? */
export function couldMeet(kind: Kind, demands: Iterable<Claim>): boolean {
  return [...demands].every((claim) => rows[kind][claim] !== false);
}

/** The demands that do not hold, in the order of `claimNames`. */
export function missing(demands: Claims, claims: Claims): Claim[] {
  return claimNames.filter((claim) => demands.has(claim) && !claims.has(claim));
}

/**
 * Refuses demands that cannot be met by any of `kinds`, before anything is sent: HushError `invalid-argument` for Deniable with
 * NonRepudiable, `not-implemented` where no single kind could prove them all.
 */
export function checkDemands(demands: Claims, kinds: readonly Kind[]): void {
  demand(!(demands.has('Deniable') && demands.has('NonRepudiable')), 'invalid-argument', 'Deniable and NonRepudiable exclude each other');
  demand(demands.size === 0 || kinds.some((kind) => couldMeet(kind, demands)), 'not-implemented', 'no mechanism gives all of these properties together');
}

/** What about a conversation can be denied: nothing, who wrote a message, or even having taken part. */
export type DeniabilityScope = 'none' | 'message' | 'participation';
const scopes: Readonly<Record<Kind, DeniabilityScope>> = {
  plain: 'none',
  'xtls-identity': 'message',
  'xtls-anonymous': 'participation',
  otr: 'message',
  omemo: 'message',
};

/** The scope of Deniable for `facts`; "none" while it is not claimed. */
export function deniabilityScope(facts: Facts): DeniabilityScope {
  return facts.secured ? scopes[facts.kind] : 'none';
}
