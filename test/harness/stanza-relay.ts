/** Somebody on the line between one client and its server, or who owns the server: reads every element that passes, and does with it as a test likes. It hides STARTTLS from the client. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';

/** To the client, or from it. */
export type Way = 'in' | 'out';

export interface Passing {
  readonly way: Way;
  readonly xml: string;
}

/** What goes on instead of an element, in this order. */
export type Edit = (passing: Passing) => readonly string[];

export class StanzaRelay {
  /** Everything as its sender wrote it, in order. */
  readonly passed: Passing[] = [];
  /** What becomes of elements from now on. */
  edit: Edit;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiters = new Set<(passing: Passing) => void>();
  #write: Readonly<Record<Way, (xml: string) => void>> | undefined;

  private constructor(target: number) {
    this.edit = unchanged;
    this.#server = createServer((client) => this.#accept(client, target));
  }

  /** A relay to a port on 127.0.0.1, for one connection at a time. */
  static async start(target: number): Promise<StanzaRelay> {
    const relay = new StanzaRelay(target);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Says something in the name of the other end. */
  inject(way: Way, xml: string): void {
    this.#write?.[way](xml);
  }

  /** The next element from now on, when it has been dealt with. */
  next(way: Way, pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(`nothing like ${String(pattern)} went ${way}`));
      }, 10_000).unref();
      const waiter = (passing: Passing): void => {
        if (passing.way !== way || !pattern.test(passing.xml)) return;
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(passing.xml);
      };
      this.#waiters.add(waiter);
    });
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(client: Socket, target: number): void {
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    this.#write = { in: (xml) => client.write(xml), out: (xml) => server.write(xml) };
    this.#pass('out', client, server);
    this.#pass('in', server, client);
  }

  #pass(way: Way, from: Socket, to: Socket): void {
    const framer = new Framer();
    this.#sockets.add(from);
    from.on('data', (bytes) => {
      for (const xml of framer.feed(bytes)) this.#deal({ way, xml }, to);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      to.destroy();
      this.#sockets.delete(from);
    });
  }

  #deal(passing: Passing, to: Socket): void {
    this.passed.push(passing);
    const { xml } = passing;
    const goesOn = xml.startsWith('<stream:features') ? [xml.replace(/<starttls\b[^>]*(?:\/>|>.*?<\/starttls>)/, '')] : this.edit(passing);
    for (const each of goesOn) to.write(each);
    for (const waiter of [...this.#waiters]) waiter(passing);
  }
}

export const unchanged: Edit = ({ xml }) => [xml];

/** Cuts a stream into what stands at its first level. Both ends write well-formed XML without comments, and escape `>` in attributes. */
class Framer {
  readonly #decoder = new StringDecoder('utf8');
  #text = '';
  #at = 0;
  #depth = 0;

  *feed(bytes: Buffer): Generator<string> {
    this.#text += this.#decoder.write(bytes);
    for (;;) {
      const open = this.#text.indexOf('<', this.#at);
      const close = open < 0 ? -1 : this.#text.indexOf('>', open);
      if (close < 0) break;
      const tag = this.#text.slice(open, close + 1);
      this.#at = close + 1;
      // Headers and ends of the stream itself stand alone.
      const isOfStream = tag.startsWith('<?') || /^<\/?stream:stream\b/.test(tag);
      if (!isOfStream && !tag.endsWith('/>')) this.#depth += tag.startsWith('</') ? -1 : 1;
      if (this.#depth === 0) yield this.#take(this.#at);
    }
    // White space that keeps the connection alive.
    if (this.#depth === 0 && this.#text !== '' && !this.#text.includes('<')) yield this.#take(this.#text.length);
  }

  #take(end: number): string {
    const taken = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    this.#at = 0;
    return taken;
  }
}

const DATA = /<data\b[^>]*\bseq=["'](\d+)["'][^>]*>([^<]*)<\/data>/;

/** The payload of a block of an In-Band Bytestream. */
export function blockOf(xml: string): Buffer | undefined {
  const [, , text] = DATA.exec(xml) ?? [];
  return text === undefined ? undefined : Buffer.from(text, 'base64');
}

/**
 * Puts other blocks in the place of those on their way to the client. The bytestream itself shows nothing of it: they are numbered without
 * gaps, and who sent one that never arrives is told that it did. An own id for each of `payloads`, or the client's answers would tell.
 */
export function editBlocks(relay: StanzaRelay, act: (payload: Buffer) => readonly Buffer[]): Edit {
  let shift = 0;
  return (passing) => {
    const { way, xml } = passing;
    const payload = blockOf(xml);
    if (way === 'out' || payload === undefined) return [xml];
    const [, seq, text] = DATA.exec(xml)!;
    const payloads = act(payload);
    if (payloads.length === 0) relay.inject('out', `<iq type='result' id='${attributeOf(xml, 'id')}' to='${attributeOf(xml, 'from')}'/>`);
    const first = Number(seq) + shift;
    shift += payloads.length - 1;
    return payloads.map((each, index) => {
      const block = xml.replace(/\bseq=["']\d+["']/, `seq='${first + index}'`).replace(text!, each.toString('base64'));
      return index === 0 ? block : block.replace(/\bid=["'][^"']*["']/, `id='more-${first + index}'`);
    });
  };
}

/** An attribute of the outermost element. */
export function attributeOf(xml: string, name: string): string {
  const [tag] = /^[^>]*>/.exec(xml) ?? [''];
  return new RegExp(`\\s${name}=["']([^"']*)["']`).exec(tag)?.[1] ?? '';
}
