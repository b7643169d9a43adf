/** A connection to the message bus: calls to others, names, signals, and the objects of our own. D-Bus Specification, section Message Bus. */
import type { Socket } from 'node:net';
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import { compileSignature } from './codec.ts';
import { MessageFlag, MessageType, NameFlag, RequestNameReply, checkDbusNext } from './dbus-next.ts';
import { interfaceTables } from './interfaces.ts';
import type { InterfaceMap } from './interfaces.ts';
import type { Incoming } from './message.ts';
import { isBusName, isInterfaceName, isMemberName, isObjectPath } from './names.ts';
import type { InterfacesOf } from './object.ts';
import { ObjectServer } from './server.ts';
import { BUS, BUS_PATH, Signals } from './signals.ts';
import type { Signal, SignalRule } from './signals.ts';
import { openSocket } from './socket.ts';
import type { InterfaceTable } from './tables.ts';
import { Wire } from './wire.ts';

/** Milliseconds for connecting, authenticating and getting a name. */
const openingTime = 25_000;
/** Milliseconds that a call may take unless it says otherwise. */
const callingTime = 25_000;

export interface BusOptions {
  /** A server address, see `address.ts`. */
  readonly address: string;
  readonly log: Log;
}

export interface CallRequest {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Of the whole body; '' when left out. */
  readonly signature?: string;
  readonly body?: readonly unknown[];
  /** Milliseconds; 25 000 when left out. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** False: fail rather than start a service that does not run. */
  readonly autoStart?: boolean;
}

interface PendingCall {
  /** Who may answer: on a session bus anybody can send a reply to anything. */
  readonly isAnswerer: (sender: string) => boolean;
  readonly settle: (outcome: Incoming | HushError) => void;
}

