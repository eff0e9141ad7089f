"""What is done to each server beside its task: many clients at once, clients that die, clients that
talk nonsense, a restart while clients come and go."""

import os
import socket
import threading
import time

import tlstest as t

HELLO = bytes.fromhex("16030100350100003103015a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a")
CONNECTING = 4  # clients in their handshakes at once: queues of listeners are as short as 5
RESTART_CLIENTS, RESTART_DIALOGUES = 6, 20


def many(place):
    """row.many dialogues at once: every client has its connection before the first one speaks, but
    where the server takes no second one before that."""
    gate = threading.Semaphore(CONNECTING)

    def queue(number, _):
        item = place.small.numbered(number + 1)
        return place.judge(item, place.dialogue(item))

    def one(number, barrier):
        item = place.small.numbered(number + 1)
        with gate:
            stream = place.connect()
        try:
            barrier.wait()
            return place.judge(item, place.row.ask(stream, item))
        finally:
            stream.close()
    return t.at_once(place.row.many, queue if place.row.in_turn else one)


class _Enough(Exception):
    pass


class _Cut:
    """A stream that raises _Enough after so many bytes in either direction."""

    def __init__(self, stream, limit):
        self._stream, self._left = stream, limit

    def beside(self, other):
        """Another connection of the same client."""
        return _Cut(other, self._left)

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def _spend(self, count):
        self._left -= count
        if self._left <= 0:
            self._stream.stop_reading()  # another thread may be waiting for what will not come
            raise _Enough

    def recv(self, size):
        try:
            data = self._stream.recv(min(size, 16384))
        except OSError:
            if self._left > 0:
                raise
            data = b""
        self._spend(len(data))
        return data

    def sendall(self, data):
        for start in range(0, len(data), 16384):
            part = data[start:start + 16384]
            self._stream.sendall(part)
            self._spend(len(part))


def killed(place):
    """Clients that go in the middle of a transfer, with the end of the stream and with a reset,
    neither with close_notify; the next client is served."""
    def go(end, share):
        stream = place.connect()
        try:
            place.row.ask(_Cut(stream, int(len(place.big.data) * share)), place.big.numbered(900))
            return "the transfer ended before %d%% of it" % (share * 100)
        except _Enough:
            return None
        finally:
            getattr(stream, end)()
    for end in ("close", "abort"):
        for share in (0.1, 0.5):
            wrong = place.in_turn(lambda: go(end, share))
            if wrong:
                return wrong
            wrong = place.ask(place.small.numbered(901))
            if wrong:
                return "after a client that went by %s: %s" % (end, wrong)
    return None


def garbage(place):
    """Noise in place of TLS, half a hello, noise inside TLS; the next client is served."""
    for data in (os.urandom(3000), b"GET / HTTP/1.0\r\n\r\n", HELLO[:20], b""):
        with place.in_turn(
                lambda: socket.create_connection(("127.0.0.1", place.port), 60)) as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:  # a reset, ENOTCONN after one
                pass
        wrong = place.ask(place.small.numbered(902))
        if wrong:
            return "after %r: %s" % (data[:20], wrong)
    try:
        stream = t.tls_connect(t.STACKS[0], place.port, place.pki.ca, timeout=3)
        stream.sendall(os.urandom(5000))
        stream.close_write()
        t.receive_all(stream)
    except OSError:  # also when the server takes it for the beginning of something and waits
        pass
    return place.ask(place.small.numbered(903))


def restart(place):
    """Clients that come all the time, while the server ends and starts again at the same port.
    Those that come when it is up again are served; no client ever gets bytes that are not its own."""
    state = {"epoch": 0, "before": 0, "after": 0, "stop": False}
    wrong, lock = [], threading.Lock()

    def client(number):
        item = place.small.numbered(number + 1)
        while not state["stop"]:
            epoch = state["epoch"]
            try:
                got = place.dialogue(item)
                text = None if got == item.data else "%d bytes of %d" % (len(got), len(item.data))
                foreign = not item.data.startswith(got)
            except (OSError, ValueError, IndexError, EOFError) as e:
                text, foreign = "%s: %s" % (type(e).__name__, e), False
            with lock:
                if foreign or (text and (epoch == 2 or state["epoch"] == 0)):
                    wrong.append(text)
                    return
                if not text:
                    state["after" if epoch == 2 else "before"] += 1
            if text:
                time.sleep(0.05)

    threads = [threading.Thread(target=client, args=(n,), daemon=True)
               for n in range(RESTART_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        t.wait_until(lambda: state["before"] >= RESTART_DIALOGUES or wrong, 120)
        state["epoch"] = 1
        if not wrong:
            place.stop()
            place.start()
            state["epoch"] = 2
            t.wait_until(lambda: state["after"] >= RESTART_DIALOGUES or wrong, 120)
    finally:
        state["stop"] = True
        for thread in threads:
            thread.join(120)
    if wrong:
        return "%d wrong: %s" % (len(wrong), wrong[0])
    if state["after"] < RESTART_DIALOGUES:
        return "%d dialogues before, %d after" % (state["before"], state["after"])
    return None


TRIALS = (("clients at once", many), ("killed clients", killed), ("garbage", garbage),
          ("restart under load", restart))
