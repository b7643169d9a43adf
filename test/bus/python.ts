/** An independent peer: GLib's D-Bus implementation, driven from Python. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const prelude = `
import sys
import gi
gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib
address = sys.argv[1]
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
connection = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)

def call(destination, path, interface, member, signature, args):
    message = Gio.DBusMessage.new_method_call(destination, path, interface, member)
    if signature:
        message.set_body(GLib.Variant('(' + signature + ')', args))
    return connection.send_message_with_reply_sync(message, Gio.DBusSendMessageFlags.NONE, 10000, None)[0]

def reply(message):
    name = message.get_error_name()
    body = message.get_body()
    print(name if name else body.unpack() if body else ())
`;

/** Runs `script` with \`connection\`, \`call\` and \`reply\` at hand; gives back what it printed. */
export async function run(address: string, script: string): Promise<string> {
  const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', prelude + script, address]);
  return stdout.trimEnd();
}
