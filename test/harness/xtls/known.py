"""Known answers: a file of vectors read for its inputs only, and everything derived from them computed anew."""
import hashlib
import json

from . import secret, values


def computed(file):
    with open(file, encoding="utf-8") as lines:
        vectors = json.load(lines)
    given = vectors["commitment"]
    result = {
        "commitment": values.commitment(bytes.fromhex(given["salt"]), bytes.fromhex(given["spki"])),
        "binding": [],
        "srp": _srp(vectors["srp"]),
    }
    for case in vectors["binding"]:
        fields = values.binding_input(
            initiator=case["initiator"], responder=case["responder"], jingle_sid=case["jingle-sid"], creator="initiator", name="xmlstream",
            description=values.XML_STREAM, offer_methods=case["offer"]["methods"], accept_methods=case["accept"]["methods"],
            offer_profile=case["offer"]["profile"], accept_profile=case["accept"]["profile"],
            transport=values.JINGLE_IBB, ibb_sid=case["ibb-sid"], block_size=case["accept"]["block-size"],
        )
        result["binding"].append({"input": fields.hex(), "H": hashlib.sha256(fields).hexdigest()})
    return result


def _srp(given):
    salt = bytes.fromhex(given["salt"])
    starter = secret.Starter(int(given["a"], 16))
    answerer = secret.Answerer(given["starter"], given["secret"], salt, int(given["b"], 16))
    key = starter.key(given["starter"], given["secret"], salt, answerer.public)
    if key != answerer.key(starter.public):
        raise AssertionError("the two ends differ")
    m1, m2 = secret.confirmations(
        key, bytes.fromhex(given["cb"]), bytes.fromhex(given["H"]), given["starter"], given["answerer"], salt, starter.public, answerer.public)
    return {
        "secret-normalised-utf8": values.opaque_string(given["secret"]).encode("utf-8").hex(),
        "scrypt": secret.stretched(given["secret"], salt).hex(),
        "k": f"{secret.K_FACTOR:064x}",
        "x": f"{secret.private_key(given['starter'], given['secret'], salt):064x}",
        "v-sha256": secret.digest(secret.pad(answerer.verifier)).hex(),
        "A-sha256": secret.digest(secret.pad(starter.public)).hex(),
        "B-sha256": secret.digest(secret.pad(answerer.public)).hex(),
        "u": f"{secret.scrambling(starter.public, answerer.public):064x}",
        "K": key.hex(),
        "M1": m1.hex(),
        "M2": m2.hex(),
    }
