/** The stream over bad networks and bad servers: nothing lost, nothing twice, nothing believed that cannot be. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { TcpProxy } from '../harness/tcp-proxy.ts';
import type { Misbehaviour, ScriptedServer, ScriptedServerOptions, ScriptedSession } from '../harness/xmpp-server.ts';
import type { XmppClient } from '../../src/xmpp/client.ts';
import { xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { SM, StreamManagement } from '../../src/xmpp/xep0198-stream-management.ts';
import { ClientStateIndication } from '../../src/xmpp/xep0352-csi.ts';
import { logIn, next, Rig } from './test-client.ts';
import type { TestClientOptions } from './test-client.ts';

let rig: Rig;
const proxies: TcpProxy[] = [];
beforeAll(async () => {
  rig = await Rig.create();
});
afterEach(async () => {
  await rig.clear();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
});
afterAll(() => rig.end());

const message = (id: number | string): Element => xml('message', { to: 'bob@example.test', id: String(id) }, xml('body', {}, `text ${id}`));
/** The ids of the messages among these. */
const idsOf = (stanzas: readonly Element[]): (string | undefined)[] => stanzas.filter(({ name }) => name === 'message').map(({ attrs }) => attrs.id);

interface Online {
  readonly server: ScriptedServer;
  readonly proxy: TcpProxy;
  readonly client: XmppClient;
  readonly session: ScriptedSession;
  /** Everything the client tells, in order. */
  readonly told: unknown[];
}

/** A client that is in, through a proxy, with stream management settled. */
async function online(options: Omit<ScriptedServerOptions, 'tls'> = {}, clientOptions: TestClientOptions = {}): Promise<Online> {
  const server = await rig.serve(options);
  const proxy = await TcpProxy.start(server.port);
  proxies.push(proxy);
  const client = rig.client(proxy.port, { resource: 'home', ...clientOptions });
  const told: unknown[] = [];
  client.events.on('suspended', () => told.push('suspended'));
  client.events.on('resumed', () => told.push('resumed'));
  client.events.on('delivered', (stanza) => {
    if (stanza.name === 'message') told.push(`delivered ${stanza.attrs.id ?? ''}`);
  });
  client.events.on('undelivered', (stanzas) => {
    const ids = idsOf(stanzas);
    if (ids.length > 0) told.push(`undelivered ${ids.join(' ')}`);
  });
  client.events.on('closed', (error) => told.push(`closed ${error?.condition ?? ''}`));
  const { failure, session } = await logIn(client, server);
  expect(failure).toBeUndefined();
  await session.sync();
  return { server, proxy, client, session, told };
}

/** The ids of messages that reached the server in this session from now on, up to `last`. */
async function arrived(session: ScriptedSession, last: number | string): Promise<string[]> {
  const ids: string[] = [];
  do ids.push((await session.expect({ name: 'message' })).attrs.id ?? '');
  while (ids.at(-1) !== String(last));
  return ids;
}

