/** One account's stream without a server: the real router, parser and iq caller; what is sent is kept, what comes is written as XML text. */
import type { Log } from '../../src/log.ts';
import { silentLog } from '../../src/log.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { serialize } from '../../src/xmpp/element.ts';
import { IqCaller } from '../../src/xmpp/iq.ts';
import { domainOf, parseBareJid, parseFullJid } from '../../src/xmpp/jid.ts';
import { StreamParser } from '../../src/xmpp/parser.ts';
import { Router } from '../../src/xmpp/router.ts';
import type { Session } from '../../src/xmpp/session.ts';

const STREAM = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/** The elements of an XML text, as the parser of the stream makes them. */
export function parseAll(text: string): Element[] {
  const elements: Element[] = [];
  const parser = new StreamParser(
    { maxStanzaBytes: 4_194_304, maxDepth: 64 },
    {
      open: () => undefined,
      element: (element) => elements.push(element),
      close: () => undefined,
      error: (error) => {
        throw error;
      },
    },
  );
  parser.write(Buffer.from(STREAM + text));
  return elements;
}

export function parse(text: string): Element {
  const [element] = parseAll(text);
  if (element === undefined) throw new Error('no element in the text');
  return element;
}

export class TestSession implements Session {
  readonly account = parseBareJid('me@home.example');
  readonly jid = parseFullJid('me@home.example/here');
  readonly domain = domainOf(this.account);
  readonly log: Log = silentLog;
  readonly iq: IqCaller;
  readonly router: Router;
  /** What was sent and not yet looked at. */
  readonly sent: Element[] = [];
  features: Element = parse('<features xmlns="http://etherx.jabber.org/streams"/>');
  #marks = 0;
  readonly #reached = new Map<string, () => void>();
  #arrived: (() => void) | undefined;

  constructor() {
    const send = (stanza: Element): void => this.send(stanza);
    this.iq = new IqCaller({ account: this.account, jid: () => this.jid, send, log: this.log });
    this.router = new Router({ account: this.account, jid: () => this.jid, iq: this.iq, send, log: this.log });
    this.router.add({
      name: 'test-mark',
      stanza: 'message',
      child: { name: 'mark', ns: 'test' },
      from: ['other'],
      handle: ({ attrs: { id = '' } }) => {
        this.#reached.get(id)?.();
        return true;
      },
    });
  }

  serverFeatures(): Element {
    return this.features;
  }

  send(stanza: Element): void {
    this.sent.push(parse(serialize(stanza)));
    this.#arrived?.();
  }

  /** Stanzas from the server. */
  receive(text: string): void {
    for (const stanza of parseAll(text)) this.router.route(stanza);
  }

  /** Everything received so far has been handled. */
  async settled(): Promise<void> {
    // An answer given late in one turn may bring forth another request: three rounds are more than any handler here needs.
    for (let round = 0; round < 3; round += 1) {
      const id = String((this.#marks += 1));
      const reached = new Promise<void>((resolve) => this.#reached.set(id, resolve));
      this.receive(`<message from='mark-${id}@test.example' id='${id}'><mark xmlns='test'/></message>`);
      await reached;
    }
  }

  async get(text: string): Promise<Element[]> {
    this.receive(text);
    await this.settled();
    return this.sent.splice(0);
  }

  /** The next stanza that was sent. */
  async next(): Promise<Element> {
    while (this.sent.length === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.sent.shift()!;
  }

  /** Answers a request of ours, from the one who was asked. */
  reply(iq: Element, payload = ''): void {
    this.#answer(iq, 'result', payload);
  }

  refuse(iq: Element, condition: string, application = ''): void {
    this.#answer(iq, 'error', `<error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>${application}</error>`);
  }

  #answer(iq: Element, type: string, payload: string): void {
    const from = iq.attrs.to === undefined ? '' : ` from='${iq.attrs.to}'`;
    this.receive(`<iq type='${type}' id='${iq.attrs.id}'${from}>${payload}</iq>`);
  }

  /** Fills the roster: { 'a@b.example': 'both' }. */
  static rosterOf(subscriptions: Readonly<Record<string, string>>): string {
    const items = Object.entries(subscriptions).map(([jid, subscription]) => `<item jid='${jid}' subscription='${subscription}'/>`);
    return `<query xmlns='jabber:iq:roster'>${items.join('')}</query>`;
  }
}

/** The condition of an error answer. */
export function conditionOf(stanza: Element | undefined): string {
  const error = stanza?.children.find((node): node is Element => typeof node !== 'string' && node.name === 'error');
  const condition = error?.children[0];
  return typeof condition === 'object' ? condition.name : '';
}
