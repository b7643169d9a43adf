/** One hush process under strain: a server whose words the test writes, and what the strain costs: the lateness of the event loop, the patience of other clients, memory. */
import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Bus } from '../../src/bus/connection.ts';
import { hushBusName, hushService, usage } from '../harness/hush.ts';
import type { HushOptions } from '../harness/hush.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { TelepathyClient } from '../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../harness/telepathy-client.ts';
import { startScriptedServer } from '../harness/xmpp-server.ts';
import type { ScriptedServer, ScriptedServerOptions, ScriptedSession } from '../harness/xmpp-server.ts';
import { complaints } from '../scenarios/stage.ts';

/** What was seen of the process. On a busy machine it is kept waiting, which is no fault of its own, and longest in the longest turns: each turn and each ping is judged by what it had itself. */
export interface Strain {
  /** Milliseconds that hush ran in one turn of its event loop, at worst and but for one in a hundred. */
  readonly loopP99: number;
  readonly loopMax: number;
  /** Milliseconds: the slowest answer to a ping over D-Bus meanwhile, as it would be with a processor to itself. */
  readonly slowestPing: number;
  /** KiB that the process grew by at the most, and holds more than before when all is done and collected. */
  readonly growth: number;
  readonly kept: number;
  /** Of the time when the process had something to do, the part when it ran. */
  readonly share: number;
  readonly seconds: number;
}

/** Figures go to the output, so that a bound can be compared with what is. */
export const report = (text: string): boolean => process.stdout.write(`    ${text}\n`);

export class Rig {
  readonly session: Session;
  readonly #servers: ScriptedServer[] = [];
  /** What hush may complain of in its log. */
  readonly #tolerated: RegExp[] = [];
  #accounts = 0;

  private constructor(session: Session) {
    this.session = session;
  }

  static async start(options: HushOptions = {}, environment: Readonly<Record<string, string>> = {}): Promise<Rig> {
    const nodeOptions = ['--require', join(import.meta.dirname, 'loop-probe.cjs'), ...(options.nodeOptions ?? [])];
    const session = await startSession([hushService({ logLevel: 'info', persist: true, ...options, nodeOptions })], environment);
    await session.activate(hushBusName);
    return new Rig(session);
  }

  /** The process of hush. Rejects when there is none: a signal to "0" would reach everybody around the test. */
  async pid(): Promise<number> {
    const pid = await this.session.pidOf(hushBusName);
    if (pid === 0) throw new Error('hush does not run');
    return pid;
  }

  tolerate(complaint: RegExp): void {
    this.#tolerated.push(complaint);
  }

  /** What an account at a server is asked for with. */
  parameters({ domain, port, options }: ScriptedServer, more: Readonly<Record<string, string | number | boolean>> = {}): Record<string, string | number | boolean> {
    return { account: `alice@${domain}`, resource: `r${this.#accounts++}`, password: 'secret', server: '127.0.0.1', port, 'require-encryption': options.tls !== undefined, ...more };
  }

  /** An account of its own at a server of its own, not connected yet. */
  async account(options: ScriptedServerOptions = {}, more: Readonly<Record<string, string | number | boolean>> = {}): Promise<{ connection: TelepathyConnection; server: ScriptedServer }> {
    const server = await startScriptedServer(options);
    this.#servers.push(server);
    return { server, connection: await new TelepathyClient(this.session.bus).requestConnection(this.parameters(server, more)) };
  }

  /** The same, online. `contacts`: bare JIDs that may see it and be seen. */
  async online(contacts: readonly string[] = [], options: ScriptedServerOptions = {}, more: Readonly<Record<string, string | number | boolean>> = {}): Promise<{ connection: TelepathyConnection; server: ScriptedServer; session: ScriptedSession }> {
    const items = contacts.map((jid) => `<item jid='${jid}' subscription='both'/>`).join('');
    const roster = (honest: string): string => honest.replace("<query xmlns='jabber:iq:roster'/>", `<query xmlns='jabber:iq:roster'>${items}</query>`);
    const { connection, server } = await this.account({ ...options, misbehave: { roster, ...options.misbehave } }, more);
    const connected = connection.connect();
    const session = await server.accept();
    const [refusal] = await Promise.all([session.login(), connected]);
    if (refusal !== undefined) throw refusal;
    await connection.contactList();
    return { connection, server, session };
  }

  /** Does `work` while it watches what that costs; `tidy` then does away with what may be left. */
  async strain(what: string, work: () => Promise<void>, tidy: () => Promise<void> = () => Promise.resolve()): Promise<Strain> {
    const pid = await this.pid();
    const held = (await this.#probe(pid)).held;
    const [resident, before, start] = [usage(pid).residentKiB, scheduling(pid), performance.now()];
    let [peak, slowest] = [resident, 0];
    const done = new AbortController();
    const watching = (async () => {
      while (!done.signal.aborted) {
        const since = scheduling(pid);
        const ms = await ping(this.session.bus);
        slowest = Math.max(slowest, ms * shareOf(since, scheduling(pid)));
        peak = Math.max(peak, usage(pid).residentKiB);
        await sleep(5);
      }
    })();
    try {
      await work();
    } finally {
      done.abort();
      await watching;
    }
    const [seconds, after] = [(performance.now() - start) / 1000, scheduling(pid)];
    const share = shareOf(before, after);
    const { p99, max } = await this.#probe(pid);
    await tidy();
    const kept = (await this.#probe(pid)).held - held;
    expect(await this.pid()).toBe(pid);
    const strain = { loopP99: p99, loopMax: max, slowestPing: slowest, growth: peak - resident, kept, share, seconds };
    report(`${what}: ${seconds.toFixed(1)} s, ${Math.round(share * 100)} % of a processor; loop p99 ${strain.loopP99.toFixed(0)} ms, max ${strain.loopMax.toFixed(0)} ms; slowest ping ${strain.slowestPing.toFixed(0)} ms; at most ${strain.growth} KiB more, ${kept} KiB kept`);
    return strain;
  }

  async #probe(pid: number): Promise<{ p99: number; max: number; held: number }> {
    const file = join(this.session.environment.XDG_RUNTIME_DIR!, 'probe.json');
    await rm(file, { force: true });
    process.kill(pid, 'SIGUSR2');
    for (;;) {
      const text = await readFile(file, 'utf8').catch(() => '');
      if (text !== '') return JSON.parse(text) as { p99: number; max: number; held: number };
      await sleep(5);
    }
  }

  async stop(): Promise<void> {
    const log = await this.session.log('hush');
    for (const server of this.#servers) await server.close();
    await this.session.stop();
    expect(complaints(log).filter((line) => !this.#tolerated.some((pattern) => pattern.test(line)))).toEqual([]);
  }
}

/** Milliseconds until hush answers a ping. */
export async function ping(bus: Bus): Promise<number> {
  const start = performance.now();
  await bus.call({ destination: hushBusName, path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' });
  return performance.now() - start;
}

/** Of the time when the process had something to do, the part when it ran. */
function shareOf(before: Scheduling, after: Scheduling): number {
  const [ran, waited] = [after.ran - before.ran, after.waited - before.waited];
  return ran + waited === 0 ? 1 : ran / (ran + waited);
}

interface Scheduling {
  readonly ran: number;
  readonly waited: number;
}

/** Nanoseconds that the main thread ran, and that it waited for a processor. proc(5), schedstat */
function scheduling(pid: number): Scheduling {
  const [ran, waited] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ').map(Number) as [number, number];
  return { ran, waited };
}
