#!/usr/bin/python3
"""The model test: random sequences of socket calls by threads and processes on both ends of a
connection, run over plain TCP and again under tlshim with both ends covered. Outcomes, errnos and
bytes agree, or the difference is one that tests/model/README states. A sequence that differs is
printed shrunk, as text that `model replay` takes.

    SEED=n        the first sequence's seed (a random one, printed, when only SEQUENCES is given)
    SEQUENCES=n   how many sequences; without it MODEL_SECONDS=n (35) says how long
    MODEL_WITH=name,... MODEL_WITHOUT=name,...   what sequences have, see model_generate.c
    DIFFERENCES=n            how many differences are shrunk and shown (3)
"""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

MODEL = os.path.join(t.BUILD, "tests", "model")
FIXED_SEED, FIXED_SEQUENCES = 1, 25000
BATCH = 250
POLICY = """[defaults]
minimum-strength = 80
[client model]
connect = 127.0.0.1:*
trust = DIR/ca.pem
[server model]
listen = 127.0.0.1:*
certificate = DIR/cert.pem
key = DIR/key.pem
"""


def certificates(directory):
    """Short keys: a million handshakes are made, and none has a secret."""
    def make(name, *options):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-sha256",
                        "-days", "30", "-subj", "/CN=model " + name, *options], check=True,
                       cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    make("CA", "-keyout", "ca.key", "-out", "ca.pem",
         "-addext", "basicConstraints=critical,CA:TRUE",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    make("end", "-keyout", "key.pem", "-out", "cert.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
         "-addext", "basicConstraints=critical,CA:FALSE",
         "-addext", "keyUsage=critical,digitalSignature,keyEncipherment",
         "-addext", "subjectAltName=IP:127.0.0.1")
    os.chmod(os.path.join(directory, "key.pem"), 0o600)
    with open(os.path.join(directory, "policy"), "w") as f:
        f.write(POLICY.replace("DIR", directory))


class Way:
    """Plain, or under tlshim: how the program is run."""

    def __init__(self, name, launcher, **environment):
        self.name, self.launcher = name, launcher
        self.environment = {**os.environ, "TLSHIM_LOG_TO": t.tmp("log"), **environment}
        self.seconds = self.count = 0

    def start(self, *words, **options):
        return t.start_program(self.launcher + [MODEL, *words], env=self.environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               **options)

    @staticmethod
    def output(child, text=None, timeout=10):
        """What it printed; it is ended when it does not end."""
        try:
            out = child.communicate(text, timeout=timeout)[0]
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out = child.communicate()[0] + "\nnever ends\n"
        t.forget_ended(child)
        return out

    def digests(self, first, count):
        """By seed; the program ends early where it hangs or crashes."""
        begun, found = time.monotonic(), {}
        child = self.start("run", str(first), str(count), stdin=subprocess.DEVNULL)
        out = self.output(child, timeout=20 + count / 20)
        for line in out.splitlines():
            words = line.split()
            if len(words) == 2 and words[0].isdigit():
                found[int(words[0])] = words[1]
        self.seconds += time.monotonic() - begun
        self.count += len(found)
        return found

    def tell(self, first, last):
        """Every outcome of a run of sequences, those of `last` at its end."""
        child = self.start("tell", str(first), str(last - first + 1), stdin=subprocess.DEVNULL)
        return self.output(child, timeout=60).splitlines()

    def replay(self, sequence):
        """The outcomes, a line each; how the program ended if not well."""
        child = self.start("replay", stdin=subprocess.PIPE)
        out = self.output(child, "\n".join(sequence) + "\n")
        lines = [" ".join(line.split()) for line in out.splitlines()]
        return lines + (["exit status %d" % child.returncode] if child.returncode else [])


# ---- differences

def differs(sequence):
    """Both outcomes where they differ every time, else None."""
    for _ in range(2):
        plain, covered = PLAIN.replay(sequence), COVERED.replay(sequence)
        if plain == covered:
            return None
    return plain, covered


def shrink(sequence):
    """The shortest part of it that one finds by leaving out ever smaller stretches, in a minute."""
    end = time.monotonic() + 60
    head, body = sequence[:1], sequence[1:]
    if differs(["start 10 0"] + body):
        head = ["start 10 0"]
    length = max(len(body) // 2, 1)
    while length > 0:
        at = 0
        while at < len(body) and time.monotonic() < end:
            shorter = body[:at] + body[at + length:]
            if differs(head + shorter):
                body = shorter
            else:
                at += length
        length //= 2
    return head + body


def show(sequence):
    plain, covered = differs(sequence) or (PLAIN.replay(sequence), COVERED.replay(sequence))
    lines = ["%-60s" % sequence[0]]
    for i in range(max(len(plain), len(covered))):
        ours = plain[i] if i < len(plain) else "(nothing)"
        theirs = covered[i] if i < len(covered) else "(nothing)"
        lines.append("  " + ours)
        if ours != theirs:
            lines.append("X " + theirs + "   <- under tlshim")
    return "\n".join(lines)


def sequence_of(seed):
    return subprocess.run([MODEL, "show", str(seed)], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.splitlines()


def compare(first, count):
    """Seeds whose sequences differ."""
    at, last, wrong = first, first + count, []
    while at < last:
        plain, covered = PLAIN.digests(at, last - at), COVERED.digests(at, last - at)
        reached = min(max(plain, default=at - 1), max(covered, default=at - 1))
        wrong += [seed for seed in range(at, reached + 1) if plain[seed] != covered[seed]]
        if reached < last - 1:
            wrong.append(reached + 1)
        at = reached + 2
    return wrong


def in_company(first, seed):
    """What differs when the sequences before it are run too: a text, "" if nothing does."""
    plain, covered = PLAIN.tell(first, seed), COVERED.tell(first, seed)
    lines = [(a, b) for a, b in zip(plain, covered) if a != b][:6]
    if plain == covered or not lines:
        return ""
    return "seed %d, run after those from %d on:\n%s" % (
        seed, first, "\n".join("  %s\nX %s   <- under tlshim" % pair for pair in lines))


def judge(first, seeds, wanted):
    """Reports of the first few that differ again, shrunk where they do so alone."""
    reports = []
    for seed in seeds:
        sequence = sequence_of(seed)
        if len(reports) == wanted:
            break
        if differs(sequence):
            reports.append("seed %d: %s" % (seed, show(shrink(sequence))))
        elif in_company(first, seed):
            reports.append(in_company(first, seed) or "seed %d, now and then" % seed)
        else:
            t.diag("seed %d differed once and not again" % seed)
    return reports


def run(first, count, seconds):
    """None when all agree, else the report."""
    wanted = int(os.environ.get("DIFFERENCES", "3"))
    end, done, wrong, reports = time.monotonic() + (seconds or 0), 0, 0, []
    while done < count if count else time.monotonic() < end:
        batch = min(BATCH, count - done) if count else BATCH
        differing = compare(first + done, batch)
        wrong += len(differing)
        reports += judge(first + done, differing, wanted - len(reports))
        done += batch
        if len(reports) >= wanted:
            break
    t.diag("%d sequences from seed %d: %d differ, %d of them again" % (
        done, first, wrong, len(reports)))
    return "\n".join(reports)


def found_once():
    """Titles and sequences of tests/model/found."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "found")) as f:
        blocks = f.read().strip().split("\n\n")[1:]
    return [(block.splitlines()[0][2:], block.splitlines()[1:]) for block in blocks]


def same(sequence):
    plain, covered = PLAIN.replay(sequence), COVERED.replay(sequence)
    if plain == covered and not plain[-1].startswith("exit status"):
        return None
    return show(sequence)


t.start(wire=False)
certificates(t.tmp())
PLAIN = Way("plain", [], MODEL_PLAIN="1")
COVERED = Way("covered", [os.path.join(t.BUILD, "tlshim"), "-p", t.tmp("policy"), "--"])
for title, sequence in found_once():
    t.subtest(title, same, sequence)
sequences = int(os.environ.get("SEQUENCES", "0"))
seconds = float(os.environ.get("MODEL_SECONDS", "35"))
seed = int(os.environ.get("SEED", "0")) or int.from_bytes(os.urandom(4), "big")
if "SEED" not in os.environ:
    t.subtest("the same sequences as always", run, FIXED_SEED, FIXED_SEQUENCES, None)
# New sequences are for `make soak`: in `make check` the same tree gives the same answer.
if "SEED" in os.environ or "SEQUENCES" in os.environ:
    t.subtest("SEED=%d" % seed, run, seed, sequences, seconds)
for way in (PLAIN, COVERED):
    t.diag("%s: %.0f sequences/s" % (way.name, way.count / max(way.seconds, 1e-9)))
t.finish()
