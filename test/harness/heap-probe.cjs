// Loaded before hush (--require, with --expose-gc): at each SIGUSR2 it writes what is alive after two collections, one line of JSON, to the log.
'use strict';
process.on('SIGUSR2', () => {
  globalThis.gc();
  // What the first one's finalizers let go of.
  setTimeout(() => {
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    const resources = process.getActiveResourcesInfo().filter((name) => name !== 'TTYWrap' && name !== 'Immediate');
    process.stderr.write(`${JSON.stringify({ probe: { bytes: heapUsed + external, resources: resources.length } })}\n`);
  }, 100);
});
