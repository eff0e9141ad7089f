#!/usr/bin/python3
"""The library under ThreadSanitizer: the program races, built with it like the library, as one
process with both ends; with RACES_SECONDS, as make soak has it, for so long (else 5 s), and as two
processes too, whose connections are reset now and then on a machine with two processors."""

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
if "RACES_SECONDS" in os.environ:
    t.subtest("two processes", checker("two").two)
t.finish(moved=10000)
