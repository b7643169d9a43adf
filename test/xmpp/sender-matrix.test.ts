/** Every handler of a whole connection × every kind of sender: it is given exactly what it declares, and what anybody else asks is answered as by an account that is offline. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Composed } from '../harness/composed.ts';
import { escapeXml } from '../harness/xmpp-server.ts';
import type { Handler, Sender } from '../../src/xmpp/router.ts';

let hush: Composed;
beforeAll(async () => {
  hush = await Composed.start({ roster: { 'friend@example.net': 'both', 'fan@example.net': 'from', 'star@example.net': 'to' }, parameters: { 'message-carbons': true } });
});
afterAll(() => hush.stop());

/** Who there is, by the address that the server stamps; undefined: none. Beside it what we take them for. */
const senders: readonly (readonly [who: string, from: string | undefined, sender: Sender])[] = [
  ['nobody', undefined, 'missing'],
  ['our account', 'alice@example.test', 'own-bare'],
  ['our account, in other letters', 'ALICE@Example.TEST', 'own-bare'],
  ['this resource', 'alice@example.test/here', 'own-full'],
  ['another resource of ours', 'alice@example.test/there', 'own-other'],
  ['another resource of ours, in other letters', 'alice@example.test/HERE', 'own-other'],
  ['our server', 'example.test', 'server'],
  ['a resource of our server', 'example.test/here', 'other'],
  ['a component of our server', 'rooms.example.test', 'other'],
  ['a contact', 'friend@example.net', 'subscriber'],
  ['a resource of a contact', 'friend@example.net/home', 'subscriber'],
  ['another resource of a contact', 'friend@example.net/work', 'subscriber'],
  ['a contact who sees us, unseen', 'fan@example.net/home', 'subscriber'],
  ['a contact who may not see us', 'star@example.net/home', 'other'],
  ['the server of a contact', 'example.net', 'other'],
  ['a stranger', 'mallory@example.org/x', 'other'],
  ['a stranger at our server', 'mallory@example.test/x', 'other'],
  ['one who looks like us', '\u0430lice@example.test/here', 'other'],
  ['one at a server like ours', 'alice@example.test.example.org', 'other'],
  ['one with our address as a resource', 'mallory@example.org/alice@example.test', 'other'],
  ['one who looks like a contact', 'fr\u0131end@example.net/home', 'other'],
  ['one with the name of a contact at our server', 'friend@example.test/home', 'other'],
  ['a room', 'room@rooms.example.test', 'other'],
  ['one in a room', 'room@rooms.example.test/friend', 'other'],
  ['one in a room, called like a contact', 'room@rooms.example.test/friend@example.net', 'other'],
];

/** A well-formed stanza for each handler, and what those for whom it is are answered. Whoever adds a handler writes one. */
const stanzas: Readonly<Record<string, { readonly content: string; readonly answer?: string }>> = {
  'roster query': { content: "<query xmlns='jabber:iq:roster'><item jid='new@example.net' subscription='none'/></query>", answer: 'result' },
  'presence *': { content: '<status>here</status>' },
  'presence-subscription *': { content: '<status>let me see you</status>' },
  'xep0030-disco query info': { content: "<query xmlns='http://jabber.org/protocol/disco#info'/>", answer: 'result' },
  'xep0030-disco query items': { content: "<query xmlns='http://jabber.org/protocol/disco#items'/>", answer: 'result' },
  'xep0199-ping ping': { content: "<ping xmlns='urn:xmpp:ping'/>", answer: 'result' },
  'xep0092-version query': { content: "<query xmlns='jabber:iq:version'/>", answer: 'result' },
  'xep0166-jingle jingle': { content: "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='none'><reason><success/></reason></jingle>", answer: 'item-not-found' },
  'xep0047-open open': { content: "<open xmlns='http://jabber.org/protocol/ibb' sid='none' block-size='4096' stanza='iq'/>", answer: 'not-acceptable' },
  'xep0047-data data': { content: "<data xmlns='http://jabber.org/protocol/ibb' sid='none' seq='0'>aGVsbG8=</data>", answer: 'item-not-found' },
  'xep0047-close close': { content: "<close xmlns='http://jabber.org/protocol/ibb' sid='none'/>", answer: 'item-not-found' },
  'xep0047-data-in-message data': { content: "<data xmlns='http://jabber.org/protocol/ibb' sid='none' seq='0'>aGVsbG8=</data>" },
  'xtls-unavailable *': { content: '' },
  'xep0163-pep event': {
    content: "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='http://jabber.org/protocol/nick'><item id='1'><nick xmlns='http://jabber.org/protocol/nick'>Al</nick></item></items></event>",
  },
  'xep0191-block block': { content: "<block xmlns='urn:xmpp:blocking'><item jid='pest@example.org'/></block>", answer: 'result' },
  'xep0191-unblock unblock': { content: "<unblock xmlns='urn:xmpp:blocking'><item jid='pest@example.org'/></unblock>", answer: 'result' },
  'text *': { content: '<body>hello</body>' },
};

