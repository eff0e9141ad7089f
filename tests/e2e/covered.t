#!/usr/bin/python3
"""Both ends under tlshim: unmodified clients and unmodified servers, 100 MiB each, intact."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

URLLIB = ("import shutil, sys, urllib.request; "
          "shutil.copyfileobj(urllib.request.urlopen(sys.argv[1]), sys.stdout.buffer)")
URL = "http://localhost:PORT/file"
HTTP_CLIENTS = [
    ("curl", ["curl", "-sS", URL]),
    ("wget", ["wget", "-q", "-t1", "-O", "-", URL]),
    ("python urllib", [t.PYTHON, "-c", URLLIB, URL]),
]


def run_client(argv, running, stdin=os.devnull):
    """The client's standard output as a file, and what went wrong or None."""
    target = t.tmp("output")
    argv = [word.replace("PORT", str(running.port)) for word in argv]
    with open(target, "wb") as out, open(stdin, "rb") as given:
        done = t.run(t.client(argv, pki.ca), stdin=given, stdout=out, env=t.environment())
    return target, None if done.status == 0 else "%s\nserver: %s" % (done, running.said()[-1000:])


def http(argv, running):
    target, wrong = run_client(argv, running)
    if wrong:
        return wrong
    if t.file_digest(target) != t.digest(data):
        return "%d bytes of %d, or others" % (os.path.getsize(target), len(data))
    return None


def redis(running):
    argv = ["redis-cli", "-h", "localhost", "-p", "PORT"]
    _, wrong = run_client(argv + ["-x", "set", "key"], running, stdin=source)
    if wrong:
        return wrong
    target, wrong = run_client(argv + ["--raw", "get", "key"], running)
    if wrong:
        return wrong
    with open(target, "rb") as f:
        return None if t.digest(f.read()[:-1]) == t.digest(data) else "the value differs"


def netcat(listener_options, client_options, sender):
    """nc listens, nc connects, and one of them sends a file. Only one way at a time: an nc ends
    when its peer's stream ends, whatever it has left to send."""
    port, target = t.free_port(), t.tmp("output")
    listen = t.server(["nc", *listener_options, "-l", "127.0.0.1", str(port)], pki.cert, pki.key)
    connect = t.client(["nc", *client_options, "localhost", str(port)], pki.ca)
    files = {True: source, False: os.devnull}
    with open(files[sender == "listener"], "rb") as given, open(target, "wb") as out:
        listener = t.start_program(listen, stdin=given, env=t.environment(),
                                   stdout=out if sender == "client" else None)
    if not t.wait_until(lambda: t.listening(port)):
        return "nc does not listen"
    with open(files[sender == "client"], "rb") as given, \
            open(target if sender == "listener" else os.devnull, "wb") as out:
        done = t.run(connect, stdin=given, stdout=out, env=t.environment())
    if done.status != 0:
        return str(done)
    if not t.wait_until(lambda: listener.poll() is not None):
        return "the listening nc does not end"
    if t.file_digest(target) != t.digest(data):
        return "%d bytes of %d, or others" % (os.path.getsize(target), len(data))
    return None


t.start()
pki = t.Pki(t.tmp("pki"))
data = t.payload(t.MIB << 20)
source = t.tmp("source")
with open(source, "wb") as f:
    f.write(data)
moved = 0
for name, command in t.HTTP_SERVERS:
    with t.start_covered(name, command, {"file": data}, pki) as running:
        for client, argv in HTTP_CLIENTS:
            t.subtest("%s from %s, %d MiB" % (client, name, t.MIB), http, argv, running)
            moved += len(data)
with t.start_covered(*t.REDIS, {}, pki) as running:
    t.subtest("redis-cli and redis-server, %d MiB" % t.MIB, redis, running)
t.subtest("nc to a listening nc, %d MiB" % t.MIB, netcat, ["-d"], ["-N"], "client")
t.subtest("nc from a listening nc, %d MiB" % t.MIB, netcat, ["-N"], ["-d"], "listener")
t.finish(moved=moved + 4 * len(data))
