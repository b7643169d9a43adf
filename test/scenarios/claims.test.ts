/**
 * Every claim of a channel beside its opposite, on the wire: once True because what it says was seen to hold, once False for a reason that is seen, too.
 * Alice is a hush whose server reads and writes on her line; the others are a hush of Bob's and ends of XTLS by others.
 *
 * What no test can show, and is taken from the protocol: that nobody else can compute the keys of TLS (Encrypted), nor from long-term keys and a recording alone
 * (ForwardSecret: that each session has key shares of its own and no other secret is what is seen), nor forge its records (IntegrityProtected: those tried here fail),
 * and that a judge knows as much as the tests do (Deniable: that whoever reads can write, too, is what is seen). NonRepudiable has no True: hush has no mechanism for it.
 */
import { createHash } from 'node:crypto';
import { readFileSync, watch } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { claimNames } from '../../src/security/properties.ts';
import type { Claim } from '../../src/security/properties.ts';
import type { EventQueue, HarnessEvent } from '../harness/events.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { attributeOf, blockOf, editBlocks, StanzaRelay, unchanged } from '../harness/stanza-relay.ts';
import { names, TextChannel, variants } from '../harness/telepathy-client.ts';
import { bytesOf, helloOf, keyShare, opened, preSharedKey, recordsOf, sealed, secretsOf, withoutAgreement } from '../harness/tls-records.ts';
import type { TlsRecord } from '../harness/tls-records.ts';
import { XtlsPeer } from '../harness/xtls-peer.ts';
import type { AnswerOptions, Secured, XtlsOptions } from '../harness/xtls-peer.ts';
import { arrivalOf, changesOf, claimed, contactIsThere, errorOf, isIn, Person, propertyOf, signalOf, state, T, talk } from './people.ts';
import type { Talk } from './people.ts';

/** Some claims, and no other. */
const only = (...claims: Claim[]): string[] => claimNames.filter((claim) => claims.includes(claim));
const always = ['Encrypted', 'IntegrityProtected', 'Complete', 'ReplayProtected', 'ForwardSecret', 'Deniable'] as const;
/** A session of the full profile with somebody never met before. */
const met = only(...always, 'WeaklyAuthenticated', 'WeaklyAnonymous', 'DowngradeResistant');
const metWithout = (claim: Claim): string[] => met.filter((name) => name !== claim);
const metAnd = (...claims: Claim[]): string[] => claimNames.filter((claim) => met.includes(claim) || claims.includes(claim));
const metAnonymously = only(...always, 'WeaklyAnonymous', 'StronglyAnonymous', 'DowngradeResistant');
/** A session as the draft has it, with fingerprints. */
const drafted = only(...always, 'WeaklyAuthenticated');
const nothing: string[] = [];

let prosody: Prosody;
/** Alice's line, in the hands of her server. */
let line: StanzaRelay;
let alice: Person;
let bob: Person;
/** The full JID of Alice's client. */
let aliceAt: string;
/** Ends of XTLS by others: with the profile, with the draft only, and a client that knows nothing of either. */
let eve: XtlsPeer;
let dora: XtlsPeer;
let nora: XtlsPeer;
let events: EventQueue;
let folder: string;
/** What had been on the line, and in the server's log, when the test began. */
let began: { passed: number; logged: number };

/** What is to be stopped in the end, however far the beginning came. */
const ends: (() => Promise<void>)[] = [];
async function owned<T>(thing: Promise<T>, end: (thing: T) => Promise<void>): Promise<T> {
  const made = await thing;
  ends.push(() => end(made));
  return made;
}

beforeAll(async () => {
  const users = ['alice', 'bob', 'eve', 'dora', 'nora'];
  folder = await owned(mkdtemp(join(tmpdir(), 'hush-claims-')), (path) => rm(path, { recursive: true, force: true }));
  const accounts = Object.fromEntries(users.map((user) => [user, user]));
  prosody = await owned(startProsody({ users: accounts, logStanzas: true, requireEncryption: false, withoutModules: ['smacks'] }), (server) => server.stop());
  await prosody.presetRoster('alice', users.slice(1).map((user) => ({ jid: prosody.jid(user) })));
  for (const user of users.slice(1)) await prosody.presetRoster(user, [{ jid: prosody.jid('alice') }]);
  line = await owned(StanzaRelay.start(prosody.port), (relay) => relay.stop());
  const keyLog = (user: string): { nodeOptions: string[] } => ({ nodeOptions: ['--no-warnings', `--tls-keylog=${join(folder, user)}`] });
  const arrive = (user: string, parameters = {}): Promise<Person> => owned(Person.arrive(user, prosody, { ...keyLog(user), parameters }), (person) => person.leave());
  [alice, bob] = await Promise.all([arrive('alice', { port: line.port, 'require-encryption': false }), arrive('bob')]);
  events = alice.client.events;
  const connect = (user: string): Promise<XtlsPeer> => owned(XtlsPeer.connect(prosody, events, user, user), (peer) => peer.stop());
  [eve, dora, nora] = (await Promise.all(['eve', 'dora', 'nora'].map(connect))) as [XtlsPeer, XtlsPeer, XtlsPeer];
  for (const [peer, announced] of [[eve, 'profile'], [dora, 'draft'], [nora, 'nothing']] as const) {
    await peer.presence(announced);
    const seen = await events.expect({ source: peer.name, name: 'presence', type: 'available', from: (from: string) => from.startsWith(`${alice.jid}/`) });
    aliceAt = seen['from'] as string;
    await peer.settle(aliceAt);
  }
  await Promise.all([alice.hasIdentity(), bob.hasIdentity(), contactIsThere(alice.connection, bob.jid), contactIsThere(bob.connection, alice.jid)]);
}, 60_000);
afterAll(async () => {
  const failures: unknown[] = [];
  for (const end of ends.reverse()) await end().catch((error: unknown) => failures.push(error));
  expect(failures).toEqual([]);
});
/** All conversations are over, nobody is remembered, and the server does its work again. */
beforeEach(async () => {
  line.edit = unchanged;
  for (const person of [alice, bob]) {
    for (let channels = await channelsOf(person); channels.length > 0; channels = await channelsOf(person)) await channels[0]!.call(names.destroyable, 'Destroy');
  }
  await bob.connection.call(names.security, 'ForgetPeer', alice.jid);
  for (const jid of [bob.jid, eve.bareJid, dora.bareJid, nora.bareJid]) await alice.connection.call(names.security, 'ForgetPeer', jid);
  for (const peer of [eve, dora, nora]) await peer.accept();
  began = { passed: line.passed.length, logged: prosody.log().length };
});

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
const from = (peer: XtlsPeer, name: string, details: Readonly<Record<string, unknown>> = {}) => ({ source: peer.name, name, ...details });
const scope = (channel: TextChannel): Promise<unknown> => channel.get(names.securable, 'DeniabilityScope');

