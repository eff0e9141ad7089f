#!/usr/bin/python3
"""Each allowance: a peer that needs it is refused without it, accepted with it, refused again after
its date. The peers are OpenSSL's s_server and a server of Python's. The sources say what allowances
there are; one without a case here fails."""

import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")

# Sends a line, ends if it is told to, and reads to the end.
CLIENT = """
import errno, socket, sys
try:
    s = socket.create_connection(('localhost', int(sys.argv[1])), timeout=20)
    s.sendall(b'hello\\n')
    if sys.argv[2] == 'ends':
        s.shutdown(socket.SHUT_WR)
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


def certificate(name, bits, digest, subject=None):
    """Of its own authority, both with the same strength: (roots, certificate, key). subject: the
    only name that it has."""
    def openssl(*args):
        subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    paths = [t.tmp(name + "-" + part) for part in ("ca.pem", "ca.key", "leaf.pem", "leaf.key")]
    ca, ca_key, leaf, leaf_key = paths
    openssl("req", "-x509", "-newkey", "rsa:%d" % bits, "-nodes", "-keyout", ca_key, "-out", ca,
            "-" + digest, "-days", "90", "-subj", "/CN=authority of " + name, "-addext",
            "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", "-x509", "-newkey", "rsa:%d" % bits, "-nodes", "-keyout", leaf_key, "-out", leaf,
            "-" + digest, "-days", "90", "-subj", "/CN=" + (subject or name), "-CA", ca,
            "-CAkey", ca_key,
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext",
            "keyUsage=critical,keyEncipherment,digitalSignature",
            *(() if subject else ("-addext", "subjectAltName=DNS:localhost")))
    return ca, leaf, leaf_key


# Answers lines.
SERVER = """
import socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=16)
while True:
    s, _ = listener.accept()
    try:
        s.settimeout(20)
        for line in s.makefile('rb'):
            s.sendall(b'got ' + line)
    except OSError:
        pass
    s.close()
"""


# Sends a line back and ends.
ECHO = """
import socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=16)
while True:
    s, _ = listener.accept()
    try:
        s.settimeout(20)
        s.sendall(s.makefile('rb').readline())
    except OSError:
        pass
    s.close()
"""


class Peer(threading.Thread):
    """A TLS 1.0 server that answers one line and ends; truncating: without close_notify;
    impatient: only when the line comes in one record; dh: by this group."""

    def __init__(self, leaf, key, truncating=False, impatient=False, dh=None):
        super().__init__(daemon=True)
        self.impatient = impatient
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = self.context.maximum_version = ssl.TLSVersion.TLSv1
        self.context.set_ciphers(("DHE-RSA-" if dh else "") + "AES128-SHA:@SECLEVEL=0")
        self.context.load_cert_chain(leaf, key)
        if dh:
            self.context.load_dh_params(dh)
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
                        if line and self.impatient:
                            raise OSError("half a line")
                        line += tls.recv(100)
                    tls.sendall(line)
                    if self.truncating:
                        os.close(tls.detach())
                    else:
                        tls.unwrap().close()
            except OSError:  # ssl.SSLError is one
                s.close()


class Choking(threading.Thread):
    """In front of a peer: takes only a ClientHello that has no extensions."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.target, self.listener = peer.port, socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        self.start()

    @staticmethod
    def has_extensions(hello):
        at = 5 + 4 + 2 + 32  # record, message, version, random
        at += 1 + hello[at]
        at += 2 + int.from_bytes(hello[at:at + 2], "big")
        at += 1 + hello[at]
        return at < len(hello)

    @staticmethod
    def carry(source, sink):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def run(self):
        while True:
            s, _ = self.listener.accept()
            s.settimeout(20)
            hello = s.recv(65536)
            if self.has_extensions(hello):
                s.close()
                continue
            peer = socket.create_connection(("127.0.0.1", self.target), timeout=20)
            peer.sendall(hello)
            threading.Thread(target=self.carry, args=(peer, s), daemon=True).start()
            threading.Thread(target=self.carry, args=(s, peer), daemon=True).start()


