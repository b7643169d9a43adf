import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import type { ConnectionOptions, TLSSocket, TlsOptions } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import { HushError } from '../../../../src/errors.ts';
import { createIdentity, pemOf } from '../../../../src/security/identity.ts';
import type { Identity } from '../../../../src/security/identity.ts';
import { bytesOf, helloOf, preSharedKey, recordsOf, withExtensions, withoutAgreement } from '../../../harness/tls-records.ts';
import type { TlsRecord } from '../../../harness/tls-records.ts';
import { certificate, newKey, xmppAddrName } from './certificates.ts';
import { Side, destroyEngines, pipe } from './tls-ends.ts';
import type { End } from './tls-ends.ts';

afterEach(destroyEngines);

const ROMEO = 'romeo@example.net';
const JULIET = 'juliet@example.org';
const romeo = createIdentity(ROMEO);
const juliet = createIdentity(JULIET);
const turn = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe('two ends', () => {
  test('agree on TLS 1.3, keys and channel binding, and carry plaintext both ways', async () => {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, JULIET, { onSecured: (engine) => engine.write(Buffer.from('from the client')) });
    const server = new Side(right, 'server', juliet, ROMEO);
    const [, atClient] = await client.event('secured');
    const [, atServer] = await server.event('secured');
    expect(await server.event('data')).toEqual(['data', 'from the client']);
    server.engine.write(Buffer.from('from the server'));
    expect(await client.event('data')).toEqual(['data', 'from the server']);
    expect(atClient.channelBinding).toHaveLength(32);
    expect(atClient.channelBinding).toEqual(atServer.channelBinding);
    expect(Buffer.from(atServer.verdict.certificate.spki).equals(romeo.spki)).toBe(true);
    expect(atClient.details.get('tls-version')).toBe('TLSv1.3');
    expect(atClient.details.get('cipher-suite')).toBe('TLS_AES_128_GCM_SHA256');
    expect(atClient.details.get('key-agreement')).toBe('X25519');
  });

  test('have another channel binding in another session', async () => {
    const bindings = new Set<string>();
    for (let run = 0; run < 3; run += 1) {
      const [left, right] = pipe();
      const client = new Side(left, 'client', romeo, JULIET);
      new Side(right, 'server', juliet, ROMEO);
      bindings.add((await client.event('secured'))[1].channelBinding.toString('hex'));
    }
    expect(bindings.size).toBe(3);
  });

  test('end by close_notify', async () => {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, JULIET);
    const server = new Side(right, 'server', juliet, ROMEO);
    await Promise.all([client.event('secured'), server.event('secured')]);
    await client.engine.end();
    await server.event('ended');
    server.engine.write(Buffer.from('still open'));
    expect(await client.event('data')).toEqual(['data', 'still open']);
    await server.engine.end();
    await client.event('ended');
  });

  test('see a cut as an end too [G1]', async () => {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, JULIET);
    const server = new Side(right, 'server', juliet, ROMEO);
    await Promise.all([client.event('secured'), server.event('secured')]);
    left.end();
    await server.event('ended');
  });
});

describe('a peer that is refused', () => {
  const refused = new HushError('certificate-untrusted', 'no');

  test('gets not one byte more from a client: only the ClientHello has left [G4]', async () => {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, JULIET, { refuse: refused });
    const server = new Side(right, 'server', juliet, ROMEO);
    expect((await client.event('failed'))[1]).toBe(refused);
    await turn();
    expect(left.sent).toHaveLength(1);
    expect(left.sent[0]![0]).toBe(22);
    expect(left.sent[0]![5]).toBe(1);
    expect(client.names).toEqual(['failed']);
    expect(server.names).toEqual([]);
  });

  test('gets nothing after its Finished from a server [G4]', async () => {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, JULIET);
    const server = new Side(right, 'server', juliet, ROMEO, { refuse: refused });
    await server.event('failed');
    await turn();
    // One flight: ServerHello to Finished. No alert, no ticket.
    expect(right.sent).toHaveLength(1);
    expect(client.names).toEqual(['secured']);
  });

  test.each<[string, string, Identity]>([
    ['another name', 'certificate-hostname-mismatch', createIdentity('nurse@example.org')],
    ['our own key', 'certificate-invalid', romeo],
    ['a certificate of last year', 'certificate-expired', expired()],
  ])('is one with %s', async (_name, condition, identity) => {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, condition === 'certificate-invalid' ? ROMEO : JULIET);
    new Side(right, 'server', identity, ROMEO);
    expect((await client.event('failed'))[1].condition).toBe(condition);
  });

  function expired(): Identity {
    const key = newKey();
    const der = certificate({ key, names: [xmppAddrName(JULIET)], notBefore: '200101000000Z', notAfter: '210101000000Z' });
    return { privateKey: key, certificate: der, spki: Buffer.alloc(0) };
  }
});

