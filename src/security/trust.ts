/** Whom an account trusts, and how far: judgements over keys, and the memory that outlives conversations. Contract: Connection.Interface.Security; securable.md §4. */
import { Emitter } from '../emitter.ts';
import { HushError, InvariantError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BareJid } from '../xmpp/jid.ts';
import { fingerprintOf, readFingerprint } from './fingerprint.ts';
import type { KeyVerdict, PresentedKey } from './mechanism.ts';
import type { VerificationMethod } from './properties.ts';
import { Level, maxContacts, maxKeys, unknownContact, withContact } from './trust-record.ts';
import type { ContactRecord, KeyRecord, Policy, TrustKeeper, TrustLevel, TrustRecord } from './trust-record.ts';

export type { Policy, TrustLevel } from './trust-record.ts';

/** Seconds: when a key was last seen is remembered no more precisely than this. */
const HOUR = 3600;

export interface TrustEvents {
  /** A key of a contact is trusted more or less than before; Unknown = not remembered. */
  trustChanged: [jid: BareJid, fingerprint: string, old: TrustLevel, now: TrustLevel];
  /** '' = the account's. Old and new are equal where the same policy was set again after a verification: less will do from now on. */
  policyChanged: [jid: BareJid, old: Policy | '', now: Policy | ''];
  accountPolicyChanged: [old: Policy, now: Policy];
  mechanismOrderChanged: [];
}

/** A key that is remembered of a contact. */
export interface RememberedKey {
  readonly jid: BareJid;
  readonly mechanism: string;
  readonly fingerprint: string;
  readonly trust: TrustLevel;
  /** Unix time in seconds, to the hour. */
  readonly lastSeen: number;
}

export interface TrustOptions {
  readonly keeper: TrustKeeper;
  /** The account's policy at first. */
  readonly policy: Policy;
  /** Names of the mechanisms there are, best first. */
  readonly mechanisms: readonly string[];
  /** Whether a configured authority vouches that this certificate (DER) is the contact's. Absent: there are no authorities. */
  readonly isVouchedFor?: (jid: BareJid, certificate: Uint8Array) => boolean;
  readonly log: Log;
  /** Unix time in seconds. */
  readonly now?: () => number;
}

/**
 * One account's view of its contacts. Reading never waits: until the memory was read, and where it cannot be, every contact is
 * strict and no key is accepted. Every change is durable when its promise settles, and announced then, whoever made it; one that
 * cannot be kept throws HushError and has changed nothing.
 */
export class Trust {
  readonly events: Emitter<TrustEvents>;
  readonly #options: TrustOptions;
  #accountPolicy: Policy;
  readonly #ended: () => void;

  constructor(options: TrustOptions) {
    this.#options = options;
    this.#accountPolicy = options.policy;
    this.events = new Emitter(options.log);
    this.#ended = options.keeper.onChange((before, after) => this.#announce(before, after));
  }

  /** Settles when the memory was read, or is known to be of no use (`problem`). */
  ready(): Promise<void> {
    return this.#options.keeper.open();
  }

  /** Why nothing is remembered and nothing can be. */
  get problem(): HushError | undefined {
    return this.#record === undefined ? (this.#options.keeper.problem ?? new HushError('not-yet', 'what is known of contacts was not read yet')) : undefined;
  }

  /** No more events. */
  end(): void {
    this.#ended();
  }

  get accountPolicy(): Policy {
    return this.#accountPolicy;
  }

  /** For this connection; the account manager keeps it, as a parameter. */
  setAccountPolicy(policy: Policy): Promise<void> {
    const old = this.#accountPolicy;
    this.#accountPolicy = policy;
    if (old !== policy) this.events.emit('accountPolicyChanged', old, policy);
    return Promise.resolve();
  }

  /** The contact's policy, else the account's. */
  policyOf(jid: BareJid): Policy {
    return this.contactPolicy(jid) ?? this.#accountPolicy;
  }

  contactPolicy(jid: BareJid): Policy | undefined {
    return this.#contact(jid).policy || undefined;
  }

