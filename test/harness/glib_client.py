#!/usr/bin/python3
"""A Telepathy client on telepathy-glib, driven line by line: commands as JSON on standard input, answers and events as JSON on standard output.

{"id": 1, "do": "send", "with": {"channel": "/…", "text": "hi"}}  ->  {"id": 1, "result": "token"} or {"id": 1, "error": "…"}
{"event": "message-received", …} whenever something happens. `glib-client.ts` is the other end and lists the commands.
"""
import json
import os
import sys

import gi

gi.require_version("TelepathyGLib", "0.12")
from gi.repository import GLib, TelepathyGLib as Tp  # noqa: E402

CONTEXT = GLib.MainContext.default()
# TP_USER_ACTION_TIME_CURRENT_TIME
NOW = GLib.MAXINT64
CONTACT_FEATURES = [
    Tp.ContactFeature.ALIAS, Tp.ContactFeature.AVATAR_TOKEN, Tp.ContactFeature.AVATAR_DATA, Tp.ContactFeature.PRESENCE,
    Tp.ContactFeature.CAPABILITIES, Tp.ContactFeature.CLIENT_TYPES, Tp.ContactFeature.SUBSCRIPTION_STATES, Tp.ContactFeature.CONTACT_GROUPS,
    Tp.ContactFeature.CONTACT_BLOCKING, Tp.ContactFeature.CONTACT_INFO,
]
SUBSCRIPTION = {0: "unknown", 1: "no", 2: "removed-remotely", 3: "ask", 4: "yes"}


def say(line):
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


def wait(is_done, seconds=20, what="something"):
    """Runs the main loop until `is_done()`."""
    expired = []
    timer = GLib.timeout_add(int(seconds * 1000), lambda: expired.append(True))
    while not is_done():
        if expired:
            raise TimeoutError(f"{what}: not within {seconds} s")
        CONTEXT.iteration(True)
    if not expired:
        GLib.source_remove(timer)


def call(start, finish, what):
    """An asynchronous call of the library, made to look like a plain one."""
    results = []
    start(lambda source, result, *_: results.append(result))
    wait(lambda: results, what=what)
    return finish(results[0])


def message_to_json(message):
    sender = Tp.SignalledMessage.get_sender(message) if isinstance(message, Tp.SignalledMessage) else None
    return {
        "text": message.to_text()[0],
        "token": message.get_token(),
        "type": int(message.get_message_type()),
        "sender": sender and sender.get_identifier(),
        "report": message.is_delivery_report(),
        "rescued": message.is_rescued(),
        "received": message.get_received_timestamp(),
        "sent": message.get_sent_timestamp(),
        "header": message.dup_part(0).unpack(),
    }


def contact_to_json(contact):
    avatar = contact.get_avatar_file()
    capabilities = contact.get_capabilities()
    return {
        "id": contact.get_identifier(),
        "handle": contact.get_handle(),
        "alias": contact.get_alias(),
        "presence": contact.get_presence_status(),
        "message": contact.get_presence_message(),
        "groups": sorted(contact.get_contact_groups() or []),
        "subscribe": SUBSCRIPTION[int(contact.get_subscribe_state())],
        "publish": SUBSCRIPTION[int(contact.get_publish_state())],
        "request": contact.get_publish_request(),
        "blocked": contact.is_blocked(),
        "avatarToken": contact.get_avatar_token(),
        "avatarFile": avatar and avatar.get_path(),
        "clientTypes": list(contact.get_client_types() or []),
        "info": [(field.field_name, list(field.field_value)) for field in contact.dup_contact_info() or []],
        "textChats": capabilities is not None and capabilities.supports_text_chats(),
    }


