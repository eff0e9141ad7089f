#!/usr/bin/python3
"""Servers under tlshim that are fed plaintext, random bytes, a half hello and silence: the right
alert or the timeout, and other clients are not delayed."""

import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

TIMEOUT = 2  # the rule's handshake-timeout
SLACK = 3    # a busy machine's

UNEXPECTED_MESSAGE, PROTOCOL_VERSION, DECODE_ERROR = 10, 70, 50

HELLO = bytes.fromhex(
    "16030100350100003103015a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
    "00000a002f0035000a00ff00130100")
SSL3_HELLO = HELLO[:9] + b"\3\0" + HELLO[11:]


def answer(port, data, end=False):
    """(all that the server sends until it closes, the seconds that took, was it a reset)"""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 20) as s:
        s.sendall(data)
        if end:
            s.shutdown(socket.SHUT_WR)
        got, reset = b"", False
        try:
            while True:
                more = s.recv(4096)
                if not more:
                    break
                got += more
        except ConnectionResetError:
            reset = True
    return got, time.monotonic() - start, reset


def alerted(port, data, description):
    got, seconds, _ = answer(port, data)
    want = bytes([21, 3, 1, 0, 2, 2, description])
    if got != want:
        return "sent %r\ngot  %s\nwant %s" % (data[:20], got.hex(), want.hex())
    return None if seconds < SLACK else "it took %.1f s" % seconds


def timed_out(port, data, first):
    """first: of what the server sends before the timeout, the record type; None for nothing but
    perhaps an alert."""
    got, seconds, _ = answer(port, data)
    if got[:3] not in ((b"", b"\x15\3\1") if first is None else (bytes([first, 3, 1]),)):
        return "got %s" % got.hex()
    if not TIMEOUT - 0.5 <= seconds <= TIMEOUT + SLACK:
        return "closed after %.1f s" % seconds
    return None


def ended(port, data):
    """The peer goes away in the middle: the server must not wait for the timeout."""
    _, seconds, _ = answer(port, data, end=True)
    return None if seconds < TIMEOUT - 0.5 else "closed after %.1f s" % seconds


def not_delayed(port, ask):
    """While 30 hostile connections hang, an honest client is served at once."""
    held = []
    try:
        for i in range(30):
            s = socket.create_connection(("127.0.0.1", port), 20)
            s.sendall((b"", HELLO[:30], HELLO)[i % 3])
            held.append(s)
        start = time.monotonic()
        wrong = ask(port)
        seconds = time.monotonic() - start
    finally:
        for s in held:
            s.close()
    return wrong or (None if seconds < TIMEOUT - 0.5 else "served after %.1f s" % seconds)


def fetch(port):
    stream = t.tls_connect(t.STACKS[0], port, pki.ca, timeout=10)
    try:
        return None if t.http_get(stream, "/file") == data else "the file differs"
    finally:
        stream.close()


def redis(port):
    stream = t.tls_connect(t.STACKS[0], port, pki.ca, timeout=10)
    try:
        t.redis_ask(stream, b"SET", b"key", data)
        return None if t.redis_ask(stream, b"GET", b"key") == data else "the value differs"
    finally:
        stream.close()


# Reads a request, lets the peer go away unseen, and closes.
CLOSER = """
import socket, sys, time
with socket.create_server(('127.0.0.1', int(sys.argv[1]))) as listener:
    s, _ = listener.accept()
    s.recv(100)
    print('asked', flush=True)
    sys.stdin.readline()
    if len(sys.argv) > 2:
        s.sendall(b'answer')
    s.close()
    print('closed', flush=True)
"""


def closes_after(*words):
    """close on a session whose peer has ended TCP without close_notify, not yet noticed."""
    port = t.free_port()
    with t.start_program(covered([t.PYTHON, "-c", CLOSER, str(port), *words]),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         env=t.environment(log=t.tmp("closer.log"))) as program:
        if not t.wait_until(lambda: t.listening(port)):
            return "it does not listen"
        stream = t.tls_connect(t.STACKS[0], port, pki.ca, timeout=10)
        stream.sendall(b"request")
        if program.stdout.readline() != b"asked\n":
            return "the request does not arrive"
        stream.close()
        try:
            out, _ = program.communicate(b"\n", timeout=10)
        except subprocess.TimeoutExpired:
            program.kill()
            return "it hangs"
    return None if program.returncode == 0 and out == b"closed\n" else "%s %r" % (
        program.returncode, out)


# (what is sent, how the answer is judged, arguments)
HOSTILE = [
    ("plaintext HTTP: alert", alerted, b"GET / HTTP/1.0\r\n\r\n", UNEXPECTED_MESSAGE),
    ("random bytes: alert", alerted, b"\x99" + os.urandom(299), UNEXPECTED_MESSAGE),
    ("an SSL 3.0 hello: alert", alerted, SSL3_HELLO, PROTOCOL_VERSION),
    ("application data before the handshake: alert", alerted, b"\x17\3\1\0\5hello",
     UNEXPECTED_MESSAGE),
    ("half a hello, then silence: timeout", timed_out, HELLO[:30], None),
    ("a hello, then silence: timeout", timed_out, HELLO, 22),
    ("silence: timeout", timed_out, b"", None),
    ("half a hello, then the end: closed at once", ended, HELLO[:30]),
]

SERVERS = [row + (fetch,) for row in t.HTTP_SERVERS] + [t.REDIS + (redis,)]

t.start()
pki = t.Pki(t.tmp("pki"))
data = t.payload(100000)
POLICY = """[server hostile]
listen = *:*
certificate = %s
key = %s
handshake-timeout = %d
""" % (pki.cert, pki.key, TIMEOUT)
policy = t.policy_file("hostile.conf", POLICY)


def covered(argv):
    return [os.path.join(t.BUILD, "tlshim"), "-p", policy, "--"] + argv


for name, command, ask in SERVERS:
    with t.start_covered(name, command, {"file": data}, pki, wrap=covered) as running:
        # All at once: most of the time is waiting.
        results = {}
        threads = []
        for case in HOSTILE:
            def one(case=case):
                try:
                    results[case[0]] = case[1](running.port, *case[2:])
                except Exception as e:
                    results[case[0]] = "%s: %s" % (type(e).__name__, e)
            threads.append(threading.Thread(target=one, daemon=True))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        for case in HOSTILE:
            wrong = results.get(case[0], "not finished after 30 s")
            t.ok(not wrong, "%s: %s" % (name, case[0]), wrong)
        t.subtest("%s: honest clients are not delayed by 30 that hang" % name, not_delayed,
                  running.port, ask)
        t.subtest("%s: goes on serving" % name, ask, running.port)
t.subtest("close, the peer having gone", closes_after)
t.subtest("write and close, the peer having gone", closes_after, "answer")
t.finish(moved=2 * len(SERVERS) * len(data))
