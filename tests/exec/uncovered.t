#!/usr/bin/python3
"""Programs that cannot be covered: refused while a connection would go along, else as the policy
says (contract lines 38 and 39). The program is Python, which executes and passes descriptors."""

import os
import shutil
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

POLICY = """[defaults]
unmatched = plain
verify-name = localhost
%s
[client all]
connect = *:%d
trust = %s
"""
EXECUTE = """
import os, socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"x")
if sys.argv[2] == "along":
    os.set_inheritable(s.fileno(), True)
try:
    pid = os.fork()
    if pid == 0:
        os.execv(sys.argv[3], sys.argv[3:])
except OSError as e:
    print(e.strerror, flush=True)
    os._exit(1)
os.waitpid(pid, 0)
"""
PASS = """
import array, socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"x")
u = socket.socket(socket.AF_UNIX)
u.connect(sys.argv[2])
try:
    u.sendmsg([b"m"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
except OSError as e:
    print(e.strerror)
"""
MISFIT = """
import os, socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"x")
with open(os.environ["TLSHIM_POLICY"], "w") as f:
    f.write("[defaults]\\n%s = 1\\n")
os.dup2(s.fileno(), 2)
os.execv("/bin/true", ["true"])
"""

UPGRADE = """
import os, sys
os.rename(sys.argv[2], sys.argv[1])
try:
    os.execv("/bin/echo", ["echo", "executed"])
except OSError as e:
    print(e.strerror)
"""


def cannot_begin():
    """The executed program's policy is wrong, and its descriptor 2 is the connection: the message
    is not for the peer. The capture tells."""
    server = t.TlsServer(t.STACKS[0], pki, lambda stream: t.receive_all(stream))
    policy = t.policy_file("policy", POLICY % ("", server.port, pki.ca))
    done = t.run([os.path.join(t.BUILD, "tlshim"), "-p", policy, "--", t.PYTHON, "-c",
                  MISFIT % t.MARKER.decode(), str(server.port)], timeout=60,
                 env=t.environment(log=t.tmp("log")))
    server.close()
    return None if done.status == 125 else "status %s %s" % (done.status, done.err)


def runs(script, arguments, settings=""):
    server = t.TlsServer(t.STACKS[0], pki, lambda stream: t.receive_all(stream))
    policy = t.policy_file("policy", POLICY % (settings, server.port, pki.ca))
    done = t.run([os.path.join(t.BUILD, "tlshim"), "-p", policy, "--", t.PYTHON, "-c", script,
                  str(server.port)] + arguments, timeout=60, env=t.environment(log=t.tmp("log")))
    server.close()
    return done.out.decode().strip()


def says(script, arguments, want, settings=""):
    got = runs(script, arguments, settings)
    return None if got == want else "%r\n%s" % (got, t.read_text(t.tmp("log"))[-1500:])


def upgraded(whole):
    """The library's file is another while the program runs; one that is still being written, which
    the dynamic linker would do without."""
    library, new = t.tmp("lib", "libtlshim.so"), t.tmp("lib", "new")
    os.makedirs(t.tmp("lib"), exist_ok=True)
    shutil.copy(os.path.join(t.BUILD, "libtlshim.so"), library)
    with open(library, "rb") as f, open(new, "wb") as g:
        g.write(f.read(-1 if whole else 100000))
    policy = t.policy_file("policy", POLICY % ("", 1, pki.ca))
    done = t.run([os.path.join(t.BUILD, "tlshim"), "-p", policy, "--", t.PYTHON, "-c", UPGRADE,
                  library, new], env=t.environment(log=t.tmp("log"), TLSHIM_LIBRARY=library))
    want, log = ("executed", "") if whole else (REFUSED, "the file ends too early")
    said = t.read_text(t.tmp("log"))
    return None if done.out.decode().strip() == want and log in said else "%s %s" % (done, said)


def passes():
    """The receiver is this test, which is not covered."""
    path, came = t.tmp("socket"), []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def receive():
        came.extend(listener.accept()[0].recvmsg(10, 1000)[1])
    threading.Thread(target=receive, daemon=True).start()
    return says(PASS, [path], "Operation not permitted") or came


def static_echo():
    source, program = t.tmp("static.c"), t.tmp("static")
    with open(source, "w") as f:
        f.write("#include <stdio.h>\nint main(int c, char **v) { return puts(v[c - 1]) < 0; }\n")
    t.run([os.environ.get("CC", "gcc"), "-static", "-o", program, source])
    return program


t.start()
pki = t.Pki(t.tmp("pki"))
setuid = t.tmp("setuid")
shutil.copy("/bin/echo", setuid)
os.chmod(setuid, 0o4755)
REFUSED = "Operation not permitted"
PLAIN = "uncovered-child = plain"
for kind, program in (("setuid", setuid), ("static", static_echo())):
    for settings, along, want in (("", "along", REFUSED), ("", "closed", REFUSED),
                                  (PLAIN, "along", REFUSED), (PLAIN, "closed", "hello")):
        t.subtest("38 a %s program, %s, %s" % (kind, along, settings or "as it is built in"), says,
                  EXECUTE, [along, program, "hello"], want, settings)
t.subtest("38 children = drop: not with a connection", says, EXECUTE,
          ["along", "/bin/echo", "hello"], REFUSED, "children = drop")
t.subtest("38 children = drop: without", says, EXECUTE,
          ["closed", "/bin/sh", "-c", "echo hello $LD_PRELOAD"], "hello", "children = drop")
t.subtest("38 a covered program gets it", says, EXECUTE, ["along", "/bin/echo", "hello"], "hello")
t.subtest("38 a message why it cannot begin does not go to the peer", cannot_begin)
t.subtest("5 the library's file is replaced", upgraded, True)
t.subtest("5 the library's file is half there: refused", upgraded, False)
t.subtest("39 SCM_RIGHTS to a program that is not covered", passes)
t.finish()
