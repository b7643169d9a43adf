import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:tls';
import type { Server, TlsOptions } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CertificateFolder, expired, notYetValid } from '../harness/certificates.ts';
import type { Certificate, CertificateOptions } from '../harness/certificates.ts';
import { readDer } from '../../src/xmpp/der.ts';
import type { HushError } from '../../src/errors.ts';
import { channelBindings, connectTcp, secureContext, upgradeToTls } from '../../src/xmpp/socket.ts';
import type { Authorities } from '../../src/xmpp/socket.ts';
import { judgeServer } from '../../src/xmpp/tls-verify.ts';
import type { Judgement } from '../../src/xmpp/tls-verify.ts';

const never = new AbortController().signal;
const domain = 'example.test';

let folder: CertificateFolder;
let authority: Certificate;
let servers: Server[] = [];

beforeAll(async () => {
  folder = await CertificateFolder.create();
  authority = await folder.authority();
});
afterEach(() => {
  for (const server of servers) server.close();
  servers = [];
});
afterAll(() => folder.remove());

/** What we think of a server that shows this chain. */
async function judged(chain: { key: string; cert: string }, { references = [domain], authorities = { ca: authority.cert } }: { references?: string[]; authorities?: Authorities } = {}): Promise<Judgement> {
  const server = createServer({ key: chain.key, cert: chain.cert, ciphers: 'DEFAULT@SECLEVEL=0' }, (socket) => socket.on('error', () => undefined));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const tcp = await connectTcp({ host: '127.0.0.1', port, directTls: true }, never);
  const socket = await upgradeToTls(tcp, { domain, isDirect: true, context: secureContext({ authorities }), signal: never });
  const judgement = judgeServer(socket, references);
  socket.destroy();
  return judgement;
}

const judgedLeaf = async (options: CertificateOptions, references: string[]): Promise<string> =>
  (await judged(await folder.issue(authority, options), { references })).error?.condition ?? 'accepted';

const srvName = (name: string): string => `otherName:1.3.6.1.5.5.7.8.7;IA5:${name}`;
const xmppAddr = (name: string): string => `otherName:1.3.6.1.5.5.7.8.5;UTF8:${name}`;

/** Rows of what a certificate holds and which references it meets, by default the domain alone. */
function named(rows: readonly (readonly [string, CertificateOptions, string[]?])[]): [string, CertificateOptions, string[]][] {
  return rows.map(([name, options, references = [domain]]) => [name, options, references]);
}

