"""Protocols, as much of them as a client of the trials needs: ask(stream, item) of the rows."""

import itertools
import json

import tlstest as t


_numbers = itertools.count()


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


def get_by_socks(stream, item):
    """The same behind a SOCKS 5 proxy."""
    lines = Lines(stream)
    lines.send(b"\5\1\0")
    if lines.bytes(2) != b"\5\0":
        raise ValueError("not without a password")
    lines.send(b"\5\1\0\1\x7f\0\0\1" + item.place.behind().to_bytes(2, "big"))
    if lines.bytes(10)[:2] != b"\5\0":
        raise ValueError("no connection")
    return get(stream, item)


def echo(stream, item):
    """Both directions at once."""
    with t.together(stream.sendall, item.data):
        return t.receive_all(stream, len(item.data))


def echo_by_steps(stream, item):
    """No more under way than pipes hold: for servers that write to one while the other is full."""
    step, got = 32768, b""
    for start in range(0, len(item.data), step):
        part = item.data[start:start + step]
        stream.sendall(part)
        got += t.receive_all(stream, len(part))
    return got


def echo_to_the_end(stream, item):
    """Both directions at once; the client ends first, and the server answers that with its own end."""
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


def clipboard(stream, item):
    """Text into the server's clipboard by one connection, a look at the screen after it."""
    lines = Lines(stream)
    lines.expect(b"RFB 003.008")
    lines.send(b"RFB 003.008\n")
    if 1 not in lines.bytes(lines.bytes(1)[0]):
        raise ValueError("no connection without a password")
    lines.send(b"\1")
    if lines.bytes(4) != bytes(4):
        raise ValueError("refused")
    lines.send(b"\1")
    head = lines.bytes(24)
    width, height = (int.from_bytes(head[at:at + 2], "big") for at in (0, 2))
    lines.bytes(int.from_bytes(head[20:], "big"))
    lines.send(b"\2\0\0\1\0\0\0\0")  # raw pictures only
    lines.send(b"\6\0\0\0" + len(item.data).to_bytes(4, "big") + item.data)
    lines.send(b"\3\0\0\0\0\0" + head[:4])
    while lines.bytes(1) != b"\0":
        raise ValueError("not a picture")
    lines.bytes(1)
    have = 0
    for _ in range(int.from_bytes(lines.bytes(2), "big")):
        _, _, w, h = (int.from_bytes(lines.bytes(2), "big") for _ in range(4))
        lines.bytes(4)
        have += len(set(lines.bytes(w * h * head[4] // 8))) and w * h
    if have != width * height:
        raise ValueError("%d pixels of %d" % (have, width * height))
    return item.data


def finger(stream, item):
    stream.sendall(b"x\r\n")
    return t.receive_all(stream).replace(b"\r\n", b"\n")


def telnet(stream, item):
    """What the program in the server's terminal says, behind the options, all of which are refused.
    The program ends after a line from the client: when it ends, telnetd ends at once, with what the
    terminal still keeps."""
    iac, refusals = b"\xff", {b"\xfd": b"\xfc", b"\xfb": b"\xfe"}  # DO: WONT, WILL: DONT
    lines, said, have = Lines(stream), [], 0
    while have < len(item.data):
        byte = lines.bytes(1)
        if byte == iac:
            command, option = lines.bytes(1), lines.bytes(1)
            if command in refusals:
                lines.send(iac + refusals[command] + option)
        elif byte != b"\r":  # of the ends of lines
            said.append(byte)
            have += 1
    lines.send(b"\r\n")
    lines.all()
    return b"".join(said)


def mqtt(stream, item):
    """Subscribes to a topic and publishes there."""
    topic = len(item.name).to_bytes(2, "big") + item.name.encode()

    def packet(kind, body):
        size, length = b"", len(body)
        while True:
            length, low = divmod(length, 128)
            size += bytes([low | 128 if length else low])
            if not length:
                return bytes([kind]) + size + body

    def read():
        kind, shift, length = lines.bytes(1)[0], 0, 0
        while True:
            byte = lines.bytes(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return kind & 0xF0, lines.bytes(length)
    lines = Lines(stream)
    # Protocol 3.1.1, clean session; the empty name lets the broker choose.
    lines.send(packet(0x10, b"\0\4MQTT\4\2\0\0\0\0"))
    if read() != (0x20, b"\0\0"):
        raise ValueError("CONNECT was refused")
    lines.send(packet(0x82, b"\0\1" + topic + b"\0"))
    if read() != (0x90, b"\0\1\0"):
        raise ValueError("SUBSCRIBE was refused")
    lines.send(packet(0x30, topic + item.data))
    kind, body = read()
    lines.send(packet(0xE0, b""))
    if kind != 0x30 or not body.startswith(topic):
        raise ValueError("not what was published: %d %r" % (kind, body[:50]))
    return body[len(topic):]


def irc(stream, item):
    """Says each line to itself, under a name that a dead client cannot have kept."""
    lines, nick = Lines(stream), b"u%d" % next(_numbers)
    lines.send(b"NICK %s\r\nUSER %s 0 * :x\r\n" % (nick, nick))
    while (line := lines.line()).split()[1:2] not in ([b"376"], [b"422"]):
        if line.startswith(b"PING"):
            lines.send(b"PONG " + line.split()[1] + b"\r\n")
    got, texts = [], item.data.splitlines()
    for start in range(0, len(texts), 50):
        some = texts[start:start + 50]
        lines.send(b"".join(b"PRIVMSG %s :%s\r\n" % (nick, text) for text in some))
        for _ in some:
            while (line := lines.line()).split()[1:2] != [b"PRIVMSG"]:
                if line.startswith(b"ERROR"):
                    raise ValueError(line)
            got.append(line.split(b" :", 1)[1] + b"\n")
    lines.ask(b"QUIT")
    return b"".join(got)


def postgresql(stream, item):
    """The data there and back in a query: hexadecimal one way, escaped the other; the marker as
    what it is."""
    lines = Lines(stream)

    def message(kind, body):
        lines.send(kind + (len(body) + 4).to_bytes(4, "big") + body)

    def until(wanted):
        while True:
            kind = lines.bytes(1)
            body = lines.bytes(int.from_bytes(lines.bytes(4), "big") - 4)
            if kind == b"E" and wanted != b"E":
                raise ValueError(body)
            if kind == wanted:
                return body
    message(b"", b"\0\3\0\0user\0tlshim\0database\0postgres\0\0")
    until(b"Z")
    message(b"Q", b"select '\\x%s'::bytea -- %s\0" % (item.data.hex().encode(), t.MARKER))
    row = until(b"D")
    until(b"Z")
    message(b"X", b"")
    return bytes.fromhex(row[8:].decode())


def mysql(stream, item):
    """The data there and back in a query."""
    lines, number = Lines(stream), 0

    def read():
        nonlocal number
        body = b""
        while True:
            head = lines.bytes(4)
            number = head[3]
            size = int.from_bytes(head[:3], "little")
            body += lines.bytes(size)
            if size < 0xFFFFFF:
                return body

    def send(body):
        at, count = 0, number + 1
        while True:
            part = body[at:at + 0xFFFFFF]
            lines.send(len(part).to_bytes(3, "little") + bytes([count & 255]) + part)
            at, count = at + len(part), count + 1
            if len(part) < 0xFFFFFF:
                return
    read()
    # Protocol 4.1, long passwords, secure connection, plugin names; the largest packet; utf8.
    flags = 0x00080000 | 0x8000 | 0x0200 | 1
    send(flags.to_bytes(4, "little") + (1 << 30).to_bytes(4, "little") + b"\x21" + bytes(23)
         + b"tlshim\0\0mysql_native_password\0")
    answer = read()
    if answer[:1] == b"\xfe":
        send(b"")
        answer = read()
    if answer[:1] != b"\0":
        raise ValueError(answer)
    number = -1
    send(b"\3select x'%s'" % item.data.hex().encode())
    answer = read()
    if answer[:1] != b"\1":
        raise ValueError(answer[:200])
    while read()[:1] != b"\xfe":
        pass
    row = read()
    width = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(row[0], 0)
    read()
    number = -1
    send(b"\1")
    return row[1 + width:]


def imap(stream, item):
    """A message put into a mailbox and fetched from it."""
    lines = Lines(stream)
    box = item.name.encode()

    def until(tag):
        while not (line := lines.line()).startswith(tag):
            pass
        if b" OK" not in line:
            raise ValueError(line)
    lines.expect(b"* OK")
    lines.send(b"a LOGIN u x\r\nb CREATE %s\r\n" % box)
    until(b"a ")
    while not (line := lines.line()).startswith(b"b "):
        pass
    message = item.data.replace(b"\n", b"\r\n")
    lines.ask(b"c APPEND %s {%d}" % (box, len(message)), b"+")
    lines.send(message + b"\r\n")
    until(b"c ")
    lines.send(b"d SELECT %s\r\n" % box)
    until(b"d ")
    lines.send(b"e FETCH * BODY[]\r\n")
    while b"BODY[]" not in (line := lines.line()):
        pass
    got = lines.bytes(int(line[line.rindex(b"{") + 1:-1]))
    until(b"e ")
    lines.ask(b"f LOGOUT")
    return got.replace(b"\r\n", b"\n")


def _ber(kind, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([kind, size]) + body
    return bytes([kind, 0x84]) + size.to_bytes(4, "big") + body


def ldap(stream, item):
    """Searches the entry of the item's name for its description."""
    lines = Lines(stream)

    def read():
        kind, size = lines.bytes(2)
        if size >= 128:
            size = int.from_bytes(lines.bytes(size & 127), "big")
        return lines.bytes(size)

    def send(number, operation):
        lines.send(_ber(0x30, _ber(2, bytes([number])), operation))
    send(1, _ber(0x60, _ber(2, b"\3"), _ber(4, b""), _ber(0x80, b"")))
    if read()[3:4] != b"\x61":
        raise ValueError("the bind was refused")
    # The base object alone, aliases never, no limits, (objectClass=*).
    send(2, _ber(0x63, _ber(4, b"cn=%s,dc=test" % item.file.encode()), _ber(10, b"\0"),
                 _ber(10, b"\0"), _ber(2, b"\0"), _ber(2, b"\0"), _ber(1, b"\0"),
                 _ber(0x87, b"objectClass"), _ber(0x30, _ber(4, b"description"))))
    entry = read()
    if read()[3:4] != b"\x65":
        raise ValueError("no end of the search")
    send(3, b"\x42\0")
    at = entry.index(b"description") + len(b"description")
    for kind in (0x31, 0x04):  # the set of values, the value
        if entry[at] != kind:
            raise ValueError("not a value: %r" % entry[at:at + 10])
        size, at = entry[at + 1], at + 2
        if size >= 128:
            count = size & 127
            size, at = int.from_bytes(entry[at:at + count], "big"), at + count
    return entry[at:at + size]


def rsync_motd(stream, item):
    """The list of modules, which is short, behind the message of the day."""
    lines = Lines(stream)
    lines.expect(b"@RSYNCD:")
    lines.send(b"@RSYNCD: 30.0\n#list\n")
    return lines.all().split(b"\nfiles")[0]


def ftp(stream, item):
    """Anonymous, passive; the data connection has a handshake of its own, which the server does
    after the command that it is for."""
    lines = Lines(stream)
    while not lines.expect(b"220").startswith(b"220 "):
        pass
    lines.ask(b"USER anonymous", b"331")
    lines.ask(b"PASS x@", b"230")
    lines.ask(b"TYPE I", b"200")
    numbers = lines.ask(b"PASV", b"227").split(b"(")[1].split(b")")[0].split(b",")
    port = int(numbers[4]) * 256 + int(numbers[5])
    lines.send(b"RETR %s\r\n" % item.file.encode())
    data = t.tls_connect(t.STACKS[0], port, item.place.pki.ca)
    if hasattr(stream, "beside"):
        data = stream.beside(data)
    try:
        lines.expect(b"150")
        got = t.receive_all(data)
    finally:
        data.close()
    lines.expect(b"226")
    lines.ask(b"QUIT", b"221")
    return got


def smtp(stream, item):
    """A message, which the server keeps in its queue."""
    lines = Lines(stream)
    lines.expect(b"220")
    lines.ask(b"HELO localhost", b"250")
    lines.ask(b"MAIL FROM:<a@test>", b"250")
    lines.ask(b"RCPT TO:<b@test>", b"250")
    lines.ask(b"DATA", b"354")
    lines.send(item.data.replace(b"\n", b"\r\n"))
    name = lines.ask(b".", b"250").split(b"id=")[1].decode()
    lines.ask(b"QUIT", b"221")
    with open(item.place.path("spool", "input", name + "-D"), "rb") as f:
        return f.read().split(b"\n", 1)[1]


def dns(stream, item):
    """All TXT records of the item's name, joined in the order of the numbers that they begin
    with."""
    lines = Lines(stream)
    name = b"".join(bytes([len(part)]) + part for part in (item.file.encode(), b"test", b""))
    query = b"\0\1\1\0\0\1\0\0\0\0\0\0" + name + b"\0\x10\0\1"
    lines.send(len(query).to_bytes(2, "big") + query)
    answer = lines.bytes(int.from_bytes(lines.bytes(2), "big"))
    at, texts = len(query), []
    for _ in range(int.from_bytes(answer[6:8], "big")):
        at += 2 if answer[at] >= 0xC0 else len(name)
        size = int.from_bytes(answer[at + 8:at + 10], "big")
        at += 10
        end = at + size
        while at < end:
            texts.append(answer[at + 1:at + 1 + answer[at]])
            at += 1 + answer[at]
    return b"".join(text[4:] for text in sorted(texts)).replace(b"~", b"\n")


def nbd(stream, item):
    """Reads the export of the item's name from its start."""
    lines, name = Lines(stream), b"big"
    if lines.bytes(16) != b"NBDMAGICIHAVEOPT":
        raise ValueError("no NBD server")
    lines.bytes(2)
    lines.send(b"\0\0\0\1IHAVEOPT\0\0\0\1" + len(name).to_bytes(4, "big") + name)
    lines.bytes(10 + 124)
    got = []
    for start in range(0, len(item.data), 1 << 18):
        size = min(1 << 18, len(item.data) - start)
        lines.send(b"\x25\x60\x95\x13\0\0\0\0" + bytes(8) + start.to_bytes(8, "big")
                   + size.to_bytes(4, "big"))
        if lines.bytes(8) != b"\x67\x44\x66\x98\0\0\0\0":
            raise ValueError("an error instead of data")
        lines.bytes(8)
        got.append(lines.bytes(size))
    lines.send(b"\x25\x60\x95\x13\0\0\0\2" + bytes(20))
    return b"".join(got)


def kea(stream, item):
    """The configuration, in which the data are a comment."""
    body = b'{"command": "config-get"}'
    stream.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    lines, size = Lines(stream), 0
    while line := lines.line():
        if line.lower().startswith(b"content-length:"):
            size = int(line.split(b":")[1])
    said = json.loads(lines.bytes(size))
    return said[0]["arguments"]["Control-agent"]["user-context"][item.file].encode()


def x11(stream, item):
    """A property of the root window, set and read."""
    lines = Lines(stream)
    lines.send(b"l\0\x0b\0\0\0\0\0\0\0\0\0")
    head = lines.bytes(8)
    if head[0] != 1:
        raise ValueError("refused: %r" % lines.bytes(int.from_bytes(head[6:8], "little") * 4))
    setup = lines.bytes(int.from_bytes(head[6:8], "little") * 4)
    vendor = int.from_bytes(setup[16:18], "little")
    at = 32 + (vendor + 3) // 4 * 4 + setup[21] * 8
    root = setup[at:at + 4]

    def request(code, flag, body):
        body += bytes(-len(body) % 4)
        lines.send(bytes([code, flag]) + (len(body) // 4 + 1).to_bytes(2, "little") + body)

    def reply():
        while (head := lines.bytes(32))[0] > 1:
            pass
        if head[0] == 0:
            raise ValueError("X error %d" % head[1])
        return head, lines.bytes(int.from_bytes(head[4:8], "little") * 4)
    name = b"T_" + item.name.encode()
    request(16, 0, len(name).to_bytes(2, "little") + b"\0\0" + name)  # InternAtom
    atom = reply()[0][8:12]
    string = (31).to_bytes(4, "little")
    for start in range(0, len(item.data), 100000):  # ChangeProperty: replace, then append
        part = item.data[start:start + 100000]
        request(18, 2 if start else 0, root + atom + string + b"\x08\0\0\0"
                + len(part).to_bytes(4, "little") + part)
    request(20, 1, root + atom + string + bytes(4) + b"\xff\xff\xff\0")  # GetProperty, delete
    head, value = reply()
    return value[:int.from_bytes(head[16:20], "little")]


def svn(stream, item):
    """The file of the item's name, from the repository."""
    lines = Lines(stream)

    def read():
        """One item of the protocol: number, word, string or list."""
        c = lines.bytes(1)
        while c in b" \n":
            c = lines.bytes(1)
        if c == b"(":
            items = []
            while (one := read()) != b")":
                items.append(one)
            return items
        word = c
        while (c := lines.bytes(1)) not in b" \n:":
            word += c
        return lines.bytes(int(word)) if c == b":" else word
    read()
    url = b"svn://localhost/repo"
    lines.send(b"( 2 ( edit-pipeline ) %d:%s 1:x ( ) ) " % (len(url), url))
    read()
    lines.send(b"( ANONYMOUS ( 0: ) ) ")
    read(), read()
    path = item.file.encode()
    lines.send(b"( get-file ( %d:%s ( ) false true ) ) " % (len(path), path))
    read(), read()
    got = []
    while part := read():
        got.append(part)
    return b"".join(got)
