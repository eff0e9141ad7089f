"""What super-servers start in inetd.t: unmodified services that know a connection only as their
standard streams, and what a client says to each."""

import os
import re
import shutil
import socket

import tlstest as t


def daemon(name):
    """Packages that exclude others: `make soak` unpacks them in build/debs."""
    places = "/usr/sbin", os.path.join(t.BUILD, "debs", "usr", "sbin")
    return shutil.which(name, path=":".join(places)) or os.path.join(places[0], name)


# ---- what clients say: each gives what is wrong, or None

def line(stream):
    got = b""
    while not got.endswith(b"\n"):
        byte = stream.recv(1)
        if not byte:
            break
        got += byte
    return got


def dialogue(*turns, end=b""):
    """Says each turn's first and reads lines until one matches its second; then the peer ends after
    what matches `end` (None: the client ends)."""
    def conversation(stream):
        for said, pattern in turns:
            stream.sendall(said)
            got = [line(stream)]
            while not re.match(pattern, got[-1], re.S):
                if not got[-1]:
                    return "to %r it answers %r" % (said, got)
                got.append(line(stream))
        rest = b"" if end is None else t.receive_all(stream)
        return None if re.fullmatch(end or b"", rest, re.S) else "at the end: %r" % rest
    return conversation


def echoes(stream):
    """With cat, which ends when the client says that it has no more."""
    data = t.payload(1 << 18)
    stream.sendall(t.MARKER + data)
    stream.close_write()
    got = t.receive_all(stream)
    return None if got == t.MARKER + data else "%d bytes of %d, or others" % (
        len(got), len(t.MARKER + data))


def endless(stream):
    """The client leaves before the service has ended, as one of chargen must."""
    got = t.receive_all(stream, 100000)
    return None if len(got) == 100000 and got.count(b"\n") > 1000 else "%r" % got[-200:]


def git_refs(stream):
    """What a git client asks first, in packets of git's."""
    request = b"git-upload-pack /repository\0host=localhost\0"
    stream.sendall(b"%04x%s" % (4 + len(request), request))
    got = t.receive_all(stream, 44)
    stream.sendall(b"0000")
    t.receive_all(stream)
    return None if re.match(rb"[0-9a-f]{44}", got) else "%r" % got


talks = dialogue((b"", b"ready to serve\n"), (t.MARKER + b"\n", b"got " + t.MARKER + b"\n"),
                 (b"upper x\n", b"UPPER X\n"), (b"here\n", b"said by another program\n"),
                 (t.MARKER + b"\n", b"got " + t.MARKER + b"\n"), (b"quit\n", b"good bye\n"))

# The same in several languages, as each does it.
SCRIPTS = {
    "sh": """#!/bin/sh
# Builtins and other programs in turn on one connection.
echo "ready to serve"
while read -r line; do
    case $line in
    quit) break ;;
    upper*) echo "$line" | tr a-z A-Z ;;
    here) exec 3>&1; /bin/echo "said by another program" >&3; exec 3>&- ;;
    *) printf 'got %s\\n' "$line" ;;
    esac
done
echo "good bye"
""",
    "python3": """#!/usr/bin/python3
import subprocess, sys
print("ready to serve", flush=True)
for line in sys.stdin:
    line = line.rstrip("\\n")
    if line == "quit":
        break
    if line.startswith("upper"):
        subprocess.run(["tr", "a-z", "A-Z"], input=line.encode() + b"\\n")
    elif line == "here":
        subprocess.run(["/bin/echo", "said by another program"])
    else:
        print("got", line, flush=True)
print("good bye")
""",
    "perl": """#!/usr/bin/perl
$| = 1;
print "ready to serve\\n";
while (<STDIN>) {
    if (/^quit/) { last }
    elsif (/^upper/) { open my $p, '|-', 'tr', 'a-z', 'A-Z'; print $p $_; close $p }
    elsif (/^here/) { system '/bin/echo', 'said by another program' }
    else { printf "got %s", $_ }
}
print "good bye\\n";
""",
    "tclsh": """#!/usr/bin/tclsh
fconfigure stdout -buffering line -translation lf
puts "ready to serve"
while {[gets stdin line] >= 0} {
    switch -glob -- $line {
        quit { break }
        upper* { exec tr a-z A-Z << "$line\\n" >@ stdout }
        here { exec /bin/echo "said by another program" >@ stdout }
        default { puts "got $line" }
    }
}
puts "good bye"
""",
    "ruby": """#!/usr/bin/ruby
$stdout.sync = true
puts 'ready to serve'
while line = $stdin.gets
  case line
  when /^quit/ then break
  when /^upper/ then IO.popen(%w[tr a-z A-Z], 'w', out: $stdout) { |p| p.write line }
  when /^here/ then system '/bin/echo', 'said by another program'
  else puts "got #{line}"
  end
end
puts 'good bye'
""",
    "gawk": """#!/usr/bin/gawk -f
BEGIN { print "ready to serve"; fflush() }
/^quit/ { exit }
/^upper/ { print | "tr a-z A-Z"; close("tr a-z A-Z"); next }
/^here/ { system("/bin/echo said by another program"); next }
{ print "got " $0; fflush() }
END { print "good bye" }
""",
}


