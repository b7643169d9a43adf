/** The two modules of dbus-next 0.10.2 that hush loads, as far as it uses them. */

declare module 'dbus-next/lib/constants.js' {
  const constants: {
    readonly MessageType: Readonly<Record<'METHOD_CALL' | 'METHOD_RETURN' | 'ERROR' | 'SIGNAL', number>>;
    readonly MessageFlag: Readonly<Record<'NO_REPLY_EXPECTED' | 'NO_AUTO_START', number>>;
    readonly NameFlag: Readonly<Record<'DO_NOT_QUEUE', number>>;
    readonly RequestNameReply: Readonly<Record<'PRIMARY_OWNER' | 'ALREADY_OWNER', number>>;
    readonly endianness: Readonly<Record<'le' | 'be', number>>;
    readonly protocolVersion: number;
  };
  export default constants;
}

declare module 'dbus-next/lib/handshake.js' {
  import type { Socket } from 'node:net';

  /** Authenticates on a connected socket; `done` gets the error, or the server's GUID. Silent when the socket closes meanwhile. */
  export default function handshake(
    socket: Socket,
    options: { readonly authMethods: readonly string[] },
    done: (error: unknown, guid?: string) => void,
  ): void;
}
