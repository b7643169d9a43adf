/** One conversation through any sequence of what sessions can do: what it promises only grows, and it never comes back to plaintext from where TLS has begun. Contract: Channel.Interface.Securable, rules 1, 2, 6. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Conversation, SecurityState } from '../../src/security/conversation.ts';
import type { EndReason } from '../../src/security/mechanism.ts';
import { parseBareJid, parseFullJid } from '../../src/xmpp/jid.ts';
import { FakeSession } from './fake-mechanism.ts';

const { insecure, negotiating, secure, ended } = SecurityState;

/** What may follow what, and what it takes. */
const ways = new Map<number, readonly number[]>([
  [insecure, [negotiating, secure, ended]],
  [negotiating, [insecure, secure, ended]],
  [secure, [ended]],
  [ended, [negotiating, secure]],
]);

const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('begin' as const), from: fc.constantFrom('discovering' as const, 'negotiating' as const) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('negotiate' as const, 'handshake' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constantFrom('secure' as const, 'at-once' as const),
      facts: fc.record({ kind: fc.constantFrom('xtls-identity' as const, 'xtls-identity' as const, 'xtls-identity' as const, 'xtls-anonymous' as const), keyPinned: fc.boolean(), bindingAgreed: fc.boolean(), fingerprintSignalled: fc.boolean(), verifiedBy: fc.constantFrom(undefined, 'pkix' as const) }),
      key: fc.constantFrom('key', 'key', 'key', 'other'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('prove' as const), facts: fc.record({ bindingAgreed: fc.boolean(), verifiedBy: fc.constantFrom(undefined, 'comparison' as const, 'shared-secret' as const) }) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('end' as const), reason: fc.constantFrom<EndReason>('clean', 'unauthenticated', 'connection-lost'), isViolated: fc.constantFrom(false, false, false, false, true) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('wait' as const, 'local-end' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('kill' as const), reason: fc.constantFrom<EndReason>('local', 'key-changed') }) },
);

test('no sequence of events lowers what is claimed, claims before it is proved, or leads from TLS back to plaintext', () => {
  const reached = { secure: 0, revived: 0, fellBack: 0, dead: 0 };
  fc.assert(
    fc.property(fc.array(event, { minLength: 5, maxLength: 40 }), (events) => {
      const said: { state: number; claims: ReadonlySet<string> }[] = [];
      let hadTls = false;
      const conversation = new Conversation(parseBareJid('bob@example.org'), 'securable', {
        opened: () => undefined,
        // Told of it when it is so, never before.
        secured: (it) => expect([it.state, it.claims.has('Encrypted')]).toEqual([secure, true]),
        sessionEnded: (it) => expect(it.session).toBeUndefined(),
        factsChanged: () => undefined,
      });
      const look = (): void => {
        const now = { state: conversation.state, claims: new Set<string>(conversation.claims) };
        const before = said.at(-1) ?? { state: insecure, claims: new Set<string>() };
        expect(now.state === before.state || ways.get(before.state)?.includes(now.state)).toBe(true);
        expect([...before.claims].filter((claim) => !now.claims.has(claim))).toEqual([]);
        if (now.claims.size > 0) expect(now.claims.has('Encrypted')).toBe(true);
        if (now.claims.size > before.claims.size) expect(now.state).toBe(secure);
        if (hadTls) expect(now.state).not.toBe(insecure);
        if (now.state === secure) expect(conversation.session?.state).toBe('secure');
        if (before.state === negotiating && before.claims.size > 0 && now.state === secure) reached.revived += 1;
        if (before.state === negotiating && now.state === insecure) reached.fellBack += 1;
        said.push(now);
      };
      conversation.listen({ changed: look });
      let count = 0;
      let session: FakeSession | undefined;
      for (const one of events) {
        const isFree = conversation.session === undefined && !conversation.isDead;
        if ((one.what === 'begin' || one.what === 'at-once') && isFree) {
          session = new FakeSession(parseFullJid('bob@example.org/desk'), String(count++));
          session.state = one.what === 'begin' ? one.from : 'negotiating';
          conversation.attach(session);
        }
        const { state } = session ?? { state: 'ended' };
        if (one.what === 'at-once' && isFree) {
          hadTls = true;
          session?.enter('handshaking');
          session?.secure(one.facts, one.key);
        } else if (one.what === 'negotiate' && state === 'discovering') session?.enter('negotiating');
        else if (one.what === 'handshake' && state === 'negotiating') {
          hadTls = true;
          session?.enter('handshaking');
        } else if (one.what === 'secure' && state === 'handshaking') session?.secure(one.facts, one.key);
        else if (one.what === 'prove' && state === 'secure') session?.prove(one.facts);
        else if (one.what === 'end' && session !== undefined) {
          // Only what was secure ends in these ways.
          session.finish({ reason: state === 'secure' ? one.reason : 'failed', from: session.state, isViolated: one.isViolated });
        } else if (one.what === 'local-end' && session !== undefined) session.finish({ reason: 'local', from: session.state });
        else if (one.what === 'wait') conversation.startWaiting();
        else if (one.what === 'kill') conversation.kill(one.reason);
        if (conversation.state === secure) reached.secure += 1;
        if (conversation.isDead) {
          reached.dead += 1;
          expect(conversation.state).toBe(ended);
        }
        if (conversation.state === ended) expect(conversation.endReason).toBeDefined();
        else expect(conversation.endReason).toBeUndefined();
      }
      look();
    }),
    { numRuns: 1500 },
  );
  // The sequences come everywhere.
  for (const times of Object.values(reached)) expect(times).toBeGreaterThan(0);
});
