/** What stands before one text channel for the window: everything passes, and the lock is that of the channel. org.kde.TelepathyProxy.ChannelProxy.Interface.OTR */
import type { Bus } from '../bus/connection.ts';
import type { Call, ExportedObject, Implementation } from '../bus/object.ts';
import { Remote } from '../bus/remote.ts';
import { i64, str, u32 } from '../bus/types.ts';
import type { ObjectPath, Variant } from '../bus/types.ts';
import { asHushError, demand, HushError } from '../errors.ts';
import { translated } from './failure.ts';
import { Lock } from './lock.ts';
import type { Conclusion } from './lock.ts';
import { busNameOf, CHANNEL, MESSAGES, OTR, proxyPath, TEXT } from './names.ts';
import { PendingMessages } from './pending.ts';
import type { Parts } from './pending.ts';
import { TrustLevel } from './trust-level.ts';

export interface ChannelProxyOptions {
  readonly bus: Bus;
  readonly connection: string;
  readonly channel: ObjectPath;
  /** The channel has Securable and PeerAuthentication. */
  readonly hasLock: boolean;
  /** Asks for a new channel with the same contact, to be secured, in the place of one that is over for good. */
  readonly replace: () => Promise<void>;
  /** A window talks through it from now on, or does not any more. */
  readonly connected: (isConnected: boolean) => void;
  /** The channel has gone. Once. */
  readonly gone: () => void;
}

/** Milliseconds for a connection manager to say what there is: the dispatcher waits meanwhile, and with it the user. */
const loadingTime = 5_000;

/** What the window's own OTR would send, and what only a program of that kind understands. */
const OTR_MARK = '?OTR';

/** Channel_Text_Message_Type */
const NOTICE = 2;
/** otr-message-event: a private conversation could not be set up. */
const SETUP_ERROR = 4;

/** Signals of the window's wizard, by how it ended. */
const concluded = { aborted: 'PeerAuthenticationAborted', cheated: 'PeerAuthenticationCheated', failed: 'PeerAuthenticationError' } as const;

export class ChannelProxy {
  readonly path: ObjectPath;
  /** Settles when what the channel has is known here. Rejects when it does not say so; the proxy has gone by then. */
  readonly ready: Promise<void>;
  readonly #options: ChannelProxyOptions;
  readonly #object: ExportedObject;
  readonly #channel: Remote;
  readonly #pending: PendingMessages;
  /** undefined for a channel that knows nothing of security. */
  readonly #lock: Lock | undefined;
  readonly #stops: readonly (() => void)[];
  /** The unique bus name of the window that talks through it; undefined for none. */
  #window: string | undefined;
  #isGone = false;