def script(language, text=None, shell="/bin/sh", name=None):
    path = t.tmp(name or language)
    with open(path, "w") as f:
        f.write(text or SCRIPTS[language].replace("/bin/sh", shell))
    os.chmod(path, 0o755)
    return path


def _file(name, text):
    with open(t.tmp(name), "w") as f:
        f.write(text.replace("DIR", t.tmp()))
    return t.tmp(name)


def _vsftpd():
    os.makedirs(t.tmp("empty"), exist_ok=True)
    os.makedirs(t.tmp("ftp"), exist_ok=True)
    return [daemon("vsftpd"), _file("vsftpd.conf", """listen=NO
anonymous_enable=YES
anon_root=DIR/ftp
ftp_username=ftp
nopriv_user=nobody
secure_chroot_dir=DIR/empty
seccomp_sandbox=NO
xferlog_enable=NO
""")]


def _exim():
    """A copy that is not setuid."""
    if os.path.exists("/usr/sbin/exim4"):
        shutil.copyfile("/usr/sbin/exim4", t.tmp("exim4"))
        os.chmod(t.tmp("exim4"), 0o755)
    for folder in ("spool", "log"):
        os.makedirs(t.tmp(folder), exist_ok=True)
    return [t.tmp("exim4"), "-bs", "-C", _file("exim.conf", """exim_path = DIR/exim4
exim_user = root
exim_group = root
never_users =
spool_directory = DIR/spool
log_file_path = DIR/log/%s
primary_hostname = localhost
queue_only = true
acl_smtp_rcpt = accept
disable_ipv6 = true
host_lookup =
rfc1413_query_timeout = 0s
begin routers
all:
  driver = accept
  transport = all
begin transports
all:
  driver = appendfile
  file = /dev/null
""")]


def _rsync():
    return ["/usr/bin/rsync", "--daemon", "--config", _file("rsyncd.conf", """use chroot = no
log file = DIR/rsyncd.log
[files]
  path = DIR
  comment = what is here
""")]


