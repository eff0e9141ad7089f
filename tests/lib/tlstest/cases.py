"""What several tests share: how programs are run under tlshim, the servers that are covered, a
small HTTP on both ends."""

import os
import shutil
import socket
import subprocess
import threading

from .payload import digest
from .process import Server, free_port, start_program, wait_until
from .stream import receive_all
from .tap import BUILD, PLAIN, tmp

PYTHON = "/usr/bin/python3"
_LAUNCHER = os.path.join(BUILD, "tlshim")


def client(argv, trust):
    """argv, run so that each of its TCP connections is TLS."""
    return argv if PLAIN else [_LAUNCHER, "--trust", trust, "--"] + argv


def server(argv, certificate, key):
    """argv, run so that each of its TCP listeners is TLS."""
    return argv if PLAIN else [_LAUNCHER, "--certificate", certificate, "--key", key, "--"] + argv


def policy_file(name, text):
    path = tmp(name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(text)
    return path


def environment(log=None, level="info", **more):
    """The test's own, without proxies and locales that change what programs do."""
    env = {k: v for k, v in os.environ.items()
           if not k.lower().endswith("_proxy") and not k.startswith(("LC_", "TLSHIM_"))}
    env.update(LC_ALL="C", HOME=tmp(), **more)
    if log:
        env.update(TLSHIM_LOG=level, TLSHIM_LOG_TO=log)
    return env


# ---- covered servers. Each function makes the files that it needs in `directory`, which holds
# what is served in www/, and gives the command line.

def _python(directory, port):
    return [PYTHON, "-m", "http.server", "--bind", "127.0.0.1", "--directory",
            os.path.join(directory, "www"), str(port)]


def _busybox(directory, port):
    return ["busybox", "httpd", "-f", "-p", "127.0.0.1:%d" % port, "-h",
            os.path.join(directory, "www")]


def _nginx(directory, port, sendfile="off"):
    config = os.path.join(directory, "nginx.conf")
    with open(config, "w") as f:
        f.write("""%sworker_processes 2;
daemon off;
pid DIR/nginx.pid;
error_log DIR/nginx-error.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
    sendfile SENDFILE;
    server { listen 127.0.0.1:%d; root DIR/www; }
}
""".replace("DIR", directory).replace("SENDFILE", sendfile)
                % ("user root;\n" if os.getuid() == 0 else "", port))
    return ["nginx", "-e", os.path.join(directory, "nginx-error.log"), "-c", config,
            "-p", directory]


def _nginx_sendfile(directory, port):
    return _nginx(directory, port, "on")


def _lighttpd(directory, port, backend="writev"):
    config = os.path.join(directory, "lighttpd.conf")
    with open(config, "w") as f:
        f.write("""server.document-root = "DIR/www"
server.bind = "127.0.0.1"
server.port = %d
server.errorlog = "DIR/lighttpd-error.log"
server.upload-dirs = ( "DIR" )
server.network-backend = "%s"
""".replace("DIR", directory) % (port, backend))
    return ["lighttpd", "-D", "-f", config]


def _lighttpd_sendfile(directory, port):
    return _lighttpd(directory, port, "sendfile")


def _redis(directory, port):
    return ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "",
            "--appendonly", "no", "--dir", directory, "--protected-mode", "no"]


# Adding a server: a function as above and a row here.
HTTP_SERVERS = [("python http.server", _python), ("busybox httpd", _busybox), ("nginx", _nginx),
                ("nginx by sendfile", _nginx_sendfile), ("lighttpd", _lighttpd),
                ("lighttpd by sendfile", _lighttpd_sendfile)]
REDIS = ("redis-server", _redis)


def start_covered(name, command, files, pki, **options):
    """The server `command` of the tables, covered, serving files ({name: bytes})."""
    directory = tmp(name.replace(" ", "-"))
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(os.path.join(directory, "www"))
    for file, data in files.items():
        with open(os.path.join(directory, "www", file), "wb") as f:
            f.write(data)
    port = free_port()
    options.setdefault("env", environment(log=os.path.join(directory, "tlshim.log")))
    wrap = options.pop("wrap", None) or (lambda argv: server(argv, pki.cert, pki.key))
    return Server(wrap(command(directory, port)), port, os.path.join(directory, "output.log"),
                  cwd=directory, **options)


def redis_behind(path):
    """An uncovered redis-server on a socket file, where no capture sees it."""
    directory = tmp("redis-behind")
    os.makedirs(directory, exist_ok=True)
    start_program(_redis(directory, 0) + ["--unixsocket", path], stdout=subprocess.DEVNULL)
    if not wait_until(lambda: os.path.exists(path)):
        raise RuntimeError("redis-server does not listen")


def redis_handler(path):
    """Hands a stream's bytes to the redis-server behind and back."""
    def handle(stream):
        with socket.socket(socket.AF_UNIX) as behind:
            behind.connect(path)

            def answers():
                while True:
                    data = behind.recv(65536)
                    if not data:
                        return
                    stream.sendall(data)
            back = threading.Thread(target=answers, daemon=True)
            back.start()
            while True:
                data = stream.recv(65536)
                if not data:
                    break
                behind.sendall(data)
            behind.shutdown(socket.SHUT_WR)
            back.join()
    return handle


# ---- HTTP, as much of it as the test programs use

def _head(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(65536)
        if not more:
            raise ConnectionError("the stream ended inside a header: %r" % data[:200])
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    first, *lines = head.decode("latin-1").split("\r\n")
    return first, {k.strip().lower(): v.strip() for k, v in
                   (line.split(":", 1) for line in lines)}, rest


def http_handler(files, received):
    """Serves GET from files ({"/name": bytes}); what PUT or POST bring is put in received by name,
    as a digest."""
    def handle(stream):
        first, fields, rest = _head(stream)
        method, path, _ = first.split(" ")
        body = b""
        if method == "GET":
            body = files[path]
        else:
            if fields.get("expect", "").lower() == "100-continue":
                stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            size = int(fields["content-length"])
            received[path] = digest(rest + receive_all(stream, size - len(rest)))
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                       % len(body))
        stream.sendall(body)
    return handle


def http_get(stream, path):
    """The body; an exception when the answer is not 200 or is cut short."""
    stream.sendall(b"GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" % path.encode())
    first, fields, rest = _head(stream)
    if " 200 " not in first:
        raise ConnectionError("the server says: " + first)
    if "content-length" not in fields:
        return rest + receive_all(stream)
    size = int(fields["content-length"])
    body = rest + receive_all(stream, size - len(rest))
    if len(body) != size:
        raise ConnectionError("%d bytes of %d" % (len(body), size))
    return body


def redis_ask(stream, *words):
    """One command; its answer, a bulk or simple string, as bytes."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        parts += [b"$%d\r\n" % len(word), word, b"\r\n"]
    stream.sendall(b"".join(parts))
    data = b""
    while b"\r\n" not in data:
        data += stream.recv(65536) or _cut()
    line, rest = data.split(b"\r\n", 1)
    if line[:1] != b"$":
        return line
    size = int(line[1:]) + 2
    return (rest + receive_all(stream, size - len(rest)))[:-2]


def _cut():
    raise ConnectionError("the stream ended")
