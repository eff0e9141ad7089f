#!/usr/bin/python3
"""Eight other stacks, as client and as server, with each suite that they have: a full handshake,
resumed by id, resumed by ticket, with a client certificate. Prints a table, in which every empty
cell has its reason. INTEROP=all tries all; else some suites of the stacks whose packages are small.
INTEROP_PEERS=NSS,Go: these alone."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cells as c
import gaps
import peers as p
import tlstest as t

ALL = os.environ.get("INTEROP") == "all"
ONLY = [name for name in os.environ.get("INTEROP_PEERS", "").split(",") if name]
SOME = 5  # suites of each stack when not all are tried
LETTERS = dict(zip(c.MODES, "FITC"))


class Table:
    """Eight characters for each suite and stack: our client's four modes, our server's."""

    def __init__(self):
        self._marks, self._notes = {}, {}

    def put(self, cell, mark):
        self._marks[cell.peer.name, cell.suite.id, cell.role, cell.mode] = mark

    def empty(self, cell, why):
        letter = "abcdefghijklmnopqrstuvwxyz"[len(self._notes)]
        self.put(cell, self._notes.setdefault(why, letter))

    def show(self, suites, peers):
        t.diag("%-26s %s" % ("our client, our server", " ".join("%-14s" % q.name for q in peers)))
        for suite in suites:
            row = [" ".join("".join(self._marks.get((q.name, suite.id, role, mode), "-")
                                    for mode in c.MODES) for role in c.ROLES) for q in peers]
            t.diag("%-26s %s" % (suite.alias, " ".join("%-14s" % cells for cells in row)))
        t.diag("F full, I resumed by id, T by ticket, C with a client certificate; X failed; "
               "- not tried; . " + gaps.UNKNOWN)
        for why, letter in self._notes.items():
            t.diag("%s: %s" % (letter, why))


def chosen(peer, suites):
    """Its suites, or some of them that lie apart in the table, which is sorted by key exchange."""
    known = [s for s in suites if s.id in peer.known]
    return known if ALL else known[len(peer.name) % 3::max(1, len(known) // SOME)][:SOME]


def try_cells(peer, suites):
    tried = chosen(peer, suites)
    for suite in suites:
        for cell in (c.Cell(peer, role, suite, mode, files) for role in c.ROLES for mode in c.MODES):
            empty = gaps.why_empty(cell)
            if empty:
                why, gap = empty
                if why == gaps.UNKNOWN:
                    table.put(cell, ".")
                else:
                    table.empty(cell, "%s: %s" % (peer.name, why) if gap else why)
                if gap and suite in tried:
                    t.subtest("%s: cannot, %s" % (cell, why), gap.evidence, cell)
            elif suite in tried:
                table.put(cell, LETTERS[cell.mode] if t.subtest(str(cell), cell.run) else "X")


t.start(covered=False)
files = p.Files(t.Pki(t.tmp("pki")), os.urandom(40000))
suites = p.our_suites()
table = Table()
here = []
for peer in p.PEERS:
    if ONLY and not peer.name.startswith(tuple(ONLY)):
        continue
    if not (ALL or ONLY or peer.is_light):
        t.skip(peer.name, "its packages are big: make interop")
        continue
    try:
        peer.prepare(files)
    except OSError as e:
        t.ok(False, "%s is here (%s)" % (peer.name, " ".join(peer.packages)), e)
        continue
    here.append(peer)
    try_cells(peer, suites)
table.show(suites, here)
t.finish(0)
