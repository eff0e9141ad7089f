#!/usr/bin/python3
"""A client whose peer cannot be trusted gets an error, sends no byte of its data, and one log line
says why and what to do."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

# Says what happened at each step, as STEP=ok or STEP=ERRNO; the marker is what it wants to send.
PROBE = """
import errno, os, select, socket, sys
how, port = sys.argv[1], int(sys.argv[2])
data = os.environ['TLSTEST_MARKER'].encode() * 10
def step(name, call, *args):
    try:
        call(*args)
        print(name + '=ok', flush=True)
    except OSError as e:
        print(name + '=' + errno.errorcode.get(e.errno, str(e)), flush=True)
        sys.exit(0)
address = socket.getaddrinfo('localhost', port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
s = socket.socket()
step('connect', s.connect, address)
if how == 'write':
    step('write', s.sendall, data)
elif how == 'nonblocking':
    s.setblocking(False)
    try:
        s.send(data)
    except BlockingIOError:
        pass
    except OSError as e:
        print('write=' + errno.errorcode[e.errno])
        sys.exit(0)
    poll = select.poll()
    poll.register(s, select.POLLIN)
    events = poll.poll(20000)
    print('poll=%s' % (events[0][1] if events else 'timeout'))
step('read', s.recv, 1000)
"""

# (what is wrong, certificate, trusted CA, words of the cause in the log, alert as OpenSSL reads it)
BAD = [
    ("an issuer that is not trusted", "by_other_ca", "ca", "trusted root", "unknown ca"),
    ("a self-signed certificate", "self_signed", "ca", "trusted root", "unknown ca"),
    ("a certificate for another name", "wrong_name", "ca", "not for this name", "bad certificate"),
    ("an expired certificate", "expired", "ca", "expired", "certificate expired"),
]


def steps(text):
    return dict(line.split("=", 1) for line in text.decode().split())


def log_lines(log):
    """Those that tell of a failure."""
    return [line for line in t.read_text(log).splitlines()
            if re.search(r": (error|warn)", line)]


def wrong_in(case, server, log, arrived):
    """What every refused connection must have left behind; a text when it has not."""
    _, _, _, cause, alert = case
    t.wait_until(lambda: server.errors, 5)
    if arrived:
        return "data arrived: %r" % arrived[0][:40]
    if len(server.errors) != 1 or alert not in server.errors[0].replace("_", " ").lower():
        return "the peer saw %s, not one alert %r" % (server.errors, alert)
    lines = log_lines(log)
    if len(lines) != 1:
        return "the log has %d lines:\n%s" % (len(lines), "\n".join(lines))
    for word in (cause, str(server.port)):
        if word not in lines[0]:
            return "the log line does not say %r: %s" % (word, lines[0])
    return None


def refused(case, argv, judge):
    """Runs argv (PORT and TRUST replaced; a policy file where it says POLICY) against a server with
    the bad certificate."""
    arrived = []

    def handler(stream):
        arrived.append(stream.recv(1000))
    log = t.tmp("log")
    if os.path.exists(log):
        os.remove(log)
    trust = getattr(pki, case[2])
    with t.TlsServer(t.STACKS[0], pki, handler, getattr(pki, case[1])) as server:
        port = str(server.port)
        policy = t.policy_file("connect.conf", """[client probe]
connect = *:%s
trust = %s
handshake = connect
""" % (port, trust))
        done = t.run([word.replace("PORT", port).replace("TRUST", trust).replace("POLICY", policy)
                      for word in argv], env=t.environment(log=log), timeout=30)
        return judge(done) or wrong_in(case, server, log, arrived)


def first(step):
    """The probe must fail at this step with EACCES, all before it having gone well."""
    def judge(done):
        told = steps(done.out)
        good = told.pop(step, None) == "EACCES" and all(v == "ok" for v in told.values())
        return None if good else "%s\n%s" % (steps(done.out), done)
    return judge


def nonblocking(done):
    told = steps(done.out)
    at_write = told.get("write") == "EACCES"
    at_read = (int(told.get("poll", 0)) & 1) and told.get("read") == "EACCES"
    return None if at_write or at_read else "%s\n%s" % (told, done)


def program_fails(done):
    return None if done.status not in (0, None) else "the program ends with %s" % done


LAUNCH = [os.path.join(t.BUILD, "tlshim"), "--trust", "TRUST", "--"]
LAUNCH_CONNECT = [os.path.join(t.BUILD, "tlshim"), "-p", "POLICY", "--"]
PROBE_ARGV = [t.PYTHON, "-c", PROBE]
URL = "http://localhost:PORT/" + t.MARKER.decode()

# (how the client goes about it, command line, judge of its result)
WAYS = [
    ("its first write fails", LAUNCH + PROBE_ARGV + ["write", "PORT"], first("write")),
    ("its first read fails", LAUNCH + PROBE_ARGV + ["read", "PORT"], first("read")),
    ("non-blocking, it is woken and fails", LAUNCH + PROBE_ARGV + ["nonblocking", "PORT"],
     nonblocking),
    ("handshake = connect: connect fails", LAUNCH_CONNECT + PROBE_ARGV + ["write", "PORT"],
     first("connect")),
    ("curl fails", LAUNCH + ["curl", "-sS", URL], program_fails),
    ("wget fails", LAUNCH + ["wget", "-q", "-t", "1", "-O", "-", URL], program_fails),
    ("redis-cli fails", LAUNCH + ["redis-cli", "-h", "localhost", "-p", "PORT", "set", "key",
                                  t.MARKER.decode()], program_fails),
]

t.start()
pki = t.Pki(t.tmp("pki"))
for case in BAD:
    for name, argv, judge in WAYS:
        t.subtest("%s: %s" % (case[0], name), refused, case, argv, judge)

# The same probe and a good certificate, so that the failures above are the certificate's.
good = t.TlsServer(t.STACKS[0], pki, lambda stream: stream.sendall(stream.recv(1000)))
for how in ("write", "nonblocking"):
    done = t.run(t.client(PROBE_ARGV + [how, str(good.port)], pki.ca), env=t.environment(),
                 timeout=30)
    t.ok(steps(done.out).get("read") == "ok", "a good certificate: %s, then read" % how, done)
t.finish()
