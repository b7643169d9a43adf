"""Inside a session: binding, stanzas, receipts, and the end that counts. Both roles, with the profile and without."""
import hashlib
import hmac
import secrets

from . import hostile
from .inside import InnerStream, Violation, is_stream
from .values import (CLIENT, DISCO_INFO, JINGLE_IBB, PING, PROFILE, RECEIPTS, STANZA_ERRORS, STREAM, XML_STREAM, bare, binding_input, decode_exactly,
                     element, encode, split, text)
from .verification import Verification

MESSAGE, IQ, FEATURES = f"{{{CLIENT}}}message", f"{{{CLIENT}}}iq", f"{{{STREAM}}}features"
BINDING, REVEAL, VERIFY = (f"{{{PROFILE}}}{name}" for name in ("binding", "reveal", "verify"))


class Conversation:
    """`session` gives the facts and takes what is written: session.write(text), session.tell(event, details), session.ended(clean, why)."""

    def __init__(self, session):
        self.session = session
        self.misbehave = session.misbehave
        self.has_profile = session.offer.profile is not None
        self.stream = InnerStream(self._header, self._start, self._stanza, self._closed)
        self.has_opened = False
        self.is_bound = False
        self.is_closed = False
        self._header_seen = False
        self._due = [BINDING] if self.has_profile else []
        self._features_seen = False
        self._first_read = True
        self.binding_hash = self._binding_hash() if self.has_profile else b""
        self.verification = Verification(self)
        self._pings = {}

    # What we write.

    def open(self):
        """Header and what goes with it, in one write: the initiator after its handshake, the responder on the initiator's header."""
        session, misbehave = self.session, self.misbehave
        sender = "mallory@example.org/there" if misbehave("header-with-foreign-from") else bare(session.me) if misbehave("header-with-bare-from") else session.me
        attributes = {
            "from": sender, "to": "mallory@example.org/there" if misbehave("header-with-foreign-to") else session.other,
            "version": None if misbehave("header-without-version") else "1.0", "id": "stream-1" if misbehave("header-with-id") else None,
        }
        prefix = "s" if misbehave("header-with-another-prefix") else "stream"
        header = element(f"{prefix}:stream", {"xmlns": CLIENT, f"xmlns:{prefix}": STREAM, **attributes}, " ").replace(f"> </{prefix}:stream>", ">")
        if misbehave("xml-declaration"):
            header = "<?xml version='1.0' encoding='UTF-8'?>" + header
        if misbehave("header-in-latin-1"):
            header = "<?xml version='1.0' encoding='ISO-8859-1'?>" + header
        self._end_tag = f"</{prefix}:stream>"
        parts = [header]
        features = f"<{prefix}:features/>"
        if self.has_profile:
            parts += self._binding()
        if misbehave("message-before-binding"):
            parts.insert(1, "<message type='chat' id='early'><body>too early</body></message>")
        if misbehave("stream-closed-before-binding"):
            parts[1:] = [self._end_tag]
        if misbehave("features-before-binding"):
            parts.insert(1, features)
        elif not session.is_initiator or misbehave("features-from-initiator"):
            parts.append(features)
        self.has_opened = True
        session.write("".join(parts))
        self._check_secure()

    def _binding(self):
        session, misbehave = self.session, self.misbehave
        digest = hashlib.sha256(b"wrong").digest() if misbehave("binding-with-wrong-hash") else self.binding_hash
        role = {"initiator": "responder", "responder": "initiator"}[session.role] if misbehave("binding-with-receivers-role") else session.role
        binding = element("binding", {
            "xmlns": PROFILE, "role": None if misbehave("binding-without-role") else role,
            "alg": None if misbehave("binding-without-alg") else "sha-512" if misbehave("binding-with-another-alg") else "sha-256",
        }, encode(digest), "<x xmlns='urn:example:x'/>" if misbehave("binding-with-child") else None)
        salt = session.salt
        if misbehave("reveal-of-another-salt") or misbehave("reveal-unasked"):
            salt = secrets.token_bytes(32)
        if misbehave("reveal-of-31-bytes"):
            salt = salt[:31]
        reveal = element("reveal", {"xmlns": PROFILE}, encode(salt)) if salt is not None and not misbehave("reveal-missing") else None
        if misbehave("message-instead-of-reveal"):
            reveal = "<message type='chat' id='early'><body>too early</body></message>"
        return [part for part in ((reveal, binding) if misbehave("reveal-before-binding") else (binding, reveal)) if part]

    def message(self, body, id=None, attributes=""):
        id = id or secrets.token_hex(8)
        stamps = f" from='{self.session.me}' to='{self.session.other}'" if self.misbehave("stamped-stanzas") else ""
        self.send(f"<message type='chat' id='{id}'{stamps}{attributes}><body>{text(body)}</body><request xmlns='{RECEIPTS}'/></message>")
        return id

    def ping(self, answered):
        id = secrets.token_hex(8)
        self._pings[id] = answered
        self.send(element("iq", {"type": "get", "id": id}, element("ping", {"xmlns": PING})))

    def send(self, stanza):
        """Into the stream as it is, unless it is over."""
        if self.is_closed or not self.is_bound:
            raise RuntimeError("the stream is not open")
        self.session.write(stanza)

    def close(self):
        self.is_closed = True
        self.session.write(self._end_tag)

    # What we read. A Violation ends the session without a word inside.

    def read(self, data):
        if self._first_read and self.has_profile:
            self._first_read = False
            wanted = [b"</binding>", *([b"</reveal>"] if self._committed() else [])]
            if not all(part in data for part in wanted):
                self.session.deviation("header, binding and reveal did not come in one write")
        self.stream.feed(data)

    def _header(self, tag, attributes):
        if not is_stream(tag):
            raise Violation(f"a stream called {tag}")
        if self.stream.declared:
            self.session.deviation("an XML declaration was sent")
        sender, receiver, version = (attributes.get(name) for name in ("from", "to", "version"))
        if self.has_profile:
            is_right = (sender, receiver) == (self.session.other, self.session.me)
        else:
            is_right = sender in (None, self.session.other, bare(self.session.other)) and receiver in (None, self.session.me, bare(self.session.me))
        if not is_right or version != "1.0":
            raise Violation(f"header from {sender} to {receiver}, version {version}")
        self._header_seen = True
        if not self.session.is_initiator:
            self.open()
        self._check_secure()

    def _committed(self):
        return self.session.theirs.commitment != ""

    def _start(self, tag):
        if self._due:
            if tag != self._due[0]:
                raise Violation(f"{tag} where {self._due[0]} is due")
            return
        if tag == FEATURES and self.session.is_initiator and not self._features_seen:
            self._features_seen = True
            return
        if not self.has_profile and tag in (FEATURES, f"{{{CLIENT}}}presence"):
            return
        if tag not in (MESSAGE, IQ) and not (self.has_profile and tag == VERIFY):
            raise Violation(f"{tag} at the top")

    def _stanza(self, stanza):
        name = split(stanza.tag)[1]
        if stanza.tag == BINDING:
            self._read_binding(stanza)
        elif stanza.tag == REVEAL:
            self._read_reveal(stanza)
        elif stanza.tag == FEATURES:
            if len(stanza) > 0:
                self.session.deviation("features that are not empty")
        elif stanza.tag == VERIFY:
            self.verification.received(stanza)
        elif name in ("message", "iq"):
            self._read_stanza(stanza, name)

    def _read_binding(self, binding):
        expected = "responder" if self.session.is_initiator else "initiator"
        if binding.get("role") != expected or binding.get("alg") != "sha-256" or len(binding) > 0:
            raise Violation(f"binding: role {binding.get('role')}, alg {binding.get('alg')}")
        if not hmac.compare_digest(_bytes(binding, 32), self.binding_hash):
            raise Violation("binding: the hash is another")
        self._due = [REVEAL] if self._committed() else []
        self._check_secure()

    def _read_reveal(self, reveal):
        salt = _bytes(reveal, 32)
        if len(reveal) > 0 or encode(hashlib.sha256(salt + self.session.peer_spki).digest()) != self.session.theirs.commitment:
            raise Violation("the commitment was to something else")
        self._due = []
        self._check_secure()

    def _check_secure(self):
        if not self.is_bound and self.has_opened and self._header_seen and not self._due:
            self.is_bound = True
            self.session.secured()

    def _read_stanza(self, stanza, name):
        session = self.session
        for attribute, wanted in (("from", session.other), ("to", session.me)):
            value = stanza.get(attribute)
            if value is not None and value != wanted and not (not self.has_profile and value == bare(wanted)):
                raise Violation(f"{attribute}={value}")
            if value is not None and self.has_profile and not session.is_lenient:
                session.deviation(f"a stanza with {attribute}")
        if name == "iq":
            self._read_iq(stanza)
        else:
            self._read_message(stanza)

    def _read_message(self, message):
        kind = message.get("type", "normal")
        if kind not in ("chat", "normal", "error"):
            raise Violation(f"a message of type {kind}")
        body, received = message.find(f"{{{CLIENT}}}body"), message.find(f"{{{RECEIPTS}}}received")
        requested = message.find(f"{{{RECEIPTS}}}request") is not None
        if received is not None:
            if message.get("id") is None or requested or message.get("type") == "error":
                self.session.deviation("a receipt without id of its own, or with a request")
            self.session.tell("receipt", {"of": received.get("id"), "type": kind})
            return
        children = [f"{{{split(child.tag)[0]}}}{split(child.tag)[1]}" for child in message]
        self.session.tell("message", {"body": None if body is None else body.text or "", "id": message.get("id"), "type": kind, "children": children})
        if body is None or kind == "error":
            return
        if message.get("id") is None or not requested:
            self.session.deviation("a body without id or request")
        elif not self.misbehave("no-receipts") and not self.is_closed:
            self.send(element("message", {"type": message.get("type"), "id": secrets.token_hex(8)},
                              element("received", {"xmlns": RECEIPTS, "id": message.get("id")})))

    def _read_iq(self, iq):
        kind, id = iq.get("type"), iq.get("id")
        if id is None or kind not in ("get", "set", "result", "error") or (kind in ("get", "set") and len(iq) != 1):
            raise Violation("an iq without id, type or its one child")
        if kind in ("result", "error"):
            answered = self._pings.pop(id, None)
            if answered is not None:
                answered(kind)
            return
        if self.is_closed:
            return
        if kind == "get" and iq[0].tag == f"{{{PING}}}ping":
            self.send(element("iq", {"type": "result", "id": id}))
        elif kind == "get" and iq[0].tag == f"{{{DISCO_INFO}}}query":
            features = [element("feature", {"var": name}) for name in (DISCO_INFO, PING, RECEIPTS)]
            self.send(element("iq", {"type": "result", "id": id},
                              element("query", {"xmlns": DISCO_INFO}, "<identity category='client' type='bot'/>", *features)))
        else:
            error = element("error", {"type": "cancel"}, element("service-unavailable", {"xmlns": STANZA_ERRORS}))
            self.send(element("iq", {"type": "error", "id": id}, error))
        self.session.tell("iq", {"type": kind, "child": iq[0].tag})

    def _closed(self):
        if not self.is_bound:
            raise Violation("the stream was closed before it was bound")
        self.session.peer_closed()

    def _binding_hash(self):
        session = self.session
        offer, accept = session.offer, session.accept
        profiles = dict(offer.profile), dict(accept.profile)
        if self.misbehave("commitment-changed"):
            # What left in the signalling is not what we say it was: as if a server had changed it.
            (profiles[0] if session.is_initiator else profiles[1])["commitment"] = session.true_commitment
        return hashlib.sha256(binding_input(
            initiator=session.initiator, responder=session.responder, jingle_sid=session.sid, creator=offer.creator, name=offer.name,
            description=XML_STREAM, offer_methods=offer.methods, accept_methods=accept.methods,
            offer_profile=profiles[0], accept_profile=profiles[1],
            transport=JINGLE_IBB, ibb_sid=offer.ibb_sid, block_size=accept.block_size,
        )).digest()

    def living_misbehaviour(self, name):
        """The characters of a stanza that must end, or must not end, the session."""
        return {**hostile.STANZAS, **hostile.HARMLESS}[name](self.session)


def _bytes(stanza, length):
    try:
        return decode_exactly(stanza.text or "", length)
    except ValueError as error:
        raise Violation(f"{split(stanza.tag)[1]}: {error}") from error
