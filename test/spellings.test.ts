/** One person, however their address is spelled: for a client's handles, for certificates, for what is remembered of them. */
import { expect, test } from '@jest/globals';
import { bareJid } from '../src/features/trust/memories.ts';
import { normalizeContact } from '../src/protocol.ts';
import { readRecord, writeRecord } from '../src/security/trust-format.ts';
import { emptyRecord } from '../src/security/trust-record.ts';
import type { ContactRecord } from '../src/security/trust-record.ts';
import { parseBareJid } from '../src/xmpp/jid.ts';

const contact: ContactRecord = { policy: 'required', isLowered: false, wasVerified: true, wasSecured: true, wasBound: true, keys: [] };

test.each([
  ['ALICE@Example.ORG', 'alice@example.org', 'alice@example.com'],
  ['\uFF21lice@xn--mnchen-3ya.de.', 'alice@m\u00FCnchen.de', 'alice@munchen.de'],
  ['A\u030Ake@x', '\u00E5ke@x', 'ake@x'],
])('%s is found where %s was put, and %s is not [C12]', (spelling, canonical, other) => {
  for (const prepare of [normalizeContact, bareJid, parseBareJid]) expect([prepare(spelling), prepare(canonical), prepare(other) === prepare(canonical)]).toEqual([canonical, canonical, false]);
  const { contacts } = readRecord('me@x', writeRecord('me@x', { ...emptyRecord, contacts: new Map([[parseBareJid(spelling), contact]]) }));
  expect([contacts.get(parseBareJid(canonical))?.policy, contacts.get(parseBareJid(spelling))?.policy, contacts.get(parseBareJid(other))]).toEqual(['required', 'required', undefined]);
});
