/** The binding: one hash over everything that was negotiated in the open, compared inside the session. XTLS profile §3. */
import type { FullJid } from '../../../xmpp/jid.ts';
import { field, fields, sha256 } from './bytes.ts';

/** What the two ends agreed on through their servers: texts exactly as sent or seen, '' where absent. */
export interface Negotiated {
  readonly initiator: FullJid;
  readonly responder: FullJid;
  readonly jingleSid: string;
  /** Of the offer: content creator, content name, namespaces of description and transport, IBB sid. */
  readonly creator: string;
  readonly contentName: string;
  readonly description: string;
  readonly transport: string;
  readonly ibbSid: string;
  /** Of the session-accept. */
  readonly blockSize: string;
  readonly mode: string;
  readonly offer: Signalled;
  readonly accept: Signalled;
}

/** One side's `<security/>`. */
export interface Signalled {
  /** Names in document order, duplicates and unknown ones included. */
  readonly methods: readonly string[];
  readonly commitment: string;
  /** The other no-namespace attributes of `<profile/>`, name → value. */
  readonly flags: ReadonlyMap<string, string>;
}

/** H, 32 bytes: SHA-256 over the sixteen fields. */
export function bindingHash(negotiated: Negotiated): Buffer {
  return sha256(bindingInput(negotiated));
}

/** L(f1) ‖ … ‖ L(f16). */
export function bindingInput({ offer, accept, ...both }: Negotiated): Buffer {
  return fields([
    'xtls-binding-1',
    both.initiator,
    both.responder,
    both.jingleSid,
    both.creator,
    both.contentName,
    both.description,
    fields(offer.methods),
    fields(accept.methods),
    fields([sortedFlags(offer.flags), sortedFlags(accept.flags)]),
    both.mode,
    offer.commitment,
    accept.commitment,
    both.transport,
    both.ibbSid,
    both.blockSize,
  ]);
}

/** F: attributes sorted by the bytes of their names, each L(name) ‖ L(value). */
function sortedFlags(flags: ReadonlyMap<string, string>): Buffer {
  const sorted = [...flags].map(([name, value]) => ({ name: Buffer.from(name, 'utf8'), value })).sort((a, b) => Buffer.compare(a.name, b.name));
  return Buffer.concat(sorted.flatMap(({ name, value }) => [field(name), field(value)]));
}
