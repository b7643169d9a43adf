/** Changes of byte strings: what makes the next inputs out of those that were worth keeping. */
import type { Random } from './random.ts';
import type { Target } from './target.ts';

/** Bytes of the longest input. Limits of the code under test are set so low that they are met. */
export const maxInput = 4096;

const numbers = [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 255, 256, 257, 1023, 1024, 4095, 4096, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** One input out of two. */
export function mutate(target: Target, bytes: Buffer, other: Buffer, random: Random): Buffer {
  let result = bytes;
  for (let left = random.few(8); left > 0; left -= 1) {
    result = target.mutate !== undefined && random.once(2) ? target.mutate(result, random, other) : change(target, result, other, random);
  }
  return result.subarray(0, target.maxInput ?? maxInput);
}

function change(target: Target, bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const length = random.once(2) ? random.few(12) : random.below(bytes.length - at + 1);
  const token = target.dictionary.length === 0 ? Buffer.of(random.below(256)) : Buffer.from(random.pick(target.dictionary) as string);
  switch (random.below(11)) {
    case 0: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    }
    case 1: {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at] = random.once(2) ? random.below(256) : random.pick([0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x20, 0x22, 0x26, 0x2f, 0x3c, 0x3e]);
      return copy;
    }
    case 2:
      return splice(bytes, at, length, []);
    case 3:
      // A piece again, up to many times: what grows with the input shows here.
      return splice(bytes, at, 0, Array.from({ length: random.once(4) ? 1 + random.below(100) : random.few(4) }, () => bytes.subarray(at, at + length)));
    case 4:
      return splice(bytes, at, 0, [token]);
    case 5:
      return splice(bytes, at, token.length, [token]);
    case 6: {
      const from = random.below(other.length + 1);
      return splice(bytes, at, random.once(2) ? length : 0, [other.subarray(from, from + 1 + random.below(other.length - from))]);
    }
    case 7:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    case 8:
      return number(bytes, random);
    case 9: {
      const copy = Buffer.from(bytes);
      const value = random.pick(numbers);
      if (at + 4 <= copy.length) if (random.once(2)) copy.writeUInt32LE(value, at); else copy.writeUInt32BE(value, at);
      return copy;
    }
    default:
      return splice(bytes, at, 0, [Buffer.from(Array.from({ length: random.few(8) }, () => random.below(256)))]);
  }
}

function splice(bytes: Buffer, at: number, remove: number, insert: readonly Uint8Array[]): Buffer {
  return Buffer.concat([bytes.subarray(0, at), ...insert, bytes.subarray(at + remove)]);
}

/** Another number where one is written in digits. */
function number(bytes: Buffer, random: Random): Buffer {
  const text = bytes.toString('latin1');
  const found = [...text.matchAll(/\d{1,15}/g)];
  if (found.length === 0) return bytes;
  const { 0: old, index } = random.pick(found);
  const value = random.pick([Number(old) + 1, Number(old) - 1, random.pick(numbers), random.below(20)]);
  return splice(bytes, index, old.length, [Buffer.from(String(value))]);
}
