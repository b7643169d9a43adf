import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startProsody } from '../../harness/prosody.ts';
import { names } from '../../harness/telepathy-client.ts';
import { Stage } from '../../scenarios/stage.ts';

const POWER_SAVING = 'org.freedesktop.Telepathy.Connection.Interface.PowerSaving';
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ prosody: { logStanzas: true } });
});
afterAll(() => stage.close());

test('the server hears whether somebody looks, once a change', async () => {
  const alice = await stage.client.connect(stage.parameters('alice'));
  expect(await alice.get(names.connection, 'Interfaces')).toContain(POWER_SAVING);
  const inactive = stage.prosody.logLine(/<inactive [^>]*urn:xmpp:csi:0/);
  const changed = alice.signal('PowerSavingChanged');
  await alice.call(POWER_SAVING, 'SetPowerSaving', true);
  await alice.call(POWER_SAVING, 'SetPowerSaving', true);
  expect(await changed).toEqual([true]);
  await inactive;
  expect(await alice.get(POWER_SAVING, 'PowerSavingActive')).toBe(true);
  const active = stage.prosody.logLine(/<active [^>]*urn:xmpp:csi:0/);
  await alice.call(POWER_SAVING, 'SetPowerSaving', false);
  await active;
  const received = stage.prosody.log().split('\n').filter((line) => /received\[c2s/i.test(line) && line.includes('<inactive'));
  expect(received).toHaveLength(1);
});

test('a server that cannot is no reason to pretend', async () => {
  const prosody = await startProsody({ users: { carol: 'carol' }, withoutModules: ['csi_simple', 'csi'] });
  try {
    const carol = await stage.client.connect({ account: prosody.jid('carol'), password: 'carol', server: '127.0.0.1', port: prosody.port, 'ignore-ssl-errors': true });
    await expect(carol.call(POWER_SAVING, 'SetPowerSaving', true)).rejects.toMatchObject({ name: 'org.freedesktop.Telepathy.Error.NotImplemented' });
    await carol.disconnect();
  } finally {
    await prosody.stop();
  }
});
