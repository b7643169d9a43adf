/** The XMPP stream inside: opened, bound to what was negotiated outside, read strictly, closed. XTLS profile §3 and §4. */
import { HushError } from '../../../errors.ts';
import { decodeBase64 } from '../../../xmpp/base64.ts';
import { elements, is, namespaceOf, ns, serialize, text, xml } from '../../../xmpp/element.ts';
import type { Element } from '../../../xmpp/element.ts';
import { bareOf, tryJid } from '../../../xmpp/jid.ts';
import type { FullJid } from '../../../xmpp/jid.ts';
import { StreamParser } from '../../../xmpp/parser.ts';
import { sameBytes } from './bytes.ts';
import { opens, readSalt } from './commitment.ts';
import { PROFILE } from './content.ts';

/** Bytes of a stanza. */
export const MAX_STANZA = 256 * 1024;
/** Milliseconds that what need not leave alone waits for company. */
const COMPANY_MS = 20;
const CLOSE = '</stream:stream>';

/** What the two ends compare; undefined with draft-only peers. */
export interface Binding {
  /** H, 32 bytes. */
  readonly hash: Uint8Array;
  /** Opens our commitment, if we made one. */
  readonly salt: Uint8Array | undefined;
  /** As it was signalled; '' = none. */
  readonly peerCommitment: string;
  /** Of the certificate that TLS has shown. */
  readonly peerSpki: Uint8Array;
}

export interface InnerHandlers {
  write(bytes: Buffer): void;
  /** The peer is who the negotiation was with: nothing was let through before. */
  bound(): void;
  /** A `<message/>`, `<iq/>` or, with the profile, `<verify/>` of the bound peer. */
  element(element: Element): void;
  /** The peer has closed its stream. */
  closed(): void;
  /** The peer broke the rules. The last call. */
  violated(error: HushError): void;
}

export interface InnerOptions {
  readonly role: 'initiator' | 'responder';
  readonly own: FullJid;
  readonly peer: FullJid;
  readonly binding: Binding | undefined;
  readonly handlers: InnerHandlers;
}

/** What may come next. */
type Phase = 'header' | 'binding' | 'reveal' | 'bound' | 'over';

export class InnerStream {
  readonly #options: InnerOptions;
  readonly #parser: StreamParser;
  #phase: Phase = 'header';
  #hasFeatures = false;
  /** We have written our end. */
  #isClosed = false;
  /** Waits for company, and how long yet. */
  readonly #waiting: string[] = [];
  #company: NodeJS.Timeout | undefined;

