#!/usr/bin/python3
"""make demo's own script: under a minute, and what it promises."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

t.start(wire=False)
start = time.monotonic()
done = t.run([os.path.join(t.ROOT, "tests", "demo")], timeout=60, cwd="/")
seconds = time.monotonic() - start
text = done.out.decode(errors="replace")
t.is_(done.status, 0, "the demo succeeds") or t.diag(done)
t.ok(seconds < 60, "in %.1f seconds" % seconds)
for words in ("ClientHello", "ServerHelloDone", "[ChangeCipherSpec]", "_WITH_AES_", "subject=",
              "16 03 01"):
    t.is_(text.count(words) >= 3, True, "each of the three handshakes shows " + words)
t.is_(len(re.findall(r"The secret text is not among the \d+ bytes", text)), 3,
      "and that the secret is not on the wire")
t.finish()
