/** What can be done to a session from outside of it: by others who know its ids, by the peer in the wrong role, and to what was agreed on. XTLS profile §1; XEP-0166. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { serialize } from '../../../../src/xmpp/element.ts';
import type { Element } from '../../../../src/xmpp/element.ts';
import { parseFullJid } from '../../../../src/xmpp/jid.ts';
import { errorOf } from '../../../../src/xmpp/stanza-error.ts';
import { IBB } from '../../../../src/xmpp/xep0047-ibb.ts';
import { JINGLE, actions } from '../../../../src/xmpp/xep0166-jingle.ts';
import { Wire } from '../../../harness/wire.ts';
import type { Transit } from '../../../harness/wire.ts';
import type { Session } from '../../../../src/security/mechanism.ts';
import { JULIET, ROMEO, Side, claims, couple, message } from './pair.ts';
import { Puppet } from './puppet.ts';

let wire: Wire;
/** Hush. */
let juliet: Side;
/** The peer, in whichever role. */
let romeo: Puppet;

const turns = async (count = 6): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const ask = async (from: string, payload: string): Promise<string> => {
  const answer = await wire.ask(from, JULIET, 'set', payload);
  return answer.attrs.type === 'result' ? 'result' : errorOf(answer).condition;
};
const jingle = (action: string, sid: string, rest = ''): string => `<jingle xmlns='${JINGLE}' action='${action}' sid='${sid}' ${rest}/>`;
const frozen = actions.filter((action) => /^(content|transport|description)-/.test(action));

function begin(): void {
  wire = new Wire();
  juliet = new Side(wire, JULIET, { subscribers: ['romeo@example.net', 'nurse@example.org'] });
  juliet.capabilities.set(ROMEO, new Set(juliet.mechanism.features));
  romeo = new Puppet(wire, ROMEO, JULIET);
}
function end(): void {
  romeo.stop();
  juliet.stop();
}

async function untilSecure(hushRole: 'initiator' | 'responder'): Promise<void> {
  if (hushRole === 'responder') romeo.offer();
  else juliet.start(ROMEO);
  await romeo.event('secured');
  romeo.say(romeo.greeting());
  await juliet.diary.until('secure');
  await romeo.hears(hushRole === 'responder' ? '<stream:features/>' : '</reveal>');
}
const alive = async (): Promise<void> => {
  romeo.say('<message type="chat"><body>alive</body></message>');
  await juliet.diary.until('says alive');
};

describe.each(['initiator', 'responder'] as const)('a session, hush %s', (role) => {
  beforeEach(begin);
  afterEach(end);

  test('is touched by nobody who knows its sids but the peer [E1]', async () => {
    await untilSecure(role);
    const lines = [...juliet.diary.lines];
    const [sid, bytes] = [romeo.session!.sid, romeo.ours!.ibbSid];
    for (const from of ['romeo@example.net/phone', 'romeo@example.net', 'nurse@example.org/kitchen', 'mallory@example.com/x']) {
      for (const action of actions.filter((each) => each !== 'session-initiate')) {
        expect(await ask(from, jingle(action, sid, `initiator='${ROMEO}'`))).toBe(from.startsWith('mallory') ? 'service-unavailable' : 'item-not-found');
      }
      for (const payload of ['open', 'data', 'close']) expect(await ask(from, `<${payload} xmlns='${IBB}' sid='${bytes}' seq='0' block-size='4096'>AAAA</${payload}>`)).not.toBe('result');
      wire.inject(from, `<message to='${JULIET}'><data xmlns='${IBB}' sid='${bytes}' seq='0'>AAAA</data></message>`);
    }
    await turns();
    expect(juliet.diary.lines).toEqual(lines);
    await alive();
    expect(await ask(ROMEO, jingle('session-terminate', sid))).toBe('result');
    await juliet.diary.until('end unauthenticated');
  });

  test.each(frozen)('is over when the peer tries %s before it is secure, and nothing of it is plain [E4]', async (action) => {
    romeo.editAccept = () => '';
    if (role === 'initiator') {
      juliet.start(ROMEO);
      await romeo.event('offered');
    } else {
      romeo.doesTls = false;
      romeo.offer();
      await romeo.event('opened');
    }
    expect(await ask(ROMEO, jingle(action, romeo.session!.sid))).toBe('not-acceptable');
    expect(await juliet.diary.until('end ')).toMatch(/^end failed encryption-error from (?:negotiating|handshaking)$/);
    await romeo.until(() => wire.log.some((text) => text.includes('session-terminate') && text.includes('security-error')));
    expect(juliet.diary.lines.some((line) => /^(?:secure|says)/.test(line))).toBe(false);
  });

  test.each(frozen)('is over when the peer tries %s while it is secure, with nothing more sent [E4]', async (action) => {
    await untilSecure(role);
    const session = juliet.mechanism.start(ROMEO, { demands: new Set() });
    const before = romeo.heard;
    expect(await ask(ROMEO, jingle(action, romeo.session!.sid, `initiator='${role === 'initiator' ? JULIET : ROMEO}'`))).toBe('not-acceptable');
    expect(await juliet.diary.until('end ')).toBe('end unauthenticated encryption-error from secure');
    expect(() => session.send(message('canary'))).toThrow();
    await turns();
    expect(romeo.heard).toBe(before);
    expect(wire.log.join('')).not.toContain('canary');
  });

  test('knows no other security while it lives: what security-info says has no effect [E4]', async () => {
    await untilSecure(role);
    const session = juliet.mechanism.start(ROMEO, { demands: new Set() });
    const before = claims(session);
    const security = "<security xmlns='urn:xmpp:jingle:security:xtls:0'><fingerprint algo='sha-256'>AA</fingerprint><method name='srp'/></security>";
    expect(await ask(ROMEO, `<jingle xmlns='${JINGLE}' action='security-info' sid='${romeo.session!.sid}'><content creator='initiator' name='xmlstream'>${security}</content></jingle>`)).toBe('result');
    expect([session.state, claims(session)]).toEqual(['secure', before]);
    await alive();
  });
});

