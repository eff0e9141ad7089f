#!/usr/bin/python3
"""What `tlshim explain` says is what the library does: random policies and connections, judged by
the first byte on the wire; random settings of a server and of a client, judged by what OpenSSL is
answered and asked. TLSTEST_SEED begins elsewhere, POLICIES does more (make soak)."""

import json
import os
import random
import re
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
PYTHON = os.path.realpath("/usr/bin/python3")
HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.1.1", "127.1.0.1", "localhost"]
POLICIES, QUESTIONS = int(os.environ.get("POLICIES", "40")), 10

# Connects to each HOST:PORT of its command line; says from which port, or that it was refused.
CLIENT = """
import socket, sys
for word in sys.argv[1:]:
    host, port = word.split(':')
    address = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_STREAM)[0][4]
    s = socket.socket()
    s.settimeout(10)
    try:
        s.connect(address)
    except ConnectionRefusedError:
        print('refused', flush=True)
        continue
    except OSError:
        pass  # the recorder may be gone before the handshake is
    print(s.getsockname()[1], flush=True)
    try:
        s.sendall(b'M')
        s.recv(1)
    except OSError:
        pass
    s.close()
"""

# Sends a line and waits for the answer.
LINE = """
import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=20)
s.sendall(b'line\\n')
s.recv(1)
"""

# Listens on each port of its command line; answers what it reads, one connection after the other.
SERVER = """
import select, socket, sys
listeners = [socket.create_server(('0.0.0.0', int(p)), backlog=16) for p in sys.argv[1:]]
for l in listeners:
    l.setblocking(False)
while True:
    for l in select.select(listeners, [], [])[0]:
        try:
            s, _ = l.accept()
            s.settimeout(10)
            s.sendall(s.recv(100))
            s.close()
        except OSError:
            pass
"""


