/** PeerAuthentication on a text channel: who it is at the other end. Channel.Interface.PeerAuthentication */
import type { Implementation } from '../../bus/object.ts';
import { demand, HushError } from '../../errors.ts';
import type { Conversation } from '../../security/conversation.ts';
import { SecurityState } from '../../security/conversation.ts';
import type { Session, SharedSecret } from '../../security/mechanism.ts';
import { fingerprintOf } from '../../security/fingerprint.ts';
import { safetyNumber } from '../../security/safety-number.ts';
import type { BaseChannel } from '../../telepathy/base-channel.ts';
import type { Account } from '../feature.ts';

const PEER_AUTHENTICATION = 'org.freedesktop.Telepathy.Channel.Interface.PeerAuthentication';

/** What the channel tells this interface. */
export interface PeerAuthentication {
  /** Session, keys or trust may be different. */
  update(): void;
  requested(question: string): void;
  concluded(error: HushError | undefined): void;
}

/** Adds the interface to a channel that is not exported yet. */
export function addPeerAuthentication(channel: BaseChannel, account: Account, conversation: Conversation): PeerAuthentication {
  const { trust, client } = account;
  let question: string | undefined;
  let numbered: { remote: Uint8Array; number: string } | undefined;

  const liveSession = (): Session | undefined => (conversation.state === SecurityState.secure ? conversation.session : undefined);
  const keys = (): Session['keys'] => liveSession()?.keys;
  /** Some 10 ms of work: done once a key, when somebody asks. */
  const number = (): string => {
    const both = keys();
    if (both === undefined) return '';
    if (numbered?.remote !== both.remote) numbered = { remote: both.remote, number: safetyNumber({ jid: client.account, spki: both.local }, { jid: conversation.peer, spki: both.remote }) };
    return numbered.number;
  };
  const secretOf = (): SharedSecret => {
    const secret = liveSession()?.sharedSecret;
    if (secret === undefined) throw new HushError('not-available', 'there is no session that can compare a secret');
    return secret;
  };
  const level = (both = keys()): number => (both === undefined ? trust.contactLevel(conversation.peer) : trust.level(conversation.peer, both.remote));
  const fingerprint = (key: Uint8Array | undefined): string => (key === undefined ? '' : fingerprintOf(key));
  const values = () => {
    const both = keys();
    const remote = fingerprint(both?.remote);
    // The number is another one whenever the key is.
    return { LocalFingerprint: fingerprint(both?.local), RemoteFingerprint: remote, SafetyNumber: remote, Trust: level(both), Question: question ?? '' };
  };
  type Property = keyof ReturnType<typeof values>;
  let told = values();
  const update = (): void => {
    if (channel.isClosed) return;
    const now = values();
    const changed = (Object.keys(now) as Property[]).filter((name) => now[name] !== told[name]);
    told = now;
    if (changed.length > 0) channel.object.changed(PEER_AUTHENTICATION, ...changed);
  };

  channel.addInterface(PEER_AUTHENTICATION, {
    methods: {
      ConfirmSafetyNumber: async (_call, given) => {
        const session = liveSession();
        const expected = number();
        if (session === undefined || expected === '') throw new HushError('not-available', 'there is no session with a safety number');
        demand(given.replaceAll(' ', '') === expected.replaceAll(' ', ''), 'invalid-argument', 'this is not the safety number of the live session');
        // What cannot be remembered is not claimed either.
        if (session.keys !== undefined) await trust.verified(conversation.peer, session.keys.remote, 'comparison');
        session.confirm('comparison');
      },
      Distrust: async () => {
        const session = liveSession();
        const both = session?.keys;
        if (session === undefined) throw new HushError('not-available', 'there is no session');
        if (both !== undefined) await trust.distrust(conversation.peer, both.remote);
        session.revoke(new HushError('certificate-fingerprint-mismatch', 'the user does not trust this key'));
      },
      StartSharedSecret: (_call, asked, secret) => secretOf().start(asked, secret),
      AnswerSharedSecret: (_call, secret) => {
        secretOf().answer(secret);
        question = undefined;
        update();
      },
      AbortSharedSecret: () => {
        secretOf().abort();
        question = undefined;
        update();
      },
    },
    properties: {
      LocalFingerprint: () => fingerprint(keys()?.local),
      RemoteFingerprint: () => fingerprint(keys()?.remote),
      SafetyNumber: number,
      Trust: () => level(),
      Question: () => question ?? '',
    },
  } satisfies Implementation<typeof PEER_AUTHENTICATION>);

  return {
    update,
    requested(asked) {
      question = asked;
      update();
      channel.object.emit(PEER_AUTHENTICATION, 'SharedSecretRequested', asked);
    },
    concluded(error) {
      question = undefined;
      update();
      channel.object.emit(PEER_AUTHENTICATION, 'SharedSecretConcluded', error === undefined, error?.dbusName ?? '');
    },
  };
}
