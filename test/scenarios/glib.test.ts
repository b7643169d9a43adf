/** telepathy-glib as the client, slixmpp as the contact: what each shows of the other. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { GlibClient } from '../harness/glib-client.ts';
import type { GlibContact, GlibMessage } from '../harness/glib-client.ts';
import type { SlixmppPeer } from '../harness/slixmpp-peer.ts';
import { Stage } from './stage.ts';

/** One white pixel. */
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=', 'base64');
const jid = 'bob@localhost';

let stage: Stage;
let glib: GlibClient;
let account: string;
let bob: SlixmppPeer;

async function online(): Promise<void> {
  account = (await stage.account('alice')).path;
  glib = stage.owned(await GlibClient.start(stage.session, stage.events));
  await glib.online(account);
}

/** Waits until the contact is as wanted: looked at now, and at every change that the library tells of. */
async function becomes(isWanted: (contact: GlibContact) => boolean): Promise<GlibContact> {
  const now = await glib.contact(account, jid);
  if (isWanted(now)) return now;
  const changed = await stage.events.expect({ source: 'Harness', name: 'contact', contact: (contact: unknown) => (contact as GlibContact).id === jid && isWanted(contact as GlibContact) });
  return changed.contact as GlibContact;
}

beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

describe('with a contact on the list', () => {
  beforeEach(async () => {
    await stage.prosody.presetRoster('alice', [{ jid, name: 'Bobby', groups: ['Friends', 'Chess'] }]);
    await stage.prosody.presetRoster('bob', [{ jid: 'alice@localhost', name: 'Alice' }]);
    bob = await stage.peer('bob');
    await online();
  });

  test('the contact list has alias, groups, subscriptions, presence, client type and capabilities', async () => {
    await becomes((contact) => contact.presence === 'available' && contact.textChats && contact.clientTypes.length > 0);
    expect(await glib.contacts(account)).toMatchObject([
      { id: jid, alias: 'Bobby', groups: ['Chess', 'Friends'], subscribe: 'yes', publish: 'yes', blocked: false, presence: 'available', textChats: true, clientTypes: ['bot'] },
    ]);
    await bob.presence('xa', 'on holiday');
    expect(await becomes((contact) => contact.presence === 'xa')).toMatchObject({ message: 'on holiday' });
    await bob.unavailable();
    await becomes((contact) => contact.presence === 'offline');
  });

  test('groups are changed, here and at the server', async () => {
    await glib.setGroups(account, jid, ['Work', 'Chess']);
    await becomes((contact) => contact.groups.join() === 'Chess,Work');
    // Another client of the same account is told by the server.
    const other = await stage.peer('alice');
    expect(await other.roster()).toMatchObject({ [jid]: { groups: ['Chess', 'Work'], name: 'Bobby' } });
    await other.setContact(jid, 'Robert', ['Family']);
    expect(await becomes((contact) => contact.groups.join() === 'Family' && contact.alias === 'Robert')).toMatchObject({ subscribe: 'yes' });
  });

  test('messages go both ways and are acknowledged', async () => {
    const channel = await glib.text(account, jid);
    const token = await glib.send(channel, 'hello <Bob> & "all"');
    const received = await stage.events.expect({ source: 'bob', name: 'message', body: 'hello <Bob> & "all"' });
    expect(received).toMatchObject({ id: token, type: 'chat' });

    await bob.message(received.from as string, 'hello Alice', { id: 'the-id' });
    const { message } = await stage.events.expect({ source: 'Harness', name: 'message-received', channel });
    expect(message).toMatchObject({ text: 'hello Alice', sender: jid, type: 0, token: 'the-id', rescued: false, report: false });
    expect(Math.abs((message as GlibMessage).received - Date.now() / 1000)).toBeLessThan(60);
    expect(await glib.pending(channel)).toMatchObject([{ text: 'hello Alice' }]);
    await glib.acknowledge(channel);
    await stage.events.expect({ source: 'Harness', name: 'pending-message-removed', channel });
    expect(await glib.pending(channel)).toEqual([]);
  });

  test('receipts: given to a contact who asks, and a delivery report for us who asked', async () => {
    const channel = await glib.text(account, jid);
    const token = await glib.send(channel, 'did you get it?', { report: true });
    const { from } = await stage.events.expect({ source: 'bob', name: 'message', receiptRequested: true });
    const { message } = await stage.events.expect({ source: 'Harness', name: 'message-received', channel });
    expect(message).toMatchObject({ report: true, header: { 'delivery-status': 1, 'delivery-token': token, 'message-sender-id': jid } });

    const id = await bob.message(from as string, 'yes; did you?', { receipt: true });
    await stage.events.expect({ source: 'bob', name: 'receipt', of: id });
  });

  test('typing is seen on both sides', async () => {
    const channel = await glib.text(account, jid);
    await glib.send(channel, 'so?');
    const { from } = await stage.events.expect({ source: 'bob', name: 'message', body: 'so?' });
    await bob.message(from as string, 'hm');
    await stage.events.expect({ source: 'Harness', name: 'message-received', channel });
    await bob.chatState(from as string, 'composing');
    await stage.events.expect({ source: 'Harness', name: 'contact-chat-state-changed', channel, contact: jid, state: 4 });
    await bob.chatState(from as string, 'paused');
    await stage.events.expect({ source: 'Harness', name: 'contact-chat-state-changed', channel, contact: jid, state: 3 });
    await glib.chatState(channel, 'composing');
    await stage.events.expect({ source: 'bob', name: 'chat-state', state: 'composing' });
  });

  test('a closed channel with an unread message comes back, a contact who does not exist gives a delivery report', async () => {
    const channel = await glib.text(account, jid);
    await glib.send(channel, 'one');
    const { from } = await stage.events.expect({ source: 'bob', name: 'message', body: 'one' });
    await bob.message(from as string, 'unread');
    await stage.events.expect({ source: 'Harness', name: 'message-received', channel });
    await glib.close(channel);
    const again = await stage.events.expect({ source: 'Harness', name: 'channel', contact: jid, requested: false });
    expect(again.pending).toMatchObject([{ text: 'unread', rescued: true }]);

    const nobody = await glib.text(account, 'nobody@localhost');
    const token = await glib.send(nobody, 'hello?');
    const report = await stage.events.expect({ source: 'Harness', name: 'message-received', channel: nobody });
    expect(report.message).toMatchObject({ report: true, header: { 'delivery-token': token, 'delivery-status': 3, 'message-sender-id': 'nobody@localhost' } });
  });

  test('a blocked contact is blocked at the server too, and can be unblocked', async () => {
    await glib.block(account, jid);
    await becomes((contact) => contact.blocked);
    await glib.block(account, jid, false);
    await becomes((contact) => !contact.blocked);
  });
});

