/** From nothing to the first secured message: one user with the npm package, the other with the Debian package, nothing set up but what the commands do. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Bus } from '../../src/bus/connection.ts';
import { silentLog } from '../../src/log.ts';
import { startBus } from '../harness/bus.ts';
import { EventQueue } from '../harness/events.ts';
import { GlibClient } from '../harness/glib-client.ts';
import type { GlibMessage } from '../harness/glib-client.ts';
import { hushBusName } from '../harness/hush.ts';
import { missionControlService } from '../harness/mission-control.ts';
import { Program } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { Session } from '../harness/session.ts';
import { names, RemoteObject } from '../harness/telepathy-client.ts';

const root = resolve(import.meta.dirname, '../..');

let prosody: Prosody;
/** Where the two packages are. */
let folder: string;
const users: User[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-fresh-'));
  prosody = await startProsody({ users: { alice: 'alice', bob: 'bob' } });
  await prosody.befriend('alice', 'bob');
  await shell({}, `cd '${root}' && npm pack --silent --pack-destination '${folder}' && '${process.execPath}' data/debian/package.mjs '${folder}'`);
});
afterAll(async () => {
  for (const user of users) await user.stop();
  await prosody.stop();
  await rm(folder, { recursive: true });
});

/** Somebody with an empty home, a session bus, Mission Control and a chat program. */
class User {
  readonly session: Session;
  readonly events = new EventQueue();
  readonly #prefix: string;
  #client: GlibClient | undefined;

  private constructor(session: Session, prefix: string) {
    this.session = session;
    this.#prefix = prefix;
  }

  /** `bin`, `services`: where the package puts its commands and what the bus is to start, below `prefix`. */
  static async login(bin: string, services: string): Promise<User> {
    const directory = await mkdtemp(join(tmpdir(), 'hush-user-'));
    const prefix = join(directory, 'prefix');
    const control = missionControlService();
    const environment = {
      HOME: directory,
      XDG_DATA_HOME: join(directory, '.local/share'),
      XDG_CONFIG_HOME: join(directory, '.config'),
      XDG_CACHE_HOME: join(directory, '.cache'),
      XDG_RUNTIME_DIR: join(directory, 'run'),
      XDG_DATA_DIRS: `${join(prefix, 'usr/share')}:/usr/local/share:/usr/share`,
      GSETTINGS_BACKEND: 'memory',
      DISPLAY: '',
      NODE_OPTIONS: '',
      NODE_EXTRA_CA_CERTS: prosody.caFile,
      PATH: `${join(prefix, bin)}:${process.env.PATH!}`,
    };
    await mkdir(environment.XDG_RUNTIME_DIR, { mode: 0o700 });
    const serviceDirs = [resolve(prefix, services), join(directory, 'services')];
    for (const path of serviceDirs) await mkdir(path, { recursive: true });
    for (const name of control.busNames) await writeFile(join(directory, 'services', `${name}.service`), `[D-BUS Service]\nName=${name}\nExec=${control.command.join(' ')}\n`);
    const bus = await startBus({ serviceDirs, environment });
    const user = new User(new Session(directory, environment, bus, await Bus.open({ address: bus.address, log: silentLog }), [control, { name: 'hush', busNames: [hushBusName], command: [] }]), prefix);
    users.push(user);
    return user;
  }

  /** What is typed into a shell, `$prefix` being where the package goes. Returns what comes out. */
  type(line: string): Promise<string> {
    return shell({ ...this.session.environment, prefix: this.#prefix }, line);
  }

  async add(name: string): Promise<string> {
    const { path } = JSON.parse(await this.type(`echo ${name} | hushctl --json add --server 127.0.0.1:${prosody.port} ${prosody.jid(name)}`)) as { path: string };
    return path;
  }

  async chatProgram(): Promise<GlibClient> {
    return (this.#client = await GlibClient.start(this.session, this.events, 'Chat'));
  }

  async stop(): Promise<void> {
    await this.#client?.stop();
    await this.session.stop();
  }
}

/** Runs one line. Rejects with what it said when it fails. */
async function shell(environment: Record<string, string>, line: string): Promise<string> {
  const program = new Program('sh', ['-c', line], { environment });
  const out: string[] = [];
  program.onLine((text, stream) => {
    if (stream === 'stdout') out.push(text);
  });
  if ((await program.ended) !== 0) throw new Error(`${line}\n${program.output}`);
  return out.join('\n');
}

test('two fresh users talk, secured, after three commands of each', async () => {
  const bob = await User.login('usr/bin', 'usr/share/dbus-1/services');
  // apt install, as far as it concerns one user: unpacked, and started from where it is.
  await bob.type(`dpkg-deb --extract '${folder}'/hush_*_all.deb "$prefix" && sed -i "s|/usr/bin/node /|${process.execPath} $prefix/|" "$prefix"/usr/share/dbus-1/services/*.service && ln -s '${process.execPath}' "$prefix/usr/bin/node" && sed -i "1s|/usr/bin/node|$prefix/usr/bin/node|" "$prefix"/usr/share/hush/d*/*.?js`);
  const bobsAccount = await bob.add('bob');
  await bob.chatProgram();

  const alice = await User.login('bin', '../.local/share/dbus-1/services');
  const times: [string, number][] = [];
  const begin = performance.now();
  const done = (what: string): void => void times.push([what, performance.now() - begin]);
  await alice.type(`npm install --global --offline --prefix "$prefix" '${folder}'/hush-*.tgz`);
  done('npm install --global');
  await alice.type('hush install');
  done('hush install');
  const account = await alice.add('alice');
  done('hushctl add');

  const chat = await alice.chatProgram();
  done('(a chat program is started)');
  await chat.online(account);
  const channel = await chat.text(account, prosody.jid('bob'));
  await chat.send(channel, 'Hello Bob, this is me, for the first time.');
  const incoming = await bob.events.expect({ name: 'channel', account: bobsAccount });
  const first = (incoming.pending as GlibMessage[])[0] ?? ((await bob.events.expect({ name: 'message-received', channel: incoming.channel })).message as GlibMessage);
  done('first message read by Bob');

  expect(first.text).toBe('Hello Bob, this is me, for the first time.');
  for (const [user, path] of [[alice, channel], [bob, incoming.channel as string]] as const) {
    const remote = new RemoteObject(user.session.bus, path.slice(1, path.lastIndexOf('/')).replaceAll('/', '.'), path);
    expect([await remote.get(names.securable, 'Encrypted'), await remote.get(names.securable, 'ForwardSecret')]).toEqual([true, true]);
  }
  expect(prosody.log()).not.toContain('for the first time');
  // For whoever wants to know how long it took.
  await mkdir(join(root, '.test-output'), { recursive: true });
  await writeFile(join(root, '.test-output/fresh-user.txt'), times.map(([what, time]) => `${(time / 1000).toFixed(2).padStart(6)} s  ${what}\n`).join(''));
});
