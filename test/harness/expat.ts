/** What expat, driven from Python, makes of XML streams: a reader that shares nothing with ours. */
import { spawn } from 'node:child_process';
import { text as textOf } from 'node:stream/consumers';
import { join } from 'node:path';
import type { Element } from '../../src/xmpp/element.ts';

/** An element as plain data: namespace, name, attributes in order of their names (none of other namespaces, but xml:lang), content. */
export type Plain = readonly [ns: string, name: string, attributes: readonly (readonly [string, string])[], content: readonly (Plain | string)[]];

export interface Reading {
  /** The complete top-level elements before the first error. */
  readonly stanzas: readonly Plain[];
  readonly isWellFormed: boolean;
}

/** Reads each of the inputs as a stream of its own. */
export async function expatReads(inputs: readonly Uint8Array[]): Promise<Reading[]> {
  const python = spawn('/usr/bin/python3', [join(import.meta.dirname, 'expat_reader.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  python.stdin.end(inputs.map((bytes) => `${Buffer.from(bytes).toString('base64')}\n`).join(''));
  const lines = (await textOf(python.stdout)).trimEnd().split('\n');
  if (lines.length !== inputs.length) throw new Error(`expat answered ${lines.length} of ${inputs.length} inputs`);
  return lines.map((line) => JSON.parse(line) as Reading);
}

/** An element of ours in the same form. */
export function plain(element: Element): Plain {
  const own = Object.entries(element.attrs).filter((entry): entry is [string, string] => entry[0] !== 'xmlns' && entry[1] !== undefined);
  return [element.attrs.xmlns ?? '', element.name, own.sort(([one], [other]) => compareByCodePoint(one, other)), element.children.map((node) => (typeof node === 'string' ? node : plain(node)))];
}

/** As Python sorts. */
function compareByCodePoint(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
