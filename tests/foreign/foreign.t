#!/usr/bin/python3
"""The tests that other projects have for their sockets: libuv's, libevent's, Tcl's, Perl's and
Python's, each run as it is and again under tlshim with both ends of every loopback connection
covered. What fails only under tlshim is in the table `differences`, with the reason.

Runs what `fetch DIRECTORY` has built in FOREIGN_DIR, as `make foreign` does.
FOREIGN_SUITES=name,... runs some of the suites; FOREIGN_ONLY=name one test of them."""

import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import tlstest as t

PLACE = os.environ.get("FOREIGN_DIR", "/tmp/tlshim-foreign")
ONLY = os.environ.get("FOREIGN_ONLY")
TRIES = 3  # of a test that differs: their own time limits are short
POLICY = """[defaults]
unmatched = plain
uncovered-child = plain
verify-name = localhost
[client all]
connect = 127.0.0.0/8:* [::1]:*
trust = CA
[server all]
listen = *:*
certificate = CERT
key = KEY
"""
PYTHON_MODULES = """test_socket test_socketserver test_httplib test_httpservers test_ftplib
    test_smtplib test_poplib test_imaplib test_nntplib test_telnetlib test_xmlrpc
    test_urllib2_localnet test_asyncore test_asynchat test_smtpd test_wsgiref test_select test_poll
    test_epoll test_selectors test_asyncio""".split()
PERL_FILES = [("t", "io/socket.t"), ("t", "io/socketpair.t")] + [
    (folder, "t/" + name) for folder, pattern in (
        ("dist/IO", "*.t"), ("cpan/IO-Socket-IP", "*.t"), ("cpan/Socket", "*.t"),
        ("cpan/HTTP-Tiny", "*.t"))
    for name in sorted(os.path.basename(path)
                       for path in glob.glob(os.path.join(PLACE, "perl", folder, "t", pattern)))]


