/** Secured conversations when something dies: a process in the midst of it, the server, a window. What was to be secret never leaves in clear, and nobody is left in the dark. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { SlixmppPeer } from '../harness/slixmpp-peer.ts';
import { messageOf, names, plain, TextChannel } from '../harness/telepathy-client.ts';
import type { Message, TelepathyConnection } from '../harness/telepathy-client.ts';
import { arrivalOf, changesOf, claimed, contactIsThere, errorOf, isIn, Person, propertyOf, state, T, talk } from './people.ts';

const users = { alice: 'alice', bob: 'bob' };

async function startPair(server: Prosody): Promise<[alice: Person, bob: Person]> {
  await server.befriend('alice', 'bob');
  const pair = await Promise.all([Person.arrive('alice', server), Person.arrive('bob', server)]);
  await Promise.all(pair.map((person) => person.hasIdentity()));
  await contactIsThere(pair[0].connection, pair[1].jid);
  await contactIsThere(pair[1].connection, pair[0].jid);
  return pair;
}

/** What becomes of a message: the error of the call, or the delivery report that follows. */
async function fateOf(channel: TextChannel, text: string): Promise<string> {
  const reports = new Map<unknown, number>();
  let wake: () => void = () => undefined;
  const off = channel.onReceived(({ parts: [header] }) => {
    if (header?.['message-type'] !== 4) return;
    reports.set(header['delivery-token'], header['delivery-status'] as number);
    wake();
  });
  try {
    const token = await channel.send(text);
    while (!reports.has(token)) await new Promise<void>((resolve) => (wake = resolve));
    return ['unknown', 'delivered', 'temporarily failed', 'permanently failed'][reports.get(token)!]!;
  } catch (error) {
    return (error as Error).name;
  } finally {
    off();
  }
}

