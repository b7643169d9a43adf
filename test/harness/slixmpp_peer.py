#!/usr/bin/python3
"""An XMPP client on slixmpp, driven line by line: commands as JSON on standard input, answers and events as JSON on standard output.

{"id": 1, "do": "message", "with": {"to": "…", "body": "hi"}}  ->  {"id": 1, "result": "stanza id"} or {"id": 1, "error": "…"}
`slixmpp-peer.ts` is the other end and lists commands and events.
"""
import asyncio
import hashlib
import inspect
import json
import sys

import slixmpp

PLUGINS = [
    "xep_0030", "xep_0054", "xep_0060", "xep_0084", "xep_0085", "xep_0092", "xep_0115", "xep_0153", "xep_0163",
    "xep_0172", "xep_0184", "xep_0191", "xep_0198", "xep_0199", "xep_0203",
]


def say(line):
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


class Peer:
    def __init__(self):
        self.xmpp = None

    # Commands. Each takes its arguments by name and returns what the answer holds.

    async def connect(self, jid, password, host, port, ca, receipts=True):
        """Logs in, with TLS when there is an authority to trust; fetches the roster, sends no presence."""
        xmpp = self.xmpp = slixmpp.ClientXMPP(jid, password)
        xmpp.ca_certs = ca
        for name in PLUGINS:
            xmpp.register_plugin(name)
        xmpp.plugin["xep_0184"].auto_ack = receipts
        xmpp.plugin["xep_0184"].auto_request = receipts
        # Both are decided by the test, not by the library.
        xmpp.auto_authorize = None
        xmpp.auto_subscribe = False
        self.listen()
        ready = asyncio.get_running_loop().create_future()
        xmpp.add_event_handler("session_start", lambda _: ready.set_result(True))
        for name in ("failed_auth", "failed_all_auth", "connection_failed", "ssl_invalid_chain"):
            xmpp.add_event_handler(name, lambda error, name=name: ready.done() or ready.set_exception(RuntimeError(f"{name}: {error}")))
        xmpp.connect((host, port), use_ssl=False, force_starttls=ca is not None, disable_starttls=ca is None)
        await asyncio.wait_for(ready, 15)
        await xmpp.get_roster()
        return str(xmpp.boundjid)

    def presence(self, show="", status="", priority=None):
        self.xmpp.send_presence(pshow=show or None, pstatus=status or None, ppriority=priority)

    def unavailable(self):
        self.xmpp.send_presence(ptype="unavailable")

    def subscription(self, to, type):
        """subscribe, subscribed, unsubscribe, unsubscribed"""
        self.xmpp.send_presence(pto=to, ptype=type)

    def message(self, to, body, receipt=False, state="active", id=None):
        message = self.xmpp.make_message(mto=to, mbody=body, mtype="chat")
        message["id"] = id or self.xmpp.new_id()
        if state:
            message["chat_state"] = state
        if receipt:
            message["request_receipt"] = True
        message.send()
        return message["id"]

    def state(self, to, state):
        message = self.xmpp.make_message(mto=to, mtype="chat")
        message["chat_state"] = state
        message.send()

    def raw(self, xml):
        """Sends these characters as they are."""
        self.xmpp.send_raw(xml)

    def roster(self):
        roster = self.xmpp.client_roster
        return {
            jid: {"subscription": roster[jid]["subscription"], "name": roster[jid]["name"], "groups": sorted(roster[jid]["groups"])}
            for jid in roster.keys() if roster[jid]["subscription"] != "none" or roster[jid]["pending_out"] or roster[jid]["groups"]
        }

    async def contact(self, jid, name="", groups=()):
        await self.xmpp.update_roster(jid, name=name, groups=list(groups))

    async def nickname(self, name):
        await self.xmpp.plugin["xep_0172"].publish_nick(name)

    async def avatar(self, file, mime="image/png", width=1, height=1, where="vcard"):
        """Publishes an avatar in the vCard (XEP-0153) or in PEP (XEP-0084). Its SHA-1."""
        with open(file, "rb") as image:
            data = image.read()
        digest = hashlib.sha1(data).hexdigest()
        if where == "vcard":
            await self.xmpp.plugin["xep_0153"].set_avatar(avatar=data, mtype=mime)
        else:
            avatars = self.xmpp.plugin["xep_0084"]
            await avatars.publish_avatar(data)
            await avatars.publish_avatar_metadata(items=[{"id": digest, "type": mime, "bytes": len(data), "width": str(width), "height": str(height)}])
        return digest

    async def avatar_of(self, jid):
        """The SHA-1 of the picture in somebody's vCard, and its type."""
        answer = await self.xmpp.plugin["xep_0054"].get_vcard(jid)
        photo = answer["vcard_temp"]["PHOTO"]
        data = photo["BINVAL"]
        return {"hash": hashlib.sha1(data).hexdigest() if data else None, "mime": photo["TYPE"]}

    async def features(self, jid):
        """What an entity says it can (XEP-0030)."""
        info = await self.xmpp.plugin["xep_0030"].get_info(jid=jid, timeout=10)
        return {"features": sorted(info["disco_info"]["features"]), "identities": [list(identity) for identity in info["disco_info"]["identities"]]}

    async def version(self, jid):
        answer = await self.xmpp.plugin["xep_0092"].get_version(jid)
        return {name: answer["software_version"][name] for name in ("name", "version", "os")}

    async def ping(self, jid):
        return await self.xmpp.plugin["xep_0199"].ping(jid, timeout=10)

    async def block(self, jid):
        await self.xmpp.plugin["xep_0191"].block(jid)

    async def disconnect(self):
        await self.xmpp.disconnect()

    # What it tells without being asked.

    def listen(self):
        xmpp = self.xmpp

        def on(name, event, details):
            xmpp.add_event_handler(name, lambda stanza: say({"event": event, **details(stanza)}))

        on("message", "message", lambda message: {
            "from": str(message["from"]), "to": str(message["to"]), "id": message["id"], "type": message["type"], "body": message["body"],
            "state": message["chat_state"] or None, "receiptRequested": message["request_receipt"], "xml": str(message),
        })
        for state in ("active", "composing", "paused", "inactive", "gone"):
            on(f"chatstate_{state}", "chat-state", lambda message, state=state: {"from": str(message["from"]), "state": state})
        on("receipt_received", "receipt", lambda message: {"from": str(message["from"]), "of": message["receipt"]})
        # The library's name for an available presence is its <show/>.
        for name in ("available", "away", "chat", "dnd", "xa", "unavailable"):
            on(f"presence_{name}", "presence", lambda presence, name=name: self.presence_details(presence, name != "unavailable"))
        for name in ("subscribe", "subscribed", "unsubscribe", "unsubscribed"):
            on(f"presence_{name}", "subscription", lambda presence, name=name: {"from": str(presence["from"]), "type": name, "status": presence["status"]})
        on("roster_update", "roster", lambda _: {"roster": self.roster()})
        on("vcard_avatar_update", "avatar", lambda presence: {
            "from": str(presence["from"]), "hash": presence["vcard_temp_update"]["photo"], "where": "vcard"})
        on("avatar_metadata_publish", "avatar", lambda message: {"from": str(message["from"]), "where": "pep", "xml": str(message)})
        on("disconnected", "disconnected", lambda reason: {"reason": str(reason)})

    @staticmethod
    def presence_details(presence, is_available):
        return {
            "from": str(presence["from"]), "available": is_available, "show": presence["show"] or "", "status": presence["status"],
            "priority": presence["priority"],
        }


async def main():
    peer = Peer()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: say({"event": "error", "error": str(context.get("exception") or context["message"])}))
    reader = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        number, name, arguments = command["id"], command["do"], command["with"]
        try:
            result = getattr(peer, name)(**arguments)
            say({"id": number, "result": await result if inspect.isawaitable(result) else result})
        except Exception as error:  # Whatever goes wrong is the answer; the test decides.
            say({"id": number, "error": f"{type(error).__name__}: {error}"})


asyncio.run(main())
