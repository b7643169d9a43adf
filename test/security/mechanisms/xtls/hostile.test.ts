import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createIdentity, createThrowAwayIdentity } from '../../../../src/security/identity.ts';
import { serialize, xml } from '../../../../src/xmpp/element.ts';
import { parseFullJid } from '../../../../src/xmpp/jid.ts';
import { errorOf } from '../../../../src/xmpp/stanza-error.ts';
import { JINGLE } from '../../../../src/xmpp/xep0166-jingle.ts';
import { Wire } from '../../../harness/wire.ts';
import { JULIET, ROMEO, Side, claims, message } from './pair.ts';
import { Puppet } from './puppet.ts';
import type { Edit } from './puppet.ts';

let wire: Wire;
/** Hush. */
let juliet: Side;
/** The peer, in whichever role. */
let romeo: Puppet;

beforeEach(() => {
  wire = new Wire();
  juliet = new Side(wire, JULIET);
  juliet.capabilities.set(ROMEO, new Set(juliet.mechanism.features));
  romeo = new Puppet(wire, ROMEO, JULIET);
});
afterEach(() => {
  romeo.stop();
  juliet.stop();
});

const swap =
  (from: string | RegExp, to: string): Edit =>
  (text) => {
    const edited = text.replace(from, to);
    if (edited === text) throw new Error(`nothing to edit: ${String(from)} in ${text}`);
    return edited;
  };

/** TLS is done with hush in the given role; nothing was said by the peer. */
async function untilTls(hushRole: 'initiator' | 'responder'): Promise<void> {
  if (hushRole === 'responder') romeo.offer();
  else juliet.start(ROMEO);
  await romeo.event('secured');
}

/** The peer is bound, too. */
async function untilSecure(hushRole: 'initiator' | 'responder'): Promise<void> {
  await untilTls(hushRole);
  romeo.say(romeo.greeting());
  await juliet.diary.until('secure');
  await romeo.hears(hushRole === 'responder' ? '<stream:features/>' : '</reveal>');
}

