#!/usr/bin/python3
"""SSH inside TLS: a whole session of ssh covered; dropbear by itself and by inetd, as far as an
unknown key goes; and OpenSSH's sshd, which executes itself anew for each connection, and lets a
child talk first that may make few system calls."""

import os
import pwd
import shutil
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t
from services import daemon

S_CLIENT = ("openssl s_client -quiet -tls1 -cipher ALL:@SECLEVEL=0 -CAfile %s -verify_return_error "
            "-connect 127.0.0.1:%d")
DATA = t.payload(1 << 20)


def dropbear(port):
    return ["dropbear", "-F", "-E", "-s", "-r", t.tmp("host"), "-p", "127.0.0.1:%d" % port,
            "-P", t.tmp("pid")]


def by_inetd(port):
    with open(t.tmp("inetd.conf"), "w") as f:
        f.write("127.0.0.1:%d stream tcp nowait root %s dropbear -i -s -r %s\n"
                % (port, shutil.which("dropbear"), t.tmp("host")))
    return [daemon("inetd"), "-i", t.tmp("inetd.conf")]


def starts(command, port):
    return t.Server(t.server(command(port), pki.cert, pki.key), port, t.tmp("out-%d" % port),
                    env=t.environment(log=t.tmp("log-%d" % port)))


def ssh(port, covered):
    """Sends DATA through cat at the other end."""
    argv = ["ssh", "-F", "none", "-i", t.tmp("user"), "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-p", str(port)]
    if covered:
        argv = t.client(argv, pki.ca)
    else:
        argv += ["-o", "ProxyCommand=" + ("nc 127.0.0.1 %d" % port if t.PLAIN else
                                          S_CLIENT % (pki.ca, port))]
    return t.run(argv + ["root@localhost", "cat"], stdin=DATA, timeout=60, env=t.environment())


def refused(command, covered):
    """Keys are exchanged, and the client says that its own is not known there."""
    port = t.free_port()
    with starts(command, port) as server:
        done = ssh(port, covered)
        if b"Permission denied (publickey" in done.err:
            return None
        return "%s\n%s\n%s" % (done, server.said(), t.read_text(t.tmp("log-%d" % port))[-1500:])


def session():
    """The server, which is not covered, stands behind a TLS server of OpenSSL's."""
    port = t.free_port()

    def handle(stream):
        def answers():
            while data := behind.recv(65536):
                stream.sendall(data)
        with socket.create_connection(("127.0.0.1", port)) as behind:
            back = threading.Thread(target=answers, daemon=True)
            back.start()
            while data := stream.recv(65536):
                behind.sendall(data)
            behind.shutdown(socket.SHUT_WR)
            back.join()
    with t.Server(sshd(port), port, t.tmp("sshd.log")) as server:
        front = t.TlsServer(t.STACKS[0], pki, handle)
        done = ssh(front.port, True)
        front.close()
        if done.status == 0 and done.out == DATA:
            return None
        return "%d bytes; %s\n%s\n%s" % (len(done.out), done, front.errors, server.said())


def sshd(port):
    with open(t.tmp("sshd.conf"), "w") as f:
        f.write("ListenAddress 127.0.0.1:%d\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\n"
                "UsePAM no\nPidFile none\n" % (port, t.tmp("openssh-host"), t.tmp("user.pub")))
    return [daemon("sshd"), "-D", "-e", "-f", t.tmp("sshd.conf")]


def sandboxed(covered):
    """The executed sshd: a child in a sandbox talks before the login, another after it."""
    port = t.free_port()
    with starts(sshd, port) as server:
        done = ssh(port, covered)
        if done.status == 0 and done.out == DATA:
            return None
        return "%d bytes; %s\n%s\n%s" % (len(done.out), done, server.said(),
                                         t.read_text(t.tmp("log-%d" % port))[-1500:])


def missing(*programs):
    if os.getuid() != 0:
        return "needs root"
    if "sshd" in programs and not any(user.pw_name == "sshd" for user in pwd.getpwall()):
        return "no user sshd"
    names = [name for name in programs if not os.path.exists(daemon(name))]
    return "not installed: " + " ".join(names) if names else None


def attempt(name, programs, function, *args):
    if missing(*programs):
        t.skip(name, missing(*programs))
    else:
        t.subtest(name, function, *args)


t.start()
pki = t.Pki(t.tmp("pki"))
if not missing("dropbear"):
    t.run([shutil.which("dropbearkey"), "-t", "ed25519", "-f", t.tmp("host")])
if not missing("sshd"):
    os.makedirs("/run/sshd", exist_ok=True)  # where it locks its child up
for name in ("user", "openssh-host"):
    if shutil.which("ssh-keygen"):
        t.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", t.tmp(name)])
attempt("ssh, covered: a session", ["sshd"], session)
attempt("sshd: ssh through openssl s_client", ["sshd"], sandboxed, False)
attempt("sshd: ssh covered", ["sshd"], sandboxed, True)
attempt("dropbear: ssh through openssl s_client", ["dropbear"], refused, dropbear, False)
attempt("dropbear: ssh covered", ["dropbear"], refused, dropbear, True)
attempt("dropbear by inetd: ssh through openssl s_client", ["dropbear", "inetd"], refused, by_inetd,
        False)
t.finish()
