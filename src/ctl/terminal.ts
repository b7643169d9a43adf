/** The person in front of the program: what is shown, what is asked, and what is read without being shown. */
import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ReadStream } from 'node:tty';
import { Writable } from 'node:stream';
import type { Readable } from 'node:stream';
import { Failure } from './failure.ts';
import { painter } from './print.ts';
import type { Paint } from './print.ts';

/** Bytes of a line from a pipe. */
const maxLine = 4096;

export interface TerminalOptions {
  readonly input: Readable | ReadStream;
  readonly output: (text: string) => void;
  readonly errors: (text: string) => void;
  /** Whether each is a terminal. */
  readonly isTerminal: { readonly input: boolean; readonly output: boolean };
  /** The person wants no colours. */
  readonly isPlain: boolean;
  readonly width: number;
}

export class Terminal {
  readonly #options: TerminalOptions;
  readonly paint: Paint;
  /** Colours on standard output. */
  readonly isColored: boolean;

  constructor(options: TerminalOptions) {
    this.#options = options;
    this.isColored = options.isTerminal.output && !options.isPlain;
    this.paint = painter(this.isColored);
  }

  /** Somebody reads and can answer. */
  get isInteractive(): boolean {
    const { input, output } = this.#options.isTerminal;
    return input && output;
  }

  /** Output can be cleared and written again. */
  get isScreen(): boolean {
    return this.#options.isTerminal.output;
  }

  get width(): number {
    return this.#options.width;
  }

  /** Results: whole lines on standard output. */
  say(...lines: readonly string[]): void {
    this.#options.output(lines.map((line) => `${line}\n`).join(''));
  }

  /** What goes on, for people: standard error. */
  note(...lines: readonly string[]): void {
    this.#options.errors(lines.map((line) => `${line}\n`).join(''));
  }

  clear(): void {
    this.#options.output('\x1b[H\x1b[2J');
  }

  /** One of `answers` (or its first letter), asked until it is one. Only for `isInteractive`. */
  async choose<A extends string>(question: string, answers: readonly A[]): Promise<A> {
    for (;;) {
      const line = (await this.#line(`${question} [${answers.join('/')}] `, true)).trim().toLowerCase();
      const chosen = answers.find((answer) => line !== '' && (line === answer || line === answer[0]));
      if (chosen !== undefined) return chosen;
    }
  }

  /** A secret: from a terminal without echo, else the first line of the input. Throws Failure when there is none. */
  async secret(prompt: string): Promise<string> {
    const secret = this.#options.isTerminal.input ? await this.#line(`${prompt}: `, false) : await firstLine(this.#options.input);
    if (secret === '') throw new Failure('no secret was given', { next: ['Type it when asked, or hand it over as the first line of standard input.'] });
    return secret;
  }

  async #line(prompt: string, isShown: boolean): Promise<string> {
    const { input, errors } = this.#options;
    const shown = new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (isShown) errors(chunk.toString());
        done();
      },
    });
    // It edits the line itself: from here on the terminal does not echo, so not before is anybody asked to type.
    const lines = createInterface({ input, output: shown, terminal: true, historySize: 0 });
    if (!isShown) errors(prompt);
    try {
      const answer = new Promise<string>((resolve) => lines.question(prompt, resolve));
      const given = await Promise.race([answer, once(lines, 'SIGINT').then(() => undefined), once(lines, 'close').then(() => undefined)]);
      if (given === undefined) throw new Failure('given up');
      return given;
    } finally {
      lines.close();
      if (!isShown) errors('\n');
    }
  }
}

/** The first line of a pipe, without its end. Throws Failure for one that is too long or no text. */
async function firstLine(input: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk as Buffer);
    chunks.push(bytes);
    size += bytes.length;
    if (bytes.includes('\n') || size > maxLine) break;
  }
  const all = Buffer.concat(chunks);
  const end = all.indexOf('\n');
  const line = end < 0 ? all : all.subarray(0, end);
  if (line.length > maxLine) throw new Failure('the first line of the input is too long');
  if (!isUtf8(line)) throw new Failure('the input is not UTF-8 text');
  return line.toString().replace(/\r$/, '');
}

/** Settles when the person presses Ctrl-C, or the program is told to end. `stop` ends the waiting. */
export function interruption(): { readonly happened: Promise<void>; stop(): void } {
  const controller = new AbortController();
  const waits = (['SIGINT', 'SIGTERM'] as const).map((signal) => once(process, signal, { signal: controller.signal }));
  const happened = new Promise<void>((resolve) => {
    for (const wait of waits) wait.then(() => resolve(), () => undefined);
  });
  return { happened, stop: () => controller.abort() };
}
