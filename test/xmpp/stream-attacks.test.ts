/** A server, or someone between, that bends the rules before and around TLS. Each refusal stands beside the login that is accepted. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Misbehaviour, ScriptedSession } from '../harness/xmpp-server.ts';
import type { HushError } from '../../src/errors.ts';
import type { XmppClient } from '../../src/xmpp/client.ts';
import { connecting, logIn, next, Rig } from './test-client.ts';
import type { TestClientOptions } from './test-client.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.clear());
afterAll(() => rig.end());

const noTls = '<stream:features/>';
const mechanisms = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism><mechanism>SCRAM-SHA-256</mechanism></mechanisms>";
const starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const saslOnly = `<stream:features>${mechanisms}</stream:features>`;

async function against(misbehave: Misbehaviour, options?: TestClientOptions): Promise<{ failure: HushError | undefined; session: ScriptedSession }> {
  const server = await rig.serve({ misbehave });
  return logIn(rig.client(server, options), server);
}

/** Nothing about the account, and no login, on the open wire. */
function expectSilence({ clearText }: ScriptedSession): void {
  expect(clearText).not.toMatch(/<auth|<iq|<response|alice|secret|YWxpY2|AGFsaWNl/);
}

describe('encryption is not negotiated away [B1]', () => {
  test('the honest server is accepted', async () => {
    const { failure, session } = await against({});
    expect(failure).toBeUndefined();
    expectSilence(session);
  });

  test.each<[string, Misbehaviour, string]>([
    ['the offer is taken out', { 'features-before-tls': () => noTls }, 'encryption-not-available'],
    ['only logins are offered', { 'features-before-tls': () => saslOnly }, 'encryption-not-available'],
    ['the offer is in another namespace', { 'features-before-tls': () => `<stream:features><starttls xmlns='urn:x'/>${mechanisms}</stream:features>` }, 'encryption-not-available'],
    ['the offer comes in second features', { 'features-before-tls': (honest) => saslOnly + honest }, 'encryption-not-available'],
    ['features come twice', { 'features-before-tls': (honest) => honest + honest }, 'encryption-error'],
    ['features come again instead of proceed', { proceed: () => saslOnly }, 'encryption-error'],
    ['the upgrade is refused', { proceed: () => "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" }, 'encryption-not-available'],
    ['proceed is in another namespace', { proceed: () => "<proceed xmlns='urn:x'/>" }, 'encryption-error'],
    ['success comes instead of proceed', { proceed: () => "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" }, 'encryption-error'],
  ])('when %s', async (_, misbehave, condition) => {
    const { failure, session } = await against(misbehave);
    expect(failure?.condition).toBe(condition);
    expectSilence(session);
  });

  test('when the upgrade is refused where TLS is only wanted', async () => {
    const { failure, session } = await against({ proceed: () => "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" }, { requireEncryption: false });
    expect(failure?.condition).toBe('encryption-not-available');
    expectSilence(session);
  });

  test.each<[string, (honest: string) => string, string | undefined]>([
    ['the honest ones', (honest) => honest, undefined],
    ['with logins beside it', (honest) => honest.replace('</stream:features>', `${mechanisms}</stream:features>`), undefined],
    ['with logins before it, and the offer again behind', (honest) => honest.replace('<starttls', `${mechanisms}<starttls`).replace('</stream:features>', "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"), undefined],
    ['without the offer', () => saslOnly, 'encryption-not-available'],
    ['the offer behind their end', (honest) => `${saslOnly}${honest}`, 'encryption-not-available'],
  ])('when features come byte by byte: %s', async (_, features, condition) => {
    const server = await rig.serve();
    server.misbehave = {
      'features-before-tls': (honest) => {
        sent = server.sessions[0]!.sendInPieces(features(honest), 1);
        return '';
      },
    };
    let sent: Promise<void> | undefined;
    const { failure, session } = await logIn(rig.client(server), server);
    expect(failure?.condition).toBe(condition);
    expectSilence(session);
    await sent;
  });

  test('when features come late, nothing is said before them', async () => {
    const server = await rig.serve({ misbehave: { 'features-before-tls': () => '' } });
    const outcome = connecting(rig.client(server));
    const session = await server.accept();
    session.forbid({ kind: 'element' });
    const script = session.login();
    await new Promise((resolve) => setTimeout(resolve, 100));
    session.send(saslOnly);
    expect((await outcome)?.condition).toBe('encryption-not-available');
    expectSilence(session);
    await script;
  });
});

