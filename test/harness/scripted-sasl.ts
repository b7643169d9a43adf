/** The server's half of SASL for the scripted server: honest PLAIN and SCRAM, every message of which a test may replace. Source: RFC 4616, RFC 5802, RFC 7677. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** The last words of an exchange: whether the client is let in, and what goes with `<success/>`. */
export interface SaslEnd {
  readonly isAccepted: boolean;
  readonly data?: string;
}

export interface SaslParty {
  readonly users: Readonly<Record<string, string>>;
  /** Channel-binding data by type, of the connection as it is. */
  readonly bindings: ReadonlyMap<string, Buffer>;
  /** The binding types the client saw offered: a 'y' flag although -PLUS was offered is a downgrade. */
  readonly offersPlus: boolean;
  /** Replaces one message of the exchange (text before base64): 'scram-first', 'scram-final'. */
  override(step: 'scram-first' | 'scram-final', honest: string): string;
  /** Sends a challenge and resolves with the client's answer. */
  challenge(text: string): Promise<string>;
  readonly iterations: number;
}

/** Runs one exchange for `mechanism` after the client's first message. */
export async function serveSasl(mechanism: string, first: string, party: SaslParty): Promise<SaslEnd> {
  if (mechanism === 'PLAIN') {
    const [, user = '', password] = first.split('\0');
    return { isAccepted: party.users[user] !== undefined && party.users[user] === password };
  }
  const scram = /^SCRAM-SHA-(1|256|512)(-PLUS)?$/.exec(mechanism);
  if (scram === null) return { isAccepted: false };
  return serveScram(`sha${scram[1] ?? ''}`, scram[2] !== undefined, first, party);
}

function field(message: string, name: string): string {
  return new RegExp(`(?:^|,)${name}=([^,]*)`).exec(message)?.[1] ?? '';
}

async function serveScram(hash: string, isPlus: boolean, first: string, party: SaslParty): Promise<SaslEnd> {
  const header = /^(?:[ny]|p=([^,]*)),[^,]*,/.exec(first);
  if (header === null) return { isAccepted: false };
  const clientFirst = first.slice(header[0].length);
  const user = field(clientFirst, 'n').replaceAll('=2C', ',').replaceAll('=3D', '=');
  const nonce = field(clientFirst, 'r') + randomBytes(12).toString('base64url');
  const salt = randomBytes(16);
  const honestFirst = `r=${nonce},s=${salt.toString('base64')},i=${party.iterations}`;
  const serverFirst = party.override('scram-first', honestFirst);
  const clientFinal = await party.challenge(serverFirst);

  const size = createHash(hash).digest().length;
  const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest();
  const salted = pbkdf2Sync((party.users[user] ?? '').normalize('NFKC'), salt, party.iterations, size, hash);
  const proofAt = clientFinal.lastIndexOf(',p=');
  const withoutProof = clientFinal.slice(0, proofAt);
  const authMessage = `${clientFirst},${serverFirst},${withoutProof}`;
  const clientKey = hmac(salted, 'Client Key');
  const signature = hmac(createHash(hash).update(clientKey).digest(), authMessage);
  const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));

  const bindingType = header[1];
  const binding = bindingType === undefined ? Buffer.alloc(0) : party.bindings.get(bindingType);
  const expectedBinding = binding && Buffer.concat([Buffer.from(header[0]), binding]).toString('base64');
  const isDowngraded = first.startsWith('y') && party.offersPlus;
  const isAccepted =
    party.users[user] !== undefined &&
    isPlus === (bindingType !== undefined) &&
    !isDowngraded &&
    field(withoutProof, 'r') === nonce &&
    field(withoutProof, 'c') === expectedBinding &&
    clientFinal.slice(proofAt + 3) === Buffer.from(proof).toString('base64');
  const final = `v=${hmac(hmac(salted, 'Server Key'), authMessage).toString('base64')}`;
  return { isAccepted, data: party.override('scram-final', final) };
}