describe('the other side’s words [E2]', () => {
  beforeEach(begin);
  afterEach(end);

  test('from an initiator accept nothing: neither its own offer, nor the bytestream', async () => {
    romeo.doesTls = false;
    romeo.offer();
    await romeo.event('opened');
    const { sid } = romeo.session!;
    expect(await ask(ROMEO, jingle('session-accept', sid))).toBe('unexpected-request');
    expect(await ask(ROMEO, `<open xmlns='${IBB}' sid='${romeo.ours!.ibbSid}' block-size='4096' stanza='iq'/>`)).toBe('not-acceptable');
    romeo.startTls();
    await romeo.event('secured');
    romeo.say(romeo.greeting());
    await juliet.diary.until('secure');
  });

  test('from a responder open nothing: only who offered opens', async () => {
    romeo.editAccept = () => '';
    juliet.start(ROMEO);
    await romeo.event('offered');
    expect(await ask(ROMEO, `<open xmlns='${IBB}' sid='${romeo.ours!.ibbSid}' block-size='4096' stanza='iq'/>`)).toBe('not-acceptable');
    expect(await ask(ROMEO, jingle('session-accept', romeo.session!.sid))).toBe('result');
    // An accept of nothing is one of something else than was offered.
    expect(await juliet.diary.until('end ')).toBe('end failed encryption-error from negotiating');
  });

  test('in any order, without TLS, never make a session secure', async () => {
    const step = fc.record({ what: fc.constantFrom(...actions, 'accept', 'open', 'data', 'close', 'result'), from: fc.constantFrom<string>(ROMEO, ROMEO, ROMEO, 'romeo@example.net/phone') });
    end();
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 8 }), async (isOurs, steps) => {
        begin();
        romeo.editAccept = () => '';
        romeo.doesTls = false;
        if (isOurs) juliet.start(ROMEO);
        else romeo.offer();
        await romeo.event(isOurs ? 'offered' : 'opened');
        const sid = romeo.session!.sid;
        const bytes = romeo.ours!.ibbSid;
        const content = /<content .*<\/content>/.exec(wire.log.find((text) => text.includes('session-initiate'))!)![0];
        for (const { what, from } of steps) {
          if (what === 'open') await ask(from, `<open xmlns='${IBB}' sid='${bytes}' block-size='4096' stanza='iq'/>`);
          else if (what === 'data') await ask(from, `<data xmlns='${IBB}' sid='${bytes}' seq='0'>FgMBAAUBAAAB</data>`);
          else if (what === 'close') await ask(from, `<close xmlns='${IBB}' sid='${bytes}'/>`);
          else if (what === 'result') wire.inject(from, `<iq type='result' id='nonsense' to='${JULIET}'/>`);
          else if (what === 'accept') await ask(from, `<jingle xmlns='${JINGLE}' action='session-accept' sid='${sid}'>${content}</jingle>`);
          else await ask(from, jingle(what, sid));
        }
        await turns(3);
        expect(juliet.diary.lines.filter((line) => /^(?:secure|says)/.test(line))).toEqual([]);
        for (const session of juliet.incoming) expect(claims(session)).toEqual([]);
        end();
      }),
      { numRuns: 150 },
    );
    begin();
  });
});