  constructor(options: InnerOptions) {
    this.#options = options;
    this.#parser = new StreamParser(
      { maxStanzaBytes: MAX_STANZA, maxDepth: 64, allowWhitespace: false },
      {
        open: (header) => this.#opened(header),
        start: ({ name, ns: namespace }) => this.#demandExpected(name, namespace),
        element: (element) => this.#element(element),
        close: () => this.#peerClosed(),
        error: (error) => this.#violated(error.message),
      },
    );
  }

  /** Initiator: opens the stream, in one write. The responder waits for the peer's header. */
  open(): void {
    if (this.#options.role === 'initiator') this.#write(...this.#greeting());
  }

  /** Plaintext from TLS. What comes after the peer's end is a violation too. */
  read(bytes: Uint8Array): void {
    this.#parser.write(bytes);
  }

  /** Writes a stanza, or an element of ours, or the text of one, unless we have closed. */
  send(element: Element | string): void {
    this.#write(typeof element === 'string' ? element : serialize(element));
  }

  /** As `send`, but along with what is written next, or 20 ms from now: a block of its own, and its answer, cost more than all that it says. */
  sendAlong(element: Element): void {
    if (this.#isClosed) return;
    this.#waiting.push(serialize(element));
    this.#company ??= setTimeout(() => this.#write(), COMPANY_MS);
  }

  /** Writes our end, once. */
  close(): void {
    if (this.#isClosed) return;
    this.#write(CLOSE);
    this.#isClosed = true;
  }

  /** Nothing is read or written any more. */
  stop(): void {
    this.#phase = 'over';
    this.#isClosed = true;
    clearTimeout(this.#company);
    this.#parser.stop();
  }

  #greeting(): string[] {
    const { role, own, peer, binding } = this.#options;
    const attributes = { xmlns: ns.client, 'xmlns:stream': ns.stream, version: '1.0', from: own, to: peer };
    // An element without children is written closed: a header stays open.
    const header = serialize(xml('stream:stream', attributes)).replace(/\/>$/, '>');
    const features = role === 'responder' ? ['<stream:features/>'] : [];
    if (binding === undefined) return [header, ...features];
    const bind = xml('binding', { xmlns: PROFILE, role, alg: 'sha-256' }, Buffer.from(binding.hash).toString('base64'));
    const reveal = binding.salt && xml('reveal', { xmlns: PROFILE }, Buffer.from(binding.salt).toString('base64'));
    return [header, serialize(bind), ...(reveal === undefined ? [] : [serialize(reveal)]), ...features];
  }

  #write(...texts: string[]): void {
    clearTimeout(this.#company);
    this.#company = undefined;
    const all = [...this.#waiting.splice(0), ...texts].join('');
    if (!this.#isClosed) this.#options.handlers.write(Buffer.from(all, 'utf8'));
  }

  #opened(header: Element): void {
    const { role, own, peer, binding } = this.#options;
    const { from, to, version } = header.attrs;
    const isNamed = binding === undefined ? names(from, peer) && names(to, own) : from === peer && to === own;
    if (!is(header, 'stream', ns.stream) || version !== '1.0' || !isNamed) {
      this.#violated('the stream inside was opened wrongly');
      return;
    }
    if (role === 'responder') this.#write(...this.#greeting());
    if (binding === undefined) this.#bound();
    else this.#phase = 'binding';
  }

  /** Judged at the start tag: what is not expected is not read to its end. */
  #demandExpected(name: string, namespace: string): void {
    if (!this.#isExpected(name, namespace)) this.#violated(`<${name.slice(0, 32)}/> where it does not belong`);
  }

  #isExpected(name: string, namespace: string): boolean {
    const { role, binding } = this.#options;
    if (this.#phase !== 'bound') return namespace === PROFILE && name === this.#phase;
    if (namespace === ns.client) return name === 'message' || name === 'iq' || (name === 'presence' && binding === undefined);
    // Empty and once, and only from whoever was called.
    if (namespace === ns.stream && name === 'features') return role === 'initiator' && !this.#hasFeatures;
    return namespace === PROFILE && name === 'verify' && binding !== undefined;
  }

  #element(element: Element): void {
    const { binding, handlers } = this.#options;
    if (this.#phase === 'binding') this.#checkBinding(element);
    else if (this.#phase === 'reveal') this.#checkReveal(element);
    else if (is(element, 'features', ns.stream)) this.#checkFeatures(element);
    else if (is(element, 'verify', PROFILE)) handlers.element(element);
    // Presence only gets here from draft-only peers, and means nothing.
    else if (element.name !== 'presence') this.#stanza(element);
    else if (binding !== undefined) this.#violated('presence');
  }

  #checkBinding(element: Element): void {
    const { role, binding } = this.#options;
    const hash = decodeBase64(text(element), 32);
    const isRight =
      elements(element).length === 0 &&
      element.attrs.role === (role === 'initiator' ? 'responder' : 'initiator') &&
      element.attrs.alg === 'sha-256' &&
      hash !== undefined &&
      binding !== undefined &&
      sameBytes(hash, binding.hash);
    if (!isRight) this.#violated('the ends did not agree on what was negotiated');
    else if (binding.peerCommitment === '') this.#bound();
    else this.#phase = 'reveal';
  }

  #checkReveal(element: Element): void {
    const { binding } = this.#options;
    const salt = elements(element).length === 0 ? readSalt(text(element)) : undefined;
    if (binding === undefined || salt === undefined || !opens(binding.peerCommitment, salt, binding.peerSpki)) this.#violated('the key is not the one that was committed to');
    else this.#bound();
  }

  #checkFeatures(element: Element): void {
    this.#hasFeatures = true;
    if (this.#options.binding !== undefined && element.children.length > 0) this.#violated('features that are not empty');
  }

  #stanza(stanza: Element): void {
    const { own, peer, binding, handlers } = this.#options;
    const { from, to, type, id } = stanza.attrs;
    const isNamed = (text: string | undefined, jid: FullJid): boolean => (binding === undefined ? names(text, jid) : text === undefined || tryJid(text) === jid);
    const isAddressed = isNamed(from, peer) && isNamed(to, own);
    const isRequest = type === 'get' || type === 'set';
    const isForm =
      stanza.name === 'message'
        ? type === undefined || type === 'chat' || type === 'normal' || type === 'error'
        : id !== undefined && (isRequest ? elements(stanza).length === 1 : type === 'result' || type === 'error');
    if (!isAddressed) this.#violated('a stanza of somebody else');
    else if (!isForm) this.#violated(`a ${namespaceOf(stanza) === ns.client ? stanza.name : 'stanza'} that is not as it must be`);
    else handlers.element(stanza);
  }

  #bound(): void {
    this.#phase = 'bound';
    this.#options.handlers.bound();
  }

  #peerClosed(): void {
    if (this.#phase === 'bound') this.#options.handlers.closed();
    else this.#violated('the stream inside was closed before it was bound');
  }

  #violated(message: string): void {
    if (this.#phase === 'over') return;
    this.stop();
    this.#options.handlers.violated(new HushError('encryption-error', `inside: ${message}`));
  }
}

/** Whether a draft-only peer means `jid` by that: itself, its bare JID, or nothing at all. */
function names(text: string | undefined, jid: FullJid): boolean {
  return text === undefined || tryJid(text) === jid || tryJid(text) === bareOf(jid);
}
