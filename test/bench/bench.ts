/**
 * `npm run bench`: hush measured beside telepathy-haze in the same run, in turns. The ratios are the result; absolute figures are this machine's, now.
 * --quick: fewer rounds · --only NAME,…: some sections · --json FILE: every sample · --lines: only the lines of code per room.
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { activation } from './activation.ts';
import { sectionTable } from './figures.ts';
import type { Section } from './figures.ts';
import { firstMessage } from './first-message.ts';
import { linesPerRoom } from './lines.ts';
import { login } from './login.ts';
import { memory } from './memory.ts';
import { messages } from './messages.ts';
import { roster } from './roster.ts';
import { securedConversations } from './secured.ts';
import { throughput } from './throughput.ts';
import { buildUnbundled } from './unbundled.ts';

/** The servers: one that offers TLS and demands it, one that has none. */
export interface Servers {
  readonly tls: Prosody;
  readonly plain: Prosody;
}

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    lines: { type: 'boolean', default: false },
  },
});

const say = (...lines: string[]): void => void process.stdout.write(lines.map((line) => `${line}\n`).join(''));

/** Rounds of each section: usual, and quick. */
const rounds = (usual: number, quick: number): number => (options.quick ? quick : usual);

async function bench(servers: Servers, unbundled: string): Promise<Section[]> {
  const parts: Record<string, () => Promise<Section[]>> = {
    activation: () => activation(rounds(21, 5), unbundled),
    login: () => login(servers, rounds(15, 4)),
    messages: () => messages(servers, { rounds: rounds(7, 2), count: 2000, roundTrips: rounds(200, 100) }),
    first: () => firstMessage(servers, rounds(101, 21)),
    secured: () => securedConversations(servers, { rounds: rounds(31, 5), conversations: 100, crowds: rounds(2, 1) }),
    throughput: () => throughput(rounds(11, 3)),
    roster: async () => [...(await roster(servers, { rounds: rounds(5, 2), contacts: 1000 })), ...(await roster(servers, { rounds: rounds(5, 2), contacts: 5000 }))],
    memory: () => memory(servers, rounds(3, 1), unbundled),
  };
  const wanted = options.only?.split(',') ?? Object.keys(parts);
  const sections: Section[] = [];
  for (const name of wanted) {
    const part = parts[name];
    if (part === undefined) throw new Error(`--only: one or more of ${Object.keys(parts).join(', ')}`);
    for (const section of await part()) {
      sections.push(section);
      say('', section.title, ...sectionTable(section).map((line) => `  ${line}`));
    }
  }
  return sections;
}

async function main(): Promise<void> {
  if (options.lines) {
    say(...linesPerRoom());
    return;
  }
  const unbundled = await buildUnbundled();
  say(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'processor'}. Medians; ratios are medians of the ratios within a round. "again" is the same once more: the noise.`);
  const tls = await startProsody();
  const plain = await startProsody({ tls: false, plainAllowed: true });
  try {
    const sections = await bench({ tls, plain }, unbundled);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ node: process.versions.node, cpus: cpus().length, sections }, null, 1)}\n`);
    say('', 'Lines of code', ...linesPerRoom().map((line) => `  ${line}`));
  } finally {
    await tls.stop();
    await plain.stop();
  }
}

await main();