class Way:
    def __init__(self, name, launcher):
        self.name, self.launcher = name, launcher

    def run(self, argv, folder, timeout, **environment):
        """In a network of its own and as a user without rights; (exit status, what it said)."""
        if os.getuid() == 0:
            inner = "exec setpriv --reuid=65534 --regid=65534 --clear-groups"
            outer = ["unshare", "-n"]
        else:
            inner = "exec unshare --user --map-user=1000 --map-group=1000"
            outer = ["unshare", "-rn"]
        env = dict(os.environ, TLSHIM_LOG="error", TLSHIM_LOG_TO=LOG, HOME=SCRATCH, TMPDIR=SCRATCH,
                   **environment)
        argv = [*outer, "sh", "-c", "ip link set lo up; %s \"$@\"" % inner, "sh", *self.launcher,
                *argv]
        child = t.start_program(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said = child.communicate(timeout=timeout)[0]
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            said = child.communicate()[0] + b"\nnever ends\n"
        return child.returncode, said.decode(errors="replace")


# ---- suites: each gives, for a way and perhaps one test's name, {test: did it pass?}

def libuv(way, only=None):
    program = os.path.join(PLACE, "libuv1", "bld", "uv_run_tests_a")
    folder = os.path.join(PLACE, "libuv1")
    names = PLAIN.run([program, "--list"], folder, 60)[1].split()

    def one(name):
        said = way.run([program, name], folder, 120)[1]
        return name, re.search(r"^ok 1 - ", said, re.M) is not None
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(pool.map(one, [name for name in names if only in (None, name)]))


def libevent(way, only=None, **backend):
    program = os.path.join(PLACE, "libevent", "bld", "bin", "regress")
    said = way.run([program, *([only] if only else [])], os.path.dirname(program), 900,
                   **backend)[1]
    # A test may say something between its name and its verdict.
    found = re.findall(r"^([\w/]+): (?:\[forking\] )?(.*?)(?=^[\w/]+: |^\d+[ /]|\Z)", said,
                       re.M | re.S)
    return {name: re.search(r"\b(OK|SKIPPED|DISABLED)\s*$", rest, re.M) is not None
            for name, rest in found if "/" in name}


def libevent_poll(way, only=None):
    return libevent(way, only, EVENT_NOEPOLL="1")


def libevent_select(way, only=None):
    return libevent(way, only, EVENT_NOEPOLL="1", EVENT_NOPOLL="1")


def tcl(way, only=None):
    said = way.run(["tclsh8.6", "socket.test", "-verbose", "pse", "-tmpdir", SCRATCH,
                    *(["-match", only] if only else [])],
                   os.path.join(PLACE, "tcl8.6", "tests"), 400)[1]
    return {name: verdict != "FAILED" for name, verdict in
            re.findall(r"^[+=]{4} (\S+).*? (PASSED|FAILED|SKIPPED)", said, re.M)}


def perl(way, only=None):
    results = {}
    for folder, name in PERL_FILES:
        key = folder + "/" + name
        if only in (None, key):
            status, said = way.run(["perl", name], os.path.join(PLACE, "perl", folder), 120)
            said = re.findall(r"^(?:not )?ok \d+(?! # skip)|^1\.\.\d+", said, re.M)
            results[key] = (status, said)
    return results


def python(way, only=None):
    modules = [only.split(".")[0]] if only else PYTHON_MODULES
    match = ["-m", only.split(".")[-1]] if only else []
    results = {}
    for module in modules:
        # asyncio's TLS of its own is not what is looked at, and some of it waits for ever.
        said = way.run(["/usr/bin/python3", "-m", "test", "-v", "-u", "network,cpu",
                        "-i", "*test_ssl*", *match, module], SCRATCH, 900)[1]
        for test in re.findall(r"^\w+ \(test\.([\w.]+)\)", said, re.M):
            results[test] = True
        for test in re.findall(r"^(?:ERROR|FAIL): \w+ \(test\.([\w.]+)\)", said, re.M):
            results[test] = False
        results[module] = re.search(r"^Tests result: SUCCESS|^Result: SUCCESS", said, re.M) is not \
            None or any(not good for name, good in results.items() if name.startswith(module + "."))
    return results


SUITES = {"libuv": libuv, "libevent": libevent, "libevent-poll": libevent_poll,
          "libevent-select": libevent_select, "tcl": tcl, "perl": perl, "python": python}


# ---- judging

def table():
    """{(suite, test): "always" or "sometimes"}"""
    with open(os.path.join(HERE, "differences")) as f:
        rows = [line.split(None, 3) for line in f if line.strip() and not line.startswith("#")]
    return {(suite, test): how for suite, test, how, _ in rows}


def differs_again(suite, name):
    """The outcomes where it differs every time, else None."""
    for _ in range(TRIES):
        plain, covered = (SUITES[suite](way, name).get(name) for way in (PLAIN, COVERED))
        if plain == covered:
            return None
    return plain, covered


def judge(suite):
    stated = {test: how for (of, test), how in table().items() if of == suite}
    plain, covered = SUITES[suite](PLAIN, ONLY), SUITES[suite](COVERED, ONLY)
    different = [name for name in plain if plain[name] != covered.get(name)]
    wrong = []
    for name in different:
        if name not in stated:
            again = differs_again(suite, name)
            if again:
                wrong.append("%s: plain %s, covered %s" % (name, *map(str, again)))
    for name, how in stated.items():
        if how == "always" and name in plain and name not in different:
            wrong.append("%s is in the table and does not differ" % name)
    t.diag("%s: %d tests, %d fail without tlshim too, %d differ, %d of them as stated" % (
        suite, len(plain), sum(good is False for good in plain.values()), len(different),
        sum(name in stated for name in different)))
    if not plain:
        return "no tests were run"
    return "\n".join(wrong)


t.start(wire=False)
if not os.path.exists(os.path.join(PLACE, "built")):
    t.skip("suites of other projects", "make foreign fetches and builds them")
    t.finish()
    sys.exit()
SCRATCH = os.path.join(PLACE, "scratch")
LOG = os.path.join(SCRATCH, "tlshim.log")
shutil.rmtree(SCRATCH, ignore_errors=True)
os.makedirs(SCRATCH)
pki = t.Pki(os.path.join(SCRATCH, "pki"))
for program in ("tlshim", "libtlshim.so"):
    shutil.copy(os.path.join(t.BUILD, program), SCRATCH)
policy = os.path.join(SCRATCH, "policy")
with open(policy, "w") as f:
    f.write(POLICY.replace("CA", pki.ca).replace("CERT", pki.cert).replace("KEY", pki.key))
if os.getuid() == 0:
    for path in [SCRATCH, *glob.glob(SCRATCH + "/**", recursive=True),
                 os.path.join(PLACE, "libuv1"), os.path.join(PLACE, "libuv1", "test"), os.path.join(PLACE, "perl", "t")]:
        os.chown(path, 65534, 65534)
PLAIN = Way("plain", [])
COVERED = Way("covered", [os.path.join(SCRATCH, "tlshim"), "-p", policy, "--"])
for chosen in os.environ.get("FOREIGN_SUITES", ",".join(SUITES)).split(","):
    t.subtest(chosen, judge, chosen)
t.finish()
