/** Server addresses. D-Bus Specification, section Server Addresses. */
import type { NetConnectOpts } from 'node:net';
import { HushError } from '../errors.ts';

/**
 * Where `address` may be reached, in order of preference: `unix:path=`, `unix:abstract=` and `tcp:host=,port=`; other transports are passed over.
 * Throws HushError 'invalid-argument' when that leaves none.
 */
export function parseAddress(address: string): NetConnectOpts[] {
  const endpoints = address.split(';').flatMap((entry) => endpointOf(entry) ?? []);
  if (endpoints.length === 0) throw new HushError('invalid-argument', 'the bus address names nothing that can be reached');
  return endpoints;
}

function endpointOf(entry: string): NetConnectOpts | undefined {
  const colon = entry.indexOf(':');
  const transport = entry.slice(0, Math.max(colon, 0));
  const values = new Map<string, string>();
  for (const pair of entry.slice(colon + 1).split(',')) {
    const equals = pair.indexOf('=');
    const value = unescape(pair.slice(equals + 1));
    if (equals > 0 && value !== undefined) values.set(pair.slice(0, equals), value);
  }
  const path = values.get('path');
  const abstract = values.get('abstract');
  const port = Number(values.get('port'));
  if (transport === 'unix' && path !== undefined && path !== '') return { path };
  // An abstract socket's name starts with NUL.
  if (transport === 'unix' && abstract !== undefined && abstract !== '') return { path: `\0${abstract}` };
  if (transport === 'tcp' && Number.isInteger(port) && port > 0 && port < 65536) return { host: values.get('host') ?? 'localhost', port };
  return undefined;
}

/** %xx to bytes; undefined when that is broken or not UTF-8. */
function unescape(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** The session bus's address: the environment's, else the socket in the user's runtime folder, which is where it is when nothing says so. */
export function sessionBusAddress(environment: Readonly<Record<string, string | undefined>>): string {
  const { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: runtime } = environment;
  if (address !== undefined && address !== '') return address;
  if (runtime === undefined || runtime === '') throw new HushError('invalid-argument', 'there is neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR');
  return `unix:path=${encodeURIComponent(`${runtime}/bus`).replaceAll('%2F', '/')}`;
}