describe('an offer', () => {
  const endsWith = async (edit: Edit): Promise<string> => {
    romeo.offer(edit);
    const event = await romeo.event('terminated');
    expect(juliet.incoming).toEqual([]);
    return event.slice('terminated '.length);
  };

  test('as it should be is accepted, with smaller blocks too', async () => {
    romeo.offer(swap('block-size="4096"', 'block-size="1024"'));
    await romeo.event('secured');
    expect(romeo.theirs?.blockSize).toBe('1024');
  });

  test('of larger blocks is accepted with ours', async () => {
    romeo.offer(swap('block-size="4096"', 'block-size="65535"'));
    await romeo.event('accepted');
    expect(romeo.theirs?.blockSize).toBe('4096');
  });

  test('with methods we do not know is accepted with ours', async () => {
    romeo.offer(swap('<method name="x509"/>', '<method name="srp"/><method name="x509"/><method name="x509"/>'));
    await romeo.event('secured');
    romeo.say(romeo.greeting());
    await juliet.diary.until('secure');
  });

  test.each<[string, string, Edit]>([
    ['failed-transport', 'blocks of 255', swap('block-size="4096"', 'block-size="255"')],
    ['failed-transport', 'blocks of 65536', swap('block-size="4096"', 'block-size="65536"')],
    ['failed-transport', 'a leading zero', swap('block-size="4096"', 'block-size="04096"')],
    ['failed-transport', 'no block size', swap(' block-size="4096"', '')],
    ['unsupported-transports', 'another transport', swap('urn:xmpp:jingle:transports:ibb:1', 'urn:xmpp:jingle:transports:s5b:1')],
    ['unsupported-applications', 'another creator', swap('creator="initiator"', 'creator="responder"')],
    ['unsupported-applications', 'senders', swap('name="xmlstream"', 'name="xmlstream" senders="initiator"')],
    ['security-error', 'no security', swap(/<security.*<\/security>/, '')],
    ['security-error', 'two securities', swap(/(<security.*<\/security>)/, '$1$1')],
    ['security-error', 'no method', swap('<method name="x509"/>', '')],
    ['security-error', 'only SRP', swap('name="x509"', 'name="srp"')],
    ['security-error', 'two profiles', swap(/(<profile[^>]*\/>)/, '$1$1')],
    ['security-error', 'an unknown mode', swap('<profile ', '<profile mode="identity" ')],
    ['security-error', 'an empty mode', swap('<profile ', '<profile mode="" ')],
    ['security-error', 'a profile with a child', swap(/<profile([^>]*)\/>/, '<profile$1><x/></profile>')],
    ['security-error', 'a commitment of 43 characters', swap(/commitment="(.{43})="/, 'commitment="$1"')],
    ['security-error', 'an empty commitment', swap(/commitment="[^"]*"/, 'commitment=""')],
    ['security-error', 'a commitment in anonymous mode', swap('<profile ', '<profile mode="anonymous" ')],
    ['security-error', 'a profile outside security', swap(/(<profile[^>]*\/>)<\/security>/, '</security>$1')],
  ])('ends with %s: %s [E4 E7 G12]', async (reason, _name, edit) => {
    expect(await endsWith(edit)).toBe(reason);
  });

  test.each(["x:a='1' xmlns:x='urn:x'", "xml:lang='en'"])('whose profile has the attribute %s ends with security-error', async (attribute) => {
    romeo.offer();
    await romeo.event('accepted');
    const text = wire.log[0]!.replace('<profile ', `<profile ${attribute} `).replace(/ id="[^"]*"/, ' id="again"').replaceAll(/sid="[0-9a-f]{32}"/g, 'sid="again"');
    wire.inject('romeo@example.net/other', text.replace(/ initiator="[^"]*"/, ''));
    await romeo.until(() => wire.log.some((sent) => sent.includes('sid="again"') && sent.includes('<security-error/>')));
  });

  test('of two contents ends with unsupported-applications', async () => {
    const content = "<content creator='initiator' name='a'><description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/></content>";
    const answer = await wire.ask('romeo@example.net/orchard', JULIET, 'set', `<jingle xmlns='${JINGLE}' action='session-initiate' sid='two'>${content}${content}</jingle>`);
    expect(answer.attrs.type).toBe('result');
    await romeo.until(() => wire.log.some((text) => text.includes('<unsupported-applications/>')));
  });

  test('of a stranger gets nothing but what an account offline answers, and takes no room', async () => {
    const stranger = new Puppet(wire, parseFullJid('mallory@example.com/x'), JULIET);
    stranger.offer();
    expect(await stranger.event('refused')).toBe('refused service-unavailable');
    expect(juliet.incoming).toEqual([]);
    juliet.acceptsStrangers = true;
    stranger.offer();
    await stranger.event('secured');
    stranger.stop();
  });

  test('while a session lives conflicts, and does it no harm [E5]', async () => {
    await untilSecure('responder');
    const offer = `<jingle xmlns='${JINGLE}' action='session-initiate' sid='again'><content creator='initiator' name='x'><description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/></content></jingle>`;
    const error = errorOf(await wire.ask(ROMEO, JULIET, 'set', offer));
    expect([error.condition, error.application]).toEqual(['conflict', undefined]);
    romeo.say("<message><body>still here</body></message>");
    await juliet.diary.until('says still here');
  });

  test('beyond two of a contact, or thirty-two in all, is put off [E5 fault-13]', async () => {
    const puppets: Puppet[] = [];
    const offer = async (jid: string): Promise<string> => {
      const puppet = new Puppet(wire, parseFullJid(jid), JULIET);
      puppet.doesTls = false;
      puppets.push(puppet);
      puppet.offer();
      await puppet.until(() => puppet.events.length > 0);
      return puppet.events[0]!;
    };
    juliet.acceptsStrangers = true;
    expect([await offer('a@example.com/1'), await offer('a@example.com/2'), await offer('a@example.com/3')]).toEqual(['accepted', 'accepted', 'refused resource-constraint']);
    for (let at = 0; at < 30; at += 1) expect(await offer(`b${at}@example.com/x`)).toBe('accepted');
    expect(await offer('c@example.com/x')).toBe('refused resource-constraint');
    for (const puppet of puppets) puppet.stop();
  });
});

describe('an accept', () => {
  test.each<[string, Edit]>([
    ['of another name', swap('name="xmlstream"', 'name="other"')],
    ['of another creator', swap('creator="initiator"', 'creator="responder"')],
    ['of another bytestream', swap(/sid="[0-9a-f]{32}"/, 'sid="other"')],
    ['of larger blocks', swap('block-size="4096"', 'block-size="4097"')],
    ['of no blocks', swap('block-size="4096"', 'block-size="0"')],
    ['without security', swap(/<security.*<\/security>/, '')],
    ['without the profile', swap(/<profile[^>]*\/>/, '')],
    ['of another mode', swap(/commitment="[^"]*"/, 'mode="anonymous"')],
    ['of another method', swap('name="x509"', 'name="srp"')],
    ['of two methods', swap('<method name="x509"/>', '<method name="x509"/><method name="x509"/>')],
    ['of another transport', swap('urn:xmpp:jingle:transports:ibb:1', 'urn:xmpp:jingle:transports:s5b:1')],
  ])('%s is a security error, and no way to plaintext [E4 G12]', async (_name, edit) => {
    romeo.editAccept = edit;
    juliet.start(ROMEO);
    expect(await romeo.event('terminated')).toBe('terminated security-error');
    expect(await juliet.diary.until('end ')).toBe('end failed encryption-error from negotiating');
    expect(wire.log.some((text) => text.includes('<open '))).toBe(false);
  });

  test('with a profile nobody offered is a security error', async () => {
    juliet.capabilities.set(ROMEO, new Set(juliet.mechanism.features.filter((feature) => !feature.startsWith('urn:x-telepathy-hush'))));
    romeo.editAccept = swap('</security>', '<profile xmlns="urn:x-telepathy-hush:xtls:1"/></security>');
    romeo.isProfiled = false;
    juliet.start(ROMEO);
    expect(await romeo.event('terminated')).toBe('terminated security-error');
  });

  test('as it should be leads to a session', async () => {
    await untilSecure('initiator');
    expect(claims(juliet.mechanism.start(ROMEO, { demands: new Set() }))).toContain('DowngradeResistant');
  });
});

describe.each(['initiator', 'responder'] as const)('hush as %s', (role) => {
  const insecure = async (): Promise<void> => {
    expect(await romeo.event('terminated')).toBe('terminated security-error');
    expect(await juliet.diary.until('end ')).toBe('end failed encryption-error from handshaking');
    expect(juliet.diary.lines.some((line) => line.startsWith('secure') || line.startsWith('says'))).toBe(false);
  };

  test('writes nothing inside before it has judged, and opens the stream as the profile says', async () => {
    await untilTls(role);
    if (role === 'responder') {
      expect(romeo.heard).toBe('');
      romeo.say(romeo.header());
    }
    await romeo.hears(role === 'responder' ? '<stream:features/>' : '</reveal>');
    expect(romeo.heard).toMatch(
      new RegExp(
        `^<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" version="1.0" from="${JULIET}" to="${ROMEO}">` +
          `<binding xmlns="urn:x-telepathy-hush:xtls:1" role="${role}" alg="sha-256">[A-Za-z0-9+/]{43}=</binding>` +
          `<reveal xmlns="urn:x-telepathy-hush:xtls:1">[A-Za-z0-9+/]{43}=</reveal>${role === 'responder' ? '<stream:features/>' : ''}$`,
      ),
    );
    expect(romeo.heard).toContain(romeo.hash.toString('base64'));
  });

  test('accepts the right binding, in one write or byte by byte', async () => {
    await untilTls(role);
    for (const byte of Buffer.from(romeo.greeting())) romeo.engine!.write(Buffer.from([byte]));
    await juliet.diary.until('secure');
  });

  test('accepts a declaration, another prefix, another order, an id and a language', async () => {
    await untilTls(role);
    romeo.say(`<?xml version='1.0' encoding='UTF-8'?><s:stream id='x' xml:lang='de' to='${JULIET}' version='1.0' from='${ROMEO}' xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>`);
    romeo.say(romeo.binding() + romeo.reveal());
    await juliet.diary.until('secure');
  });

  test.each<[string, () => string]>([
    ['another from', () => romeo.header(swap(ROMEO, 'romeo@example.net/other'))],
    ['a bare from', () => romeo.header(swap(ROMEO, 'romeo@example.net'))],
    ['no from', () => romeo.header(swap(`from='${ROMEO}'`, ''))],
    ['another to', () => romeo.header(swap(JULIET, 'nurse@example.org/x'))],
    ['no version', () => romeo.header(swap("version='1.0'", ''))],
    ['another version', () => romeo.header(swap("version='1.0'", "version='1.1'"))],
    ['another root', () => romeo.header(swap('stream:stream ', 'stream:other '))],
    ['another namespace', () => romeo.header(swap('http://etherx.jabber.org/streams', 'urn:other'))],
    ['a wrong hash', () => romeo.header() + romeo.binding(swap(romeo.hash.toString('base64'), Buffer.alloc(32).toString('base64')))],
    ['no hash', () => romeo.header() + romeo.binding(swap(romeo.hash.toString('base64'), ''))],
    ['our own role', () => romeo.header() + romeo.binding(swap(`role='${romeo.role}'`, `role='${role}'`))],
    ['no role', () => romeo.header() + romeo.binding(swap(`role='${romeo.role}'`, ''))],
    ['another hash function', () => romeo.header() + romeo.binding(swap('sha-256', 'sha-512'))],
    ['no hash function', () => romeo.header() + romeo.binding(swap(" alg='sha-256'", ''))],
    ['a child in the binding', () => romeo.header() + romeo.binding(swap('</binding>', '<x/></binding>'))],
    ['white space in the binding', () => romeo.header() + romeo.binding(swap('</binding>', ' </binding>'))],
    ['no binding, a message', () => `${romeo.header()}<message><body>hello</body></message>`],
    ['a reveal before the binding', () => romeo.header() + romeo.reveal()],
    ['no reveal, a message', () => `${romeo.header()}${romeo.binding()}<message><body>hello</body></message>`],
    ['a reveal of another salt', () => romeo.header() + romeo.binding() + romeo.reveal(swap(/>[^<]+</, `>${Buffer.alloc(32).toString('base64')}<`))],
    ['a reveal of 31 bytes', () => romeo.header() + romeo.binding() + romeo.reveal(swap(/>[^<]+</, `>${Buffer.alloc(31).toString('base64')}<`))],
    ['two bindings', () => romeo.header() + romeo.binding() + romeo.binding()],
    ['a binding of another namespace', () => romeo.header() + romeo.binding(swap('urn:x-telepathy-hush:xtls:1', 'jabber:client'))],
    ['an end before the binding', () => `${romeo.header()}</stream:stream>`],
    ['text', () => `${romeo.header()}hello`],
    ['white space', () => `${romeo.header()} ${romeo.binding()}`],
    ['a DTD', () => `<!DOCTYPE x>${romeo.header()}`],
    ['a comment', () => `${romeo.header()}<!-- x -->`],
    ['no XML', () => 'GET / HTTP/1.1\r\n\r\n'],
    ['no UTF-8', () => `${romeo.header()}<binding \xff`],
  ])('refuses a peer with %s, in silence', async (name, text) => {
    await untilTls(role);
    if (role === 'initiator') await romeo.hears('</reveal>');
    const before = romeo.heard;
    const bytes = name === 'no UTF-8' ? Buffer.from(text(), 'latin1') : Buffer.from(text());
    romeo.engine!.write(bytes);
    await insecure();
    expect(romeo.heard.replace(before, '').replace(/^<stream:stream.*<stream:features\/>$/, '')).toBe('');
    expect(romeo.events).not.toContain('tls ended');
  });

  test('looks at nothing after the first failure in the same read', async () => {
    await untilTls(role);
    romeo.say(`${romeo.header()}${romeo.binding(swap('sha-256', 'sha-1'))}${romeo.binding()}${romeo.reveal()}<message><body>hello</body></message>`);
    await insecure();
  });

  test('refuses a key that was not committed to [G5]', async () => {
    romeo.doesTls = false;
    if (role === 'responder') romeo.offer();
    else juliet.start(ROMEO);
    await romeo.event('opened');
    romeo.startTls(createIdentity('romeo@example.net'));
    await romeo.event('secured');
    romeo.say(romeo.greeting());
    await insecure();
  });

  test('refuses a certificate of somebody else [G4]', async () => {
    romeo.doesTls = false;
    if (role === 'responder') romeo.offer();
    else juliet.start(ROMEO);
    await romeo.event('opened');
    romeo.startTls(role === 'initiator' ? createIdentity('mallory@example.com') : createThrowAwayIdentity());
    expect(await romeo.event('terminated')).toBe('terminated security-error');
    expect(await juliet.diary.until('end ')).toBe('end failed certificate-hostname-mismatch from handshaking');
    expect(romeo.heard).toBe('');
  });

  describe('when secure', () => {
    beforeEach(async () => {
      await untilSecure(role);
    });
    const unclean = async (): Promise<void> => {
      expect(await juliet.diary.until('end ')).toMatch(/^end unauthenticated .* from secure$/);
      expect(await romeo.event('terminated')).toBe('terminated security-error');
    };
    const alive = async (): Promise<void> => {
      romeo.say('<message type="chat"><body>alive</body></message>');
      await juliet.diary.until('says alive');
    };

    test.each([
      "<message type='chat' from='romeo@example.net/orchard' to='juliet@example.org/balcony'><body>x</body></message>",
      "<message><body>x</body></message>",
      "<message type='normal'><body>x</body></message>",
      "<message type='error'><body>x</body></message>",
      "<message><unknown xmlns='urn:unknown'/><body>x</body></message>",
      '<message><body><![CDATA[x]]></body></message>',
      '<message><body>&#120;</body></message>',
    ])('shows %s', async (text) => {
      romeo.say(text);
      await juliet.diary.until('says x');
      await alive();
    });

    test.each([
      ['a group chat', "<message type='groupchat'><body>x</body></message>"],
      ['a headline', "<message type='headline'><body>x</body></message>"],
      ['presence', '<presence/>'],
      ['a stream error', '<stream:error><not-authorized xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error>'],
      ['an unknown element', '<unknown xmlns="urn:unknown"><body>x</body></unknown>'],
      ['a foreign from', "<message from='romeo@example.net'><body>x</body></message>"],
      ['a foreign to', "<message to='nurse@example.org/x'><body>x</body></message>"],
      ['text', 'hello'],
      ['white space', '\n'],
      ['an iq without id', "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>"],
      ['an iq with two children', "<iq type='get' id='a'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/></iq>"],
      ['an iq without child', "<iq type='set' id='a'/>"],
      ['an iq of no type', "<iq id='a'><ping xmlns='urn:xmpp:ping'/></iq>"],
      ['another header', '<stream:stream xmlns="jabber:client">'],
      ['another binding', "<binding xmlns='urn:x-telepathy-hush:xtls:1'/>"],
      ['another reveal', "<reveal xmlns='urn:x-telepathy-hush:xtls:1'/>"],
      ['a message of another namespace', "<message xmlns='jabber:server'><body>x</body></message>"],
      ['65 levels', `<message>${'<a>'.repeat(63)}`],
      ['more than 256 KiB', `<message><body>${'x'.repeat(262_144)}</body></message>`],
      ['an unfinished tag of more than 256 KiB', `<message a='${'x'.repeat(262_144)}`],
      ['an entity', '<message><body>&x;</body></message>'],
      ['a processing instruction', '<?x y?>'],
    ])('ends in silence at %s [H10 fault-10]', async (_name, text) => {
      const before = romeo.heard;
      romeo.say(text);
      await unclean();
      expect(romeo.heard).toBe(before);
      expect(juliet.diary.lines.some((line) => line.startsWith('says'))).toBe(false);
    });

    test('takes 64 levels, and 256 KiB [fault-10]', async () => {
      romeo.say(`<message>${'<a>'.repeat(62)}${'</a>'.repeat(62)}<body>deep</body></message>`);
      await juliet.diary.until('says deep');
      const frame = '<message><body></body></message>'.length;
      romeo.say(`<message><body>${'x'.repeat(262_144 - frame)}</body></message>`);
      await juliet.diary.until('says xxx');
    });

    test('refuses an unknown element at its start tag', async () => {
      romeo.say('<unknown xmlns="urn:unknown">');
      await unclean();
    });

    // The responder's greeting had its features already.
    test('takes features once, and from a responder only', async () => {
      romeo.say('<stream:features/>');
      await unclean();
    });

    test('answers what may be asked inside, and nothing of the outside [H10]', async () => {
      romeo.say("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq><iq type='get' id='v'><query xmlns='jabber:iq:version'/></iq><iq type='set' id='r'><query xmlns='jabber:iq:roster'/></iq>");
      romeo.say("<iq type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq><iq type='result' id='unknown'/><iq type='error' id='unknown'/>");
      await romeo.hears('</query></iq>');
      expect(romeo.heard).toContain('<iq type="result" id="p"/>');
      for (const id of ['v', 'r']) expect(romeo.heard).toContain(`<iq type="error" id="${id}"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`);
      expect(romeo.heard).toContain('<feature var="urn:xmpp:ping"/>');
      expect(romeo.heard).not.toContain('jingle');
      await alive();
    });

    test('gives receipts as they are asked for, and never for errors', async () => {
      romeo.say("<message type='chat' id='a'><body>x</body><request xmlns='urn:xmpp:receipts'/></message>");
      romeo.say("<message id='b'><body>y</body><request xmlns='urn:xmpp:receipts'/></message>");
      romeo.say("<message type='error' id='c'><body>z</body><request xmlns='urn:xmpp:receipts'/></message>");
      romeo.say("<message id='d'><body>not shown</body><request xmlns='urn:xmpp:receipts'/><received xmlns='urn:xmpp:receipts' id='x'/></message>");
      await juliet.diary.until('says z');
      await alive();
      await romeo.hears('id="b"/></message>');
      const receipts = [...romeo.heard.matchAll(/<message( type="chat")? id="[^"]+"><received xmlns="urn:xmpp:receipts" id="(.)"\/><\/message>/g)];
      expect(receipts.map(([, type = '', id]) => `${id}${type}`)).toEqual(['a type="chat"', 'b']);
      expect(juliet.diary.lines.some((line) => line.includes('not shown'))).toBe(false);
    });

    test('asks for a receipt with every body, and writes no addresses', async () => {
      const session = juliet.mechanism.start(ROMEO, { demands: new Set() });
      session.send(message('hello', 'm'));
      session.send(xml('message', { type: 'chat', from: 'x@y/z' }, xml('composing', { xmlns: 'http://jabber.org/protocol/chatstates' })));
      await romeo.hears('chatstates');
      expect(romeo.heard).toContain('<message type="chat" id="m"><body>hello</body><request xmlns="urn:xmpp:receipts"/></message>');
      expect(romeo.heard).toContain('<message type="chat"><composing xmlns="http://jabber.org/protocol/chatstates"/></message>');
      expect(() => session.send(message('x'.repeat(300_000)))).toThrow(expect.objectContaining({ condition: 'invalid-argument' }));
    });

    describe('and the peer closes', () => {
      test('answers with its own end and close_notify, and waits for the peer to close the rest', async () => {
        romeo.say("<message id='a'><body>bye</body><request xmlns='urn:xmpp:receipts'/></message></stream:stream>");
        await romeo.event('tls ended');
        expect(romeo.heard).toMatch(/<received xmlns="urn:xmpp:receipts" id="a"\/><\/message><\/stream:stream>$/);
        expect(juliet.diary.lines).toContain('says bye');
        await romeo.engine!.end();
        romeo.bytes!.end();
        romeo.session!.terminate('success');
        expect(await juliet.diary.until('end ')).toBe('end clean - from closing');
      });

      test.each<[string, () => void]>([
        ['breaks the bytestream', () => wire.inject(ROMEO, `<iq type='set' id='x' to='${JULIET}'><data xmlns='http://jabber.org/protocol/ibb' sid='${romeo.ours!.ibbSid}' seq='9999'>AAAA</data></iq>`)],
        ['terminates for another reason', () => romeo.session!.terminate('security-error')],
        ['vanishes', () => wire.inject(ROMEO, `<presence type='unavailable' to='${JULIET}'/>`)],
      ])('and then %s: it was clean all the same [G1]', async (_name, act) => {
        romeo.say('</stream:stream>');
        await romeo.event('tls ended');
        act();
        expect(await juliet.diary.until('end ')).toBe('end clean - from closing');
      });

      test('and speaks on: unclean [G1]', async () => {
        romeo.say('</stream:stream><message><body>x</body></message>');
        expect(await juliet.diary.until('end ')).toBe('end unauthenticated encryption-error from closing');
        expect(juliet.diary.lines).not.toContain('says x');
      });
    });

    test.each<[string, string, () => void | Promise<void>]>([
      ['encryption-error', 'TLS ends without the end of the stream', async () => romeo.engine!.end()],
      ['encryption-error', 'the session is terminated: success', () => romeo.session!.terminate('success')],
      ['offline', 'the peer vanishes', () => wire.inject(ROMEO, `<presence type='unavailable' to='${JULIET}'/>`)],
      ['encryption-error', 'a block is out of sequence', () => wire.inject(ROMEO, `<iq type='set' id='x' to='${JULIET}'><data xmlns='http://jabber.org/protocol/ibb' sid='${romeo.ours!.ibbSid}' seq='9999'>AAAA</data></iq>`)],
      ['encryption-error', 'a block comes in a message', () => wire.inject(ROMEO, `<message to='${JULIET}'><data xmlns='http://jabber.org/protocol/ibb' sid='${romeo.ours!.ibbSid}' seq='0'>AAAA</data></message>`)],
      ['encryption-error', 'the content is changed', () => wire.inject(ROMEO, `<iq type='set' id='x' to='${JULIET}'><jingle xmlns='${JINGLE}' action='transport-replace' sid='${romeo.session!.sid}'/></iq>`)],
    ])('ends uncleanly (%s) when %s [G1 E4]', async (condition, _name, act) => {
      await act();
      expect(await juliet.diary.until('end ')).toBe(`end unauthenticated ${condition} from secure`);
    });

    test('ends uncleanly when the bytestream is closed [G1]', async () => {
      const answer = await wire.ask(ROMEO, JULIET, 'set', `<close xmlns='http://jabber.org/protocol/ibb' sid='${romeo.ours!.ibbSid}'/>`);
      expect(answer.attrs.type).toBe('result');
      await unclean();
    });

    test('ends uncleanly when a relay damages a block [G2]', async () => {
      wire.filter = (transit) => {
        const [, data] = /<data [^>]*>([^<]*)</.exec(serialize(transit.stanza)) ?? [];
        if (transit.from !== ROMEO || data === undefined) return [transit];
        const bytes = Buffer.from(data, 'base64');
        bytes[bytes.length - 1]! ^= 1;
        (transit.stanza.children[0] as { children: string[] }).children = [bytes.toString('base64')];
        return [transit];
      };
      romeo.say('<message><body>damaged</body></message>');
      await unclean();
      expect(juliet.diary.lines).not.toContain('says damaged');
    });

    test('ends with its own stream: connection-lost', async () => {
      juliet.mechanism.close();
      expect(await juliet.diary.until('end ')).toBe('end connection-lost disconnected from secure');
      expect(() => juliet.mechanism.start(ROMEO, { demands: new Set() })).toThrow(expect.objectContaining({ condition: 'disconnected' }));
    });

    test('is not touched by the contact’s other resources, presence or plaintext [H6]', async () => {
      wire.inject('romeo@example.net/phone', `<presence type='unavailable' to='${JULIET}'/>`);
      wire.inject('romeo@example.net', `<presence type='unavailable' to='${JULIET}'/>`);
      wire.inject(ROMEO, `<presence to='${JULIET}'><show>away</show></presence>`);
      wire.inject(ROMEO, `<message to='${JULIET}'><body>in the clear</body></message>`);
      expect(errorOf(await wire.ask('romeo@example.net/phone', JULIET, 'set', `<jingle xmlns='${JINGLE}' action='session-terminate' sid='${romeo.session!.sid}'/>`)).condition).toBe('item-not-found');
      await alive();
      expect(juliet.diary.lines.some((line) => line.includes('in the clear'))).toBe(false);
    });
  });
});

describe('a bytestream', () => {
  test('opened with other blocks than agreed is not acceptable and ends the session', async () => {
    romeo.offer();
    await romeo.event('accepted');
    // The one that the puppet has sent was right; a second, wrong one has no effect on it.
    const open = `<open xmlns='http://jabber.org/protocol/ibb' sid='${romeo.ours!.ibbSid}' block-size='2048' stanza='iq'/>`;
    expect(errorOf(await wire.ask(ROMEO, JULIET, 'set', open)).condition).toBe('not-acceptable');
    await romeo.event('secured');
  });

  test('that the peer refuses ends the session: failed-transport', async () => {
    romeo.editAccept = (text) => {
      // Accepts, and waits for another stream.
      queueMicrotask(() => romeo.bytes!.destroy());
      return text;
    };
    juliet.start(ROMEO);
    expect(await romeo.event('terminated')).toBe('terminated failed-transport');
    expect(await juliet.diary.until('end ')).toBe('end failed not-available from negotiating');
  });
});
