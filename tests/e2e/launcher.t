#!/usr/bin/python3
"""The launcher: what it refuses to run and with which status, what it hands to what it runs, the
one-line forms."""

import os
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
LIBRARY = os.path.join(t.BUILD, "libtlshim.so")
TRUE = os.path.realpath(shutil.which("true"))
VARIABLES = ("TLSHIM_POLICY", "TLSHIM_POLICY_TEXT", "TLSHIM_STRICT", "TLSHIM_LOG", "TLSHIM_LOG_TO",
             "TLSHIM_LIBRARY", "LD_PRELOAD", "SSL_CERT_FILE", "SSL_CERT_DIR")


def tlshim(*args, cwd=None, **variables):
    env = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    env.update(variables)
    return t.run([LAUNCHER, *args], env={k: v for k, v in env.items() if v is not None}, cwd=cwd)


def result(name, done, status, out=None, err=None):
    """out, err: words that must be there; err "" wants silence."""
    good = done.status == status
    if out is not None:
        good = good and out.encode() in done.out
    if err is not None:
        good = good and (err.encode() in done.err if err else not done.err)
    return t.ok(good, name, "want status %s, %r, %r\n%s" % (status, out, err, done))


def write(name, content, mode=0o755):
    path = t.tmp(name)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, mode)
    return path


def compiled(name, *flags):
    path = t.tmp(name)
    subprocess.run(["cc", "-o", path, write(name + ".c", "int main(void) { return 0; }\n"), *flags],
                   check=True)
    return path


def patched(name, *changes):
    """A copy of true with bytes replaced, each once or more and of the same length."""
    with open(TRUE, "rb") as f:
        content = f.read()
    for old, new in changes:
        new = new.ljust(len(old), b"\0")
        assert old in content and len(new) == len(old)
        content = content.replace(old, new)
    return write(name, content)


def foreign_elf(name, bits, machine):
    """The head of a dynamic program of another kind."""
    interpreter = b"/lib/ld-linux.so.2\0"
    if bits == 32:
        head = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, machine, 1, 0, 52, 0, 0, 52,
                           32, 1, 0, 0, 0)
        head += struct.pack("<IIIIIIII", 3, 84, 0, 0, len(interpreter), 0, 4, 1)
    else:
        head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, machine, 1, 0, 64, 0, 0, 64,
                           56, 1, 0, 0, 0)
        head += struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(interpreter), 0, 1)
    return write(name, head + interpreter)


def interpreter_of_true():
    with open(TRUE, "rb") as f:
        content = f.read()
    start = content.index(b"/lib")
    return content[start:content.index(b"\0", start)]


# ---- help, usage ----

def usage():
    done = tlshim("--help")
    lines = done.out.decode().splitlines()
    result("--help says what to do", done, 0, "tlshim --trust ca.pem -- curl", "")
    t.ok(len(lines) <= 24 and max(map(len, lines)) <= 80, "--help fits 24 lines of 80 columns",
         "%d lines, the longest of %d" % (len(lines), max(map(len, lines))))
    result("no arguments: help, refused", tlshim(), 125, "", "tlshim --trust")
    result("--version", tlshim("--version"), 0, "tlshim 0.")
    for arguments, words in (
            (["--turst", "x", "true"], "unknown option --turst; did you mean --trust?"),
            (["--zebra"], "unknown option --zebra"),
            (["--strict=1", "true"], "--strict takes no value"),
            (["-p"], "-p needs a value"),
            (["--trust=", "true"], "--trust needs a value"),
            (["--trust", "system"], "no program is named"),
            (["--trust", "system", "--"], "no program is named"),
            (["--trust", "system", "--trust", "system", "true"], "--trust is given twice"),
            (["-p", policy, "--trust", "system", "true"], "-p FILE does not go with --trust"),
            (["--connect", "a:1", "true"], "need --trust"),
            (["--trust", pki.ca, "--listen", "*:1", "true"], "--listen needs --certificate"),
            (["--certificate", pki.cert, "true"], "--certificate and --key go together"),
            (["--certificate", pki.cert, "--key", pki.key, "--connect", "a:1", "true"],
             "--connect needs --trust"),
            (["ps", "x"], "ps takes numbers of processes")):
        result("usage: " + " ".join(map(os.path.basename, arguments)), tlshim(*arguments), 125, "",
               words)
    result("a subcommand misspelt", tlshim("ckeck", "x.conf"), 127, "",
           'there is no program "ckeck"; did you mean tlshim check?')


# ---- what cannot be run or covered ----

