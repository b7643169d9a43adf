/**
 * A scripted XMPP server on loopback for adversarial tests. Honest by default; every message it sends in a login can be replaced by the test,
 * and every byte can be sent when and how the test likes.
 *
 *   const server = await startScriptedServer({ tls: leaf, misbehave: { success: () => '<success xmlns="…"/>' } });
 *   const [outcome, session] = await Promise.all([settle(client.connect(signal)), server.accept()]);
 *   const failure = await session.login();              // undefined once bound, else why not
 *   session.send('<message …/>'); await session.expect({ name: 'iq', type: 'result' }); await session.sync();
 */
import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createSecureContext, TLSSocket } from 'node:tls';
import { WireElement, WireReader } from './lenient-xml.ts';
import { serveSasl } from './scripted-sasl.ts';

/** Everything the server sends by itself in a login, and on behalf of a client that is in. A function gets the honest text and returns what goes out instead. */
export type Step =
  | 'header'
  | 'features-before-tls'
  | 'proceed'
  | 'features-before-auth'
  | 'scram-first'
  | 'scram-final'
  | 'challenge'
  | 'success'
  | 'failure'
  | 'features-after-auth'
  | 'bound'
  | 'enabled'
  | 'resumed'
  | 'roster'
  | 'ack';

export type Misbehaviour = Partial<Record<Step, (honest: string) => string>>;

export interface ScriptedServerOptions {
  /** Default 'example.test'. */
  readonly domain?: string;
  /** Without it no encryption is offered. PEM; `cert` may be a chain. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** TLS from the first byte (xmpps). Default false: STARTTLS. */
  readonly directTls?: boolean;
  /** name → password; default alice: 'secret'. */
  readonly users?: Readonly<Record<string, string>>;
  /** Default: SCRAM-SHA-256-PLUS (under TLS), SCRAM-SHA-256, SCRAM-SHA-1, PLAIN. */
  readonly mechanisms?: readonly string[];
  /** PBKDF2 rounds. Default 4096. */
  readonly iterations?: number;
  /** Stream management is offered. Default true. */
  readonly streamManagement?: boolean;
  readonly misbehave?: Misbehaviour;
  /** What is answered by itself to a request, whomever it is to: the payload of a result. Undefined: by server and account that the roster is empty, and to everything else an error. */
  readonly answers?: (payload: WireElement, request: WireElement, session: ScriptedSession) => string | undefined;
}

/** What a client did, in order: header, top-level element, end tag, end of the TCP connection. */
export type WireEvent =
  | { readonly kind: 'open'; readonly element: WireElement }
  | { readonly kind: 'element'; readonly element: WireElement }
  | { readonly kind: 'close' }
  | { readonly kind: 'end' };

/** What is waited for: all that is given must hold. `with` is a child's (name, ns). */
export interface Pattern {
  /** Default 'element'. */
  readonly kind?: WireEvent['kind'] | 'any';
  readonly name?: string;
  readonly ns?: string;
  readonly type?: string;
  readonly id?: string;
  readonly to?: string;
  readonly with?: readonly [name: string, ns?: string];
}

const ns = {
  client: 'jabber:client',
  stream: 'http://etherx.jabber.org/streams',
  tls: 'urn:ietf:params:xml:ns:xmpp-tls',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  sm: 'urn:xmpp:sm:3',
  cb: 'urn:xmpp:sasl-cb:0',
};

const defaultMechanisms = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'];

