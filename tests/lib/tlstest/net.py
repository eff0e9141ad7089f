"""A network namespace for each test, so that captures see one test only and ports never clash."""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_prctl = ctypes.CDLL(None).prctl  # loaded here: children may not take the loader's lock


def enter_namespace():
    """Re-executes the program in a new network namespace with its loopback up. False when that is
    not permitted: then the test runs on the machine's own loopback, without a capture."""
    state = os.environ.get("TLSTEST_NETNS")
    if state == str(os.getpid()):
        _loopback_up()
        return True
    if state == "none":
        return False
    unshare = ["unshare", "--net"]
    if os.getuid() != 0:
        # The capabilities are for the loopback and the capture; the user stays the same.
        unshare = ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
    try:
        allowed = subprocess.run(unshare + ["true"], stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        os.environ["TLSTEST_NETNS"] = "none"
        return False
    # unshare and the interpreter replace this process, so its number is known now.
    os.environ["TLSTEST_NETNS"] = str(os.getpid())
    sys.stdout.flush()
    os.execvp(unshare[0], unshare + [sys.executable] + sys.argv)


def _loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags, = struct.unpack_from("h", fcntl.ioctl(s, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(s, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def drop_ambient_capabilities():
    """What the test starts has no more rights than an ordinary program."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
