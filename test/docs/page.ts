/** docs/xtls-profile.md as tests read it: the worked example between its marks, and the blocks of code in it. */
import { join } from 'node:path';

export const pageFile = join(import.meta.dirname, '../../docs/xtls-profile.md');

const [begin, end] = ['<!-- example: written by `npm run example` -->', '<!-- end of the example -->'] as const;

function bounds(page: string): readonly [number, number] {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error('the page has no place for its example');
  return [from + begin.length, to];
}

export function replaceExample(page: string, example: string): string {
  const [from, to] = bounds(page);
  return `${page.slice(0, from)}\n\n${example}\n\n${page.slice(to)}`;
}

export function readExample(page: string): string {
  return page.slice(...bounds(page)).trim();
}

/** What stands in the fenced blocks of one language, in order. */
export function blocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w*)\n([^]*?)\n```$/gm)].filter(([, found]) => found === language).map(([, , content]) => content!);
}

/** Lines `label  value` of every text block. */
export function values(markdown: string): Map<string, string> {
  const lines = blocks(markdown, 'text').flatMap((block) => block.split('\n'));
  return new Map(lines.map((line) => /^(\S+) {2,}(.+)$/.exec(line)).filter((found) => found !== null).map(([, label, value]) => [label!, value!]));
}
