/** A Telepathy client on telepathy-glib (through GObject introspection, from Python), as the handler of text channels in a session with Mission Control. */
import { join } from 'node:path';
import type { EventQueue } from './events.ts';
import { LineClient } from './line-client.ts';
import type { Session } from './session.ts';

export interface GlibMessage {
  readonly text: string;
  readonly token: string;
  readonly type: number;
  readonly sender: string | null;
  readonly report: boolean;
  readonly rescued: boolean;
  /** Seconds of the epoch, 0 when not known. */
  readonly received: number;
  readonly sent: number;
  readonly header: Readonly<Record<string, unknown>>;
}

export interface GlibContact {
  readonly id: string;
  readonly handle: number;
  readonly alias: string;
  readonly presence: string;
  readonly message: string;
  readonly groups: readonly string[];
  readonly subscribe: string;
  readonly publish: string;
  readonly request: string | null;
  readonly blocked: boolean;
  readonly avatarToken: string | null;
  readonly avatarFile: string | null;
  readonly clientTypes: readonly string[];
  readonly info: readonly (readonly [string, readonly string[]])[];
  readonly textChats: boolean;
}

/**
 * Accounts and channels are given by object path, contacts by identifier. Events in the queue (source: the client's name):
 * `channel` {account, channel, contact, requested, pending}, `message-received`, `message-sent`, `pending-message-removed` {channel, message},
 * `contact-chat-state-changed` {channel, contact, state}, `channel-closed` {channel}, `contact` {account, contact}, `contact-list-changed` {account, added, removed}.
 */
export class GlibClient {
  readonly #client: LineClient;

  private constructor(client: LineClient) {
    this.#client = client;
  }

  /** Starts it and registers it under `org.freedesktop.Telepathy.Client.` + name. The caller stops it. */
  static async start(session: Session, events: EventQueue, name = 'Harness'): Promise<GlibClient> {
    const client = new LineClient(name, join(import.meta.dirname, 'glib_client.py'), events, session.environment);
    await client.request('start', { name });
    return new GlibClient(client);
  }

  accounts(): Promise<{ path: string; name: string; status: number; presence: string }[]> {
    return this.#ask('accounts');
  }

  /** Asks for a presence of an account. */
  presence(account: string, status: string, message = ''): Promise<void> {
    return this.#ask('presence', { account, status, message });
  }

  /** Waits for the account's connection and its contact list; the connection's path. */
  online(account: string): Promise<string> {
    return this.#ask('online', { account });
  }

  contacts(account: string): Promise<GlibContact[]> {
    return this.#ask('contacts', { account });
  }

  contact(account: string, contact: string): Promise<GlibContact> {
    return this.#ask('contact', { account, contact });
  }

  me(account: string): Promise<GlibContact> {
    return this.#ask('me', { account });
  }

  subscribe(account: string, contact: string, message = ''): Promise<void> {
    return this.#ask('subscribe', { account, contact, message });
  }

  /** Lets the contact see our presence. */
  publish(account: string, contact: string): Promise<void> {
    return this.#ask('publish', { account, contact });
  }

  remove(account: string, contact: string): Promise<void> {
    return this.#ask('remove', { account, contact });
  }

  setGroups(account: string, contact: string, groups: readonly string[]): Promise<void> {
    return this.#ask('groups', { account, contact, groups });
  }

  block(account: string, contact: string, blocked = true): Promise<void> {
    return this.#ask('block', { account, contact, blocked });
  }

  setAvatar(account: string, file: string, mime: string): Promise<void> {
    return this.#ask('avatar', { account, file, mime });
  }

  setNickname(account: string, name: string): Promise<void> {
    return this.#ask('nickname', { account, name });
  }

  /** The text channel with a contact, handled by this client. `demands`: full names of boolean properties that are to be True. */
  text(account: string, contact: string, demands: readonly string[] = []): Promise<string> {
    return this.#ask('text', { account, contact, demands });
  }

  /** The same for whoever is its handler: asked for by one client, as by a contact list, it comes to another (or this one) as an event `channel`. */
  ensure(account: string, contact: string, demands: readonly string[] = []): Promise<void> {
    return this.#ask('ensure', { account, contact, demands });
  }

  /** The message's token. `report`: ask for a delivery report. */
  send(channel: string, text: string, options: { type?: number; report?: boolean } = {}): Promise<string> {
    return this.#ask('send', { channel, text, ...options });
  }

  pending(channel: string): Promise<GlibMessage[]> {
    return this.#ask('pending', { channel });
  }

  acknowledge(channel: string): Promise<void> {
    return this.#ask('acknowledge', { channel });
  }

  /** `gone`, `inactive`, `active`, `paused` or `composing`. */
  chatState(channel: string, state: string): Promise<void> {
    return this.#ask('chat_state', { channel, state });
  }

  close(channel: string): Promise<void> {
    return this.#ask('close', { channel });
  }

  stop(): Promise<void> {
    return this.#client.stop();
  }

  async #ask<Result>(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<Result> {
    return (await this.#client.request(command, args)) as Result;
  }
}