  /** undefined = the account's. Setting anything below `required` for a contact once verified allows to fall back from then on. */
  async setContactPolicy(jid: BareJid, policy: Policy | undefined): Promise<void> {
    await this.#change(jid, (contact) => ({ ...contact, policy: policy ?? '', isLowered: contact.wasVerified && policy !== undefined && policy !== 'required' }));
  }

  /** Every mechanism there is, in the order in which they are tried. */
  get mechanismOrder(): readonly string[] {
    const { mechanisms } = this.#options;
    const wanted = (this.#record?.mechanisms ?? []).filter((name) => mechanisms.includes(name));
    return [...wanted, ...mechanisms.filter((name) => !wanted.includes(name))];
  }

  /** These first; the others follow in the built-in order. HushError `invalid-argument` for a name that is none or comes twice. */
  async setMechanismOrder(names: readonly string[]): Promise<void> {
    if (!names.every((name, index) => this.#options.mechanisms.includes(name) && names.indexOf(name) === index)) {
      throw new HushError('invalid-argument', 'not a list of mechanisms, each once');
    }
    await this.#update((record) => (same(record.mechanisms, names) ? record : { ...record, mechanisms: [...names] }));
  }

  /** A key of the contact was verified once, and the contact was not forgotten since. */
  isVerified(jid: BareJid): boolean {
    return this.#contact(jid).wasVerified;
  }

  /** Nothing goes to this contact in the clear: their policy is `required`, or they were verified and the user has not lowered the policy since, or nobody knows. */
  isStrict(jid: BareJid): boolean {
    const { wasVerified, isLowered } = this.#contact(jid);
    return this.#record === undefined || this.policyOf(jid) === 'required' || (wasVerified && !isLowered);
  }

  wasSecured(jid: BareJid): boolean {
    return this.#record === undefined || this.#contact(jid).wasSecured;
  }

  /** Secured with both ends comparing the negotiation. */
  wasBound(jid: BareJid): boolean {
    return this.#record === undefined || this.#contact(jid).wasBound;
  }

  /** Whether any key of the contact is remembered. */
  hasPin(jid: BareJid): boolean {
    return this.#record === undefined || this.#contact(jid).keys.length > 0;
  }

  /** What is known of this key (DER SubjectPublicKeyInfo) of the contact. */
  level(jid: BareJid, spki: Uint8Array): TrustLevel {
    return this.#key(jid, spki)?.level ?? Level.unknown;
  }

  /** Of the contact as a whole: Changed while a key is refused, else the best of their keys. */
  contactLevel(jid: BareJid): TrustLevel {
    return this.#contact(jid).keys.reduce<TrustLevel>((most, { level }) => (level > most ? level : most), Level.unknown);
  }

  /** When and how this key was verified. */
  verification(jid: BareJid, spki: Uint8Array): { readonly method: VerificationMethod; /** Unix time in seconds. */ readonly at: number } | undefined {
    const key = this.#key(jid, spki);
    return key === undefined || key.verifiedBy === '' ? undefined : { method: key.verifiedBy, at: key.verifiedAt };
  }

  /** Judges a key that a peer presents, at once; records nothing. */
  judgeKey(jid: BareJid, key: PresentedKey): KeyVerdict {
    if (this.#record === undefined) return { accepted: false, error: new HushError('encryption-not-available', 'what is known of the contact cannot be read', { cause: this.problem }) };
    const contact = this.#contact(jid);
    const pin = find(contact, base64(key.spki));
    if (pin === undefined ? !this.#takesNewKeys(jid, contact) : pin.level === Level.changed) return { accepted: false, error: mismatch() };
    // What an authority says is proved anew each time: it may be configured no longer.
    const known = pin === undefined || pin.verifiedBy === '' || pin.verifiedBy === 'pkix' ? undefined : pin.verifiedBy;
    const isVouchedFor = known === undefined && this.#options.isVouchedFor?.(jid, key.certificate) === true;
    return { accepted: true, pinned: pin !== undefined, verifiedBy: isVouchedFor ? 'pkix' : known };
  }

  /**
   * A session with this key is secure: the key is pinned as Seen, and the contact counts as secured (and bound).
   * HushError `certificate-fingerprint-mismatch` if the key is not acceptable any more.
   */
  async secured(jid: BareJid, spki: Uint8Array, session: { readonly mechanism: string; readonly bound: boolean }): Promise<void> {
    await this.#change(jid, (contact) => {
      const pin = find(contact, base64(spki));
      if (pin === undefined ? !this.#takesNewKeys(jid, contact) : pin.level === Level.changed) throw mismatch();
      const now = this.#now();
      const key: KeyRecord = pin ?? { spki: base64(spki), mechanism: session.mechanism, level: Level.seen, verifiedBy: '', verifiedAt: 0, lastSeen: now };
      const seen = Math.abs(now - key.lastSeen) < HOUR ? key : { ...key, lastSeen: now };
      return { ...put(contact, seen), wasSecured: true, wasBound: contact.wasBound || session.bound };
    });
  }

  /** The user, or a configured authority, confirmed this key of a secured session. HushError `not-available` if the contact was forgotten meanwhile. */
  async verified(jid: BareJid, spki: Uint8Array, method: VerificationMethod): Promise<void> {
    await this.#change(jid, (contact) => {
      const pin = find(contact, base64(spki));
      if (pin === undefined) throw new HushError('not-available', 'the key is not remembered any more');
      if (pin.level === Level.changed) throw mismatch();
      const isDone = pin.level === Level.verified && pin.verifiedBy === method;
      const key: KeyRecord = isDone ? pin : { ...pin, level: Level.verified, verifiedBy: method, verifiedAt: this.#now() };
      return { ...put(contact, key), wasVerified: true, isLowered: false };
    });
  }

  /** The user does not trust this remembered key: it is refused until it is accepted, or the contact forgotten. */
  async distrust(jid: BareJid, spki: Uint8Array): Promise<void> {
    await this.#change(jid, (contact) => {
      const pin = find(contact, base64(spki));
      return pin === undefined || pin.level === Level.changed ? contact : put(contact, refused(pin));
    });
  }