/** Text as it may stand in XML. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function matches(event: WireEvent, pattern: Pattern): boolean {
  if (pattern.kind !== 'any' && event.kind !== (pattern.kind ?? 'element')) return false;
  const element = 'element' in event ? event.element : undefined;
  if (element === undefined) return true;
  const { name, ns: namespace, type, id, to, with: inner } = pattern;
  return (
    (name === undefined || element.name === name) &&
    (namespace === undefined || element.ns === namespace) &&
    (type === undefined || (element.attrs.type ?? '') === type) &&
    (id === undefined || element.attrs.id === id) &&
    (to === undefined || element.attrs.to === to) &&
    (inner === undefined || element.child(inner[0], inner[1]) !== undefined)
  );
}

export async function startScriptedServer(options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
  const server = new ScriptedServer(options);
  await server.listen();
  return server;
}

export class ScriptedServer {
  readonly options: ScriptedServerOptions;
  readonly domain: string;
  /** Every connection so far. */
  readonly sessions: ScriptedSession[] = [];
  /** Sessions that stream management can resume, by their id. */
  readonly resumable = new Map<string, ScriptedSession>();
  /** Changed between connections by tests that need another server the second time. */
  misbehave: Misbehaviour;
  #server: Server;
  #accepted = 0;
  #waiting: (() => void)[] = [];

  constructor(options: ScriptedServerOptions) {
    this.options = options;
    this.domain = options.domain ?? 'example.test';
    this.misbehave = options.misbehave ?? {};
    this.#server = createServer((socket) => {
      this.sessions.push(new ScriptedSession(this, socket));
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** The port on 127.0.0.1. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next connection, past or future, each handed out once. */
  async accept(): Promise<ScriptedSession> {
    const index = this.#accepted++;
    for (;;) {
      const session = this.sessions[index];
      if (session !== undefined) return session;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Stops listening and cuts every connection. */
  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}

/** One connection of a client. */
export class ScriptedSession {
  readonly server: ScriptedServer;
  /** The client's address once bound: what stanzas to it carry in `to`. */
  jid = '';
  user = '';
  /** Everything the client sent: before TLS, and inside it. For canaries. */
  clearText = '';
  tlsText = '';
  /** Answers the usual requests of a client that is in (roster, stream management, service discovery of the server). Default true. */
  answersByItself = true;
  /** Stanzas received since stream management was enabled. */
  received = 0;
  /** Stanzas sent since then and not yet acknowledged by the client, and how many have been. */
  unacknowledged: string[] = [];
  acknowledged = 0;
  #resumptionId: string | undefined;
  #isCounting = false;

  #socket: Socket;
  #reader: WireReader;
  #decoder = new TextDecoder();
  readonly #events: WireEvent[] = [];
  /** All events ever, for messages of failures. */
  readonly #seen: string[] = [];
  readonly #forbidden: Pattern[] = [];
  #failure: Error | undefined;
  #hasEnded = false;
  #wake: () => void = () => undefined;

  constructor(server: ScriptedServer, socket: Socket) {
    this.server = server;
    this.#socket = socket;
    this.#reader = this.#newReader();
    socket.setNoDelay(true);
    if (server.options.directTls === true) this.#secure();
    else this.#listen();
  }

  // Reading

  #newReader(): WireReader {
    return new WireReader({
      open: (element) => this.#event({ kind: 'open', element }),
      element: (element) => this.#event({ kind: 'element', element }),
      close: () => this.#event({ kind: 'close' }),
    });
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('data', (bytes: Buffer) => {
      const text = this.#decoder.decode(bytes, { stream: true });
      if (this.isEncrypted) this.tlsText += text;
      else this.clearText += text;
      this.#reader.write(text);
    });
    // A client that hangs up in the middle is part of the tests; 'close' tells of it.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (socket !== this.#socket || this.#hasEnded) return;
      this.#hasEnded = true;
      this.#event({ kind: 'end' });
    });
  }

  #event(event: WireEvent): void {
    this.#seen.push('element' in event ? String(event.element) : event.kind);
    const forbidden = this.#forbidden.find((pattern) => matches(event, pattern));
    if (forbidden !== undefined) this.#failure ??= new Error(`the client did what was forbidden: ${this.#seen.at(-1) ?? ''}`);
    if (event.kind === 'element' && this.jid !== '') this.#answer(event.element);
    this.#events.push(event);
    this.#wake();
  }

  /** The next event that matches; those before it are gone with it. Rejects when something forbidden happens, the connection ends first, or after `timeoutMs`. */
  async expect(pattern: Pattern, timeoutMs = 5_000): Promise<WireElement> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const index = this.#events.findIndex((event) => matches(event, pattern));
      if (index >= 0) {
        const event = this.#events.splice(0, index + 1).at(-1);
        return event !== undefined && 'element' in event ? event.element : new WireElement(event?.kind ?? '', '', {});
      }
      if (this.#hasEnded) throw new Error(`the connection ended before ${JSON.stringify(pattern)}; the client sent:\n${this.#seen.join('\n')}`);
      await this.#somethingHappens(end, pattern);
    }
  }

  async #somethingHappens(end: number, pattern: Pattern): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve;
      const fail = (): void => reject(new Error(`nothing like ${JSON.stringify(pattern)} in time; the client sent:\n${this.#seen.join('\n')}`));
      timer = setTimeout(fail, Math.max(0, end - Date.now()));
    });
    clearTimeout(timer);
  }

  /** From now on (and from what is still in the queue) such an event fails the next `expect` or `sync`. Returns a function that allows it again. */
  forbid(pattern: Pattern): () => void {
    this.#forbidden.push(pattern);
    const past = this.#events.find((event) => matches(event, pattern));
    if (past !== undefined) this.#failure ??= new Error(`the client did what was forbidden: ${this.#seen.join('\n')}`);
    return () => {
      this.#forbidden.splice(this.#forbidden.indexOf(pattern), 1);
    };
  }

  /** A round trip through the client: everything sent before has been read by it, and what it answered at once has come. */
  async sync(): Promise<void> {
    const id = randomUUID();
    this.send(`<iq type='get' id='${id}' from='${this.server.domain}' to='${escapeXml(this.jid)}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await this.expect({ name: 'iq', id });
  }

  /** Settles when the client's connection has ended. */
  async ended(timeoutMs?: number): Promise<void> {
    await this.expect({ kind: 'end' }, timeoutMs);
  }

  // Writing

  /** Sends at once, in one write. */
  send(data: string | Uint8Array): void {
    if (this.#isCounting && typeof data === 'string' && /^<(?:message|presence|iq)[\s/>]/.test(data)) this.unacknowledged.push(data);
    this.#socket.write(data);
  }

  /** Sends pieces of `size` bytes, each its own segment as far as the system allows, `everyMs` apart. */
  async sendInPieces(data: string | Uint8Array, size: number, everyMs = 0): Promise<void> {
    const bytes = Buffer.from(data as Uint8Array);
    for (let at = 0; at < bytes.length; at += size) {
      this.#socket.write(bytes.subarray(at, at + size));
      if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
      else await nextTurn();
    }
  }

  /** Bytes that the client has not taken, nor the system for it. */
  get waiting(): number {
    return this.#socket.writableLength;
  }

  /** Ends the connection in order (FIN). */
  end(): void {
    this.#socket.end();
  }

  /** Cuts the connection (RST). */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Reads no more: the client's bytes pile up, as behind a dead network. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  // Logging in

  get isEncrypted(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  #say(step: Step, honest: string): void {
    const text = this.#overridden(step, honest);
    if (text !== '') this.send(text);
  }

  #overridden(step: Step, honest: string): string {
    return this.server.misbehave[step]?.(honest) ?? honest;
  }

  /** Waits for the client's stream header and answers it. */
  async openStream(): Promise<WireElement> {
    const header = await this.expect({ kind: 'open' });
    const { domain } = this.server;
    this.#say('header', `<?xml version='1.0'?><stream:stream xmlns='${ns.client}' xmlns:stream='${ns.stream}' id='${randomUUID()}' from='${domain}' version='1.0' xml:lang='en'>`);
    return header;
  }

  /** Everything from the first header to a bound resource (or a resumed stream). Resolves with why it did not come so far, undefined if it did. Never rejects. */
  async login(): Promise<Error | undefined> {
    try {
      const { tls, directTls } = this.server.options;
      await this.openStream();
      if (tls !== undefined && directTls !== true) {
        this.#say('features-before-tls', `<stream:features><starttls xmlns='${ns.tls}'><required/></starttls></stream:features>`);
        await this.startTls();
        await this.openStream();
      }
      this.#say('features-before-auth', this.#authFeatures());
      await this.authenticate();
      await this.openStream();
      const sm = this.server.options.streamManagement === false ? '' : `<sm xmlns='${ns.sm}'/>`;
      this.#say('features-after-auth', `<stream:features><bind xmlns='${ns.bind}'/>${sm}</stream:features>`);
      await this.bindOrResume();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Waits for `<starttls/>`, proceeds and becomes the TLS server. */
  async startTls(): Promise<void> {
    await this.expect({ name: 'starttls', ns: ns.tls });
    this.#say('proceed', `<proceed xmlns='${ns.tls}'/>`);
    this.#secure();
  }

  #secure(): void {
    const { tls } = this.server.options;
    if (tls === undefined) throw new Error('this server has no certificate');
    const plain = this.#socket;
    plain.removeAllListeners('data');
    this.#socket = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(tls) });
    this.#restart();
    this.#listen();
  }

  /** After TLS and after authentication the client starts a new stream. */
  #restart(): void {
    this.#reader = this.#newReader();
    this.#decoder = new TextDecoder();
  }

  #mechanisms(): readonly string[] {
    const all = this.server.options.mechanisms ?? defaultMechanisms;
    return this.isEncrypted ? all : all.filter((name) => !name.endsWith('-PLUS'));
  }

  #authFeatures(): string {
    const mechanisms = this.#mechanisms().map((name) => `<mechanism>${name}</mechanism>`);
    const bindings = [...this.#bindings().keys()].map((type) => `<channel-binding type='${type}'/>`);
    const offered = bindings.length > 0 ? `<sasl-channel-binding xmlns='${ns.cb}'>${bindings.join('')}</sasl-channel-binding>` : '';
    return `<stream:features><mechanisms xmlns='${ns.sasl}'>${mechanisms.join('')}</mechanisms>${offered}</stream:features>`;
  }

  #bindings(): Map<string, Buffer> {
    const { tls } = this.server.options;
    if (!(this.#socket instanceof TLSSocket) || tls === undefined) return new Map();
    return new Map([
      ['tls-exporter', this.#socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))],
      ['tls-unique', this.#socket.getPeerFinished() ?? Buffer.alloc(0)],
      ['tls-server-end-point', createHash('sha256').update(new X509Certificate(tls.cert).raw).digest()],
    ]);
  }

  /** Serves SASL exchanges until one succeeds. */
  async authenticate(): Promise<void> {
    for (;;) {
      const auth = await this.expect({ name: 'auth', ns: ns.sasl });
      const mechanism = auth.attrs.mechanism ?? '';
      let first = auth.text;
      const challenge = async (text: string): Promise<string> => {
        this.#say('challenge', `<challenge xmlns='${ns.sasl}'>${Buffer.from(text).toString('base64')}</challenge>`);
        return Buffer.from((await this.expect({ name: 'response', ns: ns.sasl })).text, 'base64').toString();
      };
      if (first === '') first = Buffer.from(await challenge('')).toString('base64');
      const clientFirst = Buffer.from(first, 'base64').toString();
      const { isAccepted, data } = this.#mechanisms().includes(mechanism)
        ? await serveSasl(mechanism, clientFirst, {
            users: this.server.options.users ?? { alice: 'secret' },
            bindings: this.#bindings(),
            offersPlus: this.#mechanisms().some((name) => name.endsWith('-PLUS')),
            override: (step, honest) => this.#overridden(step, honest),
            challenge,
            iterations: this.server.options.iterations ?? 4096,
          })
        : { isAccepted: false, data: undefined };
      if (isAccepted) {
        this.user = mechanism === 'PLAIN' ? (clientFirst.split('\0')[1] ?? '') : (/[,]n=([^,]*)/.exec(clientFirst)?.[1] ?? '');
        this.#restart();
        this.#say('success', `<success xmlns='${ns.sasl}'>${data === undefined ? '' : Buffer.from(data).toString('base64')}</success>`);
        return;
      }
      this.#say('failure', `<failure xmlns='${ns.sasl}'><not-authorized/></failure>`);
    }
  }

  /** Binds the resource the client asks for, or resumes its earlier session. */
  async bindOrResume(): Promise<void> {
    for (;;) {
      const request = await this.expect({ kind: 'element' });
      const bind = request.child('bind', ns.bind);
      if (bind !== undefined) {
        this.jid = `${this.user}@${this.server.domain}/${bind.child('resource')?.text ?? randomUUID()}`;
        this.#say('bound', `<iq type='result' id='${escapeXml(request.attrs.id ?? '')}'><bind xmlns='${ns.bind}'><jid>${escapeXml(this.jid)}</jid></bind></iq>`);
        // What a client sends right behind its request, without waiting.
        for (const event of this.#events) if (event.kind === 'element') this.#answer(event.element);
        return;
      }
      if (request.name === 'resume' && this.#resume(request)) return;
    }
  }

  // Being in

  #resume(request: WireElement): boolean {
    const before = this.server.resumable.get(request.attrs.previd ?? '');
    if (before === undefined || before.user !== this.user) {
      this.#say('resumed', `<failed xmlns='${ns.sm}'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`);
      return false;
    }
    this.jid = before.jid;
    this.received = before.received;
    this.acknowledged = before.acknowledged;
    this.unacknowledged = before.unacknowledged;
    this.#acknowledge(Number(request.attrs.h));
    this.#isCounting = true;
    this.#resumptionId = request.attrs.previd;
    this.server.resumable.set(request.attrs.previd ?? '', this);
    this.#say('resumed', `<resumed xmlns='${ns.sm}' previd='${request.attrs.previd ?? ''}' h='${this.received}'/>`);
    for (const stanza of this.unacknowledged) this.#socket.write(stanza);
    return true;
  }

  #acknowledge(h: number): void {
    this.unacknowledged.splice(0, h - this.acknowledged);
    this.acknowledged = h;
  }

  /** What an honest server says by itself to a client that is in. */
  #answer(element: WireElement): void {
    const isStanza = ['message', 'presence', 'iq'].includes(element.name);
    if (isStanza && this.#isCounting) this.received += 1;
    if (element.ns === ns.sm) this.#answerStreamManagement(element);
    if (!this.answersByItself || element.name !== 'iq' || !['get', 'set'].includes(element.attrs.type ?? '')) return;
    const [payload] = element.elements;
    if (payload === undefined || payload.ns === ns.bind) return;
    const id = escapeXml(element.attrs.id ?? '');
    const from = element.attrs.to === undefined ? '' : ` from='${escapeXml(element.attrs.to)}'`;
    const answer = this.server.options.answers?.(payload, element, this);
    const isForServer = element.attrs.to === undefined || element.attrs.to === this.server.domain || element.attrs.to === this.jid.split('/')[0];
    if (answer !== undefined) this.send(`<iq type='result' id='${id}'${from}>${answer}</iq>`);
    else if (!isForServer) return;
    else if (payload.ns === 'jabber:iq:roster' && element.attrs.type === 'get') this.#say('roster', `<iq type='result' id='${id}'${from}><query xmlns='jabber:iq:roster'/></iq>`);
    else this.send(`<iq type='error' id='${id}'${from}><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`);
  }

  #answerStreamManagement(element: WireElement): void {
    if (element.name === 'enable') {
      this.#resumptionId = randomUUID();
      this.server.resumable.set(this.#resumptionId, this);
      this.#say('enabled', `<enabled xmlns='${ns.sm}' id='${this.#resumptionId}' resume='true' max='300'/>`);
      this.#isCounting = true;
    }
    if (element.name === 'a') this.#acknowledge(Number(element.attrs.h));
    if (element.name === 'r' && this.answersByItself) this.#say('ack', `<a xmlns='${ns.sm}' h='${this.received}'/>`);
  }
}
