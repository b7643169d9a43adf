/** A scripted client in another language: one JSON object a line in both directions. */
import type { EventQueue } from './events.ts';
import { Program } from './process.ts';

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

/** Milliseconds for a command. The scripts give up by themselves before that, and say why. */
const patience = 25_000;

export class LineClient {
  readonly #name: string;
  readonly #program: Program;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** Events of the client go to `events` with `name` as their source. */
  constructor(name: string, script: string, events: EventQueue, environment: Readonly<Record<string, string | undefined>>) {
    this.#name = name;
    this.#program = new Program('/usr/bin/python3', [script], { environment });
    this.#program.onLine((line, stream) => {
      if (stream === 'stdout') this.#read(line, events);
    });
    this.#program.ended.then((code) => this.#end(code), (error: unknown) => this.#end(String(error)));
  }

  /** What it wrote, for a failure's message. */
  get output(): string {
    return this.#program.output;
  }

  /** Runs a command of the script; rejects with the script's own words. */
  request(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(new Error(`${this.#name} ${command}: ${error.message}`));
      };
      const timer = setTimeout(() => fail(new Error(`no answer\n${this.output}`)), patience);
      const succeed = (result: unknown): void => {
        clearTimeout(timer);
        resolve(result);
      };
      this.#waiting.set(id, { resolve: succeed, reject: fail });
      this.#program.write(`${JSON.stringify({ id, do: command, with: args })}\n`);
    });
  }

  async stop(): Promise<void> {
    await this.#program.stop();
  }

  #read(line: string, events: EventQueue): void {
    const message = JSON.parse(line) as { id?: number; result?: unknown; error?: string; event?: string };
    if (message.event !== undefined) {
      const { event, ...details } = message;
      events.push({ source: this.#name, name: event, ...details });
      return;
    }
    const waiting = this.#waiting.get(message.id!);
    this.#waiting.delete(message.id!);
    if (message.error === undefined) waiting?.resolve(message.result);
    else waiting?.reject(new Error(message.error));
  }

  #end(code: number | string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`ended (${code})\n${this.output}`));
    this.#waiting.clear();
  }
}
