/** What others send to be taken for somebody else, to be answered, or to make us go somewhere: on a whole connection, seen at the bus, on the wire and wherever the process could go. */
import { once } from 'node:events';
import { lookup, Resolver } from 'node:dns/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Composed } from '../harness/composed.ts';
import { Outbound } from '../harness/outbound.ts';
import { messageOf, names, TextChannel } from '../harness/telepathy-client.ts';
import type { BusSignal, Message } from '../harness/telepathy-client.ts';
import { escapeXml } from '../harness/xmpp-server.ts';
import { propertyOf } from '../scenarios/people.ts';

const FRIEND = 'friend@example.net/home';
const MALLORY = 'mallory@example.org/x';
const ROOM_USER = 'http://jabber.org/protocol/muc#user';

let hush: Composed;
/** Where stanzas say that something is to be fetched. */
let trap: Server;
let trapPort: number;
let outbound: Outbound;
/** Where hush and the test went to get online. */
let began: string[];

beforeAll(async () => {
  outbound = new Outbound();
  trap = createServer((socket) => void socket.destroy());
  trap.listen(0, '127.0.0.1');
  await once(trap, 'listening');
  trapPort = (trap.address() as AddressInfo).port;
  hush = await Composed.start({ roster: { 'friend@example.net': 'both', 'fan@example.net': 'from', 'star@example.net': 'to' }, parameters: { 'message-carbons': true } });
  await propertyOf(hush.connection, names.security, 'IdentityFingerprint', (value) => value !== '');
  await hush.exchange(`<presence from='${FRIEND}'/>`);
  began = outbound.taken();
});
afterAll(async () => {
  await hush.stop();
  trap.close();
  outbound.stop();
  expect(outbound.taken()).toEqual([]);
});
/** No channel is open. */
beforeEach(async () => {
  for (const [path] of (await hush.connection.get(names.requests, 'Channels')) as [string][]) await new TextChannel(hush.connection, path).call(names.destroyable, 'Destroy');
  await hush.settled();
});

interface Noticed {
  /** Signals on the bus, by name. */
  readonly signals: string[];
  /** Messages that clients were shown, with the contact in whose channel. */
  readonly messages: (Message & { readonly channelOf: string })[];
  /** What hush wrote. */
  readonly wrote: string;
  /** Where the process went since the notice before: nowhere. */
  readonly went: string[];
}

async function notice(...stanzas: string[]): Promise<Noticed> {
  const before = hush.events.all({}).length;
  const wrote = await hush.exchange(stanzas.join(''));
  const signals = hush.events.all({}).slice(before) as BusSignal[];
  const received = signals.filter(({ name, interface: of }) => name === 'MessageReceived' && of === names.messages);
  const messages = [];
  for (const { path, args } of received) messages.push({ ...messageOf(args[0]), channelOf: (await new TextChannel(hush.connection, path).get(names.channel, 'TargetID')) as string });
  return { signals: signals.map(({ name }) => name), messages, wrote, went: outbound.taken() };
}

const nothing: Noticed = { signals: [], messages: [], wrote: '', went: [] };

const message = (from: string | undefined, content: string, attributes = "type='chat'"): string =>
  `<message ${attributes}${from === undefined ? '' : ` from='${escapeXml(from)}'`} to='${hush.jid}'>${content}</message>`;
