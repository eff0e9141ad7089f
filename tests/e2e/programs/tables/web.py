"""Web servers and what fetches from them."""

import tlstest as t

from ..dialogues import get
from ..rows import client, server


def _of_table(name):
    """The command of tlstest's own table of servers."""
    make = dict(t.HTTP_SERVERS)[name]
    return lambda p: make(p.directory, p.port)


server("nginx", "nginx-light", "epoll edge, 2 workers, sendfile", _of_table("nginx by sendfile"),
       ask=get, core=True)
server("lighttpd", "lighttpd", "epoll level, writev", _of_table("lighttpd"), ask=get, core=True)
server("busybox httpd", "busybox", "process per connection", _of_table("busybox httpd"), ask=get,
       core=True)
server("python http.server", "python3", "thread per connection", _of_table("python http.server"),
       ask=get)


@client("curl", "curl", "poll, multi interface", peer="nginx", core=True)
def curl(p):
    """Four transfers at once over the multi interface, and one up."""
    url = "http://localhost:%d/" % p.port
    p.run("curl", "-sSf", "-Z", "--parallel-max", "4", "-o", "1", url + "big", "-o", "2",
          url + "small", "-o", "3", url + "big", "-o", "4", url + "small")
    return (p.differs("1") or p.differs("2", p.small) or p.differs("3")
            or p.differs("4", p.small))


@client("wget", "wget", "select", peer="http", core=True)
def wget(p):
    p.run("wget", "-q", "-t1", "-O", p.path("got"), "http://localhost:%d/big" % p.port)
    return p.differs("got")


@client("lynx", "lynx", "select", peer="lighttpd")
def lynx(p):
    got = p.run("lynx", "-source", "http://localhost:%d/big" % p.port)
    return p.judge(p.big, got)
