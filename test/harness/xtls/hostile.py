"""Everything this peer can do wrong, one name for each. A session does what it was asked to and nothing else."""
from .values import CLIENT, PROFILE, STREAM, XTLS, encode

#: In the offer (as initiator).
OFFER = {
    "offer-with-foreign-initiator", "offer-without-sid", "offer-without-security", "offer-with-two-contents", "offer-with-creator-responder",
    "offer-with-senders-initiator", "offer-of-another-application", "offer-of-another-transport", "offer-with-two-transports",
    "offer-with-two-profiles", "profile-with-child", "profile-with-namespaced-attribute",
}
#: In the session-accept (as responder).
ACCEPT = {
    "accept-with-another-creator", "accept-with-another-name", "accept-with-another-ibb-sid", "accept-without-security", "accept-without-profile",
    "accept-with-uninvited-profile", "accept-with-another-mode", "accept-with-two-methods", "accept-with-another-method",
    "accept-with-two-profiles", "accept-with-foreign-responder", "accept-twice", "accept-with-larger-block",
}
#: In what carries the bytes. All but those of `<open/>` also in a living session.
CARRIAGE = {
    "open-with-other-block-size", "open-with-stanza-message", "open-twice", "open-by-responder", "data-before-open",
    "seq-skipped", "seq-repeated-identical", "seq-repeated-different", "seq-repeated-17-blocks-later", "seq-with-leading-zero", "seq-beyond-16-bits",
    "block-too-big", "block-empty", "block-with-child", "base64-with-whitespace", "base64-with-padding-bits", "base64-without-padding", "base64-with-interior-padding",
    "base64-of-urls", "data-in-message",
    "garbage-instead-of-tls", "endless-handshake", "forged-alert", "flipped-byte", "relayed",
}
#: In TLS, and in the certificate shown there.
TLS = {
    "tls-1.2-only", "no-certificate", "certificate-of-another-jid", "certificate-without-jid", "expired-certificate", "certificate-not-yet-valid",
    "rsa-1024", "p-521", "signed-with-sha-1", "own-key-reflected", "wrong-fingerprint",
}
#: Before the session is secure.
BINDING = {
    "binding-with-wrong-hash", "binding-with-receivers-role", "binding-with-another-alg", "binding-without-alg", "binding-with-child",
    "binding-without-role", "message-before-binding", "message-instead-of-reveal", "reveal-missing", "reveal-of-another-salt", "reveal-unasked", "reveal-of-31-bytes",
    "reveal-before-binding", "commitment-changed", "header-with-foreign-from", "header-with-bare-from", "header-with-foreign-to",
    "header-without-version", "header-in-latin-1", "stream-closed-before-binding", "features-from-initiator", "features-before-binding",
}
#: Honest all the same, but not what hush does: must be tolerated.
TOLERABLE = {
    "xml-declaration", "header-with-another-prefix", "header-with-id", "no-receipts", "wait-once", "small-blocks", "one-byte-a-read", "stamped-stanzas",
}
#: In the shared secret.
SECRET = {
    "srp-A-zero", "srp-A-is-N", "srp-A-too-short", "srp-B-zero", "srp-unknown-step", "srp-another-mech", "srp-question-too-long", "srp-wrong-M2", "srp-wrong-M1",
    "srp-M1-first", "srp-silent-after-step-2", "srp-guessing-on",
}
#: Done to a living session by command; `STANZAS` are sent inside as they are.
LIVING = {
    "content-add", "content-remove", "transport-replace", "description-info", "session-info", "session-info-with-payload", "security-info", "accept-again",
    "foreign-initiator-later", "foreign-responder-later", "second-offer", "open-again", "key-updates", "key-update-flood", "junk-after-close", "end-unanswered", "plaintext-after-answered-end",
    "plaintext-after-close", "close-notify-without-end", "ibb-close-without-end", "terminate-without-end", "unavailable-without-end",
}


def nested(depth):
    """A message whose deepest element is at this depth, the stream being 1 and the message 2."""
    inner = depth - 2
    return f"<message type='chat' id='deep'><body>too deep</body>{'<x>' * inner}{'</x>' * inner}</message>"


def _message(body, attributes=""):
    return f"<message type='chat' id='m'{attributes}><body>{body}</body></message>"


