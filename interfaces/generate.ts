/** One run of the generator: reads the folder of XML files, and writes the generated file or compares it. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readInterface } from './read.ts';
import { writeInterfaces } from './write.ts';

export interface Run {
  /** Where the XML files are. */
  readonly folder: string;
  /** The generated file. */
  readonly target: string;
  /** Only compare. */
  readonly check: boolean;
}

/** Never throws for a mistake in the XML: `ok` is false then, and `message` one line that names the file. */
export function introspect({ folder, target, check }: Run): { ok: boolean; message: string } {
  const files = readdirSync(folder).filter((name) => name.endsWith('.xml')).sort();
  let text: string;
  try {
    text = writeInterfaces(files.map((name) => readInterface(name, readFileSync(join(folder, name), 'utf8'))));
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
  const present = existsSync(target) ? readFileSync(target, 'utf8') : undefined;
  if (present === text) return { ok: true, message: `interfaces.ts: ${files.length} interfaces, up to date` };
  if (check) return { ok: false, message: 'src/bus/interfaces.ts is stale: run `npm run introspect` and commit the result' };
  writeFileSync(target, text);
  return { ok: true, message: `interfaces.ts: ${files.length} interfaces, written` };
}
