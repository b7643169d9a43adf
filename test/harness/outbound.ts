/** Every way out of the process of a test: connections, names looked up, datagrams, programs started. Seen below all that Node has for it, so that no caller is missed. */
import { createHook } from 'node:async_hooks';

/** Node's names for what it waits for, and ours. */
const ways = new Map([['TCPCONNECTWRAP', 'connect'], ['PIPECONNECTWRAP', 'connect'], ['GETADDRINFOREQWRAP', 'look up'], ['QUERYWRAP', 'look up'], ['UDPWRAP', 'datagrams'], ['PROCESSWRAP', 'program']]);

interface Waiting {
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
}

export class Outbound {
  #seen: { readonly way: string; readonly resource: Waiting }[] = [];
  readonly #hook = createHook({
    init: (_id, type, _trigger, resource) => {
      const way = ways.get(type);
      // Where it goes to is written into the resource only after this.
      if (way !== undefined) this.#seen.push({ way, resource });
    },
  }).enable();

  /** All since the last time, in order: 'connect 127.0.0.1:5222', 'connect /run/bus', 'look up example.test', 'datagrams', 'program'. */
  taken(): string[] {
    const seen = this.#seen;
    this.#seen = [];
    return seen.map(({ way, resource: { address, port, hostname } }) => [way, port === undefined ? (address ?? hostname) : `${address}:${port}`].filter((part) => part !== undefined).join(' '));
  }

  stop(): void {
    this.#hook.disable();
  }
}
