"""Runs rows, as many at once as there are processors, each in a process of its own."""

import json
import os
import select
import time
import traceback

import tlstest as t

from . import load
from .place import Place, bridge
from .rows import find

SECONDS = 900  # after which a row counts as hanging
STACKS = (t.STACKS[0], t.STACKS[-1])


def _attempt(name, function, *args):
    began = time.monotonic()
    try:
        wrong = function(*args)
    except Exception:
        wrong = traceback.format_exc(limit=-5)
    if os.environ.get("PROGRAMS_TIMES"):
        t.diag("%s: %.1f s" % (name, time.monotonic() - began))
    return "%s: %s" % (name, wrong) if wrong else None


def _serve(place):
    """(what was tried, function, arguments)..."""
    for stack in STACKS:
        yield stack.name, place.ask, place.big, stack
    for name, function in load.TRIALS:
        if not (function is load.many and place.row.many < 2):
            yield name, function, place


def _be_client(place, peer_place):
    for stack in STACKS[:1] if place.row.direct else STACKS:
        yield stack.name, _client_task, place, peer_place, stack


class Exchange:
    """A peer that sends and receives at once, until both sides have ended."""

    def __init__(self, data):
        self.data, self.received = data, None

    def __call__(self, stream):
        with t.together(stream.sendall, self.data):
            self.received = t.receive_all(stream)


def _client_task(place, peer_place, stack):
    place.received, place.exchange = {}, Exchange(place.big.data)
    if peer_place is None:
        handler = {"exchange": place.exchange, "http": t.http_handler(
            {"/" + item.file: item.data for item in (place.big, place.small)}, place.received)}
        peer = t.TlsServer(stack, place.pki, handler[place.row.peer])
    elif place.row.direct:
        peer = None
    else:
        peer = bridge(stack, peer_place)
    place.port = peer.port if peer else peer_place.port
    try:
        wrong = place.row.task(place)
        # A bridge meets resets of its own making: there the bytes decide.
        errors = peer.errors[:2] if peer and not peer_place else []
        if wrong or errors:
            return "%s; peer: %s" % (wrong, errors)
        if peer and not t.PLAIN and not peer.suites:
            return "no TLS handshake was made"
        return None
    finally:
        if peer:
            peer.close()


def run_row(row, index, pki, mib):
    """(what went wrong, as texts; number of things tried; bytes moved)"""
    wrong, tried, peer = [], 0, None
    if row.role == "client" and row.peer not in ("http", "exchange"):
        peer = Place(find(row.peer), 2 * index + 1, pki, mib)
        peer.start()
    place = Place(row, 2 * index, pki, mib, peer)
    places = [place, peer] if peer else [place]
    if row.role == "server":
        place.start()
    attempts = _serve(place) if row.role == "server" else _be_client(place, peer)
    for name, function, *args in attempts:
        tried += 1
        text = _attempt(name, function, *args)
        if text:
            wrong.append(text)
            break
    if wrong:
        wrong += [place.said() for place in places]
    return wrong, tried, sum(place.moved for place in places)


def _worker(row, index, pki, mib, out):
    began = time.monotonic()
    t.adopt_descendants()
    wrong, tried, moved = [], 0, 0
    try:
        wrong, tried, moved = run_row(row, index, pki, mib)
    except BaseException:
        wrong = [traceback.format_exc(limit=-5)]
    t.stop_all()
    left = t.end_descendants()
    if left:
        wrong.append("left running: %s" % left)
    os.write(out, json.dumps([wrong, tried, moved, time.monotonic() - began]).encode())


def _begin(row, index, pki, mib):
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(receive)
            _worker(row, index, pki, mib, send)
        finally:
            os._exit(0)
    os.close(send)
    return receive, pid


def run_rows(rows, pki, mib, report):
    """Calls report(row, wrong, tried, moved, seconds) for each row as it ends."""
    waiting, under_way = list(enumerate(rows)), {}
    while waiting or under_way:
        while waiting and len(under_way) < (os.cpu_count() or 1):
            index, row = waiting.pop(0)
            receive, pid = _begin(row, index, pki, mib)
            under_way[receive] = row, pid, time.monotonic() + SECONDS
        for receive in select.select(list(under_way), [], [], 1)[0]:
            row, pid, _ = under_way.pop(receive)
            with os.fdopen(receive, "rb") as f:
                said = f.read()
            os.waitpid(pid, 0)
            report(row, *(json.loads(said) if said else [["its process ended early"], 0, 0, 0]))
        for row, pid, end in under_way.values():
            if time.monotonic() > end:
                os.kill(pid, 15)