describe('a connection that is cut [B16]', () => {
  test('is resumed: every stanza once, in order, and told so [fault-2]', async () => {
    const { server, proxy, client, session, told } = await online();
    session.answersByItself = false;
    for (let i = 1; i <= 5; i += 1) client.send(message(i));
    expect(await arrived(session, 5)).toEqual(['1', '2', '3', '4', '5']);
    // The server has them, but its word on them is lost with the connection; what follows does not even leave.
    proxy.stall();
    for (let i = 6; i <= 8; i += 1) client.send(message(i));
    const suspended = next(client, 'suspended');
    proxy.refuse();
    proxy.cut();
    await suspended;
    for (let i = 9; i <= 10; i += 1) client.send(message(i));
    const resumed = next(client, 'resumed');
    proxy.restore();
    const back = await server.accept();
    expect(await back.login()).toBeUndefined();
    await resumed;
    expect(await arrived(back, 10)).toEqual(['6', '7', '8', '9', '10']);
    client.send(message(11));
    await arrived(back, 11);
    await waitFor(() => told.includes('delivered 11'));
    expect(told).toEqual([
      'suspended',
      ...[1, 2, 3, 4, 5].map((i) => `delivered ${i}`),
      'resumed',
      ...[6, 7, 8, 9, 10, 11].map((i) => `delivered ${i}`),
    ]);
    expect(client).toMatchObject({ jid: 'alice@example.test/home', isEncrypted: true, isVerified: true });
  });

  test.each([[true], [false]])('is over when the server takes what is resumed and never answers (answers: %s)', async (answers) => {
    const { server, proxy, client, session, told } = await online({}, { surroundings: { answerMs: 200 } });
    session.answersByItself = false;
    proxy.stall();
    client.send(message(1));
    proxy.cut();
    proxy.restore();
    const back = await server.accept();
    expect(await back.login()).toBeUndefined();
    back.answersByItself = answers;
    await arrived(back, 1);
    if (!answers) await next(client, 'closed');
    else await waitFor(() => told.includes('delivered 1'));
    expect(told.slice(told.indexOf('resumed') + 1)).toEqual(answers ? ['delivered 1'] : ['undelivered 1', 'closed connection-lost']);
  });

  test('brings what the server had sent meanwhile, once', async () => {
    const { server, proxy, client, session } = await online();
    const seen: string[] = [];
    client.router.add({ name: 'test', stanza: 'message', from: ['other'], handle: ({ attrs }) => void seen.push(attrs.id ?? '') });
    const incoming = (i: number): void => session.send(`<message from='bob@example.test/x' id='in${i}'><body>hi</body></message>`);
    incoming(1);
    incoming(2);
    await session.sync();
    proxy.stall();
    incoming(3);
    incoming(4);
    proxy.cut();
    proxy.restore();
    const back = await server.accept();
    expect(await back.login()).toBeUndefined();
    await waitFor(() => seen.includes('in4'));
    expect(seen).toEqual(['in1', 'in2', 'in3', 'in4']);
  });

  test('believes nothing that comes before the server has resumed', async () => {
    const { server, proxy, client } = await online();
    const seen: string[] = [];
    client.router.add({ name: 'test', stanza: 'message', from: ['other'], handle: ({ attrs }) => void seen.push(attrs.id ?? '') });
    server.misbehave = { resumed: (honest) => ` <message from='bob@example.test/x' id='early'/>${honest}<message from='bob@example.test/x' id='late'/>` };
    proxy.cut();
    await (await server.accept()).login();
    await waitFor(() => seen.includes('late'));
    expect(seen).toEqual(['late']);
  });

  test('keeps requests waiting for their answers', async () => {
    const { server, proxy, client, session } = await online();
    session.answersByItself = false;
    const answer = client.iq.get(undefined, xml('query', { xmlns: 'urn:x' }));
    const { attrs } = await session.expect({ name: 'iq', type: 'get' });
    proxy.cut();
    const back = await server.accept();
    back.answersByItself = false;
    expect(await back.login()).toBeUndefined();
    back.send(`<iq type='result' id='${attrs.id!}'/>`);
    expect((await answer).attrs.type).toBe('result');
  });

  test('with a server that has forgotten us: what it has not confirmed is undelivered, and it is the end [fault-3]', async () => {
    const { server, proxy, client, session, told } = await online();
    session.answersByItself = false;
    for (let i = 1; i <= 3; i += 1) client.send(message(i));
    await arrived(session, 3);
    // The answer to the round trip of `online` was the first stanza.
    session.send(`<a xmlns='${SM}' h='2'/>`);
    await waitFor(() => told.includes('delivered 1'));
    server.resumable.clear();
    const closed = next(client, 'closed');
    proxy.cut();
    await Promise.all([server.accept().then((back) => back.login()), closed]);
    expect(told).toEqual(['delivered 1', 'suspended', 'undelivered 2 3', 'closed connection-lost']);
    expect(() => client.send(message(4))).toThrow('there is no stream');
    await expect(client.iq.get(undefined, xml('query', { xmlns: 'urn:x' }))).rejects.toMatchObject({ condition: 'disconnected' });
  });

  test('with a server that has forgotten us and says how far it came: the rest is undelivered', async () => {
    const { server, proxy, client, told } = await online();
    server.misbehave = { resumed: () => `<failed xmlns='${SM}' h='2'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>` };
    const closed = next(client, 'closed');
    const suspended = next(client, 'suspended');
    proxy.cut();
    await suspended;
    for (const i of [1, 2, 3]) client.send(message(i));
    await Promise.all([server.accept().then((back) => back.login()), closed]);
    expect(told).toEqual(['suspended', 'delivered 1', 'undelivered 2 3', 'closed connection-lost']);
  });

  test('is not resumed with another password than the account has now', async () => {
    const users: Record<string, string> = { alice: 'secret' };
    const { server, proxy, client, told } = await online({ users });
    users.alice = 'changed';
    const closed = next(client, 'closed');
    proxy.cut();
    const back = await server.accept();
    await Promise.all([back.login(), closed]);
    expect(told.at(-1)).toBe('closed connection-lost');
    expect(back.tlsText.split('<auth')).toHaveLength(2);
  });

  test.each<[string, (server: ScriptedServer) => Promise<void>]>([
    ['has another certificate that nobody vouches for', async (server) => swap(server, await rig.folder.selfSigned({ dns: ['example.test'] }))],
    ['has a certificate for another name', async (server) => swap(server, await rig.folder.issue(rig.authority, { dns: ['other.test'] }))],
    ['has lost its encryption', (server) => Promise.resolve(void (server.misbehave = { 'features-before-tls': () => '<stream:features/>' }))],
    ['offers a weaker login', (server) => Promise.resolve(void (server.misbehave = { 'features-before-auth': (honest) => honest.replaceAll(/<mechanism>SCRAM[^<]*<\/mechanism>/g, '') }))],
  ])('is not resumed with a server that %s', async (_, change) => {
    const { server, proxy, client, told } = await online();
    await change(server);
    const closed = next(client, 'closed');
    proxy.cut();
    const back = await server.accept();
    await Promise.all([back.login(), closed]);
    expect(told).toEqual(['suspended', 'closed connection-lost']);
    expect(back.clearText + back.tlsText).not.toMatch(/<auth|<resume/);
  });

  test('is not resumed without encryption where it had been with, though it need not have been, and the login is as strong', async () => {
    const { server, proxy, client, told } = await online({ mechanisms: ['SCRAM-SHA-256'] }, { requireEncryption: false });
    server.misbehave = { 'features-before-tls': () => "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism></mechanisms></stream:features>" };
    const closed = next(client, 'closed');
    proxy.cut();
    const back = await server.accept();
    await Promise.all([back.login(), closed]);
    expect(told).toEqual(['suspended', 'closed connection-lost']);
    expect(back.clearText).not.toMatch(/<auth|<resume/);
  });

  test('is resumed with a certificate that the owner had accepted, and not with another of that kind', async () => {
    const accepted = await rig.folder.selfSigned({ dns: ['example.test'] });
    let asked = 0;
    const judgeCertificate = (): Promise<void> => {
      asked += 1;
      return Promise.resolve();
    };
    const server = await rig.serve({ tls: { ...accepted } });
    const proxy = await TcpProxy.start(server.port);
    proxies.push(proxy);
    const client = rig.client(proxy.port, { judgeCertificate });
    const { session } = await logIn(client, server);
    await session.sync();
    const resumed = next(client, 'resumed');
    proxy.cut();
    await Promise.all([server.accept().then((back) => back.login()), resumed]);
    expect(asked).toBe(1);
    swap(server, await rig.folder.selfSigned({ dns: ['example.test'] }));
    const closed = next(client, 'closed');
    proxy.cut();
    await Promise.all([server.accept().then((back) => back.login()), closed]);
    expect(asked).toBe(1);
  });

  test('is the end where the server has no stream management; only what never left is undelivered', async () => {
    const { proxy, client, session, told } = await online({ streamManagement: false });
    client.send(message(1));
    await arrived(session, 1);
    const closed = next(client, 'closed');
    client.send(message(2));
    proxy.cut();
    await closed;
    expect(told.at(-1)).toBe('closed connection-lost');
    expect(told).not.toContain('undelivered 1');
  });

  test('can be closed while it is away', async () => {
    const { proxy, client, told } = await online();
    const suspended = next(client, 'suspended');
    proxy.refuse();
    proxy.cut();
    await suspended;
    client.send(message(1));
    await client.close();
    expect(told).toEqual(['suspended', 'undelivered 1', 'closed ']);
  });
});