describe('other TLS', () => {
  const server = (options: TlsOptions): { transport: End; peer: Promise<TLSSocket> } => {
    const [left, right] = pipe();
    const peer = new Promise<TLSSocket>((resolve) => {
      const { key, cert } = pemOf(juliet);
      const tls = createServer({ key, cert, requestCert: true, rejectUnauthorized: false, ...options });
      tls.on('tlsClientError', () => undefined);
      tls.on('secureConnection', (socket) => {
        socket.on('error', () => undefined);
        resolve(socket);
      });
      tls.emit('connection', right);
    });
    return { transport: left, peer };
  };
  const client = (options: ConnectionOptions): { transport: End; peer: TLSSocket; sent: readonly Buffer[] } => {
    const [left, right] = pipe();
    const socket = connect({ socket: left, rejectUnauthorized: false, ...pemOf(romeo), ...options });
    socket.on('error', () => undefined);
    return { transport: right, peer: socket, sent: left.sent };
  };

  test('of another make is fine when it is TLS 1.3', async () => {
    const { transport, peer } = server({});
    const ours = new Side(transport, 'client', romeo, JULIET);
    const [, secured] = await ours.event('secured');
    expect((await peer).exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))).toEqual(secured.channelBinding);
    const theirs = client({});
    expect((await new Side(theirs.transport, 'server', juliet, ROMEO).event('secured'))[1].channelBinding).toHaveLength(32);
  });

  test.each(['TLSv1.2', 'TLSv1.1'] as const)('%s only is refused on both sides [G3]', async (version) => {
    const theirs = server({ minVersion: version, maxVersion: version });
    expect((await new Side(theirs.transport, 'client', romeo, JULIET).event('failed'))[1].condition).toBe('encryption-error');
    const other = client({ minVersion: version, maxVersion: version });
    expect((await new Side(other.transport, 'server', juliet, ROMEO).event('failed'))[1].condition).toBe('encryption-error');
  });

  test('without a certificate is refused', async () => {
    const { transport } = client({ key: undefined, cert: undefined });
    expect((await new Side(transport, 'server', juliet, ROMEO).event('failed'))[1].condition).toBe('certificate-not-provided');
  });

  test('with only curves and suites of others is refused', async () => {
    const theirs = server({ ecdhCurve: 'P-521' });
    expect((await new Side(theirs.transport, 'client', romeo, JULIET).event('failed'))[1].condition).toBe('encryption-error');
    const other = client({ ciphers: 'TLS_AES_128_CCM_SHA256' });
    expect((await new Side(other.transport, 'server', juliet, ROMEO).event('failed'))[1].condition).toBe('encryption-error');
  });

  test('is told no name, no protocol and no authority', async () => {
    const { transport, peer } = server({ ALPNProtocols: ['xmpp-client'] });
    new Side(transport, 'client', romeo, JULIET);
    const socket = await peer;
    expect([(socket as { servername?: string | false }).servername, socket.alpnProtocol]).toEqual([false, false]);
  });

  test('offering garbage, an ALPN or a PSK does no harm [F7]', async () => {
    const psk = { psk: Buffer.alloc(32, 7), identity: 'from before' };
    for (const offered of [{ ALPNProtocols: ['\0\0', 'x'], servername: 'example.org' }, { pskCallback: () => psk, checkServerIdentity: () => undefined }]) {
      const ours = client(offered);
      expect((await new Side(ours.transport, 'server', juliet, ROMEO).event('secured'))[1].channelBinding).toHaveLength(32);
      if ('pskCallback' in offered) expect(helloOf(recordsOf(ours.sent[0]!)).extensions.has(preSharedKey)).toBe(true);
    }
  });

  const withAlpn = (hello: TlsRecord, data: Buffer): TlsRecord => withExtensions(hello, [...helloOf([hello]).extensions, [16, data]]);

  test.each<[string, (hello: TlsRecord) => TlsRecord]>([
    ['no TLS at all', () => ({ header: Buffer.alloc(0), body: Buffer.from('GET / HTTP/1.1\r\n\r\n') })],
    ['nothing but a PSK that nobody knows', withoutAgreement],
    ['a list of no ALPN', (hello) => withAlpn(hello, Buffer.from([0, 0]))],
    ['an ALPN of no characters', (hello) => withAlpn(hello, Buffer.from([0, 1, 0]))],
    ['an ALPN shorter than it says', (hello) => withAlpn(hello, Buffer.from([0, 3, 9, 120, 120]))],
    ['an ALPN extension that is empty', (hello) => withAlpn(hello, Buffer.alloc(0))],
  ])('with a hello of %s fails, and nothing else does [F7]', async (_what, edit) => {
    const [bytes] = (await once(client({}).transport, 'data')) as [Buffer];
    const hello = recordsOf(bytes)[0]!;
    const [left, right] = pipe();
    const side = new Side(right, 'server', juliet, ROMEO);
    left.write(bytesOf(edit(hello)));
    expect((await side.event('failed'))[1].condition).toBe('encryption-error');
    await turn();
    expect(side.names).toEqual(['failed']);
    // The twin: unedited, the hello is answered.
    const [other, end] = pipe();
    const taken = new Side(end, 'server', juliet, ROMEO);
    const answered = once(other, 'data');
    other.write(bytesOf(hello));
    const [answer] = (await answered) as [Buffer];
    expect([answer[0], answer[5], taken.names]).toEqual([22, 2, []]);
  });

  test('resuming a session of another context gets a full handshake [G3 G8]', async () => {
    const first = client({});
    new Side(first.transport, 'server', juliet, ROMEO);
    const session = await new Promise<Buffer>((resolve) => first.peer.once('session', resolve));
    const again = client({ session });
    const side = new Side(again.transport, 'server', juliet, ROMEO);
    await side.event('secured');
    expect(side.shown?.isResumed).toBe(false);
  });
});

