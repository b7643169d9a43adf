import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startEjabberd } from '../harness/ejabberd.ts';
import { startProsody } from '../harness/prosody.ts';
import { names, plain, TextChannel, variants } from '../harness/telepathy-client.ts';
import { arrivalOf, befriend, claimed, errorOf, Person, signalOf, state, T, talk } from './people.ts';
import type { Server } from './people.ts';

const proved = ['Encrypted', 'IntegrityProtected', 'Complete', 'WeaklyAuthenticated', 'WeaklyAnonymous', 'ReplayProtected', 'ForwardSecret', 'Deniable', 'DowngradeResistant'];

describe.each([
  ['Prosody', (): Promise<Server> => startProsody({ users: { alice: 'alice', bob: 'bob' }, logStanzas: true })],
  ['ejabberd', (): Promise<Server> => startEjabberd({ users: { alice: 'alice', bob: 'bob' } })],
])('two people on %s', (name, start) => {
  let server: Server;
  let alice: Person;
  let bob: Person;

  beforeAll(async () => {
    server = await start();
    [alice, bob] = await Promise.all([Person.arrive('alice', server), Person.arrive('bob', server)]);
    await befriend(alice, bob);
    await Promise.all([alice.hasIdentity(), bob.hasIdentity()]);
  }, 60_000);
  afterAll(async () => {
    await alice.leave();
    await bob.leave();
    await server.stop();
  });
  /** Every conversation is over at both ends, and nothing is remembered of a verification. */
  beforeEach(async () => {
    for (const { connection } of [alice, bob]) {
      for (const [path] of (await connection.get(names.requests, 'Channels')) as [string][]) await new TextChannel(connection, path).call(names.destroyable, 'Destroy');
    }
    for (const [who, whom] of [[alice, bob], [bob, alice]] as const) await who.connection.call(names.security, 'ForgetPeer', whom.jid);
  });

  test('are told of a new safety number by its name alone, and get it when they ask', async () => {
    const told = new Promise<{ changed: unknown; invalidated: unknown }>((resolve) => {
      alice.connection.bus.subscribe({ sender: alice.connection.busName, interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', arg0: names.peerAuthentication }, ({ body }) => {
        const [, changed, invalidated] = body as [string, Map<string, unknown>, string[]];
        if (invalidated.length > 0) resolve({ changed: plain(changed), invalidated });
      });
    });
    const { out } = await talk(alice, bob, 'who are you?');
    expect(await told).toEqual({ changed: expect.objectContaining({ RemoteFingerprint: expect.stringMatching(/^[0-9A-F ]+$/i) as unknown }) as unknown, invalidated: ['SafetyNumber'] });
    expect(await out.get(names.peerAuthentication, 'SafetyNumber')).toMatch(/^(\d{5} ){11}\d{5}$/);
  });

  test('are secured without touching anything, from the first message on, and neither server nor log sees what is said', async () => {
    const canary = 'canary-4711-öß';
    const { out, incoming, message } = await talk(alice, bob, canary);
    expect(message).toMatchObject({ text: canary, parts: [{ 'security-mechanism': 'xtls', 'security-properties': expect.arrayContaining(['Encrypted', 'ForwardSecret']) as unknown }, {}] });
    await state(out, 2);
    for (const channel of [out, incoming]) expect((await claimed(channel)).filter((claim) => claim !== 'KeyContinuity')).toEqual(proved);
    expect(await out.get(names.peerAuthentication, 'SafetyNumber')).toBe(await incoming.get(names.peerAuthentication, 'SafetyNumber'));
    expect(await out.get(names.peerAuthentication, 'LocalFingerprint')).toBe(await incoming.get(names.peerAuthentication, 'RemoteFingerprint'));
    const reply = out.received();
    await incoming.send(`${canary} too`);
    await reply;
    await incoming.call(names.chatState, 'SetChatState', 4);
    for (const log of [await alice.session.log('hush'), await bob.session.log('hush')]) expect(log).not.toContain('canary-4711');
    if (name !== 'Prosody') return;
    const log = server.log();
    const blocks = [...log.matchAll(/>([A-Za-z0-9+/=]{8,})</g)].map(([, data]) => Buffer.from(data!, 'base64').toString('latin1')).join('');
    // The twin: the look into the log works.
    expect(log).toContain('http://jabber.org/protocol/ibb');
    for (const text of ['canary-4711', 'composing', 'urn:xmpp:receipts', Buffer.from('canary-4711').toString('base64').slice(0, 12)]) {
      expect(log.includes(`<body>${text}`) || (text.startsWith('canary') && log.includes(text))).toBe(false);
      expect(blocks.includes(text)).toBe(false);
    }
    // Keys are shown to neither server: WeaklyAnonymous.
    const fingerprint = ((await out.get(names.peerAuthentication, 'RemoteFingerprint')) as string).replaceAll(' ', '');
    expect(`${log}${blocks}`.toLowerCase().includes(fingerprint) || blocks.includes(Buffer.from(fingerprint, 'hex').toString('latin1'))).toBe(false);
  });

  test('see of each other that they can be secured', async () => {
    const capabilities = 'org.freedesktop.Telepathy.Connection.Interface.ContactCapabilities';
    const handle = await alice.connection.handle(bob.jid);
    const classes = (await alice.connection.attributes(handle, capabilities))[`${capabilities}/capabilities`] as [Record<string, unknown>, string[]][];
    expect(classes.map(([fixed]) => fixed[`${names.securable}.Encrypted`])).toEqual([undefined, true]);
    const stranger = await alice.connection.handle('nobody@example.org');
    const less = (await alice.connection.attributes(stranger, capabilities))[`${capabilities}/capabilities`] as unknown[];
    expect(less).toHaveLength(1);
  });

  test('know that a message has arrived, inside the session', async () => {
    const { out } = await talk(alice, bob, 'first');
    const report = out.received();
    const [token] = await out.call(names.messages, 'SendMessage', [variants({}), variants({ 'content-type': 'text/plain', content: 'did it come?' })], 1);
    expect((await report).parts[0]).toMatchObject({ 'message-type': 4, 'delivery-status': 1, 'delivery-token': token as string });
  });

  test('verify each other by a secret they share; a wrong one leaves the session as it was', async () => {
    const { out, incoming } = await talk(alice, bob, 'hello');
    const run = async (answer: string): Promise<unknown[]> => {
      const concluded = Promise.all([out, incoming].map((channel) => signalOf(channel, 'SharedSecretConcluded')));
      const asked = signalOf(incoming, 'SharedSecretRequested');
      await out.call(names.peerAuthentication, 'StartSharedSecret', 'Where?', 'Lisbon');
      expect(await asked).toEqual(['Where?']);
      expect(await incoming.get(names.peerAuthentication, 'Question')).toBe('Where?');
      await incoming.call(names.peerAuthentication, 'AnswerSharedSecret', answer);
      return concluded;
    };
    expect(await run('Porto')).toEqual([[false, `${T}AuthenticationFailed`], [false, `${T}AuthenticationFailed`]]);
    expect(await claimed(out)).not.toContain('Verified');
    expect(await out.get(names.securable, 'State')).toBe(2);
    expect(await run('Lisbon')).toEqual([[true, ''], [true, '']]);
    for (const channel of [out, incoming]) expect(await claimed(channel)).toContain('Verified');
    // And it is remembered: the next session begins verified.
    await out.call(names.securable, 'End');
    await state(incoming, 3);
    const again = await talk(alice, bob, 'again');
    await state(again.out, 2);
    expect(await claimed(again.out)).toEqual(expect.arrayContaining(['Verified', 'KeyContinuity']));
  });

  test('end it, and nothing leaves afterwards', async () => {
    const { out, incoming } = await talk(alice, bob, 'hello');
    await out.call(names.securable, 'End');
    await state(incoming, 3);
    expect(await out.getAll(names.securable)).toMatchObject({ State: 3, EndReason: 'local', Encrypted: true });
    expect(await incoming.getAll(names.securable)).toMatchObject({ State: 3, EndReason: 'clean' });
    expect(await errorOf(out.send('more'))).toBe(`${T}Cancelled`);
    expect(await errorOf(incoming.send('more'))).toBe(`${T}Terminated`);
    expect(await errorOf(out.call(names.securable, 'Secure', []))).toBe(`${T}Cancelled`);
    // A new channel goes on, secured.
    expect((await talk(alice, bob, 'on')).message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
  });

  test('get what they demand before the channel is theirs', async () => {
    const { out } = await talk(alice, bob, 'strongly', { [`${names.securable}.StronglyAnonymous`]: true, [`${names.securable}.Encrypted`]: true });
    expect(await out.getAll(names.securable)).toMatchObject({ State: 2, StronglyAnonymous: true, RequiredProperties: ['Encrypted', 'StronglyAnonymous'], DeniabilityScope: 'participation' });
    const request = (claim: string) =>
      alice.connection.call(names.requests, 'EnsureChannel', variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: bob.jid, [`${names.securable}.${claim}`]: true }));
    expect(await errorOf(request('NonRepudiable'))).toBe(`${T}NotImplemented`);
  });

  test('wait with what they send until the contact is verified, where that is demanded', async () => {
    const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: bob.jid, [`${names.securable}.Verified`]: true });
    const [, path] = await alice.connection.call(names.requests, 'EnsureChannel', request);
    const channel = new TextChannel(alice.connection, path as string);
    expect(await channel.getAll(names.securable)).toMatchObject({ State: 2, Verified: false, RequiredProperties: ['Verified'] });
    expect(await errorOf(channel.send('too early'))).toBe(`${T}NotYet`);
    const number = (await channel.get(names.peerAuthentication, 'SafetyNumber')) as string;
    expect(await errorOf(channel.call(names.peerAuthentication, 'ConfirmSafetyNumber', number.replace(/\d/, (digit) => String((Number(digit) + 1) % 10))))).toBe(`${T}InvalidArgument`);
    await channel.call(names.peerAuthentication, 'ConfirmSafetyNumber', number);
    expect(await claimed(channel)).toContain('Verified');
    await channel.send('now');
  });

  test('distrust ends it at once', async () => {
    const { out } = await talk(alice, bob, 'hello');
    await out.call(names.peerAuthentication, 'Distrust');
    expect(await out.getAll(names.securable)).toMatchObject({ State: 3, EndReason: 'key-changed' });
    expect(await errorOf(out.send('more'))).toBe(`${T}EncryptionError`);
  });

  test('closing windows loses nothing: the session goes on in the next channel', async () => {
    const { out, incoming } = await talk(alice, bob, 'one');
    await incoming.acknowledge(...(await incoming.pending()).map(({ id }) => id));
    await incoming.close();
    const announced = bob.connection.signal('NewChannels');
    const arrival = arrivalOf(bob.connection, 'two');
    await out.send('two');
    const [[path, properties]] = plain((await announced)[0]) as [[string, Record<string, unknown>]];
    const { incoming: next, message } = await arrival;
    expect(path).toBe(next.path);
    expect(properties[`${names.securable}.Encrypted`]).toBe(true);
    expect(message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
    expect(await next.get(names.securable, 'State')).toBe(2);
  });

  test('switched off for one conversation it is plaintext, and says so', async () => {
    const { out, message } = await talk(alice, bob, 'in the open', { [`${names.securable}.Encrypted`]: false });
    expect(message.parts[0]).toMatchObject({ 'security-mechanism': '', 'security-properties': [] });
    expect(await out.getAll(names.securable)).toMatchObject({ State: 0, Encrypted: false });
    // Required for this contact it cannot be had.
    await alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, 'required');
    await out.call(names.destroyable, 'Destroy');
    expect(await errorOf(talk(alice, bob, 'again', { [`${names.securable}.Encrypted`]: false }))).toBe(`${T}EncryptionNotAvailable`);
    await alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, '');
  });

  test('a session ends when the other goes, and comes back with the same proof', async () => {
    const { out } = await talk(alice, bob, 'hello');
    await bob.connection.disconnect();
    await state(out, 3);
    expect(['unauthenticated', 'clean', 'connection-lost']).toContain(await out.get(names.securable, 'EndReason'));
    expect(await errorOf(out.send('into the void'))).not.toBe('no error');
    await bob.connect();
    await state(out, 2);
    expect(await claimed(out)).toContain('KeyContinuity');
    await out.send('welcome back');
  });
});
