"""Helpers for tlshim's end-to-end tests, which print TAP.

    import os, sys
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
    import tlstest as t

    t.start()               # own network namespace, temporary directory, capture of the wire
    ...                     # t.ok, t.is_, t.skip, t.run, t.Server, t.TlsServer, t.tls_connect
    t.finish()              # ends what was started, judges the capture, prints the plan

TLSTEST_PLAIN=1 runs a test with no launcher and no TLS peers: what fails then is the test's fault or
the program's, and the verdict on the capture is turned round (the marker must be seen).
TLSTEST_MIB changes how many MiB each transfer moves (100).
TLSTEST_KEEP=1 keeps the temporary directory.
"""

from .cases import (HTTP_SERVERS, PYTHON, REDIS, client, environment, http_get, http_handler,
                    policy_file, redis_ask, redis_behind, redis_handler, server, start_covered)
from .many import at_once, together
from .payload import MARKER, MIB, digest, file_digest, payload
from .pki import Pki
from .process import (Result, Server, adopt_descendants, end_descendants, forget_ended, free_port,
                      leftovers, listening, read_text, run, start_program, stop_all, wait_until)
from .stream import NO_TLS, STACKS, Stack, TlsServer, receive_all, tls_connect
from .tap import BUILD, PLAIN, ROOT, bail, diag, discard, finish, is_, ok, skip, start, subtest, tmp
from .wire import Wire
