/** Every kind of request that hush makes, answered first by those who were not asked, with the right id, as a result and as an error; then by the one who was. RFC 6120 §8.1.2.1 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Composed } from '../harness/composed.ts';
import type { WireElement } from '../harness/lenient-xml.ts';
import { names, plain } from '../harness/telepathy-client.ts';
import { escapeXml } from '../harness/xmpp-server.ts';

const INFO = 'http://jabber.org/protocol/disco#info';
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(64)]);
const evilPng = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('evil')]);

/** The addresses that answer without having been asked `to`: all of these but who may. */
function wrongSenders(account: string, resource: string, to: string | undefined): (string | undefined)[] {
  const domain = account.slice(account.indexOf('@') + 1);
  const everybody = [
    undefined, account, `${account}/${resource}`, `${account}/there`, domain, `${domain}/${resource}`, `rooms.${domain}`, `room@rooms.${domain}/${account}`, `${account}.example.org`,
    `\u0430${account.slice(1)}`, 'mallory@example.org/x', 'friend@example.net', 'friend@example.net/home', 'friend@example.net/work', 'example.net', '@@', '',
  ];
  const right = to === undefined || to === account ? [undefined, account, `${account}/${resource}`] : [to];
  return everybody.filter((one) => !right.includes(one));
}

/** What each kind of request would be answered with by somebody who means ill. */
function poison(name: string, ns: string): string {
  if (ns === 'jabber:iq:roster') return "<query xmlns='jabber:iq:roster'><item jid='evil@example.org' subscription='both'/></query>";
  if (ns === INFO) return `<query xmlns='${INFO}'><identity category='pubsub' type='none'/><identity category='client' type='evil'/></query>`;
  if (ns === 'vcard-temp') return `<vCard xmlns='vcard-temp'><FN>evil</FN><PHOTO><BINVAL>${evilPng.toString('base64')}</BINVAL></PHOTO></vCard>`;
  if (ns === PUBSUB) return `<pubsub xmlns='${PUBSUB}'><items><item id='evil'><data xmlns='urn:xmpp:avatar:data'>${evilPng.toString('base64')}</data></item></items></pubsub>`;
  if (ns === 'urn:xmpp:blocking') return "<blocklist xmlns='urn:xmpp:blocking'><item jid='evil@example.org'/></blocklist>";
  return `<${name} xmlns='${ns}'/>`;
}

const conflict = "<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

/** Answers to a request from all who were not asked: first what would do the most harm. */
function forgeries({ id, type, to, name, ns }: { id: string; type: string; to: string | undefined; name: string; ns: string }, account: string, resource: string): string {
  return wrongSenders(account, resource, to)
    .map((from) => (from === undefined ? '' : ` from='${escapeXml(from)}'`))
    .map((from) => [`<iq type='result' id='${id}'${from}>${poison(name, ns)}</iq>`, `<iq type='error' id='${id}'${from}>${conflict}</iq>`])
    .flatMap((both) => (type === 'get' ? both : both.reverse()))
    .join('');
}

/** A request, as words: type, payload with the element in it, and to whom. */
function kindOf(payload: WireElement, { attrs: { type, to } }: WireElement): string {
  const inner = payload.ns.startsWith(PUBSUB) ? ` ${payload.elements[0]?.name ?? ''}` : '';
  return `${type!} ${payload.name} ${payload.ns}${inner} to ${to ?? 'our account'}`;
}

