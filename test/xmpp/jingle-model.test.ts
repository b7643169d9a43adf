/** Jingle sessions against a model of them: every action in every state, both roles, by the peer and by everybody else who knows the sid. XEP-0166 §6, §7. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { elements } from '../../src/xmpp/element.ts';
import { parseFullJid } from '../../src/xmpp/jid.ts';
import { errorOf } from '../../src/xmpp/stanza-error.ts';
import { JINGLE, Jingle, actions, newSid } from '../../src/xmpp/xep0166-jingle.ts';
import type { JingleListener, JingleSession } from '../../src/xmpp/xep0166-jingle.ts';
import { Wire, parse } from '../harness/wire.ts';

const PEER = 'romeo@example.net/orchard';
const OWN = 'juliet@example.org/balcony';
const others = ['romeo@example.net/other', 'romeo@example.net', 'nurse@example.org/kitchen', 'mallory@example.com/x'];
const TEST = 'urn:test:application';
const contents = `<content xmlns='${JINGLE}' creator='initiator' name='x'><description xmlns='${TEST}'/></content>`;

let wire: Wire;
let ours: Jingle;
let stop: () => void;
let owner: Owner;

class Owner implements JingleListener {
  readonly events: string[] = [];
  session: JingleSession | undefined;
  offered(session: JingleSession): void {
    this.session = session;
  }
  accepted(): void {
    this.events.push('accepted');
  }
  terminated(): void {
    this.events.push('terminated');
  }
  refused(): void {
    this.events.push('refused');
  }
  broken(): void {
    this.events.push('broken');
  }
}

beforeEach(() => {
  wire = new Wire();
  const endpoint = wire.endpoint(OWN, { subscribers: ['romeo@example.net', 'nurse@example.org'] });
  stop = () => endpoint.disconnect();
  ours = new Jingle(endpoint, (_peer, sender) => sender === 'subscriber');
  ours.register({ description: TEST, admit: () => owner });
  // Whoever is asked says yes; what the peers then do is the test's affair.
  wire.filter = ({ from, to, stanza }) =>
    from === OWN && stanza.attrs.type === 'set' ? [{ from: to, to: from, stanza: parse(`<iq type='result' id='${stanza.attrs.id}' to='${from}'/>`) }] : [{ from, to, stanza }];
});
afterEach(() => stop());

async function ask(from: string, attributes: string): Promise<string> {
  const isOffer = attributes.includes("action='session-initiate'");
  const answer = await wire.ask(from, OWN, 'set', `<jingle xmlns='${JINGLE}' ${attributes}>${isOffer ? contents : ''}</jingle>`);
  if (answer.attrs.type === 'result') return 'result';
  const { condition, application } = errorOf(answer);
  return [condition, application?.name].filter(Boolean).join(' ');
}

/** A session with the peer in which we have this role, pending or active. */
async function begin(role: 'initiator' | 'responder', isActive: boolean, sid: string): Promise<JingleSession> {
  owner = new Owner();
  if (role === 'responder') {
    expect(await ask(PEER, `action='session-initiate' sid='${sid}'`)).toBe('result');
    if (isActive) owner.session!.accept(elements(parse(`<x>${contents}</x>`)));
    return owner.session!;
  }
  const session = ours.initiate(parseFullJid(PEER), sid, elements(parse(`<x>${contents}</x>`)), owner);
  if (isActive) expect(await ask(PEER, `action='session-accept' sid='${sid}'`)).toBe('result');
  owner.events.length = 0;
  return session;
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('whoever knows the sid of somebody else’s session [E1]', () => {
  test.each(['initiator', 'responder'] as const)('gets nowhere with it by any action, and the session is as it was (we %s)', async (role) => {
    const session = await begin(role, true, 'known');
    for (const action of actions.filter((each) => each !== 'session-initiate')) {
      for (const from of others) {
        expect(await ask(from, `action='${action}' sid='known'`)).toBe(from.startsWith('mallory') ? 'service-unavailable' : 'item-not-found unknown-session');
      }
    }
    await turns();
    expect([session.state, owner.events]).toEqual(['active', []]);
    // The control: for the peer itself it is there.
    expect(await ask(PEER, "action='session-info' sid='known'")).toBe('result');
    expect(await ask(PEER, "action='session-terminate' sid='known'")).toBe('result');
    expect([session.state, owner.events]).toEqual(['ended', ['terminated']]);
  });

  test('may have a session of the same sid, which is another one', async () => {
    const first = await begin('responder', true, 'same');
    const firstOwner = owner;
    owner = new Owner();
    expect(await ask('nurse@example.org/kitchen', "action='session-initiate' sid='same'")).toBe('result');
    expect(await ask('nurse@example.org/kitchen', "action='session-terminate' sid='same'")).toBe('result');
    expect([first.state, firstOwner.events, owner.events]).toEqual(['active', [], ['terminated']]);
  });
});

describe('what only the other side may say [E2]', () => {
  test('an initiator cannot accept its own offer', async () => {
    const session = await begin('responder', false, 's');
    expect(await ask(PEER, "action='session-accept' sid='s'")).toBe('unexpected-request out-of-order');
    expect(await ask(PEER, `action='session-accept' sid='s' initiator='${PEER}' responder='${OWN}'`)).toBe('unexpected-request out-of-order');
    await turns();
    expect([session.state, owner.events]).toEqual(['pending', []]);
  });

  test('a responder can, once', async () => {
    const session = await begin('initiator', false, 's');
    expect(await ask(PEER, "action='session-accept' sid='s'")).toBe('result');
    expect(await ask(PEER, "action='session-accept' sid='s'")).toBe('unexpected-request out-of-order');
    await turns();
    expect([session.state, owner.events]).toEqual(['active', ['accepted']]);
  });

  /** What the peer is answered, what our owner learns, and what the session is then: from the specification alone. */
  function model(role: string, state: string, action: string, isForeign: boolean): [answer: string, event: string | undefined, state: string] {
    if (action === 'session-initiate') return isForeign ? ['bad-request', undefined, state] : ['conflict', undefined, state];
    if (isForeign) return ['bad-request', 'broken', state];
    if (action === 'session-accept') return role === 'initiator' && state === 'pending' ? ['result', 'accepted', 'active'] : ['unexpected-request out-of-order', undefined, state];
    if (action === 'session-terminate') return ['result', 'terminated', 'ended'];
    if (action === 'session-info' || action === 'security-info') return ['result', undefined, state];
    if (!(actions as readonly string[]).includes(action)) return ['bad-request', undefined, state];
    return ['not-acceptable security-required', 'broken', state];
  }

  test('any sequence of anything by anybody comes to what the model says', async () => {
    const step = fc.record({
      action: fc.constantFrom(...actions, 'session-accept', 'session-accept', 'content-become', 'constructor', '__proto__'),
      from: fc.constantFrom(PEER, PEER, PEER, ...others.slice(0, 3)),
      named: fc.constantFrom('nobody', 'nobody', 'themselves', 'another'),
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('initiator' as const, 'responder' as const), fc.boolean(), fc.array(step, { maxLength: 10 }), async (role, isActive, steps) => {
        const sid = newSid();
        const session = await begin(role, isActive, sid);
        let state: string = session.state;
        for (const { action, from, named } of steps) {
          const isPeer = from === PEER;
          const initiator = named === 'nobody' ? '' : `initiator='${named === 'another' ? 'nurse@example.org/balcony' : role === 'initiator' ? OWN : PEER}'`;
          const before = owner.events.length;
          if (action === 'session-initiate' && (!isPeer || state === 'ended' || (role === 'initiator' && named === 'themselves'))) continue;
          const answer = await ask(from, `action='${action}' sid='${sid}' ${initiator}`);
          await turns();
          const [wanted, event, next] = isPeer && state !== 'ended' ? model(role, state, action, named === 'another') : ['item-not-found unknown-session', undefined, state];
          expect([from, action, answer, owner.events.slice(before)]).toEqual([from, action, wanted, event === undefined ? [] : [event]]);
          state = next;
          expect(session.state).toBe(state);
        }
        session.drop();
      }),
      { numRuns: 300 },
    );
  });
});
