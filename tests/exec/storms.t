#!/usr/bin/python3
"""Many processes on one connection: forked, killed, writing at once. The peer is OpenSSL, which
finds out when a sequence number, an IV or a piece of keystream is used twice (bad_record_mac), and
reads every line whole and once. EXEC_SOAK=1: more of everything."""

import collections
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

STORM = os.path.join(t.BUILD, "tests", "storm")
SOAK = bool(os.environ.get("EXEC_SOAK"))
LINE, MAC = 64, 20


class Lines:
    """What arrived, by connection; ended: in what way, by connection."""

    def __init__(self):
        self.streams, self.ended, self._lock = [], [], threading.Lock()

    def handle(self, stream):
        data, how = bytearray(), "in order"
        try:
            while part := stream.recv(65536):
                data += part
        except Exception as e:
            how = str(e)
        with self._lock:
            self.streams.append(bytes(data))
            self.ended.append(how)

    def read(self, connections):
        """All lines, by who and number. Raises when one is torn."""
        if not t.wait_until(lambda: len(self.streams) >= connections, 60):
            raise RuntimeError("%d connections of %d" % (len(self.streams), connections))
        found = collections.Counter()
        for data in self.streams:
            for start in range(0, len(data) - LINE + 1, LINE):
                line = data[start:start + LINE]
                if line[-1:] != b"\n" or line.count(b"\n") != 1 or not line.strip(b"x\n. ")[:1]:
                    raise RuntimeError("a torn line: %r" % line)
                who, number = line.split()[:2]
                found[who.decode(), int(number)] += 1
        return found


class Recorded:
    """A socket; what it receives is kept."""

    def __init__(self, sock, wire):
        self._sock, self._wire = sock, wire

    def recv(self, size):
        data = self._sock.recv(size)
        self._wire += data
        return data

    def __getattr__(self, name):
        return getattr(self._sock, name)


class RecordingServer(t.TlsServer):
    def __init__(self, *args):
        self.wires = []
        super().__init__(*args)

    def _serve(self, sock):
        wire = bytearray()
        self.wires.append(wire)
        super()._serve(Recorded(sock, wire))


def repeated(wire):
    """Blocks of ciphertext that the connection's application data has twice. Each record's IV is
    the last block of the one before it (RFC 2246 6.2.3.2), and the peer has opened each in its
    place: when no block is there twice, no IV was used twice."""
    seen, twice, at = set(), [], 0
    while at + 5 <= len(wire):
        kind, length = wire[at], int.from_bytes(wire[at + 3:at + 5], "big")
        content = bytes(wire[at + 5:at + 5 + length])
        at += 5 + length
        if kind != 23:
            continue
        content = content[:length - MAC if length % 16 else length]  # RFC 7366: the MAC comes last
        if len(content) % 16:
            raise RuntimeError("a record of %d bytes" % length)
        for block in (content[i:i + 16] for i in range(0, len(content), 16)):
            twice += [block.hex()] if block in seen else []
            seen.add(block)
    return twice


def storm(name, count, connections, timeout=300):
    lines = Lines()
    server = RecordingServer(t.STACKS[0], pki, lines.handle)
    done = t.run(t.client([STORM, name, str(server.port), str(count)], pki.ca), timeout=timeout,
                 env=t.environment(log=t.tmp("log")))
    if done.status != 0:
        raise RuntimeError("%s\n%s" % (done, t.read_text(t.tmp("log"))[-2000:]))
    found = lines.read(connections or server.accepted)
    server.close()
    twice = [] if t.PLAIN else [block for wire in server.wires for block in repeated(wire)]
    if twice:
        raise RuntimeError("ciphertext that is there twice: %s" % twice[:3])
    return lines, found, done.out.decode()


def exactly(found, want):
    if found == collections.Counter(want):
        return None
    missing = [w for w in want if w not in found]
    return "missing %s, twice %s" % (missing[:5], [f for f in found if found[f] > 1][:5])


def turns(count):
    lines, found, _ = storm("turns", count, 1)
    return exactly(found, [("turn", i) for i in range(count)]) or lines.ended[0] != "in order" and \
        lines.ended


def at_once(count):
    lines, found, _ = storm("at-once", count, 1)
    want = ([("once", i) for i in range(count * 5)] + [("turn", i) for i in range(count)]
            + [("first", 0), ("last", 0)])
    return exactly(found, want) or lines.ended[0] != "in order" and lines.ended


def killed(count):
    lines, found, said = storm("killed", count, count)
    wrong = [e for e in lines.ended if "mac" in e.lower() or "decrypt" in e.lower()]
    twice = [f for f in found if found[f] > 1 and f[0] != "child"]
    afters = sum(1 for who, _ in found if who == "after")
    if wrong or twice or afters > int(said.split()[0]):
        return "%s %s %s %s" % (wrong[:3], twice[:3], afters, said)
    # What the program was told went well has arrived.
    return None if afters == int(said.split()[0]) else "%d lines after, told %s" % (afters, said)


def forks(count):
    lines, found, _ = storm("forks", count, None)
    wrong = [e for e in lines.ended if e != "in order"]
    written = [f for f in found if f[0] == "fork"]
    if wrong or len(written) != (count + 49) // 50:
        return "%s, %d lines by children" % (wrong[:3], len(written))
    return None


def dups(count):
    lines, found, _ = storm("dups", count, count)
    wrong = [e for e in lines.ended if e != "in order"]
    return exactly(found, [("dup", i) for i in range(count)]) or wrong and \
        "%d of %d: %s" % (len(wrong), count, wrong[0])


def execs(count):
    """Threads that an exec ends in a session do not cost the session; a line may be lost with its
    writer, and no line after it."""
    lines, found, _ = storm("execs", count, 1)
    if lines.ended != ["in order"] or [f for f in found if found[f] > 1]:
        return "%s, twice %s" % (lines.ended, [f for f in found if found[f] > 1][:5])
    missing = [i for i in range(count + 1) if ("generation-%d" % i, 0) not in found]
    last = collections.Counter()
    for who, number in found:
        last[who] = max(last[who], number + 1)
    gaps = [who for who in last if sum(1 for f in found if f[0] == who) != last[who]]
    return "missing %s, gaps %s" % (missing[:5], gaps[:5]) if missing or gaps else None


t.start()
pki = t.Pki(t.tmp("pki"))
t.is_(repeated(b"\x17\3\1\0\x30" + b"a" * 16 + b"b" * 16 + b"a" * 16), [(b"a" * 16).hex()],
      "a block that is there twice would be found")
t.subtest("1000 children write a line each and end, in turn", turns, 1000)
t.subtest("1000 children write in turn and then at once", at_once, 1000)
t.subtest("writers that are killed", killed, 2000 if SOAK else 40)
t.subtest("execs while other threads are inside", execs, 1000 if SOAK else 30)
t.subtest("forks while another thread copies the descriptor", dups, 400 if SOAK else 40)
t.subtest("forks while other threads hold locks", forks, 10000 if SOAK else 1000)
t.finish(moved=1 << 20)
