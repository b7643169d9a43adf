/** hushctl run by tests as a person or a script would: the built program, on a session's bus. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Program } from '../harness/process.ts';

const program = join(import.meta.dirname, '../../dist/hushctl.cjs');

export interface Outcome {
  readonly code: number | string;
  readonly out: string;
  readonly err: string;
}

export interface HushctlOptions {
  /** Of the bus; '' for none. */
  readonly address: string;
  /** What comes on standard input. */
  readonly input?: string;
  readonly cwd?: string;
}

/** Starts it, without waiting. */
export function startHushctl(args: readonly string[], { address, input, cwd }: HushctlOptions): Program {
  const environment = { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: undefined, NO_COLOR: undefined };
  const started = new Program(process.execPath, [program, ...args], { environment, ...(cwd !== undefined && { cwd }) });
  if (input !== undefined) started.write(input);
  return started;
}

/** Runs it to its end. */
export async function hushctl(args: readonly string[], options: HushctlOptions): Promise<Outcome> {
  const started = startHushctl(args, options);
  const lines: Record<'stdout' | 'stderr', string[]> = { stdout: [], stderr: [] };
  started.onLine((line, stream) => lines[stream].push(line));
  const code = await started.ended;
  return { code, out: lines.stdout.join('\n'), err: lines.stderr.join('\n') };
}

/** A program in a pseudo-terminal of its own: `script` of bsdutils makes one, which echoes like any terminal. */
export class InTerminal {
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  readonly ended: Promise<number>;
  /** All that has come on the screen. */
  screen = '';

  constructor(command: readonly string[], environment: Readonly<Record<string, string>>) {
    const line = ['exec', ...command].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', 'script', '--quiet', '--return', '--flush', '--command', `stty cols 100; ${line}`, '/dev/null'], {
      env: { ...process.env, NO_COLOR: '', TERM: 'xterm', SHELL: '/bin/sh', ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.screen += text.replaceAll('\r\n', '\n');
      for (const listener of [...this.#listeners]) listener();
    });
    this.ended = once(this.#child, 'close').then(([code]) => code as number);
    this.ended.catch(() => undefined);
  }

  static hushctl(args: readonly string[], { address }: HushctlOptions): InTerminal {
    return new InTerminal([process.execPath, program, ...args], { DBUS_SESSION_BUS_ADDRESS: address });
  }

  type(text: string): void {
    this.#child.stdin!.write(text);
  }

  /** Settles when this is on the screen. */
  async shows(pattern: RegExp): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let listener = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        listener = () => {
          if (pattern.test(this.screen)) resolve();
        };
        this.#listeners.add(listener);
        listener();
        timer = setTimeout(() => reject(new Error(`no ${pattern} on the screen:\n${this.screen}`)), 10_000);
        this.ended.then((code) => reject(new Error(`ended (${code}) without ${pattern}:\n${this.screen}`)), reject);
      });
    } finally {
      this.#listeners.delete(listener);
      clearTimeout(timer);
    }
  }
}