def _git():
    """An empty repository announces nothing; one commit without files is enough."""
    where = t.tmp("repository")
    if shutil.which("git"):
        for words in (["init", "-q", where], ["-C", where, "-c", "user.name=x", "-c",
                      "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "x"]):
            t.run(["git"] + words, env=t.environment())
    return ["/usr/bin/git", "-c", "safe.directory=*", "daemon", "--inetd", "--export-all",
            "--base-path=" + t.tmp()]


def cxx_echo(compiler="/usr/bin/g++"):
    """A service written with iostreams; the path is there when it could be compiled."""
    source = _file("service.cc", """#include <cstdlib>
#include <iostream>
#include <string>
#include <ext/stdio_filebuf.h>
#include <unistd.h>
int main()
{
    std::string line;
    std::cout << "ready to serve" << std::endl;
    while (std::getline(std::cin, line) && line != "quit") {
        if (line == "here") {
            __gnu_cxx::stdio_filebuf<char> buffer(dup(1), std::ios::out);
            std::ostream(&buffer) << "said by another " << "program" << std::endl;
            std::system("exit 0");
        } else if (line.substr(0, 5) == "upper") {
            for (auto &c : line)
                c = std::toupper(c);
            std::cerr << line << "\\n";
        } else {
            std::wcout.flush();
            std::cout << "got " << line << '\\n' << std::flush;
        }
    }
    std::cout << "good bye\\n";
}
""")
    if os.path.exists(compiler):
        t.run([compiler, "-O1", "-o", t.tmp("service"), source])
    return [t.tmp("service")]


SMTP = dialogue((b"", rb"220 "), (b"EHLO x\r\n", rb"250 "),
                (b"MAIL FROM:<a@localhost>\r\n", rb"250 "),
                (b"RCPT TO:<b@localhost>\r\n", rb"250 "), (b"DATA\r\n", rb"354 "),
                (t.MARKER + b"\r\n.\r\n", rb"250 "), (b"QUIT\r\n", rb"221 "))
FTP = dialogue((b"", rb"220 "), (b"SYST\r\n", rb"(215|530) "), (b"QUIT\r\n", rb"221 "))
VSFTP = dialogue((b"", rb"220 "), (b"USER anonymous\r\n", rb"331 "), (b"PASS x@\r\n", rb"230 "),
                 (b"SYST\r\n", rb"215 "), (b"MKD x\r\n", rb"550 "), (b"QUIT\r\n", rb"221 "))
HTTP = dialogue((b"GET /served.txt HTTP/1.0\r\n\r\n", rb"HTTP/1.[01] 200 "),
                (b"", rb"\r?\n"), end=t.MARKER)
FINGER = dialogue((b"root\r\n", rb".*Login: root"), end=b".*")
IDENT = dialogue((b"1 , 2\r\n", rb"1 ?, ?2 ?: ?ERROR ?:"), end=None)
RSYNC = dialogue((b"", rb"@RSYNCD: "), (b"@RSYNCD: 31.0\n\n", rb"files .*what is here\n"),
                 (b"", rb"@RSYNCD: EXIT\n"))


def services():
    """name: (its command line, what is said to it)"""
    return {
        "cat": (["/bin/cat"], echoes),
        "a shell script": ([script("sh")], talks),
        "a script of bash": ([script("sh", shell="/bin/bash", name="bash")], talks),
        "a script of python": ([script("python3")], talks),
        "a script of perl": ([script("perl")], talks),
        "a script of tcl": ([script("tclsh")], talks),
        "a script of ruby": ([script("ruby")], talks),
        "a script of gawk": ([script("gawk")], talks),
        "C++ streams": (cxx_echo(), talks),
        "fingerd": ([daemon("in.fingerd")], FINGER),
        "ftpd": ([daemon("ftpd")], FTP),
        "vsftpd": (_vsftpd(), VSFTP),
        "micro-httpd": ([daemon("micro-httpd"), t.tmp()], HTTP),
        "busybox httpd": (["/bin/busybox", "httpd", "-i", "-h", t.tmp()], HTTP),
        "ident2": ([daemon("ident2"), "--force-inetd", "-s"], IDENT),
        "oidentd": ([daemon("oidentd"), "--stdio"], IDENT),
        "exim": (_exim(), SMTP),
        "rsync": (_rsync(), RSYNC),
        "git daemon": (_git(), git_refs),
    }


def exists(argv):
    """Also the interpreter of a script."""
    if not os.path.exists(argv[0]):
        return False
    with open(argv[0], "rb") as f:
        first = f.readline(200)
    return not first.startswith(b"#!") or os.path.exists(first[2:].split()[0])


# ---- what inetd and xinetd answer themselves

INTERNAL = {
    "echo": echoes,
    "daytime": dialogue((b"", rb".* 20\d\d"), end=b""),
    "time": dialogue(end=b".{4}"),
    "chargen": endless,
}
ACCEPTS = """#!/usr/bin/python3
import socket
c, _ = socket.socket(fileno=0).accept()
c.sendall(b"accepted: " + c.makefile().readline().encode())
"""
ACCEPTED = dialogue((t.MARKER + b"\n", b"accepted: " + t.MARKER + b"\n"))


def port_of(service):
    """Its own, where inetd goes by names; 0: not to be had."""
    try:
        port = socket.getservbyname(service, "tcp")
        with socket.socket() as s:
            s.bind(("127.0.0.1", port))
        return port
    except OSError:
        return 0
