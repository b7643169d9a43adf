import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HushError } from '../../src/errors.ts';
import { elements } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { parseFullJid } from '../../src/xmpp/jid.ts';
import type { FullJid } from '../../src/xmpp/jid.ts';
import { errorOf } from '../../src/xmpp/stanza-error.ts';
import { JINGLE, Jingle, actions, isSid, isTieBreak, newSid, refusal, winsTie } from '../../src/xmpp/xep0166-jingle.ts';
import type { JingleListener, JingleSession } from '../../src/xmpp/xep0166-jingle.ts';
import { Wire, parse } from '../harness/wire.ts';
import type { Endpoint } from '../harness/wire.ts';

const ROMEO = 'romeo@example.net/orchard';
const JULIET = 'juliet@example.org/balcony';
const TEST = 'urn:test:application';
const content = (ns = TEST): Element => parse(`<content xmlns='${JINGLE}' creator='initiator' name='x'><description xmlns='${ns}'/></content>`);

class Owner implements JingleListener {
  readonly events: string[] = [];
  session: JingleSession | undefined;
  onOffer: 'accept' | 'ring' | 'decline' = 'ring';
  #waiters: (() => void)[] = [];
  offered(session: JingleSession): void {
    this.session = session;
    this.#note('offered');
    if (this.onOffer === 'accept') session.accept([content()]);
    if (this.onOffer === 'decline') session.terminate('decline');
  }
  accepted(): void {
    this.#note('accepted');
  }
  terminated(reason: string): void {
    this.#note(`terminated ${reason}`);
  }
  refused(error: HushError): void {
    this.#note(`refused ${error.condition}${isTieBreak(error) ? ' tie-break' : ''}`);
  }
  broken(): void {
    this.#note('broken');
  }
  #note(event: string): void {
    this.events.push(event);
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
  /** Waits until this many events have come. */
  async count(events: number): Promise<string[]> {
    while (this.events.length < events) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    return this.events;
  }
}

let wire: Wire;
let romeo: Endpoint;
let juliet: Endpoint;
let ours: Jingle;
let theirs: Jingle;
let theirOwner: Owner;

const juggle = (text: string): string => `<jingle xmlns='${JINGLE}' ${text}`;
const ask = async (payload: string, from = ROMEO, to = JULIET): Promise<{ type: string | undefined; condition: string; application: string | undefined }> => {
  const answer = await wire.ask(from, to, 'set', payload);
  const error = errorOf(answer);
  return { type: answer.attrs.type, condition: answer.attrs.type === 'error' ? error.condition : '', application: error.application?.name };
};
const offer = (sid: string, extra = ''): string => juggle(`action='session-initiate' sid='${sid}' ${extra}><content creator='initiator' name='x'><description xmlns='${TEST}'/></content></jingle>`);
const result = { type: 'result', condition: '', application: undefined };

beforeEach(() => {
  wire = new Wire();
  romeo = wire.endpoint(ROMEO, { subscribers: ['juliet@example.org'] });
  juliet = wire.endpoint(JULIET, { subscribers: ['romeo@example.net'] });
  const subscribed = (_peer: FullJid, sender: string): boolean => sender === 'subscriber';
  ours = new Jingle(romeo, subscribed);
  theirs = new Jingle(juliet, subscribed);
  theirOwner = new Owner();
  theirs.register({ description: TEST, admit: () => theirOwner });
});
afterEach(() => {
  romeo.disconnect();
  juliet.disconnect();
});

describe('a session', () => {
  test('is offered, answered, accepted, answered and ended, in this order on the wire', async () => {
    theirOwner.onOffer = 'accept';
    const owner = new Owner();
    const session = ours.initiate(parseFullJid(JULIET), newSid(), [content()], owner);
    await owner.count(1);
    session.terminate('success');
    await theirOwner.count(2);
    expect(owner.events).toEqual(['accepted']);
    expect(theirOwner.events).toEqual(['offered', 'terminated success']);
    const kinds = wire.log.map((text) => /action="([a-z-]+)"/.exec(text)?.[1] ?? /type="([a-z]+)"/.exec(text)?.[1]);
    expect(kinds.slice(0, 5)).toEqual(['session-initiate', 'result', 'session-accept', 'result', 'session-terminate']);
    expect(wire.log[0]).toContain(`initiator="${ROMEO}"`);
    expect(wire.log[2]).toContain(`responder="${JULIET}"`);
    expect(wire.log[4]).toContain('<reason><success/></reason>');
  });

  test('that is declined ends with that reason', async () => {
    theirOwner.onOffer = 'decline';
    const owner = new Owner();
    ours.initiate(parseFullJid(JULIET), newSid(), [content()], owner);
    expect(await owner.count(1)).toEqual(['terminated decline']);
  });

  test('is over for its owner when the next offer of the peer is judged, however close it follows', async () => {
    theirOwner.onOffer = 'accept';
    const owner = new Owner();
    const session = ours.initiate(parseFullJid(JULIET), newSid(), [content()], owner);
    await owner.count(1);
    const seen: string[][] = [];
    theirs.register({ description: TEST, admit: () => (seen.push([...theirOwner.events]), theirOwner) });
    // On the wire together: read in one turn of the event loop.
    wire.hold();
    session.terminate('success');
    ours.initiate(parseFullJid(JULIET), newSid(), [content()], new Owner());
    wire.release();
    await theirOwner.count(3);
    expect(seen).toEqual([['offered', 'terminated success']]);
  });

  test('about something unknown is answered and ended', async () => {
    const owner = new Owner();
    ours.initiate(parseFullJid(JULIET), newSid(), [content('urn:unknown')], owner);
    expect(await owner.count(1)).toEqual(['terminated unsupported-applications']);
  });

  test('offered to nobody is refused', async () => {
    const owner = new Owner();
    ours.initiate(parseFullJid('juliet@example.org/gone'), newSid(), [content()], owner);
    expect(await owner.count(1)).toEqual(['refused not-available']);
  });

  test('says nothing more after its end', async () => {
    const owner = new Owner();
    const session = ours.initiate(parseFullJid(JULIET), newSid(), [content()], owner);
    session.drop();
    session.terminate('cancel');
    await theirOwner.count(1);
    expect(wire.log.filter((text) => text.includes('session-terminate'))).toEqual([]);
  });
});

