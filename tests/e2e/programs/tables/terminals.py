"""Services that somebody else starts for each connection, with the connection as their standard
streams; and what is asked of them."""

import os

import tlstest as t

from ..dialogues import echo, echo_by_steps, echo_to_the_end, finger, telnet
from ..repositories import cvs_checkout, git_fetch
from ..rows import client, server


def _inetd(p, service):
    """openbsd-inetd with one service: the words of its line from the user on."""
    user = "root" if os.getuid() == 0 else "nobody"
    return ["inetd", "-i", p.write("inetd.conf", "127.0.0.1:PORT stream tcp nowait.1000 %s %s\n"
                                   % (user, service))]


server("inetd, cat", "openbsd-inetd", "program per connection, its streams",
       lambda p: _inetd(p, "/bin/cat cat"), ask=echo_to_the_end, root=True)
server("socat runs cat", "socat", "program per connection, socket pair",
       lambda p: ["socat", "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork,backlog=400" % p.port,
                  "EXEC:cat"], ask=echo)
server("socat becomes cat", "socat", "program per connection, its streams",
       lambda p: ["socat", "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork,backlog=400" % p.port,
                  "EXEC:cat,nofork"], ask=echo_to_the_end)
server("ncat runs cat", "ncat", "program per connection, pipes",
       lambda p: ["ncat", "-l", "-k", "-m", "300", "-e", "/bin/cat", "127.0.0.1", p.port],
       ask=echo_by_steps)
server("git daemon", "git", "program per connection, its streams",
       lambda p: ["git", "daemon", "--listen=127.0.0.1", "--port=%d" % p.port, "--export-all",
                  "--max-connections=0", "--base-path=" + _repositories(p), "--reuseaddr",
                  _repositories(p)], ask=git_fetch)
server("cvs pserver", "openbsd-inetd cvs", "program per connection, its streams",
       lambda p: _inetd(p, "/usr/bin/cvs cvs -f -R --allow-root=%s pserver" % _cvs_root(p)),
       ask=cvs_checkout, root=True)  # -R: without locks, of which one waits half a minute
server("fingerd", "openbsd-inetd fingerd", "program per connection, its streams",
       lambda p: _inetd(p, "/usr/sbin/in.fingerd in.fingerd -p " + _says_the_item(p)), ask=finger,
       text=True, big=20000, root=True)
server("telnetd", "openbsd-inetd inetutils-telnetd", "program per connection, select",
       lambda p: _telnetd(p, _says_the_item(p)), text=True, big=4000,
       root=True)  # as much as a terminal keeps when its program ends
server("telnetd answered", "openbsd-inetd inetutils-telnetd", "program per connection, select",
       lambda p: _telnetd(p, _says_the_item(p, "read line\n")), ask=telnet, text=True, big=20000,
       root=True)


def _telnetd(p, program):
    return _inetd(p, "/usr/sbin/telnetd telnetd -h -E " + program)


def _says_the_item(p, then=""):
    return p.write("says", "#!/bin/sh\ncat DIR/www/big\n" + then, 0o755)


def _repositories(p):
    """One for each item, of one commit, packed as large as it is."""
    folder = p.path("repositories")
    if not os.path.exists(folder):
        who = ["-c", "user.name=x", "-c", "user.email=x@x"]
        for item in (p.small, p.big):
            path = os.path.join(folder, item.file)
            p.run("git", "init", "-q", path, covered=False)
            p.write("repositories/%s/file" % item.file, item.data)
            p.run("git", "-C", path, "config", "core.compression", "0", covered=False)
            p.run("git", "-C", path, "add", "file", covered=False)
            p.run("git", *who, "-C", path, "commit", "-q", "-m", "x", covered=False)
    return folder


def _cvs_root(p):
    root = p.path("cvsroot")
    if not os.path.exists(root):
        p.run("cvs", "-d", root, "init", covered=False)
        p.write("cvsroot/CVSROOT/passwd", "anonymous::nobody\n")
        for item in (p.small, p.big):
            p.write("import/" + item.file, item.data)
        p.run("cvs", "-Q", "-d", root, "import", "-kb", "-m", "x", "module", "x", "y",
              covered=False, cwd=p.path("import"))
        p.run("chmod", "-R", "a+rwX", root, covered=False)  # its users are not root
    return root


def _sshd(p):
    """Its child that talks to strangers lets itself do little (seccomp)."""
    for name in ("host", "user"):
        if not os.path.exists(p.path(name)):
            p.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", p.path(name), covered=False)
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    return ["/usr/sbin/sshd", "-D", "-e", "-f", p.write("sshd.conf", """Port PORT
ListenAddress 127.0.0.1
HostKey DIR/host
AuthorizedKeysFile DIR/user.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
MaxStartups 300
""")]


server("sshd", "openssh-server", "process per connection, with a system call filter", _sshd,
       root=True)


@client("ssh", "openssh-client openssh-server", "ppoll", peer="sshd", root=True)
def ssh(p):
    """A file up and down. It encrypts by itself too: of this row alone the capture would show no
    marker without TLS either."""
    with open(p.path("www/big"), "rb") as given, open(p.path("got"), "wb") as got:
        p.run("ssh", "-q", "-F", "none", "-p", p.port, "-i", p.peer.path("user"),
              "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
              "root@localhost", "cat", stdin=given, stdout=got)
    return p.differs("got")


@client("git clone", "git", "poll", peer="git daemon")
def git(p):
    p.run("git", "clone", "-q", "git://localhost:%d/big" % p.port,
          p.path("clone%d" % p.port))
    return p.differs("clone%d/file" % p.port)


@client("cvs", "openbsd-inetd cvs", "select", peer="cvs pserver", root=True)
def cvs(p):
    p.run("cvs", "-Q", "-d", ":pserver:anonymous@localhost:%d%s"
          % (p.port, p.peer.path("cvsroot")), "checkout", "-d", "out%d" % p.port, "module")
    return p.differs("out%d/big" % p.port)


@client("telnet", "inetutils-telnet openbsd-inetd inetutils-telnetd", "select", peer="telnetd",
        root=True)
def telnet_client(p):
    """Its input stays open, for it ends with it."""
    receive, send = os.pipe()
    with os.fdopen(receive) as given, os.fdopen(send):
        said = p.run("telnet", "-E", "localhost", p.port, stdin=given)
    said = said.replace(b"\r\n", b"\n")
    return p.judge(p.big, said[said.index(t.MARKER):said.rindex(b"\n") + 1])