def refused_programs():
    def refused(name, status, path, *words):
        done = tlshim("-p", policy, "--", path)
        good = done.status == status and all(w.encode() in done.err for w in words)
        t.ok(good and not done.out, "%s: %d" % (name, status), "want %s\n%s" % (words, done))
        asked = tlshim("preflight", path)
        t.ok(asked.status == 1 and not asked.err and b"tlshim: " + asked.out == done.err,
             "%s: preflight says the same" % name, asked)

    refused("a program that is not there", 127, "no-such-program-anywhere", "in PATH")
    refused("a path that is not there", 127, t.tmp("nothing"), "there is no such program")
    refused("a file that is not executable", 126, write("plain.txt", "x", 0o644), "chmod +x")
    refused("a directory", 126, t.tmp(), "this is a directory")
    refused("a text without #!", 126, write("text", "echo x\n"),
            "neither an ELF program nor a script")
    refused("an empty file", 126, write("empty", ""), "neither an ELF program")
    refused("a broken ELF file", 126, write("broken", b"\x7fELF\2\1\1" + bytes(57)), "malformed")
    refused("a static program", 126, compiled("static", "-static"), "a static program", "stunnel")
    refused("a static-pie program", 126, compiled("static-pie", "-static-pie"), "a static program")
    refused("a program of musl", 126,
            patched("musl", (interpreter_of_true(), b"/lib/ld-musl-x86_64.so")),
            "another C library", "/lib/ld-musl")
    refused("a 32-bit program", 126, foreign_elf("elf32", 32, 3), "a 32-bit program for i386")
    refused("a program for another machine", 126, foreign_elf("arm", 64, 183),
            "a 64-bit program for AArch64")
    go_note = (struct.pack("<III", 4, 20, 3) + b"GNU\0", struct.pack("<III", 4, 20, 4) + b"Go\0\0")
    refused("a Go program, by its note", 126, patched("go-note", go_note), "a Go program",
            "past the C library")
    section = t.tmp("go-section")
    subprocess.run(["objcopy", "--add-section", ".go.buildinfo=" + TRUE, TRUE, section], check=True)
    refused("a Go program, by its section", 126, section, "a Go program")
    for name, mode, words in (("setuid", 0o4755, "setuid"), ("setgid", 0o2755, "setgid")):
        shutil.copy(TRUE, t.tmp(name))
        os.chmod(t.tmp(name), mode)
        refused("a %s program" % name, 126, t.tmp(name), words + " permissions", "privileged")
    shutil.copy(TRUE, t.tmp("setcap"))
    try:  # struct vfs_cap_data, revision 2: CAP_NET_BIND_SERVICE permitted and effective
        os.setxattr(t.tmp("setcap"), "security.capability",
                    struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
        refused("a program with file capabilities", 126, t.tmp("setcap"), "file capabilities")
    except OSError as e:
        t.skip("a program with file capabilities", "they cannot be set here: %s" % e)

    refused("a script of a static interpreter", 126,
            write("script", "#!%s -x\n" % t.tmp("static")), "/static: a static program")
    refused("a script by env of a setuid program", 126,
            write("env-script", "#!/usr/bin/env -S A=b setuid x\n"), "setuid permissions")
    refused("a script whose interpreter is not there", 126, write("orphan", "#! /nothing/sh\n"),
            "orphan: its interpreter: /nothing/sh: there is no such program")
    inner = "/bin/sh"
    for i in range(6):
        inner = write("level%d" % i, "#!%s\n" % inner)
    refused("scripts of scripts of scripts", 126, inner, "more than 4 scripts")


def uses():
    """What could not be covered of a program that can."""
    with open(t.tmp("calls.c"), "w") as f:
        f.write("#define _GNU_SOURCE\n#include <fcntl.h>\n#include <unistd.h>\n"
                "int main(void) { return (int)splice(0, 0, 1, 0, 1, 0) + (int)read(0, 0, 0); }\n")
    subprocess.run(["cc", "-o", t.tmp("calls"), t.tmp("calls.c")], check=True)
    done = tlshim("preflight", t.tmp("calls"))
    result("preflight names calls that are refused", done, 0, "%s: can be covered\n  it calls "
           "splice, which fails on a TLS connection: EINVAL\n" % t.tmp("calls"), "")
    t.ok(done.out.count(b"\n") == 2, "and no others", done)
    result("preflight names libraries with TLS", tlshim("preflight", "wget"), 0,
           "  libgnutls.so.30 brings TLS of its own: leave such connections plain\n", "")
    with open(t.tmp("confined.c"), "w") as f:
        f.write("#include <stdio.h>\n#include <sys/prctl.h>\nint main(int n, char **v) {"
                "return prctl(n) + puts(n > 1 ? v[0] : \"seccomp_sandbox\"); }\n")
    subprocess.run(["cc", "-o", t.tmp("confined"), t.tmp("confined.c")], check=True)
    result("preflight names programs with a system call filter",
           tlshim("preflight", t.tmp("confined")), 0, "  it may confine the program to some "
           "system calls (seccomp): tlshim's own are let through, but nothing is logged then "
           "(README)\n", "")
    for cut in (64, 600, 4000, 12000):
        with open(t.tmp("calls"), "rb") as f:
            content = f.read()
        path = write("cut%d" % cut, content[:cut])
        done = tlshim("preflight", path)
        t.ok(done.status in (0, 1), "preflight of a program cut after %d bytes" % cut, done)


# ---- what is handed over ----

def handed_over():
    write("show", "#!/bin/sh\necho pid=$$ \"$0\" \"$@\"\nenv\nexit 7\n")
    done = tlshim("-p", os.path.basename(policy), "--", "./show", "a b", "--trust", cwd=t.tmp())
    result("arguments and status pass through", done, 7, "./show a b --trust\n", "")
    env = dict(line.split("=", 1) for line in done.out.decode().splitlines() if "=" in line)
    t.is_(env.get("LD_PRELOAD"), LIBRARY, "the library beside the launcher is preloaded")
    t.is_(env.get("TLSHIM_POLICY"), policy, "a relative policy is handed over as absolute")
    t.ok("TLSHIM_POLICY_TEXT" not in env and "TLSHIM_STRICT" not in env, "and nothing else")

    child = t.start_program([LAUNCHER, "-p", policy, "--", "sh", "-c", "echo $$"],
                            stdout=subprocess.PIPE)
    t.is_(int(child.communicate()[0]), child.pid, "the process id stays")

    other = t.tmp("other.so")
    subprocess.run(["cc", "-shared", "-o", other, write("other.c", "")], check=True)
    done = tlshim("-p", policy, "env", LD_PRELOAD=other)
    t.ok(b"LD_PRELOAD=%s:%s\n" % (LIBRARY.encode(), other.encode()) in done.out,
         "what LD_PRELOAD had is kept behind the library", done)
    done = tlshim("-p", policy, LAUNCHER, "-p", policy, "env")
    t.ok(b"LD_PRELOAD=%s\n" % LIBRARY.encode() in done.out, "tlshim under tlshim adds it once",
         done)

    done = tlshim("-p", policy, "env", TLSHIM_POLICY_TEXT="nonsense")
    t.ok(done.status == 0 and b"POLICY_TEXT" not in done.out, "-p replaces an inherited text", done)
    result("a path and a text inherited: refused", tlshim("true", TLSHIM_POLICY=policy,
           TLSHIM_POLICY_TEXT=""), 125, "", "are both set")
    result("the policy of the environment", tlshim("env", TLSHIM_POLICY=policy), 0, policy)
    result("--strict reaches the program", tlshim("-p", policy, "--strict", "env"), 0,
           "TLSHIM_STRICT=1\n")
    done = tlshim("-p", policy, "env", TLSHIM_LOG_TO="shim.log", cwd=t.tmp())
    t.ok(("TLSHIM_LOG_TO=" + t.tmp("shim.log")).encode() in done.out,
         "a relative log file is handed over as absolute", done)
    script = write("by-env", "#!/usr/bin/env sh\nexit 3\n")
    result("a script by env", tlshim("-p", policy, script), 3)


def preflight():
    script = write("covered-script", "#!/usr/bin/env sh\n")
    for name, path in (("a program in PATH", "sh"), ("a path", TRUE), ("a script", script)):
        result("preflight: " + name, tlshim("preflight", path), 0,
               (shutil.which(path) or path) + ": can be covered\n", "")
    result("preflight: usage", tlshim("preflight"), 125, "", "takes one program")
    result("preflight: an option", tlshim("preflight", "-x", "sh"), 125, "", "unknown option -x")


def library_trouble():
    def refused(name, words, **variables):
        result(name, tlshim("-p", policy, "true", **variables), 125, "", words)

    refused("a library that is not there", "No such file", TLSHIM_LIBRARY=t.tmp("nothing.so"))
    refused("a library that is text", "this is no shared library", TLSHIM_LIBRARY=policy)
    refused("a library that is a program", "this is no shared library", TLSHIM_LIBRARY=TRUE)
    with open(LIBRARY, "rb") as whole, open(t.tmp("half.so"), "wb") as half:
        half.write(whole.read(100000))
    refused("a library that is half there", "ends too early", TLSHIM_LIBRARY=t.tmp("half.so"))
    shutil.copy(LIBRARY, t.tmp("with space.so"))
    refused("a library whose path has a space", "no space or colon",
            TLSHIM_LIBRARY=t.tmp("with space.so"))
    os.makedirs(t.tmp("lone"))
    shutil.copy(LAUNCHER, t.tmp("lone", "tlshim"))
    lone = t.run([t.tmp("lone", "tlshim"), "-p", policy, "true"])
    result("a launcher without library", lone, 125, "", "there is no libtlshim.so beside")
    os.makedirs(t.tmp("prefix", "bin"))
    os.makedirs(t.tmp("prefix", "lib"))
    shutil.copy(LAUNCHER, t.tmp("prefix", "bin", "tlshim"))
    shutil.copy(LIBRARY, t.tmp("prefix", "lib", "libtlshim.so"))
    done = t.run([t.tmp("prefix", "bin", "tlshim"), "-p", policy, "env"])
    result("an installed launcher finds ../lib", done, 0, "LD_PRELOAD=" +
           t.tmp("prefix", "lib", "libtlshim.so"), "")


# ---- one-line forms ----

def one_line():
    def text(name, arguments, want, **variables):
        done = tlshim(*arguments, "--", "sh", "-c", 'printf %s "$TLSHIM_POLICY_TEXT"', cwd=t.tmp(),
                      **variables)
        t.ok(done.status == 0 and done.out.decode() == want and not done.err, name,
             "want %r\n%s" % (want, done))

    ca, cert, key = pki.ca, pki.cert, pki.key
    connects = "[client connects]\nconnect = *:*\ntrust = %s\n" % ca
    listeners = "[server listeners]\nlisten = *:*\ncertificate = %s\nkey = %s\n" % (cert, key)
    text("--trust", ["--trust", ca], connects + "[plain listeners]\nlisten = *:*\n")
    text("--trust=system", ["--trust=system"], "[client connects]\nconnect = *:*\ntrust = system\n"
         "[plain listeners]\nlisten = *:*\n", SSL_CERT_FILE=ca)
    text("--certificate and --key", ["--certificate", cert, "--key", key],
         "[plain connects]\nconnect = *:*\n" + listeners)
    text("both", ["--trust", ca, "--certificate", cert, "--key", key], connects + listeners)
    text("--connect and --except, repeated",
         ["--trust", ca, "--connect", "a.test:1", "--connect", "10.0.0.0/8:*", "--except",
          "b.test:2", "--except", "[::1]:3"],
         "[plain except]\nconnect = b.test:2 [::1]:3\n[client connects]\nconnect = a.test:1 "
         "10.0.0.0/8:*\ntrust = %s\n[plain listeners]\nlisten = *:*\n" % ca)
    text("--listen and --except", ["--certificate", cert, "--key", key, "--listen", "*:993",
                                   "--except", "127.0.0.1:*"],
         "[plain except]\nlisten = 127.0.0.1:*\n[plain connects]\nconnect = *:*\n"
         "[server listeners]\nlisten = *:993\ncertificate = %s\nkey = %s\n" % (cert, key))
    text("both, a name excepted", ["--trust", ca, "--certificate", cert, "--key", key, "--except",
                                   "b.test:2", "--except", "10.0.0.1:5"],
         "[plain except]\nconnect = b.test:2 10.0.0.1:5\nlisten = 10.0.0.1:5\n" + connects +
         listeners)
    shutil.copy(ca, t.tmp("c $a #1.pem".replace(" #", "#")))
    text("a relative path with a space and a $", ["--trust", "c $a#1.pem"],
         "[client connects]\nconnect = *:*\ntrust = %s\n[plain listeners]\nlisten = *:*\n" %
         t.tmp("c $$a#1.pem"))
    for name, arguments, words in (
            ("a path that a policy cannot hold", ["--trust", "a #b"], "before a #"),
            ("a wrong pattern", ["--trust", ca, "--connect", "a.test"],
             '(command line):2:11: "a.test": the port is missing'),
            ("a name to listen on", ["--certificate", cert, "--key", key, "--listen", "a.test:1"],
             "a listener has an address, not a name"),
            ("a file that is not there", ["--trust", "/nothing.pem"],
             "(command line):3:9: trust: /nothing.pem: there is no such file")):
        result("one-line form: " + name, tlshim(*arguments, "true"), 125, "", words)
    done = tlshim("--trust", ca, "true", TLSHIM_LOG="info")
    result("it says once what it leaves alone", done, 0, "",
           "info: connects are covered, listeners are left alone\n")


t.start(wire=False)
os.environ["PATH"] += ":" + t.tmp()
pki = t.Pki(t.tmp("pki"))
policy = write("policy.conf", "[client all]\nconnect = *:*\ntrust = %s\n" % pki.ca, 0o644)
usage()
refused_programs()
uses()
handed_over()
preflight()
library_trouble()
one_line()
t.finish()
