/** The rooms of src/ and their walls: no file breaches a rule, and every rule is seen to catch a breach. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { breaches } from './harness/architecture.ts';

const root = resolve(import.meta.dirname, '..');
const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.[cm]?[jt]s$/.test(name))
  .map((name) => `src/${name.replaceAll('\\', '/')}`)
  .sort();

test('there is something to read', () => {
  expect(files).toContain('src/errors.ts');
});

test('no file of src/ breaches a rule', () => {
  expect(files.flatMap((path) => breaches(path, readFileSync(join(root, path), 'utf8')))).toEqual([]);
});

test('no file of src/ takes memory as it was left [B17]', () => {
  expect(files.flatMap((path) => breaches(path, readFileSync(join(root, path), 'utf8')).filter((breach) => /Buffer/.test(breach)))).toEqual([]);
});

test('no file of src/ measures by a clock that can be set [fault-8]', () => {
  expect(files.flatMap((path) => breaches(path, readFileSync(join(root, path), 'utf8')).filter((breach) => breach.includes('Date.now')))).toEqual([]);
});

const header = '/** A file for a test. */\n';
const of = (path: string, code: string): string[] => breaches(path, header + code);

describe('an import is caught', () => {
  test.each([
    ['src/main.ts', '../src/xmpp/jid.ts', 'main may not know xmpp'],
    ['src/main.ts', './connection.ts', 'main may not know connection'],
    ['src/protocol.ts', './security/mechanisms/index.ts', 'protocol may not know mechanism list'],
    ['src/connection.ts', './protocol.ts', 'connection may not know protocol'],
    ['src/connection.ts', './security/mechanisms/xtls/engine.ts', 'connection may not know mechanism'],
    ['src/tasks.ts', './bus/types.ts', 'base may not know bus'],
    ['src/bus/object.ts', '../telepathy/handles.ts', 'bus may not know telepathy'],
    ['src/xmpp/iq.ts', '../bus/types.ts', 'xmpp may not know bus'],
    ['src/xmpp/iq.ts', '../security/gate.ts', 'xmpp may not know security'],
    ['src/telepathy/contacts.ts', '../xmpp/jid.ts', 'telepathy may not know xmpp'],
    ['src/telepathy/contacts.ts', '../security/gate.ts', 'telepathy may not know security'],
    ['src/security/gate.ts', '../xmpp/jid.ts', 'security may not know xmpp'],
    ['src/security/gate.ts', './mechanisms/plain/plain.ts', 'security may not know mechanism'],
    ['src/security/mechanisms/xtls/offer.ts', '../../../telepathy/handles.ts', 'mechanism may not know telepathy'],
    ['src/security/mechanisms/xtls/offer.ts', '../../../bus/types.ts', 'mechanism may not know bus'],
    ['src/security/mechanisms/xtls/offer.ts', '../plain/plain.ts', 'one mechanism may not know another'],
    ['src/features/text/channel.ts', '../contacts/roster.ts', 'one feature may not know another'],
    ['src/features/text/channel.ts', '../index.ts', 'feature may not know feature list'],
    ['src/features/text/channel.ts', '../../security/mechanisms/plain/plain.ts', 'feature may not know mechanism'],
    ['src/features/text/channel.ts', '../../bus/connection.ts', 'feature may not know bus but its types'],
    ['src/features/text/channel.ts', '../../connection.ts', 'feature may not know connection'],
    ['src/features/text/channel.ts', '../../elsewhere/x.ts', 'in no room'],
    ['src/bus/object.ts', '../names.ts', 'bus may not know names'],
    ['src/ctl/main.ts', '../telepathy/handles.ts', 'program may not know telepathy'],
    ['src/ctl/main.ts', 'dbus-next', 'belongs to bus/'],
    ['src/main.ts', 'commander', 'belongs to ctl/'],
    ['src/ktp/main.ts', 'cli-table3', 'belongs to ctl/'],
    ['src/xmpp/client.ts', 'dbus-next', 'belongs to bus/'],
    ['src/bus/connection.ts', '@xmpp/xml', 'belongs to xmpp/'],
    ['src/xmpp/tls.ts', 'node-forge', 'belongs to security/identity and mechanisms/xtls'],
    ['src/security/gate.ts', 'node:fs/promises', 'belongs to the stores'],
    ['src/bus/connection.ts', 'left-pad', 'no rule says who may'],
  ])('%s importing %s', (path, module, complaint) => {
    expect(of(path, `import { x } from '${module}';`)).toEqual([expect.stringContaining(complaint)]);
    expect(of(path, `const { x } = await import('${module}');`)).toEqual([expect.stringContaining(complaint)]);
    expect(of(path, `const { x } = require('${module}');`)).toEqual([expect.stringContaining(complaint)]);
  });

  test.each([
    ['src/security/gate.ts', "import type { IqCaller } from '../xmpp/iq.ts';"],
    ['src/security/gate.ts', "import type { StreamParser } from '../xmpp/element.ts';"],
    ['src/security/gate.ts', "import { type Jid, parseJid } from '../xmpp/jid.ts';"],
    ['src/security/gate.ts', "let x: import('../bus/types.ts').Variant;"],
    ['src/bus/object.ts', "import type { Handle } from '../telepathy/handles.ts';"],
  ])('%s: %j', (path, code) => {
    expect(of(path, code)).toHaveLength(1);
  });
});