const keyOf = ({ name, child }: Handler): string => {
  const isDisco = name === 'xep0030-disco';
  return `${name} ${child?.name ?? '*'}${isDisco ? ` ${child?.ns.split('#')[1] ?? ''}` : ''}`;
};

let count = 0;
const newId = (): string => `m${(count += 1)}`;

function stanzaFor(handler: Handler, type: string, id: string, from: string | undefined): string {
  const name = handler.stanza.startsWith('iq') ? 'iq' : handler.stanza;
  const source = from === undefined ? '' : ` from='${escapeXml(from)}'`;
  return `<${name}${type === '' ? '' : ` type='${type}'`} id='${id}'${source} to='${hush.jid}'>${stanzas[keyOf(handler)]!.content}</${name}>`;
}

/** Types of stanza that a handler is for. */
const typesOf = ({ stanza, types }: Handler): readonly string[] => {
  if (stanza === 'iq-get' || stanza === 'iq-set') return [stanza.slice(3)];
  return types ?? (stanza === 'message' ? ['chat', 'normal', 'headline', 'groupchat'] : ['', 'unavailable']);
};

const unavailable = (id: string, to: string): string =>
  `<iq type="error" id="${id}" to="${to}"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`;

/** The outcome of the iq in an answer. */
function outcomeOf(answer: string, id: string): string {
  const [iq = ''] = new RegExp(`<iq [^>]*id="${id}"[^>]*>`).exec(answer) ?? [];
  if (iq.includes('type="result"')) return 'result';
  return /<error [^>]*><([a-z-]+) /.exec(answer.slice(answer.indexOf(iq)))?.[1] ?? 'none';
}

test('every handler of a whole connection is in the table of senders, and none is open wider [A3 A12 A14 A15]', () => {
  const acquaintances = 'missing own-bare own-full own-other server subscriber';
  const peers = 'own-other subscriber other';
  const anyone = `${acquaintances} other`;
  expect(hush.handlers.map((handler) => `${handler.stanza} ${keyOf(handler)}: ${handler.from.join(' ')}${handler.refusal === undefined ? '' : ` (${handler.refusal})`}`).sort()).toEqual([
    `iq-get xep0030-disco query info: ${acquaintances}`,
    `iq-get xep0030-disco query items: ${acquaintances}`,
    `iq-get xep0092-version query: ${acquaintances}`,
    `iq-get xep0199-ping ping: ${acquaintances}`,
    'iq-set roster query: missing own-bare',
    `iq-set xep0047-close close: ${peers}`,
    `iq-set xep0047-data data: ${peers}`,
    `iq-set xep0047-open open: ${peers}`,
    `iq-set xep0166-jingle jingle: ${anyone}`,
    'iq-set xep0191-block block: missing own-bare',
    'iq-set xep0191-unblock unblock: missing own-bare',
    'message text *: own-bare own-full own-other server subscriber other',
    `message xep0047-data-in-message data: ${peers}`,
    'message xep0163-pep event: own-bare subscriber other',
    'presence presence *: own-bare own-full own-other server subscriber other',
    'presence presence-subscription *: server subscriber other',
    `presence xtls-unavailable *: ${anyone}`,
  ]);
  expect(Object.keys(stanzas).sort()).toEqual([...new Set(hush.handlers.map(keyOf))].sort());
});

describe('the sender matrix', () => {
  test('a handler is given what it declares from every kind of sender, and nothing else [A3 A12 A16]', async () => {
    const expected: string[] = [];
    const actual: string[] = [];
    for (const handler of hush.handlers) {
      for (const type of typesOf(handler)) {
        for (const [who, from, sender] of senders) {
          const id = newId();
          await hush.exchange(stanzaFor(handler, type, id, from));
          const calls = hush.handled.filter((one) => one.handler === handler && one.id === id);
          const row = `${keyOf(handler)} ${type} from ${who}`;
          expected.push(`${row}: ${handler.from.includes(sender) ? sender : 'not shown'}`);
          actual.push(`${row}: ${calls.length === 0 ? 'not shown' : calls.map((call) => call.sender).join()}`);
        }
      }
    }
    expect(actual).toEqual(expected);
    expect(actual.length).toBeGreaterThan(400);
  }, 120_000);

  test('an iq is answered to those for whom it is, and to everybody else as if it was unknown; to strangers byte for byte as by an account that is offline [A3 A14 A15 D3]', async () => {
    const expected: string[] = [];
    const actual: string[] = [];
    const handlers = hush.handlers.filter(({ stanza }) => stanza.startsWith('iq'));
    for (const handler of handlers) {
      for (const [who, from, sender] of senders) {
        const id = newId();
        const answer = await hush.exchange(stanzaFor(handler, handler.stanza.slice(3), id, from));
        const row = `${keyOf(handler)} from ${who}`;
        const isTaken = handler.from.includes(sender);
        expected.push(`${row}: ${isTaken && sender !== 'other' ? stanzas[keyOf(handler)]!.answer! : 'service-unavailable'}`);
        actual.push(`${row}: ${outcomeOf(answer, id)}`);
        if (sender === 'other') {
          expected.push(unavailable(id, from!));
          actual.push(answer);
        }
      }
    }
    expect(actual).toEqual(expected);
  }, 120_000);
});
