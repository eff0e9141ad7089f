"""File servers, repositories, block devices, and programs that copy from and to them."""

import ftplib
import os

import tlstest as t

from ..dialogues import Lines, ftp, nbd, rsync_motd, svn
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
    """It lets a child without rights do the talking."""
    return ["vsftpd", _vsftpd_configuration(p, p.port, "NO")]


def _vsftpd_configuration(p, port, sandbox):
    os.makedirs(p.path("empty"), exist_ok=True)
    return p.write("vsftpd%d.conf" % port, """listen=YES
listen_address=127.0.0.1
listen_port=%d
background=NO
anonymous_enable=YES
anon_root=DIR/www
ftp_username=ftp
nopriv_user=nobody
secure_chroot_dir=DIR/empty
seccomp_sandbox=%s
port_enable=YES
pasv_enable=YES
pasv_promiscuous=YES
connect_from_port_20=NO
anon_upload_enable=NO
max_per_ip=0
max_clients=0
xferlog_enable=NO
""" % (port, sandbox))


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


@client("vsftpd's own sandbox", "vsftpd", "two processes, with system call filters", peer="vsftpd",
        direct=True, root=True, both=True)
def vsftpd_sandbox(p):
    """Why the server of the table runs with seccomp_sandbox=NO: with YES, and without tlshim, it
    talks, and the kernel ends it at each transfer. The day that this fails, it can be YES. Under
    tlshim it talks too."""
    port, covered = p.new_port(), p.new_port()

    def dies(ask):
        with ftplib.FTP() as ftp:
            ftp.connect("127.0.0.1", port, 60)
            ftp.login()
            ftp.sendcmd("TYPE I")
            try:
                ask(ftp)
            except (ftplib.error_perm, EOFError, ConnectionError):
                return True
            return False

    def active(ftp):
        ftp.set_pasv(False)
        ftp.retrbinary("RETR big", len)
    with t.Server(["vsftpd", _vsftpd_configuration(p, port, "YES")], port, p.path("sandbox.log"),
                  env=p.environment()):
        for name, ask in (("RETR", lambda ftp: ftp.retrbinary("RETR big", len)), ("active", active),
                          ("LIST", lambda ftp: ftp.retrlines("LIST", len)),
                          ("SIZE", lambda ftp: ftp.sendcmd("SIZE big"))):
            if not dies(ask):
                return name + " works in the sandbox"
        if dies(lambda ftp: ftp.sendcmd("PWD")):
            return "not even PWD works"
    with p.also("vsftpd", _vsftpd_configuration(p, covered, "YES"), port=covered):
        stream = t.tls_connect(t.STACKS[0], covered, p.pki.ca)
        lines = Lines(stream)
        while not lines.expect(b"220").startswith(b"220 "):
            pass
        for command, answer in ((b"USER anonymous", b"331"), (b"PASS " + t.MARKER, b"230"),
                                (b"PWD", b"257"), (b"PASV", b"227"), (b"QUIT", b"221")):
            lines.ask(command, answer)
        stream.close()
    return None
