/** The other end: a Telepathy client of the tests, and everything that crosses the bus, in order. */
import { Bus } from '../../src/bus/connection.ts';
import { interfaceTables } from '../../src/bus/interfaces.ts';
import type { InterfaceName } from '../../src/bus/interfaces.ts';
import { str, u32 } from '../../src/bus/types.ts';
import type { Variant, VariantMap } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import { CHANNEL, CONNECTION, CONNECTION_MANAGER, REQUESTS, TEXT } from '../../src/telepathy/constants.ts';
import { Program } from '../harness/process.ts';

const PROPERTIES = 'org.freedesktop.DBus.Properties';
const daemonCall = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };

/** A client that hears every signal of `service` (a unique name) from now on. */
export async function openClient(address: string, service: string): Promise<Bus> {
  const bus = await Bus.open({ address, log: silentLog });
  bus.subscribe({ sender: service }, () => undefined);
  // The daemon has seen the rule when it answers this.
  await bus.call({ ...daemonCall, member: 'GetId' });
  return bus;
}

/** One object of the echo connection manager. */
export class Remote {
  readonly bus: Bus;
  readonly destination: string;
  readonly path: string;

  constructor(bus: Bus, destination: string, path: string) {
    this.bus = bus;
    this.destination = destination;
    this.path = path;
  }

  at(path: string): Remote {
    return new Remote(this.bus, this.destination, path);
  }

  /** Calls a method with the signature of its interface. */
  call(name: InterfaceName, member: string, ...body: unknown[]): Promise<unknown[]> {
    return this.callAs(interfaceTables[name].methods[member]!.in, name, member, ...body);
  }

  callAs(signature: string, name: string, member: string, ...body: unknown[]): Promise<unknown[]> {
    return this.bus.call({ destination: this.destination, path: this.path, interface: name, member, signature, body });
  }

  async getAll(name: string): Promise<VariantMap> {
    const [properties] = await this.callAs('s', PROPERTIES, 'GetAll', name);
    return properties as VariantMap;
  }

  async get(name: string, property: string): Promise<unknown> {
    const [value] = await this.callAs('ss', PROPERTIES, 'Get', name, property);
    return (value as Variant).value;
  }

  /** The next signal of this kind from this object. */
  next(name: InterfaceName, member: string): Promise<unknown[]> {
    return new Promise((resolve) => {
      const off = this.bus.subscribe({ path: this.path, interface: name, member }, (signal) => {
        off();
        resolve([...signal.body]);
      });
    });
  }
}

export function echoManager(bus: Bus): Remote {
  return new Remote(bus, `${CONNECTION_MANAGER}.echo`, '/org/freedesktop/Telepathy/ConnectionManager/echo');
}

export function account(name: string, more: Record<string, Variant> = {}): VariantMap {
  return new Map([['account', str(name)], ...Object.entries(more)]);
}

/** Asks for a connection that is not connected yet. */
export async function requestConnection(bus: Bus, name: string): Promise<Remote> {
  const [busName, path] = (await echoManager(bus).call(CONNECTION_MANAGER, 'RequestConnection', 'echo-im', account(name))) as [string, string];
  return new Remote(bus, busName, path);
}

/** A connection with the status Connected. */
export async function connect(bus: Bus, name: string): Promise<Remote> {
  const connection = await requestConnection(bus, name);
  const connected = new Promise<void>((resolve) => {
    const off = bus.subscribe({ path: connection.path, interface: CONNECTION, member: 'StatusChanged' }, ({ body }) => {
      if (body[0] !== 0) return;
      off();
      resolve();
    });
  });
  await connection.call(CONNECTION, 'Connect');
  await connected;
  return connection;
}

export function textTo(id: string, more: Record<string, Variant> = {}): VariantMap {
  return new Map([[`${CHANNEL}.ChannelType`, str(TEXT)], [`${CHANNEL}.TargetHandleType`, u32(1)], [`${CHANNEL}.TargetID`, str(id)], ...Object.entries(more)]);
}

/** A text channel to this contact. */
export async function ensureText(connection: Remote, id: string): Promise<Remote> {
  const [, path] = await connection.call(REQUESTS, 'EnsureChannel', textTo(id));
  return connection.at(path as string);
}

export function text(content: string, header: Record<string, Variant> = {}): VariantMap[] {
  return [new Map(Object.entries(header)), new Map<string, Variant>([['content-type', str('text/plain')], ['content', str(content)]])];
}

/** A promise to be settled from outside: the network of a test that takes its time. */
export function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let settle: { resolve: () => void; reject: (error: Error) => void } | undefined;
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle! };
}

/** What crosses the bus, as dbus-monitor sees it. */
export class Traffic {
  readonly #monitor: Program;
  readonly #bus: Bus;
  readonly #service: string;
  readonly #memberByCall = new Map<string, string>();
  #lines: string[] = [];
  #marked: () => void = () => undefined;

  private constructor(address: string, bus: Bus, service: string) {
    this.#bus = bus;
    this.#service = service;
    this.#monitor = new Program('dbus-monitor', ['--address', address, '--profile']);
    this.#monitor.onLine((line) => this.#read(line));
  }

  /** `service`: the unique name whose signals and replies are of interest. */
  static async start(address: string, bus: Bus, service: string): Promise<Traffic> {
    const traffic = new Traffic(address, bus, service);
    await traffic.#monitor.line(/\tNameLost$/);
    return traffic;
  }

  /** Signals ("member") and answers ("→ member" or "✗ member") of the service since the last time, in the order of the bus. */
  async take(): Promise<string[]> {
    const marked = new Promise<void>((resolve) => {
      this.#marked = resolve;
    });
    // The service answers behind everything it has sent; only then the mark comes behind all of that.
    await this.#bus.call({ destination: this.#service, path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping', signature: '', body: [] });
    await this.#bus.call({ ...daemonCall, member: 'GetId' });
    await marked;
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  async stop(): Promise<void> {
    await this.#monitor.stop();
  }

  #read(line: string): void {
    const [kind, , serial, sender, destination, path, , member = ''] = line.split('\t');
    if (kind === 'mc') {
      this.#memberByCall.set(`${sender} ${serial}`, member);
      if (member === 'GetId' && sender === this.#bus.uniqueName) this.#marked();
    } else if (sender === this.#service) {
      // The sixth column of an answer is the serial it answers.
      if (kind === 'sig') this.#lines.push(member);
      else {
        const called = this.#memberByCall.get(`${destination} ${path}`);
        if (called !== 'Ping') this.#lines.push(`${kind === 'mr' ? '→' : '✗'} ${called}`);
      }
    }
  }
}
