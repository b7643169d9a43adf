import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { silentLog } from '../../src/log.ts';
import { configuredTarget, parseServer, resolveTargets } from '../../src/xmpp/srv.ts';
import type { SrvRecord, Target } from '../../src/xmpp/srv.ts';

const sourceFolder = join(import.meta.dirname, '../../src');

type Zone = Readonly<Record<string, readonly SrvRecord[] | Error>>;

function resolve(domain: string, zone: Zone, asked: string[] = []): Promise<Target[]> {
  const resolveSrv = (name: string): Promise<readonly SrvRecord[]> => {
    asked.push(name);
    const found = zone[name.replace(/\._tcp\..*/, '')] ?? Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
    return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
  };
  return resolveTargets(domain, { resolveSrv, signal: new AbortController().signal, log: silentLog });
}

const record = (name: string, priority = 0, weight = 0, port = 5222): SrvRecord => ({ name, port, priority, weight });

describe('where a domain is reached [B12]', () => {
  test('both services are looked up and ordered together by priority', async () => {
    const asked: string[] = [];
    const zone = { '_xmpp-client': [record('b.example', 20), record('a.example.', 5)], '_xmpps-client': [record('t.example', 10, 0, 443)] };
    expect(await resolve('example.org', zone, asked)).toEqual([
      { host: 'a.example', port: 5222, directTls: false },
      { host: 't.example', port: 443, directTls: true },
      { host: 'b.example', port: 5222, directTls: false },
    ]);
    expect(asked).toEqual(['_xmpp-client._tcp.example.org', '_xmpps-client._tcp.example.org']);
  });

  test('an internationalised domain is asked for in its DNS form', async () => {
    const asked: string[] = [];
    await resolve('bücher.example', {}, asked);
    expect(asked[0]).toBe('_xmpp-client._tcp.xn--bcher-kva.example');
  });

  test('within a priority the weights decide how often one comes first', async () => {
    const zone = { '_xmpp-client': [record('light.example', 0, 1), record('heavy.example', 0, 9), record('last.example', 1, 100)] };
    let heavy = 0;
    for (let i = 0; i < 400; i += 1) {
      const targets = await resolve('example.org', zone);
      if (targets[0]?.host === 'heavy.example') heavy += 1;
      expect(targets[2]?.host).toBe('last.example');
    }
    // The mark is one of 0 … 10, and the first two are the light one's: 327 ± 8 of 400.
    expect(heavy).toBeGreaterThan(280);
    expect(heavy).toBeLessThan(374);
  });

  test('without records it is the domain itself', async () => {
    expect(await resolve('example.org', {})).toEqual([{ host: 'example.org', port: 5222, directTls: false }]);
    const broken = Object.assign(new Error('timeout'), { code: 'ETIMEOUT' });
    expect(await resolve('example.org', { '_xmpp-client': broken, '_xmpps-client': broken })).toHaveLength(1);
  });

  test('an address literal is not looked up', async () => {
    const asked: string[] = [];
    expect(await resolve('127.0.0.1', {}, asked)).toEqual([{ host: '127.0.0.1', port: 5222, directTls: false }]);
    expect(await resolve('[::1]', {}, asked)).toEqual([{ host: '::1', port: 5222, directTls: false }]);
    expect(asked).toEqual([]);
  });

  test('a dot means that the service is not offered', async () => {
    await expect(resolve('example.org', { '_xmpp-client': [record('.')] })).rejects.toMatchObject({ condition: 'network-error' });
    await expect(resolve('example.org', { '_xmpp-client': [record('')], '_xmpps-client': [record('.')] })).rejects.toMatchObject({ condition: 'network-error' });
    // Only one of the two services is refused: the other is used.
    expect(await resolve('example.org', { '_xmpp-client': [record('.')], '_xmpps-client': [record('t.example', 0, 0, 5223)] })).toEqual([{ host: 't.example', port: 5223, directTls: true }]);
    expect(await resolve('example.org', { '_xmpps-client': [record('.')] })).toEqual([{ host: 'example.org', port: 5222, directTls: false }]);
  });

  test('of a thousand records a few are tried, none twice', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => record(`h${i % 500}.example`, 0, i % 7));
    const targets = await resolve('example.org', { '_xmpp-client': many });
    expect(targets).toHaveLength(8);
    expect(new Set(targets.map(({ host }) => host)).size).toBe(8);
    const same = Array.from({ length: 1000 }, () => record('loop.example'));
    expect(await resolve('example.org', { '_xmpp-client': same })).toHaveLength(1);
  });

  test('what SRV leads to is not asked for again, and nothing but SRV is asked for', async () => {
    const asked: string[] = [];
    const loop = [record('_xmpp-client._tcp.example.org'), record('example.org'), record('other.example')];
    expect((await resolve('example.org', { '_xmpp-client': loop }, asked)).map(({ host }) => host).sort()).toEqual(['_xmpp-client._tcp.example.org', 'example.org', 'other.example']);
    expect(asked).toEqual(['_xmpp-client._tcp.example.org', '_xmpps-client._tcp.example.org']);
    // TXT records (_xmppconnect), host-meta and the like are signed by nobody: there is no code that would ask.
    const sources = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(join(sourceFolder, name), 'utf8'));
    expect(sources.join('').match(/\bresolve(?:Any|Caa|Cname|Mx|Naptr|Ns|Ptr|Soa|Srv|Tlsa|Txt|4|6)\(|_xmppconnect|host-meta|(?:await|return|=) fetch\(|node:https?\b/g)).toEqual(Array(3).fill('resolveSrv('));
  });

  test('names and ports that cannot be are passed over', async () => {
    const bad = ['nul\0.example', 'two words.example', 'a..example', '-.example', `${'x'.repeat(64)}.example`, 'evil.example/path', '[::1]', 'a%2eexample'];
    const zone = { '_xmpp-client': [...bad.map((name) => record(name)), record('p.example', 0, 0, 0), record('q.example', 0, 0, 70_000), record('good.example', 9)] };
    expect(await resolve('example.org', zone)).toEqual([{ host: 'good.example', port: 5222, directTls: false }]);
  });
});

