/** A Secret Service of a test: gnome-keyring on a private bus, with folders of its own. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '../../src/bus/connection.ts';
import { Program } from './process.ts';

const busName = 'org.freedesktop.secrets';

export class Keyring {
  readonly #bus: Bus;
  readonly #directory: string;
  #daemon: Program | undefined;

  private constructor(bus: Bus, directory: string) {
    this.#bus = bus;
    this.#directory = directory;
  }

  /** Nothing runs yet. `remove` deletes what it keeps. */
  static async create(bus: Bus): Promise<Keyring> {
    return new Keyring(bus, await mkdtemp(join(tmpdir(), 'hush-keyring-')));
  }

  /** Starts the daemon, with the login keyring unlocked, or without unlocking it. Settles when it owns its name. */
  async start(address: string, unlocked: boolean): Promise<void> {
    const environment: Record<string, string> = { DBUS_SESSION_BUS_ADDRESS: address, GSETTINGS_BACKEND: 'memory', DISPLAY: '' };
    for (const name of ['HOME', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME', 'XDG_RUNTIME_DIR']) {
      environment[name] = join(this.#directory, name);
      await mkdir(environment[name], { recursive: true, mode: 0o700 });
    }
    const password = join(this.#directory, 'password');
    await writeFile(password, 'a password');
    const command = `exec gnome-keyring-daemon --foreground --components=secrets ${unlocked ? '--unlock' : ''} < '${password}'`;
    this.#daemon = new Program('sh', ['-c', command], { environment });
    await this.#owner((owner) => owner !== '');
  }

  /** Locks the default collection, as a user does. */
  async lock(): Promise<void> {
    const collection = await this.#call('ReadAlias', 's', 'default');
    await this.#call('Lock', 'ao', [collection]);
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined) return;
    await daemon.stop();
    await this.#owner((owner) => owner === '');
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #call(member: string, signature: string, ...body: unknown[]): Promise<unknown> {
    const [result] = await this.#bus.call({ destination: busName, path: '/org/freedesktop/secrets', interface: 'org.freedesktop.Secret.Service', member, signature, body });
    return result;
  }

  #owner(isWanted: (owner: string) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const off = this.#bus.watchName(busName, (owner) => {
        if (!isWanted(owner)) return;
        queueMicrotask(() => off());
        resolve();
      });
    });
  }
}
