#!/usr/bin/python3
"""Policy and certificates that change while programs run: nobody's connection is dropped, new ones
get the old rules or the new ones whole, and a policy that is wrong leaves them as they were."""

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
REPLACEMENTS = int(os.environ.get("TLSTEST_REPLACEMENTS", "1000"))

# WORKERS processes, each with a thread for every connection; answers lines with its process id.
# With a directory as third argument it confines itself there before it accepts anybody; with a
# number it becomes that user, with "moved" it goes to another directory.
SERVER = """
import os, socket, sys, threading
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=64)
for _ in range(int(sys.argv[2]) - 1):
    if os.fork() == 0:
        break
if len(sys.argv) > 3:
    if sys.argv[3].isdigit():
        os.setuid(int(sys.argv[3]))
    elif sys.argv[3] != 'moved':
        os.chroot(sys.argv[3])
    os.chdir('/')
    os.environ.clear()
def serve(s):
    try:
        for line in s.makefile('rb'):
            s.sendall(line.strip() + b' %d\\n' % os.getpid())
    except OSError:
        pass
    s.close()
while True:
    try:
        s, _ = listener.accept()
    except OSError:
        continue
    threading.Thread(target=serve, args=(s,), daemon=True).start()
"""

# Connects again for each line of its input, and says what came of it.
CLIENT = """
import errno, socket, sys
for line in sys.stdin:
    try:
        s = socket.create_connection(('localhost', int(sys.argv[1])), timeout=20)
        s.sendall(b'hello\\n')
        print('good' if s.recv(100).startswith(b'hello') else 'nothing', flush=True)
        s.close()
    except OSError as e:
        print(errno.errorcode.get(e.errno, e), flush=True)
"""


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def identity(name):
    """A certificate and its key, in one file, by an authority that has the same name."""
    ca, ca_key = t.tmp(name + "-ca.pem"), t.tmp(name + "-ca.key")
    leaf, key = t.tmp(name + ".pem"), t.tmp(name + ".key")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca_key, "-out", ca,
            "-subj", "/CN=authority " + name, "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", leaf, "-subj",
            "/CN=" + name, "-CA", ca, "-CAkey", ca_key, "-addext",
            "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost")
    with open(leaf) as a, open(key) as b:
        return ca, a.read() + b.read()


def replace(path, text):
    """At once, as editors and tools for certificates do."""
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


class Running(t.Server):
    """A covered server whose policy and certificate can be changed."""

    def __init__(self, name, workers=1, *more):
        self.policy, self.pem = t.tmp(name + ".conf"), t.tmp(name + ".pem")
        port = t.free_port()
        self.text = "[server s]\nlisten = *:%d\ncertificate = %s\nkey = %s\n" % (port, self.pem,
                                                                                 self.pem)
        replace(self.pem, one[1])
        replace(self.policy, self.text)
        # By a relative path, as it would be typed.
        super().__init__([LAUNCHER, "-p", name + ".conf", "--", t.PYTHON, "-c", SERVER, str(port),
                          str(workers)] + list(more), port, t.tmp(name + ".log"), cwd=t.tmp(),
                         env=t.environment(TLSHIM_LOG="info"))


class Talk:
    """A connection to a server: who it is, and an echo."""
    context = None

    def __init__(self, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        for ca in (one[0], two[0]):
            context.load_verify_locations(ca)
        self.tls = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20),
                                       server_hostname="localhost")
        self.name = dict(part[0] for part in self.tls.getpeercert()["subject"])["commonName"]
        self.suite = self.tls.cipher()[0]

        self.lines = self.tls.makefile("rb")

    def echo(self):
        self.tls.sendall(b"still there\n")
        return self.lines.readline().startswith(b"still there ")

    def worker(self):
        self.tls.sendall(b"who\n")
        return self.lines.readline().split()[1]

    def close(self):
        self.lines.close()
        self.tls.close()


def who(server):
    talk = Talk(server.port)
    name = talk.name
    talk.close()
    return name


def becomes(server, want):
    """The next connections, or soon those after them, meet it."""
    return t.wait_until(lambda: who(server) == want)


def certificate():
    with Running("certificate") as server:
        old = Talk(server.port)
        t.is_(old.name, "one", "a server shows its certificate")
        replace(server.pem, two[1])
        t.ok(becomes(server, "two"), "a new one is shown without a restart")
        t.ok(old.echo(), "a connection under the old one goes on")
        t.ok("read anew" in server.said(), "and the log tells", server.said())
        replace(server.pem, two[1].replace("PRIVATE", "PUBLIC"))
        t.ok(t.wait_until(lambda: who(server) and "stay in force" in server.said()),
             "what is no key is an error", server.said())
        t.ok("certificate.conf:4:7: key: " in server.said(), "with its place", server.said())
        t.is_(who(server), "two", "and the old one stays")
        said = server.said().count("stay in force")
        for _ in range(20):
            who(server)
        t.is_(server.said().count("stay in force"), said, "told once")
        replace(server.pem, one[1])
        t.ok(becomes(server, "one"), "what is right again is taken")
        t.ok(old.echo(), "the first connection is still there")


