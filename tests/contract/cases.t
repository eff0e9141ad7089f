#!/usr/bin/python3
"""The contract of shared/acceptance.md, lines 2, 8 to 37, 39, 40 and 42: each case of the program
tests/contract runs plain and under tlshim, and must see the same. What may differ is listed here,
each difference with its reason. Line 41 is the capture's verdict at the end.

CONTRACT_ONLY=TEXT runs only the cases whose names hold the text. CONTRACT_MIB changes how much the
test of line 26 moves each way (64)."""

import concurrent.futures
import difflib
import os
import secrets
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

PROGRAM = os.environ.get("CONTRACT_PROGRAM", os.path.join(t.BUILD, "tests", "contract"))
LAUNCHER = os.path.join(t.BUILD, "tlshim")
ONLY = os.environ.get("CONTRACT_ONLY", "")
PATIENCE = 40 + int(os.environ.get("CONTRACT_MIB", "0")) // 8

# Ports are a family's base plus the case's slot; enum port in contract.h.
POLICY = """[defaults]
unmatched = plain
verify-name = localhost
[client all]
connect = *:10000-10999 *:12000-12999
trust = CA
[server all]
listen = *:10000-10999
certificate = CERT
key = KEY
[server relayed]
listen = *:11000-11999
certificate = CERT
key = KEY
record-splitting = off
[server hurried]
listen = *:14000-14999
certificate = CERT
key = KEY
handshake-timeout = 1
[client eager]
connect = *:15000-15999
trust = CA
handshake = connect
[client tolerant]
connect = *:16000-16999
trust = CA
truncation = allow
[deny denied]
connect = *:17000-17999
"""

# What a case must see under tlshim where that differs from a plain socket, and why.
FAILED = "a failed handshake is EPROTO; SO_ERROR tells it once, reading each time"
CUT = "a stream that was cut never looks ended"
DIFFERENT = {
    "8 the peer speaks no TLS: told by read": (FAILED, """\
connect EINPROGRESS
poll OUT
read EPROTO
SO_ERROR none
read EPROTO
poll IN|OUT|HUP|RDHUP
"""),
    "8 the peer speaks no TLS: told by write": (FAILED, """\
connect EINPROGRESS
poll OUT
write EPROTO
write EPIPE
SO_ERROR none
read EPROTO
poll IN|OUT|HUP|RDHUP
"""),
    "8 the peer speaks no TLS: told by SO_ERROR": (FAILED, """\
connect EINPROGRESS
poll OUT
poll IN|OUT|HUP|RDHUP
poll IN|OUT|HUP|RDHUP
SO_ERROR EPROTO
SO_ERROR none
read EPROTO
poll IN|OUT|HUP|RDHUP
"""),
    "8 handshake = connect": ("the policy asks for it", """\
connect EPROTO
server 0
"""),
    "8 denied": ("the policy asks for it", """\
connect ECONNREFUSED
"""),
    "8 disconnected": ("a TLS connection is not undone by connect", """\
disconnect EOPNOTSUPP
"""),
    "10 a silent client": ("the handshake has a time-out", """\
poll 1 IN|HUP
dropped in time 1
read ECONNRESET
a blocking read ECONNRESET
in time 1
"""),
    "21 MSG_OOB": ("it is refused", """\
send MSG_OOB EOPNOTSUPP
recv MSG_OOB EOPNOTSUPP
goes on 3
"""),
    "40 abort and SIGKILL": (CUT, """\
then ECONNRESET, after last words, 1009
then ECONNRESET, after last words, 1006
"""),
    "42 the end without close_notify": (CUT, """\
read 3
cut: ECONNRESET
and then: ECONNRESET
"""),
    "42 the end in the middle of a record": (CUT, """\
cut: ECONNRESET
and then: ECONNRESET
"""),
    "42 a reset": (CUT, """\
reset: ECONNRESET
and then: ECONNRESET
write: EPIPE
"""),
    "42 closing with unread bytes": (CUT, """\
closed with unread bytes: ECONNRESET
and then: ECONNRESET
"""),
}


def run_case(name, slot, covered):
    env = t.environment(log=t.tmp("log-%d" % slot), TLSTEST_MARKER=marker if covered else unmarked)
    argv = [PROGRAM, str(slot), name]
    if covered:
        argv = [LAUNCHER, "-p", policy, "--"] + argv
    done = t.run(argv, timeout=PATIENCE, env=env)
    lines = done.out.decode(errors="replace").splitlines()
    if done.status != 0 or done.err:
        lines.append("WRONG: %s" % done)
    return lines


def judge(name, plain, covered, slot):
    want = DIFFERENT[name][1].splitlines() if name in DIFFERENT else plain
    bad = [line for line in plain + covered if line.startswith("WRONG")]
    if name in DIFFERENT and want == plain:
        bad.append("the stated difference is none")
    if want == covered and not bad:
        return None
    lines = difflib.unified_diff(want, covered, "expected", "covered", n=3, lineterm="")
    return "\n".join(list(lines) + bad + ["log: " + t.read_text(t.tmp("log-%d" % slot))[-1500:]])


def both(number, name):
    slots = 2 * number, 2 * number + 1
    plain = run_case(name, slots[0], False)
    covered = run_case(name, slots[1], True)
    return plain, covered, slots[1]


t.start()
pki = t.Pki(t.tmp("pki"))
marker, unmarked = t.MARKER.decode(), "plainly-" + secrets.token_hex(16)
policy = t.policy_file("policy", POLICY.replace("CA", pki.ca).replace("CERT", pki.cert)
                       .replace("KEY", pki.key))
names = t.run([PROGRAM, "-l"]).out.decode().splitlines()
t.ok(len(names) > 10 and len(set(names)) == len(names), "the cases have names", names)
chosen = [name for name in names if ONLY in name]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    results = [pool.submit(both, number, name) for number, name in enumerate(chosen)]
    for name, result in zip(chosen, results):
        t.subtest(name, judge, name, *result.result())
t.is_([name for name in DIFFERENT if name not in names], [], "every stated difference has its case")
t.finish(moved=1 << 20 if not ONLY else 0)
