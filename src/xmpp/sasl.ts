/** Logging in: which mechanism, the exchange, and what its failure means. Source: RFC 6120 §6, RFC 4616, RFC 5802, XEP-0178, XEP-0440. */
import type { Condition } from '../errors.ts';
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import { decodeBase64 } from './base64.ts';
import { child, children, childText, elements, is, ns, text, xml } from './element.ts';
import type { Element } from './element.ts';
import { localOf } from './jid.ts';
import type { BareJid } from './jid.ts';
import { Scram } from './scram.ts';
import type { ScramHash, ScramOptions } from './scram.ts';
import type { ChannelBindings } from './socket.ts';

/** What the owner of an account answers when asked how to log in. */
export type Credential =
  /** The strongest mechanism offered is used, or exactly `mechanism`. `succeeded` may hold the login up, or end it by rejecting, once the server has accepted. */
  | { readonly kind: 'password'; readonly password: string; readonly mechanism?: string; succeeded?(): Promise<void> }
  /** A conversation led by someone else. `initial` undefined: the server speaks first. `succeeded` gets the data that came with the success ('' if none) and rejects if that proves too little. */
  | {
      readonly kind: 'mechanism';
      readonly name: string;
      readonly initial?: Uint8Array;
      respond(challenge: Uint8Array): Promise<Uint8Array>;
      succeeded(data: Uint8Array): Promise<void>;
    };

export interface CredentialRequest {
  /** Offered by the server and acceptable on this stream. */
  readonly mechanisms: readonly string[];
  /** Whether the login can be bound to the TLS connection. */
  readonly canChannelBind: boolean;
  /** Whether what is said now is encrypted. */
  readonly secure: boolean;
  /** Why the server did not accept the credential before. */
  readonly previousFailure?: HushError;
}

/** The part of a stream that the exchange needs. */
export interface SaslStream {
  /** Sends an element and resolves with the answer. */
  ask(element: Element): Promise<Element>;
  /** `work`, or the end of the stream if that comes first. */
  whileOpen<T>(work: Promise<T>): Promise<T>;
}

export interface SaslOptions {
  readonly account: BareJid;
  readonly isEncrypted: boolean;
  /** What a login can be bound to on this connection. */
  readonly bindings: ChannelBindings | undefined;
  readonly hasClientCertificate: boolean;
  credentials(request: CredentialRequest): Promise<Credential>;
  readonly strongest: MechanismMemory;
  readonly log: Log;
}

/**
 * The strength of the best login each account had in this process: 0 PLAIN, 1 SCRAM, 2 SCRAM with channel binding. A server, or someone between, that later offers less is refused.
 * It ends with the process, and steps back for an owner who names a mechanism.
 */
export type MechanismMemory = Map<BareJid, number>;

interface Exchange {
  readonly name: string;
  readonly initial: Uint8Array | undefined;
  respond(challenge: Uint8Array): Promise<Uint8Array>;
  succeeded(data: Uint8Array): Promise<void> | void;
}

interface PasswordMechanism {
  readonly name: string;
  readonly strength: number;
  readonly hash?: ScramHash;
}

/** Strongest first. */
const passwordMechanisms: readonly PasswordMechanism[] = [
  { name: 'SCRAM-SHA-512-PLUS', strength: 2, hash: 'sha512' },
  { name: 'SCRAM-SHA-256-PLUS', strength: 2, hash: 'sha256' },
  { name: 'SCRAM-SHA-1-PLUS', strength: 2, hash: 'sha1' },
  { name: 'SCRAM-SHA-512', strength: 1, hash: 'sha512' },
  { name: 'SCRAM-SHA-256', strength: 1, hash: 'sha256' },
  { name: 'SCRAM-SHA-1', strength: 1, hash: 'sha1' },
  { name: 'PLAIN', strength: 0 },
];

/** Neither proves the server nor hides the password. */
const refused: ReadonlySet<string> = new Set(['DIGEST-MD5', 'CRAM-MD5']);

const XEP_0440 = 'urn:xmpp:sasl-cb:0';
const maxMechanisms = 64;
const maxSteps = 16;
const maxAttempts = 8;
const maxData = 65_536;

/** A server's `<failure/>`: the stream goes on, and another try is possible. */
class SaslFailure extends HushError {}

