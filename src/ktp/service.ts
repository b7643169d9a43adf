/** What KDE Telepathy's settings ask about keys. org.kde.TelepathyProxy.ProxyService */
import { BusError } from '../bus/connection.ts';
import type { Bus } from '../bus/connection.ts';
import type { ExportedObject } from '../bus/object.ts';
import { Remote } from '../bus/remote.ts';
import type { ObjectPath } from '../bus/types.ts';
import { demand, HushError } from '../errors.ts';
import { connectionOf } from './dispatcher.ts';
import { translated } from './failure.ts';
import { busNameOf, SECURITY, SERVICE, servicePath } from './names.ts';
import type { Observed } from './observer.ts';

/** PolicySettings: as far as possible. */
const OPPORTUNISTIC = 1;
/** Trust of ListPeers. */
const VERIFIED = 2;

export class ProxyService {
  readonly #bus: Bus;
  readonly #observed: () => Iterable<Observed>;
  readonly #object: ExportedObject;

  /** `observed`: the channels there are. */
  constructor(bus: Bus, observed: () => Iterable<Observed>) {
    this.#bus = bus;
    this.#observed = observed;
    this.#object = bus.objects.export(servicePath);
    this.#object.implement(SERVICE, {
      methods: {
        GeneratePrivateKey: () => {
          throw new HushError('not-implemented', 'an account of hush has a key already');
        },
        GetFingerprintForAccount: async (_call, account) => (await this.#security(account, (security) => security.get(SECURITY, 'IdentityFingerprint'))) ?? '',
        GetKnownFingerprints: async (_call, account) => {
          const [peers] = (await this.#security(account, (security) => security.call(SECURITY, 'ListPeers'))) ?? [[]];
          return peers.map(([contact, , fingerprint, trust]) => [contact, fingerprint, trust === VERIFIED, this.#user(account, contact, fingerprint) !== undefined] as const);
        },
        TrustFingerprint: async (_call, account, contact, fingerprint, isTrusted) => {
          const user = this.#user(account, contact, fingerprint);
          if (user === undefined) throw new HushError('not-available', 'no conversation with the contact uses this key now');
          await user.proxy.trust(fingerprint, isTrusted);
        },
        ForgetFingerprint: async (_call, account, contact, fingerprint) => {
          const [peers] = (await this.#security(account, (security) => security.call(SECURITY, 'ListPeers'))) ?? [[]];
          const keys = peers.filter(([jid]) => jid === contact);
          demand(keys.some(([, , known]) => known === fingerprint), 'does-not-exist', 'this key is not remembered of the contact');
          demand(keys.length === 1, 'not-implemented', 'other keys of the contact would be forgotten, too');
          await this.#security(account, (security) => security.call(SECURITY, 'ForgetPeer', contact));
        },
      },
      properties: {
        PolicySettings: {
          get: () => OPPORTUNISTIC,
          set: (policy) => demand(policy === OPPORTUNISTIC, 'not-implemented', 'every account of hush has a policy of its own'),
        },
      },
    });
  }

  connected(proxy: ObjectPath, isConnected: boolean): void {
    this.#object.emit(SERVICE, isConnected ? 'ProxyConnected' : 'ProxyDisconnected', proxy);
  }

  /** What the connection of an account says about keys; undefined where there is none, or none that knows of keys. */
  async #security<T>(account: string, ask: (security: Remote) => Promise<T>): Promise<T | undefined> {
    const connection = await translated(connectionOf(this.#bus, account));
    if (connection === '/') return undefined;
    try {
      return await ask(new Remote(this.#bus, busNameOf(connection), connection));
    } catch (error) {
      if (error instanceof BusError && absent.has(error.name)) return undefined;
      return await translated(Promise.reject(error instanceof Error ? error : new Error(String(error))));
    }
  }

  #user(account: string, contact: string, fingerprint: string): Observed | undefined {
    return [...this.#observed()].find((one) => one.account === account && one.contact === contact && one.proxy.uses(fingerprint));
  }
}

/** How a connection says that it has no such interface. */
const absent: ReadonlySet<string> = new Set(['UnknownInterface', 'UnknownMethod', 'UnknownProperty', 'InvalidArgs'].map((name) => `org.freedesktop.DBus.Error.${name}`));
