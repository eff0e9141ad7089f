#!/usr/bin/python3
"""Unmodified programs of Debian's, each at a real task over TLS with another stack as its peer; for
each server also many clients at once, clients that die or talk nonsense, and a restart under load.

    tests/e2e/programs.t [all | NAME...]     runs the rows of the core, all rows, or these
    tests/e2e/programs.t --install [all]     installs what they need and runs nothing

PROGRAMS=all is the same as the argument; PROGRAMS_MIB is the size of the largest transfers (4).
The table is in tests/e2e/programs/; see there how to add a row."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t
from programs.tables import ROWS
from programs.running import run_rows

MIB = int(os.environ.get("PROGRAMS_MIB", "4"))


def chosen(names):
    table = [row for row in ROWS if row.ask or row.task]
    if names == ["all"]:
        return table
    return [row for row in table if row.name in names or (not names and row.core)]


def missing(row):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}\n"]
                          + row.packages.split(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.split() != [b"installed"] * len(row.packages.split())


def install(rows):
    packages = sorted({name for row in rows if missing(row) for name in row.packages.split()})
    if not packages:
        return True
    return subprocess.run([os.path.join(t.ROOT, "tests", "install-packages")] + packages,
                          stdout=sys.stderr).returncode == 0


def impossible(row):
    """Why this machine or user cannot run the row, or None."""
    if missing(row):
        return "not installed: " + row.packages
    if row.root and os.getuid() != 0:
        return "only root may run it"
    if row.user and os.getuid() == 0 and subprocess.run(
            ["setpriv", "--reuid", "nobody", "--clear-groups", "test", "-r",
             os.path.join(t.BUILD, "libtlshim.so")]).returncode != 0:
        return "it may not run as root, and nobody else may read the build directory"
    return None


def report(row, wrong, tried, bytes_moved, seconds):
    global moved
    moved += bytes_moved
    t.ok(not wrong, "%-22s %-6s  %-40s %2d tried %6.1f s"
         % (row.name, row.role, row.waits, tried, seconds), "\n".join(wrong))


names = sys.argv[1:] or os.environ.get("PROGRAMS", "").split()
if names[:1] == ["--install"]:
    sys.exit(not install(chosen(names[1:])))
rows = chosen(names)
install(rows)
t.start()
os.chmod(t.tmp(), 0o711)
pki = t.Pki(t.tmp("pki"))
os.chmod(t.tmp("pki"), 0o755)
moved, able = 0, []
for row in rows:
    why = impossible(row)
    if why:
        t.skip("%-22s %-6s  %s" % (row.name, row.role, row.waits), why)
    else:
        able.append(row)
run_rows(able, pki, MIB, report)
t.finish(moved=moved)
