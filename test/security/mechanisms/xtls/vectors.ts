/** The known answers of the XTLS profile, typed. */
import { readFileSync } from 'node:fs';

interface Side {
  readonly methods: string[];
  readonly profile: Record<string, string>;
  readonly 'block-size': string;
}

export interface Vectors {
  readonly commitment: { salt: string; spki: string; commitment: string };
  readonly binding: { name: string; initiator: string; responder: string; 'jingle-sid': string; 'ibb-sid': string; offer: Side; accept: Side; input: string; H: string }[];
  readonly srp: Record<
    | 'starter' | 'answerer' | 'identity' | 'secret' | 'secret-normalised-utf8' | 'salt' | 'scrypt' | 'k' | 'a' | 'b' | 'x' | 'v-sha256' | 'A-sha256' | 'B-sha256'
    | 'u' | 'K' | 'cb' | 'H' | 'M1' | 'M2',
    string
  >;
}

export const vectors = JSON.parse(readFileSync(new URL('../../../vectors/xtls.json', import.meta.url), 'utf8')) as Vectors;

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
