/** What belongs outside comes inside, and the reverse; words of the peer that some other code would take for its own. XTLS profile §4. */
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { writeFingerprint } from '../../../../src/security/mechanisms/xtls/fingerprint.ts';
import { createIdentity } from '../../../../src/security/identity.ts';
import { serialize } from '../../../../src/xmpp/element.ts';
import type { Element } from '../../../../src/xmpp/element.ts';
import { bareOf, parseFullJid } from '../../../../src/xmpp/jid.ts';
import { JINGLE } from '../../../../src/xmpp/xep0166-jingle.ts';
import { Wire, parse } from '../../../harness/wire.ts';
import { JULIET, ROMEO, Side, claims } from './pair.ts';
import { Puppet } from './puppet.ts';

// Everything here takes milliseconds; what does not come, never does.
jest.setTimeout(5000);

let wire: Wire;
/** Hush. */
let juliet: Side;
let romeo: Puppet;
/** What hush has shown of the session, as it is. */
let opened: Element[];

beforeEach(async () => {
  wire = new Wire();
  juliet = new Side(wire, JULIET);
  romeo = new Puppet(wire, ROMEO, JULIET);
  opened = [];
  romeo.offer();
  await romeo.event('secured');
  romeo.say(romeo.greeting());
  await juliet.diary.until('secure');
  await romeo.hears('<stream:features/>');
  juliet.incoming[0]!.listen({ opened: (message) => opened.push(message) });
});
afterEach(() => {
  romeo.stop();
  juliet.stop();
});
const turns = async (count = 10): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const alive = async (): Promise<void> => {
  romeo.say('<message type="chat"><body>alive</body></message>');
  await juliet.diary.until('says alive');
};

describe('inside [H10]', () => {
  const forwarded = (body: string): string => `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/><message xmlns='jabber:client' from='nurse@example.org/kitchen' to='${JULIET}' type='chat'><body>${body}</body></message></forwarded>`;

  test.each([
    ['a carbon', `<received xmlns='urn:xmpp:carbons:2'>${forwarded('forged')}</received>`],
    ['a carbon of what we sent', `<sent xmlns='urn:xmpp:carbons:2'>${forwarded('forged')}</sent>`],
    ['a message of an archive', `<result xmlns='urn:xmpp:mam:2' queryid='q' id='1'>${forwarded('forged')}</result>`],
    ['a message that is passed on', forwarded('forged')],
    ['an event of a room', "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='nurse@example.org'/></x>"],
    ['a published item', "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:avatar:metadata'><item id='a'/></items></event>"],
    ['a block of a bytestream', "<data xmlns='http://jabber.org/protocol/ibb' sid='x' seq='0'>AAAA</data>"],
  ])('%s is an unknown child of a message of this peer, and nothing more', async (_name, child) => {
    romeo.say(`<message type='chat'>${child}<body>around</body></message>`);
    await juliet.diary.until('says around');
    expect(juliet.diary.lines.filter((line) => line.includes('forged'))).toEqual([]);
    expect(juliet.incoming).toHaveLength(1);
    // It never was a stanza of the stream outside.
    expect(juliet.endpoint.received.map(serialize).join('')).not.toContain('around');
    await alive();
  });

  test('a message from somebody else, by its own words, ends the session', async () => {
    romeo.say("<message type='chat' from='nurse@example.org/kitchen'><body>forged</body></message>");
    expect(await juliet.diary.until('end ')).toMatch(/^end unauthenticated/);
    expect(opened).toEqual([]);
  });

  test.each([
    ['a roster push', "<query xmlns='jabber:iq:roster'><item jid='mallory@example.com' subscription='both'/></query>"],
    ['an offer of a session', `<jingle xmlns='${JINGLE}' action='session-initiate' sid='inside'><content creator='initiator' name='x'><description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/></content></jingle>`],
    ['the end of this session', `<jingle xmlns='${JINGLE}' action='session-terminate' sid='SID'><reason><success/></reason></jingle>`],
    ['a block of this bytestream', "<data xmlns='http://jabber.org/protocol/ibb' sid='IBB' seq='0'>AAAA</data>"],
    ['the end of this bytestream', "<close xmlns='http://jabber.org/protocol/ibb' sid='IBB'/>"],
    ['a blocking push', "<block xmlns='urn:xmpp:blocking'><item jid='romeo@example.net'/></block>"],
  ])('%s is answered inside, and changes nothing outside', async (_name, payload) => {
    const text = payload.replace('SID', romeo.session!.sid).replace('IBB', romeo.ours!.ibbSid);
    const lines = juliet.diary.lines.length;
    romeo.say(`<iq type='set' id='i'>${text}</iq>`);
    await romeo.hears('id="i"');
    expect(romeo.heard).toContain('<iq type="error" id="i"><error type="cancel"><service-unavailable');
    await turns();
    expect([juliet.incoming.length, juliet.diary.lines.length]).toEqual([1, lines]);
    await alive();
  });

  test('an answer to what was asked outside is none', async () => {
    let isAnswered = false;
    const asked = juliet.endpoint.iq.get(parseFullJid('nobody@example.com/x'), romeoPing(), { timeoutMs: 5000 }).then(() => (isAnswered = true), () => undefined);
    await turns(2);
    const id = /<iq[^>]* id="([^"]+)"[^>]*><ping/.exec(wire.log.join(''))![1]!;
    romeo.say(`<iq type='result' id='${id}'/>`);
    await alive();
    expect(isAnswered).toBe(false);
    await asked;
  });

  const romeoPing = (): Element => parse("<ping xmlns='urn:xmpp:ping'/>");
});