async function channelsOf({ connection }: Person): Promise<TextChannel[]> {
  return ((await connection.get(names.requests, 'Channels')) as [string][]).map(([path]) => new TextChannel(connection, path));
}

/** Asks Alice's hush for a channel with these claims. */
async function ask(jid: string, ...claims: string[]): Promise<TextChannel> {
  const demands = Object.fromEntries(claims.map((claim) => [`${names.securable}.${claim}`, true]));
  const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: jid, ...demands });
  const [, path] = await alice.connection.call(names.requests, 'EnsureChannel', request);
  return new TextChannel(alice.connection, path as string);
}

interface Meeting {
  readonly channel: TextChannel;
  readonly sid: string;
  readonly secure: Secured;
}

/** A session that Alice's hush starts with an end by others, secure at both. */
async function started(peer: XtlsPeer, answer: AnswerOptions = {}, ...claims: string[]): Promise<Meeting> {
  await peer.accept(answer);
  const channel = await ask(peer.bareJid, 'Encrypted', ...claims);
  const secure = await events.expect<Secured>(from(peer, 'secure', { with: aliceAt, sid: (sid: string) => events.all(from(peer, 'ended', { sid })).length === 0 }));
  return { channel, secure, sid: secure.sid };
}

/** The same started by the other; the channel is the one that a first message opens. */
async function welcomed(peer: XtlsPeer, options: XtlsOptions = {}): Promise<Meeting> {
  const sid = await peer.offer(aliceAt, options);
  const secure = await events.expect<Secured>(from(peer, 'secure', { sid }));
  const arrival = arrivalOf(alice.connection, 'it is me');
  await peer.message(sid, 'it is me');
  return { channel: (await arrival).incoming, secure, sid };
}

/** Alice and Bob over a session, with nothing on its way any more. */
async function secured(text = 'hello', ...claims: string[]): Promise<Talk> {
  const conversation = await talk(alice, bob, text, Object.fromEntries(['Encrypted', ...claims].map((claim) => [`${names.securable}.${claim}`, true])));
  const report = conversation.out.received(({ parts: [header] }) => header?.['message-type'] === 4);
  await conversation.out.call(names.messages, 'SendMessage', [variants({}), variants({ 'content-type': 'text/plain', content: 'is all well?' })], 1);
  await report;
  return conversation;
}

/** What the certificate said that an end by others was shown last. */
function shownTo(peer: XtlsPeer): { certificate: { fingerprint: string; addresses: string[]; spki: string }; certificateDer: string } {
  return events.all(from(peer, 'tls')).at(-1) as unknown as ReturnType<typeof shownTo>;
}

async function identity(): Promise<string> {
  return ((await alice.connection.get(names.security, 'IdentityFingerprint')) as string).replaceAll(' ', '').toLowerCase();
}

/** Texts of messages that Alice is shown from now on. */
function shown(): string[] {
  const texts: string[] = [];
  alice.connection.bus.subscribe({ sender: alice.connection.busName, interface: names.messages, member: 'MessageReceived' }, ({ body }) => {
    const [header, ...parts] = body[0] as [Map<string, { value: unknown }>, ...Map<string, { value: unknown }>[]];
    if (!header.has('message-type') || header.get('message-type')!.value === 0) texts.push(parts.map((part) => String(part.get('content')?.value)).join(''));
  });
  return texts;
}

/** An unprotected message of a contact whose client can do no more. */
const plainly = (text: string): Promise<void> => nora.raw(`<message to='${aliceAt}' type='chat' id='${createHash('sha1').update(text).digest('hex')}'><body>${text}</body></message>`);

/** The bytes of the last session on Alice's line. */
function recorded(): Record<'in' | 'out', TlsRecord[]> {
  const begin = line.passed.findLastIndex(({ xml }) => xml.includes('session-initiate'));
  const bytes = (way: 'in' | 'out'): Buffer => Buffer.concat(line.passed.slice(begin).flatMap((passing) => (passing.way === way ? [blockOf(passing.xml) ?? Buffer.alloc(0)] : [])));
  return { in: recordsOf(bytes('in')), out: recordsOf(bytes('out')) };
}

