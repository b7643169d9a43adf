/** A client that stops reading, and a bus that does: others are served, what waits is bounded, the server waits, and nothing is lost or acknowledged that nobody has. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { usage } from '../harness/hush.ts';
import { Program } from '../harness/process.ts';
import { maxPending } from '../../src/telepathy/pending-messages.ts';
import { report, Rig } from './rig.ts';
import { asking, channelsOf, flood, listen, message, receipts } from './flooding.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.start();
});
afterAll(() => rig.stop());

/** HUSH_FLOOD=100000 for the whole of it. */
const total = Number(process.env.HUSH_FLOOD ?? 15_000);
const contacts = Array.from({ length: Math.max(10, Math.ceil(total / (maxPending - 1))) }, (_, at) => `contact${at}@example.test`);
const padding = '.'.repeat(600);
const texts = Array.from({ length: Math.floor(total / contacts.length) }, (_, at) => `message ${at} ${padding}`);
const stanzas = texts.flatMap((text, at) => contacts.map((from) => asking(message(from, text, `m${at}`))));

describe('while messages come by the thousand [fault-11 F8]', () => {
  test('a client that has stopped reading keeps nobody else from being served', async () => {
    const { connection, session } = await rig.online(contacts);
    const seen = listen(connection);
    const sleeper = new Program('dbus-monitor', ['--address', rig.session.address, "type='signal'"]);
    await sleeper.line(/NameAcquired/);
    process.kill(sleeper.pid, 'SIGSTOP');
    try {
      const strain = await rig.strain(`${stanzas.length} messages, a client that does not read`, async () => {
        await flood(session, stanzas);
        await seen.reaches(stanzas.length);
      }, async () => {
        for (const channel of (await channelsOf(connection)).values()) await channel.acknowledge(...(await channel.pending()).map(({ id }) => id));
      });
      expect([...seen.texts]).toEqual(contacts.map((contact) => [contact, texts]));
      expect(strain.slowestPing).toBeLessThan(500);
      // Receipts that the server has not confirmed yet are among it, 5000 at the most.
      expect(strain.kept).toBeLessThan(48 * 1024);
    } finally {
      process.kill(sleeper.pid, 'SIGCONT');
      await sleeper.stop();
      seen.stop();
    }
  }, 180_000);

  test('a bus that has stopped makes the server wait; hush grows by little, and afterwards everything is there, once and in order', async () => {
    const { connection, session } = await rig.online(contacts);
    const seen = listen(connection);
    const pid = await rig.pid();
    const daemon = await rig.session.pidOf('org.freedesktop.DBus');
    const before = usage(pid).residentKiB;
    process.kill(daemon, 'SIGSTOP');
    try {
      await flood(session, stanzas);
      // It has stopped by itself when it no longer works: there is nobody who could tell.
      for (let last = -1; last !== usage(pid).cpuMs; ) {
        last = usage(pid).cpuMs;
        await sleep(250);
      }
      const growth = usage(pid).residentKiB - before;
      report(`a bus that does not read: ${Math.round(session.waiting / 1024)} KiB wait at the server, hush has ${growth} KiB more`);
      expect(session.waiting).toBeGreaterThan(1024 * 1024);
      expect(growth).toBeLessThan(64 * 1024);
      // Only what is in a channel for clients to read was acknowledged.
      expect(receipts(session.clearText)).toBeLessThan(stanzas.length);
    } finally {
      process.kill(daemon, 'SIGCONT');
    }
    await seen.reaches(stanzas.length);
    expect([...seen.texts]).toEqual(contacts.map((contact) => [contact, texts]));
    let pending = 0;
    for (const channel of (await channelsOf(connection)).values()) pending += (await channel.pending()).length;
    await session.sync();
    expect(pending).toBe(stanzas.length);
    // A receipt is worth nothing later: it is left out while the server takes nothing, and never given twice.
    expect(receipts(session.clearText)).toBeLessThanOrEqual(stanzas.length);
    seen.stop();
  }, 180_000);
});

