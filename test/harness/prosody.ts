/** A real Prosody with a configuration, data and certificate of its own in a temporary folder, on loopback ports of its own. */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program, freePorts, run } from './process.ts';

export interface ProsodyOptions {
  /** The virtual host. Default `localhost`. */
  domain?: string;
  /** Offer STARTTLS and a direct TLS port. Default true. */
  tls?: boolean;
  /** Demand TLS before login. Default: as `tls`. */
  requireEncryption?: boolean;
  /** Offer PLAIN without TLS. Default false. */
  plainAllowed?: boolean;
  /** The certificate to show instead of one made for `domain`; `caFile` is then the caller's business. */
  certificate?: { certificateFile: string; keyFile: string };
  users?: Readonly<Record<string, string>>;
  /** Seconds a cut session can be resumed for. Default 60. */
  resumeSeconds?: number;
  /** Unacknowledged stanzas the server keeps for a cut session. Default 500, as Prosody ships. */
  resumeQueue?: number;
  /** Modules beside, or taken away from, the usual ones. */
  modules?: readonly string[];
  withoutModules?: readonly string[];
  /** Servers to talk to, this one among them: domain → s2s port on 127.0.0.1. */
  s2s?: Readonly<Record<string, number>>;
  /** Write every stanza to the log. */
  logStanzas?: boolean;
  /** More lines for the virtual host's section of the configuration. */
  hostConfiguration?: string;
}

export interface RosterPreset {
  jid: string;
  name?: string;
  groups?: readonly string[];
  subscription?: 'none' | 'to' | 'from' | 'both';
}

const usualModules = [
  'roster', 'saslauth', 'tls', 'disco', 'pep', 'vcard4', 'vcard_legacy', 'blocklist', 'private',
  'carbons', 'smacks', 'csi_simple', 'ping', 'version', 'time',
];

/** A Lua string literal. */
const lua = (text: string): string => `"${text.replace(/[\\"\n\r\0]/g, (character) => `\\${character.charCodeAt(0).toString().padStart(3, '0')}`)}"`;

