/** TLS 1.3 as it was recorded: its records, what its hellos say, and its application data for whoever has the secrets. RFC 8446 §4.1, §5.2, §7.3. */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

export interface TlsRecord {
  readonly header: Buffer;
  readonly body: Buffer;
}

export const bytesOf = ({ header, body }: TlsRecord): Buffer => Buffer.concat([header, body]);

export const keyShare = 51;
export const preSharedKey = 41;

/** The records of one direction. */
export function recordsOf(stream: Buffer): TlsRecord[] {
  const records: TlsRecord[] = [];
  for (let at = 0; at + 5 <= stream.length; ) {
    const end = at + 5 + stream.readUInt16BE(at + 3);
    records.push({ header: stream.subarray(at, at + 5), body: stream.subarray(at + 5, end) });
    at = end;
  }
  return records;
}

export interface Hello {
  readonly random: Buffer;
  /** By their numbers. */
  readonly extensions: ReadonlyMap<number, Buffer>;
}

/** The hello that a direction begins with. */
export function helloOf([first]: readonly TlsRecord[]): Hello {
  const { body } = first!;
  const extensions = new Map<number, Buffer>();
  for (let at = extensionsAt(body) + 2; at < body.length; ) {
    const end = at + 4 + body.readUInt16BE(at + 2);
    extensions.set(body.readUInt16BE(at), body.subarray(at + 4, end));
    at = end;
  }
  return { random: body.subarray(6, 38), extensions };
}

/** Where the list of a hello begins, with its length. */
function extensionsAt(body: Buffer): number {
  const at = 39 + body[38]!;
  // The server says what it has chosen; the client lists what it can.
  if (body[0] === 2) return at + 3;
  const compression = at + 2 + body.readUInt16BE(at);
  return compression + 1 + body[compression]!;
}

/** A client's hello that agrees on no key: it knows one from before (nobody else does), and wants no other (psk_ke). */
export function withoutAgreement(hello: TlsRecord): TlsRecord {
  const supportedGroups = 10;
  const pskModes = 45;
  const kept = [...helloOf([hello]).extensions].filter(([number]) => ![supportedGroups, keyShare, pskModes].includes(number));
  const identity = Buffer.concat([withLength(Buffer.from('from before')), Buffer.alloc(4)]);
  const binder = Buffer.concat([Buffer.from([32]), Buffer.alloc(32)]);
  return withExtensions(hello, [...kept, [pskModes, Buffer.from([1, 0])], [preSharedKey, Buffer.concat([withLength(identity), withLength(binder)])]]);
}

/** A client's hello with these extensions, by their numbers, in the place of its own. */
export function withExtensions(hello: TlsRecord, all: readonly (readonly [number, Buffer])[]): TlsRecord {
  const list = withLength(Buffer.concat(all.map(([number, data]) => Buffer.concat([Buffer.from([number >> 8, number & 255]), withLength(data)]))));
  const body = Buffer.concat([hello.body.subarray(0, extensionsAt(hello.body)), list]);
  body.writeUIntBE(body.length - 4, 1, 3);
  return { header: Buffer.concat([hello.header.subarray(0, 3), withLength(body).subarray(0, 2)]), body };
}

function withLength(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([data.length >> 8, data.length & 255]), data]);
}

/** Secrets by label for a client's random, from a key log (SSLKEYLOGFILE format). */
export function secretsOf(keyLog: string, random: Buffer): ReadonlyMap<string, Buffer> {
  const lines = keyLog.split('\n').map((line) => line.split(' '));
  return new Map(lines.filter(([, of]) => of === random.toString('hex')).map(([label, , secret]) => [label!, Buffer.from(secret!, 'hex')]));
}

/** What a secret opens of one direction's application data, with TLS_AES_128_GCM_SHA256: each record's text. Nothing, if it is another's. */
export function opened(records: readonly TlsRecord[], secret: Buffer): string[] {
  const texts: string[] = [];
  for (const { header, body } of records.filter((record) => record.header[0] === 23)) {
    // Records of the handshake come first: they have other keys, and do not count.
    const decipher = createDecipheriv('aes-128-gcm', expand(secret, 'key', 16), nonce(secret, texts.length));
    decipher.setAAD(header).setAuthTag(body.subarray(-16));
    const text = decipher.update(body.subarray(0, -16));
    try {
      decipher.final();
    } catch {
      continue;
    }
    texts.push(text.subarray(0, text.findLastIndex((byte) => byte !== 0)).toString('utf8'));
  }
  return texts;
}

/** A record as the holder of a secret writes it: application data, or another type of content. */
export function sealed(content: string | Buffer, secret: Buffer, sequence: number, type = 23): TlsRecord {
  const inner = Buffer.concat([typeof content === 'string' ? Buffer.from(content, 'utf8') : content, Buffer.from([type])]);
  const header = Buffer.from([23, 3, 3, 0, 0]);
  header.writeUInt16BE(inner.length + 16, 3);
  const cipher = createCipheriv('aes-128-gcm', expand(secret, 'key', 16), nonce(secret, sequence));
  cipher.setAAD(header);
  return { header, body: Buffer.concat([cipher.update(inner), cipher.final(), cipher.getAuthTag()]) };
}

/** The secret after a key update. §7.2 */
export function secretAfter(secret: Buffer): Buffer {
  return expand(secret, 'traffic upd', 32);
}

function nonce(secret: Buffer, sequence: number): Buffer {
  const iv = expand(secret, 'iv', 12);
  iv.writeUInt32BE((iv.readUInt32BE(8) ^ sequence) >>> 0, 8);
  return iv;
}

/** HKDF-Expand-Label with an empty context, up to one block. */
function expand(secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`, 'ascii');
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])]);
  return createHmac('sha256', secret).update(info).digest().subarray(0, length);
}
