import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { HushError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import type { Conversation } from '../../src/security/conversation.ts';
import { SecurityState } from '../../src/security/conversation.ts';
import { Conversations, limits } from '../../src/security/conversations.ts';
import { Gate } from '../../src/security/gate.ts';
import type { Opened } from '../../src/security/gate.ts';
import { plain } from '../../src/security/mechanisms/plain/plain.ts';
import type { Claim } from '../../src/security/properties.ts';
import { Trust } from '../../src/security/trust.ts';
import { Tasks } from '../../src/tasks.ts';
import { xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { bareOf, parseBareJid, parseFullJid } from '../../src/xmpp/jid.ts';
import type { FullJid } from '../../src/xmpp/jid.ts';
import { FakeMechanism, FakeSession } from './fake-mechanism.ts';
import { VolatileKeeper } from './volatile-keeper.ts';

const bob = parseBareJid('bob@example.org');
const desk = parseFullJid('bob@example.org/desk');
const phone = parseFullJid('bob@example.org/phone');

interface World {
  mechanism: FakeMechanism;
  trust: Trust;
  conversations: Conversations;
  gate: Gate;
  /** What left in plaintext. */
  wire: Element[];
  opened: Opened[];
  resources: FullJid[];
  /** Whether contacts may know that we are here. */
  seen: { byContacts: boolean };
}

let tasks: Tasks;

async function world(): Promise<World> {
  tasks = new Tasks(silentLog);
  const trust = new Trust({ keeper: new VolatileKeeper(), policy: 'opportunistic', mechanisms: ['xtls'], log: silentLog });
  await trust.ready();
  const mechanism = new FakeMechanism();
  const wire: Element[] = [];
  const opened: Opened[] = [];
  const resources: FullJid[] = [desk];
  mechanism.abilities.set(desk, true);
  const seen = { byContacts: true };
  const conversations: Conversations = new Conversations({ trust, mechanisms: [mechanism], bareOf, resources: () => resources, isSeenBy: () => seen.byContacts, gate: () => gate, tasks, log: silentLog });
  const gate: Gate = new Gate({
    plain: plain((stanza) => wire.push(stanza)),
    stanceOf: (conversation) => conversations.stanceOf(conversation),
    onWaiting: (conversation) => conversations.waits(conversation),
    log: silentLog,
  });
  gate.onOpened((message) => opened.push(message));
  return { mechanism, trust, conversations, gate, wire, opened, resources, seen };
}

const body = (text: string, id = text): Element => xml('message', { type: 'chat', id }, xml('body', {}, text));

interface Fate {
  left: string[];
  failed: string[];
}

function send({ gate }: World, conversation: Conversation, text: string, fate: Fate): void {
  gate.seal(conversation, body(text), {
    left: ({ mechanism }) => fate.left.push(mechanism === '' ? `plain ${text}` : text),
    failed: (error) => fate.failed.push(error.condition),
  });
}

/** The condition of what `work` throws. */
function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof HushError) return error.condition;
    throw error;
  }
  return 'nothing';
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] });
});
afterEach(async () => {
  await tasks.end();
  jest.useRealTimers();
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('an opportunistic conversation', () => {
  test('starts to be secured by itself when a channel shows it, and what is sent waits and leaves sealed, in order', async () => {
    const it = await world();
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    expect(conversation.state).toBe(SecurityState.negotiating);
    send(it, conversation, 'one', fate);
    send(it, conversation, 'two', fate);
    expect(fate).toEqual({ left: [], failed: [] });
    it.mechanism.last.enter('handshaking');
    it.mechanism.last.secure();
    await turn();
    expect(conversation.state).toBe(SecurityState.secure);
    expect(fate.left).toEqual(['one', 'two']);
    expect(it.mechanism.last.sent.map(({ attrs }) => attrs.id)).toEqual(['one', 'two']);
    expect(it.wire).toEqual([]);
  });

  test('that a contact has opened who may not know of us is not started before the user writes [D3]', async () => {
    const it = await world();
    it.seen.byContacts = false;
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, false);
    it.conversations.used(conversation, desk);
    it.conversations.consider(bob);
    expect(it.mechanism.started).toEqual([]);
    it.conversations.used(conversation);
    expect(conversation.state).toBe(SecurityState.negotiating);
  });

  test('is not started for a contact whose client cannot', async () => {
    const it = await world();
    it.mechanism.abilities.set(desk, false);
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    send(it, conversation, 'hello', fate);
    expect(it.mechanism.started).toEqual([]);
    expect(fate.left).toEqual(['plain hello']);
  });

  test.each([false, true])('while it is asked whether the client of the contact can do it, is plaintext only with one never secured (secured before: %s) [D2]', async (wasSecured) => {
    const it = await world();
    if (wasSecured) await it.trust.secured(bob, Buffer.from('key'), { mechanism: 'xtls', bound: true });
    it.mechanism.abilities.delete(desk);
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    send(it, conversation, 'hello', fate);
    expect(conversation.state).toBe(wasSecured ? SecurityState.negotiating : SecurityState.insecure);
    expect(fate.left).toEqual(wasSecured ? [] : ['plain hello']);
    it.mechanism.abilities.set(desk, true);
    it.conversations.consider(bob);
    it.mechanism.last.secure({ keyPinned: wasSecured });
    await turn();
    expect(fate).toEqual({ left: [wasSecured ? 'hello' : 'plain hello'], failed: [] });
  });

  test('goes on in plaintext when an offer to a contact never secured before comes to nothing', async () => {
    const it = await world();
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    send(it, conversation, 'hello', fate);
    it.mechanism.last.finish({ reason: 'failed', error: new HushError('rejected', 'declined'), from: 'negotiating' });
    expect(conversation.state).toBe(SecurityState.insecure);
    expect(fate).toEqual({ left: ['plain hello'], failed: [] });
    // And the offer is not made again by the next look at the contact.
    it.conversations.consider(bob);
    expect(it.mechanism.started).toHaveLength(1);
  });

  test.each(['negotiating', 'discovering'] as const)('reports what waited, when an attempt with a contact who was secured before comes to nothing (%s)', async (from) => {
    const it = await world();
    await it.trust.secured(bob, Buffer.from('key'), { mechanism: 'xtls', bound: true });
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    send(it, conversation, 'hello', fate);
    it.mechanism.last.finish({ reason: 'failed', error: new HushError('rejected', 'declined'), from });
    expect(conversation.state).toBe(SecurityState.insecure);
    expect(fate).toEqual({ left: [], failed: ['encryption-not-available'] });
    // What is sent now is what the state says: plaintext.
    send(it, conversation, 'in the open', fate);
    expect(fate.left).toEqual(['plain in the open']);
  });

  test('is dead, never plaintext, when the handshake fails after its first byte', async () => {
    const it = await world();
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    send(it, conversation, 'hello', fate);
    it.mechanism.last.enter('handshaking');
    it.mechanism.last.finish({ reason: 'failed', error: new HushError('encryption-error', 'bad handshake'), from: 'handshaking' });
    expect(conversation).toMatchObject({ state: SecurityState.ended, endReason: 'failed', isDead: true });
    expect(fate).toEqual({ left: [], failed: ['encryption-error'] });
    expect(refusalOf(() => send(it, conversation, 'more', fate))).toBe('encryption-error');
    expect(it.wire).toEqual([]);
  });

  test.each(['handshake fails', 'user ends it', 'user closes it'])('given up during the handshake is tried again by the next channel, unless it failed: %s', async (how) => {
    const it = await world();
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    it.mechanism.last.enter('handshaking');
    if (how === 'user ends it') await it.conversations.end(conversation);
    else if (how === 'handshake fails') it.mechanism.last.finish({ reason: 'failed', error: new HushError('encryption-error', 'bad handshake'), from: 'handshaking' });
    it.conversations.hidden(conversation);
    await turn();
    expect(it.mechanism.started).toHaveLength(1);
    it.conversations.shown(it.conversations.create(bob, 'securable'), true);
    expect(it.mechanism.started).toHaveLength(how === 'handshake fails' ? 1 : 2);
  });

  test('lets nothing wait longer than its limit', async () => {
    const it = await world();
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    send(it, conversation, 'hello', fate);
    await jest.advanceTimersByTimeAsync(limits.waiting - 1);
    expect(fate.left).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(fate.left).toEqual(['plain hello']);
  });

  test('that stalls in the handshake has failed, which is not the doing of the user', async () => {
    const it = await world();
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    it.mechanism.last.enter('handshaking');
    send(it, conversation, 'hello', fate);
    await jest.advanceTimersByTimeAsync(limits.waiting);
    expect({ ...fate, state: conversation.state, reason: conversation.endReason }).toEqual({ left: [], failed: ['encryption-error'], state: SecurityState.ended, reason: 'failed' });
  });

  test('of a contact verified before does not fall back, neither while an attempt fails nor when their client can do no more, until the user says so [D1 D2]', async () => {
    const it = await world();
    await it.trust.secured(bob, Buffer.from('key'), { mechanism: 'xtls', bound: true });
    await it.trust.verified(bob, Buffer.from('key'), 'comparison');
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    send(it, conversation, 'hello', fate);
    it.mechanism.last.finish({ reason: 'failed', error: new HushError('rejected', 'declined'), from: 'negotiating' });
    expect(fate).toEqual({ left: [], failed: ['encryption-not-available'] });
    it.mechanism.abilities.set(desk, false);
    expect(refusalOf(() => send(it, conversation, 'again', fate))).toBe('encryption-not-available');
    it.mechanism.abilities.delete(desk);
    it.resources.length = 0;
    expect(refusalOf(() => send(it, conversation, 'and again', fate))).toBe('encryption-not-available');
    expect(it.wire).toEqual([]);
    // The user lowers the policy: now it is what it says.
    await it.trust.setContactPolicy(bob, 'opportunistic');
    send(it, conversation, 'as you wish', fate);
    expect(fate.left).toEqual(['plain as you wish']);
  });
});

test('a window closed before the conversation is secure ends the attempt, unless something waits to be sent', async () => {
  for (const hasWaiting of [false, true]) {
    const it = await world();
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    if (hasWaiting) send(it, conversation, 'hello', fate);
    it.conversations.hidden(conversation);
    await turn();
    expect(it.mechanism.last.state).toBe(hasWaiting ? 'negotiating' : 'ended');
    if (hasWaiting) it.mechanism.last.secure();
    await turn();
    expect(fate.left).toEqual(hasWaiting ? ['hello'] : []);
    expect([...it.conversations.of(bob)]).toHaveLength(hasWaiting ? 1 : 0);
    await tasks.end();
  }
});

describe('a secured conversation', () => {
  async function secured(facts = {}): Promise<World & { conversation: Conversation; session: FakeSession; fate: Fate }> {
    const it = await world();
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    const session = it.mechanism.last;
    session.secure(facts);
    await turn();
    return { ...it, conversation, session, fate: { left: [], failed: [] } };
  }

  test('takes no plaintext of the contact: it comes in a conversation of its own, in which nothing can be sent [H6 A10]', async () => {
    const it = await secured();
    const plaintext = it.conversations.forPlaintext(bob);
    expect(plaintext).not.toBe(it.conversation);
    expect(plaintext.kind).toBe('companion');
    expect(refusalOf(() => send(it, plaintext, 'hello', it.fate))).toBe('encryption-not-available');
    expect(it.gate.sealPassing(plaintext, body('typing'))).toBe(false);
    expect(it.wire).toEqual([]);
    // The twin: the secured one takes it.
    send(it, it.conversation, 'hello', it.fate);
    expect(it.fate.left).toEqual(['hello']);
  });

  test('sends nothing after its end, whatever ended it [H6]', async () => {
    for (const [reason, condition] of [['clean', 'terminated'], ['unauthenticated', 'encryption-error'], ['connection-lost', 'connection-lost'], ['key-changed', 'encryption-error'], ['local', 'cancelled']] as const) {
      const it = await secured();
      it.session.finish({ reason, from: 'secure' });
      expect(it.conversation.state).toBe(SecurityState.ended);
      expect(refusalOf(() => send(it, it.conversation, 'hello', it.fate))).toBe(condition);
      expect(it.gate.sealPassing(it.conversation, body('typing'))).toBe(false);
      expect(it.wire).toEqual([]);
      await tasks.end();
    }
  });

  /** The contact's client ends, and is back. */
  function lose(it: World, session: FakeSession): void {
    it.resources.length = 0;
    session.finish({ reason: 'connection-lost', from: 'secure' });
    it.conversations.consider(bob);
    it.resources.push(desk);
    it.conversations.consider(bob);
  }

  test('is not started anew with a client that has never gone, unless the user wants it', async () => {
    const it = await secured();
    it.session.finish({ reason: 'unauthenticated', from: 'secure' });
    it.conversations.consider(bob);
    expect(it.mechanism.started).toHaveLength(1);
    const asked = it.conversations.secure(it.conversation, { signal: new AbortController().signal });
    it.mechanism.last.secure();
    await asked;
    expect(it.conversation.state).toBe(SecurityState.secure);
  });

  test('is revived by a session of the same key that proves as much, and by no other [G11]', async () => {
    const it = await secured();
    lose(it, it.session);
    it.mechanism.last.secure({ keyPinned: true });
    expect(it.conversation.state).toBe(SecurityState.secure);

    lose(it, it.mechanism.last);
    // KeyContinuity was shown and is not proved now.
    it.mechanism.last.secure({ keyPinned: false });
    expect(it.conversation).toMatchObject({ state: SecurityState.ended, isDead: true });
    expect(it.mechanism.last.state).toBe('ended');

    const other = await secured();
    lose(other, other.session);
    other.mechanism.last.secure({ keyPinned: true }, 'another key');
    expect(other.conversation).toMatchObject({ state: SecurityState.ended, isDead: true });
  });

  test('stays ended, and can be revived, while the contact begins a session with another key from another device: that is another conversation', async () => {
    const it = await secured();
    const fate: Fate = { left: [], failed: [] };
    lose(it, it.session);
    it.mechanism.last.finish({ reason: 'failed', error: new HushError('rejected', 'not now'), from: 'negotiating' });
    const claims = [...it.conversation.claims];
    const second = it.mechanism.offer(phone);
    send(it, it.conversation, 'who is it', fate);
    second.secure({}, 'another key');
    await turn();
    expect(it.conversation).toMatchObject({ state: SecurityState.ended, isDead: false, session: undefined });
    expect([...it.conversation.claims]).toEqual(claims);
    expect(fate).toEqual({ left: [], failed: ['connection-lost'] });
    expect(second.sent).toEqual([]);
    const [, other] = [...it.conversations.of(bob)];
    expect(other).toMatchObject({ state: SecurityState.secure, session: second });
    send(it, other!, 'to the phone', fate);
    expect(fate.left).toEqual(['to the phone']);
    it.mechanism.offer(desk).secure({ keyPinned: true });
    expect(it.conversation.state).toBe(SecurityState.secure);
  });

  test('whoever waits for it hears at once that the session of the contact became another conversation', async () => {
    const it = await secured();
    it.session.finish({ reason: 'connection-lost', from: 'secure' });
    const second = it.mechanism.offer(phone);
    const asked = it.conversations.secure(it.conversation, { signal: new AbortController().signal });
    second.secure({}, 'another key');
    await expect(asked).rejects.toMatchObject({ condition: 'connection-lost' });
    expect(it.conversation).toMatchObject({ state: SecurityState.ended, isDead: false, session: undefined });
  });

  test('ended here is dead for good', async () => {
    const it = await secured();
    await it.conversations.end(it.conversation);
    expect(it.conversation).toMatchObject({ state: SecurityState.ended, endReason: 'local', isDead: true });
    it.conversations.consider(bob);
    expect(it.mechanism.started).toHaveLength(1);
    await expect(it.conversations.secure(it.conversation, { signal: new AbortController().signal })).rejects.toMatchObject({ condition: 'cancelled' });
  });

  test('shows what it proved to the end, and ends rather than take a claim back [G11]', async () => {
    const it = await secured({ signalledKeyMatched: true });
    expect(it.conversation.claims.has('WeaklyAuthenticated')).toBe(true);
    it.session.prove({ signalledKeyMatched: false });
    expect(it.conversation).toMatchObject({ state: SecurityState.ended, endReason: 'key-changed' });
    expect(it.conversation.claims.has('WeaklyAuthenticated')).toBe(true);
  });

  test('waits for a demanded verification with its sends', async () => {
    const it = await secured();
    await it.conversations.secure(it.conversation, { demands: new Set<Claim>(['Verified']), signal: new AbortController().signal });
    expect(refusalOf(() => send(it, it.conversation, 'hello', it.fate))).toBe('not-yet');
    it.session.confirm('comparison');
    send(it, it.conversation, 'hello', it.fate);
    expect(it.fate.left).toEqual(['hello']);
  });

  test('ends when it lacks what is demanded of it', async () => {
    const it = await secured();
    const demands = new Set<Claim>(['StronglyAnonymous']);
    await expect(it.conversations.secure(it.conversation, { demands, signal: new AbortController().signal })).rejects.toMatchObject({ condition: 'encryption-not-available' });
    expect(it.conversation.state).toBe(SecurityState.ended);
  });

  test('ends when its key is no longer trusted [G11]', async () => {
    const it = await secured();
    await it.trust.distrust(bob, Buffer.from('key'));
    expect(it.conversation).toMatchObject({ state: SecurityState.ended, endReason: 'key-changed', isDead: true });
  });

  test('outlives its channel for a quarter of an hour after the last message', async () => {
    const it = await secured();
    it.conversations.hidden(it.conversation);
    await jest.advanceTimersByTimeAsync(limits.unseen - 60_000);
    expect(it.session.state).toBe('secure');
    it.conversations.used(it.conversation, desk);
    await jest.advanceTimersByTimeAsync(120_000);
    expect(it.session.state).toBe('secure');
    await jest.advanceTimersByTimeAsync(limits.unseen);
    expect(it.session.state).toBe('ended');
  });

  test('ends after a day, when nothing was said for a minute', async () => {
    const it = await secured();
    await jest.advanceTimersByTimeAsync(limits.age - 30_000);
    it.conversations.used(it.conversation, desk);
    await jest.advanceTimersByTimeAsync(45_000);
    expect(it.session.state).toBe('secure');
    await jest.advanceTimersByTimeAsync(60_000);
    expect(it.session.state).toBe('ended');
    // Nobody wanted that: it may be revived.
    expect(it.conversation).toMatchObject({ endReason: 'clean', isDead: false });
  });

  test('is dead when the contact broke the rules, and only cut off when it vanished', async () => {
    for (const isViolated of [true, false]) {
      const it = await secured();
      it.session.finish({ reason: 'unauthenticated', from: 'secure', isViolated });
      expect(it.conversation).toMatchObject({ state: SecurityState.ended, endReason: 'unauthenticated', isDead: isViolated });
      await tasks.end();
    }
  });

  test('a session from another device is another conversation', async () => {
    const it = await secured();
    const second = it.mechanism.offer(phone);
    second.secure();
    expect([...it.conversations.of(bob)]).toHaveLength(2);
    expect(it.conversation.session?.peer).toBe(desk);
  });

  test('leaves no plaintext to the contact in another one whose own attempt came to nothing, unless that is never to be secured', async () => {
    const it = await world();
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    const ours = it.mechanism.last;
    const theirs = it.mechanism.offer(phone);
    theirs.secure();
    send(it, conversation, 'waits', fate);
    ours.finish({ reason: 'failed', error: new HushError('rejected', 'declined'), from: 'negotiating' });
    expect(conversation.state).toBe(SecurityState.insecure);
    expect(refusalOf(() => send(it, conversation, 'at once', fate))).toBe('encryption-not-available');
    expect(fate).toEqual({ left: [], failed: ['encryption-not-available'] });
    expect(it.wire).toEqual([]);
    // The twins: asked for never to be secured, and when no session lives any more.
    send(it, it.conversations.create(bob, 'plain'), 'as asked for', fate);
    theirs.finish({ reason: 'unauthenticated', from: 'secure' });
    send(it, conversation, 'later', fate);
    expect(fate.left).toEqual(['plain as asked for', 'plain later']);
  });

  describe('with two devices of a contact, both of which have gone', () => {
    /** Two conversations, one a device, each with its key. */
    async function both(): Promise<World & { atDesk: Conversation; onPhone: Conversation }> {
      const it = await secured();
      const second = it.mechanism.offer(phone);
      second.secure({}, 'key of the phone');
      const [atDesk, onPhone] = [...it.conversations.of(bob)] as [Conversation, Conversation];
      it.conversations.shown(onPhone, false);
      it.mechanism.abilities.set(phone, true);
      it.resources.length = 0;
      for (const session of [it.session, second]) session.finish({ reason: 'unauthenticated', from: 'secure' });
      expect([atDesk.state, onPhone.state]).toEqual([SecurityState.ended, SecurityState.ended]);
      return { ...it, atDesk, onPhone };
    }

    test('one comes back: its session carries one of the two, and the other stays as it is', async () => {
      const { atDesk, onPhone, ...it } = await both();
      const opened: string[] = [];
      it.resources.push(desk);
      it.conversations.consider(bob);
      it.mechanism.last.secure({ keyPinned: true });
      await turn();
      it.gate.onOpened(({ conversation }) => opened.push(conversation!.id));
      it.mechanism.last.receive(body('I am back'));
      expect(opened).toEqual([atDesk.id]);
      expect(atDesk).toMatchObject({ state: SecurityState.secure, session: it.mechanism.last });
      expect(onPhone).toMatchObject({ state: SecurityState.ended, isDead: false, session: undefined });
    });

    test('the one that comes back is known: its own conversation goes on, and the other does not take its key for a changed one', async () => {
      const { atDesk, onPhone, ...it } = await both();
      it.resources.push(phone);
      it.conversations.consider(bob);
      it.mechanism.last.secure({ keyPinned: true }, 'key of the phone');
      expect(onPhone).toMatchObject({ state: SecurityState.secure, session: it.mechanism.last });
      expect(atDesk).toMatchObject({ state: SecurityState.ended, isDead: false, session: undefined });
    });

    test('one begins a session: it goes on with the conversation that it had', async () => {
      const { atDesk, onPhone, ...it } = await both();
      const session = it.mechanism.offer(phone);
      session.secure({ keyPinned: true }, 'key of the phone');
      expect(onPhone).toMatchObject({ state: SecurityState.secure, session });
      expect(atDesk).toMatchObject({ state: SecurityState.ended, isDead: false, session: undefined });
      expect([...it.conversations.of(bob)]).toHaveLength(2);
    });

    test('what carries one of them is not asked to carry the other, too', async () => {
      const { atDesk, onPhone, ...it } = await both();
      it.resources.push(desk);
      it.conversations.consider(bob);
      it.mechanism.last.secure({ keyPinned: true });
      await turn();
      await expect(it.conversations.secure(onPhone, { signal: new AbortController().signal })).rejects.toMatchObject({ condition: 'not-available' });
      expect(onPhone).toMatchObject({ state: SecurityState.ended, isDead: false, session: undefined });
      expect(atDesk).toMatchObject({ state: SecurityState.secure, session: it.mechanism.last });
      // The twin: the device it was had with.
      it.resources.push(phone);
      const asked = it.conversations.secure(onPhone, { signal: new AbortController().signal });
      it.mechanism.last.secure({ keyPinned: true }, 'key of the phone');
      await asked;
      expect([atDesk.session?.peer, onPhone.session?.peer]).toEqual([desk, phone]);
    });

    test('a new conversation may be had with either', async () => {
      const it = await both();
      it.resources.push(desk);
      const third = it.conversations.create(bob, 'securable');
      const asked = it.conversations.secure(third, { signal: new AbortController().signal });
      it.mechanism.last.secure({ keyPinned: true });
      await asked;
      expect(third.session?.peer).toBe(desk);
    });
  });
});

describe('demands', () => {
  test('are met by starting, and the conversation falls back to what it was when they cannot be', async () => {
    const it = await world();
    const conversation = it.conversations.create(bob, 'securable');
    const demands = new Set<Claim>(['ForwardSecret']);
    const asked = it.conversations.secure(conversation, { demands, signal: new AbortController().signal });
    expect(it.mechanism.started[0]?.demands).toEqual(demands);
    it.mechanism.last.secure();
    await asked;
    expect(conversation.demands).toEqual(demands);

    const other = await world();
    const refused = other.conversations.create(bob, 'securable');
    const attempt = other.conversations.secure(refused, { demands, signal: new AbortController().signal });
    other.mechanism.last.finish({ reason: 'failed', error: new HushError('rejected', 'declined'), from: 'negotiating' });
    await expect(attempt).rejects.toMatchObject({ condition: 'rejected' });
    expect(refused).toMatchObject({ state: SecurityState.insecure, demands: new Set() });
  });

  test('count for what waits from the moment they are made: it leaves neither in plaintext, nor to somebody who is not verified, nor in a session that has less', async () => {
    const it = await world();
    const fate: Fate = { left: [], failed: [] };
    const conversation = it.conversations.create(bob, 'securable');
    it.conversations.shown(conversation, true);
    const asked = it.conversations.secure(conversation, { demands: new Set<Claim>(['Encrypted']), signal: new AbortController().signal });
    send(it, conversation, 'secret', fate);
    it.mechanism.last.finish({ reason: 'failed', error: new HushError('rejected', 'declined'), from: 'negotiating' });
    await expect(asked).rejects.toMatchObject({ condition: 'rejected' });
    expect(fate).toEqual({ left: [], failed: ['encryption-not-available'] });
    expect(it.wire).toEqual([]);

    const other = await world();
    const unverified = other.conversations.create(bob, 'securable');
    other.conversations.shown(unverified, true);
    const required = other.conversations.secure(unverified, { demands: new Set<Claim>(['Verified']), signal: new AbortController().signal });
    const later: Fate = { left: [], failed: [] };
    send(other, unverified, 'for bob alone', later);
    other.mechanism.last.secure();
    await required;
    await turn();
    expect(later).toEqual({ left: [], failed: ['not-yet'] });
    expect(other.mechanism.last.sent).toEqual([]);

    const third = await world();
    const stranger = third.conversations.create(bob, 'securable');
    third.conversations.shown(stranger, true);
    const known = third.conversations.secure(stranger, { demands: new Set<Claim>(['KeyContinuity']), signal: new AbortController().signal });
    const fateWithStranger: Fate = { left: [], failed: [] };
    send(third, stranger, 'for a known key alone', fateWithStranger);
    third.mechanism.last.secure({ keyPinned: false });
    await expect(known).rejects.toMatchObject({ condition: 'encryption-not-available' });
    await turn();
    expect(fateWithStranger).toEqual({ left: [], failed: ['encryption-not-available'] });
    expect(third.mechanism.last.sent).toEqual([]);
  });

  test('that no mechanism gives, that contradict each other, or that the policy forbids fail before anything is sent', async () => {
    const it = await world();
    const conversation = it.conversations.create(bob, 'securable');
    const asking = (...claims: Claim[]) => it.conversations.secure(conversation, { demands: new Set(claims), signal: new AbortController().signal });
    await expect(asking('NonRepudiable')).rejects.toMatchObject({ condition: 'not-implemented' });
    await expect(asking('Deniable', 'NonRepudiable')).rejects.toMatchObject({ condition: 'invalid-argument' });
    await it.trust.setContactPolicy(bob, 'off');
    await expect(asking('Encrypted')).rejects.toMatchObject({ condition: 'encryption-not-available' });
    await it.trust.setContactPolicy(bob, undefined);
    it.resources.length = 0;
    await expect(asking('Encrypted')).rejects.toMatchObject({ condition: 'offline' });
    it.resources.push(desk);
    it.mechanism.abilities.set(desk, false);
    await expect(asking('Encrypted')).rejects.toMatchObject({ condition: 'not-capable' });
    expect(it.mechanism.started).toEqual([]);
  });

  test('answer within their limit, saying at which step', async () => {
    const it = await world();
    const conversation = it.conversations.create(bob, 'securable');
    const asked = it.conversations.secure(conversation, { signal: new AbortController().signal });
    it.mechanism.last.enter('negotiating');
    const answer = expect(asked).rejects.toMatchObject({ condition: 'encryption-not-available', message: expect.stringContaining('negotiating') as unknown });
    await jest.advanceTimersByTimeAsync(limits.attempt);
    await answer;
  });
});

test('no sequence of events lowers a claim, verifies before it encrypts, or lets plaintext out of a conversation that was secured [H6]', async () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant('secure' as const), pinned: fc.boolean(), bound: fc.boolean(), key: fc.constantFrom('key', 'other') }),
    fc.record({ kind: fc.constant('prove' as const), bound: fc.boolean(), matched: fc.boolean() }),
    fc.record({ kind: fc.constant('confirm' as const) }),
    fc.record({ kind: fc.constant('end' as const), reason: fc.constantFrom('clean' as const, 'unauthenticated' as const, 'connection-lost' as const, 'failed' as const, 'key-changed' as const) }),
    fc.record({ kind: fc.constantFrom('consider' as const, 'send' as const, 'incoming' as const, 'handshake' as const, 'local-end' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (events) => {
      const it = await world();
      const conversation = it.conversations.create(bob, 'securable');
      let before = new Set(conversation.claims);
      const seen = { encrypted: false };
      const look = (): void => {
        for (const claim of before) expect(conversation.claims.has(claim)).toBe(true);
        if (conversation.claims.has('Verified')) expect(conversation.claims.has('Encrypted')).toBe(true);
        expect(conversation.claims.has('Deniable') && conversation.claims.has('NonRepudiable')).toBe(false);
        before = new Set(conversation.claims);
        seen.encrypted ||= conversation.claims.has('Encrypted');
      };
      conversation.listen({ changed: look });
      it.conversations.shown(conversation, true);
      const session = (): FakeSession | undefined => (conversation.session instanceof FakeSession ? conversation.session : undefined);
      for (const one of events) {
        const plainBefore = it.wire.length;
        const had = seen.encrypted;
        if (one.kind === 'secure' && session()?.state !== 'secure') session()?.secure({ keyPinned: one.pinned, bindingAgreed: one.bound }, one.key);
        else if (one.kind === 'prove') session()?.prove({ bindingAgreed: one.bound, signalledKeyMatched: one.matched });
        else if (one.kind === 'confirm' && session()?.state === 'secure') session()?.confirm('comparison');
        else if (one.kind === 'end') session()?.finish({ reason: one.reason, from: session()!.state });
        else if (one.kind === 'consider') {
          it.resources.length = 0;
          it.conversations.consider(bob);
          it.resources.push(desk);
          it.conversations.consider(bob);
        }
        else if (one.kind === 'incoming') it.mechanism.offer(desk);
        else if (one.kind === 'handshake' && session()?.state === 'negotiating') session()?.enter('handshaking');
        else if (one.kind === 'local-end') await it.conversations.end(conversation);
        else if (one.kind === 'send') refusalOf(() => send(it, conversation, 'x', { left: [], failed: [] }));
        await turn();
        look();
        if (had) expect(it.wire).toHaveLength(plainBefore);
      }
      await tasks.end();
    }),
    { numRuns: 300 },
  );
});
