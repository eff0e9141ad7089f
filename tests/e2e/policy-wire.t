#!/usr/bin/python3
"""What `tlshim explain` says is what the library does: random policies and connections, judged by
the first byte on the wire."""

import os
import random
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
PYTHON = os.path.realpath("/usr/bin/python3")
HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.1.1", "127.1.0.1", "localhost"]
POLICIES, QUESTIONS = 40, 10

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
    asked = [(rng.choice(HOSTS), rng.choice(ports)) for _ in range(QUESTIONS)]
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


t.start()
pki = t.Pki(t.tmp("pki"))
recorders = {port: Recorder(port) for port in (t.free_port() for _ in range(3))}
outcomes = {"connect": set(), "listen": set()}
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
t.finish()
