/** The record of trust on disk: what was written is read, nothing else, and what is read says only what stands there. Attack rows F6, fault 7. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { readRecord, writeRecord } from '../../../src/security/trust-format.ts';
import { emptyRecord } from '../../../src/security/trust-record.ts';
import type { ContactRecord, KeyRecord, TrustRecord } from '../../../src/security/trust-record.ts';
import type { BareJid } from '../../../src/xmpp/jid.ts';
import { attempt, promise } from '../target.ts';
import type { Target } from '../target.ts';

const account = 'alice@example.org';

/** A file with this content and the hash that goes with it. */
function fileOf(content: Buffer): Buffer {
  const hash = createHash('sha256').update(content).digest('hex');
  return Buffer.concat([Buffer.from(`{"format":"hush-trust-1","sha256":"${hash}","content":`), content, Buffer.from('}\n')]);
}

function check(content: Buffer): void {
  for (const file of [content, fileOf(content)]) {
    const record = attempt(['invalid-data'], () => readRecord(account, file));
    if (record === undefined) continue;
    const { content: written } = JSON.parse(file.toString()) as { content: { account: string; generation: number; contacts: { jid: string }[] } };
    promise(written.account === account && written.generation === record.generation, 'it is the record of this account');
    promise(isDeepStrictEqual(written.contacts, [...record.contacts].map(([jid, contact]) => ({ jid, ...contact }))), 'every contact is as it stands there', written.contacts);
    promise(writeRecord(account, record).equals(file), 'it has one form');
  }
}

const key: KeyRecord = { spki: 'MFkwEwYHKoZIzj0CAQ==', mechanism: 'xtls', level: 2, verifiedBy: 'comparison', verifiedAt: 1_700_000_000, lastSeen: 1_700_003_600 };
const contact: ContactRecord = { policy: 'required', isLowered: false, wasVerified: true, wasSecured: true, wasBound: true, keys: [key] };
const record: TrustRecord = { generation: 12, identity: { place: 'file', fingerprint: 'ab', next: '' }, mechanisms: ['xtls'], contacts: new Map([['bob@example.org' as BareJid, contact]]) };
const contentOf = (of: TrustRecord): Buffer => {
  const file = writeRecord(account, of);
  return file.subarray(file.indexOf('"content":') + 10, -2);
};

export const target: Target = {
  sources: ['/src/security/trust-format.ts'],
  seeds: [contentOf(record), contentOf(emptyRecord), writeRecord(account, record)],
  dictionary: [
    '{', '}', '[', ']', ',', ':', '"', 'null', 'true', 'false', '0', '-1', '1.5', '1e3', '9007199254740993', '"jid"', '"policy"', '"isLowered"', '"wasVerified"', '"wasSecured"', '"wasBound"', '"keys"', '"spki"', '"mechanism"', '"level"', '"verifiedBy"', '"verifiedAt"', '"lastSeen"', '"account"', '"generation"',
    '"identity"', '"mechanisms"', '"contacts"', '"place"', '"fingerprint"', '"next"', '"secret-service"', '"file"', '"off"', '"opportunistic"', '"required"', '"shared-secret"', '"comparison"', '"pkix"', '"__proto__"', '"__proto__":{}', '"toJSON"', '\\u0041', '\\ud800', '\\/', '"bob@example.org"', '"a/b"', Uint8Array.of(0xff), Uint8Array.of(0xed, 0xa0, 0x80), '\uFEFF', '\uFFFD',
  ],
  run: check,
};
