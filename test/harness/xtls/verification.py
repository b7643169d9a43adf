"""Comparing a shared secret inside a session: who starts, who answers, and what both learn."""
import asyncio
import hmac
import secrets
from xml.etree.ElementTree import Element

from . import secret as srp
from .values import PROFILE, bare, decode_exactly, element, encode, split, text

MECH = "srp-6a-3072-sha256"
QUESTION_BYTES = 1024
RUN_SECONDS = 600
STEP_SECONDS = 30
#: Failed guesses an hour, per bare JID, after which nobody may guess any more.
FAILURES = 3


class BadStep(Exception):
    pass


class Run:
    def __init__(self, id, is_starter):
        self.id = id
        self.is_starter = is_starter
        self.step = 0
        self.secret = None
        self.timer = None
        self.party = None
        self.salt = self.a_public = self.b_public = None
        self.m1 = self.m2 = None


class Verification:
    def __init__(self, conversation):
        self.conversation = conversation
        self.session = conversation.session
        self.misbehave = conversation.misbehave
        self.run = None

    def start(self, shared, question=None):
        if self.run is not None:
            raise RuntimeError("a run is under way")
        if self.session.peer.failures(self.session.other) > FAILURES and not self.misbehave("srp-guessing-on"):
            raise RuntimeError("too many failed guesses")
        run = self.run = Run(secrets.token_hex(16), True)
        run.secret = shared
        run.party = srp.Starter()
        run.a_public = run.party.public
        a_public = encode(srp.pad(run.a_public))
        if self.misbehave("srp-A-zero"):
            a_public = encode(bytes(srp.LENGTH))
        if self.misbehave("srp-A-is-N"):
            a_public = encode(srp.pad(srp.N))
        if self.misbehave("srp-A-too-short"):
            a_public = encode(srp.pad(run.a_public)[1:])
        if self.misbehave("srp-question-too-long"):
            question = "?" * (QUESTION_BYTES + 1)
        if self.misbehave("srp-M1-first"):
            self._send(run, "3", element("M1", {}, encode(bytes(32))))
        else:
            self._send(run, "1", element("question", {}, text(question)) if question else None, element("A", {}, a_public))
        self._advance(run, 1, RUN_SECONDS)
        return run.id

    def abort(self, condition="declined"):
        if self.run is not None:
            self._abort(self.run, condition)

    def ended(self):
        """The session is over, and a run with it."""
        if self.run is not None:
            self._conclude(self.run, False, "session-ended")

    def received(self, verify):
        id, step = verify.get("id", ""), verify.get("step")
        if step == "1":
            self._asked(id, verify)
            return
        run = self.run
        if run is None or run.id != id:
            # Unknown or finished.
            self.session.tell("verify-ignored", {"id": id, "step": step})
            return
        if step == "abort":
            self._conclude(run, False, verify.get("condition", ""))
            return
        try:
            self._next(run, step, verify)
        except (BadStep, ValueError) as error:
            self.session.tell("verify-refused", {"id": id, "why": str(error)})
            self._abort(run, "bad-request")

    def _asked(self, id, verify):
        """Step 1 of the peer."""
        run = self.run
        if run is not None and run.id == id:
            self._abort(run, "bad-request")
            return
        shared = self.session.peer.secret
        if run is not None:
            if not (run.is_starter and run.step == 1):
                self._refuse(id, "busy")
                return
            if self.session.me.encode() < self.session.other.encode():
                return
            shared = run.secret
            self._drop(run)
        if self.session.peer.failures(self.session.other) > FAILURES:
            self._refuse(id, "busy")
            return
        try:
            question, a_public = self._values(verify, ["question", "A"], optional="question")
            if len(question.encode("utf-8")) > QUESTION_BYTES:
                raise BadStep("a question that is too long")
            a_public = _public(a_public)
        except (BadStep, ValueError) as error:
            self.session.tell("verify-refused", {"id": id, "why": str(error)})
            self._refuse(id, "bad-request")
            return
        self.session.tell("verify-asked", {"id": id, "question": question})
        if shared is None:
            self._refuse(id, "declined")
            return
        run = self.run = Run(id, False)
        run.secret = shared
        run.a_public = a_public
        run.party = srp.Answerer(self.session.other, shared)
        run.salt, run.b_public = run.party.salt, run.party.public
        try:
            self._key(run, run.party.key(a_public), self.session.other, self.session.me)
        except ValueError:
            self._abort(run, "bad-request")
            return
        shown = bytes(srp.LENGTH) if self.misbehave("srp-B-zero") else srp.pad(run.b_public)
        self._send(run, "2", element("salt", {}, encode(run.salt)), element("B", {}, encode(shown)))
        self._advance(run, 2, STEP_SECONDS)

    def _next(self, run, step, verify):
        if run.is_starter and run.step == 1 and step == "2":
            salt, b_public = self._values(verify, ["salt", "B"])
            run.salt, run.b_public = decode_exactly(salt, 32), _public(b_public)
            if self.misbehave("srp-silent-after-step-2"):
                return
            key = run.party.key(self.session.me, run.secret, run.salt, run.b_public)
            self._key(run, key, self.session.me, self.session.other)
            m1 = bytes(32) if self.misbehave("srp-wrong-M1") else run.m1
            self._send(run, "7" if self.misbehave("srp-unknown-step") else "3", element("M1", {}, encode(m1)))
            self._advance(run, 3, STEP_SECONDS)
        elif not run.is_starter and run.step == 2 and step == "3":
            (m1,) = self._values(verify, ["M1"])
            if not hmac.compare_digest(decode_exactly(m1, 32), run.m1):
                self._abort(run, "authentication-failed")
                return
            self._send(run, "4", element("M2", {}, encode(bytes(32) if self.misbehave("srp-wrong-M2") else run.m2)))
            self._conclude(run, True, "")
        elif run.is_starter and run.step == 3 and step == "4":
            (m2,) = self._values(verify, ["M2"])
            if hmac.compare_digest(decode_exactly(m2, 32), run.m2):
                self._conclude(run, True, "")
            else:
                self._abort(run, "authentication-failed")
        else:
            raise BadStep(f"step {step} after {run.step}")

    def _key(self, run, key, starter, answerer):
        run.m1, run.m2 = srp.confirmations(
            key, self.session.exporter, self.conversation.binding_hash, starter, answerer, run.salt, run.a_public, run.b_public)

    def _values(self, verify: Element, names, optional=None):
        if verify.get("mech") != MECH or not _is_id(verify.get("id", "")):
            raise BadStep("mech or id")
        found = [split(child.tag) for child in verify]
        wanted = [(PROFILE, name) for name in names]
        if optional is not None and (PROFILE, optional) not in found:
            wanted.remove((PROFILE, optional))
        if found != wanted or any(len(child) > 0 for child in verify):
            raise BadStep(f"children {found}")
        values = {split(child.tag)[1]: child.text or "" for child in verify}
        return [values.get(name, "") for name in names]

    def _send(self, run, step, *children):
        self._write(run.id, {"step": step}, *children)

    def _write(self, id, attributes, *children):
        mech = "srp-6a-1024-sha1" if self.misbehave("srp-another-mech") else MECH
        self.conversation.send(element("verify", {"xmlns": PROFILE, "mech": mech, "id": id, **attributes}, *children))

    def _refuse(self, id, condition):
        """Of a run that never was ours."""
        self._write(id, {"step": "abort", "condition": condition})

    def _abort(self, run, condition):
        self._refuse(run.id, condition)
        self._conclude(run, False, condition)

    def _advance(self, run, step, seconds):
        run.step = step
        if run.timer is not None:
            run.timer.cancel()
        run.timer = asyncio.get_running_loop().call_later(seconds, lambda: self._abort(run, "timeout"))

    def _drop(self, run):
        if run.timer is not None:
            run.timer.cancel()
        self.run = None

    def _conclude(self, run, is_verified, condition):
        self._drop(run)
        if not is_verified and run.step >= (3 if run.is_starter else 2):
            self.session.peer.guess_failed(bare(self.session.other))
        self.session.tell("verified", {"id": run.id, "starter": run.is_starter, "verified": is_verified, "condition": condition})


def _public(value):
    number = srp.number(decode_exactly(value, srp.LENGTH))
    if not srp.is_acceptable(number):
        raise BadStep("a public value out of range")
    return number


def _is_id(value):
    return len(value) == 32 and all(character in "0123456789abcdef" for character in value)
