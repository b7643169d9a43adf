"""The values of the wire profile, from their definitions: base64, XML text, addresses, commitment, binding, safety number. Pure functions."""
import base64
import hashlib
import re
import unicodedata
from xml.sax.saxutils import escape, quoteattr

JINGLE = "urn:xmpp:jingle:1"
JINGLE_ERRORS = "urn:xmpp:jingle:errors:1"
XML_STREAM = "urn:xmpp:jingle:apps:xmlstream:0"
JINGLE_IBB = "urn:xmpp:jingle:transports:ibb:1"
XTLS = "urn:xmpp:jingle:security:xtls:0"
IBB = "http://jabber.org/protocol/ibb"
PROFILE = "urn:x-telepathy-hush:xtls:1"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
CLIENT = "jabber:client"
STREAM = "http://etherx.jabber.org/streams"
RECEIPTS = "urn:xmpp:receipts"
PING = "urn:xmpp:ping"
DISCO_INFO = "http://jabber.org/protocol/disco#info"

#: What a draft-only client announces; the profile comes on top.
DRAFT_FEATURES = [JINGLE, XML_STREAM, JINGLE_IBB, XTLS, IBB]


def element(name, attributes=None, *children):
    """XML as text. Attributes that are None are left out; children are XML already."""
    written = "".join(f" {key}={quoteattr(value)}" for key, value in (attributes or {}).items() if value is not None)
    inner = "".join(child for child in children if child)
    return f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>"


def text(value):
    return escape(value)


def split(tag):
    """The namespace and local name of an ElementTree tag."""
    return tuple(tag[1:].split("}", 1)) if tag.startswith("{") else ("", tag)


def encode(data):
    return base64.b64encode(data).decode("ascii")


def decode(value):
    """Strict base64: padded, canonical, no white space. ValueError for anything else."""
    data = base64.b64decode(value, validate=True)
    if encode(data) != value:
        raise ValueError("base64 is not canonical")
    return data


def decode_exactly(value, length):
    data = decode(value)
    if len(data) != length:
        raise ValueError(f"{len(data)} bytes instead of {length}")
    return data


def decimal(value):
    """A number without sign or leading zeros. ValueError for anything else."""
    if value is None or not re.fullmatch("0|[1-9][0-9]{0,9}", value, re.ASCII):
        raise ValueError(f"no number: {value!r}")
    return int(value)


def is_sid(value):
    return value is not None and 1 <= len(value) <= 255 and not any(unicodedata.category(character) == "Cc" for character in value)


def opaque_string(value):
    """OpaqueString (RFC 8265), as far as tests need it: spaces to U+0020, NFC, no controls, not empty."""
    value = unicodedata.normalize("NFC", "".join(" " if unicodedata.category(character) == "Zs" else character for character in value))
    if value == "" or any(unicodedata.category(character) in ("Cc", "Cs", "Cn") for character in value):
        raise ValueError("no OpaqueString")
    return value


def prepare(jid):
    """A JID after RFC 7622, as far as tests need it."""
    bare, slash, resource = jid.partition("/")
    local, at, domain = bare.rpartition("@")
    local = unicodedata.normalize("NFC", local.lower())
    return f"{local}{at}{domain.lower()}{slash}{opaque_string(resource) if slash else ''}"


def bare(jid):
    return jid.partition("/")[0]


def is_full(jid):
    return jid is not None and "/" in jid


def prefixed(data):
    """L(x): the length as an unsigned 32-bit big-endian number, then the bytes (of UTF-8, for text)."""
    data = data.encode("utf-8") if isinstance(data, str) else data
    return len(data).to_bytes(4, "big") + data


def commitment(salt, spki):
    return encode(hashlib.sha256(salt + spki).digest())


def flags(profile):
    """F: every attribute of <profile/> without namespace beside mode and commitment, sorted by bytes."""
    others = [(name.encode("utf-8"), value) for name, value in profile.items() if name not in ("mode", "commitment") and not name.startswith("{")]
    return b"".join(prefixed(name) + prefixed(value) for name, value in sorted(others))


def binding_input(*, initiator, responder, jingle_sid, creator, name, description, offer_methods, accept_methods, offer_profile, accept_profile,
                  transport, ibb_sid, block_size):
    """What both ends must agree on, in its order. Profiles are attributes by name; methods are lists in document order."""
    fields = [
        "xtls-binding-1", prepare(initiator), prepare(responder), jingle_sid, creator, name, description,
        b"".join(map(prefixed, offer_methods)), b"".join(map(prefixed, accept_methods)),
        prefixed(flags(offer_profile)) + prefixed(flags(accept_profile)),
        offer_profile.get("mode", ""), offer_profile.get("commitment", ""), accept_profile.get("commitment", ""),
        transport, ibb_sid, block_size,
    ]
    return b"".join(map(prefixed, fields))


def safety_number(one, other):
    """Twelve groups of five digits, from two pairs (bare JID, SPKI)."""
    pairs = sorted((jid.encode("utf-8"), spki) for jid, spki in (one, other))
    start = b"hush-safety-number-1" + b"".join(prefixed(jid) + prefixed(spki) for jid, spki in pairs)
    digest = hashlib.sha512(start).digest()
    for _ in range(5200):
        digest = hashlib.sha512(digest + start).digest()
    return " ".join(f"{int.from_bytes(digest[at:at + 5], 'big') % 100000:05d}" for at in range(0, 60, 5))
