"""Mail, names, messages, displays, measuring."""

import json
import os
import struct

import tlstest as t

from ..dialogues import clipboard, dns, imap, irc, kea, mqtt, smtp, x11
from ..measuring import iperf3 as measure
from ..rows import client, server


def _dnsmasq(p):
    return ["dnsmasq", "-k", "-C", p.write("dnsmasq.conf", """port=PORT
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
user=root
group=root
pid-file=DIR/dnsmasq.pid
""" + "".join("txt-record=%s.test,%s\n" % (item.file, text) for item in (p.small, p.big)
              for text in p.texts(item, ",")))]


def _named(p):
    p.write("zone", "$TTL 1\n@ SOA a. b. 1 1 1 1 1\n NS a.\n" + "".join(
        "%s TXT %s\n" % (item.file, text) for item in (p.small, p.big)
        for text in p.texts(item, " ")))
    return ["named", "-g", "-c", p.write("named.conf", """options {
    directory "DIR"; pid-file "DIR/named.pid"; listen-on port PORT { 127.0.0.1; };
    listen-on-v6 { none; }; recursion no; tcp-clients 400; session-keyfile "DIR/session.key";
};
controls { };
zone "test" { type primary; file "DIR/zone"; };
""")]


def _exim(p):
    os.makedirs(p.path("log"), exist_ok=True)
    os.makedirs(p.path("spool"), exist_ok=True)
    program = p.without_rights("/usr/sbin/exim4")
    return [program, "-bdf", "-C", p.write("exim.conf", """exim_path = DIR/exim4
exim_user = root
exim_group = root
never_users =
spool_directory = DIR/spool
log_file_path = DIR/log/%s
pid_file_path = DIR/exim.pid
primary_hostname = localhost
daemon_smtp_ports = PORT
local_interfaces = 127.0.0.1
smtp_accept_max = 0
smtp_connect_backlog = 400
smtp_accept_queue = 0
queue_only = true
message_size_limit = 1G
acl_smtp_rcpt = accept
disable_ipv6 = true
host_lookup =
rfc1413_query_timeout = 0s
smtp_enforce_sync = false
begin routers
all:
  driver = accept
  transport = all
begin transports
all:
  driver = appendfile
  file = /dev/null
""", 0o600)]


def _dovecot(p):
    """Its login process takes connections and hands them to a process per user; each may have 256
    MiB of address space (default_vsz_limit)."""
    for folder in ("mail", "home"):
        os.makedirs(p.path(folder), exist_ok=True)
        os.chmod(p.path(folder), 0o777)
    return ["dovecot", "-F", "-c", p.write("dovecot.conf", """base_dir = DIR/run
state_dir = DIR/run
log_path = DIR/output.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
default_process_limit = 500
default_client_limit = 2000
mail_max_userip_connections = 0
mail_location = maildir:DIR/mail
mailbox_list_index = no
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=DIR/home
}
service imap-login {
  chroot =
  inet_listener imap {
    port = PORT
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
""")]


def _mosquitto(p):
    return ["mosquitto", "-c", p.write("mosquitto.conf", """listener PORT 127.0.0.1
allow_anonymous true
persistence false
user root
""")]


def _ngircd(p):
    return ["ngircd", "-n", "-f", p.write("ngircd.conf", """[Global]
Name = irc.test
Info = x
Listen = 127.0.0.1
Ports = PORT
MotdPhrase = x
PidFile = DIR/ngircd.pid
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxPenaltyTime = 0
MaxNickLength = 20
[Options]
PAM = no
Ident = no
DNS = no
""")]


def _xvfb(p):
    return ["Xvfb", ":%d" % (p.port - 6000), "-listen", "tcp", "-nolisten", "unix", "-nolock",
            "-ac", "-screen", "0", "640x480x24", "-maxclients", "512", "-noreset"]


def _kea(p):
    config = {"Control-agent": {"http-host": "127.0.0.1", "http-port": p.port, "user-context": {
        item.file: item.data.decode() for item in (p.small, p.big)}}}
    return ["env", "KEA_LOCKFILE_DIR=none", "KEA_PIDFILE_DIR=" + p.directory,
            "KEA_LOGGER_DESTINATION=stdout", "kea-ctrl-agent", "-c",
            p.write("kea.conf", json.dumps(config))]


def _xvnc(p):
    return ["Xvnc", ":%d" % (p.port - 5900), "-rfbport", p.port, "-interface", "127.0.0.1",
            "-desktop", t.MARKER.decode(), "-SecurityTypes", "None", "-geometry", "320x200",
            "-depth", "24", "-nolisten", "unix", "-nolock", "-localhost", "-NeverShared=0", "-AlwaysShared", "-ac",
            "-BlacklistThreshold", "10000"]


server("dnsmasq", "dnsmasq-base", "process per connection, blocking", _dnsmasq, ask=dns, text=True,
       big=20000, many=20)  # it has twenty children at most
server("named", "bind9", "libuv, epoll level", _named, ask=dns, text=True, big=20000,
       warms_up=True)
server("exim", "exim4-daemon-light", "process per connection, blocking", _exim, ask=smtp, text=True,
       root=True)
