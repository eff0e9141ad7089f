"""What a row of the table is, and the list of all rows."""

import dataclasses
import signal
import typing

ROWS = []


class Busy(Exception):
    """Of a dialogue: the server has another client; this one comes again."""


@dataclasses.dataclass
class Row:
    """name: unique. packages: Debian's, separated by spaces. waits: how the program waits for the
    network. core: `make check` runs it. root: it can only run as root; user: it cannot.
    both: it listens and connects, and all of it is TLS.

    A server: command(place) writes its configuration and gives its command line; ask(stream, item)
    is one client's dialogue, which gives the bytes that came back and must be the item's.
    text: the item's bytes are lines. big: bytes of the
    largest item, at most. many: clients at once; in_turn: it serves one after the other. end: the signal that ends it. warms_up: it
    listens before it can serve. Without ask it is only its client's peer.

    A client: task(place) runs it and returns what went wrong. peer: "http", "exchange" (each side
    sends its bytes and ends), or the server of the table that it talks to; direct: without the
    bridge between, for who is told another address by the server."""
    name: str
    packages: str
    waits: str
    role: str
    core: bool = False
    root: bool = False
    user: bool = False
    command: typing.Callable = None
    ask: typing.Callable = None
    both: bool = False
    text: bool = False
    big: int = 1 << 30
    many: int = 200
    in_turn: bool = False
    end: int = signal.SIGTERM
    warms_up: bool = False
    task: typing.Callable = None
    peer: str = None
    direct: bool = False


def server(name, packages, waits, command, **more):
    ROWS.append(Row(name, packages, waits, "server", command=command, **more))


def client(name, packages, waits, peer, **more):
    """Decorates the task."""
    def add(task):
        ROWS.append(Row(name, packages, waits, "client", task=task, peer=peer, **more))
        return task
    return add


def find(name):
    return next(row for row in ROWS if row.name == name)