describe('a certificate names the server [B4 B6]', () => {
  test.each(named([
    ['by its DNS name', { dns: [domain] }],
    ['by its DNS name in other letters', { dns: ['EXAMPLE.Test'] }],
    ['among other names', { dns: ['other.test', domain], names: ['IP:127.0.0.1', 'URI:https://other.test'] }],
    ['with a trailing dot on our side', { dns: [domain] }, [`${domain}.`]],
    ['by a wildcard for the left-most label', { dns: ['*.example.test'] }, ['chat.example.test']],
    ['by a wildcard for an A-label', { dns: ['*.example.test'] }, ['bücher.example.test']],
    ['by an SRV name', { names: [srvName('_xmpp-client.example.test')] }],
    ['by an SRV name for direct TLS', { names: [srvName('_xmpps-client.example.test')] }],
    ['by an XMPP address', { names: [xmppAddr(domain)] }],
    ['by an A-label for a U-label', { dns: ['xn--bcher-kva.example'] }, ['bücher.example']],
    ['with a trailing dot on its side', { dns: ['example.test.'] }],
    ['by another identity the account accepts', { dns: ['hosting.test'] }, [domain, 'hosting.test']],
  ]))('%s', async (_, options, references) => {
    expect(await judgedLeaf(options, references)).toBe('accepted');
  });

  test.each(named([
    ['another name', { dns: ['other.test'] }],
    ['the name of the host that SRV leads to', { dns: ['localhost'], names: ['IP:127.0.0.1'] }],
    ['a common name only', { commonName: domain }],
    ['a common name beside another DNS name', { commonName: domain, dns: ['other.test'] }],
    ['a wildcard for a whole top level', { dns: ['*.test'] }],
    ['a bare wildcard', { dns: ['*'] }],
    ['a wildcard as part of a label', { dns: ['ex*.example.test', '*x.example.test'] }, ['exx.example.test']],
    ['a wildcard for two labels', { dns: ['*.example.test'] }, ['a.b.example.test']],
    ['a wildcard for no label', { dns: ['*.example.test'] }],
    ['a wildcard that is not left-most', { dns: ['chat.*.test'] }, ['chat.example.test']],
    ['an SRV name of another service', { names: [srvName('_xmpp-server.example.test')] }],
    ['an SRV name that is a DNS name', { dns: ['_xmpp-client.example.test'] }],
    ['an XMPP address with a local part', { names: [xmppAddr('admin@example.test')] }],
    ['an XMPP address in another kind of text', { names: ['otherName:1.3.6.1.5.5.7.8.5;IA5:example.test'] }],
    ['an SRV name in another kind of text', { names: ['otherName:1.3.6.1.5.5.7.8.7;UTF8:_xmpp-client.example.test'] }],
    ['a URI', { names: ['URI:xmpp:example.test', 'URI:https://example.test'] }],
    ['a URI that is the name', { names: ['URI:example.test'] }],
    ['an e-mail address', { names: ['email:admin@example.test', 'email:example.test'] }],
    ['a registered ID', { names: ['RID:1.2.3.4'] }],
    ['a longer name', { dns: ['example.test.evil.test', 'xexample.test'] }],
    ['an IP address', { names: ['IP:127.0.0.1'] }, ['127.0.0.1']],
    ['no name at all', {}],
  ]))('but not by %s', async (_, options, references) => {
    expect(await judgedLeaf(options, references)).toBe('certificate-hostname-mismatch');
  });

  test.each([
    ['by a DNS name in raw bytes', Buffer.concat([Buffer.from([0x82, 12]), Buffer.from('example.test')]), 'accepted'],
    ['but not by one with NUL in it', Buffer.concat([Buffer.from([0x82, 23]), Buffer.from('example.test\0.evil.test')]), 'certificate-hostname-mismatch'],
    ['but not by one that looks like a list of names', Buffer.concat([Buffer.from([0x82, 19]), Buffer.from('x, DNS:example.test')]), 'certificate-hostname-mismatch'],
    ['but not by one in UTF-8', Buffer.concat([Buffer.from([0x82, 13]), Buffer.from('\u0435xample.test')]), 'certificate-hostname-mismatch'],
  ])('%s', async (_, generalName, condition) => {
    const { leaf, ca } = await withRawName(generalName);
    expect((await judged(leaf, { authorities: { ca } })).error?.condition ?? 'accepted').toBe(condition);
  });

  // Printed, each of these looks as if it named the server. RFC 4514 escapes, several values in one RDN, an RDN of another kind.
  test.each(['/CN=leaf+CN=example.test', '/CN=leaf\\, DNS:example.test', '/O=DNS:example.test/CN=x', '/CN=a\\nsubjectAltName=DNS:example.test', '/DC=test/DC=example/CN=example.test'])('but not by the subject %s', async (subject) => {
    const { leaf, ca } = await withRawName(Buffer.concat([Buffer.from([0x82, 10]), Buffer.from('other.test')]), subject);
    expect((await judged(leaf, { authorities: { ca } })).error?.condition).toBe('certificate-hostname-mismatch');
  });

  test('but not by a name in a directory entry, nor by one with a comma that prints as two', async () => {
    const text = Buffer.from('other.test, DNS:example.test');
    const uri = Buffer.from('http://x/, DNS:example.test');
    for (const name of [Buffer.concat([Buffer.from([0x82, text.length]), text]), Buffer.concat([Buffer.from([0x86, uri.length]), uri]), Buffer.from('a419301731153013060355040a0c0c6578616d706c652e74657374', 'hex')]) {
      const { leaf, ca } = await withRawName(name);
      expect((await judged(leaf, { authorities: { ca } })).error?.condition).toBe('certificate-hostname-mismatch');
    }
  });

  test('but not by a DNS name in Latin-1', async () => {
    const { leaf, ca } = await withRawName(Buffer.concat([Buffer.from([0x82, 14]), Buffer.from('b\u00fccher.example', 'latin1')]));
    expect((await judged(leaf, { references: ['b\u00fccher.example'], authorities: { ca } })).error?.condition).toBe('certificate-hostname-mismatch');
  });

  test('by an XMPP address in U-labels', async () => {
    const address = Buffer.from('b\u00fccher.example');
    const oid = Buffer.from('06082b06010505070805', 'hex');
    const utf8 = Buffer.concat([Buffer.from([0xa0, address.length + 2, 0x0c, address.length]), address]);
    const { leaf, ca } = await withRawName(Buffer.concat([Buffer.from([0xa0, oid.length + utf8.length]), oid, utf8]));
    expect((await judged(leaf, { references: ['xn--bcher-kva.example'], authorities: { ca } })).error).toBeUndefined();
  });

  test('the error tells both names', async () => {
    const { error } = await judged(await folder.issue(authority, { dns: ['other.test'] }));
    expect(error?.details).toEqual({ 'expected-hostname': domain, 'certificate-hostname': 'other.test' });
  });
});

