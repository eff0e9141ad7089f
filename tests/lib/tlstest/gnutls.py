"""GnuTLS through ctypes: just what a TLS 1.0 client and server need."""

import ctypes

_SERVER, _CLIENT, _CREDENTIALS_X509, _PEM = 1, 2, 1, 1
_SHUT_WR = 1
_E_AGAIN, _E_INTERRUPTED = -28, -52
_NAME_DNS = 1

PRIORITY = ("NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+RSA:-CIPHER-ALL:+%s:-MAC-ALL:+SHA1:"
            "%%VERIFY_ALLOW_SIGN_WITH_SHA1")

_lib = None


def _load():
    global _lib
    if _lib is None:
        _lib = ctypes.CDLL("libgnutls.so.30")
        _lib.gnutls_strerror.restype = ctypes.c_char_p
        _lib.gnutls_protocol_get_name.restype = ctypes.c_char_p
        _lib.gnutls_cipher_get_name.restype = ctypes.c_char_p
        for call in (_lib.gnutls_record_recv, _lib.gnutls_record_send):
            call.restype = ctypes.c_ssize_t
            call.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    return _lib


class GnutlsError(OSError):
    def __init__(self, what, code):
        self.code = code
        super().__init__("GnuTLS %s: %s (%d)" % (what,
                                                 _load().gnutls_strerror(code).decode(), code))


def _check(code, what):
    if code < 0:
        raise GnutlsError(what, code)
    return code


class Credentials:
    """For a server: certificate and key files; for a client: the trust file."""

    def __init__(self, certificate=None, key=None, trust=None):
        lib = _load()
        self.handle = ctypes.c_void_p()
        _check(lib.gnutls_certificate_allocate_credentials(ctypes.byref(self.handle)), "credentials")
        if certificate:
            _check(lib.gnutls_certificate_set_x509_key_file(
                self.handle, certificate.encode(), key.encode(), _PEM), certificate)
        if trust:
            _check(lib.gnutls_certificate_set_x509_trust_file(
                self.handle, trust.encode(), _PEM), trust)

    def __del__(self):
        _load().gnutls_certificate_free_credentials(self.handle)


class Session:
    """TLS over a connected, blocking socket. One thread may receive while another sends."""

    def __init__(self, sock, cipher, credentials, server, name=None):
        lib = _load()
        self._socket, self._credentials = sock, credentials
        self._name = name.encode() if name else None
        self._handle = ctypes.c_void_p()
        _check(lib.gnutls_init(ctypes.byref(self._handle), _SERVER if server else _CLIENT), "init")
        _check(lib.gnutls_priority_set_direct(self._handle, (PRIORITY % cipher).encode(), None),
               "priority")
        _check(lib.gnutls_credentials_set(self._handle, _CREDENTIALS_X509, credentials.handle),
               "credentials")
        lib.gnutls_transport_set_int2(self._handle, sock.fileno(), sock.fileno())
        lib.gnutls_handshake_set_timeout(self._handle, 60000)
        if self._name:
            lib.gnutls_session_set_verify_cert(self._handle, self._name, 0)
            if not name.replace(".", "").isdigit():
                lib.gnutls_server_name_set(self._handle, _NAME_DNS, self._name, len(self._name))
        try:
            self._again(lib.gnutls_handshake, "handshake")
        except GnutlsError as e:
            lib.gnutls_alert_send_appropriate(self._handle, e.code)
            raise

    def _again(self, call, what, *args):
        while True:
            code = call(self._handle, *args)
            if code not in (_E_AGAIN, _E_INTERRUPTED):
                return _check(code, what)

    def suite(self):
        """(protocol, cipher), as GnuTLS names them: TLS1.0, 3DES-CBC."""
        lib = _load()
        return (lib.gnutls_protocol_get_name(lib.gnutls_protocol_get_version(self._handle)).decode(),
                lib.gnutls_cipher_get_name(lib.gnutls_cipher_get(self._handle)).decode())

    def recv(self, size):
        buffer = ctypes.create_string_buffer(size)
        got = self._again(_lib.gnutls_record_recv, "recv", buffer, size)
        return ctypes.string_at(buffer, got)

    def sendall(self, data):
        with memoryview(data) as view:
            for start in range(0, len(view), 16384):
                part = bytes(view[start:start + 16384])
                while part:
                    part = part[self._again(_lib.gnutls_record_send, "send", part, len(part)):]

    def close_write(self):
        self._again(_lib.gnutls_bye, "bye", _SHUT_WR)

    def __del__(self):
        if self._handle:
            _load().gnutls_deinit(self._handle)