test('an offer in the name of somebody else is no session, with whoever it names or with whoever sent it [E3]', async () => {
  begin();
  juliet.pins.add('nurse@example.org' as never);
  const offer = async (initiator: string): Promise<string> => {
    const text = `<content creator='initiator' name='xmlstream'><description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/><transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='b'/><security xmlns='urn:xmpp:jingle:security:xtls:0'><method name='x509'/><profile xmlns='urn:x-telepathy-hush:xtls:1'/></security></content>`;
    return ask(ROMEO, `<jingle xmlns='${JINGLE}' action='session-initiate' sid='a' initiator='${initiator}'>${text}</jingle>`);
  };
  for (const initiator of ['nurse@example.org/kitchen', 'nurse@example.org', 'romeo@example.net/other', 'romeo@example.net', JULIET, '', 'no JID at all@']) {
    expect([initiator, await offer(initiator)]).toEqual([initiator, 'bad-request']);
  }
  await turns();
  expect([juliet.incoming, wire.log.filter((text) => text.includes('session-accept'))]).toEqual([[], []]);
  // The control, in another spelling of the very sender.
  expect(await offer('Romeo@EXAMPLE.net/orchard')).toBe('result');
  await juliet.diary.until('incoming');
  expect(juliet.incoming.map(({ peer }) => peer)).toEqual([ROMEO]);
  end();
});

describe('offers that cross [E5]', () => {
  interface Course {
    readonly romeoAt: number;
    readonly julietAt: number;
    readonly isAsked: boolean;
    readonly order: readonly boolean[];
  }

  /** Two who start at some moment each, with the stanzas of both directions delivered in some order: each direction keeps its own. */
  async function meet({ romeoAt, julietAt, isAsked, order }: Course): Promise<{ sides: [Side, Side]; opens: number }> {
    const own = new Wire();
    const { romeo: one, juliet: two } = couple(own);
    if (isAsked) for (const [side, features] of [[one, one.capabilities.get(JULIET)], [two, two.capabilities.get(ROMEO)]] as const) {
      side.capabilities.clear();
      side.ask = async () => Promise.resolve(features);
    }
    const waiting: Record<string, Transit[]> = { [ROMEO]: [], [JULIET]: [] };
    let credits = 0;
    let opens = 0;
    own.filter = (transit) => {
      if (credits > 0) {
        credits -= 1;
        return [transit];
      }
      // The bytestream and TLS are not what this is about.
      if (serialize(transit.stanza).includes('<open ')) opens += 1;
      else waiting[transit.from]!.push(transit);
      return [];
    };
    const deliver = async ({ from, stanza }: Transit): Promise<void> => {
      credits = 1;
      own.inject(from, stanza);
      await turns(2);
    };
    for (let at = 0; at < 60; at += 1) {
      if (at === romeoAt) one.start(JULIET);
      if (at === julietAt) two.start(ROMEO);
      await turns(1);
      const [first, second] = order[at % order.length] === true ? [ROMEO, JULIET] : [JULIET, ROMEO];
      const next = waiting[first]!.shift() ?? waiting[second]!.shift();
      if (next !== undefined) await deliver(next);
      else if (at > Math.max(romeoAt, julietAt)) break;
    }
    return { sides: [one, two], opens };
  }

  test('leave one session, and both ends mean the same one, in any order of events', async () => {
    const course = fc.record<Course>({ romeoAt: fc.nat(7), julietAt: fc.nat(7), isAsked: fc.boolean(), order: fc.array(fc.boolean(), { minLength: 1, maxLength: 24 }) });
    await fc.assert(
      fc.asyncProperty(course, async (one) => {
        const { sides, opens } = await meet(one);
        // One bytestream for the one session; whatever else was offered is gone on both sides.
        expect(opens).toBe(1);
        for (const [side, peer] of [[sides[0], JULIET], [sides[1], ROMEO]] as const) {
          expect((side.mechanism.start(peer, { demands: new Set() }) as Session & { readonly step: string }).step).toBe('transport');
          expect(side.diary.ends).toEqual([]);
        }
        for (const side of sides) side.stop();
      }),
      { numRuns: 1000, endOnFailure: true },
    );
  }, 60_000);

  test('are at most one with each client of a contact', async () => {
    begin();
    await untilSecure('responder');
    expect(juliet.mechanism.start(ROMEO, { demands: new Set() })).toBe(juliet.incoming[0]);
    const again = new Set<Element['attrs']['sid']>();
    for (let at = 0; at < 20; at += 1) {
      again.add(String(at));
      expect(await ask(ROMEO, `<jingle xmlns='${JINGLE}' action='session-initiate' sid='${at}'><content creator='initiator' name='x'><description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/></content></jingle>`)).toBe('conflict');
    }
    await alive();
    // Another client of the same contact is another matter.
    const phone = new Puppet(wire, parseFullJid('romeo@example.net/phone'), JULIET);
    phone.offer();
    await phone.event('secured');
    phone.stop();
    end();
  });
});
