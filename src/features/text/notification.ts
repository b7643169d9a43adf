/** What a person must not miss, said on the desktop where there is a server for it. Desktop Notifications Specification 1.2 */
import type { Bus } from '../../bus/connection.ts';
import { BusError } from '../../bus/connection.ts';
import { HushError } from '../../errors.ts';

const NOTIFICATIONS = 'org.freedesktop.Notifications';

/** Shows a notification. Without a server for them nothing happens. */
export async function notify(bus: Bus, summary: string, body: string): Promise<void> {
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
    if (!(error instanceof BusError) && !(error instanceof HushError)) throw error;
  }
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
