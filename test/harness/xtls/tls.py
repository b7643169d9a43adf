"""TLS 1.3 of OpenSSL between two memory buffers, and the checks that come before anything is sent inside."""
import ctypes

from OpenSSL import SSL, crypto

from . import certificates

#: The same library that pyOpenSSL uses, for the few calls it does not offer.
_libssl = ctypes.CDLL("libssl.so.3")
_libssl.SSL_CTX_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p]
_libssl.SSL_key_update.argtypes = [ctypes.c_void_p, ctypes.c_int]
_SET_GROUPS_LIST = 92

CIPHERSUITES = b"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
GROUPS = b"X25519:P-256"
LABEL = b"EXPORTER-Channel-Binding"


class TlsFailure(Exception):
    """The session is over; nothing of TLS may leave any more."""


def _address(pointer):
    return int(SSL._ffi.cast("uintptr_t", pointer))


class Tls:
    def __init__(self, is_client, identity, *, old=False, bare=False):
        """`old`: TLS 1.2 at most. `bare`: no certificate."""
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION if old else SSL.TLS1_3_VERSION)
        context.set_max_proto_version(SSL.TLS1_2_VERSION if old else SSL.TLS1_3_VERSION)
        # Keys that are too weak to be used must still be shown to the other side.
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        SSL._lib.SSL_CTX_set_ciphersuites(context._context, CIPHERSUITES)
        _libssl.SSL_CTX_ctrl(_address(context._context), _SET_GROUPS_LIST, 0, GROUPS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        # Any certificate goes through here; what it is worth is checked when the handshake is done.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        if not bare:
            context.use_privatekey(crypto.PKey.from_cryptography_key(identity.key))
            context.use_certificate(crypto.X509.from_cryptography(identity.certificate))
        self.connection = SSL.Connection(context, None)
        (self.connection.set_connect_state if is_client else self.connection.set_accept_state)()
        self.is_done = False
        self.is_ended = False
        self.certificate = None
        self.exporter = b""

    def start(self):
        """What the client says first."""
        self._handshake()
        return self.output()

    def feed(self, data):
        """Takes bytes of the bytestream; whether the handshake is done then. Output waits until it is asked for."""
        self.connection.bio_write(data)
        if not self.is_done:
            self._handshake()
        return self.is_done

    def _handshake(self):
        try:
            self.connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise TlsFailure(f"handshake: {error}") from error
        self.is_done = True
        if self.connection.get_protocol_version_name() != "TLSv1.3":
            raise TlsFailure("not TLS 1.3")
        if SSL._lib.SSL_session_reused(self.connection._ssl):
            raise TlsFailure("a resumed session")
        shown = self.connection.get_peer_certificate()
        if shown is None:
            raise TlsFailure("no certificate")
        self.certificate = shown.to_cryptography()
        self.exporter = self.connection.export_keying_material(LABEL, 32, b"")

    def check(self, own_spki, jid):
        objection = certificates.objection(self.certificate, own_spki, jid)
        if objection is not None:
            raise TlsFailure(f"certificate: {objection}")

    def records(self):
        """Plaintext that has come, one record after the other; ends at close_notify with None."""
        while not self.is_ended:
            try:
                yield self.connection.recv(65536)
            except SSL.WantReadError:
                return
            except SSL.ZeroReturnError:
                self.is_ended = True
                yield None
            except SSL.Error as error:
                raise TlsFailure(f"record: {error}") from error

    def write(self, data):
        while data:
            data = data[self.connection.send(data):]

    def close(self):
        """Puts close_notify into the output."""
        try:
            self.connection.shutdown()
        except SSL.Error:
            # The library complains when the peer's has not come yet; ours is written.
            pass

    def output(self):
        chunks = []
        while True:
            try:
                chunks.append(self.connection.bio_read(65536))
            except SSL.WantReadError:
                return b"".join(chunks)

    def update_keys(self, count):
        """Bytes of TLS that hold nothing."""
        for _ in range(count):
            if _libssl.SSL_key_update(_address(self.connection._ssl), 0) != 1:
                raise RuntimeError("no key update")
            self.connection.do_handshake()

    def details(self):
        return {
            "version": self.connection.get_protocol_version_name(),
            "cipher": self.connection.get_cipher_name(),
            "exporter": self.exporter.hex(),
            "certificate": certificates.described(self.certificate),
        }
