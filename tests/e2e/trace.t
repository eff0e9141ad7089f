#!/usr/bin/python3
"""tlshim trace and tlshim learn, and what the log says of connections: each named, found by its
number, and not more often than is good for the disk."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")

# Connects to each address, sends a line, says what comes back.
CLIENT = """
import socket, sys
for port in sys.argv[1:]:
    try:
        s = socket.create_connection(('localhost', int(port)), timeout=20)
        s.sendall(b'hello\\n')
        print(s.recv(100))
        s.close()
    except OSError as e:
        print(e)
"""

# Answers as many connections as it is told, then ends.
SERVER = """
import socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=16)
for _ in range(int(sys.argv[2])):
    s, _ = listener.accept()
    try:
        s.recv(100)
        s.sendall(b'answer\\n')
    except OSError:
        pass
    s.close()
"""


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TLSHIM_")}
    return dict(kept, **more)


def s_server(*options):
    port = t.free_port()
    argv = ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", pki.cert, "-key",
            pki.key, "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-quiet", "-rev", *options]
    return t.Server(argv, port, t.tmp("s_server.log"))


def policy(*rules):
    return t.policy_file("trace.conf", "".join(rules))


def split(text):
    """{connection: [(time, what)]} of a trace."""
    connections = {}
    for line in text.splitlines():
        found = re.fullmatch(r"\[(\d+)(?: #([0-9a-f]+))?\] +([0-9:.]+Z?) (.*)", line)
        if not found:
            raise ValueError("not a line of a trace: " + line)
        connections.setdefault(found.group(2), []).append((found.group(3), found.group(4)))
    return connections


FULL = [">ClientHello", "<ServerHello", "<Certificate", "<ServerKeyExchange", "<ServerHelloDone",
        ">ClientKeyExchange", ">[ChangeCipherSpec]", ">Finished", "<NewSessionTicket",
        "<[ChangeCipherSpec]", "<Finished"]


def messages(lines):
    found = []
    for _, what in lines:
        match = re.match(r"(\S*) +----->| +<-----  (\S+)", what)
        if match:
            found.append(">" + match.group(1) if match.group(1) else "<" + match.group(2))
    return found


def trace():
    trace_file = t.tmp("trace")
    with s_server() as tls, s_server() as other:
        conf = policy("[client tls]\nconnect = localhost:%d\ntrust = %s\n" % (tls.port, pki.ca),
                      "[client wrong]\nconnect = *:%d\ntrust = %s\n" % (other.port, pki.other_ca),
                      "[deny shut]\nconnect = *:1\n[plain rest]\nconnect = *:*\n")
        closed = t.free_port()
        done = t.run([LAUNCHER, "trace", "-o", trace_file, "-p", conf, "--", t.PYTHON, "-c", CLIENT,
                      str(tls.port), str(other.port), "1", str(closed)],
                     env=environment(TLSHIM_LOG="info"))
    said = split(t.read_text(trace_file))
    log = done.err.decode()
    t.ok(done.status == 0 and done.out.startswith(b"b'olleh\\n'"), "the program works", done)
    by_rule = {re.search(r"by (\[.*?\] \(.*\))$", lines[0][1]).group(1): (number, lines)
               for number, lines in said.items() if number}
    number, lines = by_rule["[client tls] (%s:1)" % conf]
    t.ok(lines[0][1].startswith("connect to localhost (127.0.0.1:%d): TLS by" % tls.port) and
         lines[0][0].endswith("Z"), "a connection begins with its rule and the time of day", lines)
    t.is_(messages(lines)[:11], FULL, "then comes each message of the handshake")
    t.ok(any(what.startswith("open: TLS 1.0, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA") for _, what in lines) and
         re.fullmatch(r"closed: \d+ bytes sealed, \d+ opened; close_notify was sent.*",
                      lines[-1][1]), "what was agreed on, and how it ended", lines)
    times = [float(when) for when, _ in lines[1:]]
    t.ok(times == sorted(times), "with the seconds since", times)
    t.ok("connection #%s to localhost (127.0.0.1:%d): TLS 1.0, " % (number, tls.port) in log,
         "the log has the same number", log)
    number, lines = by_rule["[client wrong] (%s:4)" % conf]
    t.ok(any(what.startswith("failed: the chain leads to no trusted root") for _, what in lines) and
         "connection #%s to localhost (127.0.0.1:%d): the chain" % (number, other.port) in log,
         "a handshake that fails", lines)
    plain = [what for _, what in said[None]]
    t.ok("connect to localhost (127.0.0.1:1): denied by [deny shut] (%s:7)" % conf in plain and
         "connect to localhost (127.0.0.1:%d): left plain by [plain rest] (%s:9)" % (closed, conf)
         in plain, "what is denied and what is plain", plain)


def server_trace():
    """A server's side, to standard error, with a client that resumes."""
    port = t.free_port()
    with t.Server([LAUNCHER, "trace", "--certificate", pki.cert, "--key", pki.key, "--", t.PYTHON,
                   "-c", SERVER, str(port), "2"], port, t.tmp("server.log"),
                  env=environment()) as running:
        argv = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1", "-cipher",
                "AES128-SHA:@SECLEVEL=0", "-ign_eof"]
        t.run(argv + ["-sess_out", t.tmp("session")], stdin=b"x\n")
        t.run(argv + ["-sess_in", t.tmp("session")], stdin=b"x\n")
        t.wait_until(lambda: running.process.poll() is not None)
        said = split(running.said())
    sessions = [lines for number, lines in said.items() if number]
    t.ok("listen on 127.0.0.1:%d" % port in [what for _, what in said[None]],
         "where a server listens", said)
    t.ok(len(sessions) == 2 and sessions[0][0][1].startswith("accepted from 127.0.0.1:") and
         messages(sessions[0])[:4] == [">ClientHello", "<ServerHello", "<Certificate",
                                       "<ServerHelloDone"] and
         any(what == "open: TLS 1.0, TLS_RSA_WITH_AES_128_CBC_SHA, resumed"
             for _, what in sessions[1]), "a server's ladders, the second resumed", sessions)


