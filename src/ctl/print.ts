/** How things look: colours, tables, QR codes, JSON. What comes from others cannot steer the terminal. */
import Table from 'cli-table3';
import encodeQR from 'qr';

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
export type Style = keyof typeof codes;

/** Text in a colour, or as it is where there are none. */
export type Paint = (style: Style, text: string) => string;

export function painter(isColored: boolean): Paint {
  return (style, text) => (isColored && text !== '' ? `\x1b[${codes[style]}m${text}\x1b[0m` : text);
}

/** Characters that are not seen, or make others look different: controls, formats (bidirectional overrides among them), line and paragraph separators, lone surrogates. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** One line that shows everything that is in `text`. */
export function clean(text: string): string {
  return text.replaceAll(unseen, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** As many characters as have place; `…` for the rest. */
export function shortened(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

/** JSON whose strings are printable: every unseen character is escaped. */
export function json(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(unseen, (character) =>
    character === '\n' ? character : [...Array(character.length).keys()].map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

/** A table with lines around its cells; the first row is its head. */
export function table(rows: readonly (readonly string[])[]): string {
  const drawn = new Table({ style: { head: [], border: [], compact: true }, head: [...(rows[0] ?? [])] });
  drawn.push(...rows.slice(1).map((row) => [...row]));
  return drawn.toString();
}

/** A QR code of half blocks: light modules are drawn, so it needs a dark ground, which colours provide. */
export function qrCode(text: string, isColored: boolean): string {
  const lines = encodeQR(text, 'ascii', { ecc: 'medium', border: 2 }).trimEnd().split('\n');
  return lines.map((line) => (isColored ? `\x1b[97;40m${line}\x1b[0m` : line)).join('\n');
}

/** The groups of a safety number, four a line. */
export function numberLines(number: string): string[] {
  const groups = number.split(' ');
  return [0, 4, 8].map((at) => groups.slice(at, at + 4).join('  '));
}
