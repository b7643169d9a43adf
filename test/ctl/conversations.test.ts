/** hushctl with two people who talk: each a hush of their own, on a real server; every command, what it does and what stops it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { CertificateFolder } from '../harness/certificates.ts';
import { run as runProgram } from '../harness/process.ts';
import { startProsody } from '../harness/prosody.ts';
import { names, TextChannel } from '../harness/telepathy-client.ts';
import { befriend, claimed, contactIsThere, errorOf, Person, signalOf, state, T, talk } from '../scenarios/people.ts';
import type { Server } from '../scenarios/people.ts';
import { hushctl, InTerminal, startHushctl } from './hushctl.ts';
import type { Outcome } from './hushctl.ts';

let server: Server;
let alice: Person;
let bob: Person;

beforeAll(async () => {
  server = await startProsody({ users: { alice: 'alice', bob: 'bob' } });
  [alice, bob] = await Promise.all([Person.arrive('alice', server), Person.arrive('bob', server)]);
  await befriend(alice, bob);
  await Promise.all([alice.hasIdentity(), bob.hasIdentity()]);
}, 60_000);
afterAll(async () => {
  await alice.leave();
  await bob.leave();
  await server.stop();
});
/** Who came for one test. */
let onTestEnd = (): Promise<void> => Promise.resolve();
afterEach(async () => {
  const end = onTestEnd;
  onTestEnd = () => Promise.resolve();
  await end();
});
/** No conversation, nothing remembered, no policy. */
beforeEach(async () => {
  for (const { connection } of [alice, bob]) {
    for (const [path] of (await connection.get(names.requests, 'Channels')) as [string][]) await new TextChannel(connection, path).call(names.destroyable, 'Destroy');
  }
  for (const [who, whom] of [[alice, bob], [bob, alice]] as const) await who.connection.call(names.security, 'ForgetPeer', whom.jid);
});

const run = (...args: string[]): Promise<Outcome> => hushctl(args, { address: alice.session.address });
const withInput = (input: string, ...args: string[]): Promise<Outcome> => hushctl(args, { address: alice.session.address, input });

async function secured(): Promise<{ out: TextChannel; incoming: TextChannel }> {
  const { out, incoming } = await talk(alice, bob, 'hello');
  await Promise.all([state(out, 2), state(incoming, 2)]);
  return { out, incoming };
}

const safetyNumber = async (channel: TextChannel): Promise<string> => (await channel.get(names.peerAuthentication, 'SafetyNumber')) as string;

