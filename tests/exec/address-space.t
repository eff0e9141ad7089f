#!/usr/bin/python3
"""Programs whose address space is limited (ulimit -v, LimitAS=, dovecot's default_vsz_limit): 256 MiB
are enough for one under tlshim, also when a connection comes to it from a process without a limit,
by exec or in a message (SCM_RIGHTS). The peer is OpenSSL."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LIMIT = 256 << 20
# Set from another process, so that the program starts with it: one that it set itself would get
# the library's part on top.
LIMITED = "prlimit --pid $$ --as=%d && exec " % LIMIT

# One thread: a malloc arena for each would take the limit, with or without TLS.
ECHO = """
import asyncio, sys
async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=400)
    await server.serve_forever()
asyncio.run(main())
"""
# Hands each connection to a program, `how`, that says how much memory it may have.
HANDS_ON = """
import os, socket, subprocess, sys
port, how, program = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
l = socket.create_server(("127.0.0.1", port), backlog=400)
here, there = socket.socketpair(socket.AF_UNIX)
if how == "message":
    subprocess.Popen(program, stdin=there)
while True:
    c = l.accept()[0]
    if c.recv(1) != b"x": # the handshake is over, and the session lies in this process's arena
        continue
    if how == "message":
        socket.send_fds(here, [b"."], [c.fileno()])
    elif os.fork() == 0:
        os.dup2(c.fileno(), 0)
        os.execv(program[0], program)
    c.close()
"""
TAKES = """
import os, resource, socket, sys
own = socket.socket(fileno=0)
while True:
    c = own if sys.argv[1] == "exec" else socket.socket(fileno=socket.recv_fds(own, 1, 1)[1][0])
    c.sendall(b"%d\\n" % resource.getrlimit(resource.RLIMIT_AS)[0])
    while data := c.recv(65536):
        c.sendall(data)
    c.close()
    if c is own:
        break
"""


def starts(argv):
    port = t.free_port()
    argv = [str(port) if word == "PORT" else word for word in argv]
    return t.Server(t.server(argv, pki.cert, pki.key), port, t.tmp("out-%d" % port),
                    env=t.environment(log=t.tmp("log-%d" % port)))


def limited(program):
    return ["/bin/sh", "-c", LIMITED + '"$0" "$@"'] + program


def echoes(stream, data):
    def send():
        stream.sendall(data)
        stream.close_write()
    with t.together(send):
        got = t.receive_all(stream)
    return None if got == data else "%d bytes of %d, or others" % (len(got), len(data))


def serves():
    """200 clients at once, of a server that began with the limit."""
    data = t.payload(50000)

    def one(number, barrier):
        stream = t.tls_connect(t.STACKS[0], server.port, pki.ca)
        try:
            barrier.wait()
            return echoes(stream, data)
        finally:
            stream.close()
    with starts(limited([t.PYTHON, "-c", ECHO, "PORT"])) as server:
        return t.at_once(200, one)


def takes(how):
    command = [t.PYTHON, "-c", HANDS_ON, "PORT", how] + limited([t.PYTHON, "-c", TAKES, how])
    data = t.payload(1 << 20)
    with starts(command) as server:
        for _ in range(2):
            stream = t.tls_connect(t.STACKS[0], server.port, pki.ca)
            try:
                stream.sendall(b"x")
                said = b"%d\n" % LIMIT
                got = t.receive_all(stream, len(said))
                wrong = None if got == said else "its limit is %r" % got
                wrong = wrong or echoes(stream, data)
            finally:
                stream.close()
            if wrong:
                return "%s\n%s\n%s" % (wrong, server.said(),
                                       t.read_text(t.tmp("log-%d" % server.port)))
    return None


t.start()
pki = t.Pki(t.tmp("pki"))
t.subtest("a server", serves)
for how in ("exec", "message"):
    t.subtest("a connection by " + how, takes, how)
t.finish(moved=14 << 20)
