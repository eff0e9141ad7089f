#!/usr/bin/python3
"""tlshim probe against OpenSSL, GnuTLS and peers that are old, intolerant, silent or hostile."""

import json
import os
import pty
import select
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")


def environment():
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TLSHIM_")}
    return dict(kept, SSL_CERT_FILE=pki.ca)


def probe(port, *options, host="localhost", env=None):
    return t.run([LAUNCHER, "probe", "--timeout", "60", *options, "%s:%d" % (host, port)],
                 env=env or environment())


def probed(port, *options, **more):
    done = probe(port, "--format", "json", *options, **more)
    return done.status, json.loads(done.out)


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def s_server(*options, cert=None, key=None):
    port = t.free_port()
    argv = ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-quiet", "-cert",
            cert or pki.cert, "-key", key or pki.key, *options]
    return t.Server(argv, port, t.tmp("s_server.log"),
                    env=dict(os.environ, OPENSSL_CONF=t.tmp("openssl.cnf")))


# ---- peers that are well ----

def modern():
    with s_server("-cipher", "ALL:@SECLEVEL=0") as peer:
        status, found = probed(peer.port)
        text = probe(peer.port)
    versions = {"SSL 3.0": False, "TLS 1.0": True, "TLS 1.1": True, "TLS 1.2": True,
                "TLS 1.3": True}
    t.is_((status, found["connects"], found["versions"]), (0, True, versions),
          "OpenSSL: connects, and speaks everything but SSL 3.0")
    names = [s["name"] for s in found["suites"]]
    t.ok(names[0] == "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA" and len(names) == len(set(names)) == 16,
         "its suites, each once", names)
    t.is_(found["groups"], ["x25519", "secp256r1", "secp384r1", "secp521r1", "x448"], "its groups")
    t.ok({"renegotiation_info", "encrypt_then_mac", "extended_master_secret", "session_ticket",
          "max_fragment_length"} <= set(found["extensions"]), "its extensions", found["extensions"])
    t.is_((found["resumes_by_id"], found["resumes_by_ticket"], found["server_order"],
           found["refuses_downgrades"], found["compresses"]), (True, True, False, True, False),
          "its habits")
    t.ok(found["certificates"][0]["names"].startswith("localhost server.test 127.0.0.1") and
         found["certificates"][0]["pin"] == pin_of(pki.cert) and found["trust_failure"] is None,
         "its certificate", found["certificates"])
    shown = text.out.decode()
    for line in (r"ClientHello        ----->                     offers TLS 1.0, 10 suites",
                 "                   <-----  ServerKeyExchange  x25519, signed by RSA",
                 "                   <-----  Finished           verified",
                 "  TLS_RSA_WITH_AES_128_CBC_SHA             128 bits",
                 "Versions     SSL 3.0 no, TLS 1.0 yes, TLS 1.1 yes, TLS 1.2 yes, TLS 1.3 yes",
                 "Resumption   by session id yes, by ticket yes",
                 "  it accepts suites without a certificate: anybody can stand between",
                 "Policy: none is given; the built-in settings would connect: TLS 1.0, "
                 "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"):
        t.ok("\n" + line in shown, "for people: " + line.strip(), shown)
    t.is_(text.err, b"", "no progress line without a terminal")


def pin_of(cert):
    done = subprocess.run("openssl x509 -in %s -pubkey -noout | openssl pkey -pubin -outform der | "
                          "openssl dgst -sha256 -binary | openssl base64" % cert, shell=True,
                          check=True, stdout=subprocess.PIPE)
    return "sha256//" + done.stdout.decode().strip()


def gnutls():
    port = t.free_port()
    argv = ["gnutls-serv", "--echo", "--port", str(port), "--x509certfile", pki.cert,
            "--x509keyfile", pki.key, "--disable-client-cert", "--priority",
            "NORMAL:-VERS-ALL:+VERS-TLS1.0:+3DES-CBC:%SERVER_PRECEDENCE"]
    with t.Server(argv, port, t.tmp("gnutls-serv.log")):
        status, found = probed(port)
    t.is_((status, found["handshake"]["established"], found["server_order"],
           [v for v, yes in found["versions"].items() if yes]), (0, True, True, ["TLS 1.0"]),
          "GnuTLS: connects under TLS 1.0 alone, by an order of its own")
    t.ok("it has nothing newer than TLS 1.0" in found["weaknesses"] and
         "it accepts ciphers with blocks of 64 bits (SWEET32)" in found["weaknesses"] and
         "it accepts suites without a certificate: anybody can stand between" not in
         found["weaknesses"], "its weaknesses", found["weaknesses"])


