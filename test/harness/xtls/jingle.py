"""The one content of a session as XML: written, and read strictly."""
from .values import IBB, JINGLE, JINGLE_IBB, PROFILE, XML_STREAM, XTLS, decimal, decode_exactly, element, is_sid, split, text

BLOCK_SIZES = range(256, 65536)


class Refusal(Exception):
    """What was offered or accepted ends the session, with this reason in session-terminate."""

    def __init__(self, reason, why):
        super().__init__(why)
        self.reason = reason


class Content:
    """What an offer or accept says. `profile`: the attributes of <profile/>, or None; `block_size`: as written."""

    def __init__(self, *, creator="initiator", name="xmlstream", block_size="4096", ibb_sid, methods=("x509",), profile=None, fingerprints=()):
        self.creator = creator
        self.name = name
        self.block_size = block_size
        self.ibb_sid = ibb_sid
        self.methods = list(methods)
        self.profile = profile
        self.fingerprints = list(fingerprints)

    @property
    def mode(self):
        return "" if self.profile is None else self.profile.get("mode", "")

    @property
    def commitment(self):
        return "" if self.profile is None else self.profile.get("commitment", "")

    def xml(self, misbehave):
        """As one <content/>; some misbehaviours are a matter of form."""
        profile = None
        if self.profile is not None:
            attributes = {"xmlns": PROFILE, **self.profile}
            if misbehave("profile-with-namespaced-attribute"):
                attributes = {**attributes, "xmlns:x": "urn:example:x", "x:later": "1"}
            profile = element("profile", attributes, "<x xmlns='urn:example:x'/>" if misbehave("profile-with-child") else None)
        security = element(
            "security", {"xmlns": XTLS},
            *[element("fingerprint", {"xmlns": XTLS, "algo": "sha-256"}, text(value)) for value in self.fingerprints],
            *[element("method", {"name": method}) for method in self.methods],
            profile, profile if misbehave("offer-with-two-profiles") or misbehave("accept-with-two-profiles") else None,
        )
        transport = element("transport", {"xmlns": "urn:xmpp:jingle:transports:s5b:1" if misbehave("offer-of-another-transport") else JINGLE_IBB,
                                          "block-size": self.block_size, "sid": self.ibb_sid})
        content = element(
            "content", {"creator": "responder" if misbehave("offer-with-creator-responder") else self.creator, "name": self.name,
                        "senders": "initiator" if misbehave("offer-with-senders-initiator") else None},
            element("description", {"xmlns": "urn:xmpp:jingle:apps:rtp:1" if misbehave("offer-of-another-application") else XML_STREAM}),
            transport, transport if misbehave("offer-with-two-transports") else None,
            None if misbehave("offer-without-security") or misbehave("accept-without-security") else security,
        )
        return content * 2 if misbehave("offer-with-two-contents") else content


def jingle(action, sid, attributes, *children):
    return element("jingle", {"xmlns": JINGLE, "action": action, **attributes, "sid": sid}, *children)


def _only(parent, tag, reason):
    found = [child for child in parent if child.tag == tag]
    if len(found) != 1:
        raise Refusal(reason, f"{len(found)} of {tag}")
    return found[0]


def read(stanza):
    """The content of a <jingle/>. Whether it fits what was offered is for others."""
    contents = [child for child in stanza if child.tag == f"{{{JINGLE}}}content"]
    if len(contents) != 1:
        raise Refusal("unsupported-applications", f"{len(contents)} contents")
    content = contents[0]
    if content.get("creator") != "initiator" or content.get("name") is None or content.get("senders", "both") != "both":
        raise Refusal("unsupported-applications", "creator, name or senders")
    _only(content, f"{{{XML_STREAM}}}description", "unsupported-applications")
    if len([child for child in content if split(child.tag)[1] == "description"]) != 1:
        raise Refusal("unsupported-applications", "descriptions")
    transport = _only(content, f"{{{JINGLE_IBB}}}transport", "unsupported-transports")
    if len([child for child in content if split(child.tag)[1] == "transport"]) != 1:
        raise Refusal("unsupported-transports", "transports")
    if not is_sid(transport.get("sid")):
        raise Refusal("unsupported-transports", "no sid of a bytestream")
    security = _only(content, f"{{{XTLS}}}security", "security-error")
    profiles = [child for child in security if child.tag == f"{{{PROFILE}}}profile"]
    if len(profiles) > 1:
        raise Refusal("security-error", "two profiles")
    if profiles and (len(profiles[0]) > 0 or any(name.startswith("{") for name in profiles[0].attrib)):
        raise Refusal("security-error", "a profile with children or namespaced attributes")
    return Content(
        creator=content.get("creator"), name=content.get("name"), block_size=transport.get("block-size"), ibb_sid=transport.get("sid"),
        methods=[child.get("name", "") for child in security if child.tag == f"{{{XTLS}}}method"],
        profile=dict(profiles[0].attrib) if profiles else None,
        fingerprints=[child.text or "" for child in security if child.tag == f"{{{XTLS}}}fingerprint"],
    )


def check_security(content):
    """What holds of the security of an offer and of an accept alike, beyond methods."""
    if content.mode not in ("", "anonymous") or (content.profile is not None and content.profile.get("mode") == ""):
        raise Refusal("security-error", f"mode {content.mode!r}")
    if content.profile is not None and "commitment" in content.profile:
        try:
            decode_exactly(content.commitment, 32)
        except ValueError as error:
            raise Refusal("security-error", f"commitment: {error}") from error


def block_size(content):
    try:
        size = decimal(content.block_size)
    except ValueError as error:
        raise Refusal("failed-transport", str(error)) from error
    if size not in BLOCK_SIZES:
        raise Refusal("failed-transport", f"blocks of {size}")
    return size


def fingerprint_bytes(value):
    """With or without colons, any case. ValueError for what is none."""
    data = bytes.fromhex(value.strip().replace(":", ""))
    if len(data) not in (20, 32, 48, 64):
        raise ValueError("no fingerprint")
    return data


def open_element(sid, size, stanza="iq"):
    return element("open", {"xmlns": IBB, "block-size": str(size), "sid": sid, "stanza": stanza})
