/**
 * Trees that nobody would send, to every handler there is: the handlers are those of a whole connection, the words those of its own sources.
 * Nothing may throw that is no refusal, nothing may be answered but what was asked, and everything goes on.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import ts from 'typescript';
import { Composed } from '../harness/composed.ts';
import { escapeXml } from '../harness/xmpp-server.ts';
import { silentLog } from '../../src/log.ts';

const FRIEND = 'friend@example.net/home';
const MALLORY = 'mallory@example.org/x';

let hush: Composed;
const errors: unknown[] = [];
// eslint-disable-next-line @typescript-eslint/unbound-method -- they are put back as they were
const kept = { error: silentLog.error, child: silentLog.child };
const onRejection = (reason: unknown): void => void errors.push(reason);
beforeAll(async () => {
  // What a handler throws that is no refusal is told to the log of the account.
  Object.assign(silentLog, { error: (...args: unknown[]) => void errors.push(args), child: () => silentLog });
  process.on('unhandledRejection', onRejection);
  hush = await Composed.start({ roster: { 'friend@example.net': 'both', 'fan@example.net': 'from' }, parameters: { 'message-carbons': true } });
});
afterAll(async () => {
  await hush.stop();
  process.off('unhandledRejection', onRejection);
  Object.assign(silentLog, kept);
});

interface Words {
  readonly names: readonly string[];
  readonly namespaces: readonly string[];
}

/** Every short string of a source that deals with stanzas: names, namespaces, attributes, values. */
function wordsOf(path: string, source: string): Words {
  const words = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteral(node) && !ts.isImportDeclaration(node.parent)) words.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true));
  const all = [...words].sort();
  return { names: all.filter((word) => /^[A-Za-z_][A-Za-z0-9_-]{0,30}$/.test(word)), namespaces: all.filter((word) => /^(urn:|jabber:|vcard-temp|https?:)[\x21-\x7e]*$/.test(word) && !/[<>&'"{}]|w3\.org\/(XML|2000)/.test(word)) };
}

const root = join(import.meta.dirname, '../../src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => /^(xmpp|security\/mechanisms|features)\/.*\.ts$/.test(name)).map((path) => wordsOf(path, readFileSync(join(root, path), 'utf8')));
const names = [...new Set(files.flatMap((file) => file.names))];
const namespaces = [...new Set(files.flatMap((file) => file.namespaces))];
/** What the files that know a namespace call things. */
function namesAround(namespace: string): readonly string[] {
  const around = [...new Set(files.filter((file) => file.namespaces.includes(namespace)).flatMap((file) => file.names))];
  return around.length > 0 ? around : names;
}
const values = ['', '0', '1', '-1', '65535', '65536', '4096', '1e20', 'true', '__proto__', 'constructor', 'friend@example.net', FRIEND, MALLORY, 'alice@example.test', 'alice@example.test/here', '@@', 'x'.repeat(3_000), '\u202E\u0301', '\u{1F600}', 'AAAA', 'AB==', '9999-99-99T99:99:99Z', '2026-01-01T00:00:00Z', 'http://127.0.0.1:1/'];
const attributes = ['id', 'sid', 'jid', 'node', 'var', 'type', 'name', 'ver', 'hash', 'category', 'subscription', 'from', 'to', 'stamp', 'bytes', 'url', 'action', 'initiator', 'responder', 'creator', 'senders', 'block-size', 'seq', 'stanza', 'step', 'role', 'alg', 'algo', 'code', 'xml:lang'];

const word = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...values) }, { weight: 2, arbitrary: fc.constantFrom(...names) }, fc.constantFrom(...namespaces), fc.string({ unit: 'grapheme-ascii', maxLength: 12 }));
const attrs = fc.uniqueArray(fc.tuple(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...attributes) }, fc.constantFrom(...names)), word), { maxLength: 6, selector: ([name]) => name });