def json_log():
    with s_server() as peer:
        conf = policy("[client c]\nconnect = *:%d\ntrust = %s\n" % (peer.port, pki.other_ca))
        done = t.run([LAUNCHER, "-p", conf, "--", t.PYTHON, "-c", CLIENT, str(peer.port), "1"],
                     env=environment(TLSHIM_LOG_FORMAT="json"))
    # localhost may have two addresses, which are refused one after the other.
    failed, *_, refused = [json.loads(line) for line in done.err.splitlines()]
    t.ok(re.fullmatch("[0-9a-f]+", failed.pop("connection")) and failed.pop("time") and
         failed.pop("pid") and failed.pop("cause").startswith("the chain leads to no trusted root"),
         "a failure in JSON has number, time and cause", done)
    t.is_(failed, {"level": "error", "event": "failed", "place": conf + ":1", "rule": "client c",
                   "direction": "to", "name": "localhost", "peer": "127.0.0.1:%d" % peer.port},
          "and the rest as members")
    t.ok(refused["event"] == "refused" and refused["cause"] == "refused: no rule matches" and
         refused["remedy"].startswith("add a [client] or [plain] rule with connect = 127.0.0.1:1"),
         "what no rule matches has a remedy", refused)


def flood():
    """Clients that fail, from ever new ports: at most 5 lines in 10 seconds, not one each."""
    port, start = t.free_port(), time.monotonic()
    with t.Server([LAUNCHER, "--certificate", pki.cert, "--key", pki.key, "--", t.PYTHON, "-c",
                   SERVER, str(port), "60"], port, t.tmp("flood.log"), env=environment()) as running:
        for _ in range(60):
            with socket.create_connection(("127.0.0.1", port)) as s:
                s.sendall(b"GET / HTTP/1.0\r\n\r\n")
                s.settimeout(20)
                try:
                    while s.recv(1000):
                        pass
                except OSError:
                    pass
        t.wait_until(lambda: running.process.poll() is not None)
        lines = running.said().count("the peer speaks plaintext HTTP")
    windows = int((time.monotonic() - start) / 10) + 2
    t.ok(5 <= lines <= min(5 * windows, 59), "60 failures alike are a few lines", lines)


def own_tls():
    """A program with TLS of its own is told of, once."""
    with s_server() as peer:
        done = t.run([LAUNCHER, "--trust", pki.ca, "--", "openssl", "s_client", "-connect",
                      "127.0.0.1:%d" % peer.port], env=environment())
    t.is_(done.err.count(b"the program begins TLS of its own"), 1, "TLS inside TLS is told of")
    t.ok(b"add --except 127.0.0.1:%d" % peer.port in done.err, "with the remedy", done)