#: What ends the session when it comes inside.
STANZAS = {
    "foreign-from-inside": lambda _: _message("forged", " from='mallory@example.org/there'"),
    "foreign-to-inside": lambda _: _message("for somebody else", " to='mallory@example.org/there'"),
    "bare-from-inside": lambda session: _message("bare", f" from='{session.me.partition('/')[0]}'"),
    "presence-inside": lambda _: "<presence/>",
    "groupchat-inside": lambda _: "<message type='groupchat' id='g'><body>all</body></message>",
    "headline-inside": lambda _: "<message type='headline' id='h'><body>news</body></message>",
    "dtd-inside": lambda _: "<!DOCTYPE message [<!ENTITY e 'x'>]>" + _message("&e;"),
    "comment-inside": lambda _: "<!-- a comment -->" + _message("after a comment"),
    "comment-in-stanza": lambda _: "<message type='chat' id='c'><body>be<!-- a comment -->fore</body></message>",
    "processing-instruction-inside": lambda _: "<?php exit ?>" + _message("after an instruction"),
    "text-between-stanzas": lambda _: "some text" + _message("after text"),
    "depth-65-inside": lambda _: nested(65),
    "stanza-too-long": lambda _: _message("x" * (256 * 1024)),
    "tag-too-long": lambda _: f"<message type='chat' id='t' x='{'x' * (256 * 1024)}",
    "second-stream-inside": lambda _: f"<stream xmlns='{STREAM}'>",
    "stream-error-inside": lambda _: f"<error xmlns='{STREAM}'><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>",
    "unknown-element-inside": lambda _: "<unknown xmlns='urn:example:unknown'>",
    "message-of-another-namespace": lambda _: "<message xmlns='jabber:server' type='chat' id='n'><body>of a server</body></message>",
    "iq-without-id": lambda _: "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
    "iq-with-two-children": lambda _: "<iq type='get' id='two'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/></iq>",
    "iq-without-child": lambda _: "<iq type='get' id='none'/>",
    "second-features": lambda _: f"<features xmlns='{STREAM}'/>",
    "binding-again": lambda session: f"<binding xmlns='{PROFILE}' role='{session.role}' alg='sha-256'>{encode(session.conversation.binding_hash)}</binding>",
    "reveal-again": lambda session: f"<reveal xmlns='{PROFILE}'>{encode(session.salt)}</reveal>",
    "malformed-inside": lambda _: "<message><body>crossed</message></body>",
    "undefined-entity-inside": lambda _: _message("&eacute;"),
    "bad-utf-8-inside": lambda _: b"<message type='chat' id='u'><body>\xc0\xaf</body></message>",
    "overlong-nul-inside": lambda _: b"<message type='chat' id='u'><body>\x00</body></message>",
    "unbound-prefix-inside": lambda _: "<message type='chat' id='p'><body>p</body><p:x/></message>",
}

#: What must be taken, or ignored, with the session unharmed.
HARMLESS = {
    "message-at-depth-64": lambda _: nested(64).replace("too deep", "deep enough"),
    "message-with-cdata-and-entities": lambda _: "<message type='chat' id='e'><body><![CDATA[<b>]]>&amp;&lt;&gt;&quot;&apos;&#xe9;</body></message>",
    "message-of-no-type": lambda _: "<message id='n'><body>no type</body></message>",
    "message-with-unknown-child": lambda _: f"<message type='chat' id='k'><body>with more</body><x xmlns='urn:example:unknown'/><security xmlns='{XTLS}'/></message>",
    "stamped-message": lambda session: _message("stamped", f" from='{session.me}' to='{session.other}'"),
    "message-of-another-prefix": lambda _: f"<c:message xmlns:c='{CLIENT}' type='chat' id='p'><c:body>prefixed</c:body></c:message>",
    "unknown-iq-result": lambda _: "<iq type='result' id='never-asked'/>",
    "error-message": lambda _: "<message type='error' id='e'><body>an error</body><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
}

KNOWN = OFFER | ACCEPT | CARRIAGE | TLS | BINDING | TOLERABLE | SECRET | LIVING | STANZAS.keys() | HARMLESS.keys()


class Misbehaviour:
    """What one session was asked to do. `tell(name)` is called when it does something of it for the first time."""

    def __init__(self, names, tell):
        unknown = set(names) - KNOWN
        if unknown:
            raise ValueError(f"unknown misbehaviour: {', '.join(sorted(unknown))}")
        self._names = set(names)
        self._done = set()
        self._tell = tell

    def add(self, name):
        if name not in KNOWN:
            raise ValueError(f"unknown misbehaviour: {name}")
        self._names.add(name)
        self._done.discard(name)

    def __call__(self, name):
        """Whether it is to be done."""
        assert name in KNOWN, name
        if name not in self._names:
            return False
        if name not in self._done:
            self._done.add(name)
            self._tell(name)
        return True

    def once(self, name):
        """Whether it is to be done, the first time it is asked."""
        if name in self._done:
            return False
        return self(name)

    @property
    def is_hostile(self):
        """It will have done something that the other side must not take: then it waits for what the other side does."""
        return bool(self._names - TOLERABLE)
