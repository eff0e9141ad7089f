#!/usr/bin/python3
"""The shim under a runner of our own, and under BoringSSL's where BOGO_RUNNER names it
(README.md)."""

import concurrent.futures
import fnmatch
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import tlstest as t
import cases_connection
import cases_exchange
import cases_extensions
import cases_handshake
import cases_identity
import cases_records
import cases_renegotiation
import cases_resumption
import runner

MODULES = (cases_connection, cases_exchange, cases_extensions, cases_handshake, cases_identity,
           cases_records, cases_renegotiation, cases_resumption)


def boringssl(path):
    """Its own exit status says whether every test that is neither disabled nor not implemented
    holds."""
    done = subprocess.run(
        [path, "-shim-path", os.path.join(t.BUILD, "bogo_shim"), "-shim-config", runner.CONFIG,
         "-allow-unimplemented", "-pipe", "-num-workers", "2"],
        cwd=os.path.dirname(os.path.abspath(path)), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        return "status %d\n%s" % (done.returncode, done.stdout.decode(errors="replace")[-4000:])


def flags():
    """What needs no runner."""
    def shim(*args):
        return subprocess.run([runner.SHIM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    t.is_(shim("-is-handshaker-supported").stdout, b"No\n", "no handshaker")
    for args in (["-such-a-flag"], ["-min-version", "770"], ["-max-version", "768"], ["-no-tls1"],
                 ["-cipher", "[A|B]"], ["-on-resume-such-a-flag"], ["-dtls"]):
        t.is_(shim("-port", "1", *args).returncode, 89, "not implemented: " + " ".join(args))
    for args in (["-port"], ["-port", "x"], ["-port", "1x"], ["-port", "99999999999999999999"]):
        t.is_(shim(*args).returncode, 1, "no value for a flag: " + " ".join(args))


t.start(covered=False, wire=False)
if not os.path.exists(runner.SHIM):
    t.bail(runner.SHIM + " is missing: run make test-programs")
flags()
material = runner.Material()
wanted = sys.argv[1] if len(sys.argv) > 1 else "*"
table = [case for module in MODULES for case in module.cases()
         if fnmatch.fnmatch(case.name, wanted)]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    verdicts = [pool.submit(runner.judge, case, material) for case in table]
    for case, verdict in zip(table, verdicts):
        t.subtest(case.name, verdict.result)
name = "BoringSSL's own runner"
if "BOGO_RUNNER" in os.environ:
    t.subtest(name, boringssl, os.environ["BOGO_RUNNER"])
else:
    t.skip(name, "BOGO_RUNNER names none")
t.finish()
