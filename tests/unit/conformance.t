#!/usr/bin/python3
"""Every test that tests/conformance.md names exists."""

import os
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
number = 0


def ok(good, name):
    global number
    number += 1
    print("%s %d - %s" % ("ok" if good else "not ok", number, name))


def has(path, word):
    path = os.path.join(ROOT, path)
    return os.path.exists(path) and word in open(path).read()


for line in open(os.path.join(ROOT, "conformance.md")):
    cells = [c.strip() for c in line.strip().strip("|").split("|")]
    if len(cells) != 3 or cells[2] in ("shown by", "why") or cells[2].startswith("---"):
        continue
    for part in cells[2].split("; "):
        file, _, tests = part.partition(": ")
        for name in filter(None, (t.strip() for t in tests.split(","))):
            ok(has("unit/%s.c" % file, "static void %s(" % name), "%s: %s" % (file, name))
        for script in re.findall(r"\w+\.t\b", "" if tests else part):
            ok(has("interop/" + script, "finish(") or has("e2e/" + script, "finish("), script)
        for program in re.findall(r"ct_\w+\.c", part):
            ok(has("unit/" + program, "main("), program)
print("1..%d" % number)
