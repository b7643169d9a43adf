/** Child processes of a test: their lines, their end, and no orphans. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

export interface ProgramOptions {
  /** Added to this process's environment; undefined takes a variable away. */
  environment?: Record<string, string | undefined>;
  cwd?: string;
}

type LineListener = (line: string, stream: 'stdout' | 'stderr') => void;

/** A running program whose output is read line by line. It dies with this process (Linux parent-death signal). */
export class Program {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<LineListener>();
  /** Settles when the program has ended and all its output was read: exit code, or the signal's name. */
  readonly ended: Promise<number | string>;

  constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
    this.name = command.replace(/^.*\//, '');
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // A program that has gone no longer reads; `ended` tells of it.
    this.#child.stdin?.on('error', () => undefined);
    for (const stream of ['stdout', 'stderr'] as const) {
      createInterface({ input: this.#child[stream]!, crlfDelay: Infinity }).on('line', (line) => {
        this.#lines.push(line);
        for (const listener of [...this.#listeners]) listener(line, stream);
      });
    }
    this.ended = once(this.#child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
    // Somebody may ask later, or never.
    this.ended.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Everything written so far, both streams, in order of arrival. */
  get output(): string {
    return this.#lines.join('\n');
  }

  onLine(listener: LineListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  write(text: string): void {
    this.#child.stdin!.write(text);
  }

  /** The first line, past or future, that matches. Rejects when the program ends first or after `timeoutMs`. */
  async line(pattern: RegExp, timeoutMs?: number): Promise<string> {
    return this.#lines.find((line) => pattern.test(line)) ?? this.nextLine(pattern, timeoutMs);
  }

  /** The first line from now on that matches. Rejects as `line` does. */
  async nextLine(pattern: RegExp, timeoutMs = 10_000): Promise<string> {
    let off: (() => void) | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<string>((resolve, reject) => {
        off = this.onLine((line) => {
          if (pattern.test(line)) resolve(line);
        });
        timer = setTimeout(() => reject(new Error(`${this.name}: no line ${pattern} within ${timeoutMs} ms\n${this.output}`)), timeoutMs);
        this.ended.then((code) => reject(new Error(`${this.name} ended (${code}) before a line ${pattern}\n${this.output}`)), reject);
      });
    } finally {
      off?.();
      clearTimeout(timer);
    }
  }

  /** Ends the program: SIGTERM, and SIGKILL when that does not help within 3 s. */
  async stop(): Promise<number | string> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3_000);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/** Runs a program to its end. Rejects with its output when it fails. */
export async function run(command: string, args: readonly string[], options: ProgramOptions & { timeoutMs?: number } = {}): Promise<string> {
  const program = new Program(command, args, options);
  const out: string[] = [];
  program.onLine((line, stream) => {
    if (stream === 'stdout') out.push(line);
  });
  const timer = setTimeout(() => process.kill(program.pid, 'SIGKILL'), options.timeoutMs ?? 30_000);
  const code = await program.ended;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${program.name} ${args.join(' ')}: ${code}\n${program.output}`);
  return out.join('\n');
}

/** TCP ports on loopback that nobody was listening on a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
