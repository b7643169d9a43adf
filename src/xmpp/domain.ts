/** Domain names and IP addresses in one canonical form: U-labels, lower case, no final dot. Source: RFC 7622 §3.2, RFC 5890–5893, RFC 5895. */
import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';
import { HushError } from '../errors.ts';
import { demandLabel, directionOf, isLeftToRightLabel, mapIdentifier } from './precis.ts';

function refuse(message: string): never {
  throw new HushError('invalid-argument', message);
}

/** Throws HushError('invalid-argument') for what is neither an IPv4 address, a bracketed IPv6 address nor a domain name. */
export function canonicalDomain(text: string): string {
  if (text.startsWith('[')) return canonicalIpv6(text);
  // RFC 5895 §2: full stops of other widths are full stops.
  const dotted = text.replace(/[\u3002\uFF0E\uFF61]/g, '.');
  const labels = (dotted.endsWith('.') ? dotted.slice(0, -1) : dotted).split('.').map(canonicalLabel);
  const domain = labels.join('.');
  // Readers of URLs take such a name for an IPv4 address, in many spellings.
  if (/^[0-9]+$/.test(labels.at(-1) ?? '') && !isIPv4(domain)) refuse('neither a domain name nor an IPv4 address');
  // No ASCII character is read from right to left.
  if (/[^\x00-\x7F]/.test(domain) && labels.some((label) => directionOf(label) !== 'none') && !labels.every((label) => directionOf(label) === 'rtl' || isLeftToRightLabel(label))) {
    refuse('directions mixed in one domain');
  }
  return domain;
}

function canonicalIpv6(text: string): string {
  const address = text.slice(1, -1);
  if (!text.endsWith(']') || !isIPv6(address) || address.includes('%')) refuse('not an IPv6 address');
  return new URL(`http://${text}`).hostname;
}

function canonicalLabel(text: string): string {
  const label = mapLabel(text);
  if (!/^[a-z0-9-]+$/.test(label)) return unicodeLabel(label);
  if (label.length > 63 || label.startsWith('-') || label.endsWith('-')) refuse('not a label of a domain name');
  // An A-label is the U-label it stands for.
  return label.startsWith('xn--') ? unicodeLabel(domainToUnicode(label)) : label;
}

function mapLabel(text: string): string {
  return /^[!-~]*$/.test(text) ? text.toLowerCase() : mapIdentifier(text);
}

/** The label itself if it is a U-label. RFC 5891 §4.2 */
function unicodeLabel(label: string): string {
  demandLabel(label);
  if (!/[^\x00-\x7F]/.test(label) || /[\x00-\x2C./:-@[-`{-\x7F]/.test(label)) refuse('a character that no domain name may hold');
  if (label.startsWith('-') || label.endsWith('-') || label.slice(2, 4) === '--' || /^\p{M}/u.test(label)) refuse('not a label of a domain name');
  if (mapLabel(label) !== label) refuse('a label without a stable form');
  // Punycode, its length, and what IDNA asks for beside the above. Of one label of checked characters these functions can make nothing else.
  const ascii = domainToASCII(label);
  if (ascii.length > 63 || domainToUnicode(ascii) !== label) refuse('not a label of an internationalized domain name');
  return label;
}
