#!/usr/bin/python3
"""Manuals, completion, help and code say the same: every key, option, subcommand and variable is
documented, and every documented one exists."""

import configparser
import glob
import os
import re
import shlex
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

LAUNCHER = os.path.join(t.BUILD, "tlshim")
COMPLETION = os.path.join(t.ROOT, "docs", "completion", "tlshim.bash")


def read(*names):
    with open(os.path.join(t.ROOT, *names)) as f:
        return f.read()


def manual(name):
    """The source of a manual, without escapes of hyphens, and how groff likes it."""
    return read("docs", "man", name).replace("\\-", "-")


def section(text, title):
    """From a heading to the next of the same rank or higher."""
    kind = re.search(r'^\.(S[HS]) "?%s"?$' % re.escape(title), text, re.M)
    end = re.search(r"^\.SH" if kind.group(1) == "SH" else r"^\.S[HS]", text[kind.end():], re.M)
    return text[kind.end():kind.end() + end.start()] if end else text[kind.end():]


def tagged(text):
    """The first words of the paragraphs that have a tag."""
    return sorted(re.findall(r"^\.TP\n\.(?:B|BI|BR|IR) \"?([^\s\"]+)", text, re.M))


def keys():
    rows = re.findall(r'^ +X\((\w+), "([a-z0-9-]+)", +(.+?), +(\S+(?: [|] \S+)*)\) *\\?$',
                      read("policy", "policy_keys.h"), re.M)
    t.ok(len(rows) > 40, "the table of keys is understood", rows)
    honoured = sorted(name for _, name, _, where in rows if where != "0")
    refused = sorted(name for _, name, _, where in rows if where == "0")
    conf = manual("tlshim.conf.5")
    t.is_(tagged(section(conf, "KEYS")), honoured, "tlshim.conf(5) has every key, and no other")
    names = re.findall(r"^\.BR ([a-z0-9-]+) [,.]$", section(conf, "Not in this version"), re.M)
    t.is_(sorted(names), refused, "and every key that this version refuses")


def options():
    """Each table of options in the launcher's sources, by subcommand."""
    page, help_text = manual("tlshim.1"), t.run([LAUNCHER, "--help"]).out.decode()
    completion = read("docs", "completion", "tlshim.bash")
    tables = {}
    for path in glob.glob(os.path.join(t.ROOT, "shim", "cli", "*.c")):
        with open(path) as f:
            found = re.findall(r'\{"(--?[a-z-]+)", (?:true|false)\}', f.read())
        if found:
            tables[os.path.basename(path)[:-2]] = sorted(found)
    commands = sorted(set(tables) - {"launch"})
    t.is_(commands, ["check", "explain", "learn", "probe", "trace"], "the tables of options are found")
    t.is_(tagged(section(page, "OPTIONS")), sorted(tables["launch"] + ["--help", "--version"]),
          "tlshim(1) has the launcher's options, and no other")
    words = [o for command in commands for o in tables[command] if o != "-p"]
    t.is_(tagged(section(page, "SUBCOMMANDS")), sorted(commands + ["preflight", "ps"] + words),
          "and the subcommands with theirs")
    t.is_([c for c in commands + ["preflight"] if "tlshim %s " % c not in help_text], [],
          "--help names each subcommand")
    for command in commands:
        words = re.search(r"%s[ |a-z]*\).*?;;" % command, completion, re.S).group(0)
        missing = [o for o in tables[command] if o not in words]
        t.is_(missing, [], "completion knows the options of " + command)
    words = re.search(r"_tlshim_offer -W '(-p --strict.*?)'", completion, re.S).group(1).split()
    t.is_([o for o in tables["launch"] if o not in words], [],
          "completion knows the launcher's options")
    t.is_([o for o in tables["launch"] if o not in help_text], [], "--help names each of them")


def variables():
    used = set()
    for path in glob.glob(os.path.join(t.ROOT, "shim", "*.c")) + \
            glob.glob(os.path.join(t.ROOT, "shim", "cli", "*.c")):
        with open(path) as f:
            used |= set(re.findall(r'getenv\("([A-Z_]+)"\)', f.read()))
    known = re.findall(r"^\.TP\n\.BR? (.*)$", section(manual("tlshim.1"), "ENVIRONMENT"), re.M)
    known = set(re.findall(r"[A-Z_]{4,}", " ".join(known)))
    t.is_(sorted(known), sorted(used), "tlshim(1) has every variable that is looked at")


