/**
 * Strings of people and machines in one form: the PRECIS classes, and the profiles XMPP uses.
 * Source: RFC 8264 (classes, §8, §9; order of rules, §7), RFC 8265 (usernames §3.3, OpaqueString §4.2), RFC 5892 App. A (contextual rules), RFC 5893 §2 (Bidi Rule).
 * Unicode properties are those of the running Node.
 */
import { HushError } from '../errors.ts';
import { lazy } from '../lazy.ts';
import { bidiClass, isTransparent, isVirama, joinsNext, joinsPrevious } from './precis-tables.ts';

/** DISALLOWED by name (RFC 5892 §2.6) and the conjoining jamo (RFC 8264 §9.9). */
const disallowed = '\\u0640\\u07FA\\u302E\\u302F\\u3031-\\u3035\\u303B\\u1100-\\u11FF\\uA960-\\uA97C\\uD7B0-\\uD7C6\\uD7CB-\\uD7FB';
const joiners = '\\u200C\\u200D';
/** Controls, unassigned and private code points, surrogates, line separators and formats are in neither of these lists, so they are refused. */
const freeform = `\\p{L}\\p{M}\\p{N}\\p{Zs}\\p{S}\\p{P}${joiners}`;
/** LetterDigits, ASCII7, and the exceptions that are allowed (always, or in context). RFC 8264 §9.1, §9.11, RFC 5892 §2.6 */
const identifier = `\\p{Ll}\\p{Lu}\\p{Lo}\\p{Nd}\\p{Lm}\\p{Mn}\\p{Mc}!-~\\u06FD\\u06FE\\u0F0B\\u3007\\u00B7\\u0375\\u05F3\\u05F4\\u30FB${joiners}`;

/** Built when it is first asked for: ASCII never needs it, and building takes a millisecond. */
function outside(allowed: string): () => RegExp {
  return lazy(() => new RegExp(`[^${allowed}]|[${disallowed}]|(?![${joiners}])\\p{Default_Ignorable_Code_Point}`, 'u'));
}
const outsideFreeform = outside(freeform);
const outsideIdentifier = outside(identifier);

/** Characters of full or half width (decomposition type wide or narrow), to be mapped to their ordinary ones. RFC 8265 §3.3.1 */
const odd = /[\u3000\uFF01-\uFFEE]/g;

function refuse(message: string): never {
  throw new HushError('invalid-argument', message);
}

function isGreek(character: string | undefined): boolean {
  return character !== undefined && /\p{Script=Greek}/u.test(character);
}

function isHebrew(character: string | undefined): boolean {
  return character !== undefined && /\p{Script=Hebrew}/u.test(character);
}

/** The character at `index`, or the next one in this direction that is not transparent to joining. */
function nextLetter(characters: readonly string[], index: number, step: 1 | -1): string {
  let at = index;
  while (isTransparent(characters[at] ?? '')) at += step;
  return characters[at] ?? '';
}

/** RFC 5892 App. A: whether the character at `index` may stand there. */
function isInContext(characters: readonly string[], index: number): boolean {
  const before = characters[index - 1];
  const after = characters[index + 1];
  const has = (class_: RegExp): boolean => characters.some((character) => class_.test(character));
  switch (characters[index]) {
    case '\u200C':
      return isVirama(before ?? '') || (joinsNext(nextLetter(characters, index - 1, -1)) && joinsPrevious(nextLetter(characters, index + 1, 1)));
    case '\u200D':
      return isVirama(before ?? '');
    case '\u00B7':
      return before === 'l' && after === 'l';
    case '\u0375':
      return isGreek(after);
    case '\u05F3':
    case '\u05F4':
      return isHebrew(before);
    case '\u30FB':
      return has(/[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u);
    default:
      return true;
  }
}

const contextual = /[\u00B7\u0375\u05F3\u05F4\u200C\u200D\u30FB]/u;
const arabicDigits = /[\u0660-\u0669]/;
const extendedArabicDigits = /[\u06F0-\u06F9]/;

function demandContext(text: string): void {
  if (arabicDigits.test(text) && extendedArabicDigits.test(text)) refuse('two kinds of Arabic digits');
  if (!contextual.test(text)) return;
  const characters = Array.from(text);
  if (!characters.every((_, index) => isInContext(characters, index))) refuse('a character where it must not stand');
}

/** Demands characters of the IdentifierClass (RFC 8264 §4.2), without their context. */
function demandIdentifier(text: string): void {
  if (outsideIdentifier().test(text)) refuse('a character that no identifier may hold');
  // HasCompat (RFC 8264 §9.17): another spelling of other characters.
  for (const character of text) if (character.normalize('NFKC') !== character) refuse('a compatibility character');
}

/** The direction of a label. 'none': it has no right-to-left characters, and the Bidi Rule asks nothing of it unless it stands beside one that has. */
export function directionOf(text: string): 'none' | 'rtl' | 'invalid' {
  const classes = Array.from(text, bidiClass).join('');
  if (!/[RA]/.test(classes)) return 'none';
  const isMixed = classes.includes('L') || (classes.includes('E') && classes.includes('A'));
  return classes.startsWith('R') && !isMixed && /[REA]/.test(lastButMarks(classes)) ? 'rtl' : 'invalid';
}

/** RFC 5893 §2 rules 1, 5, 6, for a label without right-to-left characters beside one that has them. */
export function isLeftToRightLabel(text: string): boolean {
  const classes = Array.from(text, bidiClass).join('');
  return classes.startsWith('L') && /[LE]/.test(lastButMarks(classes));
}

function lastButMarks(classes: string): string {
  let end = classes.length - 1;
  while (classes[end] === 'M') end -= 1;
  return classes[end] ?? '';
}

/** Characters of full or half width become ordinary ones. */
function mapWidth(text: string): string {
  return text.replace(odd, (character) => character.normalize('NFKC'));
}

/** Width, case and normalisation: RFC 8265 §3.3.1, §3.3.2; for domain names RFC 5895 §2. Refuses characters that no identifier may hold. */
export function mapIdentifier(text: string): string {
  const narrow = mapWidth(text);
  demandIdentifier(narrow);
  return narrow.toLowerCase().normalize('NFC');
}

/** Demands characters of the IdentifierClass, each in a context where it may stand. */
export function demandLabel(text: string): void {
  demandIdentifier(text);
  demandContext(text);
}

/** UsernameCaseMapped (RFC 8265 §3.3). Throws HushError('invalid-argument') for a string that is none, or that a second preparation would change. */
export function usernameCaseMapped(text: string): string {
  if (/^[!-~]+$/.test(text)) return text.toLowerCase();
  const mapped = mapIdentifier(text);
  demandLabel(mapped);
  if (mapped === '') refuse('an empty name');
  if (directionOf(mapped) === 'invalid') refuse('directions mixed in one name');
  if (mapIdentifier(mapped) !== mapped) refuse('a name without a stable form');
  return mapped;
}

function mapOpaque(text: string): string {
  return text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}

/** OpaqueString (RFC 8265 §4.2): for passwords, and the resourceparts of JIDs. Throws HushError('invalid-argument') as usernameCaseMapped does. */
export function opaqueString(text: string): string {
  if (/^[ -~]+$/.test(text)) return text;
  if (outsideFreeform().test(text)) refuse('a character that no text may hold');
  const mapped = mapOpaque(text);
  demandContext(mapped);
  if (mapped === '') refuse('an empty text');
  if (mapOpaque(mapped) !== mapped) refuse('a text without a stable form');
  return mapped;
}
