#!/usr/bin/python3
"""Calls tell the truth about the connection: its end, its errors, and nobody else's bytes."""

import guard as g
from guard import t


def reset_allowed():
    return g.compared("reset-allowed", client="truncation = allow", server="truncation = allow")


def after_reset():
    # The kernel tells the error once, and then an end that a policy must not take for one.
    return g.compared("after-reset", told={"read: 0": "read: ECONNRESET"})


def replaced_under_read():
    # The read ends without data, which the copy then reads.
    return g.compared("replaced-under-read", told={"blocked read: 7": "blocked read: EBADF",
                                                   "the copy: 4": "the copy: 11"})


def shut_early():
    sink = g.Sink()
    wrong = g.compared("shut-early", sink)
    sink.finish()
    return wrong


def full_log():
    babbler = g.Sink(answer=b"500 this is no TLS\r\n" * 10)
    run = g.Run("full-log", babbler, policy=g.policy(), log="stderr")
    wrong = run.end()
    babbler.finish()
    if wrong or t.PLAIN:
        return wrong
    return None if run.lines[0] == "read: EPROTO" else "said %s" % run.lines


t.start()
pki = t.Pki(t.tmp("pki"))
CASES = [
    ("writes after a reset", after_reset),
    ("a stream that was cut", lambda: g.says("cut", lines=[
        "read after %s: an error" % what for what in ("SO_ERROR", "a read", "writes", "a read")])),
    ("a stream that was cut, with another thread writing", lambda: g.says(
        "cut-while-writing", lines=["stopped: yes", "the reader sees an error"])),
    ("a reset where truncation is allowed", reset_allowed),
    ("dup2 over the number of a blocked read", replaced_under_read),
    ("shutdown before the handshake is over", shut_early),
    ("MSG_ERRQUEUE", g.compared, "error-queue"),
    ("pointers that are no addresses", g.compared, "no-address"),
    ("wild pointers", g.compared, "wild-pointer"),
    ("a log that nobody reads", full_log),
    ("nothing read is left in memory", lambda: g.says("left-over", lines=["copies left: 0"])),
]
for name, function, *arguments in CASES:
    t.subtest(name, function, *arguments)
t.finish()
