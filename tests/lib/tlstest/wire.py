"""A connection for those who do something wrong on it."""

import socket


class Wire:
    """A socket that keeps what is sent until something is read, or sends each piece by itself; a
    server that has ended does not keep it from reading."""

    def __init__(self, port, buffered):
        self.sock = socket.create_connection(("127.0.0.1", port), 30)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffered, self.kept = buffered, b""

    def sendall(self, data):
        self.kept += data
        if not self.buffered:
            self.flush()

    def flush(self):
        data, self.kept = self.kept, b""
        try:
            self.sock.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            pass

    def recv(self, n):
        self.flush()
        return self.sock.recv(n)

    def close(self):
        self.sock.close()
