#!/usr/bin/python3
"""What each preset means, written out: a change of any default shows as a change of presets.conf.
`presets.t --write` writes it anew, for a change that is meant."""

import difflib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "presets.conf")
CLIENT = "[client %s]\nconnect = client.test:%d\ntrust = /ca.pem\n"
SERVER = "[server %s]\nlisten = *:%d\ncertificate = /server.pem\nkey = /server.key\n"


def policy():
    text = CLIENT % ("built-in", 1) + SERVER % ("built-in", 2)
    for port, preset in ((3, "legacy"), (5, "default"), (7, "future")):
        text += CLIENT % (preset, port) + "preset = %s\n" % preset
        text += SERVER % (preset, port + 1) + "preset = %s\n" % preset
    return t.policy_file("presets.conf", text)


t.start(wire=False)
done = t.run([LAUNCHER, "explain", "-p", policy(), "--all"])
t.ok(done.status == 0 and not done.err, "the presets are explained", done)
if sys.argv[1:] == ["--write"]:
    with open(GOLDEN, "wb") as f:
        f.write(done.out)
with open(GOLDEN, "rb") as f:
    want = f.read()
t.ok(done.out == want, "they mean what they meant", "\n".join(difflib.unified_diff(
    want.decode().splitlines(), done.out.decode().splitlines(), "presets.conf", "now", lineterm="")))
sections = dict(part.split("]\n", 1) for part in done.out.decode().split("\n[")[1:])
for side, where in (("client", "connect"), ("server", "listen")):
    rest = [[line for line in sections["%s %s" % (side, name)].splitlines()
             if not line.startswith(where)] for name in ("built-in", "default")]
    t.is_(rest[0], rest[1], "the built-in settings of a %s are those of the preset `default`" % side)
t.finish()