describe('status', () => {
  test('shows the accounts, and each conversation with its claims', async () => {
    expect(await run('status')).toEqual({ code: 0, out: expect.stringMatching(/^alice@localhost {2}connected, policy opportunistic\nkey ([0-9a-f]{8} ?){8}\nno conversation$/) as unknown, err: '' });
    const { out } = await secured();
    const { code, out: text, err } = await run('status');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(text).toMatch(/│ +│ bob@localhost +│/);
    expect(text).toMatch(new RegExp(`│ Channel +│ ${out.path.replace(/^.*\//, '')} +│`));
    expect(text).toMatch(/│ State +│ ● secure \(xtls\) +│/);
    expect(text).toMatch(/│ Encrypted +│ ✓ +│/);
    expect(text).toMatch(/│ Verified +│ · +│/);
    expect(text).toMatch(/│ Deniable +│ ✓ \(message\) +│/);
  });

  test('as JSON says what the bus says', async () => {
    const { out } = await secured();
    const { code, out: text } = await run('status', '--json');
    expect(code).toBe(0);
    const claims = await claimed(out);
    const said = JSON.parse(text) as { accounts: { conversations: { claims: Record<string, boolean> }[] }[] };
    expect(said).toEqual({
      running: true,
      accounts: [{
        account: 'alice@localhost',
        name: 'alice_40localhost',
        path: alice.connection.path,
        accountPath: '',
        status: 'connected',
        failure: null,
        policy: 'opportunistic',
        identity: await alice.connection.get(names.security, 'IdentityFingerprint'),
        conversations: [{
          contact: 'bob@localhost',
          channel: out.path.slice(alice.connection.path.length + 1),
          path: out.path,
          neverSecured: false,
          state: 'secure',
          endReason: '',
          mechanism: 'xtls',
          availableMechanisms: ['xtls'],
          claims: expect.any(Object) as unknown,
          required: [],
          deniability: 'message',
          details: expect.objectContaining({ 'tls-version': 'TLSv1.3', 'previously-secured': true }) as unknown,
          trust: 'seen',
          question: '',
          localFingerprint: await out.get(names.peerAuthentication, 'LocalFingerprint'),
          remoteFingerprint: await out.get(names.peerAuthentication, 'RemoteFingerprint'),
        }],
      }],
    });
    const { claims: told } = said.accounts[0]!.conversations[0]!;
    expect(Object.keys(told)).toHaveLength(13);
    expect(Object.keys(told).filter((claim) => told[claim])).toEqual(claims);
  });

  test('watches: a line of JSON for every change, until it is told to end', async () => {
    const watching = startHushctl(['status', '--watch', '--json'], { address: alice.session.address });
    const next = (pattern: RegExp): Promise<string> => watching.line(pattern);
    await next(/"conversations":\[\]/);
    const { out, incoming } = await secured();
    await next(/"state":"secure"/);
    await out.call(names.peerAuthentication, 'ConfirmSafetyNumber', await safetyNumber(out));
    await next(/"Verified":true.*"trust":"verified"/);
    await incoming.call(names.securable, 'End');
    await next(/"state":"ended","endReason":"clean"/);
    const closed = watching.nextLine(/"conversations":\[\]/);
    await out.call(names.destroyable, 'Destroy');
    await closed;
    process.kill(watching.pid, 'SIGINT');
    expect(await watching.ended).toBe(0);
    const lines = watching.output.split('\n');
    lines.slice(1).forEach((line, at) => expect(line).not.toBe(lines[at]));
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ running: true, accounts: [{ account: 'alice@localhost' }] });
  });

  test('on a terminal is coloured, and drawn anew while it is watched', async () => {
    const watching = InTerminal.hushctl(['status', '--watch'], { address: alice.session.address });
    await watching.shows(/no conversation/);
    const { out } = await secured();
    await watching.shows(/\x1b\[H\x1b\[2J[^]*\x1b\[32m● secure \(xtls\)\x1b\[0m/);
    await out.call(names.securable, 'End');
    await watching.shows(/\x1b\[31m■ ended \(local\)/);
    watching.type('\x03');
    expect(await watching.ended).toBe(0);
  });
});

describe('secure, require, end', () => {
  test('open a conversation that is secured, raise it, and end it', async () => {
    const opened = await run('secure', 'BOB@localhost');
    expect(opened).toMatchObject({ code: 0, err: '' });
    expect(opened.out).toMatch(/^bob@localhost {2}● secure \(xtls\)\nproved: Encrypted, .*DowngradeResistant\nWho .* not verified yet: hushctl verify bob@localhost$/);
    const [[path]] = (await alice.connection.get(names.requests, 'Channels')) as [[string]];
    const channel = new TextChannel(alice.connection, path);
    expect(await channel.getAll(names.securable)).toMatchObject({ State: 2, RequiredProperties: ['Encrypted'] });

    const required = await run('require', bob.jid, 'ForwardSecret', 'Verified', '--json');
    expect(required.code).toBe(0);
    expect(JSON.parse(required.out)).toMatchObject({ path, state: 'secure', required: ['Encrypted', 'Verified', 'ForwardSecret'] });
    expect(await errorOf(channel.send('too early'))).toBe(`${T}NotYet`);
    expect((await run('require', bob.jid, 'Verified')).out).toContain('Nothing can be sent until it is Verified: hushctl verify bob@localhost');

    expect(await run('end', bob.jid)).toMatchObject({ code: 0, out: expect.stringMatching(/■ ended \(local\)\n.*hushctl secure bob@localhost$/) as unknown });
    expect(await channel.get(names.securable, 'State')).toBe(3);
    expect(await run('end', bob.jid)).toEqual({ code: 1, out: '', err: 'hushctl: no secured conversation with bob@localhost is going on\n  next: See what is there: hushctl status.' });
    // An ended one is replaced.
    expect((await run('secure', bob.jid)).code).toBe(0);
    expect(await channel.get(names.securable, 'State').catch(() => 'gone')).toBe('gone');
  });

  test('use the conversation that is there', async () => {
    const channel = await alice.connection.ensureText(bob.jid);
    expect((await run('secure', bob.jid)).code).toBe(0);
    expect(await channel.getAll(names.securable)).toMatchObject({ State: 2, RequiredProperties: [] });
    expect(await alice.connection.get(names.requests, 'Channels')).toHaveLength(1);
  });

  test('get what only a new conversation can have, asked once more', async () => {
    await secured();
    const first = await run('require', bob.jid, 'StronglyAnonymous');
    expect(first).toMatchObject({ code: 1, err: expect.stringContaining('next: That ended the conversation. To begin a new one with it: the same command once more.') as unknown });
    expect(first.err).toContain(`error: ${T}EncryptionNotAvailable`);
    // Somebody who knows our key would decline that we hide it.
    expect(await run('require', bob.jid, 'StronglyAnonymous')).toMatchObject({ code: 1, err: expect.stringContaining(`bob@localhost declined. Ask them, over another way, to accept.\n  error: ${T}Rejected`) as unknown });
    await bob.connection.call(names.security, 'ForgetPeer', alice.jid);
    const second = await run('require', bob.jid, 'StronglyAnonymous', '--json');
    expect(second).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(second.out)).toMatchObject({ state: 'secure', claims: { StronglyAnonymous: true }, deniability: 'participation' });
    // Its keys are for it alone: there is no number to compare.
    expect(await run('verify', bob.jid)).toMatchObject({ code: 1, err: expect.stringContaining('next: Compare a secret that only the two of you know: hushctl verify bob@localhost --secret.') as unknown });
  });

  test('say why not, and what helps', async () => {
    expect(await run('secure', 'nobody@localhost')).toEqual({
      code: 1,
      out: '',
      err: `hushctl: the contact is not there\n  next: Try again when nobody@localhost is online with a client that can be secured.\n  error: ${T}Offline`,
    });
    expect(await run('secure', 'no jid@@')).toMatchObject({ code: 1, err: expect.stringContaining(`error: ${T}InvalidHandle`) as unknown });
    expect(await run('require', bob.jid, 'NonRepudiable')).toMatchObject({ code: 1, err: expect.stringContaining(`error: ${T}NotImplemented`) as unknown });
    expect(await run('require', bob.jid, 'Deniable', 'NonRepudiable')).toMatchObject({ code: 1, err: expect.stringContaining(`error: ${T}InvalidArgument`) as unknown });
    expect(await run('secure', bob.jid, '--channel', 'Text999')).toMatchObject({ code: 1, err: expect.stringContaining('Text999 is no conversation with bob@localhost') as unknown });
    expect(await run('secure', bob.jid, '--account', 'carol@localhost')).toEqual({ code: 1, out: '', err: 'hushctl: there is no account carol@localhost\n  next: These are there: alice@localhost (alice_40localhost).' });
    await alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, 'off');
    const refused = await run('secure', bob.jid);
    await alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, '');
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/hushctl policy bob@localhost\.\n {2}error: .*EncryptionNotAvailable$/) as unknown });
  });
});