const secretOfClient = 'CLIENT_TRAFFIC_SECRET_0';
const secretOfServer = 'SERVER_TRAFFIC_SECRET_0';

/** The secrets of a session at one of its ends, which nobody else has: hush was started to log them. */
function secretsAt({ user }: Person, random: Buffer): Promise<ReadonlyMap<string, Buffer>> {
  const file = join(folder, user);
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const secrets = secretsOf(readFileSync(file, 'utf8'), random);
      if (!secrets.has(secretOfClient) || !secrets.has(secretOfServer)) return;
      stop();
      resolve(secrets);
    };
    const watcher = watch(file, look);
    const timer = setTimeout(() => {
      stop();
      reject(new Error(`${user} has no secrets of this session`));
    }, 10_000);
    const stop = (): void => {
      clearTimeout(timer);
      watcher.close();
    };
    look();
  });
}

/** What was said inside the last session, which Alice began: only this test can read it. */
async function overheard(): Promise<Record<'in' | 'out', string>> {
  const records = recorded();
  const secrets = await secretsAt(alice, helloOf(records.out).random);
  return { in: opened(records.in, secrets.get(secretOfServer)!).join(''), out: opened(records.out, secrets.get(secretOfClient)!).join('') };
}

/** Whether the server could see such bytes in this test: as they are, in hexadecimal or base64, in blocks or beside them. */
function isOnLine(bytes: Buffer): boolean {
  const passed = line.passed.slice(began.passed).map(({ xml }) => xml);
  const blocks = Buffer.concat(passed.map((xml) => blockOf(xml) ?? Buffer.alloc(0)));
  const text = (prosody.log().slice(began.logged) + passed.join('')).toLowerCase().replaceAll(':', '');
  return blocks.includes(bytes) || text.includes(bytes.toString('hex')) || text.includes(bytes.toString('base64').toLowerCase());
}

describe('Encrypted', () => {
  test('True: the server carries it all and has no word of it', async () => {
    const { out, incoming } = await secured('canary under seal');
    const reply = out.received();
    await incoming.send('canary in return');
    await reply;
    for (const channel of [out, incoming]) expect(await claimed(channel)).toEqual(met);
    for (const canary of ['canary under seal', 'canary in return']) {
      expect(isIn(prosody.log(), canary)).toBe(false);
      expect(isIn(line.passed.map(({ xml }) => xml).join(''), canary)).toBe(false);
    }
  });

  test('False: the client of the contact knows nothing of it, and the server reads along', async () => {
    const channel = await alice.connection.ensureText(nora.bareJid);
    await channel.send('canary in clear');
    await events.expect(from(nora, 'plaintext', { body: 'canary in clear' }));
    expect(await claimed(channel)).toEqual(nothing);
    expect(isIn(prosody.log(), 'canary in clear')).toBe(true);
  });

  test('False: it was switched off with one who could, and the server reads along', async () => {
    const { out, message } = await talk(alice, bob, 'canary not sealed', { [`${names.securable}.Encrypted`]: false });
    expect(message.parts[0]).toMatchObject({ 'security-mechanism': '' });
    expect(await claimed(out)).toEqual(nothing);
    expect(isIn(prosody.log(), 'canary not sealed')).toBe(true);
  });
});

/** What the server does with the first of two messages, or with both: `change` and `forge` are what it can, knowing no key. */
type Act = <Item>(item: Item, tools: { readonly change: (item: Item) => Item; readonly forge: () => Item; readonly held: Item[] }) => Item[];
const acts: readonly [name: string, act: Act, claim: Claim, plain: readonly string[], sealed: readonly string[]][] = [
  ['changes', (item, { change }) => [change(item)], 'IntegrityProtected', ['give him 9', 'and that is all'], []],
  ['deletes', () => [], 'IntegrityProtected', ['and that is all'], []],
  ['repeats', (item) => [item, item], 'ReplayProtected', ['give him 1', 'give him 1', 'and that is all'], ['give him 1']],
  ['forges one before', (item, { forge }) => [forge(), item], 'IntegrityProtected', ['forged', 'give him 1', 'and that is all'], []],
  ['swaps', (item, { held }) => (held.push(item) === 1 ? [] : held.splice(0).reverse()), 'IntegrityProtected', ['and that is all', 'give him 1'], []],
];

test('a server that carries what it could have changed: the twin of the acts that follow', async () => {
  const { out, incoming } = await secured();
  const texts = shown();
  line.edit = editBlocks(line, (block) => [block]);
  const last = arrivalOf(alice.connection, 'and that is all');
  for (const text of ['give him 1', 'and that is all']) await incoming.send(text);
  await last;
  expect(texts).toEqual(['give him 1', 'and that is all']);
  expect(await claimed(out)).toEqual(met);
});