const body = (text: string): string => `<body>${text}</body>`;
const inner = (from: string, to: string, text: string, more = ''): string => `<message xmlns='jabber:client' type='chat' from='${from}' to='${to}'><body>${text}</body>${more}</message>`;
const forwarded = (content: string): string => `<forwarded xmlns='urn:xmpp:forward:0'>${content}</forwarded>`;
const texts = ({ messages }: Noticed): string[] => messages.map(({ text, channelOf }) => `${channelOf}: ${text}`);
const iq = (from: string | undefined, content: string, type = 'set'): string => `<iq type='${type}' id='q'${from === undefined ? '' : ` from='${from}'`} to='${hush.jid}'>${content}</iq>`;
const refused = (to: string | undefined, condition = 'service-unavailable', type = 'cancel'): Noticed => ({
  ...nothing,
  wrote: `<iq type="error" id="q"${to === undefined ? '' : ` to="${to}"`}><error type="${type}"><${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
});

test('whoever goes anywhere is seen, as hush was on its way to the bus and to the server: the twin [D5 D8]', async () => {
  expect([...new Set(began.map((way) => way.replace(/\d+$/, 'N')))]).toEqual(expect.arrayContaining(['connect 127.0.0.1:N', expect.stringMatching(/^connect \/.*bus/)]));
  expect((await notice()).went).toEqual([]);
  await once(connect(trapPort, '127.0.0.1').resume(), 'close');
  expect(outbound.taken()).toEqual([`connect 127.0.0.1:${trapPort}`]);
  const resolver = new Resolver();
  const asked = resolver.resolveSrv('_xmpp-client._tcp.example.test').catch(() => undefined);
  resolver.cancel();
  await Promise.all([asked, lookup('localhost')]);
  expect((await notice()).went).toEqual(['look up _xmpp-client._tcp.example.test', 'look up localhost']);
});

describe('a copied message', () => {
  const carbon = (from: string | undefined, content: string, kind = 'received'): string => message(from, `<${kind} xmlns='urn:xmpp:carbons:2'>${forwarded(content)}</${kind}>`);
  const fromFriend = inner(FRIEND, 'alice@example.test/there', 'send money');
  const toFriend = inner('alice@example.test/there', FRIEND, 'I owe you');
  const everybodyElse = [
    undefined, MALLORY, 'mallory@example.test/x', 'example.test', 'example.test/here', 'alice@example.test/there', 'alice@example.test/here', 'alice@example.test.example.org', '\u0430lice@example.test', 'ALICE@example.test',
    FRIEND, 'friend@example.net', 'room@rooms.example.test/alice',
  ];

  test.each(everybodyElse)('wrapped by %s is nothing, neither received nor sent [A1 A2]', async (from) => {
    const channel = await hush.connection.ensureText('friend@example.net');
    await hush.settled();
    expect(await notice(carbon(from, fromFriend), carbon(from, toFriend, 'sent'))).toEqual(nothing);
    expect(await notice(carbon(from, carbon('alice@example.test', fromFriend)), carbon('alice@example.test', carbon('alice@example.test', fromFriend)))).toEqual(nothing);
    expect(await channel.pending()).toEqual([]);
    // The twin: our own account may.
    expect(texts(await notice(carbon('alice@example.test', fromFriend)))).toEqual(['friend@example.net: send money']);
    expect((await notice(carbon('alice@example.test', toFriend, 'sent'))).signals).toContain('MessageSent');
  });

  test('of other people is nothing, and what it carries for a session of ours is not used for one [A1 A2]', async () => {
    expect(await notice(carbon('alice@example.test', inner(FRIEND, 'bob@example.test/x', 'between others')), carbon('alice@example.test', inner(FRIEND, MALLORY, 'between others'), 'sent'))).toEqual(nothing);
    const jingle = "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'/><data xmlns='http://jabber.org/protocol/ibb' sid='s' seq='0'>AA==</data>";
    expect(await notice(carbon('alice@example.test', inner(FRIEND, 'alice@example.test/there', '', jingle)))).toEqual(nothing);
  });

  test('asks for nothing: no receipt is given for it [A1 D6]', async () => {
    const asking = inner(FRIEND, 'alice@example.test/there', 'are you there?', "<request xmlns='urn:xmpp:receipts'/>").replace('<message ', "<message id='r1' ");
    // From the very client that the conversation is with.
    await hush.exchange(message(FRIEND, body('hello')));
    const { wrote, messages } = await notice(carbon('alice@example.test', asking));
    expect(messages).toMatchObject([{ text: 'are you there?' }]);
    expect(wrote).toBe('');
  });
});

describe('what is forwarded', () => {
  test.each([MALLORY, FRIEND, 'friend@example.net', 'alice@example.test', 'alice@example.test/there', 'example.test', 'room@rooms.example.test', undefined])(
    'from an archive that nobody asked, by %s, is nothing [A7]',
    async (from) => {
      for (const query of ['', " queryid='q1'", " queryid=''"]) {
        for (const version of ['urn:xmpp:mam:2', 'urn:xmpp:mam:1', 'urn:xmpp:mam:0', 'urn:xmpp:mam:tmp']) {
          const content = forwarded(`<delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25Z'/>${inner(FRIEND, 'alice@example.test', 'as I said')}`);
          expect(await notice(message(from, `<result xmlns='${version}' id='1'${query}>${content}</result>`, ''))).toEqual(nothing);
        }
      }
      expect(texts(await notice(message(FRIEND, body('as I say'))))).toEqual(['friend@example.net: as I say']);
    },
  );

  test('in a message is no message of whom it names [A8]', async () => {
    const quoted = forwarded(inner(FRIEND, 'alice@example.test', 'send money'));
    expect(await notice(message(MALLORY, quoted), message(MALLORY, `<stanza-id xmlns='urn:xmpp:sid:0' by='example.test' id='1'/>${quoted}`))).toEqual(nothing);
    expect(texts(await notice(message(MALLORY, body('look what I got') + quoted), message(MALLORY, quoted + body('and again'))))).toEqual(['mallory@example.org: look what I got', 'mallory@example.org: and again']);
    expect(await notice(message(MALLORY, `<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='${FRIEND}'/></addresses>`))).toEqual(nothing);
  });
});

