/** A peer, or a relay, that does with TLS what no honest end does: records by hand, floods, other versions, damage everywhere. RFC 8446; XTLS profile §2. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createIdentity, pemOf } from '../../../../src/security/identity.ts';
import { bytesOf, helloOf, keyShare, opened, preSharedKey, recordsOf, sealed, secretAfter } from '../../../harness/tls-records.ts';
import { Side, destroyEngines, pipe } from './tls-ends.ts';
import type { End } from './tls-ends.ts';

const ROMEO = 'romeo@example.net';
const JULIET = 'juliet@example.org';
const romeo = createIdentity(ROMEO);
const juliet = createIdentity(JULIET);
const turns = async (count = 6): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

afterEach(destroyEngines);

const changeCipherSpec = Buffer.from([20, 3, 3, 0, 1, 1]);
const extension = { supportedVersions: 43, earlyData: 42, postHandshakeAuth: 49, alpn: 16, serverName: 0 } as const;

/** A peer of hush whose records are made by hand once its handshake is done. */
class Forger {
  readonly hush: Side;
  readonly toHush: End;
  readonly fromHush: End;
  #secret: Buffer = Buffer.alloc(0);
  #sequence = 0;

  private constructor(hush: Side, toHush: End, fromHush: End) {
    this.hush = hush;
    this.toHush = toHush;
    this.fromHush = fromHush;
  }

  /** Both ends are secured, hush in this role. */
  static async meet(hushRole: 'client' | 'server'): Promise<Forger> {
    const [theirs, ours] = pipe();
    const identity = hushRole === 'server' ? romeo : juliet;
    const log: string[] = [];
    const common = { ...pemOf(identity), rejectUnauthorized: false, requestCert: true, ciphers: 'TLS_AES_128_GCM_SHA256' } as const;
    let hush: Side;
    const note = (line: Buffer): void => void log.push(line.toString());
    if (hushRole === 'server') {
      hush = new Side(ours, 'server', juliet, ROMEO);
      connect({ socket: theirs, ...common }).on('keylog', note).on('error', () => undefined);
    } else {
      const server = createServer(common);
      server.on('keylog', note).on('secureConnection', (socket: TLSSocket) => socket.on('error', () => undefined));
      server.emit('connection', theirs);
      hush = new Side(ours, 'client', romeo, JULIET);
    }
    await hush.event('secured');
    await turns(20);
    const forger = new Forger(hush, ours, ours);
    const label = hushRole === 'server' ? 'CLIENT_TRAFFIC_SECRET_0' : 'SERVER_TRAFFIC_SECRET_0';
    forger.#secret = Buffer.from(log.find((line) => line.startsWith(label))!.trim().split(' ')[2]!, 'hex');
    // A server has sent its tickets under this secret.
    forger.#sequence = opened(recordsOf(Buffer.concat(theirs.sent)), forger.#secret).length;
    return forger;
  }

