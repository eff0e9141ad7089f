#!/usr/bin/python3
"""Super-servers under tlshim: each accepts, and executes an unmodified program whose standard
streams the connection becomes. The clients are OpenSSL's, TLS 1.0. Contract lines 36 and 37: the
environment that inetd launders gets the library back."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

def daemon(name):
    """Packages that exclude others: `make soak` unpacks them in build/debs."""
    places = "/usr/sbin", os.path.join(t.BUILD, "debs", "usr", "sbin")
    return shutil.which(name, path=":".join(places)) or os.path.join(places[0], name)

SCRIPT = """#!%s
# Builtins and other programs in turn on one connection.
echo "ready to serve"
while read -r line; do
    case $line in
    quit) break ;;
    upper*) echo "$line" | tr a-z A-Z ;;
    here) exec 3>&1; /bin/echo "said by another program" >&3; exec 3>&- ;;
    *) printf 'got %%s\\n' "$line" ;;
    esac
done
echo "good bye"
"""


def openbsd_inetd(port, argv, user="root"):
    config = t.tmp("inetd-%d.conf" % port)
    with open(config, "w") as f:
        f.write("127.0.0.1:%d stream tcp nowait %s %s %s\n"
                % (port, user, argv[0], " ".join([os.path.basename(argv[0])] + argv[1:])))
    return [daemon("inetd"), "-i", config]


def xinetd(port, argv, user="root"):
    config = t.tmp("xinetd-%d.conf" % port)
    with open(config, "w") as f:
        f.write("""defaults
{
    log_type = FILE %s
}
service any
{
    type = UNLISTED
    port = %d
    bind = 127.0.0.1
    socket_type = stream
    protocol = tcp
    wait = no
    user = %s
    server = %s
    server_args = %s
    disable = no
}
""" % (t.tmp("xinetd.log"), port, user, argv[0], " ".join(argv[1:])))
    return [daemon("xinetd"), "-dontfork", "-f", config]


def socat(address):
    def command(port, argv):
        return ["socat", "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork" % port,
                address % " ".join(argv)]
    return command


EVERYWHERE = ("cat", "a shell script")
# Ends a connection whose client has ended its half, with or without TLS.
NO_HALVES = ("ncat -e", "ncat --sh-exec")
SERVERS = {
    "openbsd-inetd": openbsd_inetd,
    "openbsd-inetd, as nobody": lambda port, argv: openbsd_inetd(port, argv, "nobody"),
    "xinetd": xinetd,
    "xinetd, as nobody": lambda port, argv: xinetd(port, argv, "nobody"),
    "tcpserver": lambda port, argv: ["tcpserver", "-H", "-R", "-l0", "127.0.0.1", str(port)] + argv,
    "tcpsvd": lambda port, argv: ["tcpsvd", "-l", "localhost", "127.0.0.1", str(port)] + argv,
    "socat EXEC": socat("EXEC:%s"),
    "socat EXEC,nofork": socat("EXEC:%s,nofork"),
    "socat SYSTEM": socat("SYSTEM:%s"),
    "socat SYSTEM,nofork": socat("SYSTEM:%s,nofork"),
    "busybox nc -e": lambda port, argv: ["busybox", "nc", "-ll", "-p", str(port), "-e"] + argv,
    "ncat -e": lambda port, argv: ["ncat", "-4", "-lk", "127.0.0.1", str(port), "-e",
                                   " ".join(argv)],
    "ncat --sh-exec": lambda port, argv: ["ncat", "-4", "-lk", "127.0.0.1", str(port), "--sh-exec",
                                          " ".join(argv)],
}


def starts(name, argv):
    port = t.free_port()
    command = SERVERS[name](port, argv)
    options = {"env": t.environment(log=t.tmp("log-%d" % port))}
    return t.Server(t.server(command, CERT, KEY), port, t.tmp("out-%d" % port), **options)


def line(stream):
    got = b""
    while not got.endswith(b"\n"):
        byte = stream.recv(1)
        if not byte:
            break
        got += byte
    return got


def talks(stream):
    """With the shell script."""
    if line(stream) != b"ready to serve\n":
        return "no greeting"
    for said, answer in ((t.MARKER, b"got " + t.MARKER), (b"upper x", b"UPPER X"),
                         (b"here", b"said by another program"), (t.MARKER, b"got " + t.MARKER)):
        stream.sendall(said + b"\n")
        got = line(stream)
        if got != answer + b"\n":
            return "to %r it answers %r" % (said, got)
    stream.sendall(b"quit\n")
    got = t.receive_all(stream)
    return None if got == b"good bye\n" else "at the end: %r" % got


def echoes(stream):
    """With cat, which ends when the client says that it has no more."""
    data = t.payload(1 << 18)
    stream.sendall(t.MARKER + data)
    stream.close_write()
    got = t.receive_all(stream)
    return None if got == t.MARKER + data else "%d bytes of %d, or others" % (
        len(got), len(t.MARKER + data))


def serves(name, argv, conversation, clients=2):
    with starts(name, argv) as server:
        for _ in range(clients):
            stream = t.tls_connect(t.STACKS[0], server.port, pki.ca)
            try:
                wrong = conversation(stream)
            finally:
                stream.close()
            if wrong:
                return "%s\n%s\n%s" % (wrong, server.said(),
                                       t.read_text(t.tmp("log-%d" % server.port)))
    return None


def s_client(name):
    """openssl s_client, from its standard input."""
    with starts(name, [t.tmp("script")]) as server:
        done = t.run(["openssl", "s_client", "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-quiet",
                      "-CAfile", pki.ca, "-verify_return_error",
                      "-connect", "127.0.0.1:%d" % server.port],
                     stdin=t.MARKER + b"\nquit\n", timeout=30)
        want = b"ready to serve\ngot " + t.MARKER + b"\ngood bye\n"
        return None if done.out == want and done.status == 0 else "%s\n%s" % (done, server.said())


def finger(stream):
    stream.sendall(b"root\r\n")
    got = t.receive_all(stream)
    return None if b"Login: root" in got else "%r" % got


def ftp(stream):
    said = [line(stream)]
    for command in (b"SYST\r\n", b"QUIT\r\n"):
        stream.sendall(command)
        said.append(line(stream))
    rest = t.receive_all(stream)
    good = [s[:3] for s in said] == [b"220", b"215", b"221"] and not rest
    return None if good else "%r %r" % (said, rest)


def http(stream):
    stream.sendall(b"GET /served.txt HTTP/1.0\r\n\r\n")
    got = t.receive_all(stream)
    return None if got.endswith(b"\r\n\r\n" + t.MARKER) else "%r" % got


def install_script(name, shell):
    with open(t.tmp(name), "w") as f:
        f.write(SCRIPT % shell)
    os.chmod(t.tmp(name), 0o755)


def cannot_become_nobody():
    """Why, or None: the library and the scripts are to be found from there too."""
    if os.geteuid() != 0:
        return "needs root"
    folder = t.tmp()
    while folder != "/":
        if not os.stat(folder).st_mode & 1:
            return folder + " is not for others"
        folder = os.path.dirname(folder)
    return None


t.start()
os.chmod(t.tmp(), 0o755)
pki = t.Pki(t.tmp("pki"))
CERT, KEY = pki.cert, pki.key
install_script("script", "/bin/sh")
install_script("bash-script", "/bin/bash")
with open(t.tmp("served.txt"), "wb") as served:
    served.write(t.MARKER)
SERVICES = {
    "cat": (["/bin/cat"], echoes),
    "a shell script": ([t.tmp("script")], talks),
    "a script of bash": ([t.tmp("bash-script")], talks),
    "fingerd": ([daemon("in.fingerd")], finger),
    "ftpd": ([daemon("ftpd")], ftp),
    "micro-httpd": ([daemon("micro-httpd"), t.tmp()], http),
}
for server, command in SERVERS.items():
    if not shutil.which(command(0, ["/bin/true"])[0]):
        t.skip(server, "not installed")
        continue
    if server.endswith("as nobody") and cannot_become_nobody():
        t.skip(server, cannot_become_nobody())
        continue
    for service in SERVICES if server in ("openbsd-inetd", "xinetd", "tcpserver") else EVERYWHERE:
        if not os.path.exists(SERVICES[service][0][0]):
            t.skip("%s: %s" % (server, service), "not installed")
        elif service != "cat" or server not in NO_HALVES:
            t.subtest("%s: %s" % (server, service), serves, server, *SERVICES[service])
if not t.PLAIN:
    t.subtest("openbsd-inetd: openssl s_client", s_client, "openbsd-inetd")
t.finish(moved=1 << 20)
