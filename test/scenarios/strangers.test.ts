/** A stranger at a real server cannot tell whether somebody is online: answers of a hush that is there, beside those of the server for one who is not. RFC 6121 §8.5.3 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { XmppClient } from '../../src/xmpp/client.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { StanzaRelay } from '../harness/stanza-relay.ts';
import { testClient } from '../xmpp/test-client.ts';
import { parse } from '../xmpp/test-session.ts';
import { Person } from './people.ts';

let prosody: Prosody;
let alice: Person;
/** The stranger, and what passes on his line. */
let mallory: XmppClient;
let line: StanzaRelay;

beforeAll(async () => {
  prosody = await startProsody({ users: { alice: 'alice', bob: 'bob', mallory: 'mallory' }, requireEncryption: false, withoutModules: ['smacks'] });
  line = await StanzaRelay.start(prosody.port);
  alice = await Person.arrive('alice', prosody, { parameters: { resource: 'here' } });
  mallory = testClient(line.port, { account: prosody.jid('mallory'), resource: 'x', password: 'mallory', requireEncryption: false });
  await mallory.connect(AbortSignal.timeout(10_000));
}, 60_000);
afterAll(async () => {
  await mallory.close();
  await alice.leave();
  await line.stop();
  await prosody.stop();
});

const JINGLE = 'urn:xmpp:jingle:1';
const IBB = 'http://jabber.org/protocol/ibb';
const offer = `<content creator='initiator' name='c'><description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/><transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='t'/><security xmlns='urn:xmpp:jingle:security:xtls:0'><method name='x509'/></security></content>`;

/** Everything that hush answers to anybody, and some that it answers to nobody. */
const questions: [what: string, type: 'get' | 'set', payload: string][] = [
  ['a ping', 'get', "<ping xmlns='urn:xmpp:ping'/>"],
  ['what it can', 'get', "<query xmlns='http://jabber.org/protocol/disco#info'/>"],
  ['what its announcement means', 'get', "<query xmlns='http://jabber.org/protocol/disco#info' node='urn:x-telepathy-hush#made-up'/>"],
  ['what belongs to it', 'get', "<query xmlns='http://jabber.org/protocol/disco#items'/>"],
  ['commands', 'get', "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"],
  ['its version', 'get', "<query xmlns='jabber:iq:version'/>"],
  ['its last activity', 'get', "<query xmlns='jabber:iq:last'/>"],
  ['its time', 'get', "<time xmlns='urn:xmpp:time'/>"],
  ['an offer', 'set', `<jingle xmlns='${JINGLE}' action='session-initiate' sid='s'>${offer}</jingle>`],
  ['the end of a session', 'set', `<jingle xmlns='${JINGLE}' action='session-terminate' sid='s'><reason><success/></reason></jingle>`],
  ['a session of no sense', 'set', `<jingle xmlns='${JINGLE}'/>`],
  ['a bytestream', 'set', `<open xmlns='${IBB}' sid='s' block-size='4096' stanza='iq'/>`],
  ['a block', 'set', `<data xmlns='${IBB}' sid='s' seq='0'>AA==</data>`],
  ['the end of a bytestream', 'set', `<close xmlns='${IBB}' sid='s'/>`],
  ['a contact on the list', 'set', "<query xmlns='jabber:iq:roster'><item jid='mallory@example.org' subscription='both'/></query>"],
  ['somebody blocked', 'set', "<block xmlns='urn:xmpp:blocking'><item jid='bob@example.org'/></block>"],
  ['something unknown', 'get', "<unknown xmlns='urn:x'/>"],
  ['something unknown to be done', 'set', "<unknown xmlns='urn:x'/>"],
];

let count = 0;
/** What is answered over the stranger's line. */
async function answerOf(to: string, type: string, payload: string): Promise<string> {
  const id = `q${String((count += 1)).padStart(5, '0')}`;
  const answer = line.next('in', new RegExp(`^<iq [^>]*id=["']${id}["']`));
  line.inject('out', `<iq type='${type}' id='${id}' to='${to}'>${payload}</iq>`);
  return canonical(parse(await answer), id, to);
}

/** All that an answer says, in one order. This server writes a language on whatever a client sends, and none on its own answers: that is its affair, and nothing we send changes it. */
function canonical(element: Element, id: string, to: string): string {
  const attributes = Object.entries(element.attrs).filter(([name]) => name !== 'xml:lang').sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value = '']) => ` ${name}='${value.replace(id, 'ID').replace(to, 'TO')}'`);
  return `<${element.name}${attributes.join('')}>${element.children.map((node) => (typeof node === 'string' ? node : canonical(node, id, to))).join('')}</${element.name}>`;
}

const online = (): string => `${alice.jid}/here`;
const absent = (): string[] => [`${alice.jid}/there`, `${prosody.jid('bob')}/here`, `${prosody.jid('nobody')}/here`];

describe('a stranger', () => {
  test.each(questions)('who asks for %s is told what somebody tells who is not there [D3]', async (_, type, payload) => {
    const answers: string[] = [];
    for (const to of [online(), ...absent()]) answers.push(await answerOf(to, type, payload));
    expect(answers[0]).toContain('<service-unavailable ');
    expect(answers).toEqual(answers.map(() => answers[0]));
  });

  test('who takes the time cannot tell a question that hush knows from one that it does not [D3]', async () => {
    const rounds = 60;
    const times = new Map(questions.map(([what]) => [what, [] as number[]]));
    for (let round = 0; round < rounds; round += 1) {
      for (const [what, type, payload] of questions) {
        const began = performance.now();
        await answerOf(online(), type, payload);
        times.get(what)!.push(performance.now() - began);
      }
    }
    const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
    const usual = median([...times.values()].flat());
    // A handler that did any work, let alone asked somebody, would stand out; a busy machine is busy for all alike.
    const outstanding = [...times].map(([what, values]) => [what, median(values)] as const).filter(([, value]) => Math.abs(value - usual) > Math.max(2, usual));
    expect(outstanding).toEqual([]);
  }, 60_000);
});
