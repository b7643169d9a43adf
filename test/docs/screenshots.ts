/**
 * `npm run screenshots`: the pictures of the README, of programs that really run.
 * hushctl on a terminal, between two accounts on a throw-away server, as SVG; and KDE Telepathy's chat window, from what `npm run test:desktop` has left.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hushctl, InTerminal } from '../ctl/hushctl.ts';
import { hushService } from '../harness/hush.ts';
import { run } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { TelepathyClient } from '../harness/telepathy-client.ts';
import { terminalPicture } from './terminal-picture.ts';

const images = join(import.meta.dirname, '../../docs/images');
const desktop = join(import.meta.dirname, '../../.test-output/desktop');
/** The chat window with a verified conversation: a picture that the tests of the desktop take. */
const chatWindow = /^Start-session.*padlock-Private\.png$/;

async function arrive(server: Prosody, user: string): Promise<Session> {
  const session = await startSession([hushService({ caFile: server.caFile, logLevel: 'warn' })]);
  await new TelepathyClient(session.bus).connect({ account: server.jid(user), password: user, server: '127.0.0.1', port: server.port });
  return session;
}

/** Until the contact is seen and their key is there. */
async function secure(address: string, contact: string): Promise<void> {
  for (let tries = 0; tries < 20; tries += 1) {
    const { code } = await hushctl(['secure', contact], { address });
    if (code === 0) return;
    await sleep(500);
  }
  throw new Error(`the conversation with ${contact} does not become secure`);
}

/** What a person sees who types this command, and then these answers to its questions. */
async function shoot(name: string, address: string, args: readonly string[], answers: readonly (readonly [question: RegExp, answer: string])[] = []): Promise<void> {
  const terminal = InTerminal.hushctl(args, { address });
  for (const [question, answer] of answers) {
    await terminal.shows(question);
    terminal.type(`${answer}\n`);
  }
  const code = await terminal.ended;
  if (code !== 0) throw new Error(`hushctl ${args.join(' ')} ended with ${code}:\n${terminal.screen}`);
  // Where the cursor goes while somebody types.
  const shown = terminal.screen.replaceAll(/\x1b\[[0-9;?]*[A-LN-Za-ln-z]/g, '').replaceAll('\r', '').trimEnd();
  const file = join(images, name);
  await writeFile(file, terminalPicture([`\x1b[2m$\x1b[0m hushctl ${args.join(' ')}`, ...shown.split('\n')]));
  process.stdout.write(`${file}\n`);
}

async function shootHushctl(): Promise<void> {
  const server = await startProsody({ domain: 'example.org', users: { alice: 'alice', bob: 'bob' } });
  try {
    await server.befriend('alice', 'bob');
    const sessions = [await arrive(server, 'alice'), await arrive(server, 'bob')] as const;
    try {
      const { address } = sessions[0];
      await secure(address, 'bob@example.org');
      await shoot('hushctl-status.svg', address, ['status']);
      await shoot('hushctl-verify.svg', address, ['verify', 'bob@example.org'], [[/Are they the same\?/, 'yes']]);
    } finally {
      for (const session of sessions) await session.stop();
    }
  } finally {
    await server.stop();
  }
}

async function takeChatWindow(): Promise<void> {
  const found = (await readdir(desktop).catch((): string[] => [])).filter((name) => chatWindow.test(name)).sort()[0];
  if (found === undefined) {
    process.stdout.write('no picture of the chat window: npm run test:desktop makes one\n');
    return;
  }
  const file = join(images, 'chat-window.png');
  // Without the empty screen around it.
  await run('convert', [join(desktop, found), '-trim', '+repage', '+dither', '-colors', '64', '-strip', file]);
  process.stdout.write(`${file}\n`);
}

await mkdir(images, { recursive: true });
await shootHushctl();
await takeChatWindow();
