"""TAP output, and the frame around a test: start() and finish()."""

import atexit
import os
import shutil
import signal
import sys
import tempfile
import traceback

from . import capture, process
from .net import enter_namespace
from .payload import MARKER

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BUILD = os.path.join(ROOT, "build")
PLAIN = os.environ.get("TLSTEST_PLAIN") == "1"

_count = 0
_failed = 0
_wire = None  # False: the test needs none
_directory = None
_finished = False


def diag(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def ok(good, name, detail="", todo=""):
    """One test. detail is only shown when it failed. todo: a known bug that the test shows; it may
    fail, and prove says so when it does not any more."""
    global _count, _failed
    _count += 1
    print("%s %d - %s%s" % ("ok" if good else "not ok", _count, name.replace("#", "\\#"),
                            " # TODO " + todo if todo else ""), flush=True)
    if not good:
        _failed += not todo
        diag(str(detail)[:4000])
    return bool(good)


def is_(got, want, name):
    return ok(got == want, name, "got:  %.300r\nwant: %.300r" % (got, want))


def skip(name, why):
    global _count
    _count += 1
    print("ok %d - %s # SKIP %s" % (_count, name, why), flush=True)


def bail(why):
    print("Bail out! " + why, flush=True)
    sys.exit(1)


def subtest(name, function, *args, todo=""):
    """Runs function(*args), which returns nothing when all is well, or a text that tells what is
    not, or raises: either way one test."""
    try:
        wrong = function(*args)
    except Exception:
        wrong = traceback.format_exc(limit=-4)
    return ok(not wrong, name, wrong or "", todo)


def tmp(*names):
    """A path in this test's temporary directory."""
    return os.path.join(_directory, *names)


def start(covered=True, wire=True):
    """Call first. Re-executes the test in a network namespace of its own where that is allowed.
    covered: the test needs what `make all` builds. wire: it moves bytes over the network, which are
    captured."""
    global _wire, _directory
    alone = wire and enter_namespace()
    os.makedirs(os.path.join(BUILD, "tmp"), exist_ok=True)
    _directory = tempfile.mkdtemp(prefix=os.path.basename(sys.argv[0]) + ".",
                                  dir=os.path.join(BUILD, "tmp"))
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    atexit.register(_leave)
    if covered and not PLAIN:
        for name in ("tlshim", "libtlshim.so"):
            if not os.path.exists(os.path.join(BUILD, name)):
                bail("build/%s is missing: run make all" % name)
    _wire = capture.Capture(MARKER) if alone else (None if wire else False)


def finish(moved=0):
    """Call last. moved: bytes of payload that the test has sent over TLS connections; the capture
    must hold at least as many in connections that began with a TLS 1.0 handshake."""
    global _finished
    process.stop_all()
    _judge(moved)
    is_(process.leftovers(), [], "nothing that the test started is left running")
    print("1..%d" % _count, flush=True)
    _finished = True
    if not _failed and os.environ.get("TLSTEST_KEEP") != "1":
        shutil.rmtree(_directory, ignore_errors=True)
    elif _failed:
        diag("kept: " + _directory)
    sys.exit(1 if _failed else 0)


def discard():
    """Instead of finish, for a program that is no test: ends and removes everything."""
    global _finished
    process.stop_all()
    shutil.rmtree(_directory, ignore_errors=True)
    _finished = True


def _judge(moved):
    if _wire is False:
        return
    names = ("the capture holds the bytes moved, in TLS 1.0 records",
             "no plaintext marker on the wire")
    if PLAIN:
        names = ("the capture holds the bytes moved", "without TLS the marker is seen on the wire")
    if _wire is None:
        for name in names:
            skip(name, "no network namespace of its own may be made here")
        return
    seen = _wire.stop()
    diag("captured: " + seen.summary())
    have = seen.bytes if PLAIN else seen.tls_bytes
    ok((PLAIN or seen.tls_connections) and have >= moved, names[0],
       "moved %d bytes; %s" % (moved, seen.summary()))
    if PLAIN:
        ok(seen.marked, names[1], seen.summary())
    else:
        ok(not seen.marked, names[1], "the marker was seen in: " + ", ".join(seen.marked))


def _leave():
    process.stop_all()
    if _wire:
        _wire.stop()
    if not _finished and _directory and os.environ.get("TLSTEST_KEEP") != "1":
        diag("ended early; kept: " + _directory)
