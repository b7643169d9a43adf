/** The log: pino to standard error, with secrets redacted at the source. */
import { pino } from 'pino';
import type { Logger } from 'pino';

export type Log = Logger;

/** Keys that never reach the log, in what is logged and in the objects right inside. Bodies and key material are not handed to the log at all. */
const secrets = ['password', 'secret', 'passphrase', 'body', 'privateKey', 'key', 'auth', 'challenge', 'response'];

/** A logger at `level` (trace, debug, info, warn, error, fatal, silent), writing JSON lines to standard error at once. */
export function createLog(level: string): Log {
  return pino(
    {
      level,
      base: null,
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** A logger that says nothing, for code that is used without a process around it. */
// Marked pure so that the bundle, which has no use for it, leaves it out.
export const silentLog: Log = /* @__PURE__ */ pino({ level: 'silent' });
