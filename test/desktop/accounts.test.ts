/** KDE's own account dialog with what hush's Debian package puts on the disk. Pictures: .test-output/desktop. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Program, run } from '../harness/process.ts';
import { startSession } from '../harness/session.ts';
import type { Session } from '../harness/session.ts';
import { accessibilityService } from './accessibility.ts';
import { Screen } from './desktop.ts';

const root = resolve(import.meta.dirname, '../..');
const kcmshell = 'kcmshell5';

let folder: string;
let screen: Screen;
let session: Session;
let dialog: Program;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-accounts-'));
  await run(process.execPath, [join(root, 'data/debian/package.mjs'), folder]);
  await run('sh', ['-c', 'dpkg-deb --extract "$1"/hush_*_all.deb "$1"', 'sh', folder]);
  // High enough for every kind of account.
  screen = await Screen.open(expect.getState().currentTestName ?? '', '1280x1600');
  const environment = { XDG_DATA_DIRS: `${join(folder, 'usr/share')}:/usr/share`, XDG_CURRENT_DESKTOP: 'KDE' };
  session = await startSession([accessibilityService(screen.display)], environment);
  await screen.listen(session);
  dialog = new Program(kcmshell, ['kcm_kaccounts'], { environment: { ...session.environment, ...screen.environment } });
  // What Qt Quick draws has its places in the window: so they are places on the screen.
  await screen.place(kcmshell, 1, { x: 0, y: 0, width: 600, height: 1500 });
}, 60_000);
afterEach(async () => {
  await screen.picture('end');
  await dialog.stop();
  await session.stop();
  await screen.stop();
  await rm(folder, { recursive: true });
});

test('lists hush by name', async () => {
  await screen.press('Add New Account...', 'push button');
  await screen.shows('hush', ({ role, name }) => role === 'label' && name === 'Jabber (hush)');
  await screen.picture('listed');
}, 60_000);
