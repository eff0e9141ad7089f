"""Protocols, as much of them as a client of the trials needs: ask(stream, item) of the rows."""

import tlstest as t


class Lines:
    """Lines and counted bytes of a stream."""

    def __init__(self, stream):
        self._stream, self._rest = stream, b""
        self.send = stream.sendall

    def _more(self):
        data = self._stream.recv(65536)
        if not data:
            raise EOFError("the stream ended after %r" % self._rest[-100:])
        self._rest += data

    def line(self):
        """The next line, without its end."""
        while b"\n" not in self._rest:
            self._more()
        line, self._rest = self._rest.split(b"\n", 1)
        return line.rstrip(b"\r")

    def bytes(self, count):
        parts, have = [self._rest], len(self._rest)
        while have < count:
            parts.append(self._stream.recv(65536))
            if not parts[-1]:
                raise EOFError("%d bytes of %d" % (have, count))
            have += len(parts[-1])
        data = b"".join(parts)
        self._rest = data[count:]
        return data[:count]

    def all(self):
        rest, self._rest = self._rest, b""
        return rest + t.receive_all(self._stream)

    def expect(self, start):
        line = self.line()
        if not line.startswith(start):
            raise ValueError("%r where %r should be" % (line[:200], start))
        return line

    def ask(self, words, start=b""):
        """Sends a line and gives the answer, a line that begins like this."""
        self.send(words + b"\r\n")
        return self.expect(start)


def get(stream, item):
    return t.http_get(stream, "/" + item.file)


def get_through(stream, item):
    """From the web server behind a proxy that is asked for whole addresses."""
    return t.http_get(stream, "http://localhost:%d/%s" % (item.place.behind(), item.file))


def echo(stream, item):
    """Both directions at once."""
    with t.together(stream.sendall, item.data):
        return t.receive_all(stream, len(item.data))


def echo_to_the_end(stream, item):
    """Both directions at once; the client's end comes first, and the server answers with its own."""
    def send():
        stream.sendall(item.data)
        stream.close_write()
    with t.together(send):
        return t.receive_all(stream)


def redis(stream, item):
    if t.redis_ask(stream, b"SET", item.name.encode(), item.data) != b"+OK":
        raise ValueError("SET was refused")
    return t.redis_ask(stream, b"GET", item.name.encode())


def memcached(stream, item):
    lines, name = Lines(stream), item.name.encode()
    lines.send(b"set %s 0 0 %d\r\n%s\r\n" % (name, len(item.data), item.data))
    lines.expect(b"STORED")
    size = int(lines.ask(b"get " + name, b"VALUE").split()[3])
    data = lines.bytes(size)
    lines.expect(b"")
    lines.expect(b"END")
    return data


def beanstalk(stream, item):
    lines, name = Lines(stream), item.name.encode()
    lines.ask(b"use " + name, b"USING")
    lines.ask(b"watch " + name, b"WATCHING")
    got = []
    for start in range(0, len(item.data), 60000):
        part = item.data[start:start + 60000]
        lines.send(b"put 0 0 600 %d\r\n%s\r\n" % (len(part), part))
        lines.expect(b"INSERTED")
        _, number, size = lines.ask(b"reserve", b"RESERVED").split()
        got.append(lines.bytes(int(size) + 2)[:-2])
        lines.ask(b"delete " + number, b"DELETED")
    return b"".join(got)
