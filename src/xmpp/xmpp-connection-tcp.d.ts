/** The narrow surface of @xmpp/connection-tcp (and of @xmpp/connection under it) that hush uses; the packages themselves carry no types. */
declare module '@xmpp/connection-tcp' {
  import type { EventEmitter } from 'node:events';
  import type { Element } from '@xmpp/xml';

  interface Parser extends EventEmitter {
    write(bytes: Uint8Array): void;
  }

  export default class ConnectionTCP {
    /** Default namespace of the stream. */
    NS: string;
    readonly parser: Parser | null;
    constructor(options: { domain: string });
    on(event: 'open', listener: (header: Element) => void): this;
    on(event: 'close' | 'disconnect', listener: () => void): this;
    on(event: 'error', listener: (error: unknown) => void): this;
    headerElement(): Element;
    header(element: Element): string;
    footer(): string;
    _status(status: string): void;
    _attachSocket(socket: EventEmitter): void;
    _detachSocket(): void;
    _attachParser(parser: Parser): void;
    _detachParser(): void;
    _onData(bytes: Uint8Array): void;
    _onElement(element: Element): void;
  }
}
