#!/usr/bin/python3
"""A client that connects, says nothing, closes and then does something else for long: its server,
which waits for a first byte, sees the end as it does over plain TCP, not when the client ends."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
stream, _ = listener.accept()
print("read", stream.recv(10), flush=True)
"""
# What it does afterwards ends with the end of its input.
BLOCKING = """
import socket, subprocess, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
subprocess.Popen(["cat"]).wait()
"""
READS_A_PIPE = """
import os, select, socket, sys
stream = socket.socket()
stream.setblocking(False)
stream.connect_ex(("127.0.0.1", int(sys.argv[1])))
select.select([], [stream], [])
stream.close()
os.read(0, 1)
"""


def first_read(client):
    """What the server read while the client was still busy with something else."""
    port = t.free_port()
    with t.start_program(t.server([t.PYTHON, "-c", SERVER, str(port)], pki.cert, pki.key),
                         stdout=subprocess.PIPE) as server:
        server.stdout.readline()
        with t.start_program(t.client([t.PYTHON, "-c", client, str(port)], pki.ca),
                             stdin=subprocess.PIPE) as busy:
            said = server.communicate(timeout=30)[0]
            busy.stdin.close()
    return said.decode()


t.start(wire=False)
pki = t.Pki(t.tmp("pki"))
t.is_(first_read(BLOCKING), "read b''\n", "a client that then waits for a child")
t.is_(first_read(READS_A_PIPE), "read b''\n", "a client of its own loop that then reads a pipe")
t.finish()
