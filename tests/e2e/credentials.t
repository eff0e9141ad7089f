#!/usr/bin/python3
"""Certificates of every kind, on both sides: servers under tlshim with RSA, ECDSA and DSA keys for
clients by OpenSSL and GnuTLS, clients under tlshim for OpenSSL's s_server, and client certificates
asked for, demanded, missing, untrusted and made for something else."""

import os
import socket
import ssl
import subprocess
import sys
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
LINE = t.MARKER + b" 0123456789\n"
TIMEOUT = 20  # seconds, of every single step

# Echoes one line per connection, on each port of its command line.
SERVER = """
import select, socket, sys
listeners = [socket.create_server(('127.0.0.1', int(p)), backlog=16) for p in sys.argv[1:]]
while True:
    for l in select.select(listeners, [], [])[0]:
        s, _ = l.accept()
        with s:
            s.settimeout(10)
            try:
                data = b''
                while not data.endswith(b'\\n'):
                    more = s.recv(1000)
                    if not more:
                        break
                    data += more
                s.sendall(data)
            except OSError:
                pass
"""

# Sends a line, says what comes back.
CLIENT = """
import errno, os, socket, sys
try:
    s = socket.create_connection(('localhost', int(sys.argv[1])), timeout=10)
    s.sendall(os.environ['TLSTEST_MARKER'].encode() + b' 0123456789\\n')
    data = b''
    while not data.endswith(b'\\n'):
        more = s.recv(1000)
        if not more:
            break
        data += more
    print(data.decode().strip())
except OSError as e:
    print(errno.errorcode.get(e.errno, e))
"""


