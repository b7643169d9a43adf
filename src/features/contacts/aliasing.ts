/** Aliasing: what contacts are called. Connection.Interface.Aliasing; RFC 6121 §2.1.2.4, XEP-0172, XEP-0054 */
import type { Implementation } from '../../bus/object.ts';
import { str } from '../../bus/types.ts';
import type { Handle } from '../../telepathy/handles.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import { cleanLine } from '../../xmpp/text.ts';
import { Nicknames } from '../../xmpp/xep0172-nick.ts';
import type { Account } from '../feature.ts';
import { Coalescer } from './coalescer.ts';
import { contactsOf, demandRoster, lineOf } from './targets.ts';

const ALIASING = 'org.freedesktop.Telepathy.Connection.Interface.Aliasing';

/** Connection_Alias_Flags (u): the user names the contacts. */
const userSet = 1;

/** UTF-16 units of a name that comes from a card. */
const maxWritten = 256;

export function attachAliasing(account: Account): void {
  new AliasingInterface(account).attach();
}

class AliasingInterface {
  readonly #account: Account;
  readonly #nicknames: Nicknames;
  /** What clients were told, so that they hear of real changes only. */
  readonly #told = new Map<BareJid, string>();
  readonly #changes: Coalescer<BareJid>;

  constructor(account: Account) {
    this.#account = account;
    this.#nicknames = new Nicknames(account.client, account.pep);
    this.#changes = new Coalescer((jids) => this.#tell(jids));
  }

  attach(): void {
    const { connection, roster, settings, vcards } = this.#account;
    connection.addInterface(ALIASING, this.#implementation());
    connection.contacts.provide(ALIASING, { alias: (handle) => str(this.#aliasOf(this.#account.jidOf(handle))) });
    roster.events.on('changed', (items) => {
      for (const { jid } of items) this.#changes.add(jid);
    });
    this.#nicknames.events.on('changed', (owner) => this.#changes.add(owner));
    vcards.events.on('changed', (owner) => this.#changes.add(owner));
    if (settings.alias !== '') connection.events.on('connected', () => connection.tasks.run('alias', () => this.#rename(settings.alias)));
  }

  #tell(jids: readonly BareJid[]): void {
    const { connection } = this.#account;
    const changed = jids.flatMap((jid): [Handle, string][] => {
      const alias = this.#aliasOf(jid);
      if ((this.#told.get(jid) ?? jid) === alias) return [];
      this.#told.set(jid, alias);
      return [[this.#account.handleOf(jid), alias]];
    });
    if (changed.length > 0) connection.object.emit(ALIASING, 'AliasesChanged', changed);
  }

  /** The name the user gave, else the one they give themselves, else the address. */
  #aliasOf(jid: BareJid): string {
    const named = this.#account.roster.items.get(jid)?.name ?? '';
    if (named !== '') return named;
    const nickname = this.#nicknames.of(jid) ?? '';
    if (nickname !== '') return nickname;
    const fields = this.#account.vcards.known(jid) ?? [];
    const written = fields.find(({ name }) => name === 'nickname') ?? fields.find(({ name }) => name === 'fn');
    return cleanLine(written?.values[0] ?? '', maxWritten) || jid;
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
    const { client, roster, vcards, log } = this.#account;
    return {
      methods: {
        GetAliasFlags: () => userSet,
        GetAliases: (_call, handles) => new Map(contactsOf(this.#account, handles).map((jid) => [this.#account.handleOf(jid), this.#aliasOf(jid)])),
        RequestAliases: (_call, handles) =>
          Promise.all(
            contactsOf(this.#account, handles).map(async (jid) => {
              if (this.#aliasOf(jid) === jid && vcards.known(jid) === undefined) {
                // Without a vCard the address is the name.
                await vcards.fetch(jid).catch((error: unknown) => log.debug({ err: error }, 'no vCard'));
              }
              return this.#aliasOf(jid);
            }),
          ),
        SetAliases: async (_call, aliases) => {
          const contacts = contactsOf(this.#account, [...aliases.keys()]);
          const names = [...aliases.values()].map((alias) => lineOf(alias, 'a name for a contact'));
          if (contacts.some((jid) => jid !== client.account)) demandRoster(this.#account);
          for (const [index, jid] of contacts.entries()) {
            const name = names[index] ?? '';
            if (jid === client.account) await this.#rename(name);
            else await roster.set(jid, { name });
          }
        },
      },
    };
  }
}
