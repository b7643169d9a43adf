/** Avatars. Connection.Interface.Avatars; XEP-0084, XEP-0153 */
import type { Implementation } from '../../bus/object.ts';
import { str } from '../../bus/types.ts';
import { demand, HushError } from '../../errors.ts';
import type { Handle } from '../../telepathy/handles.ts';
import type { AvatarRequirements } from '../../telepathy/protocol-object.ts';
import { imageHash } from '../../xmpp/image.ts';
import type { Image } from '../../xmpp/image.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import { PepAvatars } from '../../xmpp/xep0084-avatar.ts';
import { PhotoHashes } from '../../xmpp/xep0153-avatar-hash.ts';
import type { Account } from '../feature.ts';

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

export function attachAvatars(account: Account): void {
  new AvatarsInterface(account).attach();
}

/** A token is the SHA-1 of the picture in hex, '' = no picture. */
class AvatarsInterface {
  readonly #account: Account;
  readonly #published: PepAvatars;
  readonly #photos: PhotoHashes;
  readonly #told = new Map<Handle, string>();

  constructor(account: Account) {
    this.#account = account;
    this.#published = new PepAvatars(account.client, account.pep);
    this.#photos = new PhotoHashes(account.client, account.presence, account.vcards);
  }

  attach(): void {
    const { connection, vcards, client } = this.#account;
    connection.addInterface(AVATARS, this.#implementation());
    connection.contacts.provide(AVATARS, (handle) => {
      const token = this.#tokenOf(this.#account.jidOf(handle));
      return token === undefined ? [] : [[`${AVATARS}/token`, str(token)]];
    });
    this.#published.events.on('changed', (owner) => this.#changed(owner));
    this.#photos.events.on('changed', (owner) => this.#changed(owner));
    // Our own picture has to be known before it can be announced in presence. XEP-0153 §4.1
    connection.events.on('connected', () => connection.tasks.run('own avatar', async () => {
      await vcards.fetch(client.account);
    }));
  }

  /** What someone has published counts before what their card has. */
  #tokenOf(jid: BareJid): string | undefined {
    const published = this.#published.of(jid);
    return published === undefined || published === '' ? (this.#photos.of(jid) ?? published) : published;
  }

  #changed(owner: BareJid): void {
    const { connection } = this.#account;
    const handle = this.#account.handleOf(owner);
    const token = this.#tokenOf(owner);
    if (token === undefined || this.#told.get(handle) === token || connection.status === 2) return;
    this.#told.set(handle, token);
    connection.object.emit(AVATARS, 'AvatarUpdated', handle, token);
  }

  /** The picture itself. Rejects with HushError where there is none. */
  async #fetch(jid: BareJid): Promise<Image> {
    const token = this.#published.of(jid);
    if (token !== undefined && token !== '') {
      try {
        return await this.#published.fetch(jid, token);
      } catch (error) {
        if (!(error instanceof HushError)) throw error;
        this.#account.log.info({ err: error }, 'a published picture did not come');
      }
    }
    const { photo } = await this.#account.vcards.fetch(jid);
    if (photo === undefined) throw new HushError('not-available', 'there is no picture');
    return photo;
  }

  async #set(image: Image | undefined): Promise<void> {
    const { pep, presence, vcards, client } = this.#account;
    if (await pep.isSupported()) await this.#published.publish(image);
    await vcards.edit(() => ({ photo: image }));
    presence.refresh();
    this.#changed(client.account);
  }

  #known(handles: readonly Handle[]): [Handle, BareJid][] {
    this.#account.connection.requireConnected();
    return handles.map((handle) => [handle, this.#account.jidOf(handle)]);
  }

  #implementation(): Implementation<typeof AVATARS> {
    const { connection, log } = this.#account;
    const limits = avatarRequirements;
    return {
      methods: {
        GetAvatarRequirements: () => [[...limits.mimeTypes], limits.minimumWidth, limits.minimumHeight, limits.maximumWidth, limits.maximumHeight, limits.maximumBytes],
        GetKnownAvatarTokens: (_call, handles) =>
          new Map(this.#known(handles).flatMap(([handle, jid]) => {
            const token = this.#tokenOf(jid);
            return token === undefined ? [] : [[handle, token] as const];
          })),
        GetAvatarTokens: (_call, handles) => this.#known(handles).map(([, jid]) => this.#tokenOf(jid) ?? ''),
        RequestAvatar: async (_call, handle) => {
          const [[, jid] = []] = this.#known([handle]);
          demand(jid !== undefined, 'invalid-handle', 'no contact');
          const { data, type } = await this.#fetch(jid);
          return [data, type];
        },
        RequestAvatars: (_call, handles) => {
          for (const [handle, jid] of this.#known(handles)) {
            connection.tasks.run('avatar', async () => {
              try {
                const { data, type } = await this.#fetch(jid);
                connection.object.emit(AVATARS, 'AvatarRetrieved', handle, imageHash(data), data, type);
              } catch (error) {
                // The spec has no signal for a picture that does not come.
                log.debug({ err: error, contact: jid }, 'no picture');
              }
            });
          }
        },
        SetAvatar: async (_call, data, type) => {
          connection.requireConnected();
          demand(limits.mimeTypes.includes(type), 'invalid-argument', `pictures of type '${type.slice(0, 64)}' cannot be published`);
          demand(data.length > 0 && data.length <= limits.maximumBytes, 'invalid-argument', `a picture has at most ${limits.maximumBytes} bytes`);
          await this.#set({ data, type });
          return imageHash(data);
        },
        ClearAvatar: async () => {
          connection.requireConnected();
          await this.#set(undefined);
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
