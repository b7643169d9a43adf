/** DNS names in the one form in which they are compared and looked up. Source: RFC 5890 §2.3, RFC 1035 §2.3.4. */
import { domainToASCII } from 'node:url';

const ldhLabel = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;
/** Characters that a U-label may hold: everything outside ASCII, and of ASCII the letters, digits and hyphen. */
const labelCharacters = /^(?:[a-zA-Z0-9_.-]|[^\x00-\x7f])+$/u;

/** Bytes of a whole name and of one label. RFC 1035 §2.3.4 */
const maxName = 253;
const maxLabel = 63;

/**
 * Lower-case A-labels without a trailing dot, or undefined for what is no DNS name (NUL, white space, address literals with a colon, empty labels …).
 * A wildcard is no name; '127.0.0.1' is one, as the same string.
 */
export function toDnsName(text: string): string | undefined {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length > maxName || !labelCharacters.test(name)) return undefined;
  // The platform's function reads a whole URL host (percent escapes, 0x7f.1); it only sees what is a name beyond ASCII.
  const ascii = /^[\x00-\x7f]*$/.test(name) ? name.toLowerCase() : domainToASCII(name);
  const isName = ascii.length <= maxName && ascii.split('.').every((label) => label.length <= maxLabel && ldhLabel.test(label));
  return isName ? ascii : undefined;
}