server("dovecot", "dovecot-imapd", "epoll level, connections handed on", _dovecot, ask=imap,
       text=True, root=True)
server("mosquitto", "mosquitto", "epoll level, one thread", _mosquitto, ask=mqtt, core=True)
server("ngircd", "ngircd", "epoll level, one thread", _ngircd, ask=irc, text=True, big=200000,
       core=True)
server("Xvfb", "xvfb", "epoll level, one thread", _xvfb, ask=x11)
server("kea-ctrl-agent", "kea-ctrl-agent", "Boost.Asio, epoll edge", _kea, ask=kea, text=True,
       big=100000)
server("Xvnc", "tigervnc-standalone-server", "epoll level, one thread", _xvnc, ask=clipboard,
       text=True, big=100000)
server("iperf3 server", "iperf3", "select",
       lambda p: ["iperf3", "-s", "-B", "127.0.0.1", "-p", p.port], ask=measure,
       in_turn=True, many=50)  # each denial is a handshake of the one thread that also measures


@client("dig", "bind9-dnsutils", "libuv, epoll level", peer="dnsmasq")
def dig(p):
    said = p.run("dig", "+tcp", "+short", "-p", p.port, "@127.0.0.1", "big.test", "TXT")
    strings = sorted(said.decode().split('"')[1::2])
    return p.judge(p.big, "".join(string[4:] for string in strings).replace("~", "\n").encode())


@client("mosquitto_pub", "mosquitto-clients", "select", peer="mosquitto", core=True)
def mosquitto_clients(p):
    command = ["-h", "localhost", "-p", p.port, "-t", "topic"]
    p.write("send", p.big.data)
    p.run("mosquitto_pub", *command, "-r", "-f", p.path("send"))
    return p.judge(p.big, p.run("mosquitto_sub", *command, "-C", "1", "-N"))


@client("xdpyinfo", "x11-utils", "poll", peer="Xvfb")
def xdpyinfo(p):
    """What the screen is, and a property of its root set and read."""
    display = ["-display", "localhost:%d" % (p.port - 6000)]
    said = p.run("xdpyinfo", *display)
    if b"640x480 pixels" not in said:
        return "%r" % said[-500:]
    text = t.MARKER.decode() + os.urandom(20000).hex()
    p.run("xprop", *display, "-root", "-f", "T", "8s", "-set", "T", text)
    return None if text.encode() in p.run("xprop", *display, "-root", "-len", "50000", "T") else \
        "the property differs"


@client("xterm", "xterm", "poll, select", peer="Xvfb")
def xterm(p):
    """A terminal in which a program shows some text and ends."""
    p.run("xterm", "-display", "localhost:%d" % (p.port - 6000), "-fn", "fixed", "-e", "sh", "-c",
          "cat %s && cp %s %s" % (p.path("www/small"), p.path("www/small"), p.path("got")))
    return p.differs("got", p.small)


@client("iperf3", "iperf3", "select", peer="iperf3 server", direct=True, core=True)
def iperf3(p):
    for option in ([], ["-R"], ["-P", "4"], ["-F", p.write("send", t.payload(8 << 20))]):
        said = json.loads(p.run("iperf3", "-4", "-c", "localhost", "-p", p.port, "-n", "8M", "-J",
                                *option))
        sent, received = (said["end"][key]["bytes"] for key in ("sum_sent", "sum_received"))
        if sent < 8 << 20 or received < 1:
            return "sent %d, received %d" % (sent, received)
    return None


@client("gvnccapture", "gvncviewer", "glib, poll", peer="Xvnc")
def gvnccapture(p):
    """A picture of the whole screen."""
    p.run("gvnccapture", "localhost:%d" % (p.port - 5900), p.path("got.png"))
    with open(p.path("got.png"), "rb") as f:
        head = f.read(24)
    size = struct.unpack(">II", head[16:])
    return None if size == (320, 200) else "%r" % head


@client("ii", "ii", "select", peer="ngircd", text=True)
def ii(p):
    """Says each line to itself; what it hears is in a file."""
    lines = p.small.data[:-1].split(b"\n")[:100]
    name = "ii%d" % p.port
    there = p.path("irc%d" % p.port, "localhost")
    runs = p.background("ii", "-s", "localhost", "-p", p.port, "-n", name, "-i",
                        p.path("irc%d" % p.port))
    if not t.wait_until(lambda: "376" in t.read_text(os.path.join(there, "out"))
                        or "x" in t.read_text(os.path.join(there, "out")), 30):
        return "it does not connect: %s" % t.read_text(os.path.join(there, "out"))
    with open(os.path.join(there, "in"), "wb", buffering=0) as f:
        f.write(b"/j %s %s\n" % (name.encode(), lines[0]))
    own = os.path.join(there, name)
    if not t.wait_until(lambda: os.path.exists(os.path.join(own, "in")), 30):
        return "no talk to itself"
    for line in lines[1:]:
        with open(os.path.join(own, "in"), "wb", buffering=0) as f:
            f.write(line + b"\n")
        t.wait_until(lambda: line.decode() in t.read_text(os.path.join(own, "out")), 30)
    heard = t.read_text(os.path.join(own, "out"))
    runs.terminate()
    return None if all(line.decode() in heard for line in lines) else heard[-500:]
