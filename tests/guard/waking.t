#!/usr/bin/python3
"""What waits is woken when a plain socket would wake it, and sleeps until then."""

import socket

import guard as g
from guard import t


def failed_connect():
    return g.compared("failed-connect", g.ClosedPort())


def silent_client():
    clients = []

    def feed(run):
        port = int(run.line().split()[1])
        clients.extend(socket.create_connection(("127.0.0.1", port)) for _ in range(2))
    return g.compared("silent-client", feed=feed)


def two_deadlines():
    """The client's handshake with a silent peer may last 300 seconds, the silent client's one."""
    sink, clients = g.Sink(), []
    run = g.Run("two-deadlines", sink, policy=g.policy(
        client="handshake-timeout = 300", server="handshake-timeout = 1"))
    said = [run.line(), run.line()]
    clients.append(socket.create_connection(("127.0.0.1", int(said[1].split()[1]))))
    wrong = run.end()
    sink.finish()
    if wrong or t.PLAIN:
        return wrong
    return None if "woken: 1" in run.lines else "said %s" % run.lines


t.start()
pki = t.Pki(t.tmp("pki"))
CASES = [
    ("a one-shot watch for writing that has fired", g.compared, "one-shot", "out"),
    ("a one-shot watch for both that has fired", g.compared, "one-shot", "both"),
    ("a failed connect that nobody asked about", failed_connect),
    ("MSG_PEEK with MSG_WAITALL for more than there is", g.compared, "peek-more"),
    ("SO_RCVLOWAT set before connect", g.compared, "low-water"),
    ("close and shutdown of what a silent client left", silent_client),
    ("a reader ends the handshake: blocking writer", g.compared, "lost-wake", "blocking"),
    ("a reader ends the handshake: writer in poll", g.compared, "lost-wake", "poll"),
    ("a reader ends the handshake: writer in select", g.compared, "lost-wake", "select"),
    ("a reader ends the handshake: writer in epoll_wait", g.compared, "lost-wake", "epoll"),
    ("a write cut short, the rest flushed by another", g.compared, "cut-short"),
    ("a watch of a closed connection", lambda: g.says(
        "watch-closed", lines=["data: the program's, or none"])),
    ("poll of a number that becomes another connection", g.compared, "poll-reused"),
    ("time-outs of centuries", g.compared, "long-waits"),
    ("time-outs that are none", g.compared, "wrong-times"),
    ("a short handshake deadline after a long one", two_deadlines),
]
for name, function, *arguments in CASES:
    t.subtest(name, function, *arguments)
t.finish()
