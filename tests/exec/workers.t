#!/usr/bin/python3
"""Connections and listeners that come to a program from outside: from a master that accepts and
hands them to workers (SCM_RIGHTS), forked or executed, before or after it has read from them; and
by socket activation as systemd's. The programs are Python's and systemd's."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

WORKER = """
import os, socket, sys
def work(channel):
    while True:
        said, fds, _, _ = socket.recv_fds(channel, 1000, 1)
        if not fds:
            return
        connection = socket.socket(fileno=fds[0])
        with connection, connection.makefile('rwb') as f:
            first = said[1:] or f.readline()
            f.write(b'%d %s' % (os.getpid(), first)); f.flush()
            for line in f:
                f.write(line); f.flush()
if __name__ == '__main__':
    work(socket.socket(fileno=int(sys.argv[1])))
"""
# master PORT how when: forked or executed workers; handed on at once, or when a line was read.
MASTER = """
import os, socket, subprocess, sys
sys.path.insert(0, 'DIR')
import worker
channels = []
for n in range(2):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if sys.argv[2] == 'forked':
        if os.fork() == 0:
            ours.close()
            for channel in channels: channel.close()
            worker.work(theirs)
            os._exit(0)
    else:
        env = {} if n else None
        subprocess.Popen([sys.executable, 'DIR/worker.py', str(theirs.fileno())],
                         pass_fds=[theirs.fileno()], env=env)
    theirs.close()
    channels.append(ours)
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    line = b''
    while sys.argv[3] == 'read' and not line.endswith(b'\\n'):
        line += connection.recv(1)
    socket.send_fds(channels[0], [b'x' + line], [connection.fileno()])
    connection.close()
    channels.reverse()
"""
ACTIVATED = """
import os, socket
assert os.environ['LISTEN_FDS'] == '1'
listener = socket.socket(fileno=3)
while True:
    with listener.accept()[0] as c, c.makefile('rwb') as f:
        f.write(b'%d %s' % (os.getpid(), f.readline())); f.flush()
        for line in f:
            f.write(line); f.flush()
"""
ACCEPTED = """
import os, sys
print(os.getpid(), sys.stdin.readline(), end='', flush=True)
for line in sys.stdin: print(line, end='', flush=True)
"""
MARKED = t.MARKER + b" one\n"


def read_line(stream):
    data = b""
    while not data.endswith(b"\n"):
        part = stream.recv(1)
        if not part:
            raise ConnectionError("the end, after %r" % data)
        data += part
    return data


def talk(port):
    """Who serves it."""
    stream = t.tls_connect(t.STACKS[0], port, pki.ca, timeout=30)
    stream.sendall(MARKED + b"two\n")  # the second line comes with the first
    who, _, said = read_line(stream).partition(b" ")
    if said != MARKED or read_line(stream) != b"two\n":
        raise RuntimeError("%r" % said)
    stream.sendall(b"three\n")
    if read_line(stream) != b"three\n":
        raise RuntimeError("no third line")
    stream.close_write()
    if t.receive_all(stream):
        raise RuntimeError("something after the end")
    stream.close()
    return int(who)


def serves(command, workers, clients=6):
    """workers: how many processes serve the clients."""
    port = t.free_port()
    log = t.tmp("log-%d" % port)
    with t.Server(t.server([word.replace("PORT", str(port)) for word in command], pki.cert,
                           pki.key), port, t.tmp("out-%d" % port), cwd=t.tmp(),
                  env=t.environment(log=log)) as server:
        try:
            by = [talk(port) for _ in range(clients)]
        except Exception as e:
            return "%s: %s\n%s\n%s" % (type(e).__name__, e, server.said(),
                                       t.read_text(log)[-1500:])
        return None if len(set(by)) == workers else "served by %s" % by


def script(name, text):
    with open(t.tmp(name), "w") as f:
        f.write(text.replace("DIR", t.tmp()))
    return t.tmp(name)


t.start()
pki = t.Pki(t.tmp("pki"))
script("worker.py", WORKER)
master = [t.PYTHON, script("master.py", MASTER), "PORT"]
for how in "forked", "executed":
    for when in "at once", "read":
        t.subtest("%s workers, %s" % (how, "handed on at once" if when == "at once" else
                                      "handed on when a line was read"),
                  serves, master + [how, when], 2)
ACTIVATE = ["systemd-socket-activate", "-l", "127.0.0.1:PORT"]
for name, command, workers in (
        ("a listener", ACTIVATE + [t.PYTHON, script("activated.py", ACTIVATED)], 1),
        ("a process per connection", ACTIVATE + ["--accept", "--inetd", t.PYTHON,
                                                 script("accepted.py", ACCEPTED)], 6)):
    if shutil.which(ACTIVATE[0]):
        t.subtest("systemd-socket-activate: " + name, serves, command, workers)
    else:
        t.skip("systemd-socket-activate: " + name, "not installed")
t.finish()