describe.each(acts)('a server that %s a message', (name, act, claim, plain, sealedUp) => {
  /** The act, done to what is carried until it is done. */
  const once = <Item>(tools: Omit<Parameters<typeof act<Item>>[1], 'held'>): ((item: Item) => Item[]) => {
    const held: Item[] = [];
    let count = 0;
    return (item) => (count++ < (name === 'swaps' ? 2 : 1) ? act(item, { ...tools, held }) : [item]);
  };

  test(`${claim} True: the session ends as not authenticated, and nothing is shown that was not said so [G2]`, async () => {
    const { out, incoming } = await secured();
    expect(await claimed(out)).toEqual(met);
    const [texts, changes] = [shown(), changesOf(out, names.securable)];
    line.edit = editBlocks(line, once<Buffer>({
      change: (block) => Buffer.concat([block.subarray(0, -1), Buffer.from([block.at(-1)! ^ 1])]),
      forge: () => bytesOf(sealed('<message type="chat"><body>forged</body></message>', Buffer.alloc(32), 0)),
    }));
    const passed = line.next('in', /<data /);
    await incoming.send('give him 1');
    await passed;
    const over = propertyOf(out, names.securable, 'State', () => changes.some(({ State }) => State === 3));
    // Who sends it may know by now that it is over.
    await incoming.send('and that is all').catch((error: unknown) => expect((error as Error).name).toMatch(/EncryptionError$/));
    await over;
    expect(changes).toContainEqual(expect.objectContaining({ State: 3, EndReason: 'unauthenticated' }));
    expect(texts).toEqual(sealedUp);
    expect(await errorOf(out.send('into the void'))).toBe(`${T}EncryptionError`);
  });

  test(`${claim} False: in clear, nobody notices`, async () => {
    const texts = shown();
    let number = 0;
    const edit = once<string>({
      change: (xml) => xml.replace('give him 1', 'give him 9'),
      forge: () => `<message from='${nora.jid}' to='${aliceAt}' type='chat'><body>forged</body></message>`,
    });
    // Under other ids, for clients that know those.
    line.edit = ({ way, xml }) => (way === 'in' && xml.startsWith('<message') ? edit(xml).map((each) => each.replace(/\bid='[^']*'/, `id='n${number++}'`)) : [xml]);
    const last = arrivalOf(alice.connection, plain.at(-1)!);
    await plainly('give him 1');
    await plainly('and that is all');
    const { incoming } = await last;
    expect(texts).toEqual(plain);
    expect(await claimed(incoming)).toEqual(nothing);
    expect(await incoming.getAll(names.securable)).toMatchObject({ State: 0, EndReason: '' });
  });
});

describe('ReplayProtected, of what an earlier conversation said', () => {
  test('True: its bytes open nothing in the next one, with the same keys', async () => {
    const first = await secured();
    const block = line.next('in', /<data /);
    await first.incoming.send('give him 1');
    const old = blockOf(await block)!;
    const key = await first.out.get(names.peerAuthentication, 'RemoteFingerprint');
    await first.out.call(names.securable, 'End');
    await state(first.incoming, 3);
    const { out, incoming } = await secured('hello again');
    expect(await out.get(names.peerAuthentication, 'RemoteFingerprint')).toBe(key);
    expect(await claimed(out)).toEqual(metAnd('KeyContinuity'));
    const [texts, changes] = [shown(), changesOf(out, names.securable)];
    line.edit = editBlocks(line, (now) => [old, now]);
    await incoming.send('well?');
    await propertyOf(out, names.securable, 'State', () => changes.some(({ State }) => State === 3));
    expect(changes).toContainEqual(expect.objectContaining({ State: 3, EndReason: 'unauthenticated' }));
    expect(texts).toEqual([]);
  });

  test('False: in clear, what was said yesterday is said again', async () => {
    const texts = shown();
    const said = Promise.all([line.next('in', /give him 1</), arrivalOf(alice.connection, 'give him 1')]);
    await plainly('give him 1');
    const old = (await said)[0].replace(/\bid='[^']*'/, "id='tomorrow'");
    for (const channel of await channelsOf(alice)) await channel.call(names.destroyable, 'Destroy');
    const again = arrivalOf(alice.connection, 'give him 1');
    line.inject('in', old);
    expect(await claimed((await again).incoming)).toEqual(nothing);
    expect(texts).toEqual(['give him 1', 'give him 1']);
  });
});

describe('Complete', () => {
  test('True: an end that the contact wrote is told from one that the server made, who kept the last words back [G1]', async () => {
    const honest = await secured();
    const last = arrivalOf(alice.connection, 'the last word');
    await honest.incoming.send('the last word');
    await honest.incoming.call(names.securable, 'End');
    await last;
    await state(honest.out, 3);
    expect(await honest.out.get(names.securable, 'EndReason')).toBe('clean');
    await honest.out.close();

    const { out, incoming } = await secured('once more');
    expect(await claimed(out)).toEqual(metAnd('KeyContinuity'));
    const [texts, changes] = [shown(), changesOf(out, names.securable)];
    line.edit = editBlocks(line, () => []);
    const cut = line.next('in', /<data /);
    await incoming.send('the last word, again');
    const block = await cut;
    const offer = line.passed.findLast(({ xml }) => xml.includes('session-initiate'))!.xml;
    const sid = attributeOf(/<jingle .*/s.exec(offer)![0], 'sid');
    line.inject('in', `<iq type='set' id='end' from='${attributeOf(block, 'from')}' to='${aliceAt}'><jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='${sid}'><reason><success/></reason></jingle></iq>`);
    await propertyOf(out, names.securable, 'State', () => changes.some(({ State }) => State === 3));
    expect(changes).toContainEqual(expect.objectContaining({ State: 3, EndReason: 'unauthenticated' }));
    expect(texts).toEqual([]);
  });

  test('False: in clear, nobody misses what the server keeps back before the contact goes', async () => {
    const channel = await alice.connection.ensureText(nora.bareJid);
    const first = arrivalOf(alice.connection, 'a word');
    await plainly('a word');
    await first;
    const texts = shown();
    line.edit = ({ way, xml }) => (way === 'in' && xml.startsWith('<message') ? [] : [xml]);
    const kept = line.next('in', /the last word/);
    await plainly('the last word');
    await kept;
    const handle = await alice.connection.handle(nora.bareJid);
    const gone = alice.connection.signal('PresencesChanged', ([presences]) => (presences as Map<number, [number]>).get(handle)?.[0] === 1);
    await nora.raw("<presence type='unavailable'/>");
    await gone;
    expect(texts).toEqual([]);
    expect(await claimed(channel)).toEqual(nothing);
    expect(await channel.getAll(names.securable)).toMatchObject({ State: 0, EndReason: '' });
    await nora.presence('nothing');
    await nora.settle(aliceAt);
  });
});

describe('Verified', () => {
  /** The number that the other sees, read aloud. */
  const numberAt = (channel: TextChannel): Promise<string> => channel.get(names.peerAuthentication, 'SafetyNumber') as Promise<string>;
  const confirm = (channel: TextChannel, number: string): Promise<string> => errorOf(channel.call(names.peerAuthentication, 'ConfirmSafetyNumber', number));

  test('True: the number that Bob reads from his own channel is confirmed', async () => {
    const { out, incoming } = await secured();
    expect(await claimed(out)).toEqual(met);
    expect(await confirm(out, await numberAt(incoming))).toBe('no error');
    expect(await claimed(out)).toEqual(metAnd('Verified'));
    // Who confirmed nothing has nothing confirmed.
    expect(await claimed(incoming)).toEqual(met);
  });

  test('False: the number confirmed is another', async () => {
    const { out, incoming } = await secured();
    const number = await numberAt(incoming);
    expect(await confirm(out, number.replace(/\d/, (digit) => String((Number(digit) + 1) % 10)))).toBe(`${T}InvalidArgument`);
    expect(await claimed(out)).toEqual(met);
  });

  test('False with another secret, True with the same', async () => {
    const { channel } = await started(eve);
    for (const [secret, outcome, claims] of [['Porto', [false, `${T}AuthenticationFailed`], met], ['Lisbon', [true, ''], metAnd('Verified')]] as const) {
      await eve.share(secret);
      const concluded = signalOf(channel, 'SharedSecretConcluded');
      await channel.call(names.peerAuthentication, 'StartSharedSecret', 'Where?', 'Lisbon');
      expect(await concluded).toEqual(outcome);
      expect(await claimed(channel)).toEqual(claims);
    }
  });

  test.each([
    ['with keys of its own', {}, met],
    ['with fingerprints of its own in the place of theirs', { profile: false }, drafted],
  ] as const)('False: whoever owns the servers is in the middle, %s: all else is claimed of that end, but numbers and secrets differ [G4 G5]', async (_, options, claims) => {
    // As its owner can: logged in for both.
    const asBob = await XtlsPeer.connect(prosody, events, 'bob', 'bob', { name: 'as Bob', resource: 'middle' });
    const asAlice = await XtlsPeer.connect(prosody, bob.client.events, 'alice', 'alice', { name: 'as Alice', resource: 'middle' });
    try {
      const announced = 'profile' in options ? 'draft' : 'profile';
      await Promise.all([asBob.presence(announced), asAlice.presence(announced)]);
      const { channel: atAlice } = await welcomed(asBob, options);
      const seen = await bob.client.events.expect({ source: 'as Alice', name: 'presence', type: 'available', from: (jid: string) => jid.startsWith(`${bob.jid}/`) && jid !== asBob.jid });
      const sid = await asAlice.offer(seen['from'] as string, options);
      await bob.client.events.expect(from(asAlice, 'secure', { sid }));
      const arrival = arrivalOf(bob.connection, 'it is me, Alice');
      await asAlice.message(sid, 'it is me, Alice');
      const { incoming: atBob } = await arrival;

      for (const channel of [atAlice, atBob]) expect(await claimed(channel)).toEqual(claims);
      // Everything is said as it was, and read on its way.
      await atAlice.send('canary for two');
      await events.expect(from(asBob, 'message', { body: 'canary for two' }));
      expect(await numberAt(atAlice)).not.toBe(await numberAt(atBob));
      expect(await confirm(atAlice, await numberAt(atBob))).toBe(`${T}InvalidArgument`);
      if (announced === 'profile') {
        await asBob.share('I do not know it');
        const concluded = signalOf(atAlice, 'SharedSecretConcluded');
        await atAlice.call(names.peerAuthentication, 'StartSharedSecret', 'Where?', 'Lisbon');
        expect(await concluded).toEqual([false, `${T}AuthenticationFailed`]);
      }
      expect(await claimed(atAlice)).toEqual(claims);
    } finally {
      await Promise.all([asBob.stop(), asAlice.stop()]);
    }
  });
});

describe('WeaklyAuthenticated', () => {
  /** The commitments that the server saw are those to these keys, with salts that it did not see. */
  const keysCommittedTo = async (): Promise<string[]> => {
    const inside = await overheard();
    const signalled = line.passed.slice(began.passed).filter(({ xml }) => xml.includes('commitment='));
    expect(signalled.map(({ way }) => way)).toEqual(['out', 'in']);
    return signalled.map(({ way, xml }) => `${/commitment=["']([^"']+)/.exec(xml)![1]!} ${/<reveal [^>]*>([^<]+)</.exec(inside[way])![1]!}`);
  };
  const opensTo = (commitment: string, spki: string): boolean => {
    const [hash, salt] = commitment.split(' ').map((text) => Buffer.from(text, 'base64')) as [Buffer, Buffer];
    expect(isOnLine(salt)).toBe(false);
    return sha256(Buffer.concat([salt, Buffer.from(spki, 'hex')])).equals(hash);
  };

  test('True: the keys are those that were committed to on the way through the servers; who shows another is refused', async () => {
    const { channel, secure } = await started(eve);
    expect(secure.commitments).toEqual([true, true]);
    expect(await claimed(channel)).toEqual(met);
    const [ours, theirs] = await keysCommittedTo();
    expect([opensTo(ours!, secure.peerSpki), opensTo(theirs!, secure.ownSpki)]).toEqual([true, true]);
    expect(opensTo(theirs!, secure.peerSpki)).toBe(false);
    await over(eve);
    for (const what of ['commitment-changed', 'reveal-of-another-salt']) {
      await eve.accept({ misbehave: [what] });
      expect(await errorOf(ask(eve.bareJid, 'Encrypted'))).toBe(`${T}EncryptionError`);
    }
  });

  test('True where the other began it, and committed as well', async () => {
    const { channel, secure } = await welcomed(eve);
    expect(secure.commitments).toEqual([true, true]);
    expect(await claimed(channel)).toEqual(met);
  });

  test('False: the other committed to no key', async () => {
    const { channel, secure } = await started(eve, { commit: false });
    expect(secure.commitments).toEqual([true, false]);
    expect(await claimed(channel)).toEqual(metWithout('WeaklyAuthenticated'));
  });

  test('False: nor did anybody whom nobody is to know', async () => {
    const { channel, secure } = await started(eve, {}, 'StronglyAnonymous');
    expect(secure.commitments).toEqual([false, false]);
    expect(await claimed(channel)).toEqual(metAnonymously);
  });

  test('True: the fingerprint that was signalled is that of the key; False: none was; refused: the server put another in its place [G5]', async () => {
    expect(await claimed((await started(dora)).channel)).toEqual(drafted);
    await over(dora);
    expect(await claimed((await started(dora, { fingerprint: false })).channel)).toEqual(drafted.filter((claim) => claim !== 'WeaklyAuthenticated'));
    await over(dora);
    await dora.accept();
    line.edit = ({ way, xml }) => [way === 'in' ? xml.replace(/(<fingerprint [^>]*>)(.)/, (_, tag: string, digit: string) => `${tag}${digit === '0' ? '1' : '0'}`) : xml];
    expect(await errorOf(ask(dora.bareJid, 'Encrypted'))).toBe(`${T}Cert.FingerprintMismatch`);
  });
});

/** Alice forgets a peer, and whatever was said with it is over. */
async function over(peer: XtlsPeer): Promise<void> {
  for (const channel of await channelsOf(alice)) {
    if ((await channel.get(names.channel, 'TargetID')) === peer.bareJid) await channel.call(names.destroyable, 'Destroy');
  }
  await alice.connection.call(names.security, 'ForgetPeer', peer.bareJid);
}

describe('KeyContinuity', () => {
  /** As a contact does who goes and comes back. */
  const meet = async (): Promise<Meeting> => {
    const meeting = await started(eve);
    await meeting.channel.call(names.securable, 'End');
    return meeting;
  };

  test('False at first; True when the same key comes again; False when it comes back with a new one', async () => {
    const first = await meet();
    expect(await claimed(first.channel)).toEqual(met);
    const second = await meet();
    expect(second.secure.ownSpki).toBe(first.secure.ownSpki);
    expect(await claimed(second.channel)).toEqual(metAnd('KeyContinuity'));
    await eve.renew();
    const third = await meet();
    expect(third.secure.ownSpki).not.toBe(first.secure.ownSpki);
    expect(await claimed(third.channel)).toEqual(met);
  });

  test('False without a name: a key that nobody will see again', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { channel } = await started(eve, {}, 'StronglyAnonymous');
      expect(await claimed(channel)).toEqual(metAnonymously);
      await channel.call(names.securable, 'End');
    }
  });
});

