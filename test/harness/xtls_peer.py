#!/usr/bin/python3
"""An end of XTLS sessions that shares nothing with ours: slixmpp carries its stanzas, OpenSSL makes its TLS. Driven line by line, as slixmpp_peer.py.

It does what the wire profile says, byte for byte; what it does wrong, it does because it was asked to (xtls/hostile.py has the names).
`xtls-peer.ts` is the other end and lists commands and events.
"""
import asyncio
import inspect
import json
import secrets
import sys
import time
import traceback

sys.dont_write_bytecode = True

import slixmpp  # noqa: E402
from slixmpp.stanza import Iq, Message, Presence  # noqa: E402

from xtls import known, values  # noqa: E402
from xtls.certificates import Identity  # noqa: E402
from xtls.hostile import Misbehaviour  # noqa: E402
from xtls.session import IqError, Session, out_of_order  # noqa: E402
from xtls.values import IBB, JINGLE, JINGLE_ERRORS, STANZA_ERRORS, element, is_full, is_sid, split  # noqa: E402

ANNOUNCED = {"profile": [*values.DRAFT_FEATURES, values.PROFILE], "draft": values.DRAFT_FEATURES, "nothing": []}
DISCO_SECONDS = 10
AFTER_ACCEPT = {"content-accept", "content-add", "content-modify", "content-reject", "content-remove", "transport-accept", "transport-info",
                "transport-reject", "transport-replace", "description-info"}


def say(line):
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


