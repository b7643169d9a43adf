/** The XEP files on real streams: two people and a second device at a real Prosody. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Avatars } from '../../src/xmpp/avatars.ts';
import type { XmppClient } from '../../src/xmpp/client.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { children, xml } from '../../src/xmpp/element.ts';
import type { Emitter } from '../../src/emitter.ts';
import { imageHash } from '../../src/xmpp/image.ts';
import type { BareJid } from '../../src/xmpp/jid.ts';
import { PresenceTracker } from '../../src/xmpp/presence.ts';
import { Roster } from '../../src/xmpp/roster.ts';
import { Disco } from '../../src/xmpp/xep0030-disco.ts';
import { VCards } from '../../src/xmpp/xep0054-vcard.ts';
import { PepAvatars } from '../../src/xmpp/xep0084-avatar.ts';
import { answerVersion } from '../../src/xmpp/xep0092-version.ts';
import { Caps } from '../../src/xmpp/xep0115-caps.ts';
import { PhotoHashes } from '../../src/xmpp/xep0153-avatar-hash.ts';
import { Pep } from '../../src/xmpp/xep0163-pep.ts';
import { Nicknames } from '../../src/xmpp/xep0172-nick.ts';
import { BLOCKING, Blocking } from '../../src/xmpp/xep0191-blocking.ts';
import { PING, answerPing } from '../../src/xmpp/xep0199-ping.ts';
import { readDelay } from '../../src/xmpp/xep0203-delay.ts';
import { Carbons } from '../../src/xmpp/xep0280-carbons.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { testClient } from './test-client.ts';

const picture = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('a picture')]);
const password = 'secret';

let prosody: Prosody;
let ca: string;
let people: Person[] = [];

class Person {
  readonly client: XmppClient;
  readonly roster: Roster;
  readonly presence: PresenceTracker;
  readonly disco: Disco;
  readonly caps: Caps;
  readonly pep: Pep;
  readonly vcards: VCards;
  readonly avatars: Avatars;
  readonly nicknames: Nicknames;
  readonly blocking: Blocking;
  readonly carbons: Carbons;
  readonly messages: Element[] = [];

  constructor(user: string, resource: string) {
    const client = testClient(prosody.port, { account: prosody.jid(user), resource, password, surroundings: { authorities: { ca }, closeMs: 5_000 } });
    this.client = client;
    this.roster = new Roster(client);
    this.presence = new PresenceTracker(client, this.roster);
    this.disco = new Disco(client);
    this.caps = new Caps(client, this.disco, this.presence, 'https://hush.example');
    this.pep = new Pep(client, this.disco, this.roster);
    this.vcards = new VCards(client);
    const photos = new PhotoHashes(client, this.presence, this.vcards);
    this.avatars = new Avatars(client, { pep: this.pep, vcards: this.vcards, photos, published: new PepAvatars(client, this.pep) });
    this.nicknames = new Nicknames(client, this.pep);
    this.blocking = new Blocking(client);
    this.carbons = new Carbons(client);
    this.disco.identity('client', 'pc', 'hush');
    answerVersion(client, this.disco, { name: 'hush', version: '1' });
    answerPing(client, this.disco);
    client.router.add({
      name: 'test-messages', stanza: 'message', from: ['own-bare', 'own-other', 'server', 'subscriber', 'other'],
      handle: (message) => {
        this.messages.push(message);
      },
    });
    people.push(this);
  }

  get account(): BareJid {
    return this.client.account;
  }

  async online(): Promise<this> {
    await this.client.connect(AbortSignal.timeout(10_000));
    await this.roster.fetch();
    this.presence.send({});
    return this;
  }
}

const person = (user: string, resource = 'one'): Promise<Person> => new Person(user, resource).online();

/** Resolves when `holds`, looked at whenever one of these emits; a limit ends it. */
async function until(holds: () => boolean, ...sources: Pick<Emitter<{ changed: unknown[] }>, 'on'>[]): Promise<void> {
  const signal = AbortSignal.timeout(8_000);
  await new Promise<void>((resolve, reject) => {
    const offs = sources.map((source) => source.on('changed', () => look()));
    const look = (): void => {
      if (!holds()) return;
      for (const off of offs) off();
      resolve();
    };
    signal.addEventListener('abort', () => reject(new Error('it did not come to hold in 8 s')));
    look();
  });
}