# ---- peers that need something ----

def old():
    """A certificate of 1024 bits by SHA-1 for another name, signed by nobody, and 3DES."""
    cert, key = t.tmp("old.pem"), t.tmp("old.key")
    openssl("req", "-x509", "-newkey", "rsa:1024", "-sha1", "-nodes", "-keyout", key, "-out", cert,
            "-days", "30", "-subj", "/CN=old", "-addext", "subjectAltName=DNS:old.test", "-addext",
            "basicConstraints=critical,CA:FALSE", "-addext",
            "keyUsage=critical,digitalSignature,keyEncipherment")
    with s_server("-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0", cert=cert, key=key) as peer:
        status, found = probed(peer.port)
        rule = probe(peer.port, "--rule")
        path = t.policy_file("old.conf", rule.out.decode())
        then, under = probed(peer.port, "-p", path)
    t.is_((status, found["connects"], found["handshake"]["established"]), (1, False, True),
          "an old server: it speaks TLS 1.0, and the built-in settings refuse it")
    t.is_({n["key"]: n["value"] for n in found["needs"]},
          {"trust": "pin-only", "verify-name": "old.test", "minimum-certificate": "80",
           "minimum-key-exchange": "80"}, "the keys that a rule for it needs")
    t.ok("the built-in settings would refuse: " in found["policy"], "and why it would not connect",
         found["policy"])
    t.ok(then == 0 and under["connects"], "and under that rule it is connected to", under["policy"])
    t.ok(rule.status == 0 and b"\npin = %s\n" % pin_of(cert).encode() in rule.out and
         b"\nverify-name = old.test  # " in rule.out and b"\nsuites = TLS_RSA_WITH_AES_128_CBC_SHA\n" in rule.out, "--rule prints one", rule)


def weak_exchange():
    dh = t.tmp("dh.pem")
    openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:modp_1536", "-out", dh)
    with s_server("-tls1", "-cipher", "DHE-RSA-AES128-SHA:AES128-SHA:@SECLEVEL=0", "-dhparam", dh,
                  "-serverpref") as peer:
        _, found = probed(peer.port)
    t.is_([s.get("exchange_bits") for s in found["suites"]], [1536, None],
          "a server that prefers a small group")
    t.ok(not found["connects"] and "suites = TLS_RSA_WITH_AES_128_CBC_SHA\n" in found["rule"] and
         "minimum-key-exchange = 112\n" in found["rule"], "the rule goes round the group", found)
    with s_server("-tls1", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0", "-dhparam", dh) as peer:
        rule = probe(peer.port, "--rule")
        status, found = probed(peer.port, "-p", t.policy_file("dh.conf", rule.out.decode()))
    t.ok(b"\nminimum-key-exchange = 80  # " in rule.out and b"\nminimum-dh = 1536\n" in rule.out and
         status == 0, "or takes it, and nothing smaller", "%s\n%s" % (rule, found["policy"]))


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def itself():
    """What `openssl req -x509` makes unless it is told better: a CA that is its own server."""
    cert, key = t.tmp("itself.pem"), t.tmp("itself.key")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days",
            "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:::1")
    port, host = t.free_port(), "[::1]" if has_ipv6() else "localhost"
    argv = ["openssl", "s_server", *(["-6"] if host == "[::1]" else []), "-accept", str(port), "-quiet", "-cert", cert,
            "-key", key, "-tls1", "-cipher", "ALL:@SECLEVEL=0"]
    with t.Server(argv, port, t.tmp("s_server.log")):
        status, found = probed(port, host=host)
        t.ok(status == 1 and found["connects"] is False and "signed by itself" in
             found["trust_failure"], "a certificate that is its own CA's", found)
        rule = probe(port, "--rule", host=host)
        status, found = probed(port, "-p", t.policy_file("itself.conf", rule.out.decode()),
                               host=host)
        t.ok(b"\ntrust = pin-only" in rule.out and status == 0, "its rule pins it",
             "%s\n%s" % (rule, found["policy"]))
        status, found = probed(port, "--trust", cert, host=host)
        t.is_((status, found["trust_failure"]), (0, None), "it is trusted when it is in `trust`")


