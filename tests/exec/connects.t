#!/usr/bin/python3
"""Programs that connect and then give the connection to another program, which executes with it:
tcpclient, socat, the netcats, and what Perl, Python, Ruby, Tcl and C programs do by themselves. The
peer is OpenSSL's; the executed programs know nothing but descriptors."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

# Speaks on descriptors 0 and 1, with a builtin and with another program; DIR/done says that all
# was well.
SCRIPT = """#!/bin/sh
echo "say MARKER"
read -r line
[ "$line" = "MARKER" ] || exit 1
/bin/echo "say program"
read -r line
[ "$line" = "program" ] || exit 2
echo well >> DIR/done
"""
ON_6_AND_7 = "exec DIR/script <&6 >&7"
PERL_EXEC = """use IO::Socket::INET;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => PORT) or die $@;
open STDIN, '<&', $s; open STDOUT, '>&', $s; close $s; exec 'DIR/script'"""
PERL_SYSTEM = """use IO::Socket::INET;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => PORT) or die $@;
open my $kept, '>&', \\*STDOUT; open STDIN, '<&', $s; open STDOUT, '>&', $s;
system('DIR/script') == 0 or die; system('DIR/script') == 0 or die;
print "say perl\\n"; $| = 1; print ''; my $l = <STDIN>; die $l unless $l eq "perl\\n" """
PERL_POPEN = """use IO::Socket::INET; $| = 1;
my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => PORT) or die $@;
$s->autoflush(1); print $s "say one\\n"; die unless <$s> eq "one\\n";
open STDOUT, '>&', $s; open my $p, '|-', 'cat' or die; print $p "say two\\n"; close $p;
die unless <$s> eq "two\\n"; print $s "say three\\n"; open STDIN, '<&', $s;
die unless `head -n 1` eq "three\\n"; exec 'DIR/script'"""
PYTHON_EXECVE = """import os, socket
s = socket.create_connection(('localhost', PORT))
for n in 0, 1: os.dup2(s.fileno(), n)
os.execve('DIR/script', ['script'], {})"""
PYTHON_SUBPROCESS = """import socket, subprocess
s = socket.create_connection(('localhost', PORT))
for n in range(3): subprocess.run(['DIR/script'], stdin=s, stdout=s, check=True)
subprocess.run('DIR/script <&%d >&%d' % (s.fileno(), s.fileno()), shell=True, check=True,
               pass_fds=[s.fileno()])
s.sendall(b'say python\\n'); assert s.recv(100) == b'python\\n'"""
PYTHON_SPAWN = """import os, socket
s = socket.create_connection(('localhost', PORT)); f = s.fileno()
pid = os.posix_spawn('DIR/script', ['script'], os.environ, file_actions=[
    (os.POSIX_SPAWN_DUP2, f, 0), (os.POSIX_SPAWN_DUP2, f, 1)])
assert os.waitpid(pid, 0)[1] == 0
s.sendall(b'say python\\n'); assert s.recv(100) == b'python\\n'"""
# A worker of the fork server has no arena in common with this process: the connection moves there.
PYTHON_MULTIPROCESSING = """import multiprocessing as m, socket
def work(s, q):
    s.sendall(b'say child\\n'); q.put(s.recv(100))
