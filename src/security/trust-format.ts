/** The trust record as bytes: JSON in exactly one form, with a hash over its content. */
import { createHash } from 'node:crypto';
import { HushError } from '../errors.ts';
import type { BareJid } from '../xmpp/jid.ts';
import { Level, maxContacts, maxKeys, policies } from './trust-record.ts';
import type { ContactRecord, IdentityRecord, KeyRecord, TrustRecord } from './trust-record.ts';

const format = 'hush-trust-1';
/** Bytes of the largest record that is read. */
export const maxRecordBytes = 16 * 1024 * 1024;

/** The bytes of the record of `account` (a bare JID). */
export function writeRecord(account: string, record: TrustRecord): Buffer {
  const { generation, identity, mechanisms } = record;
  const contacts = [...record.contacts].map(([jid, contact]) => contentOf(jid, contact));
  const content = JSON.stringify({ account, generation, identity: identity === undefined ? null : identityOf(identity), mechanisms, contacts });
  const sha256 = createHash('sha256').update(content).digest('hex');
  return Buffer.from(`{"format":"${format}","sha256":"${sha256}","content":${content}}\n`);
}

/** Reads what `writeRecord` wrote for `account`, every byte of it. HushError `invalid-data` for anything else. */
export function readRecord(account: string, bytes: Uint8Array): TrustRecord {
  try {
    const file = fields(JSON.parse(Buffer.from(bytes).toString('utf8')), 'format', 'sha256', 'content');
    const content = fields(file.content, 'account', 'generation', 'identity', 'mechanisms', 'contacts');
    const record: TrustRecord = {
      generation: count(content.generation),
      identity: content.identity === null ? undefined : readIdentity(content.identity),
      mechanisms: list(content.mechanisms, 16).map(text),
      contacts: new Map(list(content.contacts, maxContacts).map(readContact)),
    };
    // One form, one hash: a byte that is not as it was written is found here, wherever it is.
    if (writeRecord(account, record).equals(bytes)) return record;
  } catch (error) {
    throw new HushError('invalid-data', 'the record of trust is damaged', { cause: error });
  }
  throw new HushError('invalid-data', 'the record of trust is damaged');
}

/** The fields in the order of the file, whatever made the object. */
function contentOf(jid: string, { policy, isLowered, wasVerified, wasSecured, wasBound, keys }: ContactRecord): object {
  return { jid, policy, isLowered, wasVerified, wasSecured, wasBound, keys: keys.map(keyOf) };
}
function keyOf({ spki, mechanism, level, verifiedBy, verifiedAt, lastSeen }: KeyRecord): object {
  return { spki, mechanism, level, verifiedBy, verifiedAt, lastSeen };
}
function identityOf({ place, fingerprint, next }: IdentityRecord): object {
  return { place, fingerprint, next };
}

function readIdentity(value: unknown): IdentityRecord {
  const { place, fingerprint, next } = fields(value, 'place', 'fingerprint', 'next');
  return { place: word(place, ['secret-service', 'file'] as const), fingerprint: text(fingerprint), next: text(next) };
}

function readContact(value: unknown): [BareJid, ContactRecord] {
  const contact = fields(value, 'jid', 'policy', 'isLowered', 'wasVerified', 'wasSecured', 'wasBound', 'keys');
  const jid = text(contact.jid);
  if (jid === '' || jid.includes('/')) throw damaged();
  return [
    jid as BareJid,
    {
      policy: word(contact.policy, ['', ...policies] as const),
      isLowered: flag(contact.isLowered),
      wasVerified: flag(contact.wasVerified),
      wasSecured: flag(contact.wasSecured),
      wasBound: flag(contact.wasBound),
      keys: list(contact.keys, maxKeys).map(readKey),
    },
  ];
}

function readKey(value: unknown): KeyRecord {
  const key = fields(value, 'spki', 'mechanism', 'level', 'verifiedBy', 'verifiedAt', 'lastSeen');
  return {
    spki: text(key.spki),
    mechanism: text(key.mechanism),
    level: word(key.level, [Level.seen, Level.verified, Level.changed] as const),
    verifiedBy: word(key.verifiedBy, ['', 'shared-secret', 'comparison', 'pkix'] as const),
    verifiedAt: count(key.verifiedAt),
    lastSeen: count(key.lastSeen),
  };
}

/** An object with exactly these fields. */
function fields<Name extends string>(value: unknown, ...names: Name[]): Record<Name, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged();
  if (Object.keys(value).length !== names.length || !names.every((name) => Object.hasOwn(value, name))) throw damaged();
  return value as Record<Name, unknown>;
}
function list(value: unknown, max: number): unknown[] {
  if (!Array.isArray(value) || value.length > max) throw damaged();
  return value;
}
function text(value: unknown): string {
  if (typeof value !== 'string' || value.length > 4096) throw damaged();
  return value;
}
function word<Word extends string | number>(value: unknown, words: readonly Word[]): Word {
  const found = words.find((one) => one === value);
  if (found === undefined) throw damaged();
  return found;
}
function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw damaged();
  return value;
}
function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw damaged();
  return value;
}

function damaged(): HushError {
  return new HushError('invalid-data', 'not what was written');
}
