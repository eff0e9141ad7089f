#!/usr/bin/python3
"""Each line of the contract (1 to 42, 7a, 7b) has a test that is named after it: a case of
tests/contract, a subtest of loading.t, or one of the scripts below."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

# Lines that are tested elsewhere: the script, and what in it says so.
ELSEWHERE = {
    "1": ("structure.t", "exported()"),
    "5": ("e2e/policy.t", "refused with its place and remedy"),
    "38": ("exec/uncovered.t", "contract lines 38 and 39"),
    "41": ("lib/tlstest/tap.py", "no plaintext marker on the wire"),
}


def named():
    """The numbers that the cases' and subtests' names begin with."""
    cases = subprocess.run([os.path.join(t.BUILD, "tests", "contract"), "-l"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    with open(os.path.join(t.ROOT, "tests", "contract", "loading.t")) as f:
        subtests = "\n".join(re.findall(r'subtest\("([^"]*)"', f.read()))
    return set(re.findall(r"^(\d+[ab]?) ", cases + "\n" + subtests, re.M))


def elsewhere(script, text):
    with open(os.path.join(t.ROOT, "tests", script)) as f:
        return text in f.read()


t.start(wire=False)
found = named()
for line in [str(n) for n in range(1, 43)] + ["7a", "7b"]:
    if line in ELSEWHERE:
        t.ok(elsewhere(*ELSEWHERE[line]), "line %s: %s" % (line, ELSEWHERE[line][0]))
    else:
        t.ok(line in found, "line " + line)
t.finish()