def policy():
    with Running("policy") as server:
        old = Talk(server.port)
        replace(server.policy, server.text + "suites = AES256-SHA\n")

        def suite():
            talk = Talk(server.port)
            talk.close()
            return talk.suite

        t.ok(t.wait_until(lambda: suite() == "AES256-SHA"), "a new setting counts")
        t.ok(old.suite != "AES256-SHA" and old.echo(), "an old connection keeps its own")
        replace(server.policy, server.text + "suites = AES256-SHA\nsuits = ALL\n")
        t.ok(t.wait_until(lambda: suite() and "policy.conf:6:1: unknown key" in server.said()),
             "an error has its line and column", server.said())
        t.is_(suite(), "AES256-SHA", "and what was in force stays")
        os.unlink(server.policy)
        t.ok(t.wait_until(lambda: suite() and "there is no such file" in server.said()),
             "a policy that is gone is an error too", server.said())
        t.is_(suite(), "AES256-SHA", "and what was in force stays")
        replace(server.policy, "[deny all]\nlisten = *:*\n")

        def refused():
            try:
                Talk(server.port).close()
            except OSError:
                return True

        t.ok(t.wait_until(refused), "a policy that refuses does so from then on")
        t.ok(old.echo(), "a connection that was there goes on")


def included():
    """A file more in a directory that is included, and one in which words change their length."""
    directory = t.tmp("conf.d")
    os.mkdir(directory)
    port = t.free_port()
    main = t.policy_file("main.conf", "include = conf.d/*.conf\n")
    with t.Server([LAUNCHER, "-p", main, "--", t.PYTHON, "-c", SERVER, str(port), "1"], port,
                  t.tmp("included.log"), env=t.environment()) as server:
        def outcome():
            try:
                return who(server)
            except OSError:
                return "refused"

        t.is_(outcome(), "refused", "no rule is included yet")
        pem = t.tmp("included.pem")
        replace(pem, one[1])
        replace(os.path.join(directory, "a.conf"),
                "[server a]\nlisten = *:%d\ncertificate = %s\nkey = %s\n" % (port, pem, pem))
        t.ok(t.wait_until(lambda: outcome() == "one"), "a file that appears is read")
        os.unlink(os.path.join(directory, "a.conf"))
        t.ok(t.wait_until(lambda: outcome() == "refused"), "and counts no more when it is gone")


def workers():
    with Running("workers", 3) as server:
        replace(server.pem, two[1])
        met, old = set(), set()

        def all_changed():
            talk = Talk(server.port)
            pid = talk.worker()
            (met if talk.name == "two" else old).add(pid)
            talk.close()
            return len(met) == 3

        many = [Talk(server.port) for _ in range(12)]  # so that every worker gets some
        t.ok(t.wait_until(all_changed), "every forked worker takes the new certificate", (met, old))
        t.ok(all(talk.echo() for talk in many), "and drops no connection")


def ticket_keys():
    """Keys of tickets are changed in the file: old tickets are still taken, then no more."""
    def key():
        return os.urandom(80).hex() + "\n"

    def reused(*options):
        done = t.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.port, "-tls1",
                      "-cipher", "DEFAULT:@SECLEVEL=0", *options], stdin=b"")
        return b"Reused, TLSv1" in done.out

    with Running("tickets") as server:
        ring, saved, first, second = t.tmp("ring.txt"), t.tmp("ticket.pem"), key(), key()
        replace(ring, first)
        replace(server.policy, server.text + "ticket-keys = %s\n" % ring)
        t.ok(t.wait_until(lambda: not reused("-sess_out", saved) and reused("-sess_in", saved)),
             "a ticket is given and taken")
        replace(ring, second + first)
        t.ok(t.wait_until(lambda: who(server) and server.said().count("read anew") == 2),
             "the keys are read when they change", server.said())
        t.is_(reused("-sess_in", saved), True, "what the older key sealed is taken")
        replace(ring, second)
        t.ok(t.wait_until(lambda: not reused("-sess_in", saved)), "not when that is gone")


def elsewhere():
    """What the program does to its directory and environment is nothing to the policy; but after
    chroot, or as another user, it may not see the files any more."""
    with Running("moved", 1, "moved") as server:
        replace(server.pem, two[1])
        t.ok(becomes(server, "two"), "a program in another directory takes a new certificate")
    if os.geteuid() != 0:
        t.skip("chroot and another user", "needs root")
        return
    empty = t.tmp("empty")
    os.mkdir(empty)
    for name, where in (("chroot", empty), ("another user", "65534")):
        with Running(name.replace(" ", "-"), 1, where) as server:
            replace(server.pem, two[1])
            t.ok(t.wait_until(lambda: who(server) and "stay in force" in server.said()), name +
                 ": what cannot be read any more is an error", server.said())
            t.is_(who(server), "one", name + ": the server goes on as it was")