def learn():
    """A policy of what a program did, which covers it."""
    conf = t.tmp("learnt.conf")
    port = t.free_port()
    with t.Server([t.PYTHON, "-c", SERVER, str(port), "2"], port, t.tmp("plain.log")):
        done = t.run([LAUNCHER, "learn", "-o", conf, "--", t.PYTHON, "-c", CLIENT, str(port),
                      str(port)], env=environment())
    text = t.read_text(conf)
    t.ok(done.status == 0 and done.out == b"b'answer\\n'\n" * 2, "learn: the program runs plain",
         done)
    t.ok("[client localhost-%d]\nconnect = localhost:%d\ntrust = system" % (port, port) in text and
         text.count("[") == 2 and "unmatched = deny" in text, "its connections, each once", text)
    checked = t.run([LAUNCHER, "check", conf], env=environment(SSL_CERT_FILE=pki.ca))
    t.is_(checked.status, 0, "and that is a policy")
    listening = t.free_port()
    running = t.start_program([LAUNCHER, "learn", "--", t.PYTHON, "-c", SERVER, str(listening), "9"],
                              stdout=open(t.tmp("learn.out"), "wb"),
                              stderr=open(t.tmp("learn.err"), "wb"), env=environment())
    t.wait_until(lambda: t.listening(listening))
    os.killpg(running.pid, signal.SIGINT)
    t.wait_until(lambda: running.poll() is not None)
    t.ok("[server 127.0.0.1-%d]\nlisten = 127.0.0.1:%d\ncertificate = " % (listening, listening) in
         t.read_text(t.tmp("learn.out")), "a server's listener, after Ctrl-C",
         t.read_text(t.tmp("learn.out")))
    t.is_(running.returncode, 128 + signal.SIGINT, "its status is the program's")
    done = t.run([LAUNCHER, "learn", "no-such-program"], env=environment())
    t.ok(done.status == 127 and not done.out, "no program: no policy", done)


# Holds a connection until its standard input ends; its child shares it.
HOLDER = """
import os, socket, sys
s = socket.create_connection(('localhost', int(sys.argv[1])), timeout=20)
s.sendall(b'hello\\n')
s.recv(100)
child = os.fork()
if child == 0:
    sys.stdin.read()
    os._exit(0)
print(child, flush=True)
sys.stdin.read()
os.waitpid(child, 0)
"""


def ps():
    with s_server() as peer:
        conf = policy("[client c]\nconnect = localhost:%d\ntrust = %s\n" % (peer.port, pki.ca))
        holder = t.start_program([LAUNCHER, "-p", conf, "--", t.PYTHON, "-c", HOLDER,
                                  str(peer.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env=environment())
        child = int(holder.stdout.readline())
        done = t.run([LAUNCHER, "ps"], env=environment())
        holder.stdin.close()
        holder.wait(20)
    own = [os.path.realpath(t.PYTHON), conf]
    want = ["%d %s, policy %s" % (pid, *own) for pid in (holder.pid, child)]
    lines = done.out.decode().splitlines()
    at = min((lines.index(line) for line in want if line in lines), default=None)
    t.ok(done.status == 0 and at is not None and sorted(lines[at:at + 2]) == sorted(want) and
         re.fullmatch(r"  #[0-9a-f]+ to localhost \(127\.0\.0\.1:%d\): "
                      "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA" % peer.port, lines[at + 2]),
         "ps shows processes, their policy and the sessions that they share", done)


def usage():
    for argv, words in ((["trace"], b"no program is named"), (["trace", "-o"], b"-o needs a value"),
                        (["learn"], b"no program is named"), (["ps", "x"], b"ps takes numbers of processes"),
                        (["learn", "-o", "/nowhere/x", "true"], b"/nowhere/x: No such file")):
        done = t.run([LAUNCHER] + argv, env=environment())
        t.ok(done.status == 125 and words in done.err, "usage: " + " ".join(argv), done)


t.start(wire=False)
pki = t.Pki(t.tmp("pki"))
trace()
server_trace()
json_log()
flood()
own_tls()
learn()
ps()
usage()
t.finish()
