#!/usr/bin/python3
"""nginx replaced by another nginx while it serves (USR2, WINCH, QUIT), and back again (HUP, QUIT):
the listeners go along into the new program, old workers finish what they have begun, and clients
who come all the while lose nothing. The clients are OpenSSL's."""

import os
import shutil
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

CLIENTS = 3
CONFIG = """%sworker_processes 2;
pid DIR/nginx.pid;
error_log DIR/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
    keepalive_timeout 60s;
    server { listen 127.0.0.1:PORT; root DIR/www; add_header Generation GENERATION; }
}
"""


def configure(generation):
    user = "user root;\n" if os.getuid() == 0 else ""
    with open(t.tmp("nginx.conf"), "w") as f:
        f.write((CONFIG % user).replace("DIR", t.tmp()).replace("PORT", str(port))
                .replace("GENERATION", generation))


def pid_of(name="nginx.pid"):
    text = t.read_text(t.tmp(name)).strip()
    return int(text) if text else None


def workers(master):
    return t.read_text("/proc/%d/task/%d/children" % (master, master)).split()


def ask(stream, name, keep=False):
    """(who answered, the body)"""
    stream.sendall(b"GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n"
                   % (name, b"keep-alive" if keep else b"close"))
    data = b""
    while b"\r\n\r\n" not in data:
        part = stream.recv(65536)
        if not part:
            raise ConnectionError("the end, in a header: %r" % data)
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    size = int(fields[b"Content-Length"])
    return fields[b"Generation"].decode(), body + t.receive_all(stream, size - len(body))


class Load:
    """Clients one after the other, in several threads, until it is ended."""

    def __init__(self):
        self.answered, self.wrong, self._stop = {}, [], threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._clients) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _clients(self):
        while not self._stop.is_set() and len(self.wrong) < 5:
            try:
                stream = t.tls_connect(t.STACKS[0], port, pki.ca)
                who, body = ask(stream, b"page")
                stream.close()
                problem = None if body == PAGE else "%d bytes of the page" % len(body)
            except Exception as e:
                who, problem = None, "%s: %s" % (type(e).__name__, e)
            with self._lock:
                self.answered[who] = self.answered.get(who, 0) + 1
                self.wrong += [problem] if problem else []

    def sees(self, who):
        """Ten more answers of that generation."""
        want = self.answered.get(who, 0) + 10
        return t.wait_until(lambda: self.answered.get(who, 0) >= want or self.wrong)

    def end(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Slow:
    """A client in the middle of a long answer."""

    def __init__(self):
        self.stream = t.tls_connect(t.STACKS[0], port, pki.ca)
        self.stream.sendall(b"GET /long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.begun = t.receive_all(self.stream, 1000)

    def finishes(self, *who):
        answer = self.begun + t.receive_all(self.stream)
        self.stream.close()
        head, body = answer.split(b"\r\n\r\n", 1)
        return body == LONG and any(b"Generation: " + w.encode() in head for w in who)


def upgrade():
    """Old and new masters; the new has listeners and workers."""
    old = pid_of()
    os.kill(old, signal.SIGUSR2)
    if not t.wait_until(lambda: pid_of() not in (None, old) and pid_of("nginx.pid.oldbin") == old
                        and len(workers(pid_of())) == 2):
        raise RuntimeError("no new nginx: " + t.read_text(t.tmp("error.log"))[-1500:])
    return old, pid_of()


def end():
    """It runs as a daemon, for without it ignores WINCH: nobody else ends it."""
    pids = [pid for pid in (pid_of(), pid_of("nginx.pid.oldbin")) if pid]
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    return t.wait_until(lambda: not any(t.read_text("/proc/%d/cmdline" % pid) for pid in pids))


def forward():
    slow, kept = Slow(), t.tls_connect(t.STACKS[0], port, pki.ca)
    if ask(kept, b"page", keep=True) != ("one", PAGE) or not load.sees("one"):
        return "before: %s" % load.wrong
    configure("two")
    old, new = upgrade()
    if not load.sees("two"):
        return "the new does not answer: %s" % load.wrong
    os.kill(old, signal.SIGWINCH)
    # Its idle connection is closed in order, the busy one goes on.
    if t.receive_all(kept) or not t.wait_until(lambda: len(workers(old)) == 2):
        return "workers: %s" % workers(old)
    if not load.sees("two") or not slow.finishes("one"):
        return "while the old one finishes: %s" % load.wrong
    os.kill(old, signal.SIGQUIT)
    if not t.wait_until(lambda: pid_of("nginx.pid.oldbin") is None):
        return "the old one stays"
    return None if load.sees("two") and pid_of() == new else "after it: %s" % load.wrong


def back():
    slow = Slow()
    configure("three")
    old, new = upgrade()
    if not load.sees("three"):
        return "the new does not answer: %s" % load.wrong
    os.kill(old, signal.SIGWINCH)
    if not t.wait_until(lambda: len(workers(old)) == 2):
        return "workers: %s" % workers(old)
    late = Slow()  # the busy one of the old may not have heard yet that it is to accept no more
    os.kill(old, signal.SIGHUP)  # its workers come back, with the configuration that it had
    if not t.wait_until(lambda: len(workers(old)) == 4) or not load.sees("two"):
        return "the old does not come back: %s %s" % (workers(old), load.wrong)
    os.kill(new, signal.SIGQUIT)
    if not slow.finishes("two") or not late.finishes("two", "three"):
        return "what was begun is not finished"
    if not t.wait_until(lambda: pid_of() == old):
        return "the new one stays"
    return None if load.sees("two") else "after it: %s" % load.wrong


def again():
    """A third program, by the old one: the listeners are as they were."""
    configure("four")
    old, _ = upgrade()
    os.kill(old, signal.SIGQUIT)
    gone = t.wait_until(lambda: pid_of("nginx.pid.oldbin") is None)
    return None if gone and load.sees("four") else "%s" % load.wrong


t.start()
pki = t.Pki(t.tmp("pki"))
os.makedirs(t.tmp("www"))
PAGE, LONG = t.payload(20000), t.payload(8 << 20)
for name, data in (("page", PAGE), ("long", LONG)):
    with open(t.tmp("www", name), "wb") as f:
        f.write(data)
port = t.free_port()
configure("one")
NGINX = shutil.which("nginx", path=os.defpath + ":/usr/sbin:/sbin")  # it executes its own name
t.Server(t.server([NGINX, "-e", t.tmp("error.log"), "-c", t.tmp("nginx.conf"), "-p", t.tmp()],
                  pki.cert, pki.key), port, t.tmp("output.log"),
         env=t.environment(log=t.tmp("tlshim.log")))
load = Load()
try:
    for name, step in (("forward, and the old one ends", forward),
                       ("and back to the old one", back),
                       ("and a third, whose old one ends at once", again)):
        t.subtest(name, step)
finally:
    load.end()
    gone = end()
t.is_(load.wrong, [], "every client got its page")
t.diag("answers by generation: %s" % load.answered)
t.ok(gone, "all of them are gone")
t.finish(moved=3 * len(LONG))
