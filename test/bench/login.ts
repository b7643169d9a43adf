/** Login: from Connect() to StatusChanged(Connected), and from no process at all. */
import { join } from 'node:path';
import { Program } from '../harness/process.ts';
import type { Prosody } from '../harness/prosody.ts';
import type { Servers } from './bench.ts';
import { haze, hush, withContestants } from './contestants.ts';
import type { Contestant } from './contestants.ts';
import { inTurns } from './figures.ts';
import type { Entrant, Section } from './figures.ts';

export async function login({ tls, plain }: Servers, rounds: number): Promise<Section[]> {
  for (const prosody of [tls, plain]) {
    await prosody.addUser('login', 'login');
    await prosody.presetRoster('login', Array.from({ length: 20 }, (_, index) => ({ jid: prosody.jid(`friend${index}`), name: `Friend ${index}`, subscription: 'none' as const })));
  }
  const contenders = [hush('hush', plain), hush('hush again', plain), haze(plain), hush('hush, TLS', tls)];
  const bare = [new BareLogin('bare SASL login', plain, false), new BareLogin('bare TLS and SASL login', tls, true)];
  try {
    return await withContestants(contenders, async (contestants) => {
      const first = await inTurns([...contestants.map((contestant) => cold(contestant)), ...bare.map((program) => program.cold())], rounds);
      const whole = await inTurns(contestants.map((contestant) => fromNothing(contestant)), rounds);
      const further = await inTurns([...contestants.map((contestant) => warm(contestant)), ...bare], rounds, 2);
      const references = ['haze', ...bare.map(({ label }) => label)];
      const targets = [{ label: 'hush', reference: 'haze', most: 1 }, { label: 'hush, TLS', reference: 'bare TLS and SASL login', most: 1.5 }];
      return [
        { title: 'Login: Connect() to Connected, first of a process', unit: 'ms', references, rows: first, targets },
        { title: 'Login: from no process to Connected (RequestConnection, by which D-Bus starts it, and Connect)', unit: 'ms', references, rows: whole },
        { title: 'Login: Connect() to Connected, later ones', unit: 'ms', references, rows: further, targets },
      ];
    });
  } finally {
    for (const program of bare) await program.stop();
  }
}

function warm(contestant: Contestant): Entrant {
  return {
    label: contestant.label,
    async measure() {
      const connection = await contestant.requestConnection('login');
      const start = performance.now();
      await connection.connect();
      const milliseconds = performance.now() - start;
      await connection.disconnect();
      return milliseconds;
    },
  };
}

function cold(contestant: Contestant): Entrant {
  const entrant = warm(contestant);
  return {
    label: entrant.label,
    async measure() {
      await contestant.refresh();
      return entrant.measure();
    },
  };
}

/** Nothing that a start puts off is gained here. */
function fromNothing(contestant: Contestant): Entrant {
  return {
    label: contestant.label,
    async measure() {
      await contestant.end();
      const start = performance.now();
      const connection = await contestant.connect('login');
      const milliseconds = performance.now() - start;
      await connection.disconnect();
      return milliseconds;
    },
  };
}

/** A Node program that logs in by node:net, node:tls and node:crypto and does nothing else: the floor. */
class BareLogin implements Entrant {
  readonly label: string;
  readonly #start: () => Program;
  #program: Program;
  #logins = 0;

  constructor(label: string, prosody: Prosody, tls: boolean) {
    this.label = label;
    const args = [join(import.meta.dirname, 'bare-login.mjs'), String(prosody.port), prosody.domain, 'login', 'login', tls ? 'tls' : 'plain'];
    this.#start = () => new Program(process.execPath, args, { environment: { NODE_EXTRA_CA_CERTS: prosody.caFile, NODE_OPTIONS: '' } });
    this.#program = this.#start();
  }

  async measure(): Promise<number> {
    this.#logins += 1;
    this.#program.write('login\n');
    const line = await this.#program.line(new RegExp(`^${this.#logins} `));
    return Number(line.split(' ')[1]);
  }

  cold(): Entrant {
    return {
      label: this.label,
      measure: async () => {
        await this.#program.stop();
        this.#logins = 0;
        this.#program = this.#start();
        await this.#program.line(/^ready$/);
        return this.measure();
      },
    };
  }

  async stop(): Promise<void> {
    await this.#program.stop();
  }
}
