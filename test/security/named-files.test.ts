/** Files: hush gives none to whoever asks for one, and reads one only where the user has named it, if it is a file at all. XEP-0234, XEP-0096; contract: Connection.Interface.Security. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { HushError } from '../../src/errors.ts';
import { readNamedFile } from '../../src/security/file-store.ts';
import { errorOf } from '../../src/xmpp/stanza-error.ts';
import { JINGLE } from '../../src/xmpp/xep0166-jingle.ts';
import { Wire } from '../harness/wire.ts';
import { JULIET, ROMEO, Side } from './mechanisms/xtls/pair.ts';
import { Puppet } from './mechanisms/xtls/puppet.ts';

const canary = 'canary of a file that nobody chose';
let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hush-files-'));
  file = join(folder, 'canary.txt');
  await writeFile(file, canary);
});
afterAll(async () => rm(folder, { recursive: true }));

describe('a file that a peer asks for [E11]', () => {
  const jingle = (description: string): string => `<jingle xmlns='${JINGLE}' action='session-initiate' sid='file'><content creator='initiator' name='file' senders='responder'>${description}<transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='bytes'/></content></jingle>`;
  const named = (name: string): string => `<file><name>${name}</name><size>34</size><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AAAA</hash></file>`;

  test.each([3, 4, 5])('by Jingle (version %i), by name, hash or path, is not given, whatever is said then', async (version) => {
    const wire = new Wire();
    const side = new Side(wire, JULIET);
    const ns = `urn:xmpp:jingle:apps:file-transfer:${version}`;
    const names = ['canary.txt', file, `..${file}`, '../../../../../../etc/passwd', `file://${file}`];
    for (const payload of names.flatMap((name) => [`<description xmlns='${ns}'>${named(name)}</description>`, `<description xmlns='${ns}'><request>${named(name)}</request></description>`])) {
      const before = wire.log.length;
      expect((await wire.ask(ROMEO, JULIET, 'set', jingle(payload))).attrs.type).toBe('result');
      while (!wire.log.slice(before).some((text) => text.includes('session-terminate') && text.includes('<unsupported-applications/>'))) await new Promise((resolve) => setImmediate(resolve));
      expect(wire.log.slice(before).some((text) => text.includes('session-accept'))).toBe(false);
    }
    expect(side.incoming).toEqual([]);
    // The control: an offer of a conversation is taken.
    const romeo = new Puppet(wire, ROMEO, JULIET);
    romeo.offer();
    await romeo.event('accepted');
    expect(wire.log.join('')).not.toContain(canary);
    romeo.stop();
    side.stop();
  });

  test.each([
    "<si xmlns='http://jabber.org/protocol/si' id='a' profile='http://jabber.org/protocol/si/profile/file-transfer'><file xmlns='http://jabber.org/protocol/si/profile/file-transfer' name='canary.txt' size='34'/></si>",
    "<query xmlns='jabber:iq:oob'><url>file:///etc/passwd</url></query>",
    "<data xmlns='urn:xmpp:bob' cid='sha1+8f35fef110ffc5df08d579a50083ff9308fb6242@bob.xmpp.org'/>",
    "<query xmlns='http://jabber.org/protocol/bytestreams' sid='a'><streamhost jid='x@y' host='127.0.0.1' port='22'/></query>",
    "<start xmlns='http://jabber.org/protocol/sipub' id='canary.txt'/>",
  ])('by %s is not given', async (payload) => {
    const wire = new Wire();
    const side = new Side(wire, JULIET);
    for (const type of ['get', 'set'] as const) expect(errorOf(await wire.ask(ROMEO, JULIET, type, payload)).condition).toBe('service-unavailable');
    side.stop();
  });
});

describe('a file that the user names [E11]', () => {
  const conditionOf = async (path: string, maxBytes = 1000): Promise<string> => readNamedFile(path, maxBytes).then((bytes) => bytes.toString(), (error: unknown) => (error instanceof HushError ? error.condition : String(error)));

  test('is read where it is one, by a link too', async () => {
    const link = join(folder, 'link');
    await symlink(file, link);
    expect([await conditionOf(file), await conditionOf(link)]).toEqual([canary, canary]);
  });

  test('is an absolute path and no address of any kind', async () => {
    for (const path of ['package.json', './package.json', `file://${file}`, `FILE:${file}`, 'http://127.0.0.1/x', 'data:,x', '~/.bashrc', '$HOME/x', `${file}\0.pem`, '']) {
      expect([path, await conditionOf(path)]).toEqual([path, 'invalid-argument']);
    }
  });

  test('is no pipe, device, socket or folder, and nobody waits for one', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const late = new Promise<string>((resolve) => setTimeout(resolve, 1000, 'waits'));
    const condition = await Promise.race([conditionOf(pipe), late]);
    // Whoever does wait is let go.
    await (await open(pipe, 'r+')).close();
    expect(condition).toBe('invalid-argument');
    for (const path of ['/dev/zero', '/dev/null', folder, '/']) expect([path, await conditionOf(path)]).toEqual([path, 'invalid-argument']);
    expect(['invalid-argument', 'not-available']).toContain(await conditionOf('/dev/tty'));
  });

  test('is no longer than what it is for, and what the kernel makes up is empty', async () => {
    expect(await conditionOf(file, 10)).toBe('invalid-argument');
    for (const path of ['/proc/self/environ', '/proc/self/maps', '/proc/kmsg']) expect(['', 'permission-denied', 'not-available']).toContain(await conditionOf(path));
  });
});
