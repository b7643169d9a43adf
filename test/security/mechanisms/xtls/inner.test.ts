import { expect, test } from '@jest/globals';
import { InnerStream } from '../../../../src/security/mechanisms/xtls/inner.ts';
import type { Binding } from '../../../../src/security/mechanisms/xtls/inner.ts';
import { parseFullJid } from '../../../../src/xmpp/jid.ts';

/** What a stream reports, after a header and these elements of the peer. */
function reported(binding: Binding | undefined, ...elements: string[]): string[] {
  const lines: string[] = [];
  const stream = new InnerStream({
    role: 'responder',
    own: parseFullJid('juliet@capulet.lit/balcony'),
    peer: parseFullJid('romeo@example.net/orchard'),
    binding,
    handlers: {
      write: () => undefined,
      bound: () => lines.push('bound'),
      element: ({ name }) => lines.push(name),
      closed: () => lines.push('closed'),
      violated: ({ message }) => lines.push(message),
    },
  });
  const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='romeo@example.net/orchard' to='juliet@capulet.lit/balcony'>";
  stream.read(Buffer.from([header, ...elements].join('')));
  return lines;
}

const hash = Buffer.alloc(32, 7);
const binding: Binding = { hash, salt: undefined, peerCommitment: '', peerSpki: Buffer.alloc(1) };
const bind = `<binding xmlns='urn:x-telepathy-hush:xtls:1' role='initiator' alg='sha-256'>${hash.toString('base64')}</binding>`;
const message = (attributes: string): string => `<message ${attributes}><body>x</body></message>`;
const [bare, full, foreign] = [
  message("from='romeo@example.net' to='juliet@capulet.lit'"),
  message("from='romeo@example.net/orchard' to='juliet@capulet.lit/balcony'"),
  message("from='tybalt@capulet.lit'"),
];

test('draft-only peers may name bare addresses in stanzas, but nobody else’s', () => {
  expect(reported(undefined, bare, full, message(''))).toEqual(['bound', 'message', 'message', 'message']);
  expect(reported(undefined, foreign)).toEqual(['bound', 'inside: a stanza of somebody else']);
});

test('with the profile addresses are full or absent', () => {
  expect(reported(binding, bind, full, message(''))).toEqual(['bound', 'message', 'message']);
  for (const wrong of [bare, foreign]) expect(reported(binding, bind, wrong)).toEqual(['bound', 'inside: a stanza of somebody else']);
});
