/** busctl and d-feet find every object of hush, and show every member of it with its value. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { interfaceTables } from '../../src/bus/interfaces.ts';
import type { InterfaceName } from '../../src/bus/interfaces.ts';
import { hushBusName } from '../harness/hush.ts';
import { Busctl, dFeet } from '../harness/inspectors.ts';
import type { ShownMember } from '../harness/inspectors.ts';
import { startProsody } from '../harness/prosody.ts';
import { RemoteObject, names } from '../harness/telepathy-client.ts';
import { Stage } from './stage.ts';

const connections = '/org/freedesktop/Telepathy/Connection/hush/jabber';
const manager = '/org/freedesktop/Telepathy/ConnectionManager/hush';

let stage: Stage;
let busctl: Busctl;

/** One object of every kind: a connection with a text channel, one that asks for a password, one that asks about a certificate. */
beforeAll(async () => {
  stage = await Stage.open();
  await stage.prosody.befriend('alice', 'bob');
  busctl = new Busctl(stage.session);
  const { client, prosody } = stage;
  const alice = await client.connect(stage.parameters('alice'));
  await alice.contactList();
  await alice.ensureText('bob@localhost');

  const stranger = stage.owned(await startProsody({ users: { carol: 'carol' } }));
  for (const [account, port] of [['bob@localhost', prosody.port], ['carol@localhost', stranger.port]] as const) {
    const asking = await client.requestConnection({ account, server: '127.0.0.1', port });
    const asked = asking.signal('NewChannels');
    await asking.callAs('', 'org.freedesktop.Telepathy.Connection', 'Connect');
    await asked;
  }
});
afterAll(() => stage.close());

/** The interface's members as they were generated from its XML. Channels about the server have only what the published Securable has. */
function membersOf(name: string, path: string): string[] {
  if (name === names.securable && !path.includes('/Text')) return ['Encrypted', 'Verified'];
  const { methods, signals, properties } = interfaceTables[name as InterfaceName];
  return [...Object.keys(methods), ...Object.keys(signals), ...Object.keys(properties)].sort();
}

const kindOf = (path: string): string => path.replace(`${connections}/`, '').replace(/^.*_40localhost\/?/, '').replace(/\d+/g, '');

test('busctl walks the whole tree and shows every member and value of every object', async () => {
  const paths = await busctl.tree(hushBusName);
  expect(paths).toEqual(expect.arrayContaining([manager, `${manager}/jabber`, `${connections}/alice_40localhost`, `${connections}/alice_40localhost/Text1`]));
  const kinds = new Set(paths.filter((path) => path.startsWith(`${connections}/`)).map(kindOf));
  expect([...kinds].filter((kind) => kind !== '')).toHaveLength(4);

  for (const path of paths) {
    const members = await busctl.introspect(hushBusName, path);
    const interfaces = [...new Set(members.map((member) => member.interface))];
    for (const name of interfaces) {
      const shown = members.filter((member) => member.interface === name);
      expect({ path, name, members: shown.map((member) => member.name).sort() }).toEqual({ path, name, members: membersOf(name, path) });
    }
    for (const property of members.filter(({ kind }) => kind === 'property')) {
      expect(property).toMatchObject({ value: expect.stringMatching(/./), signature: signatureOf(property) });
    }
    await interfacesAreThere(path, interfaces);
  }
});

function signatureOf({ interface: name, name: property }: ShownMember): string {
  return interfaceTables[name as InterfaceName].properties[property]!.signature;
}

/** What the object says it has, it has. */
async function interfacesAreThere(path: string, shown: string[]): Promise<void> {
  const object = new RemoteObject(stage.session.bus, hushBusName, path);
  for (const name of shown.filter((it) => 'Interfaces' in interfaceTables[it as InterfaceName].properties)) {
    expect(shown).toEqual(expect.arrayContaining((await object.get(name, 'Interfaces')) as string[]));
  }
}

test('d-feet walks the same tree without a complaint and shows every value', async () => {
  const tree = await dFeet(stage.session, hushBusName);
  const paths = await busctl.tree(hushBusName);
  expect(Object.keys(tree).sort()).toEqual([...paths].sort());
  for (const [path, interfaces] of Object.entries(tree)) {
    for (const [name, { methods, signals, properties }] of Object.entries(interfaces)) {
      expect({ path, name, members: [...methods, ...signals, ...Object.keys(properties)].sort() }).toEqual({ path, name, members: membersOf(name, path) });
      for (const text of Object.values(properties)) expect(text).toMatch(/ = /);
    }
  }
  expect(tree[`${connections}/alice_40localhost`]!['org.freedesktop.Telepathy.Connection']!.properties.SelfID).toMatch(/ = alice@localhost$/);
});