describe('bytes that are wrong', () => {
  test.each([0, 1, 7, 40])('one flipped after the handshake (at %d) fails the session [G2]', async (at) => {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, JULIET);
    const server = new Side(right, 'server', juliet, ROMEO);
    await Promise.all([client.event('secured'), server.event('secured')]);
    await turn();
    right.tamper = (bytes) => {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      return flipped;
    };
    const before = left.sent.length;
    server.engine.write(Buffer.from('some plaintext that is long enough'));
    expect((await client.event('failed'))[1].condition).toBe('encryption-error');
    expect(client.names).not.toContain('data');
    await turn();
    // OpenSSL's alert, encrypted: header, two bytes, content type, tag.
    expect(left.sent.slice(before).map((bytes) => bytes.length)).toEqual([24]);
  });

  test('a forged alert fails the session [G2]', async () => {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, JULIET);
    const server = new Side(right, 'server', juliet, ROMEO);
    await Promise.all([client.event('secured'), server.event('secured')]);
    await turn();
    left.push(Buffer.from([21, 3, 3, 0, 2, 1, 0]));
    await client.event('failed');
  });

  test('an end inside the handshake fails it', async () => {
    const [left, right] = pipe();
    const server = new Side(right, 'server', juliet, ROMEO);
    left.end(Buffer.from([22, 3, 1]));
    expect((await server.event('failed'))[1].condition).toBe('encryption-error');
  });

  test('more than 64 KiB before the handshake is done fail it [G7]', async () => {
    // Handshake records of a message of 16 MiB that never ends.
    const record = Buffer.concat([Buffer.from([22, 3, 1, 0x10, 0x00]), Buffer.alloc(4096)]);
    record.set([1, 0xff, 0xff, 0xff], 5);
    const run = async (size: number): Promise<string[]> => {
      const [left, right] = pipe();
      const server = new Side(right, 'server', juliet, ROMEO);
      for (let sent = 0; sent < size; sent += record.length) left.write(record);
      await turn();
      return server.names;
    };
    expect(await run(70 * 1024)).toContain('failed');
  });

  test('however many with plaintext do not', async () => {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, JULIET);
    const server = new Side(right, 'server', juliet, ROMEO);
    await Promise.all([client.event('secured'), server.event('secured')]);
    for (let at = 0; at < 300; at += 1) client.engine.write(Buffer.alloc(1000, 65));
    await client.engine.end();
    await server.event('ended');
    expect(server.events.reduce((sum, event) => sum + (event[0] === 'data' ? event[1].length : 0), 0)).toBe(300_000);
    expect(server.names).not.toContain('failed');
  });
});
