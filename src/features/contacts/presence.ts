/** SimplePresence: Telepathy's statuses behind XMPP's presence. Connection.Interface.SimplePresence; RFC 6121 §4, XEP-0186 */
import type { Implementation } from '../../bus/object.ts';
import { Variant } from '../../bus/types.ts';
import { demand, HushError } from '../../errors.ts';
import type { Handle } from '../../telepathy/handles.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import { Limiter } from '../../xmpp/limiter.ts';
import type { Presence, Show } from '../../xmpp/presence.ts';
import { Invisibility } from '../../xmpp/xep0186-invisible.ts';
import type { Account } from '../feature.ts';
import { Coalescer } from './coalescer.ts';
import { contactsOf, wordsOf } from './targets.ts';

const SIMPLE_PRESENCE = 'org.freedesktop.Telepathy.Connection.Interface.SimplePresence';

/** Connection_Presence_Type (u). */
const Type = { unset: 0, offline: 1, available: 2, away: 3, extendedAway: 4, hidden: 5, busy: 6, unknown: 7, error: 8 } as const;

type StatusSpec = readonly [type: number, isSettable: boolean, hasMessage: boolean];

/** Every status there can be, before a server has said what it can do. */
export const statuses: ReadonlyMap<string, StatusSpec> = new Map<string, StatusSpec>([
  ['available', [Type.available, true, true]],
  ['chat', [Type.available, true, true]],
  ['away', [Type.away, true, true]],
  ['xa', [Type.extendedAway, true, true]],
  ['dnd', [Type.busy, true, true]],
  ['hidden', [Type.hidden, true, false]],
  ['offline', [Type.offline, false, true]],
  ['unknown', [Type.unknown, false, false]],
  ['error', [Type.error, false, true]],
]);

const statusOfShow: Readonly<Record<Show, string>> = { '': 'available', chat: 'chat', away: 'away', xa: 'xa', dnd: 'dnd' };
const showOfStatus = new Map<string, Show>(Object.entries(statusOfShow).map(([show, status]) => [status, show as Show]));

/** In UTF-16 units. */
const maxMessage = 1024;
/** How long the server may think about what it can, in milliseconds. */
const patience = 10_000;

type SimplePresence = [type: number, status: string, message: string];

function simple(status: string, message: string): SimplePresence {
  return [statuses.get(status)?.[0] ?? Type.unknown, status, message];
}

const unknown = simple('unknown', '');

export function attachPresence(account: Account): void {
  new SimplePresenceInterface(account).attach();
}

class SimplePresenceInterface {
  readonly #account: Account;
  readonly #invisibility: Invisibility;
  /** What the user wants, also before there is a stream. */
  #wanted: { status: string; message: string } = { status: 'available', message: '' };
  /** Whether the server can hide us; undefined until it has said so. */
  #canHide: boolean | undefined;
  #isHidden = false;
  /** What is sent follows what was sent before. */
  readonly #turns = new Limiter(1);
  /** What clients were told of contacts; of the others they know nothing. */
  readonly #told = new Map<Handle, string>();

  constructor(account: Account) {
    this.#account = account;
    this.#invisibility = new Invisibility(account.client);
  }

