/** Pictures of people, wherever they have put them: published (XEP-0084) or on their card (XEP-0153, XEP-0054). */
import { HushError, demand } from '../errors.ts';
import { Emitter } from '../emitter.ts';
import { imageType, maxImageBytes } from './image.ts';
import type { Image } from './image.ts';
import type { BareJid } from './jid.ts';
import type { Session } from './session.ts';
import type { VCards } from './xep0054-vcard.ts';
import type { PepAvatars } from './xep0084-avatar.ts';
import type { PhotoHashes } from './xep0153-avatar-hash.ts';
import type { Pep } from './xep0163-pep.ts';

export interface AvatarSources {
  readonly pep: Pep;
  readonly published: PepAvatars;
  readonly photos: PhotoHashes;
  readonly vcards: VCards;
}

export class Avatars {
  /** `hash`: SHA-1 in hex, '' = no picture. */
  readonly events: Emitter<{ changed: [owner: BareJid, hash: string] }>;
  readonly #session: Session;
  readonly #sources: AvatarSources;
  readonly #told = new Map<BareJid, string>();

  constructor(session: Session, sources: AvatarSources) {
    this.#session = session;
    this.#sources = sources;
    this.events = new Emitter(session.log);
    sources.published.events.on('changed', (owner) => this.#tell(owner));
    sources.photos.events.on('changed', (owner) => this.#tell(owner));
  }

  /** The SHA-1 of someone's picture in hex: what is published goes before what is on the card. '' = none, undefined = not known. */
  of(owner: BareJid): string | undefined {
    const { published, photos } = this.#sources;
    const hash = published.of(owner);
    return hash === undefined || hash === '' ? (photos.of(owner) ?? hash) : hash;
  }

  /** Someone's picture as announced; where nothing was announced, the one on the card. Undefined: there is none. Throws 'invalid-data' for another picture than the announced one. */
  async fetch(owner: BareJid): Promise<Image | undefined> {
    const { published, vcards } = this.#sources;
    const hash = this.of(owner);
    if (hash !== undefined && hash !== '' && published.of(owner) === hash) {
      try {
        return await published.fetch(owner, hash);
      } catch (error) {
        if (!(error instanceof HushError)) throw error;
        this.#session.log.info({ err: error, owner }, 'a published picture did not come; the card may have it');
      }
    }
    const { photo, photoHash } = await vcards.fetch(owner);
    demand(hash === undefined || hash === photoHash, 'invalid-data', 'not the picture that was announced');
    return photo;
  }

  /** Makes `data` our picture everywhere; undefined: none. Throws 'invalid-argument' for what is no picture or too large. Resolves with its SHA-1 in hex, or ''. */
  async publish(data: Buffer | undefined): Promise<string> {
    const { pep, published, vcards } = this.#sources;
    const type = data && imageType(data);
    demand(data === undefined || (type !== undefined && data.length <= maxImageBytes), 'invalid-argument', 'not a picture that can be published');
    const image = data && type !== undefined ? { type, data } : undefined;
    if (await pep.isSupported()) {
      try {
        await published.publish(image);
      } catch (error) {
        if (!(error instanceof HushError)) throw error;
        this.#session.log.warn({ err: error }, 'our picture could not be published; it goes on our card only');
      }
    }
    const card = await vcards.edit(() => ({ photo: image }));
    return card.photoHash;
  }

  #tell(owner: BareJid): void {
    const hash = this.of(owner);
    if (hash === undefined || this.#told.get(owner) === hash) return;
    this.#told.set(owner, hash);
    this.events.emit('changed', owner, hash);
  }
}
