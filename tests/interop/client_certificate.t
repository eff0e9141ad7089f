#!/usr/bin/python3
"""Clients' certificates of each kind with the other stacks, with and without a signature of the
server's; clients that have none, or none that the server would take. INTEROP=all: with all stacks."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cells as c
import gaps
import peers as p
import tlstest as t

ALL = os.environ.get("INTEROP") == "all"


def cell_of(peer, role, suite, kind):
    return c.Cell(peer, role, suite, c.CERTIFICATE, files, kind)


def each_kind(peer, suite):
    for role in c.ROLES:
        for kind in ("rsa", "ec", "dsa"):
            cell = cell_of(peer, role, suite, kind)
            why, gap = gaps.why_empty(cell) or (None, None)
            if why:
                t.subtest("%s, %s: cannot, %s" % (cell, kind, why), gap.evidence, cell)
            else:
                t.subtest("%s, %s" % (cell, kind), cell.run)


def refused(cell, pattern):
    wrong = cell.run()
    if not wrong or not re.search(pattern, wrong):
        return "not %s: %s" % (pattern, wrong)


def none_that_counts(peer, suite):
    """Who demands a certificate and gets none, or a stranger's, ends the handshake."""
    t.subtest("%s, our client has no certificate" % peer.name, refused,
              cell_of(peer, "client", suite, None), peer.says_none)
    # The server names its CA: a client whose certificates are all of others shows none.
    t.subtest("%s, our client has no certificate that fits" % peer.name, refused,
              cell_of(peer, "client", suite, "stranger"), peer.says_none)
    t.subtest("%s, their client has no certificate" % peer.name, refused,
              cell_of(peer, "server", suite, None),
              r"the peer sent no certificate.*alert sent: handshake_failure")
    t.subtest("%s, their client has no certificate that fits" % peer.name, refused,
              cell_of(peer, "server", suite, "stranger"),
              r"the peer sent no certificate.*alert sent: handshake_failure|"
              r"alert sent: unknown_ca")


t.start(covered=False)
files = p.Files(t.Pki(t.tmp("pki")), os.urandom(40000))
suites = {s.alias: s for s in p.our_suites()}
for peer in p.PEERS:
    if not (ALL or peer.is_light):
        t.skip(peer.name, "its packages are big: make interop")
        continue
    peer.prepare(files)
    for alias in ("ECDHE-RSA-AES256-SHA", "AES128-SHA")[:2 if ALL else 1]:
        each_kind(peer, suites[alias])
    none_that_counts(peer, suites["ECDHE-RSA-AES256-SHA"])
t.finish(0)
