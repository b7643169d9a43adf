/** telepathy-haze as a service of a test's session: another connection manager with the same protocol, to compare with. It knows no TLS that a test could use. */
import type { Service } from './session.ts';

export const hazeBusName = 'org.freedesktop.Telepathy.ConnectionManager.haze';

export function hazeService(): Service {
  return { name: 'haze', busNames: [hazeBusName], command: ['/usr/lib/telepathy/telepathy-haze'] };
}