describe('an offer', () => {
  test.each([
    ['with a foreign initiator', offer('a', "initiator='mallory@example.com/x'"), ROMEO],
    ['without sid', juggle("action='session-initiate'/>"), ROMEO],
    ['with an empty sid', offer(''), ROMEO],
    ['with a sid of 256 characters', offer('x'.repeat(256)), ROMEO],
    ['with a control in its sid', offer('a&#10;b'), ROMEO],
    ['from a bare JID', offer('a'), 'romeo@example.net'],
    ['from our own account', offer('a'), 'juliet@example.org'],
    ['from our own server', offer('a'), 'example.org'],
  ])('%s is a bad request and no session [E3]', async (_name, payload, from) => {
    expect((await ask(payload, from)).condition).toBe('bad-request');
    expect(theirOwner.events).toEqual([]);
    expect(await ask(offer('a', `initiator='${ROMEO}'`))).toEqual(result);
  });

  test('from a stranger gets what an account offline would answer, whatever is in it', async () => {
    const stranger = 'mallory@example.com/x';
    const payloads = [offer('a'), offer('', "initiator='juliet@example.org/balcony'"), juggle("action='session-info' sid='x'/>"), juggle("action='nonsense'/>")];
    for (const payload of payloads) expect(await ask(payload, stranger)).toEqual({ type: 'error', condition: 'service-unavailable', application: undefined });
    expect((await ask(offer('a'), 'mallory@example.com')).condition).toBe('service-unavailable');
  });

  test('may be refused by its application', async () => {
    theirs.register({
      description: TEST,
      admit: () => {
        throw refusal('resource-constraint');
      },
    });
    expect((await ask(offer('a'))).condition).toBe('resource-constraint');
  });

  test('with the sid of a living session conflicts, without harm', async () => {
    await ask(offer('a'));
    expect(await ask(offer('a'))).toEqual({ type: 'error', condition: 'conflict', application: undefined });
    expect(await ask(juggle("action='session-info' sid='a'/>"))).toEqual(result);
  });
});

