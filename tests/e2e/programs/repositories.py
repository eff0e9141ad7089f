"""Protocols of repositories, as much of them as fetches one file."""

import zlib

from .dialogues import Lines

_BLOB = 3


def _blob(pack):
    """The only file in a pack that holds no differences."""
    if pack[:8] != b"PACK\0\0\0\2":
        raise ValueError("no pack: %r" % pack[:50])
    at = 12
    for _ in range(int.from_bytes(pack[8:12], "big")):
        kind = pack[at] >> 4 & 7
        while pack[at] & 0x80:  # more of the size follows
            at += 1
        stream = zlib.decompressobj()
        try:
            data = stream.decompress(pack[at + 1:])
        except zlib.error as e:
            raise ValueError(str(e))
        if kind == _BLOB:
            return data
        if not stream.eof:
            break
        at = len(pack) - len(stream.unused_data)
    raise EOFError("no file in %d bytes of a pack" % len(pack))


def git_fetch(stream, item):
    """The one commit of the repository of the item's name, by the first protocol, in which a pack
    ends with the connection."""
    lines = Lines(stream)

    def send(text=b""):
        lines.send(b"%04x%s" % (len(text) + 4, text) if text else b"0000")

    def read():
        size = int(lines.bytes(4), 16)
        return lines.bytes(size - 4) if size else b""
    send(b"git-upload-pack /%s\0host=localhost\0" % item.file.encode())
    commit = read()[:40]
    while read():
        pass
    send(b"want %s\n" % commit)
    send()
    send(b"done\n")
    if (answer := read()) != b"NAK\n":
        raise ValueError("%r where NAK should be" % answer)
    return _blob(lines.all())


def cvs_checkout(stream, item):
    """The file of the item's name, by a user without a password."""
    lines, root = Lines(stream), item.place.path("cvsroot").encode()
    lines.send(b"BEGIN AUTH REQUEST\n%s\nanonymous\nA\nEND AUTH REQUEST\n" % root)
    lines.expect(b"I LOVE YOU")
    lines.send(b"Root %s\nValid-responses ok error Valid-requests Checked-in Updated Merged "
               b"Removed M E\nUseUnchanged\nArgument module/%s\nDirectory .\n%s\nco\n"
               % (root, item.file.encode(), root))
    while not (line := lines.line()).startswith(b"Updated "):
        if line.startswith((b"error", b"ok")):
            raise ValueError(line)
    for _ in ("path", "entry", "mode"):
        lines.line()
    got = lines.bytes(int(lines.line()))
    while (line := lines.line()) != b"ok":
        if line.startswith(b"error"):
            raise ValueError(line)
    return got
