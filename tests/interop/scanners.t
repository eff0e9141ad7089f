#!/usr/bin/python3
"""What scanners make of a covered server: they enumerate all that the rule allows, find nothing that
is not there, and come to an end. GnuTLS's own always; INTEROP=all: sslscan and nmap too."""

import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tlstest as t

ALL = os.environ.get("INTEROP") == "all"
SUITES = 13  # of the built-in settings, with an RSA certificate
SCRIPTS = "ssl-enum-ciphers,ssl-poodle,ssl-heartbleed,ssl-ccs-injection,sslv2,sslv2-drown,ssl-cert"


def asked(argv):
    done = t.run(argv, stdin=b"", timeout=120)
    return done.out.decode(errors="replace") + done.err.decode(errors="replace")


def says(name, out, right, wrong):
    """Regular expressions that must be found, and that must not."""
    missing = [r for r in right if not re.search(r, out, re.M)]
    found = [r for r in wrong if re.search(r, out, re.M)]
    t.ok(not missing and not found, name, "missing: %s\nfound: %s\n%s" % (missing, found, out))


def gnutls(port):
    def line(text, answer):
        return re.escape(text) + r"\.\.\. " + answer

    says("gnutls-cli-debug", asked(["gnutls-cli-debug", "-p", str(port), "127.0.0.1"]),
         [line("for TLS 1.0 (RFC2246) support", "yes"), line("for TLS 1.1 (RFC4346) support", "no"),
          line("%NO_EXTENSIONS is required", "no"), line("%COMPAT is required", "no"),
          line("for version rollback bug in RSA PMS", "no"),
          line("for version rollback bug in Client Hello", "no"),
          line("for safe renegotiation (RFC5746) support", "yes"),
          line("for encrypt-then-MAC (RFC7366) support", "yes"),
          line("for ext master secret (RFC7627) support", "yes"),
          line("whether cipher suites not in SSL 3.0 spec are accepted", "yes"),
          line("whether the server understands TLS closure alerts", "yes"),
          line("whether the server supports session resumption", "yes"),
          line("for RFC7919 Diffie-Hellman support", "yes")],
         [line("for anonymous authentication support", "yes"),
          line("for heartbeat (RFC6520) support", "yes"), line("for MD5 MAC support", "yes")])


def sslscan(port):
    out = asked(["sslscan", "--no-colour", "127.0.0.1:%d" % port])
    says("sslscan", out, [r"^TLSv1\.0 +enabled", r"^SSLv2 +disabled", r"^SSLv3 +disabled",
                          r"^TLSv1\.2 +disabled", r"^Secure session renegotiation supported",
                          r"^TLSv1\.0 not vulnerable to heartbleed"], [])
    t.is_(len(re.findall(r"^(?:Preferred|Accepted) +TLSv1\.0", out, re.M)), SUITES,
          "sslscan finds every suite")


def nmap(port):
    out = asked(["nmap", "-Pn", "-p", str(port), "--script", SCRIPTS, "127.0.0.1"])
    says("nmap", out, [r"TLSv1\.0:", r"cipher preference: server", r"^\| ssl-cert: Subject: "],
         [r"VULNERABLE:", r"SSLv[23]:", r"TLSv1\.[12]:", r"anon|EXPORT|RC4"])
    t.is_(len(re.findall(r"^\| +TLS_\w+ \(", out, re.M)), SUITES, "nmap finds every suite")


t.start(wire=False)
pki = t.Pki(t.tmp("pki"))
with t.start_covered(*t.HTTP_SERVERS[0], {"index.html": b"hello\n"}, pki) as server:
    gnutls(server.port)
    for scan in (sslscan, nmap):
        if ALL and shutil.which(scan.__name__):
            scan(server.port)
        else:
            t.skip(scan.__name__, "not asked for, or not installed: make interop")
t.finish()
