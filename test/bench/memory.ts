/** Memory: of a process that has nothing to do, and of one with connections. */
import type { Servers } from './bench.ts';
import { bareNode, haze, hush, memoryAtRest, withContestants } from './contestants.ts';
import type { Contestant, Memory } from './contestants.ts';
import { MiB } from './figures.ts';
import type { Section, Target } from './figures.ts';

/** Connections whose growth is shared out, beside the first one. */
const more = 10;

export async function memory({ tls, plain }: Servers, rounds: number, unbundled: string): Promise<Section[]> {
  for (const prosody of [tls, plain]) {
    for (let index = 0; index <= more; index++) await prosody.addUser(`idle${index}`, `idle${index}`);
  }
  const idle = new Figures();
  const each = new Figures();
  await withContestants([bareNode(), hush('hush'), hush('hush again'), hush('hush unbundled', undefined, unbundled), haze()], async (contestants) => {
    for (let round = 0; round < rounds; round++) {
      for (const contestant of contestants) {
        await contestant.refresh();
        idle.add(contestant.label, await memoryAtRest(await contestant.pid()));
        await contestant.end();
      }
    }
  });
  await withContestants([hush('hush', plain), hush('hush again', plain), haze(plain), hush('hush, TLS', tls)], async (contestants) => {
    for (let round = 0; round < rounds; round++) {
      for (const contestant of contestants) each.add(contestant.label, await perConnection(contestant));
    }
  });
  return [
    idle.section('Memory at rest, without connections: resident', 'resident', ['bare Node', 'haze']),
    idle.section('Memory at rest, without connections: PSS', 'pss', ['bare Node', 'haze'], [{ label: 'hush', most: 48e6 / MiB }]),
    idle.section('Memory at rest, without connections: shared with nobody', 'own', ['bare Node', 'haze']),
    each.section(`Memory for a connection, after the first (of ${more + 1})`, 'own', ['haze'], [{ label: 'hush', most: 1e6 / MiB }]),
  ];
}

async function perConnection(contestant: Contestant): Promise<Memory> {
  await contestant.refresh();
  const pid = await contestant.pid();
  await contestant.connect('idle0');
  const before = await memoryAtRest(pid);
  for (let index = 1; index <= more; index++) await contestant.connect(`idle${index}`);
  const after = await memoryAtRest(pid);
  await contestant.end();
  const growth = (kind: keyof Memory): number => (after[kind] - before[kind]) / more;
  return { resident: growth('resident'), pss: growth('pss'), own: growth('own') };
}

class Figures {
  readonly #samples = new Map<string, Memory[]>();

  add(label: string, sample: Memory): void {
    this.#samples.set(label, [...(this.#samples.get(label) ?? []), sample]);
  }

  section(title: string, kind: keyof Memory, references: readonly string[], targets: readonly Target[] = []): Section {
    const rows = [...this.#samples].map(([label, samples]) => ({ label, samples: samples.map((sample) => sample[kind]) }));
    return { title, unit: 'MiB', references, rows, targets };
  }
}
