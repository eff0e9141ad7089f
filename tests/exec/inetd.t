#!/usr/bin/python3
"""Super-servers under tlshim: each accepts, and executes an unmodified program whose standard
streams the connection becomes. The clients are OpenSSL's, TLS 1.0. Contract lines 36 and 37: the
environment that inetd launders gets the library back."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t
import services
from services import daemon


def openbsd_inetd(port, argv, user="root", waits="nowait", name=None):
    config = t.tmp("inetd-%d.conf" % port)
    with open(config, "w") as f:
        f.write("127.0.0.1:%s stream tcp %s %s %s\n" % (name or port, waits, user, " ".join(
            [argv[0], os.path.basename(argv[0])] + argv[1:] if argv else ["internal"])))
    return [daemon("inetd"), "-i", config]


def xinetd(port, argv, user="root", waits="no", name=None):
    config = t.tmp("xinetd-%d.conf" % port)
    program = """type = UNLISTED
    server = %s
    server_args = %s""" % (argv[0], " ".join(argv[1:])) if argv else "type = INTERNAL UNLISTED"
    with open(config, "w") as f:
        f.write("""defaults
{
    log_type = FILE %s
}
service %s
{
    %s
    id = it-stream
    port = %d
    bind = 127.0.0.1
    socket_type = stream
    protocol = tcp
    wait = %s
    user = %s
    disable = no
}
""" % (t.tmp("xinetd.log"), name or "any", program, port, waits, user))
    return [daemon("xinetd"), "-dontfork", "-f", config]


def socat(address):
    def command(port, argv):
        return ["socat", "TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork" % port,
                address % " ".join(argv)]
    return command


SUPER_SERVERS = {"openbsd-inetd": openbsd_inetd, "xinetd": xinetd}
EVERYWHERE = ("cat", "a shell script")
# Ends a connection whose client has ended its half, with or without TLS; or cannot pass the end on.
NO_HALVES = ("ncat -e", "ncat --sh-exec", "socat EXEC,pty")
SERVERS = {
    "openbsd-inetd": openbsd_inetd,
    "openbsd-inetd, as nobody": lambda port, argv: openbsd_inetd(port, argv, "nobody"),
    "xinetd": xinetd,
    "xinetd, as nobody": lambda port, argv: xinetd(port, argv, "nobody"),
    "tcpserver": lambda port, argv: ["tcpserver", "-H", "-R", "-l0", "127.0.0.1", str(port)] + argv,
    "tcpsvd": lambda port, argv: ["tcpsvd", "-l", "localhost", "127.0.0.1", str(port)] + argv,
    "socat EXEC": socat("EXEC:%s"),
    "socat EXEC,pipes": socat("EXEC:%s,pipes"),
    "socat EXEC,pty": socat("EXEC:%s,pty,raw,echo=0"),
    "socat EXEC,nofork": socat("EXEC:%s,nofork"),
    "socat SYSTEM": socat("SYSTEM:%s"),
    "socat SYSTEM,nofork": socat("SYSTEM:%s,nofork"),
    "busybox nc -e": lambda port, argv: ["busybox", "nc", "-ll", "-p", str(port), "-e"] + argv,
    "ncat -e": lambda port, argv: ["ncat", "-4", "-lk", "127.0.0.1", str(port), "-e",
                                   " ".join(argv)],
    "ncat --sh-exec": lambda port, argv: ["ncat", "-4", "-lk", "127.0.0.1", str(port), "--sh-exec",
                                          " ".join(argv)],
}


def starts(command, argv, port=None):
    port = port or t.free_port()
    command = command(port, argv)
    options = {"env": t.environment(log=t.tmp("log-%d" % port))}
    return t.Server(t.server(command, CERT, KEY), port, t.tmp("out-%d" % port), **options)


def serves(command, argv, conversation, port=None, clients=2):
    with starts(command, argv, port) as server:
        for _ in range(clients):
            stream = t.tls_connect(t.STACKS[0], server.port, pki.ca, timeout=30)
            try:
                wrong = conversation(stream)
            finally:
                stream.close()
            if wrong:
                return "%s\n%s\n%s" % (wrong, server.said(),
                                       t.read_text(t.tmp("log-%d" % server.port)))
    return None


def s_client(command):
    """openssl s_client, from its standard input."""
    with starts(command, [t.tmp("sh")]) as server:
        done = t.run(["openssl", "s_client", "-tls1", "-cipher", "ALL:@SECLEVEL=0", "-quiet",
                      "-CAfile", pki.ca, "-verify_return_error",
                      "-connect", "127.0.0.1:%d" % server.port],
                     stdin=t.MARKER + b"\nquit\n", timeout=30)
        want = b"ready to serve\ngot " + t.MARKER + b"\ngood bye\n"
        return None if done.out == want and done.status == 0 else "%s\n%s" % (done, server.said())


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
with open(t.tmp("served.txt"), "wb") as served:
    served.write(t.MARKER)
SERVICES = services.services()
for server, command in SERVERS.items():
    if not shutil.which(command(0, ["/bin/true"])[0]):
        t.skip(server, "not installed")
        continue
    if server.endswith("as nobody") and cannot_become_nobody():
        t.skip(server, cannot_become_nobody())
        continue
    for service in SERVICES if server in SUPER_SERVERS else EVERYWHERE:
        argv, conversation = SERVICES[service]
        if not services.exists(argv):
            t.skip("%s: %s" % (server, service), "not installed")
        elif service != "cat" or server not in NO_HALVES:
            t.subtest("%s: %s" % (server, service), serves, command, argv, conversation)
for server, command in SUPER_SERVERS.items():
    if not shutil.which(command(0, ["/bin/true"])[0]):
        t.skip(server + ": what it answers itself", "not installed")
        continue
    for service, conversation in services.INTERNAL.items():
        port = services.port_of(service) if command is openbsd_inetd else None
        name = "%s: its own %s" % (server, service)
        if port == 0:
            t.skip(name, "its port is not to be had")
        else:
            t.subtest(name, serves, lambda p, _, of=command, called=service:
                      of(p, None, name=called), None, conversation, port)
    t.subtest(server + ": a service that accepts by itself", serves, lambda p, argv, of=command:
              of(p, argv, waits="wait" if of is openbsd_inetd else "yes"),
              [services.script("accepts", services.ACCEPTS)], services.ACCEPTED)
if not t.PLAIN:
    t.subtest("openbsd-inetd: openssl s_client", s_client, openbsd_inetd)
t.finish(moved=1 << 20)
