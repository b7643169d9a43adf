/** The process hushctl: environment, streams, exit code. */
import { sessionBusAddress } from '../bus/address.ts';
import { Bus } from '../bus/connection.ts';
import { silentLog } from '../log.ts';
import { Ctl } from './ctl.ts';
import { Failure, failureOf } from './failure.ts';
import { clean } from './print.ts';
import type { GlobalOptions } from './program.ts';
import { runCommand } from './program.ts';
import { Terminal } from './terminal.ts';

const output = (text: string): void => void process.stdout.write(text);
const errors = (text: string): void => void process.stderr.write(text);

async function open({ account, json }: GlobalOptions): Promise<Ctl> {
  const terminal = new Terminal({
    input: process.stdin,
    output,
    errors,
    isTerminal: { input: process.stdin.isTTY, output: process.stdout.isTTY },
    // no-color.org
    isPlain: (process.env.NO_COLOR ?? '') !== '' || process.env.TERM === 'dumb',
    width: process.stdout.columns || 80,
  });
  return new Ctl({ bus: await sessionBus(), terminal, isJson: json === true, account });
}

async function sessionBus(): Promise<Bus> {
  try {
    return await Bus.open({ address: sessionBusAddress(process.env), log: silentLog });
  } catch (error) {
    throw new Failure(`the session bus cannot be reached: ${failureOf(error).message}`, {
      next: ['Run hushctl inside your desktop session, or set DBUS_SESSION_BUS_ADDRESS to the address of its bus.'],
    });
  }
}

async function run(): Promise<number> {
  try {
    await runCommand(process.argv.slice(2), { output, errors, open });
    return 0;
  } catch (error) {
    const { message, errorName, next, exitCode } = failureOf(error);
    errors(`hushctl: ${clean(message)}\n`);
    for (const line of next) errors(`  next: ${line}\n`);
    if (errorName !== undefined) errors(`  error: ${clean(errorName)}\n`);
    return exitCode;
  }
}

// A reader that has seen enough (hushctl status | head) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
run().then(
  // Pipes are written behind our back: the process ends when that is done and nothing else is open.
  (code) => {
    process.exitCode = code;
    process.stdin.destroy();
  },
  () => process.exit(1),
);
