#!/usr/bin/python3
"""What a program writes first leaves at once, as over plain TCP: it does not wait until the peer has
acknowledged the handshake's last bytes, which peers put off for 40 ms. The kernel tells how many
bytes it has not sent yet. And TCP_NODELAY is what the program says."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

CONNECTIONS = 8
SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    stream, _ = listener.accept()
    with stream:
        stream.sendall(stream.recv(100))
"""
CLIENT = """
import fcntl, socket, struct, sys
SIOCOUTQNSD = 0x894b
NO_DELAY = socket.IPPROTO_TCP, socket.TCP_NODELAY
unsent, options = [], set()
for i in range(int(sys.argv[2])):
    stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    if i % 2:
        stream.setsockopt(*NO_DELAY, 1)
    stream.sendall(b"hello")
    unsent += struct.unpack("i", fcntl.ioctl(stream, SIOCOUTQNSD, bytes(4)))
    options.add((i % 2, stream.getsockopt(*NO_DELAY) != 0))
    stream.recv(100)
    stream.close()
print("unsent", max(unsent), "options", sorted(options))
"""

t.start(wire=False)
pki = t.Pki(t.tmp("pki"))
port = t.free_port()
with t.start_program(t.server([t.PYTHON, "-c", SERVER, str(port), str(CONNECTIONS)], pki.cert,
                              pki.key), stdout=subprocess.PIPE) as server:
    server.stdout.readline()
    done = t.run(t.client([t.PYTHON, "-c", CLIENT, str(port), str(CONNECTIONS)], pki.ca),
                 timeout=60)
t.is_(done.out, b"unsent 0 options [(0, False), (1, True)]\n", "nothing of it waits")
t.finish()