if __name__ == '__main__':
    s = socket.create_connection(('localhost', PORT))
    for way in 'fork', 'spawn', 'parent', 'forkserver':
        if way == 'parent':
            s.sendall(b'say parent\\n'); assert s.recv(100) == b'parent\\n'
            continue
        c = m.get_context(way); q = c.Queue(); p = c.Process(target=work, args=(s, q))
        p.start(); assert q.get(timeout=60) == b'child\\n'; p.join()
    open('DIR/done', 'a').write('well\\n')"""
RUBY = """require 'socket'
s = TCPSocket.new('localhost', PORT)
pid = spawn('DIR/script', in: s, out: s); Process.wait pid; exit 1 unless $?.success?
s.puts 'say ruby'; exit 1 unless s.gets == "ruby\\n"
exec 'DIR/script', in: s, out: s"""
TCL = """set s [socket 127.0.0.1 PORT]
fconfigure $s -buffering line -translation lf
puts $s "say tcl"; if {[gets $s] ne "tcl"} {exit 1}
exec DIR/script <@ $s >@ $s
puts $s "say again"; if {[gets $s] ne "again"} {exit 1}"""

# (name, command line, how often the script runs)
ROWS = [
    ("tcpclient", ["tcpclient", "-RHl0", "127.0.0.1", "PORT", "sh", "-c", ON_6_AND_7], 1),
    ("socat EXEC", ["socat", "TCP:127.0.0.1:PORT", "EXEC:DIR/script"], 1),
    ("socat EXEC,nofork", ["socat", "TCP:127.0.0.1:PORT", "EXEC:DIR/script,nofork"], 1),
    ("socat EXEC,fdin,fdout", ["socat", "TCP:127.0.0.1:PORT", "SYSTEM:exec DIR/script <&6 >&7,"
                               "nofork,fdin=6,fdout=7"], 1),
    ("socat SYSTEM,pipes", ["socat", "TCP:127.0.0.1:PORT", "SYSTEM:DIR/script,pipes"], 1),
    ("ncat -e", ["ncat", "127.0.0.1", "PORT", "-e", "DIR/script"], 1),
    ("ncat --sh-exec", ["ncat", "127.0.0.1", "PORT", "--sh-exec", "DIR/script; DIR/script"], 2),
    ("busybox nc -e", ["busybox", "nc", "127.0.0.1", "PORT", "-e", "DIR/script"], 1),
    ("nc.traditional -e", ["nc.traditional", "-e", "DIR/script", "127.0.0.1", "PORT"], 1),
    ("nc.traditional -c", ["nc.traditional", "-c", "exec DIR/script", "127.0.0.1", "PORT"], 1),
    ("perl: exec", ["perl", "-e", PERL_EXEC], 1),
    ("perl: system, then its own", ["perl", "-e", PERL_SYSTEM], 2),
    ("perl: popen both ways", ["perl", "-e", PERL_POPEN], 1),
    ("python: execve", [t.PYTHON, "-c", PYTHON_EXECVE], 1),
    ("python: subprocess", [t.PYTHON, "-c", PYTHON_SUBPROCESS], 4),
    ("python: posix_spawn", [t.PYTHON, "-c", PYTHON_SPAWN], 1),
    ("python: multiprocessing", [t.PYTHON, "DIR/workers.py"], 1),
    ("ruby: spawn and exec", ["ruby", "-e", RUBY], 2),
    ("tcl: exec", ["tclsh", "DIR/program.tcl"], 1),
]


def handle(stream):
    rest = b""
    while True:
        while b"\n" not in rest:
            more = stream.recv(65536)
            if not more:
                ended.append(rest)
                return
            rest += more
        said, rest = rest.split(b"\n", 1)
        stream.sendall(said.removeprefix(b"say ") + b"\n")


def fill(text, port):
    return (text.replace("PORT", str(port)).replace("DIR", t.tmp())
            .replace("MARKER", t.MARKER.decode()))


def write(name, text, port=0, mode=0o644):
    with open(t.tmp(name), "w") as f:
        f.write(fill(text, port))
    os.chmod(t.tmp(name), mode)


def runs(argv, count):
    ended.clear()
    server = t.TlsServer(t.STACKS[0], pki, handle)
    write("done", "")
    write("program.tcl", TCL, server.port)
    write("workers.py", PYTHON_MULTIPROCESSING, server.port)
    done = t.run(t.client([fill(word, server.port) for word in argv], pki.ca), timeout=60,
                 env=t.environment(log=t.tmp("log")))
    ready = t.wait_until(lambda: ended or server.errors)
    server.close()
    if (ready and not server.errors and not ended[0] and done.status == 0
            and t.read_text(t.tmp("done")) == "well\n" * count):
        return None
    return "%s\nthe script ran well %r, peer: %s %s\n%s" % (
        done, t.read_text(t.tmp("done")), ended, server.errors, t.read_text(t.tmp("log"))[-1500:])


t.start()
pki = t.Pki(t.tmp("pki"))
ended = []
write("script", SCRIPT, mode=0o755)
for name, argv, count in ROWS:
    if shutil.which(argv[0]):
        t.subtest(name, runs, argv, count)
    else:
        t.skip(name, "not installed")
t.finish()
