"""Programs that are a server on one side and a client on the other: both are TLS."""

import glob
import os

from ..dialogues import echo, get, get_by_socks, get_through
from ..rows import server


def _nginx(p):
    p.write("nginx.conf", ("user root;\n" if os.getuid() == 0 else "") + """worker_processes 2;
daemon off;
pid DIR/nginx.pid;
error_log DIR/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
    upstream behind { server 127.0.0.1:%d; }
    server { listen 127.0.0.1:PORT; location / { proxy_pass http://behind; } }
}
""" % p.behind())
    return ["nginx", "-e", p.path("error.log"), "-c", p.path("nginx.conf"), "-p", p.directory]


def _haproxy(p):
    return ["haproxy", "-f", p.write("haproxy.cfg", """global
    maxconn 1000
    nbthread 2
defaults
    mode http
    timeout connect 60s
    timeout client 60s
    timeout server 60s
frontend front
    bind 127.0.0.1:PORT
    default_backend behind
backend behind
    server one 127.0.0.1:%d
""" % p.behind())]


def _tinyproxy(p):
    return ["tinyproxy", "-d", "-c", p.write("tinyproxy.conf", """Port PORT
Listen 127.0.0.1
MaxClients 1000
Timeout 60
LogFile "DIR/proxy.log"
PidFile "DIR/proxy.pid"
""")]


def _squid(p):
    name = "tlshim%d" % p.port
    for path in glob.glob("/dev/shm/%s-*" % name):  # of one that was killed
        os.remove(path)
    return ["squid", "-N", "-n", name, "-f", p.write("squid.conf", """http_port 127.0.0.1:PORT
http_access allow all
cache deny all
access_log none
cache_log DIR/cache.log
pid_filename none
coredump_dir DIR
shutdown_lifetime 1 seconds
netdb_filename none
""")]


def _shadowsocks(p):
    """Its two halves, one behind the other."""
    words = ["-s", "127.0.0.1", "-k", "secret", "-m", "aes-256-gcm"]
    if not p.kept:
        port = p.new_port()
        p.kept["server"] = p.also(p.without_rights("/usr/bin/ss-server"), *words, "-p", port,
                                  port=port)
    return [p.without_rights("/usr/bin/ss-local"), *words, "-p", p.kept["server"].port,
            "-b", "127.0.0.1", "-l", p.port]


server("nginx as a proxy", "nginx-light", "epoll edge, 2 workers", _nginx, ask=get, both=True,
       core=True)
server("haproxy", "haproxy", "epoll edge, 2 threads", _haproxy, ask=get, both=True, core=True)
server("tinyproxy", "tinyproxy", "thread per connection", _tinyproxy, ask=get_through,
       both=True, core=True)
server("squid", "squid", "epoll level, one thread", _squid, ask=get_through,
       both=True, user=True)
server("socat relays", "socat", "process per connection, select",
       lambda p: ["socat", "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork,backlog=400" % p.port,
                  "TCP:localhost:%d" % p.behind()], ask=get, both=True)
server("socat echoes", "socat", "process per connection, select",
       lambda p: ["socat", "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork,backlog=400" % p.port,
                  "PIPE"], ask=echo)
server("shadowsocks", "shadowsocks-libev", "libev, epoll level", _shadowsocks, ask=get_by_socks,
       both=True)
