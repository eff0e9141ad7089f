#!/usr/bin/python3
"""Shells on a connection of their own: /dev/tcp of bash and ksh, ztcp of zsh, /inet of gawk.
Builtins and other programs read and write on it in turn, in subshells, pipelines and children; the
peer is OpenSSL's. Each script's output is the same over plain TCP, with TLSTEST_PLAIN=1."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

BULK = 300000


class Peer:
    """Does what each line that it reads says. ended: streams that ended as they should."""

    def __init__(self):
        self.server = t.TlsServer(t.STACKS[0], pki, self._handle)
        self.ended = 0

    @staticmethod
    def _line(stream, rest):
        while b"\n" not in rest:
            more = stream.recv(65536)
            if not more:
                return None, rest
            rest += more
        return rest.split(b"\n", 1)

    def _handle(self, stream):
        rest = b""
        while True:
            line, rest = self._line(stream, rest)
            if line is None:
                self.ended += 1
                return
            word, _, value = line.partition(b" ")
            if word == b"say":
                stream.sendall(value + b"\n")
            elif word == b"lines":
                for i in range(int(value)):
                    stream.sendall(b"%s line %d\n" % (t.MARKER, i))
            elif word == b"give":
                stream.sendall(BYTES[:int(value)])
            elif word == b"take":
                size = int(value)
                rest += t.receive_all(stream, max(size - len(rest), 0))
                stream.sendall(t.digest(rest[:size]).encode() + b"\n")
                rest = rest[size:]
            elif word == b"finish":  # the peer ends first
                stream.sendall(value + b"\n")
                self.ended += 1
                return
            else:
                raise RuntimeError("a line that no script wrote: %r" % line[:100])


# (name, script, what it prints). $P is the port; @ is the marker, so that the capture tells when a
# line went out in plaintext.
BASH = [
    ("builtins", r"""
exec 3<>/dev/tcp/localhost/$P
echo "say @ hello" >&3; read -r a <&3; printf 'say %s again\n' "$a" >&3; read -r -u 3 b; echo "$b"
echo "lines 7" >&3; mapfile -t -n 5 -u 3 all; echo "${#all[*]} ${all[4]}"
read -r x <&3; echo "say abcd~ef" >&3; read -r y <&3; read -r -N 2 -u 3 y; read -r -d '~' z <&3
read -r a <&3; echo "$x,$y,$z,$a"
read -r -t 0.01 nothing <&3; read -r -t 0.3 nothing <&3; echo $(( $? > 128 ))
echo "say there" >&3; read -r -t 30 a <&3; echo "$a"
""", "@ hello again\n5 @ line 4\n@ line 5,ab,cd,ef\n1\nthere\n"),
    ("other programs", r"""
exec 3<>/dev/tcp/127.0.0.1/$P
/bin/echo "say @ one" >&3; head -n 1 <&3
printf 'say two\n' | cat >&3; sed -u 1q <&3
echo "say three" | tee /dev/stderr 2>/dev/null >&3; dd bs=1 count=6 status=none <&3
echo "say four" | dd bs=3 status=none >&3; read -r a <&3; echo "$a"
awk 'BEGIN { print "say five" }' >&3; busybox head -n 1 <&3
seq -f 'say %g' 3 | sed 's/say/& number/' >&3; for i in 1 2 3; do read -r a <&3; echo "$a"; done
""", "@ one\ntwo\nthree\nfour\nfive\nnumber 1\nnumber 2\nnumber 3\n"),
    ("subshells, pipelines, here-documents", r"""
exec 3<>/dev/tcp/127.0.0.1/$P
(echo "say @ subshell" >&3; read -r a <&3; echo "$a")
a=$(echo "say substitution" >&3; head -n 1 <&3); echo "$a"
cat <<END >&3
say $(echo here) @
END
read -r a <&3; echo "$a"; cat <<<"say string" >&3; head -n1 <&3 | tr a-z A-Z
{ echo "lines 3"; } >&3; for i in 1 2 3; do read -r a <&3; echo "${a#@ }"; done |
    cat -n | tr -d ' \t'