def example():
    """The policy that tlshim.conf(5) shows is one."""
    text = re.search(r"^\.EX\n(.*?)^\.EE", manual("tlshim.conf.5"), re.M | re.S).group(1)
    with open(t.tmp("example.conf"), "w") as f:
        f.write(text)
    done = t.run([LAUNCHER, "explain", "-p", t.tmp("example.conf"), "--all"],
                 env=dict(os.environ, CREDENTIALS_DIRECTORY="/run/x"))
    t.ok(done.status == 0 and b"[server imap]\nlisten = *:993\n" in done.out,
         "the example of tlshim.conf(5) is a policy", done)


def examples():
    """What docs/examples holds works, with the paths of this machine."""
    policy = os.path.join(t.ROOT, "docs", "examples", "policy.conf")
    done = t.run([LAUNCHER, "explain", "-p", policy, "--all"],
                 env=dict(os.environ, CREDENTIALS_DIRECTORY="/run/x"))
    t.ok(done.status == 0 and b"\nkey = /run/x/redis.key\n" in done.out, "the example's policy", done)
    drop_in = configparser.RawConfigParser(strict=False)
    drop_in.optionxform = str
    drop_in.read_string(read("docs", "examples", "systemd.conf"))
    service = dict(drop_in.items("Service"))
    words = service["ExecStart"].split()
    plain = t.policy_file("plain.conf", "[plain p]\nconnect = *:*\n")
    words = [LAUNCHER, "-p", plain, "--", "echo"] + words[5:]
    done = t.run(words, env=dict(os.environ, **dict(
        pair.split("=", 1) for pair in service["Environment"].split())))
    t.ok(done.status == 0 and done.out == b"/etc/redis/redis.conf --supervised systemd --daemonize "
         b"no\n" and not done.err, "the drop-in for systemd starts the service's own command", done)


def typography():
    if not shutil.which("groff"):
        t.skip("groff has nothing to say about the manuals", "there is no groff")
        return
    pages = [os.path.join(t.ROOT, "docs", "man", name)
             for name in ("tlshim.1", "tlshim.conf.5", "libtlshim.8")]
    done = t.run(["groff", "-man", "-Tutf8", "-ww", "-z"] + pages)
    t.ok(done.status == 0 and not done.err, "groff has nothing to say about the manuals", done)


COMPLETIONS = [  # what was typed; what must be among the offers
    (["tlshim", "che"], ["check"]),
    (["tlshim", "--tr"], ["--trust"]),
    (["tlshim", "--trust", "sy"], ["system"]),
    (["tlshim", "-p", "exam"], ["example.conf"]),
    (["tlshim", "check", "--format", "j"], ["json"]),
    (["tlshim", "check", "exam"], ["example.conf"]),
    (["tlshim", "explain", "con"], ["connect"]),
    (["tlshim", "preflight", "ech"], ["echo"]),
    (["tlshim", "probe", "--ru"], ["--rule"]),
    (["tlshim", "trace", "-"], ["-o", "--trust"]),
    (["tlshim", "trace", "-o", "exam"], ["example.conf"]),
    (["tlshim", "trace", "-o", "x", "--tru"], ["--trust"]),
    (["tlshim", "learn", "ech"], ["echo"]),
    (["tlshim", "--strict", "ech"], ["echo"]),
]


def completion():
    """All in one shell."""
    script = 'source "$1"; compopt() { :; }\n'
    for line, _ in COMPLETIONS:
        script += "COMP_WORDS=(%s); COMP_CWORD=%d; COMPREPLY=(); _tlshim\n" % (
            " ".join(map(shlex.quote, line)), len(line) - 1)
        script += 'printf "%s\\n" "${COMPREPLY[@]}"; printf "\\0"\n'
    done = t.run(["bash", "-c", script, "bash", COMPLETION], cwd=t.tmp())
    t.ok(done.status == 0 and not done.err, "the completion has nothing to complain of", done)
    for (line, wanted), got in zip(COMPLETIONS, done.out.decode().split("\0")):
        t.ok(all(w in got.split("\n") for w in wanted), "completion of: " + " ".join(line),
             "want %s, got %.500s" % (wanted, got))


t.start(wire=False)
keys()
options()
variables()
example()
examples()
typography()
completion()
t.finish()