# ---- certificates ----


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL, timeout=120,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Credential:
    """A certificate and its key."""

    def __init__(self, name, key, purpose, issuer=None):
        self.cert, self.key = t.tmp(name + ".pem"), t.tmp(name + ".key")
        if os.path.exists(key):  # parameters of DSA
            openssl("genpkey", "-paramfile", key, "-out", self.key)
        elif key.startswith("P-"):
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + key, "-out",
                    self.key)
        else:
            openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:" + key, "-out",
                    self.key)
        os.chmod(self.key, 0o600)
        signer = ["-CA", issuer.cert, "-CAkey", issuer.key] if issuer else []
        use = (["-addext", "keyUsage=critical,digitalSignature,keyEncipherment", "-addext",
                "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=" + purpose,
                "-addext", "subjectAltName=DNS:localhost"] if issuer else
               ["-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                "keyUsage=critical,keyCertSign"])
        openssl("req", "-config", CONFIG, "-x509", "-new", "-key", self.key, "-sha256", "-days",
                "30", "-subj", "/CN=" + name, "-out", self.cert, *signer, *use)


def make_credentials():
    with open(CONFIG, "w") as f:
        f.write("[req]\ndistinguished_name = any\n[any]\n")
    dsa = t.tmp("dsa.param")
    openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:2048",
            "-pkeyopt", "dsa_paramgen_q_bits:256", "-out", dsa)
    made = {"ca": Credential("ca", "2048", ""), "other-ca": Credential("other-ca", "2048", "")}
    kinds = {"rsa": "2048", "p256": "P-256", "p384": "P-384", "p521": "P-521", "dsa": dsa}
    for name, key in kinds.items():
        made[name] = Credential(name, key, "serverAuth", made["ca"])
        made["client-" + name] = Credential("client-" + name, key, "clientAuth", made["ca"])
    made["untrusted"] = Credential("untrusted", "2048", "clientAuth", made["other-ca"])
    return made


# ---- a server under tlshim ----

# Rules by name: which certificates, and what is asked of clients.
RULES = {"rsa": ["rsa"], "p256": ["p256"], "p384": ["p384"], "p521": ["p521"], "dsa": ["dsa"],
         "group": ["rsa"], "both": ["rsa", "p256"], "request": ["rsa", "p256"], "require": ["rsa", "p256"]}


def server_policy(ports):
    text = ""
    for name, kinds in RULES.items():
        text += "[server %s]\nlisten = *:%d\ncertificate = %s\nkey = %s\n" % (
            name, ports[name], " ".join(made[k].cert for k in kinds),
            " ".join(made[k].key for k in kinds))
        if name in ("request", "require"):
            text += "client-certificate = %s\nclient-trust = %s\n" % (name, made["ca"].cert)
        if name == "group":
            text += "dh-parameters = %s\nminimum-key-exchange = 80\n" % GROUP
    return text


def ask_openssl(port, suites, shown=None):
    """The suite and the echo, or the alert's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(suites + ":@SECLEVEL=0")
    context.load_verify_locations(made["ca"].cert)
    if shown:
        context.load_cert_chain(made[shown].cert, made[shown].key)
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as sock:
        try:
            with context.wrap_socket(sock, server_hostname="localhost") as s:
                s.sendall(LINE)
                return s.cipher()[0] if t.receive_all(s, len(LINE)) == LINE else "another answer"
        except ssl.SSLError as e:
            return e.reason or str(e)


def ask_gnutls(port, exchange):
    """What is wrong, or None."""
    more = ":+DHE-DSS:+SIGN-DSA-SHA1" if exchange == "DHE-DSS" else ":+" + exchange
    done = t.run(["gnutls-cli", "--x509cafile", made["ca"].cert, "--priority",
                  "NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL" + more +
                  ":%VERIFY_ALLOW_SIGN_WITH_SHA1", "-p", str(port), "localhost"],
                 stdin=LINE, timeout=TIMEOUT, env=t.environment())
    good = done.status == 0 and LINE in done.out and b"(TLS1.0-X.509)" in done.out
    return None if good else str(done)


# (rule, suites that the client offers, the one that must come of it)
SERVED = [
    ("rsa", "ECDHE-RSA-AES128-SHA", None), ("rsa", "ECDHE-RSA-AES256-SHA", None),
    ("rsa", "DHE-RSA-AES128-SHA", None), ("rsa", "DHE-RSA-CAMELLIA256-SHA", None),
    ("rsa", "AES128-SHA", None), ("rsa", "CAMELLIA128-SHA", None),
    ("rsa", "AES128-SHA:DHE-RSA-AES128-SHA:ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"),
    ("rsa", "AES128-SHA:DHE-RSA-AES128-SHA", "DHE-RSA-AES128-SHA"),
    ("rsa", "ECDHE-ECDSA-AES128-SHA", "SSLV3_ALERT_HANDSHAKE_FAILURE"),
    ("rsa", "ADH-AES128-SHA", "SSLV3_ALERT_HANDSHAKE_FAILURE"),
    ("p256", "ECDHE-ECDSA-AES128-SHA", None), ("p256", "ECDHE-ECDSA-AES256-SHA", None),
    ("p256", "ECDHE-RSA-AES128-SHA:AES128-SHA", "SSLV3_ALERT_HANDSHAKE_FAILURE"),
    ("p384", "ECDHE-ECDSA-AES128-SHA", None), ("p521", "ECDHE-ECDSA-AES256-SHA", None),
    ("dsa", "DHE-DSS-AES128-SHA", None), ("dsa", "DHE-DSS-CAMELLIA256-SHA", None),
    ("both", "ECDHE-ECDSA-AES128-SHA", None), ("both", "ECDHE-RSA-AES128-SHA", None),
    ("both", "DHE-RSA-AES256-SHA", None), ("both", "AES256-SHA", None),
]
GNUTLS = [("rsa", "ECDHE-RSA"), ("rsa", "DHE-RSA"), ("rsa", "RSA"), ("p256", "ECDHE-ECDSA"),
          ("p384", "ECDHE-ECDSA"), ("dsa", "DHE-DSS"), ("both", "ECDHE-ECDSA"),
          ("both", "DHE-RSA")]
REFUSED_CA, REFUSED_KIND = "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"
# (rule, certificate of the client, the alert; None: it is let in)
CLIENTS = [(rule, "client-" + kind, None) for rule in ("request", "require")
           for kind in ("rsa", "p256", "p384", "p521", "dsa")] + [
    ("request", None, None), ("require", None, "SSLV3_ALERT_HANDSHAKE_FAILURE"),
    ("request", "untrusted", REFUSED_CA), ("require", "untrusted", REFUSED_CA),
    ("request", "p256", "ALERT"), ("require", "rsa", "ALERT"),  # certificates of servers
    ("rsa", "untrusted", None),  # nobody is asked
]


def temporary_key(port):
    """The group that the server uses, in openssl's words."""
    done = t.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1", "-cipher",
                  "DHE-RSA-AES128-SHA:@SECLEVEL=0"], stdin=LINE, timeout=TIMEOUT)
    lines = [line for line in done.out.decode().splitlines() if "Temp Key" in line]
    return lines[0] if lines else str(done)