class Recorder(threading.Thread):
    """Takes connections and keeps the first byte of each, by the peer's port."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("0.0.0.0", port), backlog=64)
        self.first, self.seen = {}, threading.Condition()
        self.start()

    def run(self):
        while True:
            s, peer = self.listener.accept()
            s.settimeout(10)
            try:
                byte = s.recv(1)
            except OSError:
                byte = b""
            s.close()
            with self.seen:
                self.first[peer[1]] = byte
                self.seen.notify_all()

    def take(self, port):
        with self.seen:
            self.seen.wait_for(lambda: port in self.first, timeout=20)
            return self.first.pop(port, None)


def pattern(rng, direction, ports):
    hosts = ["*", "127.0.0.1", "127.0.0.0/24", "127.0.0.0/8", "127.0.0.2/31", "10.0.0.0/8",
             "127.1.0.0/16", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0/0", "[::/0]"]
    if direction == "connect":
        hosts += ["localhost", "*.test", "LOCALHOST."]
    host = rng.choice(hosts)
    low, high = min(ports), max(ports)
    port = rng.choice(["*", str(rng.choice(ports)), "%d-%d" % (low, high), "1-%d" % (low + 1),
                       str(rng.choice(ports))])
    return host + ":" + port


def random_policy(rng, direction, ports):
    """A few rules of the direction, and others that must not matter."""
    tls = "client" if direction == "connect" else "server"
    text = "[defaults]\nunmatched = %s\n" % rng.choice(["plain", "deny"])
    for i in range(rng.randint(1, 5)):
        kind = rng.choice([tls, tls, "plain", "deny"])
        words = " ".join(pattern(rng, direction, ports) for _ in range(rng.randint(1, 3)))
        text += "[%s r%d]\n%s = %s\n" % (kind, i, direction, words)
        text += rng.choice(["", "", "program = %s\n" % os.path.basename(PYTHON),
                            "program = %s x\n" % PYTHON, "program = other /bin/x\n"])
        text += rng.choice(["", "", "", "user = %d\n" % os.geteuid(),
                            "user = %d\n" % (os.geteuid() + 1)])
        if kind != "deny":
            text += rng.choice(["", "", "", "legacy-until = 2999-12-31\n",
                                "legacy-until = 2001-01-01\n"])
        text += {"client": "trust = %s\n" % pki.ca,
                 "server": "certificate = %s\nkey = %s\n" % (pki.cert, pki.key)}.get(kind, "")
    return text


def explained(policy, direction, host, port):
    address = ["--address", "127.0.0.1"] if host == "localhost" and direction == "connect" else []
    done = t.run([LAUNCHER, "explain", "-p", policy, direction, "%s:%d" % (host, port), "--program",
                  PYTHON] + address)
    for words, outcome in ((b": denied\n", "denied"), (b": left plain\n", "plain"),
                           (b": TLS, as ", "TLS")):
        if words in done.out:
            return outcome
    return str(done)


def compare(kind, text, asked, want, got):
    different = ["%s: explain says %s, the wire %s" % (question, w, g)
                 for question, w, g in zip(asked, want, got) if w != g]
    return "\n".join(different + [text]) if different or len(got) != len(want) else None


def connects(seed):
    rng = random.Random(seed)
    ports = sorted(recorders)
    text = random_policy(rng, "connect", ports)
    policy = t.policy_file("connect.conf", text)
    # The name last: whoever has asked for it means it by its address too.
    asked = sorted(((rng.choice(HOSTS), rng.choice(ports)) for _ in range(QUESTIONS)),
                   key=lambda question: question[0] == "localhost")
    want = [explained(policy, "connect", *question) for question in asked]
    done = t.run([LAUNCHER, "-p", policy, "--", PYTHON, "-c", CLIENT] +
                 ["%s:%d" % question for question in asked], env=t.environment())
    got = []
    for (_, port), said in zip(asked, done.out.decode().split()):
        first = None if said == "refused" else recorders[port].take(int(said))
        got.append({None: "denied", b"M": "plain", b"\x16": "TLS"}.get(first, str(first)))
    for outcome in want:
        outcomes["connect"].add(outcome)
    return compare("connect", text, asked, want, got)


def listens(seed):
    rng = random.Random(seed)
    ports = [t.free_port() for _ in range(3)]
    text = random_policy(rng, "listen", ports)
    policy = t.policy_file("listen.conf", text)
    asked = [(rng.choice(HOSTS[:-1]), rng.choice(ports)) for _ in range(QUESTIONS)]
    want = [explained(policy, "listen", *question) for question in asked]
    got = []
    with t.Server([LAUNCHER, "-p", policy, "--", PYTHON, "-c", SERVER] + list(map(str, ports)),
                  ports[-1], t.tmp("listen.log"), env=t.environment()):
        for host, port in asked:
            with socket.create_connection((host, port), timeout=20) as s:
                try:
                    s.sendall(b"Merely plain\n")
                    first = s.recv(1)
                except ConnectionError:
                    first = b""
            # 21: the alert with which TLS answers what is not TLS
            got.append({b"": "denied", b"M": "plain", b"\x15": "TLS"}.get(first, str(first)))
    for outcome in want:
        outcomes["listen"].add(outcome)
    return compare("listen", text, asked, want, got)


# ---- settings ----

SUITES = ["ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA", "AES128-SHA", "AES256-SHA",
          "DHE-RSA-AES128-SHA", "DHE-RSA-CAMELLIA256-SHA"]
IANA = {name: "TLS_" + iana for name, iana in zip(SUITES, (
    "ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE_RSA_WITH_AES_256_CBC_SHA", "RSA_WITH_AES_128_CBC_SHA",
    "RSA_WITH_AES_256_CBC_SHA", "DHE_RSA_WITH_AES_128_CBC_SHA",
    "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"))}
GROUPS = {"x25519": "X25519", "secp256r1": "prime256v1", "secp384r1": "secp384r1",
          "secp521r1": "secp521r1"}  # as OpenSSL says of them

OPENSSL_GROUPS = {"x25519": "X25519", "secp256r1": "P-256", "secp384r1": "P-384",
                  "secp521r1": "P-521"}  # as it wants to be told


def some(rng, things, least=1):
    return rng.sample(things, rng.randint(least, len(things)))


def random_settings(rng):
    lines = ["suites = " + " ".join(some(rng, SUITES)),
             "groups = " + " ".join(some(rng, list(GROUPS))),
             "alpn = " + " ".join(some(rng, ["imap", "http/1.1", "x"])),
             "tickets = " + rng.choice(["on", "off"]),
             "cache-age = " + rng.choice(["0", "9", "600"]),
             "minimum-cipher = " + rng.choice(["112", "128", "192"]),
             "minimum-key-exchange = " + rng.choice(["80", "112"]),
             "preset = " + rng.choice(["legacy", "default"])]
    rng.shuffle(lines)
    cut = rng.randint(0, 3)
    return lines[:cut], lines[cut:rng.randint(cut, len(lines))]


def expected(explained_settings, offer):
    """What a server under these settings answers: (suite, group, protocol, ticket), or None."""
    protocol = None
    if offer["alpn"]:
        names = explained_settings.get("alpn", "").split()
        protocol = next((n for n in names if n in offer["alpn"]), None)
        if names and not protocol:
            return None
    group = next((g for g in explained_settings.get("groups", " ".join(GROUPS)).split()
                  if g in offer["groups"]), None)
    suite = next((s for s in explained_settings["suites"].split()
                  if s in [IANA[o] for o in offer["suites"]] and (group or "ECDHE" not in s)), None)
    if not suite:
        return None
    return (suite, GROUPS[group] if "ECDHE" in suite else None, protocol,
            explained_settings["tickets"] == "on" and explained_settings["cache-age"] != "0")


def answered(port, offer):
    alpn = ["-alpn", ",".join(offer["alpn"])] if offer["alpn"] else []
    done = t.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1", "-cipher",
                  ":".join(offer["suites"]) + ":@SECLEVEL=0", "-groups",
                  ":".join(OPENSSL_GROUPS[g] for g in offer["groups"])] + alpn, stdin=b"")
    out = done.out.decode(errors="replace")
    suite = re.search(r"Cipher is (\S+)", out)
    if not suite or suite.group(1) == "(NONE)":
        return None
    group = re.search(r"Server Temp Key: (?:ECDH, )?(\w+)", out)
    protocol = re.search(r"ALPN protocol: (\S+)", out)
    return (IANA[suite.group(1)], group.group(1) if group and "ECDHE" in suite.group(1) else None,
            protocol and protocol.group(1), "session ticket:" in out)


def settings(seed):
    rng = random.Random(seed)
    port = t.free_port()
    defaults, rule = random_settings(rng)
    text = "[defaults]\n%s\n[server s]\nlisten = *:%d\ncertificate = %s\nkey = %s\n%s\n" % (
        "\n".join(defaults), port, pki.cert, pki.key, "\n".join(rule))
    policy = t.policy_file("settings.conf", text)
    done = t.run([LAUNCHER, "explain", "-p", policy, "--format", "json", "listen",
                  "127.0.0.1:%d" % port])
    if done.status != 0:  # no suite is left: then nothing starts either
        started = t.run([LAUNCHER, "-p", policy, "--", "/bin/true"])
        outcomes["settings"].add("refused")
        return None if started.status == 125 and b"suite" in done.err else text + str(done)
    values = {s["key"]: s["value"] for s in json.loads(done.out)["rule"]["settings"]}
    with t.Server([LAUNCHER, "-p", policy, "--", PYTHON, "-c", SERVER, str(port)], port,
                  t.tmp("settings.log"), env=t.environment()):
        for _ in range(3):
            offer = {"suites": some(rng, SUITES), "groups": some(rng, list(GROUPS)),
                     "alpn": some(rng, ["imap", "http/1.1"], 0)}
            want, got = expected(values, offer), answered(port, offer)
            outcomes["settings"].add("served" if got else "not served")
            if want != got:
                return "%s\n%s\nexplained: %s\nthe wire: %s" % (text, offer, want, got)
    return None


# ---- settings of a client ----

NAMED = {v: k for k, v in IANA.items()}
FLOORS = {"minimum-cipher": [0, 112, 192, 256], "minimum-key-exchange": [80, 112, 128],
          "minimum-certificate": [80, 112, 128], "minimum-dh": [1024, 2048, 3072]}
RSA_BITS, DH_BITS = 112, 2048  # the strength of the server's key, and the length of its prime


def random_client_settings(rng):
    lines = ["suites = " + " ".join(some(rng, SUITES)),
             "groups = " + " ".join(some(rng, list(GROUPS))),
             "tickets = " + rng.choice(["on", "off"]), "preset = " + rng.choice(["legacy", "default"])]
    lines += ["%s = %d" % (key, rng.choice(values)) for key, values in FLOORS.items()
              if rng.randint(0, 2) == 0]
    rng.shuffle(lines)
    cut = rng.randint(0, 3)
    return lines[:cut], lines[cut:rng.randint(cut, len(lines))]


def client_expected(explained_settings, has):
    """The suite by which a client under these settings is served, or None."""
    group = any(g in has["groups"] for g in explained_settings.get("groups", " ".join(GROUPS)).split())
    suite = next((s for s in explained_settings["suites"].split()
                  if NAMED.get(s) in has["suites"] and (group or "ECDHE" not in s)), None)
    floors = {key: int(explained_settings[key]) for key in FLOORS}
    if not suite or RSA_BITS < floors["minimum-certificate"]:
        return None
    if "_DHE_" in suite and DH_BITS < floors["minimum-dh"]:
        return None
    if "TLS_RSA_" in suite and RSA_BITS < floors["minimum-key-exchange"]:
        return None
    return NAMED[suite]


def client_settings(seed):
    rng = random.Random(seed)
    port = t.free_port()
    defaults, rule = random_client_settings(rng)
    text = "[defaults]\n%s\n[client c]\nconnect = *:%d\ntrust = %s\n%s\n" % (
        "\n".join(defaults), port, pki.ca, "\n".join(rule))
    policy = t.policy_file("client-settings.conf", text)
    done = t.run([LAUNCHER, "explain", "-p", policy, "--format", "json", "connect",
                  "127.0.0.1:%d" % port])
    if done.status != 0:  # no suite is left
        started = t.run([LAUNCHER, "-p", policy, "--", "/bin/true"])
        outcomes["client settings"].add("refused")
        return None if started.status == 125 and b"suite" in done.err else text + str(done)
    values = {s["key"]: s["value"] for s in json.loads(done.out)["rule"]["settings"]}
    has = {"suites": some(rng, SUITES), "groups": some(rng, list(GROUPS))}
    log = t.tmp("s_server.out")
    if os.path.exists(log):
        os.remove(log)
    with t.Server(["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", pki.cert, "-key",
                   pki.key, "-tls1", "-rev", "-cipher", ":".join(has["suites"]) + ":@SECLEVEL=0",
                   "-groups", ":".join(OPENSSL_GROUPS[g] for g in has["groups"])], port, log):
        t.run([LAUNCHER, "-p", policy, "--", PYTHON, "-c", LINE, str(port)],
              env=t.environment())
        got = re.search(r"^Ciphersuite: (\S+)", t.read_text(log), re.M)
    got = got and got.group(1)
    want = client_expected(values, has)
    outcomes["client settings"].add("served" if got else "not served")
    return None if want == got else "%s\n%s\nexplained: %s\nthe wire: %s" % (text, has, want, got)


t.start()
pki = t.Pki(t.tmp("pki"))
recorders = {port: Recorder(port) for port in (t.free_port() for _ in range(3))}
outcomes = {"connect": set(), "listen": set(), "settings": set(),
            "client settings": set()}
base = int(os.environ.get("TLSTEST_SEED", "1"))
for name, function in (("connect", connects), ("listen", listens)):
    wrong = []
    for seed in range(base, base + POLICIES):
        trouble = function(seed)
        if trouble:
            wrong.append("seed %d: %s" % (seed, trouble))
    t.ok(not wrong, "%s: %d policies, %d connections each, as explained" %
         (name, POLICIES, QUESTIONS), "\n".join(wrong))
    t.is_(outcomes[name], {"TLS", "plain", "denied"}, "%s: with every outcome among them" % name)
for name, function, peers in (("settings", settings, "3 clients each"),
                              ("client settings", client_settings, "a server each")):
    wrong = [trouble for trouble in map(function, range(base, base + POLICIES // 2)) if trouble]
    t.ok(not wrong, "%s: %d policies, %s, as explained" % (name, POLICIES // 2, peers),
         "\n".join(wrong))
    t.ok(outcomes[name] >= {"served", "not served"}, name + ": with both outcomes", outcomes)
t.finish()
