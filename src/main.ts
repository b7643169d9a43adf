/** The process: options, log, the bus name, signals, exit code. */
import { isAbsolute, join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { sessionBusAddress } from './bus/address.ts';
import { Bus } from './bus/connection.ts';
import { asHushError, HushError } from './errors.ts';
import { createLog } from './log.ts';
import type { Log } from './log.ts';
import { managerName, version } from './names.ts';
import { protocolFor } from './protocol.ts';
import { complaintAbout } from './runtime.ts';
import { ConnectionManager } from './telepathy/connection-manager.ts';

/** Exit codes, after sysexits.h where it has one. */
const Exit = { ok: 0, busLost: 1, nameTaken: 3, usage: 64, noBus: 69, internal: 70, oldNode: 78 } as const;

const usage = `hush, an XMPP connection manager for Telepathy. Started by D-Bus when a client asks for it.

  --log-level LEVEL  trace, debug, info, warn, error, fatal or silent (default: HUSH_LOG_LEVEL, or warn); written to standard error
  --persist          stay without connections (default: leave 5 s after the last one; also HUSH_PERSIST=1)
  --version          print the version
  --help             print this
`;

function options(): { logLevel: string; persist: boolean } {
  const { values } = parseArgs({
    options: {
      'log-level': { type: 'string', default: process.env.HUSH_LOG_LEVEL ?? 'warn' },
      persist: { type: 'boolean', default: process.env.HUSH_PERSIST === '1' },
      version: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.version || values.help) {
    process.stdout.write(values.help ? usage : `hush ${version}\n`);
    process.exit(Exit.ok);
  }
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
  if (!levels.includes(values['log-level'])) throw new HushError('invalid-argument', `--log-level: one of ${levels.join(', ')}`);
  return { logLevel: values['log-level'], persist: values.persist };
}

/** XDG Base Directory Specification: a relative path counts as none. '' where there is no home either. */
function dataHome(): string {
  const { HOME = '', XDG_DATA_HOME = '' } = process.env;
  if (isAbsolute(XDG_DATA_HOME)) return XDG_DATA_HOME;
  return isAbsolute(HOME) ? join(HOME, '.local/share') : '';
}

/** What need not be done before the bus name is there, but before an account connects. */
function prepare(): void {
  // Those that the bundle puts off (build.mjs) and every account needs, while the client that started us still asks around.
  for (const name of ['node:child_process', 'node:crypto', 'node:dns', 'node:fs/promises', 'node:tls'] as const) process.getBuiltinModule(name);
  // V8 lets the space for what is young grow to 32 MB whenever much is made at once, and gives nothing back: that is half of the memory of a process which has secured
  // a hundred conversations. It costs up to a sixth more processor time in a flood of messages. Said at run time, since whoever starts the program need not know it.
  setFlagsFromString('--semi-space-growth-factor=1');
}

async function untilDone(log: Log, persist: boolean): Promise<number> {
  let bus: Bus;
  try {
    bus = await Bus.open({ address: sessionBusAddress(process.env), log });
  } catch (error) {
    log.fatal(`cannot reach the session bus: ${asHushError(error).message}`);
    return Exit.noBus;
  }
  // Whoever sees the name on the bus may end us in order.
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  const manager = new ConnectionManager({ bus, name: managerName, protocols: [protocolFor(bus, dataHome(), log)], log });
  try {
    await manager.export();
  } catch (error) {
    if (!(error instanceof HushError) || error.condition !== 'name-taken') throw error;
    log.fatal('another connection manager named hush runs on this bus');
    bus.close();
    return Exit.nameTaken;
  }
  prepare();
  const ways: Promise<number>[] = [bus.closed.then(() => Exit.busLost), stopped.then(() => Exit.ok)];
  if (!persist) ways.push(manager.idle.then(() => Exit.ok));
  const code = await Promise.race(ways);
  // Servers and peers are told before the process goes; nothing waits longer than 5 s for them.
  await manager.close();
  bus.close();
  await bus.closed;
  return code;
}

async function run(): Promise<number> {
  try {
    const { logLevel, persist } = options();
    const complaint = complaintAbout(process.versions.node);
    if (complaint !== undefined) {
      process.stderr.write(`hush: ${complaint}\n`);
      return Exit.oldNode;
    }
    const log = createLog(logLevel);
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        log.fatal({ err: error }, event);
        process.exit(Exit.internal);
      });
    }
    return await untilDone(log, persist);
  } catch (error) {
    process.stderr.write(`hush: ${error instanceof Error ? error.message : 'cannot start'}\n`);
    return error instanceof HushError || (error instanceof TypeError && 'code' in error) ? Exit.usage : Exit.internal;
  }
}

process.umask(0o077);
run().then((code) => process.exit(code), () => process.exit(Exit.internal));
