"""One session from offer to end: negotiation, carriage, TLS, and what they mean for each other. Both roles."""
import asyncio
import secrets

from . import jingle
from .bytestream import BadBlock, Receiver, Sender, data_element
from .certificates import Identity, fingerprint, der_of, spki_of
from .conversation import Conversation
from .hostile import HARMLESS, STANZAS, Misbehaviour
from .inside import Violation
from .jingle import Content, Refusal
from .tls import Tls, TlsFailure
from .values import IBB, JINGLE, JINGLE_ERRORS, PROFILE, bare, commitment, element, encode

OWN_BLOCK_SIZE = 4096
BEFORE_HANDSHAKE = WITHOUT_PLAINTEXT = 64 * 1024
SECONDS = {"offered": 30, "accepted": 15, "transport": 15, "tls": 30, "binding": 15, "closing": 10}


class IqError(Exception):
    """The answer to a request."""

    def __init__(self, condition, type="cancel", application=None):
        super().__init__(condition)
        self.condition = condition
        self.type = type
        self.application = application


def out_of_order():
    return IqError("unexpected-request", "wait", ("out-of-order", JINGLE_ERRORS))


class Session:
    """`peer` sends stanzas (`iq`, `send`), reports events (`tell`), and forgets sessions that are over (`forget`).

    Options: mode ('' or 'anonymous'), profile (False: draft only), commit, blockSize, methods, flags (more attributes of <profile/>), name, sid,
    identity (a PEM file with a key), misbehave, cutAt and cutBy.
    """

    def __init__(self, peer, other, options, is_initiator, sid=None):
        self.peer = peer
        self.other = other
        self.me = peer.jid
        self.options = options
        self.is_initiator = is_initiator
        self.role = "initiator" if is_initiator else "responder"
        self.initiator, self.responder = (self.me, other) if is_initiator else (other, self.me)
        self.sid = sid or options.get("sid") or secrets.token_hex(16)
        self.misbehave = Misbehaviour(options.get("misbehave", []), lambda name: self.tell("misbehaved", {"what": name}))
        self.state = "idle"
        self.offer = self.accept = None
        self.salt = None
        self.identity = None
        self.tls = self.conversation = self.receiver = self.sender = None
        self.exporter = self.peer_spki = b""
        self.is_over = False
        self.is_forgotten = False
        self._timer = None
        self._bytes_before = self._barren = 0
        self._own_closed = self._peer_closed = False
        self._is_opened = False
        # Whose bytes go on to whom, where we only carry them; and what cannot go yet.
        self.partner = None
        self._unforwarded = b""
        self._sent = []
        self._refused_seq = None

    # Reports.

    def tell(self, event, details=None):
        self.peer.tell(event, {"sid": self.sid, "with": self.other, **(details or {})})

    def deviation(self, what):
        """Something the page does not allow the other side to do, even where it is to be tolerated."""
        self.tell("deviation", {"what": what})

    @property
    def is_lenient(self):
        return self.misbehave.is_hostile

    @property
    def theirs(self):
        return self.accept if self.is_initiator else self.offer

    @property
    def ibb_sid(self):
        return self.offer.ibb_sid

    def _enter(self, state):
        self.state = state
        self.tell("state", {"state": state})
        if self._timer is not None:
            self._timer.cancel()
        if state in SECONDS:
            self._timer = asyncio.get_running_loop().call_later(SECONDS[state], lambda: self.fail("timeout", f"too long in {state}"))
        if self.options.get("cutAt") == state:
            self.cut(self.options.get("cutBy", "terminate"))

    # Our side of what is negotiated.

    def _choose_identity(self, is_anonymous):
        jid = None if is_anonymous else bare(self.me)
        misbehave = self.misbehave
        if "identity" in self.options:
            self.identity = Identity.load(self.options["identity"], jid)
            misbehave("own-key-reflected")
        elif misbehave("certificate-of-another-jid"):
            self.identity = Identity.make("mallory@example.org")
        elif misbehave("certificate-without-jid"):
            self.identity = Identity.make()
        elif misbehave("expired-certificate"):
            self.identity = Identity.make(jid, days=(-2, -0.01))
        elif misbehave("certificate-not-yet-valid"):
            self.identity = Identity.make(jid, days=(0.01, 2))
        elif misbehave("rsa-1024") or misbehave("p-521"):
            self.identity = Identity.make(jid, key="rsa-1024" if misbehave("rsa-1024") else "p-521")
        elif misbehave("signed-with-sha-1"):
            self.identity = Identity.make(jid, hash="sha1")
        elif "key" in self.options:
            self.identity = Identity.make(jid, key=self.options["key"])
        else:
            self.identity = Identity.make() if is_anonymous else self.peer.identity

    def _own_profile(self, mode):
        """Attributes of our <profile/>; decides about the commitment."""
        profile = {"mode": mode} if mode else {}
        if self.options.get("commit", mode == ""):
            self.salt = secrets.token_bytes(32)
            self.true_commitment = commitment(self.salt, self.identity.spki)
            profile["commitment"] = encode(secrets.token_bytes(32)) if self.misbehave("commitment-changed") else self.true_commitment
        return {**profile, **self.options.get("flags", {})}

    def _own_fingerprints(self):
        if self.misbehave("wrong-fingerprint"):
            return [fingerprint(Identity.make().certificate)]
        written = fingerprint(self.identity.certificate, self.options.get("fingerprintBytes", 32))
        return [written.replace(":", "").lower() if self.options.get("plainFingerprint") else written]

    # The initiator's beginning.

    async def start(self):
        self._enter("discovering")
        features = await self.peer.features_of(self.other)
        has_profile = self.options.get("profile", self.peer.has_profile) and PROFILE in features
        self.send_offer(has_profile)

    def send_offer(self, has_profile):
        mode = self.options.get("mode", "")
        self._choose_identity(mode == "anonymous")
        profile = self._own_profile(mode) if has_profile else None
        self.offer = Content(
            name=self.options.get("name", "xmlstream"), block_size=self.options.get("blockSize", "4096"), ibb_sid=secrets.token_hex(16),
            methods=self.options.get("methods", ["x509"]), profile=profile,
            fingerprints=[] if has_profile or not self.options.get("fingerprint", True) else self._own_fingerprints(),
        )
        initiator = "mallory@example.org/there" if self.misbehave("offer-with-foreign-initiator") else self.me
        sid = None if self.misbehave("offer-without-sid") else self.sid
        self._enter("offered")
        if not self.is_over:
            self._request(jingle.jingle("session-initiate", sid, {"initiator": initiator}, self.offer.xml(self.misbehave)), self._offer_answered)

    def _offer_answered(self, condition, _):
        if condition is not None and not self.is_over and self.state == "offered":
            self.end(False, condition)
            self.forget()

    def accepted(self, stanza):
        """The responder's session-accept. The result comes first, whatever it is worth."""
        try:
            accept = jingle.read(stanza)
            offer = self.offer
            if (accept.creator, accept.name, accept.ibb_sid) != (offer.creator, offer.name, offer.ibb_sid):
                raise Refusal("security-error", "another content")
            if accept.methods != ["x509"]:
                raise Refusal("security-error", f"methods {accept.methods}")
            if (accept.profile is None) != (offer.profile is None) or accept.mode != offer.mode:
                raise Refusal("security-error", "another profile or mode")
            jingle.check_security(accept)
            if jingle.block_size(accept) > jingle.block_size(offer):
                raise Refusal("security-error", "larger blocks")
        except Refusal as refusal:
            # A content that is not what was offered is no matter of support any more.
            why = str(refusal)
            return lambda: self.fail("security-error", why)
        self.accept = accept
        self._review(accept)
        self._enter("accepted")
        return self._open

    def _open(self):
        if self.is_over:
            return
        size = jingle.block_size(self.accept)
        self._carry(size)
        if self.misbehave("data-before-open"):
            self._request(data_element(self.ibb_sid, 0, encode(b"early")), None)
            return
        shown = size - 1 if self.misbehave("open-with-other-block-size") else size
        stanza = "message" if self.misbehave("open-with-stanza-message") else "iq"
        self._request(jingle.open_element(self.ibb_sid, shown, stanza), self._opened)
        self._enter("transport")

    def _opened(self, condition, _):
        if self.is_over:
            return
        if condition is not None:
            self.fail("security-error", f"open was answered {condition}")
            return
        if self.misbehave("open-twice"):
            self._request(jingle.open_element(self.ibb_sid, jingle.block_size(self.accept)), None)
        self._start_tls()

    # The responder's beginning.

    def offered(self, stanza):
        """The initiator's offer; what to do once it has been answered with a result."""
        try:
            self.offer = offer = jingle.read(stanza)
            size = jingle.block_size(offer)
            if "x509" not in offer.methods:
                raise Refusal("security-error", "no method")
            if not self.options.get("profile", self.peer.has_profile):
                # A client that does not know the profile does not see it either.
                offer.profile = None
            jingle.check_security(offer)
        except Refusal as refusal:
            reason, why = refusal.reason, str(refusal)
            return lambda: self.fail(reason, why)
        if self.options.get("refuse") == "decline" or self.options.get("wants", offer.mode) != offer.mode:
            return lambda: self.fail("decline", "not wanted")
        self._review(offer)
        self._enter("ringing")
        return lambda: self._accept(size)

    def _accept(self, size):
        if self.is_over:
            return
        misbehave, offer = self.misbehave, self.offer
        self._choose_identity(offer.mode == "anonymous")
        has_profile = offer.profile is not None
        own = min(size, self.options.get("ownBlockSize", OWN_BLOCK_SIZE))
        self.accept = Content(
            creator=offer.creator, name=offer.name, ibb_sid=offer.ibb_sid, block_size=str(own),
            profile=self._own_profile(offer.mode) if has_profile else None,
            fingerprints=[] if has_profile or not self.options.get("fingerprint", True) else self._own_fingerprints(),
        )
        wrong = Content(**vars(self.accept))
        if misbehave("accept-with-another-creator"):
            wrong.creator = "responder"
        if misbehave("accept-with-another-name"):
            wrong.name = f"{offer.name}-2"
        if misbehave("accept-with-another-ibb-sid"):
            wrong.ibb_sid = secrets.token_hex(16)
        if misbehave("accept-without-profile"):
            wrong.profile = None
        if misbehave("accept-with-uninvited-profile"):
            wrong.profile = {}
        if misbehave("accept-with-another-mode"):
            wrong.profile = {} if offer.mode else {"mode": "anonymous"}
        if misbehave("accept-with-two-methods"):
            wrong.methods = ["x509", "x509"]
        if misbehave("accept-with-another-method"):
            wrong.methods = ["srp"]
        if misbehave("accept-with-larger-block"):
            wrong.block_size = str(size + 1)
        responder = "mallory@example.org/there" if misbehave("accept-with-foreign-responder") else self.me
        accept = jingle.jingle("session-accept", self.sid, {"responder": responder}, wrong.xml(misbehave))
        self._carry(own)
        self._enter("accepted")
        if self.is_over:
            return
        self._request(accept, None)
        if misbehave("accept-twice"):
            self._request(accept, None)
        if misbehave("open-by-responder"):
            self._request(jingle.open_element(self.ibb_sid, own), None)

    def opened(self, stanza):
        """The initiator's <open/>."""
        if self.is_initiator or self._is_opened or self.state != "accepted":
            raise IqError("not-acceptable")
        self._is_opened = True
        if stanza.get("block-size") != self.accept.block_size or stanza.get("stanza", "iq") != "iq":
            self.later(lambda: self.fail("security-error", "open differs from what was accepted"))
            raise IqError("not-acceptable")
        if stanza.get("stanza") is None:
            self.deviation("open without stanza")
        self.later(self._start_tls)

    def _review(self, content):
        """What the page demands of whoever writes an offer or accept, and a receiver tolerates."""
        said = []
        for name, sid in (("Jingle", self.sid), ("IBB", content.ibb_sid)):
            if not self.is_initiator and not (len(sid) == 32 and all(character in "0123456789abcdef" for character in sid)):
                said.append(f"{name} sid {sid}")
        if self.sid == content.ibb_sid:
            said.append("one sid for both")
        if not self.is_initiator and (content.block_size != "4096" or content.name != "xmlstream" or content.methods != ["x509"]):
            said.append("offer with other block-size, name or methods")
        if content.profile is not None:
            if content.fingerprints:
                said.append("a fingerprint beside the profile")
            if content.commitment != "" and content.mode != "":
                said.append("a commitment in anonymous mode")
            if set(content.profile) - {"mode", "commitment"}:
                said.append(f"flags {sorted(content.profile)}")
        elif [len(value) for value in content.fingerprints] != [95] or content.fingerprints[0] != content.fingerprints[0].upper():
            said.append(f"fingerprints {content.fingerprints}")
        for what in said:
            self.deviation(what)

    # Bytes.

    def _carry(self, size):
        self._block_size = size
        self.receiver = Receiver(size)
        self.sender = Sender(self.ibb_sid, 7 if self.misbehave("small-blocks") else size, self._request, self._undelivered, self._alter)

    def data(self, stanza):
        """A block; the error it is answered with, if any, is raised."""
        if self.receiver is None or (self.tls is None and self.partner is None):
            self.later(lambda: self.fail("security-error", "data too early"))
            raise IqError("unexpected-request")
        if self._refuses(stanza.get("seq")):
            raise IqError("resource-constraint", "wait")
        try:
            payload = self.receiver.block(stanza)
        except BadBlock as error:
            why = str(error)
            self.later(lambda: self.fail("security-error", why))
            raise IqError(error.condition) from error
        if payload is not None:
            self.later(lambda: self._take(payload))

    def _refuses(self, seq):
        """Whether a block is refused for now: the first one of the secure session, and all that follow until it comes again."""
        if self.state != "secure" or not self.misbehave("wait-once") or self._refused_seq == "":
            return False
        if self._refused_seq == seq:
            self._refused_seq = ""
            return False
        self._refused_seq = self._refused_seq or seq
        return True

    def _take(self, payload):
        if self.is_forgotten or (self.is_over and not self._peer_closed):
            return
        if self.partner is not None:
            self.partner.forward(payload)
            return
        if not self.tls.is_done:
            self._bytes_before += len(payload)
            if self._bytes_before > BEFORE_HANDSHAKE:
                self.fail("security-error", "too many bytes before the handshake was done")
                return
        try:
            was_done = self.tls.is_done
            if self.tls.feed(payload) and not was_done:
                self._handshake_done()
            if self.is_over:
                return
            self._barren += len(payload)
            for record in self.tls.records():
                if record is None:
                    self._tls_ended()
                else:
                    self._barren = 0
                    self._read(record)
                if self.is_forgotten or (self.is_over and not self._peer_closed):
                    return
            if was_done and self._barren > WITHOUT_PLAINTEXT:
                raise Violation("TLS without plaintext")
        except (TlsFailure, Violation) as error:
            self.fail("security-error", str(error))
            return
        self._flush()
        if self._peer_closed and not self.is_over:
            self._concluded()

    def _read(self, record):
        self.conversation.read(record)

    def write(self, plaintext):
        """Inside. Leaves with the next flush."""
        self.tls.write(plaintext.encode("utf-8") if isinstance(plaintext, str) else plaintext)

    def _flush(self):
        output = self.tls.output()
        if output and not self.is_forgotten:
            self.sender.write(output)

    def _undelivered(self, why):
        if self.is_over:
            return
        self.tell("undelivered", {"why": why})
        if not self.misbehave.is_hostile:
            self.fail("security-error", why)

    def forward(self, payload):
        """Bytes of the partner's TLS, as soon as there is a bytestream for them."""
        self._unforwarded += payload
        if self.state == "tls" and self._unforwarded:
            waiting, self._unforwarded = self._unforwarded, b""
            self.sender.write(waiting)

    # TLS and what is inside.

    def _start_tls(self):
        if self.is_over:
            return
        self._enter("tls")
        misbehave = self.misbehave
        if misbehave("relayed"):
            self.forward(b"")
            return
        self.tls = Tls(self.is_initiator, self.identity, old=misbehave("tls-1.2-only"), bare=misbehave("no-certificate"))
        if not self.is_initiator or self.is_over:
            return
        if misbehave("garbage-instead-of-tls"):
            self.sender.write(b"GET / HTTP/1.1\r\n\r\n")
        elif misbehave("endless-handshake"):
            # A ClientHello that says it is 128 KiB long, and goes on and on.
            record = b"\x16\x03\x01\x40\x00"
            self.sender.write(record + b"\x01\x01\xff\xff\x03\x03" + bytes(16384 - 6) + (record + bytes(16384)) * 6)
        else:
            self.sender.write(self.tls.start())

    def _handshake_done(self):
        certificate = self.tls.certificate
        self.tls.check(self.identity.spki, None if self.offer.mode == "anonymous" else bare(self.other))
        for shown in self.theirs.fingerprints if self.offer.profile is None else []:
            try:
                signalled = jingle.fingerprint_bytes(shown)
            except ValueError as error:
                raise TlsFailure(str(error)) from error
            if jingle.fingerprint_bytes(fingerprint(certificate, len(signalled))) != signalled:
                raise TlsFailure("the fingerprint is of another certificate")
        self.exporter = self.tls.exporter
        self.peer_spki = spki_of(certificate)
        self.tell("tls", {**self.tls.details(), "own": self.identity.spki.hex(), "certificateDer": der_of(certificate).hex()})
        self.conversation = Conversation(self)
        self._enter("binding")
        if self.is_initiator and not self.is_over:
            self.conversation.open()

    def secured(self):
        """Own binding sent, the peer's found right."""
        self.tell("secure", {
            "bindingHash": self.conversation.binding_hash.hex(), "exporter": self.exporter.hex(), "mode": self.offer.mode,
            "profile": self.offer.profile is not None, "ownSpki": self.identity.spki.hex(), "peerSpki": self.peer_spki.hex(),
            "commitments": [self.offer.commitment != "", self.accept.commitment != ""],
        })
        self._enter("secure")

    def say(self, work):
        """Does something inside that may write, and lets it leave."""
        if self.state != "secure" or self.is_over:
            raise RuntimeError(f"the session is {self.state}")
        result = work(self.conversation)
        self._flush()
        return result

    # The end.

    def close(self):
        """As C: says that this is the end, and waits for the other side's."""
        self._own_closed = True
        self.say(lambda conversation: conversation.close())
        self._enter("closing")

    def peer_closed(self):
        if self.misbehave("end-unanswered"):
            return
        self._peer_closed = True
        if not self._own_closed:
            # As D.
            self._own_closed = True
            self.conversation.close()
            if self.misbehave("plaintext-after-answered-end"):
                self.write("<message type='chat' id='after'><body>after the end</body></message>")
        self.tls.close()

    def _concluded(self):
        """Both have closed, and nothing came behind it in the same read."""
        is_first = self.state == "closing"
        self.end(True, "closed" if is_first else "closed by the peer")
        if is_first:
            self.sender.when_drained(self._close_transport)
        else:
            self._timer = asyncio.get_running_loop().call_later(SECONDS["closing"], self._close_transport)

    def _close_transport(self):
        if self.is_forgotten:
            return
        self._request(element("close", {"xmlns": IBB, "sid": self.ibb_sid}), None)
        self._terminate("success")
        self.forget()

    def _tls_ended(self):
        if not self._peer_closed:
            raise Violation("TLS ended before the stream")

    def transport_closed(self):
        """The peer's IBB close, which has been answered."""
        if not self.is_over:
            self.fail("security-error", "the bytestream was closed before the stream")

    def terminated(self, reason):
        """The peer's session-terminate, which has been answered."""
        if not self.is_over:
            self.end(False, f"terminated: {reason}")
        self.forget()

    def vanished(self, why):
        if not self.is_over:
            self.end(False, why)
        self.forget()

    def fail(self, reason, why):
        """Ends it at once: session-terminate, and nothing else. Of a session that misbehaves the other side is to judge."""
        if self.misbehave.is_hostile and self.state not in ("idle", "offered", "ringing"):
            self.tell("objection", {"reason": reason, "why": why})
            if self.tls is not None:
                # An alert, perhaps.
                self._flush()
            return
        if not self.is_over:
            self.end(False, f"{reason}: {why}")
        self._terminate(reason)
        self.forget()

    def end(self, is_clean, why):
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if self.conversation is not None:
            self.conversation.is_closed = True
            self.conversation.verification.ended()
        self.state = "ended"
        self.tell("ended", {"clean": is_clean, "why": why})

    def forget(self):
        self.is_forgotten = True
        if self._timer is not None:
            self._timer.cancel()
        if self.sender is not None:
            self.sender.stop()
        self.peer.forget(self)
        if self.partner is not None and not self.partner.is_forgotten:
            self.partner.cut("terminate")

    def cut(self, how):
        """Ends it as if something had gone wrong."""
        self.tell("cut", {"by": how})
        if how == "terminate":
            self._terminate("success")
        elif how == "ibb-close":
            self._request(element("close", {"xmlns": IBB, "sid": self.ibb_sid}), None)
        elif how == "unavailable":
            self.peer.send("<presence type='unavailable'/>")
        if not self.is_over:
            self.end(False, f"cut by {how}")
        if how != "ibb-close":
            self.forget()

    def _terminate(self, reason):
        self._request(jingle.jingle("session-terminate", self.sid, {}, element("reason", {}, element(reason))), None)

    def _request(self, payload, answered):
        return self.peer.iq(self.other, payload, answered)

    def later(self, work):
        self.peer.after_reply(work)

    # What is wrong on purpose.

    def _alter(self, seq, payload):
        """The elements to send for a block, None for the honest one."""
        once, sid = self.misbehave.once, self.ibb_sid
        good = encode(payload)
        block = data_element(sid, seq, good)
        if once("seq-skipped"):
            return [data_element(sid, seq + 1, good)]
        if once("seq-repeated-identical"):
            return [block, block]
        if once("seq-repeated-different"):
            return [block, data_element(sid, seq, encode(b"other" + payload)[:8])]
        if self.misbehave("seq-repeated-17-blocks-later"):
            self._sent.append(block)
            return [block] if len(self._sent) != 18 else [block, self._sent[0]]
        if once("seq-with-leading-zero"):
            return [block.replace("seq=\"", "seq=\"0")]
        if once("seq-beyond-16-bits"):
            return [data_element(sid, 65536 + seq, good)]
        if once("block-too-big"):
            return [data_element(sid, seq, encode(bytes(self._block_size + 1)))]
        if once("block-empty"):
            return [data_element(sid, seq, None)]
        if once("block-with-child"):
            return [data_element(sid, seq, f"{good}<x xmlns='urn:example:x'/>")]
        if once("base64-with-whitespace"):
            return [data_element(sid, seq, f"{good[:4]}\n{good[4:]}")]
        if once("base64-with-padding-bits"):
            return [data_element(sid, seq, encode(payload[:1])[:1] + "".join(chr(ord(encode(payload[:1])[1]) + 1)) + "==")]
        if once("base64-without-padding"):
            return [data_element(sid, seq, encode(payload[:1]).rstrip("="))]
        if once("base64-with-interior-padding"):
            return [data_element(sid, seq, encode(payload[:1]) + encode(payload[1:]))]
        if once("base64-of-urls"):
            return [data_element(sid, seq, "-_-_")]
        if once("data-in-message"):
            self.peer.send(element("message", {"to": self.other, "id": secrets.token_hex(8)}, block))
            return []
        if once("flipped-byte"):
            return [data_element(sid, seq, encode(payload[:-1] + bytes([payload[-1] ^ 1])))]
        if once("forged-alert"):
            return [data_element(sid, seq, encode(b"\x15\x03\x03\x00\x02\x02\x28"))]
        return None

    def misbehave_now(self, name):
        """One of hostile.LIVING, STANZAS, HARMLESS, or of the carriage; the session is secure."""
        self.misbehave.add(name)
        if name in STANZAS or name in HARMLESS:
            self.misbehave(name)
            stanza = self.conversation.living_misbehaviour(name)
            self.say(lambda conversation: conversation.send(stanza))
            # Whatever it does, this must not be shown after it.
            if name in STANZAS:
                self.say(lambda conversation: conversation.message(f"after {name}"))
            return
        act = getattr(self, f"_do_{name.replace('-', '_')}", None)
        if act is None:
            self.say(lambda conversation: conversation.message(f"with {name}"))
            return
        self.misbehave(name)
        act()

    def _inform(self, action, *children, **attributes):
        self._request(jingle.jingle(action, self.sid, attributes, *children), None)

    def _do_content_add(self):
        self._inform("content-add", Content(name="another", ibb_sid=secrets.token_hex(16), profile={}).xml(lambda _: False))

    def _do_content_remove(self):
        self._inform("content-remove", element("content", {"creator": "initiator", "name": self.offer.name}))

    def _do_transport_replace(self):
        self._inform("transport-replace", Content(name=self.offer.name, ibb_sid=secrets.token_hex(16)).xml(lambda _: False))

    def _do_description_info(self):
        self._inform("description-info", Content(name=self.offer.name, ibb_sid=self.ibb_sid).xml(lambda _: False))

    def _do_session_info(self):
        self._inform("session-info")

    def _do_session_info_with_payload(self):
        self._inform("session-info", "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>")

    def _do_security_info(self):
        self._inform("security-info", self.accept.xml(lambda _: False))

    def _do_accept_again(self):
        self._inform("session-accept", self.accept.xml(lambda _: False), responder=self.responder)

    def _do_foreign_initiator_later(self):
        self._inform("session-info", initiator="mallory@example.org/there")

    def _do_foreign_responder_later(self):
        self._inform("session-info", responder="mallory@example.org/there")

    def _do_second_offer(self):
        self._request(jingle.jingle("session-initiate", secrets.token_hex(16), {"initiator": self.me},
                                    Content(ibb_sid=secrets.token_hex(16), profile={}).xml(lambda _: False)), None)

    def _do_open_again(self):
        self._request(jingle.open_element(self.ibb_sid, self._block_size), None)

    def _do_key_updates(self):
        self.tls.update_keys(5)
        self.say(lambda conversation: conversation.message("with key-updates"))

    def _do_key_update_flood(self):
        self.tls.update_keys(2600)
        self._flush()

    def _do_plaintext_after_close(self):
        self._close_and_go_on("<message type='chat' id='after'><body>after the end</body></message>")

    def _do_junk_after_close(self):
        self._close_and_go_on(" ")

    def _close_and_go_on(self, more):
        """In one block."""
        self._own_closed = True
        self.conversation.close()
        self.write(more)
        self._flush()
        self._enter("closing")

    def _do_close_notify_without_end(self):
        self.tls.close()
        self._flush()

    def _do_ibb_close_without_end(self):
        self._request(element("close", {"xmlns": IBB, "sid": self.ibb_sid}), None)

    def _do_terminate_without_end(self):
        self.cut("terminate")

    def _do_unavailable_without_end(self):
        self.cut("unavailable")
