/** The pages for people: what they point to is there, and what they name exists. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = ['README.md', 'CHANGELOG.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
const readme = read('README.md');

/** Headings as links name them. */
function anchors(page: string): Set<string> {
  const headings = page.replaceAll(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm);
  return new Set([...headings].map(([, words]) => words!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));
}

describe.each(pages)('%s', (path) => {
  const page = read(path);
  test('points to what is there', () => {
    const broken = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!).filter((target) => {
      if (/^https:/.test(target)) return false;
      const [file = '', anchor] = target.split('#');
      const full = file === '' ? join(root, path) : join(root, dirname(path), file);
      return !existsSync(full) || (anchor !== undefined && !anchors(readFileSync(full, 'utf8')).has(anchor));
    });
    expect(broken).toEqual([]);
  });

  test('names files that are there', () => {
    const named = [...page.matchAll(/`((?:src|test|data|docs|interfaces|systemd)\/[\w./-]*[\w/])`/g)].map(([, name]) => name!).filter((name) => !name.includes('CLASS'));
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });
});

test('the README names every command that npm has, and no other', () => {
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts);
  const named = new Set([...readme.matchAll(/npm (?:run ([a-z][\w:]*)|(test)\b)/g)].map(([, name, test]) => name ?? test!));
  const parts = ['setup', 'build', 'types', 'lint', 'prepack'];
  expect([...named].filter((name) => !scripts.includes(name))).toEqual([]);
  expect(scripts.filter((name) => !named.has(name) && !parts.includes(name))).toEqual([]);
});

test('the README names commands that hushctl has', () => {
  const manual = read('data/man/hushctl.1');
  const named = new Set([...readme.matchAll(/hushctl ([a-z]+)(?![\w])/g)].map(([, name]) => name!));
  const known = new Set([...manual.matchAll(/\.It Cm ([a-z ,]+)/g)].flatMap(([, words]) => words!.split(/[ ,]+/)));
  // Words of a sentence.
  expect([...named].filter((name) => !known.has(name) && !['shows', 'says'].includes(name))).toEqual([]);
  expect(named.has('verify')).toBe(true);
});

test('the parameters in the README are those of the manager', () => {
  const manager = read('data/hush.manager');
  const table = /^\| parameter \|[^]*?\n\n/m.exec(readme)![0];
  const named = [...table.matchAll(/^\| ((?:`[^`]+`,? ?)+)\|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !manager.includes(`param-${name}=`))).toEqual([]);
});

test('what the README says that an error says is said in the program', () => {
  const program = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => read(`src/${name}`)).join('\n');
  const table = /^\| it says \|[^]*?\n\n/m.exec(readme)![0];
  const rows = [...table.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell]) => cell!).slice(1);
  // What varies stands as … in the README and as ${…} in the program; "damaged" is one of the values of the latter.
  const parts = rows.flatMap((cell) => cell.split(/\s*…\s*|, (?!or )/)).map((part) => part.replace(/ damaged$/, '').replace(/^the client$/, '')).filter((part) => part !== '' && !part.startsWith('--'));
  expect(parts.length).toBeGreaterThan(8);
  expect(parts.filter((part) => !program.includes(part))).toEqual([]);
});