class Client:
    def __init__(self):
        self.channels = {}
        self.manager = None
        self.handler = None

    # Commands. Each takes its arguments by name and returns what the answer holds.

    def start(self, name="Harness"):
        """Prepares the account manager and registers as the handler of one-to-one text channels."""
        bus = Tp.DBusDaemon.dup()
        factory = Tp.AutomaticClientFactory.new(bus)
        connection = Tp.Connection
        factory.add_account_features([Tp.Account.get_feature_quark_connection()])
        factory.add_connection_features([
            connection.get_feature_quark_contact_list(), connection.get_feature_quark_contact_list_properties(),
            connection.get_feature_quark_contact_groups(), connection.get_feature_quark_contact_blocking(),
            connection.get_feature_quark_capabilities(), connection.get_feature_quark_aliasing(), connection.get_feature_quark_contact_info(),
        ])
        factory.add_channel_features([
            Tp.Channel.get_feature_quark_contacts(), Tp.TextChannel.get_feature_quark_incoming_messages(),
            Tp.TextChannel.get_feature_quark_chat_states(),
        ])
        factory.add_contact_features(CONTACT_FEATURES)
        self.manager = Tp.AccountManager.new_with_factory(factory)
        call(lambda done: self.manager.prepare_async(None, done), self.manager.prepare_finish, "account manager")
        self.handler = Tp.SimpleHandler.new_with_factory(factory, False, False, name, False, self.on_channels)
        self.handler.add_handler_filter_vardict(GLib.Variant("a{sv}", {
            Tp.PROP_CHANNEL_CHANNEL_TYPE: GLib.Variant("s", Tp.IFACE_CHANNEL_TYPE_TEXT),
            Tp.PROP_CHANNEL_TARGET_HANDLE_TYPE: GLib.Variant("u", int(Tp.HandleType.CONTACT)),
        }))
        self.handler.register()
        return self.handler.get_bus_name()

    def accounts(self):
        return [
            {"path": account.get_object_path(), "name": account.get_display_name(), "status": int(account.get_connection_status()[0]),
             "presence": account.get_current_presence()[1]}
            for account in self.manager.dup_valid_accounts()
        ]

    def presence(self, account, status, message=""):
        kinds = {"available": 2, "away": 3, "xa": 4, "hidden": 5, "dnd": 6, "offline": 1}
        account = self.account(account)
        kind = Tp.ConnectionPresenceType(kinds[status])
        return call(lambda done: account.request_presence_async(kind, status, message, done), account.request_presence_finish, "presence")

    def online(self, account):
        """Waits for the connection with its contact list."""
        return self.connection(account).get_object_path()

    def contacts(self, account):
        return [contact_to_json(contact) for contact in self.connection(account).dup_contact_list()]

    def me(self, account):
        return contact_to_json(self.connection(account).get_self_contact())

    def contact(self, account, contact):
        return contact_to_json(self.contact_of(account, contact))

    def subscribe(self, account, contact, message=""):
        it = self.contact_of(account, contact)
        return call(lambda done: it.request_subscription_async(message, done), it.request_subscription_finish, "subscribe")

    def publish(self, account, contact):
        it = self.contact_of(account, contact)
        return call(lambda done: it.authorize_publication_async(done), it.authorize_publication_finish, "publish")

    def remove(self, account, contact):
        it = self.contact_of(account, contact)
        return call(lambda done: it.remove_async(done), it.remove_finish, "remove")

    def groups(self, account, contact, groups):
        it = self.contact_of(account, contact)
        return call(lambda done: it.set_contact_groups_async(groups, done), it.set_contact_groups_finish, "groups")

    def block(self, account, contact, blocked=True):
        it = self.contact_of(account, contact)
        if blocked:
            return call(lambda done: it.block_async(False, done), it.block_finish, "block")
        return call(lambda done: it.unblock_async(done), it.unblock_finish, "unblock")

    def avatar(self, account, file, mime="image/png"):
        it = self.account(account)
        with open(file, "rb") as image:
            data = image.read()
        return call(lambda done: it.set_avatar_async(data, mime, done), it.set_avatar_finish, "avatar")

    def nickname(self, account, name):
        it = self.account(account)
        return call(lambda done: it.set_nickname_async(name, done), it.set_nickname_finish, "nickname")

    def text(self, account, contact, demands=()):
        """Asks Mission Control for the text channel and becomes its handler. Its object path."""
        request = self.request(account, contact, demands)
        channel, _context = call(
            lambda done: request.ensure_and_handle_channel_async(None, done), request.ensure_and_handle_channel_finish, "channel")
        self.watch(channel)
        call(lambda done: channel.prepare_async(
            [Tp.TextChannel.get_feature_quark_incoming_messages(), Tp.TextChannel.get_feature_quark_chat_states()], done),
            channel.prepare_finish, "channel features")
        return channel.get_object_path()

    def ensure(self, account, contact, demands=()):
        """Asks Mission Control to give the channel to whoever is its preferred handler, as a contact list does."""
        request = self.request(account, contact, demands)
        return call(lambda done: request.ensure_channel_async("", None, done), request.ensure_channel_finish, "channel")

    def send(self, channel, text, type=0, report=False):
        it = self.channels[channel]
        message = Tp.ClientMessage.new_text(Tp.ChannelTextMessageType(type), text)
        flags = Tp.MessageSendingFlags.DELIVERY if report else Tp.MessageSendingFlags(0)
        return call(lambda done: it.send_message_async(message, flags, done), it.send_message_finish, "send")[1]

    def pending(self, channel):
        return [message_to_json(message) for message in self.channels[channel].dup_pending_messages()]

    def acknowledge(self, channel):
        it = self.channels[channel]
        return call(lambda done: it.ack_all_pending_messages_async(done), it.ack_all_pending_messages_finish, "acknowledge")

    def chat_state(self, channel, state):
        states = {"gone": 0, "inactive": 1, "active": 2, "paused": 3, "composing": 4}
        it = self.channels[channel]
        return call(lambda done: it.set_chat_state_async(Tp.ChannelChatState(states[state]), done), it.set_chat_state_finish, "chat state")

    def close(self, channel):
        it = self.channels[channel]
        return call(lambda done: it.close_async(done), it.close_finish, "close")

    # What the commands are made of.

    def account(self, path):
        for account in self.manager.dup_valid_accounts():
            if account.get_object_path() == path:
                return account
        raise LookupError(f"no account {path}")

    def request(self, account, contact, demands):
        request = Tp.AccountChannelRequest.new_text(self.account(account), NOW)
        request.set_target_id(Tp.HandleType.CONTACT, contact)
        for name in demands:
            request.set_request_property(name, GLib.Variant("b", True))
        return request

    def connection(self, path):
        account = self.account(path)
        wait(lambda: account.get_connection() is not None, what="connection")
        connection = account.get_connection()
        wait(lambda: connection.get_contact_list_state() in (Tp.ContactListState.SUCCESS, Tp.ContactListState.FAILURE), what="contact list")
        if not hasattr(connection, "is_watched"):
            connection.is_watched = True
            connection.connect("contact-list-changed", lambda _, added, removed: say({
                "event": "contact-list-changed", "account": path,
                "added": [contact.get_identifier() for contact in added], "removed": [contact.get_identifier() for contact in removed],
            }))
            for contact in connection.dup_contact_list():
                self.watch_contact(path, contact)
            connection.connect("contact-list-changed", lambda _, added, __: [self.watch_contact(path, contact) for contact in added])
        return connection

    def contact_of(self, account, contact):
        connection = self.connection(account)
        found = call(lambda done: connection.dup_contact_by_id_async(contact, CONTACT_FEATURES, done), connection.dup_contact_by_id_finish, "contact")
        self.watch_contact(account, found)
        return found

    def watch_contact(self, account, contact):
        if hasattr(contact, "is_watched"):
            return
        contact.is_watched = True

        def changed(*_):
            say({"event": "contact", "account": account, "contact": contact_to_json(contact)})

        for name in ("alias", "presence-status", "presence-message", "avatar-file", "subscribe-state", "publish-state", "is-blocked", "capabilities"):
            contact.connect(f"notify::{name}", changed)
        contact.connect("contact-groups-changed", changed)

    def on_channels(self, _handler, account, _connection, channels, _requests, _time, context, *_):
        context.accept()
        for channel in channels:
            self.watch(channel)
            say({
                "event": "channel", "account": account.get_object_path(), "channel": channel.get_object_path(),
                "contact": channel.get_identifier(), "requested": channel.get_requested(),
                "pending": [message_to_json(message) for message in channel.dup_pending_messages()],
            })

    def watch(self, channel):
        path = channel.get_object_path()
        if path in self.channels:
            return
        self.channels[path] = channel

        def on(signal, details):
            channel.connect(signal, lambda _, *args: say({"event": signal, "channel": path, **details(*args)}))

        on("message-received", lambda message: {"message": message_to_json(message)})
        on("message-sent", lambda message, _flags, token: {"message": message_to_json(message), "token": token})
        on("pending-message-removed", lambda message: {"message": message_to_json(message)})
        on("contact-chat-state-changed", lambda contact, state: {"contact": contact.get_identifier(), "state": int(state)})

        def gone(*_):
            self.channels.pop(path, None)
            say({"event": "channel-closed", "channel": path})

        channel.connect("invalidated", gone)


def report(_kind, error, _traceback):
    """What goes wrong in a callback is an event: the test sees it where it waits."""
    say({"event": "error", "error": f"{type(error).__name__}: {error}"})
    sys.__excepthook__(_kind, error, _traceback)


def main():
    sys.excepthook = report
    client = Client()
    commands = []
    buffer = b""

    def read(*_):
        nonlocal buffer
        data = os.read(0, 65536)
        if not data:
            os._exit(0)
        *lines, buffer = (buffer + data).split(b"\n")
        commands.extend(json.loads(line) for line in lines if line)
        return True

    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, 0, GLib.IOCondition.IN | GLib.IOCondition.HUP, read)
    while True:
        while not commands:
            CONTEXT.iteration(True)
        command = commands.pop(0)
        number, name, arguments = command["id"], command["do"], command["with"]
        try:
            say({"id": number, "result": getattr(client, name)(**arguments)})
        except Exception as error:  # Whatever goes wrong is the answer; the test decides.
            say({"id": number, "error": f"{error_name(error)}: {error}"})


def error_name(error):
    if isinstance(error, GLib.Error) and error.domain == "tp_errors":
        return Tp.error_get_dbus_name(Tp.Error(error.code))
    return type(error).__name__


main()
