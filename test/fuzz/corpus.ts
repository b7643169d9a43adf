/** Inputs on disk: those worth starting from, and those that have found something. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TargetName } from './target.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
export type Shelf = 'corpus' | 'crashes';

export const folderOf = (shelf: Shelf, target: TargetName): string => join(here, shelf, target);

/** The name says the content: the same input is never there twice. */
export function nameOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** In the order of their names. */
export function readInputs(folder: string): Buffer[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name)));
}

export function writeInput(folder: string, bytes: Uint8Array): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, nameOf(bytes));
  writeFileSync(path, bytes);
  return path;
}

/** The folder holds exactly these inputs afterwards. */
export function replaceInputs(folder: string, inputs: readonly Buffer[]): void {
  const wanted = new Set(inputs.map(nameOf));
  if (existsSync(folder)) for (const name of readdirSync(folder)) if (!wanted.has(name)) rmSync(join(folder, name));
  for (const bytes of inputs) writeInput(folder, bytes);
}
