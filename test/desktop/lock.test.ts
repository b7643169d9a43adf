/** The lock in KDE Telepathy: the real chat window with hush-ktp before its channels, used by mouse and keyboard, read as a screen reader and an eye do. Pictures: .test-output/desktop. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { str } from '../../src/bus/types.ts';
import { hushBusName } from '../harness/hush.ts';
import { ktpService } from '../harness/ktp.ts';
import type { Account } from '../harness/mission-control.ts';
import { names, RemoteObject } from '../harness/telepathy-client.ts';
import { arrivalOf, claimed, contactIsThere, isIn, Person, propertyOf, signalOf, state, T } from '../scenarios/people.ts';
import { complaints, Stage } from '../scenarios/stage.ts';
import type { Thing } from './accessibility.ts';
import { openConversation, Screen } from './desktop.ts';

const bobsJid = 'bob@localhost';
const alicesJid = 'alice@localhost';

let screen: Screen;
let stage: Stage;
let bob: Person;
let account: Account;
/** Alice's connection; hers is the window. */
let alice: RemoteObject;

beforeEach(async () => {
  screen = await Screen.open(expect.getState().currentTestName ?? '');
  stage = await Stage.open({ prosody: { logStanzas: true, resumeSeconds: 1 }, services: [ktpService(), ...screen.services] });
  await stage.prosody.befriend('alice', 'bob');
  bob = await Person.arrive('bob', stage.prosody);
  await bob.hasIdentity();
  account = await stage.account('alice');
  const connection = await account.online();
  alice = new RemoteObject(stage.session.bus, connection.slice(1).replaceAll('/', '.'), connection);
  await propertyOf(alice, names.security, 'IdentityFingerprint', (value) => value !== '');
  await contactIsThere(bob.connection, alicesJid);
}, 60_000);
afterEach(async () => {
  const log = await stage.session.log('hush-ktp');
  await screen.picture('end');
  await bob.leave();
  await stage.close();
  await screen.stop();
  expect(complaints(log)).toEqual([]);
  // Nothing of what was written under the lock, and no OTR, was ever seen by the server.
  expect(isIn(stage.prosody.log(), 'canary')).toBe(false);
  expect(isIn(stage.prosody.log(), '?OTR')).toBe(false);
});

const openWindow = (): Promise<void> => openConversation(screen, stage.session, account.path, bobsJid);

/** The padlock is closed or open, and this is what it says. */
async function padlock(shape: 'open' | 'closed', word: string): Promise<void> {
  const { box } = await screen.shows(`the padlock, ${word}`, ({ role, name, description }) => role === 'push button' && name === 'OTR' && description === word);
  // The picture on the button: an outline when open, filled when closed.
  const dark = await screen.darkness({ x: box.x + 4, y: box.y + 3, width: 22, height: 22 }, `padlock ${word}`);
  expect(dark > 80 ? 'closed' : 'open').toBe(shape);
}

/** Words in the conversation. */
const says = (words: string): Promise<Thing> => screen.shows(words, ({ role, name }) => role === 'label' && name.includes(words));

async function choose(item: string): Promise<void> {
  await screen.press('OTR', 'push button');
  await screen.press(item, 'menu item');
}

async function write(text: string): Promise<void> {
  await screen.fill(await screen.shows('the place to write', ({ role, box }) => role === 'text' && box.y > 500), text);
  await screen.key('Return');
}

/** The fields of the wizard that is open, from the top. */
async function fields(title: string): Promise<Thing[]> {
  await screen.shows(title, ({ role, name }) => role === 'label' && name === title);
  return (await screen.things()).filter(({ role, isShowing, box }) => isShowing && role === 'text' && box.y < 400 && box.height > 0);
}

/** In the wizard's page for a secret without a question. */
async function enterSecret(secret: string): Promise<void> {
  await choose('Authenticate contact');
  await screen.press('Shared Secret', 'radio button');
  await screen.press('Next >', 'push button');
  const [field] = await fields('Shared Secret');
  await screen.fill(field!, secret);
  await screen.press('Commit', 'push button');
}

