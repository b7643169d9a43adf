/** How often a shared secret may be guessed wrongly before a person must step in. XTLS profile §5. */
import type { BareJid } from '../../../xmpp/jid.ts';

/** More failures than this in an hour, and runs of the contact are not answered until the user acts. */
const MOST = 3;
const HOUR_MS = 3_600_000;

/** Failed guesses of one account, by contact. In memory: a restart is an act of the user. */
export class Guesses {
  readonly #failures = new Map<BareJid, number[]>();
  readonly #locked = new Set<BareJid>();

  /** A run that could have told a guesser something did not end Verified. */
  failed(peer: BareJid, now = performance.now()): void {
    const recent = [...(this.#failures.get(peer) ?? []).filter((at) => now - at < HOUR_MS), now];
    this.#failures.set(peer, recent);
    if (recent.length > MOST) this.#locked.add(peer);
  }

  isLocked(peer: BareJid): boolean {
    return this.#locked.has(peer);
  }

  /** The local user starts a comparison with this contact. */
  userActed(peer: BareJid): void {
    if (!this.#locked.delete(peer)) return;
    this.#failures.delete(peer);
  }
}
