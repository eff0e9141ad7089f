"""Programs that a test starts: each in a process group of its own, all ended at the end."""

import ctypes
import os
import signal
import socket
import subprocess
import time

from .net import drop_ambient_capabilities

_PR_SET_CHILD_SUBREAPER = 36
_prctl = ctypes.CDLL(None).prctl

_started = []
_adopting = False


class Result:
    """Of a program that has ended: status (negative: killed by that signal; None: it had to be
    ended after the timeout), out and err as bytes."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __str__(self):
        return "status %s\nstdout: %.400r\nstderr: %s" % (
            self.status, self.out, self.err.decode(errors="replace")[-2000:])


def start_program(argv, **options):
    child = subprocess.Popen(argv, start_new_session=True,
                             preexec_fn=drop_ambient_capabilities, **options)
    _started.append(child)
    return child


def run(argv, stdin=b"", timeout=120, **options):
    """Runs a program to its end. stdin: bytes, or an open file."""
    given = {"input": stdin} if isinstance(stdin, bytes) else {}
    options.setdefault("stdin", subprocess.PIPE if given else stdin)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    child = start_program(argv, **options)
    try:
        out, err = child.communicate(timeout=timeout, **given)
        status = child.returncode
    except subprocess.TimeoutExpired:
        _end(child)
        out, err = child.communicate()
        status = None
    _end(child)
    return Result(status, out or b"", err or b"")


class Server:
    """A program that listens on a port; ready when this returns. What it says goes to a log, and
    its standard output to stdout_to where that is given. end: the signal that stops it; patience:
    seconds until it is killed instead."""

    def __init__(self, argv, port, log, timeout=20, end=signal.SIGTERM, patience=3,
                 stdout_to=None, **options):
        self.port, self.log, self._end = port, log, (end, patience)
        with open(log, "ab") as err, open(stdout_to or log, "ab") as out:
            options.setdefault("stdin", subprocess.DEVNULL)
            self.process = start_program(argv, stdout=out, stderr=err, **options)
        if not wait_until(lambda: listening(port) or self.process.poll() is not None, timeout):
            self.stop()
            raise RuntimeError("%s does not listen: %s" % (argv[0], read_text(log)))
        if not listening(port):
            raise RuntimeError("%s ended with %s: %s" % (argv[0], self.process.returncode,
                                                         read_text(log)))

    def said(self):
        return read_text(self.log)

    def stop(self):
        _end(self.process, *self._end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def read_text(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(port):
    """From the kernel's table: no connection is made, so the server sees none."""
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(path):
            continue
        with open(path) as table:
            next(table)
            for line in table:
                local, state = line.split()[1], line.split()[3]
                if state != "0A":
                    break  # listeners come first, and thousands of others may follow
                if int(local.rsplit(":", 1)[1], 16) == port:
                    return True
    return False


def wait_until(condition, timeout=20):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _group(child):
    """Is anyone of the child's process group left?"""
    if _adopting:
        _reap()
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _end(child, first=signal.SIGTERM, patience=3):
    for number, patience in ((first, patience), (signal.SIGKILL, 3)):
        if not _group(child):
            break
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        wait_until(lambda: child.poll() is not None and not _group(child), patience)
    child.poll()
    if not _group(child) and child in _started:
        _started.remove(child)


def stop_all():
    for child in list(_started):
        _end(child)


def forget_ended(child):
    """For tests that start thousands: of a group that has ended the number may be another's later."""
    if not _group(child):
        _started.remove(child)


def leftovers():
    return [child.args for child in _started if _group(child)]


def adopt_descendants():
    """From here on what this process's programs leave behind becomes its child."""
    global _adopting
    _adopting = True
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children(dead):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = read_text("/proc/%s/stat" % name).rpartition(")")[2].split()
        if fields and int(fields[1]) == os.getpid() and (fields[0] == "Z") == dead:
            found.append(int(name))
    return found


def _reap():
    """What was adopted and has ended."""
    for pid in set(_children(dead=True)) - {child.pid for child in _started}:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def end_descendants():
    """Ends what daemons and sessions of their own have left after stop_all(); the command lines of
    those that outlive it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _children(dead=False):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        if wait_until(lambda: not _children(dead=False), 3):
            break
    return [read_text("/proc/%d/cmdline" % pid).replace("\0", " ")
            for pid in _children(dead=False)]
