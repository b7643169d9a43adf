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

/** An error that somebody on the bus answered with. `name` is its D-Bus name; what `message` says is theirs. */
export class BusError extends Error {
  override readonly name: string;

  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export class Bus<M extends InterfacesOf<M> = InterfaceMap> {
  readonly #wire: Wire;
  readonly #signals: Signals;
  /** Serial of a call → what its answer, or its failure, goes to. */
  readonly #pending = new Map<number, (outcome: Incoming | HushError) => void>();
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
    this.#signals = new Signals({ log, daemon: (member, signature, ...body) => this.#daemon(member, signature, ...body) });
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
      const { signal } = request;
      if (signal?.aborted) throw reasonOf(signal);
      if (this.#isClosed) throw busClosed();
      const serial = this.#sendCall(request);
      const settle = (outcome: Incoming | HushError): void => {
        this.#pending.delete(serial);
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        if (outcome instanceof HushError) reject(outcome);
        else answer(outcome, resolve, reject);
      };
      const abort = (): void => settle(reasonOf(signal));
      const timer = setTimeout(
        () => settle(new HushError('bus-timeout', `${request.member} was not answered in time`)),
        request.timeoutMs ?? callingTime,
      );
      signal?.addEventListener('abort', abort);
      this.#pending.set(serial, settle);
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

  #sendCall(request: CallRequest): number {
    const { destination, path, interface: name, member, signature = '', body = [], autoStart = true } = request;
    if (!isBusName(destination) || !isObjectPath(path) || !isInterfaceName(name) || !isMemberName(member)) {
      throw new HushError('invalid-argument', 'not a destination, path, interface and member');
    }
    const flags = autoStart ? 0 : MessageFlag.NO_AUTO_START;
    return this.#wire.send({ type: MessageType.METHOD_CALL, flags, path, interface: name, member, destination }, compileSignature(signature), body);
  }

  #daemon(member: string, signature: string, ...body: unknown[]): Promise<unknown[]> {
    return this.call({ destination: BUS, path: BUS_PATH, interface: BUS, member, signature, body });
  }

  #receive(message: Incoming): void {
    if (message.type === MessageType.METHOD_CALL) this.objects.handle(message);
    else if (message.type === MessageType.SIGNAL) this.#signals.deliver(message);
    else if (message.isReply) this.#pending.get(message.replySerial)?.(message);
    // Any other type is of a later version of the protocol, and to be ignored.
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
    for (const settle of [...this.#pending.values()]) settle(busClosed());
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

function busClosed(): HushError {
  return new HushError('bus-closed', 'the bus is gone');
}

function reasonOf(signal: AbortSignal | undefined): HushError {
  const reason: unknown = signal?.reason;
  return reason instanceof HushError ? reason : new HushError('cancelled', 'the call was given up', { cause: reason });
}
