/** The ways into a running hush from its own machine: the session bus, and no other. */
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { names } from '../harness/telepathy-client.ts';
import { failure, Setting } from './setting.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await Setting.start(['alice', 'bob']);
}, 60_000);
afterAll(() => setting.stop());

/** Sockets of a process at which somebody else may knock: TCP and Unix sockets that listen, UDP sockets that are bound and not connected. */
function listening(pid: number | 'self'): string[] {
  const inodes = new Set(readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      // Closed between the two looks.
      return [];
    }
  }));
  const rows = (table: string): string[][] => readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1).map((line) => line.trim().split(/\s+/));
  const internet = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) => rows(table).filter((row) => inodes.has(row[9] ?? '') && row[3] === (table.startsWith('tcp') ? '0A' : '07')).map((row) => `${table} ${row[1]!}`));
  const local = rows('unix').filter((row) => inodes.has(row[6] ?? '') && (parseInt(row[3]!, 16) & 0x10000) !== 0).map((row) => `unix ${row[7] ?? ''}`);
  return [...internet, ...local];
}

test('nobody puts words into a conversation but its contact: nothing listens beside the bus, and nothing on the bus takes what was received [A18]', async () => {
  const connection = await setting.connect('alice');
  const channel = await connection.ensureText(setting.jid('bob'));
  expect(listening(await setting.pid())).toEqual([]);
  // The twin: whoever listens is found.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  expect(listening('self').some((row) => row.startsWith('tcp '))).toBe(true);
  server.close();

  const forged = [[new Map(), new Map()]] as const;
  for (const [interfaceName, member] of [[names.messages, 'MessageReceived'], [names.text, 'Received'], [names.messages, 'PendingMessages']] as const) {
    expect(await failure(channel.callAs('aa{sv}', interfaceName, member, ...forged))).toBe('DBus.UnknownMethod');
  }
  expect(await channel.pending()).toEqual([]);
  const peer = await setting.peer('bob');
  const received = channel.received();
  await peer.message(setting.jid('alice'), 'it is me');
  expect((await received).text).toBe('it is me');
});
