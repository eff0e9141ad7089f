#!/usr/bin/python3
"""CGI: web servers under tlshim start programs. The answer and what was posted are right, and the
program has no connection, but where the server makes it the program's standard streams."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

# Says what was posted, and which of its descriptors are TCP connections.
PROGRAM = """#!/bin/sh
echo "Content-Type: text/plain"
echo
sum=$(head -c "$CONTENT_LENGTH" | sha256sum | cut -d' ' -f1)
echo "$REQUEST_METHOD $QUERY_STRING $sum MARKER"
for fd in /proc/$$/fd/*; do
    inode=$(readlink "$fd" | sed -n 's/^socket:.\\([0-9]*\\).$/\\1/p')
    [ -n "$inode" ] && awk -v i="$inode" '$10 == i && $4 == "01" { print "a connection" }' \\
        /proc/net/tcp /proc/net/tcp6
done
head -c 200000 DIR/page
exit 0
"""
LIGHTTPD = """server.modules = ( "mod_cgi", "mod_alias" )
server.document-root = "DIR/www"
server.bind = "127.0.0.1"
server.port = PORT
server.errorlog = "DIR/lighttpd-error.log"
server.upload-dirs = ( "DIR" )
alias.url = ( "/cgi-bin/" => "DIR/www/cgi-bin/" )
$HTTP["url"] =~ "^/cgi-bin/" { cgi.assign = ( "" => "" ) }
"""
APACHE = """ServerRoot DIR
ServerName localhost
DefaultRuntimeDir DIR
Mutex file:DIR
PidFile DIR/apache.pid
ErrorLog DIR/apache-error.log
Listen 127.0.0.1:PORT
USER
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so
ScriptAlias /cgi-bin/ DIR/www/cgi-bin/
<Directory DIR/www>
  Require all granted
  Options +ExecCGI
</Directory>
"""


def fill(text, port):
    return text.replace("PORT", str(port)).replace("DIR", t.tmp())


def config(name, text, port):
    with open(t.tmp(name), "w") as f:
        f.write(fill(text, port))
    return t.tmp(name)


def apache(port):
    user = "User nobody\nGroup nogroup" if os.getuid() == 0 else ""
    return ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f",
            config("apache.conf", APACHE.replace("USER", user), port)]


GIVES_THE_CONNECTION = ("python http.server",)
SERVERS = {
    "busybox httpd": lambda port: ["busybox", "httpd", "-f", "-p", "127.0.0.1:%d" % port, "-h",
                                   t.tmp("www")],
    "lighttpd mod_cgi": lambda port: ["lighttpd", "-D", "-f",
                                      config("lighttpd.conf", LIGHTTPD, port)],
    "apache mod_cgi": apache,
    "python http.server": lambda port: [t.PYTHON, "-W", "ignore", "-m", "http.server", "--cgi",
                                        "--bind", "127.0.0.1", "--directory", t.tmp("www"),
                                        str(port)],
}


def request(port, posted):
    """The body of the answer."""
    stream = t.tls_connect(t.STACKS[0], port, pki.ca, timeout=30)
    stream.sendall(b"POST /cgi-bin/program?a=b HTTP/1.0\r\nHost: localhost\r\nContent-Type: "
                   b"text/plain\r\nContent-Length: %d\r\n\r\n" % len(posted))
    stream.sendall(posted)
    head, _, body = t.receive_all(stream).replace(b"\r\n", b"\n").partition(b"\n\n")
    stream.close()
    if b" 200 " not in head:
        raise RuntimeError("%r %r" % (head, body[:300]))
    return body


def serves(command, gives):
    port = t.free_port()
    log = t.tmp("log-%d" % port)
    with t.Server(t.server(command(port), pki.cert, pki.key), port, t.tmp("out-%d" % port),
                  cwd=t.tmp(), env=t.environment(log=log)) as server:
        for size in (10, 100000):
            posted = BYTES[:size]
            want = b"POST a=b %s %s\n" % (t.digest(posted).encode(), t.MARKER) + PAGE
            got = request(port, posted)
            if gives != (b"\na connection\n" in got) or got.replace(b"a connection\n", b"") != want:
                return "%r\n%s\n%s" % (got[:300], server.said(), t.read_text(log)[-1500:])
    return None


t.start()
os.chmod(t.tmp(), 0o755)
pki = t.Pki(t.tmp("pki"))
BYTES = t.payload(100000)
PAGE = b"".join(b"%06d %s\n" % (i, t.MARKER) for i in range(2000))
os.makedirs(t.tmp("www", "cgi-bin"))
with open(t.tmp("page"), "wb") as page:
    page.write(PAGE)
with open(t.tmp("www", "cgi-bin", "program"), "w") as program:
    program.write(fill(PROGRAM, 0).replace("MARKER", t.MARKER.decode()))
os.chmod(t.tmp("www", "cgi-bin", "program"), 0o755)
for name, command in SERVERS.items():
    if not shutil.which(command(0)[0]):
        t.skip(name, "not installed")
    else:
        t.subtest(name, serves, command, name in GIVES_THE_CONNECTION)
t.finish(moved=400000)
