/** SimplePresence: Telepathy's statuses behind XMPP's presence. Connection.Interface.SimplePresence; RFC 6121 §4, XEP-0186 */
import type { Implementation } from '../../bus/object.ts';
import { Variant } from '../../bus/types.ts';
import { demand, HushError } from '../../errors.ts';
import type { Handle } from '../../telepathy/handles.ts';
import { bareOf } from '../../xmpp/jid.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import type { Presence, Show } from '../../xmpp/presence.ts';
import { Invisibility } from '../../xmpp/xep0186-invisible.ts';
import type { Account } from '../feature.ts';
import { Coalescer } from './coalescer.ts';

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

type SimplePresence = [type: number, status: string, message: string];

function simple(status: string, message: string): SimplePresence {
  return [statuses.get(status)?.[0] ?? Type.unknown, status, message];
}

export function attachPresence(account: Account): void {
  new SimplePresenceInterface(account).attach();
}

class SimplePresenceInterface {
  readonly #account: Account;
  readonly #invisibility: Invisibility;
  /** What the user wants, also before there is a stream. */
  #wanted: { status: string; message: string } = { status: 'available', message: '' };
  /** Whether a server has been asked what it can do. */
  #canHide: boolean | undefined;
  #isHidden = false;

  constructor(account: Account) {
    this.#account = account;
    this.#invisibility = new Invisibility(account.client);
  }

  attach(): void {
    const { connection, presence, roster } = this.#account;
    connection.addInterface(SIMPLE_PRESENCE, this.#implementation());
    connection.contacts.provide(SIMPLE_PRESENCE, (handle) => [[`${SIMPLE_PRESENCE}/presence`, new Variant('(uss)', this.#presenceOf(handle))]]);
    const changes = new Coalescer<Handle>((handles) => {
      if (connection.status !== 0) return;
      connection.object.emit(SIMPLE_PRESENCE, 'PresencesChanged', new Map(handles.map((handle) => [handle, this.#presenceOf(handle)])));
    });
    presence.events.on('changed', (jid) => {
      const handle = this.#account.handleOf(jid);
      if (handle !== connection.selfHandle) changes.add(handle);
    });
    // Who is not there shows as offline only once we know that we may see them.
    roster.events.on('changed', (items) => {
      if (roster.isFetched) for (const { jid } of items) changes.add(this.#account.handleOf(jid));
    });
    connection.events.on('beforeConnected', () => {
      connection.tasks.run('first presence', () => this.#send());
      this.#announceSelf();
    });
  }

  #announceSelf(): void {
    const { connection } = this.#account;
    connection.object.emit(SIMPLE_PRESENCE, 'PresencesChanged', new Map([[connection.selfHandle, this.#presenceOf(connection.selfHandle)]]));
  }

  /** Sends what the user wants; resolves at once except where the server must be asked to hide us. */
  async #send(): Promise<void> {
    const { status, message } = this.#wanted;
    const { presence, settings } = this.#account;
    if (status === 'hidden') await this.#hide(message);
    else if (this.#isHidden) await this.#invisibility.show();
    this.#isHidden = this.#wanted.status === 'hidden';
    presence.send({ show: showOfStatus.get(this.#wanted.status) ?? '', status: this.#wanted.message, priority: settings.priority });
  }

  /** Where the server cannot, the user is shown as busy: to be seen is not what was wanted, to be disturbed is less so. */
  async #hide(message: string): Promise<void> {
    const { client, disco, log } = this.#account;
    try {
      if (this.#canHide === undefined) this.#invisibility.learn(await disco.info(client.domain));
      this.#canHide = this.#invisibility.isSupported;
      await this.#invisibility.hide();
    } catch (error) {
      if (!(error instanceof HushError)) throw error;
      log.info({ err: error }, 'the server cannot hide us');
      this.#wanted = { status: 'dnd', message };
      this.#announceSelf();
    }
  }

  #presenceOf(handle: Handle): SimplePresence {
    const { connection } = this.#account;
    if (handle === connection.selfHandle) return connection.status === 2 ? simple('offline', '') : simple(this.#wanted.status, this.#wanted.message);
    return this.#contactPresence(this.#account.jidOf(handle));
  }

  #contactPresence(jid: BareJid): SimplePresence {
    const { presence, roster } = this.#account;
    const best = presence.best(jid);
    if (best !== undefined) return fromXmpp(best);
    return roster.isSubscribedTo(bareOf(jid)) ? simple('offline', '') : simple('unknown', '');
  }

  #implementation(): Implementation<typeof SIMPLE_PRESENCE> {
    const { connection } = this.#account;
    return {
      methods: {
        SetPresence: async (call, status, message) => {
          const spec = statuses.get(status);
          demand(spec !== undefined, 'invalid-argument', `unknown status '${status.slice(0, 64)}'`);
          demand(spec[1], 'invalid-argument', `status '${status}' cannot be set`);
          if (status === 'hidden' && this.#canHide === false) throw new HushError('not-available', 'the server cannot hide who is online');
          this.#wanted = { status, message: spec[2] ? message.slice(0, maxMessage) : '' };
          if (connection.status !== 0) return;
          await this.#send();
          call.afterReply(() => this.#announceSelf());
        },
        GetPresences: (_call, handles) => {
          connection.requireConnected();
          for (const handle of handles) connection.handles.id(handle);
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
