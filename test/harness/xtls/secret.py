"""The shared secret (SRP-6a in the 3072-bit group of RFC 5054, inside a session): numbers and confirmations. Pure but for fresh randomness."""
import hashlib
import hmac
import secrets

from .values import bare, opaque_string, prefixed, prepare


def _pi(bits):
    """Pi times 2^bits, rounded down, by Machin's formula."""
    guard = 64
    one = 1 << (bits + guard)

    def arctan_of_inverse(number):
        term = total = one // number
        divisor, sign = 1, 1
        while term:
            term //= number * number
            divisor, sign = divisor + 2, -sign
            total += sign * (term // divisor)
        return total

    return (16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239)) >> guard


#: RFC 5054 takes the prime of RFC 3526, section 4, which says how it is made.
N = 2**3072 - 2**3008 - 1 + 2**64 * (_pi(2942) + 1690314)
G = 5
LENGTH = 384


def digest(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def pad(number):
    return number.to_bytes(LENGTH, "big")


def number(data):
    return int.from_bytes(data, "big")


K_FACTOR = number(digest(pad(N), pad(G)))


def stretched(secret, salt):
    return hashlib.scrypt(opaque_string(secret).encode("utf-8"), salt=salt, n=32768, r=8, p=1, dklen=32, maxmem=64 * 1024 * 1024)


def private_key(starter, secret, salt):
    """x, from the starter's JID (full or bare)."""
    identity = prepare(bare(starter)).encode("utf-8")
    return number(digest(salt, digest(identity, b":", stretched(secret, salt))))


def exponent():
    return secrets.randbits(256) | 1 << 255


def is_acceptable(value):
    return 0 < value < N


def scrambling(a_public, b_public):
    return number(digest(pad(a_public), pad(b_public)))


class Starter:
    """SRP's client."""

    def __init__(self, a=None):
        self.a = a or exponent()
        self.public = pow(G, self.a, N)

    def key(self, starter, secret, salt, b_public):
        """K. ValueError where the run must be aborted."""
        u = scrambling(self.public, b_public)
        if u == 0:
            raise ValueError("u is 0")
        x = private_key(starter, secret, salt)
        return digest(pad(pow((b_public - K_FACTOR * pow(G, x, N)) % N, self.a + u * x, N)))


class Answerer:
    """SRP's server, who picks the salt."""

    def __init__(self, starter, secret, salt=None, b=None):
        self.salt = salt or secrets.token_bytes(32)
        self.b = b or exponent()
        self.verifier = pow(G, private_key(starter, secret, self.salt), N)
        self.public = (K_FACTOR * self.verifier + pow(G, self.b, N)) % N

    def key(self, a_public):
        u = scrambling(a_public, self.public)
        if u == 0:
            raise ValueError("u is 0")
        return digest(pad(pow(a_public * pow(self.verifier, u, N), self.b, N)))


def confirmations(key, exporter, binding_hash, starter, answerer, salt, a_public, b_public):
    """M1 and M2."""
    fields = b"".join(map(prefixed, (exporter, binding_hash, prepare(starter), prepare(answerer), salt, pad(a_public), pad(b_public))))
    m1 = hmac.digest(key, b"xtls-srp-starter" + fields, "sha256")
    m2 = hmac.digest(key, b"xtls-srp-answerer" + fields + prefixed(m1), "sha256")
    return m1, m2
