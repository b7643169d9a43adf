import { describe, expect, test } from '@jest/globals';
import { Scram } from '../../src/xmpp/scram.ts';
import type { ScramOptions } from '../../src/xmpp/scram.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bytes = (value: string): Buffer => Buffer.from(value);

/** RFC 5802 §5 */
const sha1: ScramOptions = { hash: 'sha1', username: 'user', password: 'pencil', binding: { kind: 'unable' }, nonce: 'fyko+d2lbbFgONRv9qkxdawL' };
const sha1First = 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096';
const sha1Final = 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=';

async function proved(challenge: string): Promise<Scram> {
  const scram = new Scram(sha1);
  scram.initial();
  await scram.respond(bytes(challenge));
  return scram;
}

describe('SCRAM', () => {
  test('gives the answers of RFC 5802 for SHA-1', async () => {
    const scram = new Scram(sha1);
    expect(text(scram.initial())).toBe('n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL');
    expect(text(await scram.respond(bytes(sha1First)))).toBe('c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=');
    expect(() => scram.succeeded(bytes(sha1Final))).not.toThrow();
  });

  test('gives the answers of RFC 7677 for SHA-256', async () => {
    const scram = new Scram({ ...sha1, hash: 'sha256', nonce: 'rOprNGfwEbeRWgbNEkqO' });
    const first = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
    expect(text(await scram.respond(bytes(first)))).toBe('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=');
    expect(() => scram.succeeded(bytes('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='))).not.toThrow();
  });

  test('the header says what is bound', async () => {
    expect(text(new Scram({ ...sha1, binding: { kind: 'unoffered' } }).initial())).toMatch(/^y,,n=user,/);
    const scram = new Scram({ ...sha1, binding: { kind: 'bound', type: 'tls-exporter', data: bytes('tls bytes') } });
    expect(text(scram.initial())).toMatch(/^p=tls-exporter,,n=user,/);
    const c = /c=([^,]*),/.exec(text(await scram.respond(bytes(sha1First))))?.[1] ?? '';
    expect(Buffer.from(c, 'base64').toString()).toBe('p=tls-exporter,,tls bytes');
  });

  test('a comma or equals sign in the name is escaped', () => {
    expect(text(new Scram({ ...sha1, username: 'a,b=c' }).initial())).toContain('n=a=2Cb=3Dc,');
  });

  test('nonces are new each time', () => {
    const fresh: ScramOptions = { hash: 'sha1', username: 'user', password: 'pencil', binding: { kind: 'unable' } };
    expect(text(new Scram(fresh).initial())).not.toBe(text(new Scram(fresh).initial()));
  });

  test.each([
    ['the nonce is not extended', 'r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096'],
    ['the nonce is another', 'r=gyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096'],
    ['too few rounds', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=1'],
    ['one round too few', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4095'],
    ['too many rounds', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=1000001'],
    ['2^31 rounds', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=2147483648'],
    ['rounds in another notation', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096e3'],
    ['a mandatory extension', 'm=ext,r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096'],
    ['a mandatory extension at the end', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096,m=ext'],
    ['an attribute twice', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096,i=5000'],
    ['another order', 's=QSXCR+Q6sek8bf92,r=fyko+d2lbbFgONRv9qkxdawL3rfc,i=4096'],
    ['a salt that is not base64', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf9,i=4096'],
    ['a salt with white space', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6 sek8bf92,i=4096'],
    ['a salt with bits left over', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QUJDRB==,i=4096'],
    ['an extension without a name', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096,=x'],
    ['an extension without a value', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096,x='],
    ['words at the end', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=QSXCR+Q6sek8bf92,i=4096,words'],
    ['no salt', 'r=fyko+d2lbbFgONRv9qkxdawL3rfc,s=,i=4096'],
    ['nothing', ''],
    ['an error', 'e=unknown-user'],
  ])('refuses a challenge: %s [B10]', async (_, challenge) => {
    await expect(new Scram(sha1).respond(bytes(challenge))).rejects.toMatchObject({ condition: 'authentication-failed' });
  });

  test('accepts unknown optional extensions in a challenge [B10]', async () => {
    await expect(proved(`${sha1First},x=something`)).resolves.toBeInstanceOf(Scram);
  });

  test.each([
    ['none', ''],
    ['another', `v=${Buffer.alloc(20).toString('base64')}`],
    ['a truncated one', 'v=rmF9pqV8S7suAoZWja4dJRkF'],
    ['an error', 'e=other-error'],
    ['an extension first', `x=1,${sha1Final}`],
    ['not base64', 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ'],
  ])('refuses success with a proof that is: %s [B9]', async (_, final) => {
    const scram = await proved(sha1First);
    expect(() => scram.succeeded(bytes(final))).toThrow();
    const other = await proved(sha1First);
    await expect(other.respond(bytes(final))).rejects.toMatchObject({ condition: 'authentication-failed' });
  });

  test('takes the proof with the success or in a challenge before it, once [B9]', async () => {
    const withSuccess = await proved(sha1First);
    expect(() => withSuccess.succeeded(bytes(sha1Final))).not.toThrow();
    const before = await proved(sha1First);
    expect(await before.respond(bytes(sha1Final))).toHaveLength(0);
    expect(() => before.succeeded(Buffer.alloc(0))).not.toThrow();
    const twice = await proved(sha1First);
    await twice.respond(bytes(sha1Final));
    await expect(twice.respond(bytes(sha1Final))).rejects.toMatchObject({ condition: 'authentication-failed' });
    expect(() => twice.succeeded(bytes(sha1Final))).toThrow();
  });

  test('refuses success before the challenge [B9]', () => {
    const scram = new Scram(sha1);
    scram.initial();
    expect(() => scram.succeeded(Buffer.alloc(0))).toThrow('out of turn');
    expect(() => scram.succeeded(bytes(sha1Final))).toThrow('out of turn');
  });
});
