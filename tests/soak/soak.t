#!/usr/bin/python3
"""Mixed load on a prefork server, both ends covered, with processes killed and connections reset
all the while: every byte is checked, and at the end nothing has leaked, neither memory nor
descriptors nor sessions. SOAK_SECONDS says how long (6; `make soak` says 1800)."""

import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

TRAFFIC = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "traffic.py")]
SECONDS = float(os.environ.get("SOAK_SECONDS", "6"))
SEED = int(os.environ.get("SEED", "1"))
WORKERS, LOADS = 3, 3


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(word) for word in f.read().split()]


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def memory(pid):
    """Private KiB: what only this process has."""
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))


def shared(pid):
    """KiB that the arena has taken of the machine: what all its processes ever touched of it. It is
    as large as the most that was in use at one time, for what is free is used again first."""
    files = ("/proc/%d/fd/%s" % (pid, fd) for fd in os.listdir("/proc/%d/fd" % pid))
    return sum(os.stat(file).st_blocks // 2 for file in files
               if os.readlink(file).startswith("/memfd:tlshim-arena"))


class Load:
    """A process of clients."""

    def __init__(self, seed):
        self.said = t.tmp("load-%d" % seed)
        with open(self.said, "wb") as out:
            self.child = t.start_program(
                t.client([*TRAFFIC, "load", str(PORT), str(seed)], pki.ca), stdin=subprocess.PIPE,
                env=t.environment(log=t.tmp("clients.log"), level="error"), stdout=out,
                stderr=subprocess.STDOUT)
        self.out = open(self.said, encoding="ascii", errors="replace")

    def totals(self):
        """Of its last whole line of numbers."""
        with self.out:
            lines = self.out.read().split("\n")[:-1]
        if any("WRONG" in line for line in lines):
            t.diag("\n".join(lines[-3:]))
            return None
        lines = [line.split() for line in lines if line != "done"]
        return [int(word) for word in lines[-1]] if lines else [0, 0, 0]

    def kill(self):
        self.child.kill()
        self.child.communicate()
        return self.totals()

    def stop(self):
        """None and a diagnosis when it did not end well."""
        self.child.communicate(b"end\n", timeout=60)
        if self.child.returncode != 0:
            t.diag("a load ended with %d: %s" % (self.child.returncode,
                                                 t.read_text(self.said)[-500:]))
            return None
        return self.totals()


def figures():
    """Of the server at rest: descriptors and private memory of its first worker, which is never
    killed, those of its parent, and the arena's memory, which they share."""
    return {"worker's descriptors": descriptors(keeper), "worker's KiB": memory(keeper),
            "parent's descriptors": descriptors(master), "parent's KiB": memory(master),
            "arena's KiB": shared(master)}


def phase(seconds, first_seed):
    """Load for so long, with kills; totals, or None when something was wrong."""
    chance = random.Random(first_seed)
    loads = [Load(first_seed + i) for i in range(LOADS)]
    end = time.monotonic() + seconds
    killed, totals = 0, []
    while time.monotonic() < end:
        time.sleep(0.5)
        if chance.random() < 0.25:
            i = chance.randrange(LOADS)
            totals.append(loads[i].kill())
            killed += 1
            loads[i] = Load(first_seed + 1000 + killed)
        elif chance.random() < 0.1:
            os.kill(chance.choice([pid for pid in children(master) if pid != keeper]),
                    signal.SIGKILL)
            killed += 1
    totals += [load.stop() for load in loads]
    if None in totals:
        return None
    return [sum(column) for column in zip(*totals)] + [killed]


def settled(want):
    """Workers finish what is under way; then their descriptors are few again."""
    return t.wait_until(lambda: descriptors(keeper) <= want, timeout=30)


t.start(wire=False)
pki = t.Pki(t.tmp("pki"))
PORT = t.free_port()
server = t.Server(t.server([*TRAFFIC, "serve", str(PORT), str(WORKERS)], pki.cert, pki.key), PORT,
                  t.tmp("server-output"), env=t.environment(log=t.tmp("server.log"), level="debug"))
master = server.process.pid
t.ok(t.wait_until(lambda: len(children(master)) == WORKERS), "the server has its workers")
keeper = children(master)[0]
idle = descriptors(keeper)
warm = phase(min(SECONDS / 4, 60), SEED)
t.ok(warm is not None, "warming up: every byte as it should be")
t.ok(settled(idle), "descriptors are few again", descriptors(keeper))
before = figures()
totals = phase(SECONDS, SEED + 5000)
t.ok(totals is not None, "every byte as it should be")
t.ok(settled(idle), "descriptors are few again", descriptors(keeper))
after = figures()
if totals:
    t.diag("%d connections, %d MiB checked, %d broken on the way, %d processes killed" % (
        totals[0], totals[1] >> 20, totals[2], totals[3]))
    t.ok(totals[0] > totals[2] * 2, "most connections do their work", totals)
for name, value in before.items():
    t.diag("%s: %d at the start, %d at the end" % (name, value, after[name]))
t.ok(after["worker's descriptors"] <= before["worker's descriptors"] and
     after["parent's descriptors"] <= before["parent's descriptors"], "no descriptor has leaked")
t.ok(after["worker's KiB"] < before["worker's KiB"] + 8000 and
     after["parent's KiB"] < before["parent's KiB"] + 1000, "nor memory of a process")
t.ok(after["arena's KiB"] < before["arena's KiB"] + 1000, "nor shared memory")
server.stop()
last = [line.split("end: ")[1] for line in t.read_text(t.tmp("server.log")).splitlines()
        if "end: " in line and "[%d]" % master in line]
t.is_(last, [] if t.PLAIN else ["0 sessions, 0 slabs, 0 big, 0 watches"],
      "nor what the library keeps for connections")
t.finish()