  /** A key came that is not among those expected: remembered as Changed, refused until it is accepted or the contact forgotten. */
  async changed(jid: BareJid, spki: Uint8Array, mechanism: string): Promise<void> {
    await this.#change(jid, (contact) => {
      const isExpected = find(contact, base64(spki)) !== undefined || this.#takesNewKeys(jid, contact);
      return isExpected ? contact : put(contact, refused({ spki: base64(spki), mechanism, lastSeen: this.#now() }));
    });
  }

  /** A refused key, by its fingerprint in any spelling, becomes Seen. HushError `invalid-argument`, `does-not-exist`. */
  async acceptKey(jid: BareJid, fingerprint: string): Promise<void> {
    const wanted = readFingerprint(fingerprint);
    if (wanted === undefined) throw new HushError('invalid-argument', 'not a fingerprint');
    await this.#change(jid, (contact) => {
      const key = contact.keys.find(({ spki }) => fingerprintOf(Buffer.from(spki, 'base64')) === wanted);
      if (key === undefined) throw new HushError('does-not-exist', 'no such key of this contact is known');
      return key.level === Level.changed ? put(contact, { ...key, level: Level.seen }) : contact;
    });
  }

  /** Everything about the contact but their policy is forgotten: the next key is taken as the first. */
  async forget(jid: BareJid): Promise<void> {
    await this.#change(jid, ({ policy }) => ({ ...unknownContact, policy }));
  }

  /** Begins anew where the memory was damaged, with nothing remembered. HushError `invalid-argument` where it is in order. */
  async reset(): Promise<void> {
    await this.ready();
    await this.#options.keeper.reset();
  }

  /** Every key that is remembered, of all contacts or of one. */
  list(contact?: BareJid): RememberedKey[] {
    const contacts = contact === undefined ? [...(this.#record?.contacts ?? [])] : [[contact, this.#contact(contact)] as const];
    return contacts.flatMap(([jid, { keys }]) =>
      keys.map(({ spki, mechanism, level, lastSeen }) => ({ jid, mechanism, fingerprint: fingerprintOf(Buffer.from(spki, 'base64')), trust: level, lastSeen })),
    );
  }

  get #record(): TrustRecord | undefined {
    return this.#options.keeper.record;
  }

  #contact(jid: BareJid): ContactRecord {
    return this.#record?.contacts.get(jid) ?? unknownContact;
  }

  #key(jid: BareJid, spki: Uint8Array): KeyRecord | undefined {
    return find(this.#contact(jid), base64(spki));
  }

  #now(): number {
    return this.#options.now?.() ?? Math.floor(Date.now() / 1000);
  }

  /** The first key of a contact is taken; a further one while none was ever verified and nothing better is required. */
  #takesNewKeys(jid: BareJid, contact: ContactRecord): boolean {
    return !contact.wasVerified && (contact.keys.length === 0 || this.policyOf(jid) !== 'required');
  }

  async #change(jid: BareJid, change: (contact: ContactRecord) => ContactRecord): Promise<void> {
    await this.#update((record) => {
      const contact = record.contacts.get(jid) ?? unknownContact;
      const changed = change(contact);
      if (isSame(contact, changed)) return record;
      if (!record.contacts.has(jid) && record.contacts.size >= maxContacts) throw new HushError('resource-unavailable', 'no more contacts can be remembered');
      return withContact(record, jid, changed);
    });
  }

  async #update(change: (record: TrustRecord) => TrustRecord): Promise<void> {
    await this.ready();
    await this.#options.keeper.update(change);
  }

  #announce(before: TrustRecord | undefined, after: TrustRecord): void {
    const old = before?.contacts ?? new Map<BareJid, ContactRecord>();
    for (const jid of new Set([...old.keys(), ...after.contacts.keys()])) {
      const [was, is] = [old.get(jid) ?? unknownContact, after.contacts.get(jid) ?? unknownContact];
      if (was === is) continue;
      for (const spki of new Set([...was.keys, ...is.keys].map((key) => key.spki))) {
        const [from, to] = [find(was, spki)?.level ?? Level.unknown, find(is, spki)?.level ?? Level.unknown];
        if (from !== to) this.events.emit('trustChanged', jid, fingerprintOf(Buffer.from(spki, 'base64')), from, to);
      }
      if (was.policy !== is.policy || was.isLowered !== is.isLowered) this.events.emit('policyChanged', jid, was.policy, is.policy);
    }
    if (!same(before?.mechanisms ?? [], after.mechanisms)) this.events.emit('mechanismOrderChanged');
  }
}