def one_line():
    """The one-line form has no file of its own; its certificate may change all the same."""
    port, pem = t.free_port(), t.tmp("line.pem")
    replace(pem, one[1])
    with t.Server([LAUNCHER, "--certificate", pem, "--key", pem, "--", t.PYTHON, "-c", SERVER,
                   str(port), "1"], port, t.tmp("line.log"), env=t.environment()) as server:
        t.is_(who(server), "one", "the one-line form shows its certificate")
        replace(pem, two[1])
        t.ok(becomes(server, "two"), "and a new one")


def client():
    """Each connect gets what is in force then."""
    with Running("peer") as server:
        conf, trust = t.tmp("client.conf"), t.tmp("trust.pem")
        with open(one[0]) as f, open(two[0]) as g:
            right, wrong = f.read(), g.read()
        replace(trust, right)
        replace(conf, "[client c]\nconnect = *:%d\ntrust = %s\n" % (server.port, trust))
        program = t.start_program(
            [LAUNCHER, "-p", conf, "--", t.PYTHON, "-c", CLIENT, str(server.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=dict(t.environment(), TLSHIM_LOG_TO=t.tmp("client.log")), text=True)

        def outcome():
            program.stdin.write("\n")
            program.stdin.flush()
            return program.stdout.readline().strip()

        t.is_(outcome(), "good", "a client trusts its server")
        replace(trust, wrong)
        t.ok(t.wait_until(lambda: outcome() == "EACCES"), "until its authority is another one")
        replace(trust, right)
        t.ok(t.wait_until(lambda: outcome() == "good"), "and again when it is back")
        program.stdin.close()
        program.wait(20)
        program.stdout.close()


class Load(threading.Thread):
    """Connects again and again, and keeps a connection open all the while."""

    def __init__(self, port, stop):
        super().__init__(daemon=True)
        self.port, self.stop, self.errors, self.seen = port, stop, [], set()
        self.kept, self.count, self.changes, self.last = Talk(port), 0, 0, "one"

    def run(self):
        while not self.stop.is_set():
            try:
                talk = Talk(self.port)
                self.seen.add((talk.name, talk.suite))
                self.changes += talk.name != self.last
                self.last = talk.name
                if not talk.echo() or not self.kept.echo():
                    self.errors.append("no echo")
                talk.close()
                self.count += 1
            except OSError as e:
                self.errors.append(str(e))


def under_load():
    """Two policies, each with a certificate and a suite of its own: nobody may see a mixture. Every
    so often a third that is wrong, in whose place the last one stays."""
    with Running("load", 2) as server:
        pems = [t.tmp("load-%s.pem" % name) for name in ("one", "two")]
        suites = ("AES128-SHA", "AES256-SHA")
        texts = []
        for pem, (_, text), suite in zip(pems, (one, two), suites):
            replace(pem, text)
            texts.append("[server s]\nlisten = *:%d\ncertificate = %s\nkey = %s\nsuites = %s\n" %
                         (server.port, pem, pem, suite))
        replace(server.policy, texts[0])
        t.ok(becomes(server, "one"), "the first policy is in force")
        stop = threading.Event()
        loads = [Load(server.port, stop) for _ in range(3)]
        for load in loads:
            load.start()
        for i in range(REPLACEMENTS):
            replace(server.policy, texts[i % 2] if i % 10 else "[nonsense]\n")
            if i % 3 == 0:
                replace(pems[i % 2], (one, two)[i % 2][1])
            stop.wait(0.002)
        replace(server.policy, texts[1])
        stop.set()
        for load in loads:
            load.join()
        errors = [e for load in loads for e in load.errors]
        t.ok(not errors, "%d replacements: no connection of %d is dropped" %
             (REPLACEMENTS, sum(load.count for load in loads)), "\n".join(errors[:9]))
        seen = set().union(*(load.seen for load in loads))
        changes = sum(load.changes for load in loads)
        t.ok(changes > 20, "%d times a client met another policy than before" % changes)
        t.ok(seen <= {("one", suites[0]), ("two", suites[1])} and len(seen) == 2,
             "each gets the one policy or the other, whole", seen)
        t.ok(all(load.kept.echo() for load in loads), "connections from the beginning live on")
        t.ok(t.wait_until(lambda: {Talk(server.port).name for _ in range(8)} == {"two"}),
             "the last one is in force at last")
        # Old rules are given back: memory does not grow with the number of policies.
        pids = [pid for pid in os.listdir("/proc") if pid.isdigit() and
                str(server.port) in t.read_text("/proc/%s/cmdline" % pid).split("\0")]
        sizes = [int(re.search(r"VmRSS:\s+(\d+)", t.read_text("/proc/%s/status" % pid)).group(1))
                 for pid in pids]
        t.ok(sizes and max(sizes) < 65536, "memory is given back: %s KiB" % sizes)


t.start(wire=False)
warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0, says Python
one, two = identity("one"), identity("two")
for part in (certificate, policy, included, workers, ticket_keys, elsewhere, one_line, client,
             under_load):
    part()
t.finish()
