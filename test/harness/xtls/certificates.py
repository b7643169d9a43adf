"""Identities: keys and self-signed certificates with XmppAddr, good ones and bad ones; and what a peer's certificate says."""
import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from .values import prepare

XMPP_ADDR = ObjectIdentifier("1.3.6.1.5.5.7.8.5")
UTF8_STRING = 0x0C

KEYS = {
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-1024": lambda: rsa.generate_private_key(65537, 1024),
}


class Identity:
    """A private key and a certificate for it."""

    def __init__(self, key, certificate):
        self.key = key
        self.certificate = certificate
        self.spki = spki_of(certificate)

    @classmethod
    def make(cls, jid=None, *, key="p-256", hash="sha256", days=(-1, 365)):
        """`jid`: the XmppAddr, or none; `key`: a kind, or a private key; `days`: when it is valid, from now."""
        private = KEYS[key]() if isinstance(key, str) else key
        now = datetime.datetime.utcnow()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "XTLS")])
        builder = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0])).not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        if jid is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.OtherName(XMPP_ADDR, utf8_string(jid))]), critical=False)
        algorithm = None if isinstance(private, ed25519.Ed25519PrivateKey) else {"sha256": hashes.SHA256, "sha1": hashes.SHA1}[hash]()
        return cls(private, builder.sign(private, algorithm))

    @classmethod
    def load(cls, file, jid):
        """The key of a PEM file, in a certificate of our own making for `jid`."""
        with open(file, "rb") as pem:
            return cls.make(jid, key=serialization.load_pem_private_key(pem.read(), None))

    @property
    def pem(self):
        key = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return (key + self.certificate.public_bytes(serialization.Encoding.PEM)).decode("ascii")


def utf8_string(value):
    data = value.encode("utf-8")
    length = bytes([len(data)]) if len(data) < 128 else bytes([0x82]) + len(data).to_bytes(2, "big")
    return bytes([UTF8_STRING]) + length + data


def spki_of(certificate):
    return certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def der_of(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def addresses(certificate):
    """The bare JIDs of a certificate, prepared."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    found = []
    for name in names.get_values_for_type(x509.OtherName):
        if name.type_id == XMPP_ADDR and name.value[:1] == bytes([UTF8_STRING]):
            # Re-encoding tells whether the length was the right one.
            for header in (2, 3, 4):
                value = name.value[header:].decode("utf-8", "replace")
                if utf8_string(value) == name.value:
                    found.append(prepare(value))
    return found


def fingerprint(certificate, length=32):
    """Upper hexadecimal with colons."""
    hash = {20: hashlib.sha1, 32: hashlib.sha256, 48: hashlib.sha384, 64: hashlib.sha512}[length]
    return ":".join(f"{byte:02X}" for byte in hash(der_of(certificate)).digest())


def objection(certificate, own_spki, jid):
    """Why a peer's certificate is not acceptable, or None. `jid` None: anonymous mode, nobody is named."""
    if spki_of(certificate) == own_spki:
        return "it is our own key"
    if jid is not None and prepare(jid) not in addresses(certificate):
        return "it is for somebody else"
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in ("secp256r1", "secp384r1"):
            return f"curve {key.curve.name}"
    elif isinstance(key, rsa.RSAPublicKey):
        if not 2048 <= key.key_size <= 4096:
            return f"RSA with {key.key_size} bits"
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        return "a key of an odd kind"
    if not isinstance(key, ed25519.Ed25519PublicKey):
        hash = certificate.signature_hash_algorithm
        if hash is None or hash.name not in ("sha256", "sha384", "sha512"):
            return "signed with an odd hash"
    now = datetime.datetime.utcnow()
    if not certificate.not_valid_before <= now <= certificate.not_valid_after:
        return "it is not valid now"
    return None


def described(certificate):
    key = certificate.public_key()
    return {
        "spki": spki_of(certificate).hex(),
        "fingerprint": hashlib.sha256(spki_of(certificate)).hexdigest(),
        "addresses": addresses(certificate),
        "key": getattr(getattr(key, "curve", None), "name", type(key).__name__),
        "subject": certificate.subject.rfc4514_string(),
        "hash": certificate.signature_hash_algorithm.name if certificate.signature_hash_algorithm else None,
        "isCa": _is_ca(certificate),
        "version": certificate.version.name,
    }


def _is_ca(certificate):
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
