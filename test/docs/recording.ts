/** A session between two ends in memory, with everything that crosses outside and inside, and what both ends computed from it: the worked example of docs/xtls-profile.md. */
import { TLSSocket } from 'node:tls';
import { InnerStream } from '../../src/security/mechanisms/xtls/inner.ts';
import { Srp } from '../../src/security/mechanisms/xtls/srp.ts';
import { serialize } from '../../src/xmpp/element.ts';
import { Wire } from '../harness/wire.ts';
import { JULIET, ROMEO, couple, identityOf, message, secured } from '../security/mechanisms/xtls/pair.ts';

/** Said by `from`: a stanza that both servers see, or plaintext inside TLS. */
export interface Said {
  readonly from: string;
  readonly where: 'outside' | 'inside';
  readonly text: string;
}

export interface Recording {
  readonly said: readonly Said[];
  /** DER of the certificates. */
  readonly certificates: { readonly romeo: Buffer; readonly juliet: Buffer };
  /** The exporter value, 32 bytes. */
  readonly channelBinding: Buffer;
  /** SRP's private exponents, of the starter and of the answerer. */
  readonly a: Buffer;
  readonly b: Buffer;
}

export const QUESTION = 'Where did we first speak?';
export const SECRET = 'under\u00a0the balcony';

/** Calls `seen` after each call of a method with the bytes among its arguments and what it returned; the function that comes back takes that away again. */
function watch<Name extends string>(prototype: Record<Name, (...args: never[]) => unknown>, name: Name, seen: (bytes: readonly Buffer[], result: unknown, self: object) => void): () => void {
  const original = prototype[name];
  prototype[name] = function (this: object, ...args: never[]): unknown {
    // Copies: secrets are wiped once they are used.
    const copies = args.filter((arg: unknown) => arg instanceof Uint8Array).map((arg) => Buffer.from(arg as Uint8Array));
    const result = original.apply(this, args);
    seen(copies, result, this);
    return result;
  };
  return () => {
    prototype[name] = original;
  };
}

/** Romeo offers, says something, compares a secret that Juliet knows too, and ends it. */
export async function record(): Promise<Recording> {
  const said: Said[] = [];
  const heard: { channelBinding?: Buffer; a?: Buffer; b?: Buffer } = {};
  const readers = new Map<object, string>();
  const restore = [
    watch(InnerStream.prototype, 'read', ([bytes], _result, stream) => {
      const text = bytes!.toString('utf8');
      // The peer of each stream is known by the header that it reads first.
      const from = readers.get(stream) ?? (text.includes(`from="${ROMEO}"`) ? ROMEO : JULIET);
      readers.set(stream, from);
      said.push({ from, where: 'inside', text });
    }),
    watch(Srp.prototype, 'starterSecret', ([, , exponent]) => (heard.a = exponent!)),
    watch(Srp.prototype, 'answererSecret', ([, , exponent]) => (heard.b = exponent!)),
    watch(TLSSocket.prototype, 'exportKeyingMaterial', (_bytes, result) => (heard.channelBinding = Buffer.from(result as Buffer))),
  ];
  const wire = new Wire();
  wire.filter = (transit) => {
    said.push({ from: transit.from, where: 'outside', text: serialize(transit.stanza) });
    return [transit];
  };
  const { romeo, juliet } = couple(wire);
  try {
    const [ours, theirs] = await secured(romeo, juliet);
    ours.send(message('But, soft!', 'm1'));
    await romeo.diary.until('delivered m1');
    ours.sharedSecret?.start(QUESTION, SECRET);
    await juliet.diary.until('asks');
    theirs.sharedSecret?.answer(SECRET);
    await Promise.all([romeo.diary.until('secret right'), juliet.diary.until('secret right')]);
    await ours.end();
    await Promise.all([romeo.diary.until('end'), juliet.diary.until('end')]);
  } finally {
    for (const undo of restore) undo();
    romeo.stop();
    juliet.stop();
  }
  const { channelBinding, a, b } = heard;
  if (channelBinding === undefined || a === undefined || b === undefined) throw new Error('something was not heard');
  const certificateOf = (jid: string): Buffer => Buffer.from(identityOf(jid).certificate);
  return { said, certificates: { romeo: certificateOf('romeo@example.net'), juliet: certificateOf('juliet@example.org') }, channelBinding, a, b };
}
