#!/usr/bin/python3
"""Settings about sessions, judged by OpenSSL and GnuTLS: tickets, a farm of servers, caches,
pre-shared keys, groups, ALPN, the log of keys."""

import os
import re
import socket
import ssl
import sys
import threading
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
PSK, OTHER_PSK = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"
GNUTLS_PSK = "NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+PSK"

# Answers each connection's first line; WORKERS processes accept from one listener.
SERVER = """
import os, socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=16)
for _ in range(int(sys.argv[2]) - 1):
    if os.fork() == 0:
        break
while True:
    s, _ = listener.accept()
    try:
        s.settimeout(20)
        line = b''
        while not line.endswith(b'\\n'):
            more = s.recv(100)
            if not more:
                break
            line += more
        s.sendall(b'got ' + line + b'by %d\\n' % os.getpid())
    except OSError:
        pass
    s.close()
"""

# Connects so many times, one after the other.
CLIENT = """
import errno, socket, sys
for _ in range(int(sys.argv[2])):
    try:
        s = socket.create_connection(('localhost', int(sys.argv[1])), timeout=20)
        s.sendall(b'hello\\n')
        print(s.recv(100).decode().strip())
        s.close()
    except OSError as e:
        print(errno.errorcode.get(e.errno, e))
"""


def private(name, text):
    path = t.tmp(name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


def ticket_key():
    return os.urandom(80).hex() + "\n"


class Covered(t.Server):
    """A covered server under a rule of these settings."""
    count = 0

    def __init__(self, settings, defaults="", name="s", workers=1, certificate=True, **environment):
        Covered.count += 1
        port = t.free_port()
        own = "certificate = %s\nkey = %s\n" % (pki.cert, pki.key) if certificate else ""
        policy = t.policy_file("server%d.conf" % Covered.count, "[defaults]\n%s[server %s]\n"
                               "listen = *:%d\n%s%s" % (defaults, name, port, own, settings))
        super().__init__([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", SERVER, str(port),
                          str(workers)], port, t.tmp("server%d.log" % Covered.count),
                         env=t.environment(**environment))

    def ask(self, *options):
        """The output of s_client, which says one line; without certificates."""
        done = t.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.port, "-tls1",
                      "-CAfile", pki.ca, "-ign_eof", "-cipher", "DEFAULT:@SECLEVEL=0"] +
                     list(options), stdin=b"hello\n")
        return re.sub("-----BEGIN.*?-----END", "", (done.out + done.err).decode(errors="replace"),
                      flags=re.S)


def was_reused(out):
    """None when the connection did not work at all."""
    return None if "got hello" not in out else "Reused, TLSv1" in out


def tickets():
    saved, by_id = t.tmp("session.pem"), t.tmp("id.pem")
    with Covered("") as server:
        first = server.ask("-sess_out", saved)
        t.ok(was_reused(first) is False and "session ticket:" in first, "a ticket is given", first)
        t.is_(was_reused(server.ask("-sess_in", saved)), True, "and taken")
        server.ask("-no_ticket", "-sess_out", by_id)
        t.is_(was_reused(server.ask("-no_ticket", "-sess_in", by_id)), True,
              "a client without tickets resumes by id")
    with Covered("tickets = off\n") as server:
        first = server.ask("-sess_out", saved)
        t.ok(was_reused(first) is False and "session ticket:" not in first,
             "tickets = off gives none", first)
        t.is_(was_reused(server.ask("-sess_in", saved)), True, "but resumes by id")
    with Covered("cache-age = 0\n") as server:
        first = server.ask("-sess_out", saved)
        t.ok(was_reused(first) is False and "session ticket:" not in first,
             "cache-age = 0 gives no tickets", first)
        t.is_(was_reused(server.ask("-sess_in", saved)), False, "and resumes nothing")
    with Covered("tickets = off\n", defaults="cache-entries = 0\n") as server:
        server.ask("-sess_out", saved)
        t.is_(was_reused(server.ask("-sess_in", saved)), False, "cache-entries = 0 keeps nothing")
    with Covered("tickets = off\n", defaults="cache-bytes = 4K\n") as server:
        other = t.tmp("other.pem")
        server.ask("-sess_out", saved)
        server.ask("-sess_out", other)
        t.is_([was_reused(server.ask("-sess_in", f)) for f in (other, saved)], [True, False],
              "cache-bytes = 4K has room for one session, the newest")


def workers():
    """What one worker gave, every other takes."""
    for name, settings in (("ticket", ""), ("id", "tickets = off\n")):
        saved = t.tmp("worker.pem")
        with Covered(settings, workers=3) as server:
            server.ask("-sess_out", saved)
            outs = [server.ask("-sess_in", saved) for _ in range(8)]
            pids = set(re.findall(r"by (\d+)", "".join(outs)))
            t.is_([was_reused(o) for o in outs], [True] * 8,
                  "workers resume each other's sessions by " + name)
            t.ok(pids, "%d workers of 3 took part" % len(pids), outs)


