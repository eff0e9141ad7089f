#!/usr/bin/python3
"""Unmodified clients under tlshim against OpenSSL 3 and GnuTLS: 100 MiB each way that they serve,
intact."""

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

URLLIB = """
import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as answer, open(sys.argv[2], 'wb') as out:
    shutil.copyfileobj(answer, out)
"""

ASYNCIO = """
import asyncio, sys
async def main(port, source, target):
    reader, writer = await asyncio.open_connection('localhost', port)
    async def send():
        with open(source, 'rb') as f:
            while data := f.read(100000):
                writer.write(data)
                await writer.drain()
        writer.write_eof()
    sending = asyncio.ensure_future(send())
    with open(target, 'wb') as f:
        while data := await reader.read(70000):
            f.write(data)
    await sending
    writer.close()
    await writer.wait_closed()
asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
"""


# ---- peers, inside the test: a function of a stream

class Exchange:
    """Sends and receives at once, until both sides have ended."""

    def __init__(self, data):
        self.data, self.received = data, None

    def __call__(self, stream):
        errors = []

        def send():
            try:
                stream.sendall(self.data)
            except OSError as e:
                errors.append(e)
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        self.received = t.digest(t.receive_all(stream))
        sender.join()
        if errors:
            raise errors[0]


# ---- one row per program and direction: (name, peer, command line, what the program reads on its
# standard input). In a command line FROM is the file to send, TO the one to write.

ROWS = [
    ("curl fetches", "http", ["curl", "-sS", "-o", "TO", "http://localhost:PORT/file"], None),
    ("curl uploads", "http", ["curl", "-sS", "-T", "FROM", "http://localhost:PORT/file"], None),
    ("wget fetches", "http", ["wget", "-q", "-t1", "-O", "TO", "http://localhost:PORT/file"], None),
    ("wget uploads", "http", ["wget", "-q", "-t1", "-O", "/dev/null",
                              "--method=PUT", "--body-file=FROM", "http://localhost:PORT/file"], None),
    ("nc both ways", "exchange", ["nc", "-N", "localhost", "PORT"], "FROM"),
    ("python urllib fetches", "http",
     [t.PYTHON, "-c", URLLIB, "http://localhost:PORT/file", "TO"], None),
    ("python asyncio both ways", "exchange", [t.PYTHON, "-c", ASYNCIO, "PORT", "FROM", "TO"], None),
    ("redis-cli sets", "redis", ["redis-cli", "-h", "localhost", "-p", "PORT", "-x", "set", "key"],
     "FROM"),
    ("redis-cli gets", "redis", ["redis-cli", "-h", "localhost", "-p", "PORT", "--raw", "get",
                                 "key"], None),
]


def row(stack, name, peer, argv, standard_input):
    received, exchange = {}, Exchange(down)
    handler = {"http": t.http_handler({"/file": down}, received), "exchange": exchange,
               "redis": t.redis_handler(redis)}[peer]
    target = t.tmp("received")
    if os.path.exists(target):
        os.remove(target)
    with t.TlsServer(stack, pki, handler) as peer_server:
        words = {"FROM": source, "TO": target, "PORT": str(peer_server.port)}
        argv = [words.get(word, word.replace("PORT", words["PORT"]).replace("FROM", source))
                for word in argv]
        with open(source if standard_input else os.devnull, "rb") as stdin:
            # Through files: what the program does with its own output must not be what is tested.
            with open(target + ".out", "wb") as out:
                done = t.run(t.client(argv, pki.ca), stdin=stdin, stdout=out,
                             env=t.environment(), timeout=180)
        if done.status != 0:
            return "%s\npeer: %s" % (done, peer_server.errors[:2])
        if peer_server.errors:
            return "peer: %s" % peer_server.errors[:2]
        if not t.PLAIN and not peer_server.suites:
            return "no TLS handshake was made"
    written = target if os.path.exists(target) else target + ".out"
    if name == "redis-cli gets":
        with open(written, "rb") as f:
            got = t.digest(f.read()[:-1])  # --raw ends the value with a newline
        return None if got == t.digest(up) else "the value differs"
    if peer != "redis" and "uploads" not in name and t.file_digest(written) != t.digest(down):
        return "what was fetched differs: %d bytes of %d" % (os.path.getsize(written), len(down))
    if "uploads" in name and received.get("/file") != t.digest(up):
        return "what was uploaded differs"
    if peer == "exchange" and exchange.received != t.digest(up):
        return "what was sent differs"
    return None


t.start()
pki = t.Pki(t.tmp("pki"))
redis = t.tmp("redis.sock")
t.redis_behind(redis)
down, up = t.payload(t.MIB << 20), t.payload(t.MIB << 20)
source = t.tmp("source")
with open(source, "wb") as f:
    f.write(up)
ways = 0
for stack in t.STACKS:
    for case in ROWS:
        t.subtest("%s: %s, %d MiB" % (stack.name, case[0], t.MIB), row, stack, *case)
        ways += 2 if "both" in case[0] else 1
t.finish(moved=ways * len(up))
