/** A socket to the bus, authenticated. D-Bus Specification, sections Authentication Protocol and EXTERNAL. */
import { createConnection } from 'node:net';
import type { NetConnectOpts, Socket } from 'node:net';
import { HushError } from '../errors.ts';
import { parseAddress } from './address.ts';
import { handshake } from './dbus-next.ts';

/**
 * Connects to the first of `address`'s endpoints that lets us in, as the user we are and by no other proof. The socket is the caller's; nothing has been read from it.
 * Throws HushError 'invalid-argument' for an address that cannot be used, 'bus-closed' when no endpoint answers.
 */
export async function openSocket(address: string, signal: AbortSignal): Promise<Socket> {
  const failures: unknown[] = [];
  for (const endpoint of parseAddress(address)) {
    try {
      return await openEndpoint(endpoint, signal);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new HushError('bus-closed', 'the bus cannot be reached', { cause: failures.length === 1 ? failures[0] : new AggregateError(failures) });
}

function openEndpoint(endpoint: NetConnectOpts, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw signal.reason;
    const socket = createConnection(endpoint);
    const abort = (): void => {
      socket.destroy(new HushError('bus-timeout', 'the bus does not answer'));
    };
    signal.addEventListener('abort', abort);
    // Stays for good: an error without a listener would end the process, and 'close' follows every error.
    let failure: unknown;
    socket.on('error', (error) => (failure = error));
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      reject(new Error('the bus closed the connection', { cause: failure }));
    });
    socket.once('connect', () => {
      handshake(socket, { authMethods: ['EXTERNAL'] }, (error) => {
        signal.removeEventListener('abort', abort);
        if (error === null || error === undefined) {
          resolve(socket);
        } else {
          reject(new Error('the bus refuses our authentication', { cause: error }));
          socket.destroy();
        }
      });
    });
  });
}