def wants_certificate():
    with s_server("-tls1", "-cipher", "ALL:@SECLEVEL=0", "-Verify", "1") as peer:
        status, found = probed(peer.port)
    t.ok(status == 1 and found["wants_client_certificate"] and
         not found["handshake"]["established"] and len(found["suites"]) > 3,
         "a server that wants a certificate", found)


def rule_is_a_policy():
    """What --rule prints is accepted, and connects."""
    with s_server("-cipher", "ALL:@SECLEVEL=0") as peer:
        rule = probe(peer.port, "--rule", "--trust", pki.ca)
        path = t.tmp("rule.conf")
        with open(path, "wb") as f:
            f.write(rule.out)
        checked = t.run([LAUNCHER, "check", path], env=environment())
        status, found = probed(peer.port, "-p", path)
    t.ok(checked.status == 0, "the rule is a policy without warnings", checked)
    t.ok(status == 0 and found["policy"].startswith(path + ":2: [client localhost-%d] would connect"
                                                    % peer.port), "and connects", found["policy"])


def policies():
    with s_server("-tls1", "-cipher", "ALL:@SECLEVEL=0") as peer:
        for name, text, status, words in (
                ("deny", "[deny d]\nconnect = *:*\n", 1, ":1: [deny d] denies it"),
                ("plain", "[plain p]\nconnect = localhost:*\n", 1, ":1: [plain p] leaves it plain"),
                ("none", "[deny d]\nconnect = *:1\n", 1, "no rule matches, and unmatched = deny"),
                ("other trust", "[client c]\nconnect = 127.0.0.1:*\ntrust = %s\n" % pki.other_ca, 1,
                 ":1: [client c] would refuse: the chain leads to no trusted root")):
            path = t.policy_file("policy.conf", text)
            got, found = probed(peer.port, "-p", path)
            t.ok(got == status and words in found["policy"], "a policy: " + name, found["policy"])
        path = t.policy_file("policy.conf", "[client c]\nconnect = *:*\ntrust = /nowhere\n")
        done = probe(peer.port, "-p", path)
        t.ok(done.status == 125 and b"policy.conf:3:9: trust: /nowhere" in done.err,
             "a policy that is wrong", done)


# ---- peers that are not ----

class Peer:
    """Answers each connection by answer(socket, first bytes), in a thread."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.held = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        try:
            connection.settimeout(60)
            hello = connection.recv(4096)
            if hello:
                self.answer(self, connection, hello)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for connection in self.held:
            connection.close()


def hold(peer, connection, _):
    peer.held.append(connection)


def says(data):
    def answer(peer, connection, _):
        connection.sendall(data)
        connection.close()
    return answer


def drips(peer, connection, _):
    """A record's header, and then a byte now and then, for ever."""
    peer.held.append(connection)
    connection.sendall(b"\x16\x03\x01\x40\x00")
    stop = threading.Event()
    while True:
        connection.sendall(b"\x02")
        stop.wait(0.2)


def floods(peer, connection, _):
    while True:
        connection.sendall(b"\x16\x03\x01\x40\x00" + b"\x0b\xff\xff\xff" * 4096)


def broken():
    """(name, answer, words that must be said)"""
    alert = b"\x15\x03\x01\x00\x02\x02\x28"
    hello = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01" + bytes(32) + b"\x00\x00\x2f\x00"
    for name, answer, words in (("silent", hold, "it said nothing within the time limit"),
                                ("dripping", drips, "does not speak TLS 1.0")):
        with Peer(answer) as peer:
            done = probe(peer.port, "--timeout", "1")
            t.ok(done.status == 2 and words in done.out.decode(), "a peer: " + name, done)
    for name, answer, words in (
            ("flooding", floods, "does not speak TLS 1.0"),
            ("closing", lambda p, c, h: c.close(), "it closed the connection without a word"),
            ("plaintext", says(b"220 mail.test ESMTP\x1b[31m\r\n"),
             "what it sends begins with \"220 mail.test ESMTP\\x1b"),
            ("refusing", says(alert), "it refused with the alert handshake_failure (40)"),
            ("torn", says(hello[:20]), "does not speak TLS 1.0"),
            ("lying about lengths", says(b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01" +
                                         bytes(32) + b"\xff\x00\x2f\x00"),
             "it sent a malformed message")):
        with Peer(answer) as peer:
            done = probe(peer.port)
            t.ok(done.status == 2 and words in done.out.decode() and b"\x1b" not in done.out,
                 "a peer: " + name, done)
    with Peer(says(hello)) as peer:
        done = probe(peer.port)
        t.ok(done.status == 1 and b"The handshake failed: " in done.out and
             b"No rule will do: " in done.out, "a peer: that stops after ServerHello", done)
    for version in ("-tls1_2", "-tls1_3"):
        with s_server(version) as peer:
            done = probe(peer.port)
            t.ok(done.status == 2 and b"it refused with the alert protocol_version (70)" in done.out,
                 "a peer: that has only " + version, done)
    port = t.free_port()
    done = probe(port)
    t.ok(done.status == 2 and b"127.0.0.1:%d: Connection refused" % port in done.err, "no peer", done)
    done = probe(1, host="nowhere.invalid",
                 env=dict(environment(), RES_OPTIONS="timeout:1 attempts:1"))
    t.ok(done.status == 2 and b"nowhere.invalid: " in done.err, "no such name", done)