describe('WeaklyAnonymous', () => {
  test('True: the server saw neither key nor certificate, nor what can be computed from them; and no two meetings look alike', async () => {
    const commitments: string[][] = [];
    for (let round = 0; round < 2; round += 1) {
      const { channel, secure } = await started(eve);
      expect(await claimed(channel)).toEqual(round === 0 ? met : metAnd('KeyContinuity'));
      const certificate = Buffer.from(shownTo(eve).certificateDer, 'hex');
      for (const spki of [secure.ownSpki, secure.peerSpki]) for (const bytes of [Buffer.from(spki, 'hex'), sha256(Buffer.from(spki, 'hex'))]) expect(isOnLine(bytes)).toBe(false);
      for (const bytes of [certificate, sha256(certificate)]) expect(isOnLine(bytes)).toBe(false);
      commitments.push(line.passed.slice(line.passed.findLastIndex(({ xml }) => xml.includes('session-initiate'))).flatMap(({ xml }) => /commitment=["']([^"']+)["']/.exec(xml)?.[1] ?? []));
      await channel.call(names.securable, 'End');
    }
    expect(commitments.map((both) => both.length)).toEqual([2, 2]);
    expect(new Set(commitments.flat()).size).toBe(4);
  });

  test('False: fingerprints were signalled as the draft has it, and the server knows them', async () => {
    const { channel } = await started(dora);
    expect(await claimed(channel)).toEqual(drafted);
    expect(isOnLine(sha256(Buffer.from(shownTo(dora).certificateDer, 'hex')))).toBe(true);
    // To have it is to say nothing to her.
    await over(dora);
    expect(await errorOf(ask(dora.bareJid, 'WeaklyAnonymous'))).toBe(`${T}WouldBreakAnonymity`);
  });
});