/** What has been sent to `to` before has arrived there. */
async function synced(from: Person, to: Person): Promise<void> {
  await from.client.iq.get(to.client.jid, xml('ping', { xmlns: PING }));
}

beforeAll(async () => {
  prosody = await startProsody({ users: Object.fromEntries(['anna', 'bert', 'carl', 'dora', 'emil', 'fred', 'gina'].map((name) => [name, password])), modules: ['offline'] });
  ca = await readFile(prosody.caFile, 'utf8');
  await prosody.befriend('anna', 'bert');
  await prosody.befriend('emil', 'fred');
});
afterEach(async () => {
  await Promise.all(people.map(({ client }) => client.close()));
  people = [];
});
afterAll(() => prosody.stop());

describe('two contacts', () => {
  test('see each other come, change and go, and what the other can do', async () => {
    const anna = await person('anna');
    const bert = await person('bert');
    await until(() => anna.presence.best(bert.account)?.available === true && bert.presence.best(anna.account)?.available === true, anna.presence.events, bert.presence.events);
    expect(anna.presence.best(bert.account)?.jid).toBe(bert.client.jid);
    await until(() => anna.caps.of(bert.client.jid) !== undefined, anna.caps.events);
    expect(anna.caps.of(bert.client.jid)?.features.has('urn:xmpp:avatar:metadata+notify')).toBe(true);
    bert.disco.feature('urn:test:new');
    await until(() => anna.caps.of(bert.client.jid)?.features.has('urn:test:new') === true, anna.caps.events);
    bert.presence.send({ show: 'dnd', status: 'busy', priority: 3 });
    await until(() => anna.presence.best(bert.account)?.show === 'dnd', anna.presence.events);
    expect(anna.presence.best(bert.account)).toMatchObject({ status: 'busy', priority: 3 });
    expect(String(await anna.client.iq.get(bert.client.jid, xml('query', { xmlns: 'jabber:iq:version' })))).toContain('<version>1</version>');
    await bert.client.close();
    await until(() => anna.presence.best(bert.account)?.available === false, anna.presence.events);
    expect(anna.caps.of(bert.client.jid)).toBeUndefined();
  });

  test('see each other\'s picture, name and card', async () => {
    const anna = await person('anna');
    const bert = await person('bert');
    await until(() => anna.presence.best(bert.account)?.available === true, anna.presence.events);
    expect(await bert.pep.isSupported()).toBe(true);
    const hash = await bert.avatars.publish(picture);
    expect(hash).toBe(imageHash(picture));
    await bert.nicknames.publish('Bertie');
    await bert.vcards.edit(({ fields }) => ({ fields: [...fields.filter(({ name }) => name !== 'fn'), { name: 'fn', parameters: [], values: ['Bert B'] }, { name: 'tel', parameters: ['type=home', 'type=voice'], values: ['+1'] }] }));
    await until(() => anna.avatars.of(bert.account) === hash && anna.nicknames.of(bert.account) === 'Bertie', anna.avatars.events, anna.nicknames.events);
    expect(await anna.avatars.fetch(bert.account)).toEqual({ type: 'image/png', data: picture });
    const card = await anna.vcards.fetch(bert.account);
    expect(card.fields).toContainEqual({ name: 'fn', parameters: [], values: ['Bert B'] });
    expect(card.fields.find(({ name }) => name === 'tel')).toMatchObject({ values: ['+1'] });
    expect(card.photoHash).toBe(hash);
    await bert.avatars.publish(undefined);
    await until(() => anna.avatars.of(bert.account) === '', anna.avatars.events);
    expect(await anna.avatars.fetch(bert.account)).toBeUndefined();
  });

  test('is told what was published before they came', async () => {
    const emil = await person('emil');
    await emil.nicknames.publish('Emilio');
    const fred = await person('fred');
    await until(() => fred.nicknames.of(emil.account) === 'Emilio', fred.nicknames.events);
  });

  test('lose sight of each other by blocking, on all devices of the one who blocks', async () => {
    const anna = await person('anna');
    const other = await person('anna', 'two');
    const bert = await person('bert');
    await until(() => bert.presence.of(anna.account).size === 2 && anna.presence.of(bert.account).size === 1, bert.presence.events, anna.presence.events);
    expect((await anna.disco.info(anna.client.domain)).features.has(BLOCKING)).toBe(true);
    await anna.blocking.fetch();
    await other.blocking.fetch();
    await anna.blocking.block([bert.account]);
    await until(() => other.blocking.blocked.has(bert.account), other.blocking.events);
    await until(() => bert.presence.of(anna.account).size === 0, bert.presence.events);
    await anna.blocking.unblock([bert.account]);
    await until(() => !other.blocking.blocked.has(bert.account) && bert.presence.of(anna.account).size === 2, other.blocking.events, bert.presence.events);
  });
});

