/** One conversation with one contact, as the gate sees it: where it goes, what carries it, what is proved about it. */
import type { BareJid, Jid } from '../xmpp/jid.ts';
import { claimsOf } from './properties.ts';
import type { Claims, Facts } from './properties.ts';

/** `Securable.State`. */
export const SecurityState = { insecure: 0, negotiating: 1, secure: 2, ended: 3 } as const;
export type SecurityState = (typeof SecurityState)[keyof typeof SecurityState];

/** What every unsecured conversation knows about itself: nothing that proves a claim. */
export const plainFacts: Facts = {
  kind: 'plain',
  secured: false,
  verifiedBy: undefined,
  keyPinned: false,
  signalledKeyMatched: false,
  fingerprintSignalled: false,
  bindingAgreed: false,
};

export class Conversation {
  readonly peer: BareJid;
  /** Where plaintext goes: the bare JID until one of the contact's resources has answered, then that full JID until its presence changes. RFC 6121 §5.1 */
  address: Jid;

  constructor(peer: BareJid) {
    this.peer = peer;
    this.address = peer;
  }

  get facts(): Facts {
    return plainFacts;
  }

  /** What holds now. */
  get claims(): Claims {
    return claimsOf(this.facts);
  }
}