describe('StronglyAnonymous', () => {
  test('False: whoever the server puts at the other end, with a key of their own, is shown who is calling; only the message can be denied', async () => {
    const { channel } = await started(eve, { key: 'p-256' });
    expect(await claimed(channel)).toEqual(met);
    expect(shownTo(eve).certificate).toMatchObject({ addresses: [alice.jid], fingerprint: await identity() });
    expect(await scope(channel)).toBe('message');
  });

  test('True: they are shown a key without a name, another one each time; having taken part can be denied', async () => {
    const keys = new Set<string>([await identity()]);
    for (let round = 0; round < 2; round += 1) {
      const { channel } = await started(eve, { key: 'p-256' }, 'StronglyAnonymous');
      expect(await claimed(channel)).toEqual(metAnonymously);
      expect(await scope(channel)).toBe('participation');
      const { certificate, certificateDer } = shownTo(eve);
      expect(certificate.addresses).toEqual([]);
      expect(Buffer.from(certificateDer, 'hex').includes('alice')).toBe(false);
      keys.add(certificate.fingerprint);
      await over(eve);
    }
    expect(keys.size).toBe(3);
  });
});

describe('DeniabilityScope', () => {
  test('"message", as long as Deniable is claimed: after the end, too', async () => {
    const { out } = await secured('to be denied');
    expect(await scope(out)).toBe('message');
    await out.call(names.securable, 'End');
    await state(out, 3);
    expect(await claimed(out)).toContain('Deniable');
    expect(await scope(out)).toBe('message');
  });

  test('"none": the server has it in writing who said what; no claim is made', async () => {
    const channel = await alice.connection.ensureText(nora.bareJid);
    await channel.send('a word of mine');
    const heard = await events.expect<HarnessEvent & { from: string }>(from(nora, 'plaintext', { body: 'a word of mine' }));
    expect(heard.from).toBe(aliceAt);
    expect(line.passed.some(({ way, xml }) => way === 'out' && xml.includes('a word of mine'))).toBe(true);
    expect(await claimed(channel)).toEqual(nothing);
    expect(await scope(channel)).toBe('none');
  });
});

