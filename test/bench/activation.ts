/** Activation: from StartServiceByName to the bus name being owned. */
import { bareNode, haze, hush, withContestants } from './contestants.ts';
import type { Contestant } from './contestants.ts';
import { inTurns } from './figures.ts';
import type { Section } from './figures.ts';

export async function activation(rounds: number, unbundled: string): Promise<Section[]> {
  const contenders = [bareNode(), hush('hush'), hush('hush again'), hush('hush unbundled', undefined, unbundled), haze()];
  const rows = await withContestants(contenders, (contestants) => inTurns(contestants.map(entrant), rounds, 1));
  return [{ title: 'Activation: StartServiceByName to bus name owned', unit: 'ms', references: ['bare Node', 'haze'], rows, targets: [{ label: 'hush', reference: 'bare Node', most: 1.5 }] }];
}

function entrant(contestant: Contestant): { label: string; measure(): Promise<number> } {
  return {
    label: contestant.label,
    async measure() {
      const milliseconds = await contestant.activate();
      await contestant.end();
      return milliseconds;
    },
  };
}
