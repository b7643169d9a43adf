/** The objects of one bus connection: which there are, and the calls that come in for them. D-Bus Specification, sections Method Calls and Standard Interfaces. */
import { types } from 'node:util';
import { HushError, InvariantError, asHushError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BoundInterface, MethodSignatures } from './binding.ts';
import { ServedCall } from './call.ts';
import { compileSignature } from './codec.ts';
import type { Signature } from './codec.ts';
import { MessageFlag, MessageType } from './dbus-next.ts';
import type { InterfaceMap } from './interfaces.ts';
import type { Incoming, Outgoing } from './message.ts';
import { ExportedObject } from './object.ts';
import type { InterfacesOf, ObjectLink } from './object.ts';
import { introspectable, peer, properties } from './standard.ts';
import type { InterfaceTable } from './tables.ts';
import { PathTree } from './tree.ts';
import type { ObjectPath } from './types.ts';

/** What the server needs of the bus connection. */
export interface ServerLink {
  readonly log: Log;
  /** Throws HushError 'invalid-argument' when the body does not fit the signature. */
  send(message: Outgoing, signature: Signature, body: readonly unknown[]): void;
  /** `listener` gets the owner of a bus name, '' for none, now and at every change. */
  watchName(name: string, listener: (owner: string) => void): () => void;
  /** The identifier of this machine. */
  machineId(): Promise<string>;
}

/** Characters of an error's text that a caller gets. */
const maxErrorText = 1024;
const errorSignature = compileSignature('s');

/** The method that a call means. */
interface Found {
  readonly holder: BoundInterface;
  readonly method: MethodSignatures;
}

export class ObjectServer<M extends InterfacesOf<M> = InterfaceMap> {
  readonly #link: ServerLink;
  readonly #objects = new Map<string, ExportedObject<M>>();
  readonly #tree = new PathTree();
  /** The standard interfaces, the same for all objects. */
  readonly #peer: BoundInterface;
  readonly #introspectable: BoundInterface;
  readonly #properties: BoundInterface;
  readonly #objectLink: ObjectLink;

  constructor(link: ServerLink, tables: Readonly<Record<keyof M & string, InterfaceTable>>) {
    this.#link = link;
    this.#peer = peer(() => link.machineId());
    this.#introspectable = introspectable((path) => this.#interfacesAt(path), (path) => this.#tree.children(path) ?? []);
    this.#properties = properties((path) => this.#interfacesAt(path), link.log);
    this.#objectLink = {
      log: link.log,
      tables,
      send: (message, signature, body) => link.send(message, signature, body),
      removed: (path) => {
        this.#objects.delete(path);
        this.#tree.remove(path);
      },
    };
  }

  /** A new object at `path`; it has the standard interfaces, and answers from now on. Throws InvariantError if the path is taken. */
  export(path: ObjectPath): ExportedObject<M> {
    if (this.#objects.has(path)) throw new InvariantError(`${path} is exported twice`);
    const object = new ExportedObject<M>(path, this.#objectLink);
    for (const standard of [this.#peer, this.#introspectable, this.#properties]) object.add(standard);
    this.#objects.set(path, object);
    this.#tree.add(path);
    return object;
  }

  /** Serves a method call: exactly one reply or error, unless the caller wants none. Never throws. */
  handle(message: Incoming): void {
    const call = new ServedCall({
      sender: message.sender,
      path: message.path,
      log: this.#link.log,
      watch: (onGone) => this.#watch(message, onGone),
    });
    let method: MethodSignatures;
    let result: unknown;
    try {
      const found = this.#find(message);
      method = found.method;
      result = found.holder.invoke(message.member, call, this.#arguments(message, method));
    } catch (error) {
      this.#fail(message, call, error);
      return;
    }
    if (types.isPromise(result)) {
      result.then(
        (value) => this.#succeed(message, call, method, value),
        (error: unknown) => this.#fail(message, call, error),
      );
    } else {
      this.#succeed(message, call, method, result);
    }
  }

  #find(message: Incoming): Found {
    // A ping is answered on any path.
    const interfaces = message.interface === this.#peer.name ? new Map([[this.#peer.name, this.#peer]]) : this.#interfacesAt(message.path);
    const named = interfaces.get(message.interface);
    if (named === undefined && message.interface !== '') {
      if (!this.#objects.has(message.path)) throw unknownObject();
      throw new HushError('unknown-interface', 'the object does not have this interface');
    }
    const candidates = named === undefined ? [...interfaces.values()] : [named];
    const [found, ...others] = candidates.flatMap((holder): Found[] => {
      const method = holder.methods.get(message.member);
      return method === undefined ? [] : [{ holder, method }];
    });
    if (found === undefined) throw new HushError('unknown-method', 'the object has no such method');
    if (others.length > 0) throw new HushError('unknown-method', 'several interfaces have this method: name one');
    return found;
  }

  /** The root and the ways to objects can be introspected. Throws HushError 'unknown-object' for what is neither. */
  #interfacesAt(path: ObjectPath): ReadonlyMap<string, BoundInterface> {
    const object = this.#objects.get(path);
    if (object !== undefined) return object.interfaces;
    if (path !== '/' && this.#tree.children(path) === undefined) throw unknownObject();
    return new Map([this.#peer, this.#introspectable].map((standard) => [standard.name, standard]));
  }

  #arguments(message: Incoming, method: MethodSignatures): unknown[] {
    if (message.signature !== method.in.text) throw new HushError('invalid-args', `the method takes '${method.in.text}'`);
    return message.body(method.in);
  }

  #watch(message: Incoming, onGone: () => void): () => void {
    const unwatchObject = this.#objects.get(message.path)?.onUnexport(onGone);
    const unwatchCaller = this.#link.watchName(message.sender, (owner) => {
      if (owner === '') onGone();
    });
    return () => {
      unwatchObject?.();
      unwatchCaller();
    };
  }

  #succeed(message: Incoming, call: ServedCall, method: MethodSignatures, result: unknown): void {
    const body = method.out.length === 0 ? [] : method.out.length === 1 ? [result] : result;
    try {
      if (!Array.isArray(body)) throw new InvariantError('a result is no tuple');
      this.#reply(message, { type: MessageType.METHOD_RETURN }, method.out, body);
    } catch (error) {
      this.#fail(message, call, new InvariantError(`the result of ${message.member} does not fit '${method.out.text}'`, { cause: error }));
      return;
    }
    call.replied();
  }

  #fail(message: Incoming, call: ServedCall, error: unknown): void {
    if (!(error instanceof HushError)) {
      this.#link.log.error({ err: error, path: message.path, member: message.member }, 'a method failed');
    }
    const { dbusName: errorName, message: text } = asHushError(error);
    this.#reply(message, { type: MessageType.ERROR, errorName }, errorSignature, [printable(text)]);
    call.replied();
  }

  #reply(message: Incoming, reply: Outgoing, signature: Signature, body: readonly unknown[]): void {
    if (message.flags & MessageFlag.NO_REPLY_EXPECTED) return;
    this.#link.send({ ...reply, replySerial: message.serial, destination: message.sender }, signature, body);
  }
}

function unknownObject(): HushError {
  return new HushError('unknown-object', 'there is no object at this path');
}

/** An error's text as D-Bus can carry it. It may quote a peer. */
function printable(text: string): string {
  return text.slice(0, maxErrorText).replaceAll(/\p{Surrogate}|\0/gu, '\ufffd');
}
