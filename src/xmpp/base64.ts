/** Base64 as RFC 4648 §4 has it and nothing looser. */

const canonical = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * The bytes of `encoded`, or undefined when it is not canonical base64 or holds more than `maxBytes`.
 * White space is not allowed; a caller whose format has line breaks takes them out first.
 */
export function decodeBase64(encoded: string, maxBytes: number): Buffer | undefined {
  if (encoded.length % 4 !== 0 || encoded.length > Math.ceil(maxBytes / 3) * 4 || !canonical.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  // Padding bits that are not zero would give one content two spellings.
  return bytes.length <= maxBytes && bytes.toString('base64') === encoded ? bytes : undefined;
}
