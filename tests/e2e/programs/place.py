"""Where a row is run: a directory, ports, what is moved, and the program itself."""

import contextlib
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import threading
import time

import tlstest as t

from .rows import Busy

TURNED_AWAY = (Busy, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

SMALL = 20000
# Servers of different rows must not meet, and a port must be free again after a restart: these are
# below those that the kernel gives to clients.
_FIRST_PORT, _PORTS = 10000, 40


class Item:
    """What one dialogue of `place` moves. name: unique among those that run at once; file: what a
    server of files calls it."""

    def __init__(self, place, file, data, number=0):
        self.place, self.file, self.data, self.number = place, file, data, number
        self.name = "%s%d" % (file, number)

    def numbered(self, number):
        return Item(self.place, self.file, self.data, number)


def _bytes(row, size):
    """What the row moves: random, or lines of printable characters; with the marker, and nowhere
    the same twice."""
    if not row.text:
        return t.payload(size)
    return b"".join(b"%s %06d %s\n" % (t.MARKER, number, os.urandom(24).hex().encode())
                    for number in range(size // 96))


class Place:
    """peer: the place of the client's server, with which it shares what is moved. kept: what a
    command wants to find again when it is asked a second time."""

    def __init__(self, row, index, pki, mib, peer=None):
        self.row, self.pki, self.peer, self._index, self._next = row, pki, peer, index, 0
        self.directory = t.tmp("%d" % index)
        os.makedirs(os.path.join(self.directory, "www"))
        self.uid = self.gid = None
        if row.user and os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.uid, self.gid = nobody.pw_uid, nobody.pw_gid
        self.big = peer.big if peer else Item(self, "big", _bytes(row, min(mib << 20, row.big)))
        cut = self.big.data.rfind(b"\n", 0, SMALL) + 1 if row.text else SMALL
        self.small = peer.small if peer else Item(
            self, "small", self.big.data if row.big <= SMALL else self.big.data[:cut])
        for item in (self.small, self.big):
            self.write("www/" + item.file, item.data)
        self.key = self.path("server.key")
        shutil.copy(pki.key, self.key)
        self.log = self.path("tlshim.log")
        self.port = self.new_port()
        self.running = self._behind = None
        self.moved, self.kept = 0, {}

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, name, data, mode=0o644):
        """A file in the directory, DIR and PORT filled in when it is text; its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(data, str):
            data = data.replace("DIR", self.directory).replace("PORT", str(self.port)).encode()
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)
        return path

    def new_port(self):
        while True:
            port = _FIRST_PORT + self._index * _PORTS + self._next
            self._next += 1
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue

    # ---- programs

    def environment(self):
        env = t.environment(log=self.log, level=os.environ.get("PROGRAMS_LOG", "info"))
        env.update(HOME=self.directory, TMPDIR=self.directory, USER="nobody",
                   PATH=env["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/games")
        return env

    def _own(self):
        if self.uid is not None:
            for folder, _, names in os.walk(self.directory):
                for path in [folder] + [os.path.join(folder, name) for name in names]:
                    os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _as_user(self, argv):
        argv = [str(word) for word in argv]
        if self.uid is None:
            return argv
        return ["setpriv", "--reuid", str(self.uid), "--regid", str(self.gid), "--clear-groups",
                "--"] + argv

    def _both_ways(self, argv):
        """argv, run so that every listener and every connection is TLS."""
        policy = self.write("policy.conf", """[server all]
listen = *:*
certificate = %s
key = %s
[client all]
connect = *:*
trust = %s
verify-name = localhost
""" % (self.pki.cert, self.key, self.pki.ca), 0o600)
        return argv if t.PLAIN else [os.path.join(t.BUILD, "tlshim"), "-p", policy, "--"] + argv

    def start(self):
        """The row's server, covered."""
        self.running = self.also(*self.row.command(self), port=self.port, end=self.row.end)
        if self.row.warms_up:
            t.wait_until(self._serves, 60)

    def also(self, *argv, port, **options):
        """A server of the row, covered in the row's way."""
        argv = [str(word) for word in argv]
        argv = self._both_ways(argv) if self.row.both else t.server(argv, self.pki.cert, self.key)
        self._own()
        return t.Server(self._as_user(argv), port, self.path("output.log"), timeout=60,
                        cwd=self.directory, env=self.environment(), **options)

    def _serves(self):
        try:
            return self.ask(self.small) is None
        except (OSError, ValueError, EOFError):
            return False

    def stop(self):
        self.running.stop()

    def texts(self, item, between):
        """The item for a configuration: lists of quoted strings of at most 200 characters, each
        with its number in front."""
        said = item.data.decode().replace("\n", "~")
        strings = ['"%04x%s"' % (at, said[at:at + 150]) for at in range(0, len(said), 150)]
        return [between.join(strings[at:at + 4]) for at in range(0, len(strings), 4)]

    def without_rights(self, program):
        """A copy of a setuid program, or one with capabilities: nothing is preloaded into those."""
        copy = self.path(os.path.basename(program))
        if not os.path.exists(copy):
            shutil.copyfile(program, copy)
            os.chmod(copy, 0o755)
        return copy

    def behind(self):
        """The port of a web server of OpenSSL's that has the items, for who passes on."""
        if not self._behind:
            self._behind = t.TlsServer(t.STACKS[0], self.pki, t.http_handler(
                {"/" + item.file: item.data for item in (self.small, self.big)}, {}))
        return self._behind.port

    def connect(self, stack=None):
        return t.tls_connect(stack or t.STACKS[0], self.port, self.pki.ca)

    def dialogue(self, item, stack=None):
        """What one client of the server gets."""
        def once():
            with contextlib.closing(self.connect(stack)) as stream:
                return self.row.ask(stream, item)
        return self.in_turn(once)

    def in_turn(self, function):
        """What function() gives; of a server that serves one after the other, a client comes again
        when it is turned away."""
        until = time.monotonic() + 100
        while True:
            try:
                return function()
            except TURNED_AWAY:
                if not self.row.in_turn or time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def ask(self, item, stack=None):
        """One dialogue; what is wrong, or None."""
        return self.judge(item, self.dialogue(item, stack))

    def judge(self, item, got):
        if got == item.data:
            self.moved += len(got)
            return None
        return "%s: %d bytes of %d, or others" % (item.name, len(got), len(item.data))

    def _client(self, argv, covered, env):
        argv = [str(word) for word in argv]
        if covered:
            argv = self._both_ways(argv) if self.row.both else t.client(argv, self.pki.ca)
        self._own()
        return self._as_user(argv), dict(self.environment(), **env)

    def background(self, *argv):
        """Runs a client beside; the process, which ends with the row."""
        argv, env = self._client(argv, True, {})
        with open(self.path("output.log"), "ab") as out:
            return t.start_program(argv, cwd=self.directory, env=env, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out)

    def run(self, *argv, stdin=b"", covered=True, status=0, timeout=240, **options):
        """Runs a client to its end and gives what it said; an exception when it fails (status None:
        it may)."""
        argv, env = self._client(argv, covered, options.pop("env", {}))
        options.setdefault("cwd", self.directory)
        done = t.run(argv, stdin=stdin, env=env, timeout=timeout, **options)
        if status is not None and done.status != status:
            raise RuntimeError("%s: %s" % (" ".join(argv[-6:]), done))
        return done.out

    def differs(self, name, item=None):
        """Compares the file with what it should hold."""
        item = item or self.big
        with open(self.path(name), "rb") as f:
            return self.judge(item, f.read())

    def said(self):
        """What server and library said, at their ends."""
        return "server: %s\nlog: %s" % (t.read_text(self.path("output.log"))[-1500:],
                                        t.read_text(self.log)[-1500:])


def bridge(stack, target):
    """A TLS server that hands each connection on to the covered server at `target`, through a TLS
    connection of the same stack: both programs have another implementation as their peer."""
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.close_write()
        except OSError:
            for stream in (source, sink):
                with contextlib.suppress(OSError):
                    stream.abort()

    def handle(stream):
        other = target.connect(stack)
        back = threading.Thread(target=copy, args=(other, stream), daemon=True)
        back.start()
        copy(stream, other)
        back.join()
        other.close()
    return t.TlsServer(stack, target.pki, handle)
