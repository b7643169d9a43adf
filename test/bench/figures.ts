/** Figures of a benchmark: taken in turns, so that a busy machine is unfair to everybody alike, and told as medians and ratios. */

export const MiB = 1024 * 1024;

/** One thing that is measured: who, and what each round gave. */
export interface Row {
  readonly label: string;
  readonly samples: readonly number[];
}

/** What a row is to reach: at most or at least so much, in the section's unit or, where there is a reference, as a ratio to that row. */
export interface Target {
  readonly label: string;
  readonly reference?: string;
  readonly most?: number;
  readonly least?: number;
}

export interface Section {
  readonly title: string;
  readonly unit: 'ms' | 'per s' | 'µs' | 'MiB' | 'MB/s';
  /** Rows in which the others are expressed, by label. */
  readonly references: readonly string[];
  readonly rows: readonly Row[];
  readonly targets?: readonly Target[];
}

/** Somebody who can be measured. One round gives one sample. */
export interface Entrant {
  readonly label: string;
  measure(): Promise<number>;
}

/** A B A B …: one round of everybody, then the next. The first `warmUp` rounds do not count. */
export async function inTurns(entrants: readonly Entrant[], rounds: number, warmUp = 0): Promise<Row[]> {
  const samples = entrants.map((): number[] => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (const [index, entrant] of entrants.entries()) {
      const sample = await entrant.measure();
      if (round >= 0) samples[index]!.push(sample);
    }
  }
  return entrants.map(({ label }, index) => ({ label, samples: samples[index]! }));
}

/** The value below which `share` (0..1) of the samples lie, interpolated. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** The median of the ratios within each round: what slows a whole round down cancels out. */
export function ratio(row: Row, reference: Row): number {
  return median(row.samples.map((sample, round) => sample / reference.samples[round]!));
}

/** Two significant digits: no more is known. */
export function rounded(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return value === 0 ? '0' : String(Number(value.toPrecision(2)));
}

/** Columns padded to their widest cell; the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('   '));
}

export function sectionTable({ unit, references, rows, targets = [] }: Section): string[] {
  const referenceRows = references.flatMap((label) => rows.find((row) => row.label === label) ?? []);
  const head = ['', unit, 'quartiles', ...referenceRows.map(({ label }) => `× ${label}`)];
  const lines = rows.map((row) => [
    row.label,
    rounded(median(row.samples)),
    `${rounded(quantile(row.samples, 0.25))} … ${rounded(quantile(row.samples, 0.75))}`,
    ...referenceRows.map((reference) => (reference === row ? '1' : rounded(ratio(row, reference)))),
  ]);
  return [...table([head, ...lines]), ...targets.map((target) => verdict(target, unit, rows))];
}

/** Whether a target is reached, as the medians have it. */
function verdict({ label, reference, most, least }: Target, unit: string, rows: readonly Row[]): string {
  const find = (name: string): Row => {
    const row = rows.find((one) => one.label === name);
    if (row === undefined) throw new Error(`no row ${name}`);
    return row;
  };
  const value = reference === undefined ? median(find(label).samples) : ratio(find(label), find(reference));
  const isReached = value <= (most ?? Infinity) && value >= (least ?? -Infinity);
  const bound = most === undefined ? `at least ${least}` : `at most ${most}`;
  return `to reach: ${label} ${bound} ${reference === undefined ? unit : `× ${reference}`}: ${isReached ? 'reached' : 'MISSED'} (${value.toPrecision(3)})`;
}
