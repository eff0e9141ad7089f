#!/usr/bin/python3
"""What a policy decides: TLS, plain, denied and unmatched, for connects and for listeners."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

HELLO = b"a greeting that is no secret"

CONNECT = """
import errno, socket, sys
try:
    found = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), socket.AF_INET, socket.SOCK_STREAM)
    s = socket.socket()
    s.settimeout(10)
    s.connect(found[0][4])
    s.sendall(b'a greeting that is no secret')
    got = b''
    while len(got) < 28:
        more = s.recv(100)
        if not more:
            break
        got += more
    print('echo' if got == b'a greeting that is no secret' else 'other')
except OSError as e:
    print(errno.errorcode.get(e.errno, e))
"""

# Echoes on each port of its command line, one connection after the other.
LISTEN = """
import select, socket, sys
listeners = [socket.create_server(('127.0.0.1', int(p)), backlog=16) for p in sys.argv[1:]]
while True:
    for l in select.select(listeners, [], [])[0]:
        try:
            s, _ = l.accept()
        except OSError:
            continue
        with s:
            s.settimeout(10)
            try:
                while data := s.recv(100):
                    s.sendall(data)
            except OSError:
                pass
"""


def echo(stream):
    while data := stream.recv(100):
        arrived.append(data)
        stream.sendall(data)


def launch(policy, argv, log=None):
    path = t.policy_file("rules.conf", policy)
    return ([os.path.join(t.BUILD, "tlshim"), "-p", path, "--"] + argv,
            t.environment(log=log, level="info"))


def connects(policy, host, port):
    """What the program gets, and how many lines of its log name the port."""
    log = t.tmp("connect.log")
    if os.path.exists(log):
        os.remove(log)
    argv, env = launch(policy, [t.PYTHON, "-c", CONNECT, host, str(port)], log)
    done = t.run(argv, env=env, timeout=30)
    lines = [line for line in t.read_text(log).splitlines() if str(port) in line]
    return (done.out.decode().strip() or str(done)), lines


def answer(ask, port):
    """What ask(port) says, or in words what went wrong."""
    try:
        return ask(port)
    except ConnectionError:
        return "closed"
    except OSError as e:
        return str(e)


def plain_echo(port):
    """What a client without TLS gets: its own bytes, nothing (the connection is closed), or other
    bytes."""
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(HELLO)
        return {HELLO: "echo", b"": "closed"}.get(s.recv(100), "other")


def tls_echo(port):
    stream = t.tls_connect(t.STACKS[0], port, pki.ca, timeout=10)
    stream.sendall(t.MARKER)
    got = t.receive_all(stream, len(t.MARKER))
    stream.close()
    return "echo" if got == t.MARKER else "other"


t.start()
pki = t.Pki(t.tmp("pki"))
arrived = []
tls = t.TlsServer(t.STACKS[0], pki, echo)
plain = t.TlsServer(t.NO_TLS, pki, echo)

by_address = t.TlsServer(t.STACKS[0], pki, echo, pki.by_address)

CLIENT = "[client one]\nconnect = *:%d\ntrust = %s\n" % (tls.port, pki.ca)
CLIENT_BY_ADDRESS = CLIENT.replace(str(tls.port), str(by_address.port))
PLAIN = "[plain one]\nconnect = 127.0.0.0/8:%d\n" % plain.port
DENY = "[deny one]\nconnect = *:%d\n"

# (policy, host, port, what the program gets, what the log must say)
CASES = [
    ("a client rule", CLIENT, "localhost", tls.port, "echo", None),
    ("a plain rule", PLAIN, "localhost", plain.port, "echo", None),
    ("a deny rule", DENY % plain.port, "localhost", plain.port, "ECONNREFUSED", "deny one"),
    ("no rule matches", CLIENT, "localhost", plain.port, "ECONNREFUSED", "no rule"),
    ("unmatched = plain", "[defaults]\nunmatched = plain\n" + CLIENT, "localhost", plain.port,
     "echo", None),
    ("the first match decides: deny, client", DENY % tls.port + CLIENT, "localhost", tls.port,
     "ECONNREFUSED", "deny one"),
    ("the first match decides: client, deny", CLIENT + DENY % tls.port, "localhost", tls.port,
     "echo", None),
    ("a rule for a name, reached by it",
     CLIENT.replace("*:", "localhost:"), "localhost", tls.port, "echo", None),
    ("a rule for a name, reached by address",
     CLIENT.replace("*:", "localhost:"), "127.0.0.1", tls.port, "ECONNREFUSED", "no rule"),
    ("an address in the certificate", CLIENT_BY_ADDRESS, "127.0.0.1", by_address.port, "echo",
     None),
    ("an address that is not in the certificate", CLIENT_BY_ADDRESS, "127.0.0.2",
     by_address.port, "EACCES", "not for this name"),
    ("verify-name", CLIENT + "verify-name = server.test\n", "127.0.0.2", tls.port, "echo", None),
    ("a rule for another program", CLIENT + "program = psql\n", "localhost", tls.port,
     "ECONNREFUSED", "no rule"),
    ("a rule for this program", CLIENT + "program = python3.11\n", "localhost", tls.port, "echo",
     None),
]
for name, policy, host, port, want, words in CASES:
    arrived.clear()
    got, lines = connects(policy, host, port)
    t.is_(got, want, "%s: %s" % (name, want)) or t.diag("\n".join(lines))
    if want != "echo":
        t.is_(arrived, [], "%s: no byte arrives" % name)
        t.ok(len(lines) == 1 and words in lines[0],
             "%s: one log line says %r" % (name, words), "\n".join(lines))

ports = {kind: t.free_port() for kind in ("server", "plain", "deny", "unmatched")}
POLICY = """[server one]
listen = 127.0.0.1:%d
certificate = %s
key = %s
[plain one]
listen = *:%d
[deny one]
listen = *:%d
""" % (ports["server"], pki.cert, pki.key, ports["plain"], ports["deny"])
argv, env = launch(POLICY, [t.PYTHON, "-c", LISTEN] + [str(p) for p in ports.values()],
                   t.tmp("listen.log"))
with t.Server(argv, ports["unmatched"], t.tmp("listen.out"), env=env) as running:
    t.is_(answer(tls_echo, ports["server"]), "echo", "a server rule: TLS")
    t.is_(answer(plain_echo, ports["server"]), "other", "a server rule: not without TLS")
    t.is_(answer(plain_echo, ports["plain"]), "echo", "a plain rule: plain")
    t.is_(answer(plain_echo, ports["deny"]), "closed", "a deny rule: closed")
    t.is_(answer(plain_echo, ports["unmatched"]), "closed", "no rule: closed")
    t.is_(answer(tls_echo, ports["server"]), "echo", "the server goes on")
    for kind in ("deny", "unmatched"):
        t.ok(str(ports[kind]) in t.read_text(t.tmp("listen.log")), "the log names the %s port" % kind,
             t.read_text(t.tmp("listen.log")))
t.finish()