describe('ForwardSecret and Deniable', () => {
  test('True: keys are agreed on anew each time, and what opens one recording does not open another; who can read can write, too', async () => {
    const meetings: { records: TlsRecord[]; secret: Buffer; share: Buffer; fingerprint: unknown }[] = [];
    for (const canary of ['canary one', 'canary two']) {
      const { out, incoming } = await secured(canary);
      expect(await claimed(out)).toEqual(canary === 'canary one' ? met : metAnd('KeyContinuity'));
      expect(await out.get(names.securable, 'Details')).toMatchObject({ 'tls-version': 'TLSv1.3', 'cipher-suite': 'TLS_AES_128_GCM_SHA256', 'key-agreement': 'X25519' });
      // X25519 in the answer, and no key from before.
      const { in: towards, out: records } = recorded();
      const [ours, theirs] = [helloOf(records), helloOf(towards)];
      for (const { extensions } of [ours, theirs]) expect(extensions.has(preSharedKey)).toBe(false);
      const share = theirs.extensions.get(keyShare)!;
      expect(share.readUInt16BE(0)).toBe(29);
      const secret = (await secretsAt(alice, ours.random)).get(secretOfClient)!;
      // Both ends have it.
      expect((await secretsAt(bob, ours.random)).get(secretOfClient)).toEqual(secret);
      meetings.push({ records, secret, share, fingerprint: await out.get(names.peerAuthentication, 'RemoteFingerprint') });
      await out.call(names.securable, 'End');
      await state(incoming, 3);
    }
    const [one, two] = meetings as [(typeof meetings)[0], (typeof meetings)[0]];
    // Long-term keys are the same, those agreed on are not.
    expect(one.fingerprint).toBe(two.fingerprint);
    expect(one.share).not.toEqual(two.share);
    // The recordings are all there: each is opened by its own secret, which nobody keeps, and not by the other.
    const texts = opened(one.records, one.secret);
    expect(texts.join('')).toContain('<body>canary one</body>');
    expect(opened(two.records, two.secret).join('')).toContain('<body>canary two</body>');
    expect([...opened(one.records, two.secret), ...opened(two.records, one.secret)]).toEqual([]);

    // Bob, who has read it, writes into the recording what Alice never said, and it reads as if she had.
    const never = '<message type="chat"><body>Alice owes Bob a thousand</body></message>';
    const forged = sealed(never, one.secret, texts.length);
    expect(opened([...one.records, forged], one.secret)).toEqual([...texts, never]);
    // Who has taken no part cannot.
    expect(opened([...one.records, sealed(never, two.secret, texts.length)], one.secret)).toEqual(texts);
  });

  /** hush has not even answered with a hello of its own. */
  const isRefused = async (): Promise<void> => {
    expect(recorded().out.filter(({ header, body }) => header[0] === 22 && body[0] === 2)).toEqual([]);
    for (const channel of await channelsOf(alice)) expect(await claimed(channel)).toEqual(nothing);
  };

  test('ForwardSecret False: who knows a key from before and will agree on none is not met at all', async () => {
    line.edit = editBlocks(line, (block) => (block[0] === 22 && block[5] === 1 ? [bytesOf(withoutAgreement(recordsOf(block)[0]!))] : [block]));
    const sid = await eve.offer(aliceAt);
    await events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
    await isRefused();
    // The twin: with the hello as it was.
    line.edit = unchanged;
    expect(await claimed((await welcomed(eve)).channel)).toEqual(met);
    expect(recorded().out[0]!.body[0]).toBe(2);
  });

  test('ForwardSecret False: TLS that can do without, 1.2 with an RSA key, is not spoken at all, neither as client nor as server', async () => {
    const old = { key: 'rsa-2048', misbehave: ['tls-1.2-only'] };
    const sid = await eve.offer(aliceAt, old);
    await events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
    await isRefused();
    await eve.accept(old);
    expect(await errorOf(ask(eve.bareJid, 'Encrypted'))).toBe(`${T}EncryptionError`);
    await isRefused();
  });

  test('both False: in clear, the recording is the text, and says whose', async () => {
    const channel = await alice.connection.ensureText(nora.bareJid);
    await channel.send('canary on record');
    await events.expect(from(nora, 'plaintext', { body: 'canary on record', from: aliceAt }));
    expect(isIn(line.passed.map(({ xml }) => xml).join(''), 'canary on record')).toBe(true);
    expect(await claimed(channel)).toEqual(nothing);
  });
});