describe('a stream before XMPP 1.0 is refused [B2]', () => {
  const withoutVersion = (honest: string): string => honest.replace("version='1.0' xml", 'xml');

  test.each<[string, Misbehaviour]>([
    ['no version', { header: withoutVersion }],
    ['no version and a login for it', { header: withoutVersion, 'features-before-tls': () => "<iq type='result' id='a'><query xmlns='jabber:iq:auth'/></iq>" }],
    ['version 0.9', { header: (honest) => honest.replace("version='1.0' xml", "version='0.9' xml") }],
    ['no features', { 'features-before-tls': () => '<message/>' }],
    ['a header in another namespace', { header: (honest) => honest.replace('http://etherx.jabber.org/streams', 'urn:x') }],
    ['a header in another namespace before true features', { header: (honest) => honest.replace('http://etherx.jabber.org/streams', 'urn:x'), 'features-before-tls': () => `<features xmlns='http://etherx.jabber.org/streams'>${starttls}</features>` }],
    ['another header', { header: (honest) => honest.replace('<stream:stream', '<stream:flow'), 'features-before-tls': (honest) => honest }],
    ['something else that offers encryption', { 'features-before-tls': () => `<message>${starttls}</message>` }],
    ['features of another namespace that offer encryption', { 'features-before-tls': () => `<features>${starttls}</features>` }],
  ])('%s', async (_, misbehave) => {
    const { failure, session } = await against(misbehave);
    expect(failure?.condition).toBe('encryption-not-available');
    expectSilence(session);
  });

  test('but a later minor version is accepted', async () => {
    expect((await against({ header: (honest) => honest.replace("version='1.0' xml", "version='1.1' xml") })).failure).toBeUndefined();
  });
});