echo "say process" > >(cat >&3); read -r a < <(head -n 1 <&3); echo "$a"
f() { local l; echo "say $1" >&3; read -r l <&3; echo "f $l"; }; f x; f y | cat; (f z)
( ( (echo "say deep" >&3) ) ); bash -c 'read -r a <&3; echo "$a"; exec /bin/echo "say deeper" >&3'
exec 4<&3 5>&3 3>&-; head -n 1 <&4; echo "say dup" >&5; exec 5>&-; read -r a <&4; echo "$a"
""", "@ subshell\nsubstitution\nhere @\nSTRING\n1line0\n2line1\n3line2\nprocess\nf x\nf y\nf z\n"
     "deep\ndeeper\ndup\n"),
    ("children in the background", r"""
exec 3<>/dev/tcp/127.0.0.1/$P
for i in 1 2 3 4 5 6 7 8; do echo "say child $i @" >&3 & done; wait
for i in 1 2 3 4 5 6 7 8; do read -r a <&3; echo "$a"; done | sort
for i in 1 2 3 4; do /bin/echo "say program $i" >&3 & done; wait
for i in 1 2 3 4; do read -r a <&3; echo "$a"; done | sort | tr '\n' ,
cat <&3 >"$D/back" & reader=$!
for i in 1 2 3 4 5; do echo "say $i" >&3; done; echo "finish last" >&3; wait $reader; cat "$D/back"
""", "".join("child %d @\n" % i for i in range(1, 9))
     + "program 1,program 2,program 3,program 4,1\n2\n3\n4\n5\nlast\n"),
    ("what is killed while it reads or writes", r"""
exec 3<>/dev/tcp/127.0.0.1/$P
cat <&3 & sleep 0.2; kill -9 $!; wait $! 2>/dev/null
echo "say @ one" >&3; read -r a <&3; echo "$a"
timeout 0.2 cat <&3; timeout -s KILL 0.2 head -n 1 <&3
echo "say two" >&3; head -n 1 <&3
(read -r a <&3) & sleep 0.2; kill -TERM $!; wait $! 2>/dev/null
echo "say three" >&3; read -r a <&3; echo "$a"
""", "@ one\ntwo\nthree\n"),
    ("the connection as standard streams", r"""
exec 3<>/dev/tcp/127.0.0.1/$P
exec 6>&1 0<&3 1>&3
echo "say @ builtin"; read -r a; echo "$a" >&6
/bin/echo "say program"; head -n 1 >&6
cat <<END
lines 2
END
while read -r a; do echo "${a#@ }" >&6; [ "$a" = "@ line 1" ] && break; done
printf 'say %s\n' sort | sort; sed -u 1q >&6
python3 -c 'print("say python", flush=True); import sys; sys.stderr.write(input() + "\n")' 2>&6
perl -e '$| = 1; print "say perl\n"; print STDERR scalar <STDIN>' 2>&6
exec bash -c 'echo "say executed"; read -r a; echo "$a" >&6'
""", "@ builtin\nprogram\nline 0\nline 1\nsort\npython\nperl\nexecuted\n"),
    ("much", r"""
exec 3<>/dev/tcp/127.0.0.1/$P
echo "take BULK" >&3; cat "$D/bulk" >&3; read -r a <&3; echo "$a"
echo "take BULK" >&3; dd if="$D/bulk" bs=7001 status=none >&3; head -n 1 <&3
echo "give BULK" >&3; dd bs=1000 count=BULK iflag=count_bytes,fullblock status=none <&3 |
    cmp - "$D/bulk" && echo same
echo "give BULK" >&3; head -c BULK <&3 | cmp - "$D/bulk" && echo same
(echo "take BULK"; cat "$D/bulk") >&3 & head -n 1 <&3; wait
echo "give BULK" >&3
(dd bs=4096 count=150000 iflag=count_bytes,fullblock status=none; head -c 150000) <&3 |
    cmp - "$D/bulk" && echo same
