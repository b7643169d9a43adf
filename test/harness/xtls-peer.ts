/** The other end of XTLS sessions, by others: slixmpp and OpenSSL in Python, written from the wire profile alone. Honest, or wrong in one named way. */
import { join } from 'node:path';
import type { EventQueue, HarnessEvent } from './events.ts';
import { LineClient } from './line-client.ts';
import type { Prosody } from './prosody.ts';

/** What it does in a session. Everything else is as the wire profile says. */
export interface XtlsOptions {
  readonly mode?: 'anonymous' | (string & {});
  /** False: as a client that knows only the draft. Default: what it announces. */
  readonly profile?: boolean;
  /** Signal a commitment. Default: in identity mode. */
  readonly commit?: boolean;
  readonly blockSize?: string;
  readonly ownBlockSize?: number;
  readonly methods?: readonly string[];
  /** More attributes of `<profile/>`. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly name?: string;
  /** Of the Jingle session. */
  readonly sid?: string;
  /** A PEM file whose key it shows. */
  readonly identity?: string;
  /** The kind of a key made for this session: p-256, p-384, p-521, ed25519, rsa-2048, rsa-1024. */
  readonly key?: string;
  /** Draft only: send a fingerprint; its length in bytes; without colons and in lower case. */
  readonly fingerprint?: boolean;
  readonly fingerprintBytes?: number;
  readonly plainFingerprint?: boolean;
  /** Names of `xtls/hostile.py`. */
  readonly misbehave?: readonly string[];
  /** End it on entering this state. */
  readonly cutAt?: string;
  readonly cutBy?: Cut;
}

export interface AnswerOptions extends XtlsOptions {
  /** Answer offers of this mode only, others with `decline`. */
  readonly wants?: string;
  /** `decline`, or the condition of a stanza error. */
  readonly refuse?: string;
  readonly refuseType?: string;
  /** When the next offer comes, an offer of its own has just left, with this sid in comparison. */
  readonly crossing?: 'lower' | 'higher';
  readonly crossingOffer?: XtlsOptions;
  /** Accept, offer a session to this full JID as well, and carry the bytes of TLS between the two as they are. */
  readonly relayTo?: string;
}

export type Cut = 'terminate' | 'ibb-close' | 'unavailable';

/** The session is secure. */
export interface Secured extends HarnessEvent {
  readonly sid: string;
  readonly bindingHash: string;
  readonly exporter: string;
  readonly mode: string;
  readonly profile: boolean;
  readonly ownSpki: string;
  readonly peerSpki: string;
  /** Whether the initiator and the responder signalled one. */
  readonly commitments: readonly [boolean, boolean];
}

/**
 * Events in the queue (source: the peer's name), those of a session with `sid` and `with` (the other's full JID): `state` {state},
 * `tls` {version, cipher, exporter, own, certificate, certificateDer}, `secure` (Secured), `message` {body, id, type, children}, `receipt` {of, type}, `iq` {type, child},
 * `verify-asked` {id, question}, `verified` {id, starter, verified, condition}, `verify-ignored`, `verify-refused`, `ended` {clean, why}, `cut` {by},
 * `misbehaved` {what}, `objection` {reason, why} (what would have ended a session that is not hostile itself), `undelivered` {why},
 * `deviation` {what} (what the other side should not do, though it is tolerated).
 * Beside them `terminated` {with, sid, reason} (a session-terminate that came, whether the session lived or not), `refused` {condition, type, xml} (an error to a request),
 * `stanza` {way: in|out, xml} (everything of Jingle and IBB), `plaintext` {from, body, xml} (a message outside), `presence` {from, type}, `disconnected`, `error` {error}.
 */
export class XtlsPeer {
  readonly #client: LineClient;
  readonly name: string;
  /** The full JID that the server gave. */
  readonly jid: string;
  /** Of the key it shows in identity mode, in hexadecimal. */
  spki: string;

  private constructor(client: LineClient, name: string, jid: string, spki: string) {
    this.#client = client;
    this.name = name;
    this.jid = jid;
    this.spki = spki;
  }

