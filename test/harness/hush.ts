/** hush as a service of a test's session: started by D-Bus activation, as on a desktop. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from './session.ts';

const root = join(import.meta.dirname, '../..');

export const hushBusName = 'org.freedesktop.Telepathy.ConnectionManager.hush';

export interface HushOptions {
  /** The authority (PEM file) that signed the server's certificate: trusted as one of the system's. */
  caFile?: string;
  /** Default: `debug`. The log is the session's: `session.log('hush')`. */
  logLevel?: string;
  /** Stay without connections. */
  persist?: boolean;
  /** What to run instead of the bundle. */
  program?: string;
  /** Added to its environment. */
  environment?: Readonly<Record<string, string>>;
  /** A program that runs what it is given. */
  launcher?: string;
  /** Before the program: options of Node. */
  nodeOptions?: readonly string[];
}

export function hushService(options: HushOptions = {}): Service {
  return {
    name: 'hush',
    busNames: [hushBusName],
    command: [
      ...(options.launcher === undefined ? [] : [options.launcher]),
      process.execPath,
      ...(options.nodeOptions ?? []),
      options.program ?? join(root, 'dist/hush.cjs'),
      '--log-level', options.logLevel ?? 'debug',
      ...(options.persist ? ['--persist'] : []),
    ],
    environment: { ...(options.caFile !== undefined && { NODE_EXTRA_CA_CERTS: options.caFile }), ...options.environment },
    dataFiles: { 'telepathy/managers/hush.manager': readFileSync(join(root, 'data/hush.manager'), 'utf8') },
  };
}

/** Memory and processor time of a process, from /proc. */
export function usage(pid: number): { residentKiB: number; cpuMs: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  // Fields 14 and 15 (user and system time in ticks of 10 ms), counted after the program's name, which may hold spaces.
  const times = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return { residentKiB: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]), cpuMs: (Number(times[11]) + Number(times[12])) * 10 };
}