""", "SUM\nSUM\nsame\nsame\nSUM\nsame\n"),
    ("several connections", r"""
exec 3<>/dev/tcp/127.0.0.1/$P 4<>/dev/tcp/127.0.0.1/$P
echo "say @ three" >&3; echo "say @ four" >&4; exec 5<&3 3<&4 4<&5 5<&-
read -r a <&3; read -r b <&4; echo "$a, $b"
echo "say x" | tee >(cat >&3) >&4; head -n 1 <&3; head -n 1 <&4
exec 3>&-; echo "say y" >&4; read -r a <&4; echo "$a"
{ echo "say inner" >&9; read -r a <&9; echo "$a"; } 9<>/dev/tcp/127.0.0.1/$P
echo "say z" >&4; cat <&4 & sleep 0.1; echo "finish w" >&4; wait
exec 4>&-; exec 4<>/dev/tcp/127.0.0.1/$P; echo "say again" >&4; read -r a <&4; echo "$a"
""", "@ four, @ three\nx\nx\ny\ninner\nz\nw\nagain\n"),
    ("a coprocess, trap, select and job control", r"""
set -m
exec 3<>/dev/tcp/127.0.0.1/$P
coproc { while read -r a; do echo "say $a @" >&3; head -n 1 <&3; done; }
echo one >&"${COPROC[1]}"; read -r a <&"${COPROC[0]}"; echo "$a"
eval "exec ${COPROC[1]}>&-"; wait
trap 'echo "say from a trap" >&3' USR1; kill -USR1 $$; read -r a <&3; echo "$a"
(sleep 0.3; echo "say late" >&3) & read -r a <&3; echo "$a"; wait
(trap 'echo "say at exit" >&3' EXIT); read -r a <&3; echo "$a"
""", "one @\nfrom a trap\nlate\nat exit\n"),
]
KSH = [
    ("builtins and programs", r"""
exec 3<>/dev/tcp/127.0.0.1/$P
print -u3 "say @ hello"; read -r -u3 a; print "$a"
/bin/echo "say program" >&3; read -r a <&3; print "$a"
print -u3 "say head"; head -n 1 <&3; (print -u3 "say sub"; read -r a <&3; print "$a")
cat <<END >&3
say here
END
read -r a <&3; print "$a" | tr a-z A-Z; print -u3 "say back" & wait; read -r -u3 a; print "$a"
""", "@ hello\nprogram\nhead\nsub\nHERE\nback\n"),
]
ZSH = [
    ("ztcp: builtins and programs", r"""
zmodload zsh/net/tcp && ztcp 127.0.0.1 $P || exit 1
fd=$REPLY
print -u $fd "say @ hello"; read -r -u $fd a; print -- "$a"
/bin/echo "say program" >&$fd; read -r a <&$fd; print -- "$a"
print -u $fd "say head"; head -n 1 <&$fd; (print -u $fd "say sub"; read -r a <&$fd; print -- "$a")
cat <<END >&$fd
say here
END
read -r a <&$fd; print -- "$a" | tr a-z A-Z; print -u $fd "say back" & wait; read -r -u $fd a
print -- "$a"; zmodload zsh/system; syswrite -o $fd $'say sys\n'; sysread -i $fd -o 1
zmodload zsh/zselect
print -u $fd "say select"; zselect -t 1000 -r $fd && read -r -u $fd a; print -- "$a"; ztcp -c $fd
""", "@ hello\nprogram\nhead\nsub\nHERE\nback\nsys\nselect\n"),
]
GAWK = [
    ("/inet/tcp", r"""
BEGIN {
    s = "/inet/tcp/0/localhost/" ENVIRON["P"]
    print "say @ hello" |& s; s |& getline a; print a
    for (i = 0; i < 3; i++) { printf "say %d\n", i |& s; s |& getline a; print a }
    system("true"); "echo popen" | getline a; print a
    print "lines 1000" |& s; for (i = 0; i < 1000; i++) s |& getline a; print a
    print "finish end" |& s; s |& getline a; print a; r = s |& getline a; print r
    close(s, "to"); close(s)
}
""", "@ hello\n0\n1\n2\npopen\n@ line 999\nend\n0\n"),
]
DASH = [
    ("nc between fifos", r"""
