/** Secrets in the user's keyring, over its encrypted transport only. Secret Service API, draft 0.2 (org.freedesktop.secrets). */
import { createCipheriv, createDecipheriv, createDiffieHellmanGroup, hkdfSync, randomBytes } from 'node:crypto';
import type { DiffieHellmanGroup } from 'node:crypto';
import type { Bus } from '../../bus/connection.ts';
import { str, Variant } from '../../bus/types.ts';
import type { VariantMap } from '../../bus/types.ts';
import { HushError } from '../../errors.ts';
import type { Vault } from '../../security/vault.ts';

const BUS_NAME = 'org.freedesktop.secrets';
const ROOT = '/org/freedesktop/secrets';
const SECRET = 'org.freedesktop.Secret';
const algorithm = 'dh-ietf1024-sha256-aes128-cbc-pkcs7';

/** Milliseconds that one operation may take in all, whatever the keyring does. */
const LIMIT = 5000;
/** Bytes of the 1024-bit group's numbers. */
const DH_BYTES = 128;

/** Secret: session, parameters, value, content type. */
type Secret = [session: string, parameters: Uint8Array, value: Uint8Array, contentType: string];

export interface SecretItemOptions {
  /** What the item is found by; the same attributes, the same item. Readable by every program of the user. */
  readonly attributes: ReadonlyMap<string, string>;
  /** What a keyring manager shows the user. */
  readonly label: string;
}

/** One item of the default collection. The service is never started for it, and the user never prompted: it is there and unlocked, or it is not available. */
export class SecretItem implements Vault {
  readonly #bus: Bus;
  readonly #options: SecretItemOptions;

  constructor(bus: Bus, options: SecretItemOptions) {
    this.#bus = bus;
    this.#options = options;
  }

  /** A keyring without a default collection could keep nothing without asking the user. */
  async isThere(): Promise<boolean> {
    return this.#operation(async (service) => (await service.isRunning()) && (await service.collection()) !== undefined);
  }

