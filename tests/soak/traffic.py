#!/usr/bin/python3
"""A server and clients that know nothing of TLS, for soak.t.

    traffic.py serve PORT WORKERS     a prefork server; a worker that dies is replaced
    traffic.py load PORT SEED         connections of every kind until end of input; after each a
                                      line "CONNECTIONS BYTES BROKEN" so far, and "done"

Every byte is checked where it arrives: streams are cut from one block of noise, at a place that
both ends know. A connection may break where its kind says so, or while a server's worker is being
killed (BROKEN counts them), but what has arrived until then is right. Wrong bytes end the program
with status 1 and a line that says which."""

import os
import random
import select
import signal
import socket
import struct
import sys
import threading

NOISE = random.Random(7).randbytes(1 << 20)
HEADER = struct.Struct("!cIQ")
BROKEN = (OSError,)
LINGER_NONE = struct.pack("ii", 1, 0)


def stretch(place, length):
    """length bytes of the endless noise, from a place on."""
    at = place % len(NOISE)
    out = NOISE[at:at + length]
    while len(out) < length:
        out += NOISE[:length - len(out)]
    return out


def check(got, place):
    if got != stretch(place, len(got)):
        print("WRONG bytes at %d" % place, flush=True)
        os._exit(1)


def receive_exactly(stream, length):
    out = b""
    while len(out) < length:
        piece = stream.recv(length - len(out))
        if not piece:
            raise ConnectionResetError("the end came early")
        out += piece
    return out


def receive_checked(stream, place, length):
    """Returns how many came before the end."""
    done = 0
    while done < length:
        piece = stream.recv(min(length - done, 65536))
        if not piece:
            break
        check(piece, place + done)
        done += len(piece)
    return done


def reset(stream):
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
    stream.close()


# ---- the server

def serve_one(stream):
    kind, length, place = HEADER.unpack(receive_exactly(stream, HEADER.size))
    if kind == b"E":
        done = 0
        while done < length:
            piece = stream.recv(min(65536, length - done))
            if not piece:
                return
            check(piece, place + done)
            stream.sendall(piece)
            done += len(piece)
    elif kind == b"G":
        stream.sendall(stretch(place, length))
        stream.shutdown(socket.SHUT_WR)
        receive_checked(stream, 0, 1)
    elif kind == b"P":
        done = receive_checked(stream, place, length)
        stream.sendall(struct.pack("!I", done))
    elif kind == b"X":
        stream.sendall(stretch(place, length // 2))
        reset(stream)


def attend(listener):
    while True:
        try:
            stream, _ = listener.accept()
        except OSError:
            return
        try:
            with stream:
                stream.settimeout(20)
                serve_one(stream)
        except BROKEN:
            pass


def worker(listener):
    for _ in range(3):
        threading.Thread(target=attend, args=(listener,), daemon=True).start()
    attend(listener)


def serve(port, workers):
    listener = socket.create_server(("127.0.0.1", port), backlog=128)

    alive = set()

    def one():
        pid = os.fork()
        if pid != 0:
            alive.add(pid)
            return
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        worker(listener)

    def end(*_):
        nonlocal workers
        workers = 0
        for pid in alive:
            os.kill(pid, signal.SIGTERM)
    signal.signal(signal.SIGTERM, end)
    while workers or alive:
        while len(alive) < workers:
            one()
        alive.discard(os.wait()[0])


# ---- the clients

def full_duplex(stream, length, place):
    """Sends in a thread of its own and checks the echo."""
    def send():
        try:
            stream.sendall(stretch(place, length))
        except BROKEN:
            pass
    sender = threading.Thread(target=send)
    sender.start()
    try:
        return receive_checked(stream, place, length)
    finally:
        sender.join()


def exchange(chance, port):
    """One connection; the bytes that were checked."""
    kind = chance.choice(b"EEGGPPXscr")
    length = chance.choice((1, 200, 3000, 16384, 100000, 700000))
    place = chance.randrange(1 << 40)
    stream = socket.create_connection(("127.0.0.1", port), timeout=20)
    with stream:
        if kind == ord("c"):  # closed before anything
            return 0
        if kind == ord("r"):  # reset in the middle of an answer
            stream.sendall(HEADER.pack(b"G", length, place))
            done = receive_checked(stream, place, length // 3)
            reset(stream)
            return done
        if kind == ord("s"):  # many small ones
            stream.sendall(HEADER.pack(b"E", 2000, place))
            for at in range(0, 2000, 100):
                stream.sendall(stretch(place + at, 100))
                check(receive_exactly(stream, 100), place + at)
            return 2000
        stream.sendall(HEADER.pack(bytes([kind]), length, place))
        if kind == ord("E"):
            return full_duplex(stream, length, place)
        if kind == ord("P"):
            stream.sendall(stretch(place, length))
            if struct.unpack("!I", receive_exactly(stream, 4))[0] != length:
                print("WRONG count", flush=True)
                os._exit(1)
            return length
        return receive_checked(stream, place, length)


def load(port, seed):
    chance = random.Random(seed)
    connections = moved = broken = 0
    while not select.select([0], [], [], 0)[0]:
        connections += 1
        try:
            moved += exchange(chance, port)
        except BROKEN:
            broken += 1
        print("%d %d %d" % (connections, moved, broken), flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    {"serve": serve, "load": load}[sys.argv[1]](*map(int, sys.argv[2:]))
