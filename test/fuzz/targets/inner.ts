/** The stream inside a secured session: nothing gets through before the binding, nothing after a violation, however it is cut. Attack rows C3, E2, G4. */
import { createHash } from 'node:crypto';
import { InnerStream, MAX_STANZA } from '../../../src/security/mechanisms/xtls/inner.ts';
import { serialize, text, xml } from '../../../src/xmpp/element.ts';
import type { Element } from '../../../src/xmpp/element.ts';
import { parseFullJid } from '../../../src/xmpp/jid.ts';
import { StreamParser } from '../../../src/xmpp/parser.ts';
import { Random } from '../random.ts';
import { promise } from '../target.ts';
import type { Target } from '../target.ts';
import { HushError } from '../../../src/errors.ts';

const own = parseFullJid('juliet@example.org/balcony');
const peer = parseFullJid('romeo@example.net/orchard');
const hash = Buffer.alloc(32, 7);
const salt = Buffer.alloc(32, 9);
const spki = Buffer.from('the key that TLS has shown');
const commitment = createHash('sha256').update(salt).update(spki).digest('base64');
const P = 'urn:x-telepathy-hush:xtls:1';

/** The first byte says what kind of session it is. */
interface Kind {
  readonly role: 'initiator' | 'responder';
  readonly isBinding: boolean;
  readonly isCommitted: boolean;
  readonly hasCommitted: boolean;
}
const kindOf = (bits: number): Kind => ({ role: (bits & 1) === 0 ? 'initiator' : 'responder', isBinding: (bits & 2) === 0, isCommitted: (bits & 4) === 0, hasCommitted: (bits & 8) === 0 });

function read(kind: Kind, pieces: readonly Buffer[]): string[] {
  const events: string[] = [];
  let isBound = false;
  let isOver = false;
  const broken: string[] = [];
  // The stream takes what its handlers throw for a fault of its own: kept until it is done.
  const demand = (holds: boolean, what: string): void => {
    if (!holds) broken.push(what);
  };
  const note = (event: string): void => {
    demand(!isOver, `nothing happens after a violation: ${event}`);
    events.push(event);
  };
  const binding = kind.isBinding ? { hash, salt: kind.hasCommitted ? salt : undefined, peerCommitment: kind.isCommitted ? commitment : '', peerSpki: spki } : undefined;
  const inner = new InnerStream({
    role: kind.role,
    own,
    peer,
    binding,
    handlers: {
      write: (bytes) => note(`write ${bytes.toString()}`),
      bound: () => {
        demand(!isBound, 'bound once');
        isBound = true;
        note('bound');
      },
      element: (element) => {
        demand(isBound, 'nothing is let through before it is bound');
        demand(['message', 'iq', 'verify'].includes(element.name), 'only what is allowed is let through');
        note(serialize(element));
      },
      closed: () => {
        demand(isBound, 'a stream that is not bound is not closed either');
        note('closed');
      },
      violated: (error) => {
        demand(error instanceof HushError, 'a violation is a HushError');
        note(`violated ${error.condition}`);
        isOver = true;
      },
    },
  });
  inner.open();
  for (const piece of pieces) inner.read(piece);
  inner.send(xml('message'));
  inner.close();
  inner.close();
  promise(broken.length === 0, 'broken', broken);
  promise(events.filter((event) => event === 'write </stream:stream>').length === (events.some((event) => event.startsWith('violated')) ? 0 : 1), 'our end is written once, and not after a violation');
  return events;
}

/** What must have been in it for the session to be bound, found by a plain reading. */
function demandProof(kind: Kind, bytes: Buffer): void {
  const elements: Element[] = [];
  let header: Element | undefined;
  const parser = new StreamParser({ maxStanzaBytes: MAX_STANZA, maxDepth: 64 }, { open: (element) => (header = element), element: (element) => void elements.push(element), close: () => undefined, error: () => undefined });
  parser.write(bytes);
  promise(header?.attrs.from === peer && header.attrs.to === own, 'bound to whoever the negotiation was with');
  const [first, second] = elements;
  promise(first?.attrs.xmlns === P && first.name === 'binding' && text(first) === hash.toString('base64') && first.attrs.role !== kind.role, 'bound by the right hash of the other role');
  if (kind.isCommitted) promise(second?.attrs.xmlns === P && second.name === 'reveal' && text(second) === salt.toString('base64'), 'bound by the right salt');
}

function check(input: Buffer): void {
  const kind = kindOf(input[0] ?? 0);
  const bytes = input.subarray(1);
  const random = Random.of(input);
  const whole = read(kind, [bytes]);
  for (const pieces of [random.cut(bytes), Array.from(bytes, (byte) => Buffer.of(byte))]) {
    const events = read(kind, pieces);
    promise(JSON.stringify(events) === JSON.stringify(whole), 'the same is read however it is cut', [whole, events]);
  }
  if (kind.isBinding && whole.includes('bound')) demandProof(kind, bytes);
}

const header = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='${peer}' to='${own}'>`;
const bind = (role: string): string => `<binding xmlns='${P}' role='${role}' alg='sha-256'>${hash.toString('base64')}</binding>`;
const reveal = `<reveal xmlns='${P}'>${salt.toString('base64')}</reveal>`;
const features = '<stream:features/>';
const content = `<message type='chat' id='1' from='${peer}' to='${own}'><body>hi</body></message><iq type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq><verify xmlns='${P}' step='1'/></stream:stream>`;
const session = (bits: number, ...parts: string[]): Buffer => Buffer.from(String.fromCharCode(bits) + parts.join(''), 'latin1');

export const target: Target = {
  sources: ['/src/security/mechanisms/xtls/inner.ts', '/src/security/mechanisms/xtls/commitment.ts', '/src/xmpp/parser.ts', '/src/xmpp/base64.ts'],
  seeds: [
    session(0, header, bind('responder'), reveal, features, content),
    session(1, header, bind('initiator'), reveal, content),
    session(4, header, bind('responder'), features, content),
    session(13, header, bind('initiator'), content),
    session(2, header, features, "<presence/><message type='error'/>", content),
    session(3, header.replace(` from='${peer}'`, ''), content),
  ],
  maxInput: 2000,
  dictionary: [
    header, bind('responder'), bind('initiator'), reveal, features, '<stream:features><a/></stream:features>', '</stream:stream>', "<message type='groupchat'/>", "<message type='normal'/>", "<message type=''/>", '<presence/>', "<iq type='result' id='1'/>", "<iq type='set' id=''><a/><b/></iq>",
    "<iq type='get'><a/></iq>", `<verify xmlns='${P}'/>`, "<stream:error/>", `from='${own}'`, `to='${peer}'`, `from='${peer}'`, "from='romeo@example.net'", "from='ROMEO@example.net/orchard'", `xmlns='${P}'`, "alg='sha-1'", "role='responder'", "role='initiator'", "version='1.1'",
    hash.toString('base64'), salt.toString('base64'), '<!-- -->', '<![CDATA[', ']]>', ' ', "<?xml version='1.0'?>", '&#66;',
  ],
  run: check,
};
