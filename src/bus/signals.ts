/** Signals of others: match rules, counted, and who owns which bus name. D-Bus Specification, sections Match Rules and org.freedesktop.DBus.NameOwnerChanged. */
import type { Log } from '../log.ts';
import type { Incoming } from './message.ts';
import { HushError } from '../errors.ts';
import { isBusName, isInterfaceName, isMemberName, isObjectPath } from './names.ts';

/** What is left out matches anything. `sender` may be a well-known name: then only its owner of the moment matches. */
export interface SignalRule {
  readonly sender?: string;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  /** The first argument, a string. */
  readonly arg0?: string;
}

export interface Signal {
  /** The unique name of the sender. */
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly body: unknown[];
}

interface Subscription {
  readonly rule: SignalRule;
  readonly listener: (signal: Signal) => void;
  readonly isSender: (name: string) => boolean;
}

interface NameWatch {
  /** undefined until the bus has answered; '' for nobody. */
  owner: string | undefined;
  /** Listener → the owner it has been told. */
  readonly listeners: Map<(owner: string) => void, string | undefined>;
  stop(): void;
}

/** What this needs of the bus connection. */
export interface SignalsLink {
  readonly log: Log;
  /** A method of the bus daemon itself. */
  daemon(member: string, signature: string, ...body: unknown[]): Promise<unknown[]>;
  /** `done` gets the owner of a bus name, '' for nobody, before any later message is looked at. */
  askOwner(name: string, done: (owner: string) => void): void;
}

export const BUS = 'org.freedesktop.DBus';
export const BUS_PATH = '/org/freedesktop/DBus';

export class Signals {
  readonly #link: SignalsLink;
  readonly #subscriptions = new Set<Subscription>();
  /** Match rule → how many need it. */
  readonly #rules = new Map<string, number>();
  readonly #watches = new Map<string, NameWatch>();
  #isClosed = false;

  constructor(link: SignalsLink) {
    this.#link = link;
  }

