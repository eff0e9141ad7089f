#!/usr/bin/python3
"""The harness itself: its two TLS stacks understand each other, its certificates are what they say,
every program of the tables works without tlshim, and the capture sees what is not encrypted."""

import os
import shutil
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

SIZE = 3 << 20


def through(stack):
    def echo(stream):
        stream.sendall(t.receive_all(stream))
    want = (("TLSv1", stack.cipher), ("TLS1.0", stack.cipher))
    with t.TlsServer(stack, pki, echo) as server:
        stream = t.tls_connect(stack, server.port, pki.ca)
        stream.sendall(data)
        stream.close_write()
        got = t.receive_all(stream)
        suite = stream.suite() if stack is not t.NO_TLS else want[0]
        stream.close()
    if got != data:
        return "%d bytes came back of %d; %s" % (len(got), len(data), server.errors)
    return None if suite in want else "negotiated: %s" % (suite,)


def both_at_once(stack):
    """The client ends its side while data come to it."""
    def send_and_receive(stream):
        stream.sendall(data)
        t.receive_all(stream)
    with t.TlsServer(stack, pki, send_and_receive) as server:
        stream = t.tls_connect(stack, server.port, pki.ca)
        with t.together(stream.close_write):
            got = t.receive_all(stream)
        stream.close()
    return None if got == data else "%d bytes of %d; %s" % (len(got), len(data), server.errors)


def refused(certificate, cause):
    with t.TlsServer(openssl, pki, lambda stream: None, certificate) as server:
        try:
            t.tls_connect(openssl, server.port, pki.ca)
        except ssl.SSLCertVerificationError as e:
            return None if cause in e.verify_message else e.verify_message
    return "OpenSSL accepted it"


def plain(script):
    done = t.run([os.path.join(os.path.dirname(__file__), script)], timeout=300,
                 env=dict(os.environ, TLSTEST_PLAIN="1", TLSTEST_MIB="2"))
    return None if done.status == 0 else done.out.decode()[-3000:]


def leak():
    """A run of its own, in which one connection of several is plain."""
    for stack in (openssl, t.NO_TLS, openssl):
        t.subtest("%s on both ends" % stack.name, through, stack)
    t.finish(moved=2 * len(data))


def leak_is_found():
    done = t.run([os.path.abspath(__file__), "--leak"], timeout=100)
    said = done.out.decode()
    if "# skip" in said.lower():
        return None
    shutil.rmtree(said[said.index("kept: ") + 6:].strip())
    return None if done.status == 1 and "not ok 5 - no plaintext marker" in said and \
        said.count("not ok") == 1 else said[-3000:]


t.start(covered=False)
pki = t.Pki(t.tmp("pki"))
data = t.payload(SIZE)
openssl = t.STACKS[0]
if sys.argv[1:] == ["--leak"]:
    leak()
t.subtest("one plain connection among others is found", leak_is_found)
for stack in t.STACKS:
    t.subtest("%s on both ends" % stack.name, through, stack)
    t.subtest("%s: an end while data come" % stack.name, both_at_once, stack)
for path, cause in ((pki.wrong_name, "ostname mismatch"), (pki.expired, "expired"),
                    (pki.self_signed, "self-signed"), (pki.by_other_ca, "unable to get local")):
    t.subtest("OpenSSL refuses %s" % os.path.basename(path), refused, path, cause)
for script in ("clients.t", "servers.t"):
    t.subtest("%s without tlshim" % script, plain, script)
t.finish(moved=3 * len(t.STACKS) * SIZE)
