/** The table of attacks and faults: every published class, the tests that provoke it, and the guards that, taken away, make those tests fail. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** One guard removed: `find` occurs exactly once in `file`. */
export interface Mutant {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Of the row's test files, those that are to kill it. Default all. */
  readonly tests?: readonly string[];
}

export type Row =
  | {
      readonly what: string;
      /** Files with a test whose title, or whose describe's title, carries the row in brackets: `[A1]`, `[A1 A2]`. */
      readonly tests: readonly string[];
      readonly mutants: readonly Mutant[];
      /** Why there is no guard to take away, where `mutants` is empty. */
      readonly noMutant?: string;
    }
  | { readonly what: string; /** Why it cannot happen to hush, in one line. */ readonly notApplicable: string };

const folder = import.meta.dirname;

/** Row → what it is. One file per class: A to I, and the faults. */
export function readTable(): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json')).sort()) {
    for (const [row, value] of Object.entries(JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, Row>)) {
      if (rows.has(row)) throw new Error(`${row} stands twice`);
      rows.set(row, value);
    }
  }
  return rows;
}

const tag = /\[((?:[A-I]\d+|fault-\d+)(?: (?:[A-I]\d+|fault-\d+))*)\]/g;

/** The rows that a title names. */
export function tagsIn(title: string): string[] {
  return [...title.matchAll(tag)].flatMap(([, tags]) => tags!.split(' '));
}

/** A pattern for the full names of the tests of a row. */
export function patternOf(row: string): string {
  return `\\[([A-Zf][a-z0-9-]* )*${row}( [A-Zf][a-z0-9-]*)*\\]`;
}
