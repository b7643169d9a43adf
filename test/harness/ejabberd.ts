/** A real ejabberd in a temporary folder owned by its own user, on loopback ports of its own, without Erlang's port mapper and without distribution. */
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from './prosody.ts';
import { Program, freePorts, run } from './process.ts';

export interface EjabberdOptions {
  /** The virtual host. Default `localhost`. */
  domain?: string;
  users?: Readonly<Record<string, string>>;
}

export class Ejabberd {
  readonly domain: string;
  /** c2s with STARTTLS, on 127.0.0.1. */
  readonly port: number;
  /** The authority that signed the server's certificate (PEM). */
  readonly caFile: string;
  readonly #directory: string;
  readonly #program: Program;

  constructor(domain: string, port: number, directory: string, program: Program) {
    this.domain = domain;
    this.port = port;
    this.caFile = join(directory, 'ca.crt');
    this.#directory = directory;
    this.#program = program;
  }

  jid(user: string): string {
    return `${user}@${this.domain}`;
  }

  log(): string {
    return this.#program.output;
  }

  async stop(): Promise<void> {
    await this.#program.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** An Erlang string; our names need no escapes. */
const erlang = (text: string): string => {
  if (!/^[\w@.:/ -]*$/.test(text)) throw new Error(`not a plain name: ${text}`);
  return `"${text}"`;
};

/** Starts an ejabberd with these accounts and waits until it takes logins (a few seconds). The caller stops it. */
export async function startEjabberd(options: EjabberdOptions = {}): Promise<Ejabberd> {
  const domain = options.domain ?? 'localhost';
  const directory = await mkdtemp(join(tmpdir(), 'hush-ejabberd-'));
  const file = (name: string): string => join(directory, name);
  await makeCertificate(directory, domain);
  await run('sh', ['-c', `cat ${file('server.crt')} ${file('server.key')} > ${file('server.pem')}`]);
  const [port] = (await freePorts(1)) as [number];
  await writeFile(file('ejabberd.yml'), configuration(domain, port, directory));
  await mkdir(file('mnesia'));
  const [uid, gid] = (await Promise.all([run('id', ['-u', 'ejabberd']), run('id', ['-g', 'ejabberd'])])).map(Number) as [number, number];
  await run('chown', ['-R', `${uid}:${gid}`, directory]);
  await chown(directory, uid, gid);

  const registrations = Object.entries(options.users ?? {}).map(([user, password]) => `ok = ejabberd_auth:try_register(<<${erlang(user)}>>, <<${erlang(domain)}>>, <<${erlang(password)}>>)`);
  const start = ['{ok, _} = application:ensure_all_started(ejabberd)', ...registrations, 'io:format("ready~n")'].join(', ');
  const program = new Program('setpriv', [
    `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', 'erl', '-noinput', '-mnesia', 'dir', erlang(file('mnesia')), '-ejabberd', 'quiet', 'false', '-eval', start,
  ], {
    cwd: directory,
    environment: {
      HOME: directory,
      ERL_LIBS: '/usr/lib/x86_64-linux-gnu',
      ERL_CRASH_DUMP: file('crash.dump'),
      EJABBERD_CONFIG_PATH: file('ejabberd.yml'),
      EJABBERD_LOG_PATH: file('ejabberd.log'),
    },
  });
  const server = new Ejabberd(domain, port, directory, program);
  try {
    await program.line(/^ready$/, 60_000);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function configuration(domain: string, port: number, directory: string): string {
  return `
loglevel: warning
hosts:
  - ${domain}
certfiles:
  - ${join(directory, 'server.pem')}
listen:
  - port: ${port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: true
    starttls_required: true
    max_stanza_size: 262144
auth_method: internal
auth_password_format: scram
disable_sasl_mechanisms: []
acl:
  local:
    user_regexp: ""
access_rules:
  c2s:
    allow: all
shaper: {}
shaper_rules: {}
modules:
  mod_adhoc: {}
  mod_blocking: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_disco: {}
  mod_offline: {}
  mod_ping: {}
  mod_privacy: {}
  mod_pubsub:
    plugins: [flat, pep]
  mod_roster:
    versioning: true
  mod_stream_mgmt: {}
  mod_vcard: {}
  mod_version: {}
`;
}