describe('verify, by number', () => {
  test('shows it, in digits and as a QR code, and takes it', async () => {
    const { out, incoming } = await secured();
    const number = await safetyNumber(incoming);
    const shown = await run('verify', bob.jid);
    expect(shown.code).toBe(0);
    expect(shown.out.replaceAll(/\s+/g, ' ')).toContain(number);
    expect(shown.out).toContain('██ ▄▄▄▄▄ █');
    expect(shown.err).toContain(`hushctl verify bob@localhost --confirm "${number}"`);
    expect(JSON.parse((await run('verify', bob.jid, '--json')).out)).toMatchObject({ contact: bob.jid, safetyNumber: number, trust: 'seen' });

    const wrong = number.replace(/\d/, (digit) => String((Number(digit) + 1) % 10));
    expect(await run('verify', bob.jid, '--confirm', wrong)).toMatchObject({ code: 1, err: expect.stringContaining('hushctl verify bob@localhost --distrust') as unknown });
    expect(await claimed(out)).not.toContain('Verified');
    expect(await run('verify', bob.jid, '--confirm', number.replaceAll(' ', '-'))).toEqual({ code: 0, out: '✓ bob@localhost is verified', err: '' });
    expect(await claimed(out)).toContain('Verified');
    expect((await run('verify', bob.jid)).out).not.toContain('Compare');
  });

  test.each([['y', /✓ bob@localhost is verified/, 2], ['later', /Nothing has changed/, 1], ['n', /the conversation is over/i, 3]] as const)('asks on a terminal, and is answered %s', async (answer, said, trust) => {
    const { out } = await secured();
    const asking = InTerminal.hushctl(['verify', bob.jid], { address: alice.session.address });
    await asking.shows(/Are they the same\? \[yes\/no\/later\] /);
    // White on black, whatever the colours of the terminal.
    expect(asking.screen).toContain('\x1b[97;40m██ ▄▄▄▄▄ █');
    // What is no answer is asked once more; what is typed is seen.
    asking.type('perhaps\r');
    await asking.shows(/perhaps[^]*Are they the same\?/);
    asking.type(`${answer}\r`);
    await asking.shows(said);
    expect(await asking.ended).toBe(0);
    expect(await out.get(names.peerAuthentication, 'Trust')).toBe(trust);
  });

  test('needs a secured conversation', async () => {
    await alice.connection.ensureText(bob.jid);
    await alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, 'off');
    const refused = await run('verify', bob.jid);
    await alice.connection.call(names.security, 'SetPeerPolicy', bob.jid, '');
    expect(refused).toEqual({ code: 1, out: '', err: 'hushctl: the conversation with bob@localhost is not secured\n  next: Secure it first: hushctl secure bob@localhost.' });
  });
});

