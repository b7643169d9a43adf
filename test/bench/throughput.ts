/** How much goes through what carries a session, in memory and on one core: TLS alone, in-band bytes alone, and both with the stream inside. Both ends count. */
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { createIdentity, pemOf } from '../../src/security/identity.ts';
import { InBandBytestreams } from '../../src/xmpp/xep0047-ibb.ts';
import { Wire } from '../harness/wire.ts';
import { couple, JULIET, message, ROMEO, secured } from '../security/mechanisms/xtls/pair.ts';
import { inTurns } from './figures.ts';
import type { Section } from './figures.ts';

/** Bytes of a round. */
const total = 2 * 1024 * 1024;
/** Of one write: as much as a block of the profile holds, and a long message. */
const piece = Buffer.alloc(4000, 'x');

export async function throughput(rounds: number): Promise<Section[]> {
  const rows = await inTurns(
    [
      { label: 'bare TLS', measure: bareTls },
      { label: 'bare TLS again', measure: bareTls },
      { label: 'in-band bytes', measure: inBand },
      { label: 'in-band bytes again', measure: inBand },
      { label: 'secured messages', measure: session },
      { label: 'secured messages again', measure: session },
    ],
    rounds,
    1,
  );
  return [{ title: `Throughput in memory, pieces of ${piece.length} bytes, one way`, unit: 'MB/s', references: ['bare TLS', 'in-band bytes'], rows }];
}

const perSecond = (start: number): number => total / 1e6 / ((performance.now() - start) / 1000);

/** Two ends of one pipe. */
class Pipe extends Duplex {
  other!: Pipe;

  static pair(): [Pipe, Pipe] {
    const [one, other] = [new Pipe(), new Pipe()];
    [one.other, other.other] = [other, one];
    return [one, other];
  }

  override _read(): void {
    // What comes is pushed.
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    setImmediate(() => {
      this.other.push(bytes);
      done();
    });
  }

  override _final(done: () => void): void {
    this.other.push(null);
    done();
  }
}

async function bareTls(): Promise<number> {
  const { key, cert } = pemOf(createIdentity('bench@example.org'));
  const [here, there] = Pipe.pair();
  const server = createServer({ key, cert, minVersion: 'TLSv1.3' });
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  server.emit('connection', there);
  const client = connect({ socket: here, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  await once(client, 'secureConnect');
  const [socket] = await accepted;
  const start = performance.now();
  await Promise.all([heard(socket), written(client)]);
  const rate = perSecond(start);
  client.destroy();
  socket.destroy();
  return rate;
}

async function inBand(): Promise<number> {
  const wire = new Wire();
  const [ours, theirs] = [ROMEO, JULIET].map((jid) => new InBandBytestreams(wire.endpoint(jid, { subscribers: ['romeo@example.net', 'juliet@example.org'] }))) as [InBandBytestreams, InBandBytestreams];
  const target = theirs.listen({ peer: ROMEO, sid: 'bench', blockSize: 4096 });
  const source = ours.connect({ peer: JULIET, sid: 'bench', blockSize: 4096 });
  await source.opened;
  const start = performance.now();
  await Promise.all([heard(target), written(source)]);
  const rate = perSecond(start);
  source.destroy();
  target.destroy();
  return rate;
}

async function session(): Promise<number> {
  const { romeo, juliet } = couple(new Wire());
  const [ours, theirs] = await secured(romeo, juliet);
  const count = Math.ceil(total / piece.length);
  const text = piece.toString();
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let came = 0;
    theirs.listen({
      opened: () => {
        came += 1;
        if (came === count) resolve();
      },
    });
    // Some at a time: a user, or a bus, would not hand over everything at once either.
    let sent = 0;
    const more = (): void => {
      for (let index = 0; index < 16 && sent < count; index++, sent++) ours.send(message(text));
    };
    let acknowledged = 0;
    ours.listen({
      delivered: () => {
        acknowledged += 1;
        if (acknowledged % 16 === 0) more();
      },
    });
    more();
    more();
  });
  const rate = perSecond(start);
  romeo.stop();
  juliet.stop();
  return rate;
}

/** Settles when that many bytes have come. */
function heard(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    stream.on('data', (bytes: Buffer) => {
      count += bytes.length;
      if (count >= total) resolve();
    });
  });
}

async function written(stream: Duplex): Promise<void> {
  for (let count = 0; count < total; count += piece.length) if (!stream.write(piece)) await once(stream, 'drain');
}
