/** The mechanism `plain`: messages as they are, over the account's own stream. It proves nothing. RFC 6121 §5 */
import { randomUUID } from 'node:crypto';
import { HushError } from '../../../errors.ts';
import type { Element } from '../../../xmpp/element.ts';
import type { Jid } from '../../../xmpp/jid.ts';
import type { Carrier } from '../../gate.ts';

/** `send`: the stream's. A message without an id gets a fresh one. */
export function plain(send: (stanza: Element) => void): Carrier {
  return {
    mechanism: '',
    send(to: Jid, message: Element): string {
      if (message.attrs.type === 'groupchat') throw new HushError('invalid-argument', 'not a message to one contact');
      const id = (message.attrs.id ??= randomUUID());
      message.attrs.to = to;
      send(message);
      return id;
    },
  };
}