describe('a name that others give to a message', () => {
  test('hides no message that comes with the same one [A9]', async () => {
    const named = "<stanza-id xmlns='urn:xmpp:sid:0' by='alice@example.test' id='s1'/><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>";
    const attributes = "type='chat' id='m1'";
    const { messages } = await notice(message(MALLORY, body('first') + named, attributes), message(FRIEND, body('real') + named, attributes), message(FRIEND, body('real, too') + named, attributes));
    expect(messages.map(({ text, channelOf }) => `${channelOf}: ${text}`)).toEqual(['mallory@example.org: first', 'friend@example.net: real', 'friend@example.net: real, too']);
  });

  const correction = (id: string): string => `<replace xmlns='urn:xmpp:message-correct:0' id='${id}'/>`;

  test('corrects none that is there, whoever wrote it [A10]', async () => {
    const channel = await hush.connection.ensureText('friend@example.net');
    await hush.exchange(message(FRIEND, body('meet me at five'), "type='chat' id='m1'"));
    const sent = await channel.send('I will');
    await hush.settled();
    const before = await channel.pending();
    const forged = await notice(
      message(MALLORY, body('meet me at six') + correction('m1'), "type='chat' id='m2'"),
      message('friend@example.net/work', body('another place') + correction('m1'), "type='chat' id='m3'"),
      message(FRIEND, body('I will not') + correction(sent), "type='chat' id='m4'"),
      message('room@rooms.example.test/friend', body('or never') + correction('m1'), "type='groupchat' id='m5'"),
    );
    // Each is a message of its own, of whom it came from, and says nothing of another.
    expect(texts(forged)).toEqual(['mallory@example.org: meet me at six', 'friend@example.net: another place', 'friend@example.net: I will not']);
    for (const { parts } of forged.messages) expect(Object.keys(parts[0]!).filter((name) => /supersede|original/.test(name))).toEqual([]);
    expect((await channel.pending()).slice(0, before.length)).toEqual(before);
    expect(before.map(({ text }) => text)).toEqual(['meet me at five']);
  });

  test('may be its own or go in a circle [A11]', async () => {
    const chain = [['a', 'a'], ['b', 'c'], ['c', 'b'], ['d', ''], ['', 'd'], ['x'.repeat(5000), 'x'.repeat(5000)]] as const;
    const all = await notice(...chain.map(([id, replaced], index) => message(FRIEND, body(`no ${index}`) + correction(replaced) + correction(replaced), `type='chat' id='${id}'`)));
    expect(all.messages.map(({ text }) => text)).toEqual(chain.map((_, index) => `no ${index}`));
    expect(await hush.connection.get(names.connection, 'Status')).toBe(0);
  });
});