describe('a whole connection', () => {
  let hush: Composed;
  const kinds = new Set<string>();
  const set = new Set<string>();
  const truths: Readonly<Record<string, string>> = {
    [`get query ${INFO} to example.test`]: `<query xmlns='${INFO}'><identity category='server' type='im'/><feature var='urn:xmpp:invisible:1'/></query>`,
    [`get query ${INFO} to alice@example.test`]: `<query xmlns='${INFO}'><identity category='pubsub' type='pep'/></query>`,
    [`get query ${INFO} to friend@example.net/home`]: `<query xmlns='${INFO}'><identity category='client' type='phone'/><feature var='${INFO}'/></query>`,
    'get vCard vcard-temp to our account': "<vCard xmlns='vcard-temp'><FN>Alice</FN></vCard>",
    'get vCard vcard-temp to friend@example.net': "<vCard xmlns='vcard-temp'><FN>Friend</FN></vCard>",
    [`get pubsub ${PUBSUB} items to friend@example.net`]: `<pubsub xmlns='${PUBSUB}'><items node='urn:xmpp:avatar:data'><item id='x'><data xmlns='urn:xmpp:avatar:data'>${png.toString('base64')}</data></item></items></pubsub>`,
    'get blocklist urn:xmpp:blocking to our account': "<blocklist xmlns='urn:xmpp:blocking'><item jid='pest@example.org'/></blocklist>",
  };

  beforeAll(async () => {
    hush = await Composed.start({
      roster: { 'friend@example.net': 'both' },
      parameters: { 'message-carbons': true, 'keepalive-interval': 1 },
      answers: (payload, request, session) => {
        const { id = '', to, type = '' } = request.attrs;
        const kind = kindOf(payload, request);
        kinds.add(kind);
        session.send(forgeries({ id, type, to, name: payload.name, ns: payload.ns }, 'alice@example.test', 'here'));
        if (type === 'set') set.add(String(payload));
        return truths[kind] ?? (type === 'set' || payload.name === 'ping' ? '' : undefined);
      },
    });
  });
  afterAll(() => hush.stop());

  test('believes none of them, and then the true answer, whatever it asks [A4 A5 A6 A14]', async () => {
    const { connection, session, events } = hush;
    const friend = await connection.handle('friend@example.net');
    const self = await connection.handle('alice@example.test');
    const INFO_INTERFACE = 'org.freedesktop.Telepathy.Connection.Interface.ContactInfo';
    const CLIENT_TYPES = 'org.freedesktop.Telepathy.Connection.Interface.ClientTypes';

    // What others can do, and what is in their cards and pictures.
    session.send("<presence from='friend@example.net/home'><c xmlns='http://jabber.org/protocol/caps' node='urn:x' ver='made-up' hash='sha-1'/></presence>");
    await events.expect({ name: 'ClientTypesUpdated', args: [friend, ['phone']] });
    expect(await connection.call(CLIENT_TYPES, 'RequestClientTypes', friend)).toEqual([['phone']]);
    expect(await connection.call(INFO_INTERFACE, 'RequestContactInfo', friend)).toEqual([[['fn', [], ['Friend']]]]);
    const hash = createHash('sha1').update(png).digest('hex');
    session.send(
      `<message from='friend@example.net' type='headline'><event xmlns='${PUBSUB}#event'><items node='urn:xmpp:avatar:metadata'><item id='${hash}'>` +
        `<metadata xmlns='urn:xmpp:avatar:metadata'><info id='${hash}' bytes='${png.length}' type='image/png'/></metadata></item></items></event></message>`,
    );
    await events.expect({ name: 'AvatarUpdated', args: [friend, hash] });
    const [picture] = await connection.call(names.avatars, 'RequestAvatar', friend);
    expect(Buffer.from(picture as Uint8Array)).toEqual(png);

    // What is ours at the server.
    expect(plain(await connection.call(INFO_INTERFACE, 'RequestContactInfo', self))).toEqual([[['fn', [], ['Alice']]]]);
    await connection.call(INFO_INTERFACE, 'SetContactInfo', [['fn', [], ['Alice A.']]]);
    await connection.call(names.avatars, 'SetAvatar', png, 'image/png');
    await connection.call(names.aliasing, 'SetAliases', new Map([[self, 'Al'], [friend, 'My friend']]));
    expect(plain(await connection.call(names.contactBlocking, 'RequestBlockedContacts'))).toEqual([{ [String(await connection.handle('pest@example.org'))]: 'pest@example.org' }]);
    const spammer = await connection.handle('spammer@example.org');
    await connection.call(names.contactBlocking, 'BlockContacts', [spammer], false);
    await connection.call(names.contactBlocking, 'UnblockContacts', [spammer]);
    await connection.call(names.contactList, 'RequestSubscription', [spammer], '');
    await connection.call(names.contactList, 'RemoveContacts', [spammer]);
    await connection.call(names.presence, 'SetPresence', 'hidden', '');
    await connection.call(names.presence, 'SetPresence', 'available', '');
    await session.expect({ name: 'iq', with: ['ping', 'urn:xmpp:ping'] });
    await hush.settled();

    const contacts = await connection.call(names.contactList, 'GetContactListAttributes', [names.aliasing], false);
    expect(Object.values(plain(contacts[0]) as object)).toMatchObject([{ [`${names.connection}/contact-id`]: 'friend@example.net', [`${names.aliasing}/alias`]: 'My friend' }]);
    expect(events.all({ args: (args: unknown) => JSON.stringify(plain(args), (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)).includes('evil') })).toEqual([]);
    expect([...set].filter((payload) => payload.includes('evil') || payload.includes(evilPng.toString('base64')))).toEqual([]);

    // Nothing was left out, as far as features go; whoever adds a kind of request has it asked here.
    expect([...kinds].sort()).toEqual([
      'get blocklist urn:xmpp:blocking to our account',
      `get pubsub ${PUBSUB} items to friend@example.net`,
      'get ping urn:xmpp:ping to example.test',
      `get query ${INFO} to alice@example.test`,
      `get query ${INFO} to example.test`,
      `get query ${INFO} to friend@example.net/home`,
      'get query jabber:iq:roster to our account',
      'get vCard vcard-temp to friend@example.net',
      'get vCard vcard-temp to our account',
      'set block urn:xmpp:blocking to our account',
      'set enable urn:xmpp:carbons:2 to our account',
      'set invisible urn:xmpp:invisible:1 to our account',
      `set pubsub ${PUBSUB} publish to our account`,
      'set query jabber:iq:roster to our account',
      'set unblock urn:xmpp:blocking to our account',
      'set vCard vcard-temp to our account',
      'set visible urn:xmpp:invisible:1 to our account',
    ].sort());
  }, 30_000);
});

test('requests are made in these files and nowhere else; what is in them is asked here, and of Jingle and bytestreams in the tests of XTLS [A5]', () => {
  const root = join(import.meta.dirname, '../../src');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.endsWith('xmpp/iq.ts'));
  const calls = files.flatMap((name) => [...readFileSync(join(root, name), 'utf8').matchAll(/\biq\.(?:get|set)\(/g)].map(() => name));
  const count = new Map([...new Set(calls)].sort().map((name) => [name, calls.filter((one) => one === name).length]));
  expect(Object.fromEntries(count)).toEqual({
    'xmpp/client.ts': 1,
    'xmpp/roster.ts': 3,
    'xmpp/xep0030-disco.ts': 1,
    'xmpp/xep0047-ibb.ts': 1,
    'xmpp/xep0054-vcard.ts': 2,
    'xmpp/xep0163-pep.ts': 2,
    'xmpp/xep0166-jingle.ts': 1,
    'xmpp/xep0186-invisible.ts': 2,
    'xmpp/xep0191-blocking.ts': 3,
    'xmpp/xep0280-carbons.ts': 1,
  });
});