describe('verify, by a secret', () => {
  test('asks the contact, with the secret from standard input, and waits for the result', async () => {
    const { out, incoming } = await secured();
    const compare = async (answer: string): Promise<Outcome> => {
      const asked = signalOf(incoming, 'SharedSecretRequested');
      const result = withInput('Lisbon, öß\n', 'verify', bob.jid, '--secret', '--question', 'Where?');
      expect(await asked).toEqual(['Where?']);
      await incoming.call(names.peerAuthentication, 'AnswerSharedSecret', answer);
      return result;
    };
    expect(await compare('Porto')).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/the two secrets are not the same[^]*next: .*\n {2}error: .*AuthenticationFailed$/) as unknown });
    expect(await claimed(out)).not.toContain('Verified');
    expect(await compare('Lisbon, öß')).toMatchObject({ code: 0, out: '✓ bob@localhost is verified' });
    expect(await claimed(incoming)).toContain('Verified');
  });

  test('answers what the contact asks, with a question or without', async () => {
    const { out, incoming } = await secured();
    const asked = signalOf(out, 'SharedSecretRequested');
    await incoming.call(names.peerAuthentication, 'StartSharedSecret', 'The dog’s \u202ename?', 'Rex');
    await asked;
    // What would turn the text around is shown, not obeyed.
    expect((await run('status')).out).toContain('bob@localhost asks: The dog’s \\u{202e}name?  (answer: hushctl verify bob@localhost --secret)');
    expect(await withInput('Rex\n', 'verify', bob.jid, '--secret', '--question', 'mine')).toMatchObject({ code: 1, err: expect.stringContaining('bob@localhost asks already') as unknown });
    expect(await withInput('Rex\n', 'verify', bob.jid, '--secret')).toMatchObject({ code: 0, out: '✓ bob@localhost is verified' });
    await incoming.call(names.peerAuthentication, 'StartSharedSecret', '', 'Rex');
    expect(await withInput('Rex\r\n', 'verify', bob.jid, '--secret', '--json')).toMatchObject({ code: 0, out: '{\n  "contact": "bob@localhost",\n  "verified": true\n}' });
  });

  test('reads it from a terminal without showing it', async () => {
    const { incoming } = await secured();
    const asked = signalOf(incoming, 'SharedSecretRequested');
    const asking = InTerminal.hushctl(['verify', bob.jid, '--secret'], { address: alice.session.address });
    await asking.shows(/The secret that only you and bob@localhost know: $/);
    // With a slip of the finger taken back.
    asking.type('the blue househ\x7f\r');
    await asked;
    await asking.shows(/Waiting until bob@localhost has answered/);
    await incoming.call(names.peerAuthentication, 'AnswerSharedSecret', 'the blue house');
    expect(await asking.ended).toBe(0);
    expect(asking.screen).toContain('✓ bob@localhost is verified');
    expect(asking.screen).not.toMatch(/blue|house/);
  });

  test('Ctrl-C gives it up, on both ends; so does --abort', async () => {
    const { incoming } = await secured();
    for (const isAborted of [false, true]) {
      const asked = signalOf(incoming, 'SharedSecretRequested');
      const concluded = signalOf(incoming, 'SharedSecretConcluded');
      const asking = startHushctl(['verify', bob.jid, '--secret'], { address: alice.session.address, input: 'Lisbon\n' });
      await asked;
      await asking.line(/Waiting/);
      if (isAborted) expect(await run('verify', bob.jid, '--abort')).toMatchObject({ code: 0, out: 'the comparison with bob@localhost was given up' });
      else process.kill(asking.pid, 'SIGINT');
      expect(await concluded).toEqual([false, `${T}Rejected`]);
      expect(await asking.ended).toBe(1);
    }
    expect((await run('verify', bob.jid, '--abort')).code).toBe(1);
  });

  test('needs one, and a conversation that stays', async () => {
    const { out, incoming } = await secured();
    expect(await withInput('\n', 'verify', bob.jid, '--secret')).toMatchObject({ code: 1, err: expect.stringContaining('no secret was given') as unknown });
    const asked = signalOf(incoming, 'SharedSecretRequested');
    const asking = startHushctl(['verify', bob.jid, '--secret'], { address: alice.session.address, input: 'Lisbon\n' });
    await asked;
    await asking.line(/Waiting/);
    await out.close();
    expect(await asking.ended).toBe(1);
    expect(asking.output).toContain('the conversation was closed before there was a result');
  });
});