describe('an import is let through', () => {
  test.each([
    ['src/main.ts', "import { Bus } from './bus/connection.ts';"],
    ['src/ctl/program.ts', "import { Command } from 'commander';\nimport { version } from '../names.ts';\nimport { Bus } from '../bus/connection.ts';"],
    ['src/connection.ts', "import { features } from './features/index.ts';\nimport { mechanisms } from './security/mechanisms/index.ts';"],
    ['src/security/gate.ts', "import type { BareJid } from '../xmpp/jid.ts';\nimport { type Element } from '../xmpp/element.ts';\nimport { HushError } from '../errors.ts';"],
    ['src/security/trust-store.ts', "import { rename } from 'node:fs/promises';"],
    ['src/security/identity.ts', "import forge from 'node-forge';"],
    ['src/security/mechanisms/xtls/offer.ts', "import { x } from './facts.ts';\nimport { y } from '../../../xmpp/jid.ts';"],
    ['src/features/text/channel.ts', "import type { Account } from '../feature.ts';\nimport { str } from '../../bus/types.ts';\nimport type { Call } from '../../bus/object.ts';"],
    ['src/features/text/channel.ts', "import { x } from './stanza.ts';\nimport { Gate } from '../../security/gate.ts';\nimport { y } from 'node:crypto';"],
  ])('%s: %j', (path, code) => {
    expect(of(path, code)).toEqual([]);
  });
});

describe('a line is caught [B17 H6]', () => {
  test.each([
    ['src/xmpp/iq.ts', 'const id = Math.random();', 'Math.random'],
    ['src/log.ts', 'const level = process.env.LEVEL;', 'process.env'],
    ['src/xmpp/keepalive.ts', 'const since = Date.now();', 'performance.now() measures'],
    ['src/bus/writer.ts', 'const bytes = Buffer.allocUnsafe(16);', 'Buffer.alloc is as good'],
    ['src/bus/writer.ts', 'const make = Buffer.allocUnsafeSlow;', 'Buffer.alloc is as good'],
    ['src/bus/writer.ts', 'const bytes = new Buffer(16);', 'may hold anything'],
    ['src/log.ts', "import { env } from 'node:process';", 'process.env'],
    ['src/ctl/status.ts', 'const level = process.env.LEVEL;', 'process.env'],
    ['src/bus/names.ts', 'export default 1;', 'default export'],
    ['src/bus/names.ts', 'export default function f() {}', 'default export'],
    ['src/bus/names.ts', 'const a = 1;\nexport { a as default };', 'default export'],
    ['src/bus/index.ts', "export * from './names.ts';", 're-exports ./names.ts'],
    ['src/bus/index.ts', "export { isName } from './names.ts';", 're-exports ./names.ts'],
    ['src/bus/index.ts', "export type { Name } from './names.ts';", 're-exports ./names.ts'],
    ['src/bus/index.ts', "const x = 1;\nexport type * from './names.ts';", 're-exports ./names.ts'],
    ['src/features/text/channel.ts', "account.client.send(xml('message', { to }));", 'through security/gate.ts only'],
    ['src/xmpp/xep0184-receipts.ts', 'client.send(message);', 'through security/gate.ts only'],
    ['src/connection.ts', 'this.client.send(outgoingMessage);', 'through security/gate.ts only'],
    ['src/features/text/channel.ts', 'const opened = { message } as Opened;', 'only the gate'],
  ])('%s: %j', (path, code, complaint) => {
    expect(of(path, code)).toEqual([expect.stringContaining(complaint)]);
  });

  test.each([
    ['src/main.ts', 'const level = process.env.LEVEL;'],
    ['src/telepathy/messages.ts', 'const seconds = Date.now() / 1000;'],
    ['src/ctl/main.ts', 'const level = process.env.LEVEL;'],
    ['src/xmpp/client.ts', "export type { Credential } from './sasl.ts';\nexport class Client {}"],
    ['src/bus/names.ts', "// Math.random is not used, nor process.env\nconst text = 'export default Math.random';"],
    ['src/security/gate.ts', "this.send(xml('message', {}));\nclient.send(message);\nconst x = y as Opened;"],
    ['src/telepathy/messages.ts', 'options.send(message);'],
    ['src/bus/server.ts', 'link.send(message);'],
    ['src/xmpp/presence.ts', "client.send(xml('presence'));\nclient.send(stanza);"],
  ])('and not %s: %j', (path, code) => {
    expect(of(path, code)).toEqual([]);
  });
});

test.each(["import { x } from './names.ts';", '', '/**\n *\n * After a gap, too late. */', '/** Names. */'])('a file that begins with %j does not say what it is', (source) => {
  expect(breaches('src/bus/object.ts', source)).toEqual([expect.stringContaining('first line')]);
});
