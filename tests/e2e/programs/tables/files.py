"""File servers, repositories, block devices, and programs that copy from and to them."""

import os

from ..dialogues import ftp, nbd, rsync_motd, svn
from ..rows import client, server


def _rsync(p):
    return ["rsync", "--daemon", "--no-detach", "--config", p.write("rsyncd.conf", """
port = PORT
address = 127.0.0.1
use chroot = no
max connections = 0
listen backlog = 400
log file = DIR/rsyncd.log
pid file = DIR/rsyncd.pid
motd file = DIR/www/small
[files]
  path = DIR/www
  read only = no
""" + ("uid = root\ngid = root\n" if os.getuid() == 0 else ""))]


def _svnserve(p, *options):
    if not os.path.exists(p.path("repo")):
        p.run("svnadmin", "create", p.path("repo"), covered=False)
        p.run("svn", "import", "-q", "-m", "x", p.path("www"), "file://" + p.path("repo"),
              covered=False)
    return ["svnserve", "-d", "--foreground", "-r", p.directory, "--listen-host", "127.0.0.1",
            "--listen-port", p.port, *options]


def _vsftpd(p):
    """It lets a child without rights, in a system call filter, do the talking."""
    p.write("vsftpd.conf", """listen=YES
listen_address=127.0.0.1
listen_port=PORT
background=NO
anonymous_enable=YES
anon_root=DIR/www
ftp_username=ftp
nopriv_user=nobody
secure_chroot_dir=DIR/empty
seccomp_sandbox=NO
port_enable=YES
pasv_enable=YES
pasv_promiscuous=YES
connect_from_port_20=NO
anon_upload_enable=NO
max_per_ip=0
max_clients=0
xferlog_enable=NO
""")
    os.makedirs(p.path("empty"), exist_ok=True)
    return ["vsftpd", p.path("vsftpd.conf")]


server("rsync daemon", "rsync", "process per connection, select", _rsync, ask=rsync_motd, text=True,
       big=20000, core=True)
server("svnserve", "subversion", "process per connection, blocking", _svnserve, ask=svn)
server("svnserve threads", "subversion", "thread per connection, blocking",
       lambda p: _svnserve(p, "-T"), ask=svn)
server("vsftpd", "vsftpd", "two processes per connection, blocking", _vsftpd, ask=ftp, root=True,
       both=True)
server("nbdkit", "nbdkit", "threads, blocking",
       lambda p: ["nbdkit", "-f", "-p", p.port, "-i", "127.0.0.1", "file", p.path("www/big")],
       ask=nbd)
server("qemu-nbd", "qemu-utils", "glib, ppoll",
       lambda p: ["qemu-nbd", "-r", "-f", "raw", "-t", "-p", p.port, "-b", "127.0.0.1", "-e", "300",
                  "-x", "big", p.path("www/big")], ask=nbd)


@client("rsync", "rsync", "select", peer="rsync daemon", core=True)
def rsync(p):
    """A file up and down."""
    p.write("send", p.exchange.data)
    p.run("rsync", p.path("send"), "rsync://localhost:%d/files/up" % p.port)
    p.run("rsync", "-W", "rsync://localhost:%d/files/up" % p.port, p.path("got"))
    with open(p.path("got"), "rb") as f:
        return None if f.read() == p.exchange.data else "the file differs"


@client("svn", "subversion", "poll", peer="svnserve")
def svn_client(p):
    p.run("svn", "export", "-q", "--force", "svn://localhost:%d/repo" % p.port, p.path("export"))
    return p.differs("export/big")


@client("nbdcopy", "libnbd-bin", "poll, threads", peer="nbdkit")
def nbdcopy(p):
    p.run("nbdcopy", "nbd://localhost:%d/big" % p.port, p.path("got"))
    return p.differs("got")


@client("qemu-img", "qemu-utils", "glib, ppoll", peer="qemu-nbd")
def qemu_img(p):
    p.run("qemu-img", "convert", "-O", "raw", "nbd://localhost:%d/big" % p.port, p.path("got"))
    return p.differs("got")


@client("curl ftp passive", "curl", "poll", peer="vsftpd", direct=True, root=True)
def curl_passive(p):
    p.run("curl", "-sSf", "-o", p.path("got"), "ftp://localhost:%d/big" % p.port)
    return p.differs("got")


@client("curl ftp active", "curl", "poll", peer="vsftpd", direct=True, root=True, both=True)
def curl_active(p):
    p.run("curl", "-sSf", "-P", "127.0.0.1", "--disable-eprt", "-o", p.path("got"),
          "ftp://localhost:%d/big" % p.port)
    return p.differs("got")