def farm():
    """Two servers that share nothing but a file of keys."""
    saved, old, new = t.tmp("farm.pem"), ticket_key(), ticket_key()
    keys = private("ring.txt", "# of the farm\n" + old)
    rotated = private("rotated.txt", new + old)
    strange = private("strange.txt", new)
    with Covered("ticket-keys = %s\n" % keys) as one:
        one.ask("-sess_out", saved)
        t.is_(was_reused(one.ask("-sess_in", saved)), True, "a server takes its own ticket")
    for name, settings, rule, want in (
            ("a server with the same keys takes it", "ticket-keys = %s\n" % keys, "s", True),
            ("and one whose second key it is", "ticket-keys = %s\n" % rotated, "s", True),
            ("not one with other keys", "ticket-keys = %s\n" % strange, "s", False),
            ("not one that makes its own", "", "s", False),
            ("nor another rule", "ticket-keys = %s\n" % keys, "t", False),
            ("nor one whose rule asks for more", "ticket-keys = %s\nminimum-cipher = 128\n" % keys,
             "s", False),
            ("one whose rule differs in what is nobody's business",
             "ticket-keys = %s\ntruncation = allow\nhandshake-timeout = 9\n" % keys, "s", True)):
        with Covered(settings, name=rule) as two:
            t.is_(was_reused(two.ask("-sess_in", saved)), want, name)


class Peer(threading.Thread):
    """A server of Python's that notes which of its sessions were resumed."""

    def __init__(self, tickets_on):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = self.context.maximum_version = ssl.TLSVersion.TLSv1
        self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.context.load_cert_chain(pki.cert, pki.key)
        if not tickets_on:
            self.context.options |= ssl.OP_NO_TICKET
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port, self.reused = self.listener.getsockname()[1], []
        self.start()

    def run(self):
        while True:
            s, _ = self.listener.accept()
            s.settimeout(20)
            try:
                with self.context.wrap_socket(s, server_side=True) as tls:
                    tls.recv(100)
                    self.reused.append(tls.session_reused)
                    tls.sendall(b"got it\n")
                    tls.unwrap().close()  # else OpenSSL forgets the session
            except OSError:
                s.close()


