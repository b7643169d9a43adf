/** JIDs: one canonical form, stable, made of its parts, fit to be sent. Attack rows C11-C13. */
import { bareOf, domainOf, fullJid, isFull, localOf, parseJid, resourceOf } from '../../../src/xmpp/jid.ts';
import { isXmlText } from '../../../src/xmpp/element.ts';
import { escapeElement } from '../../../src/bus/types.ts';
import { attempt, promise } from '../target.ts';
import type { Target } from '../target.ts';

function check(bytes: Buffer): void {
  // As UTF-8 it came with a stanza; as UTF-16 it may hold halves of characters, as what a client calls with may.
  for (const text of [bytes.toString('utf8'), bytes.toString('utf16le')]) {
    const jid = attempt(['invalid-jid'], () => parseJid(text));
    if (jid === undefined) continue;
    promise(parseJid(jid) === jid, 'the canonical form is its own', [text, jid, attempt(['invalid-jid'], () => parseJid(jid))]);
    promise((isFull(jid) ? fullJid(bareOf(jid), resourceOf(jid)) : bareOf(jid)) === jid, 'bare JID and resource make it up', jid);
    promise((localOf(jid) === '' ? '' : `${localOf(jid)}@`) + domainOf(jid) === bareOf(jid), 'local part and domain make up the bare JID', jid);
    promise(parseJid(bareOf(jid)) === bareOf(jid) && parseJid(domainOf(jid)) === domainOf(jid), 'its parts are JIDs', jid);
    promise([localOf(jid), domainOf(jid), resourceOf(jid)].every((part) => Buffer.byteLength(part) <= 1023), 'no part is longer than 1023 bytes', jid);
    promise(isXmlText(jid) && jid === jid.normalize('NFC'), 'it can be written', jid);
    promise(!/[\p{Bidi_Control}\p{Cc}]|(?![\u200C\u200D])\p{Default_Ignorable_Code_Point}/u.test(jid), 'nothing in it is invisible', jid);
    promise(!/[A-Z\s]/.test(bareOf(jid)) && !/[^\S ]/.test(jid), 'no upper case in an address, no white space but in resources', jid);
    promise(Buffer.from(escapeElement(jid).replace(/_([0-9a-f]{2})|([A-Za-z0-9])/g, (_, hex: string | undefined, letter: string) => hex ?? letter.charCodeAt(0).toString(16)), 'hex').toString() === jid, 'its object path says which it is', jid);
  }
}

export const target: Target = {
  sources: ['/src/xmpp/jid.ts', '/src/xmpp/precis.ts', '/src/xmpp/domain.ts', '/src/xmpp/domain-name.ts', '/src/xmpp/precis-tables.ts'],
  seeds: ['alice@example.org/Home', 'm\u00FCller@xn--mnchen-3ya.de', 'a@[2001:DB8::1]/x', '127.0.0.1', '\u05E9\u05DC\u05D5\u05DD@\u05E9\u05DC\u05D5\u05DD.com/\u0627', '\u03A3@\u0915\u094D\u200D\u0937.example'].map((text) => Buffer.from(text)),
  dictionary: [
    '@', '/', '.', '..', '-', '--', 'xn--', 'xn--a', 'xn--fa-hia', '[', ']', '::', ':', '%', '127.0.0.1', '1.2', '0x7f', '\u00DF', '\u1E9E', '\u0130', '\u0131', '\u03A3', '\u03C2', '\u0661', '\u06F1', '\u05D0', '\u0627', '\u0301', '\u0345', '\u200C', '\u200D', '\u094D', '\u0915', '\u00B7', 'l\u00B7l',
    '\uFF21', '\uFF20', '\uFF0F', '\uFF0E', '\u3002', '\uFF61', '\u30FB', '\u30A2', '\u212B', '\u2126', '\u13A0', '\uAB70', '\u0F0B', '\u3007', '\u0958', '\u{1F600}', '\u202E', '\u2066', '\u00AD', '\uFEFF', '\u2003', '\u00A0', '\u0000', '\u007F', '\u0085', '\u{10FFFF}', '\uFFFE', '\uFFFD', '\u0375', '\u05F3', '\u1100\u1161', '\u{1D7CE}', '\u{1E900}', '\u0149', '\uFDFA',
  ],
  run: check,
};
