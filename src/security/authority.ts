/** What a mechanism may ask of an account: its identity, whom it trusts, what its user wants. */
import type { BareJid, FullJid } from '../xmpp/jid.ts';
import type { Identities } from './identities.ts';
import type { Identity } from './identity.ts';
import type { Authority, KeyVerdict, PresentedKey } from './mechanism.ts';
import type { Claims } from './properties.ts';
import type { Trust } from './trust.ts';

export interface AccountAuthorityOptions {
  readonly trust: Trust;
  readonly identities: Identities;
  /** What local requests to this contact demand now. */
  readonly demands: (peer: BareJid) => Claims;
  readonly accepts: (peer: FullJid, subscribed: boolean) => boolean;
  /** A peer came with a key that is not the contact's: to be remembered as such. */
  readonly foreignKey: (peer: BareJid, spki: Uint8Array) => void;
}

export class AccountAuthority implements Authority {
  readonly #options: AccountAuthorityOptions;

  constructor(options: AccountAuthorityOptions) {
    this.#options = options;
  }

  identity(): Promise<Identity> {
    return this.#options.identities.get();
  }

  judgeKey(peer: BareJid, key: PresentedKey): KeyVerdict {
    const verdict = this.#options.trust.judgeKey(peer, key);
    if (!verdict.accepted && verdict.error.condition === 'certificate-fingerprint-mismatch') this.#options.foreignKey(peer, key.spki);
    return verdict;
  }

  hasPin(peer: BareJid): boolean {
    return this.#options.trust.hasPin(peer);
  }

  wasBound(peer: BareJid): boolean {
    return this.#options.trust.wasBound(peer);
  }

  demands(peer: BareJid): Claims {
    return this.#options.demands(peer);
  }

  accepts(peer: FullJid, subscribed: boolean): boolean {
    return this.#options.accepts(peer, subscribed);
  }
}
