"""A client made with telepathy-glib: introspects the echo connection manager, connects, talks, and closes. Prints what it saw as JSON."""
import json
import sys

import gi

gi.require_version('TelepathyGLib', '0.12')
from gi.repository import Gio, GLib, GObject, TelepathyGLib as Tp

T = 'org.freedesktop.Telepathy.'
bus = Gio.bus_get_sync(Gio.BusType.SESSION)
loop = GLib.MainLoop()
seen = {}


def wait_for(condition, what):
    """Runs the main loop until condition() holds."""
    expired = []
    timeout = GLib.timeout_add_seconds(10, lambda: expired.append(True) or True)
    context = loop.get_context()
    while not condition():
        if expired:
            sys.exit('waited too long for ' + what)
        context.iteration(True)
    GLib.source_remove(timeout)


def finish(start, end, what):
    """Calls start(callback) and returns end(result) when it is done."""
    results = []
    start(lambda _source, result, *_: results.append(result))
    wait_for(lambda: results, what)
    return end(results[0])


def prepare(proxy, features):
    assert finish(lambda done: proxy.prepare_async(features, done), proxy.prepare_finish, 'features of ' + proxy.get_object_path())


def call(name, path, interface, member, arguments, reply):
    result = finish(
        lambda done: bus.call(name, path, interface, member, arguments, GLib.VariantType(reply), Gio.DBusCallFlags.NONE, 10000, None, done),
        bus.call_finish, member)
    return result.unpack()


def as_value(value):
    """A property of a channel as the GValue that dbus-glib would make of it."""
    kinds = {str: GObject.TYPE_STRING, bool: GObject.TYPE_BOOLEAN, int: GObject.TYPE_UINT, list: GObject.TYPE_STRV}
    return GObject.Value(kinds[type(value)], value)


# The connection manager, without a .manager file: all of it comes from the service.
dbus = Tp.DBusDaemon.dup()
manager = Tp.ConnectionManager.new(dbus, 'echo', None)
prepare(manager, [Tp.ConnectionManager.get_feature_quark_core()])
protocol = manager.get_protocol_object('echo-im')
seen['source'] = int(manager.get_info_source())
seen['protocols'] = [name.get_name() for name in manager.dup_protocols()]
seen['parameters'] = [[p.get_name(), p.is_required(), p.is_secret(), p.dup_default_variant().unpack() if p.dup_default_variant() else None] for p in protocol.dup_params()]
seen['english name'] = protocol.get_english_name()
seen['vcard field'] = protocol.get_vcard_field()
seen['text chats'] = protocol.get_capabilities().supports_text_chats()
seen['statuses'] = sorted(status.get_name() for status in protocol.dup_presence_statuses())
seen['avatar bytes'] = protocol.get_avatar_requirements().maximum_bytes
seen['normalized'] = finish(lambda done: protocol.normalize_contact_async('BOB@echo', None, done), protocol.normalize_contact_finish, 'NormalizeContact')

# A connection.
bus_name, path = call(T + 'ConnectionManager.echo', '/' + (T + 'ConnectionManager.echo').replace('.', '/'), T + 'ConnectionManager', 'RequestConnection',
                      GLib.Variant('(sa{sv})', ('echo-im', {'account': GLib.Variant('s', 'glib@echo'), 'port': GLib.Variant('u', 7)})), '(so)')
connection = Tp.Connection.new(dbus, bus_name, path)
prepare(connection, [Tp.Connection.get_feature_quark_core()])
seen['status before'] = int(connection.get_status()[0])
call(bus_name, path, T + 'Connection', 'Connect', None, '()')
prepare(connection, [Tp.Connection.get_feature_quark_connected(), Tp.Connection.get_feature_quark_capabilities()])
seen['status'] = [int(value) for value in connection.get_status()]
seen['self'] = [connection.get_self_contact().get_identifier(), connection.get_self_handle()]
seen['immortal handles'] = connection.has_immortal_handles()
seen['connection text chats'] = connection.get_capabilities().supports_text_chats()

# A channel.
yours, channel_path, properties = call(
    bus_name, path, T + 'Connection.Interface.Requests', 'EnsureChannel',
    GLib.Variant('(a{sv})', ({T + 'Channel.ChannelType': GLib.Variant('s', T + 'Channel.Type.Text'), T + 'Channel.TargetHandleType': GLib.Variant('u', 1),
                              T + 'Channel.TargetID': GLib.Variant('s', 'BOB@echo')},)), '(boa{sv})')
seen['yours'] = yours
# Python cannot make the array of numbers that MessageTypes is.
channel = Tp.TextChannel.new(connection, channel_path, {key: as_value(value) for key, value in properties.items() if not key.endswith('.MessageTypes')})
received, sent, removed, invalidated = [], [], [], []
channel.connect('message-received', lambda _channel, message: received.append(message))
channel.connect('message-sent', lambda _channel, message, flags, token: sent.append([message.to_text()[0], int(flags), token]))
channel.connect('pending-message-removed', lambda _channel, message: removed.append(message.to_text()[0]))
channel.connect('invalidated', lambda *_: invalidated.append(True))
prepare(channel, [Tp.Channel.get_feature_quark_core(), Tp.TextChannel.get_feature_quark_incoming_messages()])
seen['target'] = channel.get_target_contact().get_identifier()
seen['content types'] = list(channel.get_supported_content_types())

_, token = finish(
    lambda done: channel.send_message_async(Tp.ClientMessage.new_text(Tp.ChannelTextMessageType.NORMAL, 'hello'), Tp.MessageSendingFlags.DELIVERY, done),
    channel.send_message_finish, 'SendMessage')
wait_for(lambda: received and sent, 'the message and its echo')
seen['sent'] = sent == [['hello', 1, token]]
seen['received'] = [[message.to_text()[0], Tp.SignalledMessage.get_sender(message).get_identifier(), int(message.get_message_type())] for message in received]
seen['pending'] = len(channel.dup_pending_messages())
finish(lambda done: channel.ack_message_async(received[0], done), channel.ack_message_finish, 'AcknowledgePendingMessages')
wait_for(lambda: removed, 'PendingMessagesRemoved')
seen['removed'] = removed

finish(lambda done: channel.close_async(done), channel.close_finish, 'Close')
wait_for(lambda: invalidated, 'the end of the channel')

# The end.
finish(lambda done: connection.disconnect_async(done), connection.disconnect_finish, 'Disconnect')
wait_for(lambda: connection.get_invalidated() is not None, 'the end of the connection')
seen['status after'] = [int(value) for value in connection.get_status()]
print(json.dumps(seen))
