#!/usr/bin/python3
"""make install and uninstall, and the installed launcher finding the installed library."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import tlstest as t


def make(*words):
    # Of an enclosing make, nothing must come along.
    env = {k: v for k, v in t.environment().items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "-s", "-C", t.ROOT] + list(words), env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stdout)
    return done.stdout


def files():
    return sorted(os.path.relpath(os.path.join(folder, name), root)
                  for folder, _, names in os.walk(root) for name in names)


t.start()
root = t.tmp("root")
pki = t.Pki(t.tmp("pki"))
make("install", "DESTDIR=" + root, "PREFIX=/usr")
t.is_(files(), ["usr/bin/tlshim", "usr/lib/libtlshim.so",
                "usr/share/bash-completion/completions/tlshim",
                "usr/share/doc/tlshim/examples/policy.conf",
                "usr/share/doc/tlshim/examples/systemd.conf", "usr/share/man/man1/tlshim.1",
                "usr/share/man/man5/tlshim.conf.5", "usr/share/man/man8/libtlshim.8"],
      "make install DESTDIR= PREFIX=")
with t.TlsServer(t.STACKS[0], pki, t.http_handler({"/": t.MARKER}, {})) as server:
    done = t.run([os.path.join(root, "usr/bin/tlshim"), "--trust", pki.ca, "--", "curl", "-sS",
                  "http://localhost:%d/" % server.port], env=t.environment(), cwd="/")
    t.ok(done.status == 0 and done.out == t.MARKER, "the installed launcher covers curl", done)
os.rename(os.path.join(root, "usr/lib/libtlshim.so"), os.path.join(root, "usr/lib/elsewhere.so"))
done = t.run([os.path.join(root, "usr/bin/tlshim"), "--trust", pki.ca, "--", "echo", "started"],
             env=t.environment(), cwd="/")
t.ok(done.status == 125 and done.out == b"", "without its library the launcher starts nothing",
     done)
os.rename(os.path.join(root, "usr/lib/elsewhere.so"), os.path.join(root, "usr/lib/libtlshim.so"))
make("uninstall", "DESTDIR=" + root, "PREFIX=/usr")
t.is_(files(), [], "make uninstall")
t.ok("Nothing to be done" in make("all") or not make("all"), "a second make does nothing")
listed = make("help")
for target in ("all", "demo", "check", "bench", "soak", "fuzz", "install", "uninstall", "clean",
               "format", "lint"):
    t.ok(any(line.split()[:1] == [target] for line in listed.splitlines()),
         "make help lists " + target, listed)
t.finish()