/** Logs in on a stream whose features are known. Resolves with the credential that was accepted (undefined: the client certificate). Rejects with a HushError, mostly 'authentication-failed'. */
export async function authenticate(stream: SaslStream, features: Element, options: SaslOptions): Promise<Credential | undefined> {
  const offer = readOffer(features, options);
  if (offer.mechanisms.length === 0) throw new HushError('authentication-failed', 'the server offers no way to log in that is safe here');
  let previousFailure: HushError | undefined;
  if (options.hasClientCertificate && offer.mechanisms.includes('EXTERNAL')) {
    previousFailure = await attempt(stream, external, options.log);
    if (previousFailure === undefined) return undefined;
  }
  for (let tries = 0; tries < maxAttempts; tries += 1) {
    const request = { mechanisms: offer.mechanisms, canChannelBind: offer.binding !== undefined, secure: options.isEncrypted };
    const credential = await stream.whileOpen(options.credentials({ ...request, ...(previousFailure && { previousFailure }) }));
    const { exchange, strength } = credential.kind === 'password' ? withPassword(credential, offer, options) : { exchange: conversation(credential, offer), strength: 0 };
    previousFailure = await attempt(stream, exchange, options.log);
    if (previousFailure !== undefined) continue;
    options.strongest.set(options.account, Math.max(strength, options.strongest.get(options.account) ?? 0));
    if (credential.kind === 'password') await stream.whileOpen(Promise.resolve(credential.succeeded?.()));
    return credential;
  }
  throw previousFailure ?? new HushError('authentication-failed', 'the login was not accepted');
}

interface Offer {
  readonly mechanisms: readonly string[];
  /** A -PLUS mechanism is in the server's list, whether usable here or not. */
  readonly hasPlus: boolean;
  readonly binding: { readonly type: string; readonly data: Uint8Array } | undefined;
}

function readOffer(features: Element, { bindings, isEncrypted }: SaslOptions): Offer {
  const list = child(features, 'mechanisms', ns.sasl);
  const names = new Set((list === undefined ? [] : children(list, 'mechanism', ns.sasl)).slice(0, maxMechanisms).map(text).filter((name) => /^[A-Z0-9_-]{1,20}$/.test(name)));
  const binding = bindings && chooseBinding(features, bindings);
  const isUsable = (name: string): boolean => !refused.has(name) && (binding !== undefined || !name.endsWith('-PLUS')) && (isEncrypted || name !== 'EXTERNAL');
  return { mechanisms: [...names].filter(isUsable), hasPlus: [...names].some((name) => name.endsWith('-PLUS')), binding };
}

/** Of the types the server names; one that has no such list (before XEP-0440) has the default of RFC 5802 §6.1. A list taken out on the way makes the login fail. */
function chooseBinding(features: Element, bindings: ChannelBindings): Offer['binding'] {
  const list = child(features, 'sasl-channel-binding', XEP_0440);
  const named = list === undefined ? ['tls-unique'] : children(list, 'channel-binding', XEP_0440).map(({ attrs }) => attrs.type);
  for (const type of ['tls-exporter', 'tls-unique', 'tls-server-end-point'] as const) {
    const data = bindings[type];
    if (data !== undefined && named.includes(type)) return { type, data };
  }
  return undefined;
}

/** One exchange. Resolves with the server's failure, undefined for success; rejects when the login cannot go on. */
async function attempt(stream: SaslStream, exchange: Exchange, log: Log): Promise<SaslFailure | undefined> {
  log.debug({ mechanism: exchange.name }, 'logging in');
  let answer = await stream.ask(xml('auth', { xmlns: ns.sasl, mechanism: exchange.name }, exchange.initial && encode(exchange.initial)));
  for (let step = 0; step < maxSteps; step += 1) {
    if (is(answer, 'failure', ns.sasl)) return failureOf(answer);
    if (is(answer, 'success', ns.sasl)) {
      await stream.whileOpen(Promise.resolve(exchange.succeeded(decode(answer))));
      return undefined;
    }
    if (!is(answer, 'challenge', ns.sasl)) break;
    const response = await stream.whileOpen(exchange.respond(decode(answer)));
    answer = await stream.ask(xml('response', { xmlns: ns.sasl }, response.length === 0 ? undefined : encode(response)));
  }
  throw new HushError('authentication-failed', 'the server does not keep to the login protocol');
}

