#!/usr/bin/python3
"""How programs come to run with the library: lines 3, 4, 6, 7, 7a and 7b of shared/acceptance.md.
Lines 1 and 5 are in tests/structure.t and tests/e2e/policy.t. Each program of tests/contract/load_*.c
talks TLS 1.0 to OpenSSL, or must be refused."""

import glob
import os
import re
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

PROGRAMS = os.environ.get("LOAD_PROGRAMS", os.path.join(t.BUILD, "tests"))
LIBRARY = os.path.join(t.BUILD, "libtlshim.so")
HERE = os.path.dirname(os.path.abspath(__file__))
exchanges = 0


def echo(stream):
    """Gives back what comes, until the end."""
    while True:
        data = stream.recv(65536)
        if not data:
            break
        stream.sendall(data)


def program(name):
    return os.path.join(PROGRAMS, name)


def run(argv, preload=None, **more):
    """argv with the port of an echo server in place of PORT, as a covered client. preload: all that
    LD_PRELOAD is to hold, without the launcher; else the launcher starts it."""
    global exchanges
    with t.TlsServer(t.STACKS[0], pki, echo) as server:
        argv = [word.replace("PORT", str(server.port)) for word in argv]
        more = {key: word.replace("PORT", str(server.port)) for key, word in more.items()}
        env = t.environment(log=t.tmp("log"), **more)
        if preload:
            env.update(LD_PRELOAD=preload, TLSHIM_POLICY=policy)
        else:
            argv = t.client(argv, pki.ca)
        done = t.run(argv, env=env)
        exchanges += server.accepted
    return done


def good(argv, words, **options):
    """None when the program ends well and says these lines."""
    done = run(argv, **options)
    said = done.out.decode(errors="replace").split("\n")[:-1]
    if done.status != 0 or said != words:
        return "%s\nwanted: %s\nlog: %s" % (done, words, t.read_text(t.tmp("log"))[-1500:])
    return None


