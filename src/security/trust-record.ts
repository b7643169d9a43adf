/** What is remembered of one account: its contacts, their keys and policies, and where its own key is. Values, never changed in place. */
import type { HushError } from '../errors.ts';
import type { BareJid } from '../xmpp/jid.ts';
import type { VerificationMethod } from './properties.ts';

/** How much security a conversation must have: none, what can be had, or nothing goes without. */
export const policies = ['off', 'opportunistic', 'required'] as const;
export type Policy = (typeof policies)[number];

/** 0 Unknown, 1 Seen, 2 Verified, 3 Changed: not the key that was expected, refused until the user accepts it. */
export const Level = { unknown: 0, seen: 1, verified: 2, changed: 3 } as const;
export type TrustLevel = (typeof Level)[keyof typeof Level];

/** Keys that are remembered of one contact. */
export const maxKeys = 8;
/** Contacts that are remembered of one account. */
export const maxContacts = 10_000;

/** A key of a contact. */
export interface KeyRecord {
  /** Base64 of the DER SubjectPublicKeyInfo. */
  readonly spki: string;
  /** The mechanism that it belongs to, e.g. "xtls". */
  readonly mechanism: string;
  readonly level: Exclude<TrustLevel, 0>;
  /** How it was verified; '' unless the level is Verified. */
  readonly verifiedBy: VerificationMethod | '';
  /** Unix time in seconds; 0 unless the level is Verified. */
  readonly verifiedAt: number;
  /** Unix time in seconds, to the hour: when a session last had it. */
  readonly lastSeen: number;
}

export interface ContactRecord {
  /** The contact's own policy; '' = the account's. */
  readonly policy: Policy | '';
  /** Once verified, and the user has said since that less will do. */
  readonly isLowered: boolean;
  /** A key of theirs was Verified once. Only forgetting the contact takes that back. */
  readonly wasVerified: boolean;
  readonly wasSecured: boolean;
  /** Secured with both ends comparing the negotiation (DowngradeResistant). */
  readonly wasBound: boolean;
  /** At most `maxKeys`. */
  readonly keys: readonly KeyRecord[];
}

export const unknownContact: ContactRecord = { policy: '', isLowered: false, wasVerified: false, wasSecured: false, wasBound: false, keys: [] };

/** Where the account's own private key lies, decided when it is made. */
export type IdentityPlace = 'secret-service' | 'file';

export interface IdentityRecord {
  readonly place: IdentityPlace;
  /** Of the key in use; '' until it is known to be in its place. */
  readonly fingerprint: string;
  /** Of the key that is on its way to that place; '' = none. */
  readonly next: string;
}

export interface TrustRecord {
  /** Grows by one with every version that is written. */
  readonly generation: number;
  readonly identity: IdentityRecord | undefined;
  /** The user's order of mechanisms; [] = the built-in one. */
  readonly mechanisms: readonly string[];
  readonly contacts: ReadonlyMap<BareJid, ContactRecord>;
}

export const emptyRecord: TrustRecord = { generation: 0, identity: undefined, mechanisms: [], contacts: new Map() };

/** The record with this contact as it is now; one of whom nothing is known is left out. */
export function withContact(record: TrustRecord, jid: BareJid, contact: ContactRecord): TrustRecord {
  const contacts = new Map(record.contacts);
  const { policy, isLowered, wasVerified, wasSecured, wasBound, keys } = contact;
  if (policy === '' && !isLowered && !wasVerified && !wasSecured && !wasBound && keys.length === 0) contacts.delete(jid);
  else contacts.set(jid, contact);
  return { ...record, contacts };
}

/** What keeps the record of one account: read in memory, changed one after the other, and every change durable before it counts. */
export interface TrustKeeper {
  /** undefined until it was opened, and where it cannot be used. */
  readonly record: TrustRecord | undefined;
  /** Why there is no record: HushError. */
  readonly problem: HushError | undefined;
  /** Reads what there is; settles when it is known, `record` or `problem`. Tries again after a problem that may have gone. */
  open(): Promise<void>;
  /** `change` gets the latest record; returning it unchanged writes nothing. What `change` throws is thrown; HushError where it cannot be kept, and then nothing has changed. */
  update(change: (record: TrustRecord) => TrustRecord): Promise<void>;
  /** Makes sure that this is the latest record, where that can be told by now. Throws the problem if there is one. */
  confirm(): Promise<void>;
  /** Begins anew where the record was damaged: the one way back into use. The account's own key is not touched. HushError `invalid-argument` where it is in order. */
  reset(): Promise<void>;
  /** Calls `listener` after each change, with what was before (undefined: nothing that could be used). */
  onChange(listener: (before: TrustRecord | undefined, after: TrustRecord) => void): () => void;
}
