/** Who is measured: hush as it ships and in other forms, telepathy-haze, and a Node that does nothing but own a name. Each has a session bus to itself. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { hazeBusName, hazeService } from '../harness/haze.ts';
import { hushBusName, hushService } from '../harness/hush.ts';
import type { Prosody } from '../harness/prosody.ts';
import { ended, startSession } from '../harness/session.ts';
import type { Service, Session } from '../harness/session.ts';
import { TelepathyClient } from '../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../harness/telepathy-client.ts';

/** What a contestant is started as. */
export interface Contender {
  readonly label: string;
  readonly service: Service;
  /** Of the connection manager; '' for what is none. */
  readonly manager: string;
  /** Where its accounts live; without one it cannot connect. */
  readonly prosody?: Prosody;
  /** Whether it secures conversations end to end, which hush does by itself unless told otherwise. */
  readonly isSecured?: boolean;
}

const bareName = 'org.example.BareNode';

export function bareNode(): Contender {
  const command = [process.execPath, join(import.meta.dirname, 'bare-node.cjs'), bareName];
  return { label: 'bare Node', manager: '', service: { name: 'bare', busNames: [bareName], command } };
}

/** telepathy-haze: libpurple's jabber, in C. It knows no TLS with an authority of a test's own. */
export function haze(prosody?: Prosody): Contender {
  return { label: 'haze', manager: 'haze', service: { ...hazeService(), environment: { HAZE_PERSIST: '1' } }, ...(prosody && { prosody }) };
}

/** hush, over TLS where its server offers that. */
export function hush(label: string, prosody?: Prosody, program?: string): Contender {
  const service = hushService({ logLevel: 'warn', persist: true, ...(prosody?.tlsPort && { caFile: prosody.caFile }), ...(program !== undefined && { program }) });
  return { label, manager: 'hush', service: { ...service, busNames: [hushBusName] }, ...(prosody && { prosody }) };
}

/** The same, with its conversations secured. */
export function secured(contender: Contender): Contender {
  return { ...contender, label: `${contender.label}, secured`, isSecured: true };
}

export class Contestant {
  readonly label: string;
  readonly session: Session;
  readonly #contender: Contender;

  constructor(contender: Contender, session: Session) {
    this.label = contender.label;
    this.session = session;
    this.#contender = contender;
  }

  get isSecured(): boolean {
    return this.#contender.isSecured ?? false;
  }

  get #busName(): string {
    return this.#contender.manager === 'haze' ? hazeBusName : this.#contender.service.busNames[0]!;
  }

  /** Starts it, which it must not be; milliseconds from the call to the bus name. */
  async activate(): Promise<number> {
    return this.session.activate(this.#busName);
  }

  /** Ends it, running or not. */
  async end(): Promise<void> {
    const pid = await this.pid();
    if (pid === 0) return;
    // Its own name goes first, those of its connections last as long as it does; and the bus must have seen it go, or the next start finds it running.
    const gone = this.session.gone(this.#busName);
    process.kill(pid, 'SIGTERM');
    await Promise.all([gone, ended(pid)]);
  }

  /** Ended and started again: nothing is warm, nothing is left from before. */
  async refresh(): Promise<void> {
    await this.end();
    await this.activate();
  }

  pid(): Promise<number> {
    return this.session.pidOf(this.#busName);
  }

  /** The server of its accounts. */
  get prosody(): Prosody {
    const { prosody } = this.#contender;
    if (prosody === undefined) throw new Error(`${this.label} has no server`);
    return prosody;
  }

  /** A connection of that user, asked for but not connected. The password is the user's name. */
  requestConnection(user: string): Promise<TelepathyConnection> {
    const { prosody } = this;
    const { manager } = this.#contender;
    const account = { account: prosody.jid(user), password: user, server: '127.0.0.1', port: prosody.port };
    const own = manager === 'haze' ? { 'auth-plain-in-clear': true } : { 'org.freedesktop.Telepathy.Connection.Interface.Security.Policy': this.isSecured ? 'opportunistic' : 'off' };
    return new TelepathyClient(this.session.bus, manager).requestConnection({ ...account, ...own, ...(prosody.tlsPort === 0 && { 'require-encryption': false }) });
  }

  async connect(user: string): Promise<TelepathyConnection> {
    const connection = await this.requestConnection(user);
    await connection.connect();
    return connection;
  }
}

/** Runs `work` with these contestants, each with a session of its own. */
export async function withContestants<T>(contenders: readonly Contender[], work: (contestants: readonly Contestant[]) => Promise<T>): Promise<T> {
  const contestants: Contestant[] = [];
  try {
    for (const contender of contenders) contestants.push(new Contestant(contender, await startSession([contender.service])));
    return await work(contestants);
  } finally {
    for (const { session } of contestants) await session.stop();
  }
}

/** Processor time of all threads so far, in microseconds. */
export function processorTime(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1000, 0);
}

/** MiB. `resident` counts every page, `pss` a shared one by its share (so it falls with every other Node on the machine), `own` only what nobody else has. */
export interface Memory {
  readonly resident: number;
  readonly pss: number;
  readonly own: number;
}

/** What a process uses when it has come to rest: two looks half a second apart that differ by less than 1 %, after `restMs` in which nothing happens. */
export async function memoryAtRest(pid: number, restMs = 0): Promise<Memory> {
  await setTimeout(restMs);
  let last = memory(pid);
  for (let looks = 0; looks < 10; looks++) {
    await setTimeout(500);
    const now = memory(pid);
    if (Math.abs(now.own - last.own) < last.own / 100) return now;
    last = now;
  }
  return last;
}

function memory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
  return { resident: field('Rss'), pss: field('Pss'), own: field('Private_Clean') + field('Private_Dirty') };
}
