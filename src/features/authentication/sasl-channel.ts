/** A ServerAuthentication channel: a client that shows it to the user leads the login. Telepathy specification, Channel.Interface.SASLAuthentication. */
import type { Implementation } from '../../bus/object.ts';
import { bool, str } from '../../bus/types.ts';
import type { VariantMap } from '../../bus/types.ts';
import { demand, HushError } from '../../errors.ts';
import { BaseChannel } from '../../telepathy/base-channel.ts';
import type { BaseConnection } from '../../telepathy/base-connection.ts';
import { HandleType } from '../../telepathy/constants.ts';
import type { Credential } from '../../xmpp/sasl.ts';

const TYPE = 'org.freedesktop.Telepathy.Channel.Type.ServerAuthentication';
const SASL = 'org.freedesktop.Telepathy.Channel.Interface.SASLAuthentication';
const SECURABLE = 'org.freedesktop.Telepathy.Channel.Interface.Securable';

/** Not a mechanism of the server: the client gives the password, and we choose how to use it. */
export const passwordMechanism = 'X-TELEPATHY-PASSWORD';

/** SASL_Status (u). */
const Status = { notStarted: 0, inProgress: 1, serverSucceeded: 2, clientAccepted: 3, succeeded: 4, serverFailed: 5, clientFailed: 6 } as const;
type Status = (typeof Status)[keyof typeof Status];

/** SASL_Abort_Reason (u). */
const Reason = { invalidChallenge: 0, userAbort: 1 } as const;

type Event = 'start' | 'server-success' | 'accept' | 'server-failure' | 'abort';

/** What may happen when; anything else is the client's mistake and changes nothing. */
const transitions: Readonly<Record<Status, Partial<Record<Event, Status>>>> = {
  [Status.notStarted]: { start: Status.inProgress, abort: Status.clientFailed },
  [Status.inProgress]: { 'server-success': Status.serverSucceeded, accept: Status.clientAccepted, 'server-failure': Status.serverFailed, abort: Status.clientFailed },
  [Status.serverSucceeded]: { accept: Status.succeeded, 'server-failure': Status.serverFailed, abort: Status.clientFailed },
  [Status.clientAccepted]: { 'server-success': Status.succeeded, 'server-failure': Status.serverFailed, abort: Status.clientFailed },
  [Status.succeeded]: {},
  [Status.serverFailed]: { start: Status.inProgress, abort: Status.clientFailed },
  [Status.clientFailed]: {},
};

/** Promise.withResolvers, which Node 20 lacks. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: HushError) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: HushError) => void = () => undefined;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  // Whoever waits sees the failure; nobody may wait any more.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

export interface SaslChannelOptions {
  readonly connection: BaseConnection;
  readonly name: string;
  readonly username: string;
  readonly domain: string;
  readonly mechanisms: readonly string[];
  /** What is true of the way to the server: Securable in its published meaning. */
  readonly isEncrypted: boolean;
  readonly isVerified: boolean;
}

export class SaslChannel {
  readonly #channel: BaseChannel;
  #status: Status = Status.notStarted;
  #error = '';
  #details: VariantMap = new Map();
  /** The client's next answer to "how to log in?". */
  #credential = deferred<Credential>();
  /** The client's next answer to a challenge of the server. */
  #response = deferred<Uint8Array>();
  #isChallenged = false;
  /** The client's word that it accepts the server. */
  #accepted = deferred<undefined>();