function find(contact: ContactRecord, spki: string): KeyRecord | undefined {
  return contact.keys.find((key) => key.spki === spki);
}

/** The contact with this key. Where there are too many, one goes that the contact has not used for longest: refused ones first, verified ones never. */
function put(contact: ContactRecord, key: KeyRecord): ContactRecord {
  const others = contact.keys.filter(({ spki }) => spki !== key.spki);
  if (others.length < contact.keys.length) return { ...contact, keys: contact.keys.map((one) => (one.spki === key.spki ? key : one)) };
  if (others.length < maxKeys) return { ...contact, keys: [...others, key] };
  const [goes] = others.filter(({ level }) => level !== Level.verified).sort((a, b) => b.level - a.level || a.lastSeen - b.lastSeen);
  if (goes === undefined) {
    if (key.level !== Level.changed) throw new InvariantError('a contact with verified keys takes no new one');
    return contact;
  }
  return { ...contact, keys: [...others.filter((one) => one !== goes), key] };
}

function refused(key: Pick<KeyRecord, 'spki' | 'mechanism' | 'lastSeen'>): KeyRecord {
  const { spki, mechanism, lastSeen } = key;
  return { spki, mechanism, level: Level.changed, verifiedBy: '', verifiedAt: 0, lastSeen };
}

function base64(spki: Uint8Array): string {
  return Buffer.from(spki).toString('base64');
}

function mismatch(): HushError {
  return new HushError('certificate-fingerprint-mismatch', 'the key is not the one that is known of the contact');
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

function isSame(one: ContactRecord, other: ContactRecord): boolean {
  const { policy, isLowered, wasVerified, wasSecured, wasBound, keys } = other;
  return (
    one.policy === policy && one.isLowered === isLowered && one.wasVerified === wasVerified && one.wasSecured === wasSecured && one.wasBound === wasBound &&
    // `put` keeps what is as it is.
    one.keys.length === keys.length && one.keys.every((key, index) => key === keys[index])
  );
}
