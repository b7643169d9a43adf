/** Which photo a person's card has, told in presence. Source: XEP-0153 1.1 §3, §4. */
import { Tasks } from '../tasks.ts';
import { child, text, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import { bareOf } from './jid.ts';
import type { BareJid, Jid } from './jid.ts';
import type { Presence, PresenceTracker } from './presence.ts';
import type { Session } from './session.ts';
import type { VCards } from './xep0054-vcard.ts';

const UPDATE = 'vcard-temp:x:update';

/** What a presence says of the photo: its SHA-1 in lower hex, '' = none, undefined = nothing. */
export function readPhotoHash(presence: Element): string | undefined {
  const update = child(presence, 'x', UPDATE);
  const photo = update && child(update, 'photo', UPDATE);
  const hash = photo && text(photo).trim().toLowerCase();
  return hash === '' || (hash !== undefined && /^[0-9a-f]{40}$/.test(hash)) ? hash : undefined;
}

export class PhotoHashes {
  readonly events: Emitter<{ changed: [owner: BareJid, hash: string] }>;
  readonly #session: Session;
  readonly #presence: PresenceTracker;
  readonly #vcards: VCards;
  readonly #tasks: Tasks;
  readonly #hashes = new Map<BareJid, string>();
  /** What another device of ours said last that made us look at our card again. */
  #checked: string | undefined;

  constructor(session: Session, presence: PresenceTracker, vcards: VCards) {
    this.#session = session;
    this.#presence = presence;
    this.#vcards = vcards;
    this.#tasks = new Tasks(session.log);
    this.events = new Emitter(session.log);
    presence.decorate((own) => own.append(this.#announce()));
    presence.events.on('changed', (jid, state) => this.#receive(jid, state));
    vcards.events.on('changed', (owner, { photoHash }) => {
      // What contacts announce counts for them; their card only where they announce nothing.
      if (owner === session.account || !this.#hashes.has(owner)) this.#learn(owner, photoHash);
    });
  }

  /** The SHA-1 of someone's photo, '' = none, undefined = not known. Of our own once the card was seen. */
  of(owner: BareJid): string | undefined {
    return this.#hashes.get(owner);
  }

  /** Nothing is announced before the card was seen: `<x/>` says only that we know of photos. §4.1 */
  #announce(): Element {
    const own = this.of(this.#session.account);
    return xml('x', { xmlns: UPDATE }, own === undefined ? undefined : xml('photo', {}, own === '' ? undefined : own));
  }

  #receive(jid: Jid, { available, element }: Presence): void {
    const hash = available ? readPhotoHash(element) : undefined;
    if (hash === undefined || jid === this.#session.jid) return;
    const owner = bareOf(jid);
    if (owner === this.#session.account) this.#doubt(hash);
    else this.#learn(owner, hash);
  }

  /** Another device of ours may have changed the card: the card decides, not the device. §4.3 */
  #doubt(hash: string): void {
    const { account } = this.#session;
    if (hash === this.of(account) || hash === this.#checked) return;
    this.#checked = hash;
    this.#tasks.run('look at our own card again', async () => {
      await this.#vcards.fetch(account);
    });
  }

  #learn(owner: BareJid, hash: string): void {
    if (this.#hashes.get(owner) === hash) return;
    this.#hashes.set(owner, hash);
    if (owner === this.#session.account) this.#presence.refresh();
    this.events.emit('changed', owner, hash);
  }
}
