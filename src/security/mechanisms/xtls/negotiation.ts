/** How a session is agreed on through the servers: what we offer or answer, and what of the peer's is taken. XTLS profile §1. */
import { HushError, InvariantError, asHushError } from '../../../errors.ts';
import type { Element } from '../../../xmpp/element.ts';
import type { FullJid } from '../../../xmpp/jid.ts';
import { isTieBreak, newSid } from '../../../xmpp/xep0166-jingle.ts';
import type { Jingle, JingleListener, JingleSession, Reason } from '../../../xmpp/xep0166-jingle.ts';
import { createThrowAwayIdentity } from '../../identity.ts';
import type { Identity } from '../../identity.ts';
import type { Authority } from '../../mechanism.ts';
import { bindingHash } from './binding.ts';
import { commit } from './commitment.ts';
import type { Commitment } from './commitment.ts';
import { answerTo, isRefused, negotiated, newContent, readAccept, writeContent } from './content.ts';
import type { Content, Mode } from './content.ts';
import { writeFingerprint } from './fingerprint.ts';

/** What both ends have put into the negotiation. */
export interface Agreed {
  readonly role: 'initiator' | 'responder';
  readonly identity: Identity;
  readonly commitment: Commitment | undefined;
  readonly ours: Content;
  readonly theirs: Content;
  readonly jingleSid: string;
}

/** H of what was agreed; undefined with draft-only peers. */
export function hashOf({ role, ours, theirs, jingleSid }: Agreed, own: FullJid, peer: FullJid): Buffer | undefined {
  const [initiator, responder] = role === 'initiator' ? [own, peer] : [peer, own];
  const [offer, accept] = role === 'initiator' ? [ours, theirs] : [theirs, ours];
  return ours.profile && bindingHash(negotiated({ initiator, responder, jingleSid }, offer, accept));
}

export interface NegotiationHandlers {
  /** Both sides have said what they want. At the responder: in the moment before the accept leaves. */
  agreed(agreed: Agreed): void;
  /** It came to nothing, or, later, to its end. Without `reason` there is nobody left to tell. */
  failed(error: HushError, reason?: Reason): void;
}

type OwnSide = Pick<Agreed, 'identity' | 'commitment'> & { readonly security: Pick<Content, 'profile' | 'fingerprints'> };

/** One Jingle session, or one after the other where a crossed offer takes the place of ours. */
export class Negotiation implements JingleListener {
  readonly #peer: FullJid;
  readonly #jingle: Jingle;
  readonly #authority: Authority;
  readonly #handlers: NegotiationHandlers;
  /** The offer that was received. */
  #received: Content | undefined;
  #offered: (OwnSide & { readonly content: Content }) | undefined;
  #session: JingleSession | undefined;
  #isAgreed = false;
  #isOver = false;

  constructor(options: { peer: FullJid; jingle: Jingle; authority: Authority; handlers: NegotiationHandlers }) {
    this.#peer = options.peer;
    this.#jingle = options.jingle;
    this.#authority = options.authority;
    this.#handlers = options.handlers;
  }

  /** What was offered by us and is not answered. */
  get pending(): { readonly sid: string; readonly content: Content } | undefined {
    if (this.#offered === undefined || this.#session === undefined || this.#received !== undefined || this.#isAgreed) return undefined;
    return { sid: this.#session.sid, content: this.#offered.content };
  }

  /** Our offer has lost against one that is still to come. */
  get isTieLost(): boolean {
    return this.pending !== undefined && this.#session?.state === 'ended';
  }

  /** Initiator: offers. */
  offer({ mode, isProfiled, identity }: { mode: Mode; isProfiled: boolean; identity: Identity }): void {
    const own = ownSide(mode, isProfiled, mode === 'anonymous' ? createThrowAwayIdentity() : identity);
    const content = newContent(newSid(), own.security);
    this.#offered = { ...own, content };
    this.#session = this.#jingle.initiate(this.#peer, newSid(), [writeContent(content)], this);
  }

  /** Responder: the offer that is to be accepted. One of ours that has lost is dropped. */
  take(offer: Content): void {
    this.#session?.drop();
    this.#received = offer;
  }

  /** Ends the Jingle session, telling the peer why if there is a reason. Nothing is heard of it any more. */
  end(reason?: Reason): void {
    this.#isOver = true;
    if (reason !== undefined) this.#session?.terminate(reason);
    this.#session?.drop();
  }

  offered(session: JingleSession): void {
    if (this.#isOver) {
      session.terminate('cancel');
      return;
    }
    this.#session = session;
    this.#accept(session).catch((error: unknown) => this.#handlers.failed(asHushError(error), 'security-error'));
  }

  async #accept(session: JingleSession): Promise<void> {
    const offer = this.#received;
    if (offer === undefined) throw new InvariantError('an offer is read before it is taken');
    const mode = offer.profile?.mode ?? '';
    const identity = mode === 'anonymous' ? createThrowAwayIdentity() : await this.#authority.identity();
    if (this.#isOver || session.state !== 'pending') return;
    const own = ownSide(mode, offer.profile !== undefined, identity);
    const ours = answerTo(offer, own.security);
    // First, for the peer may open the bytestream as soon as it has the accept.
    this.#agree({ ...own, role: 'responder', ours, theirs: offer, jingleSid: session.sid });
    session.accept([writeContent(ours)]);
  }

  accepted(jingle: Element): void {
    const own = this.#offered;
    if (own === undefined || this.#session === undefined) throw new InvariantError('what was accepted was offered');
    const theirs = readAccept(jingle, own.content);
    if (isRefused(theirs)) {
      this.#isAgreed = true;
      this.#handlers.failed(new HushError('encryption-error', theirs.message), theirs.reason);
    } else {
      this.#agree({ ...own, role: 'initiator', ours: own.content, theirs, jingleSid: this.#session.sid });
    }
  }

  /** What led there is not needed again, and may hold a throw-away key. */
  #agree(agreed: Agreed): void {
    this.#isAgreed = true;
    this.#offered = undefined;
    this.#received = undefined;
    this.#handlers.agreed(agreed);
  }

  terminated(reason: Reason | ''): void {
    const messages: Partial<Record<Reason | '', HushError>> = {
      decline: new HushError('rejected', 'the contact’s client declined'),
      cancel: new HushError('cancelled', 'the contact’s client cancelled'),
      timeout: new HushError('encryption-not-available', 'the contact’s client waited in vain'),
    };
    this.#handlers.failed(messages[reason] ?? new HushError('encryption-error', `the contact’s client ended the session: ${reason === '' ? 'unknown reason' : reason}`));
  }

  refused(error: HushError): void {
    // The peer's own offer is on its way, and it stands.
    if (this.pending !== undefined && isTieBreak(error)) return;
    const condition = error.condition === 'service-busy' || error.condition === 'disconnected' ? error.condition : 'encryption-not-available';
    this.#handlers.failed(new HushError(condition, `the contact’s client refused: ${error.message}`, { cause: error }));
  }

  broken(error: HushError): void {
    this.#handlers.failed(error, 'security-error');
  }
}

function ownSide(mode: Mode, isProfiled: boolean, identity: Identity): OwnSide {
  const commitment = isProfiled && mode === '' ? commit(identity.spki) : undefined;
  const profile = isProfiled ? { mode, commitment: commitment?.text ?? '', flags: new Map<string, string>() } : undefined;
  // With the profile no server ever sees which key is used.
  return { identity, commitment, security: { profile, fingerprints: isProfiled ? [] : [writeFingerprint(identity.certificate)] } };
}