/** An error that somebody on the bus answered with. `name` is its D-Bus name; what `message` says is theirs. */
export class BusError extends Error {
  override readonly name: string;

  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export class Bus<M extends InterfacesOf<M> = InterfaceMap> {
  readonly #log: Log;
  readonly #wire: Wire;
  readonly #signals: Signals;
  /** Calls that are not answered yet, by serial. */
  readonly #pending = new Map<number, PendingCall>();
  readonly objects: ObjectServer<M>;
  /** Settles when the connection is gone, whoever ended it. Everything pending has been rejected with HushError 'bus-closed' by then. */
  readonly closed: Promise<void>;
  #uniqueName = '';
  #machineId: Promise<string> | undefined;
  #isClosed = false;

  /** Connects and gets a unique name. Throws HushError 'invalid-argument' for an address that cannot be used, 'bus-closed' or 'bus-timeout' when there is no bus to be had. */
  static open(options: BusOptions): Promise<Bus> {
    return Bus.openWith(options, interfaceTables);
  }

  /** The same, to export interfaces of another table than the generated one. */
  static async openWith<M extends InterfacesOf<M>>(options: BusOptions, tables: Readonly<Record<keyof M & string, InterfaceTable>>): Promise<Bus<M>> {
    checkDbusNext();
    const socket = await openSocket(options.address, AbortSignal.timeout(openingTime));
    const bus = new Bus<M>(options.log, tables, socket);
    try {
      const [name] = await bus.#daemon('Hello', '');
      bus.#uniqueName = String(name);
    } catch (error) {
      bus.close();
      throw error;
    }
    return bus;
  }

  private constructor(log: Log, tables: Readonly<Record<keyof M & string, InterfaceTable>>, socket: Socket) {
    this.#wire = new Wire(socket, { log, receive: (message) => this.#receive(message) });
    this.#log = log;
    this.#signals = new Signals({
      log,
      daemon: (member, signature, ...body) => this.#daemon(member, signature, ...body),
      askOwner: (name, done) => this.#send({ ...daemonMethod('GetNameOwner'), signature: 's', body: [name] }, (outcome) => done(ownerIn(outcome))),
    });
    this.objects = new ObjectServer<M>(
      {
        log,
        send: (message, signature, body) => void this.#wire.send(message, signature, body),
        watchName: (name, listener) => this.#signals.watchName(name, listener),
        machineId: () => this.#askMachineId(),
      },
      tables,
    );
    this.closed = this.#wire.closed.then(() => this.#end());
  }

  get uniqueName(): string {
    return this.#uniqueName;
  }

  /** More waits to be sent than should: whoever produces it should stop until `drained`. */
  get isCongested(): boolean {
    return this.#wire.isCongested;
  }

  /** Settles when nothing waits to be sent any more, or the bus is gone. */
  drained(): Promise<void> {
    return this.#wire.drained();
  }

  /** Becomes the owner of `name`, or is already. Throws HushError 'name-taken' when somebody else owns it: there is no waiting and no taking away. */
  async requestName(name: string): Promise<void> {
    const [reply] = await this.#daemon('RequestName', 'su', name, NameFlag.DO_NOT_QUEUE);
    if (reply !== RequestNameReply.PRIMARY_OWNER && reply !== RequestNameReply.ALREADY_OWNER) {
      throw new HushError('name-taken', `the bus name ${name} is taken`);
    }
  }

  /** Gives `name` up; nothing if it is not ours. */
  async releaseName(name: string): Promise<void> {
    await this.#daemon('ReleaseName', 's', name);
  }

  /**
   * Calls a method; resolves with the values of the reply. Rejects with BusError when the answer is an error, and with HushError:
   * 'invalid-argument' for a request that D-Bus does not allow, 'bus-timeout', 'bus-closed', 'invalid-data' for a malformed reply; or with the reason of `signal`.
   */
  call(request: CallRequest): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      this.#send(request, (outcome) => {
        if (outcome instanceof HushError) reject(outcome);
        else answer(outcome, resolve, reject);
      });
    });
  }

  /** `listener` gets every signal that matches, in order. Returns how to end that. Throws HushError 'invalid-argument' for a rule that D-Bus does not allow. */
  subscribe(rule: SignalRule, listener: (signal: Signal) => void): () => void {
    return this.#signals.subscribe(rule, listener);
  }

  /** `listener` gets the unique name that owns `name`, '' when nobody does: once as it is now, and at every change. Returns how to end that. */
  watchName(name: string, listener: (owner: string) => void): () => void {
    return this.#signals.watchName(name, listener);
  }

  /** Sends what has been said so far, then closes. */
  close(): void {
    this.#wire.close();
  }

  /** `done` gets the reply or the failure, once, before any later message is looked at. Throws HushError where the call cannot even be sent. */
  #send(request: CallRequest, done: (outcome: Incoming | HushError) => void): void {
    const { destination, path, interface: name, member, signature = '', body = [], autoStart = true, timeoutMs = callingTime, signal } = request;
    if (!isBusName(destination) || !isObjectPath(path) || !isInterfaceName(name) || !isMemberName(member)) {
      throw new HushError('invalid-argument', 'not a destination, path, interface and member');
    }
    if (signal?.aborted) throw reasonOf(signal);
    if (this.#isClosed) throw busClosed();
    const compiled = compileSignature(signature);
    const { isAnswerer, stop } = this.#answerers(destination);
    const settle = (outcome: Incoming | HushError): void => {
      this.#pending.delete(serial);
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      stop();
      done(outcome);
    };
    const abort = (): void => settle(reasonOf(signal));
    let serial: number;
    try {
      const flags = autoStart ? 0 : MessageFlag.NO_AUTO_START;
      serial = this.#wire.send({ type: MessageType.METHOD_CALL, flags, path, interface: name, member, destination }, compiled, body);
    } catch (error) {
      stop();
      throw error;
    }
    const timer = setTimeout(() => settle(new HushError('bus-timeout', `${member} was not answered in time`)), timeoutMs);
    signal?.addEventListener('abort', abort);
    this.#pending.set(serial, { isAnswerer, settle });
  }

  /** Who may answer a call to `destination`: it, the bus in its place, and whoever owns it at some time during the call. */
  #answerers(destination: string): { isAnswerer: (sender: string) => boolean; stop: () => void } {
    const names = new Set([BUS, destination]);
    const isUnique = destination === BUS || destination.startsWith(':');
    const stop = isUnique ? () => undefined : this.#signals.watchName(destination, (owner) => names.add(owner));
    return { isAnswerer: (sender) => names.has(sender), stop };
  }

  #daemon(member: string, signature: string, ...body: unknown[]): Promise<unknown[]> {
    return this.call({ ...daemonMethod(member), signature, body });
  }

  #receive(message: Incoming): void {
    if (message.type === MessageType.METHOD_CALL) this.objects.handle(message);
    else if (message.type === MessageType.SIGNAL) this.#signals.deliver(message);
    else if (message.isReply) this.#receiveReply(message);
    // Any other type is of a later version of the protocol, and to be ignored.
  }

  #receiveReply(message: Incoming): void {
    const pending = this.#pending.get(message.replySerial);
    if (pending === undefined) return;
    if (pending.isAnswerer(message.sender)) pending.settle(message);
    else this.#log.warn({ sender: message.sender }, 'a reply to a call to somebody else was dropped');
  }

  /** The daemon runs on this machine, and knows. */
  #askMachineId(): Promise<string> {
    this.#machineId ??= this.call({ destination: BUS, path: BUS_PATH, interface: 'org.freedesktop.DBus.Peer', member: 'GetMachineId' }).then(
      ([id]) => String(id),
      (error: unknown) => {
        this.#machineId = undefined;
        throw new HushError('not-available', 'this machine has no identifier', { cause: error });
      },
    );
    return this.#machineId;
  }

  #end(): void {
    this.#isClosed = true;
    this.#signals.close();
    for (const { settle } of [...this.#pending.values()]) settle(busClosed());
  }
}

function answer(message: Incoming, resolve: (values: unknown[]) => void, reject: (error: Error) => void): void {
  try {
    const values = message.body();
    if (message.type === MessageType.METHOD_RETURN) resolve(values);
    else reject(new BusError(message.errorName, typeof values[0] === 'string' ? values[0] : ''));
  } catch (error) {
    reject(new HushError('invalid-data', 'the answer is malformed', { cause: error }));
  }
}

function daemonMethod(member: string): { destination: string; path: string; interface: string; member: string } {
  return { destination: BUS, path: BUS_PATH, interface: BUS, member };
}

/** The reply to GetNameOwner; an error is the daemon's way of saying that there is none, and a bus that is gone has no names. */
function ownerIn(outcome: Incoming | HushError): string {
  if (outcome instanceof HushError || outcome.type !== MessageType.METHOD_RETURN || outcome.signature !== 's') return '';
  return String(outcome.body()[0]);
}

function busClosed(): HushError {
  return new HushError('bus-closed', 'the bus is gone');
}

function reasonOf(signal: AbortSignal | undefined): HushError {
  const reason: unknown = signal?.reason;
  return reason instanceof HushError ? reason : new HushError('cancelled', 'the call was given up', { cause: reason });
}
