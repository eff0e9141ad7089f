#!/usr/bin/python3
"""Each allowance: a peer that needs it is refused without it, accepted with it, refused again after
its date. The peers are OpenSSL's s_server and a server of Python's."""

import os
import socket
import ssl
import subprocess
import sys
import threading
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")

# Sends a line and reads to the end.
CLIENT = """
import errno, socket, sys
try:
    s = socket.create_connection(('localhost', int(sys.argv[1])), timeout=20)
    s.sendall(b'hello\\n')
    data = b''
    while True:
        more = s.recv(1000)
        if not more:
            break
        data += more
    print('end after', data.decode())
except OSError as e:
    print(errno.errorcode.get(e.errno, e))
"""


def certificate(name, bits, digest):
    """Of its own authority, both with the same strength: (roots, certificate, key)."""
    def openssl(*args):
        subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    paths = [t.tmp(name + "-" + part) for part in ("ca.pem", "ca.key", "leaf.pem", "leaf.key")]
    ca, ca_key, leaf, leaf_key = paths
    openssl("req", "-x509", "-newkey", "rsa:%d" % bits, "-nodes", "-keyout", ca_key, "-out", ca,
            "-" + digest, "-days", "90", "-subj", "/CN=authority of " + name, "-addext",
            "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", "-x509", "-newkey", "rsa:%d" % bits, "-nodes", "-keyout", leaf_key, "-out", leaf,
            "-" + digest, "-days", "90", "-subj", "/CN=" + name, "-CA", ca, "-CAkey", ca_key,
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext",
            "subjectAltName=DNS:localhost", "-addext", "keyUsage=critical,keyEncipherment")
    return ca, leaf, leaf_key


class Peer(threading.Thread):
    """A TLS 1.0 server that answers one line and ends; truncating: without close_notify."""

    def __init__(self, leaf, key, truncating=False):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = self.context.maximum_version = ssl.TLSVersion.TLSv1
        self.context.set_ciphers("AES128-SHA:@SECLEVEL=0")
        self.context.load_cert_chain(leaf, key)
        self.truncating = truncating
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            s, _ = self.listener.accept()
            s.settimeout(20)
            try:
                with self.context.wrap_socket(s, server_side=True,
                                              suppress_ragged_eofs=False) as tls:
                    line = b""
                    while not line.endswith(b"\n"):
                        line += tls.recv(100)
                    tls.sendall(line)
                    if self.truncating:
                        os.close(tls.detach())
                    else:
                        tls.unwrap().close()
            except OSError:  # ssl.SSLError is one
                s.close()


def ask(port, trust, settings):
    """What the client says, and the log."""
    log = t.tmp("log")
    if os.path.exists(log):
        os.remove(log)
    policy = t.policy_file("policy.conf", "[client c]\nconnect = *:%d\ntrust = %s\n%s" %
                           (port, trust, settings))
    done = t.run([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", CLIENT, str(port)],
                 env=t.environment(log))
    return done.out.decode().strip(), t.read_text(log) + done.err.decode()


def allowance(name, peer, trust, setting, refused, words):
    """refused: what the program sees without it; words: in the log line."""
    said, log = ask(peer.port, trust, "")
    t.ok(said == refused and words in log, name + ": refused without it", said + "\n" + log)
    said, log = ask(peer.port, trust, setting + "\n")
    t.is_(said, "end after hello", name + ": accepted with it")
    said, log = ask(peer.port, trust, setting + "\nlegacy-until = 2999-12-31\n")
    t.is_(said, "end after hello", name + ": accepted before its date")
    said, log = ask(peer.port, trust, setting + "\nlegacy-until = 2001-01-01\nreason = a test\n")
    place = "policy.conf:%d: " % (setting.count("\n") + 5)  # of legacy-until
    t.ok(said == "ECONNREFUSED" and place in log, name + ": refused after its date",
         said + "\n" + log)


t.start(wire=False)
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0, says Python
good = certificate("good", 2048, "sha256")
sha1 = certificate("sha1", 2048, "sha1")
short = certificate("short", 1024, "sha256")
said, log = ask(Peer(*good[1:]).port, good[0], "")
t.is_(said, "end after hello", "a peer that needs no allowance")
allowance("sha1-certificates = allow", Peer(*sha1[1:]), sha1[0], "sha1-certificates = allow",
          "EACCES", "SHA-1")
for setting in ("minimum-strength = 80", "preset = legacy",
                "minimum-certificate = 80\nminimum-key-exchange = 80"):
    allowance(setting.replace("\n", ", "), Peer(*short[1:]), short[0], setting, "EACCES", "floor")
t.is_(ask(Peer(*short[1:]).port, short[0], "minimum-certificate = 80\n")[0], "EACCES",
      "minimum-certificate alone does not lower the key exchange's floor")
t.is_(ask(Peer(*short[1:]).port, short[0], "sha1-certificates = allow\ntruncation = allow\n")[0],
      "EACCES", "no allowance implies another")
allowance("truncation = allow", Peer(*good[1:], truncating=True), good[0], "truncation = allow",
          "ECONNRESET", "without close_notify")
t.finish()
