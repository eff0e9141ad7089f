#!/usr/bin/python3
"""Unmodified servers under tlshim against clients of OpenSSL 3 and GnuTLS: 100 MiB intact, and 200
connections at once to the event-driven ones."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

MANY = 200
EVENT_DRIVEN = ("nginx", "lighttpd")


def fetch(stack, port):
    stream = t.tls_connect(stack, port, pki.ca)
    try:
        got = t.http_get(stream, "/big")
    finally:
        stream.close()
    if t.digest(got) != t.digest(big):
        return "what was fetched differs: %d bytes of %d" % (len(got), len(big))
    return None


def redis_values(stack, port):
    stream = t.tls_connect(stack, port, pki.ca)
    try:
        said = t.redis_ask(stream, b"SET", b"key", big)
        if said != b"+OK":
            return "SET: %r" % said
        got = t.redis_ask(stream, b"GET", b"key")
    finally:
        stream.close()
    return None if t.digest(got) == t.digest(big) else "the value differs"


def many_fetch(stack, port):
    def one(_, barrier):
        stream = t.tls_connect(stack, port, pki.ca)
        try:
            barrier.wait()
            got = t.http_get(stream, "/small")
        finally:
            stream.close()
        return None if got == small else "%d bytes of %d, or others" % (len(got), len(small))
    return t.at_once(MANY, one)


def many_redis(stack, port):
    def one(i, barrier):
        stream = t.tls_connect(stack, port, pki.ca)
        key, value = b"key%d" % i, small[i:]
        try:
            barrier.wait()
            t.redis_ask(stream, b"SET", key, value)
            got = t.redis_ask(stream, b"GET", key)
        finally:
            stream.close()
        return None if got == value else "the value differs"
    return t.at_once(MANY, one)


def guarded(function, running, *args):
    """With what the server and the library said, when something went wrong."""
    try:
        wrong = function(*args)
    except Exception as e:
        wrong = "%s: %s" % (type(e).__name__, e)
    if wrong:
        log = t.read_text(os.path.join(os.path.dirname(running.log), "tlshim.log"))
        return "%s\nserver: %s\nlog: %s" % (wrong, running.said()[-1000:], log[-1500:])
    return None


t.start()
pki = t.Pki(t.tmp("pki"))
big, small = t.payload(t.MIB << 20), t.payload(100000)
moved = 0
for name, command in t.HTTP_SERVERS:
    with t.start_covered(name, command, {"big": big, "small": small}, pki) as running:
        for stack in t.STACKS:
            t.subtest("%s: %s serves %d MiB" % (stack.name, name, t.MIB), guarded, fetch, running,
                      stack, running.port)
            moved += len(big)
        if name in EVENT_DRIVEN:
            t.subtest("%s: %d connections at once" % (name, MANY), guarded, many_fetch, running,
                      t.STACKS[0], running.port)
            moved += MANY * len(small)
name, command = t.REDIS
with t.start_covered(name, command, {}, pki) as running:
    for stack in t.STACKS:
        t.subtest("%s: %s takes and gives a value of %d MiB" % (stack.name, name, t.MIB), guarded,
                  redis_values, running, stack, running.port)
        moved += 2 * len(big)
    t.subtest("%s: %d connections at once" % (name, MANY), guarded, many_redis, running,
              t.STACKS[0], running.port)
t.finish(moved=moved)