class Peer:
    def __init__(self):
        self.xmpp = None
        self.jid = ""
        self.identity = None
        self.secret = None
        self.answer = {}
        self.announced = "nothing"
        # (full JID, Jingle sid) → session
        self.sessions = {}
        self._answers = {}
        self._after = []
        self._failed = []

    # Commands. Each takes its arguments by name and returns what the answer holds.

    async def connect(self, jid, password, host, port, ca, identity=None):
        """Logs in; sends no presence. `identity`: a PEM file whose key is ours."""
        xmpp = self.xmpp = slixmpp.ClientXMPP(jid, password)
        xmpp.ca_certs = ca
        for name in ("xep_0030", "xep_0115"):
            xmpp.register_plugin(name)
        xmpp.add_filter("in", self._incoming)
        xmpp.add_event_handler("disconnected", lambda reason: self._disconnected(str(reason)))
        ready = asyncio.get_running_loop().create_future()
        xmpp.add_event_handler("session_start", lambda _: ready.set_result(True))
        for name in ("failed_auth", "failed_all_auth", "connection_failed", "ssl_invalid_chain"):
            xmpp.add_event_handler(name, lambda error, name=name: ready.done() or ready.set_exception(RuntimeError(f"{name}: {error}")))
        xmpp.connect((host, port), use_ssl=False, force_starttls=ca is not None, disable_starttls=ca is None)
        await asyncio.wait_for(ready, 15)
        await xmpp.get_roster()
        self.jid = xmpp.boundjid.full
        bare = values.bare(self.jid)
        self.identity = Identity.load(identity, bare) if identity else Identity.make(bare)
        return {"jid": self.jid, "spki": self.identity.spki.hex()}

    async def presence(self, announce="profile"):
        """Available, with capabilities: `profile`, `draft` (no profile), or `nothing` of it all."""
        disco = self.xmpp["xep_0030"]
        for feature in ANNOUNCED["profile"]:
            disco.del_feature(feature=feature)
        for feature in ANNOUNCED[announce]:
            disco.add_feature(feature)
        self.announced = announce
        await self.xmpp["xep_0115"].update_caps(broadcast=False)
        self.xmpp.send_presence()

    async def settle(self, to):
        """Until another client has seen our presence, and asked what it wants to know about it."""
        for _ in range(2):
            await self.features_of(to)

    @property
    def has_profile(self):
        return self.announced != "draft"

    def accept(self, **options):
        """How offers are answered from now on."""
        Misbehaviour(options.get("misbehave", []), None)
        self.answer = options

    async def offer(self, to, **options):
        session = Session(self, to, options, True)
        self.sessions[to, session.sid] = session
        await session.start()
        return session.sid

    def send(self, xml):
        """Characters as they are, outside."""
        self.tell_stanza("out", xml)
        self.xmpp.send_raw(xml)

    async def request(self, to, payload):
        """An iq-set of any kind, outside. The condition of the error it is answered with, or None."""
        answered = asyncio.get_running_loop().create_future()
        self.iq(to, payload, lambda condition, _: answered.set_result(condition))
        return await asyncio.wait_for(answered, 10)

    def message(self, sid, body, id=None):
        return self._session(sid).say(lambda conversation: conversation.message(body, id))

    def inside(self, sid, xml):
        self._session(sid).say(lambda conversation: conversation.send(xml))

    async def ping(self, sid):
        answered = asyncio.get_running_loop().create_future()
        self._session(sid).say(lambda conversation: conversation.ping(answered.set_result))
        return await asyncio.wait_for(answered, 10)

    def misbehave(self, sid, what):
        self._session(sid).misbehave_now(what)

    def verify(self, sid, secret, question=None, misbehave=()):
        session = self._session(sid)
        for name in misbehave:
            session.misbehave.add(name)
        return session.say(lambda conversation: conversation.verification.start(secret, question))

    def abort(self, sid, condition="declined"):
        self._session(sid).say(lambda conversation: conversation.verification.abort(condition))

    def share(self, secret):
        """The secret to answer with; None: declined."""
        self.secret = secret

    def end(self, sid):
        self._session(sid).close()

    def cut(self, sid, how="terminate"):
        self._session(sid).cut(how)

    def pem(self, jid):
        """Our key, and a certificate for it that names somebody else."""
        return Identity.make(jid, key=self.identity.key).pem

    def renew(self, key="p-256"):
        """Another key, of this kind."""
        self.identity = Identity.make(values.bare(self.jid), key=key)
        return self.identity.spki.hex()

    def safety_number(self, jid, spki):
        return values.safety_number((values.bare(self.jid), self.identity.spki), (jid, bytes.fromhex(spki)))

    def known_answers(self, file):
        return known.computed(file)

    async def disconnect(self):
        await self.xmpp.disconnect()

    def _session(self, sid):
        found = [session for (_, key), session in self.sessions.items() if key == sid]
        if len(found) != 1:
            raise RuntimeError(f"{len(found)} sessions {sid}")
        return found[0]

    # What sessions ask for.

    def tell(self, event, details):
        say({"event": event, **details})

    def tell_stanza(self, way, xml):
        say({"event": "stanza", "way": way, "xml": xml})

    def iq(self, to, payload, answered):
        """An iq-set. `answered(condition, type)`: both None for a result."""
        id = secrets.token_hex(8)
        self._answers[to, id] = answered or (lambda *_: None)
        self.send(element("iq", {"type": "set", "to": to, "id": id}, payload))

    def after_reply(self, work):
        self._after.append(work)

    def forget(self, session):
        self.sessions.pop((session.other, session.sid), None)

    async def features_of(self, full):
        info = await self.xmpp["xep_0030"].get_info(jid=full, timeout=DISCO_SECONDS)
        return info["disco_info"]["features"]

    def guess_failed(self, bare):
        self._failed.append((bare, time.monotonic()))

    def failures(self, full):
        return sum(1 for bare, when in self._failed if bare == values.bare(full) and time.monotonic() - when < 3600)

    # What comes.

    def _incoming(self, stanza):
        """Takes what belongs to sessions away from the library, whose reading would end with an exception of ours."""
        try:
            return self._taken(stanza)
        except Exception as error:
            say({"event": "error", "error": "".join(traceback.format_exception(error))})
            return None

    def _taken(self, stanza):
        if isinstance(stanza, Iq):
            return self._incoming_iq(stanza)
        if isinstance(stanza, Message) and stanza.xml.find(f"{{{IBB}}}data") is not None:
            self.tell_stanza("in", str(stanza))
            sid = stanza.xml.find(f"{{{IBB}}}data").get("sid")
            for session in self._of(stanza.xml.get("from")):
                if session.offer is not None and session.ibb_sid == sid:
                    session.fail("security-error", "data in a message")
            return None
        if isinstance(stanza, Message) and stanza["body"]:
            say({"event": "plaintext", "from": str(stanza["from"]), "body": stanza["body"], "xml": str(stanza)})
        if isinstance(stanza, Presence) and stanza.xml.get("type") == "unavailable":
            for session in self._of(stanza.xml.get("from")):
                session.vanished("unavailable")
        if isinstance(stanza, Presence):
            say({"event": "presence", "from": str(stanza["from"]), "type": stanza.xml.get("type", "available")})
        return stanza

    def _incoming_iq(self, stanza):
        iq = stanza.xml
        kind, sender, id = iq.get("type"), iq.get("from"), iq.get("id")
        if kind in ("result", "error"):
            answered = self._answers.pop((sender, id), None)
            if answered is None:
                return stanza
            self.tell_stanza("in", str(stanza))
            error = iq.find(f"{{{values.CLIENT}}}error")
            condition = None if error is None else next((split(child.tag)[1] for child in error if split(child.tag)[0] == STANZA_ERRORS), "undefined-condition")
            if kind == "error":
                say({"event": "refused", "condition": condition, "type": error.get("type"), "xml": str(stanza)})
            answered(condition, None if error is None else error.get("type"))
            return None
        if kind != "set" or len(iq) != 1 or split(iq[0].tag)[0] not in (JINGLE, IBB):
            return stanza
        self.tell_stanza("in", str(stanza))
        try:
            (self._jingle if split(iq[0].tag)[0] == JINGLE else self._ibb)(sender, iq[0])
            answer = element("iq", {"type": "result", "to": sender, "id": id})
        except IqError as error:
            application = None if error.application is None else element(error.application[0], {"xmlns": error.application[1]})
            answer = element("iq", {"type": "error", "to": sender, "id": id},
                             element("error", {"type": error.type}, element(error.condition, {"xmlns": STANZA_ERRORS}), application))
        self.send(answer)
        work, self._after = self._after, []
        for step in work:
            step()
        return None

    def _jingle(self, sender, stanza):
        action, sid = stanza.get("action"), stanza.get("sid")
        if action == "session-terminate":
            self._told_reason(sender, sid, stanza)
        if not is_full(sender) or not is_sid(sid):
            raise IqError("bad-request", "modify")
        session = self.sessions.get((sender, sid))
        if action == "session-initiate":
            self._offered(sender, sid, stanza, session)
            return
        if session is None or session.state in ("idle", "discovering"):
            raise IqError("item-not-found", application=("unknown-session", JINGLE_ERRORS))
        if stanza.get("initiator", session.initiator) != session.initiator or stanza.get("responder", session.responder) != session.responder:
            self.after_reply(lambda: session.fail("security-error", "a foreign initiator or responder"))
            raise IqError("bad-request", "modify")
        if action == "session-accept":
            if not session.is_initiator or session.state != "offered":
                raise out_of_order()
            self.after_reply(session.accepted(stanza))
        elif action == "session-terminate":
            reason = stanza.find(f"{{{JINGLE}}}reason")
            self.after_reply(lambda: session.terminated(split(reason[0].tag)[1] if reason is not None and len(reason) else ""))
        elif action == "session-info":
            if len(stanza) > 0:
                raise IqError("feature-not-implemented", application=("unsupported-info", JINGLE_ERRORS))
        elif action in AFTER_ACCEPT:
            if session.accept is None:
                raise out_of_order()
            self.after_reply(lambda: session.fail("security-error", action))
            raise IqError("not-acceptable", application=("security-required", JINGLE_ERRORS))
        elif action != "security-info":
            raise IqError("bad-request", "modify")

    def _told_reason(self, sender, sid, stanza):
        """Of sessions that are over here, too."""
        reason = stanza.find(f"{{{JINGLE}}}reason")
        names = [] if reason is None else [split(child.tag)[1] for child in reason]
        say({"event": "terminated", "with": sender, "sid": sid, "reason": ",".join(names)})
        if len(names) != 1 or (reason is not None and len(reason) == 1 and len(reason[0])):
            say({"event": "deviation", "sid": sid, "what": f"a reason that is not one condition: {names}"})

    def _offered(self, sender, sid, stanza, known_session):
        if stanza.get("initiator", sender) != sender:
            raise IqError("bad-request", "modify")
        if stanza.get("initiator") is None:
            say({"event": "deviation", "sid": sid, "what": "an offer without initiator"})
        if known_session is not None:
            raise out_of_order()
        crossing = self.answer.get("crossing")
        if crossing is not None:
            self._cross(sender, sid, stanza, crossing)
        others = self._of(sender)
        standing = [session for session in others if session.state not in ("idle", "discovering", "ended")]
        mine = [session for session in standing if session.is_initiator and session.state == "offered"]
        if mine:
            self._tie(sender, sid, stanza, mine[0])
            return
        if standing:
            raise IqError("conflict")
        for session in others:
            # An attempt of ours that is still asking for features gives way.
            session.vanished("gave way")
        if self.answer.get("refuse") not in (None, "decline"):
            raise IqError(self.answer["refuse"], self.answer.get("refuseType", "cancel"))
        session = Session(self, sender, self.answer, False, sid)
        self.sessions[sender, sid] = session
        self.after_reply(session.offered(stanza))
        if "relayTo" in self.answer:
            self._relay(session)

    def _relay(self, session):
        """An offer of our own to somebody else, who shall speak TLS with the one who offered."""
        to = self.answer["relayTo"]
        other = Session(self, to, {"mode": session.offer.mode, "misbehave": ["relayed"]}, True)
        session.misbehave.add("relayed")
        session.partner, other.partner = other, session
        self.sessions[to, other.sid] = other
        self.after_reply(lambda: other.send_offer(session.offer.profile is not None))

    def _cross(self, sender, sid, stanza, crossing):
        """An offer of our own that left just before this one came; its sid is lower or higher. Once."""
        options = {key: value for key, value in self.answer.items() if key != "crossing"}
        self.answer = options
        number = int(sid, 16) + (1 if crossing == "higher" else -1)
        session = Session(self, sender, options.get("crossingOffer", options), True, f"{number:032x}")
        self.sessions[sender, session.sid] = session
        session.send_offer(stanza.find(f".//{{{values.PROFILE}}}profile") is not None)

    def _tie(self, sender, sid, stanza, mine):
        """Both offers crossed: the lower sid stands."""
        if (mine.sid.encode(), mine.me.encode()) < (sid.encode(), sender.encode()):
            raise IqError("conflict", application=("tie-break", JINGLE_ERRORS))
        mine.vanished("gave way")
        session = Session(self, sender, self.answer, False, sid)
        self.sessions[sender, sid] = session
        go_on = session.offered(stanza)
        if session.offer is not None and (session.offer.mode, session.offer.profile is None) != (mine.offer.mode, mine.offer.profile is None):
            self.after_reply(lambda: session.fail("decline", "not what we asked for"))
        else:
            self.after_reply(go_on)

    def _ibb(self, sender, stanza):
        name, sid = split(stanza.tag)[1], stanza.get("sid")
        session = next((session for session in self._of(sender) if session.offer is not None and session.ibb_sid == sid), None)
        if session is None or session.accept is None:
            raise IqError("item-not-found")
        if name == "open":
            session.opened(stanza)
        elif name == "data":
            session.data(stanza)
        elif name == "close":
            self.after_reply(session.transport_closed)
        else:
            raise IqError("bad-request", "modify")

    def _of(self, full):
        return [session for (other, _), session in list(self.sessions.items()) if other == full]

    def _disconnected(self, reason):
        for session in list(self.sessions.values()):
            session.vanished("the stream is lost")
        say({"event": "disconnected", "reason": reason})


async def main():
    peer = Peer()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: say({"event": "error", "error": repr(context.get("exception") or context["message"])}))
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