/** A leaf signed by an authority of its own whose one alternative name is this DER. */
async function withRawName(name: Buffer, subject = '/CN=leaf'): Promise<{ leaf: { key: string; cert: string }; ca: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'hush-name-'));
  try {
    const run = (args: string[]): Promise<unknown> => promisify(execFile)('openssl', args, { cwd: directory });
    const san = Buffer.concat([Buffer.from([0x30, name.length]), name]).toString('hex');
    await writeFile(join(directory, 'extensions'), `subjectAltName=DER:${san}\n`);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    await run(['req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '3', '-subj', '/CN=ca']);
    await run(['req', '-new', ...key, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', subject]);
    await run(['x509', '-req', '-in', 'leaf.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '3', '-extfile', 'extensions', '-out', 'leaf.crt']);
    const read = (file: string): Promise<string> => readFile(join(directory, file), 'utf8');
    return { leaf: { key: await read('leaf.key'), cert: await read('leaf.crt') }, ca: await read('ca.crt') };
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('a chain', () => {
  test('is good through an intermediate authority that may sign [B4 B5]', async () => {
    const intermediate = await folder.issue(authority, { isAuthority: true, commonName: 'intermediate' });
    const leaf = await folder.issue(intermediate, { dns: [domain] });
    const judgement = await judged({ key: leaf.key, cert: leaf.cert + intermediate.cert });
    expect(judgement.error).toBeUndefined();
    expect(judgement.chain).toHaveLength(2);
  });

  test('is given out in DER, leaf first', async () => {
    const leaf = await folder.issue(authority, { dns: [domain] });
    const { chain } = await judged({ key: leaf.key, cert: leaf.cert + authority.cert });
    expect(chain.map((der) => Buffer.from(der).toString('base64'))).toEqual([leaf.cert, authority.cert].map((pem) => pem.replace(/-----[^-]+-----|\n/g, '')));
  });

  test.each<[string, () => Promise<{ key: string; cert: string }>, string]>([
    ['expired', () => folder.issue(authority, { dns: [domain], ...expired }), 'certificate-expired'],
    ['not valid yet', () => folder.issue(authority, { dns: [domain], ...notYetValid }), 'certificate-not-activated'],
    ['expired, and of another name', () => folder.issue(authority, { dns: ['other.test'], ...expired }), 'certificate-hostname-mismatch'],
    ['signed by itself', () => folder.selfSigned({ dns: [domain] }), 'certificate-self-signed'],
    ['signed by itself, and expired', () => folder.selfSigned({ dns: [domain], ...expired }), 'certificate-self-signed'],
    ['signed by itself, and of another name', () => folder.selfSigned({ dns: ['other.test'] }), 'certificate-self-signed'],
    ['of an unknown authority', async () => folder.issue(await folder.authority(), { dns: [domain] }), 'certificate-untrusted'],
    ['of a weak RSA key', () => folder.issue(authority, { dns: [domain], keyArguments: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'] }), 'certificate-insecure'],
  ])('is refused when it is %s [B4]', async (_, make, condition) => {
    expect((await judged(await make())).error?.condition).toBe(condition);
  });

  test('of an unknown authority tells that the name is wrong, too', async () => {
    const { error } = await judged(await folder.issue(await folder.authority(), { dns: ['other.test'] }));
    expect(error).toMatchObject({ condition: 'certificate-untrusted', details: { 'expected-hostname': domain } });
  });

  test.each<[string, () => Promise<{ key: string; cert: string }>]>([
    [
      'a leaf that signs another',
      async () => {
        const middle = await folder.issue(authority, { dns: ['other.test'] });
        const leaf = await folder.issue(middle, { dns: [domain] });
        return { key: leaf.key, cert: leaf.cert + middle.cert };
      },
    ],
    [
      'an authority below one that allows none',
      async () => {
        const upper = await folder.issue(authority, { isAuthority: true, pathLength: 0, commonName: 'upper' });
        const lower = await folder.issue(upper, { isAuthority: true, commonName: 'lower' });
        const leaf = await folder.issue(lower, { dns: [domain] });
        return { key: leaf.key, cert: leaf.cert + lower.cert + upper.cert };
      },
    ],
    [
      'a name outside the constraints of the authority',
      async () => {
        const constrained = await folder.issue(authority, { isAuthority: true, commonName: 'constrained', extensions: ['nameConstraints=critical,permitted;DNS:other.test'] });
        const leaf = await folder.issue(constrained, { dns: [domain] });
        return { key: leaf.key, cert: leaf.cert + constrained.cert };
      },
    ],
    [
      'an authority that may not sign certificates',
      async () => {
        const mute = await folder.issue(authority, { isAuthority: true, commonName: 'mute', extensions: ['keyUsage=critical,digitalSignature'] });
        const leaf = await folder.issue(mute, { dns: [domain] });
        return { key: leaf.key, cert: leaf.cert + mute.cert };
      },
    ],
  ])('is refused with %s [B5]', async (_, make) => {
    expect((await judged(await make())).error?.condition).toMatch(/^certificate-(untrusted|limit-exceeded|invalid)$/);
  });

  test('is refused when a revocation list at hand names it [B4]', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hush-crl-'));
    try {
      const leaf = await folder.issue(authority, { dns: [domain] });
      await writeFile(join(directory, 'index'), '');
      await writeFile(join(directory, 'cnf'), '[ca]\ndefault_ca=x\n[x]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=3\n');
      const openssl = (...args: string[]): Promise<unknown> =>
        promisify(execFile)('openssl', ['ca', '-config', 'cnf', '-keyfile', authority.keyFile, '-cert', authority.certFile, ...args], { cwd: directory });
      await openssl('-gencrl', '-out', 'empty.crl');
      await openssl('-revoke', leaf.certFile);
      await openssl('-gencrl', '-out', 'full.crl');
      const list = (file: string): Promise<string> => readFile(join(directory, file), 'utf8');
      expect((await judged(leaf, { authorities: { ca: authority.cert, crl: await list('empty.crl') } })).error).toBeUndefined();
      expect((await judged(leaf, { authorities: { ca: authority.cert, crl: await list('full.crl') } })).error?.condition).toBe('certificate-revoked');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('the handshake', () => {
  async function handshake(listener: Server): Promise<unknown> {
    servers.push(listener);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const tcp = await connectTcp({ host: '127.0.0.1', port: (listener.address() as AddressInfo).port, directTls: true }, never);
    try {
      const socket = await upgradeToTls(tcp, { domain, isDirect: true, context: secureContext({ authorities: { ca: authority.cert } }), signal: never });
      const result = { protocol: socket.getProtocol(), application: socket.alpnProtocol, bindings: channelBindings(socket, undefined) !== undefined };
      socket.destroy();
      return result;
    } catch (error) {
      return (error as HushError).condition;
    }
  }

  test('names the domain and the application; 1.3 where it can, 1.2 without channel binding, nothing below', async () => {
    const leaf = await folder.issue(authority, { dns: [domain] });
    const listener = (options: TlsOptions): Server => {
      const server = createServer({ key: leaf.key, cert: leaf.cert, ALPNProtocols: ['xmpp-client'], ...options }, (socket) => socket.on('error', () => undefined));
      return server.on('tlsClientError', () => undefined);
    };
    let seen = '';
    const first = listener({
      SNICallback: (name, answer) => {
        seen = name;
        answer(null);
      },
    });
    expect(await handshake(first)).toEqual({ protocol: 'TLSv1.3', application: 'xmpp-client', bindings: true });
    expect(seen).toBe(domain);
    expect(await handshake(listener({ maxVersion: 'TLSv1.2' }))).toEqual({ protocol: 'TLSv1.2', application: 'xmpp-client', bindings: false });
    expect(await handshake(listener({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))).toBe('encryption-error');
  });

  test('shows the certificate of the account to a server that asks', async () => {
    const leaf = await folder.issue(authority, { dns: [domain] });
    const own = await folder.selfSigned({ commonName: 'alice' });
    const shown = new Promise<string | undefined>((resolve) => {
      const server = createServer({ key: leaf.key, cert: leaf.cert, requestCert: true, rejectUnauthorized: false }, (socket) => {
        socket.on('error', () => undefined);
        resolve(socket.getPeerX509Certificate()?.subject);
        socket.destroy();
      });
      servers.push(server);
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo;
        const context = secureContext({ authorities: { ca: authority.cert }, clientCertificate: own });
        connectTcp({ host: '127.0.0.1', port, directTls: true }, never)
          .then((tcp) => upgradeToTls(tcp, { domain, isDirect: true, context, signal: never }))
          .catch(() => resolve(undefined));
      });
    });
    expect(await shown).toBe('CN=alice');
  });
});

describe('DER', () => {
  const read = (hex: string): { tag: number; content: Uint8Array }[] => readDer(Buffer.from(hex, 'hex'));

  test('is read one level at a time', () => {
    expect(read('3003020101' + '0500')).toEqual([
      { tag: 0x30, content: Buffer.from('020101', 'hex') },
      { tag: 0x05, content: Buffer.alloc(0) },
    ]);
    expect(read('048180' + '00'.repeat(128))[0]?.content).toHaveLength(128);
  });

  test.each([
    ['cut short', '3003020'.slice(0, 6)],
    ['without a length', '30'],
    ['of indefinite length', '30800000'],
    ['with a long form where the short fits', '04810100'],
    ['with a leading zero in the length', '0482008000'],
    ['longer than itself', '04847fffffff'],
    ['with nine octets of length', '0489000000000000000001'],
    ['with a long tag', '1f810100'],
  ])('is refused %s', (_, hex) => {
    expect(() => read(hex)).toThrow('not DER');
  });
});
