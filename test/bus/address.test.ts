/** Bus addresses: which are understood, and connecting by each kind. */
import { createServer } from 'node:net';
import type { AddressInfo, ListenOptions, Server } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { parseAddress, sessionBusAddress } from '../../src/bus/address.ts';
import { Bus } from '../../src/bus/connection.ts';
import { silentLog } from '../../src/log.ts';
import { startFakeBus } from './fake-bus.ts';
import type { FakeBus } from './fake-bus.ts';

const invalid = expect.objectContaining({ condition: 'invalid-argument' });

describe('an address', () => {
  test.each<[string, object[]]>([
    ['unix:path=/run/bus', [{ path: '/run/bus' }]],
    ['unix:path=/run/bus,guid=00ff', [{ path: '/run/bus' }]],
    ['unix:guid=00,path=/a%20%2c%3b%3a%3db', [{ path: '/a ,;:=b' }]],
    ['unix:abstract=/tmp/dbus-x', [{ path: '\0/tmp/dbus-x' }]],
    ['tcp:host=127.0.0.1,port=1234', [{ host: '127.0.0.1', port: 1234 }]],
    ['tcp:port=1', [{ host: 'localhost', port: 1 }]],
    ['autolaunch:;unixexec:path=/bin/false;unix:path=/a;unix:tmpdir=/tmp;unix:abstract=b', [{ path: '/a' }, { path: '\0b' }]],
    ['unix:path=/a;', [{ path: '/a' }]],
  ])('%s', (address, endpoints) => {
    expect(parseAddress(address)).toEqual(endpoints);
  });

  test.each(['', ';', 'unix', 'unix:', 'unix:path=', 'unix:path', 'unix:path=%zz', 'unix:path=%ff', 'tcp:host=a', 'tcp:port=0', 'tcp:port=65536', 'tcp:port=x', 'launchd:env=X'])('%j names nothing', (address) => {
    expect(() => parseAddress(address)).toThrow(invalid);
  });

  test('is found in the environment, or in the runtime folder', () => {
    expect(sessionBusAddress({ DBUS_SESSION_BUS_ADDRESS: 'unix:path=/a', XDG_RUNTIME_DIR: '/run' })).toBe('unix:path=/a');
    expect(parseAddress(sessionBusAddress({ DBUS_SESSION_BUS_ADDRESS: '', XDG_RUNTIME_DIR: '/run/user/1 ;,' }))).toEqual([{ path: '/run/user/1 ;,/bus' }]);
    expect(() => sessionBusAddress({})).toThrow(invalid);
  });
});

describe('connecting', () => {
  const opened: { stop(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.stop();
  });

  async function fake(listen: ListenOptions): Promise<FakeBus> {
    const bus = await startFakeBus({ listen });
    opened.push(bus);
    return bus;
  }

  async function folder(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'hush-address-'));
    opened.unshift({ stop: () => rm(directory, { recursive: true }) });
    return directory;
  }

  async function nameAt(address: string): Promise<string> {
    const bus = await Bus.open({ address, log: silentLog });
    const { uniqueName } = bus;
    bus.close();
    await bus.closed;
    return uniqueName;
  }

  test('by a path with awkward characters', async () => {
    const path = join(await folder(), 'a b,;=:%é');
    await fake({ path });
    expect(await nameAt(`unix:path=${encodeURIComponent(path)}`)).toBe(':1.99');
  });

  test('by an abstract name, without native code', async () => {
    await fake({ path: `\0hush-test-${process.pid}` });
    expect(await nameAt(`unix:abstract=hush-test-${process.pid}`)).toBe(':1.99');
  });

  test('over TCP', async () => {
    const { server } = await fake({ host: '127.0.0.1', port: 0 });
    expect(await nameAt(`tcp:host=127.0.0.1,port=${(server.address() as AddressInfo).port}`)).toBe(':1.99');
  });

  test('passes on to the next address when one does not answer, closes, or refuses', async () => {
    const directory = await folder();
    const at = (name: string): string => join(directory, name);
    await fake({ path: at('good') });
    const closing = await listen(at('closing'), (server) => server.on('connection', (socket) => socket.destroy()));
    const refusing = await listen(at('refusing'), (server) => server.on('connection', (socket) => socket.on('error', () => undefined).resume().write('REJECTED COOKIE\r\n')));
    opened.push(closing, refusing);
    const bad = ['absent', 'closing', 'refusing'].map((name) => `unix:path=${at(name)}`).join(';');
    expect(await nameAt(`${bad};unix:path=${at('good')}`)).toBe(':1.99');
    await expect(nameAt(bad)).rejects.toMatchObject({ condition: 'bus-closed' });
  });
});

async function listen(path: string, prepare: (server: Server) => void): Promise<{ stop(): Promise<void> }> {
  const server = createServer();
  prepare(server);
  server.listen({ path });
  await once(server, 'listening');
  return {
    stop: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}
