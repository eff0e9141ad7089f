"""A TCP relay that keeps what passes: a capture that needs no rights."""

import socket
import threading


class Relay:
    """Listens on 127.0.0.1:port and passes each connection on to 127.0.0.1:target. chunks: what
    passed, as [(from the client?, bytes)], in order; one list for each connection in
    connections."""

    def __init__(self, target):
        self.connections = []
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            chunks = []
            self.connections.append(chunks)
            for source, sink, forth in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=(source, sink, chunks, forth),
                                 daemon=True).start()

    @staticmethod
    def _pass(source, sink, chunks, forth):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                chunks.append((forth, data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
