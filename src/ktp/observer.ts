/** The client of the channel dispatcher that puts something before every text channel, before any window gets it. Telepathy specification, Client.Observer */
import type { Bus } from '../bus/connection.ts';
import { str, u32 } from '../bus/types.ts';
import type { ObjectPath, Variant, VariantMap } from '../bus/types.ts';
import { asHushError } from '../errors.ts';
import type { Log } from '../log.ts';
import { requestSecured } from './dispatcher.ts';
import { CHANNEL, CLIENT, clientPath, MESSAGES, OBSERVER, PEER_AUTHENTICATION, SECURABLE, TEXT } from './names.ts';
import { ChannelProxy } from './proxy.ts';

/** TargetHandleType */
const CONTACT = 1;

export interface Observed {
  readonly proxy: ChannelProxy;
  /** The account's path. */
  readonly account: string;
  readonly contact: string;
}

export interface ObserverOptions {
  readonly bus: Bus;
  readonly log: Log;
  /** A window talks through the proxy from now on, or does not any more. */
  readonly connected: (proxy: ObjectPath, isConnected: boolean) => void;
  /** There are channels, or none any more. */
  readonly busy: (isBusy: boolean) => void;
}

export class Observer {
  readonly #options: ObserverOptions;
  /** By the channel's path. */
  readonly #observed = new Map<string, Observed>();

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  export(): void {
    const object = this.#options.bus.objects.export(clientPath);
    object.implement(CLIENT, { properties: { Interfaces: () => [OBSERVER] } });
    object.implement(OBSERVER, {
      methods: {
        ObserveChannels: async (_call, account, connection, channels) => {
          await Promise.all(channels.map(([path, properties]) => this.#observe(account, connection, path, properties)));
        },
      },
      properties: { ObserverChannelFilter: () => [filter], Recover: () => true, DelayApprovers: () => false },
    });
  }

  get observed(): Iterable<Observed> {
    return this.#observed.values();
  }

  /** Settles when a window may come. */
  async #observe(account: string, connection: string, path: ObjectPath, properties: VariantMap): Promise<void> {
    const { bus, log, connected, busy } = this.#options;
    const property = (name: string): unknown => properties.get(`${CHANNEL}.${name}`)?.value;
    const [interfaces, contact] = [property('Interfaces'), property('TargetID')];
    if (property('ChannelType') !== TEXT || property('TargetHandleType') !== CONTACT) return;
    const has = (name: string): boolean => Array.isArray(interfaces) && interfaces.includes(name);
    if (!has(MESSAGES) || typeof contact !== 'string') {
      log.info({ channel: path }, 'a channel of an old kind is left to the window');
      return;
    }
    let observed = this.#observed.get(path);
    if (observed === undefined) {
      const proxy: ChannelProxy = new ChannelProxy({
        bus,
        connection,
        channel: path,
        hasLock: has(SECURABLE) && has(PEER_AUTHENTICATION),
        replace: () => requestSecured(bus, account, contact),
        connected: (isConnected) => connected(proxy.path, isConnected),
        gone: () => {
          this.#observed.delete(path);
          if (this.#observed.size === 0) busy(false);
        },
      });
      observed = { proxy, account, contact };
      this.#observed.set(path, observed);
      busy(true);
    }
    try {
      await observed.proxy.ready;
    } catch (error) {
      // The window must have it all the same.
      log.warn({ err: asHushError(error), channel: path }, 'a channel does not say what it has');
    }
  }
}

const filter: VariantMap = new Map<string, Variant>([
  [`${CHANNEL}.ChannelType`, str(TEXT)],
  [`${CHANNEL}.TargetHandleType`, u32(CONTACT)],
]);
