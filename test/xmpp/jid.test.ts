import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bareOf, domainOf, fullJid, isFull, localOf, parseBareJid, parseFullJid, parseJid, resourceOf, tryJid } from '../../src/xmpp/jid.ts';

describe('a JID', () => {
  // RFC 7622 §3.5, table 1.
  test.each([
    ['juliet@example.com', 'juliet@example.com'],
    ['juliet@example.com/foo', 'juliet@example.com/foo'],
    ['juliet@example.com/foo bar', 'juliet@example.com/foo bar'],
    ['juliet@example.com/foo@bar', 'juliet@example.com/foo@bar'],
    ['foo\\20bar@example.com', 'foo\\20bar@example.com'],
    ['fussball@example.com', 'fussball@example.com'],
    ['fu\u00DFball@example.com', 'fu\u00DFball@example.com'],
    ['\u03C0@example.com', '\u03C0@example.com'],
    ['\u03A3@example.com/foo', '\u03C3@example.com/foo'],
    ['\u03C3@example.com/foo', '\u03C3@example.com/foo'],
    ['\u03C2@example.com/foo', '\u03C2@example.com/foo'],
    ['king@example.com/\u265A', 'king@example.com/\u265A'],
    ['example.com', 'example.com'],
    ['example.com/foobar', 'example.com/foobar'],
    ['a.example.com/b@example.net', 'a.example.com/b@example.net'],
  ])('%s of the specification is canonically %s [C12]', (text, canonical) => expect(parseJid(text)).toBe(canonical));

  // RFC 7622 §3.5, table 2.
  test.each(['"juliet"@example.com', 'foo bar@example.com', 'juliet@example.com/', '@example.com/', 'henry\u2163@example.com', '\u265A@example.com', 'juliet@', '/foobar'])(
    '%s is none, says the specification',
    (text) => expect(() => parseJid(text)).toThrow(expect.objectContaining({ condition: 'invalid-jid' })),
  );

  test.each([
    ['ALICE@EXAMPLE.ORG/Home', 'alice@example.org/Home'],
    ['\uFF21lice@\uFF45xample.org', 'alice@example.org'],
    ['A\u030Angstr\u00F6m@example.org', '\u00E5ngstr\u00F6m@example.org'],
    ['a@example.org.', 'a@example.org'],
    ['a@M\u00DCNCHEN.de', 'a@m\u00FCnchen.de'],
    ['a@xn--mnchen-3ya.de', 'a@m\u00FCnchen.de'],
    ['a@XN--MNCHEN-3YA.DE', 'a@m\u00FCnchen.de'],
    ['a@fa\u00DF.de', 'a@fa\u00DF.de'],
    ['a@xn--fa-hia.de', 'a@fa\u00DF.de'],
    ['a@example\u3002org', 'a@example.org'],
    ['a@col\u00B7lega.cat', 'a@col\u00B7lega.cat'],
    ['a@127.0.0.1/x', 'a@127.0.0.1/x'],
    ['a@[2001:DB8:0:0::1]', 'a@[2001:db8::1]'],
    ['a@example.org/x\u2003y', 'a@example.org/x y'],
    ['\u05E9\u05DC\u05D5\u05DD@\u05E9\u05DC\u05D5\u05DD.com', '\u05E9\u05DC\u05D5\u05DD@\u05E9\u05DC\u05D5\u05DD.com'],
  ])('has one form for its spellings: %s is %s [C12]', (text, canonical) => expect(parseJid(text)).toBe(canonical));

  test.each([
    ['a second @', 'a@b@example.org'],
    ['an empty label', 'a@example..org'],
    ['two final dots', 'a@example.org..'],
    ['a hyphen at an end', 'a@-example.org'],
    ['a label of 64', `a@${'x'.repeat(64)}.org`],
    ['a short IPv4 address', 'a@127.1'],
    ['an IPv6 address with a zone', 'a@[fe80::1%25eth0]'],
    ['a port', 'a@example.org:5222'],
    ['a percent escape', 'a@ex%61mple.org'],
    ['an A-label of nothing', 'a@xn--a'],
    ['an A-label that looks like one', 'a@xn--xn---epa'],
    ['hyphens where those of A-labels are', 'a@ab--\u00E9.org'],
    ['a U-label that is too long', `a@${'\u00E9'.repeat(60)}.org`],
    ['an A-label of upper case', 'a@xn--mnchen-3oa.org'],
    ['a character out of its context in the domain', 'a@a\u00B7b.org'],
    ['a symbol in the domain', 'a@\u2603.net'],
    ['the same as an A-label', 'a@xn--n3h.net'],
    ['an invisible character in the domain', 'a@exam\u00ADple.org'],
    ['a ligature in the domain', 'a@\uFB01.org'],
    ['mixed directions in the domain', 'a@1.\u05E9\u05DC\u05D5\u05DD'],
    ['mixed directions', 'a\u05E9@example.org'],
    ['a bidi control', 'a\u202Eb@example.org'],
    ['a bidi isolate in the resource', 'a@example.org/\u2066x'],
    ['a zero-width space', 'a\u200Bb@example.org'],
    ['a control in the resource', 'a@example.org/x\u0007'],
    ['a fullwidth @ in the local part', 'a\uFF20b@example.org'],
    ['a fullwidth solidus in the local part', 'a\uFF0Fb@example.org'],
    ['half a surrogate pair', '\uD83D@example.org'],
    ['a NUL', 'a@exa\u0000mple.org'],
    ['nothing at all', ''],
  ])('is refused with %s [C11 C13]', (_, text) => expect(tryJid(text)).toBeUndefined());

  test('is refused or made of valid text, whatever bytes it was: a control beside each [C11]', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        for (const raw of [buffer.toString('latin1'), buffer.toString('utf8'), buffer.toString('utf16le')]) {
          for (const text of [raw, `${raw}@example.org`, `a@${raw}`, `a@example.org/${raw}`]) {
            const jid = tryJid(text);
            if (jid === undefined) continue;
            expect(Buffer.from(jid, 'utf8').toString('utf8')).toBe(jid);
            expect([localOf(jid), domainOf(jid), resourceOf(jid)].every((part) => Buffer.byteLength(part) <= 1023)).toBe(true);
          }
        }
      }),
      { numRuns: 2_000 },
    );
    expect(tryJid('a@example.org/x')).toBe('a@example.org/x');
    for (const length of [3_072, 100_000, 10_000_000]) expect(tryJid('a'.repeat(length))).toBeUndefined();
  });

  // Where Stringprep (RFC 3920) and PRECIS (RFC 7622) part, or case folding and lower case, or NFKC and NFC.
  test.each<[written: string, what: 'is' | 'is not', other: string | undefined]>([
    ['stra\u00DFe@x', 'is not', 'strasse@x'],
    ['\u1E9Ea@x', 'is', '\u00DFa@x'],
    ['\u03BB\u03CC\u03B3\u03BF\u03C2@x', 'is not', '\u03BB\u03CC\u03B3\u03BF\u03C3@x'],
    ['\u0131a@x', 'is not', 'ia@x'],
    ['\u0130a@x', 'is', 'i\u0307a@x'],
    ['\uFF41b@x', 'is', 'ab@x'],
    ['e\u0301@x', 'is', '\u00E9@x'],
    ['a\u0302\u0323@x', 'is', '\u1EAD@x'],
    ['\uAB70a@x', 'is', '\uAB70a@x'],
    ['a@x/b\u3000c', 'is', 'a@x/b c'],
    ['a@x/\uFF21', 'is not', 'a@x/A'],
    ['A@X/A', 'is', 'a@x/A'],
    ['a@x/A', 'is not', 'a@x/a'],
    ['a@stra\u00DFe.de', 'is not', 'a@strasse.de'],
    // What Stringprep would map to something else, or to nothing, is no JID.
    ...['\u212Ba@x', '\uFB01a@x', 'a\u00B2@x', '\u2163a@x', '\u{1D41A}@x', 'a\u00ADb@x', 'a\u200Db@x', 'a\u2060b@x', 'a\uFE0Fb@x', '\u2126@x', 'a\u0149@x'].map((text): [string, 'is', undefined] => [text, 'is', undefined]),
  ])('has one canonical form where preparations differ: %s %s %s [C12]', (written, what, other) => {
    const jid = tryJid(written);
    expect(jid === tryJid(other)).toBe(what === 'is');
    if (other === undefined) return;
    // The other is canonical itself, and a second preparation changes nothing.
    expect([tryJid(other), tryJid(jid)]).toEqual([other, jid]);
    expect(jid).toBeDefined();
  });

  test.each(['\u061C', '\u200B', '\u200E', '\u200F', '\u202A', '\u202B', '\u202C', '\u202D', '\u202E', '\u2060', '\u2066', '\u2067', '\u2068', '\u2069', '\u206F', '\uFEFF', '\u00AD', '\u034F', '\u115F', '\u180E', '\u3164', '\uFFA0', '\u{E0001}', '\u{E0061}', '\u{1D173}'])('holds nothing that hides or turns: %j [C13]', (character) => {
    for (const text of [`a${character}b@example.org`, `${character}a@example.org`, `a@exam${character}ple.org`, `a@example.org/x${character}y`]) expect([text, tryJid(text)]).toEqual([text, undefined]);
  });

  test('that looks like another is another: twins are told apart by what they are [C13]', () => {
    const twins = ['paypal@example.org', 'p\u0430ypal@example.org', '\u0440\u0430\u0443\u0440\u0430l@example.org', 'paypa1@example.org', 'paypa\u04CF@example.org', 'paypal@ex\u0430mple.org', 'paypal@example.org\u0316'];
    const jids = twins.map(tryJid).filter((jid) => jid !== undefined);
    expect(jids.length).toBeGreaterThan(4);
    expect(new Set(jids).size).toBe(jids.length);
    // A flood of marks is a name of its own, within the limit of a part.
    expect(tryJid(`a${'\u0316'.repeat(400)}@example.org`)).not.toBe(tryJid('a@example.org'));
    expect(tryJid(`a${'\u0316'.repeat(600)}@example.org`)).toBeUndefined();
  });

  test('has at most 1023 bytes in each part [C11]', () => {
    const local = 'a'.repeat(1023);
    const resource = '\u00E4'.repeat(511);
    expect(parseJid(`${local}@example.org/${resource}`)).toBe(`${local}@example.org/${resource}`);
    expect(tryJid(`${local}a@example.org`)).toBeUndefined();
    expect(tryJid(`a@example.org/${resource}\u00E4`)).toBeUndefined();
  });

  test('says which one it is: no two of other parts are the same text [C12]', () => {
    const tricky = fc.constantFrom(...Array.from('ab.@/-\u00E4\u0301\u03C3'));
    const part = (max: number): fc.Arbitrary<string> => fc.string({ unit: tricky, maxLength: max });
    const jids = new Map<string, string>();
    let met = 0;
    fc.assert(
      fc.property(part(3), part(4), part(3), (local, domain, resource) => {
        const jid = tryJid((local === '' ? '' : `${local}@`) + domain + (resource === '' ? '' : `/${resource}`));
        if (jid === undefined) return;
        const parts = JSON.stringify([localOf(jid), domainOf(jid), resourceOf(jid)]);
        met += jids.has(jid) ? 1 : 0;
        expect(jids.get(jid) ?? parts).toBe(parts);
        jids.set(jid, parts);
        // As it was written, up to its spelling: nothing has moved from one part to another.
        if (!/[@/]/.test(local + domain)) expect(parts).toBe(JSON.stringify([localOf(jid), domainOf(jid), resource.normalize('NFC')]));
      }),
      { numRuns: 5_000 },
    );
    expect(jids.size).toBeGreaterThan(500);
    expect(met).toBeGreaterThan(50);
  });

  test('is stable: its canonical form is its own, and its parts make it up again [C11 C12]', () => {
    const tricky = fc.constantFrom(...Array.from('aZ19.-@/\u00DF\u0130\u03A3\u0661\u06F1\u05D0\u0627\u0301\u200C\u200D\u094D\u0915\u00B7l\uFF21\uFF20\u3002\u30FB\u212B\u1E9E\u13A0\uAB70\u0F0B\u3007\u0958\u{1F600}'));
    const text = fc.oneof(fc.string({ unit: tricky, maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 8 }));
    fc.assert(
      fc.property(text, text, text, (local, domain, resource) => {
        for (const written of [`${local}@${domain}/${resource}`, `${local}@x`, domain, `x@y/${resource}`]) {
          const jid = tryJid(written);
          if (jid === undefined) continue;
          expect(parseJid(jid)).toBe(jid);
          expect(isFull(jid) ? fullJid(bareOf(jid), resourceOf(jid)) : bareOf(jid)).toBe(jid);
          expect((localOf(jid) === '' ? '' : localOf(jid) + '@') + domainOf(jid)).toBe(bareOf(jid));
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test('is asked for with or without resource', () => {
    expect(parseBareJid('a@example.org')).toBe('a@example.org');
    expect(() => parseBareJid('a@example.org/x')).toThrow(expect.objectContaining({ condition: 'invalid-jid' }));
    expect(parseFullJid('a@example.org/x')).toBe('a@example.org/x');
    expect(() => parseFullJid('a@example.org')).toThrow(expect.objectContaining({ condition: 'invalid-jid' }));
    expect(() => fullJid(parseBareJid('a@example.org'), '')).toThrow(expect.objectContaining({ condition: 'invalid-jid' }));
  });
});