def through(accepts):
    """A server behind a filter that closes when a hello is not what it accepts."""
    with s_server("-tls1", "-cipher", "ALL:@SECLEVEL=0") as behind:
        def answer(_, connection, hello):
            if not accepts(hello):
                connection.close()
                return
            with socket.create_connection(("127.0.0.1", behind.port)) as other:
                other.sendall(hello)
                copy(connection, other)
            connection.close()
        with Peer(answer) as peer:
            return probed(peer.port)


def copy(a, b):
    while True:
        for s in select.select([a, b], [], [], 60)[0]:
            data = s.recv(65536)
            if not data:
                return
            (b if s is a else a).sendall(data)


def has_extensions(hello):
    at = 43 + 1 + hello[43]
    at += 2 + int.from_bytes(hello[at:at + 2], "big")
    return len(hello) > at + 1 + hello[at]


def intolerant():
    _, found = through(lambda hello: hello[9:11] <= b"\x03\x01")
    t.ok("it does not answer a ClientHello of a newer version" in found["weaknesses"] and
         found["connects"], "a peer that is intolerant of versions", found)
    _, found = through(lambda hello: not has_extensions(hello))
    t.ok("it does not answer a ClientHello with extensions" in found["weaknesses"] and
         {"key": "extensions", "value": "omit", "why": "it does not answer a hello with extensions"}
         in found["needs"] and len(found["suites"]) > 3, "a peer that is intolerant of extensions", found)
    _, found = through(lambda hello: len(hello) < 100)
    t.ok("it does not answer a ClientHello with many suites" in found["weaknesses"] and
         [s["name"] for s in found["suites"]] ==
         ["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA"],
         "a peer that is intolerant of long hellos", found)


# ---- the command ----

def progress():
    """On a terminal a line says what is asked, and is wiped at the end."""
    with s_server("-tls1", "-cipher", "ALL:@SECLEVEL=0") as peer:
        ours, theirs = pty.openpty()
        done = t.run([LAUNCHER, "probe", "localhost:%d" % peer.port], env=environment(),
                     stderr=theirs)
        os.close(theirs)
        said = b""
        try:
            while True:
                said += os.read(ours, 65536)
        except OSError:
            pass
        os.close(ours)
    t.ok(b"asking about cipher suites ..." in said and said.endswith(b"\r\x1b[K") and
         b"asking" not in done.out, "a progress line on a terminal", said)


def usage():
    for argv, words in ((["probe"], b"probe takes a HOST:PORT"),
                        (["probe", "a:1", "b:1"], b"probe takes one HOST:PORT"),
                        (["probe", "a"], b"probe: \"a\": "),
                        (["probe", "a:x"], b"PORT a number"),
                        (["probe", "--timeout", "0", "a:1"], b"--timeout is in seconds"),
                        (["probe", "--format", "xml", "a:1"], b"--format is text or json"),
                        (["probe", "--rul", "a:1"], b"did you mean --rule?")):
        done = t.run([LAUNCHER] + argv)
        t.ok(done.status == 125 and words in done.err, "usage: " + " ".join(argv), done)


t.start(wire=False)
pki = t.Pki(t.tmp("pki"))
with open(t.tmp("openssl.cnf"), "w") as f:  # or it loads no small group
    f.write("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
            "CipherString = ALL:@SECLEVEL=0\n")
modern()
gnutls()
old()
weak_exchange()
wants_certificate()
itself()
rule_is_a_policy()
policies()
broken()
intolerant()
progress()
usage()
t.finish()