describe('what is published', () => {
  const event = (from: string | undefined, node: string, payload: string): string =>
    message(from, `<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${node}'><item id='current'>${payload}</item></items></event>`, "type='headline'");
  const nick = (from: string | undefined, name: string): string => event(from, 'http://jabber.org/protocol/nick', `<nick xmlns='http://jabber.org/protocol/nick'>${name}</nick>`);

  test('renames somebody only if they do it themselves [A12]', async () => {
    for (const from of [undefined, MALLORY, FRIEND, 'example.net', 'example.test', 'alice@example.test/there', 'room@rooms.example.test/friend', 'fan@example.net', 'friend@example.net.example.org']) {
      expect(await notice(nick(from, 'Evil'))).toEqual(nothing);
    }
    expect((await notice(nick('friend@example.net', 'Freddy'))).signals).toEqual(['AliasesChanged']);
  });

  test('makes us enter no room, and keep no list of devices [A12]', async () => {
    const bookmarks = [
      event('', 'urn:xmpp:bookmarks:1', "<conference xmlns='urn:xmpp:bookmarks:1' autojoin='true'><nick>alice</nick></conference>"),
      event('', 'storage:bookmarks', "<storage xmlns='storage:bookmarks'><conference autojoin='true' jid='room@rooms.example.org'/></storage>"),
      event('', 'eu.siacs.conversations.axolotl.devicelist', "<list xmlns='eu.siacs.conversations.axolotl'><device id='1'/></list>"),
      event('', 'urn:xmpp:omemo:2:devices', "<devices xmlns='urn:xmpp:omemo:2'><device id='1'/></devices>"),
    ];
    for (const from of [MALLORY, FRIEND, 'friend@example.net', 'alice@example.test', 'alice@example.test/there']) {
      expect(await notice(...bookmarks.map((one) => one.replace("from=''", `from='${from}'`)))).toEqual(nothing);
    }
  });
});