describe('peers, trust, forget', () => {
  test('list keys, take a changed one, and forget', async () => {
    expect(await run('peers')).toEqual({ code: 0, out: 'no key of any contact is remembered', err: '' });
    const { out } = await secured();
    const fingerprint = (await out.get(names.peerAuthentication, 'RemoteFingerprint')) as string;
    expect((await run('peers')).out).toContain(fingerprint.slice(0, 35));
    expect(JSON.parse((await run('peers', 'Bob@localhost', '--json')).out)).toEqual([{ contact: bob.jid, mechanism: 'xtls', fingerprint, trust: 'seen', lastSeen: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.000Z$/) as unknown }]);
    expect((await run('peers', 'carol@localhost')).out).toBe('nothing is remembered of carol@localhost');
    expect(await run('trust', bob.jid)).toMatchObject({ code: 1, err: expect.stringContaining('no key of bob@localhost waits for a decision') as unknown });

    expect((await run('verify', bob.jid, '--distrust')).code).toBe(0);
    expect((await run('peers')).out).toContain('✗ changed');
    const mismatch = await run('secure', bob.jid);
    expect(mismatch).toMatchObject({ code: 1, err: expect.stringContaining('hushctl trust bob@localhost') as unknown });
    // Which key: a script has to say.
    expect(await run('trust', bob.jid)).toEqual({ code: 2, out: '', err: `hushctl: which key?\n  next: If this one is theirs: hushctl trust bob@localhost ${fingerprint}` });
    expect(await run('trust', bob.jid, ...'0'.repeat(64).match(/.{8}/g)!)).toMatchObject({ code: 1, err: expect.stringContaining(`error: ${T}DoesNotExist`) as unknown });
    const asking = InTerminal.hushctl(['trust', bob.jid], { address: alice.session.address });
    await asking.shows(/Is it theirs\? \[yes\/no\] /);
    expect(asking.screen).toContain(fingerprint);
    asking.type('yes\r');
    expect(await asking.ended).toBe(0);
    expect(asking.screen).toContain('counts as seen, not verified');
    expect(await run('trust', bob.jid, fingerprint.toUpperCase())).toMatchObject({ code: 0 });
    expect((await run('secure', bob.jid)).code).toBe(0);

    expect(await run('forget', bob.jid)).toEqual({ code: 0, out: 'Nothing is remembered of the keys of bob@localhost any more.', err: '' });
    expect((await run('peers')).out).toBe('no key of any contact is remembered');
    expect(await run('forget', '--damaged-memory')).toMatchObject({ code: 1, err: expect.stringContaining('the memory is in order') as unknown });
  });
});

