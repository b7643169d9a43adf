/** What users, peers and servers do, at any moment of a session: it goes its way in one direction, ends once, and nothing inside hush is taken by surprise. XTLS profile §7 and §8. */
import { afterEach, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { HushError } from '../../../../src/errors.ts';
import { silentLog } from '../../../../src/log.ts';
import { elements } from '../../../../src/xmpp/element.ts';
import type { Session } from '../../../../src/security/mechanism.ts';
import { JINGLE } from '../../../../src/xmpp/xep0166-jingle.ts';
import { IBB } from '../../../../src/xmpp/xep0047-ibb.ts';
import { Wire } from '../../../harness/wire.ts';
import { JULIET, claims, couple, message } from './pair.ts';
import type { Side } from './pair.ts';

const order = ['discovering', 'negotiating', 'handshaking', 'secure', 'closing', 'ended'];
const deeds = ['end', 'end-clean', 'revoke', 'confirm', 'send', 'send', 'start', 'close', 'terminate', 'bytestream-close', 'block', 'accept', 'replace', 'unavailable'] as const;
type Deed = (typeof deeds)[number];

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** Does it, at this side or as its peer would; what cannot be done now is refused with a HushError. */
function act(deed: Deed, { side, other, wire, sids, session }: { side: Side; other: Side; wire: Wire; sids: Set<string>; session: Session | undefined }): void {
  const fromPeer = (payload: string): void => wire.inject(other.jid, `<iq type='set' id='x${wire.log.length}' to='${side.jid}'>${payload}</iq>`);
  const jingle = (action: string, content = ''): void => {
    for (const sid of sids) fromPeer(`<jingle xmlns='${JINGLE}' action='${action}' sid='${sid}'>${content}</jingle>`);
  };
  try {
    if (deed === 'end' || deed === 'end-clean') session?.end(deed === 'end' ? 'local' : 'clean').catch(() => undefined);
    else if (deed === 'revoke') session?.revoke(new HushError('encryption-error', 'not this key'));
    else if (deed === 'confirm') session?.confirm('comparison');
    else if (deed === 'send') session?.send(message('canary'));
    else if (deed === 'start') side.start(other.jid);
    else if (deed === 'close') side.mechanism.close();
    else if (deed === 'terminate') jingle('session-terminate', '<reason><success/></reason>');
    else if (deed === 'accept') jingle('session-accept');
    else if (deed === 'replace') jingle('transport-replace');
    else if (deed === 'unavailable') wire.inject(other.jid, `<presence type='unavailable' to='${side.jid}'/>`);
    else for (const sid of sids) fromPeer(deed === 'block' ? `<data xmlns='${IBB}' sid='${sid}' seq='0'>AAAA</data>` : `<close xmlns='${IBB}' sid='${sid}'/>`);
  } catch (error) {
    expect(error).toBeInstanceOf(HushError);
  }
}

afterEach(() => {
  jest.restoreAllMocks();
});

test('whatever is done at whatever moment, a session goes one way, ends once, and claims only what it is', async () => {
  const complaints: unknown[] = [];
  jest.spyOn(silentLog, 'error').mockImplementation((...args: unknown[]) => void complaints.push(args));
  const course = fc.array(fc.record({ at: fc.integer({ min: 0, max: 40 }), isRomeo: fc.boolean(), deed: fc.constantFrom(...deeds) }), { minLength: 1, maxLength: 4 });
  const ends = new Set<string>();
  await fc.assert(
    fc.asyncProperty(course, async (steps) => {
      const wire = new Wire();
      const { romeo, juliet } = couple(wire);
      const sids = new Set<string>();
      const claimed: string[] = [];
      let passed = 0;
      wire.filter = (transit) => {
        for (const { attrs } of elements(transit.stanza).flatMap((payload) => [payload, ...elements(payload).flatMap(elements)])) if (attrs.sid !== undefined) sids.add(attrs.sid);
        for (const { isRomeo, deed, at } of steps) {
          if (at !== passed) continue;
          const [side, other] = isRomeo ? [romeo, juliet] : [juliet, romeo];
          act(deed, { side, other, wire, sids, session: isRomeo ? ours : juliet.incoming[0] });
        }
        passed += 1;
        return [transit];
      };
      const ours = romeo.start(JULIET);
      const watch = (session: Session): void => {
        session.listen({
          changed: () => {
            if (session.state !== 'secure' && session.state !== 'closing' && session.state !== 'ended') expect(claims(session)).toEqual([]);
            claimed.push(...claims(session));
            if (session.state === 'secure' && session === ours) session.send(message('canary'));
          },
        });
      };
      watch(ours);
      await turns(120);
      for (const { mechanism } of [romeo, juliet]) mechanism.close();
      await turns(5);
      for (const session of [ours, ...juliet.incoming]) {
        expect(session.state).toBe('ended');
        expect(() => session.send(message('canary'))).toThrow(HushError);
      }
      for (const { diary, incoming } of [romeo, juliet]) {
        if (incoming.length > 1 || diary.ends.length > 1) continue;
        const states = diary.lines.map((line) => order.indexOf(line.split(' ')[0]!)).filter((at) => at >= 0);
        expect(states).toEqual([...states].sort((one, next) => one - next));
        const firstWord = diary.lines.findIndex((line) => line.startsWith('says'));
        if (firstWord >= 0) expect(diary.lines.slice(0, firstWord).some((line) => line.startsWith('secure'))).toBe(true);
        expect(diary.lines.filter((line) => line.startsWith('end ')).length).toBe(diary.ends.length);
      }
      for (const { diary } of [romeo, juliet]) for (const { reason, from } of diary.ends) ends.add(`${reason} from ${from}`);
      expect(wire.log.join('')).not.toContain('canary');
      expect(wire.log.join('')).not.toContain('internal-server-error');
      expect(complaints).toEqual([]);
      for (const side of [romeo, juliet]) side.stop();
    }),
    { numRuns: 120 },
  );
  // They came to all kinds of ends.
  for (const state of ['negotiating', 'handshaking', 'secure', 'closing']) expect([...ends].filter((end) => end.endsWith(state)).length).toBeGreaterThan(0);
}, 120_000);

test('what is told of the wire is so: a session that nobody disturbs says what was said', async () => {
  const wire = new Wire();
  const { romeo, juliet } = couple(wire);
  const ours = romeo.start(JULIET);
  await Promise.all([romeo.diary.until('secure'), juliet.diary.until('secure')]);
  ours.send(message('canary', 'one'));
  expect(await romeo.diary.until('delivered')).toBe('delivered one');
  expect(juliet.diary.lines).toContain('says canary');
  for (const side of [romeo, juliet]) side.stop();
});