mkfifo "$D/fifo"; exec 4<>"$D/fifo"
nc 127.0.0.1 $P <"$D/fifo" 4<&- | (
    ask() { echo "$1" >&4; }
    ask "say @ hello"; read -r a; echo "$a"; ask "lines 2"; read -r a; read -r b; echo "$b"
    ask "finish end"; read -r a; echo "$a") & exec 4<&-; wait
rm "$D/fifo"
""", "@ hello\n@ line 1\nend\n"),
]
SHELLS = {
    "bash": (["bash", "-c"], BASH),
    "ksh93": (["ksh93", "-c"], KSH),
    "zsh": (["zsh", "-fc"], ZSH),
    "gawk": (["gawk"], GAWK),
    "dash and nc": (["dash", "-c"], DASH),
}


def filled(text):
    for name, value in (("BULK", str(BULK)), ("SUM", t.digest(BYTES)), ("@", t.MARKER.decode())):
        text = text.replace(name, value)
    return text


def runs(command, script, want):
    peer = Peer()
    env = t.environment(log=t.tmp("log"), P=str(peer.server.port), D=t.tmp())
    done = t.run(t.client(command + [filled(script)], pki.ca), timeout=60, env=env)
    finished = t.wait_until(lambda: peer.ended + len(peer.server.errors) >= peer.server.accepted)
    peer.server.close()
    got = done.out.decode(errors="replace")
    if (got, done.status) == (filled(want), 0) and finished and not peer.server.errors:
        return None
    return "prints %r\nnot    %r\n%s peer: %s, %d of %d ended\n%s" % (
        got, filled(want), done, peer.server.errors, peer.ended, peer.server.accepted,
        t.read_text(t.tmp("log"))[-1500:])


HTTP = r"""
exec 3<>/dev/tcp/localhost/$P
printf 'GET /%s HTTP/1.0\r\n\r\n' served >&3
while read -r line <&3; do [ "$line" = $'\r' ] && break; done
cat <&3
"""
REVERSED = r"""
exec 3<>/dev/tcp/localhost/$P
echo "@" >&3; read -r a <&3; echo "$a"; echo one | tee /dev/null >&3; head -n 1 <&3
(/bin/echo two >&3; sed -u 1q <&3); exec 3>&-
"""


def s_server(mode, script, want):
    """openssl s_server as the peer: -WWW serves files, -rev says each line backwards."""
    port = t.free_port()
    command = ["openssl", "s_server", "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-cert", pki.cert,
               "-key", pki.key, "-accept", "127.0.0.1:%d" % port, mode]
    with t.Server(command, port, t.tmp("s_server"), cwd=t.tmp()) as server:
        done = t.run(t.client(["bash", "-c", filled(script)], pki.ca), timeout=60,
                     env=t.environment(log=t.tmp("log"), P=str(port)))
        return None if done.out.decode(errors="replace") == want else "%s\n%s" % (
            done, server.said())


t.start()
pki = t.Pki(t.tmp("pki"))
BYTES = t.payload(BULK)
for name in ("bulk", "served"):
    with open(t.tmp(name), "wb") as f:
        f.write(BYTES if name == "bulk" else t.MARKER + b" served\n")
for shell, (command, scripts) in SHELLS.items():
    for name, script, want in scripts:
        title = "%s: %s" % (shell, name)
        if not shutil.which(command[0]):
            t.skip(title, "not installed")
        else:
            t.subtest(title, runs, command, script, want)
if not t.PLAIN:
    t.subtest("bash: openssl s_server -WWW", s_server, "-WWW", HTTP,
              t.MARKER.decode() + " served\n")
    t.subtest("bash: openssl s_server -rev", s_server, "-rev", REVERSED,
              t.MARKER.decode()[::-1] + "\neno\nowt\n")
t.finish(moved=6 * BULK)
