// Bundles the shipped program: one minified CommonJS file.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/hush.cjs',
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  banner: { js: '#!/usr/bin/env node' },
  logLevel: 'warning',
  legalComments: 'none',
  // dbus-next asks for it only to pass file descriptors, and lives without it.
  external: ['usocket'],
});
