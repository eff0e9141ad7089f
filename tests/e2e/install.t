#!/usr/bin/python3
"""make install puts in place what works from there, and make uninstall takes all of it away."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t


def make(target):
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return t.run(["make", "-s", target, "DESTDIR=" + t.tmp("root"), "PREFIX=/usr"], cwd=t.ROOT,
                 env=env, timeout=600)


def files():
    return sorted(os.path.relpath(os.path.join(where, name), t.tmp("root"))
                  for where, _, names in os.walk(t.tmp("root")) for name in names)


t.start(wire=False)
pki = t.Pki(t.tmp("pki"))
done = make("install")
t.ok(done.status == 0, "make install", done)
t.is_(files(), ["usr/bin/tlshim", "usr/lib/libtlshim.so",
                "usr/share/bash-completion/completions/tlshim",
                "usr/share/doc/tlshim/examples/policy.conf",
                "usr/share/doc/tlshim/examples/systemd.conf", "usr/share/man/man1/tlshim.1",
                "usr/share/man/man5/tlshim.conf.5", "usr/share/man/man8/libtlshim.8"],
      "what it installs")
env = {k: v for k, v in os.environ.items() if not k.startswith("TLSHIM_")}
done = t.run([t.tmp("root", "usr/bin/tlshim"), "--trust", pki.ca, "--", "env"], env=env)
t.ok(done.status == 0 and b"LD_PRELOAD=%s\n" % t.tmp("root", "usr/lib/libtlshim.so").encode() in
     done.out, "the launcher finds the library that was installed with it", done)
done = make("uninstall")
t.is_((done.status, files()), (0, []), "make uninstall leaves no file")
t.finish()