def connect(port, settings, times=1, **environment):
    """What a covered client says of its connections, and the log."""
    log = t.tmp("client.log")
    if os.path.exists(log):
        os.remove(log)
    policy = t.policy_file("client.conf", "[client c]\nconnect = *:%d\n%s" % (port, settings))
    done = t.run([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", CLIENT, str(port), str(times)],
                 env=t.environment(log, **environment))
    return done.out.decode().split("\n")[:-1], t.read_text(log) + done.err.decode()


def clients():
    trust = "trust = %s\n" % pki.ca
    for settings, tickets_on, want in (("", True, [False, True, True]),
                                       ("", False, [False, True, True]),
                                       ("tickets = off\n", True, [False, True, True]),
                                       ("cache-age = 0\n", True, [False, False, False])):
        peer = Peer(tickets_on)
        said, log = connect(peer.port, trust + settings, 3)
        t.is_((said, peer.reused), (["got it"] * 3, want), "a client with %s and a server %s" %
              (settings.strip() or "nothing special", "with tickets" if tickets_on else "without"))


def s_server(*options):
    port = t.free_port()
    return t.Server(["openssl", "s_server", "-accept", str(port), "-tls1", "-cipher",
                     "ALL:@SECLEVEL=0", "-rev"] + list(options), port, t.tmp("s_server.log"))


def pre_shared():
    keys = private("psk.txt", "# two\nme:%s\nyou:%s\n" % (PSK, OTHER_PSK))
    with Covered("psk-file = %s\n" % keys, certificate=False) as server:
        for suite in ("PSK-AES128-CBC-SHA", "DHE-PSK-AES256-CBC-SHA", "ECDHE-PSK-AES128-CBC-SHA"):
            out = server.ask("-psk_identity", "me", "-psk", PSK, "-cipher", suite + ":@SECLEVEL=0")
            t.ok("got hello" in out and "Cipher is " + suite in out, "server, OpenSSL: " + suite,
                 out)
        for what, options in (("a wrong key", ("-psk_identity", "me", "-psk", OTHER_PSK)),
                              ("a stranger", ("-psk_identity", "nobody", "-psk", PSK)),
                              ("a client without a key", ())):
            out = server.ask("-cipher", "ALL:PSK:@SECLEVEL=0", *options)
            t.ok("got hello" not in out, "server: %s is refused" % what, out)
        done = t.run(["gnutls-cli", "-p", str(server.port), "127.0.0.1", "--pskusername", "you",
                      "--pskkey", OTHER_PSK, "--priority", GNUTLS_PSK], stdin=b"hello\n")
        t.ok(b"got hello" in done.out, "server, GnuTLS", done)
    with Covered("psk-file = %s\npsk-identity = you\n" % keys) as server:
        out = server.ask("-psk_identity", "me", "-psk", PSK, "-cipher", "PSK:@SECLEVEL=0")
        t.ok("got hello" not in out, "psk-identity: others are not let in", out)
        out = server.ask("-psk_identity", "you", "-psk", OTHER_PSK, "-cipher", "PSK:@SECLEVEL=0")
        t.ok("got hello" in out, "and who is named is", out)
        out = server.ask("-psk_identity", "you", "-psk", OTHER_PSK, "-cipher",
                         "RSA-PSK-AES128-CBC-SHA:@SECLEVEL=0")
        t.ok("got hello" in out, "with a certificate besides: RSA_PSK", out)
        t.ok("got hello" in server.ask(), "and clients that have no key come by the certificate")
    with s_server("-nocert", "-psk", PSK) as server:
        settings = "psk-file = %s\npsk-identity = me\n" % keys
        said, log = connect(server.port, settings)
        t.ok(said == ["olleh"] and "ECDHE_PSK" in log, "client, OpenSSL", "%s\n%s" % (said, log))
        said, log = connect(server.port, "psk-file = %s\npsk-identity = you\n" % keys)
        t.ok(said == ["ECONNRESET"] or said == ["EPROTO"], "client: a wrong key fails",
             "%s\n%s" % (said, log))
        said, log = connect(server.port, "psk-file = %s\n" % keys)
        t.ok(not said and "there are 2 keys in it" in log, "client: which key, of several", log)
    os.chmod(keys, 0o640)
    said, log = connect(1, "psk-file = %s\npsk-identity = me\n" % keys)
    t.ok(not said and "chmod 600" in log, "a file that others may read is refused", log)


def protocols():
    with Covered("alpn = imap http/1.1\n") as server:
        out = server.ask("-alpn", "h2,http/1.1,imap")
        t.ok("got hello" in out and "ALPN protocol: imap" in out, "alpn: the server's first", out)
        out = server.ask("-alpn", "h2")
        t.ok("got hello" not in out and "no application protocol" in out, "alpn: none in common",
             out)
        t.ok("got hello" in server.ask(), "alpn: a client that does not care")
    with s_server("-cert", pki.cert, "-key", pki.key, "-alpn", "http/1.1") as server:
        trust = "trust = %s\n" % pki.ca
        said, log = connect(server.port, trust + "alpn = h2 http/1.1\n")
        t.is_(said, ["olleh"], "alpn: a client offers its names")


def groups():
    with Covered("groups = P-384 P-256\nsuites = ECDHE-RSA-AES128-SHA\n") as server:
        out = server.ask()
        t.ok("got hello" in out and "secp384r1" in out, "groups: the server's first", out)
        out = server.ask("-groups", "X25519:P-256")
        t.ok("got hello" in out and "prime256v1" in out, "groups: else its second", out)
        t.ok("got hello" not in server.ask("-groups", "X25519"), "groups: and no other")
    with s_server("-cert", pki.cert, "-key", pki.key, "-groups", "X25519:P-521") as server:
        trust = "trust = %s\nsuites = ECDHE-RSA-AES128-SHA\n" % pki.ca
        t.is_(connect(server.port, trust)[0], ["olleh"], "groups: a client with all of them")
        t.is_(connect(server.port, trust + "groups = P-521\n")[0], ["olleh"], "and with one")
        said, log = connect(server.port, trust + "groups = P-256 P-384\n")
        t.ok(said != ["olleh"], "groups: a client has no others", log)


def keys_in_a_log():
    log, theirs = t.tmp("keys.log"), t.tmp("theirs.log")

    def lines(path):
        return sorted(line for line in t.read_text(path).split("\n") if "RANDOM" in line)

    with Covered("", SSLKEYLOGFILE=log) as server:
        server.ask()
        t.ok(not os.path.exists(log), "keylog: not without the rule's leave")
    with Covered("keylog = allow\n", SSLKEYLOGFILE=log) as server:
        saved = t.tmp("keylog.pem")
        for option in ("-sess_out", "-sess_in"):
            server.ask("-keylogfile", theirs, option, saved)
        t.ok(t.wait_until(lambda: len(lines(log)) == 2), "keylog: a line for each connection",
             t.read_text(log))
        t.is_(lines(log), lines(theirs), "keylog: what OpenSSL writes")
        t.is_(os.stat(log).st_mode & 0o7777, 0o600, "keylog: for nobody else to read")
        t.ok("secrets of connections are written to" in server.said(), "keylog: the log warns",
             server.said())
    for name, spoil in (("a link", lambda: os.symlink(t.tmp("elsewhere"), log)),
                        ("a file that others may read", lambda: os.close(
                            os.open(log, os.O_CREAT | os.O_WRONLY, 0o644)))):
        os.remove(log)
        spoil()
        peer = Peer(True)
        said, text = connect(peer.port, "trust = %s\nkeylog = allow\n" % pki.ca, SSLKEYLOGFILE=log)
        t.ok(said == ["got it"] and "no secrets are written to" in text and
             not t.read_text(log), "keylog: nothing goes into " + name, text)


t.start(wire=False)
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0, says Python
pki = t.Pki(t.tmp("pki"))
for part in (tickets, workers, farm, clients, pre_shared, protocols, groups, keys_in_a_log):
    part()
t.finish()