describe('avatars', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hush-picture-'));
    await writeFile(join(folder, 'picture.png'), png);
    await stage.prosody.befriend('alice', 'bob');
    bob = await stage.peer('bob');
    await online();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test.each(['vcard', 'pep'] as const)("a contact's picture published by %s arrives", async (where) => {
    const hash = await bob.setAvatar(join(folder, 'picture.png'), 'image/png', where);
    const contact = await becomes(({ avatarToken, avatarFile }) => avatarToken === hash && avatarFile !== null);
    expect(await readFile(contact.avatarFile!)).toEqual(png);
  });

  test('our picture reaches the contact', async () => {
    await glib.setAvatar(account, join(folder, 'picture.png'), 'image/png');
    await stage.events.expect({ source: 'bob', name: 'avatar', from: /^alice@localhost/ });
    expect(await bob.avatarOf('alice@localhost')).toEqual({ hash: createHash('sha1').update(png).digest('hex'), mime: 'image/png' });
  });
});

describe('without a contact', () => {
  beforeEach(async () => {
    bob = await stage.peer('bob');
    await online();
  });

  test('a subscription in both directions, asked for here, and taken back', async () => {
    await glib.subscribe(account, jid, 'please');
    await stage.events.expect({ source: 'bob', name: 'subscription', type: 'subscribe', from: 'alice@localhost' });
    await bob.subscription('alice@localhost', 'subscribed');
    await becomes((contact) => contact.subscribe === 'yes' && contact.presence === 'available');
    await bob.subscription('alice@localhost', 'subscribe');
    await becomes((contact) => contact.publish === 'ask');
    await glib.publish(account, jid);
    await stage.events.expect({ source: 'bob', name: 'subscription', type: 'subscribed' });
    await becomes((contact) => contact.publish === 'yes');
    await glib.remove(account, jid);
    await stage.events.expectMany([
      { source: 'bob', name: 'subscription', type: 'unsubscribe' },
      { source: 'bob', name: 'subscription', type: 'unsubscribed' },
    ]);
    expect(await glib.contacts(account)).toEqual([]);
  });

  test('a subscription asked for by the other is shown with its message, and declined', async () => {
    await bob.raw("<presence type='subscribe' to='alice@localhost'><status>it is me</status></presence>");
    expect(await becomes((contact) => contact.publish === 'ask')).toMatchObject({ request: 'it is me', subscribe: 'no' });
    await glib.remove(account, jid);
    await stage.events.expect({ source: 'bob', name: 'subscription', type: 'unsubscribed' });
  });
});