  record(content: string | Buffer, type = 23): Buffer {
    const record = sealed(content, this.#secret, this.#sequence, type);
    this.#sequence += 1;
    return bytesOf(record);
  }
  keyUpdate(isAnswerWanted: boolean): Buffer {
    const record = this.record(Buffer.from([24, 0, 0, 1, isAnswerWanted ? 1 : 0]), 22);
    this.#secret = secretAfter(this.#secret);
    this.#sequence = 0;
    return record;
  }
  ticket(): Buffer {
    const body = Buffer.concat([Buffer.from([0, 0, 28, 32, 1, 2, 3, 4, 1, this.#sequence & 255, 0, 32]), Buffer.alloc(32, 7), Buffer.from([0, 0])]);
    return this.record(Buffer.concat([Buffer.from([4, 0, 0, body.length]), body]), 22);
  }
  say(...records: Buffer[]): void {
    this.toHush.push(Buffer.concat(records));
  }
  /** What hush has read, once it is so long or hush has failed. */
  async read(length: number): Promise<string> {
    const text = (): string => this.hush.events.map((event) => (event[0] === 'data' ? event[1] : '')).join('');
    for (let turn = 0; turn < 2000 && text().length < length && !this.hush.names.includes('failed'); turn += 1) await turns(1);
    return text();
  }
  get sent(): number {
    return this.fromHush.sent.reduce((sum, bytes) => sum + bytes.length, 0);
  }
}

describe('the forger of these tests', () => {
  test.each(['client', 'server'] as const)('is understood where it keeps to the rules (hush %s)', async (role) => {
    const forger = await Forger.meet(role);
    forger.say(forger.record('one'), forger.keyUpdate(false), forger.record('two'), forger.keyUpdate(true), forger.record('three'));
    expect(await forger.read(11)).toBe('onetwothree');
    expect(forger.hush.names).not.toContain('failed');
  });
});

describe.each(['client', 'server'] as const)('floods, hush %s [G10]', (role) => {
  /** Sends records in blocks of 4 KiB until hush has enough: how many bytes it took. */
  async function flood(forger: Forger, next: () => Buffer, most: number): Promise<number> {
    let sent = 0;
    while (sent < most && !forger.hush.names.includes('failed')) {
      const block: Buffer[] = [];
      for (let size = 0; size < 4000; size += block.at(-1)!.length) block.push(next());
      sent += block.reduce((sum, bytes) => sum + bytes.length, 0);
      forger.say(...block);
      await turns(2);
    }
    return sent;
  }

  test.each([['unanswered', false], ['answered', true]] as const)('of key updates (%s) end within 64 KiB a minute', async (_what, isAnswerWanted) => {
    const forger = await Forger.meet(role);
    const before = forger.sent;
    const taken = await flood(forger, () => forger.keyUpdate(isAnswerWanted), 300_000);
    expect(forger.hush.names.at(-1)).toBe('failed');
    expect(taken).toBeLessThan(80_000);
    // Hush has not said more than was said to it.
    expect(forger.sent - before).toBeLessThan(80_000);
  });

  test('of empty records end at once', async () => {
    const forger = await Forger.meet(role);
    expect(await flood(forger, () => forger.record(''), 300_000)).toBeLessThan(80_000);
    expect(forger.hush.names.at(-1)).toBe('failed');
  });

  test('of tiny records are what they say, a byte each, and hold nothing up', async () => {
    const forger = await Forger.meet(role);
    const start = performance.now();
    await flood(forger, () => forger.record('x'), 300_000);
    expect(forger.hush.names).not.toContain('failed');
    expect(forger.hush.events.reduce((sum, event) => sum + (event[0] === 'data' ? event[1].length : 0), 0)).toBeGreaterThan(10_000);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test('of what is rare are no floods: key updates with something said in between', async () => {
    const forger = await Forger.meet(role);
    for (let round = 0; round < 60; round += 1) {
      forger.say(...Array.from({ length: 60 }, () => forger.keyUpdate(false)), forger.record('x'));
      await turns(2);
    }
    expect(forger.hush.names).not.toContain('failed');
    expect(await forger.read(60)).toHaveLength(60);
  });
});

describe('tickets [G3 G8]', () => {
  test('are ignored, and too many of them are too much', async () => {
    const forger = await Forger.meet('client');
    for (let at = 0; at < 100; at += 1) forger.say(forger.ticket());
    await turns(20);
    forger.say(forger.record('still here'));
    expect(await forger.hush.event('data')).toEqual(['data', 'still here']);
    for (let at = 0; at < 1000 && !forger.hush.names.includes('failed'); at += 1) {
      forger.say(forger.ticket());
      await turns(1);
    }
    expect(forger.hush.names.at(-1)).toBe('failed');
  });

  test('of sessions before are never presented, nor anything else from before', async () => {
    for (let at = 0; at < 3; at += 1) {
      const forger = await Forger.meet('client');
      forger.say(forger.ticket(), forger.record('x'));
      await forger.hush.event('data');
      const { extensions } = helloOf(recordsOf(Buffer.concat(forger.fromHush.sent)));
      expect([...extensions.keys()]).toContain(keyShare);
      for (const unwanted of [preSharedKey, extension.earlyData, extension.postHandshakeAuth, extension.alpn, extension.serverName]) expect(extensions.has(unwanted)).toBe(false);
    }
  });
});

describe('other versions [G3]', () => {
  test('are not offered: TLS 1.3 is all that a client of ours knows', async () => {
    const [left] = pipe();
    new Side(left, 'client', romeo, JULIET);
    await turns();
    const hello = helloOf(recordsOf(Buffer.concat(left.sent)));
    expect(hello.extensions.get(extension.supportedVersions)).toEqual(Buffer.from([2, 3, 4]));
  });

  test.each(['TLSv1.2', 'TLSv1.1'] as const)('%s gets an alert and no more from a server of ours, not even its certificate', async (version) => {
    const [left, right] = pipe();
    const side = new Side(right, 'server', juliet, ROMEO);
    connect({ socket: left, ...pemOf(romeo), rejectUnauthorized: false, minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' }).on('error', () => undefined);
    expect((await side.event('failed'))[1].condition).toBe('encryption-error');
    await turns();
    expect(right.sent.map((bytes) => [bytes[0], bytes.length])).toEqual([[21, 7]]);
  });
});

describe('messages out of place [G3]', () => {
  test.each<[string, 'client' | 'server', number[]]>([
    ['a request to negotiate anew (HelloRequest)', 'client', [0, 0, 0, 0]],
    ['a request for another certificate', 'client', [13, 0, 0, 3, 0, 0, 0]],
    ['a hello', 'server', [1, 0, 0, 2, 3, 3]],
    ['a second Finished', 'server', [20, 0, 0, 32, ...Array.from({ length: 32 }, () => 0)]],
    ['a ticket from a client', 'server', [4, 0, 0, 13, 0, 0, 28, 32, 1, 2, 3, 4, 0, 0, 0, 0, 0]],
    ['a key update of no kind', 'server', [24, 0, 0, 1, 2]],
    ['an unknown message', 'client', [99, 0, 0, 1, 0]],
  ])('end the session: %s (hush %s)', async (_name, role, message) => {
    const forger = await Forger.meet(role);
    forger.say(forger.record('before'));
    await forger.hush.event('data');
    forger.say(forger.record(Buffer.from(message), 22), forger.record('after'));
    expect((await forger.hush.event('failed'))[1].condition).toBe('encryption-error');
    expect(forger.hush.events.filter(([name]) => name === 'data')).toEqual([['data', 'before']]);
  });

  test.each(['client', 'server'] as const)('a change of ciphers after the handshake ends it (hush %s)', async (role) => {
    const forger = await Forger.meet(role);
    forger.say(changeCipherSpec);
    await forger.hush.event('failed');
  });

  test('changes of ciphers without end inside the handshake end it [G7]', async () => {
    const run = async (count: number): Promise<Side> => {
      const [left, right] = pipe();
      const side = new Side(right, 'server', juliet, ROMEO);
      let isFirst = true;
      left.tamper = (bytes) => {
        if (!isFirst) return bytes;
        isFirst = false;
        return Buffer.concat([bytes, ...Array.from({ length: count }, () => changeCipherSpec)]);
      };
      const peer = connect({ socket: left, ...pemOf(romeo), rejectUnauthorized: false }).on('error', () => undefined);
      await Promise.race([side.event('secured'), side.event('failed')]);
      peer.destroy();
      return side;
    };
    expect((await run(1)).names).toEqual(['secured']);
    expect((await run(20_000)).names).toEqual(['failed']);
  });

  test('data before the handshake is done, by whoever says it is early, ends it', async () => {
    const [left, right] = pipe();
    const side = new Side(right, 'server', juliet, ROMEO);
    left.tamper = (bytes) => Buffer.concat([bytes, Buffer.from([23, 3, 3, 0, 40]), Buffer.alloc(40, 1)]);
    connect({ socket: left, ...pemOf(romeo), rejectUnauthorized: false }).on('error', () => undefined);
    expect((await side.event('failed'))[1].condition).toBe('encryption-error');
    expect(side.names).toEqual(['failed']);
  });
});

describe('damage [G2]', () => {
  /** A client and a server of ours, with one byte turned in what the `direction` carries, `at` bytes from its start; and how much of it is the handshake, which a server says at once, tickets later. */
  async function handshake(direction: 'from client' | 'from server', at: number, mask = 1): Promise<{ client: Side; server: Side; length: number; isDamaged: boolean }> {
    const [left, right] = pipe();
    const damaged = direction === 'from client' ? left : right;
    let passed = 0;
    let isDamaged = false;
    damaged.tamper = (bytes) => {
      const turned = Buffer.from(bytes);
      if (at >= passed && at < passed + bytes.length) {
        turned[at - passed]! ^= mask;
        isDamaged = true;
      }
      passed += bytes.length;
      return turned;
    };
    const client = new Side(left, 'client', romeo, JULIET);
    const server = new Side(right, 'server', juliet, ROMEO);
    // A record that claims to be longer leaves both waiting, for the limit of the handshake to end it.
    const isSettled = (): boolean => [client, server].some(({ names }) => names.includes('failed')) || [client, server].every(({ names }) => names.includes('secured'));
    for (let turn = 0; turn < 100 && !isSettled(); turn += 1) await turns(1);
    await turns(4);
    return { client, server, length: direction === 'from client' ? passed : damaged.sent[0]!.length, isDamaged };
  }

  test.each(['from client', 'from server'] as const)('of any byte of the handshake (%s) is never a session on both sides', async (direction) => {
    const { client, server, length } = await handshake(direction, -1);
    expect([client.names, server.names]).toEqual([['secured'], ['secured']]);
    destroyEngines();
    const passed: number[] = [];
    for (let at = 0; at < length; at += 7) {
      const { client: one, server: two, isDamaged } = await handshake(direction, at, 1 << (at % 8));
      // Signatures are not all of one length, nor is the handshake.
      if (isDamaged && one.names.includes('secured') && two.names.includes('secured')) passed.push(at);
      destroyEngines();
    }
    // The version of a record says nothing, and is not looked at (RFC 8446 §5.1).
    expect(passed.filter((at) => at > 2)).toEqual([]);
  }, 15_000);

  test('of any byte of a record ends the session before anything of it is read, and nothing but an alert is sent', async () => {
    const size = 5 + 'some plaintext that is long enough'.length + 17;
    for (let at = 0; at < size; at += 1) {
      const forger = await Forger.meet('server');
      const before = forger.sent;
      const record = forger.record('some plaintext that is long enough');
      expect(record).toHaveLength(size);
      record[at]! ^= 1 << (at % 8);
      // A record that claims to be longer waits for its end: let it come.
      forger.say(record, at === 3 || at === 4 ? Buffer.alloc(17_000) : forger.record('more'));
      await forger.hush.event('failed');
      await turns();
      expect([at, forger.hush.names.filter((name) => name === 'data')]).toEqual([at, []]);
      expect(forger.sent - before).toBeLessThanOrEqual(24);
      destroyEngines();
    }
  }, 15_000);

  test.each([[1, 0], [1, 90], [2, 10], [2, 0], [2, 40], [2, 80]])('an alert in clear text (%i, %i) ends the session', async (level, description) => {
    const forger = await Forger.meet('client');
    forger.say(forger.record('before'));
    await forger.hush.event('data');
    forger.say(Buffer.from([21, 3, 3, 0, 2, level, description]), forger.record('after'));
    await forger.hush.event('failed');
    expect(forger.hush.events.filter(([name]) => name === 'data')).toEqual([['data', 'before']]);
  });

  test('a record said twice, or out of its turn, ends the session [H11]', async () => {
    for (const order of [[0, 0], [1, 0], [0, 2, 1]]) {
      const forger = await Forger.meet('server');
      const records = ['one', 'two', 'three'].map((text) => forger.record(text));
      forger.say(...order.map((at) => records[at]!));
      await forger.hush.event('failed');
      expect(await forger.read(99)).toBe(order[0] === 0 ? 'one' : '');
      destroyEngines();
    }
    const forger = await Forger.meet('server');
    forger.say(forger.record('one'), forger.record('two'));
    expect(await forger.read(6)).toBe('onetwo');
  });

  test('bytes of an earlier session open nothing in the next one [H11]', async () => {
    const first = await Forger.meet('server');
    const old = first.record('one');
    first.say(old);
    await first.hush.event('data');
    const second = await Forger.meet('server');
    second.say(old);
    await second.hush.event('failed');
    expect(second.hush.names).not.toContain('data');
  });
});

describe('what sessions leave behind [G8]', () => {
  const collect = async (): Promise<void> => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    for (let round = 0; round < 4; round += 1) {
      gc();
      await turns(10);
    }
  };

  async function once(): Promise<[WeakRef<object>, WeakRef<object>]> {
    const [left, right] = pipe();
    const client = new Side(left, 'client', romeo, JULIET);
    const server = new Side(right, 'server', juliet, ROMEO);
    await Promise.all([client.event('secured'), server.event('secured')]);
    server.engine.write(Buffer.from('x'));
    await client.event('data');
    const engines: [WeakRef<object>, WeakRef<object>] = [new WeakRef(client.engine), new WeakRef(server.engine)];
    destroyEngines();
    return engines;
  }

  test('is nothing: no end of TLS lives on, and memory is what it was', async () => {
    for (let at = 0; at < 50; at += 1) await once();
    await collect();
    const before = process.memoryUsage();
    const count = Number(process.env.HANDSHAKES ?? 200);
    const engines: WeakRef<object>[] = [];
    for (let at = 0; at < count; at += 1) engines.push(...(await once()));
    await collect();
    const after = process.memoryUsage();
    if (process.env.HANDSHAKES !== undefined) process.stderr.write(`${count} handshakes: heap ${before.heapUsed} -> ${after.heapUsed}, external ${before.external} -> ${after.external}, rss ${before.rss} -> ${after.rss}\n`);
    expect(engines.filter((engine) => engine.deref() !== undefined).length).toBeLessThan(10);
    // Less than one ticket for each.
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(count * 1000 + 1_000_000);
  }, 600_000);
});
