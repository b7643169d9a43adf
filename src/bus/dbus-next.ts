/**
 * What hush takes from dbus-next: authentication and the protocol's constants. The socket is ours (`address.ts`, `socket.ts`), and so is everything above.
 *
 * Its connection, message and object modules are never loaded, so nothing of them has to be replaced, in whatever order a bundler, tsx or jest loads files:
 * they cannot send dictionaries with number keys, let callers change read-only properties, die of one message with a descriptor index,
 * answer in spite of NO_REPLY_EXPECTED, and open abstract sockets only through a native add-on.
 */
import constants from 'dbus-next/lib/constants.js';
import handshake from 'dbus-next/lib/handshake.js';
import { InvariantError } from '../errors.ts';

export const { MessageType, MessageFlag, NameFlag, RequestNameReply, endianness, protocolVersion } = constants;
export { handshake };

/** These modules are not dbus-next's public face: a release that moves them must not start. */
export function checkDbusNext(): void {
  const found = [
    handshake.length === 3,
    MessageType.METHOD_CALL === 1 && MessageType.METHOD_RETURN === 2 && MessageType.ERROR === 3 && MessageType.SIGNAL === 4,
    MessageFlag.NO_REPLY_EXPECTED === 1 && MessageFlag.NO_AUTO_START === 2,
    NameFlag.DO_NOT_QUEUE === 4 && RequestNameReply.PRIMARY_OWNER === 1 && RequestNameReply.ALREADY_OWNER === 4,
    endianness.le === 0x6c && endianness.be === 0x42 && protocolVersion === 1,
  ];
  if (!found.every((holds: boolean) => holds)) throw new InvariantError('dbus-next is not the release this was written for');
}
