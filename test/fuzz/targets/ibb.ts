/** The receiving half of in-band bytestreams against a model of it: every answer, every byte, in order. Attack rows E6-E8. */
import { silentLog } from '../../../src/log.ts';
import { xml } from '../../../src/xmpp/element.ts';
import type { Element } from '../../../src/xmpp/element.ts';
import { bareOf, domainOf, parseFullJid } from '../../../src/xmpp/jid.ts';
import { Later } from '../../../src/xmpp/router.ts';
import type { Context, Handler } from '../../../src/xmpp/router.ts';
import type { Session } from '../../../src/xmpp/session.ts';
import { StanzaErrorReply } from '../../../src/xmpp/stanza-error.ts';
import { IBB, InBandBytestreams } from '../../../src/xmpp/xep0047-ibb.ts';
import { promise } from '../target.ts';
import type { Target } from '../target.ts';

const own = parseFullJid('juliet@example.org/balcony');
const peer = parseFullJid('romeo@example.net/orchard');
const BLOCK = 4096;
const BUFFER = 256 * 1024;

/** The router's part, without a router: handlers by name. */
function receiver() {
  const handlers = new Map<string, Handler>();
  const session = {
    account: bareOf(own),
    jid: own,
    domain: domainOf(own),
    log: silentLog,
    router: { add: (handler: Handler) => (handlers.set(handler.name, handler), () => undefined) },
    iq: { set: () => new Promise(() => undefined) },
  };
  const streams = new InBandBytestreams(session as unknown as Session);
  return { handlers, stream: streams.listen({ peer, sid: 's', blockSize: BLOCK }) };
}

/** What the receiver must answer, from the specification alone: XEP-0047 §2.2, XTLS profile §1. */
class Model {
  #state: 'awaiting' | 'open' | 'over' = 'awaiting';
  #expected = 0;
  #last: string[] = [];
  #isOverfull = false;
  withheld = 0;
  #unread: Buffer[] = [];
  #size = 0;

