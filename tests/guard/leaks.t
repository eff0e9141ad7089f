#!/usr/bin/python3
"""No byte of a covered connection goes out but through its session, and none reaches a denied
peer."""

import socket

import guard as g
from guard import t


def covered(case, *before, sinks=1, least=1, **options):
    """The case with as many covered sinks as it takes after the arguments `before`."""
    targets = [g.Sink() for _ in range(sinks)]
    run = g.Run(case, *before, *targets, policy=g.policy(**options))
    wrong = run.end()
    for sink in targets:
        wrong = wrong or g.leak(sink.finish(), least)
    return wrong and "%s\nsaid: %s" % (wrong, run.lines)


def with_denied(case, *before, least=1):
    """The case with a covered sink, where least is not 0, and one that the policy denies."""
    sink, denied = g.Sink() if least else None, g.Sink()
    ports = [sink, denied] if least else [denied]
    run = g.Run(case, *before, *ports, policy=g.policy(denied=denied))
    wrong = run.end()
    reached = denied.finish()
    if sink:
        wrong = wrong or g.leak(sink.finish(), least)
    if reached and not t.PLAIN:
        wrong = wrong or "the denied peer is reached %d times: %r" % (
            len(reached), reached[0][:100])
    return wrong and "%s\nsaid: %s" % (wrong, run.lines)


def disconnected():
    plain = g.Sink()
    wrong = covered("elsewhere", plain, least=0, plain=plain)
    plain.finish()
    return wrong


def any_denied():
    denied = g.Sink()
    run = g.Run("any-address", denied, policy=g.policy("plain", denied=denied, covered=None))
    wrong = run.end()
    reached = denied.finish()
    return wrong or ("the denied peer is reached: %s" % run.lines if reached and not t.PLAIN
                     else None)


def any_covered():
    sink = g.Sink()
    run = g.Run("any-address", sink, policy=g.policy("plain", covered=sink.names()))
    return run.end() or g.leak(sink.finish())


def first_uses():
    # No rule for listeners, so that a connection from elsewhere is taken for a client's.
    return covered("first-uses", unmatched="plain", listen="127.0.0.9:9")


def connecting_slowly():
    sink = g.Sink(full=True)
    run = g.Run("connecting-slowly", sink, policy=g.policy())
    run.line()
    sink.open_up()
    return run.end() or g.leak(sink.finish())


def as_server(case):
    """What a client without TLS gets from a server whose connection is number 1."""
    run = g.Run(case, policy=g.policy())
    with socket.create_connection(("127.0.0.1", int(run.line().split()[1]))) as client:
        return received(client, run)


def inherited():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client:
            server, _ = listener.accept()
            with server:
                run = g.Run("inherited", policy=g.policy(), stdin=server, stdout=server)
            return received(client, run)


def received(client, run):
    client.settimeout(g.SECONDS)
    got = b""
    try:
        while data := client.recv(65536):
            got += data
    except ConnectionError:
        pass
    wrong = run.end() if run.piped else None
    if (t.MARKER in got) != t.PLAIN:
        return "the client got %r" % got[:300]
    return wrong


t.start()
pki = t.Pki(t.tmp("pki"))
CASES = [
    ("sends with MSG_FASTOPEN", with_denied, "fast-open"),
    ("writes by every name and number", covered, "other-calls"),
    ("copies made by number", covered, "other-numbers"),
    ("multipath TCP", with_denied, "multipath"),
    ("a sandbox that refuses getsockopt", lambda: covered("sandboxed", sinks=2, least=0)),
    ("a second connect, to a denied peer", lambda: with_denied("again", g.ClosedPort(), least=0)),
    ("disconnect from a plain peer, connect to another", disconnected),
    ("0.0.0.0 and :: do not pass by a deny rule", any_denied),
    ("nor by a client rule", any_covered),
    ("a connection that is number 1", covered, "stdout-reused"),
    ("an accepted connection that is number 1", as_server, "stdout-accepted"),
    ("standard input and output from the start", inherited),
    ("fdopen before connect", covered, "stream-first"),
    ("dup2 over a stream's number", covered, "stream-replaced"),
    ("libc's messages to descriptor 2", covered, "messages"),
    ("writes in each moment of connect", covered, "connecting"),
    ("connect in each moment of a write", covered, "written-first"),
    ("a write that begins while connect waits", connecting_slowly),
    ("writes in each moment of dup2 over their number", covered, "replacing"),
    ("a number that becomes a connection while it is looked at", covered, "looking"),
    ("a stale number that becomes a connection meanwhile", covered, "looking-late"),
    ("two first uses of one connection", first_uses),
]
for name, function, *arguments in CASES:
    t.subtest(name, function, *arguments)
t.finish()
