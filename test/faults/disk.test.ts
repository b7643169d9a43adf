/** A disk that is full under what is remembered of contacts: the change fails, nothing is half done, and the conversation goes on. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { run } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import { names } from '../harness/telepathy-client.ts';
import { arrivalOf, claimed, contactIsThere, errorOf, Person, state, T, talk } from '../scenarios/people.ts';

const owned: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of owned.splice(0).reverse()) await stop();
});

/** Runs hush, given after it, with a little disk of its own in the place of its data: nobody else sees it, and it is gone with the process. Without the right to mount it has none. */
const smallDisk = `#!/bin/sh
mkdir -p "$XDG_DATA_HOME/hush"
if unshare -m true 2> "$XDG_RUNTIME_DIR/unshare"; then
  exec unshare -m sh -c 'mount -t tmpfs -o size=64k,mode=0700 small "$XDG_DATA_HOME/hush" && exec "$@"' sh "$@"
fi
exec "$@"
`;

describe('a disk [fault-6]', () => {
  test('that is full fails the change and nothing else; what was said before stays true', async () => {
    const prosody = await startProsody({ users: { alice: 'alice', bob: 'bob' } });
    owned.push(() => prosody.stop());
    await prosody.befriend('alice', 'bob');
    const folder = await run('mktemp', ['-d']);
    owned.push(() => rm(folder, { recursive: true }));
    const launcher = join(folder, 'small-disk');
    await writeFile(launcher, smallDisk);
    await chmod(launcher, 0o755);
    const alice = await Person.arrive('alice', prosody, { launcher });
    owned.push(() => alice.leave());
    const bob = await Person.arrive('bob', prosody);
    owned.push(() => bob.leave());
    await Promise.all([alice, bob].map((person) => person.hasIdentity()));
    await contactIsThere(alice.connection, bob.jid);
    const { out, incoming } = await talk(alice, bob, 'hello');
    await Promise.all([state(out, 2), state(incoming, 2)]);

    const pid = await alice.pid();
    const data = `/proc/${pid}/root${alice.session.environment.XDG_DATA_HOME!}/hush`;
    const file = join(data, alice.jid.replace('@', '_40'), 'trust.json');
    const policy = (): Promise<unknown> => alice.connection.call(names.security, 'GetPeerPolicy', bob.jid).then(([value]) => value);
    const setPolicy = (value: string): Promise<string> => errorOf(alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, value));
    const isMounted = readFileSync(`/proc/${pid}/mounts`, 'utf8').includes('size=64k');
    const fill = (): void => {
      for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
        try {
          for (;;) writeFileSync(join(data, 'filling'), Buffer.alloc(size), { flag: 'a' });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
    };
    const begin = isMounted ? fill : (): void => void mkdirSync(join(`${file}.new`, 'x'), { recursive: true });
    const end = (): void => rmSync(isMounted ? join(data, 'filling') : `${file}.new`, { recursive: true });
    expect(await setPolicy('required')).toBe('no error');
    // And once more: trouble that comes again is met in the same way.
    for (const what of ['full', 'full again']) {
      const before = readFileSync(file);
      const claims = await claimed(out);
      begin();
      const allow = alice.connection.events.forbid({ name: 'PeerPolicyChanged' });
      expect([what, await setPolicy('off')]).toEqual([what, `${T}ResourceUnavailable`]);
      expect([what, await policy()]).toEqual([what, 'required']);
      expect(await errorOf(out.call(names.peerAuthentication, 'ConfirmSafetyNumber', await out.get(names.peerAuthentication, 'SafetyNumber')))).toBe(`${T}ResourceUnavailable`);
      expect(readFileSync(file).equals(before)).toBe(true);
      expect(await claimed(out)).toEqual(claims);
      await alice.connection.events.sync();
      allow();
      // The conversation goes on, both ways.
      const there = arrivalOf(bob.connection, `while it is ${what}`);
      await out.send(`while it is ${what}`);
      expect((await there).message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
      const back = arrivalOf(alice.connection, `back while ${what}`);
      await incoming.send(`back while ${what}`);
      expect((await back).message.parts[0]).toMatchObject({ 'security-mechanism': 'xtls' });
      end();
      // The same calls, once there is room: the twins.
      expect(await setPolicy(what === 'full' ? 'opportunistic' : 'required')).toBe('no error');
      expect(await setPolicy('required')).toBe('no error');
    }
    expect(await errorOf(out.call(names.peerAuthentication, 'ConfirmSafetyNumber', await out.get(names.peerAuthentication, 'SafetyNumber')))).toBe('no error');
    expect(await claimed(out)).toContain('Verified');
    expect(existsSync(`${file}.new`)).toBe(false);
    expect(await alice.pid()).toBe(pid);
  }, 60_000);
});
