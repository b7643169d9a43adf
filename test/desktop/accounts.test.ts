/** KDE's own account dialog with what hush's Debian package puts on the disk: it lists hush, its form makes an account, and that goes online. Pictures: .test-output/desktop. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { hushService } from '../harness/hush.ts';
import { Account, MissionControl, missionControlService } from '../harness/mission-control.ts';
import { Program, run } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import type { Service, Session } from '../harness/session.ts';
import { names, plain, RemoteObject } from '../harness/telepathy-client.ts';
import { complaints } from '../scenarios/stage.ts';
import { accessibilityService } from './accessibility.ts';
import type { Thing } from './accessibility.ts';
import { Screen } from './desktop.ts';

const root = resolve(import.meta.dirname, '../..');
const T = 'org.freedesktop.Telepathy.';
const kcmshell = 'kcmshell5';

let folder: string;
let prosody: Prosody;
let screen: Screen;
let session: Session;
let dialog: Program;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-accounts-'));
  await run(process.execPath, [join(root, 'data/debian/package.mjs'), folder]);
  await run('sh', ['-c', 'dpkg-deb --extract "$1"/hush_*_all.deb "$1"', 'sh', folder]);
  prosody = await startProsody({ users: { alice: 'secret of Alice' } });
  // High enough for every kind of account.
  screen = await Screen.open(expect.getState().currentTestName ?? '', '1280x1600');
  // Where hush.manager is found is the package's business, too.
  const hush = { ...hushService({ caFile: prosody.caFile }), dataFiles: {} };
  const environment = { XDG_DATA_DIRS: `${join(folder, 'usr/share')}:/usr/share`, XDG_CURRENT_DESKTOP: 'KDE' };
  session = await startSession([hush, missionControlService(), accessibilityService(screen.display), ...accountServices()], environment);
  await screen.listen(session);
  dialog = new Program(kcmshell, ['kcm_kaccounts'], { environment: { ...session.environment, ...screen.environment } });
  // What Qt Quick draws has its places in the window: so they are places on the screen.
  await screen.place(kcmshell, 1, { x: 0, y: 0, width: 600, height: 1500 });
}, 60_000);
afterEach(async () => {
  const log = await session.log('hush');
  await screen.picture('end');
  await dialog.stop();
  await session.stop();
  await screen.stop();
  await prosody.stop();
  await rm(folder, { recursive: true });
  expect(complaints(log)).toEqual([]);
});

/** Who keeps the password, and who gives it to connections that ask. */
function accountServices(): Service[] {
  return [
    { name: 'signond', busNames: ['com.google.code.AccountsSSO.SingleSignOn'], command: ['/usr/bin/signond'] },
    {
      name: 'ktp-auth-handler',
      busNames: ['SASLHandler', 'TLSHandler', 'ConfAuthObserver'].map((name) => `${T}Client.KTp.${name}`),
      command: ['/usr/lib/x86_64-linux-gnu/libexec/ktp-auth-handler'],
      environment: screen.environment,
    },
  ];
}

/** The field of the form with this label. The tree has only the cells of its list; so it is looked for around the field that has the keyboard. */
async function fieldOf(name: string): Promise<Thing> {
  const beside = (): Promise<Thing[]> => screen.besideFocus();
  const { box: { y, height } } = await screen.shows(`a label ${name}`, (thing) => thing.role === 'label' && thing.name === name, beside);
  return screen.shows(`a field ${name}`, ({ role, box }) => role === 'text' && box.y >= y && box.y < y + height, beside);
}

/** A row that is clicked on for the first time is drawn anew, and the keyboard may go back to the field that had it; then it takes another click. */
async function giveKeyboardTo(field: Thing): Promise<void> {
  for (let dx = 0; dx < 10; dx++) {
    await screen.click({ ...field.box, x: field.box.x + dx });
    // Whoever has answered all this has drawn meanwhile.
    await screen.things();
    if ((await screen.again(field)).isFocused) return;
  }
  throw new Error('the field does not get the keyboard');
}

/** The next account that Mission Control says is one. */
function nextAccount(control: MissionControl): Promise<Account> {
  const manager = `${T}AccountManager`;
  return new Promise((found, failed) => {
    const timer = setTimeout(() => failed(new Error('Mission Control has no new account')), 15_000);
    const off = session.bus.subscribe({ sender: manager, interface: manager, member: 'AccountValidityChanged' }, ({ body: [path, isValid] }) => {
      if (isValid !== true) return;
      off();
      clearTimeout(timer);
      found(new Account(control, session, String(path).replace('/org/freedesktop/Telepathy/Account/', '')));
    });
  });
}

test('lists hush by name, and an account made in its form is one of hush, and goes online with the password typed there', async () => {
  await screen.press('Add New Account...', 'push button');
  await screen.shows('hush', ({ role, name }) => role === 'label' && name === 'Jabber (hush)');
  await screen.picture('listed');

  await screen.press('Jabber (hush)', 'label');
  await screen.shows('its form', ({ role, name }) => role === 'push button' && name === 'OK');
  await screen.place(kcmshell, 2, { x: 620, y: 0, width: 560, height: 900 });
  await screen.shows('all of it', ({ role, name, box }) => role === 'push button' && name === 'OK' && box.x > 900 && box.y > 800);
  for (const [field, text] of [[await fieldOf('Account'), prosody.jid('alice')], [await fieldOf('Password'), 'secret of Alice']] as const) {
    await giveKeyboardTo(field);
    await screen.type(text);
  }
  await screen.shows('the address in its row', ({ role, name }) => role === 'list item' && name === prosody.jid('alice'));
  await screen.picture('filled');
  const control = new MissionControl(session);
  const next = nextAccount(control);
  await screen.press('OK', 'push button');

  const made = await next;
  expect(made.id).toMatch(/^hush\/jabber\//);
  const properties = await made.getAll(`${T}Account`);
  expect(plain(properties)).toMatchObject({ Enabled: true, Valid: true, Service: 'ktp-hush', Parameters: { account: prosody.jid('alice') } });

  // Of what else the form asks for Mission Control never hears: KAccounts keeps it under names of its own, whatever the connection manager.
  await control.tool('update', made.id, 'string:server=127.0.0.1', `uint:port=${prosody.port}`);
  await made.request('available');
  const connection = await made.online();
  const remote = new RemoteObject(session.bus, connection.slice(1).replaceAll('/', '.'), connection);
  expect(connection).toMatch(/^\/org\/freedesktop\/Telepathy\/Connection\/hush\/jabber\//);
  expect(await remote.get(names.connection, 'SelfID')).toBe(prosody.jid('alice'));
}, 60_000);
