/** Aliasing: what contacts are called. Connection.Interface.Aliasing; RFC 6121 §2.1.2.4, XEP-0172, XEP-0054 */
import type { Implementation } from '../../bus/object.ts';
import { str } from '../../bus/types.ts';
import { demand } from '../../errors.ts';
import type { Handle } from '../../telepathy/handles.ts';
import { isXmlText } from '../../xmpp/element.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import { Nicknames } from '../../xmpp/xep0172-nick.ts';
import type { Account } from '../feature.ts';
import { Coalescer } from './coalescer.ts';

const ALIASING = 'org.freedesktop.Telepathy.Connection.Interface.Aliasing';

/** Connection_Alias_Flags (u): the user names the contacts. */
const userSet = 1;

/** RFC 6121 §2.1.2.4 */
const maxBytes = 1023;

export function attachAliasing(account: Account): void {
  new AliasingInterface(account).attach();
}

class AliasingInterface {
  readonly #account: Account;
  readonly #nicknames: Nicknames;
  /** What clients were told, so that they hear of real changes only. */
  readonly #told = new Map<Handle, string>();
  readonly #changes: Coalescer<BareJid>;

  constructor(account: Account) {
    this.#account = account;
    this.#nicknames = new Nicknames(account.client, account.pep);
    this.#changes = new Coalescer((jids) => this.#tell(jids));
  }

  attach(): void {
    const { connection, roster, settings, vcards } = this.#account;
    connection.addInterface(ALIASING, this.#implementation());
    connection.contacts.provide(ALIASING, (handle) => [[`${ALIASING}/alias`, str(this.#aliasOf(handle))]]);
    roster.events.on('changed', (items) => {
      for (const { jid } of items) this.#changes.add(jid);
    });
    this.#nicknames.events.on('changed', (owner) => this.#changes.add(owner));
    vcards.events.on('changed', (owner) => this.#changes.add(owner));
    if (settings.alias !== '') connection.events.on('connected', () => connection.tasks.run('alias', () => this.#rename(settings.alias)));
  }

  #tell(jids: readonly BareJid[]): void {
    const { connection } = this.#account;
    if (connection.status === 2) return;
    const changed = jids.map((jid) => this.#account.handleOf(jid)).flatMap((handle): [Handle, string][] => {
      const alias = this.#aliasOf(handle);
      if ((this.#told.get(handle) ?? connection.handles.id(handle)) === alias) return [];
      this.#told.set(handle, alias);
      return [[handle, alias]];
    });
    if (changed.length > 0) connection.object.emit(ALIASING, 'AliasesChanged', changed);
  }

  /** The name the user gave, else the one they give themselves, else the address. */
  #aliasOf(handle: Handle): string {
    const jid = this.#account.jidOf(handle);
    const named = this.#account.roster.items.get(jid)?.name ?? '';
    if (named !== '') return named;
    const nickname = this.#nicknames.of(jid) ?? '';
    if (nickname !== '') return nickname;
    const fields = this.#account.vcards.known(jid) ?? [];
    const written = fields.find(({ name }) => name === 'nickname') ?? fields.find(({ name }) => name === 'fn');
    return written?.values[0]?.trim() || jid;
  }

  /** Our own name, for everybody: as a nickname where the server publishes, else in the vCard. */
  async #rename(name: string): Promise<void> {
    if (await this.#account.pep.isSupported()) {
      await this.#nicknames.publish(name);
      return;
    }
    await this.#account.vcards.edit(({ fields }) => {
      const others = fields.filter((field) => field.name !== 'nickname');
      return { fields: name === '' ? others : [...others, { name: 'nickname', parameters: [], values: [name] }] };
    });
  }

  #implementation(): Implementation<typeof ALIASING> {
    const { connection, roster, vcards, log } = this.#account;
    const known = (handles: readonly Handle[]): Handle[] => {
      connection.requireConnected();
      for (const handle of handles) connection.handles.id(handle);
      return [...handles];
    };
    return {
      methods: {
        GetAliasFlags: () => userSet,
        GetAliases: (_call, handles) => new Map(known(handles).map((handle) => [handle, this.#aliasOf(handle)])),
        RequestAliases: (_call, handles) =>
          Promise.all(
            known(handles).map(async (handle) => {
              const jid = this.#account.jidOf(handle);
              if (this.#aliasOf(handle) === jid && vcards.known(jid) === undefined) {
                // Without a vCard the address is the name.
                await vcards.fetch(jid).catch((error: unknown) => log.debug({ err: error }, 'no vCard'));
              }
              return this.#aliasOf(handle);
            }),
          ),
        SetAliases: async (_call, aliases) => {
          const handles = known([...aliases.keys()]);
          for (const alias of aliases.values()) demand(isXmlText(alias) && Buffer.byteLength(alias) <= maxBytes, 'invalid-argument', 'not a name for a contact');
          for (const handle of handles) {
            const alias = aliases.get(handle) ?? '';
            if (handle === connection.selfHandle) await this.#rename(alias);
            else await roster.set(this.#account.jidOf(handle), { name: alias });
          }
        },
      },
    };
  }
}
