#!/usr/bin/env node
// The command hush: `hush install | uninstall` is about the folders of one user, everything else is the program's. D-Bus starts that without this.
import { createRequire } from 'node:module';
import process from 'node:process';

const [action] = process.argv.slice(2);
if (action === 'install' || action === 'uninstall') await import('./install.mjs');
else {
  if (action === '--help') {
    process.on('exit', () => {
      process.stdout.write(`
  hush install       put hush into your own session, for D-Bus to start it
  hush install --ktp also let it light the lock of KDE Telepathy's chat window, in the place of KDE's own OTR
  hush uninstall     take both away again; what is known of your contacts stays
`);
    });
  }
  createRequire(import.meta.url)('../dist/hush.cjs');
}
