#!/usr/bin/python3
"""A peer of OpenSSL whose records arrive in pieces of every size, read in every way: lines 12, 13
and 20 of shared/acceptance.md against a TLS that is not ours. The program is Python's own socket and
select modules; it says how often it was woken and what processor time it took."""

import itertools
import os
import socket
import ssl
import sys
import threading
import time
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

# The covered program: asks, then reads to the end.
READER = """
import hashlib, resource, select, socket, sys
way, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
s = socket.create_connection(("127.0.0.1", port))
s.sendall(b"go")
digest, wakes = hashlib.sha256(), 0
if way == "blocking":
    wait = lambda: None
else:
    s.setblocking(False)
    if way == "select":
        wait = lambda: select.select([s], [], [])
    else:
        p = select.epoll() if way != "poll" else select.poll()
        p.register(s, select.POLLIN if way == "poll" else
                   select.EPOLLIN | (select.EPOLLET if way == "edge" else 0))
        wait = p.poll
done = False
while not done:
    wait()
    wakes += 1
    while True:
        try:
            data = s.recv(size)
        except BlockingIOError:
            break
        if not data:
            done = True
            break
        digest.update(data)
        if way in ("blocking", "poll", "select", "level"):
            break
used = resource.getrusage(resource.RUSAGE_SELF)
print(digest.hexdigest(), wakes, int((used.ru_utime + used.ru_stime) * 1000))
"""
WAYS = ["blocking", "select", "poll", "level", "edge"]


def whole(data):
    yield data


def halves(data):
    """Each write of the other side in two, a moment apart."""
    yield data[:len(data) // 2]
    time.sleep(0.02)
    yield data[len(data) // 2:]


def bytes_alone(data):
    for i in range(len(data)):
        yield data[i:i + 1]


def headers_apart(data):
    """Cuts inside record headers, and just before a record's last byte."""
    at = 0
    while at < len(data):
        length = 5 + int.from_bytes(data[at + 3:at + 5], "big")
        yield data[at:at + 3]
        time.sleep(0.002)
        yield data[at + 3:at + length - 1]
        time.sleep(0.002)
        yield data[at + length - 1:at + length]
        at += length


# How records arrive: (name, sizes of what OpenSSL seals at a time, how the ciphertext is cut)
SHAPES = [
    ("full records", [16384] * 6, whole),
    ("records in halves", [16384, 1, 5000, 700] * 2, halves),
    ("records of a byte, all in one segment", [1] * 300, whole),
    ("bytes one at a time", [100, 1, 200], bytes_alone),
    ("cuts in headers and before last bytes", [1000, 16384, 1, 300], headers_apart),
]


class Peer:
    """One connection: TLS 1.0 by OpenSSL in memory, its output cut as the shape says."""

    def __init__(self, sizes, cut, joined):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sizes, self.cut, self.joined, self.error = sizes, cut, joined, None
        self.data = t.payload(sum(sizes))
        self.thread = threading.Thread(target=self._guarded, daemon=True)
        self.thread.start()

    def _guarded(self):
        try:
            self._serve()
        except Exception as e:
            self.error = "%s: %s" % (type(e).__name__, e)

    def _serve(self):
        sock, _ = self.listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(into, out, server_side=True)

        def drive(call, *args):
            while True:
                try:
                    return call(*args)
                except ssl.SSLWantReadError:
                    self._send(sock, out.read())
                    into.write(sock.recv(65536))
        drive(tls.do_handshake)
        self._send(sock, out.read())
        for _ in b"go":
            drive(tls.read, 1)
        at = 0
        for size in self.sizes:
            tls.write(self.data[at:at + size])
            at += size
            if not self.joined:
                self._send(sock, out.read())
        self._send(sock, out.read())
        try:
            tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        sock.sendall(out.read())
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass

    def _send(self, sock, data):
        for piece in self.cut(data):
            sock.sendall(piece)


def read_in_pieces(way, size, sizes, cut):
    global moved
    peer = Peer(sizes, cut, joined=cut is whole)
    done = t.run(t.client([t.PYTHON, "-c", READER, way, str(peer.port), str(size)], pki.ca),
                 timeout=30, env=t.environment(log=t.tmp("log")))
    words = done.out.decode().split()
    if peer.error or done.status != 0 or len(words) != 3:
        return "peer: %s\n%s\nlog: %s" % (peer.error, done, t.read_text(t.tmp("log"))[-1000:])
    if words[0] != t.digest(peer.data):
        return "other bytes"
    moved += len(peer.data)
    # A wake-up for each record at most (OpenSSL splits each into two), or for each piece of what
    # is read a little at a time, and some for the handshake and the end.
    most = 2 * len(sizes) + len(peer.data) // size + 20
    if int(words[1]) > most:
        return "woken %s times for %d records" % (words[1], len(sizes))
    return None if int(words[2]) < 700 else "used the processor for %s ms" % words[2]


t.start()
pki = t.Pki(t.tmp("pki"))
warnings.simplefilter("ignore", DeprecationWarning)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
context.set_ciphers("AES128-SHA:@SECLEVEL=0")
context.load_cert_chain(pki.cert, pki.key)
moved = 0
for (name, sizes, cut), way in itertools.product(SHAPES, WAYS):
    size = 1000 if way in ("select", "level") else 65536
    t.subtest("%s, %s, reads of %d" % (name, way, size), read_in_pieces, way, size, sizes, cut)
t.finish(moved=moved)
