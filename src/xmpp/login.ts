/** From a place to knock at to an authenticated stream. Source: RFC 6120 §3–§6, §13.8; XEP-0368. */
import type { SecureContext } from 'node:tls';
import { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import { Deadline } from './deadline.ts';
import { child, is, ns, xml } from './element.ts';
import type { Element } from './element.ts';
import { domainOf } from './jid.ts';
import type { BareJid } from './jid.ts';
import { authenticate } from './sasl.ts';
import type { Credential, CredentialRequest, MechanismMemory } from './sasl.ts';
import { channelBindings, connectTcp } from './socket.ts';
import type { ChannelBindings } from './socket.ts';
import { parseAddress } from './srv.ts';
import type { Target } from './srv.ts';
import { SeeOtherHost } from './stream-error.ts';
import { XmlStream } from './stream.ts';
import { judgeServer } from './tls-verify.ts';

/** A server certificate that was not accepted. */
export interface CertificateProblem {
  /** DER, leaf first, as the server sent them. */
  readonly chain: readonly Uint8Array[];
  /** The name that it should have: the account's domain. */
  readonly hostname: string;
  readonly referenceIdentities: readonly string[];
  readonly error: HushError;
}

export interface LoginOptions {
  readonly account: BareJid;
  findTargets(signal: AbortSignal): Promise<readonly Target[]>;
  readonly requireEncryption: boolean;
  readonly referenceIdentities: readonly string[];
  readonly context: SecureContext;
  readonly hasClientCertificate: boolean;
  credentials(request: CredentialRequest): Promise<Credential>;
  judgeCertificate(problem: CertificateProblem): Promise<void>;
  readonly strongest: MechanismMemory;
  /** Milliseconds for all of it, people's answers not counted. */
  readonly limitMs: number;
  /** Of the stream, once it flows. */
  readonly dripMs: number | undefined;
  readonly log: Log;
}

/** An authenticated stream whose features are read and whose resource is not bound. */
export interface Login {
  readonly stream: XmlStream;
  readonly features: Element;
  /** What was accepted; undefined: the client certificate. */
  readonly credential: Credential | undefined;
  /** The leaf certificate in DER where it was accepted by the owner only; undefined: verified, or no TLS. */
  readonly acceptedLeaf: Uint8Array | undefined;
}

/** The TLS of one attempt. */
interface Security {
  readonly bindings: ChannelBindings | undefined;
  readonly acceptedLeaf: Uint8Array | undefined;
}

/** What may be different at the next place. */
const worthTryingElsewhere: ReadonlySet<string> = new Set(['network-error', 'connection-refused']);

/**
 * Logs in at the first of the places that answers, and completes it under the same limit. Rejects with the last failure; any other than one of the network ends it at once.
 * The stream of a login that was not completed is destroyed.
 */
export async function logIn<T>(options: LoginOptions, signal: AbortSignal, complete: (login: Login) => Promise<T>): Promise<T> {
  const deadline = new Deadline(options.limitMs, signal);
  try {
    const left = [...(await abortable(options.findTargets(deadline.signal), deadline.signal))];
    let isRedirected = false;
    for (let target = left.shift(); target !== undefined; target = left.shift()) {
      try {
        options.log.debug({ target }, 'connecting');
        return await logInAt(target, options, deadline, complete);
      } catch (error) {
        if (!(error instanceof HushError) || !worthTryingElsewhere.has(error.condition) || deadline.signal.aborted) throw error;
        options.log.info({ target, err: error }, 'no login at this place');
        const other = error instanceof SeeOtherHost && !isRedirected ? parseAddress(error.place, target.directTls) : undefined;
        if (other === undefined && left.length === 0) throw error;
        if (other === undefined) continue;
        // Once: whoever sends us around can do so for ever. What must be proved there is the same.
        isRedirected = true;
        left.unshift(other);
      }
    }
    throw new HushError('network-error', 'there is no place to connect to');
  } finally {
    deadline.end();
  }
}

async function logInAt<T>(target: Target, options: LoginOptions, deadline: Deadline, complete: (login: Login) => Promise<T>): Promise<T> {
  const { signal } = deadline;
  const stream = new XmlStream(await connectTcp(target, signal), { domain: domainOf(options.account), log: options.log, dripMs: options.dripMs });
  const onAbort = (): void => {
    const reason = signal.reason as HushError;
    stream.destroy(reason, reason.condition === 'network-error' ? 'lost' : 'failed');
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await complete(await negotiate(stream, target, options, deadline));
  } catch (error) {
    stream.destroy(error instanceof HushError ? error : new HushError('confused', 'the login failed', { cause: error }));
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function negotiate(stream: XmlStream, target: Target, options: LoginOptions, deadline: Deadline): Promise<Login> {
  let security: Security = { bindings: undefined, acceptedLeaf: undefined };
  if (target.directTls) security = await secure(stream, target, options, deadline);
  let features = await open(stream, options);
  if (!stream.isEncrypted && child(features, 'starttls', ns.tls) !== undefined) {
    await startTls(stream);
    security = await secure(stream, target, options, deadline);
    features = await open(stream, options);
  }
  if (!stream.isEncrypted && options.requireEncryption) throw new HushError('encryption-not-available', 'the server offers no encryption');
  const credential = await authenticate(stream, features, {
    account: options.account,
    isEncrypted: stream.isEncrypted,
    bindings: security.bindings,
    hasClientCertificate: options.hasClientCertificate,
    credentials: (request) => deadline.pausedWhile(() => options.credentials(request)),
    strongest: options.strongest,
    log: options.log,
  });
  return { stream, features: await open(stream, options), credential, acceptedLeaf: security.acceptedLeaf };
}

/** A new stream on the connection: its header is checked, its features are the result. */
async function open(stream: XmlStream, { account, requireEncryption }: LoginOptions): Promise<Element> {
  // Who logs in is told only where nobody else reads it. RFC 6120 §4.7.1
  const header = await stream.open(stream.isEncrypted ? account : undefined);
  const isXmpp = is(header, 'stream', ns.stream) && /^[1-9][0-9]*\.[0-9]+$/.test(header.attrs.version ?? '');
  const features = isXmpp ? await stream.next() : undefined;
  if (features !== undefined && is(features, 'features', ns.stream)) return features;
  if (requireEncryption && !stream.isEncrypted) throw new HushError('encryption-not-available', 'the server does not speak XMPP 1.0, which has encryption');
  throw new HushError('service-confused', 'the server does not speak XMPP 1.0');
}

/** RFC 6120 §5.4.2 */
async function startTls(stream: XmlStream): Promise<void> {
  const answer = await stream.ask(xml('starttls', { xmlns: ns.tls }));
  if (is(answer, 'failure', ns.tls)) throw new HushError('encryption-not-available', 'the server offers encryption and refuses it');
  if (!is(answer, 'proceed', ns.tls)) throw new HushError('encryption-error', 'the server does not keep to the negotiation of encryption');
}

/** The handshake and the judgement: of the account's domain, wherever the connection goes. */
async function secure(stream: XmlStream, target: Target, options: LoginOptions, deadline: Deadline): Promise<Security> {
  const hostname = domainOf(options.account);
  const { referenceIdentities, log, context } = options;
  const socket = await stream.upgrade({ domain: hostname, isDirect: target.directTls, context, signal: deadline.signal });
  const { chain, error } = judgeServer(socket, referenceIdentities);
  log.debug({ protocol: socket.getProtocol(), certificate: error?.condition ?? 'verified' }, 'encrypted');
  if (error !== undefined) {
    await stream.whileOpen(deadline.pausedWhile(() => options.judgeCertificate({ chain, hostname, referenceIdentities, error })));
  }
  return { bindings: channelBindings(socket, chain[0]), acceptedLeaf: error && (chain[0] ?? new Uint8Array()) };
}

/** How to log in once more in the place of `login` without asking anybody: with the same credential, and with the same certificate where a person accepted it. */
export function sameAs(login: Login): Pick<LoginOptions, 'credentials' | 'judgeCertificate'> {
  const { credential, acceptedLeaf } = login;
  return {
    credentials: ({ previousFailure }) => {
      if (previousFailure === undefined && credential?.kind === 'password') {
        const { password, mechanism } = credential;
        return Promise.resolve({ kind: 'password', password, ...(mechanism !== undefined && { mechanism }) });
      }
      return Promise.reject(previousFailure ?? new HushError('authentication-failed', 'this login cannot be repeated'));
    },
    judgeCertificate: ({ chain, error }) => {
      const isSame = acceptedLeaf !== undefined && chain[0] !== undefined && Buffer.compare(acceptedLeaf, chain[0]) === 0;
      return isSame ? Promise.resolve() : Promise.reject(error);
    },
  };
}

/** `work`, or the signal's reason if that comes first. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as HushError);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort)).catch(() => undefined);
  });
}
