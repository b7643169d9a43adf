"""The XMPP stream inside TLS, read strictly: no DTD, comment or processing instruction, bounded depth and size, nothing between stanzas."""
import xml.parsers.expat
from xml.etree.ElementTree import Element

from .values import STREAM

MAX_DEPTH = 64
MAX_STANZA = 256 * 1024


class Violation(Exception):
    """What the peer sent inside ends the session."""


class InnerStream:
    """Calls `header(attributes)`, `start(tag)` for each child of the stream as it begins, `stanza(element)`, `close()`; they may raise Violation."""

    def __init__(self, header, start, stanza, close):
        self._on = {"header": header, "start": start, "stanza": stanza, "close": close}
        parser = self._parser = xml.parsers.expat.ParserCreate("UTF-8", "\n")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = lambda *_: self._refuse("a DTD")
        parser.CommentHandler = lambda _: self._refuse("a comment")
        parser.ProcessingInstructionHandler = lambda *_: self._refuse("a processing instruction")
        self._stack = []
        self._top = None
        self.declared = False
        self.is_closed = False
        # Bytes fed, and where what is being read began: the child of the stream, or the token that is not complete.
        self._fed = 0
        self._begin = 0
        # Bytes not yet behind us, from `_kept_from` on: to find what follows the end of the stream.
        self._kept = b""
        self._kept_from = 0

    def feed(self, data):
        if self.is_closed:
            raise Violation("plaintext after the end of the stream")
        self._kept += data
        self._fed += len(data)
        try:
            self._parser.Parse(data, False)
        except xml.parsers.expat.ExpatError as error:
            raise Violation(f"XML: {error}") from error
        if self.is_closed:
            return
        here = max(self._parser.CurrentByteIndex, 0)
        if len(self._stack) < 2:
            self._begin = here
        if self._fed - self._begin > MAX_STANZA:
            raise Violation("a stanza that is too long")
        self._kept = self._kept[here - self._kept_from:]
        self._kept_from = here

    def _refuse(self, what):
        raise Violation(what)

    def _declaration(self, version, encoding, _):
        self.declared = True
        if version != "1.0" or (encoding or "UTF-8").upper() != "UTF-8":
            raise Violation(f"XML declaration {version} {encoding}")

    def _start(self, name, attributes):
        depth = len(self._stack) + 1
        if depth > MAX_DEPTH:
            raise Violation("too deep")
        tag = _clark(name)
        element = Element(tag, {_clark(key): value for key, value in attributes.items()})
        if depth == 1:
            self._on["header"](tag, element.attrib)
        elif depth == 2:
            self._begin = self._parser.CurrentByteIndex
            self._on["start"](tag)
            self._top = element
        else:
            self._stack[-1].append(element)
        self._stack.append(element)

    def _end(self, _):
        self._stack.pop()
        if not self._stack:
            self.is_closed = True
            end = self._kept.index(b">", self._parser.CurrentByteIndex - self._kept_from)
            self._on["close"]()
            if self._kept[end + 1:]:
                raise Violation("plaintext after the end of the stream")
        elif len(self._stack) == 1:
            if self._parser.CurrentByteIndex - self._begin > MAX_STANZA:
                raise Violation("a stanza that is too long")
            self._on["stanza"](self._top)

    def _text(self, data):
        if len(self._stack) == 1:
            raise Violation("text between stanzas")
        parent = self._stack[-1]
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + data
        else:
            parent.text = (parent.text or "") + data


def _clark(name):
    namespace, newline, local = name.rpartition("\n")
    return f"{{{namespace}}}{local}" if newline else local


def is_stream(tag):
    return tag == f"{{{STREAM}}}stream"