describe('bytes in clear text do not get into the encrypted stream [B3]', () => {
  const injected = [
    `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>${saslOnly}`,
    "<iq type='set' id='x'><query xmlns='jabber:iq:roster'><item jid='mallory@evil.test'/></query></iq>",
    "<message from='bob@example.test'><body>hello</body></message>",
    '<unfinished',
    ' ',
  ];

  test.each(injected)('in the segment of proceed: %s', async (more) => {
    const { failure, session } = await against({ proceed: (honest) => honest + more });
    expect(failure?.condition).toBe('encryption-error');
    expectSilence(session);
  });

  test.each(injected.slice(0, 3))('in pieces of one byte: %s', async (more) => {
    const { failure, session } = await injecting((session) => session.sendInPieces(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${more}`, 1));
    expect(failure?.condition).toBe('encryption-error');
    expectSilence(session);
  });

  test.each(injected.slice(0, 3))('a moment later: %s', async (more) => {
    const { failure, session } = await injecting(async (session) => {
      session.send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await new Promise((resolve) => setTimeout(resolve, 1));
      session.send(more);
    });
    expect(failure?.condition).toBe('encryption-error');
    expectSilence(session);
  });

  test('ahead of the request', async () => {
    const { failure } = await against({ 'features-before-tls': (honest) => `${honest}<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`, proceed: () => '' });
    expect(failure?.condition).toBe('encryption-error');
  });

  test('nothing said before the new stream after the login counts', async () => {
    const more = `<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>`;
    const { failure, session } = await against({ success: (honest) => honest + more });
    expect(failure?.condition).toBe('service-confused');
    // Not even the stream they were said for is opened.
    expect(session.tlsText.split('<stream:stream')).toHaveLength(2);
  });

  /** A server whose answer to starttls is this, and which then waits. */
  async function injecting(answer: (session: ScriptedSession) => Promise<void>): Promise<{ failure: HushError | undefined; session: ScriptedSession }> {
    const server = await rig.serve();
    const outcome = connecting(rig.client(server));
    const session = await server.accept();
    await session.openStream();
    session.send("<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>");
    await session.expect({ name: 'starttls' });
    await answer(session);
    return { failure: await outcome, session };
  }
});

describe('a redirect [B13]', () => {
  const redirect = (place: string): string => `<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>${place}</see-other-host></stream:error></stream:stream>`;

  test('is followed once, to a server that proves the name of the account', async () => {
    const there = await rig.serve();
    const here = await rig.serve({ misbehave: { 'features-before-tls': () => redirect(`127.0.0.1:${there.port}`) } });
    const client = rig.client(here);
    const accepted = there.accept().then((session) => session.login());
    const { failure } = await logIn(client, here);
    expect(failure).toBeUndefined();
    await accepted;
    expect(client.isVerified).toBe(true);
  });

  test('does not change which name must be proved', async () => {
    const there = await rig.serve({ tls: await rig.folder.issue(rig.authority, { dns: ['localhost'] }) });
    const here = await rig.serve({ misbehave: { 'features-before-tls': () => redirect(`localhost:${there.port}`) } });
    const accepted = there.accept().then((session) => session.login());
    expect((await logIn(rig.client(here), here)).failure?.condition).toBe('certificate-hostname-mismatch');
    await accepted;
  });

  test('does not lead to a server without TLS', async () => {
    const there = await rig.serve({ tls: null });
    const here = await rig.serve({ misbehave: { 'features-before-tls': () => redirect(`127.0.0.1:${there.port}`) } });
    const accepted = there.accept().then((session) => session.login());
    expect((await logIn(rig.client(here), here)).failure?.condition).toBe('encryption-not-available');
    await accepted;
  });

  test('in a circle ends after one round', async () => {
    const here = await rig.serve();
    here.misbehave = { 'features-before-tls': () => redirect(`127.0.0.1:${here.port}`) };
    const outcome = connecting(rig.client(here));
    await (await here.accept()).login();
    await (await here.accept()).login();
    expect((await outcome)?.condition).toBe('network-error');
    expect(here.sessions).toHaveLength(2);
  });

  test.each(['', 'nowhere at all', '[::1', 'host:99999', 'host/path', 'x'.repeat(5000)])('to %j is not followed', async (place) => {
    const here = await rig.serve({ misbehave: { 'features-before-tls': () => redirect(place) } });
    expect((await logIn(rig.client(here), here)).failure?.condition).toBe('network-error');
  });

  test('to an IPv6 address is tried', async () => {
    const here = await rig.serve({ misbehave: { 'features-before-tls': () => redirect('[::1]:1') } });
    expect((await logIn(rig.client(here), here)).failure?.condition).toMatch(/^connection-refused|network-error$/);
  });
});

describe('compression [B14]', () => {
  const offer = "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>";

  test('is never chosen, wherever it is offered', async () => {
    const add = (honest: string): string => honest.replace('<stream:features>', `<stream:features>${offer}`);
    const server = await rig.serve({ misbehave: { 'features-before-tls': add, 'features-before-auth': add, 'features-after-auth': add } });
    const { failure, session } = await logIn(rig.client(server), server);
    expect(failure).toBeUndefined();
    expect(session.clearText + session.tlsText).not.toContain('compress');
  });

  test('alone is no offer', async () => {
    const { failure, session } = await against({ 'features-before-tls': () => `<stream:features>${offer}</stream:features>` });
    expect(failure?.condition).toBe('encryption-not-available');
    expect(session.clearText).not.toContain('compress');
  });
});

describe('limits hold before the login [B15]', () => {
  test('hundreds of failed logins leave no socket and no timer', async () => {
    const server = await rig.serve({ misbehave: { 'features-before-tls': () => noTls } });
    const resources = (): number => process.getActiveResourcesInfo().filter((name) => /^(TCPSocketWrap|Timeout)$/.test(name)).length;
    const before = resources();
    for (let i = 0; i < 300; i += 1) {
      expect((await logIn(rig.client(server), server)).failure?.condition).toBe('encryption-not-available');
    }
    await Promise.all(server.sessions.map((session) => session.ended()));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(resources()).toBeLessThanOrEqual(before + 2);
  });

  test('elements nobody asked for are not collected while a person is asked', async () => {
    const server = await rig.serve({ directTls: true });
    const client = rig.client(server, { directTls: true, credentials: () => new Promise(() => undefined) });
    const outcome = connecting(client);
    const session = await server.accept();
    await session.openStream();
    session.send(saslOnly + '<message/>'.repeat(50));
    expect((await outcome)?.condition).toBe('service-confused');
  });

  test.each<[string, (session: ScriptedSession) => Promise<void> | void]>([
    ['a DTD', (session) => session.send('<!DOCTYPE x [<!ENTITY a "b">]>')],
    ['depth', (session) => session.send('<a>'.repeat(100))],
    ['size', (session) => session.sendInPieces(`<features ${'x'.repeat(3 * 1024 * 1024)}`, 65_536)],
    ['elements nobody asked for', (session) => session.send('<stream:features/>'.repeat(100))],
  ])('%s ends the stream', async (_, send) => {
    const server = await rig.serve();
    const outcome = connecting(rig.client(server));
    const session = await server.accept();
    await session.openStream();
    await send(session);
    expect((await outcome)?.condition).toMatch(/^(service-confused|encryption-not-available)$/);
    await session.ended();
    expectSilence(session);
  });
});

describe('after the login', () => {
  async function online(options?: TestClientOptions): Promise<{ client: XmppClient; session: ScriptedSession }> {
    const server = await rig.serve();
    const client = rig.client(server, options);
    const { failure, session } = await logIn(client, server);
    expect(failure).toBeUndefined();
    return { client, session };
  }

  test.each([
    ['conflict', 'connection-replaced'],
    ['system-shutdown', 'connection-lost'],
    ['policy-violation', 'connection-lost'],
    ['see-other-host', 'connection-lost'],
  ])('the stream error %s is %s, and the end', async (name, condition) => {
    const { client, session } = await online();
    const closed = next(client, 'closed');
    session.send(`<stream:error><${name} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Bye.</text></stream:error>`);
    const [error] = await closed;
    expect(error).toMatchObject({ condition, details: { 'server-message': 'Bye.', 'debug-message': name } });
    expect(() => client.send(client.serverFeatures()!)).toThrow('there is no stream');
  });

  test('the server closing the stream is its end', async () => {
    const { client, session } = await online();
    const closed = next(client, 'closed');
    session.send('</stream:stream>');
    expect((await closed)[0]?.condition).toBe('connection-lost');
    await session.expect({ kind: 'close' });
    await session.ended();
  });

  test('a stanza of 100 MB ends the stream with policy-violation [C9 fault-10]', async () => {
    const { client, session } = await online();
    const closed = next(client, 'closed');
    session.send(`<message from='bob@example.test/x'><body>${'x'.repeat(100 * 1024 * 1024)}`);
    const [error] = await closed;
    expect(error?.condition).toBe('connection-lost');
    expect((await session.expect({ name: 'error' })).child('policy-violation')).toBeDefined();
  });

  describe('a stanza that comes drop by drop [C9]', () => {
    const dripMs = 1_000;
    const stanza = `<message from='bob@example.test/x'><body>${'x'.repeat(100)}</body></message>`;

    test.each(['<message><body>', '<', '<message/><message '])('and does not end, from %j on, is the end of the stream, though bytes come all the time', async (start) => {
      const { client, session } = await online({ keepaliveSeconds: 0.5, surroundings: { dripMs } });
      const closed = next(client, 'closed');
      const over = new AbortController();
      session.send(start);
      const dripped = (async () => {
        while (!over.signal.aborted) await session.sendInPieces('x', 1, 20);
      })();
      expect((await closed)[0]?.condition).toBe('connection-lost');
      over.abort();
      await dripped;
      expect((await session.expect({ name: 'error' })).child('connection-timeout')).toBeDefined();
      await session.ended();
    });

    test('is taken when it is whole in time, one after the other for longer than that', async () => {
      const { client, session } = await online({ surroundings: { dripMs } });
      session.forbid({ name: 'error' });
      const start = performance.now();
      let begun = 20;
      session.send(stanza.slice(0, begun));
      // The end of each comes together with the beginning of the next: there is always one that is not whole, and a little more of it at every look.
      for (let at = 0; at < 16; at += 1) {
        await new Promise((resolve) => setTimeout(resolve, dripMs / 11));
        session.send(stanza.slice(begun) + stanza.slice(0, begun + 5));
        begun += 5;
      }
      session.send(stanza.slice(begun));
      await session.sync();
      expect(performance.now() - start).toBeGreaterThan(1.2 * dripMs);
      expect(client.isSuspended).toBe(false);
    });

    test('is taken when it is only large, and the line slow', async () => {
      const { client, session } = await online({ surroundings: { dripMs } });
      session.forbid({ name: 'error' });
      const start = performance.now();
      session.send('<message from="bob@example.test/x"><body>');
      await session.sendInPieces('x'.repeat(50 * 5000), 5000, 30);
      session.send('</body></message>');
      await session.sync();
      expect(performance.now() - start).toBeGreaterThan(1.2 * dripMs);
      expect(client.isSuspended).toBe(false);
    });

    test('is not the end when nothing comes any more: whether anybody is there, the keep-alive finds out', async () => {
      const { client, session } = await online({ surroundings: { dripMs } });
      session.forbid({ name: 'error' });
      session.send(stanza.slice(0, 50));
      await new Promise((resolve) => setTimeout(resolve, 2 * dripMs));
      expect(client.isSuspended).toBe(false);
      session.send(stanza.slice(50));
      await session.sync();
    });

    test('does not keep us from leaving', async () => {
      const { client, session } = await online({ surroundings: { dripMs, closeMs: 2 * dripMs } });
      session.send(stanza.slice(0, 50));
      const closed = next(client, 'closed');
      const gone = client.close();
      expect((await closed)[0]).toBeUndefined();
      await gone;
    });

    test('is taken when it is we who do not read', async () => {
      const { client, session } = await online({ surroundings: { dripMs } });
      session.forbid({ name: 'error' });
      session.send(`<iq type='get' id='before' from='example.test' to='${session.jid}'><ping xmlns='urn:xmpp:ping'/></iq>${stanza.slice(0, 50)}`);
      await session.expect({ name: 'iq', id: 'before' });
      client.pause();
      await new Promise((resolve) => setTimeout(resolve, 2 * dripMs));
      session.send(stanza.slice(50));
      client.resume();
      await session.sync();
    });
  });

  test('features that come late change nothing', async () => {
    const { client, session } = await online();
    session.send(`<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${mechanisms}</stream:features>`);
    session.forbid({ name: 'auth' });
    await session.sync();
    expect(client.isEncrypted).toBe(true);
  });
});