describe('outside [H10]', () => {
  test.each([
    ['a verification', `<iq type='set' id='o' to='${JULIET}'><verify xmlns='urn:x-telepathy-hush:xtls:1' mech='srp-6a-3072-sha256' id='${'a'.repeat(32)}' step='1'><A>AAAA</A></verify></iq>`],
    ['a message of one', `<message id='o' to='${JULIET}'><verify xmlns='urn:x-telepathy-hush:xtls:1' mech='srp-6a-3072-sha256' id='${'a'.repeat(32)}' step='1'><A>AAAA</A></verify></message>`],
    ['a binding', `<message id='o' to='${JULIET}'><binding xmlns='urn:x-telepathy-hush:xtls:1' role='initiator' alg='sha-256'>AAAA</binding></message>`],
    ['a receipt', `<message id='o' to='${JULIET}'><received xmlns='urn:xmpp:receipts' id='m'/></message>`],
    ['plaintext', `<message id='o' to='${JULIET}' type='chat'><body>in the clear</body></message>`],
    ['an error for what was said inside', `<message id='m' to='${JULIET}' type='error'><body>sealed</body><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`],
  ])('%s says nothing to the session [H6]', async (_name, stanza) => {
    const session = juliet.incoming[0]!;
    session.send(parse("<message type='chat' id='m'><body>sealed</body></message>"));
    await romeo.hears('sealed');
    const [lines, before] = [juliet.diary.lines.length, claims(session)];
    wire.inject(ROMEO, stanza);
    await turns();
    expect([juliet.diary.lines.length, claims(session), opened]).toEqual([lines, before, []]);
    // The control: the same receipt, inside.
    romeo.say("<message><received xmlns='urn:xmpp:receipts' id='m'/></message>");
    await juliet.diary.until('delivered m');
    await alive();
  });
});

