/** The process hush-ktp: options, log, the bus name, and when it leaves. */
import { parseArgs } from 'node:util';
import { sessionBusAddress } from '../bus/address.ts';
import { Bus } from '../bus/connection.ts';
import { asHushError, HushError } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Log } from '../log.ts';
import { version } from '../names.ts';
import { busName } from './names.ts';
import { Observer } from './observer.ts';
import { ProxyService } from './service.ts';

/** Exit codes, after sysexits.h where it has one. */
const Exit = { ok: 0, busLost: 1, nameTaken: 3, usage: 64, noBus: 69, internal: 70 } as const;

/** Milliseconds without a channel after which it leaves; it is started again for the next one. */
const leavingTime = 5_000;

const usage = `hush-ktp, the lock of KDE Telepathy's chat window for conversations of hush. Started by D-Bus when there is a text channel.

  --log-level LEVEL  trace, debug, info, warn, error, fatal or silent (default: HUSH_LOG_LEVEL, or warn); written to standard error
  --version          print the version
  --help             print this
`;

function logLevel(): string {
  const { values } = parseArgs({
    options: {
      'log-level': { type: 'string', default: process.env.HUSH_LOG_LEVEL ?? 'warn' },
      version: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.version || values.help) {
    process.stdout.write(values.help ? usage : `hush-ktp ${version}\n`);
    process.exit(Exit.ok);
  }
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
  if (!levels.includes(values['log-level'])) throw new HushError('invalid-argument', `--log-level: one of ${levels.join(', ')}`);
  return values['log-level'];
}

/** Says when nothing has been going on for a while. */
class Idleness {
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;
  readonly #left: () => void;

  constructor(left: () => void) {
    this.#left = left;
    this.set(false);
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  set(isBusy: boolean): void {
    this.#isBusy = isBusy;
    clearTimeout(this.#timer);
    if (!isBusy) this.#timer = setTimeout(this.#left, leavingTime);
  }
}

async function serve(log: Log): Promise<number> {
  let bus: Bus;
  try {
    bus = await Bus.open({ address: sessionBusAddress(process.env), log });
  } catch (error) {
    log.fatal(`cannot reach the session bus: ${asHushError(error).message}`);
    return Exit.noBus;
  }
  const done = new Promise<number>((resolve) => {
    /** Calls that were on their way to the name have come when it is given up: then it is needed after all. */
    const leave = async (): Promise<void> => {
      await bus.releaseName(busName);
      if (!idleness.isBusy) resolve(Exit.ok);
      else await bus.requestName(busName);
    };
    const idleness = new Idleness(() => {
      leave().catch((error: unknown) => {
        log.error({ err: error }, 'the name was lost while leaving');
        resolve(Exit.nameTaken);
      });
    });
    const observer = new Observer({ bus, log, busy: (isBusy) => idleness.set(isBusy), connected: (proxy, isConnected) => service.connected(proxy, isConnected) });
    const service = new ProxyService(bus, () => observer.observed);
    observer.export();
    bus.requestName(busName).catch((error: unknown) => {
      log.fatal(`${busName}: ${asHushError(error).message}`);
      resolve(Exit.nameTaken);
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(Exit.ok));
    bus.closed.then(() => resolve(Exit.busLost), () => resolve(Exit.busLost));
  });
  const code = await done;
  bus.close();
  await bus.closed;
  return code;
}

async function run(): Promise<number> {
  try {
    const log = createLog(logLevel());
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        log.fatal({ err: error }, event);
        process.exit(Exit.internal);
      });
    }
    return await serve(log);
  } catch (error) {
    process.stderr.write(`hush-ktp: ${error instanceof Error ? error.message : 'cannot start'}\n`);
    return error instanceof HushError || (error instanceof TypeError && 'code' in error) ? Exit.usage : Exit.internal;
  }
}

process.umask(0o077);
run().then((code) => process.exit(code), () => process.exit(Exit.internal));
