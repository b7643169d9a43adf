/** What a person must not miss, said on the desktop where there is a server for it. Desktop Notifications Specification 1.2 */
import type { Account } from '../feature.ts';

const NOTIFICATIONS = 'org.freedesktop.Notifications';

/** Shows a notification, in the background. Without a server for them nothing happens. */
export function notify({ bus, connection, log }: Account, summary: string, body: string): void {
  connection.tasks.run('notification', async () => {
    try {
      await bus.call({
        destination: NOTIFICATIONS,
        path: '/org/freedesktop/Notifications',
        interface: NOTIFICATIONS,
        member: 'Notify',
        signature: 'susssasa{sv}i',
        // Servers may read markup in the body.
        body: ['hush', 0, 'security-low', summary, escape(body), [], new Map(), -1],
        timeoutMs: 5000,
      });
    } catch (error) {
      log.debug({ err: error }, 'the desktop shows no notifications');
    }
  });
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
