"""How the tests in this directory run the program guard, and what they ask of its peers."""

import os
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

PROGRAM = os.path.join(t.BUILD, "tests", "guard")
LAUNCHER = os.path.join(t.BUILD, "tlshim")
SECONDS = 30  # after which a case counts as hanging

POLICY = """[defaults]
unmatched = UNMATCHED
[deny denied]
connect = DENIED
[plain plain]
connect = PLAIN
[client covered]
connect = COVERED
trust = DIR/ca.pem
CLIENT
[server covered]
listen = LISTEN
certificate = DIR/server.pem
key = DIR/server.key
SERVER
"""
_NOWHERE = "127.0.0.9:9"  # no case goes there
_policies = 0


def policy(unmatched="deny", denied=None, plain=None, covered="127.0.0.1:*", client="", server="",
           listen="127.0.0.1:*"):
    """A policy file. denied, plain: sinks; covered, listen: addresses; client, server: more lines
    of those rules."""
    global _policies
    _policies += 1
    text = POLICY
    for word, value in (
            ("UNMATCHED", unmatched), ("DENIED", denied.names() if denied else _NOWHERE),
            ("PLAIN", plain.names() if plain else _NOWHERE), ("COVERED", covered or _NOWHERE),
            ("LISTEN", listen),
            ("CLIENT", client), ("SERVER", server), ("DIR", t.tmp("pki"))):
        text = text.replace(word, value)
    return t.policy_file("policy%d" % _policies, text)


# ---- peers

class Sink:
    """A TCP server that takes everything and says nothing, or `answer` to the first bytes.
    full: its queue is full until open_up()."""

    def __init__(self, answer=b"", full=False):
        self._listener = _dual_stack(0 if full else 64)
        self.port = self._listener.getsockname()[1]
        self._answer, self._begun, self._stop = answer, threading.Event(), False
        self._readers, self._came, self._fill = [], [], []
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()
        if full:
            # One fills a queue of length 0. More would repeat their SYNs at the same moment as the
            # program: the kernel then answers with SYN cookies and may forget whom it answered.
            self._fill = [socket.create_connection(("127.0.0.1", self.port))]
        else:
            self.open_up()

    def __str__(self):
        return str(self.port)

    def names(self):
        return "127.0.0.1:%d [::1]:%d" % (self.port, self.port)

    def open_up(self):
        self._begun.set()

    def _take(self):
        self._begun.wait()
        self._listener.settimeout(0.02)
        while True:
            try:
                stream, address = self._listener.accept()
                reader = threading.Thread(target=self._read, args=(stream, address[1]), daemon=True)
                self._readers.append(reader)
                reader.start()
            except TimeoutError:
                if self._stop:
                    return

    def _read(self, stream, port):
        stream.settimeout(SECONDS)
        all_of_it = b""
        try:
            while data := stream.recv(65536):
                if self._answer and not all_of_it:
                    stream.sendall(self._answer)
                all_of_it += data
        except OSError:
            pass
        stream.close()
        self._came.append((port, all_of_it))

    def finish(self):
        """What came, a bytes object for each of the program's connections, which has ended."""
        ours = [s.getsockname()[1] for s in self._fill]
        for s in self._fill:
            s.close()
        self.open_up()
        self._stop = True
        self._thread.join()
        for reader in self._readers:
            reader.join(10)
        self._listener.close()
        return [data for port, data in self._came if port not in ours]


def _dual_stack(backlog):
    try:
        return socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True,
                                    backlog=backlog)
    except (OSError, ValueError):
        return socket.create_server(("127.0.0.1", 0), backlog=backlog)


class ClosedPort:
    """A port at which connections are refused, for no one else can take it."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __str__(self):
        return str(self.port)


# ---- the program

class Run:
    """The program running a case. log: where the library's log goes, if not to a file. lines: what
    it said, once it has ended."""

    def __init__(self, case, *arguments, policy=None, log=None, **options):
        launcher = [] if t.PLAIN or policy is None else [LAUNCHER, "-p", policy, "--"]
        marker = t.MARKER.decode() if policy or t.PLAIN else "no secret"
        self._log = log or t.tmp("log")
        self.piped = "stdout" not in options
        options.setdefault("stdout", subprocess.PIPE)
        self._child = t.start_program(
            launcher + [PROGRAM, case, *map(str, arguments)], stderr=subprocess.DEVNULL,
            env={**t.environment(log=self._log, level="warn"), "TLSTEST_MARKER": marker}, **options)
        self.lines = []

    def line(self):
        """The next that it says, while it goes on."""
        timer = threading.Timer(SECONDS, self._child.kill)
        timer.start()
        text = self._child.stdout.readline().decode().strip()
        timer.cancel()
        self.lines.append(text)
        return text

    def end(self):
        """Waits for its end. None, or what is wrong."""
        try:
            out, _ = self._child.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            out, _ = self._child.communicate()
            self.lines += (out or b"").decode().splitlines()
            return "hangs; said: %s" % self.lines
        self.lines += (out or b"").decode().splitlines()
        if self._child.returncode != 0:
            return "ends with status %d; said: %s\nlog: %s" % (
                self._child.returncode, self.lines, t.read_text(self._log)[-1500:])
        return None


def compared(case, *arguments, told=None, feed=None, **policy_options):
    """Runs a case plain and covered. None when it says the same both times (but for lines that
    differ as `told` says, {plain line: covered line}); else what differs. feed(run): what is to be
    done while it runs."""
    said = []
    for launched in (None, policy(**policy_options)):
        run = Run(case, *arguments, policy=launched)
        if feed:
            feed(run)
        wrong = run.end()
        if wrong:
            return ("covered: " if launched else "plain: ") + wrong
        said.append([line for line in run.lines if not line.startswith("port ")])
    plain, covered = said
    expected = [(told or {}).get(line, line) for line in plain]
    if expected == covered or t.PLAIN:
        return None
    return "\n".join("%-40s | %s" % pair for pair in zip(
        [line for line in plain] + [""] * len(covered), covered + [""] * len(plain))
        if pair != ("", ""))


def says(case, *arguments, lines, **policy_options):
    """Runs a case covered. None when it says just `lines`."""
    run = Run(case, *arguments, policy=policy(**policy_options))
    wrong = run.end()
    if wrong or t.PLAIN:
        return wrong
    return None if run.lines == lines + ["end"] else "said %s" % run.lines


# ---- what may be on the wire

def records(data):
    """The record types of a stream, or None where it is anything else than TLS 1.0 records. A
    record's end may be missing."""
    types = []
    while data:
        if len(data) < 5:
            return None
        kind, version, length = struct.unpack(">BHH", data[:5])
        if kind not in (20, 21, 22, 23) or version != 0x0301 or length > 18432:
            return None
        types.append((kind, data[5] if len(data) > 5 else 0))
        data = data[5 + length:]
    return types


def leak(streams, least=1):
    """What is wrong with what a covered sink got, or None: each stream is one ClientHello, or
    nothing; at least so many are there."""
    if t.PLAIN:
        return None if any(t.MARKER in s for s in streams) else "the marker was not seen"
    for s in streams:
        types = records(s)
        if t.MARKER in s:
            return "plaintext: %r" % s[:400]
        if types is None:
            return "no TLS records: %r" % s[:400]
        if sum(1 for kind in types if kind == (22, 1)) > 1:
            return "more than one ClientHello on a connection"
    found = sum(1 for s in streams if s)
    return None if found >= least else "only %d connections with bytes" % found