const written = (name: string, namespace: string | undefined, list: readonly (readonly [string, string])[], content: readonly string[]): string => {
  const all = [...(namespace === undefined ? [] : [['xmlns', namespace] as const]), ...list.filter(([key]) => key !== 'xmlns')];
  return `<${name}${all.map(([key, value]) => ` ${key}='${escapeXml(value)}'`).join('')}>${content.join('')}</${name}>`;
};
/** Trees of these names mostly, of any others sometimes; most are in the namespace around them. */
const trees = (own: readonly string[]): fc.Arbitrary<string> =>
  fc.letrec<{ tree: string }>((tie) => ({
    tree: fc
      .tuple(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...own) }, fc.constantFrom(...names)), fc.oneof({ weight: own === names ? 1 : 6, arbitrary: fc.constant(undefined) }, fc.constantFrom(...namespaces)), attrs, fc.array(fc.oneof({ maxDepth: 4 }, word.map(escapeXml), tie('tree')), { maxLength: 4 }))
      .map(([name, namespace, list, content]) => written(name, namespace, list, content)),
  })).tree;
const tree = trees(names);

test('random trees reach every handler, and harm nothing [C14]', async () => {
  const froms = fc.constantFrom(undefined, 'alice@example.test', 'alice@example.test/here', 'alice@example.test/other', 'example.test', FRIEND, FRIEND, 'friend@example.net', 'fan@example.net/x', MALLORY);
  const stanzaOf = (name: string, type: string, from: string | undefined, content: readonly string[]): string =>
    written(name, undefined, [['id', 'random'], ...(from === undefined ? [] : [['from', from] as const]), ...(type === '' ? [] : [['type', type] as const])], content);
  // What each handler is for, with anything inside.
  const rooted = hush.handlers.flatMap(({ stanza, child, types }) =>
    (types ?? ['']).map((type) => {
      const [kind = '', iqType] = stanza.split('-');
      const content = child === undefined ? fc.array(tree, { maxLength: 3 }) : fc.tuple(attrs, fc.array(fc.oneof({ weight: 4, arbitrary: trees(namesAround(child.ns)) }, word.map(escapeXml)), { maxLength: 3 })).map(([list, inner]) => [written(child.name, child.ns, list, inner)]);
      return fc.tuple(froms, content, fc.array(tree, { maxLength: 2 })).map(([from, inner, beside]) => stanzaOf(kind, iqType ?? type, from, kind === 'iq' ? inner : [...inner, ...beside]));
    }));
  // And what has no handler of its own.
  const unrooted = fc.tuple(fc.constantFrom('iq', 'message', 'presence'), fc.constantFrom('', 'get', 'set', 'result', 'error', 'chat', 'groupchat', 'unavailable', 'subscribe', 'subscribed', 'probe'), froms, fc.array(tree, { maxLength: 3 })).map((parts) => stanzaOf(...parts));
  const stanza = fc.oneof({ weight: 4, arbitrary: fc.oneof(...rooted) }, unrooted);

  await hush.exchange(`<presence from='${FRIEND}'/>`);
  hush.handled.splice(0);
  const reached = new Set<string>();
  for (let batch = 0; batch < 120; batch += 1) {
    const stanzas = fc.sample(stanza, 60);
    const wrote = await hush.exchange(stanzas.join(''));
    if (errors.length > 0 || wrote.includes('internal-server-error')) expect([errors, stanzas]).toEqual([[], []]);
    expect(wrote).not.toContain('</stream:stream>');
    for (const { handler } of hush.handled.splice(0)) reached.add(`${handler.name} ${handler.stanza} ${handler.child?.name ?? ''}`);
  }
  expect([...reached].sort()).toEqual([...new Set(hush.handlers.map((handler) => `${handler.name} ${handler.stanza} ${handler.child?.name ?? ''}`))].sort());
  // The control: it still does what it is there for.
  const answer = await hush.exchange(`<iq type='get' id='alive' from='${FRIEND}' to='${hush.jid}'><query xmlns='jabber:iq:version'/></iq>`);
  expect(answer).toContain('<name>hush</name>');
  expect(await hush.connection.get('org.freedesktop.Telepathy.Connection', 'Status')).toBe(0);
}, 120_000);
