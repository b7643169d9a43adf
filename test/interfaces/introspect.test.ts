/** The generator: what it writes, what it refuses, and that the committed file is the one it would write now. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { introspect } from '../../interfaces/generate.ts';
import { readInterface } from '../../interfaces/read.ts';
import { parseType, typescriptOf } from '../../interfaces/signature.ts';
import { camelCase, writeInterfaces } from '../../interfaces/write.ts';

const root = resolve(import.meta.dirname, '../..');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-interfaces-'));
});
afterAll(() => rm(folder, { recursive: true }));

const xml = (members: string, name = 'a.B'): string =>
  `<node name="/B" xmlns:tp="http://telepathy.freedesktop.org/wiki/DbusSpec#extensions-v0"><interface name="${name}">${members}</interface></node>`;
const emits = (value: string): string => `<annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="${value}"/>`;

const lamp = xml(`
  <tp:docstring>A lamp. It shines.</tp:docstring>
  <method name="Switch">
    <tp:docstring>Turns it on or off.</tp:docstring>
    <arg name="Is_On" type="b" direction="in"/><arg name="message_ids" type="ax" direction="in"/><arg name="Was_On" type="b" direction="out"/>
    <annotation name="org.freedesktop.DBus.Deprecated" value="true"/>
  </method>
  <property name="Colours" type="a{sv}" access="read">${emits('const')}</property>
  <signal name="Burnt"><arg name="When" type="(uay)"/></signal>`);

describe('the generated file', () => {
  test('is fresh in this repository', () => {
    expect(introspect({ folder: join(root, 'interfaces'), target: join(root, 'src/bus/interfaces.ts'), check: true })).toMatchObject({ ok: true });
  });

  test('holds types and a table', () => {
    const text = writeInterfaces([readInterface('a.B.xml', lamp)]);
    expect(text).toContain("import type { VariantMap } from './types.ts';");
    expect(text).toContain('/** A lamp. */');
    expect(text).toContain('/** Turns it on or off. Deprecated. */\n      Switch: { in: [isOn: boolean, messageIds: bigint[]]; out: [wasOn: boolean] };');
    expect(text).toContain("Colours: { type: VariantMap; access: 'read' };");
    expect(text).toContain('Burnt: [when: [number, Buffer]];');
    expect(text).toContain("Switch: { in: 'bax', inNames: ['Is_On', 'message_ids'], out: 'b', outNames: ['Was_On'], deprecated: true },");
    expect(text).toContain("Colours: { signature: 'a{sv}', access: 'read', emitsChange: 'const' },");
    expect(text).toContain("Burnt: { signature: '(uay)', names: ['When'] },");
  });

  test('does not depend on the order of the files', () => {
    const [b, c] = [readInterface('a.B.xml', lamp), readInterface('a.C.xml', xml('', 'a.C'))];
    expect(writeInterfaces([c, b])).toBe(writeInterfaces([b, c]));
  });
});

describe('a run', () => {
  test('writes once, then finds nothing to do; --check refuses a stale file and leaves it alone', async () => {
    const target = join(folder, 'interfaces.ts');
    await writeFile(join(folder, 'a.B.xml'), lamp);
    const check = { folder, target, check: true };
    expect(introspect(check)).toEqual({ ok: false, message: 'src/bus/interfaces.ts is stale: run `npm run introspect` and commit the result' });
    expect(introspect({ folder, target, check: false })).toEqual({ ok: true, message: 'interfaces.ts: 1 interfaces, written' });
    expect(introspect(check)).toEqual({ ok: true, message: 'interfaces.ts: 1 interfaces, up to date' });

    await writeFile(join(folder, 'a.B.xml'), lamp.replace('"(uay)"', '"(us)"'));
    const before = await readFile(target, 'utf8');
    expect(introspect(check).ok).toBe(false);
    expect(await readFile(target, 'utf8')).toBe(before);
  });

  test('answers a mistake in the XML with the file and the member', async () => {
    await writeFile(join(folder, 'a.B.xml'), lamp.replace('"(uay)"', '"(ua"'));
    expect(introspect({ folder, target: join(folder, 'interfaces.ts'), check: false }))
      .toEqual({ ok: false, message: "a.B.xml: Burnt: signature '(ua' is broken at 3" });
  });

  test('from the command line says stale on standard error and exits 1, and 0 when fresh', async () => {
    const copy = join(folder, 'copy');
    await mkdir(join(copy, 'src/bus'), { recursive: true });
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
    await writeFile(join(copy, 'package.json'), '{"type":"module"}');
    await cp(join(root, 'interfaces'), join(copy, 'interfaces'), { recursive: true });
    const run = (): Promise<{ code: number; stderr: string }> =>
      new Promise((done) => {
        const child = execFile(process.execPath, ['--import', 'tsx', 'interfaces/introspect.ts', '--check'], { cwd: copy, env: {} }, (_error, _stdout, stderr) =>
          done({ code: child.exitCode ?? -1, stderr }));
      });
    const stale = await run();
    expect(stale.code).toBe(1);
    expect(stale.stderr).toMatch(/^src\/bus\/interfaces\.ts is stale/);
    await cp(join(root, 'src/bus/interfaces.ts'), join(copy, 'src/bus/interfaces.ts'));
    expect(await run()).toEqual({ code: 0, stderr: '' });
  });
});