def log_has(log, *words):
    """One line with all of them."""
    return any(all(w in line for w in words) for line in t.read_text(log).splitlines())


def servers():
    ports = {name: t.free_port() for name in RULES}
    log = t.tmp("server.log")
    policy = t.policy_file("server.conf", server_policy(ports))
    argv = [LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", SERVER, *map(str, ports.values())]
    with t.Server(argv, list(ports.values())[-1], t.tmp("server.out"), env=t.environment(log)):
        for rule, offered, want in SERVED:
            t.is_(ask_openssl(ports[rule], offered), want or offered,
                  "server %s, OpenSSL offers %s" % (rule, offered))
        t.is_(temporary_key(ports["group"]), "Server Temp Key: DH, 1536 bits", "dh-parameters")
        t.is_(temporary_key(ports["rsa"]), "Server Temp Key: DH, 2048 bits", "no dh-parameters")
        for rule, exchange in GNUTLS:
            t.subtest("server %s, GnuTLS by %s" % (rule, exchange), ask_gnutls, ports[rule],
                      exchange)
        for rule, shown, alert in CLIENTS:
            for suites in ("ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-SHA", "AES128-SHA"):
                if rule == "rsa" and "ECDSA" in suites:
                    continue
                got = ask_openssl(ports[rule], suites, shown)
                want = alert or suites
                t.ok(want in got, "%s, client shows %s, %s: %s" % (rule, shown, suites, want), got)
        t.ok(log_has(log, "[server require]", "error"), "the log tells of clients turned away",
             t.read_text(log))


# ---- a client under tlshim ----

# (server's certificate, suite)
PEERS = [("rsa", "ECDHE-RSA-AES128-SHA"), ("rsa", "DHE-RSA-AES256-SHA"), ("rsa", "AES128-SHA"),
         ("rsa", "DHE-RSA-CAMELLIA128-SHA"), ("p256", "ECDHE-ECDSA-AES128-SHA"),
         ("p384", "ECDHE-ECDSA-AES256-SHA"), ("p521", "ECDHE-ECDSA-AES128-SHA"),
         ("dsa", "DHE-DSS-AES128-SHA")]


def peer(kind, suites, *more):
    """OpenSSL's server, which sends lines back to front."""
    port = t.free_port()
    return t.Server(["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-rev", "-tls1",
                     "-cipher", suites + ":@SECLEVEL=0", "-cert", made[kind].cert, "-key",
                     made[kind].key, *more], port, t.tmp("peer.log"), env=t.environment())


def ask(port, settings=""):
    """What the client says and its log."""
    log = t.tmp("client.log")
    if os.path.exists(log):
        os.remove(log)
    policy = t.policy_file("client.conf", "[client c]\nconnect = *:%d\ntrust = %s\n%s" %
                           (port, made["ca"].cert, settings))
    done = t.run([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", CLIENT, str(port)],
                 env=t.environment(log), timeout=TIMEOUT)
    return done.out.decode().strip(), t.read_text(log) + done.err.decode()


ECHO = LINE.decode().strip()[::-1]


def iana(alias):
    """The name in the log."""
    exchange, _, cipher = alias.rpartition("AES") if "AES" in alias else \
        alias.rpartition("CAMELLIA")
    exchange = exchange.strip("-").replace("-", "_") or "RSA"
    return "TLS_%s_WITH_%s_%s_CBC_SHA" % (exchange, "AES" if "AES" in alias else "CAMELLIA",
                                          cipher.split("-")[0])


def clients():
    for kind, suite in PEERS:
        with peer(kind, suite) as running:
            said, log = ask(running.port)
            t.ok(said == ECHO and iana(suite) in log, "client, s_server with %s, %s" %
                 (kind, suite), said + "\n" + log)
    with peer("rsa", "ALL") as running:
        said, log = ask(running.port)
        t.ok(said == ECHO and "TLS_ECDHE_RSA_" in log, "forward secrecy comes first",
             said + "\n" + log)
        said, log = ask(running.port, "preset = future\nminimum-strength = 112\n")
        t.ok(said == ECHO and "TLS_RSA_" in log, "no handshake signature: by RSA",
             said + "\n" + log)
    with peer("rsa", "DHE-RSA-AES128-SHA", "-dhparam", GROUP) as running:
        said, log = ask(running.port)
        t.ok(said != ECHO and "1536 bits, and at least 2048" in log and "minimum-dh" in log,
             "a group of 1536 bits is refused, with the remedy", said + "\n" + log)
        said, log = ask(running.port, "minimum-key-exchange = 80\n")
        t.is_(said, ECHO, "minimum-key-exchange = 80 takes it")


def anonymous():
    port = t.free_port()
    with t.Server(["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-rev", "-tls1",
                   "-cipher", "ADH-AES256-SHA:AECDH-AES128-SHA:@SECLEVEL=0", "-nocert"], port,
                  t.tmp("anonymous.log"), env=t.environment()):
        said, log = ask(port)
        t.ok(said != ECHO, "a server without certificate is refused", said + log)
        for suite in ("ADH-AES256-SHA", "AECDH-AES128-SHA"):
            said, log = ask(port, "minimum-certificate = 0\nsuites = %s\n" % suite)
            t.is_(said, ECHO, suite + " is reached by a rule that names it")


def own(name):
    return "certificate = %s\nkey = %s\n" % (made[name].cert, made[name].key)


def client_certificates():
    demand = ["-CAfile", made["ca"].cert, "-verify_return_error", "-Verify", "1"]
    for kind, suites in (("rsa", "ECDHE-RSA-AES128-SHA"), ("p256", "ECDHE-ECDSA-AES128-SHA"),
                         ("rsa", "AES128-SHA")):
        with peer(kind, suites, *demand) as running:
            for shown in ("rsa", "p256", "p384", "p521", "dsa"):
                said, log = ask(running.port, own("client-" + shown))
                t.ok(said == ECHO, "s_server demands, %s, client shows %s" % (suites, shown),
                     said + "\n" + log + running.said()[-1000:])
            for what, settings in (("nothing", ""), ("one of another authority", own("untrusted")),
                                   ("one for servers", own("rsa"))):
                said, log = ask(running.port, settings)
                t.ok(said != ECHO and "error" in log,
                     "s_server demands, %s, client shows %s: refused" % (suites, what),
                     said + "\n" + log)
    with peer("rsa", "ECDHE-RSA-AES128-SHA", *demand[:-2], "-verify", "1") as running:
        for what, settings in (("nothing", ""), ("a certificate", own("client-rsa")),
                               ("nothing, having none that fits", own("untrusted"))):
            said, log = ask(running.port, settings)
            t.ok(said == ECHO, "s_server asks, client shows " + what, said + "\n" + log)


def both_covered():
    """tlshim on either side, every kind on both."""
    port = t.free_port()
    log = t.tmp("covered.log")
    policy = t.policy_file("covered.conf", """[server s]
listen = *:%d
certificate = %s %s %s
key = %s %s %s
client-certificate = require
client-trust = %s
""" % (port, *(made[k].cert for k in ("dsa", "p384", "rsa")),
       *(made[k].key for k in ("dsa", "p384", "rsa")), made["ca"].cert))
    with t.Server([LAUNCHER, "-p", policy, "--", t.PYTHON, "-c", SERVER, str(port)], port,
                  t.tmp("covered.out"), env=t.environment(log)):
        for suite in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "DHE-DSS-DES-CBC3-SHA",
                      "DHE-RSA-DES-CBC3-SHA", "DES-CBC3-SHA"):
            for shown in ("rsa", "p256", "dsa"):
                said, told = ask(port, own("client-" + shown) + "suites = %s\n" % suite)
                t.is_(said, LINE.decode().strip(), "both covered, %s, client shows %s" %
                      (suite, shown)) or t.diag(told + t.read_text(log))
        t.ok(ask(port)[0] != LINE.decode().strip(), "both covered, client shows nothing: refused")


t.start()
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0, says Python
CONFIG = t.tmp("openssl.cnf")
GROUP = t.tmp("modp1536.pem")
openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:modp_1536", "-out", GROUP)
made = make_credentials()
servers()
clients()
anonymous()
client_certificates()
both_covered()
t.finish(moved=100 * len(LINE))