test('Start session closes the padlock, a question and its answer verify, Stop session ends it for good, Start session begins anew in the same window', async () => {
  await alice.set(names.security, 'Policy', str('off'));
  await openWindow();
  await padlock('open', 'Not private');
  await choose('Start session');
  await says('Attempting to start a private OTR session with bob');
  await says('securing conversations is switched off for this contact');
  await padlock('open', 'Not private');

  await alice.set(names.security, 'Policy', str('opportunistic'));
  await choose('Start session');
  await says('Unverified OTR session started');
  await padlock('closed', 'Unverified');
  const secured = arrivalOf(bob.connection, 'canary from Alice');
  await write('canary from Alice');
  const { incoming: private_, message } = await secured;
  expect(message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  await private_.send('canary from Bob');
  await says('canary from Bob');

  const asked = signalOf(private_, 'SharedSecretRequested');
  await choose('Authenticate contact');
  await screen.press('Question and Answer', 'radio button');
  await screen.press('Next >', 'push button');
  const [question, answer] = await fields('Question and Answer');
  await screen.fill(question!, 'Where did we meet?');
  await screen.fill(answer!, 'Paris');
  await screen.picture('wizard');
  await screen.press('Commit', 'push button');
  expect(await asked).toEqual(['Where did we meet?']);
  await private_.call(names.peerAuthentication, 'AnswerSharedSecret', 'Paris');
  await says('The authentication with bob has been completed successfully. The conversation is now secure.');
  await screen.picture('wizard-concluded');
  await screen.press('Finish', 'push button');
  await says('The OTR session is now private');
  await padlock('closed', 'Private');
  expect(await claimed(private_)).toContain('Encrypted');

  await choose('Stop session');
  await says('Terminating OTR session');
  await state(private_, 3);
  await padlock('closed', 'Finished');
  await write('canary to nobody');
  await says('Your message was not sent.');
  await screen.picture('refused');
  // Where OTR would go back to plaintext, nothing does.
  await choose('Stop session');
  await padlock('closed', 'Finished');

  await choose('Restart session');
  await padlock('closed', 'Private');
  await screen.picture('anew');
  const again = arrivalOf(bob.connection, 'canary once more');
  await write('canary once more');
  expect((await again).message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
}, 120_000);

test('the wizard asks for what the contact wants to know, a shared secret that is another one verifies nothing, a fingerprint that was compared does', async () => {
  await openWindow();
  const arrival = arrivalOf(bob.connection, 'canary from Alice');
  await padlock('closed', 'Unverified');
  await write('canary from Alice');
  const { incoming } = await arrival;

  const first = signalOf(incoming, 'SharedSecretConcluded');
  await incoming.call(names.peerAuthentication, 'StartSharedSecret', 'Where did we meet?', 'Paris');
  await says('Where did we meet?');
  const [answer] = await fields('Authentication with bob');
  await screen.fill(answer!, 'Rome');
  await screen.picture('asked');
  await screen.press('Commit', 'push button');
  expect(await first).toEqual([false, `${T}AuthenticationFailed`]);
  await screen.shows('Authentication failed', ({ name }) => /fail/i.test(name));
  await screen.picture('wrong-answer');
  await screen.press('Finish', 'push button');
  await padlock('closed', 'Unverified');

  const second = signalOf(incoming, 'SharedSecretRequested');
  await enterSecret('tea');
  expect(await second).toEqual(['']);
  const declined = signalOf(incoming, 'SharedSecretConcluded');
  await incoming.call(names.peerAuthentication, 'AbortSharedSecret');
  expect((await declined)[0]).toBe(false);
  await screen.shows('the end of the comparison', ({ role, name, isEnabled }) => role === 'push button' && name === 'Finish' && isEnabled);
  await screen.picture('declined');
  await screen.press('Finish', 'push button');

  // What the wizard offers first, "I have not", takes nothing away; "I have" verifies.
  const live = (await incoming.get(names.peerAuthentication, 'LocalFingerprint')) as string;
  for (const [key, level] of [[undefined, 'Unverified'], ['Down', 'Private']] as const) {
    await choose('Authenticate contact');
    await screen.press('Manual fingerprint verification', 'radio button');
    await screen.press('Next >', 'push button');
    await says(live);
    if (key !== undefined) {
      await screen.press('I have not', 'combo box');
      await screen.key(key);
      await screen.key('Return');
    }
    await screen.picture('fingerprint');
    await screen.press('Finish', 'push button');
    await padlock('closed', level);
  }
  await says('The OTR session is now private');
}, 120_000);

test('a shared secret that both have entered verifies', async () => {
  await openWindow();
  const arrival = arrivalOf(bob.connection, 'canary from Alice');
  await padlock('closed', 'Unverified');
  await write('canary from Alice');
  const { incoming } = await arrival;
  const asked = signalOf(incoming, 'SharedSecretRequested');
  await enterSecret('tea');
  expect(await asked).toEqual(['']);
  const over = signalOf(incoming, 'SharedSecretConcluded');
  await incoming.call(names.peerAuthentication, 'AnswerSharedSecret', 'tea');
  expect(await over).toEqual([true, '']);
  await says('The authentication with bob has been completed successfully. The conversation is now secure.');
  await screen.picture('same-secret');
  await screen.press('Finish', 'push button');
  await says('The OTR session is now private');
  await padlock('closed', 'Private');
}, 120_000);

test('when hush is killed the padlock opens, nothing leaves, and it closes again in the same window when the conversation is secured anew', async () => {
  await openWindow();
  const arrival = arrivalOf(bob.connection, 'canary before');
  await padlock('closed', 'Unverified');
  await write('canary before');
  const { incoming } = await arrival;
  const ended = state(incoming, 3);
  process.kill(await stage.session.pidOf(hushBusName), 'SIGKILL');
  await screen.shows('no closed padlock', ({ name, description }) => name === 'OTR' && description !== 'Unverified');
  await screen.picture('killed');
  await ended;
  await state(incoming, 2);
  await incoming.send('canary afterwards');
  await says('canary afterwards');
  await padlock('closed', 'Unverified');
  const answer = incoming.received();
  await write('canary answer');
  expect((await answer).parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
}, 120_000);