describe('every action in every state and role [E2 E4]', () => {
  beforeEach(() => {
    // The peer here is a script: it answers a session-accept with a result.
    wire.filter = ({ from, to, stanza }) =>
      from === JULIET && elements(stanza)[0]?.attrs.action === 'session-accept'
        ? [{ from: to, to: from, stanza: parse(`<iq type='result' id='${stanza.attrs.id}' to='${from}'/>`) }]
        : [{ from, to, stanza }];
  });

  /** What the peer gets for it, and what our owner learns. */
  const expected = (action: string, role: string, state: string): [answer: string, event: string] => {
    if (action === 'session-initiate') return ['conflict', ''];
    if (action === 'session-accept') return role === 'initiator' && state === 'pending' ? ['result', 'accepted'] : ['unexpected-request out-of-order', ''];
    if (action === 'session-info' || action === 'security-info') return ['result', ''];
    if (action === 'session-terminate') return ['result', 'terminated success'];
    return ['not-acceptable security-required', 'broken'];
  };
  const cases = actions.flatMap((action) => ['initiator', 'responder'].flatMap((role) => ['pending', 'active'].map((state) => [action, role, state] as const)));

  test.each(cases)('%s, we %s, %s', async (action, role, state) => {
    const owner = theirOwner;
    if (role === 'responder') {
      if (state === 'active') owner.onOffer = 'accept';
      await ask(offer('s'));
      await owner.count(1);
      owner.events.splice(0);
    } else {
      ours.register({ description: TEST, admit: () => new Owner() });
      theirs.initiate(parseFullJid(ROMEO), 's', [content()], owner);
      if (state === 'active') {
        await ask(juggle("action='session-accept' sid='s'/>"));
        await owner.count(1);
        owner.events.splice(0);
      }
    }
    const reason = action === 'session-terminate' ? '<reason><success/></reason>' : '';
    const answer = await ask(action === 'session-initiate' ? offer('s') : juggle(`action='${action}' sid='s'>${reason}</jingle>`));
    const [wanted, event] = expected(action, role, state);
    expect([answer.type === 'result' ? 'result' : answer.condition, answer.application].filter(Boolean).join(' ')).toBe(wanted);
    expect(owner.events).toEqual(event === '' ? [] : [event]);
  });

  test('a model of both ends never disagrees with the sessions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...actions), { maxLength: 8 }), fc.boolean(), async (sequence, isAccepting) => {
        const sid = newSid();
        theirOwner = new Owner();
        theirOwner.onOffer = isAccepting ? 'accept' : 'ring';
        await ask(offer(sid));
        let isOver = false;
        for (const action of sequence) {
          const answer = await ask(action === 'session-initiate' ? offer(sid) : juggle(`action='${action}' sid='${sid}'/>`));
          if (isOver) {
            if (action !== 'session-initiate') expect(answer).toEqual({ type: 'error', condition: 'item-not-found', application: 'unknown-session' });
            else isOver = false;
          } else if (action === 'session-terminate') {
            isOver = true;
          } else {
            expect(answer.application).not.toBe('unknown-session');
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('in a session', () => {
  beforeEach(async () => {
    await ask(offer('s'));
    await theirOwner.count(1);
  });

  test('a foreign initiator or responder is a bad request and breaks it [E3]', async () => {
    expect((await ask(juggle("action='session-info' sid='s' initiator='mallory@example.com/x'/>"))).condition).toBe('bad-request');
    expect((await ask(juggle("action='session-info' sid='s' responder='mallory@example.com/x'/>"))).condition).toBe('bad-request');
    expect(theirOwner.events).toEqual(['offered', 'broken', 'broken']);
    expect(await ask(juggle(`action='session-info' sid='s' initiator='${ROMEO}' responder='${JULIET}'/>`))).toEqual(result);
  });

  test('a payload of session-info is not supported and does no harm', async () => {
    expect(await ask(juggle("action='session-info' sid='s'><ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/></jingle>"))).toEqual({
      type: 'error',
      condition: 'feature-not-implemented',
      application: 'unsupported-info',
    });
    expect(theirOwner.events).toEqual(['offered']);
  });

  test.each(['nonsense', '', 'constructor', '__proto__'])('the action %j is a bad request', async (action) => {
    expect((await ask(juggle(`action='${action}' sid='s'/>`))).condition).toBe('bad-request');
  });

  test('nobody else has a part, with the right sid or not [E1]', async () => {
    for (const action of actions) {
      const payload = juggle(`action='${action}' sid='s'/>`);
      if (action !== 'session-initiate') expect(await ask(payload, 'romeo@example.net/other')).toMatchObject({ condition: 'item-not-found', application: 'unknown-session' });
      expect((await ask(payload, 'mallory@example.com/x')).condition).toBe('service-unavailable');
    }
    expect(theirOwner.events).toEqual(['offered']);
  });
});

describe('crossed offers [E5]', () => {
  const jid = (text: string): FullJid => parseFullJid(text);

  test('the lower sid stands, by bytes; at equal sids the lower JID', () => {
    expect(winsTie({ sid: 'a', jid: jid(JULIET) }, { sid: 'b', jid: jid(ROMEO) })).toBe(true);
    expect(winsTie({ sid: 'a', jid: jid(ROMEO) }, { sid: 'B', jid: jid(JULIET) })).toBe(false);
    expect(winsTie({ sid: 'a', jid: jid(JULIET) }, { sid: 'a', jid: jid(ROMEO) })).toBe(true);
    expect(winsTie({ sid: '\uFFFD', jid: jid(ROMEO) }, { sid: '\u{10000}', jid: jid(JULIET) })).toBe(true);
  });

  test('never let both stand or both fall', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }), (a, b) => {
        const [one, two] = [{ sid: a, jid: jid(ROMEO) }, { sid: b, jid: jid(JULIET) }];
        expect(winsTie(one, two)).toBe(!winsTie(two, one));
      }),
      { numRuns: 1000 },
    );
  });

  test('are told by the error', async () => {
    theirs.register({
      description: TEST,
      admit: () => {
        throw refusal('conflict', 'tie-break');
      },
    });
    const owner = new Owner();
    ours.initiate(jid(JULIET), newSid(), [content()], owner);
    expect(await owner.count(1)).toEqual(['refused not-available tie-break']);
    expect(isTieBreak(new HushError('not-available', 'x'))).toBe(false);
  });
});

test('sids are 32 lower-case hex digits, each another [E1]', () => {
  const sids = new Set(Array.from({ length: 100 }, newSid));
  expect(sids.size).toBe(100);
  for (const sid of sids) expect(isSid(sid) && /^[0-9a-f]{32}$/.test(sid)).toBe(true);
  expect(elements(content())).toHaveLength(1);
});
