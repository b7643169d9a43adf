/** src/ktp/lock.ts when the contact's question is over, or another one is there, before the answer to it has failed: a real bus does that only now and then. */
import { expect, test } from '@jest/globals';
import { BusError } from '../../src/bus/connection.ts';
import type { Remote } from '../../src/bus/remote.ts';
import { Lock } from '../../src/ktp/lock.ts';

const T = 'org.freedesktop.Telepathy.Error.';
const asked = ['SharedSecretRequested', 'Where?'] as const;
const over = ['SharedSecretConcluded', false, `${T}Cancelled`] as const;
const cleared = ['PropertiesChanged', { Question: '' }] as const;

/** What is still asked when the answer has been dealt with. `meanwhile`: the signals that come before. */
async function questionAfter(isAnswered: boolean, ...meanwhile: readonly (readonly [string, ...unknown[]])[]): Promise<string | undefined> {
  const listeners = new Map<string, (...args: readonly unknown[]) => void>();
  const listen = (member: string, listener: (...args: readonly unknown[]) => void): (() => void) => {
    listeners.set(member, listener);
    return () => listeners.delete(member);
  };
  const signal = ([member, ...args]: readonly [string, ...unknown[]]): void => listeners.get(member)!(...args);
  const channel = {
    on: (_name: string, member: string, listener: (...args: readonly unknown[]) => void) => listen(member, listener),
    onChange: (_name: string, listener: (...args: readonly unknown[]) => void) => listen('PropertiesChanged', listener),
    call: () => {
      meanwhile.forEach(signal);
      return isAnswered ? Promise.resolve([]) : Promise.reject(new BusError(`${T}NotAvailable`, 'nothing is asked'));
    },
  } as unknown as Remote;
  const nothing = (): void => undefined;
  const lock = new Lock(channel, { levelChanged: nothing, secretRequested: nothing, secretConcluded: nothing });
  signal(asked);
  const answering = lock.answerSecret('tea');
  await (isAnswered ? answering : expect(answering).rejects.toThrow('nothing is asked'));
  return lock.question;
}

test('a question whose answer has failed is asked of the next window only as long as somebody waits for it', async () => {
  expect(await questionAfter(false)).toBe('Where?');
  expect(await questionAfter(false, over)).toBeUndefined();
  expect(await questionAfter(false, cleared)).toBeUndefined();
  expect(await questionAfter(false, over, ['SharedSecretRequested', 'When?'])).toBe('When?');
});

test('one that is answered is not, and takes none that came after it along', async () => {
  expect(await questionAfter(true)).toBeUndefined();
  expect(await questionAfter(true, over)).toBeUndefined();
  expect(await questionAfter(true, over, asked)).toBe('Where?');
});
