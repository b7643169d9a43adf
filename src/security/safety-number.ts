/** The number that two people compare over another way, to see that nobody is between them. Contract: Channel.Interface.PeerAuthentication. */
import { createHash } from 'node:crypto';
import type { BareJid } from '../xmpp/jid.ts';

export interface Party {
  readonly jid: BareJid;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
}

/** Makes a search for a key whose number looks alike costly. */
const iterations = 5200;
const groups = 12;

/** 60 digits in twelve groups of five, separated by spaces: the same for both parties, whichever of them asks. */
export function safetyNumber(one: Party, other: Party): string {
  const sorted = [one, other].map(({ jid, spki }) => [Buffer.from(jid), Buffer.from(spki)] as const).sort(([jidA, spkiA], [jidB, spkiB]) => Buffer.compare(jidA, jidB) || Buffer.compare(spkiA, spkiB));
  const input = Buffer.concat([Buffer.from('hush-safety-number-1'), ...sorted.flat().map(prefixed)]);
  let digest = createHash('sha512').update(input).digest();
  for (let round = 0; round < iterations; round += 1) digest = createHash('sha512').update(digest).update(input).digest();
  return Array.from({ length: groups }, (_, group) => String(digest.readUIntBE(group * 5, 5) % 100_000).padStart(5, '0')).join(' ');
}

/** u32 big-endian length, then the bytes. */
function prefixed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
