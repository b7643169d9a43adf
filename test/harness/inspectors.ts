/** busctl and d-feet, looking at a service as a developer would. */
import { join } from 'node:path';
import { Program, run } from './process.ts';
import type { Session } from './session.ts';

export interface ShownMember {
  readonly interface: string;
  readonly name: string;
  readonly kind: 'method' | 'signal' | 'property';
  readonly signature: string;
  /** A property's value in busctl's notation, a method's result signature. */
  readonly value: string;
}

export class Busctl {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Every object path under a bus name, found as busctl finds them: node by node. */
  async tree(busName: string): Promise<string[]> {
    return (await this.#run('--list', 'tree', busName)).split('\n').filter((line) => line !== '');
  }

  /** Every member of an object; rejects with busctl's own words when it does not like the introspection data. */
  async introspect(busName: string, path: string): Promise<ShownMember[]> {
    const members: ShownMember[] = [];
    let owner = '';
    for (const line of (await this.#run('--full', 'introspect', busName, path)).split('\n').slice(1)) {
      const [name = '', kind = '', signature = '', ...rest] = line.trim().split(/\s+/);
      if (kind === 'interface') owner = name;
      else if (name !== '') members.push({ interface: owner, name: name.slice(1), kind: kind as ShownMember['kind'], signature, value: rest.slice(0, kind === 'property' ? undefined : 1).join(' ') });
    }
    return members;
  }

  #run(...args: string[]): Promise<string> {
    return run('busctl', [`--address=${this.#session.address}`, '--no-pager', ...args], { environment: { ...this.#session.environment, SYSTEMD_COLORS: '0' } });
  }
}

/** Object path → interface → members, with each property's text in the tree. */
export type DFeetTree = Readonly<Record<string, Readonly<Record<string, { methods: string[]; signals: string[]; properties: Record<string, string> }>>>>;

/** What d-feet's tree shows of a bus name, on a screen of its own. */
export async function dFeet(session: Session, busName: string): Promise<DFeetTree> {
  const screen = new Program('Xvfb', ['-displayfd', '1', '-screen', '0', '1024x768x24', '-nolisten', 'tcp']);
  try {
    const display = await screen.line(/^\d+$/);
    // No accessibility bus: it would be started for nothing.
    const environment = { ...session.environment, DISPLAY: `:${display}`, GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1' };
    const output = await run('/usr/bin/python3', [join(import.meta.dirname, 'd_feet.py'), busName], { environment });
    return JSON.parse(output.split('\n').at(-1)!) as DFeetTree;
  } finally {
    await screen.stop();
  }
}
