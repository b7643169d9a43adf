/** Pictures that people publish about themselves. Source: XEP-0084 1.1.4 §3, §4. */
import { HushError } from '../errors.ts';
import { children, is, text, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import { imageHash, maxImageBytes, readImage } from './image.ts';
import type { Image } from './image.ts';
import type { BareJid } from './jid.ts';
import type { Session } from './session.ts';
import type { Pep, PepEvent } from './xep0163-pep.ts';

const METADATA = 'urn:xmpp:avatar:metadata';
const DATA = 'urn:xmpp:avatar:data';

/** The SHA-1 of the picture a `<metadata/>` offers inside XMPP; '' = none. Pictures elsewhere are never fetched: their `<info/>` has a url. */
function readMetadata(metadata: Element): string {
  const info = children(metadata, 'info', METADATA).find(({ attrs: { id = '', bytes = '', url } }) => {
    return url === undefined && /^[0-9a-fA-F]{40}$/.test(id) && /^\d{1,9}$/.test(bytes) && Number(bytes) <= maxImageBytes;
  });
  return info?.attrs.id?.toLowerCase() ?? '';
}

export class PepAvatars {
  readonly events: Emitter<{ changed: [owner: BareJid, hash: string] }>;
  readonly #pep: Pep;
  readonly #hashes = new Map<BareJid, string>();

  constructor(session: Session, pep: Pep) {
    this.#pep = pep;
    this.events = new Emitter(session.log);
    pep.listen(METADATA, { from: 'anyone', handle: (event) => this.#receive(event) });
  }

  /** The SHA-1 of someone's picture in hex, '' = none, undefined = never told. */
  of(owner: BareJid): string | undefined {
    return this.#hashes.get(owner);
  }

  /** The picture called `hash`. Throws 'invalid-data' when what comes is not that picture; rejects as IqCaller.get. */
  async fetch(owner: BareJid, hash: string): Promise<Image> {
    const [item] = await this.#pep.items(owner, DATA, { id: hash });
    const payload = item?.payload;
    const image = payload !== undefined && is(payload, 'data', DATA) ? readImage(text(payload)) : undefined;
    if (image === undefined || imageHash(image.data) !== hash) throw new HushError('invalid-data', 'not the picture that was announced');
    return image;
  }

  /** Publishes our picture, first itself and then that it is there; undefined: that there is none. */
  async publish(image: Image | undefined): Promise<void> {
    if (image === undefined) {
      await this.#pep.publish(METADATA, 'none', xml('metadata', { xmlns: METADATA }));
      return;
    }
    const id = imageHash(image.data);
    await this.#pep.publish(DATA, id, xml('data', { xmlns: DATA }, image.data.toString('base64')));
    const info = xml('info', { id, bytes: image.data.length, type: image.type });
    await this.#pep.publish(METADATA, id, xml('metadata', { xmlns: METADATA }, info));
  }

  #receive({ from, items }: PepEvent): void {
    const payload = items.at(-1)?.payload;
    if (payload === undefined || !is(payload, 'metadata', METADATA)) return;
    const hash = readMetadata(payload);
    if (this.#hashes.get(from) === hash) return;
    this.#hashes.set(from, hash);
    this.events.emit('changed', from, hash);
  }
}
