#!/usr/bin/python3
"""The screens of the README are what the tool says. `readme.t --write` puts them there anew.

Between "<!-- screen: NAME -->" and "<!-- end of screen -->" stands a command with its output. Each
is run in a directory with the README's own policy, a certificate authority and a server; what differs
from day to day and from machine to machine (dates, keys, numbers, times) does not count."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

README = os.path.join(t.ROOT, "README.md")
SCREEN = re.compile(r"(<!-- screen: (\S+) -->\n\n)(.*?)(\n<!-- end of screen -->)", re.S)
PORT, COVERED = 8443, 4321  # the server's port and the number of a covered process, as written there
# Shakes hands and waits.
HOLDER = """
import socket, sys
s = socket.create_connection(('localhost', int(sys.argv[1])))
s.sendall(b'G')
print(flush=True)
sys.stdin.read()
"""


def policy_of(text):
    """The README's policy, with files that are here."""
    block = re.search(r"## A policy\n\n((?:    .*\n)+)", text).group(1)
    return "\n".join(line[4:] for line in block.splitlines()).replace("/etc/tlshim/", "") + "\n"


def place(readme):
    """The directory in which the commands run."""
    here = t.tmp("here")
    os.mkdir(here)
    for name, target in (("ca.pem", pki.ca), ("erp-ca.pem", pki.ca), ("other-ca.pem", pki.other_ca),
                         ("imap.pem", pki.cert), ("imap.key", pki.key), ("server.pem", pki.cert),
                         ("server.key", pki.key)):
        os.symlink(target, os.path.join(here, name))
    files = {"policy.conf": policy_of(readme),
             "wrong.conf": "[client erp]\nconnect = erp.example.com:5432\ntrsut = ca.pem\n"
                           "minimum-strength = 100\n",
             "page.html": "Hello\n"}
    for name, text in files.items():
        with open(os.path.join(here, name), "w") as f:
            f.write(text)
    return here


def start_holder(here, port):
    holder = t.start_program([os.path.join(t.BUILD, "tlshim"), "--trust", "ca.pem", "--", "/usr/bin/python3",
                              "-c", HOLDER, str(port)], cwd=here, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=t.environment())
    holder.stdout.readline()
    return holder


def end_holder(holder):
    holder.stdin.close()
    holder.wait(20)
    holder.stdout.close()


def run(command, here, port, covered):
    words = command.replace(str(PORT), str(port)).replace(str(COVERED), str(covered))
    env = {k: v for k, v in os.environ.items() if not k.startswith("TLSHIM_")}
    env.update(PATH=t.BUILD + ":" + env["PATH"], SSL_CERT_FILE=pki.ca)
    done = t.run(["sh", "-c", words + " 2>&1"], cwd=here, env=env)
    out = done.out.decode().replace(str(port), str(PORT)).replace(here + "/", "")
    out = re.sub(r"^%d " % covered, "%d " % COVERED, out)
    return "".join("    %s\n" % line if line else "\n"
                   for line in ["$ " + command] + out.rstrip("\n").split("\n"))


def constant(text):
    """Without what differs from one time to the next."""
    for pattern, instead in ((r"\d{4}-\d\d-\d\d", "DATE"), (r"sha256//\S+", "PIN"),
                             (r"\[\d+ #[0-9a-f]+\]", "[PID #ID]"), (r"\[\d+\](:?) ", r"[PID]\1 "),
                             (r"\d\d:\d\d:\d\d\.\d{3}Z", "TIME"), (r" {8,}\d+\.\d{3} ", " SECONDS "),
                             (r"serial [0-9a-f]+", "serial N"), (r"^( +)#[0-9a-f]+ ", r"\1#ID "),
                             (r"/\S+/python3[\d.]*,", "PYTHON,"), (r"connection #[0-9a-f]+", "connection #ID"), (r"\d+ (sealed|opened)", r"N \1"),
                             (r"\d+ bytes", "N bytes"), (r"127\.0\.0\.1:\d+", "127.0.0.1:P")):
        text = re.sub(pattern, instead, text, flags=re.M)
    return text


def screens(write):
    with open(README) as f:
        readme = f.read()
    here, port, new = place(readme), t.free_port(), readme
    argv = ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-cert", pki.cert, "-key",
            pki.key, "-tls1", "-cipher", "ECDHE-RSA-AES256-SHA:AES128-SHA:@SECLEVEL=0", "-WWW",
            "-serverpref", "-quiet"]
    with t.Server(argv, port, t.tmp("s_server.log"), cwd=here):
        found = SCREEN.findall(readme)
        with open(os.path.join(t.ROOT, "shim", "cli", "main.c")) as f:
            subcommands = re.findall(r'\{"(\w+)", \w+_command\}', f.read())
        shown = re.findall(r"\$ tlshim (\w+)", "".join(block for _, _, block, _ in found))
        t.is_((len(subcommands) >= 7, sorted(set(subcommands) - set(shown))), (True, []),
              "the README has a screen of each subcommand")
        for head, name, block, tail in found:
            command = re.match(r"    \$ (.*)\n", block).group(1)
            holder = start_holder(here, port) if name == "ps" else None
            got = run(command, here, port, holder.pid if holder else COVERED)
            if holder:  # s_server has one client at a time
                end_holder(holder)
            new = new.replace(head + block + tail, head + got + tail)
            t.is_(constant(got), constant(block), name + ": " + command)
            lines, width = got.splitlines(), 600 if name == "log" else 170
            t.ok(len(lines) <= 56 and max(map(len, lines)) <= width, name + ": it fits a screen",
                 got)
    if write:
        with open(README, "w") as f:
            f.write(new)


t.start(wire=False)
pki = t.Pki(t.tmp("pki"))
screens(sys.argv[1:] == ["--write"])
t.finish()
