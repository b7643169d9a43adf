/** What this process keeps of each account between conversations: one memory per account, shared by its connections. */
import { join } from 'node:path';
import type { Bus } from '../../bus/connection.ts';
import { escapeElement } from '../../bus/types.ts';
import type { Log } from '../../log.ts';
import { PrivateFolder } from '../../security/file-store.ts';
import { FileVault } from '../../security/file-vault.ts';
import { KeptIdentities } from '../../security/identities.ts';
import { TrustStore } from '../../security/trust-store.ts';
import { bareOf, isFull, tryJid } from '../../xmpp/jid.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import { SecretItem } from './secret-service.ts';

export interface Memory {
  readonly store: TrustStore;
  readonly identities: KeptIdentities;
}

export interface MemoriesOptions {
  readonly bus: Bus;
  /** The user's data folder (XDG_DATA_HOME); '' = there is none. */
  readonly dataHome: string;
  readonly log: Log;
}

export class Memories {
  readonly #options: MemoriesOptions;
  readonly #byAccount = new Map<BareJid, Memory>();

  constructor(options: MemoriesOptions) {
    this.#options = options;
  }

  /** The memory of an account, not read yet. Other processes are kept out of it from its first use until this one ends. */
  of(account: BareJid): Memory {
    const known = this.#byAccount.get(account);
    if (known !== undefined) return known;
    const { bus, dataHome } = this.#options;
    const log = this.#options.log.child({ account });
    const folder = new PrivateFolder(dataHome === '' ? '' : join(dataHome, 'hush', escapeElement(account)));
    const item = (kind: string, label: string): SecretItem =>
      new SecretItem(bus, { attributes: new Map([['application', 'hush'], ['account', account], ['kind', kind]]), label: `${label} (${account})` });
    const store = new TrustStore({ account, folder, generations: item('generation', 'hush: number of the last record of trust'), log });
    const vaults = { file: new FileVault(folder, 'identity.pem'), 'secret-service': item('identity', 'hush: private key for secured conversations') };
    const memory = { store, identities: new KeptIdentities({ account, keeper: store, vaults, bareJid, log }) };
    this.#byAccount.set(account, memory);
    return memory;
  }
}

/** An address in a certificate as a bare JID; undefined where it is none. */
export function bareJid(text: string): BareJid | undefined {
  const jid = tryJid(text);
  return jid === undefined || isFull(jid) ? undefined : bareOf(jid);
}
