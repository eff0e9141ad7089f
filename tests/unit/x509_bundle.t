#!/usr/bin/python3
"""Debian's bundle of public roots: every certificate is read, each is an anchor of its own, and the
whole loads fast."""

import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from certs import *

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
if not os.path.exists(BUNDLE):
    skip_all("no " + BUNDLE)
with open(BUNDLE) as f:
    text = f.read()
roots = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.S)
ok(len(roots) > 100, "the bundle has its roots", str(len(roots)))

program = os.path.join(ROOT, "build", "x509check")
own = make("CN=own", key(), None, LEAF)
chain = write("own.pem", own.pem())
started = time.monotonic()
for _ in range(10):
    out = subprocess.run([program, "--trust", BUNDLE, "--chain", chain], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
took = (time.monotonic() - started) * 100
ok(b"left out" not in out.stderr, "every certificate of it is read", out.stderr.decode())
ok(out.returncode == 1 and b"self-signed" in out.stdout, "none of them vouches for a stranger")
ok(took < 100, "a run with it takes %.0f ms, the program's start included" % took)

def hashes(command, names):
    return subprocess.run(command + names, check=True, stdout=subprocess.PIPE).stdout.split()


# Directories are searched by the names that openssl gives to files.
ours = hashes([program, "--hash"], [BUNDLE])
theirs = [hashes(["openssl", "x509", "-noout", "-subject_hash", "-in"], [write("one.pem", r)])[0]
          for r in roots[::8]]
ok(ours[::8] == theirs, "subject hashes are openssl's", "%s\n%s" % (ours[::8], theirs))
for subject in (seq(rdn("CN", " A  b\tC ", 0x13)), seq(rdn("CN", "\u00c9t\u00e9".encode("utf-16-be"), 0x1e)),
                seq(rdn("CN", b"\xc9", 0x14)), seq(rdn("O", "\u00c9\u20ac\U0001f600"), rdn("CN", "X")),
                seq(rdn("CN", 300 * "x"))):
    cert = write("one.pem", make(subject, key(), None).pem())
    ok(hashes([program, "--hash"], [cert]) ==
       hashes(["openssl", "x509", "-noout", "-subject_hash", "-in"], [cert]),
       "the hash of " + subject.hex()[:40])

unread = []
for root_ in roots:
    got = check([root_], [root_], "--minimum-bits", "1024", time=int(time.time()),
                program=program)
    # Most roots may sign certificates only, which is no use for a server.
    if not (got == "accept" or "neither signing nor key exchange" in got or "expired" in got):
        unread.append(got)
ok(not unread, "each is an anchor of its own", "\n".join(unread))
done()
