"""Web servers and what fetches from them."""

import os

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


def _apache(mpm):
    def command(p):
        modules = "/usr/lib/apache2/modules/mod_"
        return ["apache2", "-D", "FOREGROUND", "-f", p.write("apache.conf", """ServerRoot DIR
DefaultRuntimeDir DIR
Mutex file:DIR
PidFile DIR/apache.pid
ErrorLog DIR/error.log
Listen 127.0.0.1:PORT
ServerName localhost
LoadModule mpm_MPM_module MODULESmpm_MPM.so
LoadModule authz_core_module MODULESauthz_core.so
DocumentRoot DIR/www
ServerLimit 300
MaxRequestWorkers 300
ListenBacklog 400
""".replace("MPM", mpm).replace("MODULES", modules) + (
            "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""))]
    return command


server("apache prefork", "apache2-bin", "prefork, blocking", _apache("prefork"), ask=get)
server("apache worker", "apache2-bin", "processes of threads, blocking", _apache("worker"), ask=get)
server("apache event", "apache2-bin", "processes of threads, epoll", _apache("event"), ask=get)


def _cups(p):
    p.write("cups-files.conf", """ServerRoot DIR
CacheDir DIR/cache
StateDir DIR/state
RequestRoot DIR/spool
TempDir DIR/temp
DataDir /usr/share/cups
DocumentRoot DIR/www
AccessLog DIR/access.log
ErrorLog DIR/error.log
PageLog DIR/page.log
User nobody
Group nogroup
SystemGroup root
FileDevice yes
""")
    p.write("cupsd.conf", """Listen 127.0.0.1:PORT
MaxClients 400
MaxClientsPerHost 400
DefaultAuthType None
Browsing Off
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
""")
    for folder in ("cache", "state", "spool", "temp"):
        os.makedirs(p.path(folder), exist_ok=True)
    return ["cupsd", "-f", "-c", p.path("cupsd.conf"), "-s", p.path("cups-files.conf")]


server("cups", "cups-daemon", "epoll level", _cups, ask=get, root=True)


@client("lp", "cups-client", "poll", peer="cups", root=True)
def lp(p):
    """A printer, and a job that is held."""
    at = ["-h", "localhost:%d" % p.port]
    p.run("lpadmin", *at, "-p", "test", "-E", "-v", "file:///dev/null", "-m", "raw")
    p.run("lp", *at, "-d", "test", "-H", "hold", p.write("job", p.big.data))
    jobs = [x for x in os.listdir(p.peer.path("spool")) if x.startswith("d")]
    with open(p.peer.path("spool", max(jobs)), "rb") as f:
        return p.judge(p.big, f.read())


@client("curl", "curl", "poll, multi interface", peer="nginx", core=True)
def curl(p):
    """Four transfers at once over the multi interface, and one up."""
    url = "http://localhost:%d/" % p.port
    p.run("curl", "-sSf", "-Z", "--parallel-max", "4", "-o", "1", url + "big", "-o", "2",
          url + "small", "-o", "3", url + "big", "-o", "4", url + "small")
    return (p.differs("1") or p.differs("2", p.small) or p.differs("3")
            or p.differs("4", p.small))


@client("curl, 1 GiB by sendfile", "curl", "poll", peer="nginx", direct=True)
def gigabyte(p):
    """It is not covered: its own OpenSSL is the peer."""
    huge, got = p.peer.path("www", "huge"), p.path("got")
    with open(huge, "wb") as f:
        for _ in range(256):
            f.write(t.payload(4 << 20))
    own_tls = [] if t.PLAIN else ["--tlsv1.0", "--tls-max", "1.0", "--no-alpn", "--cacert", p.pki.ca,
                                  "--ciphers", "AES128-SHA:@SECLEVEL=0"]
    p.run("curl", "-sSf", "-o", got, *own_tls,
          "http%s://localhost:%d/huge" % ("s" if own_tls else "", p.port), covered=False)
    p.moved += os.path.getsize(got)
    same = t.file_digest(got) == t.file_digest(huge)
    os.remove(huge)
    os.remove(got)
    return None if same else "the files differ"


@client("wget", "wget", "select", peer="http", core=True)
def wget(p):
    p.run("wget", "-q", "-t1", "-O", p.path("got"), "http://localhost:%d/big" % p.port)
    return p.differs("got")


@client("lynx", "lynx", "select", peer="lighttpd")
def lynx(p):
    got = p.run("lynx", "-source", "http://localhost:%d/big" % p.port)
    return p.judge(p.big, got)
