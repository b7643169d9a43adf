import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { Terminal } from '../../src/ctl/terminal.ts';

function terminal(input: Readable): { said: () => string; terminal: Terminal } {
  let said = '';
  const write = (text: string): void => void (said += text);
  return { said: () => said, terminal: new Terminal({ input, output: write, errors: write, isTerminal: { input: false, output: false }, isPlain: false, width: 80 }) };
}

const secretOf = (...chunks: readonly (string | Buffer)[]): Promise<string> => terminal(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))).terminal.secret('Secret');

test('a secret from a pipe is its first line, as it stands there', async () => {
  expect(await secretOf(' two words \nmore\n')).toBe(' two words ');
  expect(await secretOf('no end')).toBe('no end');
  expect(await secretOf('windows\r\n')).toBe('windows');
  const bytes = Buffer.from('ö亀\n');
  expect(await secretOf(bytes.subarray(0, 1), bytes.subarray(1, 3), bytes.subarray(3))).toBe('ö亀');
  const { said, terminal: quiet } = terminal(Readable.from([Buffer.from('x\n')]));
  await quiet.secret('Secret');
  expect(said()).toBe('');
});

test.each([
  ['nothing', [], 'no secret was given'],
  ['an empty line', ['\nmore'], 'no secret was given'],
  ['a line without end', ['x'.repeat(5000)], 'too long'],
  ['no text', [Buffer.of(0xff, 0x0a)], 'not UTF-8'],
])('%s is no secret', async (_what, chunks, complaint) => {
  await expect(secretOf(...chunks)).rejects.toThrow(complaint);
});

test('a pipe that goes on for ever is read no further than the first line', async () => {
  let given = 0;
  const endless = new Readable({
    read() {
      given += 1;
      this.push(given === 1 ? 'secret\n' : 'x'.repeat(1000));
    },
  });
  expect(await terminal(endless).terminal.secret('Secret')).toBe('secret');
  expect(endless.destroyed).toBe(true);
});