def without_rfc5746(leaf, key):
    """GnuTLS with what cures renegotiation switched off."""
    port = t.free_port()
    server = t.Server(["gnutls-serv", "-p", str(port), "--x509certfile", leaf, "--x509keyfile", key,
                       "--echo", "-q", "--disable-client-cert", "--priority",
                       "NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+RSA:%DISABLE_SAFE_RENEGOTIATION"],
                      port, t.tmp("gnutls-serv.log"))
    return server


def ask(port, trust, settings, ends="stays", **variables):
    """What the client says, and the log."""
    log = t.tmp("log")
    if os.path.exists(log):
        os.remove(log)
    policy = t.policy_file("policy.conf", "[client c]\nconnect = *:%d\ntrust = %s\n%s" %
                           (port, trust, settings))
    done = t.run([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", CLIENT, str(port), ends],
                 env=t.environment(log, **variables))
    return done.out.decode().strip(), t.read_text(log) + done.err.decode()


tried = set()  # the keys that have had a case


def note(setting):
    tried.update(line.partition(" =")[0] for line in setting.split("\n"))


def every_allowance():
    """The keys that policy_is_allowance knows, and the floors that tlshim check warns of."""
    with open(os.path.join(t.ROOT, "policy", "policy_choices.c")) as f:
        words = re.findall(r"\{POLICY_KEY_(\w+), \w+, SETTING\([\w.]+\), (?:true|false)\}", f.read())
    with open(os.path.join(t.ROOT, "shim", "cli", "warnings.c")) as f:
        floors = re.findall(r"\(key == POLICY_KEY_(\w+) &&", f.read())
    t.ok(len(words) >= 9 and len(floors) >= 4, "the sources' tables are understood", words + floors)
    return {key.lower().replace("_", "-") for key in words + floors}


def allowance(name, peer, trust, setting, refused, words, *ends):
    """refused: what the program sees without it; words: in the log line."""
    note(setting)
    said, log = ask(peer.port, trust, "", *ends)
    t.ok(said == refused and words in log, name + ": refused without it", said + "\n" + log)
    said, log = ask(peer.port, trust, setting + "\n", *ends)
    t.is_(said, "end after hello", name + ": accepted with it")
    said, log = ask(peer.port, trust, setting + "\nlegacy-until = 2999-12-31\n", *ends)
    t.is_(said, "end after hello", name + ": accepted before its date")
    said, log = ask(peer.port, trust, setting + "\nlegacy-until = 2001-01-01\nreason = a test\n",
                    *ends)
    place = "policy.conf:%d: " % (setting.count("\n") + 5)  # of legacy-until
    t.ok(said == "ECONNREFUSED" and place in log, name + ": refused after its date",
         said + "\n" + log)


def served(name, setting, attempt):
    """The same for what a server allows; attempt(port): is the client served?"""
    def outcome(more):
        port = t.free_port()
        policy = t.policy_file("server.conf", "[server s]\nlisten = *:%d\ncertificate = %s\n"
                               "key = %s\n%s" % (port, good[1], good[2], more))
        with t.Server([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", SERVER, str(port)], port,
                      t.tmp("server.log"), env=t.environment()):
            return attempt(port)

    note(setting)
    t.is_(outcome(""), False, name + ": refused without it")
    t.is_(outcome(setting + "\n"), True, name + ": accepted with it")
    t.is_(outcome(setting + "\nlegacy-until = 2999-12-31\n"), True,
          name + ": accepted before its date")
    t.is_(outcome(setting + "\nlegacy-until = 2001-01-01\n"), False,
          name + ": refused after its date")


def covered(settings):
    """The line server under tlshim, as somebody else's peer."""
    port = t.free_port()
    policy = t.policy_file("covered.conf", "[server s]\nlisten = *:%d\ncertificate = %s\nkey = %s\n%s" %
                           (port, good[1], good[2], settings))
    return t.Server([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", ECHO, str(port)], port,
                    t.tmp("covered.log"), env=t.environment())


def keylog():
    """No peer needs it: who does is the person who reads SSLKEYLOGFILE."""
    secrets = t.tmp("secrets")
    peer = Peer(*good[1:])

    def outcome(settings):
        if os.path.exists(secrets):
            os.remove(secrets)
        said, log = ask(peer.port, good[0], settings, SSLKEYLOGFILE=secrets)
        return said, t.read_text(secrets).count("CLIENT_RANDOM ") if os.path.exists(secrets) else 0

    note("keylog = allow")
    t.is_(outcome(""), ("end after hello", 0), "keylog = allow: nothing is written without it")
    for until, what in (("", "with it"), ("legacy-until = 2999-12-31\n", "before its date")):
        t.is_(outcome("keylog = allow\n" + until), ("end after hello", 1),
              "keylog = allow: a line is written " + what)
    t.is_(outcome("keylog = allow\nlegacy-until = 2001-01-01\n"), ("ECONNREFUSED", 0),
          "keylog = allow: refused after its date")


def hello_of_ssl2(port):
    """RFC 2246 appendix E: a ClientHello in the format of SSL 2.0 that offers TLS 1.0."""
    suites, challenge = b"\0\0\x2f\0\0\x35", b"c" * 32
    lengths = struct.pack(">HHH", len(suites), 0, len(challenge))
    body = b"\x01\x03\x01" + lengths + suites + challenge
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        try:
            s.sendall(struct.pack(">H", 0x8000 | len(body)) + body)
            return s.recv(1) == b"\x16"
        except ConnectionError:
            return False


def renegotiates(port):
    """OpenSSL's client, which begins another handshake in the middle and gives up without it."""
    client = t.start_program(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1", "-cipher",
         "AES128-SHA:@SECLEVEL=0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, bufsize=0)

    def say(text, *answers):
        try:
            client.stdin.write(text)
        except BrokenPipeError:
            return False
        for line in iter(client.stdout.readline, b""):
            if line.startswith(answers):
                return True
        return False

    good = say(b"hello\n", b"got hello") and say(b"R\n", b"RENEGOTIATING") and \
        say(b"again\n", b"got again")
    client.terminate()
    client.wait(20)
    client.stdin.close()
    client.stdout.close()
    return good


t.start(wire=False)
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0, says Python
good = certificate("good", 2048, "sha256")
os.chmod(good[2], 0o600)
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
allowance("record-splitting = off", Peer(*good[1:], impatient=True), good[0],
          "record-splitting = off", "ECONNRESET", "")
group = t.tmp("dh1024.pem")
subprocess.run(["openssl", "dhparam", "-dsaparam", "-out", group, "1024"], check=True,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
allowance("minimum-dh = 1024", Peer(*good[1:], dh=group), good[0], "minimum-dh = 1024", "EPROTO",
          "minimum-dh")
allowance("extensions = omit", Choking(Peer(*good[1:])), good[0], "extensions = omit",
          "ECONNRESET", "extensions = omit")
with without_rfc5746(*good[1:]) as peer:
    allowance("renegotiation-info = optional", peer, good[0], "renegotiation-info = optional",
              "EPROTO", "renegotiation-info = optional", "ends")
nameless = certificate("nameless", 2048, "sha256", "localhost")
allowance("common-name = allow", Peer(*nameless[1:]), nameless[0], "common-name = allow", "EACCES",
          "common-name")
des = "minimum-cipher = 56"
with covered(des + "\nsuites = TLS_RSA_WITH_DES_CBC_SHA\n") as peer:
    allowance(des, peer, good[0], des, "ECONNRESET", "handshake_failure")
keylog()
served("sslv2-hello = allow", "sslv2-hello = allow", hello_of_ssl2)
served("renegotiation = allow", "renegotiation = allow", renegotiates)
t.is_(sorted(every_allowance() - tried), [], "every allowance has had its case")
t.finish()
