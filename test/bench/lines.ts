/** Lines of code per room: what is neither empty nor only a comment. Generated files and tests are counted apart. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { table } from './figures.ts';

const root = join(import.meta.dirname, '../..');
const generated = 'src/bus/interfaces.ts';

/** The room of a file: its folder in src, two deep where a room has rooms. */
function roomOf(path: string): string {
  if (path === generated) return 'generated';
  const parts = path.split('/').slice(0, -1);
  return parts[0] === 'src' ? parts.slice(0, 4).join('/') : parts[0]!;
}

function codeLines(text: string): number {
  const withoutComments = text.replace(/^\s*\/\*\*?[\s\S]*?\*\/\s*$/gm, '').replace(/^\s*\/\/.*$/gm, '');
  return withoutComments.split('\n').filter((line) => line.trim() !== '').length;
}

export function linesPerRoom(): string[] {
  const rooms = new Map<string, { files: number; lines: number }>();
  for (const top of ['src', 'interfaces', 'test']) {
    for (const name of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).sort()) {
      if (!/\.(ts|mjs|py)$/.test(name)) continue;
      const room = roomOf(`${top}/${name}`);
      const { files, lines } = rooms.get(room) ?? { files: 0, lines: 0 };
      rooms.set(room, { files: files + 1, lines: lines + codeLines(readFileSync(join(root, top, name), 'utf8')) });
    }
  }
  const total = [...rooms].filter(([room]) => room.startsWith('src')).reduce((sum, [, { lines }]) => sum + lines, 0);
  const rows = [...rooms].sort(([a], [b]) => (a < b ? -1 : 1)).map(([room, { files, lines }]) => [room, String(files), String(lines)]);
  return table([['room', 'files', 'lines'], ...rows, ['all of src, written by hand', '', String(total)]]);
}