/** Prosody's file name for a host or user name. */
const fileName = (text: string): string =>
  [...Buffer.from(text)].map((byte) => (/[A-Za-z0-9]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`)).join('');

export class Prosody {
  readonly domain: string;
  /** c2s with STARTTLS (or none), on 127.0.0.1. */
  readonly port: number;
  /** c2s with direct TLS, on 127.0.0.1; 0 without TLS. */
  readonly tlsPort: number;
  /** The authority that signed the server's certificate (PEM). */
  readonly caFile: string;
  readonly directory: string;
  #program: Program;

  constructor(domain: string, port: number, tlsPort: number, directory: string, program: Program) {
    this.domain = domain;
    this.port = port;
    this.tlsPort = tlsPort;
    this.directory = directory;
    this.caFile = join(directory, 'ca.crt');
    this.#program = program;
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** The bare JID of a user here. */
  jid(user: string): string {
    return `${user}@${this.domain}`;
  }

  /** Creates an account, or changes its password; a running server sees it at the next login. */
  async addUser(user: string, password: string): Promise<void> {
    await writeStore(this.directory, this.domain, 'accounts', user, `return { password = ${lua(password)} };\n`);
  }

  /** Writes a user's roster. Only for a user who has not been online yet: the server keeps rosters in memory. */
  async presetRoster(user: string, contacts: readonly RosterPreset[]): Promise<void> {
    const items = contacts.map(
      ({ jid, name, groups = [], subscription = 'both' }) =>
        `\t[${lua(jid)}] = { subscription = ${lua(subscription)}; ${name === undefined ? '' : `name = ${lua(name)}; `}groups = { ${groups.map((group) => `[${lua(group)}] = true; `).join('')}}; };\n`,
    );
    await writeStore(this.directory, this.domain, 'roster', user, `return {\n\t[false] = { version = 1; pending = {}; };\n${items.join('')}};\n`);
  }

  /** Makes two users contacts of each other. As `presetRoster`, before either is online. */
  async befriend(one: string, other: string): Promise<void> {
    await this.presetRoster(one, [{ jid: this.jid(other), name: other }]);
    await this.presetRoster(other, [{ jid: this.jid(one), name: one }]);
  }

  log(): string {
    return this.#program.output;
  }

  /** Waits for a line of the log. */
  async logLine(pattern: RegExp, timeoutMs?: number): Promise<string> {
    return this.#program.line(pattern, timeoutMs);
  }

  /** Waits for the next line from now on. */
  async nextLogLine(pattern: RegExp, timeoutMs?: number): Promise<string> {
    return this.#program.nextLine(pattern, timeoutMs);
  }

  /** Ends the server without a word to its clients; `restart` brings it back with the same ports and data. */
  async kill(): Promise<void> {
    await this.#program.kill();
  }

  /** Waits until every port accepts connections. */
  async ready(): Promise<void> {
    for (const port of this.tlsPort === 0 ? [this.port] : [this.port, this.tlsPort]) {
      const line = await this.logLine(new RegExp(`Activated service .*:${port}\\b|Failed to open server port ${port}\\b`), 15_000);
      if (line.includes('Failed')) throw new PortTaken(line);
      await accepts(port);
    }
  }

  async restart(): Promise<void> {
    await this.#program.kill();
    this.#program = launch(this.directory);
    await this.ready();
  }

  async stop(): Promise<void> {
    await this.#program.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Starts a Prosody and waits until its ports accept connections (about a third of a second). The caller stops it. */
export async function startProsody(options: ProsodyOptions = {}): Promise<Prosody> {
  const domain = options.domain ?? 'localhost';
  const tls = options.tls ?? true;
  const directory = await mkdtemp(join(tmpdir(), 'hush-prosody-'));
  await Promise.all(['data', 'certs'].map((name) => mkdir(join(directory, name))));
  if (tls && options.certificate === undefined) await makeCertificate(directory, domain);
  // A port found free may be taken by another before the server has it: then once more with others.
  for (let attempt = 1; ; attempt++) {
    const [port, tlsPort] = (await freePorts(2)) as [number, number];
    await writeFile(join(directory, 'prosody.cfg.lua'), configuration(options, domain, directory, port, tls ? tlsPort : 0));
    const prosody = new Prosody(domain, port, tls ? tlsPort : 0, directory, launch(directory));
    for (const [user, password] of Object.entries(options.users ?? {})) await prosody.addUser(user, password);
    try {
      await prosody.ready();
      return prosody;
    } catch (error) {
      await prosody.kill();
      if (attempt < 3 && error instanceof PortTaken) continue;
      await prosody.stop();
      throw error;
    }
  }
}

class PortTaken extends Error {}

function launch(directory: string): Program {
  return new Program('prosody', ['--no-daemonize', '--config', join(directory, 'prosody.cfg.lua')]);
}

function configuration(options: ProsodyOptions, domain: string, directory: string, port: number, tlsPort: number): string {
  const tls = tlsPort !== 0;
  const list = (items: readonly string[]): string => `{ ${items.map((item) => `${lua(item)}; `).join('')}}`;
  const { certificateFile, keyFile } = options.certificate ?? { certificateFile: join(directory, 'server.crt'), keyFile: join(directory, 'server.key') };
  return `
-- Loopback only, and gone with the test: root may run it.
run_as_root = true
data_path = ${lua(join(directory, 'data'))}
interfaces = { "127.0.0.1" }
c2s_ports = { ${port} }
c2s_direct_tls_ports = { ${tls ? tlsPort : ''} }
modules_enabled = ${list([...usualModules.filter((name) => tls || name !== 'tls'), ...(options.logStanzas ? ['stanza_debug'] : []), ...(options.s2s ? ['s2s', 'dialback', 'loopback_s2s'] : []), ...(options.modules ?? [])])}
modules_disabled = ${list(['posix', ...(options.s2s ? [] : ['s2s']), 's2s_auth_certs', ...(options.withoutModules ?? [])])}
${options.s2s ? interServer(options.s2s, domain) : ''}log = { { to = "console"; timestamps = "%X"; levels = { min = "${options.logStanzas ? 'debug' : 'info'}" } } }
c2s_require_encryption = ${options.requireEncryption ?? tls}
allow_unencrypted_plain_auth = ${options.plainAllowed ?? false}
-- With plain passwords on file every SCRAM can be offered.
authentication = "internal_plain"
smacks_hibernation_time = ${options.resumeSeconds ?? 60}
smacks_max_queue_size = ${options.resumeQueue ?? 500}
${tls ? `ssl = { certificate = ${lua(certificateFile)}; key = ${lua(keyFile)}; }` : ''}
VirtualHost ${lua(domain)}
${options.hostConfiguration ?? ''}
`;
}

/** Each server proves by dialback that it is asked for its domain; TLS as everywhere. */
function interServer(ports: Readonly<Record<string, number>>, domain: string): string {
  return `
plugin_paths = { ${lua(import.meta.dirname)} }
s2s_ports = { ${ports[domain]} }
s2s_secure_auth = false
s2s_require_encryption = true
loopback_s2s = { ${Object.entries(ports).map(([name, port]) => `[${lua(name)}] = ${port}; `).join('')}}
`;
}

/** An authority, and a certificate for `domain` signed by it. */
export async function makeCertificate(directory: string, domain: string): Promise<void> {
  const file = (name: string): string => join(directory, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('openssl', ['req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.crt'), '-days', '30', '-subj', '/CN=Test authority']);
  await run('openssl', [
    'req', '-x509', ...key, '-keyout', file('server.key'), '-out', file('server.crt'), '-days', '30',
    '-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-subj', `/CN=${domain}`, '-addext', `subjectAltName=DNS:${domain}`,
    '-addext', 'basicConstraints=critical,CA:FALSE',
  ]);
}

async function writeStore(directory: string, domain: string, store: string, user: string, text: string): Promise<void> {
  const folder = join(directory, 'data', fileName(domain), store);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${fileName(user)}.dat`), text);
}

async function accepts(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}