describe('a file is refused', () => {
  const arg = '<arg name="a" type="s" direction="in"/>';
  test.each([
    ['with another name than its interface', xml('', 'a.C'), 'must have its name'],
    ['with a broken interface name', xml('', 'nodot'), 'no interface name'],
    ['with two interfaces', `<node><interface name="a.B"/><interface name="a.B"/></node>`, 'exactly one interface'],
    ['that is not well-formed', '<node><interface></node>', 'a.B.xml: '],
    ['that is empty', ' ', 'a.B.xml: '],
    ['with an element nobody knows', xml('<methd name="X"/>'), '<methd> has no place'],
    ['with a member twice', xml('<method name="X"/><method name="X"/>'), 'X appears twice'],
    ['with a member name D-Bus refuses', xml('<method name="a-b"/>'), 'no member name'],
    ['with a method argument without direction', xml('<method name="X"><arg name="a" type="s"/></method>'), 'lacks direction='],
    ['with a nameless argument', xml('<method name="X"><arg type="s" direction="in"/></method>'), 'lacks name='],
    ['with an argument twice', xml(`<method name="X">${arg}${arg}</method>`), 'same name'],
    ['with a direction in a signal', xml(`<signal name="X">${arg}</signal>`), 'have no direction'],
    ['with two types in one argument', xml('<signal name="X"><arg name="a" type="ss"/></signal>'), 'more than one complete type'],
    ['with a property that does not say whether it changes', xml('<property name="X" type="s" access="read"/>'), 'EmitsChangedSignal'],
    ['with an access nobody knows', xml(`<property name="X" type="s" access="none">${emits('true')}</property>`), "access='none'"],
  ])('%s', (_, text, message) => {
    expect(() => readInterface('a.B.xml', text)).toThrow(message);
  });
});

test.each([
  ['y', 'number'], ['d', 'number'], ['b', 'boolean'], ['g', 'string'], ['o', 'ObjectPath'], ['x', 'bigint'], ['t', 'bigint'], ['v', 'Variant'],
  ['ay', 'Buffer'], ['aay', 'Buffer[]'], ['a{us}', 'Map<number, string>'], ['a{ua{sv}}', 'Map<number, VariantMap>'],
  ['a(oa{sv})', '[ObjectPath, VariantMap][]'], ['a(usa(s))', '[number, string, [string][]][]'],
])('%s is %s', (signature, type) => {
  expect(typescriptOf(parseType(signature))).toBe(type);
});

test.each(['', 'a', '()', '(s', 's)', 'a{s}', 'a{sss}', 'a{vs}', 'a{(s)s}', '{ss}', 'h', 'z', 'ss'])("'%s' is not one complete type", (signature) => {
  expect(() => parseType(signature)).toThrow('signature');
});

test.each([['Self_Handle', 'selfHandle'], ['URIs', 'uris'], ['Message_IDs', 'messageIds'], ['ContactInfo', 'contactInfo'], ['VCard_Field', 'vCardField'], ['xml_data', 'xmlData']])(
  'argument %s is called %s', (name, expected) => {
    expect(camelCase(name)).toBe(expected);
  });
