/** A desktop session of its own: a private bus that activates services, home and XDG folders in a temporary folder, and each service's log. */
import { readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '../../src/bus/connection.ts';
import { silentLog } from '../../src/log.ts';
import { startBus } from './bus.ts';
import type { TestBus } from './bus.ts';

/** A program that the bus starts when one of its names is called. */
export interface Service {
  /** For its log. */
  readonly name: string;
  readonly busNames: readonly string[];
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Files it wants in the user's data folder (XDG_DATA_HOME): path there → text. */
  readonly dataFiles?: Readonly<Record<string, string>>;
}

const daemon = 'org.freedesktop.DBus';

export class Session {
  readonly directory: string;
  /** What a program of this session has in its environment beside the bus address. */
  readonly environment: Record<string, string>;
  /** A connection to the session's bus, for everything that needs no client of its own. */
  readonly bus: Bus;
  readonly #testBus: TestBus;
  readonly #services: readonly Service[];

  constructor(directory: string, environment: Record<string, string>, testBus: TestBus, bus: Bus, services: readonly Service[]) {
    this.directory = directory;
    this.environment = { ...environment, DBUS_SESSION_BUS_ADDRESS: testBus.address };
    this.#testBus = testBus;
    this.bus = bus;
    this.#services = services;
  }

  get address(): string {
    return this.#testBus.address;
  }

  /** Has the bus start the owner of this name; milliseconds until it was owned. At once if it is. */
  async activate(busName: string): Promise<number> {
    const start = performance.now();
    await this.#call('StartServiceByName', 'su', busName, 0);
    return performance.now() - start;
  }

  /** The process that owns a bus name, 0 when nobody does. */
  async pidOf(busName: string): Promise<number> {
    try {
      const [pid] = await this.#call('GetConnectionUnixProcessID', 's', busName);
      return pid as number;
    } catch (error) {
      if ((error as Error).name.endsWith('.NameHasNoOwner')) return 0;
      throw error;
    }
  }

  /** Settles when nobody owns the name any more. */
  async gone(busName: string): Promise<void> {
    await this.#owner(busName, (owner) => owner === '');
  }

  /** Settles when somebody owns the name. */
  async owned(busName: string): Promise<void> {
    await this.#owner(busName, (owner) => owner !== '');
  }

  /** What the service has written to its standard error and output so far. */
  async log(service: string): Promise<string> {
    return readFile(join(this.directory, `${service}.log`), 'utf8').catch(() => '');
  }

  /** Ends the bus, and with it every service; waits for those that own a name. A bus that has gone already (Ctrl-C reaches it too) is all right. */
  async stop(): Promise<void> {
    const names = this.#services.flatMap(({ busNames }) => busNames);
    const pids = await Promise.all(names.map((name) => this.pidOf(name).catch(() => 0)));
    this.bus.close();
    await this.#testBus.stop();
    await Promise.all([...new Set(pids)].filter((pid) => pid !== 0).map(ended));
    await rm(this.directory, { recursive: true, force: true });
  }

  #call(member: string, signature: string, ...body: unknown[]): Promise<unknown[]> {
    return this.bus.call({ destination: daemon, path: '/org/freedesktop/DBus', interface: daemon, member, signature, body });
  }

  #owner(busName: string, isWanted: (owner: string) => boolean, timeoutMs = 15_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(() => reject(new Error(`${busName}: no such change of owner within ${timeoutMs} ms`))), timeoutMs);
      const off = this.bus.watchName(busName, (owner) => {
        if (isWanted(owner)) settle(resolve);
      });
      function settle(done: () => void): void {
        clearTimeout(timer);
        // The first report may come while watchName is still returning.
        queueMicrotask(() => off());
        done();
      }
    });
  }
}

/** Starts a session with these services to be activated. The caller stops it. */
export async function startSession(services: readonly Service[], environment: Readonly<Record<string, string>> = {}): Promise<Session> {
  const directory = await mkdtemp(join(tmpdir(), 'hush-session-'));
  const folder = async (name: string): Promise<string> => {
    const path = join(directory, name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  };
  const dataHome = await folder('home/.local/share');
  const serviceDir = await folder('services');
  const variables: Record<string, string> = {
    HOME: join(directory, 'home'),
    XDG_DATA_HOME: dataHome,
    XDG_CONFIG_HOME: await folder('home/.config'),
    XDG_CACHE_HOME: await folder('home/.cache'),
    XDG_STATE_HOME: await folder('home/.local/state'),
    XDG_RUNTIME_DIR: await folder('run'),
    // Settings go nowhere, and nothing looks for a screen.
    GSETTINGS_BACKEND: 'memory',
    DISPLAY: '',
    NODE_OPTIONS: '',
    ...environment,
  };
  for (const service of services) {
    await writeService(directory, serviceDir, service);
    for (const [name, text] of Object.entries(service.dataFiles ?? {})) {
      const path = join(dataHome, name);
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, text);
    }
  }
  const testBus = await startBus({ serviceDirs: [serviceDir], environment: variables });
  const bus = await Bus.open({ address: testBus.address, log: silentLog });
  return new Session(directory, variables, testBus, bus, services);
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A start script, so that the service's words go to its log, and a D-Bus service file for each of its names. */
async function writeService(directory: string, serviceDir: string, service: Service): Promise<void> {
  const script = join(directory, service.name);
  const variables = Object.entries(service.environment ?? {}).map(([name, value]) => `export ${name}=${quoted(value)}\n`);
  await writeFile(script, `#!/bin/sh\n${variables.join('')}exec ${service.command.map(quoted).join(' ')} >> ${quoted(join(directory, `${service.name}.log`))} 2>&1\n`);
  await chmod(script, 0o755);
  for (const name of service.busNames) {
    await writeFile(join(serviceDir, `${name}.service`), `[D-BUS Service]\nName=${name}\nExec="${script}"\n`);
  }
}

/** Waits for the end of a process that is not our child; one that does not end within 5 s is killed. Only a pid that we know to be ours. */
export async function ended(pid: number): Promise<void> {
  for (const deadline = performance.now() + 5_000; isRunning(pid); ) {
    if (performance.now() > deadline) process.kill(pid, 'SIGKILL');
    // There is no event for it: the kernel tells only parents.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A dead process that nobody has asked about yet (a container's first process may not) does not count. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '')[0] !== 'Z';
  } catch {
    return false;
  }
}