  /** Logs a user of the server in; no presence is sent yet. `identity`: a PEM file with the key to show. The caller stops it. */
  static async connect(
    prosody: Prosody, events: EventQueue, user: string, password: string, options: { name?: string; resource?: string; identity?: string } = {},
  ): Promise<XtlsPeer> {
    const name = options.name ?? user;
    const client = new LineClient(name, join(import.meta.dirname, 'xtls_peer.py'), events, { PYTHONDONTWRITEBYTECODE: '1' });
    const ca = prosody.tlsPort === 0 ? null : prosody.caFile;
    const jid = `${prosody.jid(user)}${options.resource === undefined ? '' : `/${options.resource}`}`;
    try {
      const { jid: full, spki } = (await client.request('connect', { jid, password, host: '127.0.0.1', port: prosody.port, ca, identity: options.identity ?? null })) as { jid: string; spki: string };
      return new XtlsPeer(client, name, full, spki);
    } catch (error) {
      await client.stop();
      throw error;
    }
  }

  get bareJid(): string {
    return this.jid.replace(/\/.*$/s, '');
  }

  /** Available, with the capabilities of a full client, of one that knows only the draft, or of one that knows nothing of it. */
  presence(announce: 'profile' | 'draft' | 'nothing' = 'profile'): Promise<void> {
    return this.#ask('presence', { announce });
  }

  /** Until the owner of a full JID has seen the presence, and asked what it wants to know about it. */
  settle(to: string): Promise<void> {
    return this.#ask('settle', { to });
  }

  /** How offers are answered from now on. */
  accept(options: AnswerOptions = {}): Promise<void> {
    return this.#ask('accept', { ...options });
  }

  /** Offers a session to a full JID; its sid, once the offer has left. */
  offer(to: string, options: XtlsOptions = {}): Promise<string> {
    return this.#ask('offer', { to, ...options });
  }

  /** A message inside; its id. */
  message(sid: string, body: string): Promise<string> {
    return this.#ask('message', { sid, body });
  }

  /** Characters as they are, inside. */
  inside(sid: string, xml: string): Promise<void> {
    return this.#ask('inside', { sid, xml });
  }

  /** Characters as they are, outside. */
  raw(xml: string): Promise<void> {
    return this.#ask('send', { xml });
  }

  /** An iq-set outside; the condition of the error it is answered with, or null. */
  request(to: string, payload: string): Promise<string | null> {
    return this.#ask('request', { to, payload });
  }

  /** The type of the answer. */
  ping(sid: string): Promise<string> {
    return this.#ask('ping', { sid });
  }

  /** Does something wrong in a secure session. */
  misbehave(sid: string, what: string): Promise<void> {
    return this.#ask('misbehave', { sid, what });
  }

  /** Starts the comparison of a secret; the id of the run. */
  verify(sid: string, secret: string, question?: string, misbehave: readonly string[] = []): Promise<string> {
    return this.#ask('verify', { sid, secret, question: question ?? null, misbehave });
  }

  abort(sid: string): Promise<void> {
    return this.#ask('abort', { sid });
  }

  /** The secret it answers with when asked; null: it declines. */
  share(secret: string | null): Promise<void> {
    return this.#ask('share', { secret });
  }

  /** Ends a session as it should be. */
  end(sid: string): Promise<void> {
    return this.#ask('end', { sid });
  }

  /** Ends a session as it should not be. */
  cut(sid: string, how: Cut = 'terminate'): Promise<void> {
    return this.#ask('cut', { sid, how });
  }

  /** Another key, from now on. */
  async renew(key?: string): Promise<void> {
    this.spki = await this.#ask('renew', key === undefined ? {} : { key });
  }

  /** Its key, with a certificate for it that names this bare JID. */
  pem(jid: string): Promise<string> {
    return this.#ask('pem', { jid });
  }

  /** Sixty digits for its own key and that of a contact. */
  safetyNumber(jid: string, spki: string): Promise<string> {
    return this.#ask('safety_number', { jid, spki });
  }

  /** What its own code makes of the inputs of a file of vectors. */
  knownAnswers(file: string): Promise<unknown> {
    return this.#ask('known_answers', { file });
  }

  disconnect(): Promise<void> {
    return this.#ask('disconnect');
  }

  stop(): Promise<void> {
    return this.#client.stop();
  }

  async #ask<Result>(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<Result> {
    return (await this.#client.request(command, args)) as Result;
  }
}
