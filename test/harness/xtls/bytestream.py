"""One In-Band Bytestream (XEP-0047, iq stanzas only): blocks with numbers, a window, results."""
import asyncio
from collections import OrderedDict

from .values import IBB, decimal, decode, element, encode

FIRST_WINDOW = 4
MAX_WINDOW = 16
REMEMBERED = 16
RETRIES = 5
SEQS = 65536


class BadBlock(Exception):
    """A block that ends the session; `condition` is the error it is answered with."""

    def __init__(self, condition, why):
        super().__init__(why)
        self.condition = condition


class Receiver:
    def __init__(self, block_size):
        self._block_size = block_size
        self._next = 0
        self._last = OrderedDict()

    def block(self, data):
        """The bytes of a `<data/>` element, None for an acceptable repetition."""
        try:
            seq = decimal(data.get("seq"))
            if seq >= SEQS or len(data) > 0:
                raise ValueError("form")
            payload = decode(data.text or "")
            if payload == b"":
                raise ValueError("an empty block")
            if len(payload) > self._block_size:
                raise ValueError("a block that is too big")
        except ValueError as error:
            raise BadBlock("bad-request", str(error)) from error
        if self._last.get(seq) == payload:
            return None
        if seq != self._next:
            raise BadBlock("unexpected-request", f"block {seq} instead of {self._next}")
        self._last[seq] = payload
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        self._next = (seq + 1) % SEQS
        return payload


class Sender:
    """`iq(payload, answered)` sends an iq-set and calls `answered(condition, type)`, both None for a result; `fail(why)` ends the session."""

    def __init__(self, sid, block_size, iq, fail, alter=None):
        self._sid = sid
        self._block_size = block_size
        self._iq = iq
        self._fail = fail
        # For blocks that are not as they should be: `alter(seq, bytes)` gives a list of `<data/>` elements as text, or None.
        self._alter = alter
        self._queue = b""
        self._seq = 0
        self._window = FIRST_WINDOW
        self._outstanding = OrderedDict()
        self._refused = []
        self._tries = 0
        self._waiting = None
        self._drained = []
        self.is_stopped = False

    def write(self, data):
        self._queue += data
        self._pump()

    def when_drained(self, work):
        """Calls `work` when every block has been answered."""
        self._drained.append(work)
        self._check_drained()

    def stop(self):
        self.is_stopped = True
        self._drained.clear()
        if self._waiting is not None:
            self._waiting.cancel()

    def _pump(self):
        while self._queue and len(self._outstanding) < self._window and not self.is_stopped and not self._refused and self._waiting is None:
            payload, self._queue = self._queue[:self._block_size], self._queue[self._block_size:]
            seq, self._seq = self._seq, (self._seq + 1) % SEQS
            altered = self._alter(seq, payload) if self._alter else None
            for block in [data_element(self._sid, seq, encode(payload))] if altered is None else altered:
                self._send(seq, payload, block)

    def _send(self, seq, payload, block):
        self._outstanding[seq] = payload
        self._iq(block, lambda condition, type: self._answered(seq, condition, type))

    def _answered(self, seq, condition, type):
        if self.is_stopped or seq not in self._outstanding:
            return
        if condition is not None and type != "wait":
            self._fail(f"block {seq} was answered {condition}")
            return
        if condition is not None:
            # Refused for now, and so must be everything behind it: then the lot goes again.
            self._refused.append(seq)
        elif self._refused:
            self._fail(f"block {seq} was accepted after block {self._refused[0]} was not")
            return
        else:
            del self._outstanding[seq]
            self._tries = 0
            self._window = min(self._window + 1, MAX_WINDOW)
        if self._refused and len(self._refused) == len(self._outstanding):
            self._again()
        self._pump()
        self._check_drained()

    def _again(self):
        self._tries += 1
        if self._tries > RETRIES:
            self._fail("blocks are refused again and again")
            return
        self._queue = b"".join(self._outstanding.values()) + self._queue
        self._seq = self._refused[0]
        self._outstanding.clear()
        self._refused.clear()
        self._window = 1
        self._waiting = asyncio.get_running_loop().call_later(2 ** (self._tries - 1), self._resume)

    def _resume(self):
        self._waiting = None
        self._pump()

    def _check_drained(self):
        if not self._queue and not self._outstanding and self._waiting is None:
            for work in self._drained:
                work()
            self._drained.clear()


def data_element(sid, seq, content):
    return element("data", {"xmlns": IBB, "seq": str(seq), "sid": sid}, content)