  /** Nothing more of the stream can be relied upon. */
  #end(answer: string): string {
    this.#state = 'over';
    this.read();
    return answer;
  }

  open(blockSize: string, stanza: string | undefined): string {
    if (this.#state !== 'awaiting') return 'not-acceptable';
    if (blockSize !== String(BLOCK) || (stanza !== undefined && stanza !== 'iq')) return this.#end('not-acceptable');
    this.#state = 'open';
    return 'result';
  }

  data(seq: string, base64: string): string {
    if (this.#state === 'over') return 'item-not-found';
    if (this.#state === 'awaiting') return this.#end('unexpected-request');
    const bytes = strictly(base64);
    if (!/^\d{1,5}$/.test(seq) || String(Number(seq)) !== seq || Number(seq) > 65_535 || bytes === undefined || bytes.length === 0 || bytes.length > BLOCK) return this.#end('bad-request');
    if (Number(seq) !== this.#expected) {
      const back = (this.#expected - Number(seq) + 65_536) % 65_536;
      if (back <= 16 && this.#last[this.#last.length - back] === base64) return 'result';
      return this.#isOverfull ? 'resource-constraint' : this.#end('unexpected-request');
    }
    this.#isOverfull = this.withheld === 16;
    if (this.#isOverfull) return 'resource-constraint';
    this.#expected = (this.#expected + 1) % 65_536;
    this.#last = [...this.#last, base64].slice(-16);
    this.#unread.push(bytes);
    this.#size += bytes.length;
    if (this.#size < BUFFER) return 'result';
    this.withheld += 1;
    return 'later';
  }

  close(): string {
    if (this.#state === 'over') return 'item-not-found';
    this.#state = 'over';
    this.withheld = 0;
    return 'result';
  }

  message(): string {
    return this.#state === 'over' ? 'ignored' : this.#end('ended');
  }

  read(): Buffer {
    const bytes = Buffer.concat(this.#unread);
    this.#unread = [];
    this.#size = 0;
    this.withheld = 0;
    return bytes;
  }

  get next(): number {
    return this.#expected;
  }
}

/** Base64 by its grammar: the alphabet, whole groups, padding at the end, unused bits zero. RFC 4648 §4 */
function strictly(text: string): Buffer | undefined {
  const form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]([A-Za-z0-9+/])==|[A-Za-z0-9+/]{2}([A-Za-z0-9+/])=)?$/.exec(text);
  if (form === null) return undefined;
  const [, beforeTwo, beforeOne] = form;
  const unused = (beforeTwo !== undefined && !'AQgw'.includes(beforeTwo)) || (beforeOne !== undefined && !'AEIMQUYcgkosw048'.includes(beforeOne));
  return unused ? undefined : Buffer.from(text, 'base64');
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A line each: a command and its arguments, between tabs. */
async function check(input: Buffer): Promise<void> {
  const { handlers, stream } = receiver();
  const model = new Model();
  let answered = 0;
  let errors = 0;
  stream.on('error', () => (errors += 1));

  const call = (name: string, payload: Element, from: Context = { from: peer, sender: 'subscriber' }): string => {
    const handler = handlers.get(`xep0047-${name}`);
    if (handler === undefined) throw new Error(`no handler ${name}`);
    try {
      const outcome = handler.handle(xml(name === 'data-in-message' ? 'message' : 'iq', {}, payload), from);
      if (!(outcome instanceof Later)) return name !== 'data-in-message' ? 'result' : outcome === true ? 'ended' : 'ignored';
      outcome.answer.then(() => (answered += 1), () => undefined);
      return 'later';
    } catch (error) {
      if (!(error instanceof StanzaErrorReply)) throw error;
      const { condition, type } = error.stanzaError;
      promise(type !== 'wait' || condition === 'resource-constraint', 'only a block without room is wanted again', error.stanzaError);
      return condition;
    }
  };
  const data = (seq: string, base64: string): Element => xml('data', { xmlns: IBB, sid: 's', seq }, base64);

  let withheld = 0;
  let filled = 0;
  const expect = (got: string, wanted: string): void => {
    promise(got === wanted, 'the answer is that of the model', [got, wanted]);
    if (got === 'later') withheld += 1;
  };

  for (const line of input.toString('utf8').split('\n').slice(0, 64)) {
    const [command, one = '', two] = line.split('\t');
    if (command === 'open') {
      expect(call('open', xml('open', { xmlns: IBB, sid: 's', 'block-size': one, stanza: two })), model.open(one, two));
    } else if (command === 'data') {
      expect(call('data', data(one, two ?? '')), model.data(one, two ?? ''));
    } else if (command === 'fill') {
      const content = Buffer.alloc(BLOCK, two ?? 'x').toString('base64');
      for (let left = Number(one) || 0; left > 0 && filled < 100; left -= 1, filled += 1) expect(call('data', data(String(model.next), content)), model.data(String(model.next), content));
    } else if (command === 'close') {
      expect(call('close', xml('close', { xmlns: IBB, sid: 's' })), model.close());
    } else if (command === 'message') {
      expect(call('data-in-message', data(one, two ?? '')), model.message());
    } else if (command === 'stranger') {
      promise(call('data', data(one, two ?? ''), { from: parseFullJid('mallory@example.com/x'), sender: 'other' }) === 'service-unavailable', 'a stranger learns nothing');
    } else if (command === 'other') {
      promise(call('data', data(one, two ?? ''), { from: parseFullJid('romeo@example.net/other'), sender: 'subscriber' }) === 'item-not-found', 'another resource has no part in it');
    } else if (command === 'read') {
      const bytes = stream.readableEnded || stream.destroyed ? null : (stream.read() as Buffer | null);
      promise((bytes ?? Buffer.alloc(0)).equals(model.read()), 'what is read is what was accepted, in order');
    } else continue;
    await turn();
    promise(answered === withheld - model.withheld, 'answers are withheld until there is room, no longer', [line.slice(0, 60), answered, withheld, model.withheld]);
    promise(stream.readableLength <= BUFFER + 16 * BLOCK, 'what is unread is bounded', stream.readableLength);
  }
  stream.destroy();
  await turn();
  promise(errors <= 1, 'it ends once');
}

const b64 = (text: string): string => Buffer.from(text).toString('base64');

export const target: Target = {
  sources: ['/src/xmpp/xep0047-ibb.ts', '/src/xmpp/base64.ts'],
  seeds: [
    `open\t4096\tiq\ndata\t0\t${b64('abc')}\ndata\t1\t${b64('d')}\ndata\t0\t${b64('abc')}\nread\nclose\nread\ndata\t2\t${b64('x')}`,
    `open\t4096\nfill\t63\nfill\t1\nfill\t17\ndata\t80\t${b64('abc')}\nread\nfill\t1\nread`,
    `open\t4096\ndata\t1\t${b64('abc')}`,
    `open\t4095\tiq\nopen\t4096`,
    `stranger\t0\t${b64('abc')}\nother\t0\t${b64('abc')}\nopen\t4096\tmessage\nmessage\t0\t${b64('abc')}`,
    `open\t4096\nfill\t20\ndata\t4\tAAAA\ndata\t65535\tAAAA`,
  ].map((text) => Buffer.from(text)),
  dictionary: ['\n', '\t', 'open\t4096\tiq\n', 'open\t04096', 'data\t0\tAAAA\n', 'data\t1\tAAAA\n', 'fill\t16\n', 'fill\t64\n', 'fill\t81\n', 'close\n', 'read\n', 'message\t0\tAAAA\n', '=', '==', '===', 'AA==', 'AAA=', 'AAB=', 'A', '+', '-', '_', '/', ' ', '\r', '\u00e4', '\u0660', '65535', '65536', '-1', '00', '1e1', '\u{1F600}', '\u0000'],
  run: check,
};