describe('places an account names', () => {
  test('server, port or direct TLS stand instead of SRV', () => {
    const none = { directTls: false };
    expect(configuredTarget('example.org', none)).toBeUndefined();
    expect(configuredTarget('example.org', { ...none, server: 'xmpp.example.org' })).toEqual({ host: 'xmpp.example.org', port: 5222, directTls: false });
    expect(configuredTarget('example.org', { ...none, port: 5269 })).toEqual({ host: 'example.org', port: 5269, directTls: false });
    expect(configuredTarget('example.org', { directTls: true })).toEqual({ host: 'example.org', port: 5223, directTls: true });
    expect(configuredTarget('example.org', { directTls: false, server: '[::1]', port: 1 })).toEqual({ host: '::1', port: 1, directTls: false });
  });

  test('a fallback server is host, port and kind of TLS', () => {
    expect(parseServer('talk.example.org:5223,old-ssl', false)).toEqual({ host: 'talk.example.org', port: 5223, directTls: true });
    expect(parseServer('talk.example.org:80,starttls', true)).toEqual({ host: 'talk.example.org', port: 80, directTls: false });
    expect(parseServer('talk.example.org', true)).toEqual({ host: 'talk.example.org', port: 5223, directTls: true });
    expect(parseServer('[2001:db8::1]:5222', false)).toEqual({ host: '2001:db8::1', port: 5222, directTls: false });
    for (const text of ['', ':5222', 'host:0', 'host:65536', 'host,plain', 'host,starttls,x', '[nonsense]:5222', 'ho st']) {
      expect(() => parseServer(text, false)).toThrow('a server is written');
    }
  });
});
