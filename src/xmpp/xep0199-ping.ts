/** Answers "are you there" for those who may know. Source: XEP-0199 2.0.1 §4. */
import type { Session } from './session.ts';
import { acquaintances } from './xep0030-disco.ts';
import type { Disco } from './xep0030-disco.ts';

export const PING = 'urn:xmpp:ping';

/** Answers from now on. */
export function answerPing(session: Session, disco: Disco): void {
  disco.feature(PING);
  session.router.add({ name: 'xep0199-ping', stanza: 'iq-get', child: { name: 'ping', ns: PING }, from: acquaintances, handle: () => undefined });
}