describe('strangers', () => {
  test('become contacts: request, approval, names and groups, and part again', async () => {
    const carl = await person('carl');
    const dora = await person('dora');
    const requests: string[] = [];
    dora.presence.events.on('subscription', (contact, type, message) => requests.push(`${contact} ${type} ${message}`));
    await carl.roster.set(dora.account, { name: 'Dora', groups: ['Friends'] });
    expect(carl.roster.items.get(dora.account)).toMatchObject({ name: 'Dora', subscription: 'none', groups: new Set(['Friends']) });
    carl.presence.subscribe(dora.account, 'it is me');
    await until(() => carl.roster.items.get(dora.account)?.ask === true, carl.roster.events);
    await until(() => requests.length > 0, { on: (_, listener) => dora.presence.events.on('subscription', () => listener()) });
    expect(requests).toEqual([`${carl.account} subscribe it is me`]);
    dora.presence.approve(carl.account);
    await until(() => carl.roster.isSubscribedTo(dora.account) && dora.roster.isSubscriber(carl.account), carl.roster.events, dora.roster.events);
    await until(() => carl.presence.best(dora.account)?.available === true, carl.presence.events);
    expect(dora.presence.best(carl.account)).toBeUndefined();
    // Carl may not be seen by Dora: his device gives her the answer of the server for anyone who is not there.
    await expect(dora.disco.info(carl.client.jid)).rejects.toMatchObject({ condition: 'not-available' });
    expect((await carl.disco.info(dora.client.jid)).identities).toHaveLength(1);
    await Promise.all([carl.roster.set(dora.account, { name: 'D' }), carl.roster.set(dora.account, { groups: [] })]);
    expect(carl.roster.items.get(dora.account)).toMatchObject({ name: 'D', groups: new Set(), subscription: 'to' });
    await carl.roster.remove(dora.account);
    expect(carl.roster.items.has(dora.account)).toBe(false);
    await until(() => !dora.roster.isSubscriber(carl.account) && carl.presence.best(dora.account) === undefined, dora.roster.events, carl.presence.events, carl.roster.events);
  });

  test('cannot make themselves contacts: their pushes, carbons and events change nothing', async () => {
    const anna = await person('anna');
    const gina = await person('gina');
    await anna.carbons.enable();
    const contacts = [...anna.roster.items.keys()];
    const push = xml('query', { xmlns: 'jabber:iq:roster' }, xml('item', { jid: gina.account, subscription: 'both' }));
    await expect(gina.client.iq.set(anna.client.jid, push)).rejects.toMatchObject({ condition: 'not-available' });
    const fake = xml('message', { xmlns: 'jabber:client', from: prosody.jid('bert'), to: anna.account, type: 'chat' }, xml('body', {}, 'send money'));
    gina.client.send(xml('message', { to: anna.client.jid }, xml('received', { xmlns: 'urn:xmpp:carbons:2' }, xml('forwarded', { xmlns: 'urn:xmpp:forward:0' }, fake))));
    const nick = xml('item', { id: 'x' }, xml('nick', { xmlns: 'http://jabber.org/protocol/nick' }, 'Bert'));
    gina.client.send(xml('message', { to: anna.client.jid }, xml('event', { xmlns: 'http://jabber.org/protocol/pubsub#event' }, xml('items', { node: 'http://jabber.org/protocol/nick' }, nick))));
    gina.client.send(xml('presence', { to: anna.client.jid }));
    gina.client.send(xml('message', { to: anna.client.jid, id: 'last' }, xml('body', {}, 'hello')));
    await until(() => anna.messages.some(({ attrs }) => attrs.id === 'last'), { on: (_, listener) => anna.client.router.add({ name: 'test-look', stanza: 'message', from: ['other'], handle: () => listener() }) });
    expect(anna.messages.map((message) => anna.carbons.unwrap(message))).toContain('refused');
    expect([...anna.roster.items.keys()]).toEqual(contacts);
    expect(anna.presence.best(gina.account)).toBeUndefined();
    expect(anna.nicknames.of(gina.account)).toBeUndefined();
  });
});

