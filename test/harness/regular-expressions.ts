/** Every regular expression of a source text, and the strings that would make one of them slow: found from its own words, nothing is told by hand. */
import ts from 'typescript';

export interface Expression {
  /** Line in the file. */
  readonly line: number;
  /** As written: a literal, or the call that makes one. */
  readonly text: string;
  /** Undefined for one that is put together at run time. */
  readonly regExp: RegExp | undefined;
}

/** The literals and `RegExp(…)` calls of a file. */
export function expressionsOf(path: string, source: string): Expression[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const found: Expression[] = [];
  const visit = (node: ts.Node): void => {
    const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      found.push({ line, text: node.text, regExp: new RegExp(node.text.slice(1, end), node.text.slice(end + 1)) });
    } else if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'RegExp') {
      found.push({ line, text: node.getText(), regExp: undefined });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** Characters of every kind that an expression here may tell apart. */
const pool = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), ...Array.from('\u0085\u00A0\u00AD\u00E4\u00DF\u0301\u03B1\u0378\u05D0\u0627\u0640\u0661\u06F1\u094D\u180E\u200B\u200C\u200D\u200F\u2028\u202E\u2066\u3000\u30A2\u4E00\uD7FB\uE000\uFB1D\uFF21\uFFFD\uFFFF\u{1F600}\u{10D30}\u{E0001}'), '\uD800', '\uDC00'];

/** The single characters, classes and escapes of an expression's source. */
const atom = /\\u\{[^}]*\}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[pP]\{[^}]*\}|\\[1-9]|\\.|\[(?:\\.|[^\]\\])*\]|[^\\]/gsu;

/** One character for each way in which the atoms of an expression tell characters apart. */
function alphabetOf({ source, flags }: RegExp): string[] {
  const atoms = (source.match(atom) ?? []).filter((part) => !/^(?:[()|*+?^${}.]|\\[bB1-9])$/.test(part)).map((part) => new RegExp(`^(?:${part})$`, flags.replace(/[gy]/g, '')));
  const kinds = new Map<string, string>();
  for (const character of pool) {
    const kind = atoms.map((one) => (one.test(character) ? '1' : '0')).join('');
    if (!kinds.has(kind)) kinds.set(kind, character);
  }
  return [...kinds.values()];
}

/** Runs of literal characters of the source: what must come before the interesting part. */
function wordsOf({ source }: RegExp): string[] {
  return (source.match(/[^\\()[\]{}|*+?^$.]{3,}/g) ?? []).slice(0, 4);
}

/** How an expression is used: all matches where it is global, one otherwise. */
function run(expression: RegExp, text: string): number {
  const start = performance.now();
  if (expression.global) text.replace(expression, '');
  else expression.test(text);
  expression.lastIndex = 0;
  return performance.now() - start;
}

/** From so short that even an exponential one ends, to 100 kB. */
const lengths = [16, 24, 28, 36, 48, 96, 400, 3_000, 20_000, 100_000];

/**
 * The strings of at most 100 kB that keep an expression busy for longer than `limitMs`, as "what × how many + end: milliseconds".
 * Tried are repetitions of one or two of its characters, and of its words, whole and with an end that does not fit.
 */
export function slowStrings(expression: RegExp, limitMs: number): string[] {
  const alphabet = alphabetOf(expression).slice(0, 12);
  const words = wordsOf(expression);
  const pairs = alphabet.slice(0, 6).flatMap((one) => alphabet.slice(0, 6).filter((other) => other !== one).map((other) => one + other));
  const units = [...alphabet, ...pairs, ...words, ...words.map((word) => word + word)];
  const slow: string[] = [];
  for (const unit of units) {
    for (const end of ['', ...alphabet.slice(0, 4), '\uFFFE']) {
      for (const length of lengths) {
        const text = unit.repeat(Math.ceil(length / unit.length)) + end;
        // Thrice, and the fastest counts: the machine has other things to do, the expression has not.
        const ms = run(expression, text) <= limitMs ? 0 : Math.min(run(expression, text), run(expression, text));
        if (ms <= limitMs) continue;
        slow.push(`${JSON.stringify(unit)} x ${length} + ${JSON.stringify(end)}: ${ms.toFixed(0)} ms`);
        break;
      }
      if (slow.length > 0) return slow;
    }
  }
  return slow;
}
