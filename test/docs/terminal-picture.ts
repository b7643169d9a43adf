/** What stands on a terminal, as an SVG: text in its colours, and lines of tables and modules of QR codes drawn as such, so that they meet whatever the font. */

const cell = { width: 8, height: 17 } as const;
const margin = 12;

const colors: ReadonlyMap<number, string> = new Map([
  [31, '#e06c75'],
  [32, '#98c379'],
  [33, '#e5c07b'],
  [97, '#ffffff'],
]);
const [ground, plain, faint] = ['#1e2127', '#d7dae0', '#7f848e'] as const;

interface Style {
  readonly isBold: boolean;
  readonly isDim: boolean;
  readonly color: string;
  readonly background: string | undefined;
}

const unstyled: Style = { isBold: false, isDim: false, color: plain, background: undefined };

interface Run {
  readonly column: number;
  readonly text: string;
  readonly style: Style;
}

/** Ends of the strokes of a box character, from the middle of its cell: up, right, down, left. A line that only goes across is drawn from side to side. */
const strokes: ReadonlyMap<string, string> = new Map([
  ['│', 'ud'], ['┌', 'rd'], ['┐', 'ld'], ['└', 'ur'], ['┘', 'ul'], ['├', 'urd'], ['┤', 'uld'], ['┬', 'lrd'], ['┴', 'lru'], ['┼', 'lrud'],
]);
/** Parts of a cell that a block character fills: y and height, as parts of it. */
const blocks: ReadonlyMap<string, readonly [number, number]> = new Map([['█', [0, 1]], ['▀', [0, 0.5]], ['▄', [0.5, 0.5]]]);

/** `lines` with the escape sequences that hushctl writes (SGR). */
export function terminalPicture(lines: readonly string[]): string {
  const rows = lines.map(runsOf);
  const columns = Math.max(...rows.map((runs) => Math.max(0, ...runs.map(({ column, text }) => column + Array.from(text).length))));
  const [width, height] = [columns * cell.width + 2 * margin, rows.length * cell.height + 2 * margin];
  const drawn = rows.flatMap((runs, row) => runs.flatMap((run) => drawRun(run, margin + row * cell.height)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13">`,
    `<rect width="${width}" height="${height}" rx="6" fill="${ground}"/>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

function runsOf(line: string): Run[] {
  const runs: Run[] = [];
  let style = unstyled;
  let column = 0;
  for (const part of line.split(/(\x1b\[[0-9;]*m)/)) {
    if (part.startsWith('\x1b[')) style = part.slice(2, -1).split(';').reduce(restyled, style);
    else if (part !== '') {
      runs.push({ column, text: part, style });
      column += Array.from(part).length;
    }
  }
  return runs;
}

function restyled(style: Style, code: string): Style {
  const number = Number(code);
  if (number === 0) return unstyled;
  if (number === 1) return { ...style, isBold: true };
  if (number === 2) return { ...style, isDim: true };
  if (number === 40) return { ...style, background: '#000000' };
  const color = colors.get(number);
  if (color === undefined) throw new Error(`a colour that is not known: ${code}`);
  return { ...style, color };
}

function drawRun({ column, text, style }: Run, top: number): string[] {
  const left = margin + column * cell.width;
  const color = style.isDim ? faint : style.color;
  const characters = Array.from(text);
  const drawn: string[] = [];
  if (style.background !== undefined) drawn.push(`<rect x="${left}" y="${top}" width="${characters.length * cell.width}" height="${cell.height}" fill="${style.background}"/>`);
  const path = characters.map((character, at) => drawCharacter(character, left + at * cell.width, top)).join('');
  const blockPath = characters.map((character, at) => drawBlock(character, left + at * cell.width, top)).join('');
  if (path !== '') drawn.push(`<path d="${path}" stroke="${color}" fill="none"/>`);
  if (blockPath !== '') drawn.push(`<path d="${blockPath}" fill="${color}" shape-rendering="crispEdges"/>`);
  // Words one by one, each where it belongs: a font that is wider or narrower moves nothing.
  for (const { 0: word, index } of text.matchAll(/[^\s│─┌┐└┘├┤┬┴┼█▀▄]+(?: [^\s│─┌┐└┘├┤┬┴┼█▀▄]+)*/gu)) {
    const at = Array.from(text.slice(0, index)).length;
    const length = Array.from(word).length * cell.width;
    drawn.push(`<text x="${left + at * cell.width}" y="${top + 13}" textLength="${length}" lengthAdjust="spacingAndGlyphs" fill="${color}"${style.isBold ? ' font-weight="bold"' : ''}>${escaped(word)}</text>`);
  }
  return drawn;
}

function drawCharacter(character: string, left: number, top: number): string {
  const [x, y] = [left + cell.width / 2, top + cell.height / 2];
  const ends: Readonly<Record<string, string>> = { u: `V${top}`, d: `V${top + cell.height}`, l: `H${left}`, r: `H${left + cell.width}` };
  if (character === '─') return `M${left} ${y}${ends.r!}`;
  return Array.from(strokes.get(character) ?? '').map((end) => `M${x} ${y}${ends[end]!}`).join('');
}

function drawBlock(character: string, left: number, top: number): string {
  const block = blocks.get(character);
  return block === undefined ? '' : `M${left} ${top + block[0] * cell.height}h${cell.width}v${block[1] * cell.height}h${-cell.width}z`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
