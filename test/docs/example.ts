/** The worked example of docs/xtls-profile.md, as Markdown: a recording, told step by step, with every value that a reader needs to compute it anew. */
import { createHash } from 'node:crypto';
import { elements, is, ns, serialize, text, xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { bindingInput } from '../../src/security/mechanisms/xtls/binding.ts';
import { readCertificate } from '../../src/security/mechanisms/xtls/certificate.ts';
import { isRefused, negotiated, readAccept, readOffer } from '../../src/security/mechanisms/xtls/content.ts';
import { Srp, stretch } from '../../src/security/mechanisms/xtls/srp.ts';
import { safetyNumber } from '../../src/security/safety-number.ts';
import { bareOf } from '../../src/xmpp/jid.ts';
import { JINGLE } from '../../src/xmpp/xep0166-jingle.ts';
import { IBB } from '../../src/xmpp/xep0047-ibb.ts';
import { opaqueString } from '../../src/xmpp/precis.ts';
import { parse } from '../harness/wire.ts';
import { JULIET, ROMEO } from '../security/mechanisms/xtls/pair.ts';
import { QUESTION, SECRET } from './recording.ts';
import type { Recording, Said } from './recording.ts';

const name = (jid: string): string => (jid === ROMEO ? 'Romeo' : 'Juliet');

/** The payload that a stanza of the outside is about; undefined for a result. */
function payload(said: Said): Element | undefined {
  return said.where === 'outside' ? elements(parse(said.text))[0] : undefined;
}

function isJingle(said: Said, action: string): boolean {
  const jingle = payload(said);
  return jingle !== undefined && is(jingle, 'jingle', JINGLE) && jingle.attrs.action === action;
}

function isIbb(said: Said, which: 'open' | 'data' | 'close'): boolean {
  const element = payload(said);
  return element !== undefined && is(element, which, IBB);
}

/** Indented, for reading, with a namespace only where it is another than `around`; blocks of a bytestream shortened unless `whole`. */
function laidOut(element: Element, whole: boolean, around: string = ns.client, indent = ''): string {
  const { xmlns = around, ...others } = element.attrs;
  const attributes = xmlns === around ? others : { xmlns, ...others };
  const inner = elements(element);
  if (inner.length > 0) {
    const open = serialize(xml(element.name, attributes)).replace(/\/>$/, '>');
    return [`${indent}${open}`, ...inner.map((each) => laidOut(each, whole, xmlns, `${indent}  `)), `${indent}</${element.name}>`].join('\n');
  }
  const content = text(element);
  return indent + serialize(xml(element.name, attributes, whole || content.length <= 100 ? content || undefined : `${content.slice(0, 60)}…`));
}

const fence = (language: string, lines: readonly string[]): string => ['```' + language, ...lines, '```'].join('\n');

/** Stanzas between the two, each with who sends it. */
function outside(said: readonly Said[], whole = false): string {
  return fence('xml', said.flatMap((each) => [`<!-- ${name(each.from)} -->`, laidOut(parse(each.text), whole)]));
}

/** Plaintext inside, to the letter. */
function inside(said: readonly Said[]): string {
  return fence('xml', said.flatMap((each) => [`<!-- ${name(each.from)}, inside -->`, each.text]));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const table = (rows: readonly (readonly [string, string])[]): string => fence('text', rows.map(([label, value]) => `${label.padEnd(14)}${value}`));

function pem(certificate: Buffer): string[] {
  return ['-----BEGIN CERTIFICATE-----', ...(certificate.toString('base64').match(/.{1,64}/g) ?? []), '-----END CERTIFICATE-----'];
}

export async function example(recording: Recording): Promise<string> {
  const { said, certificates, channelBinding, a, b } = recording;
  const find = (test: (each: Said) => boolean): number => {
    const at = said.findIndex(test);
    if (at < 0) throw new Error('something was not said');
    return at;
  };
  const answerTo = (at: number): Said => {
    const { id } = parse(said[at]!.text).attrs;
    return said.find(({ where, text: stanza }) => where === 'outside' && parse(stanza).attrs.id === id && parse(stanza).attrs.type === 'result')!;
  };
  const withAnswer = (at: number): Said[] => [said[at]!, answerTo(at)];
  const [offerAt, acceptAt] = [find((each) => isJingle(each, 'session-initiate')), find((each) => isJingle(each, 'session-accept'))];
  const blocks = said.filter((each) => isIbb(each, 'data'));
  const plain = said.filter(({ where }) => where === 'inside');
  const steps = plain.filter(({ text: words }) => words.startsWith('<verify'));

  const offerJingle = payload(said[offerAt]!)!;
  const offer = readOffer(offerJingle);
  if (isRefused(offer)) throw new Error(offer.message);
  const accept = readAccept(payload(said[acceptAt]!)!, offer);
  if (isRefused(accept)) throw new Error(accept.message);
  const agreed = negotiated({ initiator: ROMEO, responder: JULIET, jingleSid: offerJingle.attrs.sid! }, offer, accept);
  const input = bindingInput(agreed);

  const bytesOf = (said: Said, local: string): Buffer => Buffer.from(text(elements(parse(said.text)).find((part) => part.name === local)!), 'base64');
  const spki = { romeo: readCertificate(certificates.romeo).spki, juliet: readCertificate(certificates.juliet).spki };
  const srp = new Srp();
  const [A, salt, B, M1, M2] = [bytesOf(steps[0]!, 'A'), bytesOf(steps[1]!, 'salt'), bytesOf(steps[1]!, 'B'), bytesOf(steps[2]!, 'M1'), bytesOf(steps[3]!, 'M2')];
  const secret = Buffer.from(opaqueString(SECRET), 'utf8');
  const stretched = await stretch(secret, salt);
  const x = srp.privateKey(bareOf(ROMEO), stretched, salt);
  const verifier = srp.verifier(x);
  const S = srp.starterSecret(A, B, a, x);

  return [
    `Two ends in one process, recorded: Romeo is the initiator, Juliet the responder. Outside, white space was put in for reading and long blocks were cut at \`…\`; what is inside stands to the letter. Every value can be computed anew from this section, and a test does so.`,
    `### The keys\n\nRomeo's certificate, then Juliet's (both self-signed P-256):`,
    fence('text', [...pem(certificates.romeo), ...pem(certificates.juliet)]),
    `The SPKI of each, which is what gets committed to and pinned:`,
    table([['spki-romeo', hex(spki.romeo)], ['spki-juliet', hex(spki.juliet)]]),
    `Their safety number:`,
    fence('text', [safetyNumber({ jid: bareOf(ROMEO), spki: spki.romeo }, { jid: bareOf(JULIET), spki: spki.juliet })]),
    `### Negotiation`,
    outside([...withAnswer(offerAt), ...withAnswer(acceptAt), ...withAnswer(find((each) => isIbb(each, 'open')))]),
    `### TLS\n\nRomeo's first block is his ClientHello. ServerHello, certificates and Finished follow in the same way.`,
    outside([blocks[0]!, blocks[1]!], false).replace(/<!-- Romeo -->\n[^]*?<!-- Juliet -->/, outside([blocks[0]!], true).replace(/^```xml\n|\n```$/g, '') + '\n<!-- Juliet -->'),
    `After the handshake both ends export the same 32 bytes:`,
    table([['cb', hex(channelBinding)]]),
    `### Binding\n\nThe sixteen fields, in order:`,
    fence('text', bindingLines(input)),
    `Each with its length before it, in hexadecimal, and the hash of all that:`,
    table([['input', hex(input)], ['H', hex(createHash('sha256').update(input).digest())]]),
    `Both streams begin, each in one write. The salts in \`<reveal/>\` open the commitments of the negotiation: SHA-256 over salt and SPKI.`,
    inside(plain.slice(0, 2)),
    `Both ends are secure now.\n\n### A message and its receipt`,
    inside(plain.slice(2, 4)),
    `### A shared secret\n\nRomeo asks “${QUESTION}”. The secret is \`${secret.toString('utf8')}\`; he types a no-break space in it, which the preparation turns into an ordinary one.`,
    inside(steps),
    `How the values come about; \`a\` and \`b\` are the private exponents of the two, which nobody else ever sees in earnest:`,
    table([
      ['secret', hex(secret)],
      ['I', bareOf(ROMEO)],
      ['a', hex(a)],
      ['b', hex(b)],
      ["P'", hex(stretched)],
      ['x', hex(x)],
      ['SHA-256(v)', hex(createHash('sha256').update(verifier).digest())],
      ['k', hex(srp.multiplier())],
      ['u', hex(srp.scramble(A, B))],
      ['K', hex(srp.sessionKey(S))],
      ['M1', hex(M1)],
      ['M2', hex(M2)],
    ]),
    `### The end\n\nRomeo closes. Inside:`,
    inside(plain.slice(-2)),
    `Each is followed by the close_notify of whoever wrote it. Outside, once every block is answered:`,
    outside([...withAnswer(find((each) => isIbb(each, 'close'))), said[find((each) => isJingle(each, 'session-terminate'))]!]),
  ].join('\n\n');
}

/** The fields as a person reads them: text as it is, lists and nothing in words of their own. */
export function bindingLines(input: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < input.length; ) {
    const length = input.readUInt32BE(at);
    const field = input.subarray(at + 4, at + 4 + length);
    const isBytes = field.includes(0);
    lines.push(`${String(lines.length + 1).padEnd(4)}${length === 0 ? '(empty)' : isBytes ? `hex ${hex(field)}` : field.toString('utf8')}`);
    at += 4 + length;
  }
  return lines;
}