describe('two devices of one person', () => {
  test('get copies of each other\'s messages, and see each other', async () => {
    const anna = await person('anna');
    const phone = await person('anna', 'phone');
    const bert = await person('bert');
    await phone.carbons.enable();
    await until(() => anna.presence.of(anna.account).size === 2 && anna.presence.of(bert.account).size === 1, anna.presence.events);
    anna.client.send(xml('message', { to: bert.client.jid, type: 'chat', id: 'm1' }, xml('body', {}, 'hi')));
    bert.client.send(xml('message', { to: anna.client.jid, type: 'chat', id: 'm2' }, xml('body', {}, 'ho')));
    const copies = () => phone.messages.map((message) => phone.carbons.unwrap(message)).filter((carbon) => typeof carbon === 'object');
    await until(() => copies().length === 2, { on: (_, listener) => phone.client.router.add({ name: 'test-look', stanza: 'message', from: ['own-bare'], handle: () => listener() }) });
    expect(copies().sort((a, b) => a.direction.localeCompare(b.direction))).toMatchObject([
      { direction: 'received', from: bert.client.jid, to: anna.client.jid, message: { attrs: { id: 'm2' } } },
      { direction: 'sent', from: anna.client.jid, to: bert.client.jid, message: { attrs: { id: 'm1' } } },
    ]);
  });

  test('find what came while nobody was there, with the time of the server', async () => {
    const anna = await person('anna');
    const before = Date.now() - 2000;
    anna.client.send(xml('message', { to: prosody.jid('dora'), type: 'chat' }, xml('body', {}, 'later'), xml('delay', { xmlns: 'urn:xmpp:delay', from: prosody.domain, stamp: '2001-01-01T00:00:00Z' })));
    await synced(anna, anna);
    const dora = await person('dora');
    await until(() => dora.messages.length > 0, { on: (_, listener) => dora.client.router.add({ name: 'test-look', stanza: 'message', from: ['other', 'subscriber'], handle: () => listener() }) });
    const [message] = dora.messages;
    expect(children(message!, 'delay', 'urn:xmpp:delay').length).toBeGreaterThan(1);
    expect(readDelay(message!, [dora.client.domain, dora.account])?.stamp.getTime()).toBeGreaterThan(before);
  });
});
