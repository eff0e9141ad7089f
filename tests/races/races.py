"""The program races under a checker, as one process and as two."""

import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(t.BUILD, "tests")
SECONDS = int(os.environ.get("RACES_SECONDS", "5"))
PATIENCE = 60 + 30 * SECONDS
# valgrind's own part is a static program, which the library is not loaded into.
POLICY = """[defaults]
unmatched = deny
verify-name = localhost
uncovered-child = plain
[client all]
connect = 127.0.0.1:*
trust = %s
[server all]
listen = *:*
certificate = %s
key = %s
"""


class Checker:
    """command: the program, with its checker before it; environment: what the checker is told. Its
    reports are files REPORTS.PID, of which none or empty ones are left when it found nothing."""

    def __init__(self, name, pki, library, command, reports, environment):
        self.command, self.reports = command, reports
        self.policy = t.policy_file(name, POLICY % (pki.ca, pki.cert, pki.key))
        self.env = t.environment(log=t.tmp("log-" + name), LD_PRELOAD=library,
                                 TLSHIM_POLICY=self.policy, **environment)

    def argv(self, role, port):
        return self.command + [role, str(port), str(SECONDS), self.policy]

    def one(self):
        done = t.run(self.argv("both", t.free_port()), timeout=PATIENCE, env=self.env)
        return verdict([done]) or self.found()

    def two(self):
        port = t.free_port()
        server = t.start_program(self.argv("serve", port), stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE,
                                 env=self.env)
        server.stdout.readline()
        client = t.run(self.argv("connect", port), timeout=PATIENCE, env=self.env)
        out, _ = server.communicate(timeout=PATIENCE)
        return verdict([client], server.returncode, out) or self.found()

    def found(self):
        texts = [t.read_text(path) for path in glob.glob(self.reports + ".*")]
        return "\n".join(filter(None, texts))[:8000] or None


def verdict(runs, status=0, out=b"wrong 0,"):
    for done in runs:
        if done.status != 0 or b"wrong 0," not in done.out:
            return str(done)
    if status != 0 or b"wrong 0," not in out:
        return "the server ends with %d: %r" % (status, out)
    return None