describe('a request', () => {
  const everybody = [undefined, 'alice@example.test', 'alice@example.test/there', 'example.test', FRIEND, 'friend@example.net', MALLORY, 'room@rooms.example.test/friend'];

  test.each(everybody)('to use relays, proxies and services that %s names is refused, and nobody goes there [A14]', async (from) => {
    const host = `127.0.0.1' port='${trapPort}`;
    for (const content of [
      `<query xmlns='google:jingleinfo'><stun><server host='127.0.0.1' udp='${trapPort}'/></stun><relay><server host='127.0.0.1'/><token>t</token></relay></query>`,
      `<services xmlns='urn:xmpp:extdisco:2'><service action='add' type='turn' transport='tcp' host='${host}' username='u' password='p'/></services>`,
      `<query xmlns='http://jabber.org/protocol/bytestreams'><streamhost jid='proxy.example.org' host='${host}'/></query>`,
      `<services xmlns='http://jabber.org/protocol/jinglenodes'><relay policy='public' address='127.0.0.1' protocol='udp'/></services>`,
    ]) expect(await notice(iq(from, content))).toEqual(refused(from));
  });

  test.each(everybody)('for commands, by %s, is refused; what is unread stays with us [A15]', async (from) => {
    await hush.exchange(message(FRIEND, body('canary-in-the-mine')));
    const refusal = refused(from);
    const COMMANDS = 'http://jabber.org/protocol/commands';
    const forms = [
      ...['http://jabber.org/protocol/rc#forward', 'forward-messages', 'options', 'leave-groupchats', 'http://jabber.org/protocol/rc#get-unread'].flatMap((node) => [
        `<command xmlns='${COMMANDS}' node='${node}' action='execute'/>`,
        `<command xmlns='${COMMANDS}' node='${node}' action='complete' sessionid='1'><x xmlns='jabber:x:data' type='submit'><field var='messages'><value>0</value></field></x></command>`,
      ]),
      "<query xmlns='jabber:iq:rpc'><methodCall><methodName>unread</methodName></methodCall></query>",
    ];
    for (const content of forms) expect(await notice(iq(from, content))).toEqual(refusal);
    // Nor is there a list of them.
    const list = (await notice(iq(from, `<query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/>`, 'get'))).wrote;
    const isStranger = from === MALLORY || from?.startsWith('room') === true;
    expect(list).toBe((isStranger ? refusal : refused(from, 'item-not-found')).wrote);
    expect((await notice(iq(from, `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'get'))).wrote).not.toContain(COMMANDS);
    expect(hush.session.clearText).not.toContain('canary');
  });

  test.each([undefined, 'alice@example.test', 'alice@example.test/there', 'example.test', FRIEND])('for what we are, by %s, tells program and version, and nothing of the machine [D4]', async (from) => {
    const { wrote } = await notice(iq(from, "<query xmlns='jabber:iq:version'/>", 'get'));
    expect(wrote).toMatch(/<query xmlns="jabber:iq:version"><name>hush<\/name><version>(?:development|[0-9.]+)<\/version><\/query>/);
    for (const [name, ns] of [['query', 'jabber:iq:last'], ['query', 'jabber:iq:time'], ['time', 'urn:xmpp:time'], ['query', 'jabber:iq:browse'], ['vCard', 'vcard-temp']] as const) {
      expect(await notice(iq(from, `<${name} xmlns='${ns}'/>`, 'get'))).toEqual(refused(from));
    }
    const info = (await notice(iq(from, "<query xmlns='http://jabber.org/protocol/disco#info'/>", 'get'))).wrote;
    expect(info).toContain('<identity category="client" type="pc" name="hush"/>');
    expect(info).not.toMatch(/softwareinfo|os_version|<x /);
  });

  test.each([MALLORY, 'star@example.net/home', 'room@rooms.example.test/friend', 'example.net'])('for what we are, by %s, is refused [D4]', async (from) => {
    for (const [name, ns] of [['query', 'jabber:iq:version'], ['query', 'jabber:iq:last'], ['time', 'urn:xmpp:time'], ['query', 'http://jabber.org/protocol/disco#info']] as const) {
      expect(await notice(iq(from, `<${name} xmlns='${ns}'/>`, 'get'))).toEqual(refused(from));
    }
  });

  test.each([FRIEND, MALLORY, 'alice@example.test/there', 'example.test'])('to take a file or stream by way of other hosts, by %s, leads nowhere [D5]', async (from) => {
    const places = [['127.0.0.1', trapPort], ['127.0.0.2', 22], ['169.254.169.254', 80], ['169.254.1.1', 22], ['10.0.0.1', 80], ['::1', 22], ['fe80::1', 22], ['localhost', 22], ['proxy.example.org', 1080]] as const;
    const candidates = places.map(([host, port], index) => `<candidate cid='c${index}' host='${host}' jid='${FRIEND}' port='${port}' priority='1' type='direct'/>`).join('');
    const offer = (description: string, transport: string): string =>
      iq(from, `<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s${trapPort}'><content creator='initiator' name='c'>${description}${transport}</content></jingle>`);
    const s5b = `<transport xmlns='urn:xmpp:jingle:transports:s5b:1' sid='t' mode='tcp'>${candidates}</transport>`;
    const ice = `<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u' pwd='p'>${places.map(([ip, port], index) => `<candidate component='1' foundation='1' generation='0' id='${index}' ip='${ip}' network='0' port='${port}' priority='1' protocol='tcp' type='host'/>`).join('')}</transport>`;
    const refusals: string[] = [];
    for (const description of ["<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'><file><name>x</name></file></description>", "<description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/>", "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>"]) {
      for (const transport of [s5b, ice]) {
        const { signals, wrote, went } = await notice(offer(description, transport));
        expect([signals, went]).toEqual([[], []]);
        expect(wrote).not.toMatch(/session-accept|candidate|streamhost/);
        refusals.push(/<unsupported-[a-z]+\/>|<security-error\/>|<service-unavailable|<bad-request/.exec(wrote)?.[0] ?? wrote);
        const terminate = /<iq type="set" id="([^"]*)"/.exec(wrote)?.[1];
        if (terminate !== undefined) await hush.exchange(`<iq type='result' id='${terminate}' from='${from}'/>`);
      }
    }
    expect(refusals).not.toContain('');
    const hosts = places.map(([host, port]) => `<streamhost jid='${FRIEND}' host='${host}' port='${port}'/>`).join('');
    expect(await notice(iq(from, `<query xmlns='http://jabber.org/protocol/bytestreams' sid='s' mode='tcp'>${hosts}</query>`))).toEqual(refused(from));
    expect(await notice(iq(from, "<si xmlns='http://jabber.org/protocol/si' id='a' profile='http://jabber.org/protocol/si/profile/file-transfer'><file xmlns='http://jabber.org/protocol/si/profile/file-transfer' name='x' size='1'/></si>"))).toEqual(refused(from));
  });
});

describe('whoever may not see us', () => {
  const presence = (from: string, type: string): string => `<presence from='${from}'${type === '' ? '' : ` type='${type}'`} id='p1'/>`;

  test.each([MALLORY, 'mallory@example.org', 'star@example.net/home', 'star@example.net', 'room@rooms.example.test/friend'])('%s, is not answered, whatever kind of presence or message comes [D3]', async (from) => {
    for (const type of ['', 'unavailable', 'probe', 'error', 'unsubscribe', 'unsubscribed', 'subscribed', 'subscribe', 'invisible']) expect((await notice(presence(from, type))).wrote).toBe('');
    for (const type of ['chat', 'normal', 'headline', 'groupchat', 'error', 'odd']) {
      for (const content of ['', body('hello'), '<subject>x</subject>', "<unknown xmlns='urn:x'/>", "<data xmlns='http://jabber.org/protocol/ibb' sid='s' seq='0'>AA==</data>"]) {
        expect((await notice(message(from, content, `type='${type}' id='n1'`))).wrote).toBe('');
      }
    }
    // The twin: a contact who may see us already, and asks again, is told so.
    expect((await notice(presence('friend@example.net', 'subscribe'))).wrote).toBe('<presence to="friend@example.net" type="subscribed"/>');
  });
});

describe('a room', () => {
  const mark = `<x xmlns='${ROOM_USER}'/>`;

  test.each(['room@rooms.example.test/friend', 'room@rooms.example.test/friend@example.net', 'room@rooms.example.test', FRIEND])('says nothing by %s to anybody who is not in it [A16]', async (from) => {
    expect(await notice(message(from, body('it is me') + mark), message(from, body('it is me'), "type='groupchat'"), message(from, `<subject>x</subject>`, "type='groupchat'"))).toEqual(nothing);
    const carbon = (content: string): string => message('alice@example.test', `<received xmlns='urn:xmpp:carbons:2'>${forwarded(content)}</received>`);
    expect(await notice(carbon(inner(from, 'alice@example.test/there', 'it is me', mark)))).toEqual(nothing);
    // The twin: without the mark of a room it is a message of that address, and of no other.
    expect(texts(await notice(message(from, body('it is me'))))).toEqual([`${from.split('/')[0]!}: it is me`]);
    // A name with characters that cannot be seen is none.
    expect(await notice(...['\u2060friend', 'fri\u200Bend', 'friend\u202E', '\u00ADfriend'].map((nick) => message(`room@rooms.example.test/${nick}`, body('it is me'))))).toEqual(nothing);
  });

  test('and those in it are nobody on the list: neither their presence nor their offers count [A16]', async () => {
    for (const from of ['room@rooms.example.test/friend', 'room@rooms.example.test/friend@example.net', 'room@rooms.example.test']) {
      const item = `<x xmlns='${ROOM_USER}'><item affiliation='owner' role='moderator' jid='${FRIEND}'/><status code='110'/></x>`;
      expect(await notice(`<presence from='${from}'>${item}</presence>`, `<presence from='${from}' type='unavailable'>${item}</presence>`)).toEqual(nothing);
      const offer = `<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'><content creator='initiator' name='c'><description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/><transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='t'/><security xmlns='urn:xmpp:jingle:security:xtls:0'><method name='x509'/></security></content></jingle>`;
      expect(await notice(iq(from, offer))).toEqual(refused(from));
      // Not even when they have talked to us first.
      await hush.exchange(message(from, body('hello')));
      expect(await notice(iq(from, offer))).toEqual(refused(from));
    }
  });

  test('is entered by nobody’s invitation [A16]', async () => {
    const direct = "<x xmlns='jabber:x:conference' jid='room@rooms.example.org'/>";
    for (const from of [MALLORY, FRIEND, 'room@rooms.example.test']) {
      expect(await notice(message(from, `<x xmlns='${ROOM_USER}'><invite from='${FRIEND}'><reason>come</reason></invite></x>`, ''), message(from, direct, ''))).toEqual(nothing);
    }
    expect(await notice(message(FRIEND, `${body('come to my room')}${direct}`))).toMatchObject({ messages: [{ text: 'come to my room' }], wrote: '' });
  });
});

describe('a time that others write', () => {
  const stamped = (from: string, ...stamps: (readonly [by: string | undefined, stamp: string])[]): string =>
    message(from, body('when?') + stamps.map(([by, stamp]) => `<delay xmlns='urn:xmpp:delay'${by === undefined ? '' : ` from='${by}'`} stamp='${stamp}'/>`).join(''));
  const sentAt = async (...stamps: Parameters<typeof stamped> extends [string, ...infer Rest] ? Rest : never): Promise<number | undefined> => {
    const { messages } = await notice(stamped(FRIEND, ...stamps));
    expect(messages).toHaveLength(1);
    const at = messages[0]!.parts[0]!['message-sent'];
    return at === undefined ? undefined : Number(at);
  };

  test('counts from our server and account alone, and is between 1970 and now [A17]', async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const by of [FRIEND, 'friend@example.net', 'example.net', undefined, '@@', 'example.test.example.org', 'alice@example.test/there']) expect(await sentAt([by, '2010-07-10T23:08:25Z'])).toBeUndefined();
    for (const by of ['example.test', 'alice@example.test']) expect(await sentAt([by, '2010-07-10T23:08:25Z'])).toBe(1_278_803_305);
    expect(await sentAt(['example.test', '0000-01-01T00:00:00Z'])).toBe(0);
    for (const far of ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59-23:59']) {
      const at = await sentAt(['example.test', far]);
      expect(at).toBeGreaterThanOrEqual(now);
      expect(at).toBeLessThanOrEqual(Date.now() / 1000);
    }
    for (const odd of ['1e20', '-2010-07-10T23:08:25Z', '99999-01-01T00:00:00Z', '', 'x'.repeat(10_000), '2010-07-10T23:08:25-99:99']) expect(await sentAt(['example.test', odd])).toBeUndefined();
    // A sender's own stamp in our server's name comes before the one that our server adds.
    expect(await sentAt(['example.test', '1999-01-01T00:00:00Z'], ['example.test', '2010-07-10T23:08:25Z'], [FRIEND, '2011-01-01T00:00:00Z'])).toBe(1_278_803_305);
    expect(await hush.connection.get(names.connection, 'Status')).toBe(0);
  });
});

