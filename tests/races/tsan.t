#!/usr/bin/python3
"""The library under ThreadSanitizer: the program races, built with it like the library, as one
process with both ends and as two. RACES_SECONDS (5) for each run; make soak takes more."""

import os

import races
from races import t

t.start()
pki = t.Pki(t.tmp("pki"))


def checker(name):
    reports = t.tmp("tsan-" + name)
    return races.Checker("tsan-" + name, pki,
                         os.path.join(races.PROGRAMS, "tsan", "libtlshim.so"),
                         [os.path.join(races.PROGRAMS, "tsan", "races")],
                         reports, {"TSAN_OPTIONS": "log_path=" + reports})


t.subtest("both ends in one process", checker("one").one)
t.subtest("two processes", checker("two").two)
t.finish(moved=10000)
