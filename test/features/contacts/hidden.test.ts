/** Who is not to know that we are here learns it from nothing that we do by ourselves: contacts while we are hidden, and those who may never see us. XEP-0186, XEP-0030, XEP-0184 */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { verOf } from '../../../src/xmpp/caps-hash.ts';
import { limits } from '../../../src/features/text/strangers.ts';
import { PROFILE } from '../../../src/security/mechanisms/xtls/content.ts';
import { Composed } from '../../harness/composed.ts';
import { names } from '../../harness/telepathy-client.ts';
import { propertyOf } from '../../scenarios/people.ts';

const INFO = 'http://jabber.org/protocol/disco#info';
const FRIEND = 'friend@example.net/home';
/** Lets us see them, and may not see us. */
const STAR = 'star@example.net/home';

/** What the clients of the others can do: sessions of XTLS. */
const features = ['urn:xmpp:jingle:1', 'urn:xmpp:jingle:apps:xmlstream:0', 'urn:xmpp:jingle:transports:ibb:1', 'urn:xmpp:jingle:security:xtls:0', 'http://jabber.org/protocol/ibb', PROFILE];
const able = `<query xmlns='${INFO}'><identity category='client' type='pc'/>${features.map((feature) => `<feature var='${feature}'/>`).join('')}</query>`;
const ver = verOf({ identities: [{ category: 'client', type: 'pc', name: '', lang: '' }], features: new Set(features), forms: new Map(), isWellFormed: true });

let hush: Composed;
beforeEach(async () => {
  hush = await Composed.start({
    roster: { 'friend@example.net': 'both', 'star@example.net': 'to' },
    answers: (payload, { attrs: { to } }) => {
      if (payload.ns === INFO && to === 'example.test') return `<query xmlns='${INFO}'><identity category='server' type='im'/><feature var='urn:xmpp:invisible:0'/></query>`;
      if (payload.ns === INFO && (to === FRIEND || to === STAR)) return able;
      return payload.ns === 'urn:xmpp:invisible:0' ? '' : undefined;
    },
  });
  await propertyOf(hush.connection, names.security, 'IdentityFingerprint', (value) => value !== '');
});
afterEach(() => hush.stop());

const asks = (content: string, type = 'get'): string => `<iq type='${type}' id='q' from='${FRIEND}' to='alice@example.test/here'>${content}</iq>`;
const questions = [
  asks("<ping xmlns='urn:xmpp:ping'/>"),
  asks("<query xmlns='jabber:iq:version'/>"),
  asks(`<query xmlns='${INFO}'/>`),
  asks("<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='none'/>", 'set'),
  asks("<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'><content creator='initiator' name='c'><description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/></content></jingle>", 'set'),
  asks("<open xmlns='http://jabber.org/protocol/ibb' sid='none' block-size='4096'/>", 'set'),
  asks("<nothing xmlns='urn:x'/>"),
  asks('', 'set'),
];
const offline = `<iq type="error" id="q" to="${FRIEND}"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`;
const announced = (from: string, what: string): string => `<presence from='${from}'><c xmlns='http://jabber.org/protocol/caps' node='urn:x' hash='sha-1' ver='${what}'/></presence>`;
const writes = (from: string, id: string): string => `<message type='chat' from='${from}' to='${hush.jid}' id='${id}'><body>are you there?</body><request xmlns='urn:xmpp:receipts'/></message>`;

test('hidden we are offline to contacts: no answer, no receipt, no question and no offer of ours says otherwise [D3 D6]', async () => {
  const { connection } = hush;
  await connection.call(names.presence, 'SetPresence', 'hidden', '');
  for (const question of questions) expect(await hush.exchange(question)).toBe(offline);
  expect(await hush.exchange(announced(FRIEND, ver))).toBe('');
  expect(await hush.exchange(writes(FRIEND, 'm1'))).toBe('');
  await hush.settled();
  // The twin: seen again, we ask, answer, give receipts and offer to secure what is said.
  await connection.call(names.presence, 'SetPresence', 'available', '');
  await hush.session.expect({ name: 'iq', to: FRIEND, with: ['query', INFO] });
  await hush.session.expect({ name: 'iq', to: FRIEND, with: ['jingle'] });
  expect(await hush.exchange(questions[0]!)).toBe(`<iq type="result" id="q" to="${FRIEND}"/>`);
});

test('hidden we do not say either that there is no place for what somebody writes [D3]', async () => {
  const { connection } = hush;
  await connection.call(names.presence, 'SetPresence', 'hidden', '');
  const MALLORY = 'mallory@example.net/x';
  const flood = (): string => Array.from({ length: limits.messages }, (_, i) => writes(MALLORY, `f${i}`)).join('');
  expect(await hush.exchange(flood())).toBe('');
  expect(await hush.exchange(writes(MALLORY, 'm1'))).toBe('');
  // The twin: seen again, there is still no place, and that is said.
  await connection.call(names.presence, 'SetPresence', 'available', '');
  expect(await hush.exchange(writes(MALLORY, 'm2'))).toContain('resource-constraint');
});

test('what the user writes is secured though we are hidden: then the contact knows [D3]', async () => {
  await hush.exchange(announced(FRIEND, ver));
  await hush.connection.call(names.presence, 'SetPresence', 'hidden', '');
  const channel = hush.connection.ensureText('friend@example.net');
  await hush.session.expect({ name: 'iq', to: FRIEND, with: ['jingle'] });
  await channel;
});

test('who may not see us learns nothing from what follows a message of theirs [D3 D6]', async () => {
  // What their client can do is known from others.
  await hush.exchange(announced(FRIEND, ver));
  await hush.exchange(announced(STAR, ver));
  expect(await hush.exchange(writes(STAR, 'm1'))).toBe('');
  await hush.settled();
  const { channel } = await hush.connection.incomingText();
  expect(await channel.getAll(names.securable)).toMatchObject({ State: 0, AvailableMechanisms: ['xtls'] });
  // The twins: a contact who sees us is offered a session, and so is this one when the user writes.
  expect(await hush.exchange(writes(FRIEND, 'm2'))).toContain('session-initiate');
  const sent = channel.send('I am');
  await hush.session.expect({ name: 'iq', to: STAR, with: ['jingle'] });
  await sent;
});
