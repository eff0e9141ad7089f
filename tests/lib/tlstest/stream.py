"""TLS 1.0 peers inside the test: blocking streams by OpenSSL 3 (Python's ssl) and by GnuTLS.

A stream has recv(n) (b"" only after the peer's close_notify; anything else raises), sendall(bytes),
close_write() (close_notify, reading goes on), close(), abort() (with a reset) and stop_reading() (who
is in recv meets the end). One thread may receive while another sends."""

import collections
import contextlib
import socket
import ssl
import struct
import threading
import warnings

from . import gnutls
from .tap import PLAIN

warnings.filterwarnings("ignore", category=DeprecationWarning, module=__name__)

Stack = collections.namedtuple("Stack", "name library cipher")

# The suites of issue 2: AES by OpenSSL 3, 3DES by GnuTLS because Debian's OpenSSL has none.
NO_TLS = Stack("no TLS", "plain", "")
STACKS = [
    Stack("OpenSSL AES128-SHA", "openssl", "AES128-SHA"),
    Stack("OpenSSL AES256-SHA", "openssl", "AES256-SHA"),
    Stack("GnuTLS 3DES-SHA", "gnutls", "3DES-CBC"),
]
if PLAIN:
    STACKS = [NO_TLS]


class _Stream:
    def close(self):
        self._socket.close()

    def stop_reading(self):
        with contextlib.suppress(OSError):  # ENOTCONN: the peer has reset it
            self._socket.shutdown(socket.SHUT_RD)

    def abort(self):
        """Closes with a reset, as a machine does for a program that is killed."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


class _PlainStream(_Stream):
    def __init__(self, sock):
        self._socket = sock
        self.recv, self.sendall = sock.recv, sock.sendall

    def close_write(self):
        self._socket.shutdown(socket.SHUT_WR)


class _OpensslStream(_Stream):
    """Memory BIOs, so that the socket's reads and writes may be in two threads: an SSL object may be
    used by one at a time. The lock of the output keeps its records in order."""

    def __init__(self, sock, context, server, name=None):
        self._socket = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_side=server,
                                        server_hostname=name)
        self._lock, self._output = threading.Lock(), threading.Lock()
        self._ended = False
        try:
            self._drive(self._object.do_handshake)
        finally:
            self._flush()

    def suite(self):
        return self._object.version(), self._object.cipher()[0]

    def _flush(self):
        with self._output:
            with self._lock:
                data = self._out.read()
            if data:
                self._socket.sendall(data)

    def _drive(self, call, *args):
        while True:
            try:
                with self._lock:
                    return call(*args)
            except ssl.SSLWantReadError:
                pass
            self._flush()
            data = self._socket.recv(65536)
            with self._lock:
                if data:
                    self._in.write(data)
                elif self._ended:
                    raise ConnectionError("the peer ended the stream without close_notify")
                else:
                    self._ended = True
                    self._in.write_eof()

    def recv(self, size):
        try:
            return self._drive(self._object.read, size)
        except ssl.SSLZeroReturnError:
            return b""

    def sendall(self, data):
        with memoryview(data) as view:
            for start in range(0, len(view), 65536):
                with self._output:
                    with self._lock:
                        self._object.write(view[start:start + 65536])
                        records = self._out.read()
                    self._socket.sendall(records)

    def close_write(self):
        with self._lock:
            # unwrap looks for the peer's close_notify at once, and fails for good at data.
            unread = self._in.read()
            try:
                self._object.unwrap()
            except ssl.SSLWantReadError:
                pass
            self._in.write(unread)
        self._flush()


class _GnutlsStream(_Stream, gnutls.Session):
    pass


def _context(stack, server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(stack.cipher + ":@SECLEVEL=0")
    return context


def tls_connect(stack, port, trust, name="localhost", timeout=60):
    """A client's stream to 127.0.0.1:port, the server's certificate checked."""
    sock = socket.create_connection(("127.0.0.1", port), timeout)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if stack.library == "plain":
            return _PlainStream(sock)
        if stack.library == "openssl":
            context = _context(stack, server=False)
            context.load_verify_locations(trust)
            return _OpensslStream(sock, context, False, name)
        sock.settimeout(None)  # GnuTLS does its own reading
        return _GnutlsStream(sock, stack.cipher, gnutls.Credentials(trust=trust), False, name)
    except BaseException:
        sock.close()
        raise


def receive_all(stream, limit=1 << 40):
    """Until the end of the stream, or until `limit` bytes are there."""
    parts, have = [], 0
    while have < limit:
        part = stream.recv(min(65536, limit - have))
        if not part:
            break
        parts.append(part)
        have += len(part)
    return b"".join(parts)


class TlsServer:
    """Listens on all of 127/8; handler(stream) runs in a thread for each connection whose handshake
    succeeded, and its stream is closed with close_notify after it. errors: what went wrong in
    handshakes and handlers, as text. accepted: TCP connections so far."""

    def __init__(self, stack, pki, handler, certificate=None):
        self.stack, self.handler = stack, handler
        self.errors, self.accepted, self.suites = [], 0, set()
        certificate = certificate or pki.cert
        if stack.library == "openssl":
            self._context = _context(stack, server=True)
            self._context.load_cert_chain(certificate, pki.key)
        elif stack.library == "gnutls":
            self._credentials = gnutls.Credentials(certificate, pki.key)
        self._listener = socket.create_server(("0.0.0.0", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if self.stack.library == "plain":
                stream = _PlainStream(sock)
            elif self.stack.library == "openssl":
                stream = _OpensslStream(sock, self._context, True)
            else:
                stream = _GnutlsStream(sock, self.stack.cipher, self._credentials, True)
            if self.stack.library != "plain":
                self.suites.add(stream.suite())
            self.handler(stream)
            stream.close_write()
            # The client closes first: a reset must not overtake what it has not read.
            try:
                sock.shutdown(socket.SHUT_WR)
                while stream.recv(65536):
                    pass
            except OSError:
                pass
        except Exception as e:
            self.errors.append("%s: %s" % (type(e).__name__, e))
        finally:
            sock.close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