describe('a receipt', () => {
  const asking = (from: string, id: string, type = 'chat'): string => message(from, `${body('did it come?')}<request xmlns='urn:xmpp:receipts'/>`, `type='${type}' id='${id}'`);

  test.each([MALLORY, 'star@example.net/home', 'room@rooms.example.test/friend', 'example.net', 'example.test', 'alice@example.test/there'])('is not given to %s, who may not know that we are here [D6]', async (from) => {
    expect(await notice(asking(from, 'a1'))).toMatchObject({ messages: [{ text: 'did it come?' }], wrote: '' });
    expect(await notice(message(from, "<markable xmlns='urn:xmpp:chat-markers:0'/><active xmlns='http://jabber.org/protocol/chatstates'/><attention xmlns='urn:xmpp:attention:0'/>", "type='chat' id='a2'"))).toMatchObject({ messages: [], wrote: '' });
    // The twin: a contact gets one.
    expect((await notice(asking(FRIEND, 'a3'))).wrote).toMatch(/^<message [^>]*to="friend@example\.net\/home"[^>]*><received xmlns="urn:xmpp:receipts" id="a3"\/><\/message>$/);
  });

  test('is not given for errors, for receipts, for what is in no channel, nor for what has no name; nor while nobody may see us [D6]', async () => {
    const channel = await hush.connection.ensureText('friend@example.net');
    const error = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for (const stanza of [
      message(FRIEND, `${body('x')}<request xmlns='urn:xmpp:receipts'/>${error}`, "type='error' id='e1'"),
      message(FRIEND, `${body('x')}<request xmlns='urn:xmpp:receipts'/><received xmlns='urn:xmpp:receipts' id='e2'/>`, "type='chat' id='e2'"),
      message(FRIEND, "<request xmlns='urn:xmpp:receipts'/>", "type='chat' id='e3'"),
      message(FRIEND, `${body('x')}<request xmlns='urn:xmpp:receipts'/>`, "type='chat'"),
      message(FRIEND, `${body('x')}<request xmlns='urn:xmpp:receipts'/>`, "type='groupchat' id='e4'"),
      message(FRIEND, "<received xmlns='urn:xmpp:receipts' id='e5'/>", "type='chat' id='e5'"),
    ]) expect((await notice(stanza)).wrote).toBe('');
    // Errors go back and forth for ever where anybody answers one.
    for (const id of ['1', '2', '3']) expect(await notice(message(FRIEND, error, `type='error' id='${id}'`), message(MALLORY, error, `type='error' id='${id}'`))).toEqual(nothing);
    expect((await notice(asking(FRIEND, 'a4'))).wrote).toContain('id="a4"');
    await channel.close();
  });
});

