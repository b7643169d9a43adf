import { expect, test } from '@jest/globals';
import { toDnsName } from '../../src/xmpp/domain-name.ts';

test.each([
  ['example.org', 'example.org'],
  ['EXAMPLE.org.', 'example.org'],
  ['_xmpp-client._tcp.example.org', '_xmpp-client._tcp.example.org'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['BÜCHER.example', 'xn--bcher-kva.example'],
  ['localhost', 'localhost'],
  ['127.0.0.1', '127.0.0.1'],
])('%s is the DNS name %s', (text, name) => {
  expect(toDnsName(text)).toBe(name);
});

test.each([
  '', '.', '..', 'a..b', '.example', 'a b', 'a\0b', '*.example.org', '-a.example', 'a-.example', '[::1]', '::1', 'a/b', 'a:1', 'x@a', 'a%2eb',
  'bücher.example/path', 'bücher.example:80', 'x@bücher.example', 'bücher%2eexample', 'bücher.example?x', 'bücher.example\n',
  'x'.repeat(64), `${'a.'.repeat(126)}ab`,
])('%j is no DNS name', (text) => {
  expect(toDnsName(text)).toBeUndefined();
});