describe('when the process of the contact is killed', () => {
  let server: Prosody;
  let alice: Person;
  let bob: Person;
  beforeAll(async () => {
    server = await startProsody({ users, logStanzas: true, resumeSeconds: 1 });
    [alice, bob] = await startPair(server);
    // From now on they are known to secure what they say.
    await state((await talk(alice, bob, 'hello')).out, 2);
  }, 60_000);
  afterAll(async () => {
    await alice.leave();
    await bob.leave();
    await server.stop();
  });
  /** Both anew: what failed is not tried again by itself for a while. */
  const meetAgain = async (): Promise<void> => {
    await alice.connection.disconnect();
    if ((await bob.pid()) !== 0) await bob.connection.disconnect();
    await Promise.all([alice.connect(), bob.connect()]);
    await Promise.all([contactIsThere(alice.connection, bob.jid), contactIsThere(bob.connection, alice.jid)]);
  };

  /** Kills the contact's process as soon as the server has got such a stanza. */
  const killAt = async (pattern: RegExp): Promise<void> => {
    const pid = await bob.pid();
    await server.nextLogLine(pattern);
    process.kill(pid, 'SIGKILL');
    await bob.gone();
  };

  const from = (user: string, stanza: string): RegExp => new RegExp(`RECV: <iq [^>]*to='${user === 'alice' ? 'bob' : 'alice'}@localhost/[^>]*><${stanza}`);
  const offer = from('alice', "jingle [^>]*'session-initiate'");
  // What the conversation is afterwards: insecure as long as no TLS byte has left, else over for good.
  test.each([
    ['we have offered', offer, ['0 ']],
    ['the contact has accepted', from('bob', "jingle [^>]*'session-accept'"), ['0 ', '3 failed']],
    ['we have opened the bytestream', from('alice', 'open '), ['0 ', '3 failed']],
    ['our first TLS byte has left', from('alice', "data [^>]*seq='0'"), ['3 failed']],
    ['the contact has answered in TLS', from('bob', "data [^>]*seq='0'"), ['3 failed', '3 unauthenticated']],
    ['our handshake is done', from('alice', "data [^>]*seq='1'"), ['3 failed', '3 unauthenticated']],
    ['the contact has said who it is', from('bob', "data [^>]*seq='1'"), ['3 unauthenticated']],
  ])('once %s, what was to be sent is reported, and nothing leaves in clear [fault-1]', async (step, pattern, outcomes) => {
    await meetAgain();
    const canary = `canary ${step}`;
    const pid = await alice.pid();
    const killed = killAt(pattern);
    const channel = await alice.connection.ensureText(bob.jid);
    const fate = fateOf(channel, canary);
    await killed;
    expect(await fate).toMatch(/failed$/);
    expect(isIn(server.log(), canary)).toBe(false);
    const security = await channel.getAll(names.securable);
    expect(outcomes).toContain(`${String(security.State)} ${String(security.EndReason)}`);
    expect(security).toMatchObject({ Encrypted: security.EndReason === 'unauthenticated', Verified: false });
    if (security.State === 3) expect(await errorOf(channel.send(canary))).toBe(`${T}EncryptionError`);
    expect(isIn(server.log(), canary)).toBe(false);
    expect(await alice.pid()).toBe(pid);
    expect(await alice.connection.get(names.connection, 'Status')).toBe(0);
  });

  test('what waits in a window that is closed meanwhile is reported in one that opens for it', async () => {
    await meetAgain();
    const killed = killAt(offer);
    const channel = await alice.connection.ensureText(bob.jid);
    const report = new Promise<Record<string, unknown>>((resolve) => {
      const off = alice.session.bus.subscribe({ interface: names.messages, member: 'MessageReceived' }, ({ path, body }) => {
        off();
        resolve({ path, ...messageOf(body[0]).parts[0] });
      });
    });
    const token = await channel.send('canary behind a closed window');
    await channel.close();
    await killed;
    const { path, ...header } = await report;
    expect(header).toMatchObject({ 'message-type': 4, 'delivery-token': token, 'delivery-status': 3 });
    expect(path).not.toBe(channel.path);
    expect(isIn(server.log(), 'canary behind')).toBe(false);
  });

  test('a contact never secured before is written to in clear when the offer comes to nothing: the twin', async () => {
    await meetAgain();
    await alice.connection.call(names.security, 'ForgetPeer', bob.jid);
    const killed = killAt(offer);
    const channel = await alice.connection.ensureText(bob.jid);
    const left = server.nextLogLine(/RECV: <message [^>]*><body>in the open</);
    await channel.send('in the open');
    await killed;
    await left;
    expect(isIn(server.log(), 'in the open')).toBe(true);
    expect(await channel.getAll(names.securable)).toMatchObject({ State: 0, Encrypted: false });
  });

  test('in a secured conversation, what is on its way is reported [fault-15]', async () => {
    await meetAgain();
    const { out } = await talk(alice, bob, 'hello');
    await state(out, 2);
    const claims = await claimed(out);
    const gone = bob.gone();
    process.kill(await bob.pid(), 'SIGKILL');
    expect(await fateOf(out, 'canary in flight')).toBe('temporarily failed');
    await gone;
    expect(await out.getAll(names.securable)).toMatchObject({ State: 3, EndReason: 'unauthenticated' });
    expect(await claimed(out)).toEqual(claims);
    expect(await errorOf(out.send('canary afterwards'))).toBe(`${T}EncryptionError`);
    for (const canary of ['canary in flight', 'canary afterwards']) expect(isIn(server.log(), canary)).toBe(false);
  });

  test('in a secured conversation whose window was closed, what is on its way is reported in one that opens for it, and what had arrived is not [fault-15]', async () => {
    await meetAgain();
    const { out, incoming } = await talk(alice, bob, 'hello');
    await state(out, 2);
    const reports: Record<string, unknown>[] = [];
    let wake: () => void = () => undefined;
    const off = alice.session.bus.subscribe({ interface: names.messages, member: 'MessageReceived' }, ({ path, body }) => {
      const [header] = messageOf(body[0]).parts;
      if (header?.['message-type'] === 4) reports.push({ path, ...header });
      wake();
    });
    const pid = await bob.pid();
    process.kill(pid, 'SIGSTOP');
    const arrives = await out.send('canary that arrives later');
    await out.close();
    const arrival = arrivalOf(bob.connection, 'canary that arrives later');
    process.kill(pid, 'SIGCONT');
    await arrival;
    // What the contact says now comes behind the receipt.
    const answer = arrivalOf(alice.connection, 'canary answered');
    await incoming.send('canary answered');
    const { incoming: again } = await answer;
    process.kill(pid, 'SIGSTOP');
    const lost = await again.send('canary in flight');
    await again.call(names.text, 'AcknowledgePendingMessages', (await again.pending()).map(({ id }) => id));
    await again.close();
    const gone = bob.gone();
    process.kill(pid, 'SIGKILL');
    await gone;
    while (reports.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    off();
    expect(reports).toEqual([expect.objectContaining({ 'delivery-token': lost, 'delivery-status': 2 })]);
    expect(reports.map(({ 'delivery-token': token }) => token)).not.toContain(arrives);
    expect([out.path, again.path]).not.toContain(reports[0]?.path);
    expect(isIn(server.log(), 'canary in flight')).toBe(false);
  });

  test('when the server is killed, what is on its way is reported and the conversation has ended with the connection [fault-3]', async () => {
    await meetAgain();
    const { out } = await talk(alice, bob, 'hello');
    await state(out, 2);
    const pid = await alice.pid();
    const changes = changesOf(out, names.securable);
    const disconnected = Promise.all([alice, bob].map(({ connection }) => connection.signal('StatusChanged', ([status]) => status === 2)));
    const before = server.log();
    await server.kill();
    expect(await fateOf(out, 'canary to nobody')).toMatch(/^temporarily failed$|ConnectionLost$/);
    expect(await disconnected).toEqual([[2, 2], [2, 2]]);
    expect(changes).toContainEqual(expect.objectContaining({ State: 3, EndReason: 'connection-lost' }));
    expect(await alice.pid()).toBe(pid);
    await server.restart();
    for (const person of [alice, bob]) await person.connect();
    await contactIsThere(alice.connection, bob.jid);
    expect((await talk(alice, bob, 'back again')).message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
    expect(isIn(before + server.log(), 'canary to nobody')).toBe(false);
  });
});

/** A chat window as UIs have it, one a contact: it takes another channel only when the old one is gone, and closing it closes the channel. */
class Window {
  /** In the order in which they were first shown. */
  readonly shown = new Set<string>();
  readonly #connection: TelepathyConnection;
  #channel: TextChannel | undefined;
  #isRead = Promise.resolve();
  #wake: () => void = () => undefined;

  constructor(connection: TelepathyConnection) {
    this.#connection = connection;
    connection.bus.subscribe({ sender: connection.busName, path: connection.path, interface: names.requests, member: 'NewChannels' }, ({ body }) => {
      for (const [path, properties] of plain(body[0]) as [string, Record<string, unknown>][]) {
        if (properties[`${names.channel}.ChannelType`] === names.text) this.#dispatched(path);
      }
    });
    connection.bus.subscribe({ sender: connection.busName, interface: names.channel, member: 'Closed' }, ({ path }) => {
      if (path === this.#channel?.path) this.#channel = undefined;
      this.#wake();
    });
  }

  get channel(): TextChannel | undefined {
    return this.#channel;
  }

  async shows(text: string): Promise<void> {
    await this.#until(() => this.shown.has(text));
  }

  /** Settles when there is a window, and what was unread is shown in it. */
  async opens(): Promise<void> {
    await this.#until(() => this.#channel !== undefined);
    await this.#isRead;
  }

  /** Closes the window, whatever has not been read. */
  async close(): Promise<void> {
    const channel = this.#channel;
    if (channel === undefined) return;
    await channel.close();
    await this.#until(() => this.#channel !== channel);
  }

  async #until(isReached: () => boolean): Promise<void> {
    while (!isReached()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #dispatched(path: string): void {
    if (this.#channel !== undefined) return;
    const channel = new TextChannel(this.#connection, path);
    this.#channel = channel;
    // What is pending already comes before what arrives meanwhile.
    const isRead = channel.pending().then((messages) => messages.forEach((message) => this.#show(channel, message)), () => undefined);
    channel.onReceived((message) => {
      isRead.then(() => this.#show(channel, message), () => undefined);
    });
    this.#isRead = isRead;
    this.#wake();
  }

  /** Every third message counts as read only when it is shown again, so that windows are closed with something unread. */
  #show(channel: TextChannel, { id, text }: Message): void {
    const isRead = this.shown.has(text) || this.shown.size % 3 !== 0;
    this.shown.add(text);
    if (isRead) channel.acknowledge(id).catch(() => undefined);
    this.#wake();
  }
}

describe('windows', () => {
  let server: Prosody;
  let alice: Person;
  let bob: Person;
  beforeEach(async () => {
    server = await startProsody({ users, logStanzas: true });
    [alice, bob] = await startPair(server);
  }, 60_000);
  afterEach(async () => {
    await alice.leave();
    await bob.leave();
    await server.stop();
  });

  test('that take another channel only when the old one is gone, and close it whenever they are closed, lose no message', async () => {
    const window = new Window(bob.connection);
    const sent: string[] = [];
    const send = async (channel: TextChannel): Promise<void> => {
      sent.push(`message ${sent.length}`);
      await channel.send(sent.at(-1)!);
    };
    let out = await alice.connection.ensureText(bob.jid);
    // Closed again and again while messages come.
    for (let round = 0; round < 12; round += 1) {
      for (let count = 0; count < 7; count += 1) await send(out);
      await window.shows(sent.at(-5)!);
      await window.close();
    }
    await window.shows(sent.at(-1)!);
    expect([...window.shown]).toEqual(sent);
    await state(out, 2);

    // The other ends it and goes on in a new channel: the open window goes on, too.
    await out.call(names.securable, 'End');
    await out.close();
    out = await alice.connection.ensureText(bob.jid);
    for (let count = 0; count < 5; count += 1) await send(out);
    await window.shows(sent.at(-1)!);

    // Ended here, the window keeps a channel that is over for good; what the other writes then comes when it is closed.
    await window.channel!.call(names.securable, 'End');
    await state(out, 3);
    out = await alice.connection.ensureText(bob.jid);
    for (let count = 0; count < 5; count += 1) await send(out);
    await state(out, 2);
    expect(window.shown.has(sent.at(-1)!)).toBe(false);
    // First with what was unread in the old one, and is said to be over; then with the new one.
    await window.close();
    await window.opens();
    expect(await window.channel!.get(names.securable, 'State')).toBe(3);
    await window.close();
    await window.shows(sent.at(-1)!);
    expect(await window.channel!.get(names.securable, 'State')).toBe(2);
    expect([...window.shown]).toEqual(sent);
    expect(sent.filter((text) => isIn(server.log(), `>${text}<`))).toEqual([]);
  });

  test('show what another client of the contact writes in clear apart from the secured conversation, which stays as it is', async () => {
    const { out } = await talk(alice, bob, 'hello');
    await state(out, 2);
    // What is remembered of the contact is written by then.
    await propertyOf(out, names.securable, 'Details', (details) => (details as Record<string, unknown>)['previously-secured'] === true);
    const before = await out.getAll(names.securable);
    const phone = await SlixmppPeer.connect(server, alice.client.events, 'bob', 'bob', 'phone');
    await phone.presence();
    const announced = alice.connection.signal('NewChannels');
    const arrival = arrivalOf(alice.connection, 'in the open');
    await phone.message(alice.jid, 'in the open');
    const { incoming: beside, message } = await arrival;
    expect(plain((await announced)[0])).toMatchObject([[beside.path, { [`${names.channel}.Requested`]: false }]]);
    expect(beside.path).not.toBe(out.path);
    expect(message.parts[0]).toMatchObject({ 'security-mechanism': '', 'security-properties': [] });
    expect(await beside.getAll(names.securable)).toMatchObject({ State: 0, Encrypted: false });
    expect(await errorOf(beside.send('canary reply'))).toBe(`${T}EncryptionNotAvailable`);
    // The secured one goes on with the same client, and nothing has changed in it.
    expect(await out.getAll(names.securable)).toEqual(before);
    expect(await out.pending()).toEqual([]);
    expect((await talk(alice, bob, 'canary further')).out.path).toBe(out.path);
    // Whoever closes the window of the secured one is shown what waits beside it.
    const respawned = alice.connection.signal('NewChannels');
    await out.close();
    const [[path]] = plain((await respawned)[0]) as [[string]];
    expect((await new TextChannel(alice.connection, path).pending()).map(({ text }) => text)).toEqual(['in the open']);
    expect(await new TextChannel(alice.connection, path).get(names.securable, 'State')).toBe(0);
    for (const canary of ['canary reply', 'canary further']) expect(isIn(server.log(), canary)).toBe(false);
    await phone.stop();
  });
});
