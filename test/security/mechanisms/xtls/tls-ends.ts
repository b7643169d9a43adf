/** Ends of TLS on a pipe: hush's engine with its events in order. */
import { Duplex } from 'node:stream';
import type { HushError } from '../../../../src/errors.ts';
import type { Identity } from '../../../../src/security/identity.ts';
import { TlsEngine } from '../../../../src/security/mechanisms/xtls/engine.ts';
import type { Secured, Shown } from '../../../../src/security/mechanisms/xtls/engine.ts';
import { checkPeer } from '../../../../src/security/mechanisms/xtls/peer-check.ts';
import { parseBareJid } from '../../../../src/xmpp/jid.ts';

/** One end of a pipe: what is written comes out at the other end in a later turn. */
export class End extends Duplex {
  other: End | undefined;
  readonly sent: Buffer[] = [];
  tamper: (bytes: Buffer) => Buffer | undefined = (bytes) => bytes;
  constructor() {
    super();
    this.on('error', () => undefined);
  }
  override _read(): void {
    // Pushed by the other end.
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sent.push(chunk);
    const bytes = this.tamper(chunk);
    setImmediate(() => {
      if (bytes !== undefined && this.other?.destroyed === false) this.other.push(bytes);
      done();
    });
  }
  override _final(done: () => void): void {
    setImmediate(() => {
      if (this.other?.destroyed === false) this.other.push(null);
      done();
    });
  }
}

export function pipe(): [End, End] {
  const [left, right] = [new End(), new End()];
  left.other = right;
  right.other = left;
  return [left, right];
}

export type Event = ['secured', Secured] | ['data', string] | ['ended'] | ['failed', HushError];

/** An engine with its events in order. */
export class Side {
  readonly events: Event[] = [];
  readonly engine: TlsEngine;
  shown: Shown | undefined;
  #waiters: (() => void)[] = [];

  constructor(transport: Duplex, role: 'client' | 'server', identity: Identity, peer: string, options: { refuse?: HushError; onSecured?: (engine: TlsEngine) => void } = {}) {
    const note = (...event: Event): void => {
      this.events.push(event);
      for (const waiter of this.#waiters.splice(0)) waiter();
    };
    this.engine = new TlsEngine({
      transport,
      role,
      identity,
      judge: (shown) => {
        this.shown = shown;
        if (options.refuse !== undefined) return { accepted: false, error: options.refuse };
        return checkPeer({
          ...shown,
          ownSpki: identity.spki,
          peer: parseBareJid(peer),
          isAnonymous: false,
          now: new Date(),
          judgeKey: () => ({ accepted: true, pinned: false, verifiedBy: undefined }),
          fingerprints: [],
        });
      },
      handlers: {
        secured: (secured) => {
          note('secured', secured);
          options.onSecured?.(this.engine);
        },
        data: (bytes) => note('data', bytes.toString()),
        ended: () => note('ended'),
        failed: (error) => note('failed', error),
      },
    });
    engines.push(this.engine);
  }

  async event<Name extends Event[0]>(name: Name): Promise<Extract<Event, [Name, ...unknown[]]>> {
    for (;;) {
      const found = this.events.find((event) => event[0] === name);
      if (found !== undefined) return found as Extract<Event, [Name, ...unknown[]]>;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }
  get names(): string[] {
    return this.events.map(([name]) => name);
  }
}

const engines: TlsEngine[] = [];

/** For afterEach. */
export function destroyEngines(): void {
  for (const engine of engines.splice(0)) engine.destroy();
}
