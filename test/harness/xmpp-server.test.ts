import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CertificateFolder } from './certificates.ts';
import type { Certificate } from './certificates.ts';
import { startScriptedServer } from './xmpp-server.ts';

const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.test' version='1.0'>";

/** A client without any wits: writes, and reads until a pattern has come. */
class BareClient {
  #socket: Socket;
  #text = '';
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  #listen(): void {
    this.#socket.on('data', (bytes: Buffer) => {
      this.#text += bytes.toString();
      this.#wake();
    });
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  async read(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match.index + match[0].length);
        return match[0];
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async secure(ca: string): Promise<void> {
    this.#socket.removeAllListeners('data');
    const tls = connectTls({ socket: this.#socket, ca, servername: 'example.test' });
    await once(tls, 'secureConnect');
    this.#socket = tls;
    this.#listen();
  }

  end(): void {
    this.#socket.destroy();
  }
}

describe('the scripted server', () => {
  let folder: CertificateFolder;
  let authority: Certificate;
  let leaf: Certificate;

  beforeAll(async () => {
    folder = await CertificateFolder.create();
    authority = await folder.authority();
    leaf = await folder.issue(authority, { dns: ['example.test'] });
  });
  afterAll(() => folder.remove());

  test('logs a client in over STARTTLS, and sees what it does afterwards', async () => {
    const server = await startScriptedServer({ tls: leaf });
    const client = new BareClient(connect(server.port, '127.0.0.1'));
    const session = await server.accept();
    const login = session.login();
    client.write(header);
    await client.read(/<starttls/);
    client.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.read(/<proceed/);
    await client.secure(authority.cert);
    client.write(header);
    await client.read(/SCRAM-SHA-256-PLUS.*<\/stream:features>/);
    client.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0alice\0wrong').toString('base64')}</auth>`);
    await client.read(/<failure.*<\/failure>/);
    client.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0alice\0secret').toString('base64')}</auth>`);
    await client.read(/<success/);
    client.write(header);
    await client.read(/<bind/);
    client.write("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>");
    await client.read(/<jid>alice@example.test\/x<\/jid>/);
    expect(await login).toBeUndefined();

    session.forbid({ name: 'presence' });
    client.write("<message to='bob@example.test'><body>a &amp; b</body></message>");
    const message = await session.expect({ name: 'message', ns: 'jabber:client', with: ['body'] });
    expect(message.child('body')?.text).toBe('a & b');
    client.write('<presence/>');
    await expect(session.expect({ name: 'iq' })).rejects.toThrow('forbidden');
    expect(session.clearText).not.toContain('body');
    client.end();
    await server.close();
  });

  test('says what a test puts in the place of an honest answer', async () => {
    const server = await startScriptedServer({ misbehave: { header: (honest) => honest.replace(" version='1.0' xml", ' xml') } });
    const client = new BareClient(connect(server.port, '127.0.0.1'));
    const session = await server.accept();
    const login = session.login();
    client.write(header);
    expect(await client.read(/<stream:stream[^>]*>/)).not.toContain('version');
    client.end();
    expect((await login)?.message).toContain('the connection ended');
    await server.close();
  });
});
