"""iperf3's protocol, as much of it as measures one stream that the client sends."""

import json
import os

import tlstest as t

from .dialogues import Lines
from .rows import Busy

START, RUNNING, END, PARAMETERS, STREAMS, RESULTS, DISPLAY, DONE = 1, 2, 4, 9, 10, 13, 14, 16
DENIED = 255


def iperf3(stream, item):
    """The item's bytes, sent. The server does not keep them, and of those that are on the way when
    the client says that it has sent all, it does not even count them."""
    control, cookie = Lines(stream), os.urandom(18).hex().encode() + b"\0"

    def send(value):
        text = json.dumps(value).encode()
        control.send(len(text).to_bytes(4, "big") + text)

    def expect(*states):
        for state in states:
            got = control.bytes(1)[0]
            if got == DENIED:
                raise Busy
            if got != state:
                raise ValueError("state %d where %d should be" % (got, state))
    control.send(cookie)
    expect(PARAMETERS)
    send({"tcp": True, "omit": 0, "time": 0, "num": len(item.data), "blockcount": 0, "parallel": 1,
          "len": 131072, "pacing_timer": 1000, "client_version": "3.12"})
    expect(STREAMS)
    data = t.tls_connect(t.STACKS[0], item.place.port, item.place.pki.ca)
    if hasattr(stream, "beside"):
        data = stream.beside(data)
    try:
        data.sendall(cookie)
        expect(START, RUNNING)
        data.sendall(item.data)
        control.send(bytes([END]))
        expect(RESULTS)
        send({"cpu_util_total": 0, "cpu_util_user": 0, "cpu_util_system": 0,
              "sender_has_retransmits": 0, "streams": [
                  {"id": 1, "bytes": len(item.data), "retransmits": 0, "jitter": 0, "errors": 0,
                   "packets": 0, "start_time": 0, "end_time": 1}]})
        said = json.loads(control.bytes(int.from_bytes(control.bytes(4), "big")))
        expect(DISPLAY)
        control.send(bytes([DONE]))
    finally:
        data.close()
    received = said["streams"][0]["bytes"]
    if not 0 <= received <= len(item.data):
        raise ValueError("it received %d bytes of %d" % (received, len(item.data)))
    return item.data