/** No data and empty data are two things only where the client speaks first: then the latter is '='. RFC 6120 §6.4.2 */
function encode(data: Uint8Array): string {
  return data.length === 0 ? '=' : Buffer.from(data).toString('base64');
}

function decode(element: Element): Buffer {
  const encoded = text(element);
  const data = encoded === '=' ? Buffer.alloc(0) : decodeBase64(encoded, maxData);
  if (data === undefined) throw new HushError('authentication-failed', 'a message of the server is not base64');
  return data;
}

/** The first mechanism of ours that is offered. */
function withPassword(credential: Credential & { kind: 'password' }, offer: Offer, options: SaslOptions): { exchange: Exchange; strength: number } {
  const { account, bindings, strongest } = options;
  const chosen = passwordMechanisms.find(({ name }) => offer.mechanisms.includes(name) && (credential.mechanism ?? name) === name);
  if (chosen === undefined) throw new HushError('authentication-failed', 'the server offers no way to log in with a password that is safe here');
  if (credential.mechanism === undefined && chosen.strength < (strongest.get(account) ?? 0)) {
    throw new HushError('authentication-failed', `the server offers only ${chosen.name}, which is weaker than the login before`);
  }
  const { name, strength, hash } = chosen;
  if (hash === undefined) return { exchange: plain(localOf(account), credential.password), strength };
  const scram = new Scram({ hash, username: localOf(account), password: credential.password, binding: bindingOf(name, offer, bindings !== undefined) });
  return { exchange: { name, initial: scram.initial(), respond: (challenge) => scram.respond(challenge), succeeded: (data) => scram.succeeded(data) }, strength };
}

function bindingOf(name: string, { binding, hasPlus }: Offer, canBind: boolean): ScramOptions['binding'] {
  if (name.endsWith('-PLUS') && binding !== undefined) return { kind: 'bound', ...binding };
  // 'unoffered' makes a server that does offer it end the login: someone has taken it, or every type that servers have, out of the list on the way.
  return { kind: canBind && (!hasPlus || binding === undefined) ? 'unoffered' : 'unable' };
}

/** RFC 4616 */
function plain(username: string, password: string): Exchange {
  if (password === '' || password.includes('\0')) throw new HushError('authentication-failed', 'the password holds characters that are not allowed in one');
  return { name: 'PLAIN', initial: Buffer.from(`\0${username}\0${password}`), respond: outOfTurn, succeeded: expectNothing };
}

/** The client certificate speaks. XEP-0178 §3 */
const external: Exchange = { name: 'EXTERNAL', initial: Buffer.alloc(0), respond: outOfTurn, succeeded: expectNothing };

function conversation(credential: Credential & { kind: 'mechanism' }, offer: Offer): Exchange {
  if (!offer.mechanisms.includes(credential.name)) throw new HushError('authentication-failed', `the server does not offer ${credential.name}`);
  return {
    name: credential.name,
    initial: credential.initial,
    respond: (challenge) => credential.respond(challenge),
    succeeded: (data) => credential.succeeded(data),
  };
}

function outOfTurn(): Promise<never> {
  return Promise.reject(new HushError('authentication-failed', 'the server asks for more than the mechanism has'));
}

function expectNothing(data: Uint8Array): void {
  if (data.length > 0) throw new HushError('authentication-failed', 'the server reports success out of turn');
}

/** RFC 6120 §6.5; all others are 'authentication-failed'. */
const failures: ReadonlyMap<string, Condition> = new Map([
  ['aborted', 'cancelled'],
  ['encryption-required', 'encryption-not-available'],
  ['temporary-auth-failure', 'service-busy'],
]);

function failureOf(failure: Element): SaslFailure {
  const condition = elements(failure).find(({ name }) => name !== 'text')?.name ?? 'not-authorized';
  const words = childText(failure, 'text', ns.sasl)?.slice(0, 1024).replace(/[\uD800-\uDBFF]$/u, '');
  return new SaslFailure(failures.get(condition) ?? 'authentication-failed', `the server does not accept the login: ${condition}`, {
    details: { 'debug-message': condition, ...(words !== undefined && words !== '' && { 'server-message': words }) },
  });
}
