/**
 * The table of attacks is held to the tests, and they to it.
 * A row of A.json … I.json or faults.json names the files whose tests provoke it; the titles of these tests name the row: `[A1]`.
 * Its mutants are the guards, each taken away by one exact replacement; `npm run mutants` shows that the row's tests notice.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { patternOf, readTable, tagsIn } from './table.ts';

const root = resolve(import.meta.dirname, '../..');
const table = readTable();
const testFiles = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts')).map((name) => `test/${name}`).sort();

/** What describe(), test() and their relatives are called in a file. */
function titlesOf(path: string): string[] {
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(describe|test)\b/.test(node.expression.getText(source))) {
      const [title] = node.arguments;
      if (title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text);
      else if (title !== undefined && ts.isTemplateExpression(title)) titles.push(title.getText(source));
    }
    ts.forEachChild(node, visit);
  };
  const source = ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true);
  visit(source);
  return titles;
}

/** How many rows each class has: what is published, counted from 1. */
const classes = { A: 18, B: 17, C: 16, D: 8, E: 11, F: 8, G: 12, H: 12, I: 2, 'fault-': 15 } as const;

const rowsOf = new Map(testFiles.filter((path) => path !== 'test/attacks/rows.test.ts').map((path) => [path, new Set(titlesOf(path).flatMap(tagsIn))]));

test('no row is missing', () => {
  const expected = Object.entries(classes).flatMap(([name, count]) => Array.from({ length: count }, (_, at) => `${name}${at + 1}`));
  expect([...table.keys()].sort()).toEqual(expected.sort());
});

test('every row is provoked by tests that name it, or says why it cannot be', () => {
  const missing = [...table].flatMap(([row, value]) => {
    if ('notApplicable' in value) return value.notApplicable.length < 10 ? [`${row}: no reason`] : [];
    if (value.tests.length === 0) return [`${row}: no test`];
    return value.tests.filter((path) => rowsOf.get(path)?.has(row) !== true).map((path) => `${row}: not in ${path}`);
  });
  expect(missing).toEqual([]);
});

test('every test that names a row is named by it', () => {
  const unknown = [...rowsOf].flatMap(([path, rows]) => [...rows].filter((row) => {
    const value = table.get(row);
    return value === undefined || 'notApplicable' in value || !value.tests.includes(path);
  }).map((row) => `${path}: ${row}`));
  expect(unknown).toEqual([]);
});

describe('every row has a guard to take away', () => {
  test('or says why not', () => {
    const without = [...table].filter(([, value]) => 'tests' in value && (value.mutants.length === 0) === (value.noMutant === undefined)).map(([row]) => row);
    expect(without).toEqual([]);
  });

  test('that is there exactly once', () => {
    const stale = [...table].flatMap(([row, value]) => 'mutants' in value ? value.mutants.flatMap(({ file, find, replace, tests = [] }) => {
      if (!existsSync(join(root, file))) return [`${row}: no ${file}`];
      const foreign = tests.filter((path) => !value.tests.includes(path)).map((path) => `${row}: ${path} is no test of it`);
      const count = readFileSync(join(root, file), 'utf8').split(find).length - 1;
      return count === 1 && find !== replace ? foreign : [...foreign, `${row}: ${count} times in ${file}: ${find}`];
    }) : []);
    expect(stale).toEqual([]);
  });
});

test('a title names rows in brackets, alone or several', () => {
  expect(tagsIn('a forged carbon is dropped [A1 A2], and told [fault-3]')).toEqual(['A1', 'A2', 'fault-3']);
  expect(tagsIn('[a] [A] [1] A1 [A1,A2]')).toEqual([]);
  const pattern = new RegExp(patternOf('A1'));
  expect(['x [A1]', 'x [B2 A1 fault-3] y'].every((title) => pattern.test(title))).toBe(true);
  expect(['x [A11]', 'x A1', '[fault-1]'].some((title) => pattern.test(title))).toBe(false);
});
