// Loaded before hush: on SIGUSR2 it writes how late the event loop was since the last time (p99, max in milliseconds) and what is held
// in memory after a collection (KiB) into its folder for run-time files, and begins anew.
const { renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const histogram = monitorEventLoopDelay({ resolution: 2 });
histogram.enable();
process.on('SIGUSR2', () => {
  const [p99, max] = [histogram.percentile(99) / 1e6, histogram.max / 1e6];
  collect();
  const { heapUsed, external } = process.memoryUsage();
  const file = join(process.env.XDG_RUNTIME_DIR, 'probe.json');
  writeFileSync(`${file}.new`, JSON.stringify({ p99, max, held: Math.round((heapUsed + external) / 1024) }));
  renameSync(`${file}.new`, file);
  histogram.reset();
});