describe('policy', () => {
  test('is shown and set, of the account and of a contact', async () => {
    expect((await run('policy')).out).toBe('alice@localhost  opportunistic');
    expect(await run('policy', 'required')).toMatchObject({ code: 0, out: 'alice@localhost  required', err: expect.stringContaining('until the account goes offline') as unknown });
    expect((await run('policy', bob.jid)).out).toBe('bob@localhost  default (of the account: required)');
    expect((await run('policy', bob.jid, 'off')).out).toBe('bob@localhost  off');
    expect(JSON.parse((await run('policy', bob.jid, '--json')).out)).toEqual({ account: alice.jid, contact: bob.jid, policy: 'off' });
    expect(await alice.connection.call(names.security, 'GetPeerPolicy', bob.jid)).toEqual(['off']);
    expect((await run('policy', bob.jid, 'default')).out).toBe('bob@localhost  default (of the account: required)');
    expect(JSON.parse((await run('policy', 'opportunistic', '--json')).out)).toEqual({ account: alice.jid, contact: null, policy: 'opportunistic' });
    expect(await run('policy', 'no jid@@')).toMatchObject({ code: 1, err: expect.stringContaining(`error: ${T}InvalidArgument`) as unknown });
  });
});

describe('identity', () => {
  test('is shown, renewed, imported and replaced', async () => {
    const own = async (): Promise<unknown> => alice.connection.get(names.security, 'IdentityFingerprint');
    const first = await own();
    expect((await run('identity')).out).toBe(`alice@localhost  ${String(first)}`);
    expect(JSON.parse((await run('identity', 'renew', '--json')).out)).toEqual({ account: alice.jid, fingerprint: first });

    expect(await run('identity', 'import', './nowhere.pem')).toMatchObject({ code: 1, err: expect.stringMatching(/there is no file \/.*nowhere\.pem\n {2}next: Check the path\.$/) as unknown });
    const certificates = await CertificateFolder.create();
    const { keyFile, certFile } = await certificates.selfSigned({ names: [`otherName:1.3.6.1.5.5.7.8.5;UTF8:${alice.jid}`] });
    const file = `${certFile}.p12`;
    await runProgram('openssl', ['pkcs12', '-export', '-inkey', keyFile, '-in', certFile, '-out', file, '-passout', 'pass:open sesame']);
    expect(await withInput('sesame\n', 'identity', 'import', file)).toMatchObject({ code: 1, err: expect.stringContaining('not the passphrase') as unknown });
    expect((await withInput('open sesame\n', 'identity', 'import', file)).out).toBe(`alice@localhost  ${String(await own())}`);
    await certificates.remove();
    const imported = await own();
    expect(imported).not.toBe(first);

    expect(await run('identity', 'replace')).toMatchObject({ code: 2, err: expect.stringContaining('hushctl identity replace --yes') as unknown });
    expect(await own()).toBe(imported);
    expect((await run('identity', 'replace', '--yes')).out).toBe(`alice@localhost  ${String(await own())}`);
    expect(await own()).not.toBe(imported);
  });
});

test('of several devices of a contact, one has to be named', async () => {
  const phone = await Person.arrive('bob', server, { parameters: { resource: 'phone' } });
  onTestEnd = () => phone.leave();
  await phone.hasIdentity();
  await contactIsThere(phone.connection, alice.jid);
  const { out: fromPhone, incoming } = await talk(phone, alice, 'from the road', { [`${names.securable}.Encrypted`]: true });
  await talk(bob, alice, 'from the desk', { [`${names.securable}.Encrypted`]: true });
  const name = incoming.path.replace(/^.*\//, '');
  expect(await run('verify', bob.jid)).toMatchObject({ code: 2, err: expect.stringMatching(new RegExp(`^hushctl: several conversations with bob@localhost are secured.*\n {2}next: Say which with --channel: .*\\b${name}\\b`)) as unknown });
  expect((await run('words', 'channels')).out.split('\n')).toContain(name);
  const number = await safetyNumber(fromPhone);
  expect(JSON.parse((await run('verify', bob.jid, '--channel', name, '--json')).out)).toMatchObject({ channel: name, safetyNumber: number });
  expect(await run('verify', bob.jid, '--channel', name, '--confirm', number)).toMatchObject({ code: 0 });
  expect(await claimed(incoming)).toContain('Verified');
  expect((await run('end', bob.jid)).code).toBe(0);
  await state(fromPhone, 3);
  expect((await run('end', bob.jid)).code).toBe(1);
});
