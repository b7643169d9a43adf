/** Typing notices of one conversation, under Telepathy's rules and XMPP's. Channel.Interface.ChatState; XEP-0085 §5 */
import type { Implementation } from '../../bus/object.ts';
import { demand } from '../../errors.ts';
import type { BaseChannel } from '../../telepathy/base-channel.ts';
import { ChatState } from '../../telepathy/constants.ts';
import type { Handle } from '../../telepathy/handles.ts';
import type { ChatState as XmppChatState } from '../../xmpp/xep0085-chat-states.ts';
import { stateWord } from './stanza.ts';

const CHAT_STATE = 'org.freedesktop.Telepathy.Channel.Interface.ChatState';

export interface ChatStatesOptions {
  readonly channel: BaseChannel;
  readonly self: Handle;
  readonly peer: Handle;
  /** Whether the contact's client is known to have them, by its capabilities. */
  readonly isAnnounced: () => boolean;
  /** Sends a notice of its own. */
  readonly send: (state: XmppChatState) => void;
}

export class ChatStates {
  readonly #options: ChatStatesOptions;
  readonly #states = new Map<Handle, ChatState>();
  /** Whether the contact's client has typing notices: undefined until it has answered. */
  #isSupported: boolean | undefined;

  constructor(options: ChatStatesOptions) {
    this.#options = options;
    options.channel.addInterface(CHAT_STATE, this.#implementation());
  }

  /** What goes along with a text: our first text asks by it whether the contact has typing notices, and stops if not. §5.1 */
  withText(): XmppChatState | undefined {
    this.#set(this.#options.self, ChatState.active);
    return this.#isSupported === false ? undefined : 'active';
  }

  /** A message of the contact came, with or without a state. */
  received(state: ChatState | undefined, hasText: boolean): void {
    if (state !== undefined) this.#isSupported = true;
    else if (hasText) this.#isSupported = false;
    else return;
    this.#set(this.#options.peer, state ?? ChatState.active);
  }

  /** The contact's client may be another one now. */
  forget(): void {
    this.#isSupported = undefined;
  }

  /** The user has closed the conversation. */
  leave(): void {
    if (this.#isSupported === true && this.#states.has(this.#options.self)) this.#options.send('gone');
  }

  #set(who: Handle, state: ChatState): void {
    if (this.#states.get(who) === state) return;
    this.#states.set(who, state);
    if (!this.#options.channel.isClosed) this.#options.channel.object.emit(CHAT_STATE, 'ChatStateChanged', who, state);
  }

  #implementation(): Implementation<typeof CHAT_STATE> {
    return {
      methods: {
        SetChatState: (call, state) => {
          const word = stateWord(state);
          demand(word !== undefined && word !== 'gone', 'invalid-argument', `${state} is no chat state that can be set`);
          const { self, isAnnounced, send } = this.#options;
          if (this.#states.get(self) === state) return;
          // Nobody is bothered with states that they have no use for. §5.1
          if (this.#isSupported === true || (this.#isSupported === undefined && isAnnounced())) send(word);
          call.afterReply(() => this.#set(self, state as ChatState));
        },
      },
      properties: { ChatStates: () => this.#states },
    };
  }
}