describe('NonRepudiable', () => {
  test('False always: nothing gives it, asked for before or on a channel, and with its opposite it is nonsense', async () => {
    const began = line.passed.length;
    expect(await errorOf(ask(eve.bareJid, 'NonRepudiable'))).toBe(`${T}NotImplemented`);
    expect(await errorOf(ask(eve.bareJid, 'Deniable', 'NonRepudiable'))).toBe(`${T}InvalidArgument`);
    // Before anything was said to anybody.
    expect(line.passed.slice(began).filter(({ way, xml }) => way === 'out' && xml.includes(eve.bareJid))).toEqual([]);
    const { channel } = await started(eve);
    expect(await errorOf(channel.call(names.securable, 'Require', ['NonRepudiable']))).toBe(`${T}NotImplemented`);
    expect(await claimed(channel)).toEqual(met);
    expect(await channel.getAll(names.securable)).toMatchObject({ State: 2, NonRepudiable: false, RequiredProperties: ['Encrypted'] });
  });
});

describe('DowngradeResistant', () => {
  /** The server puts a method beside the one that is offered, whoever offers. */
  const srpToo = (): void => {
    line.edit = ({ xml }) => [xml.includes('session-initiate') ? xml.replace(/<method name=["']x509["']\/>/, '$&<method name="srp"/>') : xml];
  };
  const sawSrp = (peer: XtlsPeer): boolean => events.all(from(peer, 'stanza', { way: 'in', xml: /session-initiate.*srp/s })).length > 0;

  /** Eve comes again; what her client can do, the server tells as it is or without the profile. */
  const comes = async (hidden: boolean): Promise<void> => {
    const edit = (xml: string): string => xml.replace(/<feature [^>]*urn:x-telepathy-hush:xtls:1[^>]*>(<\/feature>)?/, '').replace(/<c\b[^>]*>(<\/c>)?/, '');
    line.edit = ({ way, xml }) => [hidden && way === 'in' && attributeOf(xml, 'from') === eve.jid ? edit(xml) : xml];
    line.inject('in', `<presence type='unavailable' from='${eve.jid}' to='${alice.jid}'/>`);
    const seen = line.next('in', new RegExp(`^<presence [^>]*${eve.jid}`));
    await eve.presence();
    await seen;
    await eve.settle(aliceAt);
  };

  test('True: who is offered something else than what was sent agrees to nothing [D2]', async () => {
    expect(await claimed((await started(eve)).channel)).toEqual(met);
    await over(eve);
    await eve.accept();
    srpToo();
    expect(await errorOf(ask(eve.bareJid, 'Encrypted'))).toBe(`${T}EncryptionError`);
    expect(sawSrp(eve)).toBe(true);
    // Here it is Alice's hush that finds it out: Eve has said inside what she offered, and hears no more.
    const sid = await eve.offer(aliceAt);
    await events.expect(from(eve, 'terminated', { sid, reason: 'security-error' }));
    expect(events.all(from(eve, 'tls', { sid }))).toHaveLength(1);
    for (const channel of await channelsOf(alice)) expect(await claimed(channel)).toEqual(nothing);
  });

  test('False: with one who knows the draft only, the same act goes unnoticed', async () => {
    srpToo();
    const { channel } = await started(dora);
    expect(sawSrp(dora)).toBe(true);
    expect(await claimed(channel)).toEqual(drafted);
    await over(dora);
    expect(await claimed((await welcomed(dora)).channel)).toEqual(drafted);
  });

  test('False: the server has hidden at the first meeting what the other can; refused, once it is known that the other can [D2]', async () => {
    try {
      await comes(true);
      const first = await started(eve);
      expect(first.secure.profile).toBe(false);
      expect(await claimed(first.channel)).toEqual(drafted);
      await over(eve);

      await comes(false);
      const second = await started(eve);
      expect(await claimed(second.channel)).toEqual(met);
      await second.channel.call(names.securable, 'End');
      await comes(true);
      expect(await errorOf(ask(eve.bareJid, 'Encrypted'))).toBe(`${T}EncryptionNotAvailable`);
    } finally {
      await comes(false);
    }
  });
});