describe('an address in a message', () => {
  const everywhere = [FRIEND, MALLORY].flatMap((from) => ['127.0.0.1:TRAP', '169.254.169.254', 'pictures.example.org'].map((host) => [host, from] as const));

  test.each(everywhere)('(%s) is shown where it is text, and gone to by nobody: by %s [D8]', async (host, from) => {
    const place = host.replace('TRAP', String(trapPort));
    const url = `http://${place}/secret`;
    const content = [
      `${body(url)}<x xmlns='jabber:x:oob'><url>${url}</url></x>`,
      body(`aesgcm://${place}/x#00`),
      `${body('picture')}<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><img src='${url}'/><img src='cid:sha1+aa@bob.xmpp.org'/></body></html>`,
      `${body('file')}<reference xmlns='urn:xmpp:reference:0' type='data' uri='${url}'/><file-sharing xmlns='urn:xmpp:sfs:0'><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='${url}'/></sources></file-sharing>`,
    ];
    const { messages, wrote, went } = await notice(...content.map((one) => message(from, one)));
    expect(messages.map(({ text }) => text)).toEqual([url, `aesgcm://${place}/x#00`, 'picture', 'file']);
    expect([wrote, went]).toEqual(['', []]);
    expect(await notice(iq(from, `<query xmlns='jabber:iq:oob'><url>${url}</url></query>`))).toEqual(refused(from));
    const picture = await notice(message(from.split('/')[0], `<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:avatar:metadata'><item id='${'a'.repeat(40)}'><metadata xmlns='urn:xmpp:avatar:metadata'><info id='${'a'.repeat(40)}' bytes='10' type='image/png' url='${url}'/></metadata></item></items></event>`, "type='headline'"));
    expect([picture.wrote, picture.went]).toEqual(['', []]);
    expect(hush.events.all({ name: 'AvatarUpdated', args: (args: unknown) => (args as unknown[])[1] === 'a'.repeat(40) })).toEqual([]);
    expect((await notice()).went).toEqual([]);
  });
});