  async load(): Promise<string | undefined> {
    return this.#operation(async (service) => {
      const item = await this.#find(service);
      if (item === undefined) return undefined;
      return service.inSession(async ({ path, key }) => {
        const [secret] = await service.call(item, `${SECRET}.Item`, 'GetSecret', 'o', path);
        return decrypt(key, secret as Secret);
      });
    });
  }

  async store(text: string): Promise<void> {
    await this.#operation(async (service) => {
      const collection = await service.collection();
      if (collection === undefined) throw unavailable('the keyring has no default collection');
      await service.unlock(collection);
      await service.inSession(async ({ path, key }) => {
        const properties: VariantMap = new Map<string, Variant>([
          [`${SECRET}.Item.Label`, str(this.#options.label)],
          [`${SECRET}.Item.Attributes`, new Variant('a{ss}', this.#options.attributes)],
        ]);
        const [, prompt] = await service.call(collection, `${SECRET}.Collection`, 'CreateItem', 'a{sv}(oayays)b', properties, encrypt(key, path, text), true);
        await service.refuse(prompt);
      });
    });
  }

  /** The item's path; undefined where there surely is none: a locked collection may hide it. */
  async #find(service: Service): Promise<string | undefined> {
    const [unlocked, locked] = (await service.call(ROOT, `${SECRET}.Service`, 'SearchItems', 'a{ss}', this.#options.attributes)) as [string[], string[]];
    const [item] = unlocked;
    if (item !== undefined) return item;
    const [hidden] = locked;
    if (hidden !== undefined) {
      await service.unlock(hidden);
      return hidden;
    }
    const collection = await service.collection();
    if (collection === undefined || !(await service.isLocked(collection))) return undefined;
    await service.unlock(collection);
    const [found] = (await service.call(ROOT, `${SECRET}.Service`, 'SearchItems', 'a{ss}', this.#options.attributes)) as [string[], string[]];
    return found[0];
  }

  async #operation<T>(work: (service: Service) => Promise<T>): Promise<T> {
    try {
      return await work(new Service(this.#bus, AbortSignal.timeout(LIMIT)));
    } catch (error) {
      if (error instanceof HushError && error.condition === 'encryption-not-available') throw error;
      throw unavailable(explain(error), error);
    }
  }
}

/** Our half of the key exchange, made once: Node checks the group's prime each time it makes one (35 ms). Theirs is new in every session. */
let keyExchange: ReturnType<typeof newKeyExchange> | undefined;

function newKeyExchange(): { exchange: DiffieHellmanGroup; own: Buffer } {
  const exchange = createDiffieHellmanGroup('modp2');
  return { exchange, own: padded(exchange.generateKeys()) };
}

/** The calls of one operation, under one limit. */
class Service {
  readonly #bus: Bus;
  readonly #limit: AbortSignal;

  constructor(bus: Bus, limit: AbortSignal) {
    this.#bus = bus;
    this.#limit = limit;
  }

  call(path: string, iface: string, member: string, signature: string, ...body: readonly unknown[]): Promise<unknown[]> {
    return this.#bus.call({ destination: BUS_NAME, path, interface: iface, member, signature, body, autoStart: false, signal: this.#limit });
  }

  async isRunning(): Promise<boolean> {
    const daemon = 'org.freedesktop.DBus';
    const [isOwned] = await this.#bus.call({ destination: daemon, path: '/org/freedesktop/DBus', interface: daemon, member: 'NameHasOwner', signature: 's', body: [BUS_NAME], signal: this.#limit });
    return isOwned === true;
  }

  /** The default collection. */
  async collection(): Promise<string | undefined> {
    const [path] = (await this.call(ROOT, `${SECRET}.Service`, 'ReadAlias', 's', 'default')) as [string];
    return path === '/' ? undefined : path;
  }

  async isLocked(path: string): Promise<boolean> {
    const [locked] = (await this.call(path, 'org.freedesktop.DBus.Properties', 'Get', 'ss', `${SECRET}.Collection`, 'Locked')) as [Variant];
    return locked.value !== false;
  }

  /** Unlocks where that needs nobody. */
  async unlock(path: string): Promise<void> {
    const [, prompt] = await this.call(ROOT, `${SECRET}.Service`, 'Unlock', 'ao', [path]);
    await this.refuse(prompt);
  }

  /** A prompt that was never shown goes away again: a service in the background does not ask for passwords. */
  async refuse(prompt: unknown): Promise<void> {
    if (typeof prompt !== 'string' || prompt === '/') return;
    await this.call(prompt, `${SECRET}.Prompt`, 'Dismiss', '');
    throw unavailable('the keyring is locked');
  }

  async inSession<T>(work: (session: { path: string; key: Buffer }) => Promise<T>): Promise<T> {
    const { exchange, own } = (keyExchange ??= newKeyExchange());
    const [theirs, path] = (await this.call(ROOT, `${SECRET}.Service`, 'OpenSession', 'sv', algorithm, new Variant('ay', own))) as [Variant, string];
    if (!(theirs.value instanceof Uint8Array)) throw unavailable('the keyring does not encrypt what it sends');
    try {
      const shared = padded(exchange.computeSecret(theirs.value));
      return await work({ path, key: Buffer.from(hkdfSync('sha256', shared, Buffer.alloc(0), Buffer.alloc(0), 16)) });
    } finally {
      await this.call(path, `${SECRET}.Session`, 'Close', '').catch(() => undefined);
    }
  }
}

/** As long as the group's prime, as the key derivation needs it. */
function padded(number: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(Math.max(DH_BYTES - number.length, 0)), number]);
}

function encrypt(key: Buffer, session: string, text: string): Secret {
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  return [session, iv, Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]), 'text/plain; charset=utf8'];
}

function decrypt(key: Buffer, [, iv, value]: Secret): string {
  const decipher = createDecipheriv('aes-128-cbc', key, iv);
  return Buffer.concat([decipher.update(value), decipher.final()]).toString('utf8');
}

function explain(error: unknown): string {
  if (error instanceof HushError && error.condition === 'cancelled') return 'the keyring does not answer in time';
  const name = error instanceof Error ? error.name : '';
  if (name === `${SECRET}.Error.IsLocked`) return 'the keyring is locked';
  return /\.(NameHasNoOwner|ServiceUnknown)$/.test(name) ? 'the keyring is not running' : 'the keyring does not answer as it should';
}

function unavailable(message: string, cause?: unknown): HushError {
  return new HushError('encryption-not-available', message, cause === undefined ? {} : { cause });
}
