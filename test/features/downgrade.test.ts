/** A server that says of a contact's client that it cannot secure what is said, or makes it refuse. Contract: Channel.Interface.Securable, rule 7. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PROFILE } from '../../src/security/mechanisms/xtls/content.ts';
import { Composed } from '../harness/composed.ts';
import { messageOf, names } from '../harness/telepathy-client.ts';
import type { BusSignal, TextChannel } from '../harness/telepathy-client.ts';
import type { ScriptedSession } from '../harness/xmpp-server.ts';
import { propertyOf } from '../scenarios/people.ts';

const INFO = 'http://jabber.org/protocol/disco#info';
const FRIEND = 'friend@example.net/home';
const features = ['urn:xmpp:jingle:1', 'urn:xmpp:jingle:apps:xmlstream:0', 'urn:xmpp:jingle:transports:ibb:1', 'urn:xmpp:jingle:security:xtls:0', 'http://jabber.org/protocol/ibb', PROFILE];
const saying = (...shown: string[]): string => `<query xmlns='${INFO}'><identity category='client' type='pc'/>${[INFO, ...shown].map((feature) => `<feature var='${feature}'/>`).join('')}</query>`;

let hush: Composed;
/** What becomes of questions and offers to the contact. */
let info = saying(...features);
let offered: (id: string, sid: string, session: ScriptedSession) => void = () => undefined;
let count = 0;

beforeAll(async () => {
  hush = await Composed.start({
    roster: { 'friend@example.net': 'both' },
    answers: (payload, { attrs: { id = '', to } }, session) => {
      if (to !== FRIEND) return undefined;
      if (payload.ns === INFO) return info;
      if (payload.attrs.action === 'session-initiate') offered(id, payload.attrs.sid!, session);
      return payload.attrs.action === 'session-terminate' ? '' : undefined;
    },
  });
  await propertyOf(hush.connection, names.security, 'IdentityFingerprint', (value) => value !== '');
});
afterAll(() => hush.stop());

const present = (announcement: string): Promise<string> => hush.exchange(`<presence from='${FRIEND}' type='unavailable'/><presence from='${FRIEND}'>${announcement}</presence>`);
/** A hash that proves nothing: the client is asked. */
const announced = (): Promise<string> => present(`<c xmlns='http://jabber.org/protocol/caps' node='urn:x' hash='sha-1' ver='made-up-${(count += 1)}'/>`);

/** What becomes of a text: how the call or the report that follows fails, or 'sent'. */
async function fateOf(channel: TextChannel, text: string): Promise<string> {
  const reported = (): BusSignal | undefined => hush.events.all({ name: 'MessageReceived', path: channel.path, interface: names.messages }).at(-1) as BusSignal | undefined;
  try {
    const token = await channel.send(text);
    await propertyOf(channel, names.securable, 'State', (value) => value !== 1);
    await hush.settled();
    const header = reported() && messageOf(reported()!.args[0]).parts[0];
    return header?.['delivery-token'] === token ? `reported ${String(header['delivery-dbus-error'])}` : 'sent';
  } catch (error) {
    return (error as Error).name;
  }
}

const error = (id: string, condition: string): string => `<iq type='error' id='${id}' from='${FRIEND}'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;
const ends = (reason: string): typeof offered => (id, sid, session) =>
  session.send(`<iq type='result' id='${id}' from='${FRIEND}'/><iq type='set' id='t${id}' from='${FRIEND}' to='${hush.jid}'><jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='${sid}'><reason><${reason}/></reason></jingle></iq>`);

const ways: [how: string, act: () => Promise<unknown>][] = [
  ['a list of features without them', () => ((info = saying()), announced())],
  ['a list of features without one of them', () => ((info = saying(...features.filter((feature) => !feature.includes('xtls:0')))), announced())],
  ['no features at all', () => present('')],
  ['no client that is there', () => hush.exchange(`<presence from='${FRIEND}' type='unavailable'/>`)],
  ...['service-unavailable', 'feature-not-implemented', 'item-not-found'].map((condition): [string, () => Promise<unknown>] => [`an offer answered with ${condition}`, () => ((offered = (id, _, session) => session.send(error(id, condition))), announced())]),
  ...['decline', 'unsupported-applications', 'security-error'].map((reason): [string, () => Promise<unknown>] => [`an offer ended with ${reason}`, () => ((offered = ends(reason)), announced())]),
];

describe('the server hides what a contact can, by', () => {
  test.each(ways)('%s: nothing leaves in clear where that was ruled out [D2]', async (how, act) => {
    const canary = `canary ${how}`;
    info = saying(...features);
    await hush.connection.call(names.security, 'SetPeerPolicy', 'friend@example.net', 'required');
    await act();
    const channel = await hush.connection.ensureText('friend@example.net');
    expect(await fateOf(channel, canary)).toMatch(/EncryptionNotAvailable$/);
    expect(await channel.getAll(names.securable)).toMatchObject({ State: 0, Encrypted: false, Verified: false, WeaklyAuthenticated: false });
    expect(hush.session.clearText).not.toContain(canary);
    await channel.call(names.destroyable, 'Destroy');

    // The twin: with a contact never secured, of whom nothing was demanded, it is plaintext, and says so.
    await hush.connection.call(names.security, 'SetPeerPolicy', 'friend@example.net', '');
    await act();
    const open = await hush.connection.ensureText('friend@example.net');
    expect(await fateOf(open, `open ${how}`)).toBe('sent');
    expect(await open.getAll(names.securable)).toMatchObject({ State: 0, Encrypted: false });
    expect(hush.session.clearText).toContain(`<body>open ${how}</body>`);
    await open.call(names.destroyable, 'Destroy');
  });
});
