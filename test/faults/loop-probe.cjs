// Loaded before hush: on SIGUSR2 it writes how long the turns of the event loop were since the last time (p99, max in milliseconds that the process ran: on a busy machine it
// is kept waiting, which is no fault of its own) and what is held in memory after a collection (KiB) into its folder for run-time files, and begins anew.
const { openSync, readSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { createHistogram } = require('node:perf_hooks');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const everyMs = 2;
const histogram = createHistogram();
// proc(5): the nanoseconds that the main thread has run.
const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`);
const buffer = Buffer.alloc(128);
const ran = () => Number(buffer.toString('latin1', 0, readSync(schedstat, buffer, 0, buffer.length, 0)).split(' ')[0]);
let last = ran();
const look = () => {
  const now = ran();
  histogram.record(Math.max(1, now - last));
  last = now;
  setTimeout(look, everyMs).unref();
};
look();
process.on('SIGUSR2', () => {
  const [p99, max] = [histogram.percentile(99) / 1e6, histogram.max / 1e6];
  collect();
  const { heapUsed, external } = process.memoryUsage();
  const file = join(process.env.XDG_RUNTIME_DIR, 'probe.json');
  writeFileSync(`${file}.new`, JSON.stringify({ p99, max, held: Math.round((heapUsed + external) / 1024) }));
  renameSync(`${file}.new`, file);
  histogram.reset();
});
