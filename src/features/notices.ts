/** What a person must not miss, said on the desktop where there is a server for it. Desktop Notifications Specification 1.2 */
import type { Bus } from '../bus/connection.ts';
import type { Log } from '../log.ts';
import type { Tasks } from '../tasks.ts';
import type { BareJid } from '../xmpp/jid.ts';

const NOTIFICATIONS = 'org.freedesktop.Notifications';

/** What there is to say of a contact. */
const notices = {
  'key-changed': (peer: string) => ['The key has changed', `${peer} comes with another key than the one that is expected. Nothing is sent to them until you accept it or forget the contact.`],
  'new-key': (peer: string) => ['A new key', `${peer} comes with a key that was not seen before. It may be a new device, or somebody else: verify it.`],
  ended: (peer: string) => ['Secured conversation ended', `The secured conversation with ${peer} has ended. Nothing can be sent in it until it is secured again.`],
  'secret-requested': (peer: string) => ['Verification asked for', `${peer} wants to verify that it is you, by a secret that you both know.`],
  unprotected: (peer: string) => ['Unprotected message', `${peer} has sent a message outside the secured conversation. It waits in a conversation of its own.`],
  'not-secured': (peer: string) => ['Conversation not secured', `The conversation with ${peer} was secured before and is not now.`],
} as const satisfies Record<string, (peer: string) => readonly [summary: string, body: string]>;

export type Notice = keyof typeof notices;

export interface NoticesOptions {
  readonly bus: Bus;
  readonly tasks: Tasks;
  readonly log: Log;
  /** The user wants them. */
  readonly isOn: boolean;
}

/** The notices of one account. One that is said again takes the place of the one before. */
export class Notices {
  readonly #options: NoticesOptions;
  /** The server's number of what was said last, by notice and contact. */
  readonly #numbers = new Map<string, number>();

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** Says it, in the background. Without a server for notifications nothing happens. */
  show(notice: Notice, peer: BareJid): void {
    if (!this.#options.isOn) return;
    this.#options.tasks.run('notice', () => this.#show(notice, peer));
  }

  async #show(notice: Notice, peer: BareJid): Promise<void> {
    const { bus, log } = this.#options;
    const key = `${notice} ${peer}`;
    const [summary, body] = notices[notice](peer);
    try {
      const reply = await bus.call({
        destination: NOTIFICATIONS,
        path: '/org/freedesktop/Notifications',
        interface: NOTIFICATIONS,
        member: 'Notify',
        signature: 'susssasa{sv}i',
        // Servers may read markup in the body.
        body: ['hush', this.#numbers.get(key) ?? 0, 'security-low', summary, escape(body), [], new Map(), -1],
        timeoutMs: 5000,
      });
      const [number] = reply;
      if (typeof number === 'number') this.#numbers.set(key, number);
    } catch (error) {
      log.debug({ err: error }, 'the desktop shows no notifications');
    }
  }
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