  /** Throws HushError 'invalid-argument' when the rule could match nothing that exists. */
  subscribe(rule: SignalRule, listener: (signal: Signal) => void): () => void {
    const text = matchRule(rule);
    // The owner is asked for before the rule is added: so it is known when the first signal arrives.
    const owner = rule.sender !== undefined && rule.sender !== BUS && !rule.sender.startsWith(':') ? this.#watchOwner(rule.sender) : undefined;
    const subscription: Subscription = {
      rule,
      listener,
      isSender: (name) => rule.sender === undefined || name === (owner === undefined ? rule.sender : owner.current()),
    };
    this.#subscriptions.add(subscription);
    this.#addMatch(text);
    return () => {
      if (!this.#subscriptions.delete(subscription)) return;
      this.#removeMatch(text);
      owner?.stop();
    };
  }

  /** `listener` gets the owner of `name`, '' for nobody, as soon as it is known and at every change; '' when the bus is gone. */
  watchName(name: string, listener: (owner: string) => void): () => void {
    const watch = this.#watches.get(name) ?? this.#watch(name);
    // A function of its own, so that the same listener may watch twice.
    const told = (owner: string): void => listener(owner);
    watch.listeners.set(told, undefined);
    if (watch.owner !== undefined) queueMicrotask(() => this.#tell(watch));
    return () => {
      watch.listeners.delete(told);
      if (watch.listeners.size > 0 || this.#watches.get(name) !== watch) return;
      this.#watches.delete(name);
      watch.stop();
    };
  }

  /** Hands a signal to whoever asked for it. */
  deliver(message: Incoming): void {
    const interested = [...this.#subscriptions].filter(
      ({ rule, isSender }) =>
        (rule.member === undefined || rule.member === message.member) &&
        (rule.interface === undefined || rule.interface === message.interface) &&
        (rule.path === undefined || rule.path === message.path) &&
        isSender(message.sender),
    );
    if (interested.length === 0) return;
    const body = this.#body(message);
    if (body === undefined) return;
    const { sender, path, interface: name, member } = message;
    for (const subscription of interested) {
      if (!this.#subscriptions.has(subscription)) continue;
      if (subscription.rule.arg0 !== undefined && subscription.rule.arg0 !== body[0]) continue;
      try {
        subscription.listener({ sender, path, interface: name, member, body });
      } catch (error) {
        this.#link.log.error({ err: error, interface: name, member }, 'a listener to a signal failed');
      }
    }
  }

  /** The bus is gone. */
  close(): void {
    this.#isClosed = true;
    this.#subscriptions.clear();
    for (const watch of this.#watches.values()) this.#own(watch, '');
    this.#watches.clear();
  }

  #body(message: Incoming): unknown[] | undefined {
    try {
      return message.body();
    } catch (error) {
      this.#link.log.warn({ err: error, sender: message.sender, member: message.member }, 'a signal was dropped');
      return undefined;
    }
  }

  #addMatch(text: string): void {
    const count = this.#rules.get(text) ?? 0;
    this.#rules.set(text, count + 1);
    if (count > 0 || this.#isClosed) return;
    this.#link.daemon('AddMatch', 's', text).catch((error: unknown) => this.#complain(error, text));
  }

  #removeMatch(text: string): void {
    const count = this.#rules.get(text) ?? 0;
    if (count > 1) {
      this.#rules.set(text, count - 1);
      return;
    }
    this.#rules.delete(text);
    if (this.#isClosed) return;
    this.#link.daemon('RemoveMatch', 's', text).catch((error: unknown) => this.#complain(error, text));
  }

  #complain(error: unknown, rule: string): void {
    if (!this.#isClosed) this.#link.log.error({ err: error, rule }, 'the bus did not take a match rule');
  }

  #watchOwner(name: string): { current(): string | undefined; stop(): void } {
    let owner: string | undefined;
    const stop = this.watchName(name, (now) => (owner = now));
    return { current: () => owner, stop };
  }

  #watch(name: string): NameWatch {
    const stop = this.subscribe(
      { sender: BUS, path: BUS_PATH, interface: BUS, member: 'NameOwnerChanged', arg0: name },
      ({ body }) => this.#own(watch, body[2] as string),
    );
    const watch: NameWatch = { owner: undefined, listeners: new Map(), stop };
    this.#watches.set(name, watch);
    if (this.#isClosed) watch.owner = '';
    else this.#link.askOwner(name, (owner) => this.#own(watch, owner));
    return watch;
  }

  #own(watch: NameWatch, owner: string): void {
    watch.owner = owner;
    this.#tell(watch);
  }

  #tell(watch: NameWatch): void {
    const { owner } = watch;
    if (owner === undefined) return;
    for (const [listener, told] of [...watch.listeners]) {
      if (told === owner || !watch.listeners.has(listener)) continue;
      watch.listeners.set(listener, owner);
      try {
        listener(owner);
      } catch (error) {
        this.#link.log.error({ err: error }, 'a listener to a bus name failed');
      }
    }
  }
}

function matchRule(rule: SignalRule): string {
  const isValid =
    isAbsentOr(rule.sender, isBusName) &&
    isAbsentOr(rule.path, isObjectPath) &&
    isAbsentOr(rule.interface, isInterfaceName) &&
    isAbsentOr(rule.member, isMemberName);
  if (!isValid) throw new HushError('invalid-argument', 'not a match rule');
  const conditions = [`type='signal'`];
  for (const key of ['sender', 'path', 'interface', 'member', 'arg0'] as const) {
    const value = rule[key];
    if (value !== undefined) conditions.push(`${key}='${value.replaceAll("'", "'\\''")}'`);
  }
  return conditions.join(',');
}

function isAbsentOr(text: string | undefined, isValid: (text: string) => boolean): boolean {
  return text === undefined || isValid(text);
}