describe('words of the peer [H3]', () => {
  test('are never a template: not in what is shown, asked, logged or told as an error', async () => {
    const odd = '%n%s%d%i%f%j%o%O%c%% ${process.env.HOME} #{x} {{x}} {0} $(id) `id` \\x41 \\u0041';
    const lines: string[] = [];
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString());
        done();
      },
    });
    const log = pino({ level: 'trace', base: null }, stream);
    log.debug({ text: odd, err: new Error(odd) }, 'words of the peer');
    expect(JSON.parse(lines[0]!)).toMatchObject({ text: odd, err: { message: odd } });
    const escaped = odd.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    romeo.say(`<message type='chat'><body>${escaped}</body></message>`);
    expect(await juliet.diary.until('says %n')).toBe(`says ${odd}`);
    romeo.say(`<verify xmlns='urn:x-telepathy-hush:xtls:1' mech='srp-6a-3072-sha256' id='${'b'.repeat(32)}' step='1'><question>${escaped}</question><A>${Buffer.alloc(384, 1).toString('base64')}</A></verify>`);
    expect(await juliet.diary.until('asks')).toBe(`asks ${odd}`);
    // An error that names what came names it as it came.
    romeo.say(`<p:n${'%'.charCodeAt(0)}s xmlns:p='urn:x'/>`);
    await juliet.diary.until('end ');
    expect(juliet.diary.ends[0]!.error!.message).toBe('inside: <n37s/> where it does not belong');
  });
});

describe('a fingerprint that the servers have put in the place of another [G5]', () => {
  test('makes nobody verified: the sessions are what they are, with whoever it is', async () => {
    const mallory = createIdentity(bareOf(ROMEO));
    const own = new Wire();
    const victim = new Side(own, JULIET);
    victim.capabilities.set(ROMEO, new Set(victim.mechanism.features.filter((feature) => !feature.startsWith('urn:x-telepathy-hush'))));
    const between = new Puppet(own, ROMEO, JULIET, mallory);
    between.isProfiled = false;
    between.editAccept = (text) => text.replace('<method ', `<fingerprint algo="sha-256">${writeFingerprint(mallory.certificate)}</fingerprint><method `);
    const session = victim.start(ROMEO);
    await between.event('secured');
    between.say(`${between.header()}<stream:features/>`);
    await victim.diary.until('secure');
    // Vouched for by the signalling path, which is all that it is.
    expect(claims(session)).toEqual(expect.arrayContaining(['Encrypted', 'WeaklyAuthenticated']));
    for (const claim of ['Verified', 'KeyContinuity', 'DowngradeResistant', 'WeaklyAnonymous']) expect(claims(session)).not.toContain(claim);
    between.stop();
    victim.stop();
  });

  test('of another certificate than the one shown is refused', async () => {
    const own = new Wire();
    const victim = new Side(own, JULIET);
    victim.capabilities.set(ROMEO, new Set(victim.mechanism.features.filter((feature) => !feature.startsWith('urn:x-telepathy-hush'))));
    const between = new Puppet(own, ROMEO, JULIET, createIdentity(bareOf(ROMEO)));
    between.isProfiled = false;
    between.editAccept = (text) => text.replace('<method ', `<fingerprint algo="sha-256">${writeFingerprint(romeo.identity.certificate)}</fingerprint><method `);
    victim.start(ROMEO);
    expect(await victim.diary.until('end ')).toBe('end failed certificate-fingerprint-mismatch from handshaking');
    between.stop();
    victim.stop();
  });
});

describe('SRP of TLS, which Node does not have [G12]', () => {
  test('is never announced nor offered, and an offer of nothing else is refused', async () => {
    expect(juliet.mechanism.features.join(' ')).not.toContain('srp');
    const other = new Wire();
    const [one, two] = [new Side(other, JULIET), new Puppet(other, ROMEO, JULIET)];
    one.capabilities.set(ROMEO, new Set(one.mechanism.features));
    two.editAccept = () => '';
    one.start(ROMEO);
    await two.event('offered');
    expect(other.log.join('')).toContain('<method name="x509"/>');
    expect(other.log.join('')).not.toMatch(/srp/i);
    two.offer((text) => text.replace('name="x509"', 'name="srp"'));
    await turns();
    expect(one.diary.lines.some((line) => line.startsWith('secure'))).toBe(false);
    one.stop();
    two.stop();
  });
});
