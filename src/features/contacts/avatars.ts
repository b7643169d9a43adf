/** Avatars. Connection.Interface.Avatars; XEP-0084, XEP-0153 */
import type { Implementation } from '../../bus/object.ts';
import { str } from '../../bus/types.ts';
import { demand, HushError } from '../../errors.ts';
import type { AvatarRequirements } from '../../telepathy/protocol-object.ts';
import { Avatars } from '../../xmpp/avatars.ts';
import { imageHash, imageType } from '../../xmpp/image.ts';
import type { Image } from '../../xmpp/image.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import { Limiter } from '../../xmpp/limiter.ts';
import { PepAvatars } from '../../xmpp/xep0084-avatar.ts';
import { PhotoHashes } from '../../xmpp/xep0153-avatar-hash.ts';
import type { Account } from '../feature.ts';
import { contactOf, contactsOf } from './targets.ts';

const AVATARS = 'org.freedesktop.Telepathy.Connection.Interface.Avatars';

/** XEP-0153 §4.1, XEP-0084 §2: small square pictures. */
export const avatarRequirements: AvatarRequirements = {
  mimeTypes: ['image/png', 'image/jpeg', 'image/gif'],
  minimumWidth: 32,
  minimumHeight: 32,
  recommendedWidth: 64,
  recommendedHeight: 64,
  maximumWidth: 96,
  maximumHeight: 96,
  maximumBytes: 8192,
};

/** Pictures that are fetched at the same time. */
const maxFetches = 4;

export function attachAvatars(account: Account): void {
  new AvatarsInterface(account).attach();
}

/** A token is the SHA-1 of the picture in hex, '' = no picture. */
class AvatarsInterface {
  readonly #account: Account;
  readonly #avatars: Avatars;
  /** Clients ask for everybody's picture at once. */
  readonly #line = new Limiter(maxFetches);

  constructor(account: Account) {
    const { client, pep, presence, vcards } = account;
    this.#account = account;
    const published = new PepAvatars(client, pep);
    const photos = new PhotoHashes(client, presence, vcards);
    this.#avatars = new Avatars(client, { pep, published, photos, vcards });
  }

  attach(): void {
    const { connection, client, vcards } = this.#account;
    connection.addInterface(AVATARS, this.#implementation());
    connection.contacts.provide(AVATARS, {
      token: (handle) => {
        const token = this.#avatars.of(this.#account.jidOf(handle));
        return token === undefined ? undefined : str(token);
      },
    });
    this.#avatars.events.on('changed', (owner, token) => connection.object.emit(AVATARS, 'AvatarUpdated', this.#account.handleOf(owner), token));
    // Our own picture has to be known before it can be announced in presence. XEP-0153 §4.1
    connection.events.on('connected', () => connection.tasks.run('own avatar', async () => {
      await vcards.fetch(client.account);
    }));
  }

  async #fetch(jid: BareJid): Promise<Image> {
    const image = await this.#line.run(() => this.#avatars.fetch(jid));
    if (image === undefined) throw new HushError('not-available', 'there is no picture');
    return image;
  }

  async #retrieve(jid: BareJid): Promise<void> {
    const { connection, log } = this.#account;
    try {
      const { data, type } = await this.#fetch(jid);
      connection.object.emit(AVATARS, 'AvatarRetrieved', this.#account.handleOf(jid), imageHash(data), data, type);
    } catch (error) {
      if (!(error instanceof HushError)) throw error;
      // The specification has no signal for a picture that does not come.
      log.debug({ err: error, contact: jid }, 'no picture');
    }
  }

  #implementation(): Implementation<typeof AVATARS> {
    const { connection } = this.#account;
    const limits = avatarRequirements;
    return {
      methods: {
        GetAvatarRequirements: () => [[...limits.mimeTypes], limits.minimumWidth, limits.minimumHeight, limits.maximumWidth, limits.maximumHeight, limits.maximumBytes],
        GetKnownAvatarTokens: (_call, handles) =>
          new Map(contactsOf(this.#account, handles).flatMap((jid) => {
            const token = this.#avatars.of(jid);
            return token === undefined ? [] : [[this.#account.handleOf(jid), token] as const];
          })),
        GetAvatarTokens: (_call, handles) => contactsOf(this.#account, handles).map((jid) => this.#avatars.of(jid) ?? ''),
        RequestAvatar: async (_call, handle) => {
          const { data, type } = await this.#fetch(contactOf(this.#account, handle));
          return [data, type];
        },
        RequestAvatars: (_call, handles) => {
          for (const jid of contactsOf(this.#account, handles)) connection.tasks.run('avatar', () => this.#retrieve(jid));
        },
        SetAvatar: (_call, data, type) => {
          connection.requireConnected();
          demand(limits.mimeTypes.includes(type), 'invalid-argument', `pictures of type '${type.slice(0, 64)}' cannot be published`);
          demand(data.length > 0 && data.length <= limits.maximumBytes, 'invalid-argument', `a picture has at least one byte and at most ${limits.maximumBytes}`);
          demand(limits.mimeTypes.includes(imageType(data) ?? ''), 'invalid-argument', 'these bytes are no such picture');
          return this.#avatars.publish(data);
        },
        ClearAvatar: async () => {
          connection.requireConnected();
          await this.#avatars.publish(undefined);
        },
      },
      properties: {
        SupportedAvatarMIMETypes: () => [...limits.mimeTypes],
        MinimumAvatarHeight: () => limits.minimumHeight,
        MinimumAvatarWidth: () => limits.minimumWidth,
        RecommendedAvatarHeight: () => limits.recommendedHeight,
        RecommendedAvatarWidth: () => limits.recommendedWidth,
        MaximumAvatarHeight: () => limits.maximumHeight,
        MaximumAvatarWidth: () => limits.maximumWidth,
        MaximumAvatarBytes: () => limits.maximumBytes,
      },
    };
  }
}