  constructor(options: SaslChannelOptions) {
    this.#channel = new BaseChannel(options.connection, {
      name: options.name,
      type: TYPE,
      targetHandleType: HandleType.none,
      target: 0,
      targetId: '',
      requested: false,
      initiator: 0,
      immutable: new Map([
        [`${SECURABLE}.Encrypted`, bool(options.isEncrypted)],
        [`${SECURABLE}.Verified`, bool(options.isVerified)],
      ]),
      // Closed untouched: there is no client that could ask. Account managers must not take that for the user's wish.
      onClosed: () => this.#abort(this.#status === Status.notStarted ? new HushError('authentication-failed', 'there is no password, and nobody asked for one') : new HushError('cancelled', 'the login was closed before it was done')),
    });
    this.#channel.addInterface(TYPE, { properties: { AuthenticationMethod: () => SASL } });
    this.#channel.addInterface(SASL, this.#sasl(options));
    this.#channel.addPart(SECURABLE, { Encrypted: () => options.isEncrypted, Verified: () => options.isVerified });
    this.#channel.export();
    options.connection.requests.announce([this.#channel]);
  }

  /** Whether another login can be asked for here: not once one was completed, or given up. */
  get isUsable(): boolean {
    return !this.#channel.isClosed && this.#status !== Status.succeeded;
  }

  /** Waits for the client to start a login; after one that came to nothing, for whatever reason, for the next. Rejects when the client gives up. */
  credential(previousFailure: HushError | undefined): Promise<Credential> {
    if (this.#status !== Status.notStarted && this.#status !== Status.serverFailed) {
      this.#enter('server-failure', previousFailure ?? new HushError('network-error', 'the connection was lost during the login'));
    }
    return this.#credential.promise;
  }

  #enter(event: Event, failure?: HushError): void {
    const next = transitions[this.#status][event];
    if (next === undefined) throw new HushError('not-available', `not possible in SASL status ${this.#status}`);
    this.#status = next;
    this.#error = failure?.dbusName ?? '';
    this.#details = new Map(failure === undefined ? [] : [['debug-message', str(failure.message)], ...Object.entries(failure.details).flatMap(([key, value]) => (typeof value === 'string' ? [[key, str(value)] as const] : []))]);
    if (!this.#channel.isClosed) this.#channel.object.emit(SASL, 'SASLStatusChanged', this.#status, this.#error, this.#details);
  }

  #start(mechanism: string, data: Uint8Array | undefined, offered: readonly string[]): void {
    demand(mechanism === passwordMechanism || offered.includes(mechanism), 'not-implemented', 'the server does not offer this mechanism');
    if (mechanism === passwordMechanism && data === undefined) throw new HushError('invalid-argument', `${passwordMechanism} starts with the password`);
    const credential = mechanism === passwordMechanism ? this.#passwordCredential(data ?? new Uint8Array()) : this.#mechanismCredential(mechanism, data);
    const started = this.#credential;
    this.#enter('start');
    this.#credential = deferred();
    this.#accepted = deferred();
    started.resolve(credential);
  }

  #passwordCredential(data: Uint8Array): Credential {
    let password: string;
    try {
      password = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
    } catch (error) {
      throw new HushError('invalid-argument', 'the password must be UTF-8', { cause: error });
    }
    demand(password !== '' && !/\p{Cc}/u.test(password), 'invalid-argument', 'the password is empty or holds control characters');
    return { kind: 'password', password, succeeded: () => this.#serverSucceeded() };
  }

  #mechanismCredential(name: string, initial: Uint8Array | undefined): Credential {
    return {
      kind: 'mechanism',
      name,
      ...(initial !== undefined && { initial }),
      respond: (challenge) => {
        this.#challenge(challenge);
        return this.#response.promise;
      },
      succeeded: (data) => {
        // What came with the success is the server's last word; the client judges it before it accepts.
        if (data.length > 0) this.#challenge(data);
        return this.#serverSucceeded();
      },
    };
  }

  #challenge(data: Uint8Array): void {
    this.#response = deferred();
    this.#isChallenged = true;
    this.#channel.object.emit(SASL, 'NewChallenge', data);
  }

  /** At another place, when the connection was lost, the same answer succeeds once more: the client is told once. */
  async #serverSucceeded(): Promise<void> {
    if (transitions[this.#status]['server-success'] !== undefined) this.#enter('server-success');
    await this.#accepted.promise;
  }

  /** The client gives up: whatever waits for it fails, and with it the connection, whose server may be the one that is waited for. */
  #abort(error: HushError): void {
    if (transitions[this.#status].abort === undefined) return;
    this.#enter('abort', error);
    for (const waiting of [this.#credential, this.#response, this.#accepted]) waiting.reject(error);
    const { connection } = this.#channel;
    connection.tasks.run('login given up', () => connection.end(error));
  }

  #sasl({ mechanisms, username, domain }: SaslChannelOptions): Implementation<typeof SASL> {
    return {
      methods: {
        StartMechanism: (_call, mechanism) => this.#start(mechanism, undefined, mechanisms),
        StartMechanismWithData: (_call, mechanism, data) => this.#start(mechanism, data, mechanisms),
        Respond: (_call, data) => {
          demand(this.#isChallenged, 'not-available', 'the server has asked nothing');
          this.#isChallenged = false;
          this.#response.resolve(data);
        },
        AcceptSASL: () => {
          this.#enter('accept');
          this.#accepted.resolve(undefined);
        },
        AbortSASL: (call, reason, message) => {
          demand(reason === Reason.invalidChallenge || reason === Reason.userAbort, 'invalid-argument', 'there is no such reason');
          demand(transitions[this.#status].abort !== undefined, 'not-available', `not possible in SASL status ${this.#status}`);
          const isUser = reason === Reason.userAbort;
          const error = new HushError(isUser ? 'cancelled' : 'authentication-failed', isUser ? 'the user gave up logging in' : 'the client did not understand the server', { details: { 'debug-message': message.slice(0, 1024) } });
          call.afterReply(() => this.#abort(error));
        },
      },
      properties: {
        AvailableMechanisms: () => [passwordMechanism, ...mechanisms],
        HasInitialData: () => true,
        CanTryAgain: () => true,
        SASLStatus: () => this.#status,
        SASLError: () => this.#error,
        SASLErrorDetails: () => this.#details,
        AuthorizationIdentity: () => '',
        DefaultUsername: () => username,
        DefaultRealm: () => domain,
        MaySaveResponse: () => true,
      },
    };
  }
}
