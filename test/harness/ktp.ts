/** hush-ktp as a service of a test's session, and what KDE Telepathy's chat window does with it, in plain calls. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bus } from '../../src/bus/connection.ts';
import type { EventQueue } from './events.ts';
import type { Service } from './session.ts';
import { messageOf, plain, RemoteObject, variants } from './telepathy-client.ts';
import type { Message } from './telepathy-client.ts';

const root = join(import.meta.dirname, '../..');

export const ktpBusName = 'org.freedesktop.Telepathy.Client.KTp.Proxy';
export const OTR = 'org.kde.TelepathyProxy.ChannelProxy.Interface.OTR';
export const SERVICE = 'org.kde.TelepathyProxy.ProxyService';
export const P = 'org.freedesktop.TelepathyProxy.Error.';

/** As `data/install.mjs install --ktp` puts it there. */
export function ktpService(): Service {
  return {
    name: 'hush-ktp',
    busNames: [ktpBusName],
    command: [process.execPath, join(root, 'dist/hush-ktp.cjs'), '--log-level', 'debug'],
    dataFiles: { 'telepathy/clients/KTp.Proxy.client': readFileSync(join(root, 'data/KTp.Proxy.client'), 'utf8') },
  };
}

/** The window's end of one conversation. Every signal is an event: {source: 'window', name: member, args}. */
export class KtpWindow extends RemoteObject {
  readonly stop: () => void;

  private constructor(bus: Bus, path: string, events: EventQueue) {
    super(bus, ktpBusName, path);
    this.stop = bus.subscribe({ sender: ktpBusName, path, interface: OTR }, ({ member, body }) => events.push({ source: 'window', name: member, args: plain(body) }));
  }

  /** What the window does when it gets a channel, in its order: what it shows then. */
  static async open(bus: Bus, channel: string, events: EventQueue): Promise<{ window: KtpWindow; pending: Message[]; level: number; fingerprint: string }> {
    const window = KtpWindow.at(bus, channel, events);
    await window.call(OTR, 'ConnectProxy');
    const pending = ((await window.get(OTR, 'PendingMessages')) as unknown[]).map(messageOf);
    const level = await window.level();
    return { window, pending, level, fingerprint: (await window.get(OTR, 'RemoteFingerprint')) as string };
  }

  static at(bus: Bus, channel: string, events: EventQueue): KtpWindow {
    const [connection, name] = channel.split('/').slice(-2);
    return new KtpWindow(bus, `/org/freedesktop/TelepathyProxy/OtrChannelProxy/${connection!}/${name!}`, events);
  }

  async level(): Promise<number> {
    return (await this.get(OTR, 'TrustLevel')) as number;
  }

  async send(text: string): Promise<string> {
    const [token] = await this.call(OTR, 'SendMessage', [variants({ 'message-type': 0 }), variants({ 'content-type': 'text/plain', content: text })], 0);
    return token as string;
  }

  async acknowledge(...ids: number[]): Promise<void> {
    await this.call(OTR, 'AcknowledgePendingMessages', ids);
  }
}
