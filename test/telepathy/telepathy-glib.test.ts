/** The connection manager as telepathy-glib sees it, the library of half of all Telepathy clients. */
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { startBus } from '../harness/bus.ts';
import { run } from '../harness/process.ts';
import { EchoManager } from './echo.ts';

test('telepathy-glib introspects, connects, talks, acknowledges and closes', async () => {
  const daemon = await startBus();
  const echo = await EchoManager.start(daemon.address);
  try {
    const output = await run('/usr/bin/python3', [fileURLToPath(new URL('telepathy-glib.py', import.meta.url))], {
      environment: { DBUS_SESSION_BUS_ADDRESS: daemon.address, XDG_DATA_HOME: daemon.directory, XDG_DATA_DIRS: daemon.directory, G_DEBUG: 'fatal-criticals' },
    });
    expect(JSON.parse(output)).toEqual({
      source: 2, // TP_CM_INFO_SOURCE_LIVE
      protocols: ['echo-im'],
      parameters: [['account', true, false, null], ['password', false, true, null], ['port', false, false, 7]],
      'english name': 'Echo',
      'vcard field': 'x-echo',
      'text chats': true,
      statuses: ['available', 'offline'],
      'avatar bytes': 7,
      normalized: 'bob@echo',
      'status before': 2,
      status: [0, 1],
      self: ['glib@echo', 1],
      'immortal handles': true,
      'connection text chats': true,
      yours: true,
      target: 'bob@echo',
      'content types': ['text/plain'],
      sent: true,
      received: [['hello', 'bob@echo', 0]],
      pending: 1,
      removed: ['hello'],
      'status after': [2, 1],
    });
  } finally {
    await echo.stop();
    await daemon.stop();
  }
});