  constructor(options: ChannelProxyOptions) {
    const { bus, connection, channel, hasLock } = options;
    this.#options = options;
    this.path = proxyPath(connection, channel);
    this.#channel = new Remote(bus, busNameOf(connection), channel);
    this.#object = bus.objects.export(this.path);
    this.#object.implement(OTR, this.#implementation());
    this.#pending = new PendingMessages(this.#channel, {
      received: (message) => this.#whenConnected(() => this.#object.emit(OTR, 'MessageReceived', message)),
      removed: (ids) => this.#whenConnected(() => this.#object.emit(OTR, 'PendingMessagesRemoved', ids)),
    });
    this.#lock = hasLock ? this.#makeLock() : undefined;
    this.#stops = [
      this.#channel.on(MESSAGES, 'MessageSent', (content, flags, token) => this.#whenConnected(() => this.#object.emit(OTR, 'MessageSent', content, flags, token))),
      this.#channel.on(CHANNEL, 'Closed', () => this.#end()),
      this.#watchOwner(),
    ];
    this.ready = this.#load();
    // Whoever waits for it hears the reason.
    this.ready.catch(() => this.#end());
  }

  /** Whether a key is the contact's in the session that lives. */
  uses(fingerprint: string): boolean {
    return this.#lock?.isKey(fingerprint) ?? false;
  }

  /** The user has compared the fingerprint, or says that it is not the contact's. Rejects as TrustFingerprint. */
  async trust(fingerprint: string, isTrusted: boolean): Promise<void> {
    if (this.#lock === undefined) throw cannotBeSecured();
    await this.#lock.trust(fingerprint, isTrusted);
  }

  async #load(): Promise<void> {
    const { bus, busName, path } = this.#channel;
    const hurried = new Remote(bus, busName, path, { timeoutMs: loadingTime });
    await Promise.all([this.#pending.load(hurried), this.#lock?.load(hurried)]);
  }

  #makeLock(): Lock {
    return new Lock(this.#channel, {
      levelChanged: (level) => this.#object.emit(OTR, 'TrustLevelChanged', level),
      secretRequested: (question) => this.#whenConnected(() => this.#object.emit(OTR, 'PeerAuthenticationRequested', question)),
      secretConcluded: (conclusion) => this.#whenConnected(() => this.#secretConcluded(conclusion)),
    });
  }

  #implementation(): Implementation<typeof OTR> {
    return {
      methods: {
        ConnectProxy: (call) => this.#connect(call),
        DisconnectProxy: ({ sender }) => {
          // A goodbye that comes late is not that of the window in its place.
          if (sender === this.#window) this.#disconnect();
        },
        SendMessage: async (_call, message, flags) => {
          this.#demandConnected();
          if (this.#lock !== undefined && isOtr(message)) throw new HushError('proxy-encryption-error', 'OTR is not put on top of a channel of hush');
          const [token] = await translated(this.#channel.call(MESSAGES, 'SendMessage', message, flags));
          return token;
        },
        AcknowledgePendingMessages: async (_call, ids) => {
          this.#demandConnected();
          await translated(this.#channel.call(TEXT, 'AcknowledgePendingMessages', ids));
        },
        Initialize: async (call) => {
          try {
            if (!(await this.#locked().secure())) await this.#options.replace();
          } catch (error) {
            call.afterReply(() => this.#whenConnected(() => this.#object.emit(OTR, 'MessageReceived', failureNotice(error))));
            throw error;
          }
        },
        Stop: async () => this.#locked().end(),
        TrustFingerprint: async (_call, fingerprint, isTrusted) => this.#locked().trust(fingerprint, isTrusted),
        StartPeerAuthentication: (call, question, secret) => this.#compare(call, (lock) => lock.startSecret(question, secret)),
        RespondPeerAuthentication: (call, secret) => this.#compare(call, (lock) => lock.answerSecret(secret)),
        AbortPeerAuthentication: async () => this.#locked().abortSecret(),
      },
      properties: {
        WrappedChannel: () => this.#options.channel,
        Connected: () => this.#window !== undefined,
        PendingMessages: () => this.#pending.all,
        TrustLevel: () => this.#lock?.level ?? TrustLevel.notPrivate,
        LocalFingerprint: () => this.#lock?.localFingerprint ?? '',
        RemoteFingerprint: () => this.#lock?.remoteFingerprint ?? '',
      },
    };
  }

  async #connect(call: Call): Promise<void> {
    await translated(this.ready);
    if (this.#window === call.sender) return;
    const isFirst = this.#window === undefined;
    // The last one counts: one before it may have crashed, and said no goodbye.
    this.#window = call.sender;
    call.afterReply(() => {
      if (isFirst) this.#options.connected(true);
      // It may have come while there was no window to ask in, or was asked in one that is gone.
      const question = this.#lock?.question;
      if (question !== undefined) this.#object.emit(OTR, 'PeerAuthenticationRequested', question);
    });
  }

  #disconnect(): void {
    if (this.#window === undefined) return;
    this.#window = undefined;
    this.#options.connected(false);
  }

  /** The window's wizard looks at signals only: it must hear of what did not even begin. */
  async #compare(call: Call, work: (lock: Lock) => Promise<void>): Promise<void> {
    const lock = this.#locked();
    try {
      await work(lock);
    } catch (error) {
      call.afterReply(() => this.#object.emit(OTR, 'PeerAuthenticationError'));
      throw error;
    }
    call.afterReply(() => this.#object.emit(OTR, 'PeerAuthenticationInProgress'));
  }

  #secretConcluded(conclusion: Conclusion): void {
    if (conclusion === 'same' || conclusion === 'different') this.#object.emit(OTR, 'PeerAuthenticationConcluded', conclusion === 'same');
    else this.#object.emit(OTR, concluded[conclusion]);
  }

  #whenConnected(tell: () => void): void {
    if (this.#window !== undefined) tell();
  }

  #demandConnected(): void {
    demand(this.#window !== undefined, 'proxy-not-connected', 'ConnectProxy comes first');
  }

  #locked(): Lock {
    this.#demandConnected();
    if (this.#lock === undefined) throw cannotBeSecured();
    return this.#lock;
  }

  /** The connection manager has gone when nobody owns its name, or another process. */
  #watchOwner(): () => void {
    let first: string | undefined;
    return this.#options.bus.watchName(this.#channel.busName, (owner) => {
      first ??= owner;
      if (owner === '' || owner !== first) this.#end();
    });
  }

  /** The channel has gone: nothing of it is claimed any more. */
  #end(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    for (const stop of this.#stops) stop();
    this.#pending.stop();
    this.#lock?.stop();
    if ((this.#lock?.level ?? TrustLevel.notPrivate) !== TrustLevel.notPrivate) this.#object.emit(OTR, 'TrustLevelChanged', TrustLevel.notPrivate);
    this.#disconnect();
    this.#object.unexport();
    this.#options.gone();
  }
}

function cannotBeSecured(): HushError {
  return new HushError('proxy-encryption-error', 'the connection manager of this conversation cannot secure it');
}

/** What the window shows as a line of its own. It is no message of the channel's, and has no number. */
function failureNotice(error: unknown): Parts {
  // The window makes a web page of it, and a reason may quote a peer.
  const reason = asHushError(error).message.replaceAll(/[<>&]|\p{Cc}/gu, ' ');
  const header = new Map<string, Variant>([
    ['message-type', u32(NOTICE)],
    ['message-received', i64(Math.floor(Date.now() / 1000))],
    ['otr-message-event', u32(SETUP_ERROR)],
    ['otr-error', str(reason)],
  ]);
  return [header, new Map([['content-type', str('text/plain')], ['content', str(reason)]])];
}

function isOtr([, ...parts]: readonly Parts[number][]): boolean {
  return parts.some((part) => {
    const content = part.get('content')?.value;
    return typeof content === 'string' && content.startsWith(OTR_MARK);
  });
}
