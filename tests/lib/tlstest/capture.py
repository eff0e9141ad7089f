"""What goes over the loopback, seen by a packet socket in a process of its own.

Kept are counts and whether the marker was seen; the search goes on across packet borders."""

import json
import mmap
import os
import select
import socket
import struct
import time
import traceback

# linux/if_packet.h
_SOL_PACKET, _PACKET_RX_RING, _PACKET_STATISTICS = 263, 5, 6
_PACKET_VERSION, _TPACKET_V3, _PACKET_IGNORE_OUTGOING = 10, 2, 23
_BLOCK_STATUS, _BLOCK_PACKETS, _BLOCK_FIRST = 8, 12, 16  # offsets in struct tpacket_block_desc
_PACKET_NEXT, _PACKET_SIZE, _PACKET_MAC = 0, 12, 24      # offsets in struct tpacket3_hdr
_ETH_P_ALL, _ETH_P_IP, _ETH_P_IPV6 = 3, 0x0800, 0x86DD
# The ring: blocks that the kernel hands over when they are full or so many milliseconds old.
_BLOCK_SIZE, _BLOCKS, _FRAME, _RETIRE_MS = 1 << 20, 192, 2048, 20


class Seen:
    """packets, bytes: of TCP payload, once each. tls_connections, tls_bytes: of those directions of
    connections that began with a handshake record of version 3.1. marked: where the marker was.
    lost: packets that the kernel could not queue."""

    def __init__(self, fields):
        self.packets = self.bytes = self.tls_connections = self.tls_bytes = self.lost = 0
        self.marked = []
        self.__dict__.update(fields)

    def summary(self):
        return ("%d packets, %d bytes; in %d directions of TLS 1.0 connections %d bytes; "
                "%d packets lost" % (self.packets, self.bytes, self.tls_connections,
                                     self.tls_bytes, self.lost))


class Capture:
    def __init__(self, marker):
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        # Each packet passes the loopback twice, out and in.
        packets.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        # A ring, because a socket's queue is too small for who is not root.
        packets.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        packets.setsockopt(_SOL_PACKET, _PACKET_RX_RING, struct.pack(
            "7I", _BLOCK_SIZE, _BLOCKS, _FRAME, _BLOCK_SIZE // _FRAME * _BLOCKS, _RETIRE_MS, 0, 0))
        packets.bind(("lo", _ETH_P_ALL))
        result_read, result_write = os.pipe()
        stop_read, self._stop = os.pipe()
        self._seen = None
        self._child = os.fork()
        if self._child == 0:
            status = 1
            try:
                os.close(self._stop)
                os.close(result_read)
                os.setpgid(0, 0)
                seen = _watch(packets, stop_read, marker)
                os.write(result_write, json.dumps(seen.__dict__).encode())
                status = 0
            except BaseException:
                traceback.print_exc()
            os._exit(status)
        os.close(stop_read)
        os.close(result_write)
        packets.close()
        self._result = result_read

    def stop(self):
        """Ends the capture; what was seen."""
        if self._seen is None:
            os.close(self._stop)
            with os.fdopen(self._result, "rb") as f:
                self._seen = Seen(json.loads(f.read() or b"{}"))
            os.waitpid(self._child, 0)
        return self._seen


class _Flow:  # one direction of one connection
    __slots__ = ("tail", "tls")

    def __init__(self):
        self.tail = b""
        self.tls = None


def _watch(packets, stop, marker):
    seen = Seen({})
    flows = {}
    poll = select.poll()
    poll.register(packets, select.POLLIN)
    poll.register(stop, select.POLLIN)
    with mmap.mmap(packets.fileno(), _BLOCK_SIZE * _BLOCKS) as ring, memoryview(ring) as view:
        for number in _blocks(view, poll, packets, stop):
            with view[number * _BLOCK_SIZE:(number + 1) * _BLOCK_SIZE] as block:
                at, = struct.unpack_from("I", block, _BLOCK_FIRST)
                for _ in range(*struct.unpack_from("I", block, _BLOCK_PACKETS)):
                    size, = struct.unpack_from("I", block, at + _PACKET_SIZE)
                    mac, = struct.unpack_from("H", block, at + _PACKET_MAC)
                    with block[at + mac:at + mac + size] as frame:
                        _packet(frame, flows, seen, marker)
                    at += struct.unpack_from("I", block, at + _PACKET_NEXT)[0]
                struct.pack_into("I", block, _BLOCK_STATUS, 0)  # back to the kernel
    statistics = packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)
    seen.lost = struct.unpack("3I", statistics)[1]
    return seen


def _blocks(view, poll, packets, stop):
    """The numbers of blocks that are ours, as they come, until told to stop and none is left."""
    number, end = 0, None
    while True:
        if struct.unpack_from("I", view, number * _BLOCK_SIZE + _BLOCK_STATUS)[0] & 1:
            yield number
            number = (number + 1) % _BLOCKS
        elif end is not None and time.monotonic() > end:
            return
        else:
            ready = dict(poll.poll(_RETIRE_MS if end else None))
            if stop in ready:
                poll.unregister(stop)
                end = time.monotonic() + 10 * _RETIRE_MS / 1000
            if packets.fileno() in ready and not ready[packets.fileno()] & select.POLLIN:
                poll.unregister(packets)


def _packet(frame, flows, seen, marker):
    found = _tcp(frame)
    if found is None:
        return
    key, flags, data = found
    if flags & 2:  # SYN: the ports may have been used before
        flows[key] = _Flow()
    if not data:
        return
    flow = flows.setdefault(key, _Flow())
    seen.packets += 1
    seen.bytes += len(data)
    if flow.tls is None:
        flow.tls = data[:3] == b"\x16\x03\x01"
        seen.tls_connections += flow.tls
    if flow.tls:
        seen.tls_bytes += len(data)
    keep = len(marker) - 1
    if marker in data or marker in flow.tail + data[:keep]:
        where = "port %d to port %d" % (key[2], key[3])
        if where not in seen.marked and len(seen.marked) < 20:
            seen.marked.append(where)
    flow.tail = (flow.tail + data[-keep:])[-keep:]


def _tcp(frame):
    """((source, destination, source port, destination port), flags, payload), or None."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == _ETH_P_IP:
        start = 14 + (frame[14] & 15) * 4
        end = 14 + int.from_bytes(frame[16:18], "big")
        protocol, addresses = frame[23], (bytes(frame[26:30]), bytes(frame[30:34]))
        if end == 14:  # segments of 64 KiB and more, joined for the loopback
            end = len(frame)
    elif kind == _ETH_P_IPV6:
        start = 54
        end = 54 + (int.from_bytes(frame[18:20], "big") or len(frame) - 54)
        protocol, addresses = frame[20], (bytes(frame[22:38]), bytes(frame[38:54]))
    else:
        return None
    if protocol != 6:
        return None
    ports = struct.unpack_from("!HH", frame, start)
    data = bytes(frame[start + (frame[start + 12] >> 4) * 4:end])
    return addresses + ports, frame[start + 13], data
