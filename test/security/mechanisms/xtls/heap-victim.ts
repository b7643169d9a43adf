/** A process that has a secured conversation and compares a secret in it, ends it, and looks for both in its own heap. Bundled and run by heap.test.ts. */
import { createHash } from 'node:crypto';
import { getHeapSnapshot, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Wire } from '../../../harness/wire.ts';
import { couple, message, secured } from './pair.ts';

/** Words that stand nowhere in the program: they are made when they are wanted, and not kept. Of one piece: parts of a string are no string to the snapshot. */
const word = (name: string): string => createHash('sha256').update(`canary ${name}`).digest('hex');
const isKept = process.argv[2] === 'kept';

async function talk(): Promise<() => void> {
  const { romeo, juliet } = couple(new Wire());
  const [ours, theirs] = await secured(romeo, juliet);
  ours.send(message(word('body')));
  await juliet.diary.until('says');
  ours.sharedSecret!.start('', word('secret'));
  await juliet.diary.until('asks');
  theirs.sharedSecret!.answer(word('secret'));
  await Promise.all([romeo.diary.until('secret right'), juliet.diary.until('secret right')]);
  // The test's own records of what was said.
  for (const { diary } of [romeo, juliet]) diary.lines.length = 0;
  await ours.end();
  await juliet.diary.until('end');
  const kept = isKept ? [word('body'), word('secret')] : [];
  return () => {
    // The endpoints live on, as an account does; their sessions are over.
    process.stdout.write(romeo.endpoint.jid === juliet.endpoint.jid ? kept.join() : '');
    romeo.stop();
    juliet.stop();
  };
}

const end = await talk();
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
for (let round = 0; round < 5; round += 1) {
  gc();
  await new Promise((resolve) => setImmediate(resolve));
}
let before = '';
const found = new Set<string>();
for await (const chunk of getHeapSnapshot()) {
  const text = before + String(chunk);
  for (const name of ['body', 'secret']) if (text.includes(word(name))) found.add(name);
  before = text.slice(-80);
}
process.stdout.write(`found: ${[...found].sort().join(' ')}\n`);
end();
process.exit(0);
