import { expect, test } from '@jest/globals';
import { silentLog } from '../../src/log.ts';
import { serialize, xml } from '../../src/xmpp/element.ts';
import type { Element } from '../../src/xmpp/element.ts';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { authenticate } from '../../src/xmpp/sasl.ts';
import type { Credential, CredentialRequest } from '../../src/xmpp/sasl.ts';

const ns = 'urn:ietf:params:xml:ns:xmpp-sasl';
const success = xml('success', { xmlns: ns });
const failure = xml('failure', { xmlns: ns }, xml('not-authorized'));

/** Runs a login against these answers; tells what was said and asked. */
async function run(mechanisms: readonly string[], answers: Element[], hasClientCertificate: boolean): Promise<{ said: string[]; asked: CredentialRequest[]; credential: Credential | undefined }> {
  const said: string[] = [];
  const asked: CredentialRequest[] = [];
  const features = xml('features', {}, xml('mechanisms', { xmlns: ns }, ...mechanisms.map((name) => xml('mechanism', {}, name))));
  const credential = await authenticate(
    {
      ask: (element) => {
        said.push(serialize(element));
        return Promise.resolve(answers.shift()!);
      },
      whileOpen: (work) => work,
    },
    features,
    {
      account: parseBareJid('alice@example.test'),
      isEncrypted: true,
      bindings: undefined,
      hasClientCertificate,
      credentials: (request) => {
        asked.push(request);
        return Promise.resolve({ kind: 'password', password: 'secret' });
      },
      strongest: new Map(),
      log: silentLog,
    },
  );
  return { said, asked, credential };
}

test('a client certificate logs in by EXTERNAL, and nobody is asked', async () => {
  const { said, asked, credential } = await run(['PLAIN', 'EXTERNAL'], [success], true);
  expect(said).toEqual([`<auth xmlns="${ns}" mechanism="EXTERNAL">=</auth>`]);
  expect(asked).toEqual([]);
  expect(credential).toBeUndefined();
});

test('where the certificate is not accepted, the password is asked for', async () => {
  const { said, asked } = await run(['PLAIN', 'EXTERNAL'], [failure, success], true);
  expect(said).toHaveLength(2);
  expect(asked[0]?.previousFailure?.condition).toBe('authentication-failed');
});

test('without a certificate EXTERNAL is not used', async () => {
  const { said } = await run(['EXTERNAL', 'PLAIN'], [success], false);
  expect(said[0]).toContain('PLAIN');
});

test('success with data that the mechanism has no place for is none', async () => {
  const withData = xml('success', { xmlns: ns }, 'AAAA');
  await expect(run(['PLAIN'], [withData], false)).rejects.toMatchObject({ condition: 'authentication-failed' });
});

test('a server that never accepts is given up', async () => {
  await expect(run(['PLAIN'], Array.from({ length: 50 }, () => failure), false)).rejects.toMatchObject({ condition: 'authentication-failed' });
});

test('a server that asks on and on is given up', async () => {
  const challenge = xml('challenge', { xmlns: ns });
  await expect(run(['PLAIN'], Array.from({ length: 50 }, () => challenge), false)).rejects.toMatchObject({ condition: 'authentication-failed' });
});
