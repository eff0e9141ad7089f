#!/usr/bin/python3
"""The library under helgrind: the program races, as one process with both ends and as two. Helgrind
knows nothing of C11's atomics, so the library is built with what tells it (shim/checkers.h); what it
reports all the same is in helgrind.supp, with reasons. RACES_SECONDS (5) for each run."""

import os

import races
from races import t

t.start()
pki = t.Pki(t.tmp("pki"))


def checker(name):
    reports = t.tmp("helgrind-" + name)
    command = ["valgrind", "-q", "--tool=helgrind", "--log-file=" + reports + ".%p",
               "--suppressions=" + os.path.join(races.HERE, "helgrind.supp"),
               os.path.join(races.PROGRAMS, "races")]
    return races.Checker("helgrind-" + name, pki,
                         os.path.join(races.PROGRAMS, "helgrind", "libtlshim.so"),
                         command, reports, {})


t.subtest("both ends in one process", checker("one").one)
t.subtest("two processes", checker("two").two)
t.finish(moved=10000)