  attach(): void {
    const { connection, presence, roster } = this.#account;
    connection.addInterface(SIMPLE_PRESENCE, this.#implementation());
    connection.contacts.provide(SIMPLE_PRESENCE, { presence: (handle) => new Variant('(uss)', this.#presenceOf(handle)) });
    const changes = new Coalescer<Handle>((handles) => this.#tell(handles));
    presence.events.on('changed', (jid) => {
      const handle = this.#account.handleOf(jid);
      if (handle !== connection.selfHandle) changes.add(handle);
    });
    // Who is not there shows as offline only once we know that we may see them.
    roster.events.on('changed', (items) => {
      for (const { jid } of items) changes.add(this.#account.handleOf(jid));
    });
    connection.events.on('beforeConnected', () => {
      connection.tasks.run('first presence', () => this.#send());
      this.#announceSelf();
    });
    connection.events.on('connected', () => connection.tasks.run('whether the server can hide us', async () => {
      await this.#askServer();
    }));
  }

  #tell(handles: readonly Handle[]): void {
    const { connection } = this.#account;
    const changed = handles.flatMap((handle): [Handle, SimplePresence][] => {
      const presence = this.#presenceOf(handle);
      const words = presence.join(' ');
      if ((this.#told.get(handle) ?? unknown.join(' ')) === words) return [];
      this.#told.set(handle, words);
      return [[handle, presence]];
    });
    if (changed.length > 0) connection.object.emit(SIMPLE_PRESENCE, 'PresencesChanged', new Map(changed));
  }

  #announceSelf(): void {
    const { connection } = this.#account;
    connection.object.emit(SIMPLE_PRESENCE, 'PresencesChanged', new Map([[connection.selfHandle, this.#presenceOf(connection.selfHandle)]]));
  }

  /** Sends what the user wants by then; resolves at once except where the server must be asked to hide us. */
  #send(): Promise<void> {
    return this.#turns.run(async () => {
      const { caps, client, presence, settings } = this.#account;
      const wasHidden = this.#isHidden;
      const isHidden = this.#wanted.status === 'hidden' && (await this.#hide());
      if (!isHidden && wasHidden) await this.#invisibility.show();
      this.#isHidden = isHidden;
      // Answers and questions of ours would say what presence does not.
      client.router.isHidden = isHidden;
      const { status, message } = this.#wanted;
      presence.send({ show: showOfStatus.get(status) ?? '', status: message, priority: settings.priority });
      if (wasHidden && !isHidden) caps.catchUp();
    });
  }

  /** Where the server cannot after all, the user is shown as busy: to be seen is not what was wanted, to be disturbed is less so. */
  async #hide(): Promise<boolean> {
    if (await this.#askServer()) {
      try {
        await this.#invisibility.hide();
        return true;
      } catch (error) {
        if (!(error instanceof HushError)) throw error;
        this.#account.log.info({ err: error }, 'the server does not hide us');
      }
    }
    if (this.#wanted.status === 'hidden') {
      this.#wanted = { status: 'dnd', message: '' };
      this.#announceSelf();
    }
    return false;
  }

  /** Whether the server can hide us; no answer is a no for now. */
  async #askServer(): Promise<boolean> {
    const { client, disco, log } = this.#account;
    if (this.#canHide === undefined) {
      try {
        this.#invisibility.learn(await disco.info(client.domain, undefined, { timeoutMs: patience }));
        this.#canHide = this.#invisibility.isSupported;
      } catch (error) {
        if (!(error instanceof HushError)) throw error;
        log.info({ err: error }, 'the server does not say what it can do');
        return false;
      }
    }
    return this.#canHide;
  }

  #presenceOf(handle: Handle): SimplePresence {
    const { connection } = this.#account;
    if (handle === connection.selfHandle) return connection.status === 2 ? simple('offline', '') : simple(this.#wanted.status, this.#wanted.message);
    return this.#contactPresence(this.#account.jidOf(handle));
  }

  #contactPresence(jid: BareJid): SimplePresence {
    const { presence, roster } = this.#account;
    const best = presence.best(jid);
    // What was last heard of someone whom we may no longer see says nothing of now; that they cannot be reached does.
    if (best?.error === undefined && !roster.isSubscribedTo(jid)) return unknown;
    return best === undefined ? simple('offline', '') : fromXmpp(best);
  }

  #implementation(): Implementation<typeof SIMPLE_PRESENCE> {
    const { connection } = this.#account;
    return {
      methods: {
        SetPresence: async (call, status, message) => {
          const spec = statuses.get(status);
          demand(spec !== undefined, 'invalid-argument', `unknown status '${status.slice(0, 64)}'`);
          demand(spec[1], 'invalid-argument', `status '${status}' cannot be set`);
          const words = wordsOf(message, maxMessage);
          if (status === 'hidden' && connection.status === 0) demand(await this.#askServer(), 'not-available', 'the server cannot hide who is online');
          this.#wanted = { status, message: spec[2] ? words : '' };
          if (connection.status !== 0) return;
          await this.#send();
          call.afterReply(() => this.#announceSelf());
        },
        GetPresences: (_call, handles) => {
          contactsOf(this.#account, handles);
          return new Map(handles.map((handle) => [handle, this.#presenceOf(handle)]));
        },
      },
      properties: {
        Statuses: () => new Map([...statuses].filter(([name]) => name !== 'hidden' || this.#canHide !== false).map(([name, spec]) => [name, [...spec]])),
        MaximumStatusMessageLength: () => maxMessage,
      },
    };
  }
}

function fromXmpp(presence: Presence): SimplePresence {
  if (presence.error !== undefined) return simple('error', presence.error.text ?? presence.error.condition);
  return simple(presence.available ? statusOfShow[presence.show] : 'offline', presence.status);
}
