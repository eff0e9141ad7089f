#!/usr/bin/python3
"""Several threads and processes on one connection, at every moment."""

import guard as g
from guard import t


def signal_in_fork():
    sink = g.Sink()
    wrong = g.says("signal-in-fork", sink, lines=["interrupted: yes"])
    sink.finish()
    return wrong


t.start()
pki = t.Pki(t.tmp("pki"))
CASES = [
    ("a writer killed at each of its system calls", lambda: g.says(
        "killed-writer", lines=["killed: yes, writes that lie: 0"])),
    ("the last close and a dup at once", lambda: g.says("last-close", lines=[
        "%s: stopped: yes, lost: 0" % what
        for what in ("dup while closing", "close while copying")])),
    ("epoll sets of equal numbers on one connection", g.compared, "equal-sets"),
    ("watches of equal numbers before connect", g.compared, "early-watches"),
    ("a signal handler that polls at each moment of fork", signal_in_fork),
    ("a child in another process namespace", g.compared, "other-namespace"),
]
for name, function, *arguments in CASES:
    t.subtest(name, function, *arguments)
t.finish()
