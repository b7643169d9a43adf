/** What the XEP files see of one account's stream: the narrow view that XmppClient satisfies. */
import type { Log } from '../log.ts';
import type { Element } from './element.ts';
import type { IqCaller } from './iq.ts';
import type { BareJid, FullJid } from './jid.ts';
import type { Router } from './router.ts';

export interface Session {
  /** The account's own bare JID. */
  readonly account: BareJid;
  /** The bound full JID; meaningful once the stream is bound. */
  readonly jid: FullJid;
  /** The account's domain. */
  readonly domain: BareJid;
  readonly router: Router;
  readonly iq: IqCaller;
  readonly log: Log;
  /** The `<stream:features/>` the server sent after authentication; undefined before. */
  serverFeatures(): Element | undefined;
  /** Sends a presence or iq stanza in order; `along`: with what is sent next, at most 20 ms later. Throws HushError('disconnected') after the end. */
  send(stanza: Element, along?: boolean): void;
}
