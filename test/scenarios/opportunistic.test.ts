import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { names } from '../harness/telepathy-client.ts';
import type { Message, TextChannel } from '../harness/telepathy-client.ts';
import { contactIsThere, errorOf, T } from './people.ts';
import { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ prosody: { logStanzas: true } });
  await stage.prosody.befriend('alice', 'bob');
});
afterAll(() => stage.close());

function nextMessage(channel: TextChannel, text: string): Promise<Message> {
  return channel.received((message) => message.text === text);
}

/** What the server has handed to Bob's client from Alice's, in order: name, type, and what is in it (an element's name and namespace). Her server asks for herself, too: that is its own business. */
function whatBobGot(): string[] {
  const log = stage.prosody.log();
  const [, session] = /(\S+)\s+debug\s+Resource bound: bob@localhost/.exec(log)!;
  const stanzas = [...log.matchAll(/(\S+)\s+debug\s+SEND: (<[^\n]*)/g)].filter(([, of, xml]) => of === session && /^<\w+ [^>]*from='alice@localhost\//.test(xml!));
  return stanzas.map(([, , xml]) => {
    const [, name, attributes, isEmpty, content = ''] = /^<(\w+)([^>]*?)(\/?)>(.*)$/.exec(xml!)!;
    const type = / type='(\w+)'/.exec(attributes!)?.[1] ?? 'none';
    // Children only: whatever is inside one another is its own business.
    const children: string[] = [];
    let depth = 0;
    if (isEmpty === '') {
      for (const [, close, child, more, end] of content.matchAll(/<(\/?)([\w:]+)([^>]*?)(\/?)>/g)) {
        if (close === '/') depth -= 1;
        else {
          if (depth === 0) children.push(`${child} ${/xmlns='([^']*)'/.exec(more!)?.[1] ?? ''}`.trim());
          if (end === '') depth += 1;
        }
      }
    }
    return [name, type, ...children.sort()].join(' | ');
  });
}

const question = 'iq | get | query http://jabber.org/protocol/disco#info';
const text = 'message | chat | active http://jabber.org/protocol/chatstates | body';
const receipt = 'message | chat | received urn:xmpp:receipts';
const gone = 'message | chat | gone http://jabber.org/protocol/chatstates';

test('a contact whose client knows nothing of it is sent what any client sends, and not a stanza more', async () => {
  const alice = await stage.client.connect(stage.parameters('alice'));
  await alice.contactList();
  const peer = await stage.peer('bob');
  const bob = stage.prosody.jid('bob');
  await contactIsThere(alice, bob);
  const out = await alice.ensureText(bob);
  await out.send('one');
  await stage.events.expect({ source: 'bob', body: 'one' });
  const answer = nextMessage(out, 'two');
  await peer.message(stage.prosody.jid('alice'), 'two');
  await out.acknowledge((await answer).id);
  await out.close();
  const again = await alice.ensureText(bob);
  await again.send('three');
  await stage.events.expect({ source: 'bob', body: 'three' });
  // Even a user who wants more gets the answer without asking the contact's client once more.
  expect(await errorOf(again.call(names.securable, 'Secure', []))).toBe(`${T}NotCapable`);
  await alice.disconnect();
  await stage.events.expect({ source: 'bob', name: 'presence', from: /^alice@/, available: false });
  const got = whatBobGot();
  const isAvailable = (stanza: string): boolean => /^presence \| none \| c http:\/\/jabber.org\/protocol\/caps \| (delay urn:xmpp:delay|priority) \| x vcard-temp:x:update$/.test(stanza);
  // Answers to what the contact's client asks itself.
  const isAnswer = (stanza: string): boolean => stanza.startsWith('iq | result |');
  // It has typing notices, so it is told that the window was closed; it asks for receipts, so it gets one.
  expect(got.filter((stanza) => !isAvailable(stanza) && !isAnswer(stanza))).toEqual([question, text, receipt, gone, text, 'presence | unavailable']);
  expect(got.filter(isAvailable).length).toBeLessThan(3);
  await peer.stop();
});

test('a contact whose client knows nothing of it notices nothing, and nothing waits', async () => {
  const alice = await stage.client.connect(stage.parameters('alice'));
  await alice.contactList();
  const peer = await stage.peer('bob');
  const handle = await alice.handle(stage.prosody.jid('bob'));
  // Its capabilities are known: there is nothing left to ask.
  const [types] = await alice.call('org.freedesktop.Telepathy.Connection.Interface.ClientTypes', 'RequestClientTypes', handle);
  expect(types).toBeDefined();
  const states: unknown[] = [];
  const off = alice.bus.subscribe({ sender: alice.busName, interface: 'org.freedesktop.DBus.Properties', member: 'PropertiesChanged', arg0: names.securable }, ({ body }) => states.push(body[1]));
  const out = await alice.ensureText(stage.prosody.jid('bob'));
  await out.send('hello');
  await stage.events.expect({ source: 'bob', body: 'hello' });
  const answer = nextMessage(out, 'hello yourself');
  await peer.message(stage.prosody.jid('alice'), 'hello yourself');
  expect(await answer).toMatchObject({ parts: [{ 'security-mechanism': '' }, {}] });
  expect(states).toEqual([]);
  expect(await out.getAll(names.securable)).toMatchObject({ State: 0, AvailableMechanisms: [], Encrypted: false });
  // Not one stanza of an attempt.
  expect(stage.prosody.log()).not.toMatch(/session-initiate|http:\/\/jabber.org\/protocol\/ibb' *block-size/);
  off();
});
