/**
 * Passwords as SCRAM hashes them: SASLprep of a query string. Source: RFC 4013, RFC 3454, RFC 5802 §2.2.
 * Not the OpaqueString of RFC 8265, which has NFC where the servers' stored keys were made with NFKC. Unassigned code points are allowed, as they are for queries.
 */
import { HushError } from '../errors.ts';

/** RFC 3454 C.1.2, mapped to SPACE. U+200B is in both tables: it is a space. */
const spaces = /[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/gu;
/** RFC 3454 B.1, mapped to nothing. */
const nothing = /[\u00AD\u034F\u1806\u180B-\u180D\u200C\u200D\u2060\uFE00-\uFE0F\uFEFF]/gu;
/** RFC 3454 C.2.1, C.2.2, C.3 – C.9: controls, private use, non-characters, surrogates, what is inappropriate in plain text or changes display, tags. */
const prohibited =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06DD\u070F\u180E\u2028\u2029\u2061-\u2063\u206A-\u206F\uFFF9-\uFFFD\u2FF0-\u2FFB\u200E\u200F\u202A-\u202E\u{1D173}-\u{1D17A}\u{E0001}\u{E0020}-\u{E007F}]/u;
/** RFC 3454 D.1, by the blocks of right-to-left scripts. */
const rightToLeft = /[\u05BE\u05C0\u05C3\u05D0-\u05F4\u061B-\u064A\u066D-\u06D5\u06E5\u06E6\u06FA-\u0710\u0712-\u072C\u0780-\u07A5\u07B1\u200F\uFB1D\uFB1F-\uFDFC\uFE70-\uFEFC]/u;
const leftToRight = /(?![\u05D0-\u07B1\uFB1D-\uFDFC\uFE70-\uFEFC])\p{L}/u;

/** Throws HushError('authentication-failed') for a password that no server can hold: empty, or with characters that are prohibited. */
export function saslprep(password: string): string {
  const prepared = password.replace(spaces, ' ').replace(nothing, '').normalize('NFKC');
  if (prepared === '' || prohibited.test(prepared) || !isOneDirection(prepared)) {
    throw new HushError('authentication-failed', 'the password holds characters that are not allowed in one');
  }
  return prepared;
}

/** A string with right-to-left characters has no left-to-right ones, and both ends are right-to-left. RFC 3454 §6 */
function isOneDirection(text: string): boolean {
  if (!rightToLeft.test(text)) return true;
  // All of them are in the Basic Multilingual Plane: the ends are single units.
  return !leftToRight.test(text) && rightToLeft.test(text.charAt(0)) && rightToLeft.test(text.slice(-1));
}