/** Another certificate from the next connection on. */
function swap(server: ScriptedServer, certificate: { key: string; cert: string }): void {
  Object.assign(server.options.tls!, { key: certificate.key, cert: certificate.cert });
}

describe('a connection that says nothing', () => {
  test('is noticed, and resumed when the network is back [fault-2]', async () => {
    const { server, proxy, client, session, told } = await online({}, { keepaliveSeconds: 0.3 });
    const suspended = next(client, 'suspended');
    proxy.stall();
    client.send(message(1));
    await suspended;
    client.send(message(2));
    const resumed = next(client, 'resumed');
    proxy.restore();
    const back = await server.accept();
    await back.login();
    await resumed;
    await waitFor(() => told.includes('delivered 2'));
    // The network may still have brought the first one on the old connection, but never both times.
    const all = session.tlsText + back.tlsText;
    expect([all.split('text 1').length, all.split('text 2').length]).toEqual([2, 2]);
  });

  test('is ended where it cannot be resumed', async () => {
    const { proxy, client, told } = await online({ streamManagement: false }, { keepaliveSeconds: 0.3 });
    const closed = next(client, 'closed');
    proxy.stall();
    await closed;
    expect(told).toEqual(['closed connection-lost']);
  });

  test.each([true, false])('stays as long as the server answers (stream management: %s)', async (streamManagement) => {
    const { session, told } = await online({ streamManagement }, { keepaliveSeconds: 0.1 });
    const probe = streamManagement ? { name: 'r', ns: SM } : { name: 'iq', with: ['ping', 'urn:xmpp:ping'] as const };
    for (let i = 0; i < 4; i += 1) await session.expect(probe);
    expect(told).toEqual([]);
  });

  test('is let be with an interval of 0', async () => {
    const { session } = await online({}, { keepaliveSeconds: 0 });
    session.forbid({ name: 'r' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await session.sync();
  });
});

describe('a server that miscounts [B16]', () => {
  const ends = async (misbehave: Misbehaviour): Promise<string> => {
    const { server, proxy, client, told } = await online();
    server.misbehave = misbehave;
    const over = Promise.race([next(client, 'closed'), next(client, 'resumed')]);
    client.send(message(1));
    proxy.cut();
    const back = await server.accept();
    await Promise.all([back.login(), over]);
    return String(told.at(-1));
  };

  test('the honest one resumes', async () => {
    expect(await ends({})).toBe('resumed');
  });

  test.each<[string, Misbehaviour]>([
    ['another stream', { resumed: (honest) => honest.replace(/previd='[^']*'/, "previd='other'") }],
    ['no stream', { resumed: (honest) => honest.replace(/previd='[^']*'/, '') }],
    ['more than was sent', { resumed: (honest) => honest.replace(/h='[^']*'/, "h='1001'") }],
    ['less than nothing', { resumed: (honest) => honest.replace(/h='[^']*'/, "h='-1'") }],
    ['no number', { resumed: (honest) => honest.replace(/h='[^']*'/, "h='many'") }],
    ['nothing', { resumed: (honest) => honest.replace(/h='[^']*'/, '') }],
  ])('resuming %s is the end', async (_, misbehave) => {
    expect(await ends(misbehave)).toBe('closed connection-lost');
  });

  test.each(['1000', '-1', 'x', '4294967296', ''])('acknowledging %j ends the stream with an error', async (h) => {
    const { client, session } = await online();
    session.answersByItself = false;
    const closed = next(client, 'closed');
    session.send(`<a xmlns='${SM}' h='${h}'/>`);
    expect((await closed)[0]?.condition).toBe('connection-lost');
    expect((await session.expect({ name: 'error' })).child('handled-count-too-high', SM)).toBeDefined();
  });
});

describe('the protocol', () => {
  test('the server is asked for its word after a burst and after a while', async () => {
    const { client, session, told } = await online();
    for (let i = 1; i <= 10; i += 1) client.send(message(i));
    await session.expect({ name: 'r' });
    await waitFor(() => told.includes('delivered 10'));
    client.send(message(11));
    await session.expect({ name: 'r' });
    await waitFor(() => told.includes('delivered 11'));
  });

  test('we count what we have taken', async () => {
    const { session } = await online();
    session.send(`<r xmlns='${SM}'/>`);
    const before = Number((await session.expect({ name: 'a' })).attrs.h);
    session.send("<message from='bob@example.test'/><presence from='bob@example.test'/>");
    session.send(`<r xmlns='${SM}'/>`);
    expect(Number((await session.expect({ name: 'a' })).attrs.h)).toBe(before + 2);
  });

  test('closing asks once more, confirms, and waits for the server', async () => {
    const { client, session, told } = await online();
    client.send(message(1));
    const closing = client.close();
    await session.expect({ name: 'a' });
    await session.expect({ name: 'r' });
    await session.expect({ kind: 'close' });
    session.send('</stream:stream>');
    await closing;
    expect(told).toEqual(['delivered 1', 'closed ']);
    await client.close();
  });

  test('what was never sent cannot be confirmed, nor be counted backwards [B16]', () => {
    const delivered: Element[] = [];
    const management = new StreamManagement({ send: () => undefined, delivered: (stanza) => delivered.push(stanza), resumed: () => undefined, resumeFailed: () => undefined });
    management.enable(true);
    management.handle(xml('enabled', { xmlns: SM, id: 'x', resume: 'true' }));
    const confirm = (h: number): void => management.handle(xml('a', { xmlns: SM, h }));
    for (const i of [1, 2, 3]) management.sent(message(i), 1);
    expect(() => confirm(4)).toThrow('never sent');
    expect(() => confirm(2 ** 32 - 1)).toThrow('never sent');
    confirm(2);
    expect(() => confirm(1)).toThrow('never sent');
    confirm(2);
    expect(idsOf(delivered)).toEqual(['1', '2']);
    expect(idsOf(management.end())).toEqual(['3']);
  });

  test('more than a bounded queue is not taken [B16]', async () => {
    const { client, session } = await online();
    session.answersByItself = false;
    const fill = (): void => {
      for (let i = 0; i < 6_000; i += 1) client.send(message(i));
    };
    expect(fill).toThrow('the server does not take what is sent');
  });

  test.each([true, false])('nor more than a bounded amount while the server does not read (stream management: %s) [B16]', async (streamManagement) => {
    const { client, proxy } = await online({ streamManagement });
    proxy.stall();
    const big = xml('message', { to: 'bob@example.test' }, xml('body', {}, 'x'.repeat(200_000)));
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 400; i += 1) {
        client.send(big);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await expect(fill()).rejects.toMatchObject({ condition: 'service-busy' });
  });

  test('a flood from the server leaves room for everything else [fault-9]', async () => {
    const { client, session } = await online();
    let seen = 0;
    client.router.add({ name: 'test', stanza: 'message', from: ['other'], handle: () => void (seen += 1) });
    /** How many messages had come each time something else had its turn. */
    const turns = new Set<number>();
    const timer = setInterval(() => turns.add(seen), 1);
    const flood = Array.from({ length: 10_000 }, (_, i) => `<message from='s${i}@evil.test/x'><body>flood ${i}</body></message>`);
    for (let at = 0; at < flood.length; at += 100) {
      session.send(flood.slice(at, at + 100).join(''));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await session.sync();
    clearInterval(timer);
    expect(seen).toBe(10_000);
    // However fast the machine is: others had their turn between them, many times.
    expect(turns.size).toBeGreaterThan(10);
  });

  test('what somebody is looking at is told, and told again after resuming', async () => {
    const offer = (honest: string): string => honest.replace('</stream:features>', "<csi xmlns='urn:xmpp:csi:0'/></stream:features>");
    const { server, proxy, client, session } = await online({ misbehave: { 'features-after-auth': offer } });
    const state = new ClientStateIndication(client);
    state.setClientActive(true);
    state.setClientActive(false);
    await session.expect({ name: 'inactive', ns: 'urn:xmpp:csi:0' });
    proxy.cut();
    const back = await server.accept();
    await back.login();
    await back.expect({ name: 'inactive' });
    state.setClientActive(true);
    await back.expect({ name: 'active' });
  });

  test('reading can be held up, over a lost connection, too [fault-11]', async () => {
    const { server, proxy, client, session } = await online({}, { keepaliveSeconds: 0.2 });
    const seen: string[] = [];
    client.router.add({ name: 'test', stanza: 'message', from: ['other'], handle: ({ attrs }) => void seen.push(attrs.id ?? '') });
    client.pause();
    client.pause();
    session.send("<message from='bob@example.test' id='1'/>");
    client.resume();
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(seen).toEqual([]);
    client.resume();
    await waitFor(() => seen.includes('1'));
    expect(server.sessions).toHaveLength(1);
    expect(proxy.accepted).toBe(1);
  });
});

/** Waits, in turns of the event loop, for something that other events bring about. */
async function waitFor(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 5_000; !holds(); ) {
    if (performance.now() > end) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
