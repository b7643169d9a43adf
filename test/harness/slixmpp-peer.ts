/** An XMPP client that is not ours (slixmpp, in Python) as the other side of a conversation. */
import { join } from 'node:path';
import type { EventQueue } from './events.ts';
import { LineClient } from './line-client.ts';
import type { Prosody } from './prosody.ts';

/**
 * Events in the queue (source: the peer's name): `message` {from, to, id, type, body, state, receiptRequested, xml}, `chat-state` {from, state},
 * `receipt` {from, of}, `presence` {from, available, show, status, priority}, `subscription` {from, type, status}, `roster` {roster},
 * `avatar` {from, where, hash}, `disconnected` {reason}, `error` {error}. JIDs are full where the stanza's is.
 */
export class SlixmppPeer {
  readonly #client: LineClient;
  /** The full JID that the server gave. */
  readonly jid: string;

  private constructor(client: LineClient, jid: string) {
    this.#client = client;
    this.jid = jid;
  }

  /** Logs a user of the server in; no presence is sent yet. The caller stops it. */
  static async connect(prosody: Prosody, events: EventQueue, user: string, password: string, name = user): Promise<SlixmppPeer> {
    const client = new LineClient(name, join(import.meta.dirname, 'slixmpp_peer.py'), events, {});
    const ca = prosody.tlsPort === 0 ? null : prosody.caFile;
    const jid = await client.request('connect', { jid: prosody.jid(user), password, host: '127.0.0.1', port: prosody.port, ca });
    return new SlixmppPeer(client, jid as string);
  }

  /** Available. `show`: '', away, chat, dnd, xa. */
  presence(show = '', status = '', priority?: number): Promise<void> {
    return this.#ask('presence', { show, status, ...(priority !== undefined && { priority }) });
  }

  unavailable(): Promise<void> {
    return this.#ask('unavailable');
  }

  subscription(to: string, type: 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed'): Promise<void> {
    return this.#ask('subscription', { to, type });
  }

  /** The stanza's id. */
  message(to: string, body: string, options: { receipt?: boolean; state?: string; id?: string } = {}): Promise<string> {
    return this.#ask('message', { to, body, ...options });
  }

  chatState(to: string, state: string): Promise<void> {
    return this.#ask('state', { to, state });
  }

  /** Characters as they are, for what the library would not send. */
  raw(xml: string): Promise<void> {
    return this.#ask('raw', { xml });
  }

  roster(): Promise<Record<string, { subscription: string; name: string; groups: string[] }>> {
    return this.#ask('roster');
  }

  setContact(jid: string, name: string, groups: readonly string[]): Promise<void> {
    return this.#ask('contact', { jid, name, groups });
  }

  setNickname(name: string): Promise<void> {
    return this.#ask('nickname', { name });
  }

  /** Publishes a picture; its SHA-1 in hexadecimal. */
  setAvatar(file: string, mime: string, where: 'vcard' | 'pep'): Promise<string> {
    return this.#ask('avatar', { file, mime, where });
  }

  avatarOf(jid: string): Promise<{ hash: string | null; mime: string }> {
    return this.#ask('avatar_of', { jid });
  }

  features(jid: string): Promise<{ features: string[]; identities: string[][] }> {
    return this.#ask('features', { jid });
  }

  version(jid: string): Promise<{ name: string; version: string; os: string }> {
    return this.#ask('version', { jid });
  }

  /** Seconds. */
  ping(jid: string): Promise<number> {
    return this.#ask('ping', { jid });
  }

  block(jid: string): Promise<void> {
    return this.#ask('block', { jid });
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
