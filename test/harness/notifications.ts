/** A server for notifications on a test's session bus, which writes down what it is asked to show. Desktop Notifications Specification 1.2 */
import { Bus } from '../../src/bus/connection.ts';
import type { InterfaceTable } from '../../src/bus/tables.ts';
import { objectPath } from '../../src/bus/types.ts';
import type { VariantMap } from '../../src/bus/types.ts';
import { silentLog } from '../../src/log.ts';
import { EventQueue } from './events.ts';

const NAME = 'org.freedesktop.Notifications';

/* eslint-disable @typescript-eslint/no-empty-object-type -- the generated map writes it so */
interface NotificationsMap {
  [NAME]: {
    methods: { Notify: { in: [app: string, replaces: number, icon: string, summary: string, body: string, actions: string[], hints: VariantMap, timeout: number]; out: [id: number] } };
    properties: {};
    signals: {};
  };
}
/* eslint-enable @typescript-eslint/no-empty-object-type */

const tables: Record<keyof NotificationsMap, InterfaceTable> = {
  [NAME]: {
    methods: { Notify: { in: 'susssasa{sv}i', inNames: ['AppName', 'ReplacesId', 'AppIcon', 'Summary', 'Body', 'Actions', 'Hints', 'ExpireTimeout'], out: 'u', outNames: ['Id'] } },
    properties: {},
    signals: {},
  },
};

/** `events`: one `notified` each, with its number, the one it replaces (0 = none), summary and body. */
export async function startNotifications(address: string): Promise<{ events: EventQueue; stop(): void }> {
  const bus = await Bus.openWith<NotificationsMap>({ address, log: silentLog }, tables);
  const events = new EventQueue();
  let count = 0;
  bus.objects.export(objectPath('/org/freedesktop/Notifications')).implement(NAME, {
    methods: {
      Notify: (_call, _app, replaces, _icon, summary, body) => {
        const id = replaces === 0 ? (count += 1) : replaces;
        events.push({ source: 'desktop', name: 'notified', id, replaces, summary, body });
        return id;
      },
    },
  });
  await bus.requestName(NAME);
  return { events, stop: () => bus.close() };
}