def own_names():
    """load_names, with a function for each name inside the library that is not one of the C
    library's or the program's."""
    inside = subprocess.run(["nm", LIBRARY], check=True, stdout=subprocess.PIPE, text=True).stdout
    names = set(re.findall(r"^[0-9a-f]+ [tTdDbBrR] ([a-z]\w+)$", inside, re.M))
    libc = subprocess.run(["gcc", "-print-file-name=libc.so.6"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    taken = subprocess.run(["nm", "-D", "--defined-only", libc], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    names -= {line.split()[-1].split("@")[0] for line in taken.splitlines()}
    names -= {"main", "frame_dummy", "deregister_tm_clones", "register_tm_clones"}
    names -= {name for name in names if name.startswith("load_")}
    names |= {"read_all", "log", "ini_parse", "nettle_sha1_update"}
    source = t.tmp("names.c")
    with open(source, "w") as f:
        f.write("void abort(void);\n")
        f.writelines("void %s(void) { abort(); }\n" % name for name in sorted(names))
    target = t.tmp("names")
    subprocess.run(["gcc", "-w", "-fno-builtin", "-rdynamic", "-o", target, source,
                    os.path.join(HERE, "load_names.c"), os.path.join(HERE, "load_exchange.c")],
                   check=True)
    return len(names), target


def names():
    number, target = own_names()
    if number < 200:
        return "only %d names" % number
    return good([target, "PORT"], ["main: good"])


def fortified(what):
    done = run([program("load_fortify"), "PORT", what])
    if done.status == -signal.SIGABRT and done.err.endswith(b"***: terminated\n"):
        return None
    return str(done)


def confined(what):
    directory = t.tmp("empty")
    os.makedirs(directory, exist_ok=True)
    os.chmod(directory, 0o755)
    return good([program("load_confined"), "PORT", what, directory],
                ["after: good"] if what == "root" else [])


def preloaded(*libraries):
    """A library whose constructor uses sockets, and this one, in either order."""
    return good(["/bin/true"], ["constructor of a library: good"],
                preload=":".join(libraries), LOAD_CONSTRUCTOR_PORT="PORT")


def in_space():
    """In a name space of its own the library is not loaded: TLS, or no connection; the capture says
    whether a byte went out as it was."""
    done = run([program("load_space"), "PORT", program("libload.so")])
    if done.status == 0 and done.out in (b"refused\n", b"library loaded at run time: good\n"):
        return None
    return str(done)


def other_preloads():
    """By name: a library that programs are often run with, or None."""
    found = {}
    for name, pattern in (("jemalloc", "*/libjemalloc.so.2"),
                          ("tcmalloc", "*/libtcmalloc_minimal.so.4"),
                          ("mimalloc", "*/libmimalloc.so.2.0"),
                          ("AddressSanitizer", "*/libasan.so.8"),
                          ("eatmydata", "*/libeatmydata.so.1"),
                          ("faketime", "*/faketime/libfaketimeMT.so.1"),
                          ("fakeroot", "*/libfakeroot/libfakeroot-sysv.so"),
                          ("stdbuf", "../libexec/coreutils/libstdbuf.so")):
        found[name] = (glob.glob("/usr/lib/" + pattern) + [None])[0]
    return found


def with_preloads(*libraries):
    """A threaded program with many connections."""
    done = t.run([program("contract"), "1", "26 threads that accept and connect"],
                 env=t.environment(log=t.tmp("log"), LD_PRELOAD=":".join(libraries),
                                   TLSHIM_POLICY=policy,
                                   ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0"))
    if done.status == 0 and done.out == b"good 120, served 120\n":
        return None
    return str(done)


ASYNCHRONOUS = """
import ctypes, socket, struct, sys
class Request(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("service", ctypes.c_char_p), ("asked", ctypes.c_void_p),
                ("result", ctypes.c_void_p), ("private", ctypes.c_int * 6)]
libc = ctypes.CDLL(None)
request = Request(b"localhost")
one = (ctypes.POINTER(Request) * 1)(ctypes.pointer(request))
assert libc.getaddrinfo_a(0, one, 1, None) == 0 and libc.gai_error(ctypes.byref(request)) == 0
s = socket.socket()
address = struct.pack("=HHI8x", socket.AF_INET, socket.htons(int(sys.argv[1])),
                      socket.htonl(0x7f000001))
assert libc.connect(s.fileno(), address, 16) == 0
s.sendall(b"by name")
assert s.recv(7, socket.MSG_WAITALL) == b"by name"
"""


def asynchronous():
    """getaddrinfo_a, whose results gai_error announces: a rule for the name holds."""
    global exchanges
    with t.TlsServer(t.STACKS[0], pki, echo) as server:
        text = "[defaults]\nunmatched = deny\n[client a]\nconnect = localhost:*\ntrust = %s\n" % pki.ca
        done = t.run([os.path.join(t.BUILD, "tlshim"), "-p", t.policy_file("name", text), "--",
                      t.PYTHON, "-c", ASYNCHRONOUS, str(server.port)],
                     env=t.environment(log=t.tmp("log")))
        exchanges += server.accepted
    return None if done.status == 0 and server.accepted == 1 else "%s\nlog: %s" % (
        done, t.read_text(t.tmp("log"))[-1000:])


def inherited_listener():
    """Socket activation: the listener was made by a process without the library."""
    served = "import socket; c, _ = socket.socket(fileno=3).accept(); c.sendall(c.recv(99).upper())"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        child = start_with(listener, 3, t.server([t.PYTHON, "-c", served], pki.cert, pki.key))
        stream = t.tls_connect(t.STACKS[0], port, pki.ca)
        stream.sendall(b"activated")
        got = t.receive_all(stream, 9)
        stream.close()
        child.wait(10)
    return None if got == b"ACTIVATED" else "got %r" % got


def start_with(sock, number, argv):
    """argv with sock at this number, as a service manager starts it."""
    code = ("import os, sys; os.dup2(%d, %d); os.execvp(sys.argv[1], sys.argv[1:])"
            % (sock.fileno(), number))
    return t.start_program([t.PYTHON, "-c", code] + argv, pass_fds=(sock.fileno(),),
                           env=t.environment(log=t.tmp("log")))


def accepted_outside():
    """An inetd without the library accepts; the program that it starts has the socket as its
    standard input and output."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        text = ("[defaults]\nunmatched = deny\n[server all]\nlisten = *:%d\ncertificate = %s\n"
                "key = %s\n" % (port, pki.cert, pki.key))
        launcher = [os.path.join(t.BUILD, "tlshim"), "-p", t.policy_file("inetd", text), "--"]
        result = []
        client = threading.Thread(target=lambda: result.append(ask(port)))
        client.start()
        sock, _ = listener.accept()
        child = t.start_program(launcher + ["cat"], stdin=sock, stdout=sock,
                                env=t.environment(log=t.tmp("log")))
        sock.close()
        client.join(15)
        child.wait(10)
    return None if result == [b"through inetd"] else "%r; log: %s" % (
        result, t.read_text(t.tmp("log"))[-1000:])


def ask(port):
    stream = t.tls_connect(t.STACKS[0], port, pki.ca, timeout=10)
    stream.sendall(b"through inetd")
    got = t.receive_all(stream, 13)
    stream.close_write()
    stream.close()
    return got


t.start()
pki = t.Pki(t.tmp("pki"))
policy = t.policy_file("policy", """[defaults]
unmatched = plain
[client all]
connect = *:*
trust = %s
[server all]
listen = *:*
certificate = %s
key = %s
""" % (pki.ca, pki.cert, pki.key))

t.subtest("3 .preinit_array, constructors, main", good, [program("load_early"), "PORT"],
          ["preinit_array: good", "constructor: good", "main: good"])
t.subtest("3 the constructor of a library preloaded before", preloaded, program("libload.so"), LIBRARY)
t.subtest("3 the constructor of a library preloaded after", preloaded, LIBRARY, program("libload.so"))
t.subtest("7 dlsym and dlopen", good, [program("load_dl"), "PORT", program("libload.so")],
          ["RTLD_DEFAULT: good", "RTLD_NEXT: good", "dlopen(NULL): good",
           "library loaded at run time: good"])
for name, path in other_preloads().items():
    for what, order in (("before", [path, LIBRARY]), ("after", [LIBRARY, path])):
        if path is None:
            t.skip("4 %s preloaded %s" % (name, what), "it is not installed")
        else:
            t.subtest("4 %s preloaded %s" % (name, what), with_preloads, *order)
t.subtest("6 _FORTIFY_SOURCE=3 works", good, [program("load_fortify"), "PORT", "good"], [])
for what in ("read", "recv", "recvfrom", "poll", "ppoll", "FD_SET"):
    t.subtest("6 %s that overflows aborts" % what, fortified, what)
t.subtest("7 a program with names of its own for all that is inside the library", names)
t.subtest("7 dlmopen", in_space)
t.subtest("7 getaddrinfo_a", asynchronous)
if os.getuid() == 0:
    t.subtest("7a chroot and another user", confined, "root")
else:
    t.skip("7a chroot and another user", "needs root")
t.subtest("7a a seccomp filter", confined, "calls")
t.subtest("7a a seccomp filter by number", confined, "by number")
t.subtest("7b a listener from outside", inherited_listener)
t.subtest("7b a connection accepted outside", accepted_outside)
t.finish(moved=exchanges * 50)
